//! Whoever is slow, wants too much or goes away is in nobody's way; and the server ends whoever is there.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::common::{Desk, column, name, wait_until};
use crate::transport::{Answer, Served, Wire, authority, believes, proof, site};
use nix::sys::signal::Signal;
use serde_json::json;

/// For what is done after a few hundred milliseconds if it is done at all.
const SOON: Duration = Duration::from_secs(20);

/// Asks for something on a connection that stays.
fn ask(server: &Served, wire: &mut Wire<TcpStream>) {
    wire.says(&format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.host()));
}

/// Writes `bit` again and again until the server has had enough; what it says then.
fn trickle(wire: &mut Wire<TcpStream>, bit: &str) -> Answer {
    let began = Instant::now();
    wire.0.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let mut said = Vec::new();
    loop {
        assert!(began.elapsed() < SOON, "it waits for ever");
        let mut bytes = [0; 4_096];
        match wire.0.read(&mut bytes) {
            Ok(0) => return Answer::read(&said),
            Ok(count) => said.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => drop(wire.0.write_all(bit.as_bytes())),
            Err(_) => return Answer::read(&said),
        }
    }
}

#[test]
fn a_head_has_to_come_and_an_idle_connection_ends() {
    let desk = Desk::new();
    let server = Served::with_points(&desk, &[], "http_idle=return(2000)");
    let mut wire = server.tcp();
    wire.says("GET /healthz HTTP/1.1\r\nX-Slow: ");
    assert_eq!(trickle(&mut wire, "x").status, 0);
    let mut silent = server.tcp();
    assert_eq!(silent.rest().status, 0);
    let mut idle = server.tcp();
    ask(&server, &mut idle);
    assert_eq!(idle.next().status, 200);
    assert_eq!(idle.rest().status, 0);
}

#[test]
fn nobody_keeps_https_waiting() {
    let desk = Desk::new();
    let authority = authority(&desk);
    let args = ["--tls-cert", "one.pem", "--tls-key", "one.key"];
    let server = Served::with_points(&desk, &args, "http_idle=return(300);http_handshake=return(300)");
    assert_eq!(server.tcp().rest().status, 0, "before the keys are agreed on");
    assert_eq!(server.tls(&authority).rest().status, 0, "and after");
    let server = Served::with_points(&desk, &args, "http_idle=return(2000)");
    let idle = async {
        let tcp = tokio::net::TcpStream::connect(server.host()).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(believes(&authority, "h2")));
        let tls = connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap();
        let executor = hyper_util::rt::TokioExecutor::new();
        let io = hyper_util::rt::TokioIo::new(tls);
        let (_sender, connection) =
            hyper::client::conn::http2::handshake::<_, _, axum::body::Body>(executor, io).await.unwrap();
        tokio::time::timeout(SOON, connection).await.expect("an idle connection ends").unwrap();
    };
    tokio::runtime::Runtime::new().unwrap().block_on(idle);
}

#[test]
fn a_body_has_to_come() {
    let desk = Desk::new();
    let server = Served::with_points(&desk, &[], "http_body=return(300)");
    let head = format!(
        "POST /api/v1/sessions HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n",
        server.host()
    );
    let mut wire = server.tcp();
    wire.says(&head);
    let answer = trickle(&mut wire, " ");
    assert!(answer.problem(408).contains("too slowly"));
    assert_eq!(answer.header("connection"), Some("close"));
    // The same for one that brings nothing at all.
    let mut wire = server.tcp();
    wire.says(&head);
    assert!(wire.rest().problem(408).contains("too slowly"));
    // Whoever goes away in the middle is no trouble.
    let mut wire = server.tcp();
    wire.says(&head);
    drop(wire);
    assert_eq!(server.get("/healthz", "").status, 200);
}

#[test]
fn what_is_too_large_is_told() {
    let desk = Desk::new();
    let server = Served::on(&desk, &[]);
    let mut wire = server.tcp();
    let chunk = "x".repeat(1 << 16);
    wire.says(&format!(
        "POST /api/v1/sessions HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        server.host()
    ));
    // One byte more than there may be, so that nothing is left to be read when it is refused.
    for _ in 0..16 {
        wire.says(&format!("{:x}\r\n{chunk}\r\n", chunk.len()));
    }
    wire.says("1\r\nx\r\n");
    assert!(wire.next().problem(413).contains("limit"));
    let mut wire = server.tcp();
    let long = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\nX-Long: {}", server.host(), "x".repeat(1 << 20));
    // It may be refused before all of it is sent.
    drop(wire.0.write_all(long.as_bytes()));
    assert!(matches!(wire.rest().status, 0 | 431));
    let many: String = (0..200).map(|n| format!("X-{n}: x\r\n")).collect();
    assert_eq!(server.get("/healthz", &many).status, 431);
}

#[test]
fn an_answer_that_takes_too_long_is_given_up() {
    let desk = Desk::new();
    let points = "http_blocking=1*sleep(8000);http_patience=return(200);http_seats=return(1)";
    let server = Served::with_points(&desk, &[], points);
    assert!(server.get("/readyz", "").problem(503).contains("given up"));
    // The work goes on, and has its place until it is done: others wait for that.
    assert!(server.get("/readyz", "").problem(503).contains("given up"));
    wait_until("there is a place again", || server.get("/readyz", "").status == 200);
}

#[test]
fn whoever_goes_away_takes_no_place() {
    let desk = Desk::new();
    let points = "http_blocking=sleep(500);http_seats=return(1)";
    let server = Served::with_points(&desk, &[], points);
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {}\r\n\r\n", server.host());
    let began = Instant::now();
    let mut gone: Vec<_> = (0..100).map(|_| server.tcp()).collect();
    gone.iter_mut().for_each(|wire| wire.says(&request));
    drop(gone);
    assert_eq!(server.get("/readyz", "").status, 200);
    assert!(began.elapsed() < SOON, "all of them were worked for: {:?}", began.elapsed());
}

#[test]
fn whoever_reads_nothing_is_cut_off() {
    let desk = Desk::new();
    let server = Served::with_points(&desk, &[], "http_stall=return(300)");
    let mut wire = server.tcp();
    wire.0.set_write_timeout(Some(SOON)).unwrap();
    let request = format!("GET /style.css HTTP/1.1\r\nHost: {}\r\n\r\n", server.host()).repeat(1_000);
    let refused = loop {
        if let Err(error) = wire.0.write_all(request.as_bytes()) {
            break error.kind();
        }
    };
    assert!(matches!(refused, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{refused:?}");
    assert_eq!(server.get("/healthz", "").status, 200);
}

#[test]
fn there_is_room_for_so_many() {
    let desk = Desk::new();
    let server = Served::on(&desk, &["--max-connections", "2"]);
    let mut inside: Vec<_> = (0..2).map(|_| server.tcp()).collect();
    for wire in &mut inside {
        ask(&server, wire);
        assert_eq!(wire.next().status, 200);
    }
    let mut third = server.tcp();
    ask(&server, &mut third);
    server.hears("warning: all 2 connections of --max-connections are taken: others wait");
    third.0.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let waits = third.0.read(&mut [0]).unwrap_err();
    assert_eq!(waits.kind(), ErrorKind::WouldBlock);
    drop(inside.pop());
    third.0.set_read_timeout(Some(SOON)).unwrap();
    assert_eq!(third.next().status, 200);
}

#[test]
fn nobody_has_all_the_room() {
    let desk = Desk::new();
    let most = ["--max-connections-per-address", "2"];
    let server = Served::on(&desk, &most);
    let mut inside: Vec<_> = (0..2).map(|_| server.tcp()).collect();
    for wire in &mut inside {
        ask(&server, wire);
        assert_eq!(wire.next().status, 200);
    }
    assert_eq!(server.get("/healthz", "").status, 0);
    drop(inside);
    wait_until("there is room again", || server.get("/healthz", "").status == 200);
    // A proxy comes for everybody.
    let server = Served::on(&desk, &[&most[..], &["--trusted-proxy", "127.0.0.1"]].concat());
    let mut inside: Vec<_> = (0..5).map(|_| server.tcp()).collect();
    for wire in &mut inside {
        ask(&server, wire);
        assert_eq!(wire.next().status, 200);
    }
}

#[test]
fn what_was_asked_is_answered_before_the_end() {
    let desk = site();
    let server = Served::on(&desk, &[]);
    let mut idle = server.tcp();
    ask(&server, &mut idle);
    assert_eq!(idle.next().status, 200);
    let proof = proof().to_string();
    let mut busy = server.begun("/api/v1/sessions", proof.len());
    server.signal(Signal::SIGTERM);
    server.hears("ending");
    assert_eq!(idle.rest().status, 0);
    busy.says(&proof);
    let answer = busy.next();
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(busy.rest().status, 0);
    assert!(server.ended().ends_with("the server has ended\n"));
}

#[test]
fn nobody_keeps_the_server_from_ending() {
    let desk = Desk::new();
    let server = Served::with_points(&desk, &[], "http_blocking=sleep(60000);http_last_call=return(300)");
    let proof = proof().to_string();
    let mut stuck = server.begun("/api/v1/sessions", proof.len());
    stuck.says(&proof);
    let mut half = server.tcp();
    half.says("GET /healthz HTTP/1.1\r\n");
    let began = Instant::now();
    assert!(server.end().ends_with("the server has ended\n"));
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(stuck.rest().status, 0);
}

#[test]
fn a_run_that_the_server_is_at_goes_on_with_the_next() {
    let desk = Desk::with_users(40);
    desk.write("slow.py", "import time\ntime.sleep(4 if user.obj_id == 20 else 0.05)\nuser.klass = 'seen'");
    desk.ok(&["run", "slow.py", "--all", "--apply", "--yes", "--queue"]);
    let points = "chunk_size=return(2)";
    let server = Served::with_points(&desk, &["--workers", "1"], points);
    let mut idle = server.tcp();
    ask(&server, &mut idle);
    assert_eq!(idle.next().status, 200);
    desk.wait_for_outcomes(4);
    server.end();
    let run = desk.runs().remove(0);
    assert_eq!(run["state"], "queued", "{run}");
    let server = Served::on(&desk, &[]);
    wait_until("the run is done", || desk.runs()[0]["state"] == "finished");
    server.end();
    assert_eq!(desk.runs()[0]["outcomes"]["changed"], 40);
    let each = column(&desk.outcomes(&json!({"run_id": run["run_id"]})), "username");
    assert_eq!(each, (1..=40).map(|n| json!(name(n))).collect::<Vec<_>>());
}
