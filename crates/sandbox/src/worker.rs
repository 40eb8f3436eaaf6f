use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use rollcall_domain::ScriptError;

use crate::marshal::{Reader, Value, Writer};
use crate::process::Process;
use crate::report::{Ending, Report};
use crate::{Job, RunFacts, Sandbox, Target};

const LOADED: u8 = 1;
const READY: u8 = 2;
const REJECTED: u8 = 3;
const REPORTS: u8 = 4;

/// An interpreter that is not ready by then never will be.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a script that was interrupted may take to end before its process is killed.
const GRACE: Duration = Duration::from_millis(500);
/// How often a worker is looked at.
const TICK_MILLIS: u16 = 20;

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
    /// Sent and not yet reported, in order.
    waiting: VecDeque<Waiting>,
    next_ordinal: u64,
    watch: Watch,
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
            next_ordinal: 1,
            watch: Watch::new(),
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
        let first = self.next_ordinal;
        for target in targets {
            self.waiting.push_back(Waiting { ordinal: self.next_ordinal, target });
            self.next_ordinal += 1;
        }
        self.send_from(first);
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
        let sound = self.read_reports(&mut reports);
        if !sound {
            self.replace(&mut reports, &Death::Lied)?;
        } else if self.process.closed() {
            self.replace(&mut reports, &Death::Died)?;
        } else if self.over_time() {
            self.replace(&mut reports, &Death::TimedOut)?;
        }
        Ok(reports)
    }

    /// Reads what has arrived; false if it is not what a worker says.
    fn read_reports(&mut self, reports: &mut Vec<(Target, Report)>) -> bool {
        loop {
            match self.process.frame() {
                Ok(None) => return true,
                Ok(Some((REPORTS, content))) => {
                    let mut reader = Reader::new(&content);
                    while !reader.is_empty() {
                        let Ok((ordinal, report)) = reader.value().and_then(Report::read) else {
                            return false;
                        };
                        if self.waiting.front().is_none_or(|waiting| waiting.ordinal != ordinal) {
                            return false;
                        }
                        let waiting = self.waiting.pop_front().expect("it was just looked at");
                        reports.push((waiting.target, report));
                        self.reported = true;
                    }
                }
                Ok(Some(_)) | Err(_) => return false,
            }
        }
    }

    /// Interrupts a script that is over its time limit; true if it did not heed that.
    fn over_time(&mut self) -> bool {
        let (current, started) = self.process.progress();
        if started != self.watch.started {
            self.watch = Watch { started, since: Instant::now(), interrupted: false };
            return false;
        }
        let spent = self.watch.since.elapsed();
        if current == 0 || spent <= self.job.limits.time {
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
        if !matches!(death, Death::Lied) {
            // What it said before it died counts.
            while !self.process.closed() {
                self.process.pump(0)?;
            }
            self.read_reports(reports);
        }
        let culprit = self.waiting.iter().position(|waiting| waiting.ordinal == current);
        // A process that ends between two targets wants to be replaced (see worker.py). One that does so without
        // having reported anything never gets further: then the first target is to blame.
        let culprit = culprit.or((!self.reported && !self.waiting.is_empty()).then_some(0));
        if let Some(waiting) = culprit.and_then(|index| self.waiting.remove(index)) {
            let ending = death.ending(&how, self.job.limits.time);
            reports.push((waiting.target, Report::of_the_dead(ending, spent)));
        }
        self.process = start(self.sandbox, self.job).map_err(|error| match error {
            StartError::Broken(broken) => broken,
            StartError::Syntax(fault) => Broken(fault.to_string()),
        })?;
        self.process.send(&self.facts.frame());
        self.watch = Watch::new();
        self.reported = false;
        self.send_from(0);
        Ok(())
    }

    /// Sends the waiting targets from ordinal `first` on.
    fn send_from(&mut self, first: u64) {
        let records: Vec<_> = self.waiting.iter().filter(|waiting| waiting.ordinal >= first).collect();
        if records.is_empty() {
            return;
        }
        let mut frame = Writer::default();
        frame.list(records.len());
        records.iter().for_each(|waiting| waiting.target.write(waiting.ordinal, &mut frame));
        self.process.send(&frame.bytes);
    }
}

/// Why a process is replaced.
enum Death {
    /// It ended by itself, or the kernel ended it.
    Died,
    /// It did not stop at the time limit.
    TimedOut,
    /// It sent something that is not a report.
    Lied,
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
            Self::Lied => Ending::Failed(ScriptError::without_line(
                "ProtocolError",
                "the script disturbed its worker process's talk with Rollcall",
            )),
        }
    }
}

/// Starts a process up to the point where it has compiled the script.
fn start(sandbox: &Sandbox, job: &Job) -> Result<Process, StartError> {
    let mut process = Process::start(sandbox, job).map_err(Broken::from)?;
    expect(&mut process, LOADED)?;
    let mut frame = Writer::default();
    match &sandbox.lockdown {
        Some(lockdown) => {
            process.limit_memory(job.limits.memory).map_err(Broken::from)?;
            frame.bytes(&lockdown.second);
        }
        None => frame.none(),
    }
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
