//! Runs that end early, and what becomes of the rest: cancelled, resumed, or run again.

use std::thread;
use std::time::Duration;

use rollcall_app::runs::{
    Again, ApplyRequest, Observer, Progress, ResumeRequest, RetryRequest, RunRequest, Script, Stop,
    UndoRequest,
};
use rollcall_app::{App, AppError, Kind};
use rollcall_domain::{Brakes, Mode, Outcome, Run, RunState, Selection};
use rollcall_store::StoreError;

use crate::common::outcomes;
use crate::common::runs::{
    Yes, apply, apply_plan, canary, conflicts, count, each_outcome, hangs_at_third, interrupted, kinds, list,
    meanwhile, names, patient, preview, preview_retry, rejected, request, request_for_rows, resume,
    resume_request, retry, retry_request, run, try_resume, try_retry, undo,
};
use crate::common::site::{Site, each, klasses, set, users};

fn cancel(app: &App, run: &Run) -> Run {
    app.runs().cancel(run.id).unwrap()
}

/// A run that a canary has stopped after `targets` targets.
fn stopped_after(site: &Site, targets: u64, script: &str) -> Run {
    let run = run(site, &RunRequest { options: canary(targets), ..request(script, Mode::Apply) });
    assert_eq!(run.state, RunState::Stopped);
    run
}

/// Returns the number of writes of each user by [`hangs_at_third`].
fn written(app: &App) -> Vec<i64> {
    each(app, |user| user.username_length - 5)
}

#[test]
fn cancel_ends_a_run_whose_script_spins() {
    let site = Site::with_users(4);
    let spins = "import time\ntime.sleep(0.1)\nuser.klass = 'done'\nwhile user.obj_id == 3: pass\n";
    let mut cancelled = None;
    let ended = meanwhile(&site, &patient(request(spins, Mode::Apply)), 2, |id| {
        cancelled = Some(site.runs().cancel(id).unwrap());
    });
    let ended = ended.unwrap();
    assert_eq!((ended.state, ended.mode), (RunState::Cancelled, Mode::Apply));
    assert_eq!(ended.tally, cancelled.unwrap().tally, "nothing was written after it");
    assert_eq!((count(&ended, Outcome::Changed), count(&ended, Outcome::NotRun)), (2, 2));
    assert_eq!(ended.note.as_deref(), Some("cancelled by cli:test; what was done before stays done"));
    let expected = [Outcome::Changed, Outcome::Changed, Outcome::NotRun, Outcome::NotRun];
    assert_eq!(kinds(&site, &ended), expected);
    assert_eq!(klasses(&site), ["done", "done", "", ""]);

    assert_eq!(conflicts(&site, || site.runs().cancel(1)), "run 1 was cancelled already");
    let told = conflicts(&site, || try_resume(&site, 1, &resume_request(Brakes::default())));
    assert!(told.starts_with("run 1 was cancelled and cannot be resumed"), "{told}");
}

#[test]
fn previews_and_runs_that_no_process_executes_are_cancelled() {
    let site = Site::with_users(4);
    let ended = meanwhile(&site, &hangs_at_third(Mode::Preview), 2, |id| {
        site.runs().cancel(id).unwrap();
    });
    let preview = ended.unwrap();
    assert_eq!((preview.mode, preview.state), (Mode::Preview, RunState::Cancelled));

    let interrupted = cancel(&site, &interrupted(&site, &hangs_at_third(Mode::Apply)));
    assert_eq!(interrupted.state, RunState::Cancelled);
    assert_eq!((count(&interrupted, Outcome::Changed), count(&interrupted, Outcome::NotRun)), (2, 2));

    let stopped = cancel(&site, &stopped_after(&site, 1, "user.klass = 'canary'"));
    assert_eq!((stopped.state, count(&stopped, Outcome::NotRun)), (RunState::Cancelled, 3));

    let finished = apply(&site, "pass");
    assert_eq!(conflicts(&site, || site.runs().cancel(finished.id)), "run 4 has finished already");
    assert_eq!(rejected(&site, || site.runs().cancel(5)).kind(), Kind::Missing);
}

#[test]
fn targets_without_a_turn_are_run_by_a_retry() {
    let site = Site::with_users(4);
    let rest = retry_request(Again::NotRun);
    let mut told = String::new();
    let ended = meanwhile(&site, &hangs_at_third(Mode::Apply), 2, |id| {
        told = conflicts(&site, || try_retry(&site, id, &rest));
        site.runs().cancel(id).unwrap();
    });
    assert_eq!(told, "run 1 is still running: wait for its end");
    set(&site, "user3", &["description=go"]);
    let rest = retry(&site, &ended.unwrap(), Again::NotRun);
    assert_eq!((rest.id, rest.mode), (2, Mode::Apply));
    assert_eq!(rest.selection, Selection::Outcomes { run: 1, outcome: Some(Outcome::NotRun) });
    assert_eq!(names(&site, &rest), ["user3", "user4"]);
    assert_eq!(written(&site), [1; 4], "each once");
    assert_eq!(rest.settings.time_limit, 86_400_000, "as long as the first run gave");
}

/// Fails and times out for some users, by a parameter of each type and by the row.
const PICKY: &str = "\
import datetime
PARAMS = {'klass': {'type': str, 'default': 'unset'}, 'n': int, 'share': float, 'on': bool,
          'day': datetime.date, 'at': datetime.datetime, 'note': {'type': str, 'default': 'none'}}
result['params'] = {name: str(params[name]) for name in params}
result['row'] = dict(row)
if user.description != 'corrected':
    if row['Do It'] == 'fail': fail('not yet')
    while row['Do It'] == 'spin': pass
    if row['Do It'] == 'skip': skip('never')
user.klass = params.klass
user.username_length += params.n
";

/// Returns the parameters and the row that the script of [`PICKY`] reported, as JSON texts.
fn reported(app: &App, run: &Run) -> Vec<(String, String)> {
    each_outcome(app, run, |outcome| {
        let result = outcome.result.unwrap();
        let (params, row) = result.split_once("\"row\":").unwrap();
        (params.to_owned(), row.to_owned())
    })
}

#[test]
fn retry_repeats_failed_targets_with_the_script_parameters_and_rows_of_the_run() {
    let site = Site::with_users(5);
    let saved = site.scripts().save("picky", PICKY, "").unwrap().0;
    let csv = "username,Do It\nuser1,work\nuser2,fail\nuser3,\"spin\"\nuser4,skip\nuser2,more\n";
    let mut wanted = request_for_rows(&site, PICKY, Mode::Apply, csv, None);
    wanted.script =
        Script { name: "picky".to_owned(), version: Some(saved.version), source: PICKY.to_owned() };
    wanted.execution.limits.time = Duration::from_secs(2);
    let params = [
        ("klass", " a=b "),
        ("n", "-2"),
        ("share", "1e-3"),
        ("on", "no"),
        ("day", "2026-12-31"),
        ("at", "2026-12-31 18:00"),
    ];
    wanted.params = params.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let first = run(&site, &wanted);
    let expected = [Outcome::Changed, Outcome::Failed, Outcome::TimedOut, Outcome::Skipped, Outcome::Changed];
    assert_eq!(kinds(&site, &first), expected);

    // By now the script has another version, which is not the one that failed.
    site.scripts().save("picky", "user.klass = 'wrong version'", "").unwrap();
    for name in ["user2", "user3"] {
        set(&site, name, &["description=corrected"]);
    }
    let again = retry(&site, &first, Again::Failed);
    assert_eq!((again.mode, again.script_version), (Mode::Apply, Some(saved.version)));
    assert_eq!(again.selection, Selection::Retry { run: 1 });
    assert_eq!((&again.params, &again.settings), (&first.params, &first.settings));
    assert_eq!(names(&site, &again), ["user2", "user3"]);
    let cells = |run: &Run| each_outcome(&site, run, |outcome| outcome.cells.unwrap());
    assert_eq!(cells(&again), cells(&first)[1..3]);
    let (was, is) = (reported_first(&site, &first), reported(&site, &again));
    assert!(is.iter().all(|(params, _)| *params == was), "{is:?}");
    assert!(is[0].1.contains("\"Do It\":\"fail\"") && is[1].1.contains("\"Do It\":\"spin\""), "{is:?}");
    assert_eq!(klasses(&site), [" a=b ", " a=b ", " a=b ", "", ""]);
    assert_eq!(each(&site, |user| user.username_length), [3, 1, 3, 5, 5]);

    let nothing = retry(&site, &again, Again::Failed);
    assert_eq!((nothing.targets, nothing.state), (0, RunState::Finished));
}

/// Returns the parameters that the first target reported.
fn reported_first(app: &App, run: &Run) -> String {
    let first = outcomes(app, run).remove(0).result.unwrap();
    first.split_once("\"row\":").unwrap().0.to_owned()
}

#[test]
fn retry_of_a_preview_is_a_preview() {
    let site = Site::with_users(3);
    let script = "if user.obj_id == 2 and user.description == '': 1 / 0\nuser.klass = 'x'";
    let first = preview(&site, script);
    set(&site, "user2", &["description=corrected"]);
    let before = users(&site);
    let again = retry(&site, &first, Again::Failed);
    assert_eq!((again.mode, again.targets, count(&again, Outcome::Changed)), (Mode::Preview, 1, 1));
    assert_eq!(users(&site), before);
}

#[test]
fn retry_can_be_previewed_and_then_applied() {
    let site = Site::with_users(2);
    let failed = apply(&site, "if user.description == '': fail('no')\nuser.klass = 'x'");
    set(&site, "user1", &["description=corrected"]);
    let before = users(&site);
    let preview = preview_retry(&site, &failed, Again::Failed);
    assert_eq!((preview.mode, count(&preview, Outcome::Changed)), (Mode::Preview, 1));
    assert_eq!(users(&site), before);
    apply_plan(&site, &preview);
    assert_eq!(klasses(&site), ["x", ""]);
}

#[test]
fn conflicts_of_a_plan_are_retried_with_the_script() {
    let site = Site::with_users(3);
    let preview = preview(&site, "user.klass += 'x'");
    set(&site, "user2", &["klass=hand"]);
    let written = apply_plan(&site, &preview);
    let again = retry(&site, &written, Again::Conflicts);
    assert_eq!((again.applies, again.targets), (None, 1));
    assert_eq!(again.selection, Selection::Outcomes { run: 2, outcome: Some(Outcome::Conflict) });
    assert_eq!(klasses(&site), ["x", "handx", "x"]);
}

#[test]
fn rest_of_a_plan_and_of_an_undo_is_written_as_planned() {
    let site = Site::with_users(4);
    let descriptions = || each(&site, |user| user.description);
    let before = descriptions();
    let preview = preview(&site, "import random\nuser.description = str(random.random())");
    let planned: Vec<_> = users(&site)
        .into_iter()
        .zip(each_outcome(&site, &preview, |outcome| outcome.changes))
        .map(|(mut user, changes)| {
            changes.iter().for_each(|change| user.apply(change).unwrap());
            user.description
        })
        .collect();
    let wanted = ApplyRequest { plan: None, options: canary(1) };
    let stopped = site.runs().apply(preview.id, &wanted, &Stop::default(), &mut Yes).unwrap();
    let cancelled = cancel(&site, &stopped);
    let previewed = RetryRequest { preview: true, ..retry_request(Again::NotRun) };
    let error = rejected(&site, || try_retry(&site, cancelled.id, &previewed));
    assert_eq!(error.to_string(), "what is left of run 2 is planned already: there is nothing to preview");
    let rest = retry(&site, &cancelled, Again::NotRun);
    assert_eq!((rest.applies, rest.targets), (Some(preview.id), 3));
    assert_eq!(descriptions(), planned);

    let wanted = UndoRequest { mode: Mode::Apply, user: None, options: canary(2) };
    let stopped = site.runs().undo(rest.id, &wanted, &Stop::default(), &mut Yes).unwrap();
    let cancelled = cancel(&site, &stopped);
    let error = rejected(&site, || try_retry(&site, cancelled.id, &retry_request(Again::Failed)));
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.to_string().contains("undo run 3 again"), "{error}");
    let rest = retry(&site, &cancelled, Again::NotRun);
    assert_eq!((rest.undoes, rest.targets), (Some(3), 1));
    assert_eq!(descriptions()[1..], before[1..]);
}

#[test]
fn rest_of_a_plan_that_was_pruned_is_rejected() {
    let site = Site::with_users(3);
    let preview = preview(&site, "user.klass = 'x'");
    // The preview is older than what is pruned, the run that applies it is not.
    site.clock.advance(7_200);
    let wanted = ApplyRequest { plan: None, options: canary(1) };
    let stopped = site.runs().apply(preview.id, &wanted, &Stop::default(), &mut Yes).unwrap();
    let cancelled = cancel(&site, &stopped);
    let age = Some("1h".parse().unwrap());
    site.maintenance().prune(age, &Stop::default(), |_| {}).unwrap();
    let error = rejected(&site, || try_retry(&site, cancelled.id, &retry_request(Again::NotRun)));
    assert!(matches!(error, AppError::Store(StoreError::Pruned(1))), "{error}");
    assert_eq!(klasses(&site), ["x", "", ""]);
}

#[test]
fn interrupted_run_is_resumed_where_it_was() {
    let site = Site::with_users(5);
    let first = interrupted(&site, &hangs_at_third(Mode::Apply));
    assert_eq!((first.left(), first.cursor), (3, 2));
    set(&site, "user3", &["description=go"]);
    let resumed = resume(&site, &first);
    assert_eq!((resumed.id, resumed.state, resumed.targets), (1, RunState::Finished, 5));
    assert_eq!(count(&resumed, Outcome::Changed), 5);
    assert_eq!(list(&site), [resumed], "the same run, not another one");
    assert_eq!((klasses(&site), written(&site)), (vec!["done".to_owned(); 5], vec![1; 5]), "each once");
    let again = |run| rejected(&site, || try_resume(&site, run, &resume_request(Brakes::default())));
    assert_eq!(again(1).to_string(), "run 1 has finished: it has no targets left");
    assert_eq!(again(2).kind(), Kind::Missing);
}

#[test]
fn run_that_a_process_executes_is_not_resumed() {
    let site = Site::with_users(3);
    let mut told = String::new();
    let ended = meanwhile(&site, &hangs_at_third(Mode::Apply), 2, |id| {
        told = conflicts(&site, || try_resume(&site, id, &resume_request(Brakes::default())));
        site.runs().cancel(id).unwrap();
    });
    let process = format!("run 1 is being executed by process {} on ", std::process::id());
    assert!(told.starts_with(&process), "{told}");
    assert_eq!(count(&ended.unwrap(), Outcome::Changed), 2);
}

#[test]
fn of_two_who_resume_a_run_at_once_one_succeeds() {
    let site = Site::with_users(4);
    let first = interrupted(&site, &hangs_at_third(Mode::Apply));
    let wanted =
        ResumeRequest { time_limit: Some(Duration::from_secs(1)), ..resume_request(Brakes::default()) };
    let results: Vec<_> = thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| try_resume(&site, first.id, &wanted)));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    let [run] = &won[..] else { panic!("{won:?}") };
    let run = run.as_ref().unwrap();
    assert_eq!((count(run, Outcome::Changed), count(run, Outcome::TimedOut)), (3, 1));
    let error = lost[0].as_ref().unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    let told = error.to_string();
    assert!(told.starts_with("run 1 is being ") || told.starts_with("run 1 has finished"), "{told}");
    assert_eq!(written(&site), [1, 1, 0, 1]);
}

#[test]
fn crash_among_the_rows_of_one_user_loses_and_doubles_nothing() {
    let script = "\
        import time\n\
        time.sleep(80_000 if row['n'] == '3' and user.description != 'go' else 0.1)\n\
        user.first_name += row['n']\n\
        user.attribute_add('Class', row['n'], ':=' if row['n'] == '4' else '+=')\n";
    let csv = "username,n\nuser1,1\nuser1,2\nuser1,3\nuser2,a\nuser1,4\nuser2,b\n";
    let site = Site::with_users(2);
    let first = interrupted(&site, &patient(request_for_rows(&site, script, Mode::Apply, csv, None)));
    set(&site, "user1", &["description=go"]);
    let resumed = resume(&site, &first);
    assert_eq!(count(&resumed, Outcome::Changed), 6);
    assert_eq!(each(&site, |user| user.first_name), ["1234", "ab"]);
    undo(&site, &resumed);
    assert_eq!(each(&site, |user| user.first_name), ["", ""]);
    assert_eq!(each(&site, |user| user.attributes.len()), [0, 0]);
}

#[test]
fn interrupted_preview_has_a_complete_plan_once_it_was_resumed() {
    let site = Site::with_users(4);
    let first = interrupted(&site, &hangs_at_third(Mode::Preview));
    let wanted =
        ResumeRequest { time_limit: Some(Duration::from_secs(2)), ..resume_request(Brakes::default()) };
    let preview = try_resume(&site, first.id, &wanted).unwrap();
    assert_eq!((preview.mode, preview.state), (Mode::Preview, RunState::Finished));
    assert_eq!(preview.settings.time_limit, 2_000);
    let written = apply_plan(&site, &preview);
    assert_eq!(names(&site, &written), ["user1", "user2", "user4"]);
    assert_eq!(klasses(&site), ["done", "done", "", "done"]);
}

/// Counts the questions and answers them.
struct Asked {
    answer: bool,
    times: u32,
}

impl Observer for Asked {
    fn confirm(&mut self, _: &Run) -> bool {
        self.times += 1;
        self.answer
    }

    fn progress(&mut self, _: Progress) {}
}

#[test]
fn stopped_run_is_resumed_without_another_confirmation() {
    let site = Site::with_users(5);
    let stopped = stopped_after(&site, 2, "user.username_length += 1");
    let mut asked = Asked { answer: false, times: 0 };
    let wanted = resume_request(Brakes::default());
    let resumed = site.runs().resume(stopped.id, &wanted, &Stop::default(), &mut asked).unwrap();
    assert_eq!((resumed.state, count(&resumed, Outcome::Changed)), (RunState::Finished, 5));
    assert_eq!((written(&site), asked.times), (vec![1; 5], 0));
}

/// Interrupts its run at the question.
struct DiesAtQuestion<'a>(&'a Site);

impl Observer for DiesAtQuestion<'_> {
    fn confirm(&mut self, _: &Run) -> bool {
        self.0.interrupt_runs();
        true
    }

    fn progress(&mut self, _: Progress) {}
}

#[test]
fn run_that_was_never_confirmed_asks_when_it_is_resumed() {
    let site = Site::with_users(2);
    let mut wanted = request("user.klass = 'x'", Mode::Apply);
    wanted.options.confirmed = false;
    let lost = site.runs().create(&wanted, &Stop::default(), &mut DiesAtQuestion(&site));
    assert_eq!(lost.unwrap().state, RunState::Interrupted);
    let resume = |answer, confirmed| {
        let mut asked = Asked { answer, times: 0 };
        let wanted = ResumeRequest { confirmed, ..resume_request(Brakes::default()) };
        let run = site.runs().resume(1, &wanted, &Stop::default(), &mut asked).unwrap();
        (run.state, run.note, asked.times)
    };
    assert_eq!(resume(false, false), (RunState::Interrupted, None, 1));
    assert_eq!(klasses(&site), ["", ""]);
    assert_eq!(resume(false, true), (RunState::Finished, None, 0), "the confirmation comes with the request");
    assert_eq!(klasses(&site), ["x", "x"]);
}
