//! What lies between the network and what is asked: HTTPS, proxies, limits, the end.

use std::fs;
use std::io::Read;

use crate::common::Desk;
use crate::transport::{Answer, Served, authority, believes, proof, site, token};
use hyper_util::rt::{TokioExecutor, TokioIo};
use nix::sys::signal::Signal;
use rustls::pki_types::ServerName;
use serde_json::json;
use tokio_rustls::TlsConnector;

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
    server.hears("  http://localhost/set-up/");
    assert_eq!(server.unix().ask("GET", "/healthz", "Host: localhost\r\n", "").status, 200);
    let second = desk.call(&["serve", "--listen", &at]).exits(1);
    assert!(second.err.contains("somebody listens there already"), "{second:?}");
    // What a killed one leaves behind is in nobody's way.
    server.signal(Signal::SIGKILL);
    drop(server);
    let server = Served::on(&desk, &["--listen", &at, "--public-url", "https://rollcall.example.net"]);
    server.hears("  https://rollcall.example.net/set-up/");
    server.end();
    assert!(!desk.path("rollcall.sock").exists());
    desk.write("file", "mine");
    let taken = desk.call(&["serve", "--listen", &format!("unix:{}", desk.path("file").display())]).exits(1);
    assert!(taken.err.contains("there is a file already"), "{taken:?}");
    assert_eq!(fs::read_to_string(desk.path("file")).unwrap(), "mine");
}

/// The cookie that an answer sets, as it is shown again, and all that is said about it.
fn cookie(answer: &Answer) -> (String, String) {
    let set = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {answer:?}"));
    let (cookie, rules) = set.split_once("; ").unwrap();
    (format!("Cookie: {cookie}\r\n"), rules.to_owned())
}

#[test]
fn a_session_over_https_is_shown_over_https_only() {
    let desk = site();
    let authority = authority(&desk);
    install(&desk, "one");
    let server = Served::on(&desk, &TLS);
    let ask = |method: &str, path: &str, headers: &str, body: &str| {
        let headers = format!("Host: {}\r\nContent-Type: application/json\r\n{headers}", server.host());
        server.tls(&authority).ask(method, path, &headers, body)
    };
    let (shown, rules) = cookie(&ask("POST", "/api/v1/sessions", "", &proof().to_string()));
    assert!(shown.starts_with("Cookie: __Host-rollcall="), "{shown}");
    assert_eq!(rules, "Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure");
    assert_eq!(ask("GET", "/api/v1/me", &shown, "").status, 200);
    // Under the plain name somebody else may have set it.
    ask("GET", "/api/v1/me", &shown.replace("__Host-", ""), "").problem(401);
    let (gone, rules) = cookie(&ask("DELETE", "/api/v1/sessions/current", &shown, ""));
    assert_eq!((gone.as_str(), rules.contains("Max-Age=0")), ("Cookie: __Host-rollcall=\r\n", true));
    assert!(rules.ends_with("; Secure"), "{rules}");
    ask("GET", "/api/v1/me", &shown, "").problem(401);
}

#[test]
fn a_proxy_that_is_believed_says_who_asks_and_over_what() {
    let desk = site();
    let server = Served::on(&desk, &["--trusted-proxy", "127.0.0.0/8"]);
    let sign_in = |headers: &str, proof: &serde_json::Value| server.post("/api/v1/sessions", headers, proof);
    let by_https = sign_in("X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.9\r\n", &proof());
    assert!(cookie(&by_https).1.ends_with("; Secure"));
    assert_eq!(by_https.header("strict-transport-security"), Some("max-age=31536000"));
    let by_http = sign_in("X-Forwarded-Proto: http\r\n", &proof());
    assert!(cookie(&by_http).0.starts_with("Cookie: rollcall="));
    assert_eq!(by_http.header("strict-transport-security"), None);
    // Whoever guesses is kept out, and nobody else behind that proxy.
    let guess = |from: &str, name: usize| {
        let proof = json!({"name": format!("guess{name}"), "password": "wrong wrong wrong"});
        sign_in(&format!("X-Forwarded-For: 127.0.0.1, {from}\r\n"), &proof).status
    };
    let guesses: Vec<_> = (0..21).map(|name| guess("192.0.2.1", name)).collect();
    assert_eq!((guesses[0], guesses[20]), (401, 429), "{guesses:?}");
    assert_eq!(guess("192.0.2.2", 21), 401);
    let rows = desk.ok(&["audit", "list", "--format", "json"]).objects();
    let has = |address: &str| rows.iter().any(|row| row["address"] == address);
    assert!(has("192.0.2.9") && has("192.0.2.1") && has("192.0.2.2"));
}

#[test]
fn whoever_is_no_proxy_speaks_for_nobody() {
    let desk = site();
    let server = Served::on(&desk, &["--trusted-proxy", "192.0.2.0/24"]);
    let headers =
        "X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1;proto=https\r\n";
    let answer = server.post("/api/v1/sessions", headers, &proof());
    assert!(cookie(&answer).0.starts_with("Cookie: rollcall="));
    let rows = desk.ok(&["audit", "list", "--format", "json"]).objects();
    assert_eq!(rows.iter().filter(|row| row["address"] == "192.0.2.1").count(), 0);
    let wrong = desk.call(&["serve", "--trusted-proxy", "10.0.0.0/99"]).exits(2);
    assert!(wrong.err.contains("write 10.1.0.0/16"), "{wrong:?}");
}

#[test]
fn whoever_gets_at_the_socket_is_believed() {
    let desk = site();
    let at = format!("unix:{}", desk.path("rollcall.sock").display());
    let server = Served::on(&desk, &["--listen", &at, "--proxy-headers", "forwarded"]);
    let headers =
        "Host: localhost\r\nContent-Type: application/json\r\nForwarded: for=192.0.2.1;proto=https\r\n";
    let answer = server.unix().ask("POST", "/api/v1/sessions", headers, &proof().to_string());
    assert!(cookie(&answer).0.starts_with("Cookie: __Host-rollcall="));
    let rows = desk.ok(&["audit", "list", "--format", "json"]).objects();
    assert!(rows.iter().any(|row| row["address"] == "192.0.2.1"));
}

#[test]
fn a_name_that_leads_here_from_elsewhere_is_refused() {
    let desk = site();
    let server = Served::on(&desk, &["--public-url", "https://rollcall.example.net"]);
    let asked = |host: &str, path: &str| server.tcp().ask("GET", path, host, "");
    for host in ["Host: localhost\r\n", "Host: 127.0.0.1:1\r\n", "Host: rollcall.example.net\r\n"] {
        asked(host, "/api/v1/me").problem(401);
    }
    let why = asked("Host: evil.example\r\n", "/api/v1/me").problem(421);
    assert!(why.contains("not called \"evil.example\"") && why.contains("--public-url"), "{why}");
    for host in ["", "Host: \r\n", "Host: evil.example:8080\r\n", "Host: a b\r\n"] {
        asked(host, "/style.css").problem(421);
    }
    // It is the host that counts, whatever else names one.
    asked("Host: evil.example\r\nX-Forwarded-Host: localhost\r\n", "/api/v1/me").problem(421);
    asked("Host: evil.example\r\n", "http://localhost/api/v1/me").problem(401);
    // Those who look whether it lives do that by any name.
    assert_eq!(asked("Host: 10.1.2.3\r\n", "/healthz").status, 200);
    assert_eq!(asked("", "/readyz").status, 200);
    let wrong = desk.call(&["serve", "--public-url", "rollcall.example.net"]).exits(2);
    assert!(wrong.err.contains("write https://"), "{wrong:?}");
}

#[test]
fn no_page_of_another_site_asks_in_the_name_of_a_browser() {
    let desk = site();
    let server = Served::on(&desk, &["--trusted-proxy", "127.0.0.1"]);
    let (bearer, host) = (token(&desk, "look"), server.host().to_owned());
    let (http, https) = (format!("Origin: http://{host}\r\n"), format!("Origin: https://{host}\r\n"));
    let over_https = |origin: &str| format!("X-Forwarded-Proto: https\r\n{origin}");
    let fetch = |site: &str, mode: &str, dest: &str| {
        format!("Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: {dest}\r\n")
    };
    // Whether it may read, and whether it may write.
    for (headers, reads, writes) in [
        (String::new(), true, true),
        (fetch("same-origin", "cors", "empty"), true, true),
        (fetch("none", "navigate", "document"), true, true),
        (fetch("cross-site", "cors", "empty"), false, false),
        (fetch("cross-site", "no-cors", "image"), false, false),
        (fetch("cross-site", "no-cors", "script"), false, false),
        (fetch("cross-site", "navigate", "iframe"), false, false),
        // A link, and a form.
        (fetch("cross-site", "navigate", "document"), true, false),
        (fetch("same-site", "navigate", "document"), true, false),
        (fetch("same-site", "cors", "empty"), false, false),
        (format!("{}{http}", fetch("cross-site", "cors", "empty")), false, false),
        (fetch("nonsense", "cors", "empty"), false, false),
        (http.clone(), true, true),
        (https.clone(), true, true),
        (over_https(&https), true, true),
        (over_https(&http), false, false),
        (format!("Origin: http://{host}0\r\n"), false, false),
        ("Origin: https://evil.example\r\n".to_owned(), false, false),
        (format!("Origin: ftp://{host}\r\n"), false, false),
        ("Origin: null\r\n".to_owned(), false, false),
        ("Origin: \r\n".to_owned(), false, false),
    ] {
        let login = over_https("");
        let signed_in = if headers.contains("Proto") { &login } else { "" };
        let (cookie, _) = cookie(&server.post("/api/v1/sessions", signed_in, &proof()));
        let with = format!("{cookie}{headers}");
        assert_eq!(server.get("/api/v1/me", &with).status, if reads { 200 } else { 403 }, "{headers}");
        // As a form sends it, and as a script does.
        let ask = |method: &str, path: &str, kind: &str, body: &str| {
            let head = format!("Host: {host}\r\nContent-Type: {kind}\r\n{with}");
            server.tcp().ask(method, path, &head, body).status
        };
        let text = ask("POST", "/api/v1/sessions", "text/plain", "{}");
        assert_eq!(text, if writes { 415 } else { 403 }, "{headers}");
        let json = ask("POST", "/api/v1/sessions", "application/json", "{}");
        assert_eq!(json, if writes { 422 } else { 403 }, "{headers}");
        let delete = ask("DELETE", "/api/v1/sessions/current", "text/plain", "");
        assert_eq!(delete, if writes { 204 } else { 403 }, "{headers}");
        // No browser shows a token by itself.
        let program = server.get("/api/v1/me", &format!("{headers}{bearer}"));
        assert_eq!(program.status, 200, "{headers}");
    }
    // What a browser keeps for a site by itself is no token.
    let basic = format!("{}Authorization: Basic YW5hOmFuYQ==\r\n", fetch("cross-site", "cors", "empty"));
    assert_eq!(server.get("/api/v1/me", &basic).status, 403);
    // Nobody is told that they may ask from elsewhere.
    let asks = "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n";
    let asked = server.tcp().ask("OPTIONS", "/api/v1/sessions", &format!("Host: {host}\r\n{asks}"), "");
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (403, None));
}

/// The body that a chunked answer has.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|part| part == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&bytes[end + 2..end + 2 + length]);
        bytes = &bytes[end + 4 + length..];
    }
}

#[test]
fn text_is_compressed_for_whoever_takes_it_so() {
    let desk = site();
    let server = Served::on(&desk, &[]);
    let bearer = token(&desk, "look");
    let rows: String = (100..200).map(|n| format!("u{n},u{n}@example.net\n")).collect();
    desk.import(format!("username,email\n{rows}"));
    let path = "/api/v1/users?limit=100";
    let plain = server.get(path, &bearer);
    assert_eq!(plain.header("content-encoding"), None);
    assert!(plain.header("vary").unwrap().contains("accept-encoding"));
    let packed = server.get(path, &format!("{bearer}Accept-Encoding: br, gzip\r\n"));
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let bytes = unchunked(&packed.body);
    assert!(bytes.len() * 5 < plain.body.len(), "{} of {}", bytes.len(), plain.body.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.text());
    // What is short stays as it is, and so does what nobody asked to be packed.
    let short = server.get("/api/v1/me", &format!("{bearer}Accept-Encoding: gzip\r\n"));
    assert_eq!((short.status, short.header("content-encoding")), (200, None));
    let refused = server.get(path, &format!("{bearer}Accept-Encoding: gzip;q=0\r\n"));
    assert_eq!(refused.header("content-encoding"), None);
    // What is sent to the server is taken as it is: a small body must not become a large one.
    let mut packed = flate2::read::GzEncoder::new("{}".as_bytes(), flate2::Compression::fast());
    let mut body = Vec::new();
    packed.read_to_end(&mut body).unwrap();
    let mut wire = server.tcp();
    let head = "Content-Type: application/json\r\nContent-Encoding: gzip\r\nConnection: close\r\n";
    let host = server.host();
    wire.says(&format!(
        "POST /api/v1/sessions HTTP/1.1\r\nHost: {host}\r\n{head}Content-Length: {}\r\n\r\n",
        body.len()
    ));
    std::io::Write::write_all(&mut wire.0, &body).unwrap();
    wire.rest().problem(400);
}

#[test]
fn browsers_are_told_to_be_careful() {
    let desk = site();
    let server = Served::on(&desk, &[]);
    let bearer = token(&desk, "look");
    for (path, status) in [
        ("/api/v1/me", 200),
        ("/api/v1/nothing", 404),
        ("/nothing", 404),
        ("/healthz", 200),
        ("/metrics", 200),
        ("/set-up/nothing", 403),
        ("/style.css", 200),
    ] {
        let answer = server.get(path, &bearer);
        assert_eq!(answer.status, status, "{path}");
        // The style has nobody's data in it, and another address when it changes.
        let kept = if path == "/style.css" { "private, max-age=31536000, immutable" } else { "no-store" };
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", kept),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("server"), None);
    }
    // Those who are kept out are told the same.
    let out = server.tcp().ask("GET", "/api/v1/me", "Host: evil.example\r\n", "");
    assert_eq!((out.status, out.header("x-content-type-options")), (421, Some("nosniff")));
}
