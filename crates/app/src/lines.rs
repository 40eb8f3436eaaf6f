//! Which line of a file a CSV record starts on. The parser's own count lags behind by a line where lines end in CR LF
//! and where blank lines are skipped, so the line breaks are noted as the bytes go by.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

/// The line breaks between the record that was last asked for and what has been read.
#[derive(Debug, Default)]
struct Breaks {
    /// Offset of a CR or LF, and whether it ends a line.
    ahead: VecDeque<(u64, bool)>,
    /// Lines that ended before the first of them.
    lines: u64,
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
    offset: u64,
    breaks: Rc<RefCell<Breaks>>,
}

/// Answers which line an offset is on. Offsets must be asked for in order.
pub(crate) struct Lines(Rc<RefCell<Breaks>>);

/// Notes the line breaks of `inner`, whose lines end in LF or CR LF.
pub(crate) fn note_lines<R: Read>(inner: R) -> (Noted<R>, Lines) {
    note_lines_ending(inner, b'\n')
}

/// Notes the line breaks of `inner`, whose lines end in `end`: LF (or CR LF), or CR alone as on old Macs.
pub(crate) fn note_lines_ending<R: Read>(inner: R, end: u8) -> (Noted<R>, Lines) {
    let breaks = Rc::new(RefCell::new(Breaks::default()));
    (Noted { inner, end, offset: 0, breaks: breaks.clone() }, Lines(breaks))
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
        self.offset += count as u64;
        Ok(count)
    }
}

impl Lines {
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
}
