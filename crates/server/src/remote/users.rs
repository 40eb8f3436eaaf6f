//! The subscribers.

use std::collections::BTreeSet;

use rollcall_app::{SelectedUsers, UserSelection};
use rollcall_domain::{Change, Field, Refusal, Reply, RunId, User, UserId, UserPassword, diff};
use rollcall_store::Event;
use serde_json::{Map, json};
use ureq::Body;
use ureq::http::{HeaderMap, HeaderValue, Method, header};

use super::{Address, Client, Items, Site, here, there};
use crate::contract::{self, Count};

/// Which users are wanted.
#[derive(Debug)]
pub(crate) enum Selected {
    /// As it was read here.
    Read(Box<SelectedUsers>),
    /// As it was typed: a server reads it.
    Typed(UserSelection),
}

/// An address with a selection of users.
pub(crate) fn asking_for(address: Address, UserSelection { filter, search, .. }: &UserSelection) -> Address {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    address.with("filter", some(filter)).with("search", some(search))
}

impl Site {
    /// Reads a selection of users. A server finds what is wrong with its filter when it is used.
    pub(crate) fn select(&self, selection: UserSelection) -> anyhow::Result<Selected> {
        match self {
            Self::Here(app) => Ok(Selected::Read(Box::new(app.select_users(&selection)?))),
            Self::There(_) => Ok(Selected::Typed(selection)),
        }
    }

    /// How many users a filter selects.
    pub(crate) fn count_users(&self, filter: &str) -> anyhow::Result<u64> {
        match self {
            Self::Here(app) => Ok(app.count_users(Some(&app.filter(filter)?.tree))?),
            Self::There(client) => {
                let asked = json!({ "filter": filter });
                Ok(client.tell::<Count>(Method::POST, &Address::of(&["filter-checks"]), &asked)?.users)
            }
        }
    }

    /// The users that are selected.
    pub(crate) fn users<'a>(&'a self, selected: &'a Selected) -> anyhow::Result<Items<'a, User>> {
        match (self, selected) {
            (_, Selected::Read(selected)) => Ok(here(selected.all()?)),
            (Self::There(client), Selected::Typed(selection)) => {
                let address = asking_for(Address::of(&["users"]), selection);
                Ok(there(client.pages::<contract::User>(address)?))
            }
            (Self::Here(_), Selected::Typed(_)) => anyhow::bail!("the selection was not read here"),
        }
    }

    /// The user of this name.
    pub(crate) fn user(&self, username: &str) -> anyhow::Result<User> {
        match self {
            Self::Here(app) => Ok(app.user(username)?),
            Self::There(client) => client.user(username),
        }
    }

    /// Everything that was changed of a user, newest first.
    pub(crate) fn history(&self, id: UserId) -> anyhow::Result<Items<'_, Event>> {
        match self {
            Self::Here(app) => Ok(here(app.history(id)?)),
            Self::There(client) => {
                Ok(there(client.pages::<contract::Event>(Address::of(&["history", &id.to_string()]))?))
            }
        }
    }

    /// Assigns fields of one user by hand: `FIELD=VALUE` each. All of them or none; what changed comes back.
    pub(crate) fn set_user(&self, username: &str, assignments: &[String]) -> anyhow::Result<Vec<Change>> {
        match self {
            Self::Here(app) => Ok(app.set_user(username, assignments)?),
            Self::There(client) => client.set_user(username, assignments),
        }
    }

    /// Gives a user another password for RADIUS, or none.
    pub(crate) fn set_user_password(
        &self,
        username: &str,
        password: Option<&UserPassword>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Here(app) => Ok(app.set_user_password(username, password)?),
            Self::There(client) => {
                let text = password.map(UserPassword::text);
                let patch = json!({ "password": text.as_ref().map_or("", |text| text.reveal()) });
                client.say(Method::PATCH, &Address::of(&["users", username]), &HeaderMap::new(), &patch)?;
                Ok(())
            }
        }
    }

    /// What FreeRADIUS answers to a user.
    pub(crate) fn radius_reply(&self, username: &str) -> anyhow::Result<Reply> {
        match self {
            Self::Here(app) => Ok(app.radius_reply(&app.user(username)?)?),
            Self::There(client) => {
                Ok(client.get::<contract::Reply>(&Address::of(&["users", username, "reply"]))?.into())
            }
        }
    }

    /// The same now, and once a preview is applied.
    pub(crate) fn planned_reply_to(&self, preview: RunId, username: &str) -> anyhow::Result<(Reply, Reply)> {
        match self {
            Self::Here(app) => Ok(app.planned_reply_to(preview, username)?),
            Self::There(client) => {
                let address = Address::of(&["users", username, "planned-reply"]);
                let planned: contract::PlannedReply = client.get(&address.with("preview", Some(preview)))?;
                Ok((planned.before.into(), planned.after.into()))
            }
        }
    }

    /// Removes a user as it was seen.
    pub(crate) fn remove_user(&self, user: &User) -> anyhow::Result<()> {
        match self {
            Self::Here(app) => Ok(app.remove_user(user)?),
            Self::There(client) => {
                client.remove(&Address::of(&["users", &user.username]), &as_seen(user))?;
                Ok(())
            }
        }
    }
}

/// That a user is still as it was seen.
fn as_seen(user: &User) -> HeaderMap {
    let tag = HeaderValue::from_str(&format!("\"v{}\"", user.version));
    tag.into_iter().map(|tag| (header::IF_MATCH, tag)).collect()
}

impl Client {
    fn user(&self, username: &str) -> anyhow::Result<User> {
        self.read_user(self.ask(&Address::of(&["users", username]))?)
    }

    /// A user with the version that its tag names.
    fn read_user(&self, answer: ureq::http::Response<Body>) -> anyhow::Result<User> {
        let tag = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let version = tag.and_then(|tag| tag.trim_matches('"').strip_prefix('v')?.parse().ok());
        let user = self.read::<contract::User>(answer)?;
        Ok(User { version: version.unwrap_or_default(), ..user.into() })
    }

    fn set_user(&self, username: &str, assignments: &[String]) -> anyhow::Result<Vec<Change>> {
        let before = self.user(username)?;
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
            return Err(Refusal::new(faults.join("\n")).into());
        }
        let answer =
            self.say(Method::PATCH, &Address::of(&["users", username]), &as_seen(&before), &fields)?;
        let mut changes = diff(&before, &self.read_user(answer)?);
        // It follows every edit, and is told only where it was asked for.
        changes.retain(|change| {
            !matches!(change, Change::Set(set) if set.field == Field::LastUpdate)
                || assigned.contains(&Field::LastUpdate)
        });
        Ok(changes)
    }
}
