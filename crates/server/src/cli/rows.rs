//! The rows of a file as a run's list: `--csv` and what goes with it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use rollcall_app::runs::{BadRow, ChosenRows, RowsObserver, RowsReport, RowsRequest};
use rollcall_app::{App, Quote, Table, TableOptions, defuse};

use crate::output::{csv_error, one_line};
use crate::progress::Meter;
use crate::style::{counted, grouped, tell};

/// Bad rows that are told one by one; a file takes all of them.
const TOLD: u64 = 20;

/// How a file of rows is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rows of a file")]
pub(super) struct RowsArgs {
    /// Run it for the rows of this file, in their order: CSV or Excel (.xlsx); - is standard input
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,
    /// The column that names the users; COLUMN=FIELD if it is not called username, external_id, email or obj_id
    /// [default: the first of these that there is]
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    key: Option<String>,
    /// Leave out rows that name no user, or several
    #[arg(long, requires = "csv")]
    skip_unmatched: bool,
    /// Write the rows that cannot be used to this CSV file, each with the reason
    #[arg(long, value_name = "FILE", requires = "csv")]
    bad_rows: Option<PathBuf>,
    /// The file's encoding, such as utf-16le or windows-1252 [default: detected]
    #[arg(long, value_name = "LABEL", requires = "csv")]
    encoding: Option<String>,
    /// What stands between cells: a character, or tab [default: detected]
    #[arg(long, value_name = "CHAR", requires = "csv", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// What stands around cells [default: detected]
    #[arg(long, value_enum, requires = "csv")]
    quote: Option<QuoteArg>,
    /// The sheet of an Excel workbook [default: the first]
    #[arg(long, value_name = "NAME", requires = "csv")]
    sheet: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum QuoteArg {
    /// "
    Double,
    /// '
    Single,
    /// Quotation marks are text
    None,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [one] if one.is_ascii() => Ok(*one),
        _ => Err("write one ASCII character, or tab".to_owned()),
    }
}

impl RowsArgs {
    /// Reads the rows of the file that was named, and tells how they match.
    pub(super) fn read(&self, app: &App, path: &Path) -> anyhow::Result<ChosenRows> {
        let shown =
            if path.as_os_str() == "-" { "standard input".into() } else { path.display().to_string() };
        let options = TableOptions {
            encoding: self.encoding.clone(),
            delimiter: self.delimiter,
            quote: self.quote.map(|quote| match quote {
                QuoteArg::Double => Quote::Double,
                QuoteArg::Single => Quote::Single,
                QuoteArg::None => Quote::None,
            }),
            sheet: self.sheet.clone(),
        };
        let (table, size) = if path.as_os_str() == "-" {
            (Table::read(io::stdin(), &options), 0)
        } else {
            (Table::open(path, &options), path.metadata().map_or(0, |facts| facts.len()))
        };
        let table = table.with_context(|| shown.clone())?;
        let mut watch = Watch {
            shown: &shown,
            meter: Meter::new("reading", size),
            size,
            bad_rows: self.bad_rows.as_deref(),
            writer: None,
            told: 0,
        };
        let file = path.file_name().map_or_else(|| shown.clone(), |name| name.to_string_lossy().into_owned());
        let request =
            RowsRequest { file: &file, key: self.key.as_deref(), skip_unmatched: self.skip_unmatched };
        let read = app.read_rows(table, &request, &mut watch)?;
        watch.end(&read.report)?;
        match read.chosen {
            Some(chosen) => Ok(chosen),
            None => Err(self.refusal(&read.report)),
        }
    }

    fn refusal(&self, report: &RowsReport) -> anyhow::Error {
        let bad = counted(report.bad(), "row");
        let mut advice = Vec::new();
        if report.faulty > 0 {
            advice.push("mend the rows that cannot be read".to_owned());
        }
        if report.faulty < report.bad() && !self.skip_unmatched {
            advice.push("--skip-unmatched leaves out those that name no user, or several".to_owned());
        }
        if self.bad_rows.is_none() {
            advice.push("--bad-rows FILE writes all of them to a file, with the reasons".to_owned());
        }
        anyhow::anyhow!("no run was started: {bad} cannot be used; {}", advice.join("; "))
    }
}

/// The administrator at the terminal, while rows are read.
struct Watch<'a> {
    shown: &'a str,
    meter: Meter,
    size: u64,
    bad_rows: Option<&'a Path>,
    writer: Option<csv::Writer<File>>,
    told: u64,
}

impl Watch<'_> {
    fn end(&mut self, report: &RowsReport) -> anyhow::Result<()> {
        self.meter.clear();
        if self.told > TOLD {
            tell(format_args!("{}: and {} more", self.shown, counted(self.told - TOLD, "bad row")));
        }
        if let Some(writer) = &mut self.writer {
            writer.flush().context("the bad rows could not be written to their end")?;
        }
        let RowsReport { key, field, rows, matched, duplicate, unmatched, ambiguous, faulty, notes } = report;
        let by = if key == field.name() { key.clone() } else { format!("{key} ({field})") };
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
        if let (Some(path), true) = (self.bad_rows, report.bad() > 0) {
            tell(format_args!(
                "  the {} with the reasons: {}",
                counted(report.bad(), "bad row"),
                path.display()
            ));
        }
        Ok(())
    }
}

impl RowsObserver for Watch<'_> {
    fn columns(&mut self, columns: &[String], _key: &str) -> io::Result<()> {
        let Some(path) = self.bad_rows else { return Ok(()) };
        let mut writer = csv::Writer::from_path(path).map_err(csv_error)?;
        let header = columns.iter().map(|column| defuse(column).into_owned());
        writer.write_record(header.chain(["line".to_owned(), "reason".to_owned()])).map_err(csv_error)?;
        self.writer = Some(writer);
        Ok(())
    }

    fn bad_row(&mut self, bad: &BadRow<'_>) -> io::Result<()> {
        self.told += 1;
        if self.told <= TOLD {
            self.meter.clear();
            tell(format_args!("{}, line {}: {}", self.shown, bad.row.line, one_line(&bad.reason)));
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let cells = bad.row.cells.iter().map(|cell| defuse(cell).into_owned());
        let record = cells.chain([bad.row.line.to_string(), defuse(&bad.reason).into_owned()]);
        writer.write_record(record).map_err(csv_error)
    }

    fn progress(&mut self, bytes: u64) {
        self.meter.at(bytes, self.size, "bytes");
    }
}
