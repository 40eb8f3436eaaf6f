//! Hints for what scripts elsewhere do and scripts here cannot: files, the network, saving, naive datetimes. Each is
//! told before a run where the script's text shows it ([`hints`]), and with the error where it fails ([`explained`]).

use std::collections::HashSet;

use rollcall_domain::ScriptError;
use rollcall_sandbox::SyntaxFault;
use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, ExprCall, Operator, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::names::Names;
use super::place::{Fault, Lines};

const FILES: &str = "scripts cannot use files; to keep text, use print(…) or result[\"name\"]; to read a table, choose the \
                     users by its rows, which the script finds in row";
const NETWORK: &str = "scripts cannot use the network; to use data from elsewhere, choose the users by the rows of a file, \
                       which the script finds in row";
const LIBRARY: &str = "scripts can import Python's standard library only";
const PROCESSES: &str = "scripts cannot start programs";
const SAVE: &str = "changes are saved without a call: assign to a field, such as user.klass = \"gold\"";
const REMOVE: &str =
    "a script cannot remove users; to let one log in no longer, write user.is_active = False";
const SKIP: &str = "to end this user early without changes, call skip(\"reason\")";
const INPUT: &str =
    "scripts cannot ask; to be given a value, declare it in PARAMS, such as PARAMS = {\"days\": int}";
const TUPLES: &str = "user.profiles, user.attributes and user.check_attributes are tuples; to change them, call \
                      user.profile_add(short_name=…), user.attribute_add(attr, value) and so on";
const NAIVE: &str = "a user's times have a time zone; use run.now, or datetime.now(timezone.utc), instead of a datetime \
                     without one";
const DATES: &str =
    "a user's times are datetimes; compare with run.now, or compare user.expiration.date() with a date";
const EACH: &str = "the script runs once for each user, which is user";

/// Modules that are nowhere here and whose users want the network.
const NETWORK_MODULES: [&str; 9] =
    ["aiohttp", "boto3", "httpx", "ldap", "ldap3", "paramiko", "requests", "urllib3", "websockets"];
/// Modules of the standard library that are of no use without the network.
const NETWORK_LIBRARY: [&str; 7] =
    ["ftplib", "http.client", "imaplib", "poplib", "smtplib", "telnetlib", "urllib.request"];
/// Other modules that newcomers import.
const MODULES: [&str; 12] = [
    "MySQLdb",
    "dateutil",
    "django",
    "flask",
    "numpy",
    "openpyxl",
    "pandas",
    "psycopg2",
    "pymysql",
    "pytz",
    "sqlalchemy",
    "yaml",
];
/// Calls that start a program.
const PROGRAMS: [&str; 7] = [
    "os.popen",
    "os.system",
    "subprocess.Popen",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.run",
];
const CONNECTIONS: [&str; 2] = ["socket.create_connection", "socket.socket"];
/// Methods that change a list and that tuples do not have.
const OF_LISTS: [&str; 7] = ["append", "clear", "extend", "insert", "pop", "remove", "sort"];
const LISTS_OF_USER: [&str; 3] = ["attributes", "check_attributes", "profiles"];
const TIMES_OF_USER: [&str; 5] = ["date_joined", "expiration", "first_login", "last_login", "last_update"];

/// The hint for a name that no script finds.
pub(super) fn of_name(name: &str) -> Option<&'static str> {
    match name {
        "exit" | "quit" => Some(SKIP),
        "users" | "objs" => Some(EACH),
        _ => None,
    }
}

/// The hint for a field that no user has.
pub(super) fn of_field(name: &str) -> Option<&'static str> {
    match name {
        "save" | "commit" | "update" => Some(SAVE),
        "delete" | "remove" => Some(REMOVE),
        _ => None,
    }
}

/// The error with what to do about it, where that is known.
pub(crate) fn explained(mut error: ScriptError) -> ScriptError {
    if let Some(hint) = of_error(&error) {
        // Its own suggestion would lead astray.
        let plain = error.message.split("; did you mean").next().unwrap_or_default();
        error.message = if plain.is_empty() { hint.to_owned() } else { format!("{plain}; {hint}") };
    }
    error
}

/// Adds a hint to the interpreter's message on a script's syntax, where one is known.
pub(crate) fn explained_syntax(mut fault: SyntaxFault) -> SyntaxFault {
    let early = ["'return' outside function", "'break' outside loop", "'continue' not properly in loop"];
    if early.contains(&fault.message.as_str()) {
        fault.message = format!("{}; {SKIP}", fault.message);
    }
    fault
}

fn of_error(error: &ScriptError) -> Option<&'static str> {
    let ScriptError { kind, message, .. } = error;
    let has = |text: &str| message.contains(text);
    match kind.as_str() {
        "PermissionError" if has("[Errno ") => Some(FILES),
        "AttributeError" if has("a user has no field '") => {
            of_field(message.split('\'').nth(1).unwrap_or_default())
        }
        "AttributeError" if has("'tuple' object has no attribute '") => {
            OF_LISTS.contains(&message.split('\'').nth(3).unwrap_or_default()).then_some(TUPLES)
        }
        "ModuleNotFoundError" => {
            let module = message.split('\'').nth(1).unwrap_or_default();
            Some(if NETWORK_MODULES.contains(&top(module)) { NETWORK } else { LIBRARY })
        }
        "NameError" => of_name(message.split('\'').nth(1).unwrap_or_default()),
        "RuntimeError" if has("input()") => Some(INPUT),
        "SystemExit" => Some(SKIP),
        "TypeError" if has("offset-naive and offset-aware") => Some(NAIVE),
        "TypeError" if has("can't compare datetime.datetime to datetime.date") => Some(DATES),
        _ if has("a script cannot use the network") => Some(
            "to use data from elsewhere, choose the users by the rows of a file, which the script finds in row",
        ),
        _ => None,
    }
}

/// Finds the hints that a script's text calls for, in no order.
pub(super) fn hints(body: &[Stmt], names: &Names<'_>, lines: &Lines<'_>) -> Vec<Fault> {
    let mut naive = NaiveNames::default();
    naive.visit_body(body);
    let mut walk = Walk { names, naive: naive.names, found: Vec::new() };
    walk.visit_body(body);
    walk.found.into_iter().map(|(place, message)| lines.fault(place.start(), message)).collect()
}

fn top(module: &str) -> &str {
    module.split('.').next().unwrap_or_default()
}

fn of_module(module: &str) -> Option<&'static str> {
    let is_in = |modules: &[&str]| modules.contains(&module) || modules.contains(&top(module));
    if is_in(&NETWORK_MODULES) || is_in(&NETWORK_LIBRARY) {
        return Some(NETWORK);
    }
    is_in(&MODULES).then_some(LIBRARY)
}

/// `a.b.c`, of names and attributes only.
fn dotted(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Name(name) => Some(name.id.to_string()),
        Expr::Attribute(access) => Some(format!("{}.{}", dotted(&access.value)?, access.attr)),
        _ => None,
    }
}

/// Whether it is the present as a datetime without a time zone.
fn is_naive_now(expr: &Expr) -> bool {
    let Expr::Call(call) = expr else { return false };
    let Some(name) = dotted(&call.func) else { return false };
    let of_datetime = |name: &str| {
        matches!(name, "datetime.now" | "datetime.utcnow" | "datetime.today")
            || matches!(name, "dt.datetime.now" | "dt.datetime.utcnow" | "dt.datetime.today")
            || matches!(
                name,
                "datetime.datetime.now" | "datetime.datetime.utcnow" | "datetime.datetime.today"
            )
    };
    of_datetime(&name) && call.arguments.args.is_empty() && call.arguments.keywords.is_empty()
}

/// Names that are given the present without a time zone, and nothing else.
#[derive(Default)]
struct NaiveNames<'a> {
    names: HashSet<&'a str>,
    /// Names that are given something else, too.
    others: HashSet<&'a str>,
}

impl<'a> Visitor<'a> for NaiveNames<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        if let Stmt::Assign(assign) = stmt
            && let [Expr::Name(name)] = assign.targets.as_slice()
            && is_naive_now(&assign.value)
            && !self.others.contains(name.id.as_str())
        {
            self.names.insert(name.id.as_str());
            return self.visit_expr(&assign.value);
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr
            && name.ctx.is_store()
        {
            self.names.remove(name.id.as_str());
            self.others.insert(name.id.as_str());
        }
        walk_expr(self, expr);
    }
}

struct Walk<'a> {
    names: &'a Names<'a>,
    naive: HashSet<&'a str>,
    found: Vec<(TextRange, String)>,
}

impl<'a> Walk<'a> {
    fn say(&mut self, place: TextRange, message: impl Into<String>) {
        self.found.push((place, message.into()));
    }

    /// Whether it is `user`, as the script finds it.
    fn is_user(&self, expr: &Expr) -> bool {
        let Expr::Name(name) = expr else { return false };
        matches!(name.id.as_str(), "user" | "obj") && !self.names.binds(name.id.as_str())
    }

    fn import(&mut self, module: &str, place: TextRange) {
        if let Some(hint) = of_module(module) {
            self.say(place, format!("{module}: {hint}"));
        }
    }

    fn call(&mut self, call: &'a ExprCall) {
        match &*call.func {
            Expr::Name(name) if !self.names.binds(name.id.as_str()) => match name.id.as_str() {
                "open" => self.say(name.range(), format!("open(): {FILES}")),
                "input" => self.say(name.range(), format!("input(): {INPUT}")),
                _ => {}
            },
            Expr::Attribute(method) if self.is_user(&method.value) => {
                let name = method.attr.as_str();
                if matches!(name, "profile_add" | "profile_remove")
                    && let Some(Expr::StringLiteral(given)) = call.arguments.args.first()
                {
                    let told = format!(
                        "{name}() takes a profile's id first; for a name write {name}(short_name={:?})",
                        given.value.to_str()
                    );
                    self.say(given.range(), told);
                }
            }
            Expr::Attribute(method) => {
                if let Expr::Attribute(list) = &*method.value
                    && self.is_user(&list.value)
                    && LISTS_OF_USER.contains(&list.attr.as_str())
                    && OF_LISTS.contains(&method.attr.as_str())
                {
                    return self.say(method.attr.range(), format!("{}(): {TUPLES}", method.attr));
                }
                let Some(name) = dotted(&call.func) else { return };
                if PROGRAMS.contains(&name.as_str()) {
                    self.say(call.func.range(), format!("{name}(): {PROCESSES}"));
                } else if CONNECTIONS.contains(&name.as_str()) {
                    self.say(call.func.range(), format!("{name}(): {NETWORK}"));
                }
            }
            _ => {}
        }
    }

    fn is_naive(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Name(name) => self.naive.contains(name.id.as_str()),
            // `datetime.now() + timedelta(days=1)`
            Expr::BinOp(sum) if matches!(sum.op, Operator::Add | Operator::Sub) => {
                self.is_naive(&sum.left) && !self.is_aware(&sum.right)
            }
            expr => is_naive_now(expr),
        }
    }

    /// Whether it is a time of the user, or of the run.
    fn is_aware(&self, expr: &Expr) -> bool {
        let Expr::Attribute(access) = expr else { return false };
        let of_run = dotted(expr).as_deref() == Some("run.now") && !self.names.binds("run");
        of_run || self.is_user(&access.value) && TIMES_OF_USER.contains(&access.attr.as_str())
    }

    fn compared(&mut self, one: &Expr, other: &Expr) {
        if self.is_aware(one) && self.is_naive(other) {
            self.say(other.range(), NAIVE);
        } else if self.is_naive(one) && self.is_aware(other) {
            self.say(one.range(), NAIVE);
        }
    }
}

impl<'a> Visitor<'a> for Walk<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => {
                import.names.iter().for_each(|alias| self.import(alias.name.as_str(), alias.range()));
            }
            Stmt::ImportFrom(import) => {
                if let Some(module) = import.module.as_ref().filter(|_| import.level == 0) {
                    self.import(module.as_str(), module.range());
                }
                if import
                    .module
                    .as_ref()
                    .is_some_and(|module| module.as_str() == "urllib" || module.as_str() == "http")
                {
                    for alias in &import.names {
                        let module = import.module.as_ref().map_or("", |module| module.as_str());
                        self.import(&format!("{module}.{}", alias.name), alias.range());
                    }
                }
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Call(call) => self.call(call),
            Expr::Compare(compare) => {
                let mut left = &*compare.left;
                for (operator, right) in compare.ops.iter().zip(&compare.comparators) {
                    // Whether they are equal can be asked of any two.
                    if matches!(operator.as_str(), "<" | "<=" | ">" | ">=") {
                        self.compared(left, right);
                    }
                    left = right;
                }
            }
            Expr::BinOp(difference) if difference.op == Operator::Sub => {
                self.compared(&difference.left, &difference.right);
            }
            _ => {}
        }
        walk_expr(self, expr);
    }
}

#[cfg(test)]
mod tests {
    use rollcall_domain::Zone;

    use super::*;
    use crate::scripts::read;

    fn warnings(source: &str) -> Vec<String> {
        read(source, &Zone::utc()).unwrap().warnings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_newcomers_write_is_answered_before_a_run() {
        for (source, place, hint) in [
            ("with open('x.csv') as f: pass", "line 1, column 6: open()", FILES),
            ("import requests", "line 1, column 8: requests", NETWORK),
            ("from requests.auth import HTTPBasicAuth", "line 1, column 6: requests.auth", NETWORK),
            ("import urllib.request", "line 1, column 8: urllib.request", NETWORK),
            ("from urllib import request", "line 1, column 20: urllib.request", NETWORK),
            ("import socket\nsocket.socket()", "line 2, column 1: socket.socket()", NETWORK),
            ("import pandas as pd", "line 1, column 8: pandas", LIBRARY),
            ("import os\nos.system('ls')", "line 2, column 1: os.system()", PROCESSES),
            ("import subprocess\nsubprocess.run(['ls'])", "line 2, column 1: subprocess.run()", PROCESSES),
            ("user.save()", "line 1, column 6: user.save", SAVE),
            ("obj.save()", "line 1, column 5: obj.save", SAVE),
            ("user.delete()", "line 1, column 6: user.delete", REMOVE),
            ("days = input('days')", "line 1, column 8: input()", INPUT),
            ("quit()", "line 1, column 1: quit", SKIP),
            ("for u in users: pass", "line 1, column 10: users", EACH),
            ("user.profiles.append('plus')", "line 1, column 15: append()", TUPLES),
            ("obj.attributes.remove(1)", "line 1, column 16: remove()", TUPLES),
            (
                "user.profile_add('plus')",
                "line 1, column 18: profile_add()",
                "profile_add(short_name=\"plus\")",
            ),
            (
                "user.profile_remove('a')",
                "line 1, column 21: profile_remove()",
                "profile_remove(short_name=\"a\")",
            ),
            (
                "from datetime import datetime\nif user.expiration < datetime.now(): pass",
                "line 2, column 22",
                NAIVE,
            ),
            (
                "import datetime\nleft = user.expiration - datetime.datetime.utcnow()",
                "line 2, column 26",
                NAIVE,
            ),
            (
                "from datetime import *\nnow = datetime.now()\nif now + timedelta(days=1) >= obj.last_login: pass",
                "line 3, column 4",
                NAIVE,
            ),
        ] {
            let warnings = warnings(source);
            assert!(warnings.len() == 1, "{source}: {warnings:?}");
            assert!(warnings[0].starts_with(place) && warnings[0].contains(hint), "{source}: {warnings:?}");
        }
    }

    #[test]
    fn what_can_be_meant_is_not_warned_of() {
        for source in [
            "def open(name): return name\nopen('x')",
            "import socket\nprint(socket.inet_aton('10.0.0.1'))",
            "import urllib.parse, http, datetime, os.path, json",
            "from http import HTTPStatus",
            "user.profile_add(7)\nuser.profile_add(short_name='plus')\nuser.profile_add(id=7)",
            "names = [p.short_name for p in user.profiles]\nnames.append('x')",
            "from datetime import datetime, timezone\nif user.expiration < datetime.now(timezone.utc): pass",
            "from datetime import datetime\nif user.expiration == datetime.now(): pass",
            "from datetime import datetime\nprint(datetime.now() < datetime(2027, 1, 1), datetime.now())",
            "from datetime import datetime\nnow = datetime.now()\nnow = run.now\nif user.expiration < now: pass",
            "user.expiration = run.now\nif user.expiration < run.now: pass",
            "user = {}\nuser.profile_add('plus')",
        ] {
            assert_eq!(warnings(source), [] as [&str; 0], "{source}");
        }
    }

    #[test]
    fn errors_say_what_to_do() {
        let told = |kind: &str, message: &str| explained(ScriptError::without_line(kind, message)).message;
        for (kind, message, hint) in [
            ("PermissionError", "[Errno 1] Operation not permitted: 'x.csv'", FILES),
            ("ModuleNotFoundError", "No module named 'requests'", NETWORK),
            ("ModuleNotFoundError", "No module named 'pandas'", LIBRARY),
            ("URLError", "<urlopen error a script cannot use the network>", "the rows of a file"),
            ("AttributeError", "'tuple' object has no attribute 'append'", TUPLES),
            ("NameError", "name 'exit' is not defined", SKIP),
            ("RuntimeError", "input(): lost sys.stdin", INPUT),
            ("TypeError", "can't compare offset-naive and offset-aware datetimes", NAIVE),
            ("TypeError", "can't subtract offset-naive and offset-aware datetimes", NAIVE),
            ("TypeError", "can't compare datetime.datetime to datetime.date", DATES),
        ] {
            let told = told(kind, message);
            assert!(told.starts_with(&format!("{message}; ")) && told.contains(hint), "{told}");
        }
        assert_eq!(
            told("AttributeError", "a user has no field 'save'; did you mean user.is_active?"),
            format!("a user has no field 'save'; {SAVE}")
        );
        assert_eq!(told("SystemExit", ""), SKIP);
        for (kind, message) in [
            ("AttributeError", "a user has no field 'usernam'; did you mean user.username?"),
            ("AttributeError", "'tuple' object has no attribute 'foo'"),
            ("KeyError", "'exit'"),
            ("PermissionError", "a script cannot start, signal or talk to processes"),
        ] {
            assert_eq!(told(kind, message), message);
        }
    }
}
