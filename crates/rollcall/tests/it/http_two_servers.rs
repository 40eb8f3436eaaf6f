//! Two servers on one database: whatever one is asked, the other knows; and when one dies, the other goes on.

use crate::common::server::{PASSWORD, Server, site};
use crate::common::{Desk, wait_until};
use serde_json::{Value, json};

/// What a server answers to ana, who is signed in at one of them.
fn get(server: &Server, cookie: &str, path: &str) -> Value {
    let answer = server.get(&format!("/api/v1{path}"), &[("cookie", cookie)]);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn start(server: &Server, cookie: &str, source: &str, key: &str) -> Value {
    let wanted = json!({"script": "s", "source": source, "mode": "apply", "targets": {"all": true}});
    let answer = server.post("/api/v1/runs", &[("cookie", cookie), ("idempotency-key", key)], &wanted);
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

#[test]
fn what_one_is_asked_the_other_knows() {
    let desk = site();
    let (one, other) = (Server::on(&desk), Server::on(&desk));
    // A session, a back-off, a key: all of them are in the database.
    let cookie = one.cookie("ana");
    assert_eq!(get(&other, &cookie, "/me")["administrator"], "ana");
    let run = start(&one, &cookie, "user.klass = 'seen'", "once");
    assert_eq!(start(&other, &cookie, "user.klass = 'seen'", "once")["run_id"], run["run_id"]);
    let events = other.get(&format!("/api/v1/runs/{}/events", run["run_id"]), &[("cookie", &cookie)]).text;
    let last = events.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!((&last["state"], &last["outcomes"]["changed"]), (&json!("finished"), &json!(3)));
    // Whoever comes back with the id of the last event is told nothing twice.
    let id = events.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap();
    let path = format!("/api/v1/runs/{}/events", run["run_id"]);
    let again = one.get(&path, &[("cookie", &cookie), ("last-event-id", id)]).text;
    assert!(!again.contains("data: "), "{again}");
    for n in 0..8 {
        let server = if n % 2 == 0 { &one } else { &other };
        server.sign_in("olga", "wrong wrong wrong");
    }
    one.sign_in("olga", PASSWORD).problem(429);
    other.sign_in("olga", PASSWORD).problem(429);
    let out = other.send("DELETE", "/api/v1/sessions/current", &[("cookie", &cookie)], "");
    assert_eq!(out.status, 204);
    one.get("/api/v1/me", &[("cookie", &cookie)]).problem(401);
}

#[test]
fn when_one_is_killed_the_other_goes_on() {
    let desk = Desk::with_users(400);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    desk.write("password", format!("{PASSWORD}\n"));
    desk.shell("rollcall administrators password ana < password").exits(0);
    let (mut one, other) = (Server::on(&desk), Server::on(&desk));
    let cookie = one.cookie("ana");
    let slow = "import time\ntime.sleep(0.02)\nuser.klass = user.klass + 'x'";
    let run = start(&one, &cookie, slow, "slow");
    let path = format!("/runs/{}", run["run_id"]);
    desk.wait_for_outcomes(20);
    one.process.kill().unwrap();
    one.process.wait().unwrap();
    wait_until("the other has ended it", || get(&other, &cookie, &path)["state"] == "finished");
    assert_eq!(get(&other, &cookie, &path)["outcomes"]["changed"], 400);
    let users = desk.ok(&["users", "list", "--format", "json"]).objects();
    assert!(users.iter().all(|user| user["klass"] == "x"), "each user once");
}
