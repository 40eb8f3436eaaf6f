//! Columns of the list of users, which the browser keeps.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use rollcall_domain::{Field, Timestamp, User, ValueRef};
use serde::Deserialize;

use super::address::ours;
use super::form::{Sent, TypedForm};
use super::layout::Shell;
use super::messages as texts;
use super::see;
use super::view::{Badge, words};

const COOKIE: &str = "rollcall-columns";

/// What a column shows, beside the name, which is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Field(Field),
    Organization,
    Profiles,
}

/// What stands in a row.
pub(super) enum Cell {
    State(Badge),
    Text(String),
    Number(i64),
    Moment(String),
    /// There is no moment.
    Never,
}

impl Column {
    /// Every one, in the order in which they stand.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let shown = |field: &Field| !matches!(field, Field::Username | Field::OrganizationId | Field::ObjId);
        let first = [Self::Field(Field::IsActive)];
        let fields = Field::ALL.into_iter().filter(shown).map(Self::Field);
        let last = [Self::Organization, Self::Profiles, Self::Field(Field::ObjId)];
        first.into_iter().chain(fields.filter(|each| *each != Self::Field(Field::IsActive))).chain(last)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Field(field) => field.name(),
            Self::Organization => "organization",
            Self::Profiles => "profiles",
        }
    }

    pub(super) fn title(self) -> String {
        match self {
            Self::Field(Field::IsActive) => texts::STATE.to_owned(),
            Self::Field(Field::Klass) => texts::CLASS.to_owned(),
            Self::Field(Field::Expiration) => texts::EXPIRES.to_owned(),
            Self::Field(Field::ExternalId) => texts::EXTERNAL_ID.to_owned(),
            Self::Field(Field::AvatarUrl) => texts::PICTURE.to_owned(),
            Self::Field(Field::ObjId) => texts::NUMBER.to_owned(),
            other => {
                let name = words(other.name());
                name[..1].to_uppercase() + &name[1..]
            }
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Field(Field::ObjId | Field::UsernameLength))
    }

    fn is_usual(self) -> bool {
        use Field::{Expiration, FirstName, IsActive, Klass, LastName, ObjId};
        match self {
            Self::Field(field) => [IsActive, FirstName, LastName, Klass, Expiration, ObjId].contains(&field),
            Self::Organization | Self::Profiles => true,
        }
    }

    /// The cell of a user in an organization of this name, on a page at the moment `now`.
    pub(super) fn cell(self, user: &User, organization: &str, now: Timestamp, shell: &Shell) -> Cell {
        match self {
            Self::Field(Field::IsActive) => Cell::State(Badge::of_user(user.status(now))),
            Self::Field(field) => match user.get(field) {
                ValueRef::Int(value) => Cell::Number(value),
                ValueRef::Time(None) => Cell::Never,
                ValueRef::Time(Some(time)) => Cell::Moment(shell.moment(time)),
                other => Cell::Text(other.to_string()),
            },
            Self::Organization => Cell::Text(organization.to_owned()),
            Self::Profiles => {
                let names: Vec<_> = user.profiles.iter().map(|each| each.short_name.as_str()).collect();
                Cell::Text(names.join(", "))
            }
        }
    }
}

/// What a browser wants to see; what it keeps of columns that are no more is left out.
pub(super) fn wanted(headers: &HeaderMap) -> Vec<Column> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|each| each.to_str().ok());
    let mut each = cookies.flat_map(|all| all.split(';')).filter_map(|one| one.trim().split_once('='));
    match each.find(|(name, _)| *name == COOKIE) {
        Some((_, names)) => {
            Column::all().filter(|each| names.split('.').any(|name| name == each.name())).collect()
        }
        None => Column::all().filter(|each| each.is_usual()).collect(),
    }
}

/// The acts of the form. Its main button has no name, and keeps the choice.
#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ColumnsAct {
    #[default]
    Choose,
    /// The usual columns again.
    Usual,
}

/// The form that chooses columns.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ColumnsForm {
    act: ColumnsAct,
    next: Option<String>,
    /// The boxes that are checked: `column.NAME`.
    #[serde(flatten)]
    boxes: Sent,
}

/// Keeps what was chosen.
pub(super) async fn choose(TypedForm(form, _): TypedForm<ColumnsForm>) -> Response {
    let mut answer = see(ours(form.next.as_deref()));
    let is_chosen = |name: &&str| form.boxes.contains_key(&format!("column.{name}"));
    let chosen: Vec<_> = Column::all().map(Column::name).filter(is_chosen).collect();
    let (value, seconds) = match form.act {
        ColumnsAct::Usual => (String::new(), 0),
        ColumnsAct::Choose if chosen.is_empty() => ("none".to_owned(), 31_536_000),
        ColumnsAct::Choose => (chosen.join("."), 31_536_000),
    };
    let cookie = format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; SameSite=Lax; HttpOnly");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}
