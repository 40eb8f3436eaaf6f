//! Rollcall's vocabulary as types and rules, with no I/O: what a user is, what may be changed about one,
//! what a change was and how it is taken back, which users a filter means.
//!
//! Everything that reaches a database has passed through here, whoever asked for it: a script, a file or an
//! administrator.

mod approval;
mod audit;
mod brakes;
mod change;
mod clock;
mod columns;
mod credentials;
mod dictionary;
mod duration;
mod edit;
mod entries;
mod field;
pub mod filter;
mod history;
mod item;
mod outcome;
mod param;
mod password;
mod plan;
mod profile;
mod rejection;
mod reply;
mod request_key;
mod rights;
mod run;
mod saved;
mod status;
mod suggestion;
mod text;
mod time;
mod times;
mod upload;
mod user;
mod username;

pub use approval::{Above, Approval, Missing, Unapproved};
pub use audit::{Act, Action, AuditEntry, AuditQuery, Chain, Deed, Flaw, Head, Verdict};
pub use brakes::{Brakes, Counts, Settings, Tripped, Voucher};
pub use change::{Change, FieldChange, Mismatch, diff, inverse};
pub use clock::{Clock, SystemClock};
pub use columns::ColumnHash;
pub use credentials::{
    ApiToken, BackOff, MAX_PASSWORD_BYTES, NOTED_EVERY, Scopes, Secret, Session, SessionId, TokenId,
    TokenText, check_password,
};
pub use dictionary::{Dictionary, DictionaryEntry, DictionarySource, ValueType};
pub use duration::{format_duration, parse_duration};
pub use edit::Edit;
pub use entries::Entries;
pub use field::{Field, Kind, Value, ValueRef, did_you_mean};
pub use history::{ByRun, Event, EventKey};
pub use item::{Item, ItemKind, ItemRow, MAX_ITEM_BYTES, Operator};
pub use outcome::{Outcome, RefusedCall, ScriptError, Tally, TargetOutcome};
pub use param::{Param, ParamKind, ParamValue, ParamValues, Params};
pub use password::{PasswordScheme, UserPassword};
pub use plan::PlanHash;
pub use profile::{Assignment, Catalogue, Organization, OrganizationId, Profile, ProfileId};
pub use rejection::Rejection;
pub use reply::{Answered, Reply};
pub use request_key::RequestKey;
pub use rights::{
    Administrator, AdministratorId, Grant, Right, Rights, Role, Scope, check_administrator_name,
};
pub use run::{Mode, Replay, Run, RunId, RunQuery, RunState, Selection};
pub use saved::{
    MAX_SCRIPT_BYTES, SavedFilter, SavedName, ScriptVersion, check_saved_name, full_name, is_saved_name,
    nearest,
};
pub use status::Status;
pub use suggestion::Suggestion;
pub use text::{counted, defuse, grouped, one_line, per_second, restore};
pub use time::{CivilDate, Timestamp, Zone};
pub use times::Times;
pub use upload::{Upload, UploadId};
pub use user::{MAX_TEXT_BYTES, MAX_USER_ID, MAX_USERNAME_BYTES, User, UserId};
pub use username::{INVISIBLE_CHARACTERS, check_username, normalize_key};
