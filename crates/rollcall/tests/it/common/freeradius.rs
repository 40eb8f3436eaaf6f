//! A FreeRADIUS that serves the users of a desk, configured as `rollcall radius config` says: in a network of its own where
//! that is permitted, since a host name as a value would make it ask a name server.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::{Desk, Done, finish, start, wait_until};

/// Where Debian has what FreeRADIUS comes with.
const PACKAGED: &str = "/etc/freeradius/3.0";
const MODULES: [&str; 10] = [
    "always",
    "attr_filter",
    "chap",
    "expiration",
    "expr",
    "logintime",
    "mschap",
    "pap",
    "preprocess",
    "unix",
];
const SECRET: &str = "testing123";

/// A server that is gone with this.
pub struct FreeRadius {
    folder: TempDir,
    server: Child,
    /// How something is called in its network.
    inside: Vec<String>,
    auth: u16,
    acct: u16,
}

/// What it has answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub accepted: bool,
    /// In order, each `Name = value` as radclient writes it.
    pub items: Vec<String>,
}

impl Answer {
    /// The values of one attribute, without quotes.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let pairs = self.items.iter().filter_map(|item| item.split_once(" = "));
        pairs.filter(|(known, _)| *known == name).map(|(_, value)| unquoted(value)).collect()
    }

    #[track_caller]
    pub fn number(&self, name: &str) -> i64 {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{self:?}");
        all[0].parse().unwrap()
    }

    #[track_caller]
    pub fn accepted(self) -> Self {
        assert!(self.accepted, "{self:?}");
        self
    }

    #[track_caller]
    pub fn rejected(self) -> Self {
        assert!(!self.accepted, "{self:?}");
        self
    }
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// Whether this process may have a network without a way out, and how a command gets one.
fn network() -> Option<Vec<String>> {
    let ways: [&[&str]; 2] = [&["unshare", "-n"], &["unshare", "-rn"]];
    let works = |way: &&&[&str]| {
        let up = Command::new(way[0]).args(&way[1..]).args(["ip", "link", "set", "lo", "up"]).output();
        up.is_ok_and(|done| done.status.success())
    };
    ways.iter().find(works).map(|way| way.iter().map(|word| (*word).to_owned()).collect())
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl FreeRadius {
    /// Serves the users of `desk`; `around` are variables of its environment.
    pub fn serving(desk: &Desk, around: &[(&str, &str)]) -> Self {
        Self::start(desk, around, network().as_deref())
    }

    /// One for which it is noon, so that no hour, day, week or month begins meanwhile; it counts the limits of the next one
    /// shortly before.
    pub fn at_noon(desk: &Desk) -> Self {
        let seconds = 43_200 - now() % 86_400;
        let sign = if seconds < 0 { '+' } else { '-' };
        let (hours, minutes) = (seconds.abs() / 3_600, seconds.abs() / 60 % 60);
        let zone = format!("TST{sign}{hours}:{minutes:02}:{:02}", seconds.abs() % 60);
        Self::serving(desk, &[("TZ", &zone)])
    }

    /// The same in the network of this machine, from where it reaches a database by TCP.
    pub fn on_this_machine(desk: &Desk) -> Self {
        Self::start(desk, &[], None)
    }

    fn start(desk: &Desk, around: &[(&str, &str)], network: Option<&[String]>) -> Self {
        assert!(
            Path::new(PACKAGED).join("radiusd.conf").exists(),
            "missing: FreeRADIUS. Install it with: sudo apt-get install freeradius freeradius-utils freeradius-postgresql"
        );
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("etc");
        let (auth, acct) = if network.is_some() { (1812, 1813) } else { (free_port(), free_port()) };
        configure(desk, &config, folder.path(), network.is_none().then_some((auth, acct)));
        let mut words = network.unwrap_or_default().to_vec();
        let script = if network.is_some() { "ip link set lo up && exec \"$@\"" } else { "exec \"$@\"" };
        words.extend(["sh", "-c", script, "sh", "freeradius", "-f", "-l"].map(str::to_owned));
        words.push(folder.path().join("log").display().to_string());
        words.extend(["-d".to_owned(), config.display().to_string()]);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).envs(around.iter().copied());
        let server =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let inside = match network {
            None => Vec::new(),
            Some([.., how]) => {
                let mut enter: Vec<_> = ["nsenter", "-n", "-t"].map(str::to_owned).into();
                enter.push(server.id().to_string());
                if how == "-rn" {
                    enter.extend(["-U", "--preserve-credentials"].map(str::to_owned));
                }
                enter
            }
            Some([]) => unreachable!("a way has words"),
        };
        let mut radius = Self { folder, server, inside, auth, acct };
        wait_until("FreeRADIUS is ready", || {
            let ended = radius.server.try_wait().unwrap();
            assert!(ended.is_none(), "FreeRADIUS has ended: {}", radius.log());
            radius.log().contains("Ready to process requests")
        });
        radius
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A file of its configuration.
    pub fn config(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join("etc").join(name)).unwrap()
    }

    /// Waits until what has happened so far is in the database: on a file that is written by way of another one.
    #[track_caller]
    pub fn settle(&self) {
        let noted = |name: &str| self.folder.path().join("radacct").join(name).exists();
        wait_until("FreeRADIUS has written what happened", || {
            // It is renamed from the one to the other.
            !["rollcall-log", "rollcall-log.work", "rollcall-log"].into_iter().any(noted)
        });
    }

    /// A shell command that asks this server where pages write `radclient … localhost auth testing123`.
    pub fn client(&self) -> String {
        let inside = self.inside.join(" ");
        let port = self.auth;
        format!("set -- \"${{@/localhost/127.0.0.1:{port}}}\"; command {inside} radclient")
    }

    fn radclient(&self, args: &[&str], port: u16, kind: &str, packets: &str) -> Done {
        let file = self.folder.path().join(format!("packets-{}", number()));
        std::fs::File::create(&file).unwrap().write_all(packets.as_bytes()).unwrap();
        let mut words = self.inside.clone();
        words.push("radclient".to_owned());
        words.extend(args.iter().map(|word| (*word).to_owned()));
        words.extend(["-f".to_owned(), file.display().to_string()]);
        words.extend([format!("127.0.0.1:{port}"), kind.to_owned(), SECRET.to_owned()]);
        finish(start(Command::new(&words[0]).args(&words[1..])))
    }

    /// Asks whether a user may come in, with further attributes of the request: `Name = value`, with commas between.
    #[track_caller]
    pub fn ask_with(&self, user: &str, password: &str, more: &str) -> Answer {
        self.ask_by("User-Password", user, password, more)
    }

    /// The same, where the password is proven in another way: `CHAP-Password` or `MS-CHAP-Password`.
    #[track_caller]
    pub fn ask_by(&self, way: &str, user: &str, password: &str, more: &str) -> Answer {
        let packet = format!("User-Name = \"{}\", {way} = \"{}\"{more}\n", escape(user), escape(password));
        let done = self.radclient(&["-x", "-r", "1", "-t", "20"], self.auth, "auth", &packet);
        let (_, answer) =
            done.out.split_once("Received Access-").unwrap_or_else(|| panic!("{done:?} {}", self.log()));
        let mut lines = answer.lines();
        let accepted = lines.next().unwrap().starts_with("Accept");
        let items = lines.map_while(|line| line.strip_prefix('\t')).map(str::to_owned).collect();
        Answer { accepted, items }
    }

    #[track_caller]
    pub fn ask(&self, user: &str, password: &str) -> Answer {
        self.ask_with(user, password, "")
    }

    /// Asks for each user in turn, `at_once` at a time, and counts answers: accepts, rejects and none.
    pub fn ask_for_all(&self, users: &[(String, String)], at_once: u32, seconds: u32) -> [u64; 3] {
        let mut packets = String::new();
        for (user, password) in users {
            writeln!(packets, "User-Name = \"{user}\", User-Password = \"{password}\"\n").unwrap();
        }
        let (at_once, seconds) = (at_once.to_string(), seconds.to_string());
        let done = self.radclient(
            &["-q", "-s", "-p", &at_once, "-r", "1", "-t", &seconds],
            self.auth,
            "auth",
            &packets,
        );
        let count = |what: &str| {
            let line = done.out.lines().find_map(|line| line.trim().strip_prefix(what));
            line.unwrap_or_else(|| panic!("{done:?}")).trim().trim_start_matches(':').trim().parse().unwrap()
        };
        [count("Accepted"), count("Rejected"), count("Lost")]
    }

    /// Tells of a session: `Name = value`, with commas between.
    #[track_caller]
    pub fn account(&self, packet: &str) {
        let done = self.radclient(&["-x", "-r", "1", "-t", "20"], self.acct, "acct", &format!("{packet}\n"));
        assert!(done.out.contains("Received Accounting-Response"), "{done:?} {}", self.log());
        self.settle();
    }
}

impl Drop for FreeRadius {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn number() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// As radclient reads it between double quotes.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// What an administrator does by the notes, below folders of the test.
fn configure(desk: &Desk, config: &Path, folder: &Path, ports: Option<(u16, u16)>) {
    let written = folder.join("written");
    let role = format!("radius_{}_{}", std::process::id(), number());
    let dir = written.display().to_string();
    desk.ok(&["radius", "config", "--dir", &dir, "--role", &role]);
    let copied = Command::new("cp").arg("-rL").arg(PACKAGED).arg(config).status().unwrap();
    assert!(copied.success(), "{PACKAGED} cannot be read");
    for enabled in ["mods-enabled", "sites-enabled"] {
        std::fs::remove_dir_all(config.join(enabled)).unwrap();
        std::fs::create_dir(config.join(enabled)).unwrap();
    }
    for part in ["mods-available", "mods-config", "sites-available"] {
        let copied = Command::new("cp").arg("-r").arg(written.join(part)).arg(config).status().unwrap();
        assert!(copied.success());
    }
    let enable = |kind: &str, name: &str| {
        let target: PathBuf = Path::new("..").join(format!("{kind}-available")).join(name);
        symlink(target, config.join(format!("{kind}-enabled")).join(name)).unwrap();
    };
    MODULES.iter().for_each(|module| enable("mods", module));
    ["sql", "sqlcounter"].iter().for_each(|module| enable("mods", module));
    enable("sites", "rollcall");
    // It writes below the test's folder, as whoever runs the test.
    let main = config.join("radiusd.conf");
    let ours = |line: &str| match line.split(" = ").next() {
        Some("localstatedir" | "logdir" | "run_dir") => {
            format!("{} = {}\n", line.split(" = ").next().unwrap(), folder.display())
        }
        Some("\tuser" | "\tgroup") => String::new(),
        // Rejects are told at once.
        Some("\treject_delay") => "\treject_delay = 0\n".to_owned(),
        _ => format!("{line}\n"),
    };
    let text: String = std::fs::read_to_string(&main).unwrap().lines().map(ours).collect();
    std::fs::write(&main, text).unwrap();
    if let Some((auth, acct)) = ports {
        let site = config.join("sites-available/rollcall");
        let text = std::fs::read_to_string(&site).unwrap();
        let text = text.replacen("port = 0", &format!("port = {auth}"), 1);
        std::fs::write(&site, text.replacen("port = 0", &format!("port = {acct}"), 1)).unwrap();
    }
    if let Ok(role) = std::fs::read_to_string(written.join("role.sql")) {
        desk.sql(&role);
    }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let date = Command::new("date").arg("+%s").output().unwrap();
    String::from_utf8(date.stdout).unwrap().trim().parse().unwrap()
}
