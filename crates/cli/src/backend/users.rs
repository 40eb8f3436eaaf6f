//! The subscribers.

use std::collections::BTreeSet;
use std::io::Write;

use rollcall_api::{Change, HistoryEntry, PlannedReply, RadiusReply, User};
use rollcall_app::wire::{self, UserFormat};
use rollcall_app::{SelectedUsers, UserSelection};
use rollcall_client::{Client, UserFile, UserQuery, VersionedUser};
use rollcall_domain::{self as domain, Field, Rejection, RunId, UserId, UserPassword};
use serde_json::Map;

use super::{Backend, Items, local, remote};

/// The users that are selected.
#[derive(Debug)]
pub(crate) enum Selected {
    /// As it was read here.
    Local(Box<SelectedUsers>),
    /// As it was typed: a server reads it.
    Remote(UserQuery),
}

/// A user that was read, for a change that is conditional on its version.
pub(crate) enum SeenUser {
    /// In a database.
    Local(Box<domain::User>),
    /// On a server.
    Remote(Box<VersionedUser>),
}

fn query(UserSelection { filter, search, .. }: &UserSelection) -> UserQuery {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    UserQuery { filter: some(filter), search: some(search) }
}

impl Backend {
    /// Reads a selection of users. A server finds what is wrong with its filter when it is used.
    pub(crate) fn select(&self, selection: &UserSelection) -> anyhow::Result<Selected> {
        match self {
            Self::Local(app) => Ok(Selected::Local(Box::new(app.users().select(selection)?))),
            Self::Remote(_) => Ok(Selected::Remote(query(selection))),
        }
    }

    /// The number of users that a filter selects.
    pub(crate) fn count_users(&self, filter: &str) -> anyhow::Result<u64> {
        match self {
            Self::Local(app) => Ok(app.users().count(Some(&app.filters().parse(filter)?.tree))?),
            Self::Remote(client) => Ok(client.count_users(filter)?.users),
        }
    }

    /// The users that are selected.
    pub(crate) fn users<'a>(&'a self, selected: &'a Selected) -> anyhow::Result<Items<'a, User>> {
        match (self, selected) {
            (_, Selected::Local(selected)) => Ok(local(selected.all()?)),
            (Self::Remote(client), Selected::Remote(query)) => Ok(remote(client.users(query)?)),
            (Self::Local(_), Selected::Remote(_)) => anyhow::bail!("the selection was not read here"),
        }
    }

    /// Writes the users that are selected: as CSV, where `raw` leaves texts as they are, or as JSON lines.
    pub(crate) fn export_users(
        &self,
        selection: &UserSelection,
        json: bool,
        raw: bool,
        mut out: impl Write,
    ) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => {
                let format = if json { UserFormat::Json } else { UserFormat::Csv { raw } };
                wire::export_users(app, selection, format, out)
            }
            Self::Remote(client) => {
                let file = if json { UserFile::Json } else { UserFile::Csv { raw } };
                Ok(client.export_users(&query(selection), file, &mut out)?)
            }
        }
    }

    /// The user of this name.
    pub(crate) fn user(&self, username: &str) -> anyhow::Result<User> {
        match self {
            Self::Local(app) => Ok(app.users().find(username)?.into()),
            Self::Remote(client) => Ok(client.user(username)?.user),
        }
    }

    /// The user of this name, to be changed as it is now.
    pub(crate) fn see_user(&self, username: &str) -> anyhow::Result<(User, SeenUser)> {
        match self {
            Self::Local(app) => {
                let user = app.users().find(username)?;
                Ok((user.clone().into(), SeenUser::Local(Box::new(user))))
            }
            Self::Remote(client) => {
                let seen = client.user(username)?;
                Ok((seen.user.clone(), SeenUser::Remote(Box::new(seen))))
            }
        }
    }

    /// Everything that was changed of a user, newest first.
    pub(crate) fn history(&self, id: UserId) -> anyhow::Result<Items<'_, HistoryEntry>> {
        match self {
            Self::Local(app) => Ok(local(app.users().list_history(id)?)),
            Self::Remote(client) => Ok(remote(client.history(id)?)),
        }
    }

    /// Sets fields of one user: `FIELD=VALUE` each, all of them or none; gives what changed.
    pub(crate) fn set_user(&self, username: &str, assignments: &[String]) -> anyhow::Result<Vec<Change>> {
        match self {
            Self::Local(app) => {
                Ok(app.users().assign_fields(username, assignments)?.into_iter().map(Change::from).collect())
            }
            Self::Remote(client) => self.set_user_by(client, username, assignments),
        }
    }

    fn set_user_by(
        &self,
        client: &Client,
        username: &str,
        assignments: &[String],
    ) -> anyhow::Result<Vec<Change>> {
        let before = client.user(username)?;
        let (mut fields, mut assigned, mut faults) = (Map::new(), BTreeSet::new(), Vec::new());
        for assignment in assignments {
            match Field::assignment(assignment, self.zone()?) {
                Ok((field, _)) if !assigned.insert(field) => {
                    faults.push(format!("{field} is assigned twice"));
                }
                Ok((field, value)) => {
                    drop(fields.insert(field.name().to_owned(), serde_json::to_value(value)?));
                }
                Err(why) => faults.push(why.to_string()),
            }
        }
        if !faults.is_empty() {
            return Err(Rejection::new(faults.join("\n")).into());
        }
        let after = client.set_fields(&before, &fields)?;
        let mut changes = before.changed_fields(&after);
        // It follows every edit, and is told only where it was asked for.
        changes.retain(|change| {
            !matches!(change, Change::Set(set) if set.field == Field::LastUpdate)
                || assigned.contains(&Field::LastUpdate)
        });
        Ok(changes)
    }

    /// Sets the RADIUS password of a user; none: it has no password.
    pub(crate) fn set_user_password(
        &self,
        username: &str,
        password: Option<&UserPassword>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => Ok(app.users().set_password(username, password)?),
            Self::Remote(client) => {
                let text = password.map(UserPassword::text);
                let text = text.as_ref().map_or("", |text| text.reveal());
                Ok(client.set_user_password(username, text)?)
            }
        }
    }

    /// The answer of FreeRADIUS to a user.
    pub(crate) fn radius_reply(&self, username: &str) -> anyhow::Result<RadiusReply> {
        match self {
            Self::Local(app) => Ok(app.radius().compute_reply(&app.users().find(username)?)?.into()),
            Self::Remote(client) => Ok(client.radius_reply(username)?),
        }
    }

    /// The answer of FreeRADIUS to a user now, and once a preview is applied.
    pub(crate) fn planned_reply(&self, preview: RunId, username: &str) -> anyhow::Result<PlannedReply> {
        match self {
            Self::Local(app) => {
                let (before, after) = app.radius().compute_planned_replies_for(preview, username)?;
                Ok(PlannedReply { before: before.into(), after: after.into() })
            }
            Self::Remote(client) => Ok(client.planned_reply(preview, username)?),
        }
    }

    /// Removes a user, if it is still as it was read.
    pub(crate) fn remove_user(&self, seen: &SeenUser) -> anyhow::Result<()> {
        match (self, seen) {
            (Self::Local(app), SeenUser::Local(user)) => Ok(app.users().remove_unchanged(user)?),
            (Self::Remote(client), SeenUser::Remote(user)) => Ok(client.remove_user(user)?),
            _ => anyhow::bail!("the user was read elsewhere"),
        }
    }
}
