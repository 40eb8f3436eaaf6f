//! Which line of a file a CSV record starts on. The parser's own count lags behind by a line where lines end in CR LF
//! and where blank lines are skipped, so the line breaks are noted as the bytes go by. So is whether a quotation mark is
//! still open at the end: the parser takes whatever follows it for one cell, and says nothing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

/// What stands between cells, and around them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    pub(crate) delimiter: u8,
    pub(crate) quote: u8,
}

impl Marks {
    /// Those of CSV as everybody writes it.
    pub(crate) const COMMON: Self = Self { delimiter: b',', quote: b'"' };
}

/// Where in a cell a byte is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// At its beginning.
    #[default]
    Start,
    /// Somewhere in a cell without quotes, or after those.
    Bare,
    /// Within quotes.
    Quoted,
    /// After what closes them, unless it stands for itself.
    Closed,
}

impl Place {
    fn after(self, byte: u8, marks: Marks) -> Self {
        match self {
            Self::Quoted if byte == marks.quote => Self::Closed,
            Self::Quoted => Self::Quoted,
            Self::Start | Self::Closed if byte == marks.quote => Self::Quoted,
            _ if byte == marks.delimiter || matches!(byte, b'\r' | b'\n') => Self::Start,
            _ => Self::Bare,
        }
    }
}

/// The line breaks between the record that was last asked for and what has been read.
#[derive(Debug, Default)]
struct Breaks {
    /// Offset of a CR or LF, and whether it ends a line.
    ahead: VecDeque<(u64, bool)>,
    /// Lines that ended before the first of them.
    lines: u64,
    /// The offset of the end, if a quotation mark is open there.
    open_end: Option<u64>,
}

impl Breaks {
    fn pass(&mut self) {
        if let Some((_, ends)) = self.ahead.pop_front() {
            self.lines += u64::from(ends);
        }
    }
}

/// A reader that notes line breaks.
pub(crate) struct Noted<R> {
    inner: R,
    end: u8,
    /// None where there are no quotes.
    marks: Option<Marks>,
    place: Place,
    offset: u64,
    breaks: Rc<RefCell<Breaks>>,
}

/// Answers which line an offset is on. Offsets must be asked for in order.
pub(crate) struct Lines(Rc<RefCell<Breaks>>);

/// Notes the line breaks of `inner`, a CSV text in the common form whose lines end in LF or CR LF.
pub(crate) fn note_lines<R: Read>(inner: R) -> (Noted<R>, Lines) {
    note_lines_ending(inner, b'\n', Some(Marks::COMMON))
}

/// Notes the line breaks of `inner`, whose lines end in `end`: LF (or CR LF), or CR alone as on old Macs.
pub(crate) fn note_lines_ending<R: Read>(inner: R, end: u8, marks: Option<Marks>) -> (Noted<R>, Lines) {
    let breaks = Rc::new(RefCell::new(Breaks::default()));
    let noted = Noted { inner, end, marks, place: Place::default(), offset: 0, breaks: breaks.clone() };
    (noted, Lines(breaks))
}

impl<R: Read> Read for Noted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let mut breaks = self.breaks.borrow_mut();
        for (offset, byte) in (self.offset..).zip(&buffer[..count]) {
            if matches!(byte, b'\r' | b'\n') {
                breaks.ahead.push_back((offset, *byte == self.end));
            }
        }
        if let Some(marks) = self.marks {
            let place = |place: Place, byte: &u8| place.after(*byte, marks);
            self.place = buffer[..count].iter().fold(self.place, place);
        }
        self.offset += count as u64;
        if count == 0 && !buffer.is_empty() && self.place == Place::Quoted {
            breaks.open_end = Some(self.offset);
        }
        Ok(count)
    }
}

/// What is told of a row in which that is so.
pub(crate) const NEVER_CLOSED: &str = "a quotation mark is opened and never closed";

impl Lines {
    /// Whether the text ends at this offset, within quotes.
    pub(crate) fn is_open_at(&self, offset: u64) -> bool {
        self.0.borrow().open_end == Some(offset)
    }

    /// The line, counted from 1, on which the record starts that follows `offset`, where line breaks may come first.
    pub(crate) fn after(&self, offset: u64) -> u64 {
        self.place_after(offset).0
    }

    /// As [`Lines::after`], and the offset at which that record starts.
    pub(crate) fn place_after(&self, mut offset: u64) -> (u64, u64) {
        let mut breaks = self.0.borrow_mut();
        while breaks.ahead.front().is_some_and(|(at, _)| *at < offset) {
            breaks.pass();
        }
        while breaks.ahead.front().is_some_and(|(at, _)| *at == offset) {
            breaks.pass();
            offset += 1;
        }
        (breaks.lines + 1, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_on_their_lines() {
        for (text, expected) in [
            ("a\nb\nc", vec![1, 2, 3]),
            ("a\r\nb\r\nc\r\n", vec![1, 2, 3]),
            ("a\n\n\nb\n\nc\n", vec![1, 4, 6]),
            ("\r\n\r\na\r\n\"b\r\nb\",x\r\nc", vec![3, 4, 6]),
            ("\n", vec![]),
        ] {
            let (noted, lines) = note_lines(text.as_bytes());
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(noted);
            let mut record = csv::ByteRecord::new();
            let mut found = Vec::new();
            while reader.read_byte_record(&mut record).unwrap() {
                found.push(lines.after(record.position().unwrap().byte()));
            }
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn a_quotation_mark_that_is_never_closed_is_noted_with_the_record_that_it_is_in() {
        for (text, open) in [
            ("a,b\n\"c\",d\n", vec![false, false]),
            ("a,b\nc,\"d\n", vec![false, true]),
            ("a\n\"b\n\nc", vec![false, true]),
            ("a\n\"b \"\" c\"\n", vec![false, false]),
            ("a\n\"b \"\"", vec![false, true]),
            ("a\n5\" disk\n", vec![false, false]),
            ("a\n\"b\"c\"\n", vec![false, false]),
            ("\"", vec![true]),
        ] {
            let (noted, lines) = note_lines(text.as_bytes());
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(noted);
            let mut record = csv::ByteRecord::new();
            let mut found = Vec::new();
            while reader.read_byte_record(&mut record).unwrap() {
                found.push(lines.is_open_at(reader.position().byte()));
            }
            assert_eq!(found, open, "{text:?}");
        }
    }
}
