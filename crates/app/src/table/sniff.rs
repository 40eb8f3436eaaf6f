//! What can be told about a text from its beginning: its encoding, what stands between cells and around them.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::header::trim;
use super::{Quote, TableError, TableOptions};
use crate::lines::Marks;

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

/// The encoding of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charset {
    pub(super) encoding: &'static Encoding,
    pub(super) says: Says,
    /// How many bytes the byte order mark takes.
    pub(super) mark: usize,
}

/// The encoding of a text that starts with `start`.
pub(super) fn charset(start: &[u8], label: Option<&str>) -> Result<Charset, TableError> {
    let named = label
        .map(|label| {
            Encoding::for_label_no_replacement(label.as_bytes())
                .ok_or_else(|| TableError::Encoding(label.to_owned()))
        })
        .transpose()?;
    Ok(match (Encoding::for_bom(start), named) {
        // As in the WHATWG Encoding standard: a mark is no accident, a label often is.
        (Some((encoding, mark)), _) => Charset { encoding, says: Says::Mark, mark },
        (None, Some(encoding)) => Charset { encoding, says: Says::Option, mark: 0 },
        (None, None) => {
            let encoding = if is_utf_16(start, 1) {
                UTF_16LE
            } else if is_utf_16(start, 0) {
                UTF_16BE
            } else {
                UTF_8
            };
            Charset { encoding, says: Says::Guess, mark: 0 }
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
    /// What stands between and around cells, where anything does.
    pub(super) fn marks(&self) -> Option<Marks> {
        let quote = match self.quote {
            Quote::Double => b'"',
            Quote::Single => b'\'',
            Quote::None => return None,
        };
        Some(Marks { delimiter: self.delimiter, quote })
    }

    /// A parser of this form.
    pub(super) fn parser(&self) -> csv::ReaderBuilder {
        let mut parser = csv::ReaderBuilder::new();
        parser.has_headers(false).flexible(true).delimiter(self.delimiter);
        match self.quote {
            Quote::Double => parser.quote(b'"'),
            Quote::Single => parser.quote(b'\''),
            Quote::None => parser.quoting(false),
        };
        parser
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
    let mut best: Option<(Score, Dialect)> = None;
    for delimiter in candidates {
        let quote = options.quote.unwrap_or_else(|| quote(sample, delimiter));
        let dialect = Dialect { delimiter, quote, hint: hint.is_some() };
        let score = score(sample, complete, dialect);
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
    let mut header = csv::ByteRecord::new();
    let read = plain.parser().from_reader(sample).read_byte_record(&mut header).unwrap_or(false);
    let wrapped = |cell: &[u8]| {
        let cell = cell.trim_ascii();
        cell.len() >= 2 && cell.starts_with(b"'") && cell.ends_with(b"'")
    };
    if read && header.iter().all(wrapped) { Quote::Single } else { Quote::Double }
}

/// How well a form fits, compared from the first to the last.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    /// Several columns, and rows that agree: a character that does not occur makes one column of every text.
    plausible: bool,
    /// Several columns, and most rows have several cells, if not as many: then the rows are wrong, not the form.
    ragged: bool,
    /// Records with as many cells as the header.
    alike: usize,
    columns: usize,
}

fn score(sample: &[u8], complete: bool, dialect: Dialect) -> Score {
    let mut parser = dialect.parser().from_reader(sample);
    let mut record = csv::ByteRecord::new();
    let (mut columns, mut needed) = (0, 0);
    let (mut rows, mut alike, mut several, mut last_alike) = (0_usize, 0_usize, 0_usize, false);
    while parser.read_byte_record(&mut record).unwrap_or(false) {
        if columns == 0 {
            columns = record.len();
            // As for the rows themselves: cells under no name need not be there.
            let named = |cell: &[u8]| !trim(&String::from_utf8_lossy(cell)).is_empty();
            needed = record.iter().rposition(named).map_or(0, |last| last + 1);
            continue;
        }
        if is_blank(&record) {
            continue;
        }
        last_alike = record.len() >= needed && record.iter().skip(columns).all(<[u8]>::is_empty);
        rows += 1;
        alike += usize::from(last_alike);
        several += usize::from(record.len() > 1);
    }
    // Where the sample ends is no end of a row.
    if !complete && rows > 0 {
        rows -= 1;
        alike -= usize::from(last_alike);
    }
    let plausible = columns > 1 && alike * 2 >= rows;
    Score { plausible, ragged: columns > 1 && several * 2 >= rows, alike, columns }
}

/// Whether nothing but white space is in the record.
pub(super) fn is_blank(record: &csv::ByteRecord) -> bool {
    record.iter().all(|cell| cell.trim_ascii().is_empty())
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
