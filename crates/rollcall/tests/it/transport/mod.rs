//! A server as it is reached over a network: the bytes themselves.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::common::{Desk, wait_until};

/// Nothing that is waited for here takes nearly so long.
const PATIENCE: Duration = Duration::from_secs(60);

pub const PASSWORD: &str = "long enough for me";

/// A few users; ana may do everything.
pub fn site() -> Desk {
    let desk = Desk::with_users(3);
    desk.write("password", format!("{PASSWORD}\n"));
    desk.ok(&["administrators", "add", "ana", "--grant", "admin"]);
    desk.shell("rollcall administrators password ana < password").exits(0);
    desk
}

/// What a program sends that may do this in the name of ana: a line of its head.
pub fn token(desk: &Desk, scope: &str) -> String {
    let made = desk.ok(&["tokens", "add", "ana", "test", "--scope", scope]);
    format!("Authorization: Bearer {}\r\n", made.out.trim())
}

/// What ana signs in with.
pub fn proof() -> Value {
    json!({"name": "ana", "password": PASSWORD})
}

/// A server that runs, and what it has said.
pub struct Served {
    process: Child,
    said: Arc<Mutex<String>>,
    listens: Option<JoinHandle<()>>,
    /// As it names itself: `http://127.0.0.1:40321`, `unix:/…`.
    pub at: String,
}

impl Served {
    pub fn on(desk: &Desk, args: &[&str]) -> Self {
        Self::with_points(desk, args, "")
    }

    /// With less patience than outside of tests.
    pub fn with_points(desk: &Desk, args: &[&str], points: &str) -> Self {
        let listen: &[&str] = if args.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
        let mut command = desk.command(&[&["serve"], listen, args].concat());
        command.env("FAILPOINTS", points).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let said = Arc::new(Mutex::new(String::new()));
        let hears = Arc::clone(&said);
        let listens = Some(std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *hears.lock().unwrap() += &format!("{line}\n");
            }
        }));
        let mut served = Self { process, said, listens, at: String::new() };
        served.hears("Rollcall listens on ");
        let said = served.said();
        let line = said.lines().find(|line| line.contains("listens on ")).unwrap();
        served.at = line.split("listens on ").nth(1).unwrap().split('"').next().unwrap().to_owned();
        served
    }

    /// Everything it has said.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said this.
    pub fn hears(&self, text: &str) {
        wait_until(&format!("it says {text:?}"), || self.said().contains(text));
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id().cast_signed()), signal).unwrap();
    }

    /// Waits until it has ended by itself; what it has said.
    pub fn ended(mut self) -> String {
        let status = self.process.wait().unwrap();
        self.listens.take().unwrap().join().unwrap();
        assert!(status.success(), "{}", self.said());
        self.said()
    }

    /// Lets it end.
    pub fn end(self) -> String {
        self.signal(Signal::SIGTERM);
        self.ended()
    }

    /// `127.0.0.1:40321`
    pub fn host(&self) -> &str {
        self.at.rsplit('/').next().unwrap()
    }

    pub fn tcp(&self) -> Wire<TcpStream> {
        let stream = TcpStream::connect(self.host()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Wire(stream)
    }

    pub fn unix(&self) -> Wire<UnixStream> {
        let stream = UnixStream::connect(self.at.strip_prefix("unix:").unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Wire(stream)
    }

    /// HTTPS, to a server that must prove to be `localhost` by this authority.
    pub fn tls(&self, authority: &CertificateDer<'static>) -> Wire<StreamOwned<ClientConnection, TcpStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(believes(authority, "http/1.1")), name).unwrap();
        Wire(StreamOwned::new(connection, self.tcp().0))
    }

    /// One request on a connection of its own, with `headers` as lines.
    pub fn get(&self, path: &str, headers: &str) -> Answer {
        self.tcp().ask("GET", path, &format!("Host: {}\r\n{headers}", self.host()), "")
    }

    /// A request that the server is at, as it has said itself: it waits for the `length` bytes of its body.
    pub fn begun(&self, path: &str, length: usize) -> Wire<TcpStream> {
        let mut wire = self.tcp();
        let host = self.host();
        wire.says(&format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Expect: 100-continue\r\n\r\n"
        ));
        let mut go_on = [0; 25];
        wire.0.read_exact(&mut go_on).unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        wire
    }

    pub fn post(&self, path: &str, headers: &str, body: &Value) -> Answer {
        let headers = format!("Host: {}\r\nContent-Type: application/json\r\n{headers}", self.host());
        self.tcp().ask("POST", path, &headers, &body.to_string())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A client that believes one authority.
pub fn believes(authority: &CertificateDer<'static>, protocol: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = builder.unwrap().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    config
}

/// The bytes between a client and the server.
pub struct Wire<S>(pub S);

impl<S: Read + Write> Wire<S> {
    pub fn says(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
        self.0.flush().unwrap();
    }

    /// Asks, with `headers` as lines, and lets the connection end with the answer.
    pub fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.says(&format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{headers}{length}\r\n{body}"));
        self.rest()
    }

    /// Everything until the server ends the connection.
    pub fn rest(&mut self) -> Answer {
        let mut bytes = Vec::new();
        // One that is cut off ends without good-bye.
        drop(self.0.read_to_end(&mut bytes));
        Answer::read(&bytes)
    }

    /// The next answer on a connection that stays; it tells its length.
    pub fn next(&mut self) -> Answer {
        let mut bytes = Vec::new();
        loop {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            bytes.push(byte[0]);
            if bytes.ends_with(b"\r\n\r\n") {
                break;
            }
        }
        let length = Answer::read(&bytes).header("content-length").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        Answer::read(&[bytes, body].concat())
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// 0: nothing came.
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|part| part == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head, body: bytes[end..].to_vec() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A problem as RFC 9457 has it; its detail.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], status);
        problem["detail"].as_str().unwrap().to_owned()
    }
}

/// An authority, and what it has signed for `localhost`: the files `NAME.pem` and `NAME.key` in the desk's folder.
pub fn authority(desk: &Desk) -> CertificateDer<'static> {
    let openssl = |line: &str| {
        let mut command = Command::new("openssl");
        let made = command.args(line.split(' ')).current_dir(desk.path("")).output();
        let made = made.expect("tests of HTTPS need openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    };
    desk.write("leaf", "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n");
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(&format!("req -x509 {new} -subj /CN=authority -keyout authority.key -out authority.pem"));
    for name in ["one", "two"] {
        openssl(&format!(
            "req {} -subj /CN={name} -keyout {name}.key -out {name}.csr",
            new.replace(" -days 2", "")
        ));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile leaf \
             -out {name}.pem"
        ));
    }
    CertificateDer::from_pem_file(desk.path("authority.pem")).unwrap()
}
