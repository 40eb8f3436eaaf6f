//! The list of users, and adding one.

use std::collections::HashMap;

use askama::Template;
use axum::Form;
use axum::http::HeaderMap;
use axum::response::Response;
use rollcall_app::{App, Counted, NewUser};
use rollcall_domain::{Field, SavedFilter, Secret, User};
use serde::Deserialize;

use super::address::{Address, segment};
use super::columns::{self, Cell, Column};
use super::fault::{FilterFault, read_filter};
use super::see;
use super::shell::{Shell, Visitor};
use super::view::Pager;
use crate::http::api::page::Wanted;
use crate::http::api::users::organizations;
use crate::http::blocking;
use crate::http::extract::Query;
use crate::http::problem::{Fault, Problem};

/// Nobody waits for more to be counted.
const COUNTED: u64 = 10_000;

/// Which users are wanted.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Asked {
    filter: String,
    search: String,
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
    asked: Asked,
    /// What is wrong with the filter.
    wrong: Option<FilterFault>,
    /// What the filter is, where it was asked for by name.
    text: String,
    saved: Vec<SavedFilter>,
    count: Option<Counted>,
    /// The same list with all of it counted.
    count_all: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
    pager: Pager,
}

/// Users and what the next part comes after.
type Part = (Vec<User>, Option<String>);

fn part(app: &App, asked: &Asked, tree: Option<&rollcall_domain::filter::Filter>) -> Result<Part, Problem> {
    let cursor = Some(asked.cursor.as_str()).filter(|cursor| !cursor.is_empty());
    if asked.search.is_empty() {
        let wanted = Wanted::new(cursor, None)?;
        let found = app.users_part(tree, wanted.after.unwrap_or(0), wanted.look_for())?;
        let page = wanted.page(found, |user| user.id, |user| user);
        return Ok((page.items, page.next));
    }
    let wanted = Wanted::new(cursor, None)?;
    let found = app.search_users(&asked.search, wanted.after.as_ref(), wanted.look_for())?;
    let page = wanted.page(found, |found| found.key.clone(), |found| found.user);
    Ok((page.items, page.next))
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
    let page = move |app: &App, shell: Shell| {
        let app = &shell.narrowed(app);
        let (filter, wrong) = match read_filter(app, &asked.filter)? {
            Ok(filter) => (filter, None),
            Err(fault) => (None, Some(fault)),
        };
        let tree = filter.as_ref().map(|filter| &filter.tree);
        let (users, next) = if wrong.is_none() { part(app, &asked, tree)? } else { (Vec::new(), None) };
        let count = match wrong.is_none() && asked.search.is_empty() {
            true if asked.count == "all" => Some(Counted { users: app.count_users(tree)?, more: false }),
            true => Some(app.count_users_to(tree, COUNTED)?),
            false => None,
        };
        let names = organizations(app)?;
        let row = |user: User| {
            let organization = names.get(&user.organization_id).map_or("", String::as_str);
            let cells = columns.iter().map(|column| column.cell(&user, organization, &shell)).collect();
            Row { username: user.username, cells }
        };
        let rows = users.into_iter().map(row).collect();
        let base = Address::new("/users").with("filter", &asked.filter).with("search", &asked.search);
        let here = base.clone().with("cursor", &asked.cursor).with("trail", &asked.trail);
        Ok(Page {
            shell,
            wrong,
            text: filter.map(|filter| filter.text).unwrap_or_default(),
            saved: app.saved_filters()?,
            count,
            count_all: here.with("count", "all").text(),
            rows,
            columns,
            pager: Pager::new(&base, &asked.cursor, &asked.trail, next.as_deref()),
            asked,
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
        let organizations = app.organizations()?.into_iter().map(|each| each.name).collect();
        let profiles = app.profiles()?.into_iter().map(|each| each.short_name).collect();
        Ok(AddPage { shell, typed, organizations, profiles })
    };
    visitor.page("users", page).await
}

pub(super) async fn add(visitor: Visitor, Form(typed): Form<Typed>) -> Result<Response, Problem> {
    let (app, new) = (visitor.app.clone(), typed.clone());
    let added = match new_user(&app, new) {
        Ok(new) => blocking(move || app.add_user(&new)).await,
        Err(problem) => Err(problem),
    };
    match added {
        Ok(user) => {
            Ok(see(Address::new(format!("/users/{}", segment(&user.username))).with("done", "added").text()))
        }
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

/// What a form has sent, by name.
pub(super) type Sent = HashMap<String, String>;
