//! Rows of a sheet in an Excel workbook (.xlsx).
//!
//! The parser's cells borrow from the workbook, so both live on a thread of their own, which parses some rows ahead of
//! those that are asked for. Only the workbook's table of shared strings is in memory as a whole: the format demands
//! it. Whatever a damaged file does to the parser ends that thread, no other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use calamine::{DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxError};
use rollcall_domain::did_you_mean;

use super::header::{Header, too_many};
use super::{MAX_COLUMNS, MAX_ROW, Row, TableError};
use crate::csv_text::restore;

/// How many batches of rows wait to be asked for, and how much is in one: rows, or bytes of text.
const BATCHES: usize = 4;
const BATCH_ROWS: usize = 256;
const BATCH_BYTES: u64 = 64 * 1024;
const MILLISECONDS_A_DAY: f64 = 86_400_000.0;
/// Excel counts no further than 9999-12-31 (from 1900).
const DAYS: f64 = 2_958_466.0;

pub(super) struct Excel {
    batches: Receiver<Result<Vec<SheetRow>, TableError>>,
    parser: Option<thread::JoinHandle<()>>,
    batch: std::vec::IntoIter<SheetRow>,
    position: Arc<AtomicU64>,
    last_row: u64,
}

/// A row that is not blank.
#[derive(Debug, Default)]
struct SheetRow {
    number: u64,
    /// By column, counted from 0: what is not empty, or why it is no text.
    cells: BTreeMap<u32, Result<String, String>>,
    bytes: u64,
}

/// Which sheet was opened.
struct Opened {
    sheet: String,
    others: Vec<String>,
}

impl Excel {
    /// Opens a workbook and reads the header of the sheet; `compound` if the file is a Compound File, which can be an
    /// old or an encrypted workbook.
    pub(super) fn open(
        file: File,
        compound: bool,
        sheet: Option<&str>,
        notes: &mut Vec<String>,
    ) -> Result<(Self, Header), TableError> {
        let position = Arc::new(AtomicU64::new(0));
        let file = BufReader::new(Positioned { inner: file, offset: 0, position: position.clone() });
        let (opened_out, opened_in) = sync_channel(1);
        let (out, batches) = sync_channel(BATCHES);
        let sheet = sheet.map(str::to_owned);
        let parser = thread::Builder::new()
            .name("excel".to_owned())
            .spawn(move || parse(file, compound, sheet.as_deref(), &opened_out, &out))
            .map_err(TableError::Read)?;
        let opened = opened_in
            .recv()
            .unwrap_or_else(|_| Err(TableError::Workbook("its parts make no sense together".to_owned())))?;
        let batch = Vec::new().into_iter();
        let mut excel = Self { batches, parser: Some(parser), batch, position, last_row: 0 };
        let first = excel.advance()?.ok_or(TableError::Empty)?;
        notes.push(match opened.others.as_slice() {
            [] => format!("Excel, sheet {:?}", opened.sheet),
            others => format!("Excel, sheet {:?}; the others are {}", opened.sheet, list(others)),
        });
        let header = header(first, notes)?;
        Ok((excel, header))
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// The next row that is not blank.
    pub(super) fn next_row(&mut self, header: &Header) -> Result<Option<Row>, TableError> {
        Ok(self.advance()?.map(|row| row.under(header)))
    }

    fn advance(&mut self) -> Result<Option<SheetRow>, TableError> {
        loop {
            if let Some(row) = self.batch.next() {
                self.last_row = row.number;
                return Ok(Some(row));
            }
            match self.batches.recv() {
                Ok(batch) => self.batch = batch?.into_iter(),
                // The thread has ended.
                Err(_) => {
                    return match self.parser.take().map(thread::JoinHandle::join) {
                        Some(Err(_)) => Err(TableError::Damaged {
                            row: self.last_row,
                            why: "what follows makes no sense".to_owned(),
                        }),
                        _ => Ok(None),
                    };
                }
            }
        }
    }
}

fn header(mut first: SheetRow, notes: &mut Vec<String>) -> Result<Header, TableError> {
    let place = format!("row {}", first.number);
    let width = first.cells.keys().next_back().map_or(0, |last| *last as usize + 1);
    if width > MAX_COLUMNS {
        return Err(TableError::Header { place, faults: vec![too_many(width)] });
    }
    let mut faults = Vec::new();
    let cells: Vec<_> = (0..=u32::MAX)
        .take(width)
        .map(|column| match first.cells.remove(&column) {
            None => String::new(),
            Some(Ok(name)) => restore(&name).to_owned(),
            Some(Err(why)) => {
                faults.push(format!("cell {}{} {why}", letters(column), first.number));
                String::new()
            }
        })
        .collect();
    let name_place = |at| letters(u32::try_from(at).unwrap_or(u32::MAX));
    let header = Header::new(place, &cells, faults, name_place, notes)?;
    Ok(header.on_line(first.number))
}

impl SheetRow {
    /// The row as one under `header`.
    fn under(mut self, header: &Header) -> Row {
        let at = |column: u32| format!("cell {}{}", letters(column), self.number);
        let width = header.width();
        let beyond = self.cells.keys().next_back().filter(|last| **last as usize >= width);
        let mut fault = beyond.map(|last| {
            format!("{} is not empty, but the header has no column {}", at(*last), letters(*last))
        });
        let mut cells = Vec::with_capacity(header.places().len());
        for &place in header.places() {
            let column = u32::try_from(place).unwrap_or(u32::MAX);
            let (text, wrong) = match self.cells.remove(&column) {
                None => (String::new(), None),
                Some(Ok(text)) => {
                    let nul = text.contains('\0').then(|| "holds a NUL character".to_owned());
                    (text, nul)
                }
                Some(Err(why)) => (String::new(), Some(why)),
            };
            if let (None, Some(why)) = (&fault, wrong) {
                fault = Some(format!("cell {}{} {why}", letters(column), self.number));
            }
            cells.push(text);
        }
        Row { line: self.number, cells, fault }
    }
}

/// What the thread does: opens the workbook, says so, and sends rows until they end or nobody wants them.
fn parse(
    file: BufReader<Positioned>,
    compound: bool,
    sheet: Option<&str>,
    opened: &SyncSender<Result<Opened, TableError>>,
    out: &SyncSender<Result<Vec<SheetRow>, TableError>>,
) {
    let workbook = Xlsx::new(file).map_err(|error| match error {
        XlsxError::Password => TableError::Protected,
        _ if compound => TableError::OldExcel,
        other => broken(other),
    });
    let chosen = workbook.and_then(|workbook| Ok((choose(&workbook, sheet)?, workbook)));
    // Whom a send does not reach, an error does not concern.
    let (name, mut workbook) = match chosen {
        Ok((choice, workbook)) => {
            let name = choice.sheet.clone();
            let _ = opened.send(Ok(choice));
            (name, workbook)
        }
        Err(error) => {
            let _ = opened.send(Err(error));
            return;
        }
    };
    let mut batch = Vec::new();
    if let Err(error) = send_rows(&mut workbook, &name, &mut batch, out) {
        let _ = out.send(Ok(batch));
        let _ = out.send(Err(error));
    }
}

/// The sheet to read: the one that is asked for, or the first that people see.
fn choose(workbook: &Xlsx<BufReader<Positioned>>, wanted: Option<&str>) -> Result<Opened, TableError> {
    let sheets: Vec<_> =
        workbook.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet).collect();
    let names: Vec<_> = sheets.iter().map(|sheet| sheet.name.clone()).collect();
    let chosen = match wanted {
        // Excel allows no two names that differ in case alone.
        Some(wanted) => {
            let lower = wanted.to_lowercase();
            let exact = names.iter().position(|name| name == wanted);
            exact.or_else(|| names.iter().position(|name| name.to_lowercase() == lower)).ok_or_else(|| {
                let hint = did_you_mean(wanted, names.iter().map(String::as_str))
                    .map_or_else(|| ".".to_owned(), |close| format!("; did you mean {close:?}?"));
                TableError::Sheet { wanted: wanted.to_owned(), hint, sheets: list(&names) }
            })?
        }
        None => sheets.iter().position(|sheet| sheet.visible == SheetVisible::Visible).unwrap_or(0),
    };
    let mut others = names;
    if chosen >= others.len() {
        return Err(TableError::Workbook("it has no sheet".to_owned()));
    }
    let sheet = others.remove(chosen);
    Ok(Opened { sheet, others })
}

fn send_rows(
    workbook: &mut Xlsx<BufReader<Positioned>>,
    sheet: &str,
    batch: &mut Vec<SheetRow>,
    out: &SyncSender<Result<Vec<SheetRow>, TableError>>,
) -> Result<(), TableError> {
    let mut cells = workbook.worksheet_cells_reader(sheet).map_err(broken)?;
    let mut batch_bytes = 0;
    let mut row = SheetRow::default();
    loop {
        let cell = cells.next_cell().map_err(|error| match error {
            XlsxError::Io(error) => TableError::Read(error),
            other => TableError::Damaged { row: row.number, why: other.to_string() },
        })?;
        let number = cell.as_ref().map(|cell| u64::from(cell.get_position().0) + 1);
        if number != Some(row.number) {
            let next = SheetRow { number: number.unwrap_or(0), ..SheetRow::default() };
            let done = std::mem::replace(&mut row, next);
            if !done.is_blank() {
                batch_bytes += done.bytes;
                batch.push(done);
            }
            if number.is_none() || batch.len() >= BATCH_ROWS || batch_bytes >= BATCH_BYTES {
                batch_bytes = 0;
                if out.send(Ok(std::mem::take(batch))).is_err() {
                    return Ok(());
                }
            }
        }
        let Some(cell) = cell else { return Ok(()) };
        row.take(cell.get_position().1, cell.get_value())?;
    }
}

impl SheetRow {
    fn take(&mut self, column: u32, value: &DataRef<'_>) -> Result<(), TableError> {
        let text = show(value);
        if text.as_ref().is_ok_and(String::is_empty) {
            return Ok(());
        }
        // A cell takes room even if it is short.
        self.bytes += text.as_ref().map_or(0, String::len) as u64 + 1;
        if self.bytes > MAX_ROW {
            return Err(TableError::SheetRowTooLong { row: self.number });
        }
        self.cells.insert(column, text);
        Ok(())
    }

    fn is_blank(&self) -> bool {
        self.cells.values().all(|cell| cell.as_ref().is_ok_and(|text| text.trim().is_empty()))
    }
}

/// The text that a cell means, or why it means none.
fn show(value: &DataRef<'_>) -> Result<String, String> {
    match value {
        DataRef::Empty => Ok(String::new()),
        DataRef::String(text) => Ok(text.clone()),
        DataRef::SharedString(text) => Ok((*text).to_owned()),
        DataRef::Int(number) => Ok(number.to_string()),
        // Adding zero makes -0 a 0.
        DataRef::Float(number) => Ok((number + 0.0).to_string()),
        DataRef::Bool(value) => Ok(value.to_string()),
        DataRef::DateTime(time) => show_time(*time),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Ok(show_iso(text).to_owned()),
        DataRef::Error(error) => Err(format!("is {error}; correct its formula")),
    }
}

/// In ISO 8601: a date if the time is midnight, a time if there is no day, otherwise both. A span (`[h]:mm:ss`) is shown
/// in hours, of which there may be more than a day has.
fn show_time(time: ExcelDateTime) -> Result<String, String> {
    let value = time.as_f64();
    if !value.is_finite() || value.abs() >= DAYS || (value < 0.0 && !time.is_duration()) {
        return Err(format!("is no date that Excel knows ({value})"));
    }
    if time.is_duration() {
        let sign = if value < 0.0 { "-" } else { "" };
        // The fraction of a day that Excel writes is rounded: what is meant is within a millisecond.
        #[expect(clippy::cast_possible_truncation, reason = "less than 10,000 years in milliseconds")]
        let all = (value.abs() * MILLISECONDS_A_DAY).round() as u64;
        let (seconds, fraction) = (all / 1_000, all % 1_000);
        return Ok(format!("{sign}{}", clock(seconds / 3600, seconds / 60 % 60, seconds % 60, fraction)));
    }
    let (year, month, day, hour, minute, second, fraction) = time.to_ymd_hms_milli();
    let clock = clock(hour.into(), minute.into(), second.into(), fraction.into());
    if value < 1.0 {
        return Ok(clock);
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    Ok(if clock == "00:00:00" { date } else { format!("{date}T{clock}") })
}

fn clock(hours: u64, minutes: u64, seconds: u64, milliseconds: u64) -> String {
    let fraction = if milliseconds == 0 { String::new() } else { format!(".{milliseconds:03}") };
    format!("{hours:02}:{minutes:02}:{seconds:02}{fraction}")
}

/// A time that is ISO 8601 already, without a time of day that says nothing.
fn show_iso(text: &str) -> &str {
    let text = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
        _ => text,
    };
    text.strip_suffix("T00:00:00").unwrap_or(text)
}

/// What Excel calls the column, counted from 0: A to Z, AA and so on.
fn letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = u64::from(column) + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(rest % 26) as usize]));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

fn broken(error: XlsxError) -> TableError {
    match error {
        XlsxError::Io(error) => TableError::Read(error),
        other => TableError::Workbook(other.to_string()),
    }
}

/// A file that lets others know where it is read.
struct Positioned {
    inner: File,
    offset: u64,
    position: Arc<AtomicU64>,
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.offset += count as u64;
        self.position.store(self.offset, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Positioned {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.offset = self.inner.seek(to)?;
        Ok(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType;

    use super::*;

    #[test]
    fn columns_have_letters() {
        for (column, expected) in
            [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")]
        {
            assert_eq!(letters(column), expected);
        }
        letters(u32::MAX);
    }

    #[test]
    fn times_are_iso_8601() {
        let time = |value, kind| show_time(ExcelDateTime::new(value, kind, false));
        for (value, expected) in [
            (46387.0, "2026-12-31"),
            (46387.7708333333, "2026-12-31T18:30:00"),
            (0.770833333333333, "18:30:00"),
            (0.0, "00:00:00"),
            (45943.541, "2025-10-13T12:59:02.400"),
        ] {
            assert_eq!(time(value, ExcelDateTimeType::DateTime).unwrap(), expected);
        }
        for (value, expected) in [(1.5, "36:00:00"), (-0.25, "-06:00:00")] {
            assert_eq!(time(value, ExcelDateTimeType::TimeDelta).unwrap(), expected);
        }
        for value in [-1.0, 1e300, f64::NAN, f64::INFINITY] {
            assert!(time(value, ExcelDateTimeType::DateTime).is_err());
        }
        for (text, expected) in [
            ("2026-12-31T00:00:00", "2026-12-31"),
            ("2026-12-31T00:00:00.000", "2026-12-31"),
            ("2026-12-31T18:30:00.5", "2026-12-31T18:30:00.5"),
        ] {
            assert_eq!(show_iso(text), expected);
        }
    }
}
