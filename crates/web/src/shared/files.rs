//! Uploads as the targets of a run and as users to import.

use std::collections::BTreeSet;
use std::io;

use rollcall_api::{BadRow, DuplicatePolicy, DuplicateRow, FileTargets, ImportOptions};
use rollcall_app::runs::{BadRow as Bad, ChosenRows, Matched, ReadRows, RowsObserver, RowsRequest, Script};
use rollcall_app::{App, AppError, FaultGroups, ImportObserver, Table, wire};
use rollcall_domain::UploadId;

use crate::problem::{Fault, Problem};

/// So many bad rows are told one by one; a file takes all of them.
const TOLD: usize = 100;

/// The rows of a file as the list of a run of this script; rows that cannot be used are in the way, and told.
pub(crate) fn choose(app: &App, rows: &FileTargets, script: &Script) -> Result<ChosenRows, Problem> {
    let mut noted = Noted::default();
    // A script with syntax errors is refused when the run is created.
    let source = app.scripts().parse(&script.name, &script.source).unwrap_or_default();
    let read = read(app, rows, source.row_columns.as_ref(), &mut noted)?;
    let (bad, duplicate) = (read.report.bad(), read.report.duplicate);
    let in_the_way = if rows.skip_unmatched { read.report.faulty } else { bad };
    let refuses_duplicates = rows.duplicates == DuplicatePolicy::Refuse && duplicate > 0;
    read.chosen.ok_or_else(|| {
        let mut why = Vec::new();
        let mut faults = Vec::new();
        if in_the_way > 0 {
            why.push(format!(
                "{bad} of the rows cannot be used: skip_unmatched leaves out those that name no user, or several; \
                 bad-rows.csv has all of them"
            ));
            let fault = |row: BadRow| Fault { line: Some(row.line), ..Fault::plain(row.reason) };
            faults.extend(noted.bad.into_iter().map(fault));
        }
        if refuses_duplicates {
            why.push(format!(
                "{duplicate} of the rows name a user whom an earlier row names: duplicates says which of them run"
            ));
            let fault = |row: DuplicateRow| Fault { line: Some(row.line), ..Fault::plain(row.describe()) };
            faults.extend(noted.duplicates.into_iter().map(fault));
        }
        Problem::invalid(why.join("; ")).with(faults)
    })
}

/// The request that rows of a file are read with.
pub(crate) fn request<'a>(
    rows: &'a FileTargets,
    read_columns: Option<&'a BTreeSet<String>>,
) -> RowsRequest<'a> {
    RowsRequest {
        key: rows.key.as_deref(),
        skip_unmatched: rows.skip_unmatched,
        duplicates: rows.duplicates.into(),
        read_columns,
        ..RowsRequest::default()
    }
}

/// Reads the rows of a file for a script that can read these columns; none: all of them.
pub(crate) fn read(
    app: &App,
    rows: &FileTargets,
    read_columns: Option<&BTreeSet<String>>,
    observer: &mut dyn RowsObserver,
) -> Result<ReadRows, Problem> {
    let options = wire::table_options(&rows.format())?;
    Ok(app.uploads().read_rows(rows.upload_id, &options, &request(rows, read_columns), observer)?)
}

/// What is told of a file's rows.
#[derive(Default)]
pub(crate) struct Noted {
    pub(crate) columns: Vec<String>,
    pub(crate) bad: Vec<BadRow>,
    pub(crate) duplicates: Vec<DuplicateRow>,
}

impl RowsObserver for Noted {
    fn columns(&mut self, columns: &[String], _: &str) -> io::Result<()> {
        self.columns = columns.to_vec();
        Ok(())
    }

    fn bad_row(&mut self, bad: &Bad<'_>) -> io::Result<()> {
        if self.bad.len() < TOLD {
            let cells = bad.row.cells.clone();
            self.bad.push(BadRow { line: bad.row.line, reason: bad.reason.clone(), cells });
        }
        Ok(())
    }

    fn matched(&mut self, matched: &Matched<'_>) -> Result<(), AppError> {
        self.duplicates = matched
            .again(u32::try_from(TOLD).unwrap_or(u32::MAX))?
            .into_iter()
            .map(wire::duplicate_row)
            .collect();
        Ok(())
    }

    fn progress(&mut self, _: u64) {}
}

/// The rows of a file that was sent ahead.
pub(crate) fn table_of_upload(app: &App, id: UploadId, options: &ImportOptions) -> Result<Table, Problem> {
    let file = app.uploads().find(id)?.name;
    let table = Table::from_file(app.uploads().open(id)?, &wire::table_options(&options.format)?);
    Ok(table.map_err(|error| AppError::Table { file, error })?)
}

/// The faults of a file, in groups.
#[derive(Default)]
pub(crate) struct Grouped(pub(crate) FaultGroups);

impl ImportObserver for Grouped {
    fn fault(&mut self, fault: &rollcall_app::Fault) {
        self.0.add(fault);
    }
}
