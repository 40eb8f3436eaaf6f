//! The records of a CSV text as RFC 4180 defines them, each with what is wrong with its quotation marks.
//!
//! Other parsers forgive text after a closing quotation mark. One stray mark then makes one cell of hundreds
//! of rows, without any message. Here such a record ends with its first line, and the next record starts on
//! the next line.

use std::fmt;
use std::io::Read;

use super::error::TableError;
use super::options::MAX_ROW;
use super::sniff::Dialect;

/// The number of bytes read at a time.
const CHUNK: usize = 8 * 1024;
/// The number of lines within one cell that must look like rows before they are taken for rows.
const SUSPICIOUS_LINES: usize = 3;

/// Reads the records of a text one by one; memory holds one of them.
pub(super) struct Records<R> {
    source: R,
    dialect: Dialect,
    /// The byte that ends a line: LF (or CR LF), or CR alone as on old Macs.
    line_end: u8,
    buffer: Vec<u8>,
    /// Where in the buffer the next record starts.
    start: usize,
    is_at_end: bool,
    /// The line on which the next record starts, from 1.
    line: u64,
    /// The number of cells per row, once the header is known.
    width: Option<usize>,
}

/// One record of a text.
#[derive(Debug, Default, Clone)]
pub(super) struct Record {
    /// The line on which it starts, from 1.
    pub(super) line: u64,
    /// The cells without their quotation marks. Of a record that is flawed, what could be told of its first line.
    pub(super) cells: csv::ByteRecord,
    pub(super) flaw: Option<Flaw>,
}

/// A fault in the quotation marks of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// None follows that could close the cell.
    NeverClosed,
    /// Text follows the mark that closes the cell, on the same line.
    TextAfter,
    /// Text follows the next mark, on this later line.
    TextAfterOnLine(u64),
    /// The lines up to this one look like rows and are in one cell.
    Swallows(u64),
    /// A mark within quotes is written as `\"`.
    Backslash,
    /// A blank stands before the opening mark.
    BlankBefore,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverClosed => f.write_str("a quotation mark is opened and never closed"),
            Self::TextAfter => f.write_str(
                "text follows a closing quotation mark; within quotes, write each quotation mark twice",
            ),
            Self::TextAfterOnLine(line) => write!(
                f,
                "a quotation mark is opened and not closed: the next one, on line {line}, is followed by text"
            ),
            Self::Swallows(line) => write!(
                f,
                "a quotation mark is opened and not closed: up to line {line}, rows would be part of one cell"
            ),
            Self::Backslash => f.write_str(
                "a quotation mark is written with a backslash before it; within quotes, write it twice",
            ),
            Self::BlankBefore => f.write_str("a blank stands before an opening quotation mark; remove it"),
        }
    }
}

/// A record at the start of some bytes.
struct Parsed {
    /// The record's length in bytes, without the line break behind it.
    length: usize,
    flaw: Option<Flaw>,
    /// Where the flaw shows.
    flaw_at: usize,
}

impl<R: Read> Records<R> {
    pub(super) fn new(source: R, dialect: Dialect, line_end: u8) -> Self {
        Self {
            source,
            dialect,
            line_end,
            buffer: Vec::new(),
            start: 0,
            is_at_end: false,
            line: 1,
            width: None,
        }
    }

    /// Says how many cells the rows have, so that rows within a cell can be told.
    pub(super) fn expect_width(&mut self, width: usize) {
        self.width = Some(width);
    }

    /// Reads the next record that is not a blank line into `record`; false at the end of the text.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or if a line is longer than a row may be.
    pub(super) fn read(&mut self, record: &mut Record) -> Result<bool, TableError> {
        record.flaw = None;
        loop {
            self.skip_blank_lines();
            record.line = self.line;
            let rest = &self.buffer[self.start..];
            if rest.is_empty() && self.is_at_end {
                return Ok(false);
            }
            let parsed = if rest.is_empty() {
                None
            } else {
                self.dialect.parse(rest, self.is_at_end, &mut record.cells)
            };
            let limit = usize::try_from(MAX_ROW).unwrap_or(usize::MAX);
            let is_too_long = parsed.as_ref().map_or(rest.len(), |parsed| parsed.length) > limit;
            if parsed.is_none() && !is_too_long {
                self.fill().map_err(TableError::Read)?;
                continue;
            }
            let first_line = rest.iter().position(|byte| *byte == self.line_end);
            let parsed = match (parsed, first_line) {
                (Some(parsed), _) if !is_too_long => parsed,
                // Nothing but quotes makes a record of several lines.
                (parsed, Some(end)) if end <= limit && parsed.as_ref().is_none_or(|it| it.length > end) => {
                    Parsed { length: rest.len(), flaw: Some(Flaw::NeverClosed), flaw_at: rest.len() }
                }
                _ => return Err(TableError::RowTooLong { line: self.line }),
            };
            let length = match first_line.filter(|end| *end < parsed.length) {
                Some(first_line) => self.across_lines(first_line, &parsed, record),
                None => {
                    record.flaw = parsed.flaw;
                    parsed.length
                }
            };
            self.pass(length);
            return Ok(true);
        }
    }

    /// Decides what a record of several lines is; how many bytes of it were used.
    fn across_lines(&self, first_line: usize, parsed: &Parsed, record: &mut Record) -> usize {
        let rest = &self.buffer[self.start..];
        let all = &rest[..parsed.length];
        let line_of = |at: usize| self.line + self.breaks(&all[..at.min(all.len())]);
        record.flaw = match parsed.flaw {
            Some(Flaw::TextAfter) if line_of(parsed.flaw_at) > self.line => {
                Some(Flaw::TextAfterOnLine(line_of(parsed.flaw_at)))
            }
            None if self.swallows(all, record.cells.len()) => Some(Flaw::Swallows(line_of(all.len()))),
            flaw => flaw,
        };
        if record.flaw.is_none() {
            return parsed.length;
        }
        let line = &rest[..first_line];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.dialect.parse(line, true, &mut record.cells);
        first_line
    }

    /// Whether the lines within a record look like rows of their own.
    fn swallows(&self, record: &[u8], cells: usize) -> bool {
        let Some(width) = self.width.filter(|width| *width > 1) else { return false };
        let lines: Vec<_> = record.split(|byte| *byte == self.line_end).collect();
        let [_, inner @ .., _] = lines.as_slice() else { return false };
        let delimiters = |line: &[u8]| line.iter().filter(|byte| **byte == self.dialect.delimiter).count();
        let needed = if cells == width { SUSPICIOUS_LINES } else { 1 };
        inner.len() >= needed && inner.iter().all(|line| delimiters(line) + 1 == width)
    }

    fn breaks(&self, bytes: &[u8]) -> u64 {
        bytes.iter().filter(|byte| **byte == self.line_end).count() as u64
    }

    fn pass(&mut self, length: usize) {
        self.line += self.breaks(&self.buffer[self.start..self.start + length]);
        self.start += length;
    }

    fn skip_blank_lines(&mut self) {
        let rest = &self.buffer[self.start..];
        let count = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.pass(count);
    }

    fn fill(&mut self) -> std::io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let count = self.source.by_ref().take(CHUNK as u64).read_to_end(&mut self.buffer)?;
        self.is_at_end = count < CHUNK;
        Ok(())
    }
}

impl Dialect {
    /// Parses the record that `bytes` start with into `cells`; none if its end is not among them. `is_all` says that
    /// nothing follows them.
    fn parse(&self, bytes: &[u8], is_all: bool, cells: &mut csv::ByteRecord) -> Option<Parsed> {
        cells.clear();
        let mark = self.mark();
        let is_end = |byte: u8| byte == self.delimiter || matches!(byte, b'\r' | b'\n');
        let cell_end = |from: usize| {
            let found = bytes[from..].iter().position(|byte| is_end(*byte)).map(|length| from + length);
            found.or(is_all.then_some(bytes.len()))
        };
        let (mut at, mut flaw, mut flaw_at) = (0, None, 0);
        let mut ends_in_backslash = false;
        let mut quoted = Vec::new();
        loop {
            let is_quoted = mark.is_some() && bytes.get(at).copied() == mark;
            if let (true, Some(mark)) = (is_quoted, mark) {
                quoted.clear();
                at += 1;
                loop {
                    let Some(length) = bytes[at..].iter().position(|byte| *byte == mark) else {
                        if !is_all {
                            return None;
                        }
                        quoted.extend_from_slice(&bytes[at..]);
                        at = bytes.len();
                        flaw.get_or_insert(Flaw::NeverClosed);
                        break;
                    };
                    quoted.extend_from_slice(&bytes[at..at + length]);
                    at += length + 1;
                    match bytes.get(at) {
                        Some(byte) if *byte == mark => {
                            quoted.push(mark);
                            at += 1;
                        }
                        None if !is_all => return None,
                        _ => break,
                    }
                }
                let end = cell_end(at)?;
                let tail = &bytes[at..end];
                let escapes = quoted.ends_with(b"\\");
                // Blanks are harmless, and part of the cell as in a spreadsheet.
                if !tail.iter().all(|byte| matches!(byte, b' ' | b'\t')) && flaw.is_none() {
                    flaw = Some(if escapes { Flaw::Backslash } else { Flaw::TextAfter });
                    flaw_at = at;
                }
                ends_in_backslash |= escapes;
                quoted.extend_from_slice(tail);
                cells.push_field(&quoted);
                at = end;
            } else {
                let end = cell_end(at)?;
                let cell = &bytes[at..end];
                if let Some(mark) = mark.filter(|mark| cell.contains(mark)) {
                    let is_before = cell.trim_ascii_start().first() == Some(&mark);
                    let wrong = match (ends_in_backslash, is_before) {
                        (true, _) => Some(Flaw::Backslash),
                        (false, true) => Some(Flaw::BlankBefore),
                        // As in `20" rack`.
                        (false, false) => None,
                    };
                    if let (None, Some(_)) = (flaw, wrong) {
                        (flaw, flaw_at) = (wrong, at);
                    }
                }
                cells.push_field(cell);
                at = end;
            }
            match bytes.get(at) {
                Some(byte) if *byte == self.delimiter => at += 1,
                _ => return Some(Parsed { length: at, flaw, flaw_at }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Quote;
    use super::*;

    fn records(text: &str, width: Option<usize>) -> Vec<(u64, Vec<String>, Option<Flaw>)> {
        let dialect = Dialect { delimiter: b',', quote: Quote::Double, hint: false };
        let mut records = Records::new(text.as_bytes(), dialect, b'\n');
        if let Some(width) = width {
            records.expect_width(width);
        }
        let mut record = Record::default();
        let mut found = Vec::new();
        while records.read(&mut record).unwrap() {
            let cells = record.cells.iter().map(|cell| String::from_utf8_lossy(cell).into_owned());
            found.push((record.line, cells.collect(), record.flaw));
        }
        found
    }

    fn row(line: u64, cells: &[&str], flaw: Option<Flaw>) -> (u64, Vec<String>, Option<Flaw>) {
        (line, cells.iter().map(|cell| (*cell).to_owned()).collect(), flaw)
    }

    #[test]
    fn records_of_rfc_4180_have_no_flaw() {
        for (text, expected) in [
            ("a,b\r\n1,2\r\n", vec![row(1, &["a", "b"], None), row(2, &["1", "2"], None)]),
            ("\"a\nb\",\"c\"\"d\"\n\n\"\"", vec![row(1, &["a\nb", "c\"d"], None), row(4, &[""], None)]),
            ("a,\n,b", vec![row(1, &["a", ""], None), row(2, &["", "b"], None)]),
            ("20\" rack,\"x\" \n", vec![row(1, &["20\" rack", "x "], None)]),
            ("\"C:\\dir\\\",x", vec![row(1, &["C:\\dir\\", "x"], None)]),
        ] {
            assert_eq!(records(text, None), expected, "{text:?}");
        }
    }

    #[test]
    fn a_stray_quotation_mark_costs_its_row_only() {
        use Flaw::{Backslash, BlankBefore, NeverClosed, TextAfter, TextAfterOnLine};
        for (text, flaw) in [
            ("\"b\" c,d", TextAfter),
            ("\"b\"c\",d", TextAfter),
            ("\"b \\\"c\\\" d\",e", Backslash),
            ("\"b \\\", c\"", Backslash),
            ("b, \"c\"", BlankBefore),
            ("b,\"c", NeverClosed),
        ] {
            let found = records(&format!("{text}\n1,2\n"), Some(2));
            assert_eq!(found.iter().map(|row| row.2).collect::<Vec<_>>(), [Some(flaw), None], "{text}");
            assert_eq!(found[1], row(2, &["1", "2"], None), "{text}");
        }
        let found = records("u1,\"open\nu2,x\nu3,\"y\"\nu4,z\n", Some(2));
        assert_eq!(found[0], row(1, &["u1", "open"], Some(TextAfterOnLine(3))));
        assert_eq!(
            found[1..],
            [row(2, &["u2", "x"], None), row(3, &["u3", "y"], None), row(4, &["u4", "z"], None)]
        );
    }

    #[test]
    fn rows_within_a_cell_are_found() {
        // The second mark closes the cell as if nothing were wrong.
        let text = "u1,\"open\nu2,x\nu3,x\nu4,x\nu5,20\"\nu6,z\n";
        let found = records(text, Some(2));
        assert_eq!(found.len(), 6);
        assert_eq!(found[0].2, Some(Flaw::Swallows(5)));
        // An address is none.
        let text = "u1,\"Street 1\nCity\nCountry\nEarth\nSun\"\nu2,x\n";
        assert_eq!(records(text, Some(2)).iter().map(|row| row.2).collect::<Vec<_>>(), [None, None]);
        assert_eq!(records("u1,\"a\nb,c\nd\"\n", Some(2))[0].2, None);
        // Cells that are too many, and rows within one of them.
        assert_eq!(records("u1,\"a\nu2,c\nd\",e\n", Some(2))[0].2, Some(Flaw::Swallows(3)));
    }

    #[test]
    fn lines_that_are_too_long_end_it() {
        let dialect = Dialect { delimiter: b',', quote: Quote::Double, hint: false };
        let text = "x".repeat(70_000);
        let mut records = Records::new(text.as_bytes(), dialect, b'\n');
        assert!(matches!(records.read(&mut Record::default()), Err(TableError::RowTooLong { line: 1 })));
    }
}
