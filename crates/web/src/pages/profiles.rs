//! Named sets of RADIUS items.

use askama::Template;
use axum::Form;
use axum::response::Response;
use rollcall_app::{App, Expected, revision};
use rollcall_domain::{Item, ItemKind, Profile};
use serde::Deserialize;

use super::address::Address;
use super::layout::{Shell, Visitor};
use super::messages;
use super::see;
use super::template::routes;
use super::users::Sent;
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

/// A line an item; all that are wrong are told, with their lines.
fn items(sent: &Sent, kind: ItemKind) -> Result<Vec<Item>, Problem> {
    let name = if kind == ItemKind::Reply { "reply" } else { "check" };
    let text = sent.get(name).map(String::as_str).unwrap_or_default();
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

pub(super) async fn add(visitor: Visitor, Form(sent): Form<Sent>) -> Result<Response, Problem> {
    let (app, typed) = (visitor.app.clone(), sent.clone());
    let added = aside(move || {
        let text = |name: &str| typed.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        let name = text("short_name").unwrap_or_default();
        let (reply, check) = (items(&typed, ItemKind::Reply)?, items(&typed, ItemKind::Check)?);
        app.profiles().add(name, text("organization"), &reply, &check)?;
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

pub(super) async fn change(
    visitor: Visitor,
    Path(name): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, Problem> {
    let (app, typed, wanted) = (visitor.app.clone(), sent.clone(), name.clone());
    let removes = sent.get("act").is_some_and(|act| act == "remove");
    let done = aside(move || {
        let seen = typed.get("seen").map(String::as_str).unwrap_or_default();
        if removes {
            return Ok(app.profiles().remove_if_match(&wanted, Expected::Revision(seen))?);
        }
        let (reply, check) = (items(&typed, ItemKind::Reply)?, items(&typed, ItemKind::Check)?);
        app.profiles().edit(&wanted, &reply, &check, Expected::Revision(seen))?;
        Ok(())
    });
    match done.await {
        Ok(()) if removes => Ok(see(Address::new(routes::PROFILES).with("done", "removed").text())),
        Ok(()) => Ok(see(Address::new(routes::profile(&name)).with("done", "saved").text())),
        Err(problem) => show(visitor.told(problem), name, String::new(), sent).await,
    }
}
