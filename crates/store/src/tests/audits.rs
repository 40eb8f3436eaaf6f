//! The audit log is what was written, or that is found.

use rollcall_domain::{Action, AuditEntry, AuditQuery, Deed, Flaw, Head, Verdict};

use super::*;
use crate::db::{Arg, Tx, args};

fn verify(store: &Store, kept: Option<&Head>) -> Verdict {
    store.audit().verify(kept, |_| {}).unwrap()
}

fn entries(store: &Store) -> Vec<AuditEntry> {
    store.audit().after(&AuditQuery::default(), 0, 1_000).unwrap()
}

fn deed(n: i64) -> Deed {
    Deed::new(Action::RunApply, format!("run {n}")).within(Some(2)).with("preview", n)
}

/// So many rows, with something in every column.
fn logged(rows: i64) -> Fixture {
    let fixture = empty(Place::new());
    let act = Act { who: "ana", administrator_id: Some(1), address: Some("::1"), ..act() };
    (1..=rows).for_each(|n| fixture.store.audit().record(&act, &deed(n)).unwrap());
    fixture
}

/// A copy has the whole log up to `head`, and that it was copied, goes on with it, and refuses to change it.
#[track_caller]
pub(super) fn check_goes_on(copy: &Store, head: &Head) {
    let copied = verify(copy, Some(head)).unwrap();
    assert!(copied.number > head.number);
    copy.audit().record(&act(), &deed(1)).unwrap();
    assert_eq!(verify(copy, Some(&copied)).unwrap().number, copied.number + 1);
    copy.write(|tx| tx.execute("DELETE FROM audit", &[])).unwrap_err();
}

/// Does what the database refuses, as whoever owns it can.
fn tamper(store: &Store, sql: &str, args: &[Arg<'_>]) {
    store
        .write(|tx| {
            audit::unguarded(tx, || {
                assert!(tx.execute(sql, args)? > 0, "{sql} has done nothing");
                Ok(())
            })
        })
        .unwrap();
}

#[test]
fn every_row_continues_the_one_before_it() {
    let Fixture { store, folder: _folder } = empty(Place::new());
    assert_eq!((store.audit().head().unwrap(), verify(&store, None)), (Head::start(), Ok(Head::start())));
    (1..=3).for_each(|n| store.audit().record(&act(), &deed(n)).unwrap());
    let rows = entries(&store);
    assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((&rows[2].subject[..], &rows[2].detail[..]), ("run 3", r#"{"preview":3}"#));
    assert_eq!((rows[2].at, rows[2].organization_id, &rows[2].who[..]), (now(), Some(2), "cli:test"));
    assert_eq!(rows[0].previous, Head::start().hash);
    assert!(rows.windows(2).all(|pair| pair[1].previous == pair[0].hash));
    assert_eq!(store.audit().head().unwrap(), rows[2].head());
    let mut told = 0;
    let verdict = store.audit().verify(Some(&rows[0].head()), |rows| told = rows);
    assert_eq!((verdict.unwrap(), told), (Ok(rows[2].head()), 3));
}

#[test]
fn rows_are_chosen_by_who_what_and_when() {
    let Fixture { store, folder: _folder } = empty(Place::new());
    for (n, who) in (0..6).zip(["ana", "ben"].into_iter().cycle()) {
        let at = Timestamp::from_micros(n).unwrap();
        let action = if n < 3 { Action::Grant } else { Action::Revoke };
        store.audit().record(&Act { at, who, ..act() }, &Deed::new(action, "x")).unwrap();
    }
    let page = |query: AuditQuery, before, limit| -> Vec<i64> {
        let page = store.audit().page(&query, before, limit).unwrap();
        page.into_iter().map(|entry| entry.number).collect()
    };
    let all = AuditQuery::default;
    assert_eq!(page(all(), i64::MAX, 100), [6, 5, 4, 3, 2, 1]);
    assert_eq!((page(all(), i64::MAX, 2), page(all(), 3, 2)), (vec![6, 5], vec![2, 1]));
    assert_eq!(page(AuditQuery { who: Some("ben".into()), ..all() }, i64::MAX, 100), [6, 4, 2]);
    assert_eq!(page(AuditQuery { action: Some(Action::Grant), ..all() }, i64::MAX, 100), [3, 2, 1]);
    let since = Timestamp::from_micros(3);
    assert_eq!(page(AuditQuery { since, who: Some("ben".into()), ..all() }, i64::MAX, 100), [6, 4]);
}

#[test]
fn the_database_refuses_to_change_the_log() {
    let Fixture { store, folder: _folder } = logged(3);
    let mut refused = vec![
        "UPDATE audit SET who = 'ben'",
        "UPDATE audit SET who = who WHERE id = 2",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE id = 3",
        "UPDATE audit_head SET number = 2",
        "DELETE FROM audit_head",
        "INSERT INTO audit SELECT * FROM audit WHERE id = 2 ON CONFLICT (id) DO UPDATE SET who = 'ben'",
    ];
    refused.extend(match store {
        Store::Sqlite(_) => ["REPLACE INTO audit SELECT * FROM audit WHERE id = 2"; 2],
        Store::Postgres(_) => ["TRUNCATE audit", "TRUNCATE audit_head"],
    });
    // Twice: once it was switched off for half a copy, it is on again.
    for round in 0..2 {
        for sql in &refused {
            let error = store.write(|tx| tx.execute(*sql, &[])).unwrap_err().to_string();
            assert!(error.contains("the audit log cannot be changed"), "{round}, {sql}: {error}");
        }
        assert_eq!(verify(&store, None), Ok(entries(&store)[2].head()));
        store.write(|tx| audit::unguarded(tx, || Ok(()))).unwrap();
    }
}

#[test]
fn whatever_column_of_whatever_row_is_altered_is_found() {
    let Fixture { store, folder: _folder } = logged(4);
    let whole = entries(&store);
    let kept = whole[3].head();
    let columns = [
        ("at", Arg::Time(Timestamp::MAX)),
        ("who", Arg::Text("other")),
        ("administrator_id", Arg::Int(7)),
        ("administrator_id", Arg::Null),
        ("organization_id", Arg::Int(1)),
        ("organization_id", Arg::Null),
        ("action", Arg::Text("other")),
        ("subject", Arg::Text("other")),
        ("detail", Arg::Text("other")),
        ("address", Arg::Text("other")),
        ("address", Arg::Text("")),
        ("address", Arg::Null),
        ("previous", Arg::Text("other")),
        ("hash", Arg::Text("other")),
    ];
    for (entry, (column, value)) in
        whole.iter().flat_map(|entry| columns.iter().map(move |each| (entry, each)))
    {
        let number = entry.number;
        let set = format!("UPDATE audit SET {column} = ?1 WHERE id = ?2");
        tamper(&store, &set, &[value.clone(), Arg::Int(number)]);
        for head in [None, Some(&kept)] {
            assert_eq!(verify(&store, head), Err(Flaw::Altered(number)), "{column}");
        }
        restore(&store, entry);
    }
    assert_eq!(verify(&store, Some(&kept)), Ok(kept.clone()));

    for number in 1..=4 {
        tamper(&store, "UPDATE audit SET id = 40 WHERE id = ?1", args![number]);
        let found = verify(&store, None).unwrap_err();
        match number {
            4 => assert_eq!(found, Flaw::Missing { first: 4, last: 39 }),
            _ => assert_eq!(found, Flaw::Missing { first: number, last: number }),
        }
        tamper(&store, "UPDATE audit SET id = ?1 WHERE id = 40", args![number]);
    }
    assert_eq!(verify(&store, Some(&kept)), Ok(kept));
}

fn restore(store: &Store, entry: &AuditEntry) {
    let all = "UPDATE audit SET at = ?1, who = ?2, administrator_id = ?3, organization_id = ?4, action = ?5, \
               subject = ?6, detail = ?7, address = ?8, previous = ?9, hash = ?10 WHERE id = ?11";
    let AuditEntry { number, at, who, administrator_id, organization_id, action, subject, .. } = entry;
    let (address, previous, hash) = (entry.address.as_deref(), &entry.previous, &entry.hash);
    let (administrator, organization) = (*administrator_id, *organization_id);
    let detail = &entry.detail;
    tamper(
        store,
        all,
        args![
            *at,
            who,
            administrator,
            organization,
            action,
            subject,
            detail,
            address,
            previous,
            hash,
            *number
        ],
    );
}

#[test]
fn what_cannot_be_read_was_altered() {
    let fixture = empty(Place::file());
    (1..=3).for_each(|n| fixture.store.audit().record(&act(), &deed(n)).unwrap());
    for broken in ["at = 9223372036854775807", "who = CAST(x'ff' AS TEXT)"] {
        tamper(&fixture.store, &format!("UPDATE audit SET {broken} WHERE id = 2"), &[]);
        assert_eq!(verify(&fixture.store, None), Err(Flaw::Altered(2)), "{broken}");
    }
}

#[test]
fn rows_that_are_gone_moved_or_added_are_found() {
    let tampered = |statements: &[&str]| {
        let Fixture { store, folder: _folder } = logged(9);
        let kept = entries(&store)[7].head();
        statements.iter().for_each(|sql| tamper(&store, sql, &[]));
        (verify(&store, None), verify(&store, Some(&kept)))
    };
    let both = |flaw: Flaw| (Err(flaw.clone()), Err(flaw));
    assert_eq!(
        tampered(&["DELETE FROM audit WHERE id = 4"]),
        both(Flaw::Missing { first: 4, last: 4 }),
        "deleted"
    );
    assert_eq!(tampered(&["DELETE FROM audit WHERE id < 3"]), both(Flaw::Missing { first: 1, last: 2 }));
    let renumber = ["DELETE FROM audit WHERE id = 9", "UPDATE audit SET id = 9 WHERE id = 4"];
    assert_eq!(tampered(&renumber), both(Flaw::Missing { first: 4, last: 4 }));
    let swap = [
        "UPDATE audit SET id = 0 WHERE id = 4",
        "UPDATE audit SET id = 4 WHERE id = 5",
        "UPDATE audit SET id = 5 WHERE id = 0",
    ];
    assert_eq!(tampered(&swap), both(Flaw::Renumbered { number: 4, was: 5 }), "swapped");
    assert_eq!(tampered(&["UPDATE audit SET id = -1 WHERE id = 4"]), both(Flaw::Stray(-1)));

    let cut = "DELETE FROM audit WHERE id > 6";
    let (alone, with_head) = tampered(&[cut]);
    assert_eq!(alone, Err(Flaw::Short { end: 6, head: 9 }), "cut");
    assert_eq!(with_head, Err(Flaw::Cut { end: 6, head: 8 }));
    let consistent = "UPDATE audit_head SET number = 6, hash = (SELECT hash FROM audit WHERE id = 6)";
    let (alone, with_head) = tampered(&[cut, consistent]);
    assert!(alone.is_ok(), "nothing is left that would show it");
    assert_eq!(with_head, Err(Flaw::Cut { end: 6, head: 8 }));
    assert_eq!(tampered(&["DELETE FROM audit_head"]), both(Flaw::Long { end: 9, head: 0 }));
    assert_eq!(tampered(&["UPDATE audit_head SET hash = ''"]), both(Flaw::OtherHead(9)));
    let (alone, with_head) = tampered(&["DELETE FROM audit", "DELETE FROM audit_head"]);
    assert_eq!((alone, with_head), (Ok(Head::start()), Err(Flaw::Cut { end: 0, head: 8 })));
}

#[test]
fn a_log_that_was_rewritten_is_found_by_a_head_that_was_kept() {
    let Fixture { store, folder: _folder } = logged(9);
    let kept = entries(&store)[6].head();
    tamper(&store, "DELETE FROM audit", &[]);
    tamper(&store, "DELETE FROM audit_head", &[]);
    // With Rollcall itself, so nothing is wrong with it.
    (1..=12).for_each(|n| store.audit().record(&act(), &deed(n)).unwrap());
    assert_eq!(verify(&store, None), Ok(store.audit().head().unwrap()));
    assert_eq!(verify(&store, Some(&kept)), Err(Flaw::Rewritten(7)));
}

#[test]
fn what_is_taken_back_was_never_recorded() {
    let Fixture { store, folder: _folder } = logged(2);
    let before = store.audit().head().unwrap();
    let failed: Result<(), StoreError> = store.write(|tx| {
        audit::record(tx, &act(), &deed(3))?;
        Err(StoreError::Full)
    });
    assert!(matches!(failed, Err(StoreError::Full)));
    assert_eq!(store.audit().head().unwrap(), before);
    store.administrators().add("ana", &[], &act()).unwrap();
    store.administrators().add("ana", &[], &act()).unwrap_err();
    store.audit().record(&act(), &deed(4)).unwrap();
    let rows = entries(&store);
    let numbers: Vec<_> = rows.iter().map(|row| (row.number, row.action.as_str())).collect();
    assert_eq!(numbers[2..], [(3, "administrator-add"), (4, "run-apply")]);
    assert_eq!(verify(&store, Some(&before)), Ok(rows[3].head()));
}

#[test]
fn of_many_who_write_at_once_each_gets_a_number() {
    const WRITERS: usize = 16;
    const EACH: usize = 4;
    let Fixture { store, folder } = empty(Place::new());
    let together = std::sync::Barrier::new(WRITERS);
    std::thread::scope(|scope| {
        for n in 0..WRITERS {
            let (together, folder) = (&together, &folder);
            scope.spawn(move || {
                let store = Store::open(&folder.location()).unwrap();
                together.wait();
                let deed = Deed::new(Action::RunApply, format!("run {n}"));
                (0..EACH).for_each(|_| store.audit().record(&act(), &deed).unwrap());
            });
        }
    });
    let head = store.audit().head().unwrap();
    assert_eq!(verify(&store, Some(&head)), Ok(head));
    assert_eq!(entries(&store).len(), WRITERS * EACH);
    for n in 0..WRITERS {
        let subject = format!("run {n}");
        assert_eq!(entries(&store).iter().filter(|entry| entry.subject == subject).count(), EACH);
    }
}

#[test]
fn whoever_reads_waits_for_nobody() {
    let Fixture { store, folder } = logged(2);
    let other = Store::open(&folder.location()).unwrap();
    let seen = store.write(|tx: &Tx<'_>| {
        audit::record(tx, &act(), &deed(3))?;
        Ok((other.audit().head()?.number, entries(&other).len(), verify(&other, None).is_ok()))
    });
    assert_eq!(seen.unwrap(), (2, 2, true));
}

#[test]
fn one_process_at_a_time_prunes_by_a_setting_and_says_so() {
    let Fixture { store, folder: _folder } = fixture(1);
    let hour = Duration::from_secs(3_600);
    assert!(store.pruning().claim(hour).unwrap());
    assert!(!store.pruning().claim(hour).unwrap());
    assert!(store.pruning().claim(Duration::ZERO).unwrap(), "it is that long ago");
    assert!(!store.pruning().claim(hour).unwrap(), "and counts anew");
    assert!(!store.pruning().is_anything_left(now()).unwrap());
    store.pruning().mark(now(), Some("prune_after"), &act()).unwrap();
    let row = entries(&store).pop().unwrap();
    assert_eq!(row.action, "prune");
    assert!(row.detail.ends_with(r#""runs":0,"setting":"prune_after"}"#), "{}", row.detail);
}

#[test]
fn what_is_done_to_administrators_and_settings_is_recorded_once() {
    let Fixture { store, folder: _folder } = fixture(1);
    let ana = Act { who: "ana", administrator_id: Some(1), ..act() };
    let everything = [Grant::EVERYTHING];
    store.administrators().add("root", &everything, &act()).unwrap();
    store.administrators().add("ben", &[], &ana).unwrap();
    let ben = store.administrators().by_name("ben").unwrap().unwrap();
    let grant = Grant { role: Role::Operator, organization_id: Some(1) };
    store.administrators().grant(&ben, &grant, &ana).unwrap();
    store.administrators().grant(&ben, &grant, &ana).unwrap();
    assert!(store.administrators().revoke(&ben, &grant, &ana).unwrap());
    assert!(!store.administrators().revoke(&ben, &grant, &ana).unwrap());
    store.administrators().remove(&ben, &ana).unwrap();
    store.installation().set_setting("prune_after", Some("90d"), &ana).unwrap();
    store.installation().set_setting("prune_after", None, &ana).unwrap();
    store.installation().set_fact("sample", "true").unwrap();
    let rows = entries(&store);
    // Those of the fixture come first.
    let rows: Vec<_> = rows.into_iter().filter(|row| row.action != "profile-add").collect();
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row.action.as_str(), row.subject.as_str(), row.organization_id, row.detail.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (
                "administrator-add",
                "administrator root",
                None,
                r#"{"grants":[{"organization_id":null,"role":"admin"}],"id":1}"#
            ),
            ("administrator-add", "administrator ben", None, r#"{"grants":[],"id":2}"#),
            ("grant", "administrator ben", Some(1), r#"{"id":2,"role":"operator"}"#),
            ("revoke", "administrator ben", Some(1), r#"{"id":2,"role":"operator"}"#),
            ("administrator-remove", "administrator ben", None, r#"{"id":2}"#),
            ("setting-set", "setting prune_after", None, r#"{"value":"90d"}"#),
            ("setting-set", "setting prune_after", None, r#"{"value":null}"#),
        ]
    );
    assert_eq!((rows[1].who.as_str(), rows[1].administrator_id), ("ana", Some(1)));
    assert!(verify(&store, None).is_ok());
}
