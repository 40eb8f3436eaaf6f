//! The audit log.

use std::io::{self, Write};

use anyhow::Context as _;
use rollcall_api::{AuditEvent, AuditHead, AuditVerification, write_json};
use rollcall_domain::{AuditQuery, Head};

use super::{Backend, Items, local, remote};

impl Backend {
    /// The rows of the audit log that match, newest first.
    pub(crate) fn audit<'a>(&'a self, query: &'a AuditQuery) -> anyhow::Result<Items<'a, AuditEvent>> {
        match self {
            Self::Local(app) => Ok(local(app.audit().list(query)?)),
            Self::Remote(client) => Ok(remote(client.audit(query)?)),
        }
    }

    /// The head of the audit log, to be kept elsewhere.
    pub(crate) fn audit_head(&self) -> anyhow::Result<Head> {
        match self {
            Self::Local(app) => Ok(app.audit().head()?),
            Self::Remote(client) => Ok(client.audit_head()?.head.parse()?),
        }
    }

    /// Verifies the whole audit log; `kept` is a head that it had earlier.
    pub(crate) fn verify_audit(
        &self,
        kept: Option<&Head>,
        mut progress: impl FnMut(u64),
    ) -> anyhow::Result<AuditVerification> {
        match self {
            Self::Local(app) => {
                let mut rows = 0;
                let verdict = app.audit().verify(kept, |read| {
                    rows = read;
                    progress(read);
                })?;
                Ok(AuditVerification::of(rows, &verdict))
            }
            Self::Remote(client) => Ok(client.verify_audit(kept.map(ToString::to_string).as_deref())?),
        }
    }

    /// Writes the whole log to `out`, oldest first, its head last. That, and `to`, the name of the output, is recorded; a
    /// server records that it was asked.
    pub(crate) fn export_audit(&self, to: &str, out: &mut impl Write) -> anyhow::Result<Head> {
        let failed = || format!("cannot write {to}");
        match self {
            Self::Local(app) => {
                let (head, entries) = app.audit().export(to)?;
                for entry in entries {
                    write_json(out, &AuditEvent::from(entry?)).with_context(failed)?;
                }
                write_json(out, &AuditHead { head: head.to_string() }).with_context(failed)?;
                out.flush().with_context(failed)?;
                Ok(head)
            }
            Self::Remote(client) => {
                let mut out = LastLine { out, line: Vec::new() };
                client.export_audit(&mut out).with_context(failed)?;
                let last: AuditHead =
                    serde_json::from_slice(&out.line).context("the log came without its head")?;
                Ok(last.head.parse()?)
            }
        }
    }
}

/// Keeps the last line of what it hands on.
struct LastLine<W> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> Write for LastLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        for part in bytes[..count].split_inclusive(|byte| *byte == b'\n') {
            if self.line.ends_with(b"\n") {
                self.line.clear();
            }
            self.line.extend_from_slice(part);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
