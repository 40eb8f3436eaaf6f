//! FreeRADIUS on Rollcall's database: what it is configured with, and whether it finds what it needs.

mod config;
mod dictionary;

pub use config::{ConfigFile, DEFAULT_ROLE};
