//! Problem documents, whole: what a program reads when its request is refused.

use std::fmt::Write;

use crate::common::server::{Server, site, token};
use serde_json::{Value, json};

#[test]
fn problem_documents_are_complete() {
    let desk = site();
    let server = Server::on(&desk);
    let all = token(&desk, "ana", "look,execute,report,edit-users,edit-scripts,administer");
    let look = token(&desk, "olga", "look");
    let send = |method: &str, path: &str, authorization: &str, body: &Value| {
        let mut headers = vec![("content-type", "application/json")];
        if !authorization.is_empty() {
            headers.push(("authorization", authorization));
        }
        let text = if body.is_null() { String::new() } else { body.to_string() };
        server.send(method, &format!("/api/v1{path}"), &headers, &text)
    };
    for (name, source) in
        [("set-klass", "user.klass = 'x'"), ("with-days", "PARAMS = {'days': int}"), ("archived", "pass")]
    {
        let saved = send("PUT", &format!("/scripts/{name}"), &all, &json!({ "source": source }));
        assert!(saved.status.is_success(), "{}", saved.text);
    }
    assert!(send("DELETE", "/scripts/archived", &all, &Value::Null).status.is_success());
    let run = |script: &str, filter: &str| json!({"script": script, "targets": {"filter": filter}});
    let requests: [(&str, &str, &str, Value); 14] = [
        ("GET", "/nothing", &all, Value::Null),
        ("PUT", "/me", &all, Value::Null),
        ("GET", "/me", "", Value::Null),
        ("GET", "/audit", &look, Value::Null),
        ("GET", "/users/nobody", &all, Value::Null),
        ("GET", "/users?limt=1", &all, Value::Null),
        ("GET", "/users?filter=klass%20ex%201", &all, Value::Null),
        ("GET", "/users?filter=golden", &all, Value::Null),
        ("POST", "/users", &all, json!({"username": "n1", "organization": "North"})),
        ("POST", "/sessions", "", json!({"name": "ana", "password": "x", "more": 1})),
        ("POST", "/runs", &all, run("no-such-script", "klass eq \"x\"")),
        ("POST", "/runs", &all, run("set-klass", "klas eq \"x\"")),
        ("POST", "/runs", &all, run("with-days", "klass eq \"x\"")),
        ("GET", "/scripts/archived", &all, Value::Null),
    ];
    let mut shown = String::new();
    for (method, path, authorization, body) in requests {
        let answer = send(method, path, authorization, &body);
        assert!(answer.status.is_client_error(), "{method} {path}: {}", answer.text);
        answer.problem(answer.status.as_u16());
        // It is another one each time: the answer's head has it, too.
        let mut document = answer.json();
        assert_eq!(document["request_id"], answer.headers["x-request-id"].to_str().unwrap());
        document["request_id"] = json!("…");
        let body = if body.is_null() { String::new() } else { format!(" {body}") };
        writeln!(shown, "{method} {path}{body}\n{document:#}\n").unwrap();
    }
    insta::assert_snapshot!(shown);
}
