//! FreeRADIUS on Rollcall's database: what it is configured with, and whether it finds what it needs.

mod check;
mod config;
mod dictionary;
mod import;
pub(crate) mod machine_dictionary;
mod reply;
pub(crate) mod retention;

pub use check::Finding;
pub use config::{ConfigFile, DEFAULT_ROLE};
pub use import::{RadiusImport, RadiusImported};
pub use retention::RadiusRecords;
