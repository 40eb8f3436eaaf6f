//! Named sets of RADIUS items.

use askama::Template;
use axum::response::Response;
use rollcall_app::{App, Expected, revision};
use rollcall_domain::{Item, ItemKind, Profile};
use serde::Deserialize;

use super::address::Address;
use super::form::{SaveOrRemove, Sent, Trimmed, TypedForm};
use super::layout::{Shell, Visitor};
use super::messages;
use super::see;
use super::template::routes;
use crate::aside;
use crate::extract::{Path, Query};
use crate::problem::{Fault, Problem};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    done: String,
}

#[derive(Template)]
#[template(path = "profiles.html")]
struct ListPage {
    shell: Shell,
    done: String,
    profiles: Vec<Profile>,
    organizations: Vec<String>,
    sent: Sent,
}

impl ListPage {
    fn sent(&self, name: &str) -> &str {
        self.sent.get(name).map_or("", String::as_str)
    }
}

#[derive(Template)]
#[template(path = "profile.html")]
struct Page {
    shell: Shell,
    done: String,
    profile: Profile,
    seen: String,
    reply: String,
    check: String,
    /// What FreeRADIUS would reject whoever has it for.
    warnings: Vec<String>,
}

async fn show_list(visitor: Visitor, done: String, sent: Sent) -> Result<Response, Problem> {
    let page = move |app: &App, shell| {
        let organizations = app.organizations().list()?.into_iter().map(|each| each.name).collect();
        Ok(ListPage { shell, done, profiles: app.profiles().list()?, organizations, sent })
    };
    visitor.page("profiles", page).await
}

pub(super) async fn list(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    show_list(visitor, asked.done, Sent::new()).await
}

/// The items of a profile as they are typed: a line an item.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ItemFields {
    reply: String,
    check: String,
}

impl ItemFields {
    /// Reads the reply items and the check items.
    ///
    /// # Errors
    ///
    /// If lines are no items: all of them, with their numbers.
    fn read(&self) -> Result<(Vec<Item>, Vec<Item>), Problem> {
        Ok((items("reply", &self.reply, ItemKind::Reply)?, items("check", &self.check, ItemKind::Check)?))
    }
}

fn items(name: &str, text: &str, kind: ItemKind) -> Result<Vec<Item>, Problem> {
    let (mut items, mut faults) = (Vec::new(), Vec::new());
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match Item::parse(kind, line) {
            Ok(item) => items.push(item),
            Err(why) => {
                faults.push(Fault::plain(messages::in_line(name, at + 1, why)));
            }
        }
    }
    match faults.first() {
        None => Ok(items),
        Some(first) => Err(Problem::invalid(first.detail.clone()).with(faults)),
    }
}

/// The form of a new profile.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct NewProfileForm {
    short_name: Trimmed,
    organization: Trimmed,
    #[serde(flatten)]
    items: ItemFields,
}

pub(super) async fn add(
    visitor: Visitor,
    TypedForm(form, sent): TypedForm<NewProfileForm>,
) -> Result<Response, Problem> {
    let app = visitor.app.clone();
    let added = aside(move || {
        let name = &*form.short_name;
        let (reply, check) = form.items.read()?;
        app.profiles().add(name, form.organization.filled(), &reply, &check)?;
        let warned = !app.radius().list_warnings(reply.iter().chain(&check))?.is_empty();
        Ok(warned.then(|| Address::new(routes::profile(name)).with("done", "added").text()))
    });
    match added.await {
        // What FreeRADIUS would say to it is told on its own page.
        Ok(own_page) => Ok(see(own_page.as_deref().unwrap_or("/profiles?done=added"))),
        Err(problem) => show_list(visitor.told(problem), String::new(), sent).await,
    }
}

fn lines(items: &[Item]) -> String {
    items.iter().map(|item| format!("{item}\n")).collect()
}

async fn show(visitor: Visitor, name: String, done: String, sent: Sent) -> Result<Response, Problem> {
    let page = move |app: &App, shell| {
        let profile = app.profiles().find(&name)?;
        let typed = |name: &str, is: &[Item]| sent.get(name).cloned().unwrap_or_else(|| lines(is));
        let seen = sent.get("seen").cloned().unwrap_or_else(|| revision(&profile));
        let (reply, check) = (typed("reply", &profile.reply), typed("check", &profile.check));
        let warnings = app.radius().list_warnings(profile.reply.iter().chain(&profile.check))?;
        Ok(Page { shell, done, seen, reply, check, profile, warnings })
    };
    visitor.page("profiles", page).await
}

pub(super) async fn page(
    visitor: Visitor,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    show(visitor, name, asked.done, Sent::new()).await
}

/// The form of one profile.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ProfileForm {
    act: SaveOrRemove,
    /// The revision that was shown.
    seen: String,
    #[serde(flatten)]
    items: ItemFields,
}

pub(super) async fn change(
    visitor: Visitor,
    Path(name): Path<String>,
    TypedForm(form, sent): TypedForm<ProfileForm>,
) -> Result<Response, Problem> {
    let (app, wanted, act) = (visitor.app.clone(), name.clone(), form.act);
    let done = aside(move || {
        let expected = Expected::Revision(&form.seen);
        match act {
            SaveOrRemove::Remove => app.profiles().remove_if_match(&wanted, expected)?,
            SaveOrRemove::Save => {
                let (reply, check) = form.items.read()?;
                app.profiles().edit(&wanted, &reply, &check, expected)?;
            }
        }
        Ok(())
    });
    match done.await {
        Ok(()) => Ok(see(match act {
            SaveOrRemove::Save => Address::new(routes::profile(&name)).with("done", "saved"),
            SaveOrRemove::Remove => Address::new(routes::PROFILES).with("done", "removed"),
        }
        .text())),
        Err(problem) => show(visitor.told(problem), name, String::new(), sent).await,
    }
}
