//! Cells of CSV files.

/// What was wrong with reading or writing a file; of its form nothing can be.
pub(crate) fn csv_error(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
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
}
