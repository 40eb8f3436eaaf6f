//! Kills runs at random moments, again and again in one database, and checks after each kill that nothing is lost,
//! nothing is done twice and nothing is half done; then goes on with them. `scripts/kill-loop` does it for longer.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "long loops show how far they are")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::common::{Desk, Done, finish, start};
use crate::state::{Outcome, Run, Users, check, check_integrity, newest, number, outcomes, users};
use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rusqlite::{Connection, OptionalExtension};

const USERS: i64 = 300;
/// Earlier runs that may be taken back, and previews that may be applied.
const REMEMBERED: usize = 6;

/// Effects that show if they are lost or come twice, in every table; a tenth fails or is skipped. The pause makes room
/// for kills between two chunks.
const SCRIPT: &str = "\
import time
time.sleep(0.0003)
if user.obj_id % 23 == 0: fail('never')
if user.obj_id % 29 == 0: skip('not now')
user.username_length += 1
count = str(user.username_length)
user.attribute_add('Class', count, '+=')
classes = [row for row in user.attributes if row.attr == 'Class']
if len(classes) > 3: user.attribute_remove('Class', classes[0].value)
user.attribute_add('Session-Timeout', count, ':=')
user.check_attribute_add('Max-Daily-Session', count, ':=')
plus = any(profile.short_name == 'plus' for profile in user.profiles)
(user.profile_remove if plus else user.profile_add)(short_name='plus')
if user.obj_id % 5 == 0: user.is_active = not user.is_active
if user.obj_id % 7 == 0: user.username = user.username[1:] if user.username[0] == 'x' else 'x' + user.username
if user.obj_id % 11 == 0: user.expiration = run.now
if user.obj_id % 13 == 0: user.last_update = '2020-01-01T00:00:00Z'
if row: user.description = row['note']
";

/// What a round begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Preview,
    PreviewRows,
    PreviewUndo(i64),
    Apply,
    ApplyRows,
    ApplyPreview(i64),
    Undo(i64),
}

/// When to kill.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So long after the start of the process, whatever it does by then.
    After(Duration),
    /// So long after its first trace in the database.
    AfterTake(Duration),
    /// When so many per cent of what is left have their outcome.
    AfterPercent(i64),
}

/// Whom to kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Rollcall,
    /// One of its workers, or the interpreter that it asks first.
    Child,
}

#[derive(Debug, Default)]
struct Figures {
    rounds: usize,
    kills: usize,
    before_the_run: usize,
    at_its_start: usize,
    between_chunks: usize,
    after_its_last_chunk: usize,
    children: usize,
    resumes: usize,
    cancelled: usize,
    violations: usize,
}

/// A run that has written, to be taken back.
struct Applied {
    run: i64,
    before: Users,
    after: Users,
}

struct Loop {
    desk: Desk,
    database: Connection,
    random: Rng,
    figures: Figures,
    /// As they are now.
    users: Users,
    applied: Vec<Applied>,
    previews: Vec<i64>,
    /// What the current round has done so far, to be told if it goes wrong.
    story: String,
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse().unwrap())
}

#[test]
fn a_run_survives_being_killed_at_any_moment() {
    let rounds = variable("ROLLCALL_KILL_ROUNDS").unwrap_or(200);
    let seed = variable("ROLLCALL_KILL_SEED").unwrap_or_else(|| fastrand::u64(..));
    let started = Instant::now();
    let desk = Desk::with_users(USERS.try_into().unwrap());
    desk.ok(&["profiles", "add", "plus"]);
    desk.write("script.py", SCRIPT);
    let database = desk.database();
    let mut kills = Loop {
        users: users(&database),
        desk,
        database,
        random: Rng::with_seed(seed),
        figures: Figures::default(),
        applied: Vec::new(),
        previews: Vec::new(),
        story: String::new(),
    };
    let mut said = Vec::new();
    for round in 1..=rounds {
        kills.story.clear();
        kills.figures.rounds += 1;
        if let Err(violation) = kills.round() {
            kills.figures.violations += 1;
            let violation = format!("seed {seed}, round {round}:{}\n{violation:#}", kills.story);
            eprintln!("{violation}");
            said.push(violation);
            // So that the next rounds tell of what they find themselves.
            kills.users = users(&kills.database);
            if said.len() == 3 {
                break;
            }
        }
    }
    check_integrity(&kills.database).unwrap();
    let Figures {
        rounds,
        kills,
        before_the_run,
        at_its_start,
        between_chunks,
        after_its_last_chunk,
        children,
        resumes,
        cancelled,
        violations,
    } = kills.figures;
    let interrupted = at_its_start + between_chunks + after_its_last_chunk;
    println!(
        "{rounds} rounds in {:.0} s (seed {seed}), {kills} kills: {before_the_run} before there was a run, {interrupted} in \
         a live run ({at_its_start} before its first chunk, {between_chunks} between two, {after_its_last_chunk} after its \
         last), {children} of a worker; {interrupted} interrupted runs, {resumes} resumes, \
         {cancelled} cancelled instead; {violations} violations",
        started.elapsed().as_secs_f64()
    );
    assert!(said.is_empty(), "seed {seed}: {violations} violations, the first: {}", said[0]);
    // A loop whose kills all miss proves nothing.
    if rounds >= 100 {
        assert!(before_the_run > 0 && between_chunks > 0, "of {kills} kills none came between two chunks");
    }
}

impl Loop {
    fn round(&mut self) -> Result<()> {
        let before = std::mem::take(&mut self.users);
        let others = self.other_runs(i64::MAX);
        let last = newest(&self.database);
        let work = self.choose();
        let _ = write!(self.story, " {work:?}");
        let args = self.arguments(work);
        let (mut children, done) = self.strike(&args, None)?;
        let id = newest(&self.database);
        if id == last {
            self.users = users(&self.database);
            ensure!(self.users == before, "users changed without a run");
            ensure!(self.other_runs(i64::MAX) == others, "another run changed");
            ensure!(children > 0 || done.code.is_none(), "no run, though nobody was killed: {done:?}");
            self.figures.before_the_run += usize::from(done.code.is_none());
            return Ok(());
        }
        ensure!(id == last + 1, "{} runs were made at once", id - last);
        loop {
            let run = Run::of(&self.database, id);
            self.users = check(&self.database, id, &before)?;
            ensure!(self.other_runs(id) == others, "another run changed");
            let state = self.state_as_told(&run)?;
            let _ = write!(self.story, ", {state} at {}", run.number("cursor"));
            match state.as_str() {
                "interrupted" => self.count_kill(&run),
                // Its child was killed again and again, or its interpreter at once.
                "stopped" if children > 0 => {}
                "finished" => break,
                other => bail!("it is {other}: {:?}", run.0),
            }
            if self.random.u8(..100) < 8 {
                self.cancel(id)?;
                self.users = check(&self.database, id, &before)?;
                break;
            }
            let args = ["runs", "resume", &id.to_string(), "--json"].map(str::to_owned);
            self.figures.resumes += 1;
            let (more, done) = self.strike(&args, Some(&run))?;
            children += more;
            let expected = matches!(done.code, None | Some(0 | 3)) || children > 0;
            ensure!(expected, "resuming: {done:?}");
        }
        let run = Run::of(&self.database, id);
        self.check_effects(work, &run, &before, children)?;
        self.remember(&run, before);
        Ok(())
    }

    fn choose(&mut self) -> Work {
        let undoable = self.random.choice(&self.applied).map(|applied| applied.run);
        let last = self.applied.last().map(|applied| applied.run);
        match self.random.u8(..100) {
            0..12 => Work::Preview,
            12..18 => Work::PreviewRows,
            18..26 if last.is_some() => Work::PreviewUndo(last.unwrap()),
            26..50 if !self.previews.is_empty() => {
                Work::ApplyPreview(self.previews.remove(self.random.usize(..self.previews.len())))
            }
            50..66 if last.is_some() => Work::Undo(last.unwrap()),
            66..76 if undoable.is_some() => Work::Undo(undoable.unwrap()),
            76..87 => Work::ApplyRows,
            _ => Work::Apply,
        }
    }

    fn arguments(&mut self, work: Work) -> Vec<String> {
        let line = match work {
            Work::Preview => "run script.py --json".to_owned(),
            Work::Apply => "run script.py --json --apply --yes".to_owned(),
            Work::PreviewRows => "run script.py --json --csv rows.csv".to_owned(),
            Work::ApplyRows => "run script.py --json --csv rows.csv --apply --yes".to_owned(),
            Work::PreviewUndo(run) => format!("runs undo {run} --json"),
            Work::Undo(run) => format!("runs undo {run} --json --apply --yes"),
            Work::ApplyPreview(run) => format!("runs apply {run} --json --yes"),
        };
        let mut args: Vec<_> = line.split(' ').map(str::to_owned).collect();
        match work {
            Work::Preview | Work::Apply => {
                let first = self.random.i64(1..USERS / 2);
                let last = self.random.i64(first + 50..=USERS);
                args.extend(["--filter".to_owned(), format!("obj_id ge {first} and obj_id le {last}")]);
            }
            Work::PreviewRows | Work::ApplyRows => {
                // Few enough users that most come again, some at once and some a chunk later.
                let (first, rows) = (self.random.i64(1..USERS - 100), self.random.usize(50..200));
                let row = |n| format!("{},note {n}\n", self.random.i64(first..first + 100));
                let rows: String = (1..=rows).map(row).collect();
                self.desk.write("rows.csv", format!("obj_id,note\n{rows}"));
            }
            _ => {}
        }
        if !matches!(work, Work::ApplyPreview(_) | Work::Undo(_) | Work::PreviewUndo(_)) {
            args.extend(["--workers".to_owned(), self.random.u8(1..=2).to_string()]);
        }
        args
    }

    /// Starts a command and kills it, or a child of it, unless it is over before; says how many children were killed.
    fn strike(&mut self, args: &[String], resumed: Option<&Run>) -> Result<(usize, Done)> {
        let script = args[0] == "run";
        // About as long as it takes to begin and to end, so that each phase gets its share.
        let (begins, lasts) = if script { (250_000, 250_000) } else { (25_000, 80_000) };
        let moment = match self.random.u8(..100) {
            0..25 => Moment::After(Duration::from_micros(self.random.u64(..begins + lasts))),
            25..60 => Moment::AfterTake(Duration::from_micros(self.random.u64(..lasts))),
            60..92 => Moment::AfterPercent(self.random.i64(1..80)),
            _ => Moment::AfterPercent(100),
        };
        let has_children = script || resumed.is_some_and(|run| run.0["applies"].is_null());
        let victim = match self.random.u8(..100) {
            // What nothing disturbs has to work as well, and a round has to end at last.
            0..4 => None,
            4..65 if resumed.is_some() => None,
            65..75 if has_children => Some(Victim::Child),
            _ => Some(Victim::Rollcall),
        };
        let mut command = self.desk.command(args);
        command.env("FAILPOINTS", format!("chunk_size=return({})", self.random.u8(10..100)));
        let take = match resumed {
            Some(run) => Take { run: run.id(), token: run.number("token") + 1, cursor: run.number("cursor") },
            None => Take { run: newest(&self.database) + 1, token: 1, cursor: 0 },
        };
        let mut child = start(&mut command);
        let Some(victim) = victim else {
            let done = finish(child);
            ensure!(matches!(done.code, Some(0 | 3)), "undisturbed: {done:?}");
            return Ok((0, done));
        };
        let _ = write!(self.story, ", kill {victim:?} {moment:?}");
        let mut children = 0;
        if self.wait_for(moment, &take, &mut child)? {
            let pid = i32::try_from(child.id())?;
            let victim = match victim {
                Victim::Rollcall => Some(pid),
                Victim::Child => self.random.choice(children_of(pid)),
            };
            // A child may have ended just now.
            let hit = victim.is_some_and(|victim| kill(Pid::from_raw(victim), Signal::SIGKILL).is_ok());
            children = usize::from(hit && victim != Some(pid));
        }
        let done = finish(child);
        self.figures.kills += usize::from(done.code.is_none());
        self.figures.children += children;
        Ok((children, done))
    }

    /// Whether the moment comes while the process lives.
    fn wait_for(&self, moment: Moment, take: &Take, child: &mut Child) -> Result<bool> {
        let started = Instant::now();
        let mut taken = None;
        let query = "SELECT cursor, targets, state = 'running' FROM runs WHERE id = ?1 AND token >= ?2";
        let mut query = self.database.prepare(query)?;
        while child.try_wait()?.is_none() {
            let columns = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            let seen: Option<(i64, i64, bool)> =
                query.query_row([take.run, take.token], columns).optional()?;
            if seen.is_some() {
                taken = taken.or_else(|| Some(Instant::now()));
            }
            let due = match moment {
                Moment::After(time) => started.elapsed() >= time,
                Moment::AfterTake(time) => taken.is_some_and(|taken: Instant| taken.elapsed() >= time),
                Moment::AfterPercent(part) => seen.is_some_and(|(cursor, targets, live)| {
                    100 * (cursor - take.cursor) >= part * (targets - take.cursor) || !live
                }),
            };
            if due {
                return Ok(true);
            }
            pause();
        }
        Ok(false)
    }

    /// The state that others are told, which has to go with what the database says.
    fn state_as_told(&self, run: &Run) -> Result<String> {
        let listed = self.desk.ok(&["runs", "list", "--format", "json"]).objects();
        ensure!(
            listed.len() as i64 == number(&self.database, "SELECT count(*) FROM runs"),
            "not all are listed"
        );
        let told = listed.iter().find(|told| told["run_id"] == run.id()).context("it is not listed")?;
        let outcomes = ["changed", "unchanged", "skipped", "failed", "timed_out", "conflict"];
        ensure!(
            outcomes.iter().all(|kind| told["outcomes"][kind] == run.number(kind)),
            "{told} and {:?}",
            run.0
        );
        ensure!(told["targets"] == run.number("targets"), "{told}");
        let wanted = if run.state() == "running" { "interrupted" } else { run.state() };
        ensure!(told["state"] == wanted, "{told} and {:?}", run.0);
        Ok(wanted.to_owned())
    }

    fn count_kill(&mut self, run: &Run) {
        let (cursor, targets) = (run.number("cursor"), run.number("targets"));
        let figure = match cursor {
            0 => &mut self.figures.at_its_start,
            cursor if cursor == targets => &mut self.figures.after_its_last_chunk,
            _ => &mut self.figures.between_chunks,
        };
        *figure += 1;
    }

    fn cancel(&mut self, id: i64) -> Result<()> {
        self.figures.cancelled += 1;
        self.story.push_str(", cancel");
        let told = self.desk.ok(&["runs", "cancel", &id.to_string(), "--json"]).object();
        ensure!(told["state"] == "cancelled", "{told}");
        let refused = self.desk.call(&["runs", "resume", &id.to_string(), "--json"]);
        ensure!(refused.code == Some(1) && refused.err.contains("cannot be resumed"), "{refused:?}");
        Ok(())
    }

    /// Every run but this one, with how much is kept of each.
    fn other_runs(&self, id: i64) -> Vec<serde_json::Map<String, serde_json::Value>> {
        let query = format!(
            "SELECT r.*, (SELECT count(*) FROM targets WHERE run_id = r.id) AS list, (SELECT count(*) FROM outcomes \
             WHERE run_id = r.id) AS kept FROM runs r WHERE id <> {id} ORDER BY id"
        );
        crate::state::objects(&self.database, &query)
    }

    /// Whether a run has done what it was meant to do, exactly once for each target that had its turn.
    fn check_effects(&self, work: Work, run: &Run, before: &Users, children: usize) -> Result<()> {
        let outcomes = outcomes(&self.database, run.id());
        let after = &self.users;
        let changes = |outcome: &&Outcome| outcome.outcome == "changed";
        match work {
            Work::Preview | Work::PreviewRows | Work::Apply | Work::ApplyRows => {
                let mut killed = 0;
                let mut times = BTreeMap::<i64, i64>::new();
                for outcome in &outcomes {
                    let id = outcome.user_id;
                    let wanted = match id {
                        id if id % 23 == 0 => "failed",
                        id if id % 29 == 0 => "skipped",
                        _ => "changed",
                    };
                    // Its worker was killed just then.
                    killed += usize::from(outcome.outcome == "failed" && wanted != "failed");
                    let fits = outcome.outcome == wanted || outcome.outcome == "failed";
                    ensure!(fits, "{wanted} and not {outcome:?}");
                    *times.entry(id).or_default() += i64::from(outcome.outcome == "changed");
                }
                ensure!(killed <= children, "{killed} have failed, though {children} workers were killed");
                for (id, times) in times.into_iter().filter(|_| run.applies()) {
                    let (was, is) = (&before[&id], &after[&id]);
                    let counted = is.number("username_length") - was.number("username_length");
                    ensure!(counted == times, "user {id} was counted {counted} times, not {times}");
                    let toggled = was.profiles.is_empty() != is.profiles.is_empty();
                    ensure!(toggled == (times % 2 == 1), "user {id} has the profile wrong: {was:?}, {is:?}");
                    let count = is.number("username_length").to_string();
                    let items = is.items.values().filter(|item| item[2] == count).count();
                    ensure!(times == 0 || items == 3, "user {id} has other items than of {count}: {is:?}");
                }
            }
            Work::ApplyPreview(preview) => {
                let planned = crate::state::outcomes(&self.database, preview);
                let planned: Vec<_> = planned.iter().filter(changes).collect();
                let targets = usize::try_from(run.number("targets"))?;
                ensure!(planned.len() == targets, "{} were planned, {targets} listed", planned.len());
                let mut moved = BTreeMap::new();
                for (planned, outcome) in planned.into_iter().zip(&outcomes) {
                    let id = outcome.user_id;
                    // Of several targets of a user only the first was planned on a version that there was.
                    let was = Some(before[&id].version);
                    let moved = *moved.entry(id).or_insert_with(|| planned.version != was);
                    let as_planned = outcome.outcome == "changed" && outcome.journal == planned.journal;
                    let fits = if moved { outcome.outcome == "conflict" } else { as_planned };
                    ensure!(fits, "planned was\n{planned:?}\nand done\n{outcome:?}");
                }
            }
            Work::Undo(undone) | Work::PreviewUndo(undone) => {
                let applied = self.applied.iter().find(|applied| applied.run == undone).unwrap();
                let finished = run.state() == "finished";
                for outcome in &outcomes {
                    let id = outcome.user_id;
                    let (old, new) = (applied.before[&id].content(), applied.after[&id].content());
                    let (was, is) = (before[&id].content(), after[&id].content());
                    if was == new {
                        ensure!(
                            outcome.outcome == "changed",
                            "user {id} is as run {undone} left it: {outcome:?}"
                        );
                        ensure!(
                            !(finished && run.applies()) || is == old,
                            "user {id} is {is:?} and not {old:?}"
                        );
                    }
                    // Between several targets of a user there were states that it is not in any more.
                    if was == old && !run.repeats() {
                        ensure!(outcome.outcome == "unchanged", "user {id} is back already: {outcome:?}");
                    }
                }
            }
        }
        Ok(())
    }

    fn remember(&mut self, run: &Run, before: Users) {
        if run.applies() && run.number("changed") > 0 {
            self.applied.push(Applied { run: run.id(), before, after: self.users.clone() });
            if self.applied.len() > REMEMBERED {
                self.applied.remove(0);
            }
        }
        if !run.applies() && run.state() == "finished" {
            self.previews.push(run.id());
            if self.previews.len() > REMEMBERED {
                self.previews.remove(0);
            }
        }
    }
}

/// The next process that executes a run, by what it writes.
struct Take {
    run: i64,
    token: i64,
    cursor: i64,
}

fn children_of(pid: i32) -> Vec<i32> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let Some(other) = entry.unwrap().file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // The second field is a name in parentheses, which may hold anything; the parent is the fourth.
        let stat = std::fs::read_to_string(format!("/proc/{other}/stat")).unwrap_or_default();
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
        if parent == Some(&pid.to_string()) {
            children.push(other);
        }
    }
    children
}

#[expect(clippy::disallowed_methods, reason = "the pause between two looks at whether the moment has come")]
fn pause() {
    std::thread::sleep(Duration::from_micros(300));
}
