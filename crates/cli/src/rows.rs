//! The rows of a file as targets of a run: `--csv` and its options.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use rollcall_app::runs::{BadRow, BadRowsFile, Choice, Matched, RowsObserver, RowsRequest};
use rollcall_app::{AppError, Table, wire};

use super::file_options::FileOptions;
use crate::backend::{Backend, Listed};
use crate::failure::{Usage, with_option};
use crate::progress::Meter;
use crate::style::tell;
use rollcall_api::{self as api, DuplicateRow, RowMatchReport};
use rollcall_client::Client;
use rollcall_domain::one_line;
use rollcall_domain::{counted, grouped};

/// Bad rows that are told one by one; a file takes all of them.
const TOLD: u32 = 20;

/// How a file of rows is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rows of a file")]
pub(super) struct RowsArgs {
    /// Select users by the rows of this file, in their order: CSV or Excel (.xlsx); - is standard input
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,
    /// The column that identifies the users; COLUMN=FIELD if its name is not username, external_id, email
    /// or obj_id [default: the first of these]
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    key: Option<String>,
    /// Skip rows that match no user, or several
    #[arg(long, requires = "csv")]
    skip_unmatched: bool,
    /// The rows to run if several match one user [default: all]
    #[arg(long, value_enum, value_name = "WHICH", requires = "csv")]
    duplicates: Option<api::DuplicatePolicy>,
    /// Write rows that cannot be used to this new CSV file, with the reason
    #[arg(long, value_name = "FILE", requires = "csv")]
    bad_rows: Option<PathBuf>,
    #[command(flatten)]
    file: FileOptions,
}

impl RowsArgs {
    /// Refuses what is said about a file where none is named: clap does not when another way of choosing is.
    pub(super) fn check(&self) -> Result<(), Usage> {
        let said = [
            ("--key", self.key.is_some()),
            ("--skip-unmatched", self.skip_unmatched),
            ("--duplicates", self.duplicates.is_some()),
            ("--bad-rows", self.bad_rows.is_some()),
        ];
        let said = said.into_iter().find_map(|(option, said)| said.then_some(option));
        match said.or_else(|| self.file.first_given()).filter(|_| self.csv.is_none()) {
            Some(option) => Err(Usage(format!("{option} goes with --csv FILE"))),
            None => Ok(()),
        }
    }

    /// Reads the rows of the file that was named for a script that can read these columns of it, and tells how they
    /// match.
    pub(super) fn read(
        &self,
        backend: &Backend,
        path: &Path,
        read_columns: Option<&BTreeSet<String>>,
    ) -> anyhow::Result<Listed> {
        let is_piped = path.as_os_str() == "-";
        let shown = if is_piped { "standard input".into() } else { path.display().to_string() };
        let size = path.metadata().map_or(0, |facts| facts.len());
        if let Some(bad_rows) = &self.bad_rows {
            refuse_to_overwrite(bad_rows)?;
        }
        let mut watch = Watch {
            shown: &shown,
            meter: Meter::new("reading", size),
            size,
            bad_rows: self.bad_rows.as_deref(),
            columns: Vec::new(),
            writer: None,
            told: 0,
            duplicates: Vec::new(),
            choice: self.duplicates.unwrap_or_default(),
            read_columns,
        };
        let name = path.file_name().filter(|name| *name != "-");
        let file = name.map_or_else(|| shown.clone(), |name| name.to_string_lossy().into_owned());
        let open = || {
            let options = self.file.table_options();
            let table =
                if is_piped { Table::read(io::stdin(), &options) } else { Table::open(path, &options) };
            table.map_err(|error| AppError::Table { file: shown.clone(), error })
        };
        match backend {
            Backend::Local(app) => {
                let request = RowsRequest {
                    file: &file,
                    key: self.key.as_deref(),
                    skip_unmatched: self.skip_unmatched,
                    duplicates: self.duplicates.unwrap_or_default().into(),
                    read_columns,
                };
                let read = app.runs().read_rows(open()?, &request, &mut watch)?;
                let report = wire::rows_report(read.report, Vec::new(), Vec::new(), Vec::new());
                watch.end(&report)?;
                let chosen = read.chosen.ok_or_else(|| self.refusal(&report))?;
                Ok(Listed::Chosen(Choice::Rows(Box::new(chosen))))
            }
            Backend::Remote(client) if is_piped => self.send(client, &file, io::stdin().lock(), &mut watch),
            Backend::Remote(client) => {
                // What is wrong with its form is told before it is sent.
                drop(open()?);
                let opened = File::open(path).with_context(|| format!("cannot read {shown}"))?;
                self.send(client, &file, opened, &mut watch)
            }
        }
    }

    /// Sends the file to a server, and tells how its rows match there.
    fn send(
        &self,
        client: &Client,
        name: &str,
        file: impl io::Read,
        watch: &mut Watch<'_>,
    ) -> anyhow::Result<Listed> {
        let rows = api::FileTargets {
            key: self.key.clone(),
            skip_unmatched: self.skip_unmatched,
            duplicates: self.duplicates.unwrap_or_default(),
            ..api::FileTargets::new(client.upload(name, file)?.upload_id, self.file.format())
        };
        let told = self.tell(client, &rows, watch);
        if told.is_err() {
            // If it stays, the server removes it in a day.
            drop(client.remove_upload(rows.upload_id));
        }
        told.map(|()| Listed::Sent(rows))
    }

    fn tell(&self, client: &Client, rows: &api::FileTargets, watch: &mut Watch<'_>) -> anyhow::Result<()> {
        let mut report = client.rows_report(rows, watch.read_columns)?;
        report.bad_rows.iter().for_each(|bad| watch.tell(bad.line, &bad.reason));
        watch.told = report.bad();
        watch.duplicates = std::mem::take(&mut report.duplicate_rows);
        watch.duplicates.truncate(usize::try_from(TOLD).unwrap_or(usize::MAX));
        if let Some(path) = self.bad_rows.as_deref().filter(|_| report.bad() > 0) {
            let failed = || format!("cannot write {}", path.display());
            let mut file = create_bad_rows(path).with_context(failed)?;
            client.bad_rows(rows, watch.read_columns, &mut file)?;
        }
        watch.end(&report)?;
        let in_the_way = if self.skip_unmatched { report.faulty } else { report.bad() };
        if in_the_way == 0 && !self.refuses_duplicates(&report) { Ok(()) } else { Err(self.refusal(&report)) }
    }

    fn refuses_duplicates(&self, report: &RowMatchReport) -> bool {
        self.duplicates == Some(api::DuplicatePolicy::Refuse) && report.duplicate > 0
    }

    fn refusal(&self, report: &RowMatchReport) -> anyhow::Error {
        let mut reasons = Vec::new();
        let in_the_way = if self.skip_unmatched { report.faulty } else { report.bad() };
        if in_the_way > 0 {
            let mut advice = vec![format!("{} cannot be used", counted(report.bad(), "row"))];
            if report.faulty > 0 {
                advice.push("correct the rows that cannot be read".to_owned());
            }
            if report.faulty < report.bad() && !self.skip_unmatched {
                advice.push("--skip-unmatched leaves out those that name no user, or several".to_owned());
            }
            if self.bad_rows.is_none() {
                advice.push("--bad-rows FILE writes all of them to a file, with the reasons".to_owned());
            }
            reasons.push(advice.join("; "));
        }
        if self.refuses_duplicates(report) {
            let rows = counted(report.duplicate, "row");
            let verb = if report.duplicate == 1 { "names" } else { "name" };
            reasons.push(format!(
                "{rows} {verb} a user whom an earlier row names; --duplicates first, last or all says which of them run"
            ));
        }
        anyhow::anyhow!("no run was started: {}", reasons.join("; "))
    }
}

/// Refuses a file for bad rows that exists already, before a long file is read.
pub(super) fn refuse_to_overwrite(bad_rows: &Path) -> Result<(), Usage> {
    match bad_rows.symlink_metadata() {
        Ok(_) => Err(Usage(format!("--bad-rows: {} exists already: name a new file", bad_rows.display()))),
        Err(_) => Ok(()),
    }
}

/// Creates a file for bad rows, which only its owner can read: rows may hold passwords. A file that exists stays as it is.
pub(super) fn create_bad_rows(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// The administrator at the terminal, while rows are read.
struct Watch<'a> {
    shown: &'a str,
    meter: Meter,
    size: u64,
    bad_rows: Option<&'a Path>,
    columns: Vec<String>,
    writer: Option<BadRowsFile<File>>,
    told: u64,
    /// The first rows that name a user again.
    duplicates: Vec<DuplicateRow>,
    choice: api::DuplicatePolicy,
    /// The columns that the script can read; none: any of them.
    read_columns: Option<&'a BTreeSet<String>>,
}

impl Watch<'_> {
    fn tell(&mut self, line: u64, reason: &str) {
        self.told += 1;
        if self.told <= u64::from(TOLD) {
            self.meter.clear();
            tell(format_args!("{}, line {line}: {}", self.shown, one_line(&with_option(reason))));
        }
    }

    fn end(&mut self, report: &RowMatchReport) -> anyhow::Result<()> {
        self.meter.clear();
        if self.told > u64::from(TOLD) {
            tell(format_args!(
                "{}: and {} more",
                self.shown,
                counted(self.told - u64::from(TOLD), "bad row")
            ));
        }
        if let Some(writer) = &mut self.writer {
            writer.flush().context("the bad rows could not be written to their end")?;
        }
        for row in self.duplicates.iter() {
            tell(format_args!("{}, line {}: {}", self.shown, row.line, one_line(&row.describe())));
        }
        if report.duplicate > u64::from(TOLD) {
            tell(format_args!(
                "{}: and {} more",
                self.shown,
                counted(report.duplicate - u64::from(TOLD), "duplicate row")
            ));
        }
        let RowMatchReport {
            key,
            field,
            rows,
            matched,
            duplicate,
            skipped: left_out,
            unmatched,
            ambiguous,
            faulty,
            notes,
            ..
        } = report;
        let by = if key == field { key.clone() } else { format!("{key} ({field})") };
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
        tell(format_args!(
            "{}: {} by {}{}",
            self.shown,
            counted(*rows, "row"),
            one_line(&by),
            one_line(&notes)
        ));
        tell(format_args!(
            "  matched {} · duplicate {} · unmatched {} · ambiguous {} · unreadable {}",
            grouped(*matched),
            grouped(*duplicate),
            grouped(*unmatched),
            grouped(*ambiguous),
            grouped(*faulty)
        ));
        let which = match self.choice {
            _ if *duplicate == 0 => None,
            api::DuplicatePolicy::All => Some("all rows of a user run, in the order of the file".to_owned()),
            api::DuplicatePolicy::First => Some("the first row of each user runs".to_owned()),
            api::DuplicatePolicy::Last => Some("the last row of each user runs".to_owned()),
            api::DuplicatePolicy::Refuse => None,
        };
        if let Some(which) = which {
            let rest = if *left_out > 0 {
                format!("; {} left out", counted(*left_out, "row"))
            } else {
                String::new()
            };
            tell(format_args!("  duplicates: {which}{rest}"));
        }
        match self.bad_rows.map(Path::display) {
            Some(path) if report.bad() > 0 => tell(format_args!("  bad rows, with the reasons: {path}")),
            Some(path) => tell(format_args!("  no bad rows: {path} was not written")),
            None => {}
        }
        Ok(())
    }
}

impl RowsObserver for Watch<'_> {
    fn columns(&mut self, columns: &[String], _key: &str) -> io::Result<()> {
        self.columns = columns.to_vec();
        Ok(())
    }

    fn bad_row(&mut self, bad: &BadRow<'_>) -> io::Result<()> {
        self.tell(bad.row.line, &bad.reason);
        let Some(path) = self.bad_rows else { return Ok(()) };
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(BadRowsFile::new(&self.columns, create_bad_rows(path)?)?),
        };
        bad.write_to(writer)
    }

    fn matched(&mut self, matched: &Matched<'_>) -> Result<(), AppError> {
        self.duplicates = matched.again(TOLD)?.into_iter().map(wire::duplicate_row).collect();
        Ok(())
    }

    fn progress(&mut self, bytes: u64) {
        self.meter.at(bytes, self.size, "bytes");
    }
}
