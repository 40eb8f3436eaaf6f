//! Users from a file: first everything that is wrong with it, then all of them or none.

use std::io::BufReader;

use askama::Template;
use axum::Form;
use axum::extract::Multipart;
use axum::response::Response;
use rollcall_app::{App, AppError, Fault, Imported};
use rollcall_domain::{Upload, UploadId};
use serde::Deserialize;

use super::address::Address;
use super::files::keep_file;
use super::see;
use super::shell::{Shell, Visitor};
use crate::http::blocking;
use crate::http::extract::Query;
use crate::http::problem::Problem;

/// So many faults are shown; all of them are counted.
const SHOWN: usize = 500;

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    upload: Option<UploadId>,
    encoding: String,
}

impl Asked {
    fn encoding(&self) -> Option<&str> {
        Some(self.encoding.trim()).filter(|encoding| !encoding.is_empty())
    }
}

/// What importing the file would do.
struct Checked {
    upload: Upload,
    would: Option<Imported>,
    faults: Vec<Fault>,
    /// How many there are, shown or not.
    found: usize,
}

#[derive(Template)]
#[template(path = "import.html")]
struct Page {
    shell: Shell,
    asked: Asked,
    checked: Option<Checked>,
}

impl Page {
    /// Whether another file may be chosen: there is none yet, or something is wrong with it.
    fn may_choose(&self) -> bool {
        self.checked.as_ref().is_none_or(|checked| checked.would.is_none())
    }
}

fn check(app: &App, asked: &Asked) -> Result<Option<Checked>, AppError> {
    let Some(id) = asked.upload else { return Ok(None) };
    let upload = app.find_upload(id)?;
    let file = BufReader::new(app.open_upload(id)?);
    let (mut faults, mut found) = (Vec::new(), 0);
    let would = app.check_import(file, asked.encoding(), &mut |fault| {
        found += 1;
        if faults.len() < SHOWN {
            faults.push(fault.clone());
        }
    });
    let would = match would {
        Ok(would) => Some(would),
        Err(AppError::BadRows { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(Some(Checked { upload, would, faults, found }))
}

async fn show(visitor: Visitor, asked: Asked) -> Result<Response, Problem> {
    let page = move |app: &App, mut shell: Shell| {
        let checked = match check(app, &asked) {
            Ok(checked) => checked,
            Err(error) => {
                let problem = Problem::from(error);
                if problem.status().is_server_error() || problem.status() == axum::http::StatusCode::NOT_FOUND
                {
                    return Err(problem);
                }
                shell.problem.get_or_insert(problem);
                None
            }
        };
        Ok(Page { shell, asked, checked })
    };
    visitor.page("users", page).await
}

pub(super) async fn page(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    show(visitor, asked).await
}

pub(super) async fn file(
    visitor: Visitor,
    Query(asked): Query<Asked>,
    parts: Multipart,
) -> Result<Response, Problem> {
    match keep_file(visitor.app.clone(), parts).await? {
        Some(kept) => Ok(see(Address::new("/import-users").with("upload", &kept.id.to_string()).text())),
        None => show(visitor, asked).await,
    }
}

pub(super) async fn import(visitor: Visitor, Form(asked): Form<Asked>) -> Result<Response, Problem> {
    let (app, wanted) = (visitor.app.clone(), asked.clone());
    let done = blocking(move || {
        let Some(id) = wanted.upload else { return Ok(None) };
        let file = BufReader::new(app.open_upload(id)?);
        let done = app.import_users(file, wanted.encoding(), &mut |_| {})?;
        // What was in it is here now.
        app.remove_upload(id)?;
        Ok(Some(done))
    });
    match done.await {
        Ok(Some(_)) => Ok(see("/?done=imported")),
        Ok(None) => show(visitor, asked).await,
        // What is wrong by now is shown.
        Err(problem) => show(visitor.told(problem), asked).await,
    }
}
