//! Rows of files from outside: how they name their users, what is in the way of a run, and how several of one user act.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::Child;

use crate::common::{Desk, Done, column, finish, name, start};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};

/// Takes the class from the row and keeps the row.
const CLASS: &str = "user.klass = row['klass']\nresult['row'] = dict(row)\n";

const APPLY: [&str; 2] = ["--apply", "--yes"];

/// Four users, of whom two share an address.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.import(
        "username,email,external_id\n\
         ann,ann@example.com,X1\n\
         bob,bob@example.com,X2\n\
         cyd,shared@example.org,X3\n\
         dan,shared@example.org,\n",
    );
    desk
}

/// Runs a script over the rows of a file with this content.
fn run_rows(desk: &Desk, script: &str, rows: impl AsRef<[u8]>, args: &[&str]) -> Done {
    desk.write("rows.csv", rows);
    desk.run(script, &[&["--csv", "rows.csv"], args].concat())
}

/// The line of the report with the numbers.
fn numbers(done: &Done) -> &str {
    done.err.lines().find(|line| line.starts_with("  matched ")).unwrap_or_else(|| panic!("{done:#?}")).trim()
}

#[track_caller]
fn assert_no_run(desk: &Desk) {
    assert_eq!(desk.runs(), [json!(null); 0]);
}

/// The username and the class of each row that a run got.
#[track_caller]
fn classes(desk: &Desk, done: Done) -> Vec<(String, String)> {
    let run = done.exits(0).object();
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
    desk.outcomes(&run).iter().map(|one| (text(&one["username"]), text(&one["row"]["klass"]))).collect()
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    wanted.iter().map(|(user, klass)| ((*user).to_owned(), (*klass).to_owned())).collect()
}

#[test]
fn the_column_that_names_the_users_is_guessed_or_given() {
    let desk = desk();
    let table: [(&str, &[&str], &str, &str); 2] = [
        ("klass,E-Mail\na,bob@example.com\n", &[], "E-Mail", "email"),
        ("Kunde,klass\nX2,a\n", &["--key", "Kunde=external_id"], "Kunde", "external_id"),
    ];
    for (rows, args, key, field) in table {
        let done = run_rows(&desk, CLASS, rows, args).exits(0);
        assert_eq!(numbers(&done), "matched 1 · duplicate 0 · unmatched 0 · ambiguous 0 · unreadable 0");
        let run = done.object();
        let selection = json!({"rows": {"file": "rows.csv", "column": key, "field": field, "left_out": 0}});
        assert_eq!(run["selection"], selection, "{rows}");
        assert_eq!(classes(&desk, done), pairs(&[("bob", "a")]), "{rows}");
    }
}

#[test]
fn a_column_that_cannot_name_the_users_says_what_there_is() {
    let desk = desk();
    let table: [(&str, &[&str], &str, &[&str]); 6] = [
        (
            "Kunde,klass\n",
            &[],
            "no column is known to name the users; the file has \"Kunde\", \"klass\". Choose the one that does, and \
             which of username, external_id, email, obj_id it holds; if this is not the header, choose its row",
            &[
                "choose the column and its field: --key 'COLUMN=FIELD'",
                "choose the row of the header: --header-row N",
            ],
        ),
        (
            "Kunde,klass\n",
            &["--key", "Kunde"],
            "which field does the column \"Kunde\" hold: username, external_id, email, obj_id?",
            &["choose the column and its field: --key 'Kunde=FIELD'"],
        ),
        (
            "Kunde,klass\n",
            &["--key", "Knde"],
            "the file has no column \"Knde\"; did you mean \"Kunde\"? It has \"Kunde\", \"klass\"",
            &[],
        ),
        (
            "Kunde,klass\n",
            &["--key", "zzz=email"],
            "the file has no column \"zzz\". It has \"Kunde\", \"klass\"",
            &[],
        ),
        (
            "Kunde,klass\n",
            &["--key", "Kunde=klass"],
            "users cannot be found by \"klass\": use one of username, external_id, email, obj_id",
            &[],
        ),
        (
            "email,E-Mail\n",
            &[],
            "both \"email\" and \"E-Mail\" could name the users: choose one of them",
            &["choose the column: --key COLUMN"],
        ),
    ];
    for (rows, args, said, hints) in table {
        let done = run_rows(&desk, CLASS, rows, args);
        assert_ne!(done.code, Some(0));
        assert_eq!(done.sentence(), said);
        assert_eq!(done.hints(), hints);
    }
    assert_no_run(&desk);
}

#[test]
fn encodings_are_detected_or_given() {
    let desk = desk();
    let text = "username,klass\nann,Zoë\nbob,naïve\n";
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let wanted = pairs(&[("ann", "Zoë"), ("bob", "naïve")]);
    let given = run_rows(&desk, CLASS, utf_16, &["--encoding", "utf-16be"]);
    assert_eq!(classes(&desk, given), wanted);
    let detected = run_rows(&desk, CLASS, &latin, &[]);
    let note = "rows.csv: 2 rows by username (UTF-8, commas; line 2 is not UTF-8; from there on the file is read as \
                Windows-1252)";
    assert!(detected.err.contains(note), "{detected:?}");
    assert_eq!(classes(&desk, detected), wanted);

    let runs = desk.runs().len();
    let wrong = run_rows(&desk, CLASS, &latin, &["--encoding", "utf-8"]).exits(1);
    assert_eq!(numbers(&wrong), "matched 0 · duplicate 0 · unmatched 0 · ambiguous 0 · unreadable 2");
    assert!(wrong.err.contains("rows.csv, line 2: the cell in column \"klass\" is not UTF-8"), "{wrong:?}");
    let unknown = run_rows(&desk, CLASS, text, &["--encoding", "klingon"]);
    assert!(unknown.sentence().contains("no encoding is called \"klingon\""), "{unknown:?}");
    assert_eq!(desk.runs().len(), runs);
}

#[test]
fn delimiters_and_quotes_are_detected_or_given() {
    let desk = desk();
    let wanted = pairs(&[("ann", "a;b")]);
    let detected = run_rows(&desk, CLASS, "klass\tusername\na;b\tann\n", &[]);
    assert_eq!(classes(&desk, detected), wanted);
    let given = run_rows(&desk, CLASS, "klass\tusername\na;b\tann\n", &["--delimiter", "tab"]);
    assert_eq!(classes(&desk, given), wanted);
    let given = run_rows(&desk, CLASS, "username,klass\nann,'a,b'\n", &["--quote", "single"]);
    assert_eq!(classes(&desk, given), pairs(&[("ann", "a,b")]));
    run_rows(&desk, CLASS, "username,klass\n", &["--delimiter", "xx"]).exits(2);
}

#[test]
fn rows_are_read_from_standard_input() {
    let desk = desk();
    desk.write("class.py", CLASS);
    desk.write("in.csv", "username;klass\nbob;a\nann;b\n");
    let mut command = desk.command(&["run", "class.py", "--csv", "-", "--json"]);
    command.stdin(File::open(desk.path("in.csv")).unwrap());
    let done = finish(start(&mut command)).exits(0);
    assert!(done.err.starts_with("standard input: 2 rows by username (UTF-8, semicolons)\n"), "{done:?}");
    assert_eq!(classes(&desk, done), pairs(&[("bob", "a"), ("ann", "b")]));
}

const BAD: &str = "\
email,klass
ann@example.com,a
nobody@example.com,b
shared@example.org,c
bob@example.com,d
ann@example.com,e

,f
bob@example.com
ann@example.com,g
";

#[test]
fn a_bad_row_is_in_the_way_and_the_report_has_the_exact_numbers() {
    let desk = desk();
    let done = run_rows(&desk, CLASS, BAD, &["--bad-rows", "bad.csv", "--apply", "--yes"]).exits(1);
    insta::assert_snapshot!(done.err, @r#"
    rows.csv, line 3: no user has the email "nobody@example.com"
    rows.csv, line 4: several users have the email "shared@example.org": cyd, dan
    rows.csv, line 8: email is empty
    rows.csv, line 9: the row has 1 cell, the header has 2
    rows.csv, line 6: user "ann" is named by line 2, too
    rows.csv, line 10: user "ann" is named by line 2, too
    rows.csv: 8 rows by email (UTF-8, commas)
      matched 4 · duplicate 2 · unmatched 2 · ambiguous 1 · unreadable 1
      duplicates: all rows of a user run, in the order of the file
      bad rows, with the reasons: bad.csv
    error: no run was started: 4 rows cannot be used; correct the rows that cannot be read; --skip-unmatched leaves out those that name no user, or several
    "#);
    assert_eq!(done.out, "");
    assert_no_run(&desk);
    assert_eq!(desk.user("ann")["klass"], "");
    insta::assert_snapshot!(std::fs::read_to_string(desk.path("bad.csv")).unwrap(), @r#"
    email,klass,rollcall_line,rollcall_reason
    nobody@example.com,b,3,"no user has the email ""nobody@example.com"""
    shared@example.org,c,4,"several users have the email ""shared@example.org"": cyd, dan"
    ,f,8,email is empty
    bob@example.com,,9,"the row has 1 cell, the header has 2","(correct this row, then delete this cell)"
    "#);
}

#[test]
fn rows_that_name_nobody_or_several_can_be_left_out_but_not_unreadable_ones() {
    let desk = desk();
    let done = run_rows(&desk, CLASS, BAD, &["--skip-unmatched"]).exits(1);
    assert_eq!(numbers(&done), "matched 4 · duplicate 2 · unmatched 2 · ambiguous 1 · unreadable 1");
    assert!(done.err.contains("error: no run was started: 4 rows cannot be used"), "{done:?}");
    assert_no_run(&desk);

    let readable = BAD.replace("bob@example.com\n", "");
    let done = run_rows(&desk, CLASS, readable, &["--skip-unmatched", "--apply", "--yes"]).exits(0);
    assert_eq!(numbers(&done), "matched 4 · duplicate 2 · unmatched 2 · ambiguous 1 · unreadable 0");
    let run = done.object();
    assert_eq!((&run["targets"], &run["selection"]["rows"]["left_out"]), (&json!(4), &json!(3)));
    assert_eq!(
        classes(&desk, done),
        pairs(&[("ann", "a"), ("bob", "d"), ("ann", "e"), ("ann", "g")]),
        "in the order of the file"
    );
    let users = desk.ok(&["users", "list", "--format", "json"]).objects();
    assert_eq!(column(&users, "klass"), ["g", "d", "", ""]);
    let told = desk.ok(&["runs", "show", "1"]).out;
    assert!(told.contains("applied to 4 rows (the rows of rows.csv, by email, 3 left out)"), "{told}");
}

#[test]
fn a_row_of_the_wrong_length_is_unreadable() {
    let desk = desk();
    let done =
        run_rows(&desk, CLASS, "username,klass\nann,a,b\nbob,a,\ncyd\ndan,a\nann,b\n", &["--skip-unmatched"])
            .exits(1);
    assert_eq!(numbers(&done), "matched 3 · duplicate 0 · unmatched 0 · ambiguous 0 · unreadable 2");
    assert!(done.err.contains("rows.csv, line 2: the row has 3 cells, the header has 2\n"), "{done:?}");
    assert!(done.err.contains("rows.csv, line 4: the row has 1 cell, the header has 2\n"), "{done:?}");
    assert_no_run(&desk);
}

#[test]
fn a_header_that_cannot_be_used_is_refused() {
    let desk = desk();
    let twice = run_rows(&desk, CLASS, "username,klass,x,klass,x\nann,1,2,3,4\n", &[]).exits(1);
    assert_eq!(
        twice.refusal(),
        "rows.csv: the header cannot be used (line 1):\n  \
         columns 2 and 4 are all called \"klass\"; rename all but one\n  \
         columns 3 and 5 are all called \"x\"; rename all but one"
    );
    let empty = run_rows(&desk, CLASS, "", &[]).exits(1);
    assert_eq!(empty.sentence(), "rows.csv: the file is empty: its first row must name the columns");
    assert_no_run(&desk);

    let unnamed = run_rows(&desk, CLASS, "username,,klass\nann,zzz,a\n", &[]).exits(0);
    assert!(unnamed.err.contains("column 2 has no name and is left out"), "{unnamed:?}");
    let outcome = desk.outcomes(&unnamed.object()).remove(0);
    assert_eq!(outcome["row"], json!({"username": "ann", "klass": "a"}));
    let header_alone = run_rows(&desk, CLASS, "username,klass\n", &[]).exits(0).object();
    assert_eq!((&header_alone["targets"], &header_alone["state"]), (&json!(0), &json!("finished")));
}

#[test]
fn all_of_many_bad_rows_are_in_the_file_which_can_be_mended_and_run() {
    let desk = Desk::with_users(100);
    let row = |n: usize| {
        let user = if n.is_multiple_of(100) { format!("nobody{n}") } else { name(n % 100) };
        format!("{user},{n}\n")
    };
    let rows: String = (1..=100_000).map(row).collect();
    let rows = format!("username,klass\n{rows}");
    let done = run_rows(&desk, CLASS, rows, &["--bad-rows", "bad.csv"]).exits(1);
    assert_eq!(
        numbers(&done),
        "matched 99,000 · duplicate 98,901 · unmatched 1,000 · ambiguous 0 · unreadable 0"
    );
    assert!(done.err.contains("rows.csv: and 980 bad rows more\n"), "{}", done.err);
    assert!(done.err.contains("error: no run was started: 1,000 rows cannot be used"), "{}", done.err);
    assert_no_run(&desk);

    let bad = std::fs::read_to_string(desk.path("bad.csv")).unwrap();
    let lines: Vec<&str> = bad.lines().collect();
    assert_eq!((lines.len(), lines[0]), (1_001, "username,klass,rollcall_line,rollcall_reason"));
    for (at, line) in lines.iter().enumerate().skip(1) {
        let n = at * 100;
        let wanted = format!("nobody{n},{n},{},\"no user has the username \"\"nobody{n}\"\"\"", n + 1);
        assert_eq!(*line, wanted);
    }

    let mended: String = lines
        .iter()
        .enumerate()
        .map(|(at, line)| match at {
            0 => format!("{line}\n"),
            at => format!("{}\n", line.replacen(&format!("nobody{}", at * 100), &name(at % 100 + 1), 1)),
        })
        .collect();
    let done = run_rows(&desk, CLASS, mended, &APPLY).exits(0);
    assert_eq!(numbers(&done), "matched 1,000 · duplicate 900 · unmatched 0 · ambiguous 0 · unreadable 0");
    assert_eq!(desk.user(&name(1))["klass"], "100000", "the last of its rows");
    let row = &desk.outcomes(&done.object())[0]["row"];
    let reason = "no user has the username \"nobody100\"";
    let wanted =
        json!({"username": "user002", "klass": "100", "rollcall_line": "101", "rollcall_reason": reason});
    assert_eq!(row, &wanted);
}

#[test]
fn a_missing_column_is_a_key_error_that_names_the_columns() {
    let desk = desk();
    let done = run_rows(&desk, "row['Missing']\n", "username,Klass,b\nann,x,y\n", &[]).exits(3);
    let error = &desk.outcomes(&done.object())[0]["error"];
    assert_eq!((&error["type"], &error["line"]), (&json!("KeyError"), &json!(1)));
    assert_eq!(error["message"], "the file has no column 'Missing'; it has username, Klass, b");

    let script = "result['row'] = row\nresult['got'] = row.get('Missing', 'd')\nrow['Missing']\n";
    let filtered = desk.run(script, &["--filter", "username eq \"ann\""]).exits(3).object();
    let outcome = desk.outcomes(&filtered).remove(0);
    assert_eq!((&outcome["error"]["type"], &outcome["row"]), (&json!("KeyError"), &Value::Null));
    let empty = desk.run("result['row'] = row", &["--filter", "username eq \"ann\""]).exits(0).object();
    assert_eq!(desk.outcomes(&empty)[0]["result"], json!({"row": {}}));
}

#[test]
fn a_row_is_a_dict_of_texts_in_the_order_of_the_columns() {
    let desk = desk();
    let script = "result['items'] = list(row.items())\nresult['n'] = len(row)\nresult['has'] = 'a' in row\n";
    let rows = "z,username,a,M,0\n1, ann ,,007, true\n";
    let done = run_rows(&desk, script, rows, &[]).exits(0);
    let items = [["z", "1"], ["username", " ann "], ["a", ""], ["M", "007"], ["0", " true"]];
    let outcome = desk.outcomes(&done.object()).remove(0);
    assert_eq!(outcome["result"], json!({"items": items, "n": 5, "has": true}));
    let told = desk.ok(&["runs", "outcomes", "1", "--format", "json"]).out;
    let order = r#""row":{"z":"1","username":" ann ","a":"","M":"007","0":" true"}"#;
    assert!(told.contains(order), "{told}");
}

#[test]
fn what_a_script_does_to_its_row_is_gone_with_the_next() {
    let desk = desk();
    let script = "result['klass'] = row['klass']\nrow['klass'] = 'mine'\nrow['new'] = 'x'\n";
    let done = run_rows(&desk, script, "username,klass\nann,a\nann,b\nbob,c\n", &["--workers", "1"]).exits(0);
    let outcomes = desk.outcomes(&done.object());
    assert_eq!(
        column(&outcomes, "result"),
        [json!({"klass": "a"}), json!({"klass": "b"}), json!({"klass": "c"})]
    );
    assert_eq!(outcomes[1]["row"], json!({"username": "ann", "klass": "b"}));
}

/// Notes what each row finds and leaves of the one before it.
const EACH_SEES: &str = "\
result['saw'] = [user.klass, [p.short_name for p in user.profiles], [a.value for a in user.attributes]]
user.klass = user.klass + row['n']
user.profile_add(short_name='p' + row['n'])
user.attribute_add('Session-Timeout', row['n'], ':=')
user.attribute_add('Class', row['n'], '+=')
";

fn desk_with_profiles() -> Desk {
    let desk = Desk::with_users(3);
    for n in 1..=3 {
        desk.ok(&["profiles", "add", &format!("p{n}")]);
    }
    desk
}

#[test]
fn each_row_of_a_user_sees_what_the_one_before_it_left() {
    let desk = desk_with_profiles();
    let rows = "username,n\nuser001,1\nuser002,2\nuser001,2\nuser001,3\nuser002,1\n";
    let preview = run_rows(&desk, EACH_SEES, rows, &[]).exits(0).object();
    assert_eq!(desk.user(&name(1))["klass"], "", "a preview writes nothing");
    let applied = run_rows(&desk, EACH_SEES, rows, &APPLY).exits(0).object();
    let outcomes = desk.outcomes(&applied);
    assert_eq!(desk.outcomes(&preview), outcomes);
    let saw: Vec<Value> = outcomes.iter().map(|outcome| outcome["result"]["saw"].clone()).collect();
    assert_eq!(
        saw,
        [
            json!(["", [], []]),
            json!(["", [], []]),
            json!(["1", ["p1"], ["1", "1"]]),
            json!(["12", ["p1", "p2"], ["2", "1", "2"]]),
            json!(["2", ["p2"], ["2", "2"]]),
        ]
    );
    let user = desk.user(&name(1));
    assert_eq!((&user["klass"], &user["profiles"]), (&json!("123"), &json!(["p1", "p2", "p3"])));
    let item = |attr: &str, operation: &str, value: &str| json!({"attr": attr, "operation": operation, "value": value});
    assert_eq!(
        user["attributes"],
        json!([
            item("Session-Timeout", ":=", "3"),
            item("Class", "+=", "1"),
            item("Class", "+=", "2"),
            item("Class", "+=", "3"),
        ])
    );
    assert_eq!(desk.user(&name(2))["klass"], "21");
}

#[test]
fn a_row_that_fails_skips_or_ends_its_process_leaves_the_next_the_user_as_it_was() {
    let script = "\
        import os\n\
        result['saw'] = [user.klass, len(user.profiles), len(user.attributes)]\n\
        user.klass = user.klass + row['n']\n\
        user.profile_add(short_name='p' + row['n'][-1])\n\
        user.attribute_add('Class', row['n'], '+=')\n\
        if row['do'] == 'fail': fail('no')\n\
        if row['do'] == 'raise': 1 / 0\n\
        if row['do'] == 'skip': skip('no')\n\
        if row['do'] == 'exit': os._exit(1)\n\
        if row['do'] == 'hang':\n\
        \x20   while True: pass\n";
    let rows = "username,n,do\n\
        user001,1,\nuser001,2,fail\nuser001,2,raise\nuser001,2,skip\nuser001,2,exit\nuser001,2,hang\nuser001,3,\n";
    let desk = desk_with_profiles();
    let limit = ["--time-limit", "2s"];
    let preview = run_rows(&desk, script, rows, &limit).exits(3).object();
    let applied = run_rows(&desk, script, rows, &[&limit[..], &APPLY].concat()).exits(3).object();
    for run in [&preview, &applied] {
        let outcomes = desk.outcomes(run);
        assert_eq!(
            column(&outcomes, "outcome"),
            ["changed", "failed", "failed", "skipped", "failed", "timed_out", "changed"]
        );
        assert_eq!(outcomes[6]["result"]["saw"], json!(["1", 1, 1]), "run {}", run["run_id"]);
        assert_eq!(outcomes[3]["changes"], json!([]));
    }
    let user = desk.user(&name(1));
    assert_eq!((&user["klass"], &user["profiles"]), (&json!("13"), &json!(["p1", "p3"])));
}

#[test]
fn after_a_name_that_is_taken_the_next_row_sees_the_old_name() {
    let desk = Desk::with_users(3);
    let script = "result['saw'] = [user.username, user.klass]\n\
                  if row['to']: user.username = row['to']\n\
                  user.klass = user.klass + row['n']\n";
    let rows = "username,to,n\n\
        user001,first,1\nuser001,user002,2\nuser001,,3\nuser003,user001,4\nuser001,user001,5\nuser001,,6\nuser003,,7\n";
    let preview = run_rows(&desk, script, rows, &[]).exits(3).object();
    let applied = run_rows(&desk, script, rows, &APPLY).exits(3).object();
    for run in [&preview, &applied] {
        let outcomes = desk.outcomes(run);
        assert_eq!(
            column(&outcomes, "outcome"),
            ["changed", "failed", "changed", "changed", "failed", "changed", "changed"],
            "run {}",
            run["run_id"]
        );
        let saw: Vec<Value> =
            [0, 2, 3, 5, 6].iter().map(|at| outcomes[*at]["result"]["saw"].clone()).collect();
        assert_eq!(
            saw,
            [
                json!(["user001", ""]),
                json!(["first", "1"]),
                json!(["user003", ""]),
                json!(["first", "13"]),
                json!(["user001", "4"]),
            ]
        );
        assert!(outcomes[1]["error"]["message"].as_str().unwrap().contains("\"user002\""), "{}", outcomes[1]);
    }
    let users = desk.ok(&["users", "list", "--format", "json"]).objects();
    assert_eq!(column(&users, "username"), ["first", "user002", "user001"]);
    assert_eq!(column(&users, "klass"), ["136", "", "47"]);
}

#[test]
fn rows_of_an_excel_sheet_are_read() {
    let desk = desk();
    let mut book = Workbook::new();
    let first = book.add_worksheet().set_name("Klassen").unwrap();
    for (row, cells) in [["username", "klass"], ["ann", "Zoë"], ["bob", "007"]].iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            first.write_string(row.try_into().unwrap(), column.try_into().unwrap(), *cell).unwrap();
        }
    }
    first.write_string(4, 0, "cyd").unwrap(); // under a blank row
    first.write_number(4, 1, 42).unwrap();
    let second = book.add_worksheet().set_name("Zweites Blatt").unwrap();
    second.write_string(0, 0, "obj_id").unwrap();
    second.write_string(0, 1, "klass").unwrap();
    second.write_number(1, 0, 2).unwrap();
    second.write_boolean(1, 1, true).unwrap();
    second.write_number(2, 0, 99).unwrap();
    second.write_number(2, 1, 2.5).unwrap();
    book.save(desk.path("klassen.xlsx")).unwrap();
    let run = |args: &[&str]| desk.run(CLASS, &[&["--csv", "klassen.xlsx"], args].concat());

    let done = run(&[]).exits(0);
    let note =
        "klassen.xlsx: 3 rows by username (Excel, sheet \"Klassen\"; the others are \"Zweites Blatt\")";
    assert!(done.err.contains(note), "{done:?}");
    assert_eq!(classes(&desk, done), pairs(&[("ann", "Zoë"), ("bob", "007"), ("cyd", "42")]));
    let done = run(&["--sheet", "Klassen"]);
    assert_eq!(classes(&desk, done), pairs(&[("ann", "Zoë"), ("bob", "007"), ("cyd", "42")]));

    let runs = desk.runs().len();
    let done = run(&["--sheet", "Zweites Blatt"]).exits(1);
    assert!(done.err.contains("klassen.xlsx, line 3: no user has the obj_id \"99\"\n"), "{done:?}");
    assert_eq!(desk.runs().len(), runs);
    let skipped = run(&["--sheet", "Zweites Blatt", "--skip-unmatched"]);
    assert_eq!(classes(&desk, skipped), pairs(&[("bob", "true")]));

    let unknown = run(&["--sheet", "Klasen"]).exits(2);
    assert_eq!(
        unknown.sentence(),
        "klassen.xlsx: the workbook has no sheet \"Klasen\"; did you mean \"Klassen\"? Its sheets are \"Klassen\", \"Zweites Blatt\""
    );
    assert!(run(&["--delimiter", ";"]).exits(2).sentence().contains("Excel workbook, which has no encoding"));
    let text = run_rows(&desk, CLASS, "username,klass\n", &["--sheet", "x"]).exits(2);
    assert!(text.sentence().contains("the file is text and has no sheets"), "{text:?}");
}

#[test]
fn the_targets_of_an_earlier_run_come_with_their_rows() {
    let desk = Desk::with_users(4);
    let script = "if row['n'] in '24': fail('even')\nuser.klass = row['n']\n";
    let rows = "username,n\nuser001,1\nuser002,2\nuser003,3\nuser004,4\nuser001,5\nuser002,4\n";
    let first = run_rows(&desk, script, rows, &APPLY).exits(3).object();
    assert_eq!((&first["outcomes"]["changed"], &first["outcomes"]["failed"]), (&json!(3), &json!(3)));

    let keep = "user.description = user.klass + '/' + row['n']\nresult['row'] = dict(row)\n";
    let failed = desk.run(keep, &["--targets-from", "1:failed"]).exits(0).object();
    assert_eq!(failed["selection"], json!({"outcomes": {"run_id": 1, "outcome": "failed"}}));
    let outcomes = desk.outcomes(&failed);
    let row = |user: &str, n: &str| json!({"username": user, "n": n});
    let wanted = [row("user002", "2"), row("user004", "4"), row("user002", "4")];
    assert_eq!(column(&outcomes, "row"), wanted);
    assert_eq!(column(&outcomes, "target"), [1, 2, 3]);
    let results: Vec<Value> = outcomes.iter().map(|outcome| outcome["result"]["row"].clone()).collect();
    assert_eq!(results, wanted);

    let all = desk.run(keep, &["--targets-from", "1", "--apply", "--yes"]).exits(0).object();
    assert_eq!(all["selection"], json!({"outcomes": {"run_id": 1, "outcome": null}}));
    let outcomes = desk.outcomes(&all);
    let wanted = ["user001", "user002", "user003", "user004", "user001", "user002"];
    assert_eq!(column(&outcomes, "username"), wanted);
    assert_eq!(desk.user(&name(1))["description"], "5/5", "the last of its rows");
    assert_eq!(desk.user(&name(2))["description"], "/4");

    let none = desk.run(keep, &["--targets-from", "1:timed_out"]).exits(0).object();
    assert_eq!(none["targets"], 0);
    let again = desk.run(keep, &["--targets-from", "2"]).exits(0).object();
    assert_eq!(column(&desk.outcomes(&again), "row").len(), 3, "of a run that had its targets from another");
    let told = desk.ok(&["runs", "show", "2"]).out;
    assert!(told.contains("what was failed in run 1"), "{told}");
}

#[test]
fn targets_of_a_run_without_rows_have_none() {
    let desk = Desk::with_users(3);
    desk.run("if user.obj_id != 2: fail('no')", &["--all"]).exits(3);
    let run = desk.run("result['row'] = row", &["--targets-from", "1:failed"]).exits(0).object();
    let outcomes = desk.outcomes(&run);
    assert_eq!(column(&outcomes, "obj_id"), [1, 3]);
    assert_eq!(column(&outcomes, "row"), [Value::Null, Value::Null]);
    assert_eq!(column(&outcomes, "result"), [json!({"row": {}}), json!({"row": {}})]);
}

#[test]
fn targets_that_cannot_be_had_are_refused() {
    let desk = Desk::with_users(1);
    desk.run("pass", &["--all"]).exits(0);
    let unknown = desk.run("pass", &["--targets-from", "99"]).exits(1);
    assert_eq!(unknown.sentence(), "there is no run 99");
    let outcome = desk.run("pass", &["--targets-from", "1:nope"]).exits(2);
    assert!(outcome.err.contains("no outcome is called \"nope\""), "{outcome:?}");
    let number = desk.run("pass", &["--targets-from", "x"]).exits(2);
    assert!(number.err.contains("\"x\" is not a run: write 7, 7:failed or latest:failed"), "{number:?}");
    assert_eq!(desk.runs().len(), 1);
}

/// A run over rows of which the second takes forever, as the leader of a process group of its own.
fn endless_run(desk: &Desk) -> Child {
    desk.write("asleep.py", "import time\nif row['n'] == '2': time.sleep(80_000)\nuser.klass = 'x'\n");
    desk.write("long.csv", "username,n\nuser001,1\nuser002,2\nuser003,3\n");
    let args = ["run", "asleep.py", "--csv", "long.csv", "--apply", "--yes", "--json", "--time-limit", "24h"];
    let child = start(desk.command(&[&args[..], &["--workers", "1"]].concat()).process_group(0));
    desk.wait_for_outcomes(1);
    child
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap())
}

#[test]
fn what_a_cancelled_run_did_not_reach_is_run_with_its_rows_once_it_has_ended() {
    let desk = Desk::with_users(3);
    let child = endless_run(&desk);
    let early = desk.run("pass", &["--targets-from", "1"]).exits(1);
    assert_eq!(early.sentence(), "run 1 is still running: wait for its end");
    killpg(pid(&child), Signal::SIGINT).unwrap();
    finish(child).exits(1);
    assert_eq!(column(&desk.runs(), "state"), ["cancelled"], "the refused one left none");

    let rest =
        desk.run("user.klass = row['n']", &["--targets-from", "1:not_run", "--apply", "--yes"]).exits(0);
    let rest = rest.object();
    assert_eq!(rest["selection"], json!({"outcomes": {"run_id": 1, "outcome": "not_run"}}));
    assert_eq!(column(&desk.outcomes(&rest), "username"), ["user002", "user003"]);
    let users = desk.ok(&["users", "list", "--format", "json"]).objects();
    assert_eq!(column(&users, "klass"), ["x", "2", "3"]);
}

#[test]
fn what_belongs_to_a_file_of_rows_is_refused_without_one() {
    let desk = desk();
    for args in [
        &["--key", "x"][..],
        &["--skip-unmatched"],
        &["--bad-rows", "b.csv"],
        &["--sheet", "x"],
        &["--header-row", "2"],
        &["--hidden", "skip"],
    ] {
        desk.run("pass", &[&["--all"], args].concat()).exits(2);
    }
    assert_no_run(&desk);
}

#[test]
fn hidden_rows_of_a_sheet_run_only_if_that_is_said() {
    let desk = desk();
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in (0..).zip([["username", "klass"], ["ann", "a"], ["bob", "b"], ["cyd", "c"]]) {
        sheet.write_row(row, 0, cells).unwrap();
    }
    sheet.set_row_hidden(2).unwrap();
    book.save(desk.path("list.xlsx")).unwrap();
    let run = |args: &[&str]| desk.run(CLASS, &[&["--csv", "list.xlsx"], args].concat());
    assert_eq!(
        run(&[]).exits(2).refusal(),
        "list.xlsx: 1 row is hidden in the sheet, from row 3 on; choose whether to include or to skip hidden rows"
    );
    assert_eq!(run(&[]).hints(), ["include or skip hidden rows: --hidden include or --hidden skip"]);
    assert_no_run(&desk);
    let done = run(&["--hidden", "skip"]);
    assert!(done.err.contains("1 row is hidden in the sheet and is left out"), "{}", done.err);
    assert_eq!(classes(&desk, done), pairs(&[("ann", "a"), ("cyd", "c")]));
    let done = run(&["--hidden", "include"]);
    assert_eq!(classes(&desk, done), pairs(&[("ann", "a"), ("bob", "b"), ("cyd", "c")]));
}

#[test]
fn the_header_is_found_below_a_title_or_named() {
    let desk = desk();
    let done = run_rows(&desk, CLASS, "Moves in March\n\nusername,klass\nbob,a\n", &[]);
    assert!(done.err.contains("the header is on line 3; what stands above it is left out"), "{}", done.err);
    assert_eq!(classes(&desk, done), pairs(&[("bob", "a")]));
    let done = run_rows(&desk, CLASS, "username,klass\nx,y\nklass,username\na,bob\n", &["--header-row", "3"]);
    assert_eq!(classes(&desk, done), pairs(&[("bob", "a")]));
    let refused = run_rows(&desk, CLASS, "username,klass\n", &["--header-row", "7"]).exits(2);
    assert!(refused.refusal().ends_with("choose another header row"), "{}", refused.err);
    assert_eq!(refused.hints(), ["choose the row of the header: --header-row N"]);
    run_rows(&desk, CLASS, "username,klass\n", &["--header-row", "0"]).exits(2);
}

#[test]
fn a_stray_quotation_mark_is_told_and_swallows_no_rows() {
    let desk = desk();
    let rows = "username,klass\nann,\"a\nbob,b\ncyd,\"c\"\n";
    let done = run_rows(&desk, CLASS, rows, &[]).exits(1);
    assert_eq!(numbers(&done), "matched 2 · duplicate 0 · unmatched 0 · ambiguous 0 · unreadable 1");
    assert!(done.err.contains("rows.csv, line 2: a quotation mark is opened and not closed"), "{}", done.err);
    let done = run_rows(&desk, CLASS, b"username,klass\nann,M\x81nchen\n", &["--encoding", "cp850"]);
    assert_eq!(classes(&desk, done), pairs(&[("ann", "München")]));
}

#[test]
fn bad_rows_never_overwrite_a_file() {
    let desk = desk();
    let rows = "username,klass\nann,a\nnobody,b\n";
    desk.write("kept.csv", "mine\n");
    for (there, content) in [("rows.csv", rows), ("kept.csv", "mine\n")] {
        let done = run_rows(&desk, CLASS, rows, &["--bad-rows", there]).exits(2);
        let why = format!("--bad-rows: {there} exists already: name a new file");
        assert!(done.err.contains(&why), "{done:?}");
        assert_eq!(std::fs::read_to_string(desk.path(there)).unwrap(), content);
    }
    // A link that leads nowhere is there, too.
    std::os::unix::fs::symlink(desk.path("away.csv"), desk.path("link.csv")).unwrap();
    run_rows(&desk, CLASS, rows, &["--bad-rows", "link.csv"]).exits(2);
    assert!(!desk.path("away.csv").exists());
    assert_no_run(&desk);
}

#[test]
fn bad_rows_of_any_columns_can_be_corrected_and_run() {
    let desk = desk();
    let cases = [
        ("username,klass,line,reason\nnobody,a,7,moved\n", json!({"line": "7", "reason": "moved"})),
        ("reason,line,username,klass\nmoved,7,nobody,a\n", json!({"line": "7", "reason": "moved"})),
        ("=1+1,username,klass\n-5,nobody,a\n", json!({"=1+1": "-5"})),
        ("username,,klass,\nnobody,x,a,y\n", json!({})),
    ];
    for (at, (rows, own)) in cases.into_iter().enumerate() {
        let (first, second) = (format!("bad{at}.csv"), format!("again{at}.csv"));
        run_rows(&desk, CLASS, rows, &["--bad-rows", &first]).exits(1);
        desk.run(CLASS, &["--csv", &first, "--bad-rows", &second]).exits(1);
        let bad = std::fs::read_to_string(desk.path(&second)).unwrap();
        desk.write("corrected.csv", bad.replacen("nobody", "bob", 1));
        let run = desk.run(CLASS, &["--csv", "corrected.csv"]).exits(0).object();
        let row = desk.outcomes(&run).remove(0)["row"].clone();
        let wanted = json!({"username": "bob", "klass": "a", "rollcall_line": "2"});
        for (column, cell) in wanted.as_object().unwrap().iter().chain(own.as_object().unwrap()) {
            assert_eq!(row[column], *cell, "{column} in {row}");
        }
    }
}

#[test]
fn keys_are_normalised_as_usernames_are_and_an_exact_match_wins() {
    let desk = desk();
    desk.sql("UPDATE users SET username = 'ann ' WHERE username = 'cyd'");
    // What is exported and given back names the users that it came from.
    let exported = desk.ok(&["users", "export"]).out;
    let run = run_rows(&desk, "", exported, &[]).exits(0).object();
    let names = column(&desk.outcomes(&run), "username");
    assert_eq!(names, ["ann", "bob", "ann ", "dan"]);

    let rows = "username\n ann\nann\u{a0}\nann \n\u{feff}\u{200b}bob\t\n\"=\"\"dan\"\"\"\n";
    let done = run_rows(&desk, "", rows, &[]).exits(0);
    let told = "3 keys were read without the white space around them; 1 key was written as =\"…\" and read as the text in it";
    assert!(done.err.contains(told), "{done:?}");
    assert_eq!(column(&desk.outcomes(&done.object()), "username"), ["ann", "ann", "ann ", "bob", "dan"]);
}

#[test]
fn a_username_and_a_number_that_contradict_each_other_are_a_fault_of_the_row() {
    let desk = desk();
    let rows = "username,obj_id,klass\nann,1,a\nbob,1,b\ncyd,99,c\ndan, 4 ,d\nnew,2,e\nann,,f\n";
    let done = run_rows(&desk, CLASS, rows, &[]).exits(1);
    for line in [
        "line 3: username \"bob\" is user \"bob\", whose obj_id is 2, but obj_id 1 is user \"ann\"; name the key",
        "line 4: username \"cyd\" is user \"cyd\", whose obj_id is 3, but no user has the obj_id \"99\"; name the key",
        "line 6: no user has the username \"new\" (obj_id 2 is user \"bob\")\n",
    ] {
        assert!(done.err.contains(line), "{line} in {}", done.err);
    }
    assert_eq!(numbers(&done), "matched 3 · duplicate 1 · unmatched 1 · ambiguous 2 · unreadable 0");
    assert_no_run(&desk);
    // Where the key is named, the other column is data, such as new names.
    let done = run_rows(&desk, CLASS, rows, &["--key", "username", "--skip-unmatched"]).exits(0);
    assert_eq!(done.object()["targets"], 5);
    let done =
        run_rows(&desk, "user.username = row['username']", "username,obj_id\nnew,2\n", &["--key", "obj_id"]);
    assert_eq!(column(&desk.outcomes(&done.exits(0).object()), "username"), ["bob"]);
}

#[test]
fn rows_of_one_user_are_listed_and_can_be_left_out() {
    let desk = desk();
    let rows = "username,klass\nann,a\nbob,b\nann,c\ncyd,d\nbob,e\nann,f\n";
    let listed = |done: &Done| {
        for line in
            ["line 4: user \"ann\" is named by line 2, too", "line 6: user \"bob\" is named by line 3, too"]
        {
            assert!(done.err.contains(line), "{done:?}");
        }
        assert_eq!(numbers(done), "matched 6 · duplicate 3 · unmatched 0 · ambiguous 0 · unreadable 0");
    };
    for (which, told, run) in [
        (
            "all",
            "all rows of a user run",
            &[("ann", "a"), ("bob", "b"), ("ann", "c"), ("cyd", "d"), ("bob", "e"), ("ann", "f")][..],
        ),
        (
            "first",
            "the first row of each user runs; 3 rows left out",
            &[("ann", "a"), ("bob", "b"), ("cyd", "d")],
        ),
        (
            "last",
            "the last row of each user runs; 3 rows left out",
            &[("cyd", "d"), ("bob", "e"), ("ann", "f")],
        ),
    ] {
        let done = run_rows(&desk, CLASS, rows, &["--duplicates", which]);
        listed(&done);
        assert!(done.err.contains(&format!("  duplicates: {told}")), "{done:?}");
        assert_eq!(classes(&desk, done), pairs(run), "{which}");
    }
    let runs = desk.runs().len();
    let done = run_rows(&desk, CLASS, rows, &["--duplicates", "refuse"]).exits(1);
    listed(&done);
    let why = "no run was started: 3 rows name a user whom an earlier row names; --duplicates first, last or all says which of them run";
    assert!(done.err.ends_with(&format!("error: {why}\n")), "{done:?}");
    assert_eq!(desk.runs().len(), runs);
    run_rows(&desk, CLASS, "username,klass\nann,a\nbob,b\n", &["--duplicates", "refuse"]).exits(0);
    assert!(desk.ok(&["runs", "show", "2"]).out.contains("3 left out"));
}

#[test]
fn a_key_that_nearly_names_a_user_says_what_differs() {
    let desk = desk();
    desk.import("username,email,external_id\nzo\u{eb},Zoe@Example.com,00123\nMcDonald,,\n");
    for (rows, why) in [
        ("username\nANN\n", "no user has the username \"ANN\" (there is \"ann\": case differs)"),
        (
            "username\nmcdonald\n",
            "no user has the username \"mcdonald\" (there is \"McDonald\": case differs)",
        ),
        (
            "username\nzoe\u{308}\n",
            "no user has the username \"zoe\\u{308}\" (there is \"zo\u{eb}\": Unicode normal form differs)",
        ),
        (
            "email\nzoe@example.com\n",
            "no user has the email \"zoe@example.com\" (there is \"Zoe@Example.com\": case differs)",
        ),
        (
            "external_id\n1.2E+05\n",
            "no user has the external_id \"1.2E+05\" (a spreadsheet has shortened a number, and its digits are lost: write the column as text)",
        ),
        ("username\nannabel\n", "no user has the username \"annabel\"\n"),
    ] {
        let done = run_rows(&desk, "", rows, &[]).exits(1);
        assert!(done.err.contains(why), "{why} in {}", done.err);
    }
    let done = run_rows(&desk, "", "external_id\n\"=\"\"00123\"\"\"\n", &[]).exits(0);
    assert_eq!(column(&desk.outcomes(&done.object()), "username"), ["zo\u{eb}"]);
    assert_eq!(desk.runs().len(), 1);
}

#[test]
fn bad_rows_can_be_mended_again_and_again() {
    let desk = desk();
    run_rows(&desk, CLASS, "username,klass\nnobody,a\nbob,b\n", &["--bad-rows", "bad1.csv"]).exits(1);
    for round in 1..4 {
        let (from, to) = (format!("bad{round}.csv"), format!("bad{}.csv", round + 1));
        desk.run(CLASS, &["--csv", &from, "--bad-rows", &to]).exits(1);
        let bad = std::fs::read_to_string(desk.path(&to)).unwrap();
        assert_eq!(bad.lines().next(), Some("username,klass,rollcall_line,rollcall_reason"), "round {round}");
    }
}

#[test]
fn a_row_with_too_many_cells_is_still_bad_among_the_bad_rows() {
    let desk = desk();
    run_rows(&desk, CLASS, "username,klass\nann,a,b\nbob,a\n", &["--bad-rows", "bad.csv"]).exits(1);
    desk.run(CLASS, &["--csv", "bad.csv"]).exits(1);
    run_rows(&desk, CLASS, "username,klass\nann\nbob,a\n", &["--bad-rows", "short.csv"]).exits(1);
    for (from, to) in [("bad.csv", "bad2.csv"), ("short.csv", "short2.csv"), ("short2.csv", "short3.csv")] {
        desk.run(CLASS, &["--csv", from, "--skip-unmatched", "--bad-rows", to]).exits(1);
    }
    assert_no_run(&desk);
    let last =
        |file: &str| std::fs::read_to_string(desk.path(file)).unwrap().lines().nth(1).unwrap().to_owned();
    assert_eq!(
        last("bad2.csv"),
        "ann,a,2,\"the row has 6 cells, the header has 4\",b,\"(correct this row, then delete this cell)\""
    );
    assert!(last("short3.csv").starts_with("ann,,2,"), "{}", last("short3.csv"));
}

#[test]
fn the_delimiter_is_found_where_most_rows_have_the_wrong_length() {
    let desk = desk();
    let done = run_rows(&desk, CLASS, "username,klass\nann,a,b\ncyd\nbob,a\n", &[]).exits(1);
    assert_eq!(numbers(&done), "matched 1 · duplicate 0 · unmatched 0 · ambiguous 0 · unreadable 2");
}
