//! Import of users from a file: it is checked first, then all users are added or none.

use askama::Template;
use axum::Form;
use axum::extract::Multipart;
use axum::response::Response;
use rollcall_app::wire;
use rollcall_app::{App, AppError, FaultGroup, Imported};
use rollcall_domain::{Upload, UploadId};
use serde::Deserialize;

use super::address::Address;
use super::file_fields::FileFields;
use super::files::keep_file;
use super::layout::{Shell, Visitor};
use super::see;
use super::template::{filters, routes};
use crate::aside;
use crate::extract::Query;
use crate::problem::Problem;
use crate::shared::files::{Grouped, table_of_upload};
use rollcall_api::{ImportDuplicates, ImportOptions};

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    upload: String,
    /// The options for reading the file.
    #[serde(flatten)]
    format: FileFields,
    /// Whether organizations are created, and whether further rows with a username are left out.
    create_organizations: String,
    first: String,
}

impl Asked {
    fn upload(&self) -> Option<UploadId> {
        self.upload.parse().ok()
    }

    fn options(&self) -> Result<ImportOptions, Problem> {
        Ok(ImportOptions {
            format: self.format.format()?,
            create_organizations: !self.create_organizations.is_empty(),
            duplicates: match self.first.is_empty() {
                true => ImportDuplicates::Refuse,
                false => ImportDuplicates::First,
            },
        })
    }

    /// The hidden fields of the form that imports the file: names and values.
    fn said(&self) -> Vec<(&'static str, &str)> {
        let mut said = vec![("upload", self.upload.as_str())];
        said.extend(self.format.named());
        said.extend([
            ("create_organizations", self.create_organizations.as_str()),
            ("first", self.first.as_str()),
        ]);
        said
    }

    /// Where the rows that cannot be imported are as a file.
    fn bad_rows(&self) -> String {
        let address = Address::new(format!("/api/v1/uploads/{}/import-bad-rows.csv", self.upload));
        let query = self.options().map(|options| options.query()).unwrap_or_default();
        let with = |address: Address, (name, value): (&'static str, Option<String>)| {
            address.with(name, &value.unwrap_or_default())
        };
        query.into_iter().fold(address, with).text()
    }
}

/// What importing the file would do.
struct Checked {
    upload: Upload,
    would: Option<Imported>,
    /// The faults of the file, alike ones together.
    groups: Vec<FaultGroup>,
}

impl Checked {
    /// The number of faults.
    fn faults(&self) -> u64 {
        self.groups.iter().map(|group| group.count).sum()
    }
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

fn check(app: &App, asked: &Asked) -> Result<Option<Checked>, Problem> {
    let Some(id) = asked.upload() else { return Ok(None) };
    let upload = app.uploads().find(id)?;
    let options = asked.options()?;
    let table = table_of_upload(app, id, &options)?;
    let mut groups = Grouped::default();
    let would = match app.imports().check(table, &wire::import_request(&options, &upload.name), &mut groups) {
        Ok(would) => Some(would),
        Err(AppError::BadRows { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Some(Checked { upload, would, groups: groups.0.groups().to_vec() }))
}

async fn show(visitor: Visitor, asked: Asked) -> Result<Response, Problem> {
    let page = move |app: &App, mut shell: Shell| {
        let checked = match check(app, &asked) {
            Ok(checked) => checked,
            Err(problem) => {
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
        Some(kept) => Ok(see(Address::new(routes::IMPORT_USERS).with("upload", &kept.id.to_string()).text())),
        None => show(visitor, asked).await,
    }
}

pub(super) async fn import(visitor: Visitor, Form(asked): Form<Asked>) -> Result<Response, Problem> {
    let (app, wanted) = (visitor.app.clone(), asked.clone());
    let done = aside(move || {
        let Some(id) = wanted.upload() else { return Ok(None) };
        let options = wanted.options()?;
        let table = table_of_upload(&app, id, &options)?;
        let name = app.uploads().find(id)?.name;
        let done = app.imports().apply(table, &wire::import_request(&options, &name), &mut ())?;
        // What was in it is here now.
        app.uploads().remove(id)?;
        Ok(Some(done))
    });
    match done.await {
        Ok(Some(_)) => Ok(see("/?done=imported")),
        Ok(None) => show(visitor, asked).await,
        // What is wrong by now is shown.
        Err(problem) => show(visitor.told(problem), asked).await,
    }
}
