//! Rows of a CSV text.

use std::borrow::Cow;
use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::io::{self, Cursor, Read};
use std::rc::Rc;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;

use super::header::Header;
use super::sniff::{Says, charset, dialect, is_blank, name_delimiter};
use super::{Counted, MAX_ROW, NAME_ENCODING, Quote, Row, TableError, TableOptions};
use crate::csv_text::restore;
use crate::lines::{Lines, NEVER_CLOSED, Noted, note_lines_ending};

/// How many bytes tell the encoding.
const START: u64 = 4 * 1024;
/// How many bytes of UTF-8 tell the delimiter and the quotes.
const SAMPLE: u64 = 64 * 1024;
/// How many bytes the parser takes at a time.
const BUFFER: usize = 8 * 1024;

pub(super) struct Text {
    parser: csv::Reader<Guarded<Noted<Box<dyn Read>>>>,
    lines: Rc<Lines>,
    /// Where the row starts that is being read; blank lines before it may be left behind.
    row_start: Rc<Cell<u64>>,
    record: csv::ByteRecord,
    decoding: Decoding,
    bytes_read: Rc<Cell<u64>>,
}

/// What the bytes of a cell are.
#[derive(Clone, Copy)]
enum Decoding {
    /// UTF-8, or what should be; `beyond_ascii` if there was any proof of it.
    Utf8 { says: Says, beyond_ascii: bool },
    /// Windows-1252, as a row showed.
    Windows1252,
    /// UTF-8 from another encoding, where U+FFFD stands for what is not in that encoding.
    Transcoded(&'static Encoding),
}

impl Text {
    /// Looks at the beginning of `source` and reads the header.
    pub(super) fn open(
        source: impl Read + 'static,
        options: &TableOptions,
        notes: &mut Vec<String>,
    ) -> Result<(Self, Header), TableError> {
        let bytes_read = Rc::new(Cell::new(0));
        let mut source = Counted { inner: source, count: bytes_read.clone() };
        let start = take(&mut source, START)?;
        let charset = charset(&start, options.encoding.as_deref())?;
        let mut start = Cursor::new(start);
        start.set_position(charset.mark as u64);
        let source = start.chain(source);
        // UTF-8 is checked cell by cell, to say which is wrong; other encodings are turned into it on the way.
        let (mut source, decoding): (Box<dyn Read>, _) = if charset.encoding == UTF_8 {
            let beyond_ascii = charset.says != Says::Guess;
            (Box::new(source), Decoding::Utf8 { says: charset.says, beyond_ascii })
        } else {
            let mut decoder = DecodeReaderBytesBuilder::new();
            decoder.encoding(Some(charset.encoding)).bom_sniffing(false);
            (Box::new(decoder.build(source)), Decoding::Transcoded(charset.encoding))
        };
        let sample = take(&mut source, SAMPLE)?;
        let dialect = dialect(&sample, (sample.len() as u64) < SAMPLE, options)?;
        let old_mac = sample.contains(&b'\r') && !sample.contains(&b'\n');
        let source: Box<dyn Read> = Box::new(Cursor::new(sample).chain(source));
        let (source, lines) = note_lines_ending(source, if old_mac { b'\r' } else { b'\n' }, dialect.marks());
        let lines = Rc::new(lines);
        let row_start = Rc::new(Cell::new(0));
        let source = Guarded {
            inner: source,
            offset: 0,
            text_end: 0,
            row_start: row_start.clone(),
            lines: lines.clone(),
        };
        let parser = dialect.parser().buffer_capacity(BUFFER).from_reader(source);
        let mut text =
            Self { parser, lines, row_start, record: csv::ByteRecord::new(), decoding, bytes_read };
        if dialect.hint {
            text.advance()?;
        }
        let line = text.advance()?.ok_or(TableError::Empty)?;
        let mut form = charset.encoding.name().to_owned();
        if text.record.len() > 1 {
            form.push_str(&format!(", {}", name_delimiter(dialect.delimiter)));
        } else {
            form.push_str(", one column");
        }
        match dialect.quote {
            Quote::Double => {}
            Quote::Single => form.push_str(", single quotes"),
            Quote::None => form.push_str(", no quotes"),
        }
        notes.push(form);
        if let (Some(label), Says::Mark) = (&options.encoding, charset.says)
            && Encoding::for_label(label.as_bytes()) != Some(charset.encoding)
        {
            let encoding = charset.encoding.name();
            notes.push(format!("the file's byte order mark says {encoding}, not {label}; the mark counts"));
        }
        let header = text.header(line, notes)?;
        Ok((text, header))
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }

    fn header(&mut self, line: u64, notes: &mut Vec<String>) -> Result<Header, TableError> {
        self.settle(line, notes);
        let mut faults = Vec::new();
        let mut cells = Vec::new();
        for (at, cell) in self.record.iter().enumerate() {
            let (cell, fault) = self.decoding.read(cell);
            faults.extend(fault.map(|why| format!("the name of column {} {why}", at + 1)));
            cells.push(restore(&cell).to_owned());
        }
        if self.lines.is_open_at(self.parser.position().byte()) {
            faults.push(NEVER_CLOSED.to_owned());
        }
        Header::new(format!("line {line}"), &cells, faults, |at| (at + 1).to_string(), notes)
    }

    /// The next row that is not blank.
    pub(super) fn next_row(
        &mut self,
        header: &Header,
        notes: &mut Vec<String>,
    ) -> Result<Option<Row>, TableError> {
        while let Some(line) = self.advance()? {
            if is_blank(&self.record) {
                continue;
            }
            self.settle(line, notes);
            return Ok(Some(self.row(line, header)));
        }
        Ok(None)
    }

    /// The record as a row.
    fn row(&self, line: u64, header: &Header) -> Row {
        let width = self.record.len();
        let misfit =
            width < header.needed() || self.record.iter().skip(header.width()).any(|cell| !cell.is_empty());
        let mut fault = misfit.then(|| {
            let cells = if width == 1 { "cell" } else { "cells" };
            format!("the row has {width} {cells}, the header has {}", header.width())
        });
        if self.lines.is_open_at(self.parser.position().byte()) {
            fault = Some(NEVER_CLOSED.to_owned());
        }
        let all: Vec<usize>;
        let places = if misfit {
            all = (0..width).collect();
            &all
        } else {
            header.places()
        };
        let mut cells = Vec::with_capacity(places.len());
        for &at in places {
            let (cell, wrong) = self.decoding.read(self.record.get(at).unwrap_or_default());
            if let (None, Some(why)) = (&fault, wrong) {
                fault = Some(format!("the cell in {} {why}", header.call(at)));
            }
            cells.push(match cell {
                Cow::Borrowed(cell) => restore(cell).to_owned(),
                Cow::Owned(cell) if restore(&cell).len() == cell.len() => cell,
                Cow::Owned(cell) => restore(&cell).to_owned(),
            });
        }
        Row { line, cells, fault }
    }

    /// Reads the next record and says on which line it starts.
    fn advance(&mut self) -> Result<Option<u64>, TableError> {
        self.row_start.set(self.parser.position().byte());
        match self.parser.read_byte_record(&mut self.record) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let (line, start) = self.lines.place_after(self.row_start.get());
                if self.parser.position().byte().saturating_sub(start) > MAX_ROW {
                    return Err(TableError::RowTooLong { line });
                }
                Ok(Some(line))
            }
            Err(error) => Err(match error.into_kind() {
                csv::ErrorKind::Io(error)
                    if error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<TooLong>) =>
                {
                    TableError::RowTooLong { line: self.lines.after(self.row_start.get()) }
                }
                csv::ErrorKind::Io(error) => TableError::Read(error),
                other => TableError::Read(io::Error::other(format!("{other:?}"))),
            }),
        }
    }

    /// Learns from the record which encoding it is, while that is open: text without any character beyond ASCII is
    /// the same in both, and what is not UTF-8 is Windows-1252 in practice.
    fn settle(&mut self, line: u64, notes: &mut Vec<String>) {
        let Decoding::Utf8 { says, beyond_ascii: false } = self.decoding else { return };
        if self.record.as_slice().is_ascii() {
            return;
        }
        if self.record.iter().all(|cell| std::str::from_utf8(cell).is_ok()) {
            self.decoding = Decoding::Utf8 { says, beyond_ascii: true };
            return;
        }
        self.decoding = Decoding::Windows1252;
        notes.push(format!("line {line} is not UTF-8; from there on the file is read as Windows-1252"));
    }
}

impl Decoding {
    /// The text of a cell, and what is wrong with it.
    fn read(self, cell: &[u8]) -> (Cow<'_, str>, Option<String>) {
        let (text, fault) = match self {
            Self::Windows1252 => (WINDOWS_1252.decode_without_bom_handling(cell).0, None),
            Self::Utf8 { says, .. } => {
                let text = String::from_utf8_lossy(cell);
                let fault = matches!(text, Cow::Owned(_)).then(|| match says {
                    Says::Option => format!("is not UTF-8, as was said; {NAME_ENCODING}"),
                    Says::Mark => {
                        "is not UTF-8, as the file's byte order mark says; save the file anew".to_owned()
                    }
                    Says::Guess => format!("is not UTF-8 as the rows before; {NAME_ENCODING}"),
                });
                (text, fault)
            }
            Self::Transcoded(encoding) => {
                let text = String::from_utf8_lossy(cell);
                let fault =
                    text.contains('\u{fffd}').then(|| format!("is not {}; {NAME_ENCODING}", encoding.name()));
                (text, fault)
            }
        };
        let fault = fault.or_else(|| {
            let nul = || format!("holds a NUL character; if the file is UTF-16, {NAME_ENCODING}");
            text.contains('\0').then(nul)
        });
        (text, fault)
    }
}

/// The first `count` bytes, or all that there are.
fn take(source: &mut impl Read, count: u64) -> Result<Vec<u8>, TableError> {
    let mut bytes = Vec::new();
    source.take(count).read_to_end(&mut bytes).map_err(TableError::Read)?;
    Ok(bytes)
}

/// A reader that fails when a row gets too long, since the parser would put all of it into memory.
struct Guarded<R> {
    inner: R,
    offset: u64,
    /// Behind the last byte that is no line break.
    text_end: u64,
    row_start: Rc<Cell<u64>>,
    lines: Rc<Lines>,
}

impl<R: Read> Read for Guarded<R> {
    // The parser asks when it has used up what it has, so that everything from `row_start` on is in one row.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.text_end <= self.row_start.get() {
            // Blank lines are no part of the row, and their breaks need not be kept.
            self.row_start.set(self.offset);
            self.lines.after(self.offset);
        } else if self.offset - self.row_start.get() > MAX_ROW + BUFFER as u64 {
            // A buffer more than a row, for blank lines in front of it; `Text::advance` looks closely.
            return Err(io::Error::other(TooLong));
        }
        let count = self.inner.read(buffer)?;
        if let Some(last) = buffer[..count].iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')) {
            self.text_end = self.offset + last as u64 + 1;
        }
        self.offset += count as u64;
        Ok(count)
    }
}

#[derive(Debug)]
struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row is too long")
    }
}

impl Error for TooLong {}
