//! Hints for keys that name no user: a user whose name looks alike, or a number that a spreadsheet has
//! shortened.
//! Every look is along an index, and only the first rows of a file are looked at.

use std::collections::BTreeSet;

use rollcall_domain::{Field, normalize_key};
use rollcall_store::Staging;
use unicode_normalization::UnicodeNormalization as _;

use crate::error::AppError;

/// Keys of a file whose other spellings are looked up.
const LOOKED_UP: usize = 1_000;
/// Keys of a file around which users are read.
const READ_AROUND: usize = 100;
/// The number of first characters that a key has in common with the users read around it.
const IN_COMMON: usize = 3;
/// The number of users read per beginning of a key.
const READ: u32 = 100;

/// Looks for what is wrong with the keys of one file.
#[derive(Debug)]
pub(super) struct KeyHints {
    /// For how many more keys other spellings are looked up.
    lookups: usize,
    /// For how many more keys users are read around them.
    reads: usize,
}

impl KeyHints {
    pub(super) fn new() -> Self {
        Self { lookups: LOOKED_UP, reads: READ_AROUND }
    }

    /// Finds a hint for each of `keys`, which name no user by `field`; none where nothing is known.
    pub(super) fn find(
        &mut self,
        staging: &Staging,
        field: Field,
        keys: &[&str],
    ) -> Result<Vec<Option<String>>, AppError> {
        let mut hints: Vec<Option<String>> = keys.iter().map(|key| of_spreadsheet(key)).collect();
        if !matches!(field, Field::Username | Field::ExternalId | Field::Email) {
            return Ok(hints);
        }
        let open: Vec<usize> = (0..keys.len()).filter(|at| hints[*at].is_none()).take(self.lookups).collect();
        self.lookups -= open.len();
        let spellings: Vec<Vec<String>> = open.iter().map(|at| spellings(keys[*at])).collect();
        let wanted: Vec<&str> = spellings.iter().flatten().map(String::as_str).collect();
        let mut found = staging.find_all(field, &wanted)?.into_iter();
        for (at, spellings) in open.into_iter().zip(&spellings) {
            let there: Vec<bool> =
                found.by_ref().take(spellings.len()).map(|users| !users.is_empty()).collect();
            let known = spellings.iter().zip(there).find(|(_, there)| *there).map(|(known, _)| known.clone());
            let known = match known {
                None if self.reads > 0 => {
                    self.reads -= 1;
                    read_around(staging, field, keys[at])?
                }
                known => known,
            };
            hints[at] = known.map(|known| format!("there is {known:?}: {}", difference(keys[at], &known)));
        }
        Ok(hints)
    }
}

/// Explains a number that a spreadsheet has shortened, such as `4.9E+11`; none for other keys.
fn of_spreadsheet(key: &str) -> Option<String> {
    let (mantissa, exponent) = key.split_once(['E', 'e'])?;
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let exponent = is_number(exponent.strip_prefix('+')?);
    let mantissa = mantissa
        .split_once([',', '.'])
        .map_or_else(|| is_number(mantissa), |(whole, fraction)| is_number(whole) && is_number(fraction));
    let why = "a spreadsheet has shortened a number, and its digits are lost: write the column as text";
    (exponent && mantissa).then(|| why.to_owned())
}

/// Folds a name to compare its looks only: case and Unicode normal form do not count.
fn folded(name: &str) -> String {
    normalize_key(name).nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// In what two names differ that look alike.
fn difference(key: &str, known: &str) -> &'static str {
    let (key, known) = (normalize_key(key), normalize_key(known));
    if key == known {
        "white space or invisible characters around it differ"
    } else if key.nfc().eq(known.nfc()) {
        "Unicode normal form differs"
    } else if key.to_lowercase() == known.to_lowercase() {
        "case differs"
    } else {
        "case and Unicode normal form differ"
    }
}

/// Other ways to write a key, the likely ones.
fn spellings(key: &str) -> Vec<String> {
    let mut cases = vec![key.to_owned(), key.to_lowercase(), key.to_uppercase()];
    let mut starts = true;
    let words = key.to_lowercase().chars().fold(String::new(), |mut text, c| {
        if std::mem::replace(&mut starts, !c.is_alphanumeric()) {
            text.extend(c.to_uppercase());
        } else {
            text.push(c);
        }
        text
    });
    let mut first = key.to_lowercase();
    if let Some(c) = first.chars().next() {
        first.replace_range(..c.len_utf8(), &c.to_uppercase().to_string());
    }
    cases.extend([words, first]);
    let mut all: BTreeSet<String> =
        cases.iter().flat_map(|text| [text.nfc().collect(), text.nfd().collect(), text.clone()]).collect();
    all.extend([format!("{key} "), format!(" {key}"), format!("{key}\u{a0}")]);
    all.remove(key);
    all.into_iter().collect()
}

/// A value that looks like the key, among those that start with the same letters in any case.
fn read_around(staging: &Staging, field: Field, key: &str) -> Result<Option<String>, AppError> {
    let wanted = folded(key);
    let mut beginnings = BTreeSet::from([String::new()]);
    for c in key.chars().take(IN_COMMON) {
        let cases: BTreeSet<String> =
            [c.to_string(), c.to_lowercase().to_string(), c.to_uppercase().to_string()].into();
        beginnings = beginnings
            .iter()
            .flat_map(|start| cases.iter().map(move |case| format!("{start}{case}")))
            .collect();
    }
    for beginning in beginnings {
        let values = staging.values_that_start_with(field, &beginning, READ)?;
        if let Some(found) = values.into_iter().find(|value| folded(value) == wanted) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_a_spreadsheet_has_shortened_are_known() {
        for key in ["1.2E+05", "1,23E+11", "4E+9", "1.2e+05"] {
            assert!(of_spreadsheet(key).is_some(), "{key}");
        }
        for key in ["", "12", "E+5", "1.E+5", "a1E+5", "1.2E+", "1E5", "mike+e@example.com", "1.2E+0x"] {
            assert_eq!(of_spreadsheet(key), None, "{key}");
        }
    }

    #[test]
    fn names_that_look_alike_are_compared_by_what_differs() {
        assert_eq!(difference("ANA", "ana"), "case differs");
        assert_eq!(difference("zoe\u{308}", "zo\u{eb}"), "Unicode normal form differs");
        assert_eq!(difference("ZOE\u{308}", "zo\u{eb}"), "case and Unicode normal form differ");
        assert_eq!(difference("ana", "ana "), "white space or invisible characters around it differ");
        let other = spellings("ana.berg");
        for known in ["Ana.Berg", "Ana.berg", "ANA.BERG", "ana.berg "] {
            assert!(other.iter().any(|spelling| spelling == known), "{known} in {other:?}");
        }
        assert!(!other.iter().any(|spelling| spelling == "ana.berg"));
        assert_eq!(folded(" ZOE\u{308}"), "zo\u{eb}");
    }
}
