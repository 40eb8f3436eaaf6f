//! Runs: one script, once for every user on a frozen list.
//!
//! [`RunOperations::create`](crate::RunOperations::create) walks the whole way: it reads the filter, starts the workers
//! (which compile the script), freezes the targets, asks and executes. The execution is in `execute`: a loader, the
//! `crew` of worker threads and one committer, joined by channels, with a bounded number of targets between them. A
//! run that applies a preview or undoes another run executes no script: that is `replay`. Both commit through the
//! `ledger`, which knows when a run has to end.

mod apply;
mod approve;
pub(crate) mod bad_rows;
mod cancel;
mod chains;
mod conduct;
pub(crate) mod config;
mod create;
mod crew;
mod distribution;
mod evaluate;
mod execute;
mod export;
mod guard;
mod histogram;
mod job;
mod key_hints;
mod ledger;
pub(crate) mod observer;
mod once;
mod problems;
mod read;
mod replay;
mod request;
mod results;
mod resume;
mod retry;
pub(crate) mod rows;
mod script_test;
pub(crate) mod standing;
mod start_held;
mod undo;
pub(crate) mod warm_pool;
mod watch;
mod worker;

pub use apply::ApplyRequest;
pub use approve::Approved;
pub use bad_rows::{BadRowsFile, LINE_COLUMN, REASON_COLUMN};
pub use config::ExecutionConfig;
pub use histogram::{Group, Histogram};
pub use observer::{Nobody, Observer, Progress, Stop};
pub use problems::{Failure, RefusedCalls, Troubles, Warned};
pub use request::{Choice, RunOptions, RunRequest, Script};
pub use results::{MAX_RESULT_COLUMNS, ResultColumns};
pub use resume::ResumeRequest;
pub use retry::{Again, RetryRequest};
pub use rollcall_store::{CoursePart, Timeline};
pub use rows::{
    BadKind, BadRow, ChosenRows, Duplicates, KEY_FIELDS, Matched, ReadRows, RowsObserver, RowsReport,
    RowsRequest,
};
pub use script_test::ScriptTestRequest;
pub use undo::UndoRequest;
pub use worker::{Event, WorkerInfo};
