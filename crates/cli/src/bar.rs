//! The progress bar on the terminal, of which a process shows one at a time.
//!
//! A thread draws it again and again, and moves the cursor for that. So everything that is printed goes through
//! [`end_bar`] or [`above_bar`] first: see [`crate::lines`] and [`crate::output`].

use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::ProgressBar;

/// Between two times that a bar is drawn though nothing has happened.
const TICK: Duration = Duration::from_millis(250);

/// The bar that is on the terminal.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

pub(crate) fn shown() -> MutexGuard<'static, Option<ProgressBar>> {
    // A panic while a bar was changed leaves a bar that can still be removed.
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the bar from the terminal for good and waits until nothing draws it. For what is printed after the work.
pub(crate) fn end_bar() {
    if let Some(bar) = shown().take() {
        end(&bar);
    }
}

/// Takes the bar off the terminal, prints, and draws it below what was printed. For lines that come during the work.
pub(crate) fn above_bar<T>(print: impl FnOnce() -> T) -> T {
    match &*shown() {
        Some(bar) => bar.suspend(print),
        None => print(),
    }
}

pub(crate) fn end(bar: &ProgressBar) {
    // This joins the thread that draws; what is drawn from here on is that there is no bar.
    bar.disable_steady_tick();
    bar.finish_and_clear();
}

/// Puts a bar on the terminal, if standard error is one, in place of an earlier one.
pub(crate) fn show(bar: impl FnOnce() -> ProgressBar) -> Option<ProgressBar> {
    if !on_terminal() {
        return None;
    }
    let mut shown = shown();
    if let Some(earlier) = shown.take() {
        end(&earlier);
    }
    let bar = bar();
    bar.enable_steady_tick(TICK);
    *shown = Some(bar.clone());
    Some(bar)
}

#[expect(clippy::disallowed_methods, reason = "nothing is printed")]
fn on_terminal() -> bool {
    std::io::stderr().is_terminal()
}
