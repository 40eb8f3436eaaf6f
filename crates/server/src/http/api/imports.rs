//! Users from a file.

use std::io::BufReader;

use axum::Json;
use axum::body::Body as Stream;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::contract::Imported;
use crate::http::aside;
use crate::http::door::Caller;
use crate::http::extract::Query;
use crate::http::problem::{Fault, Problem};
use crate::http::spool::{rewound, spool};

/// So many faults of a file are told, and that there are more.
const MOST_FAULTS: usize = 10_000;

/// How the file is written.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Written {
    /// Such as `windows-1252`; missing: UTF-8.
    encoding: Option<String>,
}

/// Adds the users of a CSV file, which is sent as it is and read while it comes: all of them, or none and everything
/// that is wrong. Its header names fields, `organization`, `password`, `profiles`, `attributes` or `check_attributes`.
#[utoipa::path(post, path = "/imports", tag = "users", params(Written),
    request_body(content = String, content_type = "text/csv"), responses((status = 201, body = Imported)))]
pub(super) async fn import(
    Caller(app): Caller,
    Query(written): Query<Written>,
    body: Stream,
) -> Result<(StatusCode, Json<Imported>), Problem> {
    let file = spool(body).await?;
    let work = move || {
        let (mut faults, mut more) = (Vec::new(), 0_u64);
        let file = rewound(file).map_err(|_| Problem::internal())?;
        let done = app.import_users(BufReader::new(file), written.encoding.as_deref(), &mut |fault| {
            if faults.len() < MOST_FAULTS {
                faults.push(told(fault));
            } else {
                more += 1;
            }
        });
        done.map_err(|error| {
            if more > 0 {
                faults.push(Fault::plain(format!("and {more} more")));
            }
            let problem = Problem::from(error);
            if faults.is_empty() { problem } else { problem.with(faults) }
        })
    };
    let done = aside(work).await?;
    let rollcall_app::Imported { users, organizations, warnings } = done;
    Ok((StatusCode::CREATED, Json(Imported { users, organizations, warnings })))
}

fn told(fault: &rollcall_app::Fault) -> Fault {
    let rollcall_app::Fault { line, column, message } = fault.clone();
    Fault { field: column, line: Some(line), ..Fault::plain(message) }
}
