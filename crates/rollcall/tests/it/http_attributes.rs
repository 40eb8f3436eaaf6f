//! What FreeRADIUS would reject a user for, where it is written over HTTP and on pages: a warning, or in strict mode refused.

use crate::common::Desk;
use crate::common::server::{Answer, Server, site, token};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

const UNKNOWN: &str =
    "FreeRADIUS has no attribute Username and rejects whoever has it; did you mean User-Name?";
const NO_ADDRESS: &str = "Framed-IP-Address takes an IPv4 address, such as 192.0.2.1; FreeRADIUS rejects whoever has it with \
                          \"example.com\", or takes that for something else";

fn item(attr: &str, value: &str) -> Value {
    json!({"attr": attr, "operation": ":=", "value": value})
}

struct Caller<'a> {
    server: &'a Server,
    token: String,
    cookie: String,
}

impl<'a> Caller<'a> {
    fn new(desk: &Desk, server: &'a Server) -> Self {
        Self { server, token: token(desk, "ana", "look,edit-users,administer"), cookie: server.cookie("ana") }
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [("authorization", self.token.as_str()), ("content-type", "application/json")];
        self.server.send(method, &format!("/api/v1{path}"), &headers, &body.to_string())
    }

    #[track_caller]
    fn warnings(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.send(method, path, body);
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
        answer.json()["warnings"].clone()
    }

    fn import(&self, csv: &str) -> Answer {
        let headers = [("authorization", self.token.as_str()), ("content-type", "text/csv")];
        self.server.send("POST", "/api/v1/imports", &headers, csv)
    }

    fn page(&self, path: &str) -> String {
        self.server.get(path, &[("accept", "text/html"), ("cookie", &self.cookie)]).text
    }

    fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let one = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs = fields.iter().map(|(name, value)| format!("{}={}", one(name), one(value)));
        let headers = [
            ("accept", "text/html"),
            ("cookie", self.cookie.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.server.send("POST", path, &headers, &pairs.collect::<Vec<_>>().join("&"))
    }

    /// Adds an attribute on a user's page.
    fn add_on_page(&self, user: &str, attr: &str, value: &str) -> Answer {
        let path = format!("/users/{user}");
        let page = self.page(&format!("{path}?tab=attributes"));
        let mark = "name=\"version\" value=\"";
        let version = page[page.find(mark).unwrap() + mark.len()..].split('"').next().unwrap();
        let fields = [
            ("act", "item_add"),
            ("tab", "attributes"),
            ("kind", "reply"),
            ("version", version),
            ("attr", attr),
            ("operation", ":="),
            ("value", value),
        ];
        self.form(&path, &fields)
    }
}

#[test]
fn what_freeradius_would_reject_is_warned_of() {
    let desk = site();
    desk.ok(&["radius", "dictionary", "load", "/usr/share/freeradius"]);
    let server = Server::on(&desk);
    let ana = Caller::new(&desk, &server);
    let new = json!({"username": "u1", "organization": "North", "attributes": [item("Username", "x")],
        "check_attributes": [item("Framed-IP-Address", "example.com")]});
    assert_eq!(ana.warnings("POST", "/users", &new), json!([UNKNOWN, NO_ADDRESS]));
    // Only what is written is told of.
    assert_eq!(ana.warnings("PATCH", "/users/u1", &json!({"klass": "gold"})), json!([]));
    let more =
        json!({"add_attributes": [item("Session-Timeout", "60"), item("Framed-IP-Address", "example.com")]});
    assert_eq!(ana.warnings("PATCH", "/users/u1", &more), json!([NO_ADDRESS]));
    let profile = json!({"short_name": "p", "reply": [item("Username", "x")], "check": []});
    assert_eq!(ana.warnings("POST", "/profiles", &profile), json!([UNKNOWN]));
    let other = json!({"reply": [item("Class", "x")], "check": [item("Username", "x")]});
    assert_eq!(ana.warnings("PUT", "/profiles/p", &other), json!([UNKNOWN]));
    let imported = ana.import("username,organization,attributes\nu2,North,Username := x\n").json();
    let unknown = format!("line 2: {UNKNOWN}");
    assert_eq!((&imported["users"], &imported["warnings"]), (&json!(1), &json!([unknown])));

    // A page says it for as long as it is so.
    let said = |page: &str| page.contains("FreeRADIUS has no attribute Username");
    assert!(said(&ana.page("/users/u1?tab=attributes")) && !said(&ana.page("/users/u1")));
    assert!(said(&ana.page("/profiles/p")));
    assert_eq!(
        ana.add_on_page("n1", "Username", "x").headers["location"],
        "/users/n1?tab=attributes&done=saved"
    );
    assert!(said(&ana.page("/users/n1?tab=attributes")));
    let added = ana.form("/profiles", &[("short_name", "q"), ("reply", "Username := x"), ("check", "")]);
    assert_eq!(added.headers["location"], "/profiles/q?done=added");
    let added = ana.form("/profiles", &[("short_name", "r"), ("reply", "Class := x"), ("check", "")]);
    assert_eq!(added.headers["location"], "/profiles?done=added");

    // A command says what the server has found.
    let command = |name: &str| {
        let at = [("ROLLCALL_SERVER", server.at.as_str()), ("ROLLCALL_TOKEN", &ana.token["Bearer ".len()..])];
        let mut command = desk.command(&["profiles", "add", name, "--reply", "Username := x"]);
        command.env_remove("ROLLCALL_DATABASE").envs(at);
        crate::common::finish(crate::common::start(&mut command)).exits(0)
    };
    let there = command("s");
    assert!(there.err.contains(&format!("warning: {UNKNOWN}")), "{there:?}");
}

#[test]
fn in_strict_mode_it_is_refused() {
    let desk = site();
    desk.ok(&["radius", "dictionary", "load", "/usr/share/freeradius"]);
    desk.ok(&["profiles", "add", "p"]);
    desk.ok(&["settings", "set", "strict_attributes", "yes"]);
    let server = Server::on(&desk);
    let ana = Caller::new(&desk, &server);
    let before = desk.export();
    let odd = [item("Username", "x")];
    for (method, path, body) in [
        ("POST", "/users", json!({"username": "u1", "organization": "North", "attributes": odd})),
        ("PATCH", "/users/n1", json!({"klass": "x", "add_attributes": odd})),
        ("PATCH", "/users/n1", json!({"add_check_attributes": odd})),
        ("POST", "/profiles", json!({"short_name": "q", "reply": odd, "check": []})),
        ("PUT", "/profiles/p", json!({"reply": [], "check": odd})),
    ] {
        let answer = ana.send(method, path, &body);
        assert!(answer.problem(422).contains(UNKNOWN), "{method} {path}: {}", answer.text);
    }
    let refused = ana.import("username,organization,attributes\nu2,North,Username := x\n");
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains(UNKNOWN), "{}", refused.text);
    let page = ana.add_on_page("n1", "Username", "x");
    assert!(
        page.status == 422 && page.text.contains("FreeRADIUS has no attribute Username"),
        "{}",
        page.text
    );
    assert_eq!(desk.export(), before);
    assert_eq!(ana.send("GET", "/profiles/p", &Value::Null).json()["check"], json!([]));
}
