//! The changes of many users, grouped: equal changes make one group, with a count and a few examples.
//!
//! Times that moved are grouped by how far ("+30 days"), since that is what a script did to them. Where the users have
//! too many different values for groups to be of use, those of one thing are given up: only the ones before the change
//! where all users got the same ("→ gold"), else both, so that only that it was changed counts. So memory is bounded
//! whatever a script does.

use std::collections::{BTreeMap, HashMap, HashSet};

use rollcall_domain::{Change, ItemRow, Operator, Outcome, Run, TargetOutcome, Timestamp, Value, Zone};

use crate::error::AppError;
use crate::operations::RunOperations;

/// More groups than this are never held.
const MOST: usize = 2_000;
/// Names shown for a group.
const EXAMPLES: usize = 3;

/// Users to whom the same was done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Group {
    /// How many users.
    pub users: u64,
    /// What was done, a line each.
    pub changes: Vec<String>,
    /// Some of their names.
    pub examples: Vec<String>,
}

/// One thing that changed, such as `expiration` or `+ profile`, and how.
type Part = (String, How);

/// How a thing changed, as far as values are told apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum How {
    /// From what to what.
    FromTo(String),
    /// To what.
    To(String),
    /// Values differ too much.
    Somehow,
}

/// What is known of a thing's values.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Values {
    /// Everything, and that all users have got this one so far.
    Same(String),
    /// Everything.
    Differ,
    /// The ones before were given up.
    After,
    /// All were given up.
    Nothing,
}

/// Counts equal changes.
#[derive(Debug)]
pub struct Histogram {
    /// Whose calendar says how far times moved.
    zone: Zone,
    groups: BTreeMap<Vec<Part>, (u64, Vec<String>)>,
    values: HashMap<String, Values>,
}

impl Histogram {
    /// An empty one; times move by the calendar of `zone`.
    #[must_use]
    pub fn new(zone: Zone) -> Self {
        Self { zone, groups: BTreeMap::new(), values: HashMap::new() }
    }

    /// Counts the changes of one user.
    pub fn add(&mut self, outcome: &TargetOutcome) {
        let mut key = Vec::new();
        for (what, how, to) in parts(&outcome.changes, &self.zone) {
            let how = match self.values.get_mut(&what) {
                None => {
                    self.values.insert(what.clone(), Values::Same(to));
                    How::FromTo(how)
                }
                Some(Values::After) => How::To(to),
                Some(Values::Nothing) => How::Somehow,
                Some(Values::Differ) => How::FromTo(how),
                Some(values) => {
                    if *values != Values::Same(to) {
                        *values = Values::Differ;
                    }
                    How::FromTo(how)
                }
            };
            key.push((what, how));
        }
        let (count, examples) = self.groups.entry(key).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.extend(outcome.username.clone());
        }
        if self.groups.len() > MOST {
            self.coarsen(MOST / 2);
        }
    }

    /// The groups, largest first; at most `most`.
    #[must_use]
    pub fn into_groups(mut self, most: usize) -> Vec<Group> {
        self.coarsen(most);
        let line = |(what, how): Part| match how {
            How::FromTo(how) => format!("{what} {how}"),
            How::To(to) => format!("{what} → {to}"),
            How::Somehow => format!("{what} (values differ)"),
        };
        let mut groups: Vec<_> = self
            .groups
            .into_iter()
            .map(|(key, (users, examples))| Group {
                users,
                changes: key.into_iter().map(line).collect(),
                examples,
            })
            .collect();
        groups.sort_by(|a, b| b.users.cmp(&a.users).then_with(|| a.changes.cmp(&b.changes)));
        groups
    }

    /// Gives up the values of the things that have the most different ones until `most` groups are left.
    fn coarsen(&mut self, most: usize) {
        while self.groups.len() > most {
            let mut different: BTreeMap<&str, HashSet<&How>> = BTreeMap::new();
            for (what, how) in self.groups.keys().flatten().filter(|(_, how)| *how != How::Somehow) {
                different.entry(what).or_default().insert(how);
            }
            let most_varied = different.into_iter().max_by_key(|(_, different)| different.len());
            let Some((what, _)) = most_varied.filter(|(_, different)| different.len() > 1) else {
                return self.collapse(most);
            };
            let what = what.to_owned();
            let (coarser, values) = match self.values.get(&what) {
                Some(Values::Same(to)) => (How::To(to.clone()), Values::After),
                _ => (How::Somehow, Values::Nothing),
            };
            for (mut key, (count, examples)) in std::mem::take(&mut self.groups) {
                for (other, how) in &mut key {
                    if *other == what {
                        *how = coarser.clone();
                    }
                }
                let (sum, names) = self.groups.entry(key).or_default();
                *sum += count;
                names.extend(examples);
                names.truncate(EXAMPLES);
            }
            self.values.insert(what, values);
        }
    }

    /// Puts the smallest groups into one, until `most` are left: they have even the changed things not in common.
    fn collapse(&mut self, most: usize) {
        let mut groups: Vec<_> = std::mem::take(&mut self.groups).into_iter().collect();
        groups.sort_by_key(|(_, (users, _))| std::cmp::Reverse(*users));
        let rest = groups.split_off(most.saturating_sub(1).min(groups.len()));
        self.groups = groups.into_iter().collect();
        let key = vec![("other changes".to_owned(), How::Somehow)];
        let (sum, names) = self.groups.entry(key).or_default();
        for (_, (users, examples)) in rest {
            *sum += users;
            names.extend(examples);
            names.truncate(EXAMPLES);
        }
        let known: HashSet<_> = self.groups.keys().flatten().map(|(what, _)| what.as_str()).collect();
        self.values.retain(|what, _| known.contains(what.as_str()));
    }
}

/// The things that changed, each with how, and with its value afterwards.
fn parts(changes: &[Change], zone: &Zone) -> Vec<(String, String, String)> {
    let mut parts = Vec::new();
    let replaced = replaced_rows(changes);
    for (index, change) in changes.iter().enumerate() {
        if replaced.values().any(|removal| *removal == index) {
            continue;
        }
        let old = replaced.get(&index).map(|removal| &changes[*removal]);
        parts.push(part(change, old, zone));
    }
    parts
}

/// Rows that were assigned a new value with `:=` in place: the addition's index, and the removal's.
fn replaced_rows(changes: &[Change]) -> HashMap<usize, usize> {
    let same_place = |a: &ItemRow, b: &ItemRow| {
        a.position == b.position
            && a.attr == b.attr
            && a.operation == Operator::Set
            && b.operation == Operator::Set
    };
    let pairs = |(index, change): (usize, &Change)| {
        let removal = changes.iter().position(|other| match (change, other) {
            (Change::AttributeAdd(new), Change::AttributeRemove(old))
            | (Change::CheckAttributeAdd(new), Change::CheckAttributeRemove(old)) => same_place(new, old),
            _ => false,
        });
        removal.map(|removal| (index, removal))
    };
    changes.iter().enumerate().filter_map(pairs).collect()
}

fn part(change: &Change, replaced: Option<&Change>, zone: &Zone) -> (String, String, String) {
    // Of what is added or removed there is one value.
    let one = |what: String, value: &str| (what, value.to_owned(), value.to_owned());
    let row = |sign: &str, kind: &str, row: &ItemRow| {
        one(format!("{sign} {kind} {} {}", row.attr, row.operation), &row.value)
    };
    match (change, replaced) {
        (
            Change::AttributeAdd(new) | Change::CheckAttributeAdd(new),
            Some(Change::AttributeRemove(old) | Change::CheckAttributeRemove(old)),
        ) => {
            let how = format!("{} → {}", old.value, new.value);
            (format!("{} {}", new.attr, new.operation), how, new.value.clone())
        }
        (Change::Set(change), _) => {
            let to = shown(&change.after);
            let how = match (&change.before, &change.after) {
                (Value::Time(Some(before)), Value::Time(Some(after))) => distance(*before, *after, zone),
                (before, _) => format!("{} → {to}", shown(before)),
            };
            (change.field.name().to_owned(), how, to)
        }
        (Change::ProfileAdd(profile), _) => one("+ profile".to_owned(), &profile.short_name),
        (Change::ProfileRemove(profile), _) => one("− profile".to_owned(), &profile.short_name),
        (Change::AttributeAdd(new), _) => row("+", "attribute", new),
        (Change::AttributeRemove(old), _) => row("−", "attribute", old),
        (Change::CheckAttributeAdd(new), _) => row("+", "check attribute", new),
        (Change::CheckAttributeRemove(old), _) => row("−", "check attribute", old),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Time(None) => "none".to_owned(),
        other => other.as_ref().to_string(),
    }
}

/// `+30 days`, `−1 day 02:30:00`.
fn distance(before: Timestamp, after: Timestamp, zone: &Zone) -> String {
    const SECOND: i64 = 1_000_000;
    const DAY: i64 = 86_400 * SECOND;
    let elapsed = after.as_micros() - before.as_micros();
    let micros = zone.whole_days(before, after).map_or(elapsed, |days| days * DAY);
    let sign = if micros < 0 { "−" } else { "+" };
    let (days, rest) = (micros.abs() / DAY, micros.abs() % DAY);
    let mut text = sign.to_owned();
    if days > 0 {
        text.push_str(&format!("{days} day{}", if days == 1 { "" } else { "s" }));
    }
    if rest > 0 {
        let seconds = rest / SECOND;
        let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let micros = rest % SECOND;
        let fraction = if micros > 0 { format!(".{micros:06}") } else { String::new() };
        text.push_str(&format!("{}{clock}{fraction}", if days > 0 { " " } else { "" }));
    }
    text
}

impl RunOperations<'_> {
    /// Groups the changes of a run by what was changed; at most about `groups` groups.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn group_changes(self, run: &Run, groups: usize) -> Result<Vec<Group>, AppError> {
        let mut histogram = Histogram::new(self.app_in_zone_of(run)?.zone().clone());
        for outcome in self.list_outcomes(run, Some(Outcome::Changed))? {
            histogram.add(&outcome?);
        }
        Ok(histogram.into_groups(groups))
    }
}

#[cfg(test)]
mod tests {
    use rollcall_domain::{Assignment, Field, FieldChange, Outcome};

    use super::*;

    fn outcome(name: &str, changes: Vec<Change>) -> TargetOutcome {
        let username = Some(name.to_owned());
        TargetOutcome { username, changes, ..TargetOutcome::new(1, 1, Outcome::Changed) }
    }

    fn set(field: Field, before: Value, after: Value) -> Change {
        Change::Set(FieldChange { field, before, after })
    }

    fn day(n: i64) -> Value {
        Value::Time(Timestamp::from_micros(n * 86_400_000_000))
    }

    #[test]
    fn equal_changes_are_counted_together_and_times_by_their_distance() {
        let mut histogram = Histogram::new(Zone::utc());
        for n in 0..10 {
            let mut changes = vec![set(Field::Expiration, day(n), day(n + 30))];
            if n < 4 {
                changes.push(Change::ProfileAdd(Assignment {
                    id: 1,
                    short_name: "plus".into(),
                    priority: n,
                }));
            }
            histogram.add(&outcome(&format!("user{n}"), changes));
        }
        let groups = histogram.into_groups(10);
        assert_eq!(groups.len(), 2);
        assert_eq!(
            (groups[0].users, groups[0].changes.as_slice()),
            (6, &["expiration +30 days".to_owned()][..])
        );
        assert_eq!(groups[1].changes, ["expiration +30 days", "+ profile plus"]);
        assert_eq!(groups[1].examples, ["user0", "user1", "user2"]);
    }

    #[test]
    fn a_change_of_clocks_is_no_part_of_a_distance() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        let at = |text| Value::Time(Some(Timestamp::parse(text, &zone).unwrap()));
        let mut histogram = Histogram::new(zone.clone());
        for (from, to) in
            [("2026-10-20", "2026-11-19"), ("2026-03-15", "2026-04-14"), ("2026-06-01", "2026-07-01")]
        {
            histogram.add(&outcome("x", vec![set(Field::Expiration, at(from), at(to))]));
        }
        let groups = histogram.into_groups(10);
        assert_eq!(
            (groups.len(), groups[0].changes.as_slice()),
            (1, &["expiration +30 days".to_owned()][..])
        );
    }

    #[test]
    fn values_that_all_differ_are_given_up_and_groups_stay_few() {
        let mut histogram = Histogram::new(Zone::utc());
        for n in 0..20_000 {
            let text = |n: i32| Value::Text(format!("{n}"));
            let klass = if n % 2 == 0 { "gold" } else { "silver" };
            histogram.add(&outcome(
                "x",
                vec![
                    set(Field::Description, text(n), text(n + 1)),
                    set(Field::Klass, Value::Text(String::new()), Value::Text(klass.into())),
                ],
            ));
            assert!(histogram.groups.len() <= MOST);
        }
        let groups = histogram.into_groups(20);
        assert_eq!(groups.len(), 2);
        assert_eq!(groups.iter().map(|group| group.users).sum::<u64>(), 20_000);
        assert!(groups.iter().all(|group| group.changes.contains(&"description (values differ)".to_owned())));
    }

    #[test]
    fn what_all_users_got_is_told_even_if_each_had_something_else() {
        let mut histogram = Histogram::new(Zone::utc());
        for n in 0..5_000 {
            let changes = vec![
                set(Field::Expiration, day(n), day(20_000)),
                set(Field::Email, Value::Text(format!("{n}")), Value::Text(String::new())),
            ];
            histogram.add(&outcome("x", changes));
        }
        let groups = histogram.into_groups(20);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].users, 5_000);
        assert_eq!(groups[0].changes, ["expiration → 2024-10-04T00:00:00Z", "email → \"\""]);
    }

    #[test]
    fn however_many_things_change_groups_stay_few() {
        let mut histogram = Histogram::new(Zone::utc());
        let mut add = |n: usize, attr: String| {
            let row = ItemRow { attr, operation: Operator::Add, value: String::new(), position: 1 };
            histogram.add(&outcome(&format!("user{n}"), vec![Change::AttributeAdd(row)]));
        };
        (0..10_000).for_each(|n| add(n, format!("Attr-{n}")));
        (0..10).for_each(|n| add(n, "Attr-0".to_owned()));
        assert!(histogram.groups.len() <= MOST && histogram.values.len() <= MOST);
        let groups = histogram.into_groups(3);
        assert!((2..=3).contains(&groups.len()));
        assert_eq!(groups.iter().map(|group| group.users).sum::<u64>(), 10_010);
        assert!(groups[0].changes[0].starts_with("other changes"), "{groups:?}");
    }
}
