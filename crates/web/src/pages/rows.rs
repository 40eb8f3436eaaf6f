//! Rows of a file that become the targets of a run: the beginning of the file, and which rows match which users.

use std::io;
use std::str::FromStr;

use rollcall_app::runs::{BadKind, BadRow, Matched, RowsObserver, RowsReport};
use rollcall_app::{AppError, Row};

use super::messages;

/// So many rows of a kind are shown; a file takes all of the bad ones.
pub(super) const SHOWN: u32 = 100;

/// Rows of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Matched,
    Unmatched,
    Ambiguous,
    Duplicate,
    Faulty,
}

impl Tab {
    pub(super) const ALL: [Self; 5] =
        [Self::Matched, Self::Unmatched, Self::Ambiguous, Self::Duplicate, Self::Faulty];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Unmatched => "unmatched",
            Self::Ambiguous => "ambiguous",
            Self::Duplicate => "duplicate",
            Self::Faulty => "faulty",
        }
    }

    /// Its sign, and whether it is in the way.
    pub(super) fn sign(self) -> (&'static str, bool) {
        match self {
            Self::Matched => ("✓", false),
            Self::Unmatched => ("✕", true),
            Self::Ambiguous => ("?", true),
            Self::Duplicate => ("=", false),
            Self::Faulty => ("!", true),
        }
    }
}

impl FromStr for Tab {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|tab| tab.name() == name).ok_or(())
    }
}

/// One row as it is shown.
pub(super) struct Shown {
    pub(super) line: u64,
    pub(super) user: Option<String>,
    pub(super) why: String,
    pub(super) cells: Vec<String>,
}

/// What a file has, as far as it was read.
#[derive(Default)]
pub(super) struct FileRows {
    pub(super) columns: Vec<String>,
    /// How it begins.
    pub(super) begins: Vec<Row>,
    pub(super) report: Option<RowsReport>,
    wanted: Option<Tab>,
    shown: Vec<(Tab, Shown)>,
}

impl FileRows {
    /// Whoever wants to see no certain rows is shown those that are in the way.
    pub(super) fn new(wanted: Option<Tab>) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// How many rows there are of each kind.
    pub(super) fn tabs(&self) -> Vec<(Tab, u64)> {
        let Some(report) = &self.report else { return Vec::new() };
        let count = |tab| match tab {
            Tab::Matched => report.matched,
            Tab::Unmatched => report.unmatched,
            Tab::Ambiguous => report.ambiguous,
            Tab::Duplicate => report.duplicate,
            Tab::Faulty => report.faulty,
        };
        let each = Tab::ALL.map(|tab| (tab, count(tab)));
        // That a row cannot be read is rare.
        each.into_iter().filter(|(tab, count)| *tab != Tab::Faulty || *count > 0).collect()
    }

    pub(super) fn tab(&self) -> Tab {
        let in_the_way = || self.tabs().into_iter().find(|(tab, count)| tab.sign().1 && *count > 0);
        self.wanted.or_else(|| in_the_way().map(|(tab, _)| tab)).unwrap_or(Tab::Matched)
    }

    /// How many there are of those that are shown.
    pub(super) fn count(&self) -> u64 {
        let tab = self.tab();
        self.tabs().into_iter().find(|(each, _)| *each == tab).map_or(0, |(_, count)| count)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Shown> {
        let tab = self.tab();
        self.shown.iter().filter(move |(each, _)| *each == tab).map(|(_, shown)| shown)
    }

    /// How many cannot be used.
    pub(super) fn bad(&self) -> u64 {
        self.report.as_ref().map_or(0, RowsReport::bad)
    }

    /// How many name no user, or several: a run can leave them out.
    pub(super) fn skippable(&self) -> u64 {
        self.report.as_ref().map_or(0, |report| report.unmatched + report.ambiguous)
    }

    /// Whether a column is the one that names the users.
    pub(super) fn is_key(&self, column: &str) -> bool {
        self.report.as_ref().is_some_and(|report| report.key == column)
    }

    pub(super) fn is_field(&self, field: &str) -> bool {
        self.report.as_ref().is_some_and(|report| report.field.name() == field)
    }
}

impl RowsObserver for FileRows {
    fn begins(&mut self, columns: &[String], first: &[Row]) {
        (self.columns, self.begins) = (columns.to_vec(), first.to_vec());
    }

    fn columns(&mut self, _: &[String], _: &str) -> io::Result<()> {
        Ok(())
    }

    fn bad_row(&mut self, bad: &BadRow<'_>) -> io::Result<()> {
        let tab = match bad.kind {
            BadKind::Unmatched => Tab::Unmatched,
            BadKind::Ambiguous => Tab::Ambiguous,
            BadKind::Faulty => Tab::Faulty,
        };
        if self.shown.iter().filter(|(each, _)| *each == tab).count() < SHOWN as usize {
            let (line, cells) = (bad.row.line, bad.row.cells.clone());
            self.shown.push((tab, Shown { line, user: None, why: bad.reason.clone(), cells }));
        }
        Ok(())
    }

    fn matched(&mut self, matched: &Matched<'_>) -> Result<(), AppError> {
        let rows = matched.first(SHOWN)?.into_iter().map(|row| (Tab::Matched, row));
        let again = matched.again(SHOWN)?.into_iter().map(|row| (Tab::Duplicate, row));
        self.shown.extend(rows.chain(again).map(|(tab, row)| {
            let why = row.first.map_or_else(String::new, messages::named_by);
            (tab, Shown { line: row.line, user: Some(row.username), why, cells: row.cells })
        }));
        Ok(())
    }

    fn progress(&mut self, _: u64) {}
}
