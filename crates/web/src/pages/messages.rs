//! Texts of pages that are in no template: reasons of rejected forms, and descriptions of pictures. A test finds texts
//! elsewhere.

use super::view::number;

pub(super) const SAY_VERSION: &str = "say which version was seen";
pub(super) const TOKEN_DAYS: &str = "a token is good for 1 to 366 days";
pub(super) const TYPE_TARGETS: &str = "type the number of targets";
pub(super) const TYPE_PASSWORD: &str = "type the new password";
pub(super) const CHOOSE_FILE: &str = "choose a file first";
pub(super) const EARLIER_RUN: &str = "say the number of an earlier run";
pub(super) const WRITE_FILTER: &str = "write a filter or a search, or choose every user";
pub(super) const SEND_FILE: &str = "send a file below, or choose one";
pub(super) const FOR_WHOM: &str = "say for whom: every user, a filter, a file, or an earlier run";
pub(super) const NO_ORGANIZATION: &str = "an organization is named by its number";
pub(super) const USER_NUMBERS: &str = "write user numbers with commas between them, such as 12, 15";
pub(super) const TIME_LIMIT: &str = "a time limit is a number of seconds";

/// Titles of columns that are not what their fields are called.
pub(super) const STATE: &str = "State";
pub(super) const CLASS: &str = "Class";
pub(super) const EXPIRES: &str = "Expires";
pub(super) const EXTERNAL_ID: &str = "External identifier";
pub(super) const PICTURE: &str = "Picture";
pub(super) const NUMBER: &str = "Number";
/// The character between cells.
pub(super) const COMMA: &str = "comma";
pub(super) const SEMICOLON: &str = "semicolon";
pub(super) const TABULATOR: &str = "tabulator";
pub(super) const HEADER_ROW: &str = "Header row: write a whole number, from 1.";
pub(super) const BAR: &str = "vertical bar";
/// Which rows run where several name one user.
pub(super) const FIRST_ROW: &str = "run the first one";
pub(super) const LAST_ROW: &str = "run the last one";
pub(super) const REFUSE_ROWS: &str = "refuse the file";
/// The way to changed users.
pub(super) const STEPS: [&str; 4] = ["Who", "Parameters", "Preview", "Apply"];
pub(super) const EVERYWHERE: &str = "all organizations";

/// What a change is about.
pub(super) const PROFILE: &str = "profile";
pub(super) const ATTRIBUTE: &str = "attribute";
pub(super) const CHECK_ATTRIBUTE: &str = "check attribute";
/// A value that is not there.
pub(super) const NONE: &str = "none";
pub(super) const NEVER: &str = "never";
/// What was there before the first version.
pub(super) const NOTHING: &str = "nothing";

/// Why a row of a file names nobody new.
pub(super) fn named_by(line: u64) -> String {
    format!("named by line {line}, too")
}

/// The title of the typed text, next to the version that another administrator saved.
pub(super) const YOUR_TEXT: &str = "your text";

/// Why an earlier version of a script is not saved over.
pub(super) fn read_only(version: i64) -> String {
    format!("version {version} is read-only: restore it to make it the latest")
}

pub(super) fn version(number: i64) -> String {
    format!("version {number}")
}

/// What has taken a run back.
pub(super) fn undo_of(undone: i64, script: &str) -> String {
    format!("undo of {undone} ({script})")
}

pub(super) fn organization(id: i64) -> String {
    format!("organization {id}")
}

pub(super) fn no_organization(name: &str) -> String {
    format!("there is no organization {name:?}")
}

pub(super) fn whole_number(name: &str) -> String {
    format!("{name}: write a whole number")
}

pub(super) fn type_changes(changes: u64) -> String {
    format!("to write these changes, type their number: {}", number(changes))
}

pub(super) fn type_name(username: &str) -> String {
    format!("to remove this user, type {username}")
}

/// Why a form cannot be read, which a page of this server does not send.
pub(super) fn unreadable_form(why: impl std::fmt::Display) -> String {
    format!("the form cannot be read: {why}")
}

/// Formats a duration for people; `seconds` is rounded up already.
pub(super) fn duration(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {} s", seconds % 60),
        _ => format!("{hours} h {minutes} min"),
    }
}

pub(super) fn in_line(name: &str, line: usize, why: impl std::fmt::Display) -> String {
    format!("{name}, line {line}: {why}")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// The texts between quotes of a source, up to its tests; comments and attributes aside.
    fn texts(source: &str) -> Vec<String> {
        let source = source.split("#[cfg(test)]").next().unwrap();
        let (mut texts, mut rest) = (Vec::new(), source);
        while let Some(at) = rest.find(['"', '/', '#', '\'']) {
            let from = &rest[at..];
            let skipped = match from.as_bytes() {
                [b'/', b'/', ..] => from.find('\n').unwrap_or(from.len()),
                [b'#', b'[', ..] => from.find("]\n").unwrap_or(from.len()),
                [b'\'', b'\\', _, b'\'', ..] => 4,
                [b'\'', b'"', b'\'', ..] => 3,
                [b'"', ..] => {
                    let (mut text, mut chars) = (String::new(), from.char_indices().skip(1));
                    let mut end = from.len();
                    while let Some((place, c)) = chars.next() {
                        match c {
                            '"' => {
                                end = place + 1;
                                break;
                            }
                            '\\' => text.extend(chars.next().map(|_| ' ')),
                            c => text.push(c),
                        }
                    }
                    texts.push(text);
                    end
                }
                _ => 1,
            };
            rest = &from[skipped..];
        }
        texts
    }

    /// Whether there are two words with nothing but a space between them. Filters are no prose.
    fn is_prose(text: &str) -> bool {
        let is_filter = [" eq ", " ge ", " lt "].iter().any(|operator| text.contains(operator));
        let is_word = |part: &&str| part.chars().count() > 1 && part.chars().all(char::is_alphabetic);
        let words: Vec<_> = text.split(' ').collect();
        !is_filter && words.windows(2).any(|pair| pair.iter().all(is_word))
    }

    #[test]
    fn a_duration_has_two_units_at_most() {
        let shown = [0, 59, 60, 3_599, 3_600, 90_061].map(super::duration);
        assert_eq!(shown, ["0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "25 h 1 min"]);
    }

    #[test]
    fn what_people_read_stands_in_templates_or_here() {
        let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pages");
        let mut files = 0;
        let entries = [pages.join("template"), pages].map(|folder| std::fs::read_dir(folder).unwrap());
        for file in entries.into_iter().flatten() {
            let path = file.unwrap().path();
            if path.ends_with("messages.rs") || path.is_dir() {
                continue;
            }
            let prose: Vec<_> = texts(&std::fs::read_to_string(&path).unwrap())
                .into_iter()
                .filter(|text| is_prose(text))
                .collect();
            assert!(prose.is_empty(), "{}: {prose:?}", path.display());
            files += 1;
        }
        assert!(files > 20);
        assert!(is_prose("say what is meant") && !is_prose("klass eq \"gold\"") && !is_prose("a=b; Path=/"));
        assert_eq!(texts("f(\"one two\", '\"', \"x\\\"y\") // \"no\""), ["one two", "x y"]);
    }
}
