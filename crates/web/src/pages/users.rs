//! The list of users, and adding one.

use askama::Template;
use axum::Form;
use axum::http::HeaderMap;
use axum::response::Response;
use rollcall_app::{App, Counted, ListKey, NewUser, SelectedUsers};
use rollcall_domain::{Clock, Field, SavedFilter, Secret, SystemClock, User};
use serde::Deserialize;

use super::address::Address;
use super::columns::{self, Cell, Column};
use super::fault::{FilterFault, PageSelection, select_users};
use super::layout::{Shell, Visitor};
use super::see;
use super::selection::SelectionQuery;
use super::template::{filters, routes};
use super::view::Pager;
use crate::blocking;
use crate::extract::Query;
use crate::problem::{Fault, Problem};
use crate::shared::listing::Wanted;
use crate::shared::organizations;

/// Nobody waits for more to be counted.
const COUNTED: u64 = 10_000;

/// Which part of which users is wanted.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Asked {
    #[serde(flatten)]
    selection: SelectionQuery,
    /// `all`: however many there are.
    count: String,
    cursor: String,
    trail: String,
    done: String,
}

struct Row {
    username: String,
    cells: Vec<Cell>,
}

#[derive(Template)]
#[template(path = "users.html")]
struct Page {
    shell: Shell,
    /// Whom the page lists and counts, and whom its links and forms mean.
    selection: SelectionQuery,
    done: String,
    /// What is wrong with the filter.
    wrong: Option<FilterFault>,
    /// What the filter is, where it was asked for by name.
    text: String,
    saved: Vec<SavedFilter>,
    count: Counted,
    /// The same list with all of it counted.
    count_all: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
    pager: Pager,
}

impl Page {
    /// Every column that there is, and whether it is shown.
    fn choices(&self) -> impl Iterator<Item = (Column, bool)> {
        Column::all().map(|column| (column, self.columns.contains(&column)))
    }
}

pub(super) async fn list(
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let columns = columns::wanted(&headers);
    let visitor = visitor.asking_for(&asked.selection.organization_id)?;
    let page = move |app: &App, shell: Shell| {
        let app = &shell.narrowed(app);
        let selection = asked.selection.narrowed(&shell);
        let cursor = Some(asked.cursor.as_str()).filter(|cursor| !cursor.is_empty());
        let wanted = Wanted::<ListKey>::new(cursor, None)?;
        let (selected, wrong) = match select_users(app, &selection.read()?)? {
            PageSelection::Users(selected) => (Some(*selected), None),
            PageSelection::Faulty(fault) => (None, Some(fault)),
        };
        let (mut users, mut next, mut count) = (Vec::new(), None, Counted { users: 0, more: false });
        if let Some(selected) = &selected {
            let found = selected.list(wanted.after.as_ref(), wanted.look_for())?;
            let part = wanted.page(found, |listed| listed.key.clone(), |listed| listed.user);
            (users, next) = (part.items, part.next);
            count = match asked.count.as_str() {
                "all" => Counted { users: selected.count()?, more: false },
                _ => selected.count_to(COUNTED)?,
            };
        }
        let (names, now) = (organizations(app)?, SystemClock.now());
        let row = |user: User| {
            let organization = names.get(&user.organization_id).map_or("", String::as_str);
            let cells = columns.iter().map(|column| column.cell(&user, organization, now, &shell)).collect();
            Row { username: user.username, cells }
        };
        let rows = users.into_iter().map(row).collect();
        let base = selection.list();
        let here = base.clone().with("cursor", &asked.cursor).with("trail", &asked.trail);
        let filter = selected.as_ref().and_then(SelectedUsers::filter);
        Ok(Page {
            shell,
            wrong,
            text: filter.map(|filter| filter.text.clone()).unwrap_or_default(),
            saved: app.filters().list()?,
            count,
            count_all: here.with("count", "all").text(),
            rows,
            columns,
            pager: Pager::new(&base, &asked.cursor, &asked.trail, next.as_deref()),
            selection,
            done: asked.done,
        })
    };
    visitor.page("users", page).await
}

/// Who is to be.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    username: String,
    organization: String,
    first_name: String,
    last_name: String,
    email: String,
    klass: String,
    expiration: String,
    profile: String,
    password: String,
}

#[derive(Template)]
#[template(path = "add_user.html")]
struct AddPage {
    shell: Shell,
    typed: Typed,
    organizations: Vec<String>,
    profiles: Vec<String>,
}

pub(super) async fn add_page(visitor: Visitor) -> Result<Response, Problem> {
    adding(visitor, Typed::default()).await
}

async fn adding(visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    let page = move |app: &App, shell: Shell| {
        let chosen = shell.organization().map(|each| each.name.clone()).unwrap_or_default();
        let organization = if typed.organization.is_empty() { chosen } else { typed.organization };
        let typed = Typed { organization, ..typed };
        let organizations = app.organizations().list()?.into_iter().map(|each| each.name).collect();
        let profiles = app.profiles().list()?.into_iter().map(|each| each.short_name).collect();
        Ok(AddPage { shell, typed, organizations, profiles })
    };
    visitor.page("users", page).await
}

pub(super) async fn add(visitor: Visitor, Form(typed): Form<Typed>) -> Result<Response, Problem> {
    let (app, new) = (visitor.app.clone(), typed.clone());
    let added = match new_user(&app, new) {
        Ok(new) => blocking(move || app.users().add(&new)).await,
        Err(problem) => Err(problem),
    };
    match added {
        Ok(user) => Ok(see(Address::new(routes::user(&user.username)).with("done", "added").text())),
        Err(problem) => adding(visitor.told(problem), Typed { password: String::new(), ..typed }).await,
    }
}

fn new_user(app: &App, typed: Typed) -> Result<NewUser, Problem> {
    let given = [
        (Field::Username, typed.username),
        (Field::FirstName, typed.first_name),
        (Field::LastName, typed.last_name),
        (Field::Email, typed.email),
        (Field::Klass, typed.klass),
        (Field::Expiration, typed.expiration),
    ];
    let (fields, faults) = read_fields(app, given.into_iter().filter(|(_, text)| !text.is_empty()));
    if let Some(first) = faults.first() {
        return Err(Problem::invalid(first.detail.clone()).with(faults));
    }
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(NewUser {
        organization: some(typed.organization),
        fields,
        profiles: some(typed.profile).into_iter().collect(),
        attributes: Vec::new(),
        check_attributes: Vec::new(),
        password: some(typed.password).map(Secret::new),
    })
}

/// Reads what was typed into fields; what is wrong with each has its place.
pub(super) fn read_fields(
    app: &App,
    given: impl Iterator<Item = (Field, String)>,
) -> (Vec<(Field, rollcall_domain::Value)>, Vec<Fault>) {
    let (mut fields, mut faults) = (Vec::new(), Vec::new());
    for (field, text) in given {
        match field.parse(&text, app.zone()) {
            Ok(value) => fields.push((field, value)),
            Err(why) => faults.push(Fault::at(format!("/{field}"), why.to_string())),
        }
    }
    (fields, faults)
}
