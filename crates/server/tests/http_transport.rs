//! What lies between the network and what is asked: HTTPS, proxies, limits, the end.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;
mod transport;

use std::fs;

use common::Desk;
use hyper_util::rt::{TokioExecutor, TokioIo};
use nix::sys::signal::Signal;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use transport::{Served, authority, believes};

const TLS: [&str; 4] = ["--tls-cert", "cert.pem", "--tls-key", "cert.key"];

/// Makes one of two certificates the one that the server has.
fn install(desk: &Desk, name: &str) {
    for kind in ["pem", "key"] {
        fs::copy(desk.path(&format!("{name}.{kind}")), desk.path(&format!("cert.{kind}"))).unwrap();
    }
}

#[test]
fn https_is_spoken_and_kept_to() {
    let desk = Desk::new();
    let authority = authority(&desk);
    install(&desk, "one");
    let server = Served::on(&desk, &TLS);
    assert!(server.at.starts_with("https://127.0.0.1:"));
    let answer = server.tls(&authority).ask("GET", "/healthz", "Host: localhost\r\n", "");
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok\n"));
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
    // Whoever speaks no HTTPS is not answered.
    assert_eq!(server.get("/healthz", "").status, 0);
    server.end();
    let plain = Served::on(&desk, &[]);
    assert_eq!(plain.get("/healthz", "").header("strict-transport-security"), None);
}

#[test]
fn http_2_is_spoken_where_a_client_does() {
    let desk = Desk::new();
    let authority = authority(&desk);
    install(&desk, "one");
    let server = Served::on(&desk, &TLS);
    let ask = async {
        let tcp = tokio::net::TcpStream::connect(server.host()).await.unwrap();
        let connector = TlsConnector::from(std::sync::Arc::new(believes(&authority, "h2")));
        let tls = connector.connect(ServerName::try_from("localhost").unwrap(), tcp).await.unwrap();
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = hyper::Request::get("https://localhost/api/v1/me").body(axum::body::Body::empty());
        let answer = sender.send_request(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
        // The end of the server ends the connection, too.
        server.signal(Signal::SIGTERM);
        connection.await.unwrap().unwrap();
    };
    tokio::runtime::Runtime::new().unwrap().block_on(ask);
    server.ended();
}

#[test]
fn another_certificate_is_taken_over_and_a_broken_one_is_not() {
    let desk = Desk::new();
    let authority = authority(&desk);
    install(&desk, "one");
    let server = Served::on(&desk, &TLS);
    let shown = || {
        let mut wire = server.tls(&authority);
        assert_eq!(wire.ask("GET", "/healthz", "Host: localhost\r\n", "").status, 200);
        wire.0.conn.peer_certificates().unwrap()[0].to_vec()
    };
    let one = shown();
    install(&desk, "two");
    assert_eq!(shown(), one, "nobody has said that there is another");
    server.signal(Signal::SIGHUP);
    server.hears("were read again");
    let two = shown();
    assert_ne!(one, two);
    // The key of another certificate.
    fs::copy(desk.path("one.key"), desk.path("cert.key")).unwrap();
    server.signal(Signal::SIGHUP);
    server
        .hears("stay as they were: the key in cert.key is not the one of the first certificate in cert.pem");
    assert_eq!(shown(), two);
    // Where there is no certificate there is nothing to read, and nothing ends.
    let plain = Served::on(&desk, &[]);
    plain.signal(Signal::SIGHUP);
    assert_eq!(plain.get("/healthz", "").status, 200);
    plain.end();
}

#[test]
fn files_without_certificate_or_key_are_told_of() {
    let desk = Desk::new();
    authority(&desk);
    install(&desk, "one");
    let refused = |certificate: &str, key: &str| {
        let args = ["serve", "--listen", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key];
        desk.call(&args).exits(1).sentence().to_owned()
    };
    let says = |said: &str, parts: &[&str]| {
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    };
    says(&refused("none.pem", "cert.key"), &["cannot speak HTTPS", "none.pem", "No such file"]);
    says(&refused("cert.key", "cert.key"), &["cert.key holds no certificate", "BEGIN CERTIFICATE"]);
    says(&refused("cert.pem", "cert.pem"), &["cert.pem holds no private key", "BEGIN PRIVATE KEY"]);
    says(&refused("cert.pem", "two.key"), &["the key in two.key is not the one", "cert.pem"]);
    let key = fs::read_to_string(desk.path("cert.key")).unwrap();
    desk.write("locked.key", key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
    says(&refused("cert.pem", "locked.key"), &["locked.key has a passphrase"]);
    desk.write("half.pem", "-----BEGIN CERTIFICATE-----\nMIIB");
    says(&refused("half.pem", "cert.key"), &["half.pem"]);
    desk.write("rubbish.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    says(&refused("rubbish.pem", "cert.key"), &["rubbish.pem is of no use"]);
    desk.write("rubbish.key", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n");
    says(&refused("cert.pem", "rubbish.key"), &["rubbish.key is of no use"]);
    let alone = desk.call(&["serve", "--tls-cert", "cert.pem"]).exits(2);
    assert!(alone.err.contains("--tls-key"), "{alone:?}");
}

#[test]
fn a_socket_in_the_file_system_is_there_as_long_as_the_server() {
    let desk = Desk::new();
    let at = format!("unix:{}", desk.path("rollcall.sock").display());
    let server = Served::on(&desk, &["--listen", &at]);
    assert_eq!(server.at, at);
    assert_eq!(server.unix().ask("GET", "/healthz", "Host: localhost\r\n", "").status, 200);
    let second = desk.call(&["serve", "--listen", &at]).exits(1);
    assert!(second.err.contains("somebody listens there already"), "{second:?}");
    // What a killed one leaves behind is in nobody's way.
    server.signal(Signal::SIGKILL);
    drop(server);
    let server = Served::on(&desk, &["--listen", &at]);
    server.end();
    assert!(!desk.path("rollcall.sock").exists());
    desk.write("file", "mine");
    let taken = desk.call(&["serve", "--listen", &format!("unix:{}", desk.path("file").display())]).exits(1);
    assert!(taken.err.contains("there is a file already"), "{taken:?}");
    assert_eq!(fs::read_to_string(desk.path("file")).unwrap(), "mine");
}
