//! The JSON that programs give Rollcall and get from it: bodies and answers of the HTTP API, which are also what commands
//! print with `--format json`. Each type is both written and read, so a client can be built on them, such as
//! `rollcall-client`.
//!
//! The types are made from those of the domain (`From`); nothing here knows a database, a server or a terminal.
//!
//! # Examples
//!
//! The body of `POST /api/v1/runs`; everything else has its default.
//!
//! ```
//! use rollcall_api::CreateRunRequest;
//! use rollcall_domain::Mode;
//!
//! # fn main() -> serde_json::Result<()> {
//! let run: CreateRunRequest = serde_json::from_str(
//!     r#"{
//!         "script": "extend-by-days@3",
//!         "targets": { "filter": "klass eq \"gold\"" },
//!         "params": { "days": 30 },
//!         "brakes": { "max_changes": 1000 }
//!     }"#,
//! )?;
//! assert_eq!(run.mode, Mode::Preview);
//! assert_eq!(run.brakes.max_changes, Some(1_000));
//!
//! // A misspelt member is an error, not a default.
//! assert!(serde_json::from_str::<CreateRunRequest>(r#"{ "script": "x", "target": { "all": true } }"#).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! A problem document, and the fault at one place of the body.
//!
//! ```
//! use rollcall_api::Problem;
//!
//! # fn main() -> serde_json::Result<()> {
//! let problem: Problem = serde_json::from_str(
//!     r#"{
//!         "type": "about:blank",
//!         "title": "Unprocessable Entity",
//!         "status": 422,
//!         "detail": "a time limit is of 0.01 to 3600 seconds",
//!         "errors": [{ "pointer": "/time_limit", "detail": "a time limit is of 0.01 to 3600 seconds" }]
//!     }"#,
//! )?;
//! assert_eq!(problem.status, 422);
//! assert!(problem.at_place("/time_limit").is_some());
//! # Ok(())
//! # }
//! ```

mod access;
mod audit;
mod catalogue;
mod edit;
mod file;
mod filter;
mod import;
mod outcome;
mod problem;
mod reply;
mod run;
mod selection;
mod settings;
mod start;
mod suggestion;
pub mod table;
mod upload;
mod user;

use std::io;

use rollcall_domain::{Mode, Operator, Outcome as OutcomeKind, RunState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

pub use access::{
    Administrator, CreateTokenRequest, CreatedToken, CurrentAdministrator, EndedSessions, Grant,
    RecoveryCodes, RemovalResult, Session, Token, TotpEnrollment, read,
};
pub use audit::{AuditEvent, AuditHead, AuditVerification};
pub use catalogue::{
    FilterCheck, Organization, Parameter, Profile, PruneResult, RadiusItem, Sample, SavedFilter,
    ScriptApiMember, ScriptCheck, ScriptProblem, ScriptVersion, Setting, Worker,
};
pub use edit::{CreateUserRequest, HiddenText, RemovedItem, UpdateUserRequest};
pub use file::{FileFormat, HiddenCells, QuoteCharacter};
pub use filter::{FilterField, FilterTree};
pub use import::{ImportDuplicates, ImportOptions, ImportResult};
pub use outcome::{
    Change, ChangeGroup, ChangeSide, FailureGroup, FieldChange, FileRow, Mismatch, Outcome, RejectedCall,
    RejectedCallGroup, ResultColumns, RunProblems, ScriptError, WarningGroup,
};
pub use problem::{InputError, Problem};
pub use reply::{PlannedReply, RadiusReply, ReplyAttribute};
pub use run::{Approval, Run, RunDetails};
pub use selection::RunSelection;
pub use settings::{RunAuthority, RunSettings};
pub use start::{
    ApplyRunRequest, ApproveRunRequest, Brakes, CreateRunRequest, DuplicatePolicy, FileTargets,
    ResumeRunRequest, RetryRunRequest, RetryTargets, RunTargets, StartRunRequest, TargetSelection,
    UndoRunRequest,
};
pub use suggestion::Suggestion;
pub use upload::{BadRow, DuplicateRow, RowMatchReport, Upload};
pub use user::{HistoryEntry, User};

/// The path below which the API lies.
pub const PREFIX: &str = "/api/v1";
/// The header that makes a repeated `POST` the same request (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The header with the time zone of dates that have none, as an IANA name.
pub const TIME_ZONE: &str = "time-zone";

/// Writes one compact JSON object and a line feed.
///
/// # Errors
/// If `out` cannot be written.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let mut out = Vec::new();
/// rollcall_api::write_json(&mut out, &rollcall_api::Brakes { max_failures: Some(5), ..Default::default() })?;
/// assert_eq!(out, b"{\"max_failures\":5}\n");
/// # Ok(())
/// # }
/// ```
pub fn write_json(out: &mut impl io::Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// A part of a listing.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// The `cursor` of the next page; null on the last page. Treat it as opaque.
    pub next: Option<String>,
}

/// Something as it was written, which FreeRADIUS may not like.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Saved<T> {
    /// The thing as it is now.
    #[serde(flatten)]
    pub now: T,
    /// Warnings about written items for which FreeRADIUS would reject the user, a sentence each.
    pub warnings: Vec<String>,
}

/// Returns the schema of a text that is one of these.
fn names(description: &str, all: impl IntoIterator<Item = &'static str>) -> Schema {
    let schema = ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    schema.enum_values(Some(all)).build().into()
}

/// Returns the schema of the modes of a run, for parameters of requests.
#[must_use]
pub fn modes() -> Schema {
    names(
        "`preview` writes nothing; `apply` writes the changes.",
        [Mode::Preview, Mode::Apply].map(Mode::name),
    )
}

pub(crate) fn run_states() -> Schema {
    let description = "The state of the run. `selecting`: its targets are being stored, or it waits to be started. \
                       `interrupted`: its process died; it can be resumed without loss.";
    names(description, RunState::ALL.map(RunState::name))
}

pub(crate) fn outcomes() -> Schema {
    names("The kind of outcome.", OutcomeKind::ALL.map(OutcomeKind::name))
}

pub(crate) fn operators() -> Schema {
    names("The operator, as in the users file of FreeRADIUS.", Operator::ALL.map(Operator::as_str))
}
