use rollcall_domain::filter::Filter;
use rollcall_domain::{Mode, OrganizationId, Outcome, Run, RunId, RunState, Selection, Tally, Timestamp};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, Transaction, params, params_from_iter};

use crate::filter::Condition;
use crate::load::time;
use crate::{Store, StoreError, sql};

macro_rules! run_columns {
    () => {
        "id, mode, state, holder, script, source, filter, administrator, organization_id, created_at, ended_at, \
         targets, cursor, millis, applies, undoes, note, changed, unchanged, skipped, failed, timed_out, conflict"
    };
}

sql! {
    INSERT = "INSERT INTO runs (mode, state, holder, script, source, filter, administrator, organization_id, created_at) \
              VALUES (?1, 'selecting', ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id";
    SET_TARGETS = "UPDATE runs SET targets = ?2 WHERE id = ?1";
    BEGIN = "UPDATE runs SET state = 'running' WHERE id = ?1 AND state = 'selecting' AND holder = ?2";
    END = "UPDATE runs SET state = ?3, note = ?4, ended_at = ?5, millis = ?6, holder = NULL \
           WHERE id = ?1 AND holder = ?2";
    ONE = concat!("SELECT ", run_columns!(), " FROM runs WHERE id = ?1");
    PAGE = concat!("SELECT ", run_columns!(), " FROM runs WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
}

/// The start of the query that freezes what a filter selects.
const FREEZE: &str = "INSERT INTO targets (run_id, seq, user_id) SELECT ?, row_number() OVER (ORDER BY u.id), u.id \
                      FROM users u LEFT JOIN user_logins l ON l.user_id = u.id WHERE ";

/// A run that is about to be.
#[derive(Debug)]
pub struct NewRun<'a> {
    /// Whether it writes.
    pub mode: Mode,
    /// What its script is called.
    pub script: &'a str,
    /// Its script.
    pub source: &'a str,
    /// How its targets are chosen.
    pub selection: &'a Selection,
    /// The condition that the selection means; none selects every user.
    pub filter: Option<&'a Filter>,
    /// Who starts it.
    pub administrator: &'a str,
    /// The organization that it is bound to, if any.
    pub organization_id: Option<OrganizationId>,
    /// Its "now".
    pub created_at: Timestamp,
    /// The process that executes it.
    pub holder: &'a str,
}

/// How a run ended.
#[derive(Debug)]
pub struct RunEnd<'a> {
    /// [`RunState::Finished`], [`RunState::Stopped`] or [`RunState::Cancelled`].
    pub state: RunState,
    /// Why it ended early, where it did.
    pub note: Option<&'a str>,
    /// When.
    pub ended_at: Timestamp,
    /// How long it was executed, in milliseconds.
    pub millis: i64,
}

fn run(row: &Row<'_>) -> Result<Run, StoreError> {
    let mode: String = row.get(1)?;
    let state: String = row.get(2)?;
    let filter: Option<String> = row.get(6)?;
    let counted = [
        Outcome::Changed,
        Outcome::Unchanged,
        Outcome::Skipped,
        Outcome::Failed,
        Outcome::TimedOut,
        Outcome::Conflict,
    ];
    let mut tally = Tally::default();
    for (column, outcome) in (17..).zip(counted) {
        tally.add(outcome, row.get::<_, i64>(column)?.unsigned_abs());
    }
    Ok(Run {
        id: row.get(0)?,
        mode: if mode == Mode::Apply.name() { Mode::Apply } else { Mode::Preview },
        state: RunState::parse(&state).map_err(|error| StoreError::Corrupt(error.to_string()))?,
        holder: row.get(3)?,
        script: row.get(4)?,
        source: row.get(5)?,
        selection: filter.map_or(Selection::All, Selection::Filter),
        administrator: row.get(7)?,
        organization_id: row.get(8)?,
        created_at: time(row.get(9)?)?,
        ended_at: row.get::<_, Option<i64>>(10)?.map(time).transpose()?,
        targets: row.get::<_, i64>(11)?.unsigned_abs(),
        cursor: row.get(12)?,
        tally,
        millis: row.get(13)?,
        applies: row.get(14)?,
        undoes: row.get(15)?,
        note: row.get(16)?,
    })
}

fn one(tx: &Transaction<'_>, id: RunId) -> Result<Option<Run>, StoreError> {
    tx.prepare_cached(ONE)?.query_row([id], |row| Ok(run(row))).optional()?.transpose()
}

impl Store {
    /// Makes a run and freezes its targets, in one step: either both are there or neither.
    pub fn create_run(&self, new: &NewRun<'_>) -> Result<Run, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.write(|tx| {
            let text = match new.selection {
                Selection::All => None,
                Selection::Filter(text) => Some(text),
            };
            let values = params![
                new.mode.name(),
                new.holder,
                new.script,
                new.source,
                text,
                new.administrator,
                new.organization_id,
                new.created_at.as_micros()
            ];
            let id: RunId = tx.query_row(INSERT, values, |row| row.get(0))?;
            let Condition { mut sql, values } = Condition::new(new.filter);
            sql.insert_str(0, FREEZE);
            let frozen =
                tx.execute(&sql, params_from_iter([Value::Integer(id)].into_iter().chain(values)))?;
            tx.execute(SET_TARGETS, params![id, i64::try_from(frozen).unwrap_or(i64::MAX)])?;
            one(tx, id)?.ok_or(StoreError::RunLost(id))
        })
    }

    /// Starts the execution of a run that `holder` has made.
    pub fn begin_run(&self, id: RunId, holder: &str) -> Result<(), StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.write(|tx| match tx.execute(BEGIN, params![id, holder])? {
            0 => Err(StoreError::RunLost(id)),
            _ => Ok(()),
        })
    }

    /// Ends a run that `holder` executes.
    pub fn end_run(&self, id: RunId, holder: &str, end: &RunEnd<'_>) -> Result<Run, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.write(|tx| {
            let values =
                params![id, holder, end.state.name(), end.note, end.ended_at.as_micros(), end.millis];
            match tx.execute(END, values)? {
                0 => Err(StoreError::RunLost(id)),
                _ => one(tx, id)?.ok_or(StoreError::RunLost(id)),
            }
        })
    }

    /// One run.
    pub fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.read(|tx| one(tx, id))
    }

    /// The next runs before run `before`, newest first.
    pub fn runs_page(&self, before: RunId, limit: u32) -> Result<Vec<Run>, StoreError> {
        let Self::Sqlite(sqlite) = self;
        sqlite.read(|tx| {
            let mut query = tx.prepare_cached(PAGE)?;
            let mut rows = query.query(params![before, limit])?;
            let mut runs = Vec::new();
            while let Some(row) = rows.next()? {
                runs.push(run(row)?);
            }
            Ok(runs)
        })
    }
}
