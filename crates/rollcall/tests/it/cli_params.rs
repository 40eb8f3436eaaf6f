//! Parameters from outside: what `PARAMS` declares, what `--param` gives, and what the script finds of it.

use crate::common::{Desk, Done, column};
use serde_json::{Value, json};

const SHORT: &str = "\
import datetime
from datetime import date
PARAMS = {'i': int, 'f': float, 's': str, 'b': bool, 'd': date, 'dt': datetime.datetime}
for name in params:
    result[name] = [type(params[name]).__name__, str(params[name])]
result['same'] = all(getattr(params, name) is params[name] for name in params)
result['by_hand'] = [params.i + 1, params['f'] / 2, params.s.strip(), not params.b, params.d.isoformat()]
";

const GIVEN: [&str; 12] = [
    "--param",
    "i= -3 ",
    "--param",
    "f=2",
    "--param",
    "s= x=y ",
    "--param",
    "b=Yes",
    "--param",
    "d=2026-12-31",
    "--param",
    "dt=2026-12-31 18:00",
];

fn run(desk: &Desk, script: &str, params: &[&str]) -> Done {
    desk.run(script, &[&["--all"], params].concat())
}

/// What the script puts into `result` for the only user.
#[track_caller]
fn result(desk: &Desk, script: &str, params: &[&str]) -> Value {
    let run = run(desk, script, params).exits(0).object();
    desk.outcomes(&run)[0]["result"].clone()
}

#[test]
fn every_type_of_the_short_form_is_what_python_calls_it() {
    let desk = Desk::with_users(1);
    assert_eq!(
        result(&desk, SHORT, &GIVEN),
        json!({
            "i": ["int", "-3"],
            "f": ["float", "2.0"],
            "s": ["str", " x=y "],
            "b": ["bool", "True"],
            "d": ["date", "2026-12-31"],
            "dt": ["datetime", "2026-12-31 18:00:00+00:00"],
            "same": true,
            "by_hand": [-2, 1.0, "x=y", false, "2026-12-31"],
        })
    );
}

#[test]
fn runs_show_the_values_in_json() {
    let desk = Desk::with_users(1);
    let run = run(&desk, SHORT, &GIVEN).exits(0).object();
    let params = json!({
        "i": -3, "f": 2.0, "s": " x=y ", "b": true, "d": "2026-12-31", "dt": "2026-12-31T18:00:00Z",
    });
    assert_eq!(run["params"], params);
    assert_eq!(desk.runs()[0]["params"], params);
    let shown = desk.ok(&["runs", "show", "1", "--format", "json"]);
    let order =
        r#""params":{"i":-3,"f":2.0,"s":" x=y ","b":true,"d":"2026-12-31","dt":"2026-12-31T18:00:00Z"}"#;
    assert!(shown.out.contains(order), "in the order of their declaration: {}", shown.out);
}

#[test]
fn the_long_form_has_defaults_choices_and_what_can_be_left_out() {
    let desk = Desk::with_users(1);
    let script = "\
        import datetime\n\
        PARAMS: dict = {\n\
        \x20   'days': {'type': int, 'default': -30, 'help': 'how many'},\n\
        \x20   'factor': {'type': float, 'default': 2},\n\
        \x20   'plan': {'type': str, 'choices': ['gold', 'basic'], 'default': 'basic'},\n\
        \x20   'level': {'type': int, 'choices': (1, 2, 3)},\n\
        \x20   'really': {'type': bool, 'default': False},\n\
        \x20   'day': {'type': datetime.date, 'default': '2026-02-28'},\n\
        \x20   'at': {'type': datetime.datetime, 'default': '2026-07-01T00:00'},\n\
        \x20   'note': {'type': str, 'required': False},\n\
        }\n\
        result['all'] = {name: repr(value) for name, value in params.items()}\n\
        result['at'] = params.at.isoformat()\n\
        result['note'] = params.note is None\n";
    let defaults = result(&desk, script, &["--param", "level=2"]);
    assert_eq!(defaults["all"]["days"], "-30");
    assert_eq!(defaults["all"]["factor"], "2.0");
    assert_eq!(defaults["all"]["plan"], "'basic'");
    assert_eq!(defaults["all"]["level"], "2");
    assert_eq!(defaults["all"]["really"], "False");
    assert_eq!(defaults["all"]["day"], "datetime.date(2026, 2, 28)");
    assert_eq!((&defaults["at"], &defaults["note"]), (&json!("2026-07-01T00:00:00+00:00"), &json!(true)));

    let given = ["level=3", "days=7", "plan=gold", "note=", "really=1", "at=2026-07-01T02:00:00+02:00"];
    let given: Vec<&str> = given.iter().flat_map(|param| ["--param", param]).collect();
    let given = result(&desk, script, &given);
    assert_eq!((&given["all"]["days"], &given["all"]["plan"]), (&json!("7"), &json!("'gold'")));
    assert_eq!((&given["all"]["level"], &given["all"]["really"]), (&json!("3"), &json!("True")));
    assert_eq!((&given["all"]["note"], &given["note"]), (&json!("''"), &json!(false)));
    assert_eq!(given["at"], "2026-07-01T00:00:00+00:00");

    let paris = ["--time-zone", "Europe/Paris", "run", "script.py", "--all", "--json", "--param", "level=1"];
    let run = desk.ok(&paris).object();
    assert_eq!(run["params"]["at"], "2026-06-30T22:00:00Z", "a time without an offset is in the zone");
    assert_eq!(run["params"]["note"], Value::Null);
}

#[test]
fn all_faults_are_told_at_once_and_no_run_is_left() {
    let desk = Desk::with_users(1);
    let script = "\
        import datetime\n\
        PARAMS = {'i': int, 'f': float, 's': str, 'b': bool, 'd': datetime.date, 'dt': datetime.datetime,\n\
        \x20         'plan': {'type': str, 'choices': ['gold', 'basic'], 'default': 'basic'},\n\
        \x20         'n': {'type': int, 'help': 'how many'}}\n\
        user.klass = 'x'\n";
    let given =
        ["i=x", "pln=gold", "plan=silver", "f=nan", "b=maybe", "d=2026-02-30", "dt=soon", "i=4", "zz=1"];
    let mut args: Vec<&str> = given.iter().flat_map(|param| ["--param", param]).collect();
    args.extend(["--apply", "--yes"]);
    let done = run(&desk, script, &args).exits(2);
    insta::assert_snapshot!(done.refusal(), @r#"
    i: "x" is not a whole number such as 30
    the script has no parameter "pln"; did you mean plan?
    plan: "silver" is not among the choices: gold, basic
    f: "nan" is not a number such as 2.5
    b: "maybe" is not true or false
    d: "2026-02-30" is not a date such as 2026-12-31
    dt: "soon" is not a date and time such as 2026-12-31T18:00:00Z
    i is given more than once
    the script has no parameter "zz"; it has i, f, s, b, d, dt, plan, n
    s is missing (str)
    n is missing (int: how many)
    "#);
    assert_eq!(done.hints(), ["set the parameter: --param s=VALUE", "set the parameter: --param n=VALUE"]);
    assert_eq!(desk.runs(), [json!(null); 0]);
    assert_eq!(desk.user("user001")["klass"], "");
}

#[test]
fn a_script_without_parameters_takes_none() {
    let desk = Desk::with_users(1);
    let said = run(&desk, "pass", &["--param", "days=3"]).exits(2);
    assert_eq!(said.sentence(), "\"days\" cannot be given: the script declares no parameters");
    let said = run(&desk, "pass", &["--param", "days"]).exits(2);
    assert!(said.err.contains("\"days\" gives nothing: write NAME=VALUE"), "{said:?}");
    assert_eq!(desk.runs(), [json!(null); 0]);
}

#[test]
fn faults_are_told_before_a_long_file_is_read() {
    let desk = Desk::with_users(1);
    desk.write("rows.csv", "username\nnobody\n");
    let done = desk.run("PARAMS = {'days': int}", &["--csv", "rows.csv"]).exits(2);
    assert_eq!(done.sentence(), "days is missing (int)");
    assert_eq!(done.hints(), ["set the parameter: --param days=VALUE"]);
}

#[test]
fn params_that_are_not_valid_python_literals_are_all_pointed_at() {
    let desk = Desk::with_users(1);
    let script = "\
        PARAMS = {'days': it,\n\
        \x20         'w': {'type': int, 'default': 'x'},\n\
        \x20         '1': str,\n\
        \x20         'p': {'type': str, 'choises': ['a'], 'choices': ['a'], 'default': 'b'},\n\
        \x20         'q': {'help': 'no type'}}\n\
        PARAMS = {}\n";
    let done = run(&desk, script, &[]).exits(1);
    let places: Vec<&str> = done.refusal().lines().filter(|line| line.contains(", column ")).collect();
    insta::assert_snapshot!(places.join("\n"), @r#"
    script.py, line 1, column 19: days: no type of a parameter is called "it"; use one of int, float, str, bool, date, datetime
    script.py, line 2, column 41: w: the default must be a whole number such as 30
    script.py, line 3, column 11: "1" cannot be the name of a parameter: letters, digits and _, not starting with a digit, and no keyword of Python
    script.py, line 4, column 30: p: a parameter has no "choises"; did you mean choices?
    script.py, line 4, column 77: p: the default is not among the choices
    script.py, line 5, column 16: q has no type: add "type": int, or another of int, float, str, bool, date, datetime
    script.py, line 6, column 1: PARAMS is assigned twice; it must be one literal assignment at the top level
    "#);
    assert_eq!(desk.runs(), [json!(null); 0]);
}

#[test]
fn what_is_not_declared_is_an_error_that_names_what_is() {
    let desk = Desk::with_users(1);
    let table = [
        ("getattr(params, 'nope')", "AttributeError", "params has no 'nope'; it has days, plan"),
        ("params['nope']", "KeyError", "params has no 'nope'; it has days, plan"),
        ("params.nope", "AttributeError", "params has no 'nope'; it has days, plan"),
    ];
    for (line, kind, message) in table {
        let script = format!("PARAMS = {{'days': int, 'plan': {{'type': str, 'default': 'x'}}}}\n{line}\n");
        let run = run(&desk, &script, &["--param", "days=3"]).exits(3).object();
        let error = &desk.outcomes(&run)[0]["error"];
        assert_eq!((&error["type"], &error["line"]), (&json!(kind), &json!(2)), "{error}");
        assert_eq!(error["message"], message);
    }
    let run = run(&desk, "result['x'] = params.get('nope', 7)\nparams.nope", &[]).exits(3).object();
    let error = &desk.outcomes(&run)[0]["error"];
    assert_eq!(error["message"], "params has no 'nope': the script declares no parameters in PARAMS");
}

#[test]
fn each_user_finds_the_parameters_as_they_were_given() {
    let desk = Desk::with_users(3);
    let script = "PARAMS = {'days': int}\nresult['days'] = params.days\nparams['days'] = 99\n";
    let run = run(&desk, script, &["--param", "days=3", "--workers", "1"]).object();
    assert_eq!(column(&desk.outcomes(&run), "result"), vec![json!({"days": 3}); 3]);
}
