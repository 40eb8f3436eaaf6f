//! What a database holds, read straight from its tables, and what has to be true of it whenever no process is at it.
//! Nothing of the product takes part: users and journals are read and replayed here a second time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use rusqlite::{Connection, Row};
use serde_json::{Map, Value, json};

/// Everything of a user that is written anywhere.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    pub version: i64,
    pub last_update: i64,
    /// The other columns.
    pub columns: Map<String, Value>,
    /// Priorities by profile.
    pub profiles: BTreeMap<i64, i64>,
    /// Attribute, operator and value by kind (0 reply, 1 check) and position.
    pub items: BTreeMap<(i64, i64), [String; 3]>,
}

pub type Users = BTreeMap<i64, User>;

impl User {
    /// What taking a run back restores: all but when and how often the user was written.
    pub fn content(&self) -> Self {
        Self { version: 0, last_update: 0, ..self.clone() }
    }

    pub fn number(&self, column: &str) -> i64 {
        self.columns[column].as_i64().unwrap()
    }
}

/// A database whose tables are read, whichever it is.
pub trait Tables {
    /// The rows of a query. Truth values are 0 and 1, times are microseconds since 1970.
    fn objects(&self, query: &str) -> Vec<Map<String, Value>>;
}

impl Tables for Connection {
    fn objects(&self, query: &str) -> Vec<Map<String, Value>> {
        let mut query = self.prepare(query).unwrap();
        let columns: Vec<_> = query.column_names().map(str::to_owned).collect();
        let object = |row: &Row<'_>| {
            let value = |at| match row.get(at).unwrap() {
                rusqlite::types::Value::Null => Value::Null,
                rusqlite::types::Value::Integer(number) => json!(number),
                rusqlite::types::Value::Text(text) => json!(text),
                other => panic!("no table has {other:?}"),
            };
            Ok(columns.iter().enumerate().map(|(at, name)| (name.clone(), value(at))).collect())
        };
        query.query_map([], object).unwrap().map(Result::unwrap).collect()
    }
}

/// A database on a server.
pub struct Server(RefCell<postgres::Client>);

impl Server {
    pub fn connect(url: &str) -> Self {
        Self(RefCell::new(postgres::Client::connect(url, postgres::NoTls).unwrap()))
    }
}

impl Tables for Server {
    fn objects(&self, query: &str) -> Vec<Map<String, Value>> {
        let rows = self.0.borrow_mut().query(query, &[]).unwrap();
        let value = |row: &postgres::Row, at: usize| match row.columns()[at].type_().name() {
            "bool" => json!(row.get::<_, Option<bool>>(at).map(i64::from)),
            "int2" => json!(row.get::<_, Option<i16>>(at)),
            "int4" => json!(row.get::<_, Option<i32>>(at)),
            "int8" => json!(row.get::<_, Option<i64>>(at)),
            "timestamptz" => {
                let time: Option<SystemTime> = row.get(at);
                let micros = |time: SystemTime| match time.duration_since(SystemTime::UNIX_EPOCH) {
                    Ok(after) => i64::try_from(after.as_micros()).unwrap(),
                    Err(before) => -i64::try_from(before.duration().as_micros()).unwrap(),
                };
                json!(time.map(micros))
            }
            _ => json!(row.get::<_, Option<String>>(at)),
        };
        let object = |row: &postgres::Row| {
            let columns = row.columns().iter().enumerate();
            columns.map(|(at, column)| (column.name().to_owned(), value(row, at))).collect()
        };
        rows.iter().map(object).collect()
    }
}

pub fn objects(database: &dyn Tables, query: &str) -> Vec<Map<String, Value>> {
    database.objects(query)
}

pub fn number(database: &dyn Tables, query: &str) -> i64 {
    database.objects(query)[0].values().next().unwrap().as_i64().unwrap()
}

pub fn users(database: &dyn Tables) -> Users {
    let mut users = Users::new();
    for mut columns in objects(database, "SELECT * FROM users") {
        let mut take = |name| columns.remove(name).unwrap().as_i64().unwrap();
        let (id, version, last_update) = (take("id"), take("version"), take("last_update"));
        let (profiles, items) = (BTreeMap::new(), BTreeMap::new());
        users.insert(id, User { version, last_update, columns, profiles, items });
    }
    let number = |row: &Map<String, Value>, name: &str| row[name].as_i64().unwrap();
    for row in objects(database, "SELECT user_id, profile_id, priority FROM user_profiles") {
        let user = users.get_mut(&number(&row, "user_id")).unwrap();
        user.profiles.insert(number(&row, "profile_id"), number(&row, "priority"));
    }
    let query = "SELECT user_id, kind, position, attr, operation, value FROM user_items";
    for row in objects(database, query) {
        let user = users.get_mut(&number(&row, "user_id")).unwrap();
        let item = ["attr", "operation", "value"].map(|name| row[name].as_str().unwrap().to_owned());
        user.items.insert((number(&row, "kind"), number(&row, "position")), item);
    }
    users
}

/// The number of the newest run; 0 if there is none.
pub fn newest(database: &dyn Tables) -> i64 {
    number(database, "SELECT coalesce(max(id), 0) FROM runs")
}

/// A run as its row has it.
#[derive(Debug, Clone)]
pub struct Run(pub Map<String, Value>);

impl Run {
    pub fn of(database: &dyn Tables, id: i64) -> Self {
        Self(objects(database, &format!("SELECT * FROM runs WHERE id = {id}")).remove(0))
    }

    pub fn number(&self, column: &str) -> i64 {
        self.0[column].as_i64().unwrap()
    }

    pub fn id(&self) -> i64 {
        self.number("id")
    }

    pub fn state(&self) -> &str {
        self.0["state"].as_str().unwrap()
    }

    pub fn applies(&self) -> bool {
        self.0["mode"] == "apply"
    }

    pub fn repeats(&self) -> bool {
        self.number("repeats") == 1
    }
}

/// What became of a target.
#[derive(Clone)]
pub struct Outcome {
    pub seq: i64,
    pub user_id: i64,
    pub outcome: String,
    pub version: Option<i64>,
    pub journal: Vec<Value>,
    pub row: Map<String, Value>,
}

pub fn outcomes(database: &dyn Tables, run: i64) -> Vec<Outcome> {
    let query = format!("SELECT * FROM outcomes WHERE run_id = {run} ORDER BY seq");
    let outcome = |row: Map<String, Value>| Outcome {
        seq: row["seq"].as_i64().unwrap(),
        user_id: row["user_id"].as_i64().unwrap(),
        outcome: row["outcome"].as_str().unwrap().to_owned(),
        version: row["version"].as_i64(),
        journal: row["journal"].as_str().map_or_else(Vec::new, |text| serde_json::from_str(text).unwrap()),
        row,
    };
    objects(database, &query).into_iter().map(outcome).collect()
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, user_id, outcome, version, row, .. } = self;
        let (journal, notes) = (&row["journal"], &row["notes"]);
        write!(f, "{seq}: user {user_id} {outcome} on version {version:?}, journal {journal}, notes {notes}")
    }
}

impl Outcome {
    /// Whether the script assigned `last_update`.
    fn dated(&self) -> bool {
        let notes = self.row["notes"].as_str().unwrap_or("{}");
        serde_json::from_str::<Value>(notes).unwrap()["dated"] == true
    }
}

/// A value of a journal as a column has it.
fn stored(field: &str, value: &Value) -> Value {
    match (field, value) {
        (_, Value::Bool(value)) => json!(i64::from(*value)),
        ("expiration" | "last_update", Value::String(text)) => {
            json!(rollcall_testkit::time(text).as_micros())
        }
        _ => value.clone(),
    }
}

/// Does to a user what a journal says was done, provided that the user is as it says. Where a user comes `again` in a
/// run, the script has seen another `last_update` than that of the commit.
fn replay(user: &mut User, journal: &[Value], again: bool) -> Result<()> {
    for change in journal {
        let number = |key: &str| change[key].as_i64().with_context(|| format!("{key} of {change}"));
        let text = |key: &str| change[key].as_str().map(str::to_owned).unwrap();
        let operation = text("op");
        match operation.as_str() {
            "set" => {
                let field = text("field");
                let (before, after) = (stored(&field, &change["before"]), stored(&field, &change["after"]));
                let found = match field.as_str() {
                    "last_update" => {
                        let found = if again { before.clone() } else { json!(user.last_update) };
                        user.last_update = after.as_i64().unwrap();
                        found
                    }
                    _ => user.columns.insert(field, after).context("no such column")?,
                };
                ensure!(found == before, "{change} started from {found}");
            }
            "profile_add" => {
                let other = user.profiles.insert(number("id")?, number("priority")?);
                ensure!(other.is_none(), "{change}, who had it at {other:?}");
            }
            "profile_remove" => {
                let had = user.profiles.remove(&number("id")?);
                ensure!(had == Some(number("priority")?), "{change}, who had it at {had:?}");
            }
            _ => {
                let place = (i64::from(operation.starts_with("check_")), number("position")?);
                let item = [text("attr"), text("operation"), text("value")];
                if operation.ends_with("_add") {
                    let other = user.items.insert(place, item);
                    ensure!(other.is_none(), "{change}, where {other:?} was");
                } else {
                    let had = user.items.remove(&place);
                    ensure!(had.as_ref() == Some(&item), "{change}, where {had:?} was");
                }
            }
        }
    }
    Ok(())
}

const KINDS: [&str; 6] = ["changed", "unchanged", "skipped", "failed", "timed_out", "conflict"];

/// Checks everything that has to hold for a run that nobody is at, whatever happened to its processes; `before` are the
/// users as they were before the run was made, and nobody else has written since. Comes back with the users as they are now.
pub fn check(database: &dyn Tables, id: i64, before: &Users) -> Result<Users> {
    let run = Run::of(database, id);
    let (targets, cursor) = (run.number("targets"), run.number("cursor"));
    let frozen = objects(database, &format!("SELECT * FROM targets WHERE run_id = {id} ORDER BY seq"));
    let numbers: Vec<_> = frozen.iter().map(|target| target["seq"].as_i64().unwrap()).collect();
    ensure!(numbers == (1..=targets).collect::<Vec<_>>(), "the list of {targets} is {numbers:?}");

    let outcomes = outcomes(database, id);
    let numbers: Vec<_> = outcomes.iter().map(|outcome| outcome.seq).collect();
    ensure!(numbers == (1..=cursor).collect::<Vec<_>>(), "outcomes up to {cursor} are {numbers:?}");
    ensure!(run.state() != "finished" || cursor == targets, "finished at {cursor} of {targets}");
    for (target, outcome) in frozen.iter().zip(&outcomes) {
        ensure!(target["user_id"] == outcome.user_id, "{target:?} has the outcome {outcome:?}");
    }

    for kind in KINDS {
        let counted = outcomes.iter().filter(|outcome| outcome.outcome == kind).count() as i64;
        ensure!(run.number(kind) == counted, "the run counts {} {kind} of {counted}", run.number(kind));
        let timed = number(
            database,
            &format!("SELECT CAST(coalesce(sum({kind}), 0) AS BIGINT) FROM timelines WHERE run_id = {id}"),
        );
        ensure!(timed == counted, "the timeline counts {timed} {kind} of {counted}");
    }
    let deactivates = |change: &&Value| change["field"] == "is_active" && change["after"] == false;
    let deactivated = outcomes.iter().flat_map(|outcome| &outcome.journal).filter(deactivates).count() as i64;
    ensure!(run.number("deactivated") == deactivated, "deactivated: {deactivated} and {:?}", run.0);

    let mut expected = before.clone();
    for outcome in &outcomes {
        let told = || format!("target {} of run {id}: {outcome:?}", outcome.seq);
        ensure!((outcome.outcome == "changed") != outcome.journal.is_empty(), told());
        let user = expected.get_mut(&outcome.user_id).with_context(told)?;
        let named = outcome.row["username"] == before[&outcome.user_id].columns["username"];
        ensure!(named, "called otherwise than before the run: {}", told());
        ensure!(outcome.version == Some(user.version), "computed on another version: {}", told());
        let written_at = outcome.row["written_at"].as_i64();
        ensure!(written_at.is_some() == (run.applies() && outcome.outcome == "changed"), told());
        if outcome.outcome == "changed" {
            replay(user, &outcome.journal, run.repeats()).with_context(told)?;
            user.version += 1;
            if let Some(at) = written_at.filter(|_| !outcome.dated()) {
                user.last_update = at;
            }
        }
    }

    let after = users(database);
    let expected = if run.applies() { &expected } else { before };
    ensure!(after.len() == expected.len(), "there are other users");
    for ((id, found), (_, wanted)) in after.iter().zip(expected) {
        let mut wanted = wanted.clone();
        // Where a user comes more than once, the moment is that of the script, not yet that of the commit.
        let written_before = found.last_update <= wanted.last_update;
        if run.repeats() && wanted.version > before[id].version {
            wanted.last_update = found.last_update;
        }
        ensure!(*found == wanted, "user {id} is\n{found:?}\nand not\n{wanted:?}");
        ensure!(written_before, "user {id} was updated after the commit: {found:?}");
    }
    Ok(after)
}

/// Everything of `users` that taking a run back restores, to be compared.
pub fn contents(users: &Users) -> Users {
    users.iter().map(|(id, user)| (*id, user.content())).collect()
}

/// The file as SQLite sees it.
pub fn check_integrity(database: &Connection) -> Result<()> {
    let said: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    ensure!(said == "ok", "{said}");
    let broken = objects(database, "PRAGMA foreign_key_check");
    if let Some(reference) = broken.first() {
        bail!("a reference leads nowhere: {reference:?}");
    }
    Ok(())
}
