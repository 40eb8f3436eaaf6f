//! Nobody writes over what somebody else has changed meanwhile: filters, scripts and profiles are changed as they were seen.

use std::sync::{Arc, Barrier};
use std::thread;

use crate::common::{NOW, site};
use rollcall_app::{Actor, App, AppError, Expected, Kind, revision};
use rollcall_domain::{Item, ItemKind, Zone};
use rollcall_testkit::{TestClock, TestDatabase};

/// Another process.
fn another(database: &TestDatabase) -> App {
    App::new(
        database.open(),
        Arc::new(TestClock::at(NOW)),
        Zone::utc(),
        Actor::account("cli:other".to_owned()),
    )
}

fn kind<T>(done: Result<T, AppError>) -> Kind {
    done.map(drop).unwrap_err().kind()
}

#[test]
fn a_filter_is_replaced_and_removed_as_it_was_seen() {
    let (_database, app) = site(0);
    let save =
        |text: &str, expected| app.replace_filter("gold", text, expected).map(|(new, _)| revision(&new));
    assert_eq!(kind(save("klass pr", Expected::Revision("ab"))), Kind::Missing);
    let first = save("klass eq \"gold\"", Expected::Nothing).unwrap();
    assert_eq!(first, revision(&app.saved_filter("gold").unwrap()));
    assert_eq!(kind(save("klass pr", Expected::Nothing)), Kind::Conflict);
    let second = save("klass eq \"GOLD\"", Expected::Revision(&first)).unwrap();
    assert_ne!(first, second);
    let error = save("klass pr", Expected::Revision(&first)).unwrap_err();
    assert!(
        matches!(&error, AppError::Outdated { expected, found, .. } if (expected, found) == (&first, &second)),
        "{error}"
    );
    assert_eq!(kind(app.remove_filter_as("gold", Expected::Revision(&first))), Kind::Outdated);
    app.remove_filter_as("gold", Expected::Revision(&second)).unwrap();
    assert_eq!(app.saved_filters().unwrap(), []);
    save("klass pr", Expected::Nothing).unwrap();
}

#[test]
fn a_version_follows_the_one_that_was_seen() {
    let (_database, app) = site(0);
    let save = |expected| app.save_script_after("mark", "pass", "", expected).map(|(new, _)| new.version);
    assert_eq!(kind(save(Expected::Revision("1"))), Kind::Missing);
    assert_eq!(save(Expected::Nothing).unwrap(), 1);
    assert_eq!(kind(save(Expected::Nothing)), Kind::Conflict);
    assert_eq!(save(Expected::Revision("1")).unwrap(), 2);
    let error = save(Expected::Revision("1")).unwrap_err();
    assert_eq!(error.kind(), Kind::Outdated);
    assert!(error.to_string().starts_with("script \"mark\" is at version 2, not 1:"), "{error}");
    assert_eq!(kind(app.remove_script_as("mark", Expected::Revision("1"))), Kind::Outdated);
    app.remove_script_as("mark", Expected::Revision("2")).unwrap();
    assert_eq!(kind(save(Expected::Revision("2"))), Kind::Missing);
    assert_eq!(save(Expected::Nothing).unwrap(), 3, "the numbers go on");
    // An organization's script of that name is another one.
    app.add_organization("North").unwrap();
    let norths = app.save_script_after("North:mark", "pass", "", Expected::Nothing).unwrap().0;
    assert_eq!(norths.version, 1);
}

#[test]
fn a_profile_gets_other_items_as_it_was_seen() {
    let (_database, app) = site(0);
    let item = |kind, text| Item::parse(kind, text).unwrap();
    let reply = [item(ItemKind::Reply, "Session-Timeout := 60"), item(ItemKind::Reply, "Class = a")];
    let check = [item(ItemKind::Check, "NAS-Identifier == x")];
    let seen = revision(&app.profile("basic").unwrap());
    let edited = app.edit_profile("basic", &reply, &check, Expected::Revision(&seen)).unwrap();
    assert_eq!(edited, app.profile("basic").unwrap());
    assert_eq!((edited.reply.len(), edited.check.len()), (2, 1));
    let entry = app.audit(&Default::default()).unwrap().next().unwrap().unwrap();
    assert_eq!((entry.action.as_str(), entry.subject.as_str()), ("profile-edit", "profile basic"));
    assert!(entry.detail.contains("Session-Timeout := 60"), "{}", entry.detail);
    assert_eq!(kind(app.edit_profile("basic", &[], &[], Expected::Revision(&seen))), Kind::Outdated);
    assert_eq!(kind(app.remove_profile_as("basic", Expected::Revision(&seen))), Kind::Outdated);
    assert_eq!(kind(app.edit_profile("none", &[], &[], Expected::Anything)), Kind::Missing);
    app.edit_profile("basic", &reply[1..], &[], Expected::Anything).unwrap();
    app.remove_profile_as("basic", Expected::Revision(&revision(&app.profile("basic").unwrap()))).unwrap();
}

#[test]
fn of_many_who_change_what_they_have_seen_one_does() {
    let (database, app) = site(0);
    app.save_filter("gold", "klass pr").unwrap();
    app.save_script("mark", "pass", "").unwrap();
    let filter = revision(&app.saved_filter("gold").unwrap());
    let profile = revision(&app.profile("basic").unwrap());
    let barrier = Barrier::new(4);
    let counts = thread::scope(|scope| {
        let change = |n: usize| {
            let app = another(&database);
            let item = Item::parse(ItemKind::Reply, &format!("Class = {n}")).unwrap();
            barrier.wait();
            let done = [
                app.replace_filter("gold", &format!("klass eq \"{n}\""), Expected::Revision(&filter))
                    .map(drop),
                app.save_script_after("mark", "skip('x')", "", Expected::Revision("1")).map(drop),
                app.edit_profile("basic", &[item], &[], Expected::Revision(&profile)).map(drop),
                app.replace_filter("new", "klass pr", Expected::Nothing).map(drop),
            ];
            done.map(|done| match done {
                Ok(()) => 1,
                Err(error) => {
                    assert!(matches!(error.kind(), Kind::Outdated | Kind::Conflict), "{error}");
                    0
                }
            })
        };
        let threads: Vec<_> = (0..4).map(|n| scope.spawn(move || change(n))).collect();
        let done = threads.into_iter().map(|thread| thread.join().unwrap());
        done.fold([0; 4], |sum, each| [0, 1, 2, 3].map(|at| sum[at] + each[at]))
    });
    assert_eq!(counts, [1; 4]);
    assert_eq!(app.script("mark", None).unwrap().version, 2);
}
