//! What programs are given and give, as JSON: the answers of the HTTP API, and what the command line prints with
//! `--format json`. Each is read as well as written, so that the command line can stand on a server's answers.

mod access;
mod audit;
mod catalogue;
mod edit;
mod file;
mod filter;
mod import;
mod outcome;
mod reply;
mod run;
mod start;
mod upload;
mod user;

use rollcall_domain::{Mode, Operator, Outcome, RunState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

pub(crate) use access::{
    Administrator, Credential, Ended, Enrolment, Grant, Me, NewToken, RecoveryCodes, Removed, Session, Token,
    read,
};
pub(crate) use audit::{Entry, HeadNow, Verdict};
pub(crate) use catalogue::{
    Checked, Count, Fault, Filter, Item, Organization, Profile, Pruned, Sample, Script, ScriptName, Setting,
    Worker,
};
pub(crate) use edit::{Hidden, NewUser, RemovedItem, UserPatch};
pub(crate) use file::{FileFormat, HiddenCells, Quote};
pub(crate) use filter::{FilterField, FilterTree};
pub(crate) use import::{ImportDuplicates, ImportOptions, Imported};
pub(crate) use outcome::{Change, Group, Outcome as TargetOutcome, ResultColumns, Troubles};
pub(crate) use reply::{Answered, PlannedReply, Reply};
pub(crate) use run::{Approval, Run, Standing};
pub(crate) use start::{
    Application, Beginning, Brakes, Duplicates, NewRun, OfRun, Plan, Resuming, Retrying, RowsOf, Targets,
    Undoing, Which,
};
pub(crate) use upload::{BadRow, DuplicateRow, RowsReport, Upload};
pub(crate) use user::{Event, User};

/// A part of a listing.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Page<T> {
    /// What there is.
    pub(crate) items: Vec<T>,
    /// What the next part is asked for with, as `cursor`; null: this is the last one. Programs do not look into it.
    pub(crate) next: Option<String>,
}

/// Something as it was written, which FreeRADIUS may not like.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Written<T> {
    #[serde(flatten)]
    pub(crate) now: T,
    /// What FreeRADIUS would reject whoever has the items for that were written, a sentence each.
    pub(crate) warnings: Vec<String>,
}

fn names(all: impl IntoIterator<Item = &'static str>) -> Schema {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(all)).build().into()
}

pub(crate) fn modes() -> Schema {
    names([Mode::Preview, Mode::Apply].map(Mode::name))
}

pub(crate) fn run_states() -> Schema {
    names(RunState::ALL.map(RunState::name))
}

pub(crate) fn outcomes() -> Schema {
    names(Outcome::ALL.map(Outcome::name))
}

pub(crate) fn operators() -> Schema {
    names(Operator::ALL.map(Operator::as_str))
}
