//! A PostgreSQL server of a test's own, which it may shut down, and networks that it may cut.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What this process has for itself on the machine, so that two at a time do not meet.
fn number() -> u32 {
    std::process::id() % 12_000
}

/// A server in a folder of its own. It is gone with this.
pub struct Cluster {
    folder: TempDir,
    bin: PathBuf,
    port: u16,
    networks: Vec<Network>,
}

/// A network namespace that is joined to the server by one wire.
pub struct Network {
    name: String,
    host: String,
    address: [u8; 4],
}

fn run(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|done| done.success())
}

fn ip(line: &str) -> bool {
    run(Command::new("ip").args(line.split(' ')))
}

impl Network {
    /// The `n`th one; none where that is not permitted.
    pub fn new(n: u8) -> Option<Self> {
        let number = number();
        let name = format!("rollcall-{number}-{n}");
        let (host, inside) = (format!("rc{number}h{n}"), format!("rc{number}n{n}"));
        let address = [10, 77, u8::try_from(number % 256).unwrap(), 4 * n];
        let [a, b, c, d] = address;
        if !ip(&format!("netns add {name}")) {
            return None;
        }
        // From here on it is removed again, however far this comes.
        let network = Self { name: name.clone(), host: host.clone(), address };
        let made = ip(&format!("link add {host} type veth peer name {inside} netns {name}"))
            && ip(&format!("addr add {a}.{b}.{c}.{}/30 dev {host}", d + 1))
            && ip(&format!("link set {host} up"))
            && ip(&format!("-n {name} addr add {a}.{b}.{c}.{}/30 dev {inside}", d + 2))
            && ip(&format!("-n {name} link set {inside} up"));
        made.then_some(network)
    }

    /// The server's address in it.
    pub fn server(&self) -> String {
        let [a, b, c, d] = self.address;
        format!("{a}.{b}.{c}.{}", d + 1)
    }

    /// Cuts the wire, or mends it.
    pub fn set(&self, up: bool) {
        let state = if up { "up" } else { "down" };
        assert!(ip(&format!("link set {} {state}", self.host)), "the wire of {}", self.name);
    }

    /// The same command, inside.
    pub fn command(&self, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.name]).arg(command.get_program()).args(command.get_args());
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside.stdin(Stdio::null());
        inside
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.name));
        ip(&format!("link del {}", self.host));
    }
}

/// Where Debian puts the programs of the newest server.
fn bin() -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
        .unwrap_or_else(|_| Vec::new())
        .into_iter()
        .filter_map(|path: PathBuf| Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin"))))
        .collect();
    versions.sort();
    versions.pop().expect("PostgreSQL is installed: scripts/test does that").1
}

impl Cluster {
    /// A server that listens on a socket, on the loopback and in these networks.
    pub fn start(networks: Vec<Network>) -> Self {
        let folder = TempDir::new().unwrap();
        let root = nix::unistd::geteuid().is_root();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        if root {
            assert!(run(Command::new("chown").arg("postgres").arg(folder.path())));
        }
        let port = 20_000 + u16::try_from(number()).unwrap();
        let cluster = Self { folder, bin: bin(), port, networks };
        let data = cluster.data();
        let made =
            cluster.program("initdb", &["-U", "rollcall", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]);
        assert!(made, "a cluster can be made in {}", data.display());
        // Only processes of this machine reach these addresses.
        let hosts = data.join("pg_hba.conf");
        let mut rules = std::fs::read_to_string(&hosts).unwrap();
        rules.push_str("host all all 10.77.0.0/16 trust\n");
        std::fs::write(&hosts, rules).unwrap();
        cluster.up();
        cluster
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The server refuses to run as root.
    fn program(&self, name: &str, args: &[&str]) -> bool {
        let program = self.bin.join(name);
        let mut command = if nix::unistd::geteuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        run(command.arg("-D").arg(self.data()).args(args).current_dir("/"))
    }

    /// Starts the server.
    pub fn up(&self) {
        let addresses: Vec<_> = std::iter::once("127.0.0.1".to_owned())
            .chain(self.networks.iter().map(Network::server))
            .collect();
        let folder = self.folder.path().display().to_string();
        let settings = format!(
            "-k {folder} -p {} -c listen_addresses='{}' -c fsync=off -c max_connections=100",
            self.port,
            addresses.join(",")
        );
        let log = self.folder.path().join("log").display().to_string();
        assert!(self.program("pg_ctl", &["-s", "-w", "-l", &log, "-o", &settings, "start"]), "see {log}");
    }

    /// Shuts it down, in good order or as if it had crashed.
    pub fn down(&self, crash: bool) {
        let how = if crash { "immediate" } else { "fast" };
        assert!(self.program("pg_ctl", &["-s", "-w", "-m", how, "stop"]));
    }

    /// The networks that it listens in.
    pub fn networks(&self) -> &[Network] {
        &self.networks
    }

    /// The URL of its database by the socket.
    pub fn url(&self) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://rollcall@{folder}:{}/postgres", self.port)
    }

    /// The same by a network, or by the loopback.
    pub fn url_in(&self, network: Option<&Network>) -> String {
        let host = network.map_or_else(|| "127.0.0.1".to_owned(), Network::server);
        format!("postgres://rollcall@{host}:{}/postgres", self.port)
    }

    /// What the server has to say.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.program("pg_ctl", &["-s", "-m", "immediate", "stop"]);
    }
}
