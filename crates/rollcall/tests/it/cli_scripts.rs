//! Saved scripts from outside: their versions, what is told of one that is wrong, and which one a run executes.

use crate::common::{Desk, Done, column, keys};
use serde_json::{Value, json};

/// Saves a text as the next version.
fn save(desk: &Desk, name: &str, source: impl AsRef<[u8]>, more: &[&str]) -> Done {
    desk.write("saved.txt", source);
    desk.call(&[&["scripts", "save", name, "saved.txt"], more].concat())
}

/// `extend` in three versions.
fn desk() -> Desk {
    let desk = Desk::with_users(2);
    for (klass, note) in [("one", "first"), ("two", ""), ("three", "leap years")] {
        save(&desk, "extend", source(klass), &["--note", note]).exits(0);
    }
    desk
}

fn source(klass: &str) -> String {
    format!("# Extend people\nuser.klass = '{klass}'\n")
}

fn history(desk: &Desk, name: &str) -> Vec<Value> {
    desk.ok(&["scripts", "history", name, "--format", "json"]).objects()
}

fn scripts(desk: &Desk) -> Vec<Value> {
    desk.ok(&["scripts", "list", "--format", "json"]).objects()
}

fn klass(desk: &Desk) -> Value {
    desk.user("user001")["klass"].clone()
}

#[test]
fn versions_count_up_and_keep_their_note_and_author() {
    let desk = Desk::with_users(1);
    let first = save(&desk, "extend", source("one"), &["--note", "why ünd how"]).exits(0);
    assert_eq!((first.err.as_str(), first.out.as_str()), ("script extend is saved as version 1\n", ""));
    let second = save(&desk, "extend", source("two"), &[]).exits(0);
    assert_eq!(second.err, "script extend is saved as version 2\n");
    save(&desk, "Andere.v2", "PARAMS = {'days': int, 'plan': {'type': str, 'default': ''}}\n", &[]).exits(0);

    let all = scripts(&desk);
    assert_eq!(column(&all, "script"), ["Andere.v2", "extend"], "by name");
    assert_eq!(column(&all, "version"), [1, 2]);
    assert_eq!(
        keys(&all[1]),
        ["administrator", "draft", "note", "organization", "saved_at", "script", "source", "version"]
    );
    assert_eq!(all[1]["source"], source("two"));
    let table = desk.ok(&["scripts", "list"]).out;
    assert!(table.contains("days=int [plan=str]") && table.contains("Extend people"), "{table}");

    let versions = history(&desk, "extend");
    assert_eq!(column(&versions, "version"), [2, 1], "newest first");
    assert_eq!(column(&versions, "note"), ["", "why ünd how"]);
    assert_eq!(versions[0], all[1]);
    let run = desk.run("pass", &["--all"]).exits(0).object();
    assert_eq!(column(&versions, "administrator"), vec![run["administrator"].clone(); 2]);
    assert!(versions[1]["saved_at"].as_str() < versions[0]["saved_at"].as_str());
}

#[test]
fn a_script_comes_back_to_the_byte() {
    let desk = Desk::new();
    let texts = [
        "print('ünïcode €')\n",
        "x = 1\r\n\tif_ = '''\r\n  two\r\n'''\r\n".trim_start(),
        "\n\n# blank lines around\n\n\n",
        "s = 'tab\\there \u{a0}\u{2028}'\n\u{c}\n",
    ];
    for text in texts {
        let text = text.replace("\tif_", "if_");
        save(&desk, "exact", &text, &[]).exits(0);
        assert_eq!(desk.ok(&["scripts", "show", "exact"]).out, text);
        let shown = desk.ok(&["scripts", "show", "exact", "--format", "json"]).object();
        assert_eq!(shown["source"], text);
    }
    for (at, text) in texts.iter().enumerate() {
        let version = (at + 1).to_string();
        let shown = desk.ok(&["scripts", "show", "exact", "--version", &version]).out;
        assert_eq!(shown, text.replace("\tif_", "if_"));
    }
    save(&desk, "exact", "x = 1", &[]).exits(0);
    let shown = desk.ok(&["scripts", "show", "exact", "--format", "json"]).object();
    assert_eq!(shown["source"], "x = 1", "a last line without an end stays so");
}

#[test]
fn a_script_is_saved_from_standard_input() {
    let desk = Desk::new();
    desk.write("in.py", "x = 1\n");
    let mut command = desk.command(&["scripts", "save", "piped", "-"]);
    command.stdin(std::fs::File::open(desk.path("in.py")).unwrap());
    crate::common::finish(crate::common::start(&mut command)).exits(0);
    assert_eq!(desk.ok(&["scripts", "show", "piped"]).out, "x = 1\n");
}

#[test]
fn diff_shows_what_changed_between_versions() {
    let desk = desk();
    let diff = |args: &[&str]| desk.ok(&[&["scripts", "diff", "extend"], args].concat()).out;
    let between = |old: u8, new: u8, was: &str, is: &str| {
        format!(
            "--- extend@{old}\n+++ extend@{new}\n@@ -1,2 +1,2 @@\n # Extend people\n-user.klass = '{was}'\n+user.klass = '{is}'\n"
        )
    };
    assert_eq!(diff(&[]), between(2, 3, "two", "three"));
    assert_eq!(diff(&["1"]), between(1, 3, "one", "three"));
    assert_eq!(diff(&["1", "2"]), between(1, 2, "one", "two"));
    assert_eq!(diff(&["3", "1"]), between(3, 1, "three", "one"));
    let same = desk.ok(&["scripts", "diff", "extend", "2", "2"]);
    assert_eq!((same.out.as_str(), same.err.as_str()), ("", "versions 2 and 2 of extend are the same\n"));
    let none = desk.call(&["scripts", "diff", "extend", "9"]).exits(1);
    assert_eq!(none.sentence(), "there is no version 9 of script \"extend\": the latest is 3");
}

#[test]
fn an_earlier_version_is_restored_as_a_new_one() {
    let desk = desk();
    let done = desk.ok(&["scripts", "restore", "extend", "1"]);
    assert_eq!(done.err, "script extend is version 1 again, saved as version 4\n");
    desk.ok(&["scripts", "restore", "extend", "2", "--note", "mine"]);
    let versions = history(&desk, "extend");
    assert_eq!(column(&versions, "version"), [5, 4, 3, 2, 1]);
    assert_eq!(column(&versions, "note"), ["mine", "version 1 restored", "leap years", "", "first"]);
    let sources = ["two", "one", "three", "two", "one"].map(source);
    assert_eq!(column(&versions, "source"), sources);
    desk.call(&["scripts", "restore", "extend", "9"]).exits(1);
    assert_eq!(history(&desk, "extend").len(), 5);
}

#[test]
fn a_removed_script_is_off_the_list_and_comes_back_with_its_history() {
    let desk = desk();
    let done = desk.ok(&["scripts", "remove", "extend", "--yes"]);
    let back = "'rollcall scripts restore extend 3' brings it back";
    assert_eq!(done.err, format!("script extend is off the list; {back}\n"));
    assert_eq!(scripts(&desk), [json!(null); 0]);
    let removed = "the script \"extend\" was archived: restore it";
    for args in [
        &["scripts", "show", "extend"][..],
        &["scripts", "remove", "extend", "--yes"],
        &["scripts", "diff", "extend"],
    ] {
        let done = desk.call(args).exits(1);
        assert_eq!(done.sentence(), removed, "{args:?}");
        assert_eq!(done.hints(), ["restore the script: rollcall scripts restore extend 3"]);
    }
    assert!(desk.call(&["run", "extend", "--all"]).exits(1).sentence().ends_with(removed));
    assert_eq!(desk.ok(&["scripts", "show", "extend", "--version", "2"]).out, source("two"));

    desk.ok(&["scripts", "restore", "extend", "2"]);
    assert_eq!(column(&scripts(&desk), "version"), [4]);
    assert_eq!(column(&history(&desk, "extend"), "version"), [4, 3, 2, 1]);
    assert_eq!(desk.ok(&["scripts", "show", "extend"]).out, source("two"));

    desk.ok(&["scripts", "remove", "extend", "--yes"]);
    let saved = save(&desk, "extend", source("five"), &[]).exits(0);
    assert_eq!(saved.err, "script extend is saved as version 5\n", "no number is used twice");
    assert_eq!(column(&scripts(&desk), "version"), [5]);
}

#[test]
fn a_run_takes_the_latest_version_or_the_one_that_is_named() {
    let desk = desk();
    let apply = |script: &str| desk.ok(&["run", script, "--all", "--apply", "--yes", "--json"]).object();
    let latest = apply("extend");
    assert_eq!((&latest["script"], &latest["script_version"]), (&json!("extend"), &json!(3)));
    assert_eq!(klass(&desk), "three");
    let first = apply("extend@1");
    assert_eq!((&first["script"], &first["script_version"]), (&json!("extend"), &json!(1)));
    assert_eq!(klass(&desk), "one");
    desk.ok(&["scripts", "remove", "extend", "--yes"]);
    assert_eq!(apply("extend@2")["script_version"], 2, "versions of a removed script are still there");
    assert_eq!(klass(&desk), "two");
    let file = desk.run("pass", &["--all"]).exits(0).object();
    assert_eq!((&file["script"], &file["script_version"]), (&json!("script.py"), &Value::Null));
}

#[test]
fn a_run_keeps_its_version_and_text_whatever_is_saved_later() {
    let desk = Desk::with_users(1);
    save(&desk, "extend", "user.klass = 'old'\n\nraise ValueError('of the old one')\n", &[]).exits(0);
    let run = desk.call(&["run", "extend", "--all", "--json"]).exits(3).object();
    let outcomes = desk.outcomes(&run);
    save(&desk, "extend", "pass\n", &[]).exits(0);
    desk.ok(&["scripts", "remove", "extend", "--yes"]);
    let shown = desk.ok(&["runs", "show", "1", "--format", "json"]).object();
    assert_eq!(shown, run);
    assert_eq!(shown["script_version"], 1);
    assert_eq!(desk.outcomes(&run), outcomes);
    let error = &outcomes[0]["error"];
    assert_eq!((&error["line"], &error["message"]), (&json!(3), &json!("of the old one")));
    assert!(error["traceback"].as_str().unwrap().contains("raise ValueError('of the old one')"), "{error}");
    let version = shown["script_version"].to_string();
    let source = desk.ok(&["scripts", "show", "extend", "--version", &version]).out;
    assert!(source.contains("of the old one"), "{source}");
}

#[test]
fn a_name_that_is_a_file_and_saved_must_be_told_apart() {
    let desk = desk();
    desk.write("extend", "user.klass = 'of the file'\n");
    let both = desk.call(&["run", "extend", "--all"]).exits(1);
    assert_eq!(
        both.sentence(),
        "extend is both a file here and a saved script: write ./extend for the file, or extend@3 for the saved one"
    );
    assert_eq!(desk.runs(), [json!(null); 0]);
    let file = desk.ok(&["run", "./extend", "--all", "--apply", "--yes", "--json"]).object();
    assert_eq!(file["script_version"], Value::Null);
    assert_eq!(klass(&desk), "of the file");
    let saved = desk.ok(&["run", "extend@3", "--all", "--apply", "--yes", "--json"]).object();
    assert_eq!(saved["script_version"], 3);
    assert_eq!(klass(&desk), "three");
}

#[test]
fn an_unknown_script_is_refused_with_what_may_be_meant() {
    let desk = desk();
    let meant = "there is no saved script \"extnd\"; did you mean extend?";
    for args in [
        &["scripts", "show", "extnd"][..],
        &["scripts", "history", "extnd"],
        &["scripts", "diff", "extnd"],
        &["scripts", "restore", "extnd", "1"],
        &["scripts", "remove", "extnd", "--yes"],
        &["run", "extnd@1", "--all"],
    ] {
        assert_eq!(desk.call(args).exits(1).sentence(), meant, "{args:?}");
    }
    let said = desk.call(&["run", "extnd", "--all"]).exits(1);
    assert_eq!(said.sentence(), format!("there is no file extnd: {meant}"));
    let said = desk.call(&["run", "extend@9", "--all"]).exits(1);
    assert_eq!(said.sentence(), "there is no version 9 of script \"extend\": the latest is 3");
    assert!(desk.call(&["run", "extend@x", "--all"]).exits(1).sentence().contains("\"x\" is no version"));
    assert!(desk.call(&["run", "gone.py", "--all"]).exits(1).sentence().contains("gone.py"));
    assert_eq!(
        desk.call(&["scripts", "show", "zzz"]).exits(1).sentence(),
        "there is no saved script \"zzz\""
    );
    assert_eq!(desk.runs(), [json!(null); 0]);
}

#[test]
fn every_syntax_error_is_told_with_its_place_and_nothing_is_saved() {
    let desk = desk();
    let wrong = "user.klass = = 1\nok = 1\nx = (2 3)\nprint('é' ]\n";
    let said = save(&desk, "extend", wrong, &[]).exits(1);
    let lines: Vec<&str> = said.refusal().lines().collect();
    let places: Vec<&str> = lines.iter().step_by(3).copied().collect();
    assert_eq!(places.len(), 3, "{lines:?}");
    for (line, place) in places.iter().zip(["line 1, column 14", "line 3, column 8", "line 4, column 11"]) {
        assert!(line.starts_with(&format!("extend, {place}: syntax error: ")), "{line} is not at {place}");
    }
    let pointed: Vec<&str> = lines.iter().skip(1).step_by(3).copied().collect();
    assert_eq!(pointed, ["  user.klass = = 1", "  x = (2 3)", "  print('é' ]"]);
    let carets: Vec<usize> = lines.iter().skip(2).step_by(3).map(|line| line.find('^').unwrap()).collect();
    assert_eq!(carets, [13 + 2, 7 + 2, 10 + 2]);
    assert_eq!(history(&desk, "extend").len(), 3);
    save(&desk, "new", wrong, &[]).exits(1);
    assert_eq!(column(&scripts(&desk), "script"), ["extend"]);

    let latin = save(&desk, "new", b"x = 1\ny = '\xe9'\n", &[]).exits(1);
    assert_eq!(latin.sentence(), "saved.txt, line 2: the script is not UTF-8");
    let params = save(&desk, "new", "PARAMS = {'days': it}\n", &[]).exits(1);
    assert!(params.refusal().starts_with("new, line 1, column 19: days: no type"), "{params:?}");
    assert_eq!(column(&scripts(&desk), "script"), ["extend"]);
}

#[test]
fn a_script_with_errors_is_saved_as_a_draft_that_cannot_run() {
    let desk = desk();
    let wrong = "if user.klass ==\n";
    let saved = save(&desk, "extend", wrong, &["--draft"]).exits(0);
    let (first, rest) = saved.err.split_once('\n').unwrap();
    assert_eq!(first, "script extend is saved as version 4, a draft that cannot run");
    assert!(rest.starts_with("extend, line 1, column 17: "), "{rest}");
    assert_eq!(desk.ok(&["scripts", "show", "extend"]).out, wrong);
    let listed = desk.ok(&["scripts", "list"]).out;
    assert!(listed.contains("draft, has errors"), "{listed}");
    assert_eq!(column(&scripts(&desk), "draft"), [true]);
    let drafts: Vec<_> = history(&desk, "extend").iter().map(|each| each["draft"].clone()).collect();
    assert_eq!(drafts, [true, false, false, false]);
    // Neither a run nor a test takes it; an earlier version runs.
    for command in [&["run", "extend", "--all"][..], &["scripts", "test", "extend", "--user", "user001"]] {
        let refused = desk.call(command).exits(1);
        assert!(refused.err.contains("line 1, column 17"), "{refused:?}");
    }
    desk.ok(&["run", "extend@3", "--all", "--apply", "--yes"]);
    assert_eq!(klass(&desk), "three");
    // It is restored as the draft that it was; what has no errors is no draft.
    desk.ok(&["scripts", "restore", "extend", "4"]);
    let saved = save(&desk, "extend", source("four"), &["--draft"]).exits(0);
    assert_eq!(saved.err, "script extend is saved as version 6\n");
}

#[test]
fn names_and_fields_that_do_not_exist_are_warned_of_and_saved_all_the_same() {
    let desk = Desk::with_users(1);
    let odd = "usr.klass = 1\nuser.klas = row['x']\nuser.obj_id = 3\nprint(parms, run.previw)\n";
    let done = save(&desk, "odd", odd, &[]).exits(0);
    let warnings = "\
        warning: odd, line 1, column 1: usr is not defined anywhere; did you mean user?\n  usr.klass = 1\n  ^\n\
        warning: odd, line 2, column 6: user.klas: a user has no field \"klas\"; did you mean klass?\n  user.klas = row['x']\n       ^\n\
        warning: odd, line 3, column 6: user.obj_id is read-only\n  user.obj_id = 3\n       ^\n\
        warning: odd, line 4, column 7: parms is not defined anywhere; did you mean params?\n  print(parms, run.previw)\n        ^\n\
        warning: odd, line 4, column 18: run.previw: a run has no \"previw\"; did you mean preview?\n  print(parms, run.previw)\n                   ^\n";
    assert_eq!(done.err, format!("script odd is saved as version 1\n{warnings}"));
    assert_eq!(desk.ok(&["scripts", "show", "odd"]).out, odd);
    let run = desk.call(&["run", "odd", "--all", "--json"]).exits(3);
    assert_eq!(run.err, warnings, "told again before a run");
    assert_eq!(run.object()["outcomes"]["failed"], 1);
}

#[test]
fn names_and_notes_that_would_break_a_listing_are_refused() {
    let desk = Desk::new();
    for name in ["a b", "a@2", "./a", ".a", "", &"x".repeat(65)] {
        let said = save(&desk, name, "pass", &[]).exits(1);
        assert!(said.sentence().contains("cannot be the name of a script"), "{said:?}");
    }
    assert!(save(&desk, "a", "pass", &["--note", "two\nlines"]).exits(1).sentence().contains("one line"));
    assert_eq!(scripts(&desk), [json!(null); 0]);
    assert!(desk.ok(&["scripts", "list"]).err.contains("no scripts are saved"));
}
