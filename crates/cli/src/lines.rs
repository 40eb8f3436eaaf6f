//! Lines on standard error. In a server a thread writes them, so that a stalled reader of them delays no request.

use std::io::{self, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use crate::bar::{above_bar, end_bar};

/// Lines that wait to be written. If there are more, the server goes on without.
const WAITING: usize = 10_000;
/// How long the end waits for what is not written yet.
const FINISH: Duration = Duration::from_secs(1);

static WRITER: OnceLock<SyncSender<Order>> = OnceLock::new();
/// Whether lines are left to that thread.
static APART: AtomicBool = AtomicBool::new(false);
/// Those for which there was no room.
static LOST: AtomicU64 = AtomicU64::new(0);

enum Order {
    Write(String),
    /// Say when all before is written.
    Say(SyncSender<()>),
}

/// Writes a line. That it cannot be written changes nothing about the work.
pub(crate) fn write(line: String) {
    match WRITER.get().filter(|_| APART.load(Ordering::Relaxed)) {
        None => now(&line),
        Some(writer) if writer.try_send(Order::Write(line)).is_ok() => {}
        Some(_) => drop(LOST.fetch_add(1, Ordering::Relaxed)),
    }
}

/// From now on lines are left to a thread; `lost` tells how many it had no room for.
pub(crate) fn write_apart(lost: fn(u64) -> String) {
    WRITER.get_or_init(|| {
        let (writer, orders) = sync_channel(WAITING);
        std::thread::spawn(move || {
            for order in orders {
                match order {
                    Order::Write(line) => now(&line),
                    Order::Say(to) => drop(to.try_send(())),
                }
                match LOST.swap(0, Ordering::Relaxed) {
                    0 => {}
                    count => now(&lost(count)),
                }
            }
        });
        writer
    });
    APART.store(true, Ordering::Relaxed);
}

/// Waits until all is written, if that can be done at all; then whoever has a line writes it.
pub fn finish() {
    let (say, said) = sync_channel(1);
    let asked = WRITER.get().is_some_and(|writer| writer.try_send(Order::Say(say)).is_ok());
    if asked && said.recv_timeout(FINISH).is_ok() {
        APART.store(false, Ordering::Relaxed);
    }
}

/// Writes a question on the terminal, where the answer is typed behind it. The bar ends before.
pub(crate) fn ask(question: &str) -> io::Result<()> {
    end_bar();
    let mut err = stderr();
    // In one piece and flushed, so that the whole question is visible before it is answered.
    err.write_all(format!("{question} ").as_bytes())?;
    err.flush()
}

fn now(line: &str) {
    let _ = above_bar(|| writeln!(stderr(), "{line}"));
}

#[expect(clippy::disallowed_methods, reason = "the one way to it, on which the bar makes room")]
fn stderr() -> anstream::AutoStream<io::StderrLock<'static>> {
    anstream::stderr().lock()
}
