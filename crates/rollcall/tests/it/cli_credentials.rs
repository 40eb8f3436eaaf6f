//! Passwords, sessions, authenticators and tokens on the command line.

use std::io::Write;
use std::process::Stdio;

use crate::common::server::PASSWORD;
use crate::common::terminal::{at_terminal, sit_down};
use crate::common::{Desk, Done, finish, keys, start, wait_until};
use nix::sys::termios::{LocalFlags, tcgetattr};
use rollcall_domain::{Secret, TokenText};
use serde_json::json;

/// A desk with the administrator ana.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    desk
}

/// The same call with lines on standard input.
fn call_with(desk: &Desk, args: &[&str], lines: &str) -> Done {
    let mut child = start(desk.command(args).stdin(Stdio::piped()));
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    finish(child)
}

fn has_password(desk: &Desk) -> bool {
    desk.store().credentials().proofs("ana").unwrap().unwrap().password.is_some()
}

/// Types two lines at a terminal once that does not show what is typed.
fn type_hidden(desk: &Desk, first: &str, second: &str) -> Done {
    type_after(desk, &["administrators", "password", "ana"], "", first, second)
}

/// The same of any command, where something is typed before.
fn type_after(desk: &Desk, args: &[&str], before: &str, first: &str, second: &str) -> Done {
    let (child, mut keyboard, shown) = sit_down(desk, args);
    keyboard.write_all(before.as_bytes()).unwrap();
    wait_until("the terminal is quiet", || {
        !tcgetattr(&keyboard).unwrap().local_flags.contains(LocalFlags::ECHO)
    });
    keyboard.write_all(format!("{first}\n{second}\n").as_bytes()).unwrap();
    let done = finish(child);
    assert!(
        tcgetattr(&keyboard).unwrap().local_flags.contains(LocalFlags::ECHO),
        "it shows again what is typed"
    );
    Done { err: shown.join().unwrap(), ..done }
}

#[test]
fn a_password_is_typed_twice_and_not_shown() {
    let desk = desk();
    let differ = type_hidden(&desk, PASSWORD, "correct horse batterz").exits(1);
    assert!(differ.err.contains("the two are not the same"), "{differ:?}");
    assert!(!has_password(&desk));
    let done = type_hidden(&desk, PASSWORD, PASSWORD).exits(0);
    assert!(done.err.contains("New password: ") && done.err.contains("The same again: "), "{done:?}");
    assert!(has_password(&desk));
    for shown in [differ, done] {
        assert!(!shown.err.contains("horse") && shown.out.is_empty(), "{shown:?}");
    }
}

#[test]
fn the_first_administrator_is_made_with_the_database() {
    let desk = Desk::new();
    let later = at_terminal(&desk, &["init"], "\n").exits(0);
    assert!(
        later.err.contains("Name of the first administrator") && !later.err.contains("password"),
        "{later:?}"
    );
    assert_eq!(desk.store().administrators().all().unwrap(), []);
    let made = type_after(&desk, &["init"], "ana\n", PASSWORD, PASSWORD).exits(0);
    assert!(made.err.contains("\"ana\" may sign in") && !made.err.contains("horse"), "{made:?}");
    assert!(has_password(&desk));
    let again = at_terminal(&desk, &["init"], "").exits(0);
    assert!(!again.err.contains("first administrator"), "{again:?}");
}

#[test]
fn a_password_comes_in_a_line_where_nobody_is_at_a_terminal() {
    let desk = desk();
    let short = call_with(&desk, &["administrators", "password", "ana"], "too short\n").exits(1);
    assert!(short.sentence().contains("at least 12 characters"), "{short:?}");
    assert!(!short.err.contains("too short"));
    assert!(desk.call(&["administrators", "password", "ana"]).exits(1).sentence().contains("at least 12"));
    assert!(
        call_with(&desk, &["administrators", "password", "ben"], PASSWORD).sentence().contains("\"ben\"")
    );
    call_with(&desk, &["administrators", "password", "ana"], &format!("{PASSWORD}\r\nsomething else\n"))
        .exits(0);
    assert!(has_password(&desk));
}

#[test]
fn an_authenticator_is_enrolled_with_a_code_of_it() {
    let desk = desk();
    let wrong = call_with(&desk, &["administrators", "totp", "ana", "enrol"], "12\n").exits(1);
    let lines: Vec<_> = wrong.out.lines().collect();
    assert!(lines.len() == 2 && lines[0].len() == 32 && lines[1].starts_with("otpauth://totp/"), "{wrong:?}");
    assert!(wrong.err.contains("the code is wrong") && !wrong.err.contains(lines[0]), "{wrong:?}");
    assert!(
        desk.ok(&["administrators", "totp", "ana", "remove", "--yes"]).err.contains("needs no code any more")
    );
    assert!(
        desk.ok(&["administrators", "totp", "ana", "remove", "--yes"]).err.contains("had no authenticator")
    );
}

#[test]
fn sessions_are_listed_and_ended() {
    let desk = desk();
    assert_eq!(desk.ok(&["administrators", "sessions", "ana", "--format", "json"]).out, "");
    let ended = desk.ok(&["administrators", "sessions", "ana", "--revoke-all", "--yes"]);
    assert!(ended.err.contains("0 sessions of \"ana\" ended"), "{ended:?}");
    let none = desk.call(&["administrators", "sessions", "ana", "--revoke", "7", "--yes"]).exits(1);
    assert_eq!(none.sentence(), "there is no session 7 of \"ana\"");
}

#[test]
fn a_token_is_shown_once() {
    let desk = desk();
    let made = desk.ok(&["tokens", "add", "ana", "billing", "--scope", "execute,look", "--expires", "12h"]);
    let text = made.out.trim_end();
    assert_eq!(TokenText::parse(&Secret::new(text)).unwrap().id, 1);
    assert!(!made.err.contains(text), "{made:?}");
    let list = || desk.ok(&["tokens", "list", "ana", "--format", "json"]).object();
    let listed = list();
    let expected = [
        "administrator_id",
        "created_at",
        "expires_at",
        "last_used_at",
        "name",
        "revoked_at",
        "scopes",
        "token_id",
    ];
    assert_eq!(keys(&listed), expected);
    assert_eq!((&listed["scopes"], &listed["name"]), (&json!(["look", "execute"]), &json!("billing")));
    assert!(desk.ok(&["tokens", "list", "ana"]).out.contains("look,execute"));
    desk.ok(&["tokens", "revoke", "ana", "1", "--yes"]);
    assert!(list()["revoked_at"].is_string());
    let again = desk.call(&["tokens", "revoke", "ana", "1", "--yes"]).exits(1);
    assert_eq!(again.sentence(), "there is no token 1 of \"ana\" that counts");
    let unknown = desk.call(&["tokens", "add", "ana", "x", "--scope", "fly"]).exits(2);
    assert!(unknown.err.contains("the scopes are look, report, execute"), "{unknown:?}");
    let long = desk.call(&["tokens", "add", "ana", "x", "--scope", "look", "--expires", "2y"]).exits(1);
    assert!(long.sentence().contains("at most 366 days"), "{long:?}");
}

#[test]
fn only_themselves_and_who_could_grant_as_much_change_what_somebody_proves_themselves_with() {
    let desk = desk();
    desk.import("username,organization\nn1,North\n");
    for (name, grant) in [("boss", "admin@North"), ("olga", "operator@North"), ("rita", "read-only")] {
        desk.ok(&["administrators", "add", name, "--grant", grant]);
    }
    let set = |by: &str, who: &str| {
        let args = ["--as", by, "administrators", "password", who];
        call_with(&desk, &args, "correct horse battery staple\n")
    };
    for (by, who) in [("boss", "olga"), ("boss", "boss"), ("olga", "olga"), ("ana", "rita")] {
        set(by, who).exits(0);
    }
    // Whoever has more, or something elsewhere, is beyond them.
    for (by, who) in [("boss", "ana"), ("boss", "rita"), ("olga", "boss"), ("rita", "olga")] {
        let refused = set(by, who).exits(1);
        assert!(refused.err.starts_with("error: "), "{refused:?}");
    }
}
