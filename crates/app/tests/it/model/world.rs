//! What there is and what runs do to it, without a database and without the rules of the domain: plain maps, and a
//! run is a loop over its targets.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rollcall_domain::{Brakes, Field, Mode, Outcome, RunId, Timestamp, User, Value};

use super::script::Script;

pub const SECOND: i64 = 1_000_000;
pub const DAY: i64 = 86_400 * SECOND;

pub fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

/// So long after some day of the past.
pub fn moment(micros: i64) -> Timestamp {
    at(19_000 * DAY + micros)
}

pub fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// Attribute, operator, value.
pub type Row = (String, String, String);

#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    pub id: i64,
    pub version: i64,
    /// All but the number.
    pub fields: BTreeMap<Field, Value>,
    /// With their priorities.
    pub profiles: BTreeMap<i64, i64>,
    /// Reply and check items by their places, of which none is ever used for a second row.
    pub rows: [BTreeMap<u64, Row>; 2],
}

impl Person {
    pub fn text(&self, field: Field) -> &str {
        match &self.fields[&field] {
            Value::Text(text) => text,
            other => panic!("{field} is {other:?}"),
        }
    }

    pub fn name(&self) -> &str {
        self.text(Field::Username)
    }

    /// False if the row is there already.
    pub fn add_row(&mut self, kind: usize, row: (&str, &str, &str), place: &mut u64) -> bool {
        let row = (row.0.to_owned(), row.1.to_owned(), row.2.to_owned());
        let rows = &mut self.rows[kind];
        if rows.values().any(|other| *other == row) {
            return false;
        }
        let alike = |other: &Row| row.1 == ":=" && other.1 == ":=" && other.0 == row.0;
        let earlier: Vec<_> =
            rows.iter().filter(|(_, other)| alike(other)).map(|(place, _)| *place).collect();
        match earlier.split_first() {
            Some((first, further)) => {
                further.iter().for_each(|place| drop(rows.remove(place)));
                rows.insert(*first, row);
            }
            None => {
                *place += 1;
                rows.insert(*place, row);
            }
        }
        true
    }

    pub fn profiles_by_priority(&self) -> Vec<i64> {
        let mut order: Vec<_> = self.profiles.iter().map(|(id, priority)| (*priority, *id)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, id)| id).collect()
    }

    pub fn assert_is(&self, user: &User) {
        let fields: BTreeMap<_, _> = Field::ALL
            .into_iter()
            .filter(|field| *field != Field::ObjId)
            .map(|field| (field, user.get(field).to_owned()))
            .collect();
        assert_eq!((self.id, self.version, &self.fields), (user.id, user.version, &fields));
        let profiles: Vec<_> = user.profiles.iter().map(|profile| profile.id).collect();
        assert_eq!(self.profiles_by_priority(), profiles, "the profiles of user {}", user.id);
        for (mine, rows) in self.rows.iter().zip([&user.attributes, &user.check_attributes]) {
            let theirs: Vec<Row> = rows
                .iter()
                .map(|row| (row.attr.clone(), row.operation.to_string(), row.value.clone()))
                .collect();
            assert_eq!(mine.values().cloned().collect::<Vec<_>>(), theirs, "the items of user {}", user.id);
        }
    }
}

/// One thing that was changed: how it was and how it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Touch {
    Field(Field, [Value; 2]),
    Profile(i64, [Option<i64>; 2]),
    Row(usize, u64, [Option<Row>; 2]),
}

/// Which of a touch's two sides.
#[derive(Clone, Copy)]
pub enum Side {
    Before = 0,
    After = 1,
}

impl Touch {
    pub fn is_date(&self) -> bool {
        matches!(self, Self::Field(Field::LastUpdate, _))
    }

    fn holds(&self, side: Side, person: &Person) -> bool {
        let side = side as usize;
        match self {
            Self::Field(field, values) => person.fields[field] == values[side],
            Self::Profile(id, priorities) => person.profiles.get(id) == priorities[side].as_ref(),
            Self::Row(kind, place, rows) => person.rows[*kind].get(place) == rows[side].as_ref(),
        }
    }

    fn put(&self, side: Side, person: &mut Person) {
        let side = side as usize;
        match self {
            Self::Field(field, values) => drop(person.fields.insert(*field, values[side].clone())),
            Self::Profile(id, priorities) => put(&mut person.profiles, *id, priorities[side]),
            Self::Row(kind, place, rows) => put(&mut person.rows[*kind], *place, rows[side].clone()),
        }
    }
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

fn both<K: Ord + Copy, V: Clone + PartialEq>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
) -> Vec<(K, [Option<V>; 2])> {
    let keys: BTreeSet<K> = before.keys().chain(after.keys()).copied().collect();
    let pair = |key: K| (key, [before.get(&key).cloned(), after.get(&key).cloned()]);
    keys.into_iter().map(pair).filter(|(_, [old, new])| old != new).collect()
}

pub fn touches(before: &Person, after: &Person) -> Vec<Touch> {
    let mut touches = Vec::new();
    for (field, [old, new]) in both(&before.fields, &after.fields) {
        touches.push(Touch::Field(field, [old.unwrap(), new.unwrap()]));
    }
    for (id, priorities) in both(&before.profiles, &after.profiles) {
        touches.push(Touch::Profile(id, priorities));
    }
    for kind in 0..2 {
        for (place, rows) in both(&before.rows[kind], &after.rows[kind]) {
            touches.push(Touch::Row(kind, place, rows));
        }
    }
    touches
}

/// Where the changes of a run come from.
#[derive(Debug, Clone)]
pub enum Source {
    Script,
    /// What this run has planned.
    Plan(RunId),
    /// What this run has done, backwards.
    Inverse(RunId),
}

#[derive(Debug, Clone)]
pub struct Target {
    pub user: i64,
    /// The cells of its row.
    pub cells: Option<Vec<String>>,
    /// The target that is replayed, counted from 0.
    pub origin: Option<usize>,
}

#[derive(Debug, Clone)]
pub struct Done {
    pub outcome: Outcome,
    pub touches: Vec<Touch>,
    pub dated: bool,
    pub version: Option<i64>,
    pub name: Option<String>,
    pub answers: Vec<(String, bool)>,
}

impl Done {
    pub fn renames(&self) -> bool {
        let name = |touch: &Touch| matches!(touch, Touch::Field(Field::Username, _));
        self.outcome == Outcome::Changed && self.touches.iter().any(name)
    }

    fn deactivates(&self) -> bool {
        let off = |touch: &Touch| matches!(touch, Touch::Field(Field::IsActive, [_, Value::Bool(false)]));
        self.outcome == Outcome::Changed && self.touches.iter().any(off)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum State {
    /// Its process is lost; others may have it when its lease has ended.
    Lost,
    Stopped,
    Cancelled,
    Finished,
}

#[derive(Debug, Clone)]
pub struct Log {
    pub id: RunId,
    pub mode: Mode,
    pub source: Source,
    pub undoes: Option<RunId>,
    pub script: Rc<Script>,
    pub targets: Vec<Target>,
    /// Targets of one user may be several.
    pub repeats: bool,
    pub created: i64,
    pub canary: Option<usize>,
    pub brakes: Brakes,
    /// The targets from which the brakes count.
    pub braked_from: usize,
    /// The names that a preview has given.
    pub names: BTreeMap<i64, String>,
    pub done: Vec<Done>,
    pub state: State,
}

impl Log {
    pub fn applies(&self) -> Option<RunId> {
        match self.source {
            Source::Plan(id) => Some(id),
            _ => None,
        }
    }

    /// Whether it has come to anything, or still may.
    pub fn counts(&self) -> bool {
        self.state != State::Cancelled || !self.done.is_empty()
    }

    /// How many targets have their turn, if nothing else ends it.
    fn last(&self) -> usize {
        let all = self.targets.len();
        self.canary.filter(|canary| self.done.len() < *canary).map_or(all, |canary| canary.min(all))
    }
}

#[derive(Debug, Default)]
pub struct World {
    pub people: BTreeMap<i64, Person>,
    pub runs: BTreeMap<RunId, Log>,
    pub place: u64,
}

/// Before its turn, why a target is not to be committed.
struct Braked;

impl World {
    pub fn named(&self, name: &str) -> Option<&Person> {
        self.people.values().find(|person| person.name() == name)
    }

    fn taken(&self, name: &str, by_other_than: i64) -> bool {
        self.named(name).is_some_and(|person| person.id != by_other_than)
    }

    /// Assigns fields by hand. False if the name is taken.
    pub fn edit(&mut self, id: i64, fields: &[(Field, Value)], now: i64) -> bool {
        let before = self.people[&id].clone();
        let mut after = before.clone();
        after.fields.extend(fields.iter().cloned());
        if after == before {
            return true;
        }
        if self.taken(after.name(), id) {
            return false;
        }
        let dated = fields.iter().any(|(field, _)| *field == Field::LastUpdate);
        self.write(after, dated, now);
        true
    }

    fn write(&mut self, person: Person, dated: bool, now: i64) {
        let id = person.id;
        self.people.insert(id, stamped(person, dated, now));
    }

    /// Goes on with a run, at most until so many of its targets are done, and says whether a brake, a canary or that
    /// ended it.
    pub fn execute(&mut self, log: &mut Log, until: Option<usize>, now: i64) {
        let last = log.last();
        let mut stopped = false;
        while log.done.len() < last && !stopped && until.is_none_or(|until| log.done.len() < until) {
            let (done, after) = self.turn(log);
            match passes(log, &done) {
                Err(Braked) => break,
                Ok(goes_on) => stopped = !goes_on,
            }
            if let (Outcome::Changed, Some(after)) = (done.outcome, after) {
                match log.mode {
                    Mode::Apply => self.write(after, done.dated, now),
                    Mode::Preview => {
                        let renamed = |touch: &Touch| matches!(touch, Touch::Field(Field::Username, _));
                        if done.touches.iter().any(renamed) {
                            log.names.insert(after.id, after.name().to_owned());
                        }
                    }
                }
            }
            log.done.push(done);
        }
        log.state = if log.done.len() == log.targets.len() { State::Finished } else { State::Stopped };
    }

    /// What becomes of the next target, and of its user.
    fn turn(&mut self, log: &Log) -> (Done, Option<Person>) {
        let target = &log.targets[log.done.len()];
        let mut done = Done {
            outcome: Outcome::Conflict,
            touches: Vec::new(),
            dated: false,
            version: None,
            name: None,
            answers: Vec::new(),
        };
        let Some(person) = self.people.get(&target.user) else { return (done, None) };
        let Some(person) = planned(log, person, target.user) else { return (done, None) };
        done.version = Some(person.version);
        let earlier = log.targets.iter().zip(&log.done).find(|(earlier, _)| earlier.user == target.user);
        done.name = match earlier {
            Some((_, earlier)) => earlier.name.clone(),
            None => Some(person.name().to_owned()),
        };
        let after = match &log.source {
            Source::Script => {
                let to = target.cells.as_ref().map(|cells| cells[1].as_str());
                let ran = log.script.run(&person, to, log.created, &mut self.place);
                (done.dated, done.answers) = (ran.dated, ran.answers);
                match ran.early {
                    Some(outcome) => {
                        done.outcome = outcome;
                        return (done, None);
                    }
                    None => ran.person,
                }
            }
            Source::Plan(id) => {
                let origin = target.origin.unwrap();
                let plan = &self.runs[id].done[origin];
                if plan.version != Some(person.version) || !self.follows_plan(log, *id, origin) {
                    return (done, None);
                }
                done.dated = plan.dated;
                let mut after = person.clone();
                plan.touches.iter().for_each(|touch| touch.put(Side::After, &mut after));
                after
            }
            Source::Inverse(id) => {
                let Some(after) = undone(&person, &self.runs[id].done[target.origin.unwrap()].touches) else {
                    return (done, None);
                };
                done.dated = after.fields[&Field::LastUpdate] != person.fields[&Field::LastUpdate];
                after
            }
        };
        done.touches = touches(&person, &after);
        if done.touches.is_empty() {
            done.outcome = Outcome::Unchanged;
            done.dated = false;
            return (done, None);
        }
        let taken = after.name() != person.name()
            && match log.mode {
                Mode::Apply => self.taken(after.name(), after.id),
                Mode::Preview => self.planned_to_be_taken(log, after.name(), after.id),
            };
        if taken {
            // What was decided before is somebody else's to prevent.
            let script = matches!(log.source, Source::Script);
            done.outcome = if script { Outcome::Failed } else { Outcome::Conflict };
            done.touches.clear();
            return (done, None);
        }
        done.outcome = Outcome::Changed;
        (done, Some(after))
    }

    fn planned_to_be_taken(&self, log: &Log, name: &str, by: i64) -> bool {
        let keeps = |person: &&Person| !log.names.contains_key(&person.id);
        log.names.iter().any(|(id, given)| *id != by && given == name)
            || self.people.values().filter(keeps).any(|person| person.id != by && person.name() == name)
    }

    /// Whether everything that the plan has done to the user of its target `origin` before has been written.
    fn follows_plan(&self, log: &Log, plan: RunId, origin: usize) -> bool {
        let preview = &self.runs[&plan];
        let user = preview.targets[origin].user;
        let before = (0..origin)
            .filter(|at| preview.targets[*at].user == user && preview.done[*at].outcome == Outcome::Changed);
        let written = |at: usize| {
            let runs = self.runs.values().filter(|run| run.applies() == Some(plan)).chain([log]);
            runs.flat_map(|run| run.targets.iter().zip(&run.done))
                .any(|(target, done)| target.origin == Some(at) && done.outcome == Outcome::Changed)
        };
        before.into_iter().all(written)
    }
}

fn stamped(mut person: Person, dated: bool, now: i64) -> Person {
    person.version += 1;
    if !dated {
        person.fields.insert(Field::LastUpdate, Value::Time(Some(at(now))));
    }
    person
}

/// The user as the earlier targets of a preview leave it; none if somebody else has changed what they change.
fn planned(log: &Log, person: &Person, user: i64) -> Option<Person> {
    let mut person = person.clone();
    if log.mode == Mode::Apply || !log.repeats {
        return Some(person);
    }
    for (target, done) in log.targets.iter().zip(&log.done) {
        if target.user != user || done.outcome != Outcome::Changed {
            continue;
        }
        let fits = |touch: &Touch| touch.is_date() || touch.holds(Side::Before, &person);
        if !done.touches.iter().all(fits) {
            return None;
        }
        done.touches.iter().for_each(|touch| touch.put(Side::After, &mut person));
        person = stamped(person, done.dated, log.created + 1);
    }
    Some(person)
}

/// The user without these changes; none if some of them are not there any more.
fn undone(person: &Person, touches: &[Touch]) -> Option<Person> {
    let (dates, rest): (Vec<_>, Vec<_>) = touches.iter().partition(|touch| touch.is_date());
    let all = |side| rest.iter().all(|touch| touch.holds(side, person));
    let dated = dates.iter().all(|touch| touch.holds(Side::After, person));
    let mut after = person.clone();
    if rest.is_empty() && !dated {
        return None;
    }
    if all(Side::After) {
        rest.iter().for_each(|touch| touch.put(Side::Before, &mut after));
        if dated {
            dates.iter().for_each(|touch| touch.put(Side::Before, &mut after));
        }
        return Some(after);
    }
    all(Side::Before).then_some(after)
}

/// Whether the run goes on after this target. An error if it does not even come to it.
fn passes(log: &Log, done: &Done) -> Result<bool, Braked> {
    let counted = &log.done[log.braked_from..];
    let with = |count: &dyn Fn(&Done) -> bool, limit: Option<u64>| {
        let so_far = counted.iter().filter(|done| count(done)).count() as u64;
        count(done) && limit.is_some_and(|limit| so_far + 1 > limit)
    };
    let changed = |done: &Done| done.outcome == Outcome::Changed;
    let Brakes { max_failures, max_changes, max_deactivations } = log.brakes;
    if with(&changed, max_changes) || with(&Done::deactivates, max_deactivations) {
        return Err(Braked);
    }
    Ok(!with(&|done| done.outcome == Outcome::Failed, max_failures))
}
