//! What cannot be undone is asked for: without a terminal it needs `--yes`. Every command is in one of two lists here.

use crate::common::{Desk, commands};

/// Commands that write to many users at once, or do what Rollcall cannot undo, as they are called in [`desk`].
const NEEDS_CONSENT: [&str; 18] = [
    "administrators remove olga",
    "administrators sessions olga --revoke 1",
    "administrators sessions olga --revoke-all",
    "administrators totp olga remove",
    "filters remove gold",
    "organizations remove North",
    "profiles remove plus",
    "prune --older-than 0s",
    "run x.py --all --apply",
    "runs apply 1",
    "runs approve 1",
    "runs start 3",
    "runs retry 2",
    "runs undo 2 --apply",
    "scripts remove extend",
    "tokens revoke olga 1",
    "users password user001 --remove",
    "users remove user001",
];

/// Commands that only read, add something, or change what a later command can change back. Of `runs resume` and `demo`
/// see the comments.
const NEEDS_NONE: [&str; 59] = [
    "administrators add",
    "administrators grant",
    "administrators list",
    // It brings the new password.
    "administrators password",
    // `grant` gives the role again.
    "administrators revoke",
    "audit export",
    "audit head",
    "audit list",
    "audit verify",
    "completions",
    // It starts over only what an earlier demo has made.
    "demo",
    "filters count",
    "filters list",
    // It prints what it replaces.
    "filters save",
    "filters show",
    "import freeradius",
    "init",
    // It copies into an empty database only.
    "migrate",
    "organizations add",
    "organizations list",
    "organizations rename",
    "profiles add",
    "profiles list",
    "profiles show",
    "radius check",
    "radius config",
    // What it forgets can be loaded again.
    "radius dictionary forget",
    "radius dictionary list",
    "radius dictionary load",
    "radius reply",
    // The rest can be run again.
    "runs cancel",
    "runs changes",
    "runs list",
    "runs outcomes",
    // It asks unless the run was confirmed before: see `cli_confirm`.
    "runs resume",
    "runs show",
    "runs watch",
    "scripts diff",
    "scripts history",
    "scripts list",
    "scripts restore",
    "scripts samples",
    "scripts save",
    "scripts show",
    "scripts test",
    "serve",
    "settings list",
    "settings set",
    "settings unset",
    "tokens add",
    "tokens list",
    "users export",
    "users history",
    "users import",
    "users list",
    // History has what was there before.
    "users set",
    "users show",
    "worker",
    "workers list",
];

#[test]
fn every_command_needs_consent_or_is_known_to_need_none() {
    let desk = Desk::bare();
    let mut paths = Vec::new();
    commands(&desk, &[], &mut paths);
    let paths: Vec<_> = paths.iter().map(|path| path.join(" ")).collect();
    // Those that only lead to others do nothing themselves.
    let leads = |path: &str| paths.iter().any(|other| other.starts_with(&format!("{path} ")));
    let commands: Vec<_> = paths.iter().filter(|path| !path.is_empty() && !leads(path)).collect();
    let is_called = |command: &str| {
        NEEDS_CONSENT.iter().any(|called| *called == command || called.starts_with(&format!("{command} ")))
    };
    for command in commands.iter().copied() {
        let (asks, does_not) = (is_called(command), NEEDS_NONE.contains(&command.as_str()));
        assert!(asks || does_not, "nobody has decided whether {command:?} needs --yes");
        assert!(!(asks && does_not), "{command:?} is in both lists");
    }
    for command in NEEDS_NONE {
        assert!(commands.iter().any(|there| *there == command), "there is no command {command:?}");
    }
}

#[test]
fn without_a_terminal_consent_is_an_option() {
    let desk = Desk::with_users(2);
    desk.write("x.py", "user.klass = 'x'");
    for args in [
        &["administrators", "add", "olga", "--grant", "admin"][..],
        &["tokens", "add", "olga", "billing", "--scope", "look"],
        &["filters", "save", "gold", "klass eq \"gold\""],
        &["organizations", "add", "North"],
        &["profiles", "add", "plus"],
        &["scripts", "save", "extend", "x.py"],
        &["run", "x.py", "--all"],
        &["run", "x.py", "--all", "--apply", "--yes"],
        &["run", "x.py", "--all", "--apply", "--hold"],
    ] {
        desk.ok(args);
    }
    // The log has a row of everything that is done.
    let users = || desk.ok(&["users", "list", "--format", "json"]).out;
    let state = || [users(), desk.ok(&["audit", "head"]).out, format!("{:?}", desk.runs())];
    let before = state();
    for command in NEEDS_CONSENT {
        let args: Vec<_> = command.split(' ').collect();
        let refused = desk.call(&args).exits(2);
        assert!(refused.sentence().ends_with(" without a terminal needs --yes"), "{command}: {refused:?}");
        assert_eq!(state(), before, "{command}");
    }
    // With it, what is named must be there.
    desk.ok(&["users", "remove", "user001", "--yes"]);
    desk.ok(&["tokens", "revoke", "olga", "1", "--yes"]);
    assert_ne!(state(), before);
}
