use std::num::NonZeroU64;

use rollcall_api as api;
use rollcall_domain::Rejection;
use rollcall_store::StagedRow;

use crate::runs;
use crate::{FaultGroup, HiddenCells, ImportDuplicates, ImportRequest, Imported, Quote, TableOptions};

/// Reads how a file is to be read.
///
/// # Errors
/// If the delimiter is no ASCII character.
pub fn table_options(format: &api::FileFormat) -> Result<TableOptions, Rejection> {
    let delimiter = format.delimiter.map(u8::try_from).transpose();
    let delimiter = delimiter.ok().filter(|delimiter| delimiter.is_none_or(|byte| byte.is_ascii()));
    Ok(TableOptions {
        encoding: format.encoding.clone(),
        delimiter: delimiter.ok_or_else(|| Rejection::new("delimiter: it is one ASCII character"))?,
        quote: format.quote.map(|quote| match quote {
            api::QuoteCharacter::Double => Quote::Double,
            api::QuoteCharacter::Single => Quote::Single,
            api::QuoteCharacter::None => Quote::None,
        }),
        sheet: format.sheet.clone(),
        header_row: format.header_row.map(NonZeroU64::get),
        hidden: format.hidden.map(|hidden| match hidden {
            api::HiddenCells::Include => HiddenCells::Include,
            api::HiddenCells::Skip => HiddenCells::Skip,
        }),
    })
}

/// Reads how the users of a file of this name are to be imported.
#[must_use]
pub fn import_request<'a>(options: &api::ImportOptions, file: &'a str) -> ImportRequest<'a> {
    ImportRequest {
        file,
        create_organizations: options.create_organizations,
        duplicates: match options.duplicates {
            api::ImportDuplicates::Refuse => ImportDuplicates::Refuse,
            api::ImportDuplicates::First => ImportDuplicates::First,
        },
    }
}

impl From<Imported> for api::ImportResult {
    fn from(imported: Imported) -> Self {
        let Imported { users, left_out, organizations, warnings, notes } = imported;
        Self { users, skipped_duplicates: left_out, organizations, warnings, notes }
    }
}

impl From<api::DuplicatePolicy> for runs::Duplicates {
    fn from(duplicates: api::DuplicatePolicy) -> Self {
        match duplicates {
            api::DuplicatePolicy::All => Self::All,
            api::DuplicatePolicy::First => Self::First,
            api::DuplicatePolicy::Last => Self::Last,
            api::DuplicatePolicy::Refuse => Self::Refuse,
        }
    }
}

/// A row of a file that names a user whom an earlier row names, too.
#[must_use]
pub fn duplicate_row(row: StagedRow) -> api::DuplicateRow {
    api::DuplicateRow { line: row.line, username: row.username, first_line: row.first.unwrap_or(row.line) }
}

/// The report about the rows of a file with these columns.
#[must_use]
pub fn rows_report(
    report: runs::RowsReport,
    columns: Vec<String>,
    bad_rows: Vec<api::BadRow>,
    duplicate_rows: Vec<api::DuplicateRow>,
) -> api::RowMatchReport {
    let runs::RowsReport {
        key,
        field,
        rows,
        matched,
        duplicate,
        left_out,
        unmatched,
        ambiguous,
        faulty,
        notes,
    } = report;
    api::RowMatchReport {
        columns,
        key,
        field: field.name().to_owned(),
        rows,
        matched,
        duplicate,
        skipped: left_out,
        unmatched,
        ambiguous,
        faulty,
        notes,
        bad_rows,
        duplicate_rows,
    }
}

impl From<&FaultGroup> for api::InputError {
    fn from(group: &FaultGroup) -> Self {
        let FaultGroup { first, count, lines } = group;
        let alike = *count > 1;
        Self {
            field: first.column.clone(),
            line: Some(first.line),
            kind: Some(first.kind.name().to_owned()),
            count: alike.then_some(*count),
            lines: if alike { lines.clone() } else { Vec::new() },
            ..Self::plain(first.message.clone())
        }
    }
}

impl From<&api::InputError> for FaultGroup {
    fn from(fault: &api::InputError) -> Self {
        let line = fault.line.unwrap_or_default();
        let kind = fault.kind.as_deref().and_then(|kind| kind.parse().ok());
        let first = crate::Fault {
            line,
            kind: kind.unwrap_or(crate::FaultKind::Value),
            column: fault.field.clone(),
            message: fault.detail.clone(),
        };
        let lines = if fault.lines.is_empty() { vec![line] } else { fault.lines.clone() };
        Self { first, count: fault.count.unwrap_or(1), lines }
    }
}
