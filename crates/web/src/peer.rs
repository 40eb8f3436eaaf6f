//! The other end of a connection, and the requests that it has under way.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::watch;

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    /// Which machine; none: a process of this one, through a socket in the file system.
    pub(super) address: Option<IpAddr>,
    /// Whether it speaks HTTPS.
    pub(super) https: bool,
}

/// A request under way, for as long as somebody has it.
#[derive(Clone)]
pub(super) struct UnderWay {
    _one: Arc<One>,
}

struct One(Arc<watch::Sender<usize>>);

impl UnderWay {
    pub(super) fn of(requests: &Arc<watch::Sender<usize>>) -> Self {
        requests.send_modify(|under_way| *under_way += 1);
        Self { _one: Arc::new(One(Arc::clone(requests))) }
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.send_modify(|under_way| *under_way -= 1);
    }
}
