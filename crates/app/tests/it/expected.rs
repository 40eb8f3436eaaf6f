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
    let save = |text: &str, expected| {
        app.filters().save_if_match("gold", text, expected).map(|(new, _)| revision(&new))
    };
    assert_eq!(kind(save("klass pr", Expected::Revision("ab"))), Kind::Missing);
    let first = save("klass eq \"gold\"", Expected::Nothing).unwrap();
    assert_eq!(first, revision(&app.filters().find("gold").unwrap()));
    assert_eq!(kind(save("klass pr", Expected::Nothing)), Kind::Conflict);
    let second = save("klass eq \"GOLD\"", Expected::Revision(&first)).unwrap();
    assert_ne!(first, second);
    let error = save("klass pr", Expected::Revision(&first)).unwrap_err();
    assert!(
        matches!(&error, AppError::Outdated { expected, found, .. } if (expected, found) == (&first, &second)),
        "{error}"
    );
    assert_eq!(kind(app.filters().remove_if_match("gold", Expected::Revision(&first))), Kind::Outdated);
    app.filters().remove_if_match("gold", Expected::Revision(&second)).unwrap();
    assert_eq!(app.filters().list().unwrap(), []);
    save("klass pr", Expected::Nothing).unwrap();
}

#[test]
fn a_version_follows_the_one_that_was_seen() {
    let (_database, app) = site(0);
    let save =
        |expected| app.scripts().save_if_match("mark", "pass", "", expected).map(|(new, _)| new.version);
    assert_eq!(kind(save(Expected::Revision("1"))), Kind::Missing);
    assert_eq!(save(Expected::Nothing).unwrap(), 1);
    assert_eq!(kind(save(Expected::Nothing)), Kind::Conflict);
    assert_eq!(save(Expected::Revision("1")).unwrap(), 2);
    let error = save(Expected::Revision("1")).unwrap_err();
    assert_eq!(error.kind(), Kind::Outdated);
    assert!(error.to_string().starts_with("script \"mark\" is at version 2, not 1:"), "{error}");
    assert_eq!(kind(app.scripts().remove_if_match("mark", Expected::Revision("1"))), Kind::Outdated);
    app.scripts().remove_if_match("mark", Expected::Revision("2")).unwrap();
    assert_eq!(kind(save(Expected::Revision("2"))), Kind::Missing);
    assert_eq!(save(Expected::Nothing).unwrap(), 3, "the numbers go on");
    // An organization's script of that name is another one.
    app.organizations().add("North").unwrap();
    let norths = app.scripts().save_if_match("North:mark", "pass", "", Expected::Nothing).unwrap().0;
    assert_eq!(norths.version, 1);
}

#[test]
fn a_profile_gets_other_items_as_it_was_seen() {
    let (_database, app) = site(0);
    let item = |kind, text| Item::parse(kind, text).unwrap();
    let reply = [item(ItemKind::Reply, "Session-Timeout := 60"), item(ItemKind::Reply, "Class = a")];
    let check = [item(ItemKind::Check, "NAS-Identifier == x")];
    let seen = revision(&app.profiles().find("basic").unwrap());
    let edited = app.profiles().edit("basic", &reply, &check, Expected::Revision(&seen)).unwrap();
    assert_eq!(edited, app.profiles().find("basic").unwrap());
    assert_eq!((edited.reply.len(), edited.check.len()), (2, 1));
    let entry = app.audit().list(&Default::default()).unwrap().next().unwrap().unwrap();
    assert_eq!((entry.action.as_str(), entry.subject.as_str()), ("profile-edit", "profile basic"));
    assert!(entry.detail.contains("Session-Timeout := 60"), "{}", entry.detail);
    assert_eq!(kind(app.profiles().edit("basic", &[], &[], Expected::Revision(&seen))), Kind::Outdated);
    assert_eq!(kind(app.profiles().remove_if_match("basic", Expected::Revision(&seen))), Kind::Outdated);
    assert_eq!(kind(app.profiles().edit("none", &[], &[], Expected::Anything)), Kind::Missing);
    app.profiles().edit("basic", &reply[1..], &[], Expected::Anything).unwrap();
    app.profiles()
        .remove_if_match("basic", Expected::Revision(&revision(&app.profiles().find("basic").unwrap())))
        .unwrap();
}

#[test]
fn of_many_who_change_what_they_have_seen_one_does() {
    let (database, app) = site(0);
    app.filters().save("gold", "klass pr").unwrap();
    app.scripts().save("mark", "pass", "").unwrap();
    let filter = revision(&app.filters().find("gold").unwrap());
    let profile = revision(&app.profiles().find("basic").unwrap());
    let barrier = Barrier::new(4);
    let counts = thread::scope(|scope| {
        let change = |n: usize| {
            let app = another(&database);
            let item = Item::parse(ItemKind::Reply, &format!("Class = {n}")).unwrap();
            barrier.wait();
            let done = [
                app.filters()
                    .save_if_match("gold", &format!("klass eq \"{n}\""), Expected::Revision(&filter))
                    .map(drop),
                app.scripts().save_if_match("mark", "skip('x')", "", Expected::Revision("1")).map(drop),
                app.profiles().edit("basic", &[item], &[], Expected::Revision(&profile)).map(drop),
                app.filters().save_if_match("new", "klass pr", Expected::Nothing).map(drop),
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
    assert_eq!(app.scripts().find_version("mark", None).unwrap().version, 2);
}
