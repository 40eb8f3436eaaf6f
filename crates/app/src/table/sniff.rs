//! What can be told about a text from its beginning: its encoding, what stands between cells and around them.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::dos::CodePage;
use super::error::TableError;
use super::header::{LOOKED_AT, Look, find_header, trim};
use super::options::{Quote, TableOptions};
use super::records::{Record, Records};

/// Who says which encoding it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// The administrator.
    Option,
    /// The byte order mark.
    Mark,
    /// The look of the first bytes.
    Guess,
}

/// A decoder from bytes to characters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Codec {
    /// An encoding of the WHATWG Encoding standard.
    Whatwg(&'static Encoding),
    /// A code page of DOS.
    Dos(CodePage),
}

impl Codec {
    /// The codec that a label names, if any does.
    fn for_label(label: &str) -> Option<Self> {
        let known = Encoding::for_label_no_replacement(label.as_bytes()).map(Self::Whatwg);
        known.or_else(|| CodePage::for_label(label).map(Self::Dos))
    }

    /// Its name, for people.
    pub(super) fn name(self) -> Cow<'static, str> {
        match self {
            Self::Whatwg(encoding) => encoding.name().into(),
            Self::Dos(page) => page.name().into(),
        }
    }
}

/// The encoding of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charset {
    pub(super) codec: Codec,
    pub(super) says: Says,
    /// How many bytes the byte order mark takes.
    pub(super) mark: usize,
}

/// The encoding of a text that starts with `start`.
pub(super) fn charset(start: &[u8], label: Option<&str>) -> Result<Charset, TableError> {
    let named = label
        .map(|label| Codec::for_label(label).ok_or_else(|| TableError::Encoding(label.to_owned())))
        .transpose()?;
    Ok(match (Encoding::for_bom(start), named) {
        // As in the WHATWG Encoding standard: a mark is no accident, a label often is.
        (Some((encoding, mark)), _) => Charset { codec: Codec::Whatwg(encoding), says: Says::Mark, mark },
        (None, Some(codec)) => Charset { codec, says: Says::Option, mark: 0 },
        (None, None) => {
            let encoding = if is_utf_16(start, 1) {
                UTF_16LE
            } else if is_utf_16(start, 0) {
                UTF_16BE
            } else {
                UTF_8
            };
            Charset { codec: Codec::Whatwg(encoding), says: Says::Guess, mark: 0 }
        }
    })
}

/// Whether this is UTF-16 whose more significant bytes are at `high` (0 or 1) of each pair. Delimiters and line feeds
/// are there in any script: their NULs must all be on that side, be more than a stray character, and every line feed
/// must have one.
fn is_utf_16(start: &[u8], high: usize) -> bool {
    let (mut pairs, mut nuls) = (0_usize, 0_usize);
    for pair in start.chunks_exact(2) {
        let (more, less) = (pair[high], pair[1 - high]);
        if less == 0 || more == b'\n' || (less == b'\n' && more != 0) {
            return false;
        }
        pairs += 1;
        nuls += usize::from(more == 0);
    }
    nuls > 0 && nuls * 20 >= pairs
}

/// The form of a CSV text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) quote: Quote,
    /// Whether the first line is Excel's `sep=;`, which is no row.
    pub(super) hint: bool,
}

impl Dialect {
    /// The quotation mark around cells, where there is one.
    pub(super) fn mark(&self) -> Option<u8> {
        match self.quote {
            Quote::Double => Some(b'"'),
            Quote::Single => Some(b'\''),
            Quote::None => None,
        }
    }
}

/// The form of a text that starts with `sample`, which is all of it if `complete`.
pub(super) fn dialect(sample: &[u8], complete: bool, options: &TableOptions) -> Result<Dialect, TableError> {
    if let Some(given) = options.delimiter
        && (!given.is_ascii() || matches!(given, b'"' | b'\'' | b'\r' | b'\n' | 0))
    {
        return Err(TableError::Delimiter(given.into()));
    }
    let (hint, sample) = match hint(sample) {
        Some((delimiter, rest)) => (Some(delimiter), rest),
        None => (None, sample),
    };
    let candidates = match options.delimiter.or(hint) {
        Some(delimiter) => vec![delimiter],
        None => vec![b',', b';', b'\t', b'|'],
    };
    // The sample lacks the line with the hint.
    let header_row = options.header_row.map(|row| row.saturating_sub(u64::from(hint.is_some())));
    let mut best: Option<(Score, Dialect)> = None;
    for delimiter in candidates {
        let quote = options.quote.unwrap_or_else(|| quote(sample, delimiter));
        let dialect = Dialect { delimiter, quote, hint: hint.is_some() };
        let score = score(sample, complete, dialect, header_row);
        // The first of equals stays: commas.
        if best.as_ref().is_none_or(|(other, _)| score > *other) {
            best = Some((score, dialect));
        }
    }
    let fallback = Dialect { delimiter: b',', quote: Quote::Double, hint: false };
    Ok(best.map_or(fallback, |(_, dialect)| dialect))
}

/// The delimiter that the line `sep=;` names, and what comes after the line.
fn hint(sample: &[u8]) -> Option<(u8, &[u8])> {
    let end = sample.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(sample.len());
    let line = &sample[..end];
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let [key @ .., delimiter] = line else { return None };
    let fits = delimiter.is_ascii_punctuation() && !matches!(delimiter, b'"' | b'\'');
    (key.eq_ignore_ascii_case(b"sep=") && (fits || matches!(delimiter, b'\t' | b' ')))
        .then(|| (*delimiter, &sample[end..]))
}

/// Apostrophes are text (`o'brien`), unless every name in the header is wrapped in them.
fn quote(sample: &[u8], delimiter: u8) -> Quote {
    let plain = Dialect { delimiter, quote: Quote::None, hint: false };
    let mut header = Record::default();
    let read = Records::new(sample, plain, line_end(sample)).read(&mut header).unwrap_or(false);
    let wrapped = |cell: &[u8]| {
        let cell = cell.trim_ascii();
        cell.len() >= 2 && cell.starts_with(b"'") && cell.ends_with(b"'")
    };
    if read && header.cells.iter().all(wrapped) { Quote::Single } else { Quote::Double }
}

/// Finds the byte that ends a line: CR alone on old Macs, where no LF is.
pub(super) fn line_end(sample: &[u8]) -> u8 {
    if sample.contains(&b'\r') && !sample.contains(&b'\n') { b'\r' } else { b'\n' }
}

/// How well a form fits, compared from the first to the last.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    /// Several columns, and rows that agree: a character that does not occur makes one column of every text.
    plausible: bool,
    /// Nothing stands above the header.
    begins_with_header: bool,
    /// Several columns, and most rows have several cells, if not as many: then the rows are wrong, not the form.
    ragged: bool,
    /// Records with as many cells as the header.
    alike: usize,
    columns: usize,
}

fn score(sample: &[u8], complete: bool, dialect: Dialect, header_row: Option<u64>) -> Score {
    let mut records = Records::new(sample, dialect, line_end(sample));
    let mut begins = Vec::new();
    let mut record = Record::default();
    while begins.len() < LOOKED_AT && records.read(&mut record).unwrap_or(false) {
        if !is_blank(&record.cells) {
            begins.push(std::mem::take(&mut record));
        }
    }
    let header = match header_row {
        Some(row) => begins.iter().position(|record| record.line >= row).unwrap_or(0),
        None => find_header(begins.iter().map(|record| Look::of(&record.cells))),
    };
    let mut rows = begins.into_iter().skip(header);
    let names = rows.next().map(|record| record.cells).unwrap_or_default();
    let columns = names.len();
    // As for the rows themselves: cells under no name need not be there.
    let named = |cell: &[u8]| !trim(&String::from_utf8_lossy(cell)).is_empty();
    let needed = names.iter().rposition(named).map_or(0, |last| last + 1);
    let (mut count, mut alike, mut several, mut last_alike) = (0_usize, 0_usize, 0_usize, false);
    let mut look_at = |cells: &csv::ByteRecord| {
        if is_blank(cells) {
            return;
        }
        last_alike = cells.len() >= needed && cells.iter().skip(columns).all(is_blank_cell);
        count += 1;
        alike += usize::from(last_alike);
        several += usize::from(cells.len() > 1);
    };
    rows.for_each(|record| look_at(&record.cells));
    while records.read(&mut record).unwrap_or(false) {
        look_at(&record.cells);
    }
    // Where the sample ends is no end of a row.
    if !complete && count > 0 {
        count -= 1;
        alike -= usize::from(last_alike);
    }
    Score {
        plausible: columns > 1 && alike * 2 >= count,
        begins_with_header: header == 0,
        ragged: columns > 1 && several * 2 >= count,
        alike,
        columns,
    }
}

/// Whether nothing but white space is in the cell.
pub(super) fn is_blank_cell(cell: &[u8]) -> bool {
    cell.trim_ascii().is_empty()
}

/// Whether nothing but white space is in the record.
pub(super) fn is_blank(record: &csv::ByteRecord) -> bool {
    record.iter().all(is_blank_cell)
}

/// What to call a delimiter, many of them.
pub(super) fn name_delimiter(delimiter: u8) -> Cow<'static, str> {
    match delimiter {
        b',' => "commas".into(),
        b';' => "semicolons".into(),
        b'\t' => "tabs".into(),
        b'|' => "vertical bars".into(),
        other => format!("{:?} between cells", char::from(other)).into(),
    }
}
