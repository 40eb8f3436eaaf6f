use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use rollcall_api::AuditEvent;
use rollcall_domain::{Action, AuditQuery, Head, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Context;
use crate::backend::Backend;
use crate::failure::Usage;
use crate::hints::parse_value;
use crate::output::{Format, Listing, print_json, raw_stdout};
use crate::progress::Meter;
use crate::show::times;
use crate::style::tell;
use rollcall_domain::Times;
use rollcall_domain::counted;

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
              rollcall audit list --action grant --since 2026-11-01\n  \
              rollcall audit head > /mnt/elsewhere/rollcall.head\n  \
              rollcall audit verify --head \"$(cat /mnt/elsewhere/rollcall.head)\"\n\n\
              Each event contains the hash of the event before it. So a changed, removed or moved event is detected. To \
              detect a rewritten log, keep its head (the last number and hash) where those who can write the database \
              cannot write.")]
pub(super) enum Audit {
    /// List audit events, newest first
    List(List),
    /// Verify the hash chain of the log; exit status 1 if it is broken
    Verify(Verify),
    /// Print the head of the log; keep it outside the database
    Head,
    /// Export the whole log as JSON lines, oldest first, followed by its head
    Export {
        /// A new file; - for standard output
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// The maximum number of rows
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only events of this actor: cli:ACCOUNT, or the name of an administrator
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only this action, such as sign-in, run-apply or grant
    #[arg(long, value_name = "ACTION", value_parser = str::parse::<Action>)]
    action: Option<Action>,
    /// Only events since this time, such as 2026-11-01 or 2026-11-01T18:30:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// An earlier head of the log, as 'rollcall audit head' printed it
    #[arg(long, value_name = "NUMBER:HASH", value_parser = parse_value::<Head>)]
    head: Option<Head>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

const COLUMNS: [&str; 8] =
    ["number", "at", "actor", "action", "subject", "organization_id", "address", "detail"];

/// A row as the list gives it.
#[derive(Serialize)]
struct Shown<'a> {
    number: i64,
    at: Timestamp,
    actor: &'a str,
    administrator_id: Option<i64>,
    action: &'a str,
    subject: &'a str,
    organization_id: Option<i64>,
    address: Option<&'a str>,
    detail: Option<&'a RawValue>,
    hash: &'a str,
}

impl<'a> Shown<'a> {
    fn new(entry: &'a AuditEvent) -> Self {
        Self {
            number: entry.number,
            at: entry.at,
            actor: &entry.actor,
            administrator_id: entry.administrator_id,
            action: &entry.action,
            subject: &entry.subject,
            organization_id: entry.organization_id,
            address: entry.address.as_deref(),
            detail: serde_json::from_str(&entry.detail).ok(),
            hash: &entry.hash,
        }
    }
}

impl Audit {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let backend = context.backend()?;
        match self {
            Self::List(list) => list.run(&backend),
            Self::Verify(verify) => verify.run(&backend),
            Self::Head => {
                let mut out = raw_stdout();
                writeln!(out, "{}", backend.audit_head()?)?;
                Ok(out.flush().map(|()| ExitCode::SUCCESS)?)
            }
            Self::Export { file } if file.as_os_str() == "-" => {
                backend.export_audit("standard output", &mut raw_stdout())?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Export { file } => {
                let shown = file.display().to_string();
                let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
                let new = new.with_context(|| format!("cannot write {shown}"))?;
                let head = backend.export_audit(&shown, &mut BufWriter::new(new))?;
                let rows = counted(head.number.unsigned_abs(), "row");
                tell(format_args!("{rows} exported; the head is {head}"));
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl List {
    fn run(self, backend: &Backend) -> anyhow::Result<ExitCode> {
        let zone = backend.zone()?;
        let times = times(self.format, zone);
        let since = self.since.map(|text| Timestamp::parse(&text, zone)).transpose();
        let since = since.map_err(|error| Usage(format!("--since: {error}")))?;
        let query = AuditQuery { who: self.actor, action: self.action, since };
        let entries = backend.audit(&query)?;
        let mut listing = Listing::new(self.format, &COLUMNS)?;
        let mut any = false;
        for entry in entries.take(self.limit.unwrap_or(usize::MAX)) {
            let entry = entry?;
            listing.push(|| cells(&entry, &times), &Shown::new(&entry))?;
            any = true;
        }
        listing.finish()?;
        if !any && self.format == Format::Table {
            tell(format_args!("nothing of that was done yet"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn cells(entry: &AuditEvent, times: &Times) -> Vec<String> {
    vec![
        entry.number.to_string(),
        times.short(entry.at),
        entry.actor.clone(),
        entry.action.clone(),
        entry.subject.clone(),
        entry.organization_id.map_or_else(String::new, |id| id.to_string()),
        entry.address.clone().unwrap_or_default(),
        if entry.detail == "{}" { String::new() } else { entry.detail.clone() },
    ]
}

impl Verify {
    fn run(self, backend: &Backend) -> anyhow::Result<ExitCode> {
        let mut meter = Meter::counting("verifying");
        let verdict = backend.verify_audit(self.head.as_ref(), |read| meter.count(read))?;
        drop(meter);
        if self.json {
            print_json(&verdict)?;
        }
        if let Some(problem) = verdict.problem {
            anyhow::bail!(
                "the audit log is not what was written: {problem}. Keep a copy of the database as it is, and compare it \
                 with a backup"
            );
        }
        if !self.json {
            let rows = counted(verdict.events, "row");
            let kept = match self.head {
                Some(kept) => format!(", and the head of {} that you have kept is among them", kept.number),
                None => "; without a head that was kept elsewhere (--head) nobody can say whether all were rewritten"
                    .to_owned(),
            };
            let head = verdict.head.unwrap_or_default();
            tell(format_args!("{rows} as they were written{kept}. The head now is {head}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}
