//! One user, and the forms that change it.

use askama::Template;
use axum::response::Response;
use rollcall_app::{App, UserEdit};
use rollcall_domain::{ByRun, Event};
use rollcall_domain::{
    Clock, Field, Item, ItemKind, ItemRow, Kind, Operator, Profile, Reply, Secret, SystemClock, User,
    ValueRef, Zone,
};
use serde::Deserialize;

use super::address::Address;
use super::form::{Sent, Trimmed, TypedForm};
use super::layout::{Shell, Visitor};
use super::messages;
use super::see;
use super::selection::SelectionQuery;
use super::template::{filters, routes};
use super::users::read_fields;
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

/// A form of the page.
#[derive(Deserialize)]
pub(super) struct UserForm {
    #[serde(default)]
    tab: String,
    /// The version of the user that was shown.
    #[serde(default)]
    version: Trimmed,
    #[serde(flatten)]
    act: UserAct,
}

impl UserForm {
    fn version(&self) -> Result<i64, Problem> {
        self.version.parse().map_err(|_| Problem::invalid(messages::SAY_VERSION))
    }
}

/// The acts of the page.
#[derive(Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
enum UserAct {
    /// Fields are read as they were sent, since only those that the administrator changed are written.
    Edit,
    ProfileAdd {
        #[serde(default)]
        profile: String,
    },
    ProfileRemove {
        #[serde(default)]
        profile: String,
    },
    ItemAdd(ItemFields),
    ItemRemove(ItemFields),
    Password {
        #[serde(default)]
        password: String,
    },
    PasswordRemove,
    Remove {
        #[serde(default)]
        typed: String,
    },
}

/// The list of items that a form is about.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ItemList {
    #[default]
    Reply,
    Check,
}

impl From<ItemList> for ItemKind {
    fn from(list: ItemList) -> Self {
        match list {
            ItemList::Reply => Self::Reply,
            ItemList::Check => Self::Check,
        }
    }
}

/// One item as it is typed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ItemFields {
    kind: ItemList,
    attr: String,
    operation: String,
    value: String,
}

/// What a form asks for.
enum Asks {
    Edit(Vec<UserEdit>),
    Remove,
}

impl UserAct {
    /// Reads the edits of a user that the act stands for; `sent` has the fields as they were typed.
    fn read(self, app: &App, user: &User, sent: &Sent) -> Result<Asks, Problem> {
        let edit = match self {
            Self::Edit => return field_edits(app, user, sent).map(Asks::Edit),
            Self::ProfileAdd { profile } => UserEdit::ProfileAdd(profile),
            Self::ProfileRemove { profile } => UserEdit::ProfileRemove(profile),
            Self::ItemAdd(ItemFields { kind, attr, operation, value }) => {
                let kind = kind.into();
                UserEdit::ItemAdd(kind, Item::new(kind, attr.trim(), &operation, &value)?)
            }
            Self::ItemRemove(ItemFields { kind, attr, operation, value }) => UserEdit::ItemRemove {
                kind: kind.into(),
                attr,
                value,
                operation: Operator::ALL.into_iter().find(|operator| operator.as_str() == operation),
            },
            Self::Password { password } if password.is_empty() => {
                return Err(Problem::invalid(messages::TYPE_PASSWORD));
            }
            Self::Password { password } => UserEdit::Password(Secret::new(password)),
            Self::PasswordRemove => UserEdit::Password(Secret::new("")),
            Self::Remove { typed } if typed == user.username => return Ok(Asks::Remove),
            Self::Remove { .. } => return Err(Problem::invalid(messages::type_name(&user.username))),
        };
        Ok(Asks::Edit(vec![edit]))
    }
}

fn field_edits(app: &App, user: &User, sent: &Sent) -> Result<Vec<UserEdit>, Problem> {
    let changed = EDITABLE.into_iter().filter_map(|field| Some((field, edited(user, field, sent)?)));
    let (fields, faults) = read_fields(app, changed);
    if let Some(first) = faults.first() {
        return Err(Problem::invalid(first.detail.clone()).with(faults));
    }
    Ok(fields.into_iter().map(|(field, value)| UserEdit::Set(field, value)).collect())
}

/// Submits a form of the page.
pub(super) async fn change(
    visitor: Visitor,
    Path(username): Path<String>,
    TypedForm(form, sent): TypedForm<UserForm>,
) -> Result<Response, Problem> {
    let asked = Asked { tab: form.tab.clone(), ..Asked::default() };
    let (app, name, typed) = (visitor.app.clone(), username.clone(), sent.clone());
    let done = crate::aside(move || {
        let version = form.version()?;
        let user = app.users().find(&name)?;
        match form.act.read(&app, &user, &sent)? {
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
