use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use rollcall_domain::{
    Assignment, Brakes, Change, Counts, Field, FieldChange, Mismatch, Mode, Outcome, PlanHash, ProfileId,
    Run, RunId, ScriptError, Tally, TargetOutcome, Timestamp, Tripped, User, UserId, Value,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::chunks;
use crate::course;
use crate::db::{Moment, Row, Tx, args};
use crate::runs::{self, counters, read_counters};
use crate::sqlite::Verdict;
use crate::write::{self, Written};
use crate::write_set;
use crate::{Hold, Lessee, Store, StoreError, crash_point, json, sql};

sql! {
    INSERT = "INSERT INTO outcomes (run_id, seq, user_id, username, organization_id, outcome, version, journal, result, \
              output, notes, micros, written_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    OUTPUT_SO_FAR = "SELECT output_bytes FROM runs WHERE id = ?1";
    // Locked: the brakes count what all who execute the run have done. Not its key, which everybody who writes outcomes
    // holds: two who commit would wait for each other.
    SO_FAR = concat!("SELECT plan, planned, deactivated, targets, ", counters!(), " FROM runs WHERE id = ?1 AND state = 'running'")
        => concat!("SELECT plan, planned, deactivated, targets, ", counters!(), " FROM runs WHERE id = ?1 AND state = 'running' \
                    FOR NO KEY UPDATE");
    ADVANCE = "UPDATE runs SET changed = changed + ?2, unchanged = unchanged + ?3, skipped = skipped + ?4, \
               failed = failed + ?5, timed_out = timed_out + ?6, conflict = conflict + ?7, output_bytes = output_bytes + ?8, \
               deactivated = deactivated + ?9, millis = CASE WHEN millis < ?10 THEN ?10 ELSE millis END, plan = ?11, planned = ?12, \
               holder = ?13, leased_until = ?14, \
               cursor = coalesce((SELECT min(done) FROM chunks WHERE run_id = ?1), \
                                 (SELECT max(seq) FROM outcomes WHERE run_id = ?1)) WHERE id = ?1";
    STOP = "UPDATE runs SET state = 'stopped', note = ?2, ended_at = ?3, holder = NULL, leased_until = NULL WHERE id = ?1";
    PROFILE_IS_THERE = "SELECT 1 FROM profiles WHERE id = ?1";
    // A name is taken for a preview if it was given to another user in it, or belongs to another user who keeps it.
    NAME_IS_PLANNED = "SELECT 1 FROM planned_names WHERE run_id = ?1 AND username = ?2 AND user_id <> ?3";
    NAME_IS_KEPT = "SELECT 1 FROM users u WHERE u.username = ?2 AND u.id <> ?3 AND NOT EXISTS \
                    (SELECT 1 FROM planned_names n WHERE n.run_id = ?1 AND n.user_id = u.id)";
    PLAN_NAME = "INSERT INTO planned_names (run_id, user_id, username) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (run_id, user_id) DO UPDATE SET username = excluded.username";
    PAGE = "SELECT o.seq, o.user_id, o.username, o.organization_id, o.outcome, o.journal, o.result, o.output, o.notes, \
            o.micros, t.cells FROM outcomes o JOIN targets t ON t.run_id = o.run_id AND t.seq = o.seq \
            WHERE o.run_id = ?1 AND o.seq > ?2 AND (CAST(?3 AS TEXT) IS NULL OR o.outcome = ?3) ORDER BY o.seq LIMIT ?4";
    PLAN = "SELECT seq, user_id, outcome, version, journal, notes FROM outcomes WHERE run_id = ?1 AND seq > ?2 ORDER BY seq";
    RESULTS_PAGE = "SELECT seq, result FROM outcomes WHERE run_id = ?1 AND seq > ?2 AND (CAST(?3 AS TEXT) IS NULL OR outcome = ?3) \
                    AND result IS NOT NULL ORDER BY seq LIMIT ?4";
    NOT_RUN_PAGE = "SELECT t.seq, t.user_id, u.username, u.organization_id, t.cells FROM targets t \
                    LEFT JOIN users u ON u.id = t.user_id WHERE t.run_id = ?1 AND t.seq > ?2 \
                    AND t.seq > (SELECT cursor FROM runs WHERE id = ?1) \
                    AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.run_id = ?1 AND o.seq = t.seq) ORDER BY t.seq LIMIT ?3";
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

/// The seldom parts of an outcome, in one column.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Notes {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<ScriptError>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mismatches: Vec<Mismatch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) dated: bool,
}

impl Notes {
    fn are_any(&self) -> bool {
        let Self { warnings, error, mismatches, reason, dated } = self;
        !warnings.is_empty() || error.is_some() || !mismatches.is_empty() || reason.is_some() || *dated
    }
}

/// What a run has come to before a stretch.
struct SoFar {
    plan: Option<String>,
    planned: i64,
    deactivated: u64,
    targets: u64,
    tally: Tally,
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

/// Moves the chunk on and locks the run; or says how the commit ends instead.
fn enter(tx: &Tx<'_>, of: &Stretch<'_>) -> Result<Result<SoFar, Commit>, StoreError> {
    let run = of.hold.run;
    if !chunks::move_on(tx, of.chunk, [of.after, of.last], of.pace, &of.lessee)? {
        return Ok(Err(obstacle(tx, of)?.unwrap_or(Commit::ChunkLost)));
    }
    let so_far = tx.first(SO_FAR, args![run], |row| {
        Ok(SoFar {
            plan: row.get(0)?,
            planned: row.get(1)?,
            deactivated: row.get::<i64>(2)?.unsigned_abs(),
            targets: row.get::<i64>(3)?.unsigned_abs(),
            tally: read_counters(row, 4)?,
        })
    })?;
    so_far.map(Ok).ok_or(StoreError::RunLost(run))
}

impl Store {
    /// Commits outcomes of a run in one transaction: the users' changes (in a preview: none), one outcome a target
    /// with its journal, how far the chunk and the run are, and the run's counters.
    pub fn commit_chunk(&self, of: &Stretch<'_>, settled: &[Settled]) -> Result<Commit, StoreError> {
        let done = self.write_or_take_back(PATIENCE, |tx| {
            if let Some(commit) = obstacle(tx, of)? {
                return Ok(Verdict::TakeBack(commit));
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
                            Ok(so_far) => entered = Some(so_far),
                            Err(commit) => return Ok(Verdict::TakeBack(commit)),
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
                return Ok(Verdict::TakeBack(Commit::Stale(stale)));
            }
            crash_point!("commit_chunk.users");
            let rows = write_outcomes(tx, of, settled, &refusals)?;
            crash_point!("commit_chunk.outcomes");
            // As late as can be: others who commit wait for it.
            let so_far = match entered.map_or_else(|| enter(tx, of), |so_far| Ok(Ok(so_far)))? {
                Ok(so_far) => so_far,
                Err(commit) => return Ok(Verdict::TakeBack(commit)),
            };
            match count(tx, of, &so_far, &rows)? {
                Err((keep, tripped)) => Ok(Verdict::TakeBack(Commit::TooMany(keep, tripped))),
                Ok((tally, stopped)) => {
                    let mut refused: Vec<_> =
                        refusals.keys().map(|index| settled[*index].outcome.target).collect();
                    refused.sort_unstable();
                    Ok(Verdict::Keep(Commit::Done { tally, refused, stopped }))
                }
            }
        });
        match done {
            // Somebody has taken a name in the same moment; the next try finds it taken.
            Err(error) if error.is_taken_name() => Ok(Commit::Stale(Vec::new())),
            // Others have got the chunk or a share of it while this was being written, and were faster.
            Err(error) if error.is_known_outcome() => self.read(|tx| obstacle(tx, of))?.ok_or(error),
            done => done,
        }
    }

    /// The hash of the plan that the outcomes of a preview are, computed anew.
    pub fn plan_of(&self, preview: &Run) -> Result<PlanHash, StoreError> {
        self.read(|tx| {
            let source = runs::source(tx, preview.id)?;
            let start = PlanHash::new(&source, &preview.params, preview.undoes);
            plan_after(tx, preview.id, start, 0)
        })
    }

    /// The next outcomes of a run after target `after`, in order; of one kind only where `outcome` names it.
    pub fn outcomes_page(
        &self,
        run: RunId,
        outcome: Option<Outcome>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<TargetOutcome>, StoreError> {
        self.read(|tx| tx.all(PAGE, args![run, after, outcome.map(Outcome::name), limit], read_outcome))
    }

    /// The next targets of a run after target `after` that have no outcome.
    pub fn not_run_page(&self, run: RunId, after: i64, limit: u32) -> Result<Vec<TargetOutcome>, StoreError> {
        self.read(|tx| {
            tx.all(NOT_RUN_PAGE, args![run, after, limit], |row| {
                Ok(TargetOutcome {
                    username: row.get(2)?,
                    organization_id: row.get(3)?,
                    cells: cells(row, 4)?,
                    ..TargetOutcome::new(row.get(0)?, row.get(1)?, Outcome::NotRun)
                })
            })
        })
    }

    /// The next results of a run after target `after`, each the text of a JSON object, with the numbers of their
    /// targets; of outcomes of one kind only where `outcome` names it.
    pub fn results_page(
        &self,
        run: RunId,
        outcome: Option<Outcome>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        self.read(|tx| {
            let values = args![run, after, outcome.map(Outcome::name), limit];
            tx.all(RESULTS_PAGE, values, |row| Ok((row.get(0)?, row.get(1)?)))
        })
    }
}

/// The hash of a preview's plan with what follows target `planned`, up to which it is known.
pub(crate) fn plan_after(
    tx: &Tx<'_>,
    run: RunId,
    plan: PlanHash,
    planned: i64,
) -> Result<PlanHash, StoreError> {
    let mut plan = plan;
    tx.each(PLAN, args![run, planned], |row| {
        let outcome = outcome(row, 2)?;
        let notes: Notes = parse(row.maybe_text(5)?)?;
        let target =
            TargetOutcome { dated: notes.dated, ..TargetOutcome::new(row.get(0)?, row.get(1)?, outcome) };
        plan = plan.with(&target, outcome, row.get(3)?, row.maybe_text(4)?);
        Ok(())
    })?;
    Ok(plan)
}

/// Counts outcomes for the brakes. A brake that trips before the last of them says how many may be committed.
fn brake(
    of: &Stretch<'_>,
    so_far: &SoFar,
    rows: &[OutcomeRow<'_>],
) -> Result<(Counts, Option<Tripped>), (usize, Tripped)> {
    let mut counts = Counts::of(&so_far.tally, so_far.deactivated) - of.braked_from;
    for (index, row) in rows.iter().enumerate() {
        let one = Counts::one(row.outcome, &row.target.outcome.changes);
        if let Err(tripped) = of.brakes.pass(&mut counts, one) {
            let keep = index + usize::from(tripped.included);
            return if keep == rows.len() { Ok((counts, Some(tripped))) } else { Err((keep, tripped)) };
        }
    }
    Ok((counts, None))
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
        let TargetOutcome { output, warnings, error, mismatches, reason, dated, .. } = &target.outcome;
        let mut notes = Notes {
            warnings: warnings.clone(),
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

/// Counts written outcomes into their run, and stops it if it has to; the run's outcomes so far, and why it has stopped.
/// Or how many of them a brake lets pass.
#[expect(clippy::type_complexity, reason = "said once, right here")]
fn count(
    tx: &Tx<'_>,
    of: &Stretch<'_>,
    so_far: &SoFar,
    rows: &[OutcomeRow<'_>],
) -> Result<Result<(Tally, Option<String>), (usize, Tripped)>, StoreError> {
    let (counts, tripped) = match brake(of, so_far, rows) {
        Ok(counted) => counted,
        Err(too_many) => return Ok(Err(too_many)),
    };
    let run = of.hold.run;
    let mut tally = Tally::default();
    rows.iter().for_each(|row| tally.count(row.outcome));
    let mut plan = so_far.plan.as_deref().map(read_plan).transpose()?;
    let mut planned = so_far.planned;
    if planned == of.after {
        let with = |plan: PlanHash, row: &OutcomeRow<'_>| {
            plan.with(&row.target.outcome, row.outcome, row.target.version, row.journal)
        };
        plan = plan.map(|plan| rows.iter().fold(plan, with));
        planned = of.last;
    }
    let printed: usize = rows.iter().filter_map(|row| row.output).map(str::len).sum();
    let before = Counts::of(&so_far.tally, so_far.deactivated) - of.braked_from;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let counted = course::counted(&tally);
    let [changed, unchanged, skipped, failed, timed_out, conflict] = counted;
    let values = args![
        run,
        changed,
        unchanged,
        skipped,
        failed,
        timed_out,
        conflict,
        number(printed as u64),
        number((counts - before).deactivated),
        of.millis,
        plan.map(|plan| plan.to_string()),
        planned,
        of.lessee.holder,
        of.lessee.leased_until,
    ];
    tx.execute(ADVANCE, values)?;
    course::note(tx, run, of.now, counted)?;
    tally += so_far.tally;
    // After the last target there is nothing left to stop: the run is through, with all its failures.
    let stopped = of
        .stop
        .map(str::to_owned)
        .or(tripped.map(|tripped| tripped.why))
        .filter(|_| tally.total() < so_far.targets);
    if let Some(why) = &stopped {
        tx.execute(STOP, args![run, why.as_str(), of.now])?;
        tx.announce()?;
    }
    Ok(Ok((tally, stopped)))
}

pub(crate) fn read_plan(text: &str) -> Result<PlanHash, StoreError> {
    text.parse().map_err(|error: rollcall_domain::Refusal| StoreError::Corrupt(error.to_string()))
}

pub(crate) fn parse<T: DeserializeOwned + Default>(text: Option<&str>) -> Result<T, StoreError> {
    text.map_or_else(|| Ok(T::default()), json::read)
}

pub(crate) fn outcome(row: &Row<'_>, column: usize) -> Result<Outcome, StoreError> {
    row.text(column)?
        .parse()
        .map_err(|error: rollcall_domain::Refusal| StoreError::Corrupt(error.to_string()))
}

fn read_outcome(row: &Row<'_>) -> Result<TargetOutcome, StoreError> {
    let Notes { warnings, error, mismatches, reason, dated } = parse(row.maybe_text(8)?)?;
    let user_id: UserId = row.get(1)?;
    Ok(TargetOutcome {
        target: row.get(0)?,
        user_id,
        username: row.get(2)?,
        organization_id: row.get(3)?,
        outcome: outcome(row, 4)?,
        changes: parse(row.maybe_text(5)?)?,
        result: row.get(6)?,
        output: row.get::<Option<String>>(7)?.unwrap_or_default(),
        warnings,
        error,
        mismatches,
        reason,
        dated,
        micros: row.get(9)?,
        cells: cells(row, 10)?,
    })
}

/// The cells of a target's row, where it has one.
pub(crate) fn cells(row: &Row<'_>, column: usize) -> Result<Option<Vec<String>>, StoreError> {
    row.maybe_text(column)?.map(json::read).transpose()
}
