//! The JSON contracts: exact keys and values, for programs that read them.

use crate::common::{Desk, column, keys, name, without};
use serde_json::{Value, json};

/// What the contract of a run names.
const RUN_KEYS: [&str; 8] =
    ["applies_run_id", "duration_seconds", "mode", "outcomes", "run_id", "state", "targets", "undoes_run_id"];
/// What is given beyond it.
const MORE_RUN_KEYS: [&str; 11] = [
    "administrator",
    "created_at",
    "end_reason",
    "organization_ids",
    "params",
    "plan_hash",
    "pruned_at",
    "script",
    "script_version",
    "selection",
    "settings",
];

const OUTCOMES: [&str; 7] = ["changed", "unchanged", "skipped", "failed", "timed_out", "conflict", "not_run"];

/// The counts of a run: those given, and 0 for all other outcomes.
fn tally(counts: &[(&str, u64)]) -> Value {
    let count = |outcome: &str| counts.iter().find(|(name, _)| *name == outcome).map_or(0, |(_, n)| *n);
    OUTCOMES
        .iter()
        .map(|outcome| ((*outcome).to_owned(), json!(count(outcome))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn is_rfc3339_utc(value: &Value) -> bool {
    let text = value.as_str().unwrap();
    text.ends_with('Z') && text.contains('T') && rollcall_testkit::time(text).to_string() == text
}

#[test]
fn a_user_is_shown_with_every_field_profiles_by_priority_and_items_in_order() {
    let desk = Desk::new();
    for profile in ["first", "second", "third"] {
        desk.ok(&["profiles", "add", profile]);
    }
    desk.import(
        "username,first_name,email,is_active,expiration,date_joined,last_update,last_login,profiles,attributes,\
         check_attributes\n\
         ana,Zoë,a@example.com,false,2026-12-01 18:30,2024-01-01T00:00:00+01:00,2025-01-01,2025-02-03T04:05:06.5Z,\
         third;first,\"Session-Timeout := 60\nReply-Message += hello there\n\",Simultaneous-Use := 1\n",
    );
    let expected = json!({
        "obj_id": 1,
        "username": "ana",
        "username_length": 3,
        "first_name": "Zoë",
        "last_name": "",
        "email": "a@example.com",
        "external_id": "",
        "klass": "",
        "is_active": false,
        "date_joined": "2023-12-31T23:00:00Z",
        "first_login": null,
        "last_login": "2025-02-03T04:05:06.5Z",
        "expiration": "2026-12-01T18:30:00Z",
        "last_update": "2025-01-01T00:00:00Z",
        "organization_id": 1,
        "avatar_url": "",
        "description": "",
        "profiles": ["third", "first"],
        "attributes": [
            {"attr": "Session-Timeout", "operation": ":=", "value": "60"},
            {"attr": "Reply-Message", "operation": "+=", "value": "hello there"},
        ],
        "check_attributes": [{"attr": "Simultaneous-Use", "operation": ":=", "value": "1"}],
    });
    assert_eq!(desk.user("ana"), expected);
    assert_eq!(desk.ok(&["users", "list", "--format", "json"]).objects(), std::slice::from_ref(&expected));
    assert_eq!(desk.ok(&["users", "export", "--format", "json"]).objects(), std::slice::from_ref(&expected));

    desk.apply("user.profile_add(short_name='second')", 0);
    assert_eq!(desk.user("ana")["profiles"], json!(["third", "first", "second"]), "added last in priority");
}

#[test]
fn a_run_prints_one_object_and_show_and_list_give_the_same() {
    let desk = Desk::with_users(3);
    let script = "if user.obj_id == 2: skip('not this one')\nif user.obj_id < 2: user.klass = 'gold'\n";
    let done = desk.run(script, &["--all"]).exits(0);
    let preview = done.object();
    let applied = desk.run(script, &["--filter", "obj_id ge 1", "--apply", "--yes"]).exits(0).object();

    let mut expected_keys = [&RUN_KEYS[..], &MORE_RUN_KEYS].concat();
    expected_keys.sort_unstable();
    for (run, id, mode) in [(&preview, 1, "preview"), (&applied, 2, "apply")] {
        assert_eq!(keys(run), expected_keys);
        assert_eq!(run["run_id"], id);
        assert_eq!(run["mode"], mode);
        assert_eq!(run["state"], "finished");
        assert_eq!(run["targets"], 3);
        assert_eq!(run["outcomes"], tally(&[("changed", 1), ("unchanged", 1), ("skipped", 1)]));
        assert!(run["duration_seconds"].as_f64().unwrap() >= 0.0);
        assert_eq!((&run["applies_run_id"], &run["undoes_run_id"]), (&Value::Null, &Value::Null));
        assert!(is_rfc3339_utc(&run["created_at"]));
        assert!(run["administrator"].as_str().unwrap().starts_with("cli:"));
        let shown = desk.ok(&["runs", "show", &id.to_string(), "--format", "json"]).object();
        assert_eq!(&shown, run);
    }
    assert_eq!(
        (&preview["selection"], &applied["selection"]),
        (&json!("all"), &json!({"filter": {"name": null, "text": "obj_id ge 1"}}))
    );
    assert_eq!(desk.runs(), [applied, preview], "newest first");
}

#[test]
fn runs_are_listed_newest_first_in_every_format() {
    let desk = Desk::with_users(1);
    for _ in 0..3 {
        desk.run("pass", &["--all"]).exits(0);
    }
    assert_eq!(column(&desk.runs(), "run_id"), [3, 2, 1]);
    for format in ["table", "csv"] {
        let list = desk.ok(&["runs", "list", "--format", format]).out;
        let first_cells: Vec<_> =
            list.lines().skip(1).map(|line| line.split([',', ' ']).next().unwrap()).collect();
        assert_eq!(first_cells, ["3", "2", "1"], "{format}");
    }
}

#[test]
fn every_kind_of_change_has_its_exact_form() {
    let desk = Desk::new();
    desk.ok(&["profiles", "add", "basic"]);
    desk.ok(&["profiles", "add", "plus"]);
    desk.import(
        "username,klass,is_active,expiration,profiles,attributes,check_attributes\n\
         ana,old,true,,basic,Session-Timeout := 60,Simultaneous-Use := 1\n",
    );
    let script = "\
        from datetime import datetime, timezone\n\
        user.klass = 'new'\n\
        user.is_active = False\n\
        user.username_length = 7\n\
        user.expiration = datetime(2026, 12, 1, 0, 0, 0, 5, tzinfo=timezone.utc)\n\
        user.profile_remove(short_name='basic')\n\
        user.profile_add(short_name='plus')\n\
        user.attribute_remove('Session-Timeout', 60)\n\
        user.attribute_add('Class', 'plus', '+=')\n\
        user.check_attribute_remove('Simultaneous-Use', '1', ':=')\n\
        user.check_attribute_add('NAS-Identifier', 'ap-1')\n";
    let changes = json!([
        {"op": "set", "field": "username_length", "before": 3, "after": 7},
        {"op": "set", "field": "klass", "before": "old", "after": "new"},
        {"op": "set", "field": "is_active", "before": true, "after": false},
        {"op": "set", "field": "expiration", "before": null, "after": "2026-12-01T00:00:00.000005Z"},
        {"op": "profile_remove", "short_name": "basic"},
        {"op": "profile_add", "short_name": "plus"},
        {"op": "attribute_remove", "attr": "Session-Timeout", "operation": ":=", "value": "60"},
        {"op": "attribute_add", "attr": "Class", "operation": "+=", "value": "plus"},
        {"op": "check_attribute_remove", "attr": "Simultaneous-Use", "operation": ":=", "value": "1"},
        {"op": "check_attribute_add", "attr": "NAS-Identifier", "operation": "==", "value": "ap-1"},
    ]);
    let preview = desk.run(script, &["--all"]).exits(0).object();
    let expected = json!({
        "target": 1,
        "obj_id": 1,
        "username": "ana",
        "outcome": "changed",
        "changes": changes,
        "result": null,
        "output": "",
        "warnings": [],
        "rejected_calls": [],
        "error": null,
        "row": null,
    });
    // Beside the contract's keys stand what the script gave to `skip`, and what was different in a conflict.
    let outcome = |run: &Value| without(without(desk.outcomes(run).remove(0), "reason"), "mismatches");
    assert_eq!(outcome(&preview), expected);
    let applied = desk.apply(script, 0);
    assert_eq!(outcome(&applied), expected, "what was previewed is what is applied");

    let user = desk.user("ana");
    assert_eq!(user["klass"], "new");
    assert_eq!(user["expiration"], "2026-12-01T00:00:00.000005Z");
    assert_eq!(user["profiles"], json!(["plus"]));
    assert_eq!(user["attributes"], json!([{"attr": "Class", "operation": "+=", "value": "plus"}]));
    assert_eq!(
        user["check_attributes"],
        json!([{"attr": "NAS-Identifier", "operation": "==", "value": "ap-1"}])
    );
}

#[test]
fn a_result_may_hold_any_json_value_and_output_is_kept() {
    let desk = Desk::with_users(2);
    let script = "\
        from datetime import datetime, timezone\n\
        if user.obj_id == 1:\n\
        \x20   result.update({'null': None, 'yes': True, 'no': False, 'int': -3, 'float': 0.5, 'text': 'é\"\\n\\u2028',\n\
        \x20                  'list': [1, [2, {}], 'x'], 'dict': {'a': {'b': []}}, '': 'empty key',\n\
        \x20                  'time': datetime(2026, 12, 1, tzinfo=timezone.utc), 'big': 2 ** 100})\n\
        \x20   print('one', 2)\n\
        \x20   log('three', 'ü')\n";
    let run = desk.run(script, &["--all"]).exits(0).object();
    let done = desk.ok(&["runs", "outcomes", "1", "--format", "json"]);
    assert!(done.out.contains("\"big\":1267650600228229401496703205376"), "as it was written: {}", done.out);
    let outcomes = desk.outcomes(&run);
    let result = without(outcomes[0]["result"].clone(), "big");
    assert_eq!(
        result,
        json!({
            "null": null, "yes": true, "no": false, "int": -3, "float": 0.5, "text": "é\"\n\u{2028}",
            "list": [1, [2, {}], "x"], "dict": {"a": {"b": []}}, "": "empty key", "time": "2026-12-01T00:00:00Z",
        })
    );
    assert_eq!(outcomes[0]["output"], "one 2\nthree ü\n");
    assert_eq!(column(&outcomes, "outcome"), ["unchanged"; 2], "a look-up changes nobody");
    assert_eq!((&outcomes[1]["result"], &outcomes[1]["output"]), (&Value::Null, &json!("")));
}

#[test]
fn an_error_has_type_message_line_and_traceback() {
    let desk = Desk::with_users(3);
    let script = "\
        def check(user):\n\
        \x20   if user.obj_id == 1:\n\
        \x20       raise LookupError('nobody like', user.username)\n\
        \n\
        check(user)\n\
        if user.obj_id == 2:\n\
        \x20   fail('told to')\n";
    let run = desk.run(script, &["--all"]).exits(3).object();
    assert_eq!(run["outcomes"], tally(&[("failed", 2), ("unchanged", 1)]));
    let errors = column(&desk.outcomes(&run), "error");
    assert_eq!(keys(&errors[0]), ["line", "message", "traceback", "type"]);
    assert_eq!(errors[0]["type"], "LookupError");
    assert_eq!(errors[0]["message"], "('nobody like', 'user001')");
    assert_eq!(errors[0]["line"], 3);
    let traceback = errors[0]["traceback"].as_str().unwrap();
    let lines: Vec<_> = traceback.lines().map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "Traceback (most recent call last):",
            "File \"script.py\", line 5, in <module>",
            "check(user)",
            "File \"script.py\", line 3, in check",
            "raise LookupError('nobody like', user.username)",
            "LookupError: ('nobody like', 'user001')",
        ],
        "the script's own frames only"
    );
    assert_eq!(keys(&errors[1]), ["line", "message", "traceback", "type"]);
    assert_eq!((&errors[1]["message"], &errors[1]["line"]), (&json!("told to"), &json!(7)));
    assert_eq!(errors[2], Value::Null);
}

#[test]
fn outcomes_come_in_the_order_of_targets_and_can_be_picked_by_kind() {
    let desk = Desk::with_users(6);
    let script = "if user.obj_id % 2: skip(f'odd {user.obj_id}')\nuser.klass = 'even'\n";
    let run = desk.run(script, &["--filter", "obj_id gt 1"]).exits(0).object();
    let outcomes = desk.outcomes(&run);
    assert_eq!(column(&outcomes, "target"), [1, 2, 3, 4, 5]);
    assert_eq!(column(&outcomes, "obj_id"), [2, 3, 4, 5, 6]);
    let skipped = desk.ok(&["runs", "outcomes", "1", "--outcome", "skipped", "--format", "json"]).objects();
    assert_eq!(column(&skipped, "username"), [name(3), name(5)]);
    assert_eq!(column(&skipped, "reason"), ["odd 3", "odd 5"]);
    assert_eq!(column(&skipped, "error"), [Value::Null, Value::Null], "to skip is no failure");
}

#[test]
fn output_for_programs_has_no_colours_even_if_they_are_forced() {
    let desk = Desk::with_users(2);
    desk.apply("user.klass = 'gold'", 0);
    for args in [
        &["runs", "list", "--format", "json"][..],
        &["runs", "outcomes", "1", "--format", "json"],
        &["runs", "outcomes", "1", "--format", "csv"],
        &["users", "list", "--format", "json"],
        &["users", "export"],
    ] {
        let done = crate::common::finish(crate::common::start(desk.command(args).env("CLICOLOR_FORCE", "1")))
            .exits(0);
        assert!(!done.out.is_empty() && !done.out.contains('\u{1b}'), "{args:?}: {done:?}");
    }
}

/// A colour, a bell, a DEL and a C1 control: nothing that a text may not hold.
const CONTROLS: &str = "a\u{1b}[31mred\u{1b}[0m\u{7}b\u{7f}c\u{9b}d\te";

#[test]
fn json_gives_texts_as_they_are_control_characters_included() {
    let desk = Desk::with_users(1);
    desk.ok(&["users", "set", "user001", &format!("description={CONTROLS}")]);
    desk.run("print(user.description, end='')\nresult['it'] = user.description", &["--all"]).exits(0);
    let outcome = desk.ok(&["runs", "outcomes", "1", "--format", "json"]).object();
    assert_eq!(outcome["output"], CONTROLS, "what a script printed");
    assert_eq!(outcome["result"], json!({"it": CONTROLS}));
    assert_eq!(desk.user("user001")["description"], CONTROLS);
}

#[test]
fn a_printed_nul_is_kept_as_its_symbol_on_every_database() {
    let desk = Desk::with_users(1);
    desk.run("print('a\\0b', end='')\nresult['it'] = 'a\\0b'\nfail('no\\0')", &["--all"]).exits(3);
    let outcome = desk.ok(&["runs", "outcomes", "1", "--format", "json"]).object();
    assert_eq!(outcome["output"], "a\u{2400}b");
    assert_eq!(outcome["error"]["message"], "no\0");
}

#[test]
fn an_export_gives_texts_as_they_are_control_characters_included() {
    let desk = Desk::with_users(1);
    desk.ok(&["users", "set", "user001", &format!("description={CONTROLS}")]);
    let raw = desk.ok(&["users", "export", "--raw"]).out;
    assert!(raw.contains(CONTROLS), "{raw:?}");
    let defused = desk.export();
    assert!(defused.contains(CONTROLS), "{defused:?}");
}

#[test]
fn a_run_that_the_database_ends_prints_its_object_all_the_same() {
    let desk = Desk::on_file().and_users(2);
    // Stands for a disk that fills up between freezing the list and the first commit.
    desk.database()
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON outcomes BEGIN SELECT RAISE(ABORT, 'no room'); END",
        )
        .unwrap();
    let before = desk.export();
    let done = desk.run("user.klass = 'gold'", &["--all", "--apply", "--yes"]).exits(1);
    assert!(done.err.contains("no room"), "{done:?}");
    assert_eq!(desk.export(), before);
    let runs = desk.runs();
    assert_eq!(column(&runs, "state"), ["stopped"]);
    assert_eq!(runs[0]["outcomes"], tally(&[("not_run", 2)]));
    assert_eq!(done.object(), runs[0], "a command that made a run prints its object");
}

#[test]
fn organizations_and_profiles_are_listed_as_objects() {
    let desk = Desk::new();
    desk.ok(&["organizations", "add", "North"]);
    desk.ok(&["profiles", "add", "plus", "--reply", "Class := x", "--check", "Simultaneous-Use == 2"]);
    let organizations = desk.ok(&["organizations", "list", "--format", "json"]).objects();
    assert_eq!(column(&organizations, "name"), ["North"]);
    let expected = json!({
        "profile_id": 1,
        "short_name": "plus",
        "organization": null,
        "reply": [{"attr": "Class", "operation": ":=", "value": "x"}],
        "check": [{"attr": "Simultaneous-Use", "operation": "==", "value": "2"}],
    });
    assert_eq!(desk.ok(&["profiles", "list", "--format", "json"]).objects(), std::slice::from_ref(&expected));
    assert_eq!(desk.ok(&["profiles", "show", "plus", "--format", "json"]).object(), expected);
}
