//! The API from the first administrator to a run that is taken back, as a program would do it.

use crate::common::server::{Answer, PASSWORD, Server};
use crate::common::{Desk, column, give_out, keys, wait_until};
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
        let path = format!("/runs/{}", run["run_id"]);
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
    let bad = "username,klass,expiration\nu1,gold,\nu1,gold,2026-13-01\nu2,gold,soon\nu3,,later\nu4,,later\n";
    let refused = server.send("POST", "/api/v1/imports", &csv, bad);
    refused.problem(422);
    let faults = refused.json()["errors"].as_array().unwrap().clone();
    assert!(faults.iter().all(|fault| fault["line"].is_number() && fault["kind"].is_string()), "{faults:?}");
    let alike = faults.iter().find(|fault| fault["count"] == 4).unwrap();
    assert_eq!(
        (&alike["field"], &alike["lines"]),
        (&json!("expiration"), &json!([3, 4, 5, 6])),
        "{faults:?}"
    );
    let unknown = "username,organization\nu1,Nowhere\n";
    server.send("POST", "/api/v1/imports", &csv, unknown).problem(422);
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
    let checked = program.post("/scripts/check", &draft);
    assert_eq!((&checked["faults"], checked["warnings"].as_array().unwrap().is_empty()), (&json!([]), false));
    assert_eq!(program.post("/scripts/check", &json!({"source": "if"}))["faults"][0]["line"], 1);
    let columns = |source| program.post("/scripts/check", &json!({"source": source}))["row_columns"].clone();
    assert_eq!(columns("row['b'], row.get('a')"), json!(["a", "b"]));
    assert_eq!((columns("print(row)"), columns("pass")), (json!(null), json!([])));
    let source = "\"\"\"Give a class.\"\"\"\nPARAMS = {'klass': str}\nuser.klass = params.klass\nresult['was'] = user.username\n";
    let saved = program.send("PUT", "/scripts/give", Some(&json!({"source": source, "note": "first"})));
    assert_eq!(saved.status, 201, "{}", saved.text);
    assert_eq!(
        program.send("PUT", "/filters/golden", Some(&json!({"filter": "klass eq \"gold\""}))).status,
        201
    );
    assert_eq!(program.post("/filters/count", &json!({"filter": "golden"}))["users"], 125);
    // What it asks, for those who show it otherwise; where a text is none; and what can be asked at all.
    let test = |field, comparison, value: Option<&str>| json!({"is": "test", "field": field, "comparison": comparison, "value": value});
    let golden = test("klass", "eq", Some("gold"));
    let read = program.post("/filters/parse", &json!({"filter": "golden"}));
    assert_eq!((&read["name"], &read["tree"]), (&json!("golden"), &golden));
    let text = "klass eq \"gold\" and not (expiration lt now+30d or attributes[value eq 7] or profiles pr)";
    let read = program.post("/filters/parse", &json!({"filter": text}));
    let seven = json!({"is": "entry", "list": "attributes", "term": test("value", "eq", Some("7"))});
    let terms = json!([test("expiration", "lt", Some("now+30d")), seven, test("profiles", "pr", None)]);
    let not = json!({"is": "not", "term": {"is": "any", "terms": terms}});
    assert_eq!(read["tree"], json!({"is": "all", "terms": [golden, not]}));
    assert_eq!(read["filter"], text.replace("eq 7", "eq \"7\""));
    let wrong = program.post("/filters/parse", &json!({"filter": "  klas pr"}));
    assert_eq!((&wrong["tree"], &wrong["fault"]["column"]), (&json!(null), &json!(3)));
    assert_eq!(wrong["fault"]["message"], "no user field is called \"klas\"; did you mean klass?");
    let fields = program.get("/filter-fields");
    let value = json!({"name": "is_active", "list": null, "kind": "bool", "comparisons": ["eq", "ne", "pr"]});
    assert!(fields["items"].as_array().unwrap().contains(&value), "{fields}");

    // A preview, its outcomes in every form, and its application.
    let wanted = json!({"script": "give", "targets": {"filter": "golden"}, "params": {"klass": "plus"}});
    let preview = program.ended(&program.post("/runs", &wanted));
    assert_eq!((&preview["mode"], &preview["outcomes"]["changed"]), (&json!("preview"), &json!(125)));
    assert_eq!(program.get("/users/u2")["klass"], "gold");
    let path = format!("/runs/{}", preview["run_id"]);
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
    let groups = program.get(&format!("{path}/change-groups"));
    assert_eq!(groups["items"][0]["users"], 125);
    let other = program.send("POST", &format!("{path}/apply"), Some(&json!({"plan_hash": "0123456789"})));
    other.problem(409);
    let plan = json!({"plan_hash": preview["plan_hash"]});
    let applied = program.send("POST", &format!("{path}/apply"), Some(&plan));
    assert_eq!(applied.headers["location"], format!("/api/v1/runs/{}", applied.json()["run_id"]));
    let applied = program.ended(&applied.json());
    assert_eq!(applied["outcomes"]["changed"], 125);
    assert_eq!(program.get("/users/u2")["klass"], "plus");
    program.send("POST", &format!("{path}/apply"), Some(&plan)).problem(409);

    // It is watched, explained, and taken back.
    let events = program.text(&format!("/runs/{}/events", applied["run_id"]));
    let last = events.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap();
    assert_eq!(serde_json::from_str::<Value>(last).unwrap()["state"], "finished");
    let history = program.get("/users/u2/history");
    assert_eq!(history["items"][0]["run_id"], applied["run_id"]);
    let undone = program.post(&format!("/runs/{}/undo", applied["run_id"]), &json!({"mode": "apply"}));
    assert_eq!(program.ended(&undone)["outcomes"]["changed"], 125);
    assert_eq!(program.get("/users/u2")["klass"], "gold");
    assert_eq!(column(program.get("/runs")["items"].as_array().unwrap(), "run_id"), [3, 2, 1]);
    assert_eq!(program.text("/users.csv"), desk.export());

    // All of it is in the audit log, none of the secrets is; a token without that scope does not see it.
    program.send("GET", "/audit", None).problem(403);
    let audit = server.get("/api/v1/audit?action=run-apply", &[("cookie", &cookie)]).json();
    assert_eq!(audit["items"][0]["actor"], "ana");
    assert!(keys(&audit["items"][0]).contains(&"hash"));
    desk.ok(&["audit", "export", "-"]);
    desk.ok(&["audit", "verify"]);
    server.end();
}

/// A site with an administrator who may do everything, and a program of hers.
fn program_of_ana(desk: &Desk) -> String {
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let token = desk.ok(&["tokens", "add", "ana", "program", "--scope", "look,execute,edit-users"]).out;
    give_out(token.trim());
    format!("Bearer {}", token.trim())
}

#[test]
fn a_user_is_edited_as_it_was_seen() {
    let desk = Desk::new();
    desk.import("username,organization\nfirst,North\n");
    desk.ok(&["profiles", "add", "gold"]);
    let server = Server::on(&desk);
    let program = Program { token: program_of_ana(&desk), server: &server };
    let new = json!({"username": "berta", "klass": "basic", "expiration": "2027-01-01", "profiles": ["gold"],
        "attributes": [{"attr": "Class", "operation": ":=", "value": "x"}], "password": "canary-of-a-user"});
    let made = program.send("POST", "/users", Some(&new));
    assert_eq!((made.status.as_u16(), &made.json()["profiles"]), (201, &json!(["gold"])));
    let seen = made.headers["etag"].to_str().unwrap().to_owned();
    program.send("POST", "/users", Some(&new)).problem(409);
    // All that is wrong is told, each with its place.
    let wrong = json!({"klas": "x", "expiration": "soon", "obj_id": 7, "add_attributes": [{"attr": "A B", "operation": "==", "value": ""}]});
    let refused = program.send("PATCH", "/users/berta", Some(&wrong));
    refused.problem(422);
    let mut pointers = column(refused.json()["errors"].as_array().unwrap(), "pointer");
    pointers.sort_by_key(Value::to_string);
    assert_eq!(pointers, ["/add_attributes/0", "/expiration", "/klas"]);

    let edit = |tag: &str, patch: Value| {
        let headers = [
            ("authorization", program.token.as_str()),
            ("content-type", "application/json"),
            ("if-match", tag),
        ];
        server.send("PATCH", "/api/v1/users/berta", &headers, &patch.to_string())
    };
    let patch = json!({"klass": "plus", "expiration": null, "remove_profiles": ["gold"],
        "remove_attributes": [{"attr": "Class", "value": "x"}],
        "add_check_attributes": [{"attr": "NAS-Port-Type", "operation": "==", "value": "Ethernet"}]});
    let edited = edit(&seen, patch);
    assert_eq!(edited.status, 200, "{}", edited.text);
    let mut told = edited.json();
    let warnings = told.as_object_mut().unwrap().remove("warnings");
    assert_eq!((told, warnings), (desk.user("berta"), Some(json!([]))));
    assert_eq!((&edited.json()["klass"], &edited.json()["expiration"]), (&json!("plus"), &Value::Null));
    // Who has seen an older state is told so, and nothing is written.
    edit(&seen, json!({"klass": "other"})).problem(412);
    edit("\"nonsense\"", json!({"klass": "other"})).problem(412);
    assert_eq!(desk.user("berta")["klass"], "plus");
    let found = program.get("/users?search=BER");
    assert_eq!(column(found["items"].as_array().unwrap(), "username"), ["berta"]);
    assert_eq!(program.get("/users/berta/history")["items"][0]["administrator"], "ana");

    let tried = program.post(
        "/script-tests",
        &json!({"script": "t.py", "user": "berta", "row": {"to": "silver"},
        "source": "print('hm')\nuser.klass = row['to']"}),
    );
    assert_eq!((&tried["outcome"], &tried["output"]), (&json!("changed"), &json!("hm\n")));
    assert_eq!(
        (&tried["changes"][0]["after"], &desk.user("berta")["klass"]),
        (&json!("silver"), &json!("plus"))
    );
    let removed = server.send(
        "DELETE",
        "/api/v1/users/berta",
        &[("authorization", &program.token), ("if-match", &seen)],
        "",
    );
    removed.problem(412);
    assert_eq!(program.send("DELETE", "/users/berta", None).status, 204);
    program.send("GET", "/users/berta", None).problem(404);
}

#[test]
fn a_run_that_is_held_begins_when_somebody_has_seen_its_list() {
    let desk = Desk::with_users(3);
    let server = Server::on(&desk);
    let program = Program { token: program_of_ana(&desk), server: &server };
    let held = program.post(
        "/runs",
        &json!({"script": "mark", "source": "user.klass = 'seen'", "mode": "apply",
        "targets": {"all": true}, "hold": true}),
    );
    assert_eq!((&held["state"], &held["targets"]), (&json!("selecting"), &json!(3)));
    program.send("POST", "/runs/1/start", Some(&json!({"targets": 2}))).problem(409);
    program.post("/runs/1/start", &json!({"targets": 3}));
    assert_eq!(program.ended(&held)["outcomes"]["changed"], 3);
    program.send("POST", "/runs/1/start", Some(&json!({"targets": 3}))).problem(409);
    // One that nobody wants is ended; a canary stops, and goes on.
    let held = program.post(
        "/runs",
        &json!({"script": "mark", "source": "user.klass = 'not'", "mode": "apply",
        "targets": {"filter": "klass eq \"seen\""}, "hold": true}),
    );
    assert_eq!(program.post("/runs/2/cancel", &json!({}))["state"], "cancelled");
    assert_eq!(program.ended(&held)["outcomes"]["not_run"], 3);
    let canary = program.post(
        "/runs",
        &json!({"script": "mark", "source": "user.klass = 'end'", "mode": "apply",
        "targets": {"all": true}, "canary": 1}),
    );
    assert_eq!(program.ended(&canary)["state"], "stopped");
    program.post("/runs/3/resume", &json!({}));
    wait_until("it has gone on to its end", || program.get("/runs/3")["state"] == "finished");
    assert_eq!(desk.user("user003")["klass"], "end");
    for (body, pointer) in [
        (json!({"script": "x", "targets": {}}), "/targets"),
        (json!({"script": "x", "targets": {"all": true, "filter": "a"}}), "/targets"),
        (json!({"script": "x", "targets": {"all": true}, "canary": 0}), "/canary"),
        (json!({"script": "x", "targets": {"all": true}, "time_limit": -1}), "/time_limit"),
        (json!({"script": "x", "targets": {"all": true}, "params": {"a/b": []}}), "/params/a~1b"),
        (json!({"script": "x", "source": "if", "targets": {"all": true}}), "/source"),
        (json!({"script": "x", "source": "pass", "targets": {"filter": "klass ex 1"}}), "/targets/filter"),
    ] {
        let refused = program.send("POST", "/runs", Some(&body));
        refused.problem(422);
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{}", refused.text);
    }
}

#[test]
fn a_run_goes_over_the_rows_of_a_file_that_was_sent_ahead() {
    let desk = Desk::with_users(3);
    let server = Server::on(&desk);
    let program = Program { token: program_of_ana(&desk), server: &server };
    let file = "username;new\nuser001;gold\nnobody;gold\nuser003;plus\nuser003;gold\n";
    let headers = [("authorization", program.token.as_str())];
    let sent = server.send("POST", "/api/v1/uploads?name=march.csv", &headers, file);
    assert_eq!((sent.status.as_u16(), &sent.json()["size"]), (201, &json!(file.len())));
    let report = program.get("/uploads/1/report");
    assert_eq!(
        (&report["rows"], &report["matched"], &report["duplicate"], &report["unmatched"]),
        (&json!(4), &json!(3), &json!(1), &json!(1))
    );
    assert_eq!(
        (&report["columns"], &report["bad_rows"][0]["line"]),
        (&json!(["username", "new"]), &json!(3))
    );
    let again = json!([{"line": 5, "username": "user003", "first_line": 4}]);
    assert_eq!(report["duplicate_rows"], again);
    assert_eq!(program.get("/uploads/1/report?duplicates=last")["skipped"], 1);
    let bad = program.text("/uploads/1/bad-rows.csv");
    assert!(
        bad.starts_with("username,new,rollcall_line,rollcall_reason\n") && bad.lines().count() == 2,
        "{bad}"
    );
    let mut wanted = json!({"script": "give", "source": "user.klass = row['new']", "mode": "apply",
        "targets": {"rows": {"upload_id": 1}}});
    let refused = program.send("POST", "/runs", Some(&wanted));
    refused.problem(422);
    assert_eq!(refused.json()["errors"][0]["line"], 3);
    wanted["targets"]["rows"]["skip_unmatched"] = json!(true);
    wanted["targets"]["rows"]["duplicates"] = json!("refuse");
    let refused = program.send("POST", "/runs", Some(&wanted));
    refused.problem(422);
    assert_eq!(refused.json()["errors"][0]["detail"], "user \"user003\" is named by line 4, too");
    wanted["targets"]["rows"]["duplicates"] = json!("all");
    let run = program.ended(&program.post("/runs", &wanted));
    assert_eq!((&run["targets"], &run["outcomes"]["changed"]), (&json!(3), &json!(3)));
    assert_eq!(
        (&desk.user("user001")["klass"], &desk.user("user003")["klass"]),
        (&json!("gold"), &json!("gold"))
    );
    // The header is looked for, or named; so it is for the rows that cannot be used, and for a run.
    let file = "username;new\nx;y\nnew;username\nsilver;user002\nsilver;nobody\n";
    server.send("POST", "/api/v1/uploads?name=april.csv", &headers, file);
    assert_eq!(program.get("/uploads/2/report")["matched"], 0);
    assert_eq!(program.get("/uploads/2/report?header_row=3&hidden=skip")["matched"], 1);
    assert!(
        program
            .text("/uploads/2/bad-rows.csv?header_row=3")
            .starts_with("new,username,rollcall_line,rollcall_reason\nsilver,nobody,5,")
    );
    wanted["targets"]["rows"] =
        json!({"upload_id": 2, "skip_unmatched": true, "header_row": 3, "hidden": "include"});
    let run = program.ended(&program.post("/runs", &wanted));
    assert_eq!((&run["targets"], &desk.user("user002")["klass"]), (&json!(1), &json!("silver")));
    for query in ["header_row=0", "header_row=x", "hidden=perhaps"] {
        program.send("GET", &format!("/uploads/2/report?{query}"), None).problem(400);
    }
    program.send("GET", "/uploads/2/report?header_row=9", None).problem(422);
    assert_eq!(program.send("DELETE", "/uploads/1", None).status, 204);
    program.send("GET", "/uploads/1/report", None).problem(404);
}

#[test]
fn a_request_that_is_sent_again_makes_no_second_run() {
    let desk = Desk::with_users(3);
    let server = Server::on(&desk);
    let program = Program { token: program_of_ana(&desk), server: &server };
    let send = |key: &str, body: &Value| {
        let headers = [
            ("authorization", program.token.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        server.send("POST", "/api/v1/runs", &headers, &body.to_string())
    };
    let wanted =
        json!({"script": "x", "source": "user.klass = 'x'", "mode": "apply", "targets": {"all": true}});
    let answers: Vec<_> = std::thread::scope(|scope| {
        let one = |_| scope.spawn(|| send("of-today", &wanted));
        (0..8).map(one).collect::<Vec<_>>().into_iter().map(|one| one.join().unwrap()).collect()
    });
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), &answer.json()["run_id"]), (201, &json!(1)), "{}", answer.text);
    }
    let other =
        json!({"script": "x", "source": "user.klass = 'y'", "mode": "apply", "targets": {"all": true}});
    send("of-today", &other).problem(422);
    send("not one word", &wanted).problem(400);
    assert_eq!(send("of-tomorrow", &wanted).json()["run_id"], 2);
    assert_eq!(desk.runs().len(), 2);
}

#[test]
fn what_two_edit_at_once_is_not_written_over() {
    let desk = Desk::new();
    let server = Server::on(&desk);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    let token = desk.ok(&["tokens", "add", "ana", "program", "--scope", "look,edit-scripts,administer"]).out;
    give_out(token.trim());
    let token = format!("Bearer {}", token.trim());
    let send = |method: &str, path: &str, condition: (&str, &str), body: &Value| {
        let headers = [("authorization", token.as_str()), ("content-type", "application/json"), condition];
        server.send(method, &format!("/api/v1{path}"), &headers, &body.to_string())
    };
    desk.ok(&["profiles", "add", "plan"]);
    for (path, first, second) in [
        ("/filters/f", json!({"filter": "klass eq \"a\""}), json!({"filter": "klass eq \"b\""})),
        ("/scripts/s", json!({"source": "pass"}), json!({"source": "pass  # again"})),
        (
            "/profiles/plan",
            json!({"reply": [{"attr": "Class", "operation": ":=", "value": "a"}], "check": []}),
            json!({"reply": [], "check": []}),
        ),
    ] {
        if path != "/profiles/plan" {
            let none = ("if-none-match", "*");
            assert_eq!(send("PUT", path, none, &first).status, 201, "{path}");
            send("PUT", path, none, &first).problem(409);
        }
        let seen = server.get(&format!("/api/v1{path}"), &[("authorization", &token)]);
        let seen = seen.headers["etag"].to_str().unwrap().to_owned();
        assert_eq!(send("PUT", path, ("if-match", &seen), &second).status, 200, "{path}");
        if path == "/profiles/plan" {
            // It is as it was seen.
            send("PUT", path, ("if-match", &seen), &first);
        }
        send("PUT", path, ("if-match", &seen), &first).problem(412);
        send("DELETE", path, ("if-match", &seen), &Value::Null).problem(412);
        send("DELETE", path, ("if-match", "unquoted"), &Value::Null).problem(400);
        assert_eq!(send("DELETE", path, ("if-match", "*"), &Value::Null).status, 204, "{path}");
    }
}
