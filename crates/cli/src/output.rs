//! Listings: a table for people, CSV and JSON lines for programs, all as they come, however many rows.

use std::io::{self, BufWriter, StdoutLock, Write};

use rollcall_api::write_json;
use rollcall_domain::one_line;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::bar::end_bar;
use crate::style;

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

/// The first rows of a table decide its columns' widths.
const SAMPLE: usize = 200;
/// A wider cell is cut in a table.
const WIDEST: usize = 72;

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
    Table { columns: Vec<String>, waiting: Vec<Vec<String>>, widths: Vec<usize>, out: Out },
    Csv(Box<csv::Writer<Data>>),
    Json(Data),
}

type Out = BufWriter<anstream::AutoStream<StdoutLock<'static>>>;
type Data = BufWriter<StdoutLock<'static>>;

impl Listing {
    /// A listing under `columns`.
    pub(crate) fn new(format: Format, columns: &[impl AsRef<str>]) -> io::Result<Self> {
        let columns: Vec<String> = columns.iter().map(|name| one_line(name.as_ref())).collect();
        let sink = match format {
            Format::Table => Sink::Table {
                columns,
                waiting: Vec::new(),
                widths: Vec::new(),
                out: BufWriter::with_capacity(1 << 16, stdout()),
            },
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
            Sink::Table { waiting, widths, out, columns } => {
                let cells = cells().iter().map(|cell| one_line(cell)).collect();
                if widths.is_empty() {
                    waiting.push(cells);
                    if waiting.len() == SAMPLE {
                        start_table(columns, waiting, widths, out)?;
                    }
                    return Ok(());
                }
                write_row(out, &cells, widths)
            }
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
            Sink::Table { mut columns, mut waiting, mut widths, mut out } => {
                if widths.is_empty() && !waiting.is_empty() {
                    leave_out_empty(&mut columns, &mut waiting);
                    start_table(&columns, &mut waiting, &mut widths, &mut out)?;
                }
                out.flush()
            }
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

fn start_table(
    columns: &[String],
    waiting: &mut Vec<Vec<String>>,
    widths: &mut Vec<usize>,
    out: &mut Out,
) -> io::Result<()> {
    *widths = columns.iter().map(|name| name.width()).collect();
    for row in waiting.iter() {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width()).min(WIDEST);
        }
    }
    write!(out, "{}", style::FAINT.render())?;
    write_row(out, columns, widths)?;
    write!(out, "{}", style::FAINT.render_reset())?;
    waiting.drain(..).try_for_each(|row| write_row(out, &row, widths))
}

/// Where all rows are known, a column without a single value only takes the others' room.
fn leave_out_empty(columns: &mut Vec<String>, rows: &mut [Vec<String>]) {
    for at in (0..columns.len()).rev() {
        if rows.iter().all(|row| row[at].is_empty()) {
            columns.remove(at);
            rows.iter_mut().for_each(|row| drop(row.remove(at)));
        }
    }
}

fn write_row(out: &mut Out, cells: &[String], widths: &[usize]) -> io::Result<()> {
    let last = cells.len().saturating_sub(1);
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if at == last {
            writeln!(out, "{cell}")?;
            break;
        }
        let cell = cut(cell, WIDEST.max(*width));
        let gap = width.saturating_sub(cell.width()) + 2;
        write!(out, "{cell}{}", " ".repeat(gap))?;
    }
    Ok(())
}

fn cut(text: &str, widest: usize) -> String {
    if text.width() <= widest {
        return text.to_owned();
    }
    let mut room = widest - 1;
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let fits = width <= room;
        room = room.saturating_sub(width);
        fits
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

fn csv_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
