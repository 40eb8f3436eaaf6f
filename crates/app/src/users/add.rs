use rollcall_domain::{
    Assignment, Catalogue, Dictionary, Field, Item, ItemKind, ItemRow, Organization, OrganizationId,
    Rejection, Right, Secret, User, UserId, UserPassword, Value, check_username,
};
use rollcall_store::{Added, StoreError};

use crate::error::AppError;
use crate::operations::UserOperations;

/// Where users go of whom it is not said, if there are several organizations.
pub(crate) const DEFAULT_ORGANIZATION: &str = "default";

/// A user who is to be there, as the row of an import has it.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// The name of the organization; none: the only one, or `default`.
    pub organization: Option<String>,
    /// The fields, `username` among them. As in an import, `obj_id`, `date_joined` and the logins may be given, too.
    pub fields: Vec<(Field, Value)>,
    /// The names of the profiles, by priority.
    pub profiles: Vec<String>,
    /// Reply items, in order.
    pub attributes: Vec<Item>,
    /// Check items, in order.
    pub check_attributes: Vec<Item>,
    /// The password (see [`UserPassword::parse`]); an empty one is none. It is never shown.
    pub password: Option<Secret>,
}

impl UserOperations<'_> {
    /// Adds one user, by the rules of an import.
    ///
    /// # Errors
    /// [`AppError::Rejected`] with everything that is wrong; [`AppError::Denied`]; if the username or number is taken.
    pub fn add(&self, new: &NewUser) -> Result<User, AppError> {
        let permit = self.app.require_permission(Right::EditUsers)?;
        let own: Vec<_> =
            permit.organizations().all()?.into_iter().filter(|each| permit.scope.has(each.id)).collect();
        let catalogue = permit.profiles().catalogue()?.within(&permit.scope);
        let act = self.app.act();
        let has_items = !(new.attributes.is_empty() && new.check_attributes.is_empty());
        let strict = if has_items { self.app.radius().strict_dictionary()? } else { None };
        let user = User::new(0, "", 0, act.at);
        let mut draft = Draft { user, id: None, password: None, faults: Vec::new() };
        draft.fill(new, &own);
        draft.assign(new, &catalogue, strict.as_deref());
        let Draft { mut user, id, password, faults } = draft;
        if !faults.is_empty() {
            return Err(Rejection::new(faults.join("\n")).into());
        }
        match permit.users().add(&user, id, password.as_ref(), &act)? {
            Added::As(id) => {
                user.id = id;
                Ok(user)
            }
            Added::NameTaken(_) => Err(StoreError::Taken(format!("the username {:?}", user.username)).into()),
            Added::IdTaken(_) => Err(StoreError::Taken(format!("obj_id {}", user.id)).into()),
        }
    }
}

/// A new user on the way, with what is wrong so far.
struct Draft {
    user: User,
    id: Option<UserId>,
    password: Option<UserPassword>,
    faults: Vec<String>,
}

impl Draft {
    fn note<T>(&mut self, done: Result<T, Rejection>) -> Option<T> {
        done.map_err(|why| self.faults.push(why.to_string())).ok()
    }

    /// The user's own row.
    fn fill(&mut self, new: &NewUser, own: &[Organization]) {
        let mut given = Vec::new();
        for (field, value) in &new.fields {
            let done = if given.contains(field) {
                Err(Rejection::new(format!("{field} is there twice")))
            } else {
                let checked = match (field, value) {
                    (Field::Username, Value::Text(name)) => check_username(name),
                    _ => Ok(()),
                };
                checked.and_then(|()| self.user.put(*field, value.clone()))
            };
            self.note(done);
            given.push(*field);
        }
        if !given.contains(&Field::Username) {
            self.faults.push("the user has no username".to_owned());
        }
        if !given.contains(&Field::UsernameLength) {
            self.user.username_length =
                User::new(0, &self.user.username, 0, self.user.date_joined).username_length;
        }
        self.id = given.contains(&Field::ObjId).then_some(self.user.id);
        let number = given.contains(&Field::OrganizationId).then_some(self.user.organization_id);
        let organization = organization(own, new.organization.as_deref(), number);
        if let Some(id) = self.note(organization) {
            self.user.organization_id = id;
        }
        let password = new.password.as_ref().map_or(Ok(None), UserPassword::read);
        self.password = self.note(password).flatten();
    }

    /// What hangs on it.
    fn assign(&mut self, new: &NewUser, catalogue: &Catalogue, strict: Option<&Dictionary>) {
        for (priority, name) in (1_i64..).zip(&new.profiles) {
            let id =
                catalogue.id(name).ok_or_else(|| Rejection::new(format!("there is no profile {name:?}")));
            let Some(id) = self.note(id) else { continue };
            let offered = catalogue.offer(id, self.user.organization_id).map(drop);
            self.note(offered);
            if self.user.profiles.iter().any(|assigned| assigned.id == id) {
                self.faults.push(format!("profile {name:?} is there twice"));
                continue;
            }
            self.user.profiles.push(Assignment { id, short_name: name.clone(), priority });
        }
        for (kind, items) in [(ItemKind::Reply, &new.attributes), (ItemKind::Check, &new.check_attributes)] {
            let checked: Vec<_> = (1_i64..)
                .zip(items)
                .filter_map(|(position, Item { attr, operation, value })| {
                    let item = Item::new(kind, attr, operation.as_str(), value).and_then(|item| {
                        strict.map_or(Ok(()), |dictionary| dictionary.check_item(&item)).map(|()| item)
                    });
                    self.note(item).map(|item| ItemRow::new(item, position))
                })
                .collect();
            match kind {
                ItemKind::Reply => self.user.attributes = checked,
                ItemKind::Check => self.user.check_attributes = checked,
            }
        }
    }
}

/// The organization that is meant, of those whose users may be added: a name decides.
fn organization(
    own: &[Organization],
    name: Option<&str>,
    number: Option<OrganizationId>,
) -> Result<OrganizationId, Rejection> {
    let called = |name: &str| own.iter().find(|each| each.name == name).map(|each| each.id);
    let missing = |what: String| Rejection::new(format!("there is no organization {what}"));
    match (name, number, own) {
        (Some(name), ..) => called(name).ok_or_else(|| missing(format!("{name:?}"))),
        (None, Some(number), _) => {
            let found = own.iter().find(|each| each.id == number).map(|each| each.id);
            found.ok_or_else(|| missing(number.to_string()))
        }
        (None, None, [only]) => Ok(only.id),
        (None, None, []) => {
            Err(Rejection::new("there is no organization yet that the user could belong to: add one first"))
        }
        (None, None, _) => called(DEFAULT_ORGANIZATION)
            .ok_or_else(|| Rejection::new("say to which organization the user belongs: there are several")),
    }
}
