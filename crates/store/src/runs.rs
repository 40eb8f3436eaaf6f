use rollcall_domain::filter::Filter;
use rollcall_domain::{Mode, OrganizationId, Outcome, Run, RunId, RunState, Selection, Tally, Timestamp};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, Transaction, TransactionBehavior, params, params_from_iter};

use crate::filter::{Condition, Shape};
use crate::load::time;
use crate::staging::Staging;
use crate::{Store, StoreError, json, sql};

macro_rules! run_columns {
    () => {
        "id, mode, state, holder, script, source, selection, administrator, organization_id, created_at, ended_at, \
         targets, cursor, millis, applies, undoes, note, changed, unchanged, skipped, failed, timed_out, conflict, \
         script_version, params, columns, repeats"
    };
}

sql! {
    INSERT = "INSERT INTO runs (mode, state, holder, script, script_version, source, params, selection, columns, \
              administrator, organization_id, created_at) \
              VALUES (?1, 'selecting', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING id";
    SET_TARGETS = "UPDATE runs SET targets = ?2, repeats = ?3 WHERE id = ?1";
    BEGIN = "UPDATE runs SET state = 'running' WHERE id = ?1 AND state = 'selecting' AND holder = ?2";
    END = "UPDATE runs SET state = ?3, note = ?4, ended_at = ?5, millis = ?6, holder = NULL \
           WHERE id = ?1 AND holder = ?2";
    ONE = concat!("SELECT ", run_columns!(), " FROM runs WHERE id = ?1");
    PAGE = concat!("SELECT ", run_columns!(), " FROM runs WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
}

/// The starts of the queries that freeze a list; a condition or one of the lists below follows.
const FREEZE: &str = "INSERT INTO targets (run_id, seq, user_id) SELECT ?, row_number() OVER (ORDER BY u.id), u.id \
                      FROM users u LEFT JOIN user_logins l ON l.user_id = u.id WHERE ";
const FREEZE_LIST: &str =
    "INSERT INTO targets (run_id, seq, user_id, cells) SELECT ?1, seq, user_id, cells FROM ";
const FREEZE_REPEATING: &str = "INSERT INTO targets (run_id, seq, user_id, cells, prior) \
                                SELECT ?1, seq, user_id, cells, lag(seq) OVER (PARTITION BY user_id ORDER BY seq) FROM ";

const STAGED: &str = "temp.staged";
const TARGETS_OF: &str = "(SELECT seq, user_id, cells FROM targets WHERE run_id = ?2)";
const NOT_RUN_OF: &str = "(SELECT row_number() OVER (ORDER BY t.seq) AS seq, t.user_id, t.cells FROM targets t \
                          WHERE t.run_id = ?2 AND t.seq > (SELECT cursor FROM runs WHERE id = ?2))";
const OUTCOMES_OF: &str = "(SELECT row_number() OVER (ORDER BY t.seq) AS seq, t.user_id, t.cells FROM outcomes o \
                           JOIN targets t ON t.run_id = o.run_id AND t.seq = o.seq \
                           WHERE o.run_id = ?2 AND o.outcome = ?3)";

#[cfg(test)]
pub(crate) fn freezing_statements() -> Vec<String> {
    let lists = [STAGED, TARGETS_OF, NOT_RUN_OF, OUTCOMES_OF];
    [FREEZE_LIST, FREEZE_REPEATING]
        .iter()
        .flat_map(|start| lists.map(|list| format!("{start}{list}")))
        .collect()
}

/// A run that is about to be.
#[derive(Debug)]
pub struct NewRun<'a> {
    /// Whether it writes.
    pub mode: Mode,
    /// What its script is called.
    pub script: &'a str,
    /// Which version of a saved script it is.
    pub script_version: Option<i64>,
    /// Its script.
    pub source: &'a str,
    /// Its parameters: the text of one JSON object.
    pub params: &'a str,
    /// How its targets are chosen, for whoever asks later.
    pub selection: &'a Selection,
    /// Its targets.
    pub list: List<'a>,
    /// Who starts it.
    pub administrator: &'a str,
    /// The organization that it is bound to, if any.
    pub organization_id: Option<OrganizationId>,
    /// Its "now".
    pub created_at: Timestamp,
    /// The process that executes it.
    pub holder: &'a str,
}

/// The targets of a run that is about to be.
#[derive(Debug, Clone, Copy)]
pub enum List<'a> {
    /// Every user, in order of their numbers.
    All,
    /// The users that a filter selects, in order of their numbers.
    Filter(&'a Filter),
    /// Targets of another run, in their order, with their rows.
    Outcomes(&'a Run, Option<Outcome>),
    /// A list that was kept aside, whose rows have these columns.
    Staged(&'a Staging, &'a [String]),
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
    let selection = row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?;
    let columns: Option<String> = row.get(25)?;
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
        script_version: row.get(23)?,
        params: row.get(24)?,
        selection: json::read(selection)?,
        columns: columns.as_deref().map(json::read).transpose()?,
        repeats: row.get(26)?,
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

fn create(tx: &Transaction<'_>, new: &NewRun<'_>) -> Result<Run, StoreError> {
    let columns = match new.list {
        List::Staged(_, columns) => Some(columns),
        List::Outcomes(run, _) => run.columns.as_deref(),
        List::All | List::Filter(_) => None,
    };
    let values = params![
        new.mode.name(),
        new.holder,
        new.script,
        new.script_version,
        new.source,
        new.params,
        json::write(new.selection)?,
        columns.map(json::write).transpose()?,
        new.administrator,
        new.organization_id,
        new.created_at.as_micros()
    ];
    let id: RunId = tx.query_row(INSERT, values, |row| row.get(0))?;
    let (frozen, repeats) = freeze(tx, id, new.list)?;
    tx.execute(SET_TARGETS, params![id, i64::try_from(frozen).unwrap_or(i64::MAX), repeats])?;
    one(tx, id)?.ok_or(StoreError::RunLost(id))
}

/// Writes the targets; says how many, and whether some user is there more than once.
fn freeze(tx: &Transaction<'_>, id: RunId, list: List<'_>) -> Result<(usize, bool), StoreError> {
    let start = |repeats| if repeats { FREEZE_REPEATING } else { FREEZE_LIST }.to_owned();
    let (repeats, frozen) = match list {
        List::All | List::Filter(_) => {
            let filter = if let List::Filter(filter) = list { Some(filter) } else { None };
            let Condition { mut sql, values, .. } = Condition::new(filter, Shape::Whole);
            sql.insert_str(0, FREEZE);
            (false, tx.execute(&sql, params_from_iter([Value::Integer(id)].into_iter().chain(values)))?)
        }
        List::Staged(staging, _) => {
            let repeats = staging.users()? < staging.targets();
            (repeats, tx.execute(&(start(repeats) + STAGED), [id])?)
        }
        List::Outcomes(run, outcome) => {
            let start = start(run.repeats);
            let frozen = match outcome {
                None => tx.execute(&(start + TARGETS_OF), [id, run.id])?,
                Some(Outcome::NotRun) => tx.execute(&(start + NOT_RUN_OF), [id, run.id])?,
                Some(outcome) => tx.execute(&(start + OUTCOMES_OF), params![id, run.id, outcome.name()])?,
            };
            (run.repeats, frozen)
        }
    };
    Ok((frozen, repeats))
}

impl Store {
    /// Makes a run and freezes its targets, in one step: either both are there or neither.
    pub fn create_run(&self, new: &NewRun<'_>) -> Result<Run, StoreError> {
        let Self::Sqlite(sqlite) = self;
        match new.list {
            List::Staged(staging, _) => {
                let tx = Transaction::new_unchecked(staging.close()?, TransactionBehavior::Immediate)?;
                let run = create(&tx, new)?;
                tx.commit()?;
                Ok(run)
            }
            _ => sqlite.write(|tx| create(tx, new)),
        }
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
