//! Every address of the API, for every role, everywhere and within one of two organizations, by session and by token. An
//! address that has no row here fails.

use std::collections::BTreeMap;

use crate::common::server::{Answer, PASSWORD, Server};
use crate::common::{Desk, give_out, wait_until};
use rollcall_domain::{Right, Role};
use serde_json::{Value, json};

/// Whose what is asked for is.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    /// Something of North's.
    North,
    /// A list, in which there is only what is one's own.
    List,
    /// It concerns everybody.
    All,
    /// It belongs to nobody.
    Nobody,
}
use Of::{All, List, Nobody, North};

/// What a request takes, and one that does it.
struct Row {
    call: &'static str,
    /// The same with its parameters filled in.
    path: &'static str,
    body: Option<Value>,
    /// None: it is enough to be somebody.
    right: Option<Right>,
    of: Of,
}

fn row(call: &'static str, path: &'static str, right: impl Into<Option<Right>>, of: Of) -> Row {
    Row { call, path, body: None, right: right.into(), of }
}

fn with(call: &'static str, path: &'static str, body: Value, right: Right, of: Of) -> Row {
    Row { call, path, body: Some(body), right: Some(right), of }
}

/// Open to everybody, since it lets people in: tested where that is.
const OPEN: [&str; 3] = ["post /set-up", "post /sessions", "delete /sessions/current"];

/// What these rows ask for cannot be done, whoever asks: the run has ended, the code is wrong.
const REFUSED_TO_ALL: [&str; 2] = ["post /runs/{run_id}/cancel", "put /administrators/{name}/totp"];

/// In this order: what is removed was looked at before.
fn rows() -> Vec<Row> {
    use Right::{Administer, EditScripts, EditUsers, Execute, Look, Report};
    let script = json!({"source": "pass"});
    let run = json!({"script": "x", "source": "pass", "targets": {"filter": "username eq \"n1\""}});
    vec![
        row("get /me", "/me", None, Nobody),
        row("get /roles", "/roles", None, Nobody),
        row("get /samples", "/samples", None, Nobody),
        row("get /script-api", "/script-api", None, Nobody),
        row("get /samples/{name}", "/samples/extend-by-days", None, Nobody),
        with(
            "post /script-tests",
            "/script-tests",
            json!({"script": "x", "source": "pass", "user": "n1"}),
            Report,
            North,
        ),
        with("post /scripts/check", "/scripts/check", script.clone(), Look, Nobody),
        row("get /users", "/users", Look, List),
        row("get /users.csv", "/users.csv", Look, List),
        row("get /users.jsonl", "/users.jsonl", Look, List),
        row("get /users/{username}", "/users/n1", Look, North),
        row("get /users/{username}/history", "/users/n1/history", Look, North),
        row("get /users/{username}/reply", "/users/n1/reply", Look, North),
        row("get /users/{username}/planned-reply", "/users/n1/planned-reply?preview=1", Look, North),
        row("get /user-history/{obj_id}", "/user-history/1", Look, North),
        with("post /filters/count", "/filters/count", json!({}), Look, Nobody),
        with("post /filters/parse", "/filters/parse", json!({"filter": "klass pr"}), Look, Nobody),
        row("get /filter-fields", "/filter-fields", None, Nobody),
        row("get /organizations", "/organizations", Look, List),
        row("get /profiles", "/profiles", Look, List),
        row("get /profiles/{short_name}", "/profiles/n-plan", Look, North),
        row("get /filters", "/filters", Look, List),
        row("get /filters/{name}", "/filters/North:n-filter", Look, North),
        row("get /scripts", "/scripts", Look, List),
        row("get /scripts/{name}", "/scripts/North:n-script", Look, North),
        row("get /scripts/{name}/versions", "/scripts/North:n-script/versions", Look, North),
        row("get /scripts/{name}/versions/{version}", "/scripts/North:n-script/versions/1", Look, North),
        row("get /scripts/{name}/diff", "/scripts/North:n-script/diff", Look, North),
        row("get /runs", "/runs", Look, List),
        row("get /runs/{run_id}", "/runs/1", Look, North),
        row("get /runs/{run_id}/outcomes", "/runs/1/outcomes", Look, North),
        row("get /runs/{run_id}/outcomes.jsonl", "/runs/1/outcomes.jsonl", Look, North),
        row("get /runs/{run_id}/outcomes.csv", "/runs/1/outcomes.csv", Look, North),
        row("get /runs/{run_id}/outcomes.xlsx", "/runs/1/outcomes.xlsx", Look, North),
        row("get /runs/{run_id}/change-groups", "/runs/1/change-groups", Look, North),
        row("get /runs/{run_id}/failure-groups", "/runs/1/failure-groups", Look, North),
        row("get /runs/{run_id}/result-columns", "/runs/1/result-columns", Look, North),
        row("get /runs/{run_id}/events", "/runs/1/events", Look, North),
        row("get /workers", "/workers", Look, All),
        row("get /settings", "/settings", Look, Nobody),
        row("get /administrators", "/administrators", Administer, List),
        row("get /administrators/{name}", "/administrators/nora", Administer, North),
        row("get /administrators/{name}/sessions", "/administrators/nora/sessions", Administer, North),
        row("get /administrators/{name}/tokens", "/administrators/nora/tokens", Administer, North),
        row("get /audit", "/audit", Administer, All),
        row("get /audit/head", "/audit/head", Administer, All),
        row("get /audit.jsonl", "/audit.jsonl", Administer, All),
        with("post /audit/verify", "/audit/verify", json!({}), Administer, All),
        with("post /runs", "/runs", run, Report, Nobody),
        with("post /runs/{run_id}/approve", "/runs/1/approve", json!({}), Execute, North),
        row("get /uploads", "/uploads", Report, List),
        row("get /uploads/{upload_id}", "/uploads/1", Report, North),
        row("get /uploads/{upload_id}/report", "/uploads/1/report", Report, North),
        row("get /uploads/{upload_id}/bad-rows.csv", "/uploads/1/bad-rows.csv", Report, North),
        row(
            "get /uploads/{upload_id}/import-bad-rows.csv",
            "/uploads/1/import-bad-rows.csv",
            EditUsers,
            North,
        ),
        with("post /uploads/{upload_id}/imports", "/uploads/1/imports", json!({}), EditUsers, North),
        Row { body: Some(Value::Null), ..row("post /uploads", "/uploads?name=x.csv", Report, Nobody) },
        row("delete /uploads/{upload_id}", "/uploads/1", Report, North),
        with("post /runs/{run_id}/start", "/runs/4/start", json!({"targets": 1}), Execute, North),
        with("post /runs/{run_id}/resume", "/runs/5/resume", json!({}), Execute, North),
        with("post /runs/{run_id}/retry", "/runs/1/retry", json!({"which": "failed"}), Execute, North),
        with("post /runs/{run_id}/apply", "/runs/1/apply", json!({}), Execute, North),
        with("post /runs/{run_id}/undo", "/runs/2/undo", json!({}), Execute, North),
        with("post /runs/{run_id}/cancel", "/runs/3/cancel", json!({}), Execute, North),
        Row { body: Some(Value::Null), ..row("post /imports", "/imports", EditUsers, Nobody) },
        with(
            "put /filters/{name}",
            "/filters/North:n-filter",
            json!({"filter": "klass eq \"\""}),
            EditScripts,
            North,
        ),
        row("delete /filters/{name}", "/filters/North:n-filter", EditScripts, North),
        with("put /scripts/{name}", "/scripts/North:n-script", script, EditScripts, North),
        with(
            "post /scripts/{name}/versions/{version}/restore",
            "/scripts/North:n-script/versions/1/restore",
            json!({}),
            EditScripts,
            North,
        ),
        row("delete /scripts/{name}", "/scripts/North:n-script", EditScripts, North),
        with(
            "post /users",
            "/users",
            json!({"username": "new", "organization": "North", "password": "canary-of-a-user"}),
            EditUsers,
            North,
        ),
        with("patch /users/{username}", "/users/n2", json!({"klass": "silver"}), EditUsers, North),
        row("delete /users/{username}", "/users/n2", EditUsers, North),
        with(
            "post /profiles",
            "/profiles",
            json!({"short_name": "new", "organization": "North"}),
            Administer,
            North,
        ),
        with(
            "put /profiles/{short_name}",
            "/profiles/n-plan",
            json!({"reply": [], "check": []}),
            Administer,
            North,
        ),
        row("delete /profiles/{short_name}", "/profiles/n-plan", Administer, North),
        with("post /organizations", "/organizations", json!({"name": "East"}), Administer, All),
        with("patch /organizations/{name}", "/organizations/East", json!({"name": "West"}), Administer, All),
        row("delete /organizations/{name}", "/organizations/West", Administer, All),
        with("put /settings/{name}", "/settings/prune_after", json!({"value": "90d"}), Administer, All),
        row("delete /settings/{name}", "/settings/prune_after", Administer, All),
        with("post /prune", "/prune", json!({"older_than": "3650d"}), Administer, All),
        with(
            "post /administrators",
            "/administrators",
            json!({"name": "new", "grants": [{"role": "read-only", "organization": "North"}]}),
            Administer,
            North,
        ),
        with(
            "post /administrators/{name}/grants",
            "/administrators/nora/grants",
            json!({"role": "author", "organization": "North"}),
            Administer,
            North,
        ),
        row(
            "delete /administrators/{name}/grants",
            "/administrators/nora/grants?role=author&organization=North",
            Administer,
            North,
        ),
        with(
            "post /administrators/{name}/tokens",
            "/administrators/nora/tokens",
            json!({"name": "x", "scopes": ["look"], "days": 1}),
            Administer,
            North,
        ),
        row(
            "delete /administrators/{name}/tokens/{token_id}",
            "/administrators/nora/tokens/TOKEN",
            Administer,
            North,
        ),
        row(
            "delete /administrators/{name}/sessions/{session_id}",
            "/administrators/nora/sessions/SESSION",
            Administer,
            North,
        ),
        row("delete /administrators/{name}/sessions", "/administrators/nora/sessions", Administer, North),
        with(
            "put /administrators/{name}/password",
            "/administrators/nora/password",
            json!({"password": PASSWORD}),
            Administer,
            North,
        ),
        row("post /administrators/{name}/totp", "/administrators/nora/totp", Administer, North),
        with(
            "put /administrators/{name}/totp",
            "/administrators/nora/totp",
            json!({"code": "000000"}),
            Administer,
            North,
        ),
        row("delete /administrators/{name}/totp", "/administrators/nora/totp", Administer, North),
        row("delete /administrators/{name}", "/administrators/nora", Administer, North),
    ]
}

/// Somebody who sends requests.
struct Caller {
    role: Role,
    /// None: everywhere.
    place: Option<&'static str>,
    by: &'static str,
    header: (&'static str, String),
}

impl Caller {
    fn has(&self, right: Right) -> bool {
        right.roles().any(|role| role == self.role)
    }

    /// What they must be answered: statuses that are right, or none if whatever is not a refusal is.
    fn expected(&self, row: &Row) -> Option<&'static [u16]> {
        let right = row.right?;
        let foreign = self.place == Some("South") && row.of == North;
        match (self.has(right), row.of) {
            (false, _) if foreign => Some(&[403, 404, 422]),
            (false, _) => Some(&[403]),
            // What is another's is not there; that an organization is not there is a mistake in what was sent.
            (true, _) if foreign => Some(&[404, 422]),
            (true, All) if self.place.is_some() => Some(&[403]),
            (true, _) => None,
        }
    }
}

fn desk() -> Desk {
    let desk = Desk::new();
    desk.import("username,organization,klass\nn1,North,\nn2,North,\ns1,South,\n");
    desk.write("script.py", "user.klass = 'seen'");
    desk.write("password", format!("{PASSWORD}\n"));
    desk.ok(&["profiles", "add", "n-plan", "--organization", "North"]);
    desk.ok(&["filters", "save", "North:n-filter", "klass eq \"\""]);
    desk.ok(&["scripts", "save", "North:n-script", "script.py"]);
    desk.ok(&["scripts", "save", "North:n-script", "script.py"]);
    desk.ok(&["administrators", "add", "nora", "--grant", "operator@North"]);
    desk.shell("rollcall administrators password nora < password").exits(0);
    let nora = |args: &[&str]| desk.ok(&[&["--as", "nora", "run", "script.py", "--filter"], args].concat());
    // Runs 1 and 3 are previews, run 2 has written.
    nora(&["username eq \"n2\""]);
    nora(&["username eq \"n1\"", "--apply", "--yes"]);
    nora(&["username eq \"n1\""]);
    // Run 4 waits to begin, run 5 has stopped after its first target.
    nora(&["username eq \"n1\"", "--apply", "--yes", "--hold"]);
    let stopped = ["username eq \"n1\" or username eq \"n2\"", "--canary", "1"];
    desk.call(&[&["--as", "nora", "run", "script.py", "--filter"], &stopped[..]].concat()).exits(1);
    desk
}

fn callers(desk: &Desk, server: &Server) -> Vec<Caller> {
    let mut callers = Vec::new();
    for role in Role::ALL {
        for place in [None, Some("North"), Some("South")] {
            let name = format!("{}{}", role.name(), place.unwrap_or_default());
            let grant = place.map_or(role.name().to_owned(), |place| format!("{}@{place}", role.name()));
            desk.ok(&["administrators", "add", &name, "--grant", &grant]);
            desk.shell(&format!("rollcall administrators password {name} < password")).exits(0);
            let all: Vec<_> = Right::ALL.map(Right::name).into();
            let token = desk.ok(&["tokens", "add", &name, "all", "--scope", &all.join(",")]).out;
            give_out(token.trim());
            callers.push(Caller { role, place, by: "session", header: ("cookie", server.cookie(&name)) });
            let bearer = format!("Bearer {}", token.trim());
            callers.push(Caller { role, place, by: "token", header: ("authorization", bearer) });
        }
    }
    callers
}

/// What the API says that it has: `get /users` and so on.
fn described(server: &Server) -> Vec<String> {
    let description = server.get("/api/v1/openapi.json", &[]).json();
    let calls = description["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
    });
    calls.collect()
}

fn send(server: &Server, row: &Row, path: &str, header: Option<(&str, &str)>) -> Answer {
    let method = row.call.split(' ').next().unwrap().to_uppercase();
    let (kind, body) = match &row.body {
        Some(Value::Null) => ("text/csv", "username,organization\n".to_owned()),
        Some(body) => ("application/json", body.to_string()),
        None => ("application/json", String::new()),
    };
    let headers: Vec<_> = [("content-type", kind)].into_iter().chain(header).collect();
    server.send(&method, &format!("/api/v1{path}"), &headers, &body)
}

#[test]
fn everybody_reaches_what_is_theirs_and_nothing_else() {
    let desk = desk();
    let server = Server::on(&desk);
    let rows = rows();
    let mut listed: Vec<_> = rows.iter().map(|row| row.call).chain(OPEN).collect();
    listed.sort_unstable();
    let mut there = described(&server);
    there.sort_unstable();
    assert_eq!(listed, there, "each address has its row");

    let callers = callers(&desk, &server);
    let sent = server.send(
        "POST",
        "/api/v1/uploads?name=n.csv",
        &[("cookie", &server.cookie("nora"))],
        "username,organization\nfiled,North\n",
    );
    assert_eq!(sent.status, 201, "{}", sent.text);
    server.cookie("nora");
    let made = desk.ok(&["tokens", "add", "nora", "program", "--scope", "look"]);
    let ids = BTreeMap::from([
        ("TOKEN", made.out.trim().trim_start_matches("rct_").split('.').next().unwrap().to_owned()),
        (
            "SESSION",
            desk.ok(&["administrators", "sessions", "nora", "--format", "json"]).objects()[0]["session_id"]
                .to_string(),
        ),
    ]);
    for row in &rows {
        let path = ids.iter().fold(row.path.to_owned(), |path, (name, id)| path.replace(name, id));
        send(&server, row, &path, None).problem(401);
        // Those who are refused come first, so that there is something to be refused.
        let (refused, allowed): (Vec<_>, Vec<_>) =
            callers.iter().partition(|caller| caller.expected(row).is_some());
        let mut done = false;
        for caller in refused.into_iter().chain(allowed.iter().copied()) {
            let answer = send(&server, row, &path, Some((caller.header.0, &caller.header.1)));
            let who = format!(
                "{} {:?} {} by {}: {} {}",
                caller.role.name(),
                caller.place,
                row.call,
                caller.by,
                answer.status,
                answer.text
            );
            match caller.expected(row) {
                Some(statuses) => {
                    assert!(statuses.contains(&answer.status.as_u16()), "{who}");
                    assert!(!answer.text.contains("n-plan\"") || row.path.contains("n-plan"), "{who}");
                }
                None => assert!(
                    ![401, 403].contains(&answer.status.as_u16()) && answer.status.as_u16() < 500,
                    "{who}"
                ),
            }
            done |= answer.status.is_success();
            if caller.place == Some("South") && row.of == List {
                assert!(
                    !answer.text.contains("n1")
                        && !answer.text.contains("North")
                        && !answer.text.contains("nora"),
                    "{who}"
                );
            }
        }
        assert_ne!(done, REFUSED_TO_ALL.contains(&row.call), "{}", row.call);
    }
    // What was queued is done by the server, whoever has asked for it.
    wait_until("nothing is left to be done", || {
        desk.runs().iter().all(|run| !["queued", "running"].contains(&run["state"].as_str().unwrap()))
    });
    server.end();
}

#[test]
fn a_token_makes_no_token_that_may_do_more() {
    let desk = desk();
    let server = Server::on(&desk);
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    desk.shell("rollcall administrators password ana < password").exits(0);
    for scopes in ["look", "administer"] {
        let token = desk.ok(&["tokens", "add", "ana", scopes, "--scope", scopes]).out;
        let header = format!("Bearer {}", token.trim());
        let wanted = json!({"name": "more", "scopes": ["execute"], "days": 1});
        let path = "/api/v1/administrators/ana/tokens";
        let detail = server.post(path, &[("authorization", &header)], &wanted).problem(403);
        // ana has every role: it is the token that lacks something.
        let expected = format!("This token has the scopes {scopes}; this needs ");
        assert!(detail.starts_with(&expected), "{detail}");
        let password = json!({"password": PASSWORD}).to_string();
        let json = [("authorization", header.as_str()), ("content-type", "application/json")];
        server.send("PUT", "/api/v1/administrators/ana/password", &json, &password).problem(403);
    }
    let cookie = server.cookie("ana");
    let wanted = json!({"name": "more", "scopes": ["execute"], "days": 1});
    let made = server.post("/api/v1/administrators/ana/tokens", &[("cookie", &cookie)], &wanted);
    assert_eq!(made.status, 201, "{}", made.text);
}
