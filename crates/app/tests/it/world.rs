//! What a script finds is what it is said to find: the list that checks, completions and the reference have is held against
//! a real worker.

use std::collections::BTreeMap;

use rollcall_app::runs::ScriptTestRequest;
use rollcall_app::scripts::{Access, Name, world};
use rollcall_domain::Mode;
use serde::Deserialize;

use crate::common::{request, site};

const LOOK: &str = r#"
PARAMS = {"days": {"type": int, "default": 1}}
here = [name for name in globals() if not name.startswith("__")]
import inspect

def members(thing, base=object):
    return [name for name in dir(type(thing)) if not name.startswith("_") and name not in dir(base)]

def assignable(name):
    try:
        setattr(user, name, getattr(user, name))
    except AttributeError:
        return False
    return True

user.profile_add(short_name="basic")
user.attribute_add("Class", "x")
result["names"] = {
    "": here,
    "User": members(user),
    "Run": members(run),
    "Profile": members(user.profiles[0], tuple),
    "Attribute": members(user.attributes[0], tuple),
}
result["assignable"] = [name for name in members(user) if assignable(name)]
result["calls"] = {
    name: list(inspect.signature(getattr(user, name)).parameters)
    for name in members(user) if callable(getattr(user, name))
}
result["types"] = {name: type(getattr(user, name)).__name__ for name in members(user)}
"#;

#[derive(Deserialize)]
struct Seen {
    names: BTreeMap<String, Vec<String>>,
    assignable: Vec<String>,
    calls: BTreeMap<String, Vec<String>>,
    types: BTreeMap<String, String>,
}

fn look() -> Seen {
    let (_database, app) = site(1);
    let wanted = request(LOOK, Mode::Preview);
    let (script, execution) = (wanted.script, wanted.execution);
    let trial = ScriptTestRequest {
        script,
        username: "user1".to_owned(),
        params: Vec::new(),
        row: Vec::new(),
        execution,
    };
    let outcome = app.scripts().test(&trial).unwrap();
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    serde_json::from_str(&outcome.result.unwrap()).unwrap()
}

fn sorted<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    names
}

fn listed(of: &str) -> Vec<Name> {
    world().filter(|name| name.of.unwrap_or_default() == of).collect()
}

/// The parameters in `skip(reason="")`.
fn parameters(call: &str) -> Vec<&str> {
    let (_, inside) = call.trim_end_matches(')').split_once('(').unwrap();
    inside.split(", ").map(|parameter| parameter.split('=').next().unwrap()).collect()
}

#[test]
fn scripts_find_what_is_listed_and_nothing_else() {
    let seen = look();
    for (of, found) in &seen.names {
        // A builtin, and what the script says itself, are no globals that it finds.
        let found = found.iter().map(String::as_str).filter(|name| *name != "PARAMS");
        let listed = listed(of).into_iter().map(|name| name.name);
        let listed = listed.filter(|name| !["print", "PARAMS"].contains(name));
        assert_eq!(sorted(found), sorted(listed), "{of:?}");
    }
    let writable = listed("User").into_iter().filter(|name| name.access == Access::ReadWrite);
    assert_eq!(sorted(seen.assignable.iter().map(String::as_str)), sorted(writable.map(|name| name.name)));
    let called: Vec<_> = listed("User").into_iter().filter(|name| name.call.is_some()).collect();
    assert_eq!(called.len(), seen.calls.len());
    for name in called {
        assert_eq!(parameters(name.call.unwrap()), seen.calls[name.name], "{}", name.name);
    }
    for name in listed("User").into_iter().filter(|name| name.call.is_none()) {
        let kind = name.kind.split(['[', ' ']).next().unwrap();
        let seen = &seen.types[name.name];
        assert!(seen == kind || (name.kind.ends_with("None") && seen == "NoneType"), "{}: {seen}", name.name);
    }
}
