//! Reads bodies of requests as types of the domain. Everything that is wrong is reported with its place.

use rollcall_app::UserEdit;
use rollcall_domain::{self as domain, Field, ItemKind, Secret, UserPassword, Zone};
use serde_json::{Map, Value};

use crate::problem::{Fault, Problem};
use rollcall_api::{CreateUserRequest, HiddenText, RadiusItem, RemovedItem, UpdateUserRequest};

/// Reads what was given and collects what is wrong with it.
#[derive(Default)]
struct Reading(Vec<Fault>);

impl Reading {
    fn keep<T>(&mut self, pointer: impl FnOnce() -> String, read: Result<T, domain::Rejection>) -> Option<T> {
        read.map_err(|why| self.0.push(Fault::at(pointer(), why.to_string()))).ok()
    }

    fn fields(&mut self, given: &Map<String, Value>, zone: &Zone) -> Vec<(Field, domain::Value)> {
        let read = |(name, value): (&String, &Value)| {
            let read = name.parse::<Field>().and_then(|field| Ok((field, field.read_json(value, zone)?)));
            self.keep(|| format!("/{}", name.replace('~', "~0").replace('/', "~1")), read)
        };
        given.iter().filter_map(read).collect()
    }

    fn password(&mut self, given: Option<HiddenText>) -> Option<Secret> {
        let given = Secret::new(given?.0);
        self.keep(|| "/password".to_owned(), UserPassword::read(&given))?;
        Some(given)
    }

    fn items(&mut self, pointer: &str, given: Vec<RadiusItem>, kind: ItemKind) -> Vec<domain::Item> {
        let read = |(place, item): (usize, RadiusItem)| {
            let RadiusItem { attr, operation, value } = item;
            let read = domain::Item::new(kind, &attr, operation.as_str(), &value);
            self.keep(|| format!("{pointer}/{place}"), read)
        };
        given.into_iter().enumerate().filter_map(read).collect()
    }

    fn end<T>(self, read: T) -> Result<T, Problem> {
        match self.0.first() {
            None => Ok(read),
            Some(first) => Err(Problem::invalid(first.detail.clone()).with(self.0)),
        }
    }
}

/// The items of a list as the domain wants them; all that are wrong are told.
pub(super) fn items(
    pointer: &str,
    given: Vec<RadiusItem>,
    kind: ItemKind,
) -> Result<Vec<domain::Item>, Problem> {
    let mut reading = Reading::default();
    let items = reading.items(pointer, given, kind);
    reading.end(items)
}

/// A user who is to be.
pub(super) fn new_user(new: CreateUserRequest, zone: &Zone) -> Result<rollcall_app::NewUser, Problem> {
    let mut reading = Reading::default();
    let new = rollcall_app::NewUser {
        organization: new.organization,
        fields: reading.fields(&new.fields, zone),
        profiles: new.profiles,
        attributes: reading.items("/attributes", new.attributes, ItemKind::Reply),
        check_attributes: reading.items("/check_attributes", new.check_attributes, ItemKind::Check),
        password: reading.password(new.password),
    };
    reading.end(new)
}

/// What is to be changed of a user, in this order.
pub(super) fn edits(patch: UpdateUserRequest, zone: &Zone) -> Result<Vec<UserEdit>, Problem> {
    let mut reading = Reading::default();
    let mut edits: Vec<_> = patch.remove_profiles.into_iter().map(UserEdit::ProfileRemove).collect();
    edits.extend(patch.add_profiles.into_iter().map(UserEdit::ProfileAdd));
    for (kind, removed, pointer, added) in [
        (ItemKind::Reply, patch.remove_attributes, "/add_attributes", patch.add_attributes),
        (ItemKind::Check, patch.remove_check_attributes, "/add_check_attributes", patch.add_check_attributes),
    ] {
        let remove =
            |RemovedItem { attr, value, operation }| UserEdit::ItemRemove { kind, attr, value, operation };
        edits.extend(removed.into_iter().map(remove));
        let added = reading.items(pointer, added, kind).into_iter();
        edits.extend(added.map(|item| UserEdit::ItemAdd(kind, item)));
    }
    let fields = reading.fields(&patch.fields, zone).into_iter();
    edits.extend(fields.map(|(field, value)| UserEdit::Set(field, value)));
    edits.extend(reading.password(patch.password).map(UserEdit::Password));
    reading.end(edits)
}
