use rollcall_domain::filter::Filter;
use rollcall_domain::{
    Act, Action, Counts, Deed, Mode, Outcome, PlanHash, RequestKey, Run, RunId, RunQuery, RunState, Scope,
    Selection, Settings, Timestamp, UserId,
};
use tracing::debug;

use crate::areas::Runs;
use crate::columns::{Columns, at, read};
use crate::counters::{COUNTERS, read_counters};
use crate::db::{Arg, Row, Tx, args, only};
use crate::filter::{Condition, Shape};
use crate::outcomes::reading;
use crate::run_keys::{self, Claiming};
use crate::scope::covered;
use crate::sql::{sql, text};
use crate::staging::Staging;
use crate::{Hold, StoreError, approvals, audit, chunks, json};

/// The columns of a run, as [`run`] reads them.
const RUN: Columns = Columns(text!(
    "id, mode, state, holder, script, selection, administrator, organizations, created_at, ended_at, targets, cursor, \
     millis, applies, undoes, note, ",
    COUNTERS,
    ", script_version, params, columns, repeats, settings, deactivated, braked_from, plan, token, leased_until, \
     pruned_at, planned, administrator_id"
));

const FOUND_BEFORE: &str = text!(
    "SELECT ",
    RUN.0,
    " FROM runs WHERE id < ?1 AND (CAST(?2 AS TEXT) IS NULL OR state IN (?2, ?3)) \
     AND (CAST(?4 AS TEXT) IS NULL OR script = ?4) AND (CAST(?5 AS TEXT) IS NULL OR mode = ?5) \
     AND (CAST(?6 AS TEXT) IS NULL OR administrator = ?6) AND "
);

const NOTHING_DONE: &str = "changed + unchanged + skipped + failed + timed_out + conflict = 0";

sql! {
    INSERT = "INSERT INTO runs (mode, state, holder, leased_until, script, script_version, source, params, selection, \
              columns, administrator, organizations, created_at, settings, applies, undoes, plan, administrator_id) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) RETURNING id";
    SCOPE = "SELECT organizations FROM runs WHERE id = ?1";
    SOURCE = "SELECT source FROM runs WHERE id = ?1";
    SET_TARGETS = "UPDATE runs SET targets = ?2, repeats = ?3 WHERE id = ?1";
    BEGIN = "UPDATE runs SET state = 'running', leased_until = ?3, holder = ?4 WHERE id = ?1 AND state = 'selecting' AND token = ?2";
    LET_BEGIN = "UPDATE runs SET state = 'running', settings = ?3 \
                 WHERE id = ?1 AND state = 'selecting' AND token = ?2 AND holder IS NULL";
    // Only the run that was looked at: neither its holder nor anybody else has touched it since.
    TAKE = "UPDATE runs SET state = 'running', holder = ?3, leased_until = ?4, braked_from = ?5, settings = ?6, \
            token = token + 1, ended_at = NULL, note = NULL \
            WHERE id = ?1 AND token = ?2 AND leased_until IS NOT DISTINCT FROM ?7 AND state IN ('selecting', 'running', 'stopped')";
    END = "UPDATE runs SET state = ?3, note = ?4, ended_at = ?5, millis = ?6, holder = NULL, leased_until = NULL \
           WHERE id = ?1 AND token = ?2 AND state IN ('selecting', 'running')";
    CANCEL = "UPDATE runs SET state = 'cancelled', note = ?2, ended_at = ?3, holder = NULL, leased_until = NULL \
              WHERE id = ?1 AND state IN ('selecting', 'running', 'stopped')";
    SET_PLAN = "UPDATE runs SET plan = ?2, planned = ?3 WHERE id = ?1";
    ONE = text!("SELECT ", RUN.0, " FROM runs WHERE id = ?1");
    PAGE = text!("SELECT ", RUN.0, " FROM runs WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
    // Of a scope are runs that touch nobody else's users.
    FOUND = text!(FOUND_BEFORE, covered!("?7"), " ORDER BY id DESC LIMIT ?8")
        => text!(FOUND_BEFORE, covered!(postgres "?7"), " ORDER BY id DESC LIMIT ?8");
    LAST_OF = text!("SELECT ", RUN.0, " FROM runs WHERE script = ?1 AND ", covered!("?2"), " ORDER BY id DESC LIMIT 1")
        => text!("SELECT ", RUN.0, " FROM runs WHERE script = ?1 AND ", covered!(postgres "?2"), " ORDER BY id DESC LIMIT 1");
    BEGUN = text!("SELECT ", RUN.0, " FROM runs WHERE state IN ('selecting', 'running') ORDER BY id");
    ENDED = "SELECT state, count(*) AS runs FROM runs WHERE state NOT IN ('selecting', 'running') GROUP BY state";
    // One that was called off before it had done anything is none.
    APPLIED_BY = text!("SELECT min(id) FROM runs WHERE applies = ?1 AND NOT (state = 'cancelled' AND ", NOTHING_DONE, ")");
    // One that is to take back what the run did to some of its users only, or that found everybody back, is none either.
    UNDONE_BY = text!("SELECT max(id) FROM runs WHERE undoes = ?1 AND mode = 'apply' AND state <> 'selecting' \
                         AND NOT (state = 'cancelled' AND ", NOTHING_DONE, ") AND NOT (state = 'finished' AND changed = 0) \
                         AND targets >= (SELECT changed FROM runs WHERE id = ?1)");
    // Locked, so that of two who apply one preview the second sees the first.
    PRUNED_AT = "SELECT pruned_at FROM runs WHERE id = ?1"
        => "SELECT pruned_at FROM runs WHERE id = ?1 FOR UPDATE";
    RENAMES = "SELECT 1 FROM outcomes WHERE run_id = ?1 AND outcome = 'changed' \
               AND instr(journal, '\"field\":\"username\"') > 0"
        => "SELECT 1 FROM outcomes WHERE run_id = ?1 AND outcome = 'changed' \
            AND strpos(journal, '\"field\":\"username\"') > 0";
}

/// The starts of the queries that freeze a list; a condition or one of the lists below follows.
const FREEZE: &str = "INSERT INTO targets (run_id, seq, user_id) SELECT ?, row_number() OVER (ORDER BY u.id), u.id \
                      FROM users u LEFT JOIN user_logins l ON l.user_id = u.id WHERE ";
const FREEZE_LIST: &str =
    "INSERT INTO targets (run_id, seq, user_id, cells, origin) SELECT ?1, seq, user_id, cells, origin FROM ";
const FREEZE_REPEATING: &str = "INSERT INTO targets (run_id, seq, user_id, cells, origin, prior) SELECT ?1, seq, user_id, cells, origin, \
     lag(seq) OVER (PARTITION BY user_id ORDER BY seq) FROM ";

// Rows may have been left out.
const STAGED: &str = "(SELECT row_number() OVER (ORDER BY seq) AS seq, user_id, cells, CAST(NULL AS BIGINT) AS origin \
     FROM staged)";
const TARGETS_OF: &str = "(SELECT seq, user_id, cells, origin FROM targets WHERE run_id = ?2)";
const NOT_RUN_OF: &str = "(SELECT row_number() OVER (ORDER BY t.seq) AS seq, t.user_id, t.cells, t.origin FROM targets t \
     WHERE t.run_id = ?2 AND t.seq > (SELECT cursor FROM runs WHERE id = ?2) \
     AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.run_id = ?2 AND o.seq = t.seq))";
// The order in which the targets come, and which of them, follow.
const OUTCOMES_OF: &str = "(SELECT row_number() OVER (ORDER BY o.seq) AS seq, o.user_id, t.cells, o.seq AS origin FROM outcomes o \
     JOIN targets t ON t.run_id = o.run_id AND t.seq = o.seq WHERE o.run_id = ?2 AND o.outcome IN (?3, ?4))";
const CHANGED_OF: &str = "(SELECT row_number() OVER (ORDER BY o.seq) AS seq, o.user_id, t.cells, o.seq AS origin FROM outcomes o \
     JOIN targets t ON t.run_id = o.run_id AND t.seq = o.seq \
     WHERE o.run_id = ?2 AND o.outcome = 'changed' AND (CAST(?3 AS BIGINT) IS NULL OR o.user_id = ?3))";
// Where a user was changed more than once, or one may have got the name that another gave up, what was done last is taken
// back first.
const CHANGED_LAST_OF: &str = "(SELECT row_number() OVER (ORDER BY o.seq DESC) AS seq, o.user_id, t.cells, o.seq AS origin FROM outcomes o \
     JOIN targets t ON t.run_id = o.run_id AND t.seq = o.seq \
     WHERE o.run_id = ?2 AND o.outcome = 'changed' AND (CAST(?3 AS BIGINT) IS NULL OR o.user_id = ?3))";

#[cfg(test)]
pub(crate) fn freezing_statements() -> Vec<String> {
    let lists = [STAGED, TARGETS_OF, NOT_RUN_OF, OUTCOMES_OF, CHANGED_OF, CHANGED_LAST_OF];
    [FREEZE_LIST, FREEZE_REPEATING].iter().flat_map(|start| lists.map(|list| from(start, list))).collect()
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
    /// Who starts it, from where; when is its "now".
    pub act: Act<'a>,
    /// Whose users it may touch.
    pub scope: &'a Scope,
    /// What is wanted of its execution.
    pub settings: &'a Settings,
    /// The preview whose plan it applies.
    pub applies: Option<RunId>,
    /// The run that it takes back.
    pub undoes: Option<RunId>,
    /// [`RunState::Running`], or [`RunState::Selecting`] if somebody has to say yes first.
    pub state: RunState,
    /// The process that executes it; none if that is left to workers.
    pub holder: Option<&'a str>,
    /// When others may take it over.
    pub leased_until: Timestamp,
    /// The request that makes it, if it is to make only one: see [`Creation::Existing`].
    pub key: Option<RequestKey>,
}

/// What comes of the wish to make a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Creation {
    /// It is made.
    New(Box<Run>),
    /// The same request has made this run before: with its key nothing else is made.
    Existing(RunId),
}

/// A run is to be taken over.
#[derive(Debug)]
pub struct Takeover<'a> {
    /// The process that goes on with it; none if that is left to workers.
    pub holder: Option<&'a str>,
    /// When others may take it over.
    pub leased_until: Timestamp,
    /// Where its brakes start to count.
    pub braked_from: Counts,
    /// What is wanted of its execution.
    pub settings: &'a Settings,
    /// Who goes on with it, and when.
    pub act: Act<'a>,
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
    /// What failed or timed out in another run.
    Retry(&'a Run),
    /// What a preview has planned changes for, with the plan. A preview serves only once.
    Plan(&'a Run),
    /// What another run has changed, with its journal, from last to first where that matters; of one user only where one
    /// is named.
    Changed(&'a Run, Option<UserId>),
    /// A list that was kept aside, whose rows have these columns.
    Staged(&'a Staging, &'a [String]),
}

impl List<'_> {
    /// The run that it is made from.
    fn source(&self) -> Option<&Run> {
        match self {
            Self::Outcomes(run, _) | Self::Retry(run) | Self::Plan(run) | Self::Changed(run, _) => Some(run),
            Self::All | Self::Filter(_) | Self::Staged(..) => None,
        }
    }
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

/// Whose users a run may touch.
pub(crate) fn scope(tx: &Tx<'_>, run: RunId) -> Result<Scope, StoreError> {
    tx.first(SCOPE, args![run], only)?.ok_or(StoreError::RunLost(run))
}

pub(crate) fn write_scope(scope: &Scope) -> Result<Option<String>, StoreError> {
    match scope {
        Scope::Everywhere => Ok(None),
        Scope::Within(organizations) => json::write(organizations).map(Some),
    }
}

fn run(row: &Row<'_>) -> Result<Run, StoreError> {
    let state = row.get(at!(RUN, "state"))?;
    Ok(read!(row, RUN => Run {
        id, mode, holder, script, script_version, params, repeats, administrator, scope = "organizations", created_at,
        ended_at, targets, cursor, millis, applies, undoes, note, deactivated, plan, token, leased_until, pruned_at, planned,
        administrator_id;
        confirmed: state != RunState::Selecting,
        state: state,
        tally: read_counters(row, at!(RUN, "changed"))?,
        selection: row.json(at!(RUN, "selection"))?,
        columns: row.maybe_json(at!(RUN, "columns"))?,
        settings: row.json(at!(RUN, "settings"))?,
        braked_from: row.json(at!(RUN, "braked_from"))?,
    }))
}

pub(crate) fn source(tx: &Tx<'_>, id: RunId) -> Result<String, StoreError> {
    tx.first(SOURCE, args![id], only)?.ok_or(StoreError::RunLost(id))
}

pub(crate) fn one(tx: &Tx<'_>, id: RunId) -> Result<Option<Run>, StoreError> {
    tx.first(ONE, args![id], run)
}

/// In which states runs are.
#[derive(Debug)]
pub struct RunStates {
    /// How many have ended in each.
    pub ended: Vec<(RunState, u64)>,
    /// Those that have not.
    pub begun: Vec<Run>,
}

/// Runs that have not ended.
pub(crate) fn begun(tx: &Tx<'_>) -> Result<Vec<Run>, StoreError> {
    tx.all(BEGUN, &[], run)
}

/// Refuses a run whose outcomes were pruned. Until the end of the transaction none of them are, and nobody else makes a
/// run from it.
pub(crate) fn check_whole(tx: &Tx<'_>, id: RunId) -> Result<(), StoreError> {
    let pruned: Option<Timestamp> = tx.value(PRUNED_AT, args![id])?;
    pruned.map_or(Ok(()), |_| Err(StoreError::Pruned(id)))
}

/// Refuses a preview that was applied already.
pub(crate) fn check_unapplied(tx: &Tx<'_>, preview: RunId) -> Result<(), StoreError> {
    let applied: Option<RunId> = tx.value(APPLIED_BY, args![preview])?;
    applied.map_or(Ok(()), |by| Err(StoreError::AlreadyApplied { preview, by }))
}

fn create(tx: &Tx<'_>, new: &NewRun<'_>) -> Result<Creation, StoreError> {
    let Act { at, who, administrator_id, .. } = new.act;
    let by = (who, administrator_id);
    let claim = match new.key.map(|key| run_keys::claim(tx, by, &key, at)).transpose()? {
        Some(Claiming::Used(run)) => return Ok(Creation::Existing(run)),
        Some(Claiming::Claimed(claim)) => Some(claim),
        None => None,
    };
    let source = new.list.source();
    let columns = match new.list {
        List::Staged(_, columns) => Some(columns),
        _ => source.and_then(|run| run.columns.as_deref()),
    };
    // The rest of a replay needs what it replays, too.
    for needed in source.map(|run| run.id).into_iter().chain(new.applies.or(new.undoes)) {
        check_whole(tx, needed)?;
    }
    if let List::Plan(preview) = new.list {
        check_unapplied(tx, preview.id)?;
    }
    let plan =
        (new.mode == Mode::Preview).then(|| PlanHash::new(new.source, new.params, new.undoes).to_string());
    let values = args![
        new.mode.name(),
        new.state.name(),
        new.holder,
        new.holder.map(|_| new.leased_until),
        new.script,
        new.script_version,
        new.source,
        new.params,
        json::write(new.selection)?,
        columns.map(json::write).transpose()?,
        who,
        write_scope(new.scope)?,
        at,
        json::write(new.settings)?,
        new.applies,
        new.undoes,
        plan,
        administrator_id
    ];
    let id: RunId = tx.value(INSERT, values)?;
    let (frozen, repeats) = freeze(tx, id, new.list)?;
    tx.execute(SET_TARGETS, args![id, i64::try_from(frozen).unwrap_or(i64::MAX), repeats])?;
    let run = one(tx, id)?.ok_or(StoreError::RunLost(id))?;
    approvals::check(tx, &run)?;
    chunks::open(tx, id, 0, chunks::until(&run))?;
    claim.map_or(Ok(()), |claim| claim.serves(tx, id))?;
    tx.announce()?;
    let deed = deed(new.action(), &run).with("mode", run.mode.name()).with("script", run.script.as_str());
    audit::record(tx, &new.act, &deed.with("targets", run.targets))?;
    Ok(Creation::New(Box::new(run)))
}

/// What is done to a run. It concerns an organization if that is the only one whose users it may touch.
pub(crate) fn deed(action: Action, run: &Run) -> Deed {
    Deed::new(action, format!("run {}", run.id)).within(run.scope.organization())
}

impl NewRun<'_> {
    fn action(&self) -> Action {
        match (self.selection, self.applies, self.undoes) {
            (Selection::Retry { .. }, ..) => Action::RunRetry,
            (_, Some(_), _) => Action::RunApply,
            (_, None, Some(_)) => Action::RunUndo,
            (_, None, None) => Action::RunStart,
        }
    }
}

/// What is done with a run that was let begin, if one was.
fn begun_as(tx: &Tx<'_>, id: RunId, updated: u64) -> Result<Run, StoreError> {
    let run = one(tx, id)?.filter(|_| updated > 0).ok_or(StoreError::RunLost(id))?;
    // The question may have stood there for long.
    approvals::check(tx, &run)?;
    tx.announce()?;
    Ok(run)
}

fn start(repeats: bool) -> &'static str {
    if repeats { FREEZE_REPEATING } else { FREEZE_LIST }
}

fn from(start: &str, list: &str) -> String {
    format!("{start}{list} AS list")
}

fn outcomes_of(tx: &Tx<'_>, id: RunId, of: &Run, outcomes: [Outcome; 2]) -> Result<u64, StoreError> {
    let [one, other] = outcomes.map(Outcome::name);
    tx.execute(&from(start(of.repeats), OUTCOMES_OF), args![id, of.id, one, other])
}

/// Writes the targets; says how many, and whether some user is there more than once.
fn freeze(tx: &Tx<'_>, id: RunId, list: List<'_>) -> Result<(u64, bool), StoreError> {
    let (repeats, frozen) = match list {
        List::All | List::Filter(_) => {
            let filter = if let List::Filter(filter) = list { Some(filter) } else { None };
            let Condition { mut sql, mut values, .. } = Condition::new(filter, Shape::Whole, tx.dialect());
            sql.insert_str(0, FREEZE);
            values.insert(0, Arg::Int(id));
            (false, tx.execute(&sql, &values)?)
        }
        List::Staged(staging, _) => {
            let repeats = staging.users()? < staging.targets();
            (repeats, tx.execute(&from(start(repeats), STAGED), args![id])?)
        }
        List::Outcomes(run, None) => {
            (run.repeats, tx.execute(&from(start(run.repeats), TARGETS_OF), args![id, run.id])?)
        }
        List::Outcomes(run, Some(Outcome::NotRun)) => {
            (run.repeats, tx.execute(&from(start(run.repeats), NOT_RUN_OF), args![id, run.id])?)
        }
        List::Outcomes(run, Some(outcome)) => (run.repeats, outcomes_of(tx, id, run, [outcome; 2])?),
        List::Retry(run) => (run.repeats, outcomes_of(tx, id, run, [Outcome::Failed, Outcome::TimedOut])?),
        List::Plan(run) => (run.repeats, outcomes_of(tx, id, run, [Outcome::Changed; 2])?),
        List::Changed(run, user) => {
            let backwards = run.repeats || tx.exists(RENAMES, args![run.id])?;
            let list = if backwards { CHANGED_LAST_OF } else { CHANGED_OF };
            (run.repeats, tx.execute(&from(start(run.repeats), list), args![id, run.id, user])?)
        }
    };
    Ok((frozen, repeats))
}

impl Runs<'_> {
    /// Makes a run and freezes its targets, in one step: either both are there or neither. One that would write for more
    /// targets than `four_eyes_above` without the approval that this takes is not made.
    pub fn create(&self, new: &NewRun<'_>) -> Result<Creation, StoreError> {
        let created = match new.list {
            List::Staged(staging, _) => staging.write(|tx| create(tx, new)),
            _ => self.0.write(|tx| create(tx, new)),
        }?;
        if let Creation::New(run) = &created {
            let (mode, state) = (run.mode.name(), run.state.name());
            debug!(run = run.id, mode, state, targets = run.targets, "run created");
        }
        Ok(created)
    }

    /// Starts the execution of a run that waited for a yes, by `holder`; by workers, if there is none. An approval that it
    /// needs must still count.
    pub fn begin(&self, hold: Hold, holder: Option<&str>, leased_until: Timestamp) -> Result<(), StoreError> {
        self.0.write(|tx| {
            let until = holder.map(|_| leased_until);
            begun_as(tx, hold.run, tx.execute(BEGIN, args![hold.run, hold.token, until, holder])?).map(drop)
        })
    }

    /// Lets a run begin that is held, with these settings: it is left to workers. [`StoreError::RunLost`] if it is not
    /// held any more. An approval that it needs must still count.
    pub fn start_held(&self, hold: Hold, settings: &Settings, act: &Act<'_>) -> Result<(), StoreError> {
        self.0.write(|tx| {
            let settings = json::write(settings)?;
            let run = begun_as(tx, hold.run, tx.execute(LET_BEGIN, args![hold.run, hold.token, settings])?)?;
            audit::record(tx, act, &deed(Action::RunBegin, &run).with("targets", run.targets))
        })
    }

    /// Takes over a run that is as `seen`, which nobody executes any more; from now on nothing of an earlier holder is
    /// written. [`StoreError::RunLost`] if it is not as seen.
    pub fn take(&self, seen: &Run, by: &Takeover<'_>) -> Result<Run, StoreError> {
        self.0.write(|tx| {
            let chunks = chunks::recall(tx, seen.id)?;
            let values = args![
                seen.id,
                seen.token,
                by.holder,
                by.holder.map(|_| by.leased_until),
                json::write(&by.braked_from)?,
                json::write(by.settings)?,
                seen.leased_until
            ];
            if tx.execute(TAKE, values)? == 0 {
                return Err(StoreError::RunLost(seen.id));
            }
            let run = one(tx, seen.id)?.ok_or(StoreError::RunLost(seen.id))?;
            if !seen.confirmed {
                approvals::check(tx, &run)?;
            }
            if chunks == 0 {
                // It has stopped after its canary.
                chunks::open(tx, run.id, run.cursor, chunks::until(&run))?;
            }
            tx.announce()?;
            audit::record(tx, &by.act, &deed(Action::RunResume, &run))?;
            debug!(run = run.id, token = run.token, "run taken over");
            Ok(run)
        })
    }

    /// Ends a run that is held. What somebody else still has of it has no effect any more.
    pub fn end(&self, hold: Hold, end: &RunEnd<'_>) -> Result<Run, StoreError> {
        self.0.write(|tx| {
            if end.state == RunState::Cancelled {
                chunks::drop_all(tx, hold.run)?;
            }
            let values = args![hold.run, hold.token, end.state.name(), end.note, end.ended_at, end.millis];
            if tx.execute(END, values)? == 0 {
                return Err(StoreError::RunLost(hold.run));
            }
            tx.announce()?;
            debug!(run = hold.run, state = end.state.name(), "run ended");
            let run = one(tx, hold.run)?.ok_or(StoreError::RunLost(hold.run))?;
            if run.state != RunState::Finished || run.planned == run.cursor {
                return Ok(run);
            }
            // Its chunks were done out of order.
            let Some(plan) = run.plan.as_deref().map(reading::read_plan).transpose()? else {
                return Ok(run);
            };
            let plan = reading::plan_after(tx, run.id, plan, run.planned)?;
            tx.execute(SET_PLAN, args![run.id, plan.to_string(), run.cursor])?;
            one(tx, run.id)?.ok_or(StoreError::RunLost(run.id))
        })
    }

    /// Ends a run for good, whoever executes it: from now on nothing of it is written. [`StoreError::RunLost`] if it has
    /// ended already.
    pub fn cancel(&self, id: RunId, note: &str, act: &Act<'_>) -> Result<Run, StoreError> {
        self.0.write(|tx| {
            chunks::drop_all(tx, id)?;
            tx.announce()?;
            if tx.execute(CANCEL, args![id, note, act.at])? == 0 {
                return Err(StoreError::RunLost(id));
            }
            let run = one(tx, id)?.ok_or(StoreError::RunLost(id))?;
            audit::record(tx, act, &deed(Action::RunCancel, &run))?;
            debug!(run = id, "run cancelled");
            Ok(run)
        })
    }

    /// The run that has applied a preview, if any.
    pub fn applied_by(&self, preview: RunId) -> Result<Option<RunId>, StoreError> {
        self.0.read(|tx| tx.value(APPLIED_BY, args![preview]))
    }

    /// The last run that has taken a run back, if any.
    pub fn undone_by(&self, run: RunId) -> Result<Option<RunId>, StoreError> {
        self.0.read(|tx| tx.value(UNDONE_BY, args![run]))
    }

    /// One run.
    pub fn by_id(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        self.0.read(|tx| one(tx, id))
    }

    /// The script of a run as it was when the run started. It may be long, so no run carries it about.
    pub fn source(&self, id: RunId) -> Result<String, StoreError> {
        self.0.read(|tx| source(tx, id))
    }

    /// In which states runs are.
    pub fn states(&self) -> Result<RunStates, StoreError> {
        let counted = |row: &Row<'_>| Ok((row.get(at!(ENDED, "state"))?, row.get(at!(ENDED, "runs"))?));
        self.0.read(|tx| Ok(RunStates { ended: tx.all(ENDED, &[], counted)?, begun: begun(tx)? }))
    }

    /// The next runs before run `before`, newest first.
    pub fn page(&self, before: RunId, limit: u32) -> Result<Vec<Run>, StoreError> {
        self.0.read(|tx| tx.all(PAGE, args![before, limit], run))
    }

    /// The last run of a script, by its name, of those that a scope covers.
    pub fn last_of(&self, script: &str, scope: &Scope) -> Result<Option<Run>, StoreError> {
        self.0.read(|tx| tx.first(LAST_OF, args![script, write_scope(scope)?], run))
    }

    /// The same of those that a scope covers and `query` asks for. What is stored of a state does not tell who is at a run,
    /// so some of them may be in a state that is near the one that was asked for.
    pub fn find(
        &self,
        query: &RunQuery,
        scope: &Scope,
        before: RunId,
        limit: u32,
    ) -> Result<Vec<Run>, StoreError> {
        let RunQuery { state, script, mode, administrator } = query;
        let states = match state {
            // It may have been that before.
            Some(RunState::Interrupted) => Some([RunState::Running, RunState::Selecting]),
            Some(RunState::Queued | RunState::Running) => Some([RunState::Running; 2]),
            other => other.map(|state| [state; 2]),
        };
        let states = states.map(|states| states.map(RunState::name));
        let values = args![
            before,
            states.map(|states| states[0]),
            states.map(|states| states[1]),
            script.as_deref(),
            mode.map(Mode::name),
            administrator.as_deref(),
            write_scope(scope)?,
            limit
        ];
        self.0.read(|tx| tx.all(FOUND, values, run))
    }
}
