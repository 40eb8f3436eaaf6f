//! What is wrong in a file of users, fault by fault and in groups.

use std::collections::HashMap;
use std::fmt;

use rollcall_domain::Rejection;

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line on which the row starts, counted from 1.
    pub line: u64,
    /// The kind of the fault.
    pub kind: FaultKind,
    /// The column's name, where one is to blame.
    pub column: Option<String>,
    /// The mistake and its correction, in words.
    pub message: String,
}

impl Fault {
    /// The fault without its line.
    #[must_use]
    pub fn reason(&self) -> String {
        match &self.column {
            Some(column) => format!("{column}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", {column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// The kind of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// A column that the header names cannot be used.
    Header,
    /// The row could not be read, such as one that has too many cells.
    Unreadable,
    /// A cell has a value that its column does not take.
    Value,
    /// There is no profile of that name.
    UnknownProfile,
    /// There is no organization of that name.
    UnknownOrganization,
    /// A user with that name or number exists.
    Exists,
    /// An earlier row of the file has that name or number.
    Duplicate,
}

impl std::str::FromStr for FaultKind {
    type Err = Rejection;

    fn from_str(name: &str) -> Result<Self, Rejection> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| Rejection::new(format!("no kind of fault is called {name:?}")))
    }
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Header,
        Self::Unreadable,
        Self::Value,
        Self::UnknownProfile,
        Self::UnknownOrganization,
        Self::Exists,
        Self::Duplicate,
    ];

    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Unreadable => "unreadable",
            Self::Value => "value",
            Self::UnknownProfile => "unknown_profile",
            Self::UnknownOrganization => "unknown_organization",
            Self::Exists => "exists",
            Self::Duplicate => "duplicate",
        }
    }
}

/// Faults that are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultGroup {
    /// The first of them.
    pub first: Fault,
    /// The number of faults in the group.
    pub count: u64,
    /// The first lines, [`FaultGroup::LINES`] at most.
    pub lines: Vec<u64>,
}

impl FaultGroup {
    /// The number of lines listed per group.
    pub const LINES: usize = 5;
}

/// Where the faults are, and the first of them: as one fault where there is no other.
impl fmt::Display for FaultGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 1 {
            return self.first.fmt(f);
        }
        let lines: Vec<_> = self.lines.iter().map(u64::to_string).collect();
        match self.count.saturating_sub(lines.len() as u64) {
            0 => write!(f, "lines {}", and(&lines))?,
            more => write!(f, "lines {} and {more} more", lines.join(", "))?,
        }
        if let Some(column) = &self.first.column {
            write!(f, ", {column}")?;
        }
        write!(f, ": {}", self.first.message)
    }
}

/// `a, b and c`.
fn and(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Puts faults that are alike together: those of one kind and column whose messages differ in quoted texts and numbers
/// only. Unknown names and unreadable rows are told apart by their whole messages. However many faults there are,
/// memory holds a bounded number of groups.
#[derive(Debug, Default)]
pub struct FaultGroups {
    groups: Vec<FaultGroup>,
    places: HashMap<Likeness, usize>,
}

type Likeness = (FaultKind, Option<String>, String);

impl FaultGroups {
    /// The number of groups after which further faults are grouped by kind and column only.
    const MOST: usize = 200;

    /// Adds a fault to the faults that it is like.
    pub fn add(&mut self, fault: &Fault) {
        use FaultKind::{Header, UnknownOrganization, UnknownProfile, Unreadable};
        let pattern = match fault.kind {
            Header | UnknownOrganization | UnknownProfile | Unreadable => fault.message.clone(),
            _ => pattern(&fault.message),
        };
        let mut likeness = (fault.kind, fault.column.clone(), pattern);
        if self.groups.len() >= Self::MOST && !self.places.contains_key(&likeness) {
            likeness.2 = String::new();
            if self.groups.len() >= 2 * Self::MOST {
                likeness.1 = None;
            }
        }
        let at = *self.places.entry(likeness).or_insert(self.groups.len());
        match self.groups.get_mut(at) {
            None => self.groups.push(FaultGroup { first: fault.clone(), count: 1, lines: vec![fault.line] }),
            Some(group) => {
                group.count += 1;
                if group.lines.len() < FaultGroup::LINES {
                    group.lines.push(fault.line);
                }
            }
        }
    }

    /// The groups, in the order of the first fault of each.
    #[must_use]
    pub fn groups(&self) -> &[FaultGroup] {
        &self.groups
    }
}

/// A message without its quoted texts and numbers.
fn pattern(message: &str) -> String {
    let mut pattern = String::new();
    let mut characters = message.chars().peekable();
    while let Some(c) = characters.next() {
        if c == '"' {
            while let Some(inner) = characters.next() {
                match inner {
                    '\\' => drop(characters.next()),
                    '"' => break,
                    _ => {}
                }
            }
            pattern.push('"');
        } else if c.is_ascii_digit() {
            while characters.next_if(char::is_ascii_digit).is_some() {}
            pattern.push('0');
        } else {
            pattern.push(c);
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(line: u64, kind: FaultKind, message: &str) -> Fault {
        Fault { line, kind, column: Some("c".to_owned()), message: message.to_owned() }
    }

    fn told(faults: &[Fault]) -> Vec<String> {
        let mut groups = FaultGroups::default();
        faults.iter().for_each(|fault| groups.add(fault));
        groups.groups().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn faults_that_differ_in_values_come_together() {
        let date = |line, value: &str| fault(line, FaultKind::Value, &format!("{value:?} is not a date"));
        let dates: Vec<_> = (2..=9).map(|line| date(line, &format!("3\"1.{line}.2026"))).collect();
        assert_eq!(told(&dates), ["lines 2, 3, 4, 5, 6 and 3 more, c: \"3\\\"1.2.2026\" is not a date"]);
        assert_eq!(told(&dates[..2]), ["lines 2 and 3, c: \"3\\\"1.2.2026\" is not a date"]);
        assert_eq!(told(&dates[..1]), ["line 2, c: \"3\\\"1.2.2026\" is not a date"]);
        let cells = |n| fault(2, FaultKind::Unreadable, &format!("the row has {n} cells, the header has 19"));
        assert_eq!(told(&[cells(8), cells(20), date(3, "x"), cells(8)]).len(), 3);
    }

    #[test]
    fn each_unknown_name_is_told() {
        let name = |name| fault(2, FaultKind::UnknownProfile, &format!("there is no profile {name:?}"));
        assert_eq!(told(&[name("a"), name("b"), name("a")]).len(), 2);
    }

    #[test]
    fn groups_are_bounded() {
        let mut groups = FaultGroups::default();
        for n in 0..10_000 {
            let name = format!("there is no profile \"{n}\"");
            let mut unknown = fault(n, FaultKind::UnknownProfile, &name);
            unknown.column = Some(format!("c{n}"));
            groups.add(&unknown);
        }
        assert!(groups.groups().len() <= 2 * FaultGroups::MOST + 7);
        assert_eq!(groups.groups().iter().map(|group| group.count).sum::<u64>(), 10_000);
    }
}
