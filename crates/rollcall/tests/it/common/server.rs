//! `rollcall serve`, and programs that talk to it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use ureq::http::{HeaderMap, StatusCode};
use ureq::{Agent, RequestExt};

use super::{Desk, give_out, keep_secrets};

/// What everybody signs in with; see [`super::SECRETS`].
pub const PASSWORD: &str = "canary-of-every-administrator";

pub struct Server {
    pub process: Child,
    pub said: BufReader<std::process::ChildStderr>,
    pub at: String,
    /// The path of the link for the first administrator, if one was printed.
    pub link: Option<String>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// A problem as RFC 9457 has it; its detail.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!((&problem["status"], &problem["type"]), (&json!(status), &json!("about:blank")));
        problem["detail"].as_str().unwrap().to_owned()
    }
}

impl Server {
    pub fn on(desk: &Desk) -> Self {
        Self::with(desk, &[])
    }

    /// The same with more arguments.
    pub fn with(desk: &Desk, args: &[&str]) -> Self {
        Self::started_by(desk, &mut desk.command(&[&["serve", "--listen", "127.0.0.1:0"], args].concat()))
    }

    /// One whose code fails at chosen places.
    pub fn failing(desk: &Desk, points: &str) -> Self {
        let mut command = desk.command(&["serve", "--listen", "127.0.0.1:0"]);
        Self::started_by(desk, command.env("FAILPOINTS", points))
    }

    fn started_by(desk: &Desk, command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            said.read_line(&mut line).unwrap();
            line.trim().to_owned()
        };
        let first = line();
        let at = first.strip_prefix("Rollcall listens on ").unwrap_or_else(|| panic!("{first}")).to_owned();
        let bare = !has_administrators(desk);
        let link = bare.then(|| {
            assert!(line().starts_with("nobody can sign in yet"));
            line().strip_prefix(&at).unwrap().to_owned()
        });
        Self { process, said, at, link }
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send_bytes(method, path, headers, body.as_bytes())
    }

    pub fn send_bytes(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.at));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let agent: Agent =
            Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
        let mut answer = request.body(body.to_vec()).unwrap().with_agent(&agent).run().unwrap();
        let text = String::from_utf8_lossy(&answer.body_mut().read_to_vec().unwrap()).into_owned();
        keep_secrets(&text);
        let (parts, _) = answer.into_parts();
        let kind = parts.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let text = if kind.starts_with("text/html") { rollcall_testkit::compact_html(&text) } else { text };
        Answer { status: parts.status, headers: parts.headers, text }
    }

    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, "")
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.send("POST", path, &headers, &body.to_string())
    }

    pub fn sign_in(&self, name: &str, password: &str) -> Answer {
        self.post("/api/v1/sessions", &[], &json!({"name": name, "password": password}))
    }

    /// The cookie of somebody who is signed in.
    pub fn cookie(&self, name: &str) -> String {
        let answer = self.sign_in(name, PASSWORD);
        assert_eq!(answer.status, 201, "{}", answer.text);
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }

    /// Lets it end; what it has said since it began.
    pub fn end(mut self) -> String {
        kill(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGTERM).unwrap();
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap();
        assert!(self.process.wait().unwrap().success(), "{said}");
        keep_secrets(&said);
        said
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

pub fn has_administrators(desk: &Desk) -> bool {
    !desk.ok(&["administrators", "list", "--format", "json"]).objects().is_empty()
}

/// Users of two organizations; ana may do everything, olga is an operator of North.
pub fn site() -> Desk {
    let desk = Desk::new();
    desk.import("username,organization,klass\nn1,North,gold\nn2,North,\ns1,South,gold\n");
    desk.write("password", format!("{PASSWORD}\n"));
    for (name, grant) in [("ana", "admin"), ("olga", "operator@North")] {
        desk.ok(&["administrators", "add", name, "--grant", grant]);
        desk.shell(&format!("rollcall administrators password {name} < password")).exits(0);
    }
    desk
}

pub fn token(desk: &Desk, name: &str, scope: &str) -> String {
    let made = desk.ok(&["tokens", "add", name, "test", "--scope", scope]);
    give_out(made.out.trim());
    format!("Bearer {}", made.out.trim())
}
