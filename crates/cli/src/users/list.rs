use std::process::ExitCode;

use clap::Args;
use rollcall_api::User;
use rollcall_app::UserSelection;
use rollcall_domain::{Clock, SystemClock, Timestamp};

use super::selection;
use crate::backend::Backend;
use crate::output::{Format, Listing};
use crate::show::times;
use crate::style::tell;
use rollcall_domain::Times;

#[derive(Debug, Args)]
#[command(after_help = crate::filters::SYNTAX)]
pub(crate) struct List {
    /// Only users that a filter selects: a filter, or the name of a saved one
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Only users that match this text: an ID, a name, an external ID, an e-mail address, or the beginning
    /// of a name or an address; best match first
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// The maximum number of rows
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

const COLUMNS: [&str; 8] =
    ["obj_id", "username", "first_name", "last_name", "email", "is_active", "expiration", "profiles"];
/// The columns of a table: people see the status.
const SHOWN: [&str; 8] =
    ["obj_id", "username", "first_name", "last_name", "email", "status", "expiration", "profiles"];

impl List {
    pub(super) fn run(self, backend: &Backend) -> anyhow::Result<ExitCode> {
        let is_table = self.format == Format::Table;
        let selected = backend.select(&selection(self.filter, self.search)?)?;
        let users = backend.users(&selected)?;
        let times = times(self.format, backend.zone()?);
        let mut listing = Listing::new(self.format, if is_table { &SHOWN } else { &COLUMNS })?;
        let now = SystemClock.now();
        let mut count = 0_usize;
        for user in users.take(self.limit.unwrap_or(usize::MAX)) {
            let user = user?;
            listing.push(|| cells(&user, &times, is_table.then_some(now)), &user)?;
            count += 1;
        }
        listing.finish()?;
        if count == 0 && is_table {
            // Counting them all would take longer than finding none.
            match backend.users(&backend.select(&UserSelection::default())?)?.next() {
                None => tell(format_args!("no users yet; add some with 'rollcall users import FILE.csv'")),
                Some(_) => tell(format_args!("no user is selected")),
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The cells of a user; those of a table show the status at the moment `now`.
fn cells(user: &User, times: &Times, now: Option<Timestamp>) -> Vec<String> {
    vec![
        user.obj_id.to_string(),
        user.username.clone(),
        user.first_name.clone(),
        user.last_name.clone(),
        user.email.clone(),
        now.map_or_else(|| user.is_active.to_string(), |now| user.status(now).to_string()),
        user.expiration.map_or_else(String::new, |time| times.exact(time)),
        user.profiles.join(";"),
    ]
}
