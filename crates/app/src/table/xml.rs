//! The XML of a workbook's parts, event by event, whatever encoding it is in and however it is damaged.

use std::io::{self, BufRead, Read};

use quick_xml::XmlVersion;
use quick_xml::encoding::DecodingReader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

use super::error::TableError;
use super::options::MAX_ROW;

/// The maximum size of one tag or one piece of text, in bytes.
const MAX_EVENT: u64 = 1024 * 1024;

/// Why a part cannot be read on.
#[derive(Debug)]
pub(super) enum Broken {
    /// The system does not read the file.
    Read(io::Error),
    /// The part does not hold together, in a few words.
    Damaged(String),
}

impl Broken {
    pub(super) fn damaged(why: impl Into<String>) -> Self {
        Self::Damaged(why.into())
    }

    /// The error of a workbook that is opened.
    pub(super) fn of_workbook(self) -> TableError {
        match self {
            Self::Read(error) => TableError::Read(error),
            Self::Damaged(why) => TableError::Workbook(why),
        }
    }

    /// The error of a sheet that was read up to `row`.
    pub(super) fn after_row(self, row: u64) -> TableError {
        match self {
            Self::Read(error) => TableError::Read(error),
            Self::Damaged(why) => TableError::Damaged { row, why },
        }
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
        match error.kind() {
            // What decompresses and decodes says so of what the file holds.
            InvalidData | InvalidInput | UnexpectedEof | Other => Self::Damaged(error.to_string()),
            _ => Self::Read(error),
        }
    }
}

impl From<quick_xml::Error> for Broken {
    fn from(error: quick_xml::Error) -> Self {
        match error {
            quick_xml::Error::Io(error) => io::Error::new(error.kind(), error.to_string()).into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<quick_xml::events::attributes::AttrError> for Broken {
    fn from(error: quick_xml::events::attributes::AttrError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// A part that is read.
pub(super) struct Xml<R> {
    reader: quick_xml::Reader<Budget<DecodingReader<R>>>,
    buffer: Vec<u8>,
}

impl<R: BufRead> Xml<R> {
    pub(super) fn new(source: R) -> Self {
        let inner = DecodingReader::new(source);
        let mut reader = quick_xml::Reader::from_reader(Budget { inner, left: MAX_EVENT });
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new() }
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Result<Event<'_>, Broken> {
        self.buffer.clear();
        self.reader.get_mut().left = MAX_EVENT;
        let event = self.reader.read_event_into(&mut self.buffer)?;
        if let Event::Decl(declared) = &event
            && let Some(encoding) = declared.encoder()
        {
            self.reader.get_mut().inner.set_encoding(encoding);
        }
        Ok(event)
    }

    /// Puts the text behind the start of an element, up to its end, into `text`; of what is longer than a row may be
    /// the beginning.
    pub(super) fn read_text(&mut self, text: &mut String) -> Result<(), Broken> {
        text.clear();
        let mut depth = 0_u32;
        loop {
            let has_room = (text.len() as u64) <= MAX_ROW;
            match self.next()? {
                Event::Text(piece) if has_room => text.push_str(&piece.xml10_content()),
                Event::CData(piece) if has_room => text.push_str(&piece.xml10_content()),
                Event::GeneralRef(entity) if has_room => match resolve_xml_entity(&entity) {
                    Some(character) => text.push_str(character),
                    None => match entity.resolve_char_ref()? {
                        Some(character) => text.push(character),
                        None => return Err(Broken::Damaged(format!("the entity &{};", &*entity))),
                    },
                },
                Event::Start(_) => depth += 1,
                Event::End(_) if depth == 0 => return Ok(()),
                Event::End(_) => depth -= 1,
                Event::Eof => return Err(Broken::damaged("it ends too early")),
                _ => {}
            }
        }
    }

    /// Passes what is left of an element whose start was read.
    pub(super) fn skip(&mut self) -> Result<(), Broken> {
        let mut depth = 0_u32;
        loop {
            match self.next()? {
                Event::Start(_) => depth += 1,
                Event::End(_) if depth == 0 => return Ok(()),
                Event::End(_) => depth -= 1,
                Event::Eof => return Err(Broken::damaged("it ends too early")),
                _ => {}
            }
        }
    }
}

/// The value of an attribute, by its name without a prefix.
pub(super) fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, Broken> {
    for attribute in start.attributes() {
        let attribute = attribute?;
        if attribute.key.local_name().as_ref() == name {
            return Ok(Some(attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned()));
        }
    }
    Ok(None)
}

/// Whether an attribute says yes.
pub(super) fn is_true(value: Option<&str>) -> bool {
    matches!(value, Some("1" | "true" | "on"))
}

/// A reader that fails when one event takes more than a workbook can mean: the parser would put all of it into memory.
struct Budget<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Budget<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl<R: BufRead> BufRead for Budget<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a text in it is too long"));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count as u64);
        self.inner.consume(count);
    }
}
