//! The parser of filters.

use std::fmt;

use super::{Comparison, Expr, Filter, List, Literal, Moment, Part, PartTest, Test, UserTest, item_number};
use crate::{Field, Kind, Rejection, Timestamp, Zone, did_you_mean};

/// The longest filter text, in bytes.
pub const MAX_BYTES: usize = 65_536;
/// The most comparisons in one filter.
pub const MAX_TERMS: usize = 1_000;
/// The most parentheses, brackets and `not`s inside each other.
pub const MAX_DEPTH: usize = 50;

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

    /// What is wrong there, by itself.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl std::error::Error for ParseError {}

/// The message, then the filter with a caret under the fault.
impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Of a long filter only this many characters on either side of the fault are shown.
        const AROUND: usize = 60;
        writeln!(f, "filter, column {}: {}", self.column(), self.message)?;
        let at = self.column() - 1;
        let skipped = at.saturating_sub(AROUND);
        let shown = self.text.chars().skip(skipped).take(2 * AROUND);
        // A line break inside the text would move the caret away from its place.
        let shown: String = shown.map(|c| if c.is_control() { ' ' } else { c }).collect();
        let (before, dots) = if skipped > 0 { ("…", 1) } else { ("", 0) };
        let after = if self.text.chars().count() > skipped + 2 * AROUND { "…" } else { "" };
        writeln!(f, "  {before}{shown}{after}")?;
        write!(f, "  {}^", " ".repeat(at - skipped + dots))
    }
}

/// Reads a filter. Times without an offset are in `zone`, and relative ones are relative to `now`.
///
/// # Errors
///
/// The text is not a filter. The error has the column of the fault.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use rollcall_domain::filter::parse;
/// use rollcall_domain::{Timestamp, User, Zone};
///
/// let zone = Zone::utc();
/// let now = Timestamp::parse("2026-12-01", &zone)?;
/// let filter = parse(r#"klass eq "gold" and expiration lt now+30d"#, &zone, now)?;
///
/// let mut user = User::new(7, "ana.berg", 1, now);
/// user.klass = "gold".to_owned();
/// user.expiration = Some(Timestamp::parse("2026-12-24", &zone)?);
/// assert!(filter.matches(&user, "North"));
///
/// let error = parse(r#"klas eq "gold""#, &zone, now).unwrap_err();
/// assert_eq!(error.column(), 1);
/// # Ok(())
/// # }
/// ```
pub fn parse(text: &str, zone: &Zone, now: Timestamp) -> Result<Filter, ParseError> {
    let mut parser = Parser { text, at: 0, zone, now, terms: 0, depth: 0 };
    if text.len() > MAX_BYTES {
        return Err(parser.error(0, format!("a filter has at most {MAX_BYTES} bytes")));
    }
    if text.trim().is_empty() {
        return Err(parser.error(0, "the filter is empty; to mean every user, leave it out"));
    }
    let filter = parser.any(&Parser::user_test)?;
    if parser.skip_blanks() < text.len() {
        let expected = if text[parser.at..].starts_with(')') {
            "this closes nothing: expected \"and\", \"or\" or the end of the filter"
        } else {
            "expected \"and\", \"or\" or the end of the filter"
        };
        return Err(parser.error(parser.at, expected));
    }
    Ok(filter)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    zone: &'a Zone,
    now: Timestamp,
    terms: usize,
    depth: usize,
}

/// Reads one test, of a user or of a list's entry.
type ReadTest<'r, 'a, T> = &'r dyn Fn(&mut Parser<'a>) -> Result<Expr<T>, ParseError>;

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
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.' | ':' | '$')))
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Goes past the next word if it is this one.
    fn takes_word(&mut self, wanted: &str) -> bool {
        let start = self.skip_blanks();
        let taken = self.word().eq_ignore_ascii_case(wanted);
        if !taken {
            self.at = start;
        }
        taken
    }

    /// Goes past the next character if it is this one.
    fn takes(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        let taken = self.text[self.at..].starts_with(wanted);
        if taken {
            self.at += wanted.len_utf8();
        }
        taken
    }

    /// Terms joined by `or`, each of terms joined by `and`.
    fn any<T>(&mut self, read: ReadTest<'_, 'a, T>) -> Result<Expr<T>, ParseError> {
        let mut terms = vec![self.all(read)?];
        while self.takes_word("or") {
            terms.push(self.all(read)?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Expr::Or(terms) })
    }

    fn all<T>(&mut self, read: ReadTest<'_, 'a, T>) -> Result<Expr<T>, ParseError> {
        let mut terms = vec![self.one(read)?];
        while self.takes_word("and") {
            terms.push(self.one(read)?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Expr::And(terms) })
    }

    fn one<T>(&mut self, read: ReadTest<'_, 'a, T>) -> Result<Expr<T>, ParseError> {
        let start = self.skip_blanks();
        if self.takes_word("not") {
            let open = self.skip_blanks();
            if !self.takes('(') {
                return Err(self.error(open, "expected \"(\" after not: write not (…)"));
            }
            return Ok(Expr::Not(Box::new(self.closed_by(')', open, read)?)));
        }
        if self.takes('(') {
            return self.closed_by(')', start, read);
        }
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.error(start, format!("a filter has at most {MAX_TERMS} comparisons")));
        }
        read(self)
    }

    /// What stands in parentheses or brackets that were opened at `open`.
    fn closed_by<T>(
        &mut self,
        close: char,
        open: usize,
        read: ReadTest<'_, 'a, T>,
    ) -> Result<Expr<T>, ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(open, format!("a filter nests at most {MAX_DEPTH} deep")));
        }
        let inner = self.any(read)?;
        let end = self.skip_blanks();
        if !self.takes(close) {
            let opened = self.text[..open].chars().count() + 1;
            return Err(self.error(
                end,
                format!("expected \"and\", \"or\" or the \"{close}\" that closes what column {opened} opens"),
            ));
        }
        self.depth -= 1;
        Ok(inner)
    }

    fn user_test(&mut self) -> Result<Filter, ParseError> {
        let start = self.skip_blanks();
        let name = self.word();
        if name.is_empty() {
            return Err(self.error(start, "expected the name of a user field"));
        }
        let lower = name.to_ascii_lowercase();
        if let Some(list) = List::ALL.into_iter().find(|list| list.name() == lower) {
            return self.list_test(list);
        }
        if let Some((first, part)) = lower.split_once('.')
            && let Some(list) = List::ALL.into_iter().find(|list| list.name() == first)
        {
            let at = start + first.len() + 1;
            let test = self.part_test(list, part, at)?;
            // Of a list, "ne" says that no entry is equal: the complement of "eq".
            return Ok(match test {
                PartTest { part, test: Test::Compare(Comparison::NotEqual, literal) } => {
                    let equal = Test::Compare(Comparison::Equal, literal);
                    let has = UserTest::Has(list, Some(Expr::Is(PartTest { part, test: equal })));
                    Expr::Not(Box::new(Expr::Is(has)))
                }
                test => Expr::Is(UserTest::Has(list, Some(Expr::Is(test)))),
            });
        }
        if lower == "organization" {
            return Ok(Expr::Is(UserTest::Organization(self.test("organization", Kind::Text, false)?)));
        }
        let field: Field = lower.parse().map_err(|_| self.unknown_field(name, start))?;
        Ok(Expr::Is(UserTest::Field(field, self.test(field.name(), field.kind(), false)?)))
    }

    fn unknown_field(&self, name: &str, start: usize) -> ParseError {
        let lists = List::ALL.map(List::name);
        let names = Field::ALL.map(Field::name).into_iter().chain(lists).chain(["organization"]);
        let hint =
            did_you_mean(name, names).map_or_else(String::new, |close| format!("; did you mean {close}?"));
        self.error(start, format!("no user field is called {name:?}{hint}"))
    }

    /// `[…]` or `pr`, after a list's name.
    fn list_test(&mut self, list: List) -> Result<Filter, ParseError> {
        let start = self.skip_blanks();
        if self.takes_word("pr") {
            return Ok(Expr::Is(UserTest::Has(list, None)));
        }
        if !self.takes('[') {
            let name = list.name();
            let part = list.parts()[1].name();
            let why = format!(
                "{name} is a list: write {name}[{part} eq \"…\"] for what one entry must be, or {name} pr for any entry"
            );
            return Err(self.error(start, why));
        }
        let entry = self.closed_by(']', start, &|parser| parser.entry_test(list))?;
        Ok(Expr::Is(UserTest::Has(list, Some(entry))))
    }

    fn entry_test(&mut self, list: List) -> Result<Expr<PartTest>, ParseError> {
        let start = self.skip_blanks();
        let name = self.word().to_ascii_lowercase();
        self.part_test(list, &name, start).map(Expr::Is)
    }

    /// The rest of a test after the name of an entry's part, which stood at `start`.
    fn part_test(&mut self, list: List, name: &str, start: usize) -> Result<PartTest, ParseError> {
        let part = list.parts().iter().copied().find(|part| part.name() == name).ok_or_else(|| {
            let names: Vec<_> = list.parts().iter().map(|part| part.name()).collect();
            self.error(
                start,
                format!("an entry of {} has {}: expected one of them", list.name(), names.join(", ")),
            )
        })?;
        Ok(PartTest { part, test: self.test(part.name(), part.kind(), part == Part::Value)? })
    }

    /// `pr`, or a comparison and a value. `number` allows a bare number for a text.
    fn test(&mut self, name: &str, kind: Kind, number: bool) -> Result<Test, ParseError> {
        let start = self.skip_blanks();
        let word = self.word();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Test::Present);
        }
        let comparison = Comparison::ALL
            .into_iter()
            .find(|comparison| word.eq_ignore_ascii_case(comparison.name()))
            .ok_or_else(|| {
                let names: Vec<_> =
                    Comparison::ALL.into_iter().filter(|one| one.suits(kind)).map(Comparison::name).collect();
                let hint = did_you_mean(word, names.iter().copied())
                    .filter(|_| !word.is_empty())
                    .map_or_else(String::new, |close| format!("; did you mean {close}?"));
                self.error(start, format!("expected one of {} pr{hint}", names.join(" ")))
            })?;
        if !comparison.suits(kind) {
            let why = match kind {
                Kind::Bool => format!("{name} is true or false: compare it with eq or ne"),
                Kind::Time => format!("{name} is a time: compare it with eq ne gt ge lt le"),
                _ => format!("{name} is a number: compare it with eq ne gt ge lt le"),
            };
            return Err(self.error(start, why));
        }
        let start = self.skip_blanks();
        let literal = self.literal(name, kind, number, start)?;
        if comparison.is_order() && matches!(&literal, Literal::Time(None)) {
            return Err(self.error(start, "null has no order: compare with it by eq or ne"));
        }
        Ok(Test::Compare(comparison, literal))
    }

    fn literal(&mut self, name: &str, kind: Kind, number: bool, start: usize) -> Result<Literal, ParseError> {
        let refused = |why: Rejection, parser: &Self| parser.error(start, why.to_string());
        if self.text[start..].starts_with('"') {
            let text = self.quoted(start)?;
            return match kind {
                Kind::Text => Ok(Literal::Text(text)),
                Kind::Time if Moment::relative(&text, self.zone, self.now).is_some() => {
                    Err(self.error(start, format!("write {text} without quotes")))
                }
                Kind::Time => Timestamp::parse(&text, self.zone)
                    .map(|time| Literal::Time(Some(time.into())))
                    .map_err(|why| refused(why, self)),
                Kind::Int => Err(self.error(start, format!("{name} is a number: write it without quotes"))),
                Kind::Bool => Err(self.error(start, format!("{name} is true or false, without quotes"))),
            };
        }
        let word = self.word();
        match (kind, word) {
            (Kind::Text, "null") => Ok(Literal::Text(String::new())),
            (Kind::Text, text) if number && item_number(text).is_some() => Ok(Literal::Text(text.to_owned())),
            (Kind::Time, "null") => Ok(Literal::Time(None)),
            (Kind::Bool, "true") => Ok(Literal::Bool(true)),
            (Kind::Bool, "false") => Ok(Literal::Bool(false)),
            (Kind::Int, digits) if digits.parse::<i64>().is_ok() => {
                Ok(Literal::Int(digits.parse().expect("it just did")))
            }
            (Kind::Text, _) if number => Err(self.error(
                start,
                format!("{name} is text: expected a \"quoted\" value or a whole number"),
            )),
            (Kind::Text, _) => Err(self.error(start, format!("{name} is text: expected a \"quoted\" value"))),
            (Kind::Time, word) => match Moment::relative(word, self.zone, self.now) {
                Some(moment) => Ok(Literal::Time(Some(moment.map_err(|why| refused(why, self))?))),
                None => Err(self.error(
                    start,
                    format!(
                        "{name} is a time: expected one in quotes such as \"2026-12-01T00:00:00Z\", now, now+30d, \
                         today-1mo or null"
                    ),
                )),
            },
            (Kind::Bool, _) => Err(self.error(start, format!("{name} is true or false: expected either"))),
            (Kind::Int, _) => Err(self.error(start, format!("{name} is a number: expected a whole number"))),
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
    use crate::ItemKind;

    fn read(text: &str) -> Result<Filter, ParseError> {
        let now = Timestamp::parse("2026-11-23T12:00:00Z", &Zone::utc()).unwrap();
        parse(text, &Zone::utc(), now)
    }

    fn field(field: Field, comparison: Comparison, literal: Literal) -> Filter {
        Expr::Is(UserTest::Field(field, Test::Compare(comparison, literal)))
    }

    #[test]
    fn and_binds_more_than_or_and_not_more_than_both() {
        let gold = || field(Field::Klass, Comparison::Equal, Literal::Text("gold".into()));
        let active = || field(Field::IsActive, Comparison::Equal, Literal::Bool(true));
        let old = || field(Field::ObjId, Comparison::Less, Literal::Int(-5));
        let (a, b, c) = ("klass eq \"gold\"", "IS_ACTIVE Eq true", "obj_id lt -5");
        for (text, expected) in [
            (format!("{a} or {b} AND {c}"), Expr::Or(vec![gold(), Expr::And(vec![active(), old()])])),
            (format!("({a} or {b}) and {c}"), Expr::And(vec![Expr::Or(vec![gold(), active()]), old()])),
            (
                format!("not ({a}) and not({b} or {c})"),
                Expr::And(vec![
                    Expr::Not(Box::new(gold())),
                    Expr::Not(Box::new(Expr::Or(vec![active(), old()]))),
                ]),
            ),
            (format!("((({a})))"), gold()),
        ] {
            assert_eq!(read(&text).as_ref(), Ok(&expected), "{text}");
            assert_eq!(read(&expected.to_string()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn lists_are_asked_for_one_entry() {
        let part = |part, how, text: &str| {
            Expr::Is(PartTest { part, test: Test::Compare(how, Literal::Text(text.to_owned())) })
        };
        let items = List::Items(ItemKind::Reply);
        let timeout = Expr::And(vec![
            part(Part::Attr, Comparison::Equal, "Session-Timeout"),
            part(Part::Value, Comparison::Greater, "3600"),
        ]);
        let timeout = Expr::Is(UserTest::Has(items, Some(timeout)));
        assert_eq!(
            read("attributes[attr eq \"Session-Timeout\" and value gt \"3600\"]"),
            Ok(timeout.clone())
        );
        assert_eq!(read("attributes[attr eq \"Session-Timeout\" and value gt 3600]"), Ok(timeout));
        let basic =
            Expr::Is(UserTest::Has(List::Profiles, Some(part(Part::ShortName, Comparison::Equal, "basic"))));
        assert_eq!(read("profiles.short_name eq \"basic\""), Ok(basic.clone()));
        assert_eq!(read("profiles.short_name ne \"basic\""), Ok(Expr::Not(Box::new(basic))));
        assert_eq!(read("profiles pr"), Ok(Expr::Is(UserTest::Has(List::Profiles, None))));
    }

    #[test]
    fn a_fault_is_shown_where_it_is() {
        let shown = read(r#"username eq "é" and klas eq "x""#).unwrap_err().to_string();
        assert_eq!(
            shown,
            "filter, column 21: no user field is called \"klas\"; did you mean klass?\n  \
             username eq \"é\" and klas eq \"x\"\n                      ^"
        );
        let long = format!("{} and klas pr", "klass pr and ".repeat(100).trim_end_matches(" and "));
        let shown = read(&long).unwrap_err().to_string();
        let lines: Vec<_> = shown.lines().collect();
        let caret = lines[2].chars().count() - 1;
        assert_eq!(lines[1].chars().skip(caret).collect::<String>(), "klas pr", "{shown}");
        assert!(lines[1].chars().count() < 140);
    }

    #[test]
    fn what_is_no_filter_is_refused_at_its_place() {
        for (text, column, what) in [
            ("", 1, "empty"),
            ("   ", 1, "empty"),
            ("username", 9, "expected one of eq"),
            ("username eq", 12, "quoted"),
            ("username eq gold", 13, "quoted"),
            ("username eq \"gold", 13, "never closed"),
            ("username like \"x\"", 10, "expected one of eq"),
            ("is_active gt true", 11, "true or false"),
            ("is_active co true", 11, "true or false"),
            ("is_active eq \"true\"", 14, "without quotes"),
            ("obj_id eq \"1\"", 11, "without quotes"),
            ("obj_id sw 1", 8, "is a number"),
            ("obj_id eq 99999999999999999999", 11, "whole number"),
            ("expiration lt null", 15, "no order"),
            ("expiration lt \"soon\"", 15, "not a date"),
            ("expiration lt \"now+30d\"", 15, "without quotes"),
            ("expiration lt now+30", 15, "after now or today"),
            ("expiration lt now+30fortnights", 15, "after now or today"),
            ("expiration lt now+999999999d", 15, "outside the years"),
            ("expiration co \"2026\"", 12, "is a time"),
            ("username eq \"a\" and", 20, "name of a user field"),
            ("username eq \"a\" )", 17, "closes nothing"),
            ("(username eq \"a\"", 17, "closes what column 1 opens"),
            ("not username eq \"a\"", 5, "expected \"(\""),
            ("username eq \"a\" klass eq \"b\"", 17, "expected \"and\""),
            ("profiles eq \"basic\"", 10, "is a list"),
            ("profiles[name eq \"basic\"]", 10, "short_name"),
            ("profiles[short_name eq \"basic\"", 31, "closes what column 9 opens"),
            ("profiles[klass eq \"basic\"]", 10, "short_name"),
            ("attributes.attribute eq \"x\"", 12, "attr, operation, value"),
            ("attributes[value gt 3.5]", 21, "whole number"),
            ("profile[short_name eq \"x\"]", 1, "did you mean profiles?"),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.column(), column, "{text}: {error}");
            assert!(error.message.contains(what), "{text}: {error}");
        }
    }

    #[test]
    fn size_and_depth_are_capped() {
        let nested = |depth: usize| format!("{}klass pr{}", "(".repeat(depth), ")".repeat(depth));
        assert!(read(&nested(MAX_DEPTH)).is_ok());
        assert!(read(&nested(MAX_DEPTH + 1)).unwrap_err().message.contains("nests at most"));
        assert!(read(&"not (".repeat(10_000)).unwrap_err().message.contains("nests at most"));
        let many = |count: usize| vec!["klass pr"; count].join(" or ");
        assert!(read(&many(MAX_TERMS)).is_ok());
        assert!(read(&many(MAX_TERMS + 1)).unwrap_err().message.contains("at most 1000 comparisons"));
        assert!(read(&" ".repeat(MAX_BYTES + 1)).unwrap_err().message.contains("bytes"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "(?s)([a-z_]{1,9}|[ \\[\\]().\"\\\\+-]|and|or|not|eq|klass|profiles|now|\\PC){0,20}") {
            if let Err(error) = read(&text) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
}
