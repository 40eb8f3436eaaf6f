//! One user, and the forms that change it.

use askama::Template;
use axum::Form;
use axum::response::Response;
use rollcall_app::{App, UserEdit};
use rollcall_domain::{ByRun, Event};
use rollcall_domain::{
    Clock, Field, Item, ItemKind, ItemRow, Kind, Operator, Profile, Reply, Secret, SystemClock, User,
    ValueRef, Zone,
};
use serde::Deserialize;

use super::address::Address;
use super::layout::{Shell, Visitor};
use super::messages;
use super::see;
use super::selection::SelectionQuery;
use super::template::{filters, routes};
use super::users::{Sent, read_fields};
use super::view::{Badge, Changes, Pager};
use crate::extract::{Path, Query};
use crate::problem::Problem;
use crate::shared::listing::{Wanted, cursor};
use crate::shared::organizations;

/// What can be written in the form; the rest of the fields follows from other things.
const EDITABLE: [Field; 10] = [
    Field::Username,
    Field::ExternalId,
    Field::FirstName,
    Field::LastName,
    Field::Email,
    Field::Klass,
    Field::IsActive,
    Field::Expiration,
    Field::AvatarUrl,
    Field::Description,
];

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    tab: String,
    cursor: String,
    trail: String,
    done: String,
}

/// A field of the form.
struct Input {
    field: Field,
    value: String,
    /// What is there now.
    is: String,
    /// Whether that was written by somebody else, while this form changed it, too.
    crossed: bool,
    wrong: Option<String>,
}

impl Input {
    fn is(&self, kind: &str) -> bool {
        match kind {
            "bool" => self.field.kind() == Kind::Bool,
            "time" => self.field.kind() == Kind::Time,
            _ => self.field == Field::Description,
        }
    }
}

/// Something that was done to the user.
struct Past {
    at: String,
    who: String,
    run: Option<i64>,
    script: String,
    changes: Changes,
    /// How it is named when it is to be taken back.
    token: String,
}

impl Past {
    fn new(event: Event, shell: &Shell) -> Self {
        Self {
            at: shell.moment(event.at),
            who: event.administrator,
            run: event.by.as_ref().map(|by| by.run),
            script: event.by.map(|by| ran(&by)).unwrap_or_default(),
            changes: Changes::of(&event.changes, &shell.zone),
            token: cursor(&event.key),
        }
    }
}

/// What a run has executed, or taken back.
pub(super) fn ran(by: &ByRun) -> String {
    let script = match by.script_version {
        Some(version) => format!("{}@{version}", by.script),
        None => by.script.clone(),
    };
    by.undoes.map_or(script.clone(), |undone| messages::undo_of(undone, &script))
}

#[derive(Template)]
#[template(path = "user.html")]
struct Page {
    shell: Shell,
    tab: &'static str,
    done: String,
    user: User,
    state: Badge,
    organization: String,
    inputs: Vec<Input>,
    profiles: Vec<Profile>,
    kind: ItemKind,
    items: Vec<ItemRow>,
    /// What FreeRADIUS would reject the user for, of these items.
    warnings: Vec<String>,
    /// What FreeRADIUS answers, where that is asked for.
    reply: Option<Reply>,
    events: Vec<Past>,
    pager: Pager,
}

impl Page {
    fn moment(&self, time: &Option<rollcall_domain::Timestamp>) -> String {
        time.map_or_else(|| messages::NEVER.to_owned(), |time| self.shell.moment(time))
    }

    /// The address of a new run for this user.
    fn run(&self) -> String {
        let (ids, organization_id) = (self.user.id.to_string(), self.user.organization_id.to_string());
        SelectionQuery { ids, organization_id, ..SelectionQuery::default() }.run().text()
    }
}

fn tab(name: &str) -> &'static str {
    ["profiles", "attributes", "check-attributes", "reply", "history"]
        .into_iter()
        .find(|tab| *tab == name)
        .unwrap_or("overview")
}

pub(super) async fn page(
    visitor: Visitor,
    Path(username): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    show(visitor, username, asked, Sent::new()).await
}

async fn show(visitor: Visitor, username: String, asked: Asked, typed: Sent) -> Result<Response, Problem> {
    let page = move |app: &App, shell: Shell| {
        let user = app.users().find(&username)?;
        let tab = tab(&asked.tab);
        let wrong = |field: Field| {
            let problem = shell.problem.as_ref();
            problem.and_then(|problem| problem.at_place(&format!("/{field}"))).map(str::to_owned)
        };
        let input = |field: Field| {
            let is = typed_text(user.get(field), &shell.zone);
            let edited = edited(&user, field, &typed);
            let crossed = edited.is_some() && !same(field, &is, &was(&user, field, &typed));
            Input { field, value: edited.unwrap_or_else(|| is.clone()), is, crossed, wrong: wrong(field) }
        };
        let inputs = EDITABLE.map(input).into();
        let kind = if tab == "check-attributes" { ItemKind::Check } else { ItemKind::Reply };
        let base = Address::new(routes::user(&user.username)).with("tab", tab);
        let (mut events, mut pager) = (Vec::new(), Pager::default());
        if tab == "history" {
            let cursor = Some(asked.cursor.as_str()).filter(|cursor| !cursor.is_empty());
            let wanted = Wanted::new(cursor, Some(50))?;
            let found = app.users().list_history_after(user.id, wanted.after, wanted.look_for())?;
            let part = wanted.page(found, |event| event.key, |event| Past::new(event, &shell));
            pager = Pager::new(&base, &asked.cursor, &asked.trail, part.next.as_deref());
            events = part.items;
        }
        let items = if tab.ends_with("attributes") { user.items(kind).to_vec() } else { Vec::new() };
        let plain = |row: &ItemRow| Item {
            attr: row.attr.clone(),
            operation: row.operation,
            value: row.value.clone(),
        };
        let warnings = app.radius().list_warnings(&items.iter().map(plain).collect::<Vec<_>>())?;
        Ok(Page {
            tab,
            done: asked.done,
            state: Badge::of_user(user.status(SystemClock.now())),
            organization: organizations(app)?.get(&user.organization_id).cloned().unwrap_or_default(),
            inputs,
            profiles: if tab == "profiles" { app.profiles().list()? } else { Vec::new() },
            kind,
            items,
            warnings,
            reply: if tab == "reply" { Some(app.radius().compute_reply(&user)?) } else { None },
            events,
            pager,
            user,
            shell,
        })
    };
    visitor.page("users", page).await
}

/// The text of a value as it is typed into a form.
fn typed_text(value: ValueRef<'_>, zone: &Zone) -> String {
    match value {
        ValueRef::Time(Some(time)) => zone.typed(time),
        other => other.to_string(),
    }
}

/// What a field was when the form was shown.
fn was(user: &User, field: Field, sent: &Sent) -> String {
    sent.get(&format!("was.{field}")).cloned().unwrap_or_else(|| user.get(field).to_string())
}

/// Whether two texts of a field are one: what a browser makes of lines is no change of them.
fn same(field: Field, one: &str, other: &str) -> bool {
    let shown = |text: &str| match field {
        Field::Description => text.replace("\r\n", "\n"),
        _ => text.replace(['\n', '\r'], ""),
    };
    shown(one) == shown(other)
}

/// What was typed into a field that was changed there. The others stay as they are by now.
fn edited(user: &User, field: Field, sent: &Sent) -> Option<String> {
    let typed = sent.get(field.name())?.replace("\r\n", "\n");
    (!same(field, &typed, &was(user, field, sent))).then_some(typed)
}

/// What a form asks for.
enum Asks {
    Edit(Vec<UserEdit>),
    Remove,
}

fn read(app: &App, user: &User, sent: &Sent) -> Result<Asks, Problem> {
    let text = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let kind = if text("kind") == "check" { ItemKind::Check } else { ItemKind::Reply };
    let edit = match text("act").as_str() {
        "edit" => {
            let changed = EDITABLE.into_iter().filter_map(|field| Some((field, edited(user, field, sent)?)));
            let (fields, faults) = read_fields(app, changed);
            if let Some(first) = faults.first() {
                return Err(Problem::invalid(first.detail.clone()).with(faults));
            }
            return Ok(Asks::Edit(
                fields.into_iter().map(|(field, value)| UserEdit::Set(field, value)).collect(),
            ));
        }
        "profile_add" => UserEdit::ProfileAdd(text("profile")),
        "profile_remove" => UserEdit::ProfileRemove(text("profile")),
        "item_add" => {
            let item = Item::new(kind, text("attr").trim(), &text("operation"), &text("value"));
            UserEdit::ItemAdd(kind, item?)
        }
        "item_remove" => UserEdit::ItemRemove {
            kind,
            attr: text("attr"),
            value: text("value"),
            operation: Operator::ALL.into_iter().find(|operator| operator.as_str() == text("operation")),
        },
        "password" if text("password").is_empty() => return Err(Problem::invalid(messages::TYPE_PASSWORD)),
        "password" => UserEdit::Password(Secret::new(text("password"))),
        "password_remove" => UserEdit::Password(Secret::new("")),
        "remove" if text("typed") == user.username => return Ok(Asks::Remove),
        "remove" => return Err(Problem::invalid(messages::type_name(&user.username))),
        other => return Err(Problem::invalid(messages::no_such_act(other))),
    };
    Ok(Asks::Edit(vec![edit]))
}

/// Whatever a form of the page asks for.
pub(super) async fn change(
    visitor: Visitor,
    Path(username): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Problem> {
    let asked = Asked { tab: sent.get("tab").cloned().unwrap_or_default(), ..Asked::default() };
    let (app, name, typed) = (visitor.app.clone(), username.clone(), sent.clone());
    let done = crate::aside(move || {
        let version = sent.get("version").and_then(|version| version.parse().ok());
        let version: i64 = version.ok_or_else(|| Problem::invalid(messages::SAY_VERSION))?;
        let user = app.users().find(&name)?;
        match read(&app, &user, &sent)? {
            Asks::Edit(edits) => Ok(Some(app.users().edit(&name, edits, Some(version))?.0.username)),
            Asks::Remove => {
                app.users().remove(&name, Some(version))?;
                Ok(None)
            }
        }
    });
    match done.await {
        Ok(Some(name)) => {
            let there = Address::new(routes::user(&name));
            Ok(see(there.with("tab", tab(&asked.tab)).with("done", "saved").text()))
        }
        Ok(None) => Ok(see(Address::new(routes::USERS).with("done", "removed").text())),
        Err(problem) if problem.status() == axum::http::StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => show(visitor.told(problem), username, asked, typed).await,
    }
}
