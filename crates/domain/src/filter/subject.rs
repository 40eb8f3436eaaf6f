//! Everything that a filter can test.

use super::{Comparison, List};
use crate::{Field, Kind};

/// Something that a filter can ask about, for whoever helps people to write one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// As the syntax writes it: of a list's entries, inside the brackets.
    pub name: &'static str,
    /// The list whose entries have it; none: users do.
    pub of: Option<List>,
    /// The type of its values; none: it is a list.
    pub kind: Option<Kind>,
}

impl Subject {
    /// Everything that can be asked about, users first.
    pub fn all() -> impl Iterator<Item = Self> {
        let user = |name, kind| Self { name, of: None, kind };
        let fields = Field::ALL.into_iter().map(move |field| user(field.name(), Some(field.kind())));
        let lists = List::ALL.into_iter().map(move |list| user(list.name(), None));
        let parts = List::ALL.into_iter().flat_map(|list| {
            let part =
                move |part: &super::Part| Self { name: part.name(), of: Some(list), kind: Some(part.kind()) };
            list.parts().iter().map(part)
        });
        fields.chain([user("organization", Some(Kind::Text))]).chain(lists).chain(parts)
    }

    /// How its values can be compared; `pr` besides, of everything.
    pub fn comparisons(self) -> impl Iterator<Item = Comparison> {
        Comparison::ALL.into_iter().filter(move |one| self.kind.is_some_and(|kind| one.suits(kind)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use crate::{Timestamp, Zone};

    #[test]
    fn what_is_said_to_be_possible_is_what_the_parser_takes() {
        let now = Timestamp::parse("2026-11-23T12:00:00Z", &Zone::utc()).unwrap();
        for subject in Subject::all() {
            let written = |how: &str| match subject.of {
                None => format!("{} {how}", subject.name),
                Some(list) => format!("{}[{} {how}]", list.name(), subject.name),
            };
            let takes = |how: &str| parse(&written(how), &Zone::utc(), now).is_ok();
            assert!(takes("pr"), "{subject:?}");
            let possible: Vec<_> = subject.comparisons().collect();
            let value = match subject.kind {
                Some(Kind::Int) => "7",
                Some(Kind::Bool) => "true",
                Some(Kind::Time) => "now",
                Some(Kind::Text) | None => "\"x\"",
            };
            for comparison in Comparison::ALL {
                let text = format!("{} {value}", comparison.name());
                assert_eq!(takes(&text), possible.contains(&comparison), "{}", written(&text));
            }
        }
    }
}
