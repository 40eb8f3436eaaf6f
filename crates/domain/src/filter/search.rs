//! A search as a filter, so that a run can be made for exactly the users that a search lists.

use super::{Comparison, Expr, Filter, Literal, Test, UserTest};
use crate::{Field, UserId};

/// No field that a search looks into holds a longer text, in bytes.
const MAX_BYTES: usize = 1_024;

/// A text as typed into a search box, without the blanks around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The text, and its lower-case form where that differs.
    texts: Vec<String>,
}

impl Search {
    /// Reads what was typed; none: there is nothing but blanks.
    #[must_use]
    pub fn new(typed: &str) -> Option<Self> {
        let text = typed.trim();
        let lower = text.to_lowercase();
        let lower = (lower != text).then_some(lower);
        (!text.is_empty()).then(|| Self { texts: [text.to_owned()].into_iter().chain(lower).collect() })
    }

    /// The text that was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        self.texts.first().map_or("", String::as_str)
    }

    /// The texts to look for: as typed, then in lower case. Empty if no user can have such a text.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        let possible = self.text().len() <= MAX_BYTES && !self.text().contains('\0');
        if possible { &self.texts } else { &[] }
    }

    /// The user number that the text is, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<UserId> {
        self.text().parse().ok().filter(|id| *id > 0)
    }

    /// The filter that selects the users that the search finds: those with this number or external identifier, and those
    /// whose username or e-mail address is the text or starts with it.
    #[must_use]
    pub fn filter(&self) -> Filter {
        let is = |field, how, literal| Expr::Is(UserTest::Field(field, Test::Compare(how, literal)));
        let number = self.number().map(|id| is(Field::ObjId, Comparison::Equal, Literal::Int(id)));
        let fields = [
            (Field::Username, Comparison::StartsWith),
            (Field::ExternalId, Comparison::Equal),
            (Field::Email, Comparison::StartsWith),
        ];
        let texts = self
            .texts()
            .iter()
            .flat_map(|text| fields.map(|(field, how)| is(field, how, Literal::Text(text.clone()))));
        let terms: Vec<_> = number.into_iter().chain(texts).collect();
        match terms.is_empty() {
            // No user has a number below 1.
            true => is(Field::ObjId, Comparison::Less, Literal::Int(1)),
            false => Expr::Or(terms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use crate::{Timestamp, User, Zone};

    fn shown(typed: &str) -> String {
        Search::new(typed).unwrap().filter().to_string()
    }

    #[test]
    fn search_is_a_filter_that_can_be_written_down() {
        assert_eq!(Search::new(""), None);
        assert_eq!(Search::new(" \t"), None);
        assert_eq!(shown(" ana "), "username sw \"ana\" or external_id eq \"ana\" or email sw \"ana\"");
        assert!(shown("7").starts_with("obj_id eq 7 or username sw \"7\""), "{}", shown("7"));
        assert!(shown("Ana").contains("email sw \"Ana\" or username sw \"ana\""), "{}", shown("Ana"));
        for nobody in ["a\0".to_owned(), "a".repeat(MAX_BYTES + 1)] {
            assert_eq!(shown(&nobody), "obj_id lt 1");
        }
        for typed in ["ana", "7", "Ana \"B\"", "\u{10ffff}", &"é".repeat(MAX_BYTES / 2)] {
            let filter = Search::new(typed).unwrap().filter();
            let read = parse(&filter.to_string(), &Zone::utc(), Timestamp::MIN).unwrap();
            assert_eq!(read, filter, "{typed}");
        }
        let user = User::new(1, "ANA", 1, Timestamp::MIN);
        assert!(Search::new("AN").unwrap().filter().matches(&user, ""));
        assert!(!Search::new("an").unwrap().filter().matches(&user, ""));
    }
}
