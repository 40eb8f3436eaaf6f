//! FreeRADIUS on Rollcall's database: what it is configured with, and whether it finds what it needs.

mod check;
mod config;
mod dictionary;
mod import;
mod past;
mod reply;

pub use check::Finding;
pub use config::{ConfigFile, DEFAULT_ROLE};
pub(crate) use dictionary::MachineDictionary;
pub use import::{TakeOver, TakenOver};
pub use past::Past;
