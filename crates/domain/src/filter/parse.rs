use std::fmt;

use super::{Comparison, Filter, Literal};
use crate::{Field, Kind, Timestamp, Zone, did_you_mean};

/// The longest filter text, in bytes.
pub const MAX_BYTES: usize = 65_536;
/// The most comparisons in one filter.
pub const MAX_TERMS: usize = 1_000;

/// Why a text is not a filter, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    text: String,
    /// Byte offset of the fault in the text.
    at: usize,
    message: String,
}

impl ParseError {
    /// The fault's column, counted from 1 in characters.
    #[must_use]
    pub fn column(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }
}

impl std::error::Error for ParseError {}

/// The message, then the filter with a caret under the fault.
impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "filter, column {}: {}", self.column(), self.message)?;
        // A line break inside the text would move the caret away from its place.
        writeln!(f, "  {}", self.text.replace(char::is_control, " "))?;
        write!(f, "  {}^", " ".repeat(self.column() - 1))
    }
}

/// Reads a filter. Times without an offset are in `zone`.
pub fn parse(text: &str, zone: &Zone) -> Result<Filter, ParseError> {
    let mut parser = Parser { text, at: 0, zone };
    if text.len() > MAX_BYTES {
        return Err(parser.error(0, format!("a filter has at most {MAX_BYTES} bytes")));
    }
    if text.trim().is_empty() {
        return Err(
            parser.error(0, "the filter is empty; to mean every user, leave it out (a run then wants --all)")
        );
    }
    let mut terms = vec![parser.comparison()?];
    loop {
        let start = parser.skip_blanks();
        match parser.word() {
            "" if start == text.len() => break,
            word if word.eq_ignore_ascii_case("and") => terms.push(parser.comparison()?),
            _ => return Err(parser.error(start, "expected \"and\" or the end of the filter")),
        }
        if terms.len() > MAX_TERMS {
            return Err(parser.error(start, format!("a filter has at most {MAX_TERMS} comparisons")));
        }
    }
    Ok(if terms.len() == 1 { terms.remove(0) } else { Filter::And(terms) })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    zone: &'a Zone,
}

impl<'a> Parser<'a> {
    fn error(&self, at: usize, message: impl Into<String>) -> ParseError {
        ParseError { text: self.text.to_owned(), at, message: message.into() }
    }

    fn skip_blanks(&mut self) -> usize {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.at
    }

    /// The word that starts here, perhaps empty.
    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.')))
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// `field op value`
    fn comparison(&mut self) -> Result<Filter, ParseError> {
        let start = self.skip_blanks();
        let name = self.word();
        if name.is_empty() {
            return Err(self.error(start, "expected the name of a user field"));
        }
        let field: Field = name.parse().map_err(|why: crate::Refusal| self.error(start, why.to_string()))?;

        let start = self.skip_blanks();
        let word = self.word();
        let comparison = Comparison::ALL
            .into_iter()
            .find(|comparison| word.eq_ignore_ascii_case(comparison.name()))
            .ok_or_else(|| {
                let names = Comparison::ALL.map(Comparison::name);
                let hint = did_you_mean(word, names)
                    .filter(|_| !word.is_empty())
                    .map_or_else(String::new, |close| format!("; did you mean {close}?"));
                self.error(start, format!("expected one of {}{hint}", names.join(" ")))
            })?;
        if field.kind() == Kind::Bool && comparison.is_order() {
            return Err(self.error(start, format!("{field} is true or false: compare it with eq or ne")));
        }

        let start = self.skip_blanks();
        let literal = self.literal(field, start)?;
        if comparison.is_order() && matches!(&literal, Literal::Time(None)) {
            return Err(self.error(start, "null has no order: compare with it by eq or ne"));
        }
        Ok(Filter::Compare(field, comparison, literal))
    }

    fn literal(&mut self, field: Field, start: usize) -> Result<Literal, ParseError> {
        if self.text[start..].starts_with('"') {
            let text = self.quoted(start)?;
            return match field.kind() {
                Kind::Text => Ok(Literal::Text(text)),
                Kind::Time => Timestamp::parse(&text, self.zone)
                    .map(|time| Literal::Time(Some(time)))
                    .map_err(|why| self.error(start, why.to_string())),
                Kind::Int => Err(self.error(start, format!("{field} is a number: write it without quotes"))),
                Kind::Bool => Err(self.error(start, format!("{field} is true or false, without quotes"))),
            };
        }
        let word = self.word();
        match (field.kind(), word) {
            (Kind::Text, "null") => Ok(Literal::Text(String::new())),
            (Kind::Time, "null") => Ok(Literal::Time(None)),
            (Kind::Bool, "true") => Ok(Literal::Bool(true)),
            (Kind::Bool, "false") => Ok(Literal::Bool(false)),
            (Kind::Int, number) if number.parse::<i64>().is_ok() => {
                Ok(Literal::Int(number.parse().expect("it just did")))
            }
            (Kind::Text, _) => {
                Err(self.error(start, format!("{field} is text: expected a \"quoted\" value")))
            }
            (Kind::Time, _) => Err(self.error(
                start,
                format!(
                    "{field} is a time: expected one in quotes such as \"2026-12-01T00:00:00Z\", or null"
                ),
            )),
            (Kind::Bool, _) => Err(self.error(start, format!("{field} is true or false: expected either"))),
            (Kind::Int, _) => Err(self.error(start, format!("{field} is a number: expected a whole number"))),
        }
    }

    /// A JSON string, as SCIM has them.
    fn quoted(&mut self, start: usize) -> Result<String, ParseError> {
        let mut values = serde_json::Deserializer::from_str(&self.text[start..]).into_iter::<String>();
        match values.next() {
            Some(Ok(text)) => {
                self.at = start + values.byte_offset();
                Ok(text)
            }
            Some(Err(why)) if !why.is_eof() => {
                let why = why.to_string();
                let why = why.split(" at line").next().unwrap_or_default();
                Err(self.error(start, format!("this quoted text is wrong: {why}")))
            }
            _ => Err(self.error(start, "this quote is never closed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Filter, ParseError> {
        parse(text, &Zone::utc())
    }

    #[test]
    fn comparisons_joined_by_and_are_read() {
        let filter =
            read(r#"is_active eq true AND klass ne "go\"ld" and expiration lt "2026-12-01""#).unwrap();
        let Filter::And(terms) = filter else { panic!("{filter:?}") };
        assert_eq!(terms.len(), 3);
        assert_eq!(
            terms[1],
            Filter::Compare(Field::Klass, Comparison::NotEqual, Literal::Text("go\"ld".into()))
        );
        assert_eq!(
            read("obj_id ge -5").unwrap(),
            Filter::Compare(Field::ObjId, Comparison::GreaterEqual, Literal::Int(-5))
        );
    }

    #[test]
    fn a_fault_is_shown_where_it_is() {
        let shown = read(r#"username eq "é" and klas eq "x""#).unwrap_err().to_string();
        assert_eq!(
            shown,
            "filter, column 21: no user field is called \"klas\"; did you mean klass?\n  \
             username eq \"é\" and klas eq \"x\"\n                      ^"
        );
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in [
            "",
            "   ",
            "username",
            "username eq",
            "username eq gold",
            "username eq \"gold",
            "username like \"x\"",
            "is_active gt true",
            "is_active eq \"true\"",
            "obj_id eq \"1\"",
            "obj_id eq 99999999999999999999",
            "expiration lt null",
            "expiration lt \"soon\"",
            "username eq \"a\" or klass eq \"b\"",
            "username eq \"a\" and",
            "username eq \"a\" )",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
