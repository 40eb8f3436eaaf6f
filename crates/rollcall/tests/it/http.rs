//! The HTTP door: how the first administrator comes in, who is let in, and how what goes wrong is told.

use std::sync::Barrier;

use crate::common::{Desk, column, wait_until};
use serde_json::{Value, json};

use crate::common::server::{Answer, PASSWORD, Server, site, token};

#[test]
fn of_fifty_who_use_the_link_one_is_the_first_administrator() {
    let desk = Desk::new();
    let server = Server::on(&desk);
    let link = server.link.clone().unwrap();
    let page = server.get(&link, &[]);
    assert_eq!(page.status, 200);
    assert!(page.text.contains("<form method=\"post\">") && !page.text.contains("<script"), "{}", page.text);
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert_eq!(
        (&page.headers["cache-control"], &page.headers["referrer-policy"]),
        (&"no-store".parse().unwrap(), &"no-referrer".parse().unwrap())
    );
    assert_eq!(server.get("/style.css", &[]).status, 200);
    // What is wrong is told on the page, which keeps the name, and the link still counts.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let short = server.send("POST", &link, &form, "name=%3Cana%3E&password=short");
    assert_eq!(short.status, 422);
    assert!(short.text.contains("role=\"alert\"") && !short.text.contains("<ana>"), "{}", short.text);

    let start = Barrier::new(50);
    let secret = link.rsplit('/').next().unwrap();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let one = |n: usize| {
            let (start, server) = (&start, &server);
            scope.spawn(move || {
                start.wait();
                let name = format!("ana{n}");
                if n.is_multiple_of(2) {
                    let body = format!("name={name}&password={PASSWORD}");
                    server.send("POST", &format!("/set-up/{secret}"), &form, &body)
                } else {
                    let body = json!({"link": secret, "name": name, "password": PASSWORD});
                    server.post("/api/v1/set-up", &[], &body)
                }
            })
        };
        (0..50).map(one).collect::<Vec<_>>().into_iter().map(|one| one.join().unwrap()).collect()
    });
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    let refused = answers.iter().filter(|answer| answer.status == 403).count();
    assert_eq!((made, refused), (1, 49));
    let administrators = desk.ok(&["administrators", "list", "--format", "json"]).objects();
    assert_eq!(administrators.len(), 1);
    assert_eq!(server.sign_in(administrators[0]["name"].as_str().unwrap(), PASSWORD).status, 201);
    assert_eq!(server.get(&link, &[]).status, 403);
    // Neither the link nor a password is in what the server says afterwards, and there is no other link.
    let said = server.end();
    assert!(
        said.ends_with("the server has ended\n") && !said.contains(secret) && !said.contains(PASSWORD),
        "{said}"
    );
    assert_eq!(Server::on(&desk).link, None);
}

#[test]
fn whoever_signs_in_has_their_own_rights_until_they_sign_out() {
    let desk = site();
    let server = Server::on(&desk);
    let (ana, olga) = (server.cookie("ana"), server.cookie("olga"));
    let users =
        |cookie: &str, query: &str| server.get(&format!("/api/v1/users{query}"), &[("cookie", cookie)]);
    let names = |answer: &Answer| column(answer.json()["items"].as_array().unwrap(), "username");
    assert_eq!(names(&users(&ana, "")), ["n1", "n2", "s1"]);
    assert_eq!(names(&users(&olga, "")), ["n1", "n2"]);
    assert_eq!(names(&users(&olga, "?filter=klass%20eq%20%22gold%22")), ["n1"]);
    let first = users(&ana, "?limit=2").json();
    let rest = users(&ana, &format!("?limit=2&cursor={}", first["next"].as_str().unwrap()));
    assert_eq!((names(&rest), rest.json()["next"].clone()), (vec![json!("s1")], Value::Null));
    // What is another's is told of in the words for what is not there.
    let words = |name: &str| {
        let answer = server.get(&format!("/api/v1/users/{name}"), &[("cookie", &olga)]);
        answer.problem(404).replace(name, "NAME")
    };
    assert_eq!(words("s1"), words("nobody"));
    let user = server.get("/api/v1/users/n1", &[("cookie", &olga)]).json();
    assert_eq!(user, desk.user("n1"), "the same object as on the command line");

    let me = server.get("/api/v1/me", &[("cookie", &format!("other=1; {olga}"))]).json();
    assert_eq!((&me["administrator"], &me["grants"][0]["role"]), (&json!("olga"), &json!("operator")));
    desk.ok(&["administrators", "revoke", "olga", "operator@North"]);
    users(&olga, "").problem(403);
    let headers = [("cookie", ana.as_str()), ("content-type", "application/json")];
    let token = r#"{"name": "a program", "scopes": ["look"], "days": 1}"#;
    let made = server.send("POST", "/api/v1/administrators/olga/tokens", &headers, token);
    assert_eq!(made.status, 201, "{}", made.text);
    let out = server.send("DELETE", "/api/v1/sessions/current", &[("cookie", &ana)], "");
    assert_eq!(out.status, 204);
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    users(&ana, "").problem(401);
    let rows = desk.ok(&["audit", "list", "--format", "json"]).objects();
    let signed: Vec<_> =
        rows.iter().filter(|row| row["action"].as_str().unwrap().starts_with("sign-")).collect();
    assert_eq!(signed.len(), 3);
    assert!(
        signed.iter().all(|row| row["action"] == "sign-out" || row["address"] == "127.0.0.1"),
        "{signed:?}"
    );
    // What is done to how somebody proves who they are is told with its place, too.
    let token = rows.iter().find(|row| row["action"] == "token-add").unwrap();
    assert_eq!((&token["actor"], &token["address"]), (&json!("ana"), &json!("127.0.0.1")));
}

#[test]
fn who_is_not_known_learns_nothing() {
    let desk = site();
    let server = Server::on(&desk);
    let wrong = server.sign_in("ana", "wrong wrong wrong").problem(401);
    assert_eq!(wrong, server.sign_in("nobody", "wrong wrong wrong").problem(401));
    for path in ["/api/v1/me", "/api/v1/users", "/api/v1/users/n1"] {
        let answer = server.get(path, &[]);
        answer.problem(401);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        server.get(path, &[("authorization", "Bearer 1.nonsense")]).problem(401);
        server.get(path, &[("authorization", "Basic YW5hOmFuYQ==")]).problem(401);
        server.get(path, &[("cookie", "rollcall=nonsense")]).problem(401);
    }
    // Back-off is told with when to come again.
    let attempts: Vec<_> = (0..8).map(|_| server.sign_in("ana", "wrong wrong wrong")).collect();
    let last = &attempts[7];
    last.problem(429);
    assert!(last.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
}

#[test]
fn a_token_acts_within_its_scopes() {
    let desk = site();
    let server = Server::on(&desk);
    let (look, other) = (token(&desk, "olga", "look"), token(&desk, "olga", "edit-scripts"));
    let me = server.get("/api/v1/me", &[("authorization", &look)]).json();
    assert_eq!(me["administrator"], "olga");
    let users = |token: &str| server.get("/api/v1/users", &[("authorization", token)]);
    assert_eq!(users(&look).json()["items"].as_array().unwrap().len(), 2);
    users(&other).problem(403);
    desk.ok(&["tokens", "revoke", "olga", "1", "--yes"]);
    users(&look).problem(401);
}

#[test]
fn no_other_page_speaks_for_a_browser() {
    let desk = site();
    let server = Server::on(&desk);
    let host = server.at.strip_prefix("http://").unwrap();
    let ours = format!("http://{host}");
    for (headers, passes) in [
        (vec![], true),
        (vec![("sec-fetch-site", "same-origin")], true),
        (vec![("sec-fetch-site", "none")], true),
        (vec![("sec-fetch-site", "cross-site")], false),
        (vec![("sec-fetch-site", "same-site")], false),
        (vec![("sec-fetch-site", "cross-site"), ("origin", ours.as_str())], false),
        (vec![("origin", ours.as_str())], true),
        (vec![("origin", "https://evil.example")], false),
        (vec![("origin", "null")], false),
    ] {
        let cookie = server.cookie("ana");
        let with = [&headers[..], &[("cookie", cookie.as_str())]].concat();
        let answer = server.send("DELETE", "/api/v1/sessions/current", &with, "");
        assert_eq!(answer.status, if passes { 204 } else { 403 }, "{headers:?}");
        let after = server.get("/api/v1/me", &[("cookie", &cookie)]).status;
        assert_eq!(after, if passes { 401 } else { 200 }, "{headers:?}");
    }
    let json = json!({"name": "ana", "password": PASSWORD});
    server.post("/api/v1/sessions", &[("sec-fetch-site", "cross-site")], &json).problem(403);
}

#[test]
fn what_cannot_be_meant_is_told() {
    let desk = site();
    let server = Server::on(&desk);
    let token = token(&desk, "ana", "look");
    let get = |path: &str| server.get(path, &[("authorization", &token)]);
    for path in ["/api/v1/nothing", "/nothing", "/api/v2/users"] {
        assert_eq!(get(path).problem(404), "there is nothing at this address");
    }
    server.send("PUT", "/api/v1/me", &[], "").problem(405);
    assert!(get("/api/v1/users?filter=klass%20ex%201").problem(422).contains("column 7"));
    assert!(get("/api/v1/users?limt=1").problem(400).contains("limt"));
    assert!(get("/api/v1/users?filter=golden").problem(422).contains("there is no saved filter"));
    let json = [("content-type", "application/json")];
    server.send("POST", "/api/v1/sessions", &json, "{").problem(400);
    server.send("POST", "/api/v1/sessions", &[], "{}").problem(415);
    server.post("/api/v1/sessions", &[], &json!({"name": "ana"})).problem(422);
    server.post("/api/v1/sessions", &[], &json!({"name": "ana", "password": "x", "more": 1})).problem(422);
    // One byte too many, so that the server has read all before it refuses.
    let empty = json!({"name": "ana", "password": ""}).to_string().len();
    let long = |extra: usize| json!({"name": "ana", "password": "x".repeat((1 << 20) - empty + extra)});
    server.post("/api/v1/sessions", &[], &long(1)).problem(413);
    server.post("/api/v1/sessions", &[], &long(0)).problem(401);
    assert_eq!(server.get("/healthz", &[]).text, "ok\n");
    assert_eq!(server.get("/readyz", &[]).text, "ready\n");
}

#[test]
fn plain_http_is_for_this_machine_unless_somebody_says_so() {
    let desk = Desk::new();
    let refused = desk.call(&["serve", "--listen", "0.0.0.0:0"]).exits(2);
    assert!(refused.err.contains("--plain-http"), "{refused:?}");
    assert!(desk.call(&["serve", "--as", "ana"]).exits(2).err.contains("leave --as out"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let said = desk.call(&["serve", "--listen", &at]).exits(1).err;
    assert!(said.contains(&format!("cannot listen on {at}")), "{said}");
}

#[test]
fn a_server_does_what_waits_for_somebody() {
    let desk = site();
    desk.write("mark.py", "user.klass = 'seen'");
    desk.ok(&["run", "mark.py", "--all", "--apply", "--yes", "--queue"]);
    let server = Server::on(&desk);
    wait_until("the run is done", || desk.runs()[0]["state"] == "finished");
    assert_eq!(desk.runs()[0]["outcomes"]["changed"], 3);
    server.end();
}

#[test]
fn what_pages_load_lies_where_its_bytes_say_and_is_kept_for_good() {
    use sha2::{Digest, Sha256};
    let (desk, script) = (site(), include_bytes!("../../../web/assets/app.js"));
    let server = Server::on(&desk);
    let hash: String = Sha256::digest(script).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    // Nobody need be signed in.
    let found = server.get(&format!("/assets/app.{hash}.js"), &[]);
    assert_eq!((found.status.as_u16(), found.text.as_bytes()), (200, &script[..]));
    assert_eq!(found.headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(found.headers["cache-control"], "public, max-age=31536000, immutable");
    for another in ["app.js", "app.0123456789abcdef.js", "..%2f..%2fCargo.toml"] {
        let missing = server.get(&format!("/assets/{another}"), &[]);
        missing.problem(404);
        assert_eq!(missing.headers["cache-control"], "no-store", "{another}");
    }
    let licences = server.get("/assets/LICENSES.txt", &[]);
    assert!(licences.status == 200 && licences.text.contains("@codemirror/view"), "{}", licences.text);
}
