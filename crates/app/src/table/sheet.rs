//! The rows of a sheet, as the sheet shows them.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use quick_xml::events::{BytesStart, Event};

use super::error::TableError;
use super::number_format::NumberFormat;
use super::options::MAX_ROW;
use super::workbook::{Context, Part, read_rich_text, unescape};
use super::xml::{Broken, attribute, is_true};

const MILLISECONDS_A_DAY: f64 = 86_400_000.0;
/// Excel counts no further than 9999-12-31 (from 1900).
const DAYS: f64 = 2_958_466.0;
/// The days from 1899-12-30 to 1904-01-01, and from 1899-12-30 to 1970-01-01.
const DAYS_TO_1904: i64 = 1_462;
const DAYS_TO_1970: i64 = 25_569;
/// The maximum numbers of rows and columns of a sheet.
const MAX_SHEET_ROWS: u64 = 1_048_576;
const MAX_SHEET_COLUMNS: u32 = 16_384;

/// A row of a sheet.
#[derive(Debug, Default)]
pub(super) struct SheetRow {
    /// From 1.
    pub(super) number: u64,
    pub(super) is_hidden: bool,
    /// By column, counted from 0: what is not empty, or why it is no text.
    pub(super) cells: BTreeMap<u32, Result<String, CellFault>>,
    pub(super) bytes: u64,
}

/// The reason why a cell is no text.
#[derive(Debug)]
pub(super) struct CellFault {
    /// The rest of a sentence whose subject is the cell.
    pub(super) why: String,
    /// The text that the sheet shows in the cell, such as `#N/A`; empty if the file does not say.
    pub(super) shown: String,
}

impl From<String> for CellFault {
    fn from(why: String) -> Self {
        Self { why, shown: String::new() }
    }
}

impl SheetRow {
    pub(super) fn is_blank(&self) -> bool {
        self.cells.values().all(|cell| cell.as_ref().is_ok_and(|text| text.trim().is_empty()))
    }

    fn insert(&mut self, column: u32, text: Result<String, CellFault>) -> Result<(), TableError> {
        if text.as_ref().is_ok_and(String::is_empty) {
            return Ok(());
        }
        // A cell takes room even if it is short.
        self.bytes += text.as_ref().map_or_else(|fault| fault.shown.len(), String::len) as u64 + 1;
        if self.bytes > MAX_ROW {
            return Err(TableError::SheetRowTooLong { row: self.number });
        }
        self.cells.insert(column, text);
        Ok(())
    }
}

/// Reads the rows of a sheet one by one.
pub(super) struct SheetReader<'a, R: Read + Seek> {
    xml: Part<'a, R>,
    context: &'a Context,
    /// The row that was read last.
    row: u64,
    hidden_columns: Vec<(u32, u32)>,
    merged: Merged,
    text: String,
}

/// The ranges of merged cells.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) count: u64,
    /// The first of them, such as `A1:C1`.
    pub(super) first: Vec<String>,
}

/// The column, type and style of a cell.
struct CellKind {
    column: u32,
    kind: String,
    style: usize,
}

/// The elements inside a cell.
#[derive(Default)]
struct CellValue {
    value: Option<String>,
    inline: Option<String>,
    has_formula: bool,
}

impl<'a, R: Read + Seek> SheetReader<'a, R> {
    /// Reads what stands before the rows.
    pub(super) fn new(xml: Part<'a, R>, context: &'a Context) -> Result<Self, Broken> {
        let mut sheet = Self {
            xml,
            context,
            row: 0,
            hidden_columns: Vec::new(),
            merged: Merged::default(),
            text: String::new(),
        };
        loop {
            match sheet.xml.next()? {
                Event::Start(start) => match start.local_name().as_ref() {
                    "sheetData" => return Ok(sheet),
                    "col" => {
                        let number = |name| -> Result<Option<u32>, Broken> {
                            Ok(attribute(&start, name)?.and_then(|number| number.parse().ok()))
                        };
                        if let (Some(first), Some(last)) = (number("min")?, number("max")?)
                            && is_hidden(&start, "width")?
                            && sheet.hidden_columns.len() < MAX_SHEET_COLUMNS as usize
                        {
                            sheet.hidden_columns.push((first.saturating_sub(1), last.saturating_sub(1)));
                        }
                    }
                    _ => {}
                },
                Event::Eof => return Err(Broken::damaged("the sheet has no rows")),
                _ => {}
            }
        }
    }

    /// The columns that are hidden: the first and the last of each run, counted from 0.
    pub(super) fn hidden_columns(&self) -> &[(u32, u32)] {
        &self.hidden_columns
    }

    /// The ranges of merged cells, once the rows have ended.
    pub(super) fn merged(&self) -> &Merged {
        &self.merged
    }

    /// The next row, blank ones included.
    pub(super) fn next_row(&mut self) -> Result<Option<SheetRow>, TableError> {
        let last = self.row;
        let damaged = |error: Broken| error.after_row(last);
        let row = loop {
            match self.xml.next().map_err(damaged)? {
                Event::Start(start) if start.local_name().as_ref() == "row" => {
                    break Some(row_start(&start, last).map_err(damaged)?);
                }
                Event::End(end) if end.local_name().as_ref() == "sheetData" => break None,
                Event::Eof => return Err(damaged(Broken::damaged("it ends too early"))),
                _ => {}
            }
        };
        let Some(row) = row else {
            self.end().map_err(damaged)?;
            return Ok(None);
        };
        self.row = row.number;
        self.cells(row, last).map(Some)
    }

    fn cells(&mut self, mut row: SheetRow, last: u64) -> Result<SheetRow, TableError> {
        let damaged = |error: Broken| error.after_row(last);
        let mut next_column = 0;
        loop {
            let cell = match self.xml.next().map_err(damaged)? {
                Event::Start(start) if start.local_name().as_ref() == "c" => {
                    Some(cell_start(&start, row.number, next_column).map_err(damaged)?)
                }
                Event::Start(_) => None,
                Event::End(_) => return Ok(row),
                Event::Eof => return Err(damaged(Broken::damaged("it ends too early"))),
                _ => continue,
            };
            let Some(cell) = cell else {
                self.xml.skip().map_err(damaged)?;
                continue;
            };
            next_column = cell.column + 1;
            if row.cells.contains_key(&cell.column) {
                let why = format!("cell {}{} is there twice", letters(cell.column), row.number);
                return Err(damaged(Broken::Damaged(why)));
            }
            let value = self.read_value().map_err(damaged)?;
            row.insert(cell.column, self.show(&cell, value))?;
        }
    }

    /// Reads the elements inside a cell.
    fn read_value(&mut self) -> Result<CellValue, Broken> {
        let mut read = CellValue::default();
        loop {
            let name = match self.xml.next()? {
                Event::Start(start) => start.local_name().as_ref().to_owned(),
                Event::End(_) => return Ok(read),
                Event::Eof => return Err(Broken::damaged("it ends too early")),
                _ => continue,
            };
            match name.as_str() {
                "v" => {
                    self.xml.read_text(&mut self.text)?;
                    read.value = Some(std::mem::take(&mut self.text));
                }
                "is" => {
                    read_rich_text(&mut self.xml, &mut self.text)?;
                    read.inline = Some(std::mem::take(&mut self.text));
                }
                "f" => {
                    read.has_formula = true;
                    self.xml.skip()?;
                }
                _ => self.xml.skip()?,
            }
        }
    }

    /// Shows the text that a cell means.
    ///
    /// # Errors
    ///
    /// If it means none.
    fn show(&self, cell: &CellKind, read: CellValue) -> Result<String, CellFault> {
        let CellValue { value, inline, has_formula } = read;
        let general = NumberFormat::General;
        let format = self.context.formats.get(cell.style).unwrap_or(&general);
        let not_calculated = || {
            "is a formula without a stored value; open the workbook in a spreadsheet program and save it"
                .to_owned()
        };
        let text = value.as_deref().unwrap_or_default();
        let is_text = matches!(cell.kind.as_str(), "str" | "inlineStr");
        if has_formula && (value.is_none() || (text.is_empty() && !is_text)) && inline.is_none() {
            return Err(not_calculated().into());
        }
        if cell.kind == "e" {
            let shown = text.trim().to_owned();
            return Err(CellFault { why: format!("is {shown}; correct its formula"), shown });
        }
        let shown = match cell.kind.as_str() {
            "inlineStr" => Ok(inline.unwrap_or_default()),
            "s" if text.trim().is_empty() => Ok(String::new()),
            "s" => {
                let number = text.trim().parse().ok();
                match number.and_then(|number| self.context.texts.get(number)) {
                    Some(shared) => Ok(shared.to_owned()),
                    None => {
                        Err(format!("refers to text {:?}, which the workbook does not have", text.trim()))
                    }
                }
            }
            "str" => {
                let mut meant = String::new();
                unescape(text, &mut meant);
                Ok(meant)
            }
            "b" => match text.trim() {
                "1" | "true" => Ok("true".to_owned()),
                "0" | "false" => Ok("false".to_owned()),
                "" => Ok(String::new()),
                other => Err(format!("holds {other:?}, which is neither true nor false")),
            },
            "d" => Ok(show_iso(text.trim()).to_owned()),
            // A program that calculates nothing writes 0.
            _ if has_formula && self.context.is_uncalculated && text.trim() == "0" => Err(not_calculated()),
            _ => show_number(text.trim(), format, self.context.is_1904),
        };
        shown.map_err(CellFault::from)
    }

    /// Reads what follows the rows.
    fn end(&mut self) -> Result<(), Broken> {
        loop {
            match self.xml.next()? {
                Event::Start(start) if start.local_name().as_ref() == "mergeCell" => {
                    let range = attribute(&start, "ref")?.unwrap_or_default();
                    self.merged.count += 1;
                    if self.merged.first.len() < TOLD {
                        self.merged.first.push(range);
                    }
                }
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }
}

/// The number of ranges of merged cells that a note lists.
const TOLD: usize = 3;

/// Whether a row or column is hidden, by hand, by a filter or since it has no size.
fn is_hidden(start: &BytesStart<'_>, size: &str) -> Result<bool, Broken> {
    let size = attribute(start, size)?.and_then(|size| size.parse::<f64>().ok());
    Ok(is_true(attribute(start, "hidden")?.as_deref()) || size.is_some_and(|size| size <= 0.0))
}

fn row_start(start: &BytesStart<'_>, last: u64) -> Result<SheetRow, Broken> {
    let number = match attribute(start, "r")? {
        None => last + 1,
        Some(number) => number
            .parse()
            .ok()
            .filter(|number| (1..=MAX_SHEET_ROWS).contains(number))
            .ok_or_else(|| Broken::Damaged(format!("there can be no row {number:?}")))?,
    };
    if number <= last {
        return Err(Broken::Damaged(format!("row {number} follows row {last}")));
    }
    Ok(SheetRow { number, is_hidden: is_hidden(start, "ht")?, ..SheetRow::default() })
}

fn cell_start(start: &BytesStart<'_>, row: u64, next_column: u32) -> Result<CellKind, Broken> {
    let column = match attribute(start, "r")? {
        None => next_column,
        Some(place) => column_of(&place, row)
            .ok_or_else(|| Broken::Damaged(format!("row {row} can have no cell {place:?}")))?,
    };
    if column >= MAX_SHEET_COLUMNS {
        return Err(Broken::Damaged(format!("row {row} has too many cells")));
    }
    Ok(CellKind {
        column,
        kind: attribute(start, "t")?.unwrap_or_default(),
        style: attribute(start, "s")?.and_then(|style| style.parse().ok()).unwrap_or(0),
    })
}

/// The column of a cell such as `AB12`, counted from 0; none if it is not in this row.
fn column_of(place: &str, row: u64) -> Option<u32> {
    let digits = place.find(|c: char| c.is_ascii_digit())?;
    let (letters, number) = place.split_at(digits);
    if letters.is_empty() || letters.len() > 3 || number.parse() != Ok(row) {
        return None;
    }
    let column = letters.bytes().try_fold(0_u32, |column, letter| {
        let letter = letter.to_ascii_uppercase();
        letter.is_ascii_uppercase().then(|| column * 26 + u32::from(letter - b'A') + 1)
    })?;
    Some(column - 1)
}

/// Shows a number as the sheet does; dates and times in ISO 8601 instead.
fn show_number(text: &str, format: &NumberFormat, is_1904: bool) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
    let value = value.ok_or_else(|| format!("holds {text:?}, which is no number"))?;
    match format {
        NumberFormat::Date | NumberFormat::Time | NumberFormat::Span => show_time(value, format, is_1904),
        other => other.show(text, value),
    }
}

/// In ISO 8601: a date if the time is midnight, a time if there is no day, otherwise both. A span (`[h]:mm:ss`) is
/// shown in hours, of which there may be more than a day has.
fn show_time(value: f64, format: &NumberFormat, is_1904: bool) -> Result<String, String> {
    let is_span = *format == NumberFormat::Span;
    let no_date = || format!("is no date that Excel knows ({value})");
    if !value.is_finite() || value.abs() >= DAYS || (value < 0.0 && !is_span) {
        return Err(no_date());
    }
    // The fraction of a day that Excel writes is rounded: what is meant is within a millisecond.
    #[expect(clippy::cast_possible_truncation, reason = "less than 10,000 years in milliseconds")]
    let all = (value.abs() * MILLISECONDS_A_DAY).round() as i64;
    let (seconds, fraction) = (all / 1_000, all % 1_000);
    if is_span {
        let sign = if value < 0.0 { "-" } else { "" };
        return Ok(format!("{sign}{}", clock(seconds / 3600, seconds / 60 % 60, seconds % 60, fraction)));
    }
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let clock = clock(second / 3600, second / 60 % 60, second % 60, fraction);
    let days = match (days, is_1904, format) {
        (0, false, NumberFormat::Date) if all == 0 => return Err(no_date()),
        (0, false, _) | (0, true, NumberFormat::Time) => return Ok(clock),
        (days, true, _) => days + DAYS_TO_1904,
        // Excel takes 1900 for a leap year.
        (60, false, _) => return Err("is 1900-02-29, which was no day".to_owned()),
        (days @ 1..60, false, _) => days + 1,
        (days, false, _) => days,
    };
    let (year, month, day) = civil(days - DAYS_TO_1970);
    if year > 9999 {
        return Err(no_date());
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    Ok(if clock == "00:00:00" { date } else { format!("{date}T{clock}") })
}

/// Year, month and day of a day counted from 1970-01-01.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn clock(hours: i64, minutes: i64, seconds: i64, milliseconds: i64) -> String {
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

/// Excel's name of the column, counted from 0: A to Z, AA and so on.
pub(super) fn letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = u64::from(column) + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(rest % 26) as usize]));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters() {
        for (column, expected) in
            [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")]
        {
            assert_eq!(letters(column), expected);
            assert_eq!(column_of(&format!("{expected}7"), 7), Some(column));
        }
        letters(u32::MAX);
        for place in ["A8", "7", "AAAA7", "a-7", "7A", "Ä7", ""] {
            assert_eq!(column_of(place, 7), None, "{place}");
        }
    }

    #[test]
    fn times_are_iso_8601() {
        use NumberFormat::{Date, Span, Time};
        for (value, format, expected) in [
            (46387.0, Date, "2026-12-31"),
            (46387.7708333333, Date, "2026-12-31T18:30:00"),
            (46387.7708333333, Time, "2026-12-31T18:30:00"),
            (46387.999999995, Date, "2027-01-01"),
            (0.770833333333333, Time, "18:30:00"),
            (0.770833333333333, Date, "18:30:00"),
            (0.0, Time, "00:00:00"),
            (45943.541, Date, "2025-10-13T12:59:02.400"),
            (1.0, Date, "1900-01-01"),
            (59.0, Date, "1900-02-28"),
            (61.0, Date, "1900-03-01"),
            (2958465.0, Date, "9999-12-31"),
            (1.5, Span, "36:00:00"),
            (-0.25, Span, "-06:00:00"),
        ] {
            assert_eq!(show_time(value, &format, false).as_deref(), Ok(expected), "{value}");
        }
        for (value, expected) in
            [(0.0, "1904-01-01"), (44925.0, "2026-12-31"), (44925.5, "2026-12-31T12:00:00")]
        {
            assert_eq!(show_time(value, &Date, true).as_deref(), Ok(expected), "{value}");
        }
        for value in [-1.0, 0.0, 60.0, 2958466.0, 1e300, f64::NAN, f64::INFINITY] {
            show_time(value, &Date, false).unwrap_err();
        }
        show_time(2958465.0, &Date, true).unwrap_err();
        for (text, expected) in [
            ("2026-12-31T00:00:00", "2026-12-31"),
            ("2026-12-31T00:00:00.000", "2026-12-31"),
            ("2026-12-31T18:30:00.5", "2026-12-31T18:30:00.5"),
        ] {
            assert_eq!(show_iso(text), expected);
        }
    }
}
