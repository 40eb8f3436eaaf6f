//! What use cases give and take, as the types of the API (`rollcall-api`): the HTTP server answers with them, and commands
//! on a database print them, so both say the same.

mod files;
mod outcomes;
mod runs;
mod scripts;
mod users;

pub use files::{duplicate_row, import_request, rows_report, table_options};
pub use outcomes::{OutcomeFormat, export_outcomes};
pub use runs::{describe_run, standing};
pub use scripts::{filter_tree, script};
pub use users::{UserFormat, export_users};
