//! Code pages of DOS, in which programs of the 1990s and Windows command lines still write.

use std::borrow::Cow;

use encoding_rs::Encoding;
use oem_cp::code_table::DECODING_TABLE_CP_MAP;
use oem_cp::code_table_type::TableType;

/// A code page of DOS: ASCII, and 128 characters of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct CodePage {
    number: u16,
    table: &'static TableType,
}

impl CodePage {
    /// The code page that a label such as `cp850`, `ibm850` or `850` names.
    pub(super) fn for_label(label: &str) -> Option<Self> {
        let label = label.trim().to_ascii_lowercase();
        let number = ["cp", "ibm", "dos", "oem"].iter().find_map(|prefix| label.strip_prefix(prefix));
        let number = number.unwrap_or(&label).trim_start_matches(['-', '_']);
        // What the Encoding standard knows by another label is read as it says.
        if Encoding::for_label(format!("cp{number}").as_bytes()).is_some() {
            return None;
        }
        let number = number.parse().ok()?;
        DECODING_TABLE_CP_MAP.get(&number).map(|table| Self { number, table })
    }

    /// Its name: `CP850`.
    pub(super) fn name(self) -> String {
        format!("CP{}", self.number)
    }

    /// The text of some bytes; U+FFFD stands for bytes that the code page does not have.
    pub(super) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match std::str::from_utf8(bytes) {
            Ok(text) if text.is_ascii() => text.into(),
            _ => bytes.iter().map(|byte| self.character(*byte)).collect::<String>().into(),
        }
    }

    fn character(self, byte: u8) -> char {
        let high = |byte: u8| usize::from(byte & 0x7f);
        match self.table {
            _ if byte.is_ascii() => char::from(byte),
            TableType::Complete(table) => table[high(byte)],
            TableType::Incomplete(table) => table[high(byte)].unwrap_or(char::REPLACEMENT_CHARACTER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages_have_several_labels() {
        for label in ["cp850", "CP850", "ibm850", "850", "dos-850", "IBM-850"] {
            let page = CodePage::for_label(label).unwrap();
            assert_eq!(
                (page.name(), page.decode(b"M\x81ller").as_ref()),
                ("CP850".to_owned(), "M\u{fc}ller")
            );
        }
        for (label, bytes, text) in [
            ("cp437", &b"\x9b1 \x87"[..], "\u{a2}1 \u{e7}"),
            ("cp852", b"\x9dodz\xab", "\u{141}odz\u{17a}"),
            ("cp858", b"5 \xd5", "5 \u{20ac}"),
        ] {
            assert_eq!(CodePage::for_label(label).unwrap().decode(bytes), text, "{label}");
        }
        for label in ["cp1252", "850x", "cp", "99", ""] {
            assert!(CodePage::for_label(label).is_none(), "{label}");
        }
    }
}
