//! Jobs: everything that a worker process gets.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use rollcall_domain::{
    Catalogue, Dictionary, Field, INVISIBLE_CHARACTERS, ItemKind, Kind, MAX_ITEM_BYTES, MAX_TEXT_BYTES,
    MAX_USERNAME_BYTES, ParamValue, ParamValues, RunId, Timestamp, User, Zone,
};

use crate::marshal::Writer;

/// The most edits of profiles and attributes that one target may ask for.
pub(crate) const MAX_EDITS: usize = 1_000;

/// What one target may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Wall-clock time of the script for one target.
    pub time: Duration,
    /// Bytes of memory that a script may take beyond what Python and its library need.
    pub memory: u64,
    /// Bytes of output that are kept.
    pub output: usize,
    /// Bytes of `result`, as JSON.
    pub result: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(5), memory: 512 << 20, output: 64 << 10, result: 64 << 10 }
    }
}

/// A script and what it needs, the same for all targets.
#[derive(Debug, Clone)]
pub struct Job {
    /// What tracebacks call the script.
    pub name: String,
    /// The script.
    pub source: String,
    /// What the script sees as `params`.
    pub params: ParamValues,
    /// The profiles that a script may name.
    pub profiles: Catalogue,
    /// How naive dates are read.
    pub zone: Zone,
    /// What a target may use.
    pub limits: Limits,
    /// Which names and values attributes may have; none: any.
    pub dictionary: Option<Arc<Dictionary>>,
}

/// What the script sees as `run`.
#[derive(Debug, Clone)]
pub struct RunFacts {
    /// The run's number.
    pub id: RunId,
    /// The one "now" of all targets.
    pub now: Timestamp,
    /// Whether nothing will be written.
    pub preview: bool,
    /// Who started it.
    pub administrator: String,
    /// The columns of the targets' rows; none when they have no rows.
    pub columns: Vec<String>,
}

/// One call of the script.
#[derive(Debug, Clone)]
pub struct Target {
    /// The caller's number for it.
    pub number: i64,
    /// The user as the script shall find it.
    pub user: User,
    /// The cells of its row, one a column of the run; none when the run has no rows.
    pub cells: Option<Vec<String>>,
}

impl Job {
    /// What a worker that is locked down hears of the script.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.dict();
        for (name, number) in [
            ("time_limit_ns", i64::try_from(self.limits.time.as_nanos()).unwrap_or(i64::MAX)),
            ("memory", i64::try_from(self.limits.memory).unwrap_or(i64::MAX)),
            ("max_output", int(self.limits.output)),
            ("max_result", int(self.limits.result)),
        ] {
            w.text(name);
            w.int(number);
        }
        for (name, text) in
            [("script", self.source.as_str()), ("script_name", &self.name), ("zone", self.zone.name())]
        {
            w.text(name);
            w.text(text);
        }
        w.text("params");
        w.list(self.params.iter().count());
        for (name, value) in self.params.iter() {
            w.tuple(3);
            w.text(name);
            param(value, &mut w);
        }
        w.text("profiles");
        w.list(self.profiles.iter().count());
        for (id, name, owner) in self.profiles.iter() {
            w.tuple(3);
            w.int(id);
            w.text(name);
            match owner {
                Some(organization) => w.int(organization),
                None => w.none(),
            }
        }
        w.text("dictionary");
        match &self.dictionary {
            None => w.none(),
            Some(dictionary) => {
                w.list(dictionary.entries().len());
                for (name, entry) in dictionary.entries() {
                    w.tuple(4);
                    w.text(name);
                    w.text(entry.value.name());
                    w.text(entry.value.noun());
                    w.list(entry.choices.len());
                    entry.choices.iter().for_each(|choice| w.text(choice));
                }
            }
        }
        w.end_dict();
        w.bytes
    }
}

/// The first frame that a worker gets: what holds for every script. The two descriptors are numbers in the worker.
pub(crate) fn settings(image: RawFd, counter: RawFd) -> Vec<u8> {
    let mut w = Writer::default();
    w.dict();
    for (name, number) in [
        ("image", i64::from(image)),
        ("counter", i64::from(counter)),
        ("max_username", int(MAX_USERNAME_BYTES)),
        ("max_text", int(MAX_TEXT_BYTES)),
        ("max_item", int(MAX_ITEM_BYTES)),
        ("max_edits", int(MAX_EDITS)),
        ("earliest", Timestamp::MIN.as_micros()),
        ("latest", Timestamp::MAX.as_micros()),
    ] {
        w.text(name);
        w.int(number);
    }
    w.text("fields");
    w.list(Field::ALL.len());
    for field in Field::ALL {
        w.tuple(4);
        w.text(field.name());
        w.int(match field.kind() {
            Kind::Int => 0,
            Kind::Text => 1,
            Kind::Bool => 2,
            Kind::Time => 3,
        });
        w.bool(field.writable());
        w.bool(field.nullable());
    }
    w.text("invisible");
    w.list(INVISIBLE_CHARACTERS.len());
    for (first, last) in INVISIBLE_CHARACTERS {
        w.tuple(2);
        w.int(first.into());
        w.int(last.into());
    }
    w.text("operators");
    w.list(ItemKind::ALL.len());
    for kind in ItemKind::ALL {
        w.list(kind.operators().len());
        kind.operators().iter().for_each(|operator| w.text(operator.as_str()));
    }
    w.end_dict();
    w.bytes
}

/// How the worker makes its value, and of what.
fn param(value: &ParamValue, w: &mut Writer) {
    w.text(match value {
        ParamValue::Date(_) => "date",
        ParamValue::DateTime(_) => "datetime",
        _ => "as it is",
    });
    match value {
        ParamValue::None => w.none(),
        ParamValue::Bool(value) => w.bool(*value),
        ParamValue::Int(value) => w.int(*value),
        ParamValue::Float(value) => w.float(*value),
        ParamValue::Str(value) => w.text(value),
        ParamValue::Date(value) => w.text(&value.to_string()),
        ParamValue::DateTime(value) => w.int(value.as_micros()),
    }
}

impl RunFacts {
    pub(crate) fn frame(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.dict();
        w.text("id");
        w.int(self.id);
        w.text("now");
        w.int(self.now.as_micros());
        w.text("preview");
        w.bool(self.preview);
        w.text("administrator");
        w.text(&self.administrator);
        w.text("columns");
        w.list(self.columns.len());
        self.columns.iter().for_each(|column| w.text(column));
        w.end_dict();
        w.bytes
    }
}

impl Target {
    /// The record that the worker makes a User of: the fields in order, profiles, attributes, check attributes,
    /// row, and last the worker's number for it.
    pub(crate) fn write(&self, ordinal: u64, w: &mut Writer) {
        let user = &self.user;
        w.list(Field::ALL.len() + 5);
        w.int(user.id);
        w.text(&user.username);
        w.int(user.username_length);
        w.text(&user.first_name);
        w.text(&user.last_name);
        w.text(&user.email);
        w.text(&user.external_id);
        w.text(&user.klass);
        w.bool(user.is_active);
        w.int(user.date_joined.as_micros());
        w.optional_int(user.first_login.map(Timestamp::as_micros));
        w.optional_int(user.last_login.map(Timestamp::as_micros));
        w.optional_int(user.expiration.map(Timestamp::as_micros));
        w.int(user.last_update.as_micros());
        w.int(user.organization_id);
        w.text(&user.avatar_url);
        w.text(&user.description);
        w.list(user.profiles.len());
        for profile in &user.profiles {
            w.tuple(2);
            w.int(profile.id);
            w.text(&profile.short_name);
        }
        for kind in ItemKind::ALL {
            w.list(user.items(kind).len());
            for row in user.items(kind) {
                w.tuple(3);
                w.text(&row.attr);
                w.text(row.operation.as_str());
                w.text(&row.value);
            }
        }
        match &self.cells {
            None => w.none(),
            Some(cells) => {
                w.list(cells.len());
                cells.iter().for_each(|cell| w.text(cell));
            }
        }
        w.int(i64::try_from(ordinal).unwrap_or(i64::MAX));
    }
}

fn int(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
