use std::process::ExitCode;

use clap::Args;
use rollcall_domain::User;

use crate::output::{Format, Listing};
use crate::remote::Site;
use crate::show::Times;
use crate::style::tell;

#[derive(Debug, Args)]
#[command(after_help = crate::cli::filters::SYNTAX)]
pub(crate) struct List {
    /// Only the users that this filter selects: a condition, or the name of a saved one
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

const COLUMNS: [&str; 8] =
    ["obj_id", "username", "first_name", "last_name", "email", "is_active", "expiration", "profiles"];

impl List {
    pub(super) fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        let filter = self.filter.as_deref().map(|text| site.filter(text)).transpose()?;
        let users = site.users(filter.as_ref())?;
        let times = Times::new(self.format, site.zone()?);
        let mut listing = Listing::new(self.format, &COLUMNS)?;
        let mut count = 0_usize;
        for user in users.take(self.limit.unwrap_or(usize::MAX)) {
            let user = user?;
            listing.push(|| cells(&user, &times), &user)?;
            count += 1;
        }
        listing.finish()?;
        if count == 0 && self.format == Format::Table {
            // Counting them all would take longer than finding none.
            match site.users(None)?.next() {
                None => tell(format_args!("no users yet; add some with 'rollcall users import FILE.csv'")),
                Some(_) => tell(format_args!("no user is selected")),
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn cells(user: &User, times: &Times) -> Vec<String> {
    let profiles: Vec<_> = user.profiles.iter().map(|profile| profile.short_name.as_str()).collect();
    vec![
        user.id.to_string(),
        user.username.clone(),
        user.first_name.clone(),
        user.last_name.clone(),
        user.email.clone(),
        user.is_active.to_string(),
        user.expiration.map_or_else(String::new, |time| times.exact(time)),
        profiles.join(";"),
    ]
}
