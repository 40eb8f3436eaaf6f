//! Previews that are applied: what was shown is what is written, once, and only to the users that it was shown for.

use std::thread;

use rollcall_app::runs::{Again, ApplyRequest, Observer, Progress, RunOptions, RunRequest, Stop};
use rollcall_app::{App, AppError, Kind};
use rollcall_domain::{
    Change, Field, FieldChange, Mode, Outcome, Run, RunState, Selection, TargetOutcome, User, Value,
};
use rollcall_store::StoreError;
use rollcall_testkit::time;

use crate::common::outcomes;
use crate::common::runs::{
    Yes, apply, apply_plan, apply_to, canary, confirmed, conflict_message, conflicts, count, each_outcome,
    hangs_at_third, interrupted, kinds, list, meanwhile, mismatch, names, preview, preview_retry, rejected,
    request, request_for, request_for_rows, resume, retry, run, try_apply_plan, undo,
};
use crate::common::site::{Site, each, import, klasses, set, undated, usernames, users};

/// Comes to something else each time that it runs, and knows whether it is a preview.
const UNREPEATABLE: &str = "\
import random, time
user.description = f'{random.random()} {time.time_ns()} {user.obj_id}'
user.klass = 'preview' if run.preview else 'apply'
user.external_id = str(run.id)
";

fn preview_of(app: &App, script: &str, filter: &str) -> Run {
    run(app, &request_for(script, Mode::Preview, filter))
}

fn preview_of_rows(app: &App, script: &str, csv: &str) -> Run {
    run(app, &request_for_rows(app, script, Mode::Preview, csv, None))
}

/// Applies a preview only if its plan has this hash.
fn try_apply_hash(app: &App, preview: &Run, plan: &str) -> Result<Run, AppError> {
    let wanted = ApplyRequest { plan: Some(plan.to_owned()), options: confirmed() };
    app.runs().apply(preview.id, &wanted, &Stop::default(), &mut Yes)
}

fn changes(app: &App, run: &Run) -> Vec<Vec<Change>> {
    each_outcome(app, run, |outcome| outcome.changes)
}

/// Outcomes with what they have in common in a preview and in the run that writes its plan.
fn plans(app: &App, run: &Run) -> Vec<TargetOutcome> {
    each_outcome(app, run, |outcome| TargetOutcome {
        username: outcome.username,
        changes: outcome.changes,
        cells: outcome.cells,
        ..TargetOutcome::new(outcome.target, outcome.user_id, outcome.outcome)
    })
}

#[test]
fn plan_is_written_without_running_the_script() {
    let site = Site::with_users(5);
    let preview = preview_of(&site, UNREPEATABLE, "obj_id le 4");
    let before = users(&site);
    let written = apply_plan(&site, &preview);
    assert_eq!((written.id, written.mode), (2, Mode::Apply));
    assert_eq!((written.applies, written.undoes), (Some(1), None));
    assert_eq!(written.selection, Selection::Plan { run: 1 });
    assert_eq!((written.targets, count(&written, Outcome::Changed)), (4, 4));

    assert_eq!(changes(&site, &written), changes(&site, &preview));
    assert_eq!(each_outcome(&site, &written, |outcome| outcome.user_id), [1, 2, 3, 4]);
    for (mut user, changes) in before.into_iter().zip(changes(&site, &preview)) {
        changes.iter().for_each(|change| user.apply(change).unwrap());
        (user.version, user.last_update) = (user.version + 1, written.created_at);
        assert_eq!((user.klass.as_str(), user.external_id.as_str()), ("preview", "1"));
        assert_eq!(user, site.users().find(&user.username).unwrap());
    }
    assert_eq!(site.users().find("user5").unwrap().klass, "", "the filter did not select this user");
    assert_eq!(site.runs().find(2).unwrap(), written);
    assert_eq!(site.runs().find(1).unwrap(), preview, "it stays as it was");
}

#[test]
fn preview_is_applied_once() {
    let site = Site::with_users(2);
    let preview = preview(&site, UNREPEATABLE);
    let written = apply_plan(&site, &preview);
    assert_eq!(site.runs().find_applying(preview.id).unwrap(), Some(written.id));
    let again = || rejected(&site, || try_apply_plan(&site, preview.id));
    let error = again();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(matches!(error, AppError::Store(StoreError::AlreadyApplied { preview: 1, by: 2 })), "{error}");
    // Not even after an undo: a user that was changed and changed back is not as the preview saw it.
    undo(&site, &written);
    assert!(matches!(again(), AppError::Store(StoreError::AlreadyApplied { preview: 1, by: 2 })));
    assert_eq!(list(&site).len(), 3);
}

#[test]
fn of_two_who_apply_a_preview_at_once_one_succeeds() {
    let site = Site::with_users(50);
    let preview = preview(&site, "user.username_length += 1");
    let results: Vec<_> = thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| try_apply_plan(&site, preview.id)));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(count(won[0].as_ref().unwrap(), Outcome::Changed), 50);
    let error = lost[0].as_ref().unwrap_err();
    assert!(matches!(error, AppError::Store(StoreError::AlreadyApplied { preview: 1, by: 2 })), "{error}");
    assert_eq!(each(&site, |user| user.username_length)[..9], [6; 9]);
    assert_eq!(each(&site, |user| user.version), [2; 50], "each user is written once");
}

#[test]
fn preview_without_changes_is_applied_to_no_user() {
    let site = Site::with_users(2);
    let preview = preview(&site, "skip('no')");
    let before = users(&site);
    let written = apply_plan(&site, &preview);
    assert_eq!((written.state, written.targets), (RunState::Finished, 0));
    assert_eq!(users(&site), before);
}

#[test]
fn only_users_that_the_preview_changes_are_targets() {
    let site = Site::with_users(4);
    let script = "if user.obj_id == 2: skip('no')\n1 / (user.obj_id - 3)\nuser.klass = 'x'";
    let preview = preview(&site, script);
    assert_eq!(
        kinds(&site, &preview),
        [Outcome::Changed, Outcome::Skipped, Outcome::Failed, Outcome::Changed]
    );
    assert_eq!(names(&site, &apply_plan(&site, &preview)), ["user1", "user4"]);
    assert_eq!(klasses(&site), ["x", "", "", "x"]);
}

#[test]
fn plan_is_applied_only_under_the_hash_that_was_seen() {
    let site = Site::with_users(2);
    let previewed = preview(&site, "user.klass = 'x'");
    let plan = previewed.plan.clone().unwrap();
    assert_eq!(plan.len(), 64);

    let mut wrong = plan.clone();
    wrong.replace_range(63.., if plan.ends_with('0') { "1" } else { "0" });
    for other in [&wrong, &wrong.repeat(2), &format!("{plan}0"), "deadbeef"] {
        assert_eq!(
            conflicts(&site, || try_apply_hash(&site, &previewed, other)),
            format!("the plan of preview 1 is {plan}, not {other}: look at it again before you apply it")
        );
    }
    for short in ["", &plan[..7]] {
        let error = rejected(&site, || try_apply_hash(&site, &previewed, short));
        assert_eq!(error.kind(), Kind::Invalid);
        assert_eq!(
            error.to_string(),
            format!("{short:?} is too short to name a plan: give at least 8 digits")
        );
    }
    try_apply_hash(&site, &previewed, &plan[..8].to_uppercase()).unwrap();
    let next = preview(&site, "user.klass = 'y'");
    try_apply_hash(&site, &next, next.plan.as_deref().unwrap()).unwrap();
    assert_eq!(klasses(&site), ["y", "y"]);
}

#[test]
fn plans_have_one_hash_only_if_they_are_one_plan() {
    let site = Site::with_users(3);
    let script = "PARAMS = {'klass': {'type': str, 'default': 'gold'}}\nuser.klass = params.klass\n";
    let hash = |script: &str, filter: &str| preview_of(&site, script, filter).plan.unwrap();
    let one = preview(&site, script).plan.unwrap();
    assert_eq!(one, preview(&site, script).plan.unwrap(), "a second look at the same users");
    assert_eq!(one, hash(script, "obj_id gt 0"), "however they are selected");
    let params = vec![("klass".to_owned(), "silver".to_owned())];
    let others = [
        preview(&site, &format!("{script}# no more than a comment")).plan.unwrap(),
        run(&site, &RunRequest { params, ..request(script, Mode::Preview) }).plan.unwrap(),
        hash(script, "obj_id lt 3"),
    ];
    assert!(others.iter().all(|other| *other != one), "{others:?}");
    // The same values again, and yet another version of the user than the one that was looked at.
    set(&site, "user2", &["description=x"]);
    set(&site, "user2", &["description="]);
    assert_ne!(one, preview(&site, script).plan.unwrap());
    assert_eq!(apply(&site, script).plan, None, "a run that writes has no plan");
}

#[test]
fn plan_that_was_tampered_with_is_not_applied() {
    let site = Site::with_users(2);
    let preview = preview(&site, "user.klass = 'x'");
    site.database.execute("UPDATE outcomes SET journal = replace(journal, '\"x\"', '\"y\"')");
    assert_eq!(changes(&site, &preview)[0], [set_klass("", "y")], "the test reaches the journal");
    assert_eq!(
        conflicts(&site, || try_apply_plan(&site, preview.id)),
        "the stored plan of preview 1 is not what it planned: preview again"
    );
}

fn set_klass(before: &str, after: &str) -> Change {
    let [before, after] = [before, after].map(|text| Value::Text(text.to_owned()));
    Change::Set(FieldChange { field: Field::Klass, before, after })
}

/// A preview that a canary has stopped after its first target.
fn stopped_preview(site: &Site) -> Run {
    run(site, &RunRequest { options: canary(1), ..request("user.klass = 'canary'", Mode::Preview) })
}

#[test]
fn only_a_preview_that_is_complete_is_applied() {
    let site = Site::with_users(3);
    let message = |run: i64| conflicts(&site, || try_apply_plan(&site, run));
    assert_eq!(rejected(&site, || try_apply_plan(&site, 1)).kind(), Kind::Missing);

    apply(&site, "user.klass = 'x'");
    assert_eq!(message(1), "run 1 is no preview: it has written its changes itself");

    let stopped = stopped_preview(&site);
    let told = message(stopped.id);
    assert!(told.starts_with("preview 2 was stopped with 2 of its 3 targets left: "), "{told}");

    let cancelled = stopped_preview(&site);
    site.runs().cancel(cancelled.id).unwrap();
    assert_eq!(message(3), "preview 3 was cancelled, so its plan is not whole: preview again");

    let pruned = preview(&site, "user.klass = 'y'");
    site.prune();
    assert_eq!(
        message(pruned.id),
        "the outcomes of run 4 were pruned: it can no longer be undone, applied, retried or chosen from"
    );
    // A stopped preview is kept: it can be resumed, and is complete then.
    apply_plan(&site, &resume(&site, &stopped));
    assert_eq!(klasses(&site), ["canary"; 3]);
}

#[test]
fn preview_that_is_running_or_interrupted_is_not_applied() {
    let site = Site::with_users(3);
    let hanging = hangs_at_third(Mode::Preview);
    let mut told = String::new();
    let ended = meanwhile(&site, &hanging, 2, |id| {
        told = conflicts(&site, || try_apply_plan(&site, id));
        site.runs().cancel(id).unwrap();
    });
    assert_eq!(ended.unwrap().state, RunState::Cancelled);
    assert_eq!(told, "preview 1 is still running: wait for its end");
    let interrupted = interrupted(&site, &hanging);
    let told = conflicts(&site, || try_apply_plan(&site, interrupted.id));
    assert!(told.starts_with("preview 2 was interrupted with 1 of its 3 targets left: "), "{told}");
    assert_eq!(klasses(&site), [""; 3]);
}

#[test]
fn user_that_changed_since_is_a_conflict_and_all_others_are_written() {
    let site = Site::with_users(7);
    let script = "user.klass = 'gold'\nuser.first_name = 'Zoë'\nuser.attribute_add('Class', 'gold', '+=')\n";
    let preview = preview(&site, script);
    set(&site, "user2", &["klass=hand", "first_name=Ann"]);
    set(&site, "user3", &["description=of no interest to the plan"]);
    site.users().remove("user4", None).unwrap();
    set(&site, "user5", &["username=renamed"]);
    apply_to(&site, "obj_id eq 6", "user.attribute_add('Class', 'silver', '+=')");
    let before = users(&site);

    let written = apply_plan(&site, &preview);
    assert_eq!(written.state, RunState::Finished);
    let all = outcomes(&site, &written);
    let expected = [Outcome::Changed, Outcome::Conflict, Outcome::Conflict, Outcome::Conflict];
    assert_eq!(kinds(&site, &written)[..4], expected);
    assert_eq!(kinds(&site, &written)[4..], [Outcome::Conflict, Outcome::Conflict, Outcome::Changed]);

    assert_eq!(
        all[1].mismatches,
        [mismatch("first_name", "\"\"", "\"Ann\""), mismatch("klass", "\"\"", "\"hand\"")]
    );
    assert_eq!(
        conflict_message(&all[1]),
        "changed since preview 1: first_name should be \"\" and is \"Ann\"; klass should be \"\" and is \"hand\""
    );
    let elsewhere = "changed since preview 1, though in nothing that the plan changes; preview it anew";
    for index in [2, 4] {
        assert_eq!((conflict_message(&all[index]), all[index].mismatches.len()), (elsewhere, 0));
    }
    assert_eq!(all[5].mismatches[0].found, "Class += silver", "a script changed it: {:?}", all[5]);
    assert_eq!(conflict_message(&all[3]), "removed since preview 1");
    assert_eq!(names(&site, &written)[3..5], ["user4", "renamed"]);
    assert!(all[1..6].iter().all(|outcome| outcome.changes.is_empty()));

    let after = users(&site);
    assert_eq!(after[1..5], before[1..5], "with their versions and last updates");
    assert_eq!((after[0].klass.as_str(), after[5].klass.as_str()), ("gold", "gold"));

    // The conflicts can be previewed again, and are written then.
    let anew = preview_retry(&site, &written, Again::Conflicts);
    assert_eq!((count(&anew, Outcome::Changed), count(&anew, Outcome::Conflict)), (4, 1));
    let again = apply_plan(&site, &anew);
    assert_eq!(names(&site, &again), ["user2", "user3", "renamed", "user6"]);
    assert_eq!(klasses(&site), ["gold"; 6]);
}

#[test]
fn username_that_was_taken_since_is_a_conflict_of_its_target_alone() {
    let site = Site::with_users(3);
    let preview = preview(&site, "user.username = f'new{user.obj_id}'");
    import(&site, "username\nnew2\n");
    let written = apply_plan(&site, &preview);
    assert_eq!(kinds(&site, &written), [Outcome::Changed, Outcome::Conflict, Outcome::Changed]);
    let error = outcomes(&site, &written).remove(1).error.unwrap();
    assert!(error.message.contains("\"new2\" is taken"), "{error:?}");
    assert_eq!(usernames(&site), ["new1", "user2", "new3", "new2"]);
}

#[test]
fn usernames_that_are_passed_on_within_a_plan_are_passed_on_when_it_is_written() {
    let site = Site::with_users(3);
    let preview = preview(&site, "user.username = {1: 'free', 2: 'user1', 3: 'user2'}[user.obj_id]");
    apply_plan(&site, &preview);
    assert_eq!(usernames(&site), ["free", "user1", "user2"]);
}

#[test]
fn profile_that_was_removed_since_is_a_conflict_of_the_user_that_would_get_it() {
    let site = Site::with_users(2);
    site.profiles().add("plus", None, &[], &[]).unwrap();
    let script = "user.klass = 'x'\nif user.obj_id == 1: user.profile_add(short_name='plus')\n";
    let preview = preview(&site, script);
    site.profiles().remove("plus").unwrap();
    let before = site.users().find("user1").unwrap();
    let written = apply_plan(&site, &preview);
    assert_eq!(kinds(&site, &written), [Outcome::Conflict, Outcome::Changed]);
    let error = outcomes(&site, &written).remove(0).error.unwrap();
    assert_eq!(error.message, "the profile \"plus\" does not exist any more");
    assert_eq!(site.users().find("user1").unwrap(), before, "not half of it");
    // A profile of that name that was added since is another one; only a new preview can tell whether it is meant.
    site.profiles().add("plus", None, &[], &[]).unwrap();
    let again = retry(&site, &written, Again::Conflicts);
    assert_eq!(
        (names(&site, &again), kinds(&site, &again)),
        (vec!["user1".to_owned()], vec![Outcome::Changed])
    );
    assert_eq!(site.users().find("user1").unwrap().profiles[0].short_name, "plus");
}

/// Each row builds on what the one before has left of the same user.
const ROWS: &str = "\
user.username_length += int(row['n'])
user.description += row['n']
user.attribute_add('Class', row['n'], ':=' if row['n'] == '3' else '+=')
if row['n'] == '4': user.attribute_remove('Class', '1')
if row['n'] == '5': user.username = 'user2-new'
";

const LIST: &str = "username,n\nuser1,1\nuser2,2\nuser1,3\nuser3,9\nuser1,4\nuser2,5\nuser2,6\n";

#[test]
fn rows_of_one_user_are_written_one_upon_the_other() {
    let site = Site::with_users(4);
    let preview = preview_of_rows(&site, ROWS, LIST);
    let written = apply_plan(&site, &preview);
    assert_eq!(plans(&site, &written).len(), 7);
    assert_eq!(plans(&site, &written), plans(&site, &preview));
    let direct = Site::with_users(4);
    run(&direct, &request_for_rows(&direct, ROWS, Mode::Apply, LIST, None));
    assert_eq!(undated(&site), undated(&direct), "as if the script had written at once");
    assert_eq!(site.users().find("user2-new").unwrap().description, "256");
    assert_eq!(site.users().find("user1").unwrap().description, "134");
}

#[test]
fn user_of_several_rows_that_changed_since_gets_none_of_them() {
    let site = Site::with_users(3);
    let preview = preview_of_rows(&site, ROWS, LIST);
    set(&site, "user1", &["description=hand"]);
    let before = site.users().find("user1").unwrap();
    let written = apply_plan(&site, &preview);
    let conflicting = each_outcome(&site, &written, |outcome| outcome.outcome == Outcome::Conflict);
    assert_eq!(conflicting, [true, false, true, false, true, false, false]);
    assert_eq!((count(&written, Outcome::Conflict), count(&written, Outcome::Changed)), (3, 4));
    let first = outcomes(&site, &written).remove(0);
    assert_eq!(first.mismatches, [mismatch("description", "\"\"", "\"hand\"")]);
    assert_eq!(site.users().find("user1").unwrap(), before);
    assert_eq!(site.users().find("user2-new").unwrap().description, "256");
}

#[test]
fn rows_that_build_on_a_row_in_conflict_are_in_conflict() {
    let site = Site::with_users(3);
    let csv = "username,name,n\nuser1,free,1\nuser2,taken,2\nuser2,,3\nuser3,,4\nuser1,,5\n";
    let script = "user.username = row['name'] or user.username\nuser.description += row['n']";
    let preview = preview_of_rows(&site, script, csv);
    import(&site, "username\ntaken\n");
    let written = apply_plan(&site, &preview);
    let conflicting = each_outcome(&site, &written, |outcome| outcome.outcome == Outcome::Conflict);
    assert_eq!(conflicting, [false, true, true, false, false]);
    assert_eq!(count(&written, Outcome::Changed), 3);
    let third = outcomes(&site, &written).remove(2);
    assert_eq!(third.mismatches, [mismatch("description", "\"2\"", "\"\"")]);
    assert_eq!(each(&site, |user| user.description), ["15", "", "4", ""]);
}

#[test]
fn last_update_that_the_script_assigned_is_written_and_any_other_is_the_moment_of_the_write() {
    let csv = "username,last_update\na,2020-01-01\nb,2020-01-01\nc,2020-01-01\nd,2020-01-01\n";
    let site = Site::with_people(&[], csv);
    let script = "\
        from datetime import datetime, timezone\n\
        if user.username == 'a': user.last_update = datetime(2021, 5, 5, tzinfo=timezone.utc)\n\
        if user.username in 'bd': user.last_update = user.last_update\n\
        if user.username != 'd': user.klass = 'x'\n";
    let preview = preview(&site, script);
    assert_eq!((count(&preview, Outcome::Changed), count(&preview, Outcome::Unchanged)), (3, 1));
    site.clock.set("2026-12-01");
    apply_plan(&site, &preview);
    let expected = ["2021-05-05", "2020-01-01", "2026-12-01", "2020-01-01"].map(time);
    assert_eq!(each(&site, |user: User| user.last_update), expected, "nothing of the last one was changed");
}

/// Is asked, and declines.
struct No;

impl Observer for No {
    fn confirm(&mut self, run: &Run) -> bool {
        assert_eq!((run.applies, run.targets, run.state), (Some(1), 2, RunState::Selecting));
        false
    }

    fn progress(&mut self, _: Progress) {}
}

#[test]
fn declined_plan_changes_nothing_and_can_be_applied_later() {
    let site = Site::with_users(2);
    let preview = preview(&site, "user.klass = 'x'");
    let before = users(&site);
    let wanted = ApplyRequest { plan: None, options: RunOptions::default() };
    let declined = site.runs().apply(preview.id, &wanted, &Stop::default(), &mut No).unwrap();
    assert_eq!((declined.state, count(&declined, Outcome::NotRun)), (RunState::Cancelled, 2));
    assert_eq!(users(&site), before);
    assert_eq!(count(&apply_plan(&site, &preview), Outcome::Changed), 2);
}
