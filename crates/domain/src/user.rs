//! Users: subscribers with their fields, profiles and items.

use serde::Serialize;

use crate::{Assignment, Field, ItemKind, ItemRow, OrganizationId, Rejection, Timestamp, Value, ValueRef};

/// Identifies a user; scripts know it as `obj_id`.
pub type UserId = i64;

/// The largest number that a user may be given: what JSON readers hold exactly (RFC 8259, section 6).
pub const MAX_USER_ID: UserId = (1 << 53) - 1;
/// The longest username, in bytes: what a RADIUS User-Name can carry (RFC 2865, section 5.1).
pub const MAX_USERNAME_BYTES: usize = 253;
/// The longest text of any other field, in bytes.
pub const MAX_TEXT_BYTES: usize = 65_535;

/// A subscriber, with everything that a script may see. The password is not among it and never leaves the store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the documented field of that name")]
pub struct User {
    pub id: UserId,
    /// Grows by one with every write; guards against writing over somebody else's edit.
    pub version: i64,
    pub username: String,
    pub username_length: i64,
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    pub external_id: String,
    pub klass: String,
    pub is_active: bool,
    pub date_joined: Timestamp,
    pub first_login: Option<Timestamp>,
    pub last_login: Option<Timestamp>,
    pub expiration: Option<Timestamp>,
    pub last_update: Timestamp,
    pub organization_id: OrganizationId,
    pub avatar_url: String,
    pub description: String,
    /// By priority.
    pub profiles: Vec<Assignment>,
    /// Reply items, by position.
    pub attributes: Vec<ItemRow>,
    /// Check items, by position.
    pub check_attributes: Vec<ItemRow>,
}

impl User {
    /// A user with a name and nothing else, as a file that names no other field makes one.
    #[must_use]
    pub fn new(id: UserId, username: &str, organization_id: OrganizationId, now: Timestamp) -> Self {
        Self {
            id,
            version: 1,
            username: username.to_owned(),
            username_length: length_of(username),
            first_name: String::new(),
            last_name: String::new(),
            email: String::new(),
            external_id: String::new(),
            klass: String::new(),
            is_active: true,
            date_joined: now,
            first_login: None,
            last_login: None,
            expiration: None,
            last_update: now,
            organization_id,
            avatar_url: String::new(),
            description: String::new(),
            profiles: Vec::new(),
            attributes: Vec::new(),
            check_attributes: Vec::new(),
        }
    }

    /// The value of `field`.
    #[must_use]
    pub fn get(&self, field: Field) -> ValueRef<'_> {
        match field {
            Field::ObjId => ValueRef::Int(self.id),
            Field::Username => ValueRef::Text(&self.username),
            Field::UsernameLength => ValueRef::Int(self.username_length),
            Field::FirstName => ValueRef::Text(&self.first_name),
            Field::LastName => ValueRef::Text(&self.last_name),
            Field::Email => ValueRef::Text(&self.email),
            Field::ExternalId => ValueRef::Text(&self.external_id),
            Field::Klass => ValueRef::Text(&self.klass),
            Field::IsActive => ValueRef::Bool(self.is_active),
            Field::DateJoined => ValueRef::Time(Some(self.date_joined)),
            Field::FirstLogin => ValueRef::Time(self.first_login),
            Field::LastLogin => ValueRef::Time(self.last_login),
            Field::Expiration => ValueRef::Time(self.expiration),
            Field::LastUpdate => ValueRef::Time(Some(self.last_update)),
            Field::OrganizationId => ValueRef::Int(self.organization_id),
            Field::AvatarUrl => ValueRef::Text(&self.avatar_url),
            Field::Description => ValueRef::Text(&self.description),
        }
    }

    /// Assigns a value of its own type to `field`, by the rules of that field alone. The caller checks whether the
    /// field is writable.
    ///
    /// # Errors
    ///
    /// The value breaks a rule of the field, or is of another type.
    pub fn put(&mut self, field: Field, value: Value) -> Result<(), Rejection> {
        if let Value::Text(text) = &value {
            check_text(field, text)?;
        }
        match (field, value) {
            (Field::ObjId, Value::Int(value)) if (1..=MAX_USER_ID).contains(&value) => self.id = value,
            (Field::Username, Value::Text(value)) => self.username = value,
            (Field::UsernameLength, Value::Int(value)) if value >= 0 => self.username_length = value,
            (Field::FirstName, Value::Text(value)) => self.first_name = value,
            (Field::LastName, Value::Text(value)) => self.last_name = value,
            (Field::Email, Value::Text(value)) => self.email = value,
            (Field::ExternalId, Value::Text(value)) => self.external_id = value,
            (Field::Klass, Value::Text(value)) => self.klass = value,
            (Field::IsActive, Value::Bool(value)) => self.is_active = value,
            (Field::DateJoined, Value::Time(Some(value))) => self.date_joined = value,
            (Field::FirstLogin, Value::Time(value)) => self.first_login = value,
            (Field::LastLogin, Value::Time(value)) => self.last_login = value,
            (Field::Expiration, Value::Time(value)) => self.expiration = value,
            (Field::LastUpdate, Value::Time(Some(value))) => self.last_update = value,
            (Field::OrganizationId, Value::Int(value)) => self.organization_id = value,
            (Field::AvatarUrl, Value::Text(value)) => self.avatar_url = value,
            (Field::Description, Value::Text(value)) => self.description = value,
            (field, value) => {
                return Err(Rejection::new(format!("{field} cannot be {:?}", value.as_ref().to_string())));
            }
        }
        Ok(())
    }

    /// The list of `kind`.
    #[must_use]
    pub fn items(&self, kind: ItemKind) -> &[ItemRow] {
        match kind {
            ItemKind::Reply => &self.attributes,
            ItemKind::Check => &self.check_attributes,
        }
    }

    pub(crate) fn items_mut(&mut self, kind: ItemKind) -> &mut Vec<ItemRow> {
        match kind {
            ItemKind::Reply => &mut self.attributes,
            ItemKind::Check => &mut self.check_attributes,
        }
    }
}

/// Every field, then `profiles` (names, by priority), `attributes` and `check_attributes` (in order).
impl Serialize for User {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        #[derive(Serialize)]
        struct Shown<'a> {
            attr: &'a str,
            operation: crate::Operator,
            value: &'a str,
        }
        let shown = |kind| -> Vec<_> {
            self.items(kind)
                .iter()
                .map(|row| Shown { attr: &row.attr, operation: row.operation, value: &row.value })
                .collect()
        };
        let mut map = serializer.serialize_map(Some(Field::ALL.len() + 3))?;
        for field in Field::ALL {
            map.serialize_entry(field.name(), &self.get(field))?;
        }
        let names: Vec<_> = self.profiles.iter().map(|profile| profile.short_name.as_str()).collect();
        map.serialize_entry("profiles", &names)?;
        map.serialize_entry("attributes", &shown(ItemKind::Reply))?;
        map.serialize_entry("check_attributes", &shown(ItemKind::Check))?;
        map.end()
    }
}

/// The `username_length` of a new user that comes without one: what Python's `len()` says.
fn length_of(username: &str) -> i64 {
    i64::try_from(username.chars().count()).unwrap_or(i64::MAX)
}

fn check_text(field: Field, text: &str) -> Result<(), Rejection> {
    if text.contains('\0') {
        return Err(Rejection::new(format!("{field} cannot contain a NUL character")));
    }
    let (shortest, longest) =
        if field == Field::Username { (1, MAX_USERNAME_BYTES) } else { (0, MAX_TEXT_BYTES) };
    if text.len() < shortest {
        return Err(Rejection::new(format!("{field} cannot be empty")));
    }
    if text.len() > longest {
        let bytes = text.len();
        return Err(Rejection::new(format!("{field} is {bytes} bytes long, at most {longest} are allowed")));
    }
    Ok(())
}
