//! A run that takes a second administrator begins to write only with one whose approval counts at that moment.

use rollcall_domain::{Administrator, AuditQuery, Unapproved};

use super::*;
use crate::{FOUR_EYES_ABOVE, List};

/// A preview that changes two users and has finished.
fn preview(store: &Store) -> Run {
    let run = start(store, Mode::Preview);
    let users = users_of(store);
    let settled: Vec<_> =
        (1..).zip(&users).map(|(target, user)| settle(store, target, user, everything())).collect();
    let last = i64::try_from(users.len()).unwrap();
    store.chunks().commit(&stretch(&run, 0, last), &settled).unwrap();
    let end = RunEnd { state: RunState::Finished, note: None, ended_at: now(), millis: 1 };
    store.runs().end(hold(&run), &end).unwrap()
}

fn apply(store: &Store, preview: &Run) -> Result<Run, StoreError> {
    let run = store.runs().create(&NewRun {
        mode: Mode::Apply,
        script: "test.py",
        script_version: None,
        source: "",
        params: "{}",
        selection: &Selection::Plan { run: preview.id },
        list: List::Plan(preview),
        act: act(),
        scope: &Scope::Everywhere,
        settings: &Settings::default(),
        applies: Some(preview.id),
        undoes: None,
        state: RunState::Selecting,
        holder: Some(HOLDER),
        leased_until: now(),
        key: None,
    });
    run.map(created)
}

fn site() -> (Fixture, Run) {
    let fixture = fixture(2);
    fixture.store.installation().set_setting(FOUR_EYES_ABOVE, Some("1"), &act()).unwrap();
    let preview = preview(&fixture.store);
    (fixture, preview)
}

fn operator(store: &Store, name: &str) -> Administrator {
    let everywhere = [Grant { role: Role::Operator, organization_id: None }];
    store.administrators().add(name, &everywhere, &act()).unwrap();
    store.administrators().by_name(name).unwrap().unwrap()
}

fn by(who: &Administrator) -> Act<'_> {
    Act { who: &who.name, administrator_id: Some(who.id), ..act() }
}

#[track_caller]
fn why<T: std::fmt::Debug>(refused: Result<T, StoreError>) -> String {
    let Err(StoreError::Unapproved(why)) = refused else { panic!("{refused:?}") };
    why.to_string()
}

fn lack(store: &Store, preview: &Run) -> Option<String> {
    store.approvals().unapproved(preview).unwrap().as_ref().map(Unapproved::to_string)
}

#[test]
fn only_another_ones_approval_of_the_present_plan_counts() {
    let (Fixture { store, folder: _folder }, preview) = site();
    let note = "INSERT INTO approvals (run_id, plan, who, at) VALUES (?1, ?2, ?3, ?4)";
    let note = |plan: &str, who: &str| {
        store.write(|tx| tx.execute(note, crate::db::args![preview.id, plan, who, now()])).unwrap();
    };
    let plan = preview.plan.clone().unwrap();
    let said = |end: &str| {
        let id = preview.id;
        Some(format!("applying preview {id} has 2 targets, and above 1 it needs approval: {end}"))
    };
    let nobody = said("another administrator than cli:test must approve it");
    assert_eq!(lack(&store, &preview), nobody);
    // Whoever made it, by whatever way that came in.
    note(&plan, "cli:test");
    assert_eq!(lack(&store, &preview), nobody);
    note(&"0".repeat(64), "cli:ben");
    let changed =
        said("its plan has changed since cli:ben approved it; another administrator must approve it again");
    assert_eq!((lack(&store, &preview), Some(why(apply(&store, &preview)))), (changed.clone(), changed));
    assert_eq!(
        store.runs().page(i64::MAX, 10).unwrap(),
        [store.runs().by_id(preview.id).unwrap().unwrap()],
        "no run is left"
    );
    note(&plan, "cli:ben");
    assert_eq!(lack(&store, &preview), None);
    apply(&store, &preview).unwrap();
}

#[test]
fn an_approval_counts_as_long_as_whoever_gave_it_may_run_scripts() {
    let (Fixture { store, folder: _folder }, preview) = site();
    let ana = operator(&store, "ana");
    assert!(store.approvals().approve(&preview, &by(&ana)).unwrap());
    assert!(!store.approvals().approve(&preview, &by(&ana)).unwrap(), "the same again is nothing new");
    let role = Grant { role: Role::Operator, organization_id: None };
    store.administrators().revoke(&ana, &role, &act()).unwrap();
    let gone = "ana approved it and may no longer run scripts there; another administrator must approve it";
    assert!(lack(&store, &preview).unwrap().contains(gone));
    store.administrators().grant(&ana, &Grant { organization_id: Some(1), ..role }, &act()).unwrap();
    assert!(lack(&store, &preview).unwrap().contains(gone), "not for all of its users");
    store.administrators().grant(&ana, &role, &act()).unwrap();
    // The question is there, and meanwhile she goes: the answer finds that.
    let run = apply(&store, &preview).unwrap();
    store.administrators().remove(&ana, &act()).unwrap();
    assert!(why(store.runs().begin(hold(&run), Some(HOLDER), now())).contains(gone));
    assert_eq!(store.runs().by_id(run.id).unwrap().unwrap().state, RunState::Selecting);
    let takeover = Takeover {
        holder: Some(HOLDER),
        leased_until: now(),
        braked_from: Counts::default(),
        settings: &Settings::default(),
        act: act(),
    };
    assert!(why(store.runs().take(&run, &takeover)).contains(gone));
    // Another one of her name is another one.
    let other = operator(&store, "ana");
    assert!(why(store.runs().begin(hold(&run), Some(HOLDER), now())).contains(gone));
    assert!(matches!(
        store.approvals().approve(&preview, &by(&other)),
        Err(StoreError::AlreadyApplied { .. })
    ));
    store.installation().set_setting(FOUR_EYES_ABOVE, Some("2"), &act()).unwrap();
    store.runs().begin(hold(&run), Some(HOLDER), now()).unwrap();
    // What has its yes goes on, whatever is set later.
    store.installation().set_setting(FOUR_EYES_ABOVE, Some("0"), &act()).unwrap();
    store.runs().take(&store.runs().by_id(run.id).unwrap().unwrap(), &takeover).unwrap();
}

#[test]
fn an_approval_is_of_what_was_seen() {
    let (Fixture { store, folder: _folder }, preview) = site();
    let other = Run { plan: Some("0".repeat(64)), ..preview.clone() };
    assert!(matches!(store.approvals().approve(&other, &act()), Err(StoreError::Stale(_))));
    let going_on = start(&store, Mode::Preview);
    assert!(matches!(store.approvals().approve(&going_on, &act()), Err(StoreError::Stale(_))));
    assert_eq!(store.approvals().of(preview.id).unwrap(), []);
    let before = store.audit().head().unwrap().number;
    assert!(store.approvals().approve(&preview, &act()).unwrap());
    assert!(!store.approvals().approve(&preview, &act()).unwrap());
    let row = store.audit().after(&AuditQuery::default(), before, 10).unwrap().pop().unwrap();
    assert_eq!((row.number, row.action.as_str()), (before + 1, "run-approve"));
    let plan = preview.plan.unwrap();
    assert_eq!(row.detail, format!(r#"{{"plan":"{plan}","targets":2}}"#));
    assert_eq!(store.approvals().of(preview.id).unwrap()[0].plan, plan);
}

#[test]
fn the_database_refuses_to_change_approvals() {
    let (Fixture { store, folder: _folder }, preview) = site();
    store.approvals().approve(&preview, &act()).unwrap();
    let mut refused = vec!["UPDATE approvals SET who = 'ben'", "DELETE FROM approvals"];
    refused.push(match store {
        Store::Sqlite(_) => "REPLACE INTO approvals SELECT * FROM approvals",
        Store::Postgres(_) => "TRUNCATE approvals",
    });
    for round in 0..2 {
        for sql in &refused {
            let error = store.write(|tx| tx.execute(*sql, &[])).unwrap_err().to_string();
            assert!(error.contains("approvals cannot be changed"), "{round}, {sql}: {error}");
        }
        store.write(|tx| audit::unguarded(tx, || Ok(()))).unwrap();
    }
}
