//! What the server tells of what it does: a line a request, and numbers.

use std::collections::HashMap;
use std::time::Duration;

use crate::common::wait_until;
use crate::transport::{PASSWORD, Served, proof, site, token};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

fn lines(said: &str) -> Vec<Value> {
    said.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// The line of the request that this route was asked by, once it is there.
fn line(server: &Served, route: &str) -> Value {
    let of = |said: &str| lines(said).into_iter().find(|line| line["route"] == route);
    wait_until("the request is told of", || of(&server.said()).is_some());
    of(&server.said()).unwrap()
}

#[test]
fn a_request_is_a_line_without_a_secret() {
    let desk = site();
    let server = Served::on(&desk, &["--log-format", "json"]);
    let bearer = token(&desk, "look");
    let answer = server.get("/api/v1/users/user001?secret=in-a-query", &bearer);
    assert_eq!(answer.status, 200);
    let asked = line(&server, "/api/v1/users/{username}");
    assert_eq!(asked["request_id"], answer.header("x-request-id").unwrap());
    assert_eq!(
        [
            &asked["message"],
            &asked["method"],
            &asked["status"],
            &asked["who"],
            &asked["address"],
            &asked["whole"]
        ],
        [&json!("request"), &json!("GET"), &json!(200), &json!("ana"), &json!("127.0.0.1"), &json!(true)]
    );
    assert_eq!(asked["bytes"], answer.body.len());
    assert!(asked["millis"].is_u64() && asked["time"].as_str().unwrap().ends_with('Z'), "{asked}");
    assert_eq!(server.post("/api/v1/sessions", "", &proof()).status, 201);
    assert_eq!(server.get("/set-up/a-secret-link", "").status, 403);
    for prefix in ["", "/api/v1"] {
        assert_eq!(server.get(&format!("{prefix}/a-secret-address"), "").status, 404);
    }
    assert_eq!(server.get("/healthz", "").status, 200);
    assert_eq!(line(&server, "/set-up/{link}")["who"], Value::Null);
    let said = server.end();
    let all = lines(&said);
    assert!(all.iter().all(|line| line["level"].is_string() && line["message"].is_string()), "{said}");
    let unknown = |line: &&Value| line["route"].is_null() && line["status"] == 404;
    assert_eq!(all.iter().filter(unknown).count(), 2, "{said}");
    let secret = bearer.trim().rsplit(' ').next().unwrap();
    for secret in [secret, PASSWORD, "in-a-query", "a-secret-link", "a-secret-address", "user001", "healthz"]
    {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
    assert_eq!(all.last().unwrap()["message"], "the server has ended");
}

#[test]
fn people_are_told_in_a_line_that_they_can_read() {
    let desk = site();
    let server = Served::on(&desk, &[]);
    let answer = server.get("/api/v1/me", &token(&desk, "look"));
    let id = answer.header("x-request-id").unwrap();
    server.hears(id);
    let said = server.said();
    let line = said.lines().find(|line| line.contains(id)).unwrap();
    let words: Vec<_> = line.split(' ').skip(1).take(5).collect();
    assert_eq!(words, ["127.0.0.1", "ana", "GET", "/api/v1/me", "200"], "{line}");
    assert!(line.ends_with(&format!(" ms, {} bytes ({id})", answer.body.len())), "{line}");
    server.get("/nothing", "").problem(404);
    server.hears("127.0.0.1 - GET - 404 ");
}

#[test]
fn a_request_has_one_number_wherever_it_is_named() {
    let desk = site();
    let given = "X-Request-Id: 7f3a-from.the:proxy\r\n";
    let server = Served::on(&desk, &[]);
    let answer = server.get("/api/v1/me", given);
    let id = answer.header("x-request-id").unwrap().to_owned();
    assert_eq!(id.len(), 36, "a number of our own: {id}");
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["request_id"], id.as_str());
    server.hears(&id);
    assert!(!server.said().contains("from.the:proxy"));
    let server = Served::on(&desk, &["--trusted-proxy", "127.0.0.1"]);
    assert_eq!(server.get("/api/v1/me", given).header("x-request-id"), Some("7f3a-from.the:proxy"));
    server.hears("(7f3a-from.the:proxy)");
    for odd in ["", "a b", "a\u{e9}", "\"", &"x".repeat(129)] {
        let answer = server.get("/api/v1/me", &format!("X-Request-Id: {odd}\r\n"));
        assert_eq!(answer.header("x-request-id").unwrap().len(), 36, "{odd:?}");
    }
    // What goes wrong here is told here, by the same number.
    let file = desk.path("rollcall.db");
    if file.exists() {
        std::fs::write(&file, "no database any more").unwrap();
        let answer = server.get("/readyz", "");
        answer.problem(500);
        server.hears(&format!("(request {})", answer.header("x-request-id").unwrap()));
    }
}

#[test]
fn whoever_is_gone_is_told_of_too() {
    let desk = site();
    let server = Served::with_points(&desk, &["--log-format", "json"], "http_blocking=sleep(60000)");
    let proof = proof().to_string();
    let mut wire = server.begun("/api/v1/sessions", proof.len());
    wire.says(&proof);
    drop(wire);
    let gone = line(&server, "/api/v1/sessions");
    assert_eq!((&gone["status"], &gone["whole"]), (&Value::Null, &json!(false)));
}

#[test]
fn nobody_waits_for_whoever_reads_the_log() {
    let desk = site();
    let mut command = desk.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut process = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(process.stderr.take().unwrap());
    let mut first = String::new();
    std::io::BufRead::read_line(&mut said, &mut first).unwrap();
    // From here on nobody reads; a pipe takes 64 KiB.
    let host = first.trim().rsplit('/').next().unwrap();
    let request = format!("GET /nothing HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let mut wire = crate::transport::Wire(std::net::TcpStream::connect(host).unwrap());
    wire.0.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    for _ in 0..1_500 {
        wire.says(&request);
        assert_eq!(wire.next().status, 404);
    }
    // Whatever else there is to tell is in nobody's way either.
    desk.write("mark.py", "user.klass = 'seen'");
    desk.ok(&["run", "mark.py", "--all", "--apply", "--yes", "--queue"]);
    wait_until("the run is done", || desk.runs()[0]["state"] == "finished");
    wire.says(&request);
    assert_eq!(wire.next().status, 404);
    // Once somebody reads again, nothing is missing: no more was said than may wait.
    let mut lines = std::io::BufRead::lines(said);
    let asked =
        lines.by_ref().map_while(Result::ok).filter(|line| line.contains("GET - 404")).take(1_501).count();
    assert_eq!(asked, 1_501);
    kill(Pid::from_raw(process.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(lines.map_while(Result::ok).last().as_deref(), Some("the server has ended"));
    assert!(process.wait().unwrap().success());
}

/// The numbers, by what they are about.
fn numbers(server: &Served, bearer: &str) -> HashMap<String, f64> {
    let answer = server.get("/metrics", bearer);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    let described = text.lines().filter(|line| line.starts_with("# HELP rollcall_")).count();
    assert_eq!(text.lines().filter(|line| line.starts_with("# TYPE rollcall_")).count(), described);
    let number = |line: &str| {
        let (what, number) = line.rsplit_once(' ').unwrap();
        (what.to_owned(), number.parse().unwrap())
    };
    text.lines().filter(|line| !line.starts_with('#')).map(number).collect()
}

#[test]
fn numbers_tell_what_happens() {
    let desk = site();
    let script =
        "import os\nif user.obj_id == 1: fail('no')\nif user.obj_id == 2: os._exit(7)\nuser.klass = 'seen'";
    desk.write("script.py", script);
    desk.ok(&["run", "script.py", "--all", "--apply", "--yes", "--queue"]);
    let server = Served::on(&desk, &[]);
    wait_until("the run is done", || desk.runs()[0]["state"] == "finished");
    let bearer = token(&desk, "look");
    assert_eq!(server.get("/api/v1/users/user001", &bearer).status, 200);
    assert_eq!(server.get("/api/v1/users/user002", &bearer).status, 200);
    assert_eq!(server.tcp().ask("BREW", "/coffee", "Host: localhost\r\n", "").status, 404);
    // A connection is over for us a moment before the server has counted that.
    let mut all = HashMap::new();
    wait_until("the earlier connections are gone", || {
        all = numbers(&server, &bearer);
        all["rollcall_http_connections"] == 1.0
    });
    for (what, number) in [
        ("rollcall_targets_total{outcome=\"changed\"}", 1.0),
        ("rollcall_targets_total{outcome=\"failed\"}", 2.0),
        ("rollcall_targets_total{outcome=\"conflict\"}", 0.0),
        ("rollcall_runs{state=\"finished\"}", 1.0),
        ("rollcall_runs{state=\"running\"}", 0.0),
        ("rollcall_targets_left", 0.0),
        ("rollcall_sandboxes_died_total", 1.0),
        ("rollcall_http_connections", 1.0),
        ("rollcall_database_places", 32.0),
        ("rollcall_database_places_taken", 0.0),
        (
            "rollcall_http_requests_total{route=\"/api/v1/users/{username}\",method=\"GET\",status=\"200\"}",
            2.0,
        ),
        ("rollcall_http_requests_total{route=\"none\",method=\"other\",status=\"404\"}", 1.0),
        (
            "rollcall_http_request_duration_seconds_count{route=\"/api/v1/users/{username}\",method=\"GET\"}",
            2.0,
        ),
    ] {
        assert_eq!(all.get(what), Some(&number), "{what} of {all:#?}");
    }
    assert!(all["rollcall_sandboxes_started_total"] >= 2.0);
    let commits = all["rollcall_commit_duration_seconds_count"];
    assert!(commits >= 1.0 && all["rollcall_commit_duration_seconds_sum"] > 0.0);
    assert_eq!(all["rollcall_commit_duration_seconds_bucket{le=\"+Inf\"}"], commits);
}

#[test]
fn numbers_are_for_those_who_may_look_everywhere() {
    let desk = site();
    let server = Served::on(&desk, &[]);
    server.get("/metrics", "").problem(401);
    server.get("/metrics", &token(&desk, "edit-scripts")).problem(403);
    desk.ok(&["organizations", "add", "North"]);
    desk.ok(&["administrators", "add", "olga", "--grant", "operator@North"]);
    let made = desk.ok(&["tokens", "add", "olga", "test", "--scope", "look"]);
    server.get("/metrics", &format!("Authorization: Bearer {}\r\n", made.out.trim())).problem(403);
    numbers(&server, &token(&desk, "look"));
}

#[test]
fn whoever_is_kept_out_is_counted() {
    let desk = site();
    let authority = crate::transport::authority(&desk);
    let bearer = token(&desk, "look");
    let args = ["--tls-cert", "one.pem", "--tls-key", "one.key", "--max-connections-per-address", "3"];
    let server = Served::on(&desk, &args);
    server.tcp().ask("GET", "/healthz", "", "");
    let mut inside: Vec<_> = (0..2).map(|_| server.tls(&authority)).collect();
    // The one without HTTPS has seen the end of its connection before the server counts it as one less.
    wait_until("there are two", || {
        inside[0].says(&format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{bearer}\r\n"));
        inside[1].says("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(inside[1].next().status, 200);
        inside[0].next().text().lines().any(|line| line == "rollcall_http_connections 2")
    });
    inside.push(server.tls(&authority));
    inside[2].says("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(inside[2].next().status, 200);
    assert_eq!(server.tcp().rest().status, 0);
    let asked = inside.pop().unwrap().ask("GET", "/metrics", &format!("Host: localhost\r\n{bearer}"), "");
    for line in ["rollcall_http_connections_refused_total 1", "rollcall_http_handshakes_failed_total 1"] {
        assert!(asked.text().lines().any(|each| each == line), "{line} in {}", asked.text());
    }
}
