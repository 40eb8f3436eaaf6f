//! What has become of targets, committed with the changes of their users: `counting` is what that adds to the run,
//! `reading` the way back.

pub(crate) mod counting;
pub(crate) mod reading;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rollcall_domain::{
    Assignment, Brakes, Change, Counts, Field, FieldChange, Mode, Outcome, ProfileId, RunId, ScriptError,
    Tally, TargetOutcome, Timestamp, Tripped, User, Value,
};
use tracing::debug;

use self::counting::{Counting, SoFar, count};
use self::reading::Notes;
use crate::areas::Chunks;
use crate::chunks;
use crate::columns::{at, read};
use crate::counters::{COUNTERS, read_counters};
use crate::crash_point::crash_point;
use crate::db::{Moment, Tx, args};
use crate::sql::{sql, text};
use crate::transaction::Decision;
use crate::write::{self, Written};
use crate::write_set;
use crate::{Hold, Lessee, StoreError, json};

sql! {
    INSERT = "INSERT INTO outcomes (run_id, seq, user_id, username, organization_id, outcome, version, journal, result, \
              output, notes, micros, written_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    OUTPUT_SO_FAR = "SELECT output_bytes FROM runs WHERE id = ?1";
    // Locked: the brakes count what all who execute the run have done. Not its key, which everybody who writes outcomes
    // holds: two who commit would wait for each other.
    SO_FAR = text!("SELECT plan, planned, deactivated, targets, ", COUNTERS, " FROM runs WHERE id = ?1 AND state = 'running'")
        => text!("SELECT plan, planned, deactivated, targets, ", COUNTERS, " FROM runs WHERE id = ?1 AND state = 'running' \
                    FOR NO KEY UPDATE");
    PROFILE_IS_THERE = "SELECT 1 FROM profiles WHERE id = ?1";
    // A name is taken for a preview if it was given to another user in it, or belongs to another user who keeps it.
    NAME_IS_PLANNED = "SELECT 1 FROM planned_names WHERE run_id = ?1 AND username = ?2 AND user_id <> ?3";
    NAME_IS_KEPT = "SELECT 1 FROM users u WHERE u.username = ?2 AND u.id <> ?3 AND NOT EXISTS \
                    (SELECT 1 FROM planned_names n WHERE n.run_id = ?1 AND n.user_id = u.id)";
    PLAN_NAME = "INSERT INTO planned_names (run_id, user_id, username) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (run_id, user_id) DO UPDATE SET username = excluded.username";
}

/// The same as `INSERT`, for many rows at once on PostgreSQL.
pub(crate) const INSERT_MANY: &str = "INSERT INTO outcomes (run_id, seq, user_id, username, organization_id, outcome, \
    version, journal, result, output, notes, micros, written_at) SELECT ?1, * FROM unnest(?2::bigint[], ?3::bigint[], \
    ?4::text[], ?5::bigint[], ?6::text[], ?7::bigint[], ?8::text[], ?9::text[], ?10::text[], ?11::text[], ?12::bigint[], \
    ?13::timestamptz[])";

/// A chunk waits this long for somebody else's lock before it is [`StoreError::Busy`]: whoever commits it also has to
/// hear a cancel.
const PATIENCE: Duration = Duration::from_millis(400);
/// The most output that is kept of one run, in bytes.
const MAX_RUN_OUTPUT: i64 = 1 << 30;

/// What has become of one target, ready to be committed.
#[derive(Debug)]
pub struct Settled {
    outcome: TargetOutcome,
    version: Option<i64>,
    after: Option<User>,
    changed_at: Option<Timestamp>,
    journal: Option<String>,
}

impl Settled {
    /// `outcome`, computed on this `version` of the user (none if the user was gone), and the user `after` its
    /// changes, where there are any. The journal is written out here, and not while the database is locked.
    #[must_use]
    pub fn new(outcome: TargetOutcome, version: Option<i64>, after: Option<User>) -> Self {
        let journal = (!outcome.changes.is_empty())
            .then(|| serde_json::to_string(&outcome.changes).expect("changes have JSON forms"));
        Self { outcome, version, after, changed_at: None, journal }
    }

    /// The same, where `at` is what the user's `last_update` becomes, if the script did not assign it; otherwise it is the
    /// moment of the commit.
    #[must_use]
    pub fn changed_at(self, at: Timestamp) -> Self {
        Self { changed_at: Some(at), ..self }
    }

    pub(crate) fn last_update(&self, after: &User, now: Timestamp) -> Timestamp {
        if self.outcome.dated { after.last_update } else { self.changed_at.unwrap_or(now) }
    }

    /// The version of the user that the outcome was computed on.
    #[must_use]
    pub fn version(&self) -> Option<i64> {
        self.version
    }

    /// The names before and after, if the user gets another one.
    pub(crate) fn renamed(&self) -> Option<(&str, &str)> {
        let name =
            |change: &'_ Change| matches!(change, Change::Set(FieldChange { field: Field::Username, .. }));
        match self.outcome.changes.iter().find(|change| name(change))? {
            Change::Set(FieldChange { before: Value::Text(before), after: Value::Text(after), .. }) => {
                Some((before, after))
            }
            _ => None,
        }
    }

    /// The same, where the user was called `username` before the run.
    #[must_use]
    pub fn called(mut self, username: Option<String>) -> Self {
        self.outcome.username = username;
        self
    }

    /// The user after the changes, where there are any.
    #[must_use]
    pub fn after(&self) -> Option<&User> {
        self.after.as_ref()
    }

    /// The outcome.
    #[must_use]
    pub fn outcome(&self) -> &TargetOutcome {
        &self.outcome
    }
}

/// Where in a run outcomes lie, and who has computed them.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    /// The chunk that they belong to; its holder has it still.
    pub chunk: i64,
    /// The run, as this process knows it.
    pub hold: Hold,
    /// Who holds the chunk, and for how long from now on.
    pub lessee: Lessee<'a>,
    /// Whether users are written.
    pub mode: Mode,
    /// When the run stops by itself.
    pub brakes: Brakes,
    /// Where the brakes start to count.
    pub braked_from: Counts,
    /// Why the run is to stop with this, if it is.
    pub stop: Option<&'a str>,
    /// What has become of a target whose changes the database refuses: it has failed, or where they were decided before
    /// it is in conflict.
    pub refused: Outcome,
    /// The last target before.
    pub after: i64,
    /// The last target.
    pub last: i64,
    /// The present moment.
    pub now: Timestamp,
    /// How long the run has been executed, in milliseconds.
    pub millis: i64,
    /// How long this process takes for a target, in microseconds.
    pub pace: i64,
}

/// How the commit of a stretch went.
#[derive(Debug, PartialEq)]
pub enum Commit {
    /// All of it is written.
    Done {
        /// The outcomes of the run so far, whoever has computed them.
        tally: Tally,
        /// Targets whose changes were refused; later targets of the same users must not be built
        /// on what they would have done.
        refused: Vec<i64>,
        /// Why the run has stopped with this, if it has.
        stopped: Option<String>,
    },
    /// Nothing is written: a brake trips within the stretch. So many of its targets may still be committed.
    TooMany(usize, Tripped),
    /// Nothing is written: the users of these targets are no longer as their outcomes assume.
    Stale(Vec<i64>),
    /// Nothing is written: others have taken their share of the chunk, which ends with this target.
    Shortened(i64),
    /// Nothing is written: the chunk is somebody else's.
    ChunkLost,
}

/// What keeps a stretch from being committed: its chunk has become shorter, or is somebody else's.
fn obstacle(tx: &Tx<'_>, of: &Stretch<'_>) -> Result<Option<Commit>, StoreError> {
    match chunks::end_of(tx, of.chunk, of.after)? {
        Some(end) if end >= of.last => Ok(None),
        Some(end) => Ok(Some(Commit::Shortened(end))),
        None if chunks::is_ours(tx, of.hold)? => Ok(Some(Commit::ChunkLost)),
        None => Err(StoreError::RunLost(of.hold.run)),
    }
}

/// What comes of the attempt to lock a run for a commit.
enum Entry {
    /// It is locked, with what it has come to.
    Locked(SoFar),
    /// The commit ends with this; nothing is written.
    Refused(Commit),
}

/// Moves the chunk on and locks the run.
fn enter(tx: &Tx<'_>, of: &Stretch<'_>) -> Result<Entry, StoreError> {
    let run = of.hold.run;
    if !chunks::move_on(tx, of.chunk, [of.after, of.last], of.pace, &of.lessee)? {
        return Ok(Entry::Refused(obstacle(tx, of)?.unwrap_or(Commit::ChunkLost)));
    }
    let so_far = tx.first(SO_FAR, args![run], |row| {
        Ok(read!(row, SO_FAR => SoFar {
            plan, planned, deactivated, targets;
            tally: read_counters(row, at!(SO_FAR, "changed"))?,
        }))
    })?;
    so_far.map(Entry::Locked).ok_or(StoreError::RunLost(run))
}

impl Stretch<'_> {
    /// Logs how a commit went.
    fn log(&self, commit: &Commit, took: Duration) {
        let (run, chunk) = (self.hold.run, self.chunk);
        match commit {
            Commit::Done { refused, stopped, .. } => {
                let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                let (refused, stopped) = (refused.len(), stopped.as_deref());
                debug!(
                    run,
                    chunk,
                    after = self.after,
                    last = self.last,
                    refused,
                    stopped,
                    millis,
                    "outcomes committed"
                );
            }
            Commit::Stale(targets) => {
                debug!(run, chunk, targets = targets.len(), "users changed meanwhile: nothing committed");
            }
            Commit::TooMany(keep, tripped) => {
                debug!(run, chunk, keep, limit = tripped.why, "limit reached: nothing committed");
            }
            Commit::Shortened(last) => debug!(run, chunk, last, "chunk shortened: nothing committed"),
            Commit::ChunkLost => debug!(run, chunk, "chunk lost: nothing committed"),
        }
    }
}

impl Chunks<'_> {
    /// Commits outcomes of a run in one transaction: the users' changes (in a preview: none), one outcome a target
    /// with its journal, how far the chunk and the run are, and the run's counters.
    pub fn commit(&self, of: &Stretch<'_>, settled: &[Settled]) -> Result<Commit, StoreError> {
        let began = Instant::now();
        let done: Result<_, StoreError> = self.0.write_or_roll_back(PATIENCE, |tx| {
            if let Some(commit) = obstacle(tx, of)? {
                return Ok(Decision::RollBack(commit));
            }
            let mut refusals = missing_profiles(tx, settled)?;
            let mut entered = None;
            let stale = match of.mode {
                Mode::Apply => match tx {
                    Tx::Sqlite(_) => write_users(tx, of.now, settled, &mut refusals)?,
                    Tx::Postgres(pg) => write_set::write_users(pg, of.now, settled, &mut refusals)?,
                },
                Mode::Preview => {
                    // Two who give one name at the same time see each other.
                    if settled.iter().any(|target| target.renamed().is_some()) {
                        match enter(tx, of)? {
                            Entry::Locked(so_far) => entered = Some(so_far),
                            Entry::Refused(commit) => return Ok(Decision::RollBack(commit)),
                        }
                    }
                    match tx {
                        Tx::Sqlite(_) => plan_names(tx, of.hold.run, settled, &mut refusals)?,
                        Tx::Postgres(pg) => {
                            write_set::plan_names(pg, of.hold.run, settled, &mut refusals)?;
                        }
                    }
                    built_on_refused(settled, &refusals)
                }
            };
            if !stale.is_empty() {
                return Ok(Decision::RollBack(Commit::Stale(stale)));
            }
            crash_point!("commit_chunk.users");
            let rows = write_outcomes(tx, of, settled, &refusals)?;
            crash_point!("commit_chunk.outcomes");
            // As late as can be: others who commit wait for it.
            let so_far = match entered.map_or_else(|| enter(tx, of), |so_far| Ok(Entry::Locked(so_far)))? {
                Entry::Locked(so_far) => so_far,
                Entry::Refused(commit) => return Ok(Decision::RollBack(commit)),
            };
            match count(tx, of, &so_far, &rows)? {
                Counting::TooMany { keep, tripped } => Ok(Decision::RollBack(Commit::TooMany(keep, tripped))),
                Counting::Counted { tally, stopped } => {
                    let mut refused: Vec<_> =
                        refusals.keys().map(|index| settled[*index].outcome.target).collect();
                    refused.sort_unstable();
                    Ok(Decision::Commit(Commit::Done { tally, refused, stopped }))
                }
            }
        });
        if let Ok(commit) = &done {
            of.log(commit, began.elapsed());
        }
        match done {
            // Somebody has taken a name in the same moment; the next try finds it taken.
            Err(error) if error.is_taken_name() => Ok(Commit::Stale(Vec::new())),
            // Others have got the chunk or a share of it while this was being written, and were faster.
            Err(error) if error.is_known_outcome() => self.0.read(|tx| obstacle(tx, of))?.ok_or(error),
            done => done,
        }
    }
}

/// Targets whose change the database refuses, by their place in the chunk, and why.
pub(crate) type Refusals = HashMap<usize, String>;

/// Targets that add a profile which was removed since that was decided.
fn missing_profiles(tx: &Tx<'_>, settled: &[Settled]) -> Result<Refusals, StoreError> {
    fn added(target: &Settled) -> impl Iterator<Item = &Assignment> {
        target.outcome.changes.iter().filter_map(|change| match change {
            Change::ProfileAdd(assigned) => Some(assigned),
            _ => None,
        })
    }
    let wanted: BTreeSet<ProfileId> = settled.iter().flat_map(added).map(|profile| profile.id).collect();
    let mut missing = BTreeSet::new();
    for id in wanted {
        if !tx.exists(PROFILE_IS_THERE, args![id])? {
            missing.insert(id);
        }
    }
    if missing.is_empty() {
        return Ok(Refusals::new());
    }
    let refusal = |(index, target)| {
        let gone = added(target).find(|profile| missing.contains(&profile.id))?;
        Some((index, format!("the profile {:?} does not exist any more", gone.short_name)))
    };
    Ok(settled.iter().enumerate().filter_map(refusal).collect())
}

/// In a preview no version of a user moves, so this finds the targets that come after a refused one of the same user and
/// assume its changes.
fn built_on_refused(settled: &[Settled], refusals: &Refusals) -> Vec<i64> {
    let mut stale = Vec::new();
    for index in refusals.keys() {
        let refused = &settled[*index];
        let later = settled[index + 1..].iter().filter(|later| {
            later.outcome.user_id == refused.outcome.user_id && later.version > refused.version
        });
        stale.extend(later.map(|later| later.outcome.target));
    }
    stale.sort_unstable();
    stale.dedup();
    stale
}

/// Writes the users, table by table in the order of the chunk; returns the targets whose user is no longer as it was
/// loaded.
fn write_users(
    tx: &Tx<'_>,
    now: Timestamp,
    settled: &[Settled],
    refusals: &mut Refusals,
) -> Result<Vec<i64>, StoreError> {
    let mut stale = Vec::new();
    for (index, target) in settled.iter().enumerate() {
        let seq = target.outcome.target;
        let after = target.after.as_ref().filter(|_| !refusals.contains_key(&index));
        match (target.version, after) {
            (Some(version), Some(after)) => {
                match write::row(tx, version, after, &target.outcome.changes, target.last_update(after, now))?
                {
                    Written::Yes => {}
                    Written::Stale => stale.push(seq),
                    Written::NameTaken => {
                        refusals.insert(index, name_taken(&after.username));
                    }
                }
            }
            // Nothing was computed on any version of it.
            _ if target.outcome.outcome == Outcome::Conflict => {}
            (version, _) => {
                if write::current_version(tx, target.outcome.user_id)? != version {
                    stale.push(seq);
                }
            }
        }
    }
    if !stale.is_empty() {
        return Ok(stale);
    }
    let written = || {
        settled
            .iter()
            .enumerate()
            .filter(|(index, target)| target.after.is_some() && !refusals.contains_key(index))
    };
    for (_, target) in written() {
        write::profiles(tx, target.outcome.user_id, &target.outcome.changes)?;
    }
    for (_, target) in written() {
        write::items(tx, target.outcome.user_id, &target.outcome.changes)?;
    }
    Ok(stale)
}

/// What is told of a target that would be given the name of another user.
#[must_use]
pub fn name_taken(username: &str) -> String {
    format!("the username {username:?} is taken")
}

/// In a preview, finds the names that applying it would find taken.
fn plan_names(
    tx: &Tx<'_>,
    run: RunId,
    settled: &[Settled],
    refusals: &mut Refusals,
) -> Result<(), StoreError> {
    for (index, target) in settled.iter().enumerate() {
        let renamed = target
            .outcome
            .changes
            .iter()
            .any(|change| matches!(change, Change::Set(FieldChange { field: Field::Username, .. })));
        let Some(after) = target.after.as_ref().filter(|_| renamed && !refusals.contains_key(&index)) else {
            continue;
        };
        let name = args![run, &after.username, after.id];
        if tx.exists(NAME_IS_PLANNED, name)? || tx.exists(NAME_IS_KEPT, name)? {
            refusals.insert(index, name_taken(&after.username));
        } else {
            tx.execute(PLAN_NAME, args![run, after.id, &after.username])?;
        }
    }
    Ok(())
}

/// A row of `outcomes` on its way in.
struct OutcomeRow<'a> {
    target: &'a Settled,
    outcome: Outcome,
    journal: Option<&'a str>,
    output: Option<&'a str>,
    notes: Option<String>,
    written_at: Option<Timestamp>,
}

fn insert(tx: &Tx<'_>, run: RunId, rows: &[OutcomeRow<'_>]) -> Result<(), StoreError> {
    let Tx::Postgres(pg) = tx else {
        for OutcomeRow { target, outcome, journal, output, notes, written_at } in rows {
            let of = &target.outcome;
            let values = args![
                run,
                of.target,
                of.user_id,
                of.username.as_deref(),
                of.organization_id,
                outcome.name(),
                target.version,
                *journal,
                of.result.as_deref(),
                *output,
                notes.as_deref(),
                of.micros,
                *written_at,
            ];
            tx.execute(INSERT, values)?;
        }
        return Ok(());
    };
    let numbers = |number: fn(&TargetOutcome) -> i64| {
        rows.iter().map(|row| number(&row.target.outcome)).collect::<Vec<_>>()
    };
    let optional =
        |number: fn(&Settled) -> Option<i64>| rows.iter().map(|row| number(row.target)).collect::<Vec<_>>();
    let of = |text: fn(&TargetOutcome) -> Option<&str>| {
        rows.iter().map(|row| text(&row.target.outcome)).collect::<Vec<_>>()
    };
    let written_at: Vec<_> = rows.iter().map(|row| row.written_at.map(Moment)).collect();
    pg.execute(
        INSERT_MANY,
        &[
            &run,
            &numbers(|of| of.target),
            &numbers(|of| of.user_id),
            &of(|of| of.username.as_deref()),
            &optional(|target| target.outcome.organization_id),
            &rows.iter().map(|row| row.outcome.name()).collect::<Vec<_>>(),
            &optional(|target| target.version),
            &rows.iter().map(|row| row.journal).collect::<Vec<_>>(),
            &of(|of| of.result.as_deref()),
            &rows.iter().map(|row| row.output).collect::<Vec<_>>(),
            &rows.iter().map(|row| row.notes.as_deref()).collect::<Vec<_>>(),
            &numbers(|of| of.micros),
            &written_at,
        ],
    )?;
    Ok(())
}

fn write_outcomes<'a>(
    tx: &Tx<'_>,
    of: &Stretch<'_>,
    settled: &'a [Settled],
    refusals: &Refusals,
) -> Result<Vec<OutcomeRow<'a>>, StoreError> {
    let mut kept: i64 = tx.value(OUTPUT_SO_FAR, args![of.hold.run])?;
    let mut rows = Vec::with_capacity(settled.len());
    for (index, target) in settled.iter().enumerate() {
        let TargetOutcome { output, warnings, refused_calls, error, mismatches, reason, dated, .. } =
            &target.outcome;
        let mut notes = Notes {
            warnings: warnings.clone(),
            refused_calls: refused_calls.clone(),
            error: error.clone(),
            mismatches: mismatches.clone(),
            reason: reason.clone(),
            dated: *dated,
        };
        let (outcome, journal) = match refusals.get(&index) {
            None => (target.outcome.outcome, target.journal.as_deref()),
            Some(why) => {
                let kind = if of.refused == Outcome::Conflict { "Conflict" } else { "Refused" };
                notes.error = Some(ScriptError::without_line(kind, why.clone()));
                (of.refused, None)
            }
        };
        let mut output = Some(output.as_str()).filter(|text| !text.is_empty());
        if kept >= MAX_RUN_OUTPUT && output.take().is_some() {
            notes.warnings.push("its output was not kept: the run has printed over 1 GiB".to_owned());
        }
        kept += output.map_or(0, |text| i64::try_from(text.len()).unwrap_or(i64::MAX));
        let written_at = (journal.is_some() && of.mode == Mode::Apply).then_some(of.now);
        let notes = if notes.are_any() { Some(json::write(&notes)?) } else { None };
        rows.push(OutcomeRow { target, outcome, journal, output, notes, written_at });
    }
    insert(tx, of.hold.run, &rows)?;
    Ok(rows)
}
