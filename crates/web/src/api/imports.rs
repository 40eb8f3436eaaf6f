//! Imports of users from files.

use std::io;
use std::num::NonZeroU64;

use axum::Json;
use axum::body::Body as Stream;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use rollcall_app::runs::BadRowsFile;
use rollcall_app::wire;
use rollcall_app::{App, AppError, FaultyRow, ImportObserver, Table};
use rollcall_domain::UploadId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::aside;
use crate::auth::Caller;
use crate::extract::{Path, Query};
use crate::problem::{Fault, Problem};
use crate::shared::files::{Grouped, table_of_upload};
use crate::spool::{rewound, spool};
use crate::stream::{Pieces, Streams};
use rollcall_api::{self as contract, FileFormat, ImportOptions, ImportResult};

/// Options for reading and importing a file of users.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Form {
    /// Create organizations that do not exist; otherwise a row that names one is a fault.
    #[serde(default)]
    #[param(required = false)]
    create_organizations: bool,
    /// The treatment of rows that have the same username; missing: if there are some, nothing is imported.
    #[param(inline)]
    duplicates: Option<contract::ImportDuplicates>,
    /// The file's encoding, such as `windows-1252` or `cp850`; missing: it is detected, like all else.
    encoding: Option<String>,
    /// The delimiter between cells: an ASCII character.
    delimiter: Option<char>,
    /// The quotation mark around cells.
    #[param(inline)]
    quote: Option<contract::QuoteCharacter>,
    /// The sheet of an Excel workbook.
    sheet: Option<String>,
    /// The line of the file, or row of the sheet, that names the columns, from 1.
    #[param(value_type = Option<u64>, minimum = 1)]
    header_row: Option<NonZeroU64>,
    /// Whether hidden rows and columns of an Excel workbook are read or left out; a sheet that has some is
    /// refused without it.
    #[param(inline)]
    hidden: Option<contract::HiddenCells>,
}

impl Form {
    fn options(self) -> ImportOptions {
        let Self { create_organizations, duplicates, encoding, delimiter, quote, sheet, header_row, hidden } =
            self;
        let format = FileFormat { encoding, delimiter, quote, sheet, header_row, hidden };
        ImportOptions { format, create_organizations, duplicates: duplicates.unwrap_or_default() }
    }
}

/// Imports the users of a CSV or Excel file, which is the request body: all of them, or none with all
/// errors of the file, grouped.
///
/// The header names fields, `organization`, `password`, `profiles`, `attributes` or `check_attributes`.
#[utoipa::path(post, path = "/imports", operation_id = "importUsers", tag = "users", params(Form),
    request_body(content = String, content_type = "text/csv"), responses((status = 201, body = ImportResult)))]
pub(super) async fn import(
    Caller(app): Caller,
    Query(form): Query<Form>,
    body: Stream,
) -> Result<(StatusCode, Json<ImportResult>), Problem> {
    let file = spool(body).await?;
    let options = form.options();
    let work = move || {
        let file = rewound(file).map_err(|_| Problem::internal())?;
        let table = Table::from_file(file, &wire::table_options(&options.format)?);
        let table = table.map_err(|error| AppError::Table { file: SENT.to_owned(), error })?;
        import_table(&app, table, SENT, &options)
    };
    Ok((StatusCode::CREATED, Json(aside(work).await?)))
}

/// Imports the users of an uploaded file, as `POST /imports` does.
///
/// The file stays.
#[utoipa::path(post, path = "/uploads/{upload_id}/imports", operation_id = "importUpload", tag = "uploads",
    params(("upload_id" = i64, Path), Form), responses((status = 201, body = ImportResult)))]
pub(super) async fn import_upload(
    Caller(app): Caller,
    Path(id): Path<UploadId>,
    Query(form): Query<Form>,
) -> Result<(StatusCode, Json<ImportResult>), Problem> {
    let options = form.options();
    let work = move || {
        let name = app.uploads().find(id)?.name;
        import_table(&app, table_of_upload(&app, id, &options)?, &name, &options)
    };
    Ok((StatusCode::CREATED, Json(aside(work).await?)))
}

fn import_table(
    app: &App,
    table: Table,
    file: &str,
    options: &ImportOptions,
) -> Result<ImportResult, Problem> {
    let mut groups = Grouped::default();
    let done = app.imports().apply(table, &wire::import_request(options, file), &mut groups);
    done.map(ImportResult::from).map_err(|error| {
        let problem = Problem::from(error);
        let faults: Vec<_> = groups.0.groups().iter().map(Fault::from).collect();
        if faults.is_empty() { problem } else { problem.with(faults) }
    })
}

/// Exports the rows of a file that cannot be imported, as CSV, with their line and the reason.
#[utoipa::path(get, path = "/uploads/{upload_id}/import-bad-rows.csv", operation_id = "exportImportBadRows", tag = "uploads",
    params(("upload_id" = i64, Path), Form),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub(super) async fn bad_rows(
    Caller(app): Caller,
    State(streams): State<Streams>,
    Path(id): Path<UploadId>,
    Query(form): Query<Form>,
) -> Result<Response, Problem> {
    let options = form.options();
    let table_options = wire::table_options(&options.format)?;
    let write = move |out: &mut Pieces| {
        let name = app.uploads().find(id)?.name;
        let table = Table::from_file(app.uploads().open(id)?, &table_options)
            .map_err(|error| AppError::Table { file: name.clone(), error })?;
        let mut faulty = Faulty { out: Some(out), file: None };
        match app.imports().check(table, &wire::import_request(&options, &name), &mut faulty) {
            Ok(_) | Err(AppError::BadRows { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(mut file) = faulty.file {
            file.flush()?;
        }
        Ok(())
    };
    streams.answer("text/csv; charset=utf-8", Some(&format!("bad-rows-{id}.csv")), write).await
}

/// The name of a file that was sent with the request, in messages.
const SENT: &str = "the file";

/// Rows that cannot be imported, on their way to a client.
struct Faulty<'a> {
    out: Option<&'a mut Pieces>,
    file: Option<BadRowsFile<&'a mut Pieces>>,
}

impl ImportObserver for Faulty<'_> {
    fn columns(&mut self, columns: &[String], literal: Option<usize>) -> io::Result<()> {
        let file = self.out.take().map(|out| BadRowsFile::new(columns, out)).transpose()?;
        self.file = file.map(|file| file.with_literal(literal));
        Ok(())
    }

    fn faulty_row(&mut self, row: FaultyRow<'_>) -> io::Result<()> {
        let FaultyRow { line, cells, reason, unreadable } = row;
        self.file.as_mut().map_or(Ok(()), |file| file.write(line, cells, reason, unreadable))
    }
}
