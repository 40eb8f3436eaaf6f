//! Text in CSV cells: a spreadsheet takes a cell that starts with one of a few characters for a formula and may
//! execute it, so such a text goes out with an apostrophe in front, which spreadsheets take for "this is text".
//! Coming in, one apostrophe in front of such a text goes away again, so that what was exported is imported as it was.
//!
//! Source: OWASP, "CSV Injection".

use std::borrow::Cow;

fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// `text` as it may stand in a cell that a spreadsheet reads: what it would take for a formula gets an apostrophe in
/// front.
#[must_use]
pub fn defuse(text: &str) -> Cow<'_, str> {
    if is_formula(text) { format!("'{text}").into() } else { text.into() }
}

/// What was wrong with reading or writing a file; of its form nothing can be.
pub(crate) fn csv_error(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
}

/// The text that a cell means.
pub(crate) fn restore(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|_| is_formula(cell)).unwrap_or(cell)
}

/// The text in a formula that is nothing but a text, `="00123"`: so some programs keep spreadsheets from reading a text
/// as a number.
pub(crate) fn formula_text(cell: &str) -> Option<&str> {
    let text = cell.strip_prefix("=\"")?.strip_suffix('"')?;
    (!text.contains('"')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_formula_is_what_stands_in_its_quotes() {
        assert_eq!(formula_text("=\"00123\""), Some("00123"));
        assert_eq!(formula_text("=\"\""), Some(""));
        for cell in ["", "=", "=\"", "00123", "=00123", "=\"a\"&\"b\"", "=\"a\" ", "\"a\""] {
            assert_eq!(formula_text(cell), None, "{cell}");
        }
    }

    #[test]
    fn what_goes_out_comes_back() {
        for text in ["", "plain", "'quoted'", "=1+1", "+49 30", "-", "@x", "'=1", "''+", "\tx", "o'brien"] {
            assert_eq!(restore(&defuse(text)), text);
        }
        assert_eq!(defuse("=cmd()"), "'=cmd()");
        assert_eq!(restore("'tis"), "'tis");
    }
}
