//! Runs that are undone: everything becomes as it was, whatever else has happened since, or is left alone and listed.

use rollcall_app::runs::{Observer, Progress, RunOptions, RunRequest, Stop, UndoRequest};
use rollcall_app::{App, Kind};
use rollcall_domain::{Brakes, Change, Mode, Outcome, Run, RunState, Selection, User};
use rollcall_testkit::time;

use crate::common::outcomes;
use crate::common::runs::{
    apply, apply_plan, apply_to, canary, conflict_message, conflicts, count, each_outcome, hangs_at_third,
    kinds, list, meanwhile, mismatch, names, preview, preview_undo, rejected, request, request_for_rows,
    resume_request, run, try_resume, try_undo, undo,
};
use crate::common::site::{Site, each, import, klasses, set, undated, usernames, users};

const PEOPLE: &str = "\
username,username_length,first_name,last_name,email,external_id,klass,is_active,expiration,last_update,avatar_url,\
description,profiles,attributes,check_attributes
ann,3,Ann,\"Bell, \"\"Jr\"\"\",ann@example.com,X1,gold,true,2026-12-01 18:30,2025-01-01,https://a.example/a.png,\"two
lines\",p3;p1;p2,\"Reply-Message += one
Session-Timeout := 60
Reply-Message += two
Class := gold
Reply-Message += three
\",\"NAS-Identifier == ap-1
Simultaneous-Use := 1
NAS-Identifier == ap-2
\"
bob,3,,,,,,false,,2025-01-01,,,,,
cyd,7,Zoë,,,X3,,true,0001-01-01,2025-01-01,,=1+1,p2,Class := gold,
";

/// Every field that may be written, every method, rows in the middle, at the end, and those that are replaced.
const EVERYTHING: &str = "\
from datetime import datetime, timezone
for field in ('first_name', 'last_name', 'email', 'external_id', 'klass', 'avatar_url', 'description'):
    setattr(user, field, '' if getattr(user, field) else f'new {field} of {user.obj_id}')
user.username = user.username[::-1] + '-new'
user.username_length += 1
user.is_active = not user.is_active
user.expiration = None if user.expiration else datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc)
user.profile_remove(short_name='p1')
user.profile_remove(short_name='p2')
user.profile_add(short_name='p2')
user.profile_add(id=5)
user.attribute_remove('Session-Timeout', 60)
user.attribute_remove('Reply-Message', 'three')
user.attribute_add('Class', 'silver', ':=')
user.attribute_add('Reply-Message', 'four', '+=')
user.attribute_add('Reply-Message', 'three', '+=')
user.check_attribute_remove('NAS-Identifier', 'ap-2')
user.check_attribute_remove('NAS-Identifier', 'ap-1')
user.check_attribute_add('Simultaneous-Use', 2, ':=')
user.check_attribute_add('NAS-Identifier', 'ap-2')
";

/// People with values in every field and list, and the profiles `p1` to `p4`, which are numbered from 2.
fn site_of_people() -> Site {
    Site::with_people(&["p1", "p2", "p3", "p4"], PEOPLE)
}

fn undo_user(app: &App, run: &Run, name: &str) -> Run {
    try_undo(app, run.id, Mode::Apply, Some(name)).unwrap()
}

/// The attributes of a user, as texts.
fn attributes(user: &User) -> Vec<String> {
    user.attributes.iter().map(|row| format!("{} {} {}", row.attr, row.operation, row.value)).collect()
}

fn changes(app: &App, run: &Run) -> Vec<Vec<Change>> {
    each_outcome(app, run, |outcome| outcome.changes)
}

/// Whether each field and list of a user that may be written has another value than before.
#[track_caller]
fn assert_everything_differs(was: &User, is: &User) {
    let same = User {
        username: is.username.clone(),
        username_length: is.username_length,
        first_name: is.first_name.clone(),
        last_name: is.last_name.clone(),
        email: is.email.clone(),
        external_id: is.external_id.clone(),
        klass: is.klass.clone(),
        is_active: is.is_active,
        expiration: is.expiration,
        avatar_url: is.avatar_url.clone(),
        description: is.description.clone(),
        profiles: is.profiles.clone(),
        attributes: is.attributes.clone(),
        check_attributes: is.check_attributes.clone(),
        version: is.version,
        last_update: is.last_update,
        ..was.clone()
    };
    assert_eq!(&same, is, "the other fields are read-only");
    let texts = |user: &User| {
        [
            user.username.clone(),
            user.first_name.clone(),
            user.last_name.clone(),
            user.email.clone(),
            user.external_id.clone(),
            user.klass.clone(),
            user.avatar_url.clone(),
            user.description.clone(),
        ]
    };
    for (was, is) in texts(was).iter().zip(&texts(is)) {
        assert_ne!(was, is);
    }
    assert_ne!(was.username_length, is.username_length);
    assert_ne!(was.is_active, is.is_active);
    assert_ne!(was.expiration, is.expiration);
    assert_ne!(was.last_update, is.last_update);
    assert_ne!(was.profiles, is.profiles);
    assert_ne!(was.attributes, is.attributes);
    assert_ne!(was.check_attributes, is.check_attributes);
}

#[test]
fn undo_restores_everything_that_the_run_touched() {
    let site = site_of_people();
    let (before, shown) = (undated(&site), users(&site));
    let applied = apply(&site, EVERYTHING);
    let after = undated(&site);
    for (was, is) in shown.iter().zip(&users(&site)) {
        assert_everything_differs(was, is);
    }

    let undone = undo(&site, &applied);
    assert_eq!((undone.undoes, undone.applies), (Some(applied.id), None));
    assert_eq!((undone.mode, undone.state), (Mode::Apply, RunState::Finished));
    assert_eq!((undone.targets, count(&undone, Outcome::Changed)), (3, 3));
    assert_eq!(undated(&site), before);

    // An undo of the undo does it again, and can be undone, too.
    let again = undo(&site, &undone);
    assert_eq!(undated(&site), after);
    undo(&site, &again);
    assert_eq!(undated(&site), before);
}

#[test]
fn previewed_undo_changes_nothing_until_it_is_applied() {
    let site = site_of_people();
    let (before, applied) = (undated(&site), apply(&site, EVERYTHING));
    let after = users(&site);
    let preview = preview_undo(&site, &applied);
    assert_eq!((preview.mode, preview.undoes), (Mode::Preview, Some(applied.id)));
    assert_eq!(count(&preview, Outcome::Changed), 3);
    assert_eq!(users(&site), after, "a preview changes nothing");

    let written = apply_plan(&site, &preview);
    assert_eq!((written.applies, written.undoes), (Some(preview.id), Some(applied.id)));
    assert_eq!(changes(&site, &written), changes(&site, &preview));
    assert_eq!(undated(&site), before);

    // And that can be undone like any other.
    undo(&site, &written);
    assert_eq!(site.users().find("nna-new").unwrap().klass, "");
}

#[test]
fn second_undo_leaves_everything_unchanged() {
    let site = site_of_people();
    let applied = apply(&site, EVERYTHING);
    let first = undo(&site, &applied);
    assert_eq!(site.runs().find_undoing(applied.id).unwrap(), Some(first.id));
    let before = users(&site);
    let again = undo(&site, &applied);
    assert_eq!(count(&again, Outcome::Unchanged), 3);
    assert_eq!(users(&site), before, "with their versions and last updates");
}

#[test]
fn undo_keeps_later_changes_of_other_things() {
    let site = Site::with_users(1);
    site.profiles().add("plus", None, &[], &[]).unwrap();
    let applied = apply(&site, "user.klass = 'gold'\nuser.attribute_add('Class', 'gold', '+=')");
    set(&site, "user1", &["description=by hand", "email=new@example.com"]);
    apply(&site, "user.profile_add(short_name='plus')\nuser.attribute_add('Class', 'other', '+=')");
    let before = site.users().find("user1").unwrap();
    undo(&site, &applied);
    let after = site.users().find("user1").unwrap();
    assert_eq!((after.klass.as_str(), attributes(&after)), ("", vec!["Class += other".to_owned()]));
    assert_eq!((after.description, after.email), (before.description, before.email));
    assert_eq!(after.profiles, before.profiles);
}

#[test]
fn undo_reports_conflict_when_value_changed_since() {
    let site = Site::with_users(6);
    site.profiles().add("plus", None, &[], &[]).unwrap();
    let script = "\
        user.klass = 'gold'\n\
        user.is_active = False\n\
        user.profile_add(short_name='plus')\n\
        user.attribute_add('Class', 'gold', ':=')\n";
    let applied = apply(&site, script);
    set(&site, "user1", &["klass=silver", "is_active=true"]);
    apply_to(&site, "obj_id eq 2", "user.profile_remove(short_name='plus')");
    apply_to(&site, "obj_id eq 3", "user.attribute_add('Class', 'silver', ':=')");
    apply_to(&site, "obj_id eq 4", "user.attribute_remove('Class', 'gold')");
    site.users().remove("user5", None).unwrap();
    let before = users(&site);

    let undone = undo(&site, &applied);
    assert_eq!((undone.state, count(&undone, Outcome::Conflict)), (RunState::Finished, 5));
    let all = outcomes(&site, &undone);
    let mismatches: Vec<_> = all.iter().map(|outcome| outcome.mismatches.clone()).collect();
    assert_eq!(
        mismatches,
        [
            vec![mismatch("is_active", "false", "true"), mismatch("klass", "\"gold\"", "\"silver\""),],
            vec![mismatch("profile plus", "assigned at priority 1", "not assigned")],
            vec![mismatch("attribute Class", "Class := gold", "Class := silver")],
            vec![mismatch("attribute Class", "Class := gold", "not there")],
            vec![],
            vec![],
        ]
    );
    assert_eq!(
        conflict_message(&all[0]),
        "changed since run 1: is_active should be false and is true; klass should be \"gold\" and is \"silver\""
    );
    assert_eq!(conflict_message(&all[4]), "removed since run 1");
    assert_eq!(all[4].username.as_deref(), Some("user5"));
    assert_eq!(all[5].outcome, Outcome::Changed);
    let after = users(&site);
    assert_eq!(after[..4], before[..4], "with their versions and last updates");
    assert_eq!((after[4].klass.as_str(), after[4].profiles.len()), ("", 0));

    // Once the values are as the run left them, the user is undone, too.
    set(&site, "user1", &["klass=gold", "is_active=false"]);
    assert_eq!(count(&undo(&site, &applied), Outcome::Conflict), 4);
    assert!(site.users().find("user1").unwrap().attributes.is_empty());
}

#[test]
fn undo_restores_removed_attribute_before_later_ones() {
    let site =
        Site::with_people(&[], "username,attributes\nann,\"Class += a\nClass += b\n\"\nbob,Class += b\n");
    let applied = apply(&site, "user.attribute_remove('Class', 'b')");
    apply(&site, "user.attribute_add('Class', 'later', '+=')");
    assert_eq!(count(&undo(&site, &applied), Outcome::Changed), 2);
    assert_eq!(
        attributes(&site.users().find("ann").unwrap()),
        ["Class += a", "Class += b", "Class += later"]
    );
    assert_eq!(attributes(&site.users().find("bob").unwrap()), ["Class += b", "Class += later"]);
}

#[test]
fn undo_of_several_rows_of_one_user_goes_from_last_to_first() {
    let site = site_of_people();
    let before = undated(&site);
    let script = "\
        user.description += row['n']\n\
        user.username = 'ann' + row['n'] if row['who'] == '1' else user.username\n\
        user.attribute_add('Class', row['n'], ':=')\n\
        user.attribute_add('Reply-Message', row['n'], '+=')\n\
        if row['n'] == '3': user.attribute_remove('Reply-Message', '1')\n\
        if row['n'] == '4': user.profile_remove(short_name='p3')\n\
        if row['n'] == '6': user.profile_add(short_name='p3')\n\
        if row['n'] == '7': fail('no')\n";
    let csv = "who,n\n1,1\n2,2\n1,3\n3,4\n1,4\n1,5\n2,7\n2,8\n1,6\n";
    let applied = run(&site, &request_for_rows(&site, script, Mode::Apply, csv, Some("who=obj_id")));
    assert_eq!((count(&applied, Outcome::Changed), count(&applied, Outcome::Failed)), (8, 1));
    assert_eq!(site.users().find("ann6").unwrap().description, "two\nlines13456");

    let preview = preview_undo(&site, &applied);
    let undone = undo(&site, &applied);
    assert_eq!(changes(&site, &undone), changes(&site, &preview));
    assert_eq!(undated(&site), before);
    let numbers = each_outcome(&site, &undone, |outcome| outcome.cells.unwrap()[1].clone());
    assert_eq!(numbers, ["6", "8", "5", "4", "4", "3", "2", "1"]);
    let named = |run: &Run| {
        let of_ann = outcomes(&site, run).into_iter().filter(|outcome| outcome.user_id == 1);
        of_ann.map(|outcome| outcome.username.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((named(&undone), named(&preview)), (vec!["ann6".to_owned(); 5], vec!["ann6".to_owned(); 5]));
}

#[test]
fn undo_passes_usernames_back_that_were_passed_on() {
    let site = Site::with_users(3);
    let before = undated(&site);
    let applied = apply(&site, "user.username = {1: 'free', 2: 'user1', 3: 'user2'}[user.obj_id]");
    let undone = undo(&site, &applied);
    assert_eq!(undated(&site), before);
    undo(&site, &undone);
    assert_eq!(usernames(&site), ["free", "user1", "user2"]);
    // In two steps, too: the preview sees that the names will be free.
    let preview = preview_undo(&site, &applied);
    assert_eq!(count(&preview, Outcome::Changed), 3);
    apply_plan(&site, &preview);
    assert_eq!(undated(&site), before);
}

#[test]
fn former_username_that_is_taken_is_a_conflict_of_its_user_alone() {
    let site = Site::with_users(2);
    let applied = apply(&site, "user.username += '-new'");
    import(&site, "username\nuser1\n");
    let undone = undo(&site, &applied);
    let all = outcomes(&site, &undone);
    let failed = all.iter().find(|outcome| outcome.user_id == 1).unwrap();
    assert_eq!((failed.outcome, failed.changes.len()), (Outcome::Conflict, 0));
    assert_eq!(failed.error.as_ref().unwrap().message, "the username \"user1\" is taken");
    assert_eq!(usernames(&site), ["user1-new", "user2", "user1"]);
}

#[test]
fn removed_profile_that_no_longer_exists_is_a_conflict_of_its_user_alone() {
    let site = site_of_people();
    let applied = apply(&site, "user.klass = 'x'\nuser.profile_remove(short_name='p1')");
    site.profiles().remove("p1").unwrap();
    let undone = undo(&site, &applied);
    assert_eq!(kinds(&site, &undone), [Outcome::Conflict, Outcome::Changed, Outcome::Changed]);
    let error = outcomes(&site, &undone).remove(0).error.unwrap();
    assert_eq!(error.message, "the profile \"p1\" does not exist any more");
    assert_eq!(klasses(&site), ["x", "", ""]);
}

#[test]
fn one_user_is_undone_alone_by_either_username() {
    let site = Site::with_users(4);
    let before = undated(&site);
    let applied = apply(&site, "user.username = f'new{user.obj_id}'\nuser.klass = 'x'");
    let former = undo_user(&site, &applied, "user2");
    assert_eq!(former.targets, 1);
    assert_eq!(former.selection, Selection::Changed { run: 1, username: Some("user2".to_owned()) });
    assert_eq!(usernames(&site), ["new1", "user2", "new3", "new4"]);
    undo_user(&site, &applied, "new3");
    assert_eq!(usernames(&site), ["new1", "user2", "user3", "new4"]);
    assert_eq!(klasses(&site), ["x", "", "", "x"]);
    // The others later, and with them those who are back already.
    let rest = undo(&site, &applied);
    assert_eq!((count(&rest, Outcome::Changed), count(&rest, Outcome::Unchanged)), (2, 2));
    assert_eq!(undated(&site), before);
}

#[test]
fn one_user_of_several_rows_is_undone_alone_and_whole() {
    let site = Site::with_users(2);
    let script = "user.description += row['n']\nuser.username += row['n']";
    let csv = "username,n\nuser1,a\nuser2,b\nuser1,c\nuser2,d\n";
    let applied = run(&site, &request_for_rows(&site, script, Mode::Apply, csv, None));
    assert_eq!(undo_user(&site, &applied, "user2").targets, 2);
    assert_eq!(usernames(&site), ["user1ac", "user2"]);
    assert_eq!(each(&site, |user| user.description), ["ac", ""]);
}

#[test]
fn username_that_the_run_does_not_know_is_rejected() {
    let site = Site::with_users(3);
    let applied = apply_to(&site, "obj_id eq 1", "user.username = 'new'");
    let error = |name: &str| rejected(&site, || try_undo(&site, applied.id, Mode::Preview, Some(name)));
    let missing = error("nobody");
    assert_eq!(missing.kind(), Kind::Missing);
    assert_eq!(missing.to_string(), "there is no user \"nobody\", neither now nor in run 1");
    let untouched = error("user2");
    assert_eq!(untouched.kind(), Kind::Invalid);
    assert_eq!(untouched.to_string(), "run 1 has changed nothing of user \"user2\"");
    // Another user has the former name by now; the run means the user that it has renamed.
    set(&site, "user3", &["username=user1"]);
    let undone = try_undo(&site, applied.id, Mode::Preview, Some("user1")).unwrap();
    assert_eq!(each_outcome(&site, &undone, |outcome| outcome.user_id), [1]);
    assert_eq!(kinds(&site, &undone), [Outcome::Conflict]);
}

#[test]
fn last_update_that_the_run_assigned_is_restored_if_unchanged_since() {
    let site = Site::with_people(&[], "username,last_update\na,2020-01-01\nb,2020-01-01\nc,2020-01-01\n");
    let script = "\
        from datetime import datetime, timezone\n\
        user.last_update = datetime(2021, 5, 5, tzinfo=timezone.utc)\n\
        if user.username != 'c': user.klass = 'x'\n";
    let applied = apply(&site, script);
    set(&site, "b", &["description=later"]);
    site.clock.advance(60);
    let undone = undo(&site, &applied);
    assert_eq!(count(&undone, Outcome::Changed), 3);
    let moved_on = time("2026-11-23T12:01:00Z");
    assert_eq!(each(&site, |user| user.last_update), [time("2020-01-01"), moved_on, time("2020-01-01")]);
    assert_eq!(klasses(&site), ["", "", ""]);
}

#[test]
fn preview_cannot_be_undone_and_names_the_run_that_applied_it() {
    let site = Site::with_users(1);
    let missing = rejected(&site, || try_undo(&site, 1, Mode::Apply, None));
    assert_eq!((missing.kind(), missing.to_string().as_str()), (Kind::Missing, "there is no run 1"));
    let preview = preview(&site, "user.klass = 'x'");
    let message = || conflicts(&site, || try_undo(&site, preview.id, Mode::Apply, None));
    assert_eq!(message(), "run 1 is a preview: it has changed nothing that could be undone");
    apply_plan(&site, &preview);
    let told = message();
    assert!(
        told.starts_with("run 1 is a preview, which has changed nothing itself; run 2 has applied it"),
        "{told}"
    );
}

#[test]
fn run_is_undone_only_when_it_has_ended() {
    let site = Site::with_users(3);
    let ended = meanwhile(&site, &hangs_at_third(Mode::Apply), 2, |id| {
        let message = || conflicts(&site, || try_undo(&site, id, Mode::Apply, None));
        let told = message();
        assert!(told.starts_with("run 1 is still running: wait for its end, or cancel it"), "{told}");
        site.interrupt_runs();
        let told = message();
        assert!(told.starts_with("run 1 was interrupted with 1 of its 3 targets left: "), "{told}");
        site.runs().cancel(id).unwrap();
    });
    assert!(ended.is_err(), "another process has taken it");
    let cancelled = site.runs().find(1).unwrap();
    let undone = undo(&site, &cancelled);
    assert_eq!((undone.targets, count(&undone, Outcome::Changed)), (2, 2));
    assert_eq!(klasses(&site), ["", "", ""]);

    site.prune();
    assert_eq!(
        conflicts(&site, || try_undo(&site, 1, Mode::Apply, None)),
        "the outcomes of run 1 were pruned: it can no longer be undone, applied, retried or chosen from"
    );
}

#[test]
fn stopped_run_cannot_be_resumed_once_it_was_undone() {
    let site = Site::with_users(4);
    let stopped = run(&site, &RunRequest { options: canary(2), ..request("user.klass = 'x'", Mode::Apply) });
    assert_eq!(stopped.state, RunState::Stopped);
    undo(&site, &stopped);
    assert_eq!(klasses(&site), [""; 4]);
    let resume = || try_resume(&site, stopped.id, &resume_request(Brakes::default()));
    assert_eq!(conflicts(&site, resume), "run 1 was undone by run 2: start a new run instead");
}

#[test]
fn plan_that_was_applied_is_undone() {
    let site = site_of_people();
    let before = undated(&site);
    let applied = apply_plan(&site, &preview(&site, EVERYTHING));
    assert_ne!(undated(&site), before);
    undo(&site, &applied);
    assert_eq!(undated(&site), before);
}

#[test]
fn undo_without_a_confirmation_changes_nothing() {
    struct No;
    impl Observer for No {
        fn confirm(&mut self, run: &Run) -> bool {
            assert_eq!((run.undoes, run.targets), (Some(1), 2));
            false
        }
        fn progress(&mut self, _: Progress) {}
    }
    let site = Site::with_users(2);
    apply(&site, "user.klass = 'x'");
    let before = users(&site);
    let wanted = |mode| UndoRequest { mode, user: None, options: RunOptions::default() };
    let declined = site.runs().undo(1, &wanted(Mode::Apply), &Stop::default(), &mut No).unwrap();
    assert_eq!((declined.state, count(&declined, Outcome::NotRun)), (RunState::Cancelled, 2));
    assert_eq!(users(&site), before);
    // A preview needs no confirmation.
    let preview = site.runs().undo(1, &wanted(Mode::Preview), &Stop::default(), &mut No).unwrap();
    assert_eq!((preview.state, names(&site, &preview).len()), (RunState::Finished, 2));
    assert_eq!(list(&site).len(), 3);
}
