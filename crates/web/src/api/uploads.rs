//! Uploads: files that are sent before the runs over their rows.

use std::collections::BTreeSet;
use std::io;
use std::num::NonZeroU64;

use axum::Json;
use axum::body::Body as Stream;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use rollcall_app::runs::{BadRow as Bad, BadRowsFile, RowsObserver};
use rollcall_app::wire;
use rollcall_domain::UploadId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Caller;
use crate::extract::{Path, Query};
use crate::problem::Problem;
use crate::shared::files::{Noted, read, request};
use crate::shared::listing::Part;
use crate::spool::Incoming;
use crate::stream::{Pieces, Streams};
use crate::{aside, blocking};
use rollcall_api::{self as contract, FileTargets, Page, RowMatchReport, Upload};

/// What a file is called.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Called {
    /// As it is told again.
    name: String,
}

/// How a file is read; what is not said is found out.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Form {
    /// The column that names the users; `COLUMN=FIELD` where it is not called `username`, `external_id`, `email` or
    /// `obj_id`.
    key: Option<String>,
    /// Which rows run where several name one user; missing: all.
    #[param(inline)]
    duplicates: Option<contract::DuplicatePolicy>,
    /// The file's encoding, such as `windows-1252` or `cp850`.
    encoding: Option<String>,
    /// The ASCII character between cells.
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
    /// The columns that the script can read, as a JSON list such as `["klass"]`: errors in cells of other columns do not
    /// make a row unreadable. Missing: all columns.
    read_columns: Option<String>,
}

impl Form {
    fn of(self, upload: UploadId) -> Result<(FileTargets, Option<BTreeSet<String>>), Problem> {
        let Self { key, duplicates, encoding, delimiter, quote, sheet, header_row, hidden, read_columns } =
            self;
        let read_columns = read_columns.as_deref().map(serde_json::from_str).transpose();
        let read_columns = read_columns
            .map_err(|_| Problem::invalid(r#"read_columns is a JSON list of names, such as ["klass"]"#))?;
        let duplicates = duplicates.unwrap_or_default();
        let format = contract::FileFormat { encoding, delimiter, quote, sheet, header_row, hidden };
        Ok((FileTargets { key, duplicates, ..FileTargets::new(upload, format) }, read_columns))
    }
}

/// Uploads a CSV or Excel file, which is the request body.
///
/// It is kept for a day after its last use.
#[utoipa::path(post, path = "/uploads", operation_id = "createUpload", tag = "uploads", params(Called),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = Upload)))]
pub(super) async fn add(
    Caller(app): Caller,
    Query(called): Query<Called>,
    body: Stream,
) -> Result<(StatusCode, Json<Upload>), Problem> {
    let mut uploading = blocking(move || app.uploads().start(&called.name)).await?;
    let mut body = Incoming::new(body);
    while let Some(piece) = body.next().await? {
        uploading = blocking(move || {
            uploading.append(&piece)?;
            Ok(uploading)
        })
        .await?;
    }
    let kept = blocking(move || uploading.finish()).await?;
    Ok((StatusCode::CREATED, Json(kept.into())))
}

/// Lists the uploaded files, newest first.
#[utoipa::path(get, path = "/uploads", operation_id = "listUploads", tag = "uploads", params(Part), responses((status = 200, body = Page<Upload>)))]
pub(super) async fn list(
    Caller(app): Caller,
    Query(part): Query<Part>,
) -> Result<Json<Page<Upload>>, Problem> {
    let wanted = part.read()?;
    let page = blocking(move || {
        let found = app.uploads().list_after(wanted.after, wanted.look_for())?;
        Ok(wanted.page(found, |upload| upload.id, Upload::from))
    });
    Ok(Json(page.await?))
}

/// Returns the metadata of an uploaded file.
#[utoipa::path(get, path = "/uploads/{upload_id}", operation_id = "getUpload", tag = "uploads", params(("upload_id" = i64, Path)),
    responses((status = 200, body = Upload)))]
pub(super) async fn one(Caller(app): Caller, Path(id): Path<UploadId>) -> Result<Json<Upload>, Problem> {
    Ok(Json(blocking(move || app.uploads().find(id)).await?.into()))
}

/// Removes an uploaded file.
///
/// Runs with its rows keep them.
#[utoipa::path(delete, path = "/uploads/{upload_id}", operation_id = "removeUpload", tag = "uploads", params(("upload_id" = i64, Path)),
    responses((status = 204)))]
pub(super) async fn remove(Caller(app): Caller, Path(id): Path<UploadId>) -> Result<StatusCode, Problem> {
    blocking(move || app.uploads().remove(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reports how the rows of a file match users.
#[utoipa::path(get, path = "/uploads/{upload_id}/report", operation_id = "getRowMatchReport", tag = "uploads", params(("upload_id" = i64, Path), Form),
    responses((status = 200, body = RowMatchReport)))]
pub(super) async fn report(
    Caller(app): Caller,
    Path(id): Path<UploadId>,
    Query(form): Query<Form>,
) -> Result<Json<RowMatchReport>, Problem> {
    let (rows, read_columns) = form.of(id)?;
    let report = aside(move || {
        let mut noted = Noted::default();
        let read = read(&app, &rows, read_columns.as_ref(), &mut noted)?;
        Ok(wire::rows_report(read.report, noted.columns, noted.bad, noted.duplicates))
    });
    Ok(Json(report.await?))
}

/// Exports the rows of a file that match no user or cannot be read, as CSV, with their line and the reason.
#[utoipa::path(get, path = "/uploads/{upload_id}/bad-rows.csv", operation_id = "exportBadRows", tag = "uploads", params(("upload_id" = i64, Path), Form),
    responses((status = 200, content_type = "text/csv", body = String)))]
pub(super) async fn bad_rows(
    Caller(app): Caller,
    State(streams): State<Streams>,
    Path(id): Path<UploadId>,
    Query(form): Query<Form>,
) -> Result<Response, Problem> {
    let (rows, read_columns) = form.of(id)?;
    let options = wire::table_options(&rows.format())?;
    let write = move |out: &mut Pieces| {
        let mut written = Written { out: Some(out), file: None };
        app.uploads().read_rows(id, &options, &request(&rows, read_columns.as_ref()), &mut written)?;
        if let Some(mut file) = written.file {
            file.flush()?;
        }
        Ok(())
    };
    streams.answer("text/csv; charset=utf-8", Some(&format!("bad-rows-{id}.csv")), write).await
}

/// Bad rows on their way to whoever wants them.
struct Written<'a> {
    out: Option<&'a mut Pieces>,
    file: Option<BadRowsFile<&'a mut Pieces>>,
}

impl RowsObserver for Written<'_> {
    fn columns(&mut self, columns: &[String], _: &str) -> io::Result<()> {
        self.file = self.out.take().map(|out| BadRowsFile::new(columns, out)).transpose()?;
        Ok(())
    }

    fn bad_row(&mut self, bad: &Bad<'_>) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| bad.write_to(file))
    }

    fn progress(&mut self, _: u64) {}
}
