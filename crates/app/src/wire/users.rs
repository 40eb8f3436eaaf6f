use std::collections::HashMap;
use std::io;

use rollcall_api::table::{USER_COLUMNS, user_cells};
use rollcall_api::{User, write_json};

use crate::csv_text::csv_error;
use crate::{App, AppError, UserSelection};

/// The format of exported users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserFormat {
    /// CSV, which imports read; unless `raw`, texts that a spreadsheet would take for formulas are defused.
    Csv {
        /// Whether texts are written as they are.
        raw: bool,
    },
    /// One JSON object a line.
    Json,
}

/// Writes the users that are selected, as they come from the database.
///
/// # Errors
/// If the permission is missing, the selection is no filter, or the database or `out` fails.
pub fn export_users<E>(
    app: &App,
    selection: &UserSelection,
    format: UserFormat,
    mut out: impl io::Write,
) -> Result<(), E>
where
    E: From<AppError> + From<io::Error>,
{
    let selected = app.users().select(selection)?;
    match format {
        UserFormat::Json => {
            for user in selected.export()? {
                write_json(&mut out, &User::from(user?))?;
            }
            out.flush()?;
        }
        UserFormat::Csv { raw } => {
            let organizations: HashMap<_, _> =
                app.organizations().list()?.into_iter().map(|each| (each.id, each.name)).collect();
            let mut writer = csv::Writer::from_writer(out);
            writer.write_record(USER_COLUMNS).map_err(csv_error)?;
            for user in selected.export()? {
                let row = user_cells(&User::from(user?), &organizations, app.zone(), raw);
                writer.write_record(row).map_err(csv_error)?;
            }
            writer.flush()?;
        }
    }
    Ok(())
}
