//! Administrators, settings and workers.

use askama::Template;
use axum::Form;
use axum::response::Response;
use rollcall_app::radius::RadiusRecords;
use rollcall_app::runs::WorkerInfo;
use rollcall_app::{Age, App};
use rollcall_domain::{Above, Administrator, Grant, Organization, Right, Role, Secret, Zone, check_password};

use super::address::Address;
use super::layout::{Shell, Visitor};
use super::messages;
use super::see;
use super::template::{filters, routes};
use super::users::Sent;
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

/// A role and where it holds, as a form says it.
pub(super) fn grant(app: &App, sent: &Sent) -> Result<Grant, Problem> {
    let text = |name: &str| sent.get(name).map(|text| text.trim()).unwrap_or_default();
    let role: Role = text("role").parse()?;
    let organization_id = match text("organization") {
        "" => None,
        name => {
            let known = app.organizations().list()?;
            let found = known.iter().find(|each| each.name == name);
            let missing = || Problem::invalid(messages::no_organization(name));
            Some(found.ok_or_else(missing)?.id)
        }
    };
    Ok(Grant { role, organization_id })
}

pub(super) async fn change(visitor: Visitor, Form(mut sent): Form<Sent>) -> Result<Response, Problem> {
    let (app, typed) = (visitor.app.clone(), sent.clone());
    let done = aside(move || {
        let text = |name: &str| typed.get(name).map(|text| text.trim()).unwrap_or_default();
        let value = Some(text("value")).filter(|value| !value.is_empty());
        match text("act") {
            "prune_after" => app.settings().set_prune_after(value.map(str::parse::<Age>).transpose()?)?,
            "prune_logins_after" => {
                app.settings()
                    .set_radius_retention(RadiusRecords::Logins, value.map(str::parse::<Age>).transpose()?)?;
            }
            "prune_accounting_after" => {
                app.settings().set_radius_retention(
                    RadiusRecords::Sessions,
                    value.map(str::parse::<Age>).transpose()?,
                )?;
            }
            "four_eyes_above" => {
                app.settings().set_four_eyes_above(value.map(str::parse::<Above>).transpose()?)?;
            }
            "time_zone" => {
                app.settings().set_time_zone(value.map(str::parse::<Zone>).transpose()?.as_ref())?;
            }
            "strict_attributes" => app.settings().set_strict_attributes(match value {
                Some("yes") => true,
                Some("no") => false,
                _ => return Err(Problem::invalid(messages::YES_OR_NO)),
            })?,
            _ => {
                let name = text("name");
                let password = Secret::new(typed.get("password").cloned().unwrap_or_default());
                check_password(name, &password)?;
                app.administrators().add(name, &[grant(&app, &typed)?])?;
                let (credentials, who) = app.administrators().open_credentials(name)?;
                credentials.set_password(&who, &password, None)?;
                return Ok(Some(name.to_owned()));
            }
        }
        Ok(None)
    });
    match done.await {
        Ok(Some(name)) => Ok(see(Address::new(routes::administrator(&name)).text())),
        Ok(None) => Ok(see(routes::ADMINISTRATION)),
        Err(problem) => {
            sent.remove("password");
            show(visitor.told(problem), sent).await
        }
    }
}
