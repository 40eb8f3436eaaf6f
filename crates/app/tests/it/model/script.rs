//! Scripts that are known twice: as Python, and as what they mean to the plain model.

use std::fmt::Write as _;

use fastrand::Rng;
use rollcall_domain::{Field, Kind, Outcome, Value};

use super::world::{DAY, Person, Row, moment, text};

pub const PROFILES: [&str; 3] = ["basic", "gold", "extra"];
pub const WORDS: [&str; 4] = ["gold", "silver", "x y", "é"];
pub const NAMES: [&str; 5] = ["user1", "user2", "user3", "spare", "n4"];
pub const ATTRS: [[&str; 2]; 2] =
    [["Session-Timeout", "Reply-Message"], ["Simultaneous-Use", "NAS-Identifier"]];
/// Each is good for the list of its place, but the last one of the replies.
pub const OPERATORS: [[&str; 4]; 2] = [["=", "+=", ":=", "=="], ["==", "+=", ":=", ">="]];
const TEXTS: [Field; 8] = [
    Field::Username,
    Field::FirstName,
    Field::LastName,
    Field::Email,
    Field::ExternalId,
    Field::Klass,
    Field::AvatarUrl,
    Field::Description,
];

/// What is asked before something is done.
#[derive(Debug, Clone)]
enum Test {
    Id(i64, i64),
    Is(Field, String),
    Active,
    Has(i64),
    HasAttr(usize, &'static str),
    Cell(String),
}

/// What a field is given.
#[derive(Debug, Clone)]
enum Given {
    Text(String),
    OfId(&'static str),
    Copy(Field),
    Append(&'static str),
    Cell,
    Nothing,
    Int(i64),
    Plus(i64),
    Not,
    Flag(bool),
    Moment(i64),
    Now,
    Later(i64),
}

#[derive(Debug, Clone)]
enum Act {
    Set(Field, Given),
    Profile {
        add: bool,
        id: i64,
        by_name: bool,
    },
    /// Python's text of the value, and the text that is kept of it.
    Item {
        add: bool,
        kind: usize,
        attr: String,
        value: (String, String),
        operation: Option<&'static str>,
    },
    Skip,
    Fail,
    Raise(&'static str),
}

#[derive(Debug, Clone)]
pub struct Script {
    lines: Vec<(Option<Test>, Vec<Act>)>,
}

/// What a script has done to one user.
pub struct Ran {
    /// How it ended, unless it ran through.
    pub early: Option<Outcome>,
    pub person: Person,
    pub dated: bool,
    /// What the calls answered, in the order of their numbers.
    pub answers: Vec<(String, bool)>,
}

fn pick<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

impl Script {
    /// For rows or not. What it removes is often among `known`, rows of a user with the list that they are on.
    pub fn random(rng: &mut Rng, rows: bool, known: &[(usize, Row)]) -> Self {
        let lines = (0..rng.usize(1..5)).map(|_| {
            let test = (rng.u8(..8) < if rows { 6 } else { 4 }).then(|| Test::random(rng, rows));
            let acts = (0..rng.usize(1..3)).map(|_| {
                let known = (!known.is_empty()).then(|| known[rng.usize(..known.len())].clone());
                Act::random(rng, rows, test.is_some(), known)
            });
            let acts = acts.collect();
            (test, acts)
        });
        Self { lines: lines.collect() }
    }

    pub fn python(&self) -> String {
        let mut python = "from datetime import timedelta\n".to_owned();
        let mut number = 0;
        for (test, acts) in &self.lines {
            let indent = match test {
                Some(test) => {
                    writeln!(python, "if {}:", test.python()).unwrap();
                    "    "
                }
                None => "",
            };
            for act in acts {
                number += 1;
                writeln!(python, "{indent}{}", act.python(number)).unwrap();
            }
        }
        python
    }

    /// Runs it on `person`, with the cell `to` of its row and the run's `now`.
    pub fn run(&self, person: &Person, to: Option<&str>, now: i64, place: &mut u64) -> Ran {
        let mut ran = Ran { early: None, person: person.clone(), dated: false, answers: Vec::new() };
        let mut number = 0;
        for (test, acts) in &self.lines {
            let holds = match test {
                // A row without the column is a KeyError.
                Some(Test::Cell(_)) if to.is_none() => {
                    ran.early = Some(Outcome::Failed);
                    return ran;
                }
                Some(test) => test.holds(&ran.person, to),
                None => true,
            };
            for act in acts {
                number += 1;
                if holds {
                    ran.early = act.run(&mut ran, number, to, now, place);
                    if ran.early.is_some() {
                        return ran;
                    }
                }
            }
        }
        ran
    }
}

impl Test {
    fn random(rng: &mut Rng, rows: bool) -> Self {
        match rng.u8(..if rows { 13 } else { 6 }) {
            0 | 1 => Self::Id(rng.i64(2..4), rng.i64(0..2)),
            2 => Self::Is(pick(rng, &TEXTS), pick(rng, &WORDS).to_owned()),
            3 => Self::Active,
            4 => Self::Has(rng.i64(1..4)),
            5 => {
                let kind = rng.usize(..2);
                Self::HasAttr(kind, pick(rng, &ATTRS[kind]))
            }
            _ => Self::Cell(pick(rng, &WORDS[..2]).to_owned()),
        }
    }

    fn python(&self) -> String {
        match self {
            Self::Id(of, rest) => format!("user.obj_id % {of} == {rest}"),
            Self::Is(field, text) => format!("user.{field} == {text:?}"),
            Self::Active => "user.is_active".to_owned(),
            Self::Has(id) => format!("any(profile.id == {id} for profile in user.profiles)"),
            Self::HasAttr(kind, attr) => {
                let list = ["attributes", "check_attributes"][*kind];
                format!("any(row.attr == {attr:?} for row in user.{list})")
            }
            Self::Cell(text) => format!("row['to'] == {text:?}"),
        }
    }

    fn holds(&self, person: &Person, to: Option<&str>) -> bool {
        match self {
            Self::Id(of, rest) => person.id % of == *rest,
            Self::Is(field, wanted) => person.text(*field) == wanted,
            Self::Active => person.fields[&Field::IsActive] == Value::Bool(true),
            Self::Has(id) => person.profiles.contains_key(id),
            Self::HasAttr(kind, attr) => person.rows[*kind].values().any(|row| row.0 == *attr),
            Self::Cell(wanted) => to == Some(wanted),
        }
    }
}

impl Act {
    fn random(rng: &mut Rng, rows: bool, conditional: bool, known: Option<(usize, Row)>) -> Self {
        match rng.u8(..28) {
            0..=7 => Self::Set(pick(rng, &TEXTS[1..]), Given::text(rng, rows)),
            8 | 9 => Self::Set(Field::Username, Given::name(rng, rows)),
            10 | 11 => {
                let given = match rng.u8(..3) {
                    0 => Given::Not,
                    _ => Given::Flag(rng.bool()),
                };
                Self::Set(Field::IsActive, given)
            }
            12 => {
                let given = if rng.bool() { Given::Int(rng.i64(0..50)) } else { Given::Plus(1) };
                Self::Set(Field::UsernameLength, given)
            }
            13 => {
                let given = match rng.u8(..4) {
                    0 => Given::Nothing,
                    1 => Given::Now,
                    2 => Given::Later(rng.i64(1..40)),
                    _ => Given::Moment(rng.i64(0..4)),
                };
                Self::Set(Field::Expiration, given)
            }
            14 => {
                let given = if rng.bool() { Given::Now } else { Given::Moment(rng.i64(0..3)) };
                Self::Set(Field::LastUpdate, given)
            }
            15..=17 => Self::Profile { add: rng.u8(..3) > 0, id: rng.i64(1..4), by_name: rng.bool() },
            18 if conditional => match rng.u8(..5) {
                0 | 1 => Self::Skip,
                2 => Self::Fail,
                3 => Self::Raise("raise ValueError('no')"),
                _ => Self::Raise("user.is_active = 1"),
            },
            _ => {
                let add = rng.u8(..5) > 1;
                if let (false, Some((kind, (attr, operation, value)))) = (add, known)
                    && rng.u8(..3) > 0
                {
                    let operation = OPERATORS[kind].into_iter().find(|same| *same == operation);
                    let operation = operation.filter(|_| rng.bool());
                    return Self::Item { add, kind, attr, value: (format!("{value:?}"), value), operation };
                }
                let kind = rng.usize(..2);
                let many = if rng.bool() { 2 } else { 5 };
                let values = [("\"a\"", "a"), ("\"b\"", "b"), ("4", "4"), ("1.5", "1.5"), ("True", "True")];
                let (python, kept) = pick(rng, &values[..many]);
                Self::Item {
                    add,
                    kind,
                    attr: pick(rng, &ATTRS[kind]).to_owned(),
                    value: (python.to_owned(), kept.to_owned()),
                    operation: (rng.u8(..4) > 0).then(|| pick(rng, &OPERATORS[kind])),
                }
            }
        }
    }

    fn python(&self, number: usize) -> String {
        match self {
            Self::Set(field, given) => format!("user.{field} = {}", given.python(*field)),
            Self::Profile { add, id, by_name } => {
                let verb = if *add { "add" } else { "remove" };
                let which = match by_name {
                    true => format!("short_name={:?}", PROFILES[*id as usize - 1]),
                    false => format!("id={id}"),
                };
                format!("result['{number}'] = user.profile_{verb}({which})[0]")
            }
            Self::Item { add, kind, attr, value, operation } => {
                let noun = ["attribute", "check_attribute"][*kind];
                let verb = if *add { "add" } else { "remove" };
                let operation = operation.map_or(String::new(), |given| format!(", operation={given:?}"));
                let value = &value.0;
                format!("result['{number}'] = user.{noun}_{verb}(attr={attr:?}, value={value}{operation})[0]")
            }
            Self::Skip => "skip('not this one')".to_owned(),
            Self::Fail => "fail('no')".to_owned(),
            Self::Raise(python) => (*python).to_owned(),
        }
    }

    fn run(
        &self,
        ran: &mut Ran,
        number: usize,
        to: Option<&str>,
        now: i64,
        place: &mut u64,
    ) -> Option<Outcome> {
        let person = &mut ran.person;
        let answer = match self {
            Self::Set(field, given) => {
                let Some(value) = given.value(*field, person, to, now) else { return Some(Outcome::Failed) };
                ran.dated |= *field == Field::LastUpdate;
                person.fields.insert(*field, value);
                return None;
            }
            Self::Profile { add: true, id, .. } => {
                let last = person.profiles.values().max().copied().unwrap_or(0);
                let is_new = !person.profiles.contains_key(id);
                person.profiles.entry(*id).or_insert(last + 1);
                is_new
            }
            Self::Profile { add: false, id, .. } => person.profiles.remove(id).is_some(),
            Self::Item { add: true, kind, attr, value, operation } => {
                let operation = operation.unwrap_or(["=", "=="][*kind]);
                let accepted = *kind == 1 || operation != "==";
                accepted && person.add_row(*kind, (attr, operation, &value.1), place)
            }
            Self::Item { add: false, kind, attr, value, operation } => {
                let rows = &mut person.rows[*kind];
                let before = rows.len();
                rows.retain(|_, row| {
                    !(row.0 == *attr && row.2 == value.1 && operation.is_none_or(|wanted| row.1 == wanted))
                });
                rows.len() < before
            }
            Self::Skip => return Some(Outcome::Skipped),
            Self::Fail | Self::Raise(_) => return Some(Outcome::Failed),
        };
        ran.answers.push((number.to_string(), answer));
        None
    }
}

impl Given {
    fn text(rng: &mut Rng, rows: bool) -> Self {
        match rng.u8(..if rows { 10 } else { 8 }) {
            0 => Self::OfId("k"),
            1 => Self::Copy(pick(rng, &TEXTS)),
            2 => Self::Append("+"),
            3 => Self::Nothing,
            4 => Self::Int(rng.i64(0..9)),
            5..=7 => Self::Text(pick(rng, &WORDS).to_owned()),
            _ => Self::Cell,
        }
    }

    fn name(rng: &mut Rng, rows: bool) -> Self {
        match rng.u8(..if rows { 8 } else { 6 }) {
            0 => Self::OfId("n"),
            1 => Self::Append("'"),
            2 => Self::Copy(pick(rng, &TEXTS)),
            3..=5 => Self::Text(pick(rng, &NAMES).to_owned()),
            _ => Self::Cell,
        }
    }

    fn python(&self, field: Field) -> String {
        match self {
            Self::Text(text) => format!("{text:?}"),
            Self::OfId(start) => format!("f'{start}{{user.obj_id}}'"),
            Self::Copy(other) => format!("user.{other}"),
            Self::Append(end) => format!("user.{field} + {end:?}"),
            Self::Cell => "row['to']".to_owned(),
            Self::Nothing => "None".to_owned(),
            Self::Int(number) => number.to_string(),
            Self::Plus(number) => format!("user.{field} + {number}"),
            Self::Not => format!("not user.{field}"),
            Self::Flag(flag) => if *flag { "True" } else { "False" }.to_owned(),
            Self::Moment(days) => format!("'{}'", moment(days * DAY)),
            Self::Now => "run.now".to_owned(),
            Self::Later(days) => {
                format!("user.{field} + timedelta(days={days}) if user.{field} else None")
            }
        }
    }

    /// What the field then has; none if the assignment raises.
    fn value(&self, field: Field, person: &Person, to: Option<&str>, now: i64) -> Option<Value> {
        let shown = match self {
            Self::Text(text) => text.clone(),
            Self::OfId(start) => format!("{start}{}", person.id),
            Self::Copy(other) => person.text(*other).to_owned(),
            Self::Append(end) => format!("{}{end}", person.text(field)),
            Self::Cell => to?.to_owned(),
            Self::Nothing if field == Field::Expiration => return Some(Value::Time(None)),
            Self::Nothing => String::new(),
            Self::Int(number) if field.kind() == Kind::Text => number.to_string(),
            Self::Int(number) => return Some(Value::Int(*number)),
            Self::Plus(more) => match person.fields[&field] {
                Value::Int(number) => return Some(Value::Int(number + more)),
                _ => unreachable!("only numbers are added to"),
            },
            Self::Not => return Some(Value::Bool(person.fields[&field] != Value::Bool(true))),
            Self::Flag(flag) => return Some(Value::Bool(*flag)),
            Self::Moment(days) => return Some(Value::Time(Some(moment(days * DAY)))),
            Self::Now => return Some(Value::Time(Some(super::world::at(now)))),
            Self::Later(days) => match person.fields[&field] {
                Value::Time(time) => {
                    let later = time.map(|time| super::world::at(time.as_micros() + days * DAY));
                    return Some(Value::Time(later));
                }
                _ => unreachable!("only times are moved"),
            },
        };
        (field != Field::Username || !shown.is_empty()).then(|| text(shown))
    }
}
