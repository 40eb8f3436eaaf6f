//! The audit log.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::{AuditQuery, Head, Rejection, Timestamp};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::auth::Caller;
use crate::blocking;
use crate::extract::{Body, Query};
use crate::problem::{Fault, Problem};
use crate::shared::listing as page;
use crate::stream::{Pieces, Streams};
use rollcall_api::{AuditEvent, AuditHead, AuditVerification, Page, write_json};

/// The conditions and the page of a list of audit events. An event has to satisfy all conditions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only events of this actor: `cli:ACCOUNT`, or the name of an administrator.
    actor: Option<String>,
    /// What was done, such as `sign-in`, `run-apply` or `grant`.
    action: Option<String>,
    /// Not before this moment, such as `2026-11-01` or `2026-11-01T18:30:00Z`.
    since: Option<String>,
    /// The oldest rows first, rather than the newest.
    #[serde(default)]
    oldest_first: bool,
    /// The `next` of the previous page; missing: the first page.
    cursor: Option<String>,
    /// The maximum number of events.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

/// A head that was kept.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct VerifyAuditRequest {
    /// `NUMBER:HASH`. Without one nobody can say whether all of the log was rewritten.
    head: Option<String>,
}

fn read<T>(
    name: &str,
    text: Option<&str>,
    read: impl Fn(&str) -> Result<T, Rejection>,
) -> Result<Option<T>, Problem> {
    text.map(read).transpose().map_err(|why| Problem::invalid(format!("{name}: {why}")))
}

/// Lists audit events, newest first by default.
#[utoipa::path(get, path = "/audit", operation_id = "listAuditEvents", tag = "audit", params(Wanted), responses((status = 200, body = Page<AuditEvent>)))]
pub(super) async fn list(
    Caller(app): Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Page<AuditEvent>>, Problem> {
    let query = AuditQuery {
        who: wanted.actor,
        action: read("action", wanted.action.as_deref(), str::parse)?,
        since: read("since", wanted.since.as_deref(), |text| Timestamp::parse(text, app.zone()))?,
    };
    let (oldest_first, wanted) =
        (wanted.oldest_first, page::Wanted::new(wanted.cursor.as_deref(), wanted.limit)?);
    let page = blocking(move || {
        let found = match oldest_first {
            true => app.audit().list_after(&query, wanted.after, wanted.look_for())?,
            false => app.audit().list_before(&query, wanted.after, wanted.look_for())?,
        };
        Ok(wanted.page(found, |entry| entry.number, AuditEvent::from))
    });
    Ok(Json(page.await?))
}

/// Returns the head of the audit log.
///
/// Keep it outside the database to detect a rewritten log.
#[utoipa::path(get, path = "/audit/head", operation_id = "getAuditHead", tag = "audit", responses((status = 200, body = AuditHead)))]
pub(super) async fn head(Caller(app): Caller) -> Result<Json<AuditHead>, Problem> {
    let head = blocking(move || app.audit().head()).await?;
    Ok(Json(AuditHead { head: head.to_string() }))
}

/// Exports the whole audit log as JSON lines, oldest first.
///
/// The last line is the head. The export is an audit event.
#[utoipa::path(get, path = "/audit.jsonl", operation_id = "exportAuditLog", tag = "audit",
    responses((status = 200, content_type = "application/jsonl", body = String)))]
pub(super) async fn export(Caller(app): Caller, State(streams): State<Streams>) -> Result<Response, Problem> {
    let write = move |out: &mut Pieces| {
        let (head, entries) = app.audit().export("the API")?;
        for entry in entries {
            write_json(out, &entry?)?;
        }
        Ok(write_json(out, &serde_json::json!({ "head": head.to_string() }))?)
    };
    streams.answer("application/jsonl", Some("audit.jsonl"), write).await
}

/// Verifies the hash chain of the whole audit log.
#[utoipa::path(post, path = "/audit/verify", operation_id = "verifyAuditLog", tag = "audit", request_body = Option<VerifyAuditRequest>,
    responses((status = 200, body = AuditVerification)))]
pub(super) async fn check(
    Caller(app): Caller,
    Body(kept): Body<VerifyAuditRequest>,
) -> Result<Json<AuditVerification>, Problem> {
    let kept = kept.head.as_deref().map(str::parse::<Head>).transpose();
    let kept =
        kept.map_err(|why| Problem::invalid(why.to_string()).at(Fault::at("/head", why.to_string())))?;
    let verdict = blocking(move || {
        let mut rows = 0;
        let found = app.audit().verify(kept.as_ref(), |read| rows = read)?;
        Ok(AuditVerification::of(rows, &found))
    });
    Ok(Json(verdict.await?))
}
