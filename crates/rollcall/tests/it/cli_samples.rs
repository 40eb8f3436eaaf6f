//! The samples: listed, printed, saved, and run as they say themselves.

use crate::common::{Desk, column, keys};
use serde_json::{Value, json};

fn samples() -> Vec<Value> {
    Desk::bare().ok(&["scripts", "samples", "--format", "json"]).objects()
}

#[test]
fn samples_are_listed_without_a_database_and_say_how_to_go_on() {
    let desk = Desk::bare();
    let done = desk.ok(&["scripts", "samples"]);
    let line = |name: &str| done.out.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    let extend = line("extend-by-days ");
    for part in [" any ", "days=int [counted_from=str]", "Extend the expiration by a number of days."] {
        assert!(extend.contains(part), "{part:?} is not in {extend:?}");
    }
    assert!(line("set-klass ").contains(" rows: username, klass "));
    assert!(done.err.contains(" scripts samples extend-by-days > extend.py"), "{done:#?}");
    assert!(done.err.contains(" scripts save extend --sample extend-by-days"), "{done:#?}");

    let csv = desk.ok(&["scripts", "samples", "--format", "csv"]);
    assert_eq!(csv.out.lines().next(), Some("sample,list,parameters,title"));
    assert_eq!((csv.out.lines().count(), csv.err.as_str()), (samples().len() + 1, ""));
    assert_eq!(std::fs::read_dir(desk.path("")).unwrap().count(), 0, "no database was made");
}

#[test]
fn samples_as_json_tell_their_parameters() {
    let samples = samples();
    let extend = samples.iter().find(|sample| sample["sample"] == "extend-by-days").unwrap();
    assert_eq!(keys(extend), ["columns", "parameters", "sample", "source", "title"]);
    assert_eq!(
        extend["parameters"][0],
        json!({"name": "days", "type": "int", "required": true, "default": null, "choices": [],
            "help": "how many days to add"})
    );
    assert_eq!(extend["parameters"][1]["default"], "later");
    assert_eq!(extend["parameters"][1]["choices"], json!(["later", "expiration", "now"]));
    assert_eq!(extend["columns"], json!([]));
    let klass = samples.iter().find(|sample| sample["sample"] == "set-klass").unwrap();
    assert_eq!(klass["columns"], json!(["username", "klass"]));
}

#[test]
fn one_sample_is_printed_alone() {
    let desk = Desk::bare();
    for sample in samples() {
        let name = sample["sample"].as_str().unwrap();
        let done = desk.ok(&["scripts", "samples", name]);
        assert_eq!((done.out.as_str(), done.err.as_str()), (sample["source"].as_str().unwrap(), ""));
        assert_eq!(desk.ok(&["scripts", "samples", name, "--format", "json"]).object(), sample);
    }
    let close = desk.call(&["scripts", "samples", "extend-days"]).exits(1);
    assert_eq!(close.sentence(), "there is no sample \"extend-days\"; did you mean extend-by-days?");
    let far = desk.call(&["scripts", "samples", "qqq"]).exits(1);
    assert_eq!(far.sentence(), "there is no sample \"qqq\"; 'rollcall scripts samples' lists them");
}

#[test]
fn a_sample_is_saved_instead_of_a_file() {
    let desk = Desk::new();
    desk.ok(&["scripts", "save", "extend", "--sample", "extend-by-days"]);
    desk.ok(&["scripts", "save", "extend", "--sample", "extend-by-days", "--note", "again"]);
    let history = desk.ok(&["scripts", "history", "extend", "--format", "json"]).objects();
    assert_eq!(column(&history, "note"), ["again", "the sample extend-by-days"]);
    assert_eq!(desk.ok(&["scripts", "show", "extend"]).out, history[1]["source"].as_str().unwrap());

    desk.write("mine.py", "pass\n");
    let save = |args: &[&str]| desk.call(&[&["scripts", "save"], args].concat());
    assert!(save(&["mine", "mine.py", "--sample", "extend-by-days"]).exits(2).err.contains("cannot be used"));
    assert!(save(&["mine"]).exits(2).err.contains("--sample"));
    let close = save(&["mine", "--sample", "set-class"]).exits(1);
    assert_eq!(close.sentence(), "there is no sample \"set-class\"; did you mean set-klass?");
    desk.call(&["scripts", "show", "mine"]).exits(1);
    let unsaved = desk.call(&["run", "set-klass", "--all"]).exits(1);
    assert!(
        unsaved.sentence().contains("'rollcall scripts save set-klass --sample set-klass'"),
        "{unsaved:#?}"
    );
}

#[test]
fn every_sample_runs_as_its_docstring_says() {
    let desk = Desk::new();
    for profile in ["basic", "plus"] {
        desk.ok(&["profiles", "add", profile]);
    }
    desk.import(
        "username,email,klass,expiration,profiles,attributes,date_joined\n\
         ana,ana@example.com,gold,2026-01-01,basic,Session-Timeout := 60,2024-01-01\n\
         Ben,ben@example.com,,,,,\ncleo,,,,,,\n",
    );
    desk.write("klasses.csv", "username,klass\nana,silver\n");
    desk.write("expirations.csv", "username,expiration\nana,2030-01-01\n");
    desk.write("addresses.csv", "username,Framed-IP-Address\nana,10.0.0.1\n");
    for sample in samples() {
        let name = sample["sample"].as_str().unwrap();
        desk.ok(&["scripts", "save", name, "--sample", name]);
        let lines = sample["source"].as_str().unwrap().lines().map(str::trim);
        let mut run = String::new();
        for line in lines.filter(|line| line.starts_with("rollcall ") && !line.contains("| jq ")) {
            let done = desk.shell(&line.replace(" RUN ", &format!(" {run} "))).exits(0);
            if let Some(number) = done.out.strip_prefix("Run ") {
                run = number.split_whitespace().next().unwrap().to_owned();
            }
        }
        assert!(!run.is_empty(), "{name}");
        let report = desk.ok(&["runs", "show", &run, "--format", "json"]).object();
        assert_eq!(report["outcomes"]["failed"], 0, "{name}: {report}");
        let met = report["outcomes"]["changed"].as_u64().unwrap()
            + report["outcomes"]["unchanged"].as_u64().unwrap();
        assert!(met > 0, "{name}: {report}");
    }
}
