//! Scripts in real, locked-down workers.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "tests and their helpers")]

mod attacks;
mod common;
mod script_world;
mod warm;
