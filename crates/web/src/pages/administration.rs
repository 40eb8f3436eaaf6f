//! Administrators, settings and workers.

use askama::Template;
use axum::response::Response;
use rollcall_app::radius::RadiusRecords;
use rollcall_app::runs::WorkerInfo;
use rollcall_app::{Age, App};
use rollcall_domain::{Above, Administrator, Grant, Organization, Right, Role, Secret, Zone, check_password};
use serde::Deserialize;

use super::address::Address;
use super::form::{Sent, Trimmed, TypedForm};
use super::layout::{Shell, Visitor};
use super::messages;
use super::see;
use super::template::{filters, routes};
use crate::aside;
use crate::problem::Problem;

/// What an administrator may do, everywhere and in each organization.
struct Row {
    administrator: Administrator,
    cells: Vec<String>,
}

#[derive(Template)]
#[template(path = "administration.html")]
struct Page {
    shell: Shell,
    organizations: Vec<Organization>,
    rows: Vec<Row>,
    prune_after: String,
    /// How long what FreeRADIUS writes is kept.
    kept: Vec<(RadiusRecords, String)>,
    four_eyes_above: String,
    /// Whether attributes that FreeRADIUS would reject a user for are refused.
    strict: bool,
    time_zone: String,
    /// The names of all zones.
    zones: Vec<String>,
    workers: Vec<WorkerInfo>,
    /// Whether all of it may be changed.
    everywhere: bool,
    sent: Sent,
}

impl Page {
    fn sent(&self, name: &str) -> &str {
        self.sent.get(name).map_or("", String::as_str)
    }
}

fn row(administrator: Administrator, organizations: &[Organization]) -> Row {
    let places = std::iter::once(None).chain(organizations.iter().map(|each| Some(each.id)));
    let cell = |place| {
        let roles = administrator.rights.grants().filter(|grant| grant.organization_id == place);
        roles.map(|grant| grant.role.name()).collect::<Vec<_>>().join(", ")
    };
    Row { cells: places.map(cell).collect(), administrator }
}

async fn show(visitor: Visitor, sent: Sent) -> Result<Response, Problem> {
    let page = move |app: &App, shell: Shell| {
        let organizations = app.organizations().list().unwrap_or_default();
        let administrators = app.administrators().list()?;
        let everywhere = app.actor().rights().cover(&Grant::EVERYTHING);
        let mut kept = Vec::new();
        for past in RadiusRecords::ALL {
            kept.push((
                past,
                app.settings().radius_retention(past)?.map(|age| age.to_string()).unwrap_or_default(),
            ));
        }
        Ok(Page {
            rows: administrators.into_iter().map(|each| row(each, &organizations)).collect(),
            prune_after: app.settings().prune_after()?.map(|age| age.to_string()).unwrap_or_default(),
            kept,
            four_eyes_above: app
                .settings()
                .four_eyes_above()?
                .map(|above| above.to_string())
                .unwrap_or_default(),
            strict: app.settings().strict_attributes()?,
            time_zone: app.settings().time_zone()?.map(|zone| zone.name().to_owned()).unwrap_or_default(),
            zones: if everywhere { Zone::names() } else { Vec::new() },
            workers: app.workers().list()?,
            organizations,
            everywhere,
            shell,
            sent,
        })
    };
    visitor.page("administration", page).await
}

pub(super) async fn page(visitor: Visitor) -> Result<Response, Problem> {
    show(visitor, Sent::new()).await
}

/// The fields of a form for a role and its organization; no organization: all of them.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct GrantFields {
    role: Trimmed,
    organization: Trimmed,
}

impl GrantFields {
    /// Reads the role, and finds the organization.
    pub(super) fn read(&self, app: &App) -> Result<Grant, Problem> {
        let role: Role = self.role.parse()?;
        let organization_id = match self.organization.filled() {
            None => None,
            Some(name) => {
                let known = app.organizations().list()?;
                let found = known.iter().find(|each| each.name == name);
                let missing = || Problem::invalid(messages::no_organization(name));
                Some(found.ok_or_else(missing)?.id)
            }
        };
        Ok(Grant { role, organization_id })
    }
}

/// The forms of the page. A setting without a value is switched off.
#[derive(Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub(super) enum AdministrationForm {
    PruneAfter { value: Trimmed },
    PruneLoginsAfter { value: Trimmed },
    PruneAccountingAfter { value: Trimmed },
    FourEyesAbove { value: Trimmed },
    TimeZone { value: Trimmed },
    StrictAttributes { value: YesOrNo },
    Add(NewAdministrator),
}

/// The choices of a switch.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum YesOrNo {
    Yes,
    No,
}

/// The form that adds an administrator.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct NewAdministrator {
    name: Trimmed,
    password: String,
    #[serde(flatten)]
    grant: GrantFields,
}

impl NewAdministrator {
    /// Adds the administrator, and gives its name.
    fn add(self, app: &App) -> Result<String, Problem> {
        let password = Secret::new(self.password);
        check_password(&self.name, &password)?;
        app.administrators().add(&self.name, &[self.grant.read(app)?])?;
        let (credentials, who) = app.administrators().open_credentials(&self.name)?;
        credentials.set_password(&who, &password, None)?;
        Ok(self.name.to_string())
    }
}

impl AdministrationForm {
    /// Does what the form asks for, and gives the name of an added administrator.
    fn submit(self, app: &App) -> Result<Option<String>, Problem> {
        let settings = app.settings();
        match self {
            Self::PruneAfter { value } => settings.set_prune_after(value.parse_filled::<Age>()?)?,
            Self::PruneLoginsAfter { value } => {
                settings.set_radius_retention(RadiusRecords::Logins, value.parse_filled::<Age>()?)?;
            }
            Self::PruneAccountingAfter { value } => {
                settings.set_radius_retention(RadiusRecords::Sessions, value.parse_filled::<Age>()?)?;
            }
            Self::FourEyesAbove { value } => {
                settings.set_four_eyes_above(value.parse_filled::<Above>()?)?;
            }
            Self::TimeZone { value } => settings.set_time_zone(value.parse_filled::<Zone>()?.as_ref())?,
            Self::StrictAttributes { value } => settings.set_strict_attributes(value == YesOrNo::Yes)?,
            Self::Add(new) => return new.add(app).map(Some),
        }
        Ok(None)
    }
}

pub(super) async fn change(
    visitor: Visitor,
    TypedForm(form, mut sent): TypedForm<AdministrationForm>,
) -> Result<Response, Problem> {
    let app = visitor.app.clone();
    let done = aside(move || form.submit(&app));
    match done.await {
        Ok(Some(name)) => Ok(see(Address::new(routes::administrator(&name)).text())),
        Ok(None) => Ok(see(routes::ADMINISTRATION)),
        Err(problem) => {
            sent.remove("password");
            show(visitor.told(problem), sent).await
        }
    }
}
