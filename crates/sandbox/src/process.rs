//! One worker process: its birth, its pipes and its end. What is said over the pipes is the business of
//! [`crate::worker`].

use std::ffi::CString;
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Sandbox;
use crate::job::settings;
use crate::lockdown::Lockdown;
use crate::marshal::Garbled;

/// No frame of a worker is larger: a flush of 64 KiB and one report with its output, result and edits fit twice.
const MAX_FRAME: usize = 8 << 20;
/// As much of what the interpreter complains is kept.
const MAX_COMPLAINT: usize = 4 << 10;
const PIPE_BYTES: i32 = 1 << 20;

/// The worker's program: one module, in parts that are read from the first to the last.
const WORKER: &str = concat!(
    include_str!("worker/frames.py"),
    include_str!("worker/library.py"),
    include_str!("worker/user.py"),
    include_str!("worker/world.py"),
    include_str!("worker/integrity.py"),
    include_str!("worker/targets.py"),
);

/// Reads the length and text of the worker's program and becomes it.
const BOOTSTRAP: &str = "\
import os
size, source = int.from_bytes(os.read(0, 4), 'little'), b''
while len(source) < size:
    source += os.read(0, size - len(source))
exec(compile(source, '<rollcall worker>', 'exec'), {'__name__': 'rollcall_worker'})
";

/// A frame from the worker: its kind and its content.
pub(crate) type Frame = (u8, Vec<u8>);

/// A running worker process.
///
/// The kernel kills it when the *thread* that started it ends (`PR_SET_PDEATHSIG`), so it must not outlive that thread:
/// the type is not [`Send`]. One that waits for a script can be handed on nevertheless, see [`crate::warm`].
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    errors: ChildStderr,
    counter: Counter,
    outgoing: Vec<u8>,
    sent: usize,
    incoming: Vec<u8>,
    /// Bytes of `incoming` that have been handed on.
    taken: usize,
    complaint: Vec<u8>,
    closed: bool,
    stays_on_its_thread: PhantomData<*const ()>,
}

impl Process {
    /// Starts a worker in the first stage of the lock-down and gives it its program and settings.
    pub(crate) fn start(sandbox: &Sandbox) -> io::Result<Self> {
        let (counter, counter_fd) = Counter::new()?;
        let image = sandbox.interpreter.image.as_raw_fd();
        let shared = [image, counter_fd.as_raw_fd()];
        let mut command = Command::new(&sandbox.interpreter.executable);
        command
            .args(["-I", "-S", "-B", "-c", BOOTSTRAP])
            .env_clear()
            .current_dir("/")
            // Ctrl-C is for the parent, which ends its workers in its own time.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let lockdown: Option<ForChild<Lockdown>> =
            sandbox.lockdown.as_ref().map(|lockdown| ForChild(lockdown.into()));
        let parent = nix::unistd::getpid();
        // SAFETY: the closure runs in the child between fork and exec, before `spawn` returns, so everything that
        // it points to is alive; it only makes system calls and allocates nothing.
        unsafe {
            command.pre_exec(move || {
                keep_only(shared, lockdown.is_some())?;
                nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
                if nix::unistd::getppid() != parent {
                    return Err(io::ErrorKind::BrokenPipe.into()); // the parent died before the line above
                }
                lockdown.as_ref().map_or(Ok(()), |lockdown| lockdown.0.as_ref().enter_first_stage())
            });
        }
        let mut child = command.spawn()?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            unreachable!("all three were asked for")
        };
        prefer_as_victim(child.id());
        for fd in [input.as_fd(), output.as_fd(), errors.as_fd()] {
            fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            // Room for two batches in flight; a machine that grants less is slower, not wrong.
            let _ = fcntl(fd, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
        }
        let mut process = Self {
            child,
            input,
            output,
            errors,
            counter,
            outgoing: Vec::new(),
            sent: 0,
            incoming: Vec::new(),
            taken: 0,
            complaint: Vec::new(),
            closed: false,
            stays_on_its_thread: PhantomData,
        };
        process.send(WORKER.as_bytes());
        process.send(&settings(shared[0], shared[1]));
        Ok(process)
    }

    /// Queues one frame for the worker.
    pub(crate) fn send(&mut self, content: &[u8]) {
        let length = u32::try_from(content.len()).expect("what is sent to a worker is far below 4 GiB");
        self.outgoing.extend(length.to_le_bytes());
        self.outgoing.extend(content);
    }

    /// Moves bytes both ways, waiting up to `millis` until any can be moved.
    pub(crate) fn pump(&mut self, millis: u16) -> io::Result<()> {
        let mut waits = [
            PollFd::new(self.output.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.input.as_fd(), PollFlags::POLLOUT),
        ];
        let watched = if self.sent < self.outgoing.len() { 2 } else { 1 };
        match poll(&mut waits[..watched], PollTimeout::from(millis)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.write_some()?;
        self.read_some()
    }

    fn write_some(&mut self) -> io::Result<()> {
        while self.sent < self.outgoing.len() {
            match self.input.write(&self.outgoing[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The worker is gone; what it said before is still to be read.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
                Err(error) => return Err(error),
            }
        }
        self.outgoing.clear();
        self.sent = 0;
        Ok(())
    }

    fn read_some(&mut self) -> io::Result<()> {
        self.incoming.drain(..self.taken);
        self.taken = 0;
        let mut buffer = [0; 64 << 10];
        while let Ok(count @ 1..) = self.errors.read(&mut buffer) {
            let room = MAX_COMPLAINT.saturating_sub(self.complaint.len());
            self.complaint.extend(&buffer[..count.min(room)]);
        }
        while !self.closed && self.incoming.len() < 4 + MAX_FRAME {
            match self.output.read(&mut buffer) {
                Ok(0) => self.closed = true,
                Ok(count) => self.incoming.extend(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next whole frame that has arrived.
    pub(crate) fn frame(&mut self) -> Result<Option<Frame>, Garbled> {
        let rest = &self.incoming[self.taken..];
        let Some(head) = rest.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*head) as usize;
        if length == 0 || length > MAX_FRAME {
            return Err(Garbled);
        }
        let Some(frame) = rest.get(4..4 + length) else { return Ok(None) };
        self.taken += 4 + length;
        Ok(Some((frame[0], frame[1..].to_vec())))
    }

    /// Whether the worker has closed its end: it will say nothing more.
    pub(crate) fn closed(&self) -> bool {
        self.closed
    }

    /// The ordinal of the target that the worker says it is at (0: none), and how many it has started.
    pub(crate) fn progress(&self) -> (u64, u64) {
        self.counter.read()
    }

    /// Interrupts the script, if it lets itself be interrupted.
    pub(crate) fn interrupt(&self) {
        let _ = kill(self.pid(), Signal::SIGALRM);
    }

    /// Limits the memory to what the worker has now and `more` bytes.
    pub(crate) fn limit_memory(&self, more: u64) -> io::Result<()> {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id()))?;
        let pages: u64 = statm.split(' ').next().and_then(|pages| pages.parse().ok()).unwrap_or(0);
        let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?.unwrap_or(4096);
        let bytes = (pages * page.unsigned_abs()).saturating_add(more);
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
        // SAFETY: both pointers are valid for the call, the second may be null.
        let done = unsafe {
            libc::prlimit(self.pid().as_raw(), libc::RLIMIT_AS, &raw const limit, std::ptr::null_mut())
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("process ids are positive i32s"))
    }

    /// Kills the worker if it still lives, and reads what it said before; says how it ended, and what the interpreter
    /// complained about.
    pub(crate) fn end(&mut self) -> (String, String) {
        let _ = self.child.kill();
        let status = self.child.wait();
        // Nobody else holds the pipes' other ends, so this reads to their ends, if there is room for it.
        let _ = self.read_some();
        let complaint = String::from_utf8_lossy(&self.complaint).trim().to_owned();
        (status.map_or_else(|error| error.to_string(), describe), complaint)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn describe(status: ExitStatus) -> String {
    match status.signal().map(Signal::try_from) {
        Some(Ok(signal)) => format!("signal {signal}"),
        _ => format!("exit status {}", status.code().unwrap_or(-1)),
    }
}

/// Closes every descriptor on exec but the standard ones and `shared`. A kernel that is too old for it (before 5.11)
/// will do where there is no lock-down either. Async-signal-safe.
fn keep_only(shared: [i32; 2], required: bool) -> io::Result<()> {
    const CLOSE_ON_EXEC: libc::c_uint = 4;
    // SAFETY: the call takes three numbers; it marks descriptors of this process only.
    let done = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, CLOSE_ON_EXEC) };
    if done != 0 && required {
        return Err(io::Error::last_os_error());
    }
    for fd in shared {
        // SAFETY: the parent keeps both descriptors open while the child starts.
        let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
    }
    Ok(())
}

/// When memory runs out, the kernel shall take a worker and not the process that holds the database.
fn prefer_as_victim(pid: u32) {
    let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), "1000");
}

/// A pointer that a `pre_exec` closure may carry: the child has its own copy of what it points to.
struct ForChild<T>(NonNull<T>);

// SAFETY: the pointer is read only in the forked child, while the parent's thread waits in `spawn`.
unsafe impl<T> Send for ForChild<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for ForChild<T> {}

/// Two numbers in memory shared with the worker. The worker writes them; nothing but the blame for a time-out or a
/// crash, among the run's own targets, depends on them.
struct Counter {
    numbers: NonNull<[AtomicU64; 2]>,
}

impl Counter {
    const SIZE: std::num::NonZeroUsize = std::num::NonZeroUsize::new(16).expect("16 is not 0");

    fn new() -> io::Result<(Self, OwnedFd)> {
        let name = CString::new("rollcall-counter").expect("it has no NUL");
        let fd = memfd_create(name.as_c_str(), MFdFlags::MFD_CLOEXEC)?;
        nix::unistd::ftruncate(&fd, 16)?;
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh shared mapping of a file that was just given this size.
        let memory = unsafe { mmap(None, Self::SIZE, protection, MapFlags::MAP_SHARED, &fd, 0)? };
        Ok((Self { numbers: memory.cast() }, fd))
    }

    fn read(&self) -> (u64, u64) {
        // SAFETY: the mapping lives as long as `self`, is aligned to a page and initialised with zeros.
        let [current, started] = unsafe { self.numbers.as_ref() };
        (current.load(Ordering::Relaxed), started.load(Ordering::Relaxed))
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `new` made, and nobody else knows it.
        let _ = unsafe { munmap(self.numbers.cast(), Self::SIZE.get()) };
    }
}
