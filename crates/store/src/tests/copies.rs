//! A copy has everything, whichever database it is in, or nobody can use it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rollcall_domain::{Administrator, SavedFilter, ScriptVersion, Secret};

use super::*;
use crate::db::args;
use crate::tables::{LEFT_OUT, TABLES};
use crate::{Authenticator, Copied, CopyEvent, NewToken, PasswordEdit, Phase, Seen};

/// The columns that a database has, by table, except where it keeps its own things.
fn columns(store: &Store) -> BTreeSet<(String, String)> {
    let query = match store {
        Store::Sqlite(_) => {
            "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'"
        }
        Store::Postgres(_) => {
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns \
             JOIN information_schema.tables USING (table_schema, table_name) \
             WHERE table_schema = 'public' AND table_name <> 'rollcall_schema' AND table_type = 'BASE TABLE'"
        }
    };
    let found = store.read(|tx| tx.all(query, &[], |row| Ok((row.get(0)?, row.get(1)?))));
    found.unwrap().into_iter().collect()
}

#[test]
fn every_column_that_there_is_is_copied_or_left_out_on_purpose() {
    for place in [Place::new(), Place::file()] {
        let Fixture { store, folder: _folder } = fixture_at(place, 0);
        let copied = TABLES.iter().map(|table| (table.name, table.columns()));
        let left_out = LEFT_OUT.iter().map(|(table, columns)| (*table, columns.to_vec()));
        let known: BTreeSet<_> = copied
            .chain(left_out)
            .flat_map(|(table, columns)| {
                columns.into_iter().map(move |column| (table.to_owned(), column.to_owned()))
            })
            .collect();
        assert_eq!(columns(&store), known, "a table of a new migration belongs into tables.rs");
    }
}

/// Something in every table, and numbers that were given and taken back.
fn full(place: Place) -> Fixture {
    let fixture = fixture_at(place, 5);
    let store = &fixture.store;
    let seen = users_of(store);
    let run = start(store, Mode::Apply);
    let settled: Vec<_> =
        (1..).zip(&seen[..3]).map(|(target, user)| settle(store, target, user, everything())).collect();
    store.chunks().commit(&stretch(&run, 0, 3), &settled).unwrap();
    store.chunks().release(&run.chunk, HOLDER).unwrap();
    let preview = start(store, Mode::Preview);
    let renamed = settle(store, 1, &users_of(store)[0], rename("planned\u{1F98A}"));
    store.chunks().commit(&stretch(&preview, 0, 1), &[renamed]).unwrap();
    store.chunks().release(&preview.chunk, HOLDER).unwrap();
    let before = &users_of(store)[3];
    let after = User { description: "é\n\"\t".into(), ..before.clone() };
    let edit = HandEdit {
        before,
        after: &after,
        changes: &diff(before, &after),
        last_update: now(),
        password: PasswordEdit::Keep,
        act: Act { who: "cli:other", ..act() },
    };
    assert_eq!(store.users().edit(&edit).unwrap(), Edited::Yes);
    store.users().remove(&users_of(store)[4], &act()).unwrap();
    store.installation().set_setting("prune_after", Some("90d"), &act()).unwrap();
    let (name, administrator) = ("gold".to_owned(), "cli:test".to_owned());
    let filter = SavedFilter {
        name,
        organization: None,
        filter: "klass eq \"gold\"".into(),
        administrator,
        saved_at: now(),
    };
    store.filters().save(&filter, Seen::Anything, &act()).unwrap();
    let script = ScriptVersion {
        organization: store.organizations().all().unwrap().pop(),
        script: "extend".into(),
        version: 1,
        administrator: "cli:test".into(),
        saved_at: now(),
        note: "why".into(),
        source: "pass".into(),
    };
    store.scripts().save(&script, Seen::Anything, &act()).unwrap();
    let answers = "INSERT INTO radpostauth (username, reply, authdate) VALUES ('user1', 'Access-Accept', ?1), \
                   ('user3', 'Access-Accept', ?1), ('nobody', 'Access-Reject', ?1)";
    store.write(|tx| tx.execute(answers, args![now()])).unwrap();
    // Somebody whose name was another one's when that one came in.
    let earlier = "UPDATE user_logins SET first_login = NULL, last_login = ?1 WHERE user_id = 3";
    store.write(|tx| tx.execute(earlier, args![Timestamp::MIN])).unwrap();
    store.radius().load_dictionary(&rollcall_domain::Dictionary::built_in(), &act()).unwrap();
    let session = "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime) \
                   VALUES ('s1', 'u1', 'user1', '192.0.2.1', ?1)";
    store.write(|tx| tx.execute(session, args![now()])).unwrap();
    let everything = [Grant::EVERYTHING, Grant { role: Role::Author, organization_id: Some(1) }];
    store.administrators().add("maria", &everything, &act()).unwrap();
    add_credentials(store, &store.administrators().by_name("maria").unwrap().unwrap());
    let approval = "INSERT INTO approvals (run_id, plan, who, at) VALUES (?1, 'ab12', 'cli:other', ?2)";
    store.write(|tx| tx.execute(approval, args![preview.run.id, now()])).unwrap();
    let key =
        "INSERT INTO run_keys (owner, key, request, run_id, created_at) VALUES ('cli:é', 'ab', 'cd', ?1, ?2)";
    store.write(|tx| tx.execute(key, args![preview.run.id, now()])).unwrap();
    let item = Item::parse(ItemKind::Check, "NAS-Identifier == x").unwrap();
    store.profiles().add("checks", None, [&[], &[item]], &act()).unwrap();
    fixture
}

fn add_credentials(store: &Store, who: &Administrator) {
    let hash = &Secret::new("0123");
    store.credentials().set_password(who, hash, None, &act()).unwrap();
    assert!(store.credentials().enrol_authenticator(who, hash).unwrap());
    let authenticator = Authenticator { secret: hash.clone(), last_step: 59_000_000 };
    assert!(
        store
            .credentials()
            .confirm_authenticator(who, &authenticator, std::slice::from_ref(hash), &act())
            .unwrap()
    );
    let scopes = &"look,execute".parse().unwrap();
    store
        .tokens()
        .add(who, &NewToken { name: "é", hash, scopes, expires_at: Timestamp::MAX }, &act())
        .unwrap();
}

fn copy(from: &Store, to: &Location) -> Vec<Copied> {
    from.snapshot().unwrap().copy_to(to, &act(), &mut |_| {}).unwrap()
}

#[track_caller]
fn check(copied: &[Copied]) {
    assert_eq!(copied.len(), TABLES.len());
    assert!(copied.iter().all(Copied::is_equal), "{copied:#?}");
}

#[test]
fn a_copy_is_equal_and_so_is_the_copy_of_the_copy() {
    let original = full(Place::file());
    let (server, file) = (Place::new(), Place::file());
    let there = copy(&original.store, &server.location());
    check(&there);
    assert!(there.iter().all(|table| table.source.rows > 0), "a test of nothing: {there:#?}");
    let on_server = Store::open(&server.location()).unwrap();
    let back = copy(&on_server, &file.location());
    check(&back);
    let but_the_log = |copied: &[Copied]| -> Vec<Copied> {
        copied.iter().filter(|each| !each.table.starts_with("audit")).cloned().collect()
    };
    assert_eq!(but_the_log(&there), but_the_log(&back));
    let logged = |copied: &[Copied]| copied.iter().find(|each| each.table == "audit").unwrap().source.rows;
    assert_eq!(logged(&back), logged(&there) + 1, "that it was copied is recorded there");

    let again = Store::open(&file.location()).unwrap();
    assert_eq!(columns(&again), columns(&original.store), "the mark is gone");
    assert_eq!(users_of(&again), users_of(&original.store));
    for store in [&on_server, &again] {
        assert_eq!(store.chunks().holders().unwrap(), [] as [String; 0]);
        assert!(store.audit().verify(None, |_| {}).unwrap().is_ok());
        audits::check_goes_on(store, &original.store.audit().head().unwrap());
        let added = store.users().import(|import| {
            let organization = import.organization("default")?;
            let user = &User::new(0, "next", organization, now());
            let next = Newcomer::User { line: 1, id: None, user, password: None };
            Ok::<_, StoreError>(Decision::Commit(import.add_all(&[next])?))
        });
        assert_eq!(added.unwrap(), [Some(Added::As(6))], "the number of the removed user does not come back");
        assert_eq!(make(store, Mode::Preview).id, 3);
        let chunk = store
            .chunks()
            .lease(hold(&store.runs().by_id(1).unwrap().unwrap()), &lessee("next"))
            .unwrap()
            .unwrap();
        assert_eq!((chunk.done, chunk.last), (3, 5), "a run goes on in the copy");
    }
}

#[test]
fn an_empty_database_can_be_copied() {
    let original = file_fixture(0);
    let to = Place::new();
    check(&copy(&original.store, &to.location()));
    assert_eq!(Store::open(&to.location()).unwrap().profiles().all().unwrap().len(), 3);
}

/// Copies until `enough`, and is interrupted there.
fn interrupt(from: &Store, to: &Location, mut enough: impl FnMut(&CopyEvent) -> bool) {
    let told = catch_unwind(AssertUnwindSafe(|| {
        from.snapshot().unwrap().copy_to(to, &act(), &mut |event| assert!(!enough(&event), "interrupted"))
    }));
    assert!(told.is_err(), "it was not interrupted: {told:?}");
}

fn at(event: &CopyEvent, wanted: Phase, name: &str) -> bool {
    matches!(event, CopyEvent::Step { phase, table, .. } if *phase == wanted && *table == name)
}

/// What is told besides how far it is.
fn news(from: &Store, to: &Location) -> Vec<CopyEvent> {
    let mut news = Vec::new();
    let copied = from.snapshot().unwrap().copy_to(to, &act(), &mut |event| {
        if !matches!(event, CopyEvent::Step { .. }) {
            news.push(event);
        }
    });
    check(&copied.unwrap());
    news
}

#[test]
fn an_interrupted_copy_cannot_be_used_and_goes_on() {
    let original = full(Place::file());
    for (phase, table) in [
        (Phase::Copying, "profile_items"),
        (Phase::Copying, "outcomes"),
        (Phase::Copying, "edits"),
        (Phase::Verifying, "users"),
    ] {
        let to = Place::new();
        interrupt(&original.store, &to.location(), |event| at(event, phase, table));
        for refused in [Store::open(&to.location()).map(drop), Store::create(&to.location()).map(drop)] {
            let Err(error @ StoreError::HalfCopied { .. }) = refused else { panic!("{refused:?}") };
            assert!(error.to_string().contains("rollcall.db"), "{error}");
        }
        assert_eq!(news(&original.store, &to.location()), [CopyEvent::GoesOn], "{table}");
        Store::open(&to.location()).unwrap();
    }
}

#[test]
fn a_source_that_has_changed_since_is_copied_anew() {
    let original = full(Place::file());
    let to = Place::new();
    interrupt(&original.store, &to.location(), |event| at(event, Phase::Copying, "edits"));
    original.store.users().remove(&users_of(&original.store)[0], &act()).unwrap();
    let changed = vec!["users", "user_logins", "user_profiles", "user_items", "audit", "audit_head"];
    assert_eq!(news(&original.store, &to.location()), [CopyEvent::StartsOver(changed)]);
    assert_eq!(users_of(&Store::open(&to.location()).unwrap()), users_of(&original.store));
}

#[test]
fn what_is_written_during_the_copy_is_not_copied() {
    let original = full(Place::file());
    let to = Place::new();
    let mut seen = None;
    let copied = original.store.snapshot().unwrap().copy_to(&to.location(), &act(), &mut |event| {
        if at(&event, Phase::Copying, "users") && seen.is_none() {
            seen = Some(users_of(&original.store));
            original.store.users().remove(&users_of(&original.store)[1], &act()).unwrap();
        }
    });
    check(&copied.unwrap());
    assert_eq!(users_of(&Store::open(&to.location()).unwrap()), seen.unwrap());
}

#[test]
fn a_copy_that_differs_is_told_and_cannot_be_used() {
    let original = full(Place::file());
    let to = Place::new();
    let mut other = None;
    let copied = original.store.snapshot().unwrap().copy_to(&to.location(), &act(), &mut |event| {
        if at(&event, Phase::Copying, "edits") && other.is_none() {
            let (store, _) = Store::create_for_copy(&to.location()).unwrap();
            store.write(|tx| tx.execute("UPDATE users SET password = 'other' WHERE id = 2", &[])).unwrap();
            other = Some(store);
        }
    });
    let copied = copied.unwrap();
    let differ: Vec<_> = copied.iter().filter(|table| !table.is_equal()).map(|table| table.table).collect();
    assert_eq!(differ, ["users"]);
    assert!(matches!(Store::open(&to.location()), Err(StoreError::HalfCopied { .. })));
    assert_eq!(news(&original.store, &to.location()), [], "it is made anew, without a word about changes");
    let anew = Store::open(&to.location()).unwrap();
    audits::check_goes_on(&anew, &original.store.audit().head().unwrap());
}

#[test]
fn of_two_who_copy_at_once_one_gives_up() {
    let original = full(Place::file());
    let to = Place::new();
    let mut second = None;
    let first = original.store.snapshot().unwrap().copy_to(&to.location(), &act(), &mut |event| {
        if at(&event, Phase::Copying, "targets") && second.is_none() {
            second = Some(copy(&original.store, &to.location()));
        }
    });
    assert!(matches!(first, Err(StoreError::Stale(_))), "{first:?}");
    check(&second.unwrap());
    Store::open(&to.location()).unwrap();
}

#[test]
fn only_an_empty_database_is_filled() {
    let original = full(Place::file());
    let copy = |to: &Location| original.store.snapshot().unwrap().copy_to(to, &act(), &mut |_| {}).map(drop);
    let occupied = fixture(0);
    assert!(matches!(copy(&occupied.location()), Err(StoreError::Occupied { table: "organizations", .. })));
    occupied.store.profiles().all().unwrap();
    Store::open(&occupied.location()).unwrap();
    assert!(matches!(copy(&original.location()), Err(StoreError::SameDatabase(_))));
    let linked = original.folder.path().join("other name.db");
    std::os::unix::fs::symlink(original.folder.path().join("rollcall.db"), &linked).unwrap();
    assert!(matches!(copy(&Location::Sqlite(linked)), Err(StoreError::SameDatabase(_))));
    let nowhere = Location::Sqlite(original.folder.path().join("no/such/folder.db"));
    assert!(matches!(copy(&nowhere), Err(StoreError::Unwritable { .. })));

    let waiting = Place::new();
    let (store, _) = Store::create(&waiting.location()).unwrap();
    let beat = crate::Beat { id: "w", crew: 1, run: None, committed: 0, speed: 0, draining: false };
    store.workers().beat(&beat).unwrap();
    assert!(matches!(copy(&waiting.location()), Err(StoreError::InUse(_))));
    store.workers().remove("w").unwrap();
    copy(&waiting.location()).unwrap();
}

#[test]
fn what_a_server_cannot_keep_is_named() {
    let original = full(Place::file());
    original.raw().execute("UPDATE outcomes SET output = 'a' || char(0) || 'b' WHERE seq = 2", []).unwrap();
    let to = Place::new();
    let copied = original.store.snapshot().unwrap().copy_to(&to.location(), &act(), &mut |_| {});
    match to {
        Place::Folder(_) => check(&copied.unwrap()),
        Place::Server(..) => {
            let Err(StoreError::Nul { table: "outcomes", column: "output", key }) = copied else {
                panic!("{copied:?}")
            };
            assert_eq!(key, "1, 2");
        }
    }
}
