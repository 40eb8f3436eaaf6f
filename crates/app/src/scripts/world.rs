//! What a script finds: the one list that checks, completions and the reference agree on.

use rollcall_domain::{Field, Kind};

/// What may be done with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It is read.
    Read,
    /// It is read, and assigned or filled.
    ReadWrite,
    /// It is called.
    Call,
}

impl Access {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::ReadWrite, Self::Call];

    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadWrite => "read_write",
            Self::Call => "call",
        }
    }
}

/// A name that scripts may use without importing it; Python's builtins apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// What is written.
    pub name: &'static str,
    /// The kind of what it is written behind, with a dot; none: it stands by itself.
    pub of: Option<&'static str>,
    /// Its type, or that of what it gives, as Python would write it.
    pub kind: &'static str,
    /// What may be done with it.
    pub access: Access,
    /// How it is called, if it is.
    pub call: Option<&'static str>,
    /// What it is for, in a sentence or two.
    pub about: &'static str,
}

/// Every name, those that stand by themselves first.
pub fn world() -> impl Iterator<Item = Name> {
    let fields = Field::ALL.into_iter().map(of_field);
    WORLD.into_iter().chain(fields).chain(MEMBERS).chain(OF_RUN).chain(OF_ENTRIES)
}

/// What is called so behind something of this kind; none: by itself.
pub(super) fn find(of: Option<&str>, name: &str) -> Option<Name> {
    world().find(|known| known.of == of && known.name == name)
}

/// The names of what can be written behind something of this kind; none: of what stands by itself.
pub(super) fn names_of<'a>(of: Option<&'static str>) -> impl Iterator<Item = &'a str> {
    world().filter(move |name| name.of == of).map(|name| name.name)
}

/// What `user` and `obj` are.
pub(super) const USER: &str = "User";
/// What `run` is.
pub(super) const RUN: &str = "Run";
const PROFILE: &str = "Profile";
const ATTRIBUTE: &str = "Attribute";

const fn read(name: &'static str, of: Option<&'static str>, kind: &'static str, about: &'static str) -> Name {
    Name { name, of, kind, access: Access::Read, call: None, about }
}

const fn filled(name: &'static str, kind: &'static str, about: &'static str) -> Name {
    Name { access: Access::ReadWrite, ..read(name, None, kind, about) }
}

const fn called(
    name: &'static str,
    of: Option<&'static str>,
    kind: &'static str,
    call: &'static str,
    about: &'static str,
) -> Name {
    Name { access: Access::Call, call: Some(call), ..read(name, of, kind, about) }
}

const WORLD: [Name; 11] = [
    read("user", None, USER, "The user that the script is called for."),
    read("obj", None, USER, "The user that the script is called for; the same as user."),
    read(
        "row",
        None,
        "dict[str, str]",
        "The row of the file that named this user: header to text. Empty without a file.",
    ),
    read(
        "params",
        None,
        "dict",
        "The run's parameters: params.days, or params[\"days\"]. PARAMS declares them.",
    ),
    filled("result", "dict", "What is put here is kept with the user's outcome; keys become columns."),
    read("run", None, RUN, "The run that this is part of."),
    called(
        "skip",
        None,
        "None",
        "skip(reason=\"\")",
        "Ends this user as skipped; its changes are discarded.",
    ),
    called("fail", None, "None", "fail(reason=\"\")", "Ends this user as failed; its changes are discarded."),
    called(
        "print",
        None,
        "None",
        "print(*values, sep=\" \", end=\"\\n\")",
        "Keeps a text with the user's outcome, up to 64 KiB a user and 1 GiB a run.",
    ),
    called("log", None, "None", "log(*values, sep=\" \", end=\"\\n\")", "The same as print."),
    filled(
        "PARAMS",
        "dict",
        "Declares what the run is told, once, as a literal at the top: PARAMS = {\"days\": int, \"plan\": str}. The types \
         are int, float, str, bool, date and datetime; the long form has type, default, choices, required and help.",
    ),
];

/// Of users, besides the fields.
const MEMBERS: [Name; 9] = [
    read("profiles", Some(USER), "tuple[Profile, ...]", "The profiles of the user, by priority."),
    read("attributes", Some(USER), "tuple[Attribute, ...]", "The reply items of the user, in order."),
    read("check_attributes", Some(USER), "tuple[Attribute, ...]", "The check items of the user, in order."),
    called(
        "profile_add",
        Some(USER),
        "(bool, str)",
        "profile_add(id=None, short_name=None)",
        "Assigns a profile, last in priority. Give either its id or its short_name. Says whether it did, and what or why \
         not.",
    ),
    called(
        "profile_remove",
        Some(USER),
        "(bool, str)",
        "profile_remove(id=None, short_name=None)",
        "Takes a profile away. Give either its id or its short_name. Says whether it did, and what or why not.",
    ),
    called(
        "attribute_add",
        Some(USER),
        "(bool, str)",
        "attribute_add(attr, value, operation=\"=\")",
        "Adds a reply item at the end; := replaces the earlier := item of that attribute in its place. Operators: = := += \
         ^=. Says whether it did, and what or why not.",
    ),
    called(
        "attribute_remove",
        Some(USER),
        "(bool, str)",
        "attribute_remove(attr, value, operation=None)",
        "Removes every reply item that matches what is given. Says whether there was one, and what or why not.",
    ),
    called(
        "check_attribute_add",
        Some(USER),
        "(bool, str)",
        "check_attribute_add(attr, value, operation=\"==\")",
        "Adds a check item at the end; := replaces the earlier := item of that attribute in its place. Operators: = := += \
         == != > >= < <= =~ !~ =* !*. Says whether it did, and what or why not.",
    ),
    called(
        "check_attribute_remove",
        Some(USER),
        "(bool, str)",
        "check_attribute_remove(attr, value, operation=None)",
        "Removes every check item that matches what is given. Says whether there was one, and what or why not.",
    ),
];

const OF_RUN: [Name; 4] = [
    read("id", Some(RUN), "int", "The run's number."),
    read("now", Some(RUN), "datetime", "One moment for the whole run, with its time zone."),
    read("preview", Some(RUN), "bool", "Whether nothing is written."),
    read("administrator", Some(RUN), "str", "Who has started the run."),
];

/// Of the entries of a user's lists.
const OF_ENTRIES: [Name; 5] = [
    read("id", Some(PROFILE), "int", "The profile's number."),
    read("short_name", Some(PROFILE), "str", "The profile's name."),
    read("attr", Some(ATTRIBUTE), "str", "The name of the attribute."),
    read("operation", Some(ATTRIBUTE), "str", "Its operator."),
    read("value", Some(ATTRIBUTE), "str", "Its value, as text."),
];

fn of_field(field: Field) -> Name {
    let kind = match (field.kind(), field.nullable()) {
        (Kind::Int, _) => "int",
        (Kind::Text, _) => "str",
        (Kind::Bool, _) => "bool",
        (Kind::Time, true) => "datetime | None",
        (Kind::Time, false) => "datetime",
    };
    let access = if field.writable() { Access::ReadWrite } else { Access::Read };
    let about = match field {
        Field::ObjId => "The user's number.",
        Field::Username => {
            "The name that the user signs in with: unique, 1 to 253 bytes, without white space at an end and without \
             invisible characters."
        }
        Field::UsernameLength => "How long the username is said to be; stored as given, never recomputed.",
        Field::FirstName => "\"\" when empty, up to 65,535 bytes.",
        Field::LastName => "\"\" when empty, up to 65,535 bytes.",
        Field::Email => "\"\" when empty, up to 65,535 bytes.",
        Field::ExternalId => "What the user is called elsewhere; \"\" when empty, up to 65,535 bytes.",
        Field::Klass => "The user's class; \"\" when empty, up to 65,535 bytes.",
        Field::IsActive => "Whether the user may sign in.",
        Field::DateJoined => "When the user was added.",
        Field::FirstLogin => "When the user was first seen; None: never.",
        Field::LastLogin => "When the user was last seen; None: never.",
        Field::Expiration => {
            "Until when the user may sign in; None: for ever. Takes a datetime, a date or ISO 8601 text; without an offset \
             it is in the installation's zone."
        }
        Field::LastUpdate => {
            "When the user was last changed; set by Rollcall, unless the script assigns it. Takes a datetime, a date or ISO \
             8601 text."
        }
        Field::OrganizationId => "The number of the organization that the user belongs to.",
        Field::AvatarUrl => "Never fetched; \"\" when empty, up to 65,535 bytes.",
        Field::Description => "\"\" when empty, up to 65,535 bytes.",
    };
    Name { access, ..read(field.name(), Some(USER), kind, about) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page of the reference about the script API.
    const PAGE: &str = include_str!("../../../../docs/reference/script-api.md");

    #[test]
    fn the_reference_has_every_name() {
        for Name { name, of, access, .. } in world() {
            let written = match (of, access) {
                (Some(USER), Access::Call) => format!("`user.{name}("),
                (None, Access::Call) => format!("`{name}("),
                (Some(RUN), _) => format!("`run.{name}`"),
                (None, _) if name == "PARAMS" => "PARAMS = {".to_owned(),
                _ => format!("`{name}`"),
            };
            assert!(PAGE.contains(&written), "{written}");
        }
    }

    #[test]
    fn each_name_is_said_once_and_documented() {
        let mut seen = std::collections::HashSet::new();
        for name in world() {
            assert!(seen.insert((name.of, name.name)), "{name:?}");
            assert!(name.about.ends_with('.') && !name.about.contains("  "), "{name:?}");
            assert_eq!(name.call.is_some(), name.access == Access::Call, "{name:?}");
        }
    }
}
