//! Rules of the domain, checked by generated cases.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "tests and their helpers")]

mod changes;
