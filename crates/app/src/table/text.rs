//! Rows of a CSV text.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{Cursor, Read};
use std::rc::Rc;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;

use super::counted::Counted;
use super::dos::CodePage;
use super::error::TableError;
use super::header::{Header, LOOKED_AT, Look, find_header, note_title};
use super::options::{NAME_ENCODING, Quote, TableOptions};
use super::records::{Record, Records};
use super::row::{REPLACEMENT, Row};
use super::sniff::{Codec, Says, charset, dialect, is_blank, is_blank_cell, line_end, name_delimiter};
use rollcall_domain::restore;

/// How many bytes tell the encoding.
const START: u64 = 4 * 1024;
/// How many bytes of UTF-8 tell the delimiter and the quotes.
const SAMPLE: u64 = 64 * 1024;

pub(super) struct Text {
    records: Records<Box<dyn Read>>,
    record: Record,
    /// Records that were read to find the header.
    ahead: VecDeque<Record>,
    /// The error that ended the search for the header; it is returned after the records in `ahead`.
    failed: Option<TableError>,
    decoding: Decoding,
    /// Whether it was told that the file holds U+FFFD.
    is_loss_told: bool,
    bytes_read: Rc<Cell<u64>>,
}

/// What the bytes of a cell are.
#[derive(Clone, Copy)]
enum Decoding {
    /// UTF-8, or what should be; `beyond_ascii` if there was any proof of it.
    Utf8 { says: Says, beyond_ascii: bool },
    /// Windows-1252, as a row showed.
    Windows1252,
    /// A code page of DOS.
    Dos(CodePage),
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
        let (mut source, decoding): (Box<dyn Read>, _) = match charset.codec {
            Codec::Whatwg(encoding) if encoding == UTF_8 => {
                let beyond_ascii = charset.says != Says::Guess;
                (Box::new(source), Decoding::Utf8 { says: charset.says, beyond_ascii })
            }
            Codec::Whatwg(encoding) => {
                let mut decoder = DecodeReaderBytesBuilder::new();
                decoder.encoding(Some(encoding)).bom_sniffing(false);
                (Box::new(decoder.build(source)), Decoding::Transcoded(encoding))
            }
            // Everything that matters between cells is ASCII.
            Codec::Dos(page) => (Box::new(source), Decoding::Dos(page)),
        };
        let sample = take(&mut source, SAMPLE)?;
        let dialect = dialect(&sample, (sample.len() as u64) < SAMPLE, options)?;
        let line_end = line_end(&sample);
        let source: Box<dyn Read> = Box::new(Cursor::new(sample).chain(source));
        let mut text = Self {
            records: Records::new(source, dialect, line_end),
            record: Record::default(),
            ahead: VecDeque::new(),
            failed: None,
            decoding,
            is_loss_told: false,
            bytes_read,
        };
        if dialect.hint {
            text.records.read(&mut text.record)?;
        }
        let title = text.find_header(options.header_row)?;
        let mut form = charset.codec.name().into_owned();
        if text.record.cells.len() > 1 {
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
        if let (Some(label), Says::Mark, Codec::Whatwg(encoding)) =
            (&options.encoding, charset.says, charset.codec)
            && Encoding::for_label(label.as_bytes()) != Some(encoding)
        {
            let encoding = encoding.name();
            notes.push(format!("the file's byte order mark says {encoding}, not {label}; the mark counts"));
        }
        if let Some(title) = title {
            note_title(&format!("on line {}", text.record.line), &title, notes);
        }
        let header = text.header(notes)?;
        text.records.expect_width(header.width());
        Ok((text, header))
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }

    /// Reads up to the header, which is then `record`; the first cell of what stands above it, if anything was passed.
    fn find_header(&mut self, header_row: Option<u64>) -> Result<Option<String>, TableError> {
        if let Some(row) = header_row {
            while self.advance()? {
                if self.record.line >= row {
                    break;
                }
            }
            let is_there = self.record.line == row && !is_blank(&self.record.cells);
            return if is_there { Ok(None) } else { Err(TableError::HeaderRow { row }) };
        }
        let mut ahead = VecDeque::new();
        while ahead.len() < LOOKED_AT {
            match self.advance() {
                Ok(true) if is_blank(&self.record.cells) => {}
                Ok(true) => ahead.push_back(std::mem::take(&mut self.record)),
                Ok(false) => break,
                Err(error) if ahead.is_empty() => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        let header = find_header(ahead.iter().map(|record| Look::of(&record.cells)));
        let above: Vec<_> = ahead.drain(..header).collect();
        self.record = ahead.pop_front().ok_or(TableError::Empty)?;
        self.ahead = ahead;
        let title = above.first().and_then(|record| record.cells.iter().find(|cell| !is_blank_cell(cell)));
        Ok(title.map(|title| self.decoding.read(title).0.into_owned()))
    }

    fn header(&mut self, notes: &mut Vec<String>) -> Result<Header, TableError> {
        self.settle(notes);
        let mut faults = Vec::new();
        let mut cells = Vec::new();
        for (at, cell) in self.record.cells.iter().enumerate() {
            let (cell, fault) = self.decoding.read(cell);
            faults.extend(fault.map(|why| format!("the name of column {} {why}", at + 1)));
            cells.push(restore(&cell).to_owned());
        }
        faults.extend(self.record.flaw.map(|flaw| flaw.to_string()));
        let place = format!("line {}", self.record.line);
        let header = Header::new(place, &cells, faults, |at| (at + 1).to_string(), notes)?;
        Ok(header.on_line(self.record.line))
    }

    /// The next row that is not blank.
    pub(super) fn next_row(
        &mut self,
        header: &mut Header,
        notes: &mut Vec<String>,
    ) -> Result<Option<Row>, TableError> {
        while self.advance()? {
            if is_blank(&self.record.cells) {
                continue;
            }
            self.settle(notes);
            return Ok(Some(self.row(header, notes)));
        }
        Ok(None)
    }

    /// The record as a row.
    fn row(&mut self, header: &mut Header, notes: &mut Vec<String>) -> Row {
        let Record { line, cells: record, flaw } = &self.record;
        let width = record.len();
        let misfit =
            width < header.needed() || record.iter().skip(header.width()).any(|cell| !is_blank_cell(cell));
        let mut fault = flaw.map(|flaw| flaw.to_string()).or_else(|| {
            misfit.then(|| {
                let cells = if width == 1 { "cell" } else { "cells" };
                format!("the row has {width} {cells}, the header has {}", header.width())
            })
        });
        let all: Vec<usize>;
        let places = if fault.is_some() {
            all = (0..width).collect();
            &all
        } else {
            header.places()
        };
        let is_misfit = fault.is_some();
        let mut cells = Vec::with_capacity(places.len());
        let mut ignored = Vec::new();
        for (column, &at) in places.iter().enumerate() {
            let (cell, wrong) = self.decoding.read(record.get(at).unwrap_or_default());
            if !self.is_loss_told && wrong.is_none() && cell.contains(char::REPLACEMENT_CHARACTER) {
                self.is_loss_told = true;
                let column = header.call(at);
                notes.push(format!(
                    "{column} on line {line} holds U+FFFD: a character was lost before the file was written"
                ));
            }
            if wrong.is_some() && !is_misfit && header.may_have_fault(column) {
                ignored.push(column);
                cells.push(cell.replace('\0', REPLACEMENT));
                continue;
            }
            if let (None, Some(why)) = (&fault, wrong) {
                fault = Some(format!("the cell in {} {why}", header.call(at)));
            }
            cells.push(cell.into_owned());
        }
        if fault.is_none() {
            header.note_ignored(&ignored);
        }
        Row { line: *line, cells, fault }
    }

    /// Reads the next record into `record`; false at the end.
    fn advance(&mut self) -> Result<bool, TableError> {
        if let Some(record) = self.ahead.pop_front() {
            self.record = record;
            return Ok(true);
        }
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.records.read(&mut self.record),
        }
    }

    /// Learns from the record which encoding it is, while that is open: text without any character beyond ASCII is
    /// the same in both, and what is not UTF-8 is Windows-1252 in practice.
    fn settle(&mut self, notes: &mut Vec<String>) {
        let Decoding::Utf8 { says, beyond_ascii: false } = self.decoding else { return };
        let Record { line, cells, .. } = &self.record;
        if cells.as_slice().is_ascii() {
            return;
        }
        if cells.iter().all(|cell| std::str::from_utf8(cell).is_ok()) {
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
            Self::Windows1252 => {
                let text = WINDOWS_1252.decode_without_bom_handling(cell).0;
                let fault = holds_no_character(&text).then(|| lacks("windows-1252"));
                (text, fault)
            }
            Self::Dos(page) => {
                let text = page.decode(cell);
                let fault = text.contains(char::REPLACEMENT_CHARACTER).then(|| lacks(&page.name()));
                (text, fault)
            }
            Self::Utf8 { says, .. } => {
                let text = String::from_utf8_lossy(cell);
                let fault = matches!(text, Cow::Owned(_)).then(|| match says {
                    Says::Option => format!("is not UTF-8, as was said; {NAME_ENCODING}"),
                    Says::Mark => {
                        "is not UTF-8, as the file's byte order mark says; save the file anew".to_owned()
                    }
                    Says::Guess => format!("is not UTF-8 as the rows before; {NAME_ENCODING}"),
                });
                let fault = fault.or_else(|| {
                    let control = text.chars().find(|c| is_c1(*c))?;
                    Some(format!(
                        "holds the control character U+{:04X}; was it encoded twice?",
                        u32::from(control)
                    ))
                });
                (text, fault)
            }
            Self::Transcoded(encoding) => {
                let text = String::from_utf8_lossy(cell);
                let is_unicode = encoding == UTF_16LE || encoding == UTF_16BE;
                let fault = if text.contains(char::REPLACEMENT_CHARACTER) {
                    Some(format!("is not {}; {NAME_ENCODING}", encoding.name()))
                } else {
                    (!is_unicode && holds_no_character(&text)).then(|| lacks(encoding.name()))
                };
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

/// Whether the text holds what decoders make of bytes that an encoding of 8 bits does not have: control characters from
/// U+0080 to U+009F.
fn holds_no_character(text: &str) -> bool {
    text.chars().any(is_c1)
}

fn is_c1(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}')
}

/// The fault of a cell with bytes that the encoding does not have.
fn lacks(encoding: &str) -> String {
    format!("holds bytes that {encoding} does not have; {NAME_ENCODING}")
}
