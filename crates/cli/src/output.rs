//! Listings: a table for people, CSV and JSON lines for programs, all as they come, however many rows.

use std::io::{self, BufWriter, StdoutLock, Write};

use rollcall_api::write_json;
use rollcall_domain::one_line;

use crate::bar::end_bar;
use crate::table::TableWriter;

/// How a listing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns for people
    #[default]
    Table,
    /// Comma-separated values; text that a spreadsheet would run as a formula is escaped
    Csv,
    /// One compact JSON object a line
    Json,
}

/// Standard output for people: the colours of [`crate::style::paint`]ed text are left out where no terminal is. Data for
/// programs goes to [`raw_stdout`], since this drops whatever looks like an escape sequence.
pub(crate) fn stdout() -> anstream::AutoStream<StdoutLock<'static>> {
    anstream::AutoStream::auto(locked_stdout())
}

/// Standard output for programs: what is written arrives.
pub(crate) fn raw_stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(1 << 16, locked_stdout())
}

/// The one way to standard output: what is printed there may be on the terminal of a progress bar, which ends before.
/// Without a lock, for what several threads write together.
#[expect(clippy::disallowed_methods, reason = "the bar has ended")]
pub(crate) fn unlocked_stdout() -> io::Stdout {
    end_bar();
    io::stdout()
}

fn locked_stdout() -> StdoutLock<'static> {
    unlocked_stdout().lock()
}

/// A listing on its way out.
pub(crate) struct Listing {
    sink: Sink,
}

enum Sink {
    Table(Box<TableWriter>),
    Csv(Box<csv::Writer<Data>>),
    Json(Data),
}

type Data = BufWriter<StdoutLock<'static>>;

impl Listing {
    /// A listing under `columns`.
    pub(crate) fn new(format: Format, columns: &[impl AsRef<str>]) -> io::Result<Self> {
        let columns: Vec<String> = columns.iter().map(|name| one_line(name.as_ref())).collect();
        let sink = match format {
            Format::Table => Sink::Table(Box::new(TableWriter::new(columns))),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(raw_stdout());
                writer.write_record(columns).map_err(csv_error)?;
                Sink::Csv(Box::new(writer))
            }
            Format::Json => Sink::Json(raw_stdout()),
        };
        Ok(Self { sink })
    }

    /// Adds a row: its cells, or for JSON the whole thing.
    pub(crate) fn push(
        &mut self,
        cells: impl FnOnce() -> Vec<String>,
        whole: &impl serde::Serialize,
    ) -> io::Result<()> {
        match &mut self.sink {
            Sink::Table(table) => table.push(cells().iter().map(|cell| one_line(cell)).collect()),
            Sink::Csv(writer) => {
                let cells = cells();
                writer
                    .write_record(cells.iter().map(|cell| rollcall_domain::defuse(cell).into_owned()))
                    .map_err(csv_error)
            }
            Sink::Json(out) => write_json(out, whole),
        }
    }

    /// Writes what is still held back.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self.sink {
            Sink::Table(table) => table.finish(),
            Sink::Csv(mut writer) => writer.flush(),
            Sink::Json(mut out) => out.flush(),
        }
    }
}

/// Prints one JSON object and nothing else.
pub(crate) fn print_json(value: &impl serde::Serialize) -> io::Result<()> {
    let mut out = raw_stdout();
    write_json(&mut out, value)?;
    out.flush()
}

fn csv_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
