//! The API from the first administrator to a run that is taken back, as a program would do it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::server::{Answer, PASSWORD, Server};
use common::{Desk, column, give_out, keys, wait_until};
use serde_json::{Value, json};

/// A program with a token.
struct Program<'a> {
    server: &'a Server,
    token: String,
}

impl Program<'_> {
    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let headers = [("authorization", self.token.as_str()), ("content-type", "application/json")];
        let body = body.map(Value::to_string).unwrap_or_default();
        self.server.send(method, &format!("/api/v1{path}"), &headers, &body)
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, None);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.send("POST", path, Some(body));
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
        answer.json()
    }

    /// The run when it has ended.
    fn ended(&self, run: &Value) -> Value {
        let path = format!("/runs/{}", run["run"]);
        wait_until("the run has ended", || {
            ["finished", "stopped", "cancelled"].contains(&self.get(&path)["state"].as_str().unwrap())
        });
        self.get(&path)
    }

    fn text(&self, path: &str) -> String {
        let answer = self.send("GET", path, None);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.text
    }
}

#[test]
fn from_the_set_up_to_a_run_that_is_taken_back() {
    let desk = Desk::new();
    let server = Server::on(&desk);
    let link = server.link.as_deref().unwrap().rsplit('/').next().unwrap();
    let first = json!({"link": link, "name": "ana", "password": PASSWORD});
    assert_eq!(server.post("/api/v1/set-up", &[], &first).status, 201);
    let cookie = server.cookie("ana");
    let wanted =
        json!({"name": "billing", "scopes": ["look", "execute", "edit-users", "edit-scripts"], "days": 90});
    let made = server.post("/api/v1/administrators/ana/tokens", &[("cookie", &cookie)], &wanted);
    assert_eq!(made.status, 201, "{}", made.text);
    let token = made.json()["token"].as_str().unwrap().to_owned();
    give_out(&token);
    let program = Program { server: &server, token: format!("Bearer {token}") };

    // Users from a file: all or none, and everything that is wrong with it.
    let csv = [("authorization", program.token.as_str()), ("content-type", "text/csv")];
    let bad = "username,klass,expiration\nu1,gold,\nu1,gold,2026-13-01\nu2,gold,soon\n";
    let refused = server.send("POST", "/api/v1/imports", &csv, bad);
    refused.problem(422);
    let faults = refused.json()["errors"].as_array().unwrap().clone();
    assert!(faults.len() >= 3 && faults.iter().all(|fault| fault["line"].is_number()), "{faults:?}");
    let rows: String =
        (1..=250).map(|n| format!("u{n},{}\n", if n % 2 == 0 { "gold" } else { "basic" })).collect();
    let imported = server.send("POST", "/api/v1/imports", &csv, &format!("username,klass\n{rows}"));
    assert_eq!((imported.status.as_u16(), imported.json()["users"].clone()), (201, json!(250)));

    // A listing in parts holds each user once.
    let (mut cursor, mut names) = (String::new(), Vec::new());
    loop {
        let page = program.get(&format!("/users?limit=100{cursor}"));
        names.extend(column(page["items"].as_array().unwrap(), "username"));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, (1..=250).map(|n| json!(format!("u{n}"))).collect::<Vec<_>>());

    // A script and a filter under names.
    let draft = json!({"source": "user.klas = params.klass"});
    let checked = program.post("/script-checks", &draft);
    assert_eq!((&checked["faults"], checked["warnings"].as_array().unwrap().is_empty()), (&json!([]), false));
    assert_eq!(program.post("/script-checks", &json!({"source": "if"}))["faults"][0]["line"], 1);
    let source = "\"\"\"Give a class.\"\"\"\nPARAMS = {'klass': str}\nuser.klass = params.klass\nresult['was'] = user.username\n";
    let saved = program.send("PUT", "/scripts/give", Some(&json!({"source": source, "note": "first"})));
    assert_eq!(saved.status, 201, "{}", saved.text);
    assert_eq!(
        program.send("PUT", "/filters/golden", Some(&json!({"filter": "klass eq \"gold\""}))).status,
        201
    );
    assert_eq!(program.post("/filter-checks", &json!({"filter": "golden"}))["users"], 125);

    // A preview, its outcomes in every form, and its application.
    let wanted = json!({"script": "give", "targets": {"filter": "golden"}, "params": {"klass": "plus"}});
    let preview = program.ended(&program.post("/runs", &wanted));
    assert_eq!((&preview["mode"], &preview["outcomes"]["changed"]), (&json!("preview"), &json!(125)));
    assert_eq!(program.get("/users/u2")["klass"], "gold");
    let path = format!("/runs/{}", preview["run"]);
    let page = program.get(&format!("{path}/outcomes?outcome=changed&limit=1"));
    assert_eq!(page["items"][0]["changes"][0]["after"], "plus");
    assert!(page["next"].is_string());
    let lines = program.text(&format!("{path}/outcomes.jsonl"));
    assert_eq!(lines.lines().count(), 125);
    assert_eq!(
        lines,
        desk.ok(&["runs", "outcomes", "1", "--format", "json"]).out,
        "the same as on the command line"
    );
    let table = program.text(&format!("{path}/outcomes.csv"));
    assert_eq!(table, desk.ok(&["runs", "outcomes", "1", "--format", "csv"]).out);
    let groups = program.get(&format!("{path}/changes"));
    assert_eq!(groups["items"][0]["users"], 125);
    let other = program.send("POST", &format!("{path}/apply"), Some(&json!({"plan": "0123456789"})));
    other.problem(422);
    let plan = json!({"plan": preview["plan"]});
    let applied = program.send("POST", &format!("{path}/apply"), Some(&plan));
    assert_eq!(applied.headers["location"], format!("/api/v1/runs/{}", applied.json()["run"]));
    let applied = program.ended(&applied.json());
    assert_eq!(applied["outcomes"]["changed"], 125);
    assert_eq!(program.get("/users/u2")["klass"], "plus");
    program.send("POST", &format!("{path}/apply"), Some(&plan)).problem(409);

    // It is watched, explained, and taken back.
    let events = program.text(&format!("/runs/{}/events", applied["run"]));
    let last = events.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap();
    assert_eq!(serde_json::from_str::<Value>(last).unwrap()["state"], "finished");
    let history = program.get("/users/u2/history");
    assert_eq!(history["items"][0]["run"], applied["run"]);
    let undone = program.post(&format!("/runs/{}/undo", applied["run"]), &json!({"mode": "apply"}));
    assert_eq!(program.ended(&undone)["outcomes"]["changed"], 125);
    assert_eq!(program.get("/users/u2")["klass"], "gold");
    assert_eq!(column(program.get("/runs")["items"].as_array().unwrap(), "run"), [3, 2, 1]);
    assert_eq!(program.text("/users.csv"), desk.export());

    // All of it is in the audit log, none of the secrets is; a token without that scope does not see it.
    program.send("GET", "/audit", None).problem(403);
    let audit = server.get("/api/v1/audit?action=run-apply", &[("cookie", &cookie)]).json();
    assert_eq!(audit["items"][0]["who"], "ana");
    assert!(keys(&audit["items"][0]).contains(&"hash"));
    desk.ok(&["audit", "export", "-"]);
    desk.ok(&["audit", "verify"]);
    server.end();
}
