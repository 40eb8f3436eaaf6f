//! Use cases from outside of the crate: real databases, real Python workers, no terminal and no HTTP.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "tests and their helpers")]

mod apply_preview;
mod brakes;
mod cancel_retry_resume;
mod common;
mod expected;
mod lists;
mod model;
mod once;
mod rights;
mod rows;
mod runs;
mod samples;
mod table;
mod undo;
mod uploads;
mod users;
mod world;
