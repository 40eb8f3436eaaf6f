//! Filters from outside: whom they select, the names that they are kept under, and what is said of those that are wrong.

use crate::common::{Desk, Done, column, keys, without};
use serde_json::{Value, json};

const USERS: &str = "\
username,email,external_id,klass,is_active,organization,profiles,attributes,check_attributes,expiration,first_name
ann,ann@example.com,X1,gold,true,Northwind,basic;plus,Session-Timeout := 3600,,2020-01-01,Ann
bob,bob@example.com,X2,silver,false,Northwind,basic,\"Session-Timeout := 900
Class += vip\",Calling-Station-Id == aa-bb,2999-01-01T12:00:00Z,Bob
cyd,shared@example.org,X3,,true,South,,,,,
dan,shared@example.org,,gold,true,South,plus,Class += x,Calling-Station-Id =~ aa.*,,\"D\"\"än\"
";

fn desk() -> Desk {
    let desk = Desk::new();
    for profile in ["basic", "plus"] {
        desk.ok(&["profiles", "add", profile]);
    }
    desk.import(USERS);
    desk
}

#[track_caller]
fn selected(desk: &Desk, filter: &str) -> Vec<Value> {
    let users = desk.ok(&["users", "list", "--filter", filter, "--format", "json"]).objects();
    column(&users, "username")
}

#[track_caller]
fn select(desk: &Desk, table: &[(&str, &[&str])]) {
    for (filter, wanted) in table {
        assert_eq!(selected(desk, filter), *wanted, "{filter}");
    }
}

fn count(desk: &Desk, filter: &str) -> Done {
    desk.call(&["filters", "count", filter])
}

fn saved(desk: &Desk) -> Vec<Value> {
    desk.ok(&["filters", "list", "--format", "json"]).objects()
}

#[test]
fn every_comparison_of_text_selects_whom_it_says() {
    select(
        &desk(),
        &[
            ("klass eq \"gold\"", &["ann", "dan"]),
            ("klass eq \"Gold\"", &[]),
            ("KLASS EQ \"gold\"", &["ann", "dan"]),
            ("klass ne \"gold\"", &["bob", "cyd"]),
            ("klass gt \"gold\"", &["bob"]),
            ("klass ge \"gold\"", &["ann", "bob", "dan"]),
            ("klass lt \"silver\"", &["ann", "dan"]),
            ("klass le \"silver\"", &["ann", "bob", "dan"]),
            ("email co \"@example.\"", &["ann", "bob", "cyd", "dan"]),
            ("email co \"hared\"", &["cyd", "dan"]),
            ("email co \"%\"", &[]),
            ("email co \"_\"", &[]),
            ("email sw \"b\"", &["bob"]),
            ("email ew \".com\"", &["ann", "bob"]),
            ("klass pr", &["ann", "bob", "dan"]),
            ("klass eq null", &["cyd"]),
            ("klass eq \"\"", &["cyd"]),
            ("klass ne null", &["ann", "bob", "dan"]),
            ("external_id sw \"X\"", &["ann", "bob", "cyd"]),
            ("first_name eq \"D\\\"än\"", &["dan"]),
            ("organization eq \"South\"", &["cyd", "dan"]),
            ("organization ne \"South\"", &["ann", "bob"]),
            ("organization sw \"North\"", &["ann", "bob"]),
        ],
    );
}

#[test]
fn numbers_truths_and_times_compare_as_what_they_are() {
    let desk = desk();
    select(
        &desk,
        &[
            ("obj_id eq 2", &["bob"]),
            ("obj_id ne 2", &["ann", "cyd", "dan"]),
            ("obj_id gt 2", &["cyd", "dan"]),
            ("obj_id ge 2", &["bob", "cyd", "dan"]),
            ("obj_id lt 2", &["ann"]),
            ("obj_id le 2", &["ann", "bob"]),
            ("username_length eq 3", &["ann", "bob", "cyd", "dan"]),
            ("is_active eq true", &["ann", "cyd", "dan"]),
            ("is_active eq false", &["bob"]),
            ("is_active ne true", &["bob"]),
            ("expiration pr", &["ann", "bob"]),
            ("expiration eq null", &["cyd", "dan"]),
            ("expiration ne null", &["ann", "bob"]),
            ("expiration eq \"2020-01-01\"", &["ann"]),
            ("expiration eq \"2020-01-01T01:00:00+01:00\"", &["ann"]),
            ("expiration ne \"2020-01-01\"", &["bob", "cyd", "dan"]),
            ("expiration gt \"2020-01-01\"", &["bob"]),
            ("expiration ge \"2020-01-01\"", &["ann", "bob"]),
            ("expiration lt \"2999-01-01T12:00:00Z\"", &["ann"]),
            ("expiration le \"2999-01-01T12:00:00Z\"", &["ann", "bob"]),
            ("last_login pr", &[]),
            ("last_login eq null", &["ann", "bob", "cyd", "dan"]),
            ("date_joined gt now-1h and date_joined le now", &["ann", "bob", "cyd", "dan"]),
        ],
    );
    let tokyo = ["--time-zone", "Asia/Tokyo", "filters", "count", "expiration eq \"2020-01-01T09:00:00\""];
    assert_eq!(desk.ok(&tokyo).out, "1\n", "a time without an offset is in the installation's zone");
}

#[test]
fn lists_hold_if_one_entry_satisfies_everything_in_the_brackets() {
    select(
        &desk(),
        &[
            ("profiles pr", &["ann", "bob", "dan"]),
            ("not (profiles pr)", &["cyd"]),
            ("profiles[short_name eq \"basic\"]", &["ann", "bob"]),
            ("profiles[short_name eq \"plus\" and priority eq 1]", &["dan"]),
            ("profiles[id eq 2]", &["ann", "dan"]),
            ("profiles.short_name eq \"plus\"", &["ann", "dan"]),
            ("profiles.short_name ne \"plus\"", &["bob", "cyd"]),
            ("profiles[short_name ne \"plus\"]", &["ann", "bob"]),
            ("attributes[attr eq \"Session-Timeout\" and value gt 1000]", &["ann"]),
            ("attributes[attr eq \"Session-Timeout\" and value lt \"1000\"]", &["bob"]),
            ("attributes[attr eq \"Class\" and value gt 1000]", &["bob", "dan"]),
            ("attributes[attr eq \"Class\" and value eq \"900\"]", &[]),
            ("attributes[attr eq \"Class\"] and attributes[value eq \"900\"]", &["bob"]),
            ("attributes[operation eq \":=\"]", &["ann", "bob"]),
            ("attributes[value sw \"v\" or value co \"60\"]", &["ann", "bob"]),
            ("attributes[not (attr eq \"Class\")]", &["ann", "bob"]),
            ("check_attributes.attr eq \"Calling-Station-Id\"", &["bob", "dan"]),
            ("check_attributes[operation eq \"=~\" and value ew \"*\"]", &["dan"]),
            ("check_attributes pr", &["bob", "dan"]),
            ("check_attributes[attr pr]", &["bob", "dan"]),
        ],
    );
}

#[test]
fn and_binds_more_than_or_and_not_is_the_exact_complement() {
    let desk = desk();
    select(
        &desk,
        &[
            ("klass eq \"gold\" and email ew \".org\"", &["dan"]),
            ("klass eq \"gold\" or email ew \".org\"", &["ann", "cyd", "dan"]),
            ("username eq \"bob\" or klass eq \"gold\" and email ew \".org\"", &["bob", "dan"]),
            ("(username eq \"bob\" or klass eq \"gold\") and email ew \".org\"", &["dan"]),
            ("not (klass eq \"gold\") and is_active eq true or username eq \"bob\"", &["bob", "cyd"]),
            ("NOT(klass eq \"gold\" OR klass eq null)", &["bob"]),
            ("not (not (username eq \"ann\"))", &["ann"]),
            ("((((username eq \"ann\"))))", &["ann"]),
        ],
    );
    for filter in ["klass gt \"gold\"", "expiration lt now", "attributes.value eq \"900\"", "email co \"x\""]
    {
        let mut both = selected(&desk, filter);
        both.extend(selected(&desk, &format!("not ({filter})")));
        both.sort_by_key(ToString::to_string);
        assert_eq!(both, ["ann", "bob", "cyd", "dan"], "{filter}");
    }
}

#[test]
fn relative_times_are_relative_to_the_moment_of_use() {
    let desk = desk();
    let script = "\
        from datetime import timedelta\n\
        offset = {1: 20, 2: 40, 3: -1}.get(user.obj_id)\n\
        user.expiration = None if offset is None else run.now + timedelta(days=offset)\n";
    desk.apply(script, 0);
    select(
        &desk,
        &[
            ("expiration lt now", &["cyd"]),
            ("expiration gt now", &["ann", "bob"]),
            ("expiration lt now+30d", &["ann", "cyd"]),
            ("expiration gt now and expiration lt now+1mo", &["ann"]),
            ("expiration gt now+5w", &["bob"]),
            ("expiration gt now+2w+25d", &["bob"]),
            ("expiration gt now+2w+27d", &[]),
            ("expiration lt now-23h-30min", &["cyd"]),
            ("expiration lt now-25h", &[]),
            ("expiration lt today+1y and expiration ge today", &["ann", "bob"]),
            ("expiration lt today-2d", &[]),
        ],
    );
    // Who is ten days nearer to the end is found by the same saved text.
    desk.ok(&["filters", "save", "soon", "expiration gt now and expiration lt now+30d"]);
    assert_eq!(selected(&desk, "soon"), ["ann"]);
    desk.apply(
        "from datetime import timedelta\nif user.expiration: user.expiration -= timedelta(days=11)",
        0,
    );
    assert_eq!(selected(&desk, "soon"), ["ann", "bob"]);
}

#[test]
fn a_filter_is_saved_replaced_shown_counted_and_removed() {
    let desk = desk();
    let first = desk.ok(&["filters", "save", "gold", "  klass eq \"gold\" "]);
    assert_eq!(first.err, "filter gold is saved\nit selects 2 users now\n");
    let again = desk.ok(&["filters", "save", "gold", "klass eq \"gold\" and obj_id lt 3"]);
    assert_eq!(again.err, "filter gold is replaced; it was: klass eq \"gold\"\nit selects 1 user now\n");
    desk.ok(&["filters", "save", "active.v2", "is_active eq true"]);

    let all = saved(&desk);
    assert_eq!(column(&all, "name"), ["active.v2", "gold"], "by name");
    assert_eq!(column(&all, "filter"), ["is_active eq true", "klass eq \"gold\" and obj_id lt 3"]);
    assert_eq!(keys(&all[1]), ["administrator", "filter", "name", "organization", "saved_at"]);
    assert!(all[1]["administrator"].as_str().unwrap().starts_with("cli:"), "{}", all[1]);
    let shown = desk.ok(&["filters", "show", "gold", "--format", "json"]).object();
    assert_eq!(shown, all[1]);
    let csv = desk.ok(&["filters", "list", "--format", "csv"]).out;
    assert_eq!(csv.lines().next(), Some("name,saved_at,administrator,filter"));
    assert!(csv.lines().nth(2).unwrap().ends_with(",\"klass eq \"\"gold\"\" and obj_id lt 3\""), "{csv}");

    assert_eq!(count(&desk, "gold").exits(0).out, "1\n");
    assert_eq!(count(&desk, "active.v2").exits(0).out, "3\n");
    assert_eq!(count(&desk, "klass eq \"none\"").exits(0).out, "0\n");

    assert_eq!(desk.ok(&["filters", "remove", "gold", "--yes"]).err, "filter gold is gone\n");
    assert_eq!(column(&saved(&desk), "name"), ["active.v2"]);
    count(&desk, "gold").exits(2);
}

#[test]
fn a_saved_name_is_a_filter_wherever_one_is_asked_for() {
    let desk = desk();
    desk.ok(&["filters", "save", "gold", "klass eq \"gold\""]);
    assert_eq!(selected(&desk, "gold"), ["ann", "dan"]);
    let exported = desk.ok(&["users", "export", "--filter", "gold"]).out;
    let at = exported.lines().next().unwrap().split(',').position(|name| name == "username").unwrap();
    let names: Vec<_> = exported.lines().skip(1).map(|line| line.split(',').nth(at).unwrap()).collect();
    assert_eq!(names, ["ann", "dan"]);
    assert_eq!(exported, desk.ok(&["users", "export", "--filter", "klass eq \"gold\""]).out);

    let run =
        desk.run("user.klass = 'was gold'", &["--filter", "gold", "--apply", "--yes"]).exits(0).object();
    assert_eq!(run["selection"], json!({"filter": {"name": "gold", "text": "klass eq \"gold\""}}));
    assert_eq!(column(&desk.outcomes(&run), "username"), ["ann", "dan"]);
    assert_eq!(selected(&desk, "gold"), [""; 0], "read anew at each use");

    let typed = desk.run("pass", &["--filter", "klass eq \"gold\""]).exits(0).object();
    assert_eq!(typed["selection"], json!({"filter": {"name": null, "text": "klass eq \"gold\""}}));
}

#[test]
fn a_run_keeps_the_text_of_a_filter_that_is_changed_and_removed() {
    let desk = desk();
    desk.ok(&["filters", "save", "gold", "klass eq \"gold\""]);
    let run = desk.run("pass", &["--filter", "gold"]).exits(0).object();
    desk.ok(&["filters", "save", "gold", "obj_id eq 3"]);
    desk.ok(&["filters", "remove", "gold", "--yes"]);
    let shown = desk.ok(&["runs", "show", "1", "--format", "json"]).object();
    assert_eq!(shown, run);
    assert_eq!(shown["selection"], json!({"filter": {"name": "gold", "text": "klass eq \"gold\""}}));
    let told = desk.ok(&["runs", "show", "1"]).out;
    assert!(told.contains("(gold: klass eq \"gold\")"), "{told}");
    assert_eq!(column(&desk.outcomes(&run), "username"), ["ann", "dan"]);
}

#[test]
fn a_wrong_filter_is_pointed_at_and_nothing_is_saved() {
    let desk = desk();
    desk.ok(&["filters", "save", "mine", "klass pr"]);
    let before = saved(&desk);
    let table = [
        ("klass in \"a\"", 7, "expected one of eq ne gt ge lt le co sw ew pr"),
        ("klass eq \"gold", 10, "this quote is never closed"),
        ("klas eq \"x\"", 1, "no user field is called \"klas\"; did you mean klass?"),
        ("klass eq gold", 10, "klass is text: expected a \"quoted\" value"),
        ("first_name eq \"Dän\" and klas pr", 25, "no user field is called \"klas\"; did you mean klass?"),
        (
            "profiles[short_name eq \"basic\"",
            31,
            "expected \"and\", \"or\" or the \"]\" that closes what column 9 opens",
        ),
        ("(klass pr", 10, "expected \"and\", \"or\" or the \")\" that closes what column 1 opens"),
        (
            "klass pr) or klass pr",
            9,
            "this closes nothing: expected \"and\", \"or\" or the end of the filter",
        ),
        ("not klass pr", 5, "expected \"(\" after not: write not (…)"),
        ("is_active gt true", 11, "is_active is true or false: compare it with eq or ne"),
        ("obj_id co 3", 8, "obj_id is a number: compare it with eq ne gt ge lt le"),
        ("expiration sw \"2026\"", 12, "expiration is a time: compare it with eq ne gt ge lt le"),
        ("expiration lt null", 15, "null has no order: compare with it by eq or ne"),
    ];
    for (filter, column, message) in table {
        let caret = format!("{}^", " ".repeat(column - 1));
        let said = format!("filter, column {column}: {message}\n  {filter}\n  {caret}");
        for args in [
            &["filters", "save", "mine", filter][..],
            &["filters", "save", "new", filter],
            &["filters", "count", filter],
            &["users", "list", "--filter", filter],
            &["users", "export", "--filter", filter],
        ] {
            assert_eq!(desk.call(args).exits(2).refusal(), said, "{args:?}");
        }
        assert_eq!(desk.run("pass", &["--filter", filter]).exits(2).refusal(), said);
    }
    assert_eq!(saved(&desk), before);
    assert_eq!(desk.runs(), [json!(null); 0]);
}

#[test]
fn an_unknown_saved_filter_is_refused_with_what_may_be_meant() {
    let desk = desk();
    desk.ok(&["filters", "save", "expiring", "expiration pr"]);
    let meant = "there is no saved filter \"expirng\"; did you mean expiring?";
    let unlike = "there is no saved filter \"zzz\"; a filter itself reads like 'klass eq \"gold\"'";
    for (name, said) in [("expirng", meant), ("zzz", unlike)] {
        for args in [
            &["filters", "show", name][..],
            &["filters", "count", name],
            &["filters", "remove", name, "--yes"],
            &["users", "list", "--filter", name],
            &["users", "export", "--filter", name],
        ] {
            assert_eq!(desk.call(args).exits(2).sentence(), said, "{args:?}");
        }
        assert_eq!(desk.run("pass", &["--filter", name]).exits(2).sentence(), said);
    }
    assert_eq!(desk.runs(), [json!(null); 0]);
    assert_eq!(column(&saved(&desk), "name"), ["expiring"]);
}

#[test]
fn a_name_that_could_be_a_filter_or_a_path_is_no_name() {
    let desk = desk();
    for name in ["a b", "a/b", "a@2", ".a", "é\"", &"x".repeat(65)] {
        let said = desk.call(&["filters", "save", name, "klass pr"]).exits(1);
        assert!(said.sentence().contains("cannot be the name of a filter"), "{said:?}");
    }
    desk.ok(&["filters", "save", &"x".repeat(64), "klass pr"]);
    assert_eq!(saved(&desk).len(), 1);
    let shown = desk.ok(&["filters", "show", &"x".repeat(64), "--format", "json"]).object();
    assert_eq!(without(without(shown, "saved_at"), "administrator")["filter"], "klass pr");
}
