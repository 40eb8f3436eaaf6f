//! A worker drives one script over many targets, whatever happens to its process.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use rollcall_domain::ScriptError;

use crate::marshal::{Garbled, Reader, Value, Writer};
use crate::process::Process;
use crate::processes;
use crate::report::{Ending, Report};
use crate::{Job, RunFacts, Sandbox, Target};

const LOADED: u8 = 1;
const READY: u8 = 2;
const REJECTED: u8 = 3;
const REPORTS: u8 = 4;
const LOCKED: u8 = 5;
const TAKEN: u8 = 6;

/// An interpreter that is not ready by then never will be.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a script that was interrupted may take to end before its process is killed.
const GRACE: Duration = Duration::from_millis(500);
/// How often a worker is looked at.
const TICK_MILLIS: u16 = 20;
/// A target is started at most this often in one process: once, and after another script's tampering again.
const STARTS: u64 = 3;
/// A process that cannot be started is tried this often before it is given up.
const START_TRIES: u32 = 3;

/// The script is not Python.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct SyntaxFault {
    /// `SyntaxError` or one of its kind.
    pub kind: String,
    /// What is wrong.
    pub message: String,
    /// The line, counted from 1.
    pub line: Option<u32>,
    /// The column, counted from 1.
    pub column: Option<u32>,
    /// The line's text.
    pub text: Option<String>,
}

/// Why there is no worker.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The script cannot be compiled.
    #[error(transparent)]
    Syntax(#[from] SyntaxFault),
    /// The process cannot be started or locked down.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// Workers cannot be started or kept alive, for no fault of the script.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a worker process could not be started: {0}")]
pub struct Broken(String);

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

struct Waiting {
    ordinal: u64,
    target: Target,
}

/// Runs one script for one target after another, in one process at a time.
///
/// A target that brings its process down gets its report all the same, and the others go on in a new process. The
/// worker lives on the thread that started it.
pub struct Worker<'a> {
    sandbox: &'a Sandbox,
    job: &'a Job,
    facts: RunFacts,
    process: Process,
    /// Not yet reported, in order.
    waiting: VecDeque<Waiting>,
    /// How many of them, from the front, the process has been sent.
    in_flight: usize,
    /// So many targets are sent one by one, because one of them has disturbed the talk with the process and it could not
    /// be told which.
    probation: usize,
    next_ordinal: u64,
    watch: Watch,
    /// Targets that were sent to this process so far.
    sent: u64,
    /// Whether this process has reported anything yet.
    reported: bool,
}

/// What the parent knows about the time that the current target takes.
struct Watch {
    started: u64,
    since: Instant,
    interrupted: bool,
}

impl Watch {
    fn new() -> Self {
        Self { started: 0, since: Instant::now(), interrupted: false }
    }
}

/// A worker that has compiled the script and waits to hear which run it is for.
pub struct Prepared<'a> {
    sandbox: &'a Sandbox,
    job: &'a Job,
    process: Process,
}

impl<'a> Prepared<'a> {
    /// Tells the worker about the run; from here on it takes targets.
    #[must_use]
    pub fn begin(mut self, facts: RunFacts) -> Worker<'a> {
        self.process.send(&facts.frame());
        Worker {
            sandbox: self.sandbox,
            job: self.job,
            facts,
            process: self.process,
            waiting: VecDeque::new(),
            in_flight: 0,
            probation: 0,
            next_ordinal: 1,
            watch: Watch::new(),
            sent: 0,
            reported: false,
        }
    }
}

impl<'a> Worker<'a> {
    /// Starts a process, locks it down and has it compile the script.
    pub fn prepare(sandbox: &'a Sandbox, job: &'a Job) -> Result<Prepared<'a>, StartError> {
        let process = start(sandbox, job)?;
        Ok(Prepared { sandbox, job, process })
    }

    /// Hands over targets. They are reported in no particular order, each once.
    pub fn submit(&mut self, targets: Vec<Target>) {
        if self.waiting.is_empty() {
            self.watch.since = Instant::now();
        }
        for target in targets {
            self.waiting.push_back(Waiting { ordinal: self.next_ordinal, target });
            self.next_ordinal += 1;
        }
        self.send_more();
    }

    /// How many targets are not yet reported.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Waits a moment for reports; perhaps there are none yet.
    pub fn receive(&mut self) -> Result<Vec<(Target, Report)>, Broken> {
        let mut reports = Vec::new();
        self.process.pump(TICK_MILLIS)?;
        let death = match self.read_reports(&mut reports) {
            Err(lie) => Some(lie),
            Ok(()) if self.process.closed() => Some(Death::Died),
            Ok(()) => self.over_time().then_some(Death::TimedOut),
        };
        if let Some(death) = death {
            self.replace(&mut reports, &death)?;
        }
        self.send_more();
        Ok(reports)
    }

    /// Reads what has arrived, as far as it is what a worker says.
    fn read_reports(&mut self, reports: &mut Vec<(Target, Report)>) -> Result<(), Death> {
        loop {
            let content = match self.process.frame() {
                Ok(None) => return Ok(()),
                Ok(Some((REPORTS, content))) if !content.is_empty() => content,
                Ok(Some(_)) | Err(Garbled) => return Err(Death::Babbled),
            };
            let mut reader = Reader::new(&content);
            while !reader.is_empty() {
                let value = reader.value().map_err(|Garbled| Death::Babbled)?;
                let due = self.waiting.front().filter(|_| self.in_flight > 0);
                if due.map(|due| due.ordinal) != Report::ordinal(&value) {
                    return Err(Death::Babbled);
                }
                let report = Report::read(value, &self.job.limits).map_err(|Garbled| Death::Lied)?;
                if let Some(waiting) = self.waiting.pop_front() {
                    reports.push((waiting.target, report));
                }
                self.in_flight -= 1;
                self.probation = self.probation.saturating_sub(1);
                self.reported = true;
            }
        }
    }

    /// Interrupts a script that is over its time limit; true if it did not heed that.
    fn over_time(&mut self) -> bool {
        let (_, started) = self.process.progress();
        // A count that grows beyond all reason comes from a script that wants more time.
        if started != self.watch.started && started <= STARTS * self.sent {
            self.watch = Watch { started, since: Instant::now(), interrupted: false };
            return false;
        }
        let spent = self.watch.since.elapsed();
        if self.waiting.is_empty() || spent <= self.job.limits.time {
            return false;
        }
        if !self.watch.interrupted {
            self.watch.interrupted = true;
            self.process.interrupt();
        }
        spent > self.job.limits.time + GRACE
    }

    /// Ends the process, reports the target that it was at, and goes on with the others in a new one.
    fn replace(&mut self, reports: &mut Vec<(Target, Report)>, death: &Death) -> Result<(), Broken> {
        let (current, _) = self.process.progress();
        let spent = i64::try_from(self.watch.since.elapsed().as_micros()).unwrap_or(i64::MAX);
        let (how, _) = self.process.end();
        if matches!(death, Death::Died | Death::TimedOut) {
            // What it said before it died counts; what else it said is of no interest any more.
            let _ = self.read_reports(reports);
        }
        let culprit = match death {
            // Of all in flight, the report of the first one was due.
            Death::Lied => Some(0),
            Death::Babbled => None,
            Death::Died | Death::TimedOut => {
                self.waiting.iter().take(self.in_flight).position(|waiting| waiting.ordinal == current)
            }
        };
        // A process that ends between two targets, having reported some, wants to be replaced (see `memory_left` in
        // worker/targets.py). One that has not, or that babbles, was brought to it by a target that cannot be told
        // from the others in flight.
        let hidden = culprit.is_none() && (matches!(death, Death::Babbled) || !self.reported);
        let culprit = culprit.or((hidden && self.in_flight == 1).then_some(0));
        if hidden && culprit.is_none() {
            self.probation = self.in_flight;
        }
        if let Some(waiting) = culprit.and_then(|index| self.waiting.remove(index)) {
            let ending = death.ending(&how, self.job.limits.time);
            reports.push((waiting.target, Report::of_the_dead(ending, spent)));
            self.probation = self.probation.saturating_sub(1);
        }
        processes::count_death();
        self.process = self.start_again()?;
        self.process.send(&self.facts.frame());
        self.watch = Watch::new();
        (self.in_flight, self.sent, self.reported) = (0, 0, false);
        Ok(())
    }

    fn start_again(&self) -> Result<Process, Broken> {
        let mut tries = 0;
        loop {
            tries += 1;
            match start(self.sandbox, self.job) {
                Ok(process) => return Ok(process),
                Err(StartError::Broken(_)) if tries < START_TRIES => {}
                Err(StartError::Broken(broken)) => return Err(broken),
                Err(StartError::Syntax(fault)) => return Err(Broken(fault.to_string())),
            }
        }
    }

    /// Sends the targets that the process may have and has not.
    fn send_more(&mut self) {
        let most = if self.probation > 0 { 1 } else { self.waiting.len() };
        let targets = self.waiting.range(self.in_flight.min(most)..most.min(self.waiting.len()));
        if targets.len() == 0 {
            return;
        }
        let mut frame = Writer::default();
        frame.list(targets.len());
        self.in_flight += targets.len();
        self.sent += targets.len() as u64;
        targets.for_each(|waiting| waiting.target.write(waiting.ordinal, &mut frame));
        self.process.send(&frame.bytes);
    }
}

/// Why a process is replaced.
enum Death {
    /// It ended by itself, or the kernel ended it.
    Died,
    /// It did not stop at the time limit.
    TimedOut,
    /// It sent a report that cannot be true.
    Lied,
    /// It sent something that is no report at all.
    Babbled,
}

impl Death {
    fn ending(&self, how: &str, limit: Duration) -> Ending {
        match self {
            Self::TimedOut => Ending::TimedOut(ScriptError::without_line(
                "TimeLimit",
                format!("ran over the time limit of {limit:?} and could not be interrupted"),
            )),
            Self::Died => Ending::Failed(ScriptError::without_line(
                "ProcessEnded",
                format!("the script ended its worker process ({how})"),
            )),
            Self::Lied | Self::Babbled => Ending::Failed(ScriptError::without_line(
                "ProtocolError",
                "the script disturbed its worker process's talk with Rollcall",
            )),
        }
    }
}

/// Starts a process, or takes one that waits, up to the point where it has compiled the script.
fn start(sandbox: &Sandbox, job: &Job) -> Result<Process, StartError> {
    if let Some(process) = sandbox.take_warm() {
        match give(process, sandbox, job) {
            // It has died while it waited.
            Err(StartError::Broken(_)) => {}
            given => return given,
        }
    }
    give(locked_down(sandbox)?, sandbox, job)
}

/// Starts a process up to the point where it waits for a script.
pub(crate) fn locked_down(sandbox: &Sandbox) -> Result<Process, StartError> {
    let mut process = Process::start(sandbox).map_err(Broken::from)?;
    processes::count_start();
    expect(&mut process, LOADED)?;
    let mut frame = Writer::default();
    match &sandbox.lockdown {
        Some(lockdown) => frame.bytes(&lockdown.second),
        None => frame.none(),
    }
    process.send(&frame.bytes);
    expect(&mut process, LOCKED)?;
    Ok(process)
}

/// Gives a waiting process its script.
fn give(mut process: Process, sandbox: &Sandbox, job: &Job) -> Result<Process, StartError> {
    process.send(&job.frame());
    expect(&mut process, TAKEN)?;
    // What the job takes is not the script's.
    if sandbox.lockdown.is_some() {
        process.limit_memory(job.limits.memory).map_err(Broken::from)?;
    }
    let mut frame = Writer::default();
    frame.none();
    process.send(&frame.bytes);
    expect(&mut process, READY)?;
    Ok(process)
}

fn expect(process: &mut Process, wanted: u8) -> Result<(), StartError> {
    let since = Instant::now();
    loop {
        process.pump(TICK_MILLIS).map_err(Broken::from)?;
        match process.frame() {
            Ok(Some((kind, _))) if kind == wanted => return Ok(()),
            Ok(Some((REJECTED, content))) => return Err(rejection(&content).into()),
            Ok(None) if !process.closed() && since.elapsed() < START_LIMIT => {}
            _ => {
                let (how, complaint) = process.end();
                let complaint = complaint.lines().next_back().unwrap_or_default().to_owned();
                return Err(Broken(format!("Python ended with {how} while starting. {complaint}")).into());
            }
        }
    }
}

fn rejection(content: &[u8]) -> SyntaxFault {
    let text = |value: &Value<'_>| if let Value::Text(text) = value { Some(text.to_string()) } else { None };
    let number = |value: &Value<'_>| if let Value::Int(n) = value { u32::try_from(*n).ok() } else { None };
    match Reader::new(content).value() {
        Ok(Value::List(parts)) if parts.len() == 5 => SyntaxFault {
            kind: text(&parts[0]).unwrap_or_default(),
            message: text(&parts[1]).unwrap_or_default(),
            line: number(&parts[2]),
            column: number(&parts[3]),
            text: text(&parts[4]),
        },
        _ => SyntaxFault {
            kind: "SyntaxError".to_owned(),
            message: "the script cannot be compiled".to_owned(),
            line: None,
            column: None,
            text: None,
        },
    }
}
