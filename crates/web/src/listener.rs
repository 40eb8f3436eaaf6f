//! Where the server listens: an address of the network, or a socket in the file system.

use std::fmt::{self, Display};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio_io_timeout::TimeoutStream;

/// Where it is to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address of the network.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("write unix:/PATH".to_owned()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_| {
                format!("{text:?} is no address: write 127.0.0.1:8080, [::1]:8080, 0.0.0.0:443 or unix:/PATH")
            }),
        }
    }
}

impl Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(at) => at.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Listen {
    /// Whether nobody but this machine gets there.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(at) => at.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

/// A connection as it comes from the network.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Where it does listen. A socket in the file system goes away with it.
pub enum Listener {
    /// An address of the network.
    Tcp(TcpListener),
    /// A socket in the file system, and its path.
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the address is taken or not allowed.
    pub async fn bind(at: &Listen) -> anyhow::Result<Self> {
        let cannot = || format!("cannot listen on {at}");
        match at {
            Listen::Tcp(at) => Ok(Self::Tcp(TcpListener::bind(at).await.with_context(cannot)?)),
            Listen::Unix(path) => {
                remove_abandoned(path).await.with_context(cannot)?;
                let listener = UnixListener::bind(path).with_context(cannot)?;
                // Whoever gets at it is believed like a proxy.
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))
                    .with_context(cannot)?;
                Ok(Self::Unix(listener, path.clone()))
            }
        }
    }

    /// With the port that was chosen where none was named.
    pub fn local_addr(&self) -> anyhow::Result<Listen> {
        match self {
            Self::Tcp(listener) => Ok(Listen::Tcp(listener.local_addr().context("cannot listen")?)),
            Self::Unix(_, path) => Ok(Listen::Unix(path.clone())),
        }
    }

    /// The next connection, and from which machine it comes. It breaks when its other end reads nothing for so long.
    pub(super) async fn accept(&self, patience: Duration) -> io::Result<(Box<dyn Stream>, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                // Answers go out whole: there is nothing to wait for.
                stream.set_nodelay(true)?;
                Ok((impatient(stream, patience), Some(from.ip().to_canonical())))
            }
            Self::Unix(listener, _) => Ok((impatient(listener.accept().await?.0, patience), None)),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            drop(std::fs::remove_file(path));
        }
    }
}

fn impatient(stream: impl AsyncRead + AsyncWrite + Send + 'static, patience: Duration) -> Box<dyn Stream> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(patience));
    Box::new(Box::pin(stream))
}

/// Removes the socket of a process that was killed. What somebody listens on, or is no socket, stays.
async fn remove_abandoned(path: &Path) -> anyhow::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => bail!("there is a file already"),
        Ok(_) if tokio::net::UnixStream::connect(path).await.is_ok() => {
            bail!("somebody listens there already")
        }
        Ok(_) => Ok(std::fs::remove_file(path)?),
        Err(_) => Ok(()),
    }
}
