//! Bodies that are files: kept in a temporary file while they arrive, so that a slow sender holds neither a thread nor
//! a lock of the database.

use std::fs::File;
use std::io::{Seek, Write};
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::StatusCode;
use futures_core::Stream;
use tokio::time::timeout;

use super::problem::Problem;

/// The longest file, in bytes: what ten million users take.
pub(super) const LONGEST: u64 = 4 << 30;
/// A sender from whom nothing comes for so long is given up.
const STALLED: Duration = Duration::from_secs(30);
/// So much is collected before a thread writes it.
const PIECE: usize = 1 << 20;

/// A body in large pieces.
pub(super) struct Incoming(BodyDataStream);

impl Incoming {
    pub(super) fn new(body: Body) -> Self {
        Self(body.into_data_stream())
    }

    /// The next piece; none: that was all.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        let mut piece = Vec::new();
        while piece.len() < PIECE {
            let next = std::future::poll_fn(|cx| Pin::new(&mut self.0).poll_next(cx));
            match timeout(STALLED, next).await {
                Ok(Some(Ok(bytes))) => piece.extend_from_slice(&bytes),
                Ok(Some(Err(error))) => {
                    let why = format!("the body was cut off: {error}");
                    return Err(Problem::new(StatusCode::BAD_REQUEST, why));
                }
                Ok(None) => break,
                Err(_) => {
                    let why = "nothing more of the body has come for too long";
                    return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, why));
                }
            }
        }
        Ok((!piece.is_empty()).then_some(piece))
    }
}

/// The whole body, to be read from its start.
pub(super) async fn spool(body: Body) -> Result<File, Problem> {
    let mut file = write(None, Vec::new()).await?;
    let (mut body, mut size) = (Incoming::new(body), 0);
    while let Some(piece) = body.next().await? {
        size += piece.len() as u64;
        if size > LONGEST {
            let why = format!("the file is longer than {} GiB: send it in parts", LONGEST >> 30);
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, why));
        }
        file = write(Some(file), piece).await?;
    }
    Ok(file)
}

/// Adds a piece; the file is made where there is none yet.
async fn write(file: Option<File>, piece: Vec<u8>) -> Result<File, Problem> {
    let written = tokio::task::spawn_blocking(move || {
        let mut file = file.map_or_else(tempfile::tempfile, Ok)?;
        file.write_all(&piece)?;
        Ok::<_, std::io::Error>(file)
    });
    match written.await {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(error)) => {
            tracing::error!("cannot keep a file that is sent: {error}");
            Err(Problem::internal())
        }
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// The same file from its start.
pub(super) fn rewound(mut file: File) -> std::io::Result<File> {
    file.rewind()?;
    Ok(file)
}
