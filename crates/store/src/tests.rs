use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rollcall_domain::{
    Act, Assignment, Brakes, Counts, Edit, Field, Grant, Item, ItemKind, Mode, Outcome, Role, Run, RunState,
    Scope, Selection, Settings, Tally, TargetOutcome, Timestamp, User, UserPassword, Zone, diff,
};
use rusqlite::Connection;
use tempfile::TempDir;

mod approvals;
mod audits;
mod copies;
mod filters;
mod searches;
mod server;

use crate::{
    Added, Chunk, Commit, Creation, Decision, Edited, HandEdit, Hold, Lessee, Location, NewRun, Newcomer,
    PasswordEdit, RunEnd, Settled, Store, StoreError, Stretch, Takeover, administrators,
    approvals as four_eyes, audit, chunks, columns, copy, course, credentials, half_copy, history, import,
    import_set, installation, load, organizations, outcomes, profiles, prune, radius, radius_past, run_keys,
    runs, saved_filters, scripts, search, staging, uploads, users, workers, write, write_set,
};

const HOLDER: &str = "test";

struct Fixture {
    /// Where the database is: it goes away with this.
    folder: Place,
    store: Store,
}

/// A folder, or where `ROLLCALL_TEST_POSTGRES` names a server a database there.
enum Place {
    Folder(TempDir),
    Server(String, String),
}

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var("ROLLCALL_TEST_POSTGRES") else { return Self::file() };
        let name = format!("store_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let place = Self::Server(server, name.clone());
        place.say(&format!("CREATE DATABASE {name}"));
        place
    }

    fn file() -> Self {
        Self::Folder(TempDir::new().unwrap())
    }

    fn path(&self) -> &std::path::Path {
        match self {
            Self::Folder(folder) => folder.path(),
            Self::Server(..) => panic!("a test about files asks for a file"),
        }
    }

    fn location(&self) -> Location {
        match self {
            Self::Folder(folder) => Location::Sqlite(folder.path().join("rollcall.db")),
            Self::Server(server, name) => {
                format!("{}/{name}", server.rsplit_once('/').unwrap().0).parse().unwrap()
            }
        }
    }

    fn say(&self, what: &str) {
        let Self::Server(server, _) = self else { return };
        let mut client = ::postgres::Client::connect(server, ::postgres::NoTls).unwrap();
        client.batch_execute(what).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Server(_, name) = &*self {
            self.say(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

impl Fixture {
    fn location(&self) -> Location {
        self.folder.location()
    }

    /// Looks behind the store's back.
    fn raw(&self) -> Connection {
        Connection::open(self.folder.path().join("rollcall.db")).unwrap()
    }
}

fn now() -> Timestamp {
    Timestamp::parse("2026-11-23T12:00:00Z", &Zone::utc()).unwrap()
}

/// Somebody at the command line.
fn act() -> Act<'static> {
    Act { at: now(), who: "cli:test", administrator_id: None, address: None }
}

/// An organization, the profiles plan-1 to plan-3, and `count` users.
fn fixture(count: i64) -> Fixture {
    fixture_at(Place::new(), count)
}

/// The same in a file, whatever server there is.
fn file_fixture(count: i64) -> Fixture {
    fixture_at(Place::file(), count)
}

fn fixture_at(folder: Place, count: i64) -> Fixture {
    let fixture = empty(folder);
    fill(&fixture.store, count);
    fixture
}

/// A database in which nothing was done yet.
fn empty(folder: Place) -> Fixture {
    let (store, made) = Store::create(&folder.location()).unwrap();
    assert!(made);
    Fixture { folder, store }
}

fn fill(store: &Store, count: i64) {
    for n in 1..=3 {
        let item = Item::parse(ItemKind::Reply, "Session-Timeout := 60").unwrap();
        store.profiles().add(&format!("plan-{n}"), None, [&[item], &[]], &act()).unwrap();
    }
    let done = store.users().import(|import| {
        let organization = import.organization("default")?;
        let secret = UserPassword::parse("secret").unwrap();
        for n in 1..=count {
            let mut user = User::new(0, &format!("user{n}"), organization, now());
            user.email = format!("user{n}@example.com");
            let item = Item::parse(ItemKind::Reply, "Class = a").unwrap();
            user.attributes.push(rollcall_domain::ItemRow::new(item, 1));
            user.profiles.push(Assignment { id: 1, short_name: "plan-1".into(), priority: 1 });
            let user =
                Newcomer::User { line: n.unsigned_abs(), id: None, user: &user, password: Some(&secret) };
            assert_eq!(import.add_all(&[user])?, [Some(Added::As(n))]);
        }
        Ok::<_, StoreError>(Decision::Commit(()))
    });
    done.unwrap();
}

/// A run of which everything is leased.
struct Started {
    run: Run,
    chunk: Chunk,
}

impl std::ops::Deref for Started {
    type Target = Run;

    fn deref(&self) -> &Run {
        &self.run
    }
}

fn start(store: &Store, mode: Mode) -> Started {
    let run = make(store, mode);
    let chunk = store.chunks().lease(hold(&run), &lessee(HOLDER)).unwrap().unwrap();
    Started { run, chunk }
}

/// Who has what they lease for a minute.
fn lessee(holder: &str) -> Lessee<'_> {
    Lessee { holder, lease: Duration::from_secs(60), leased_until: now() }
}

fn make(store: &Store, mode: Mode) -> Run {
    let new = NewRun {
        mode,
        script: "test.py",
        script_version: None,
        source: "",
        params: "{}",
        selection: &Selection::All,
        list: crate::List::All,
        act: act(),
        scope: &Scope::Everywhere,
        settings: &Settings::default(),
        applies: None,
        undoes: None,
        state: RunState::Selecting,
        holder: Some(HOLDER),
        leased_until: now(),
        key: None,
    };
    let run = created(store.runs().create(&new).unwrap());
    store.runs().begin(hold(&run), Some(HOLDER), now()).unwrap();
    run
}

/// The run that was made.
fn created(creation: Creation) -> Run {
    match creation {
        Creation::New(run) => *run,
        Creation::Existing(run) => panic!("run {run} was there before"),
    }
}

fn hold(run: &Run) -> Hold {
    Hold { run: run.id, token: run.token }
}

/// The outcome of doing `edits` to a user.
fn settle(store: &Store, target: i64, user: &User, edits: Vec<Edit>) -> Settled {
    let mut after = user.clone();
    let catalogue = store.profiles().catalogue().unwrap();
    let dated = edits.iter().any(|edit| matches!(edit, Edit::Set(Field::LastUpdate, _)));
    edits.into_iter().for_each(|edit| after.edit(edit, &catalogue).unwrap());
    let changes = diff(user, &after);
    let kind = if changes.is_empty() { Outcome::Unchanged } else { Outcome::Changed };
    let outcome = TargetOutcome {
        username: Some(user.username.clone()),
        organization_id: Some(user.organization_id),
        changes,
        result: Some("{\"a\":1}".into()),
        output: "printed".into(),
        micros: 5,
        dated,
        ..TargetOutcome::new(target, user.id, kind)
    };
    let changed = !outcome.changes.is_empty();
    Settled::new(outcome, Some(user.version), changed.then_some(after))
}

fn users_of(store: &Store) -> Vec<User> {
    store.users().page(None, 0, 1_000).unwrap()
}

fn rename(name: &str) -> Vec<Edit> {
    vec![Edit::Set(Field::Username, rollcall_domain::Value::Text(name.into()))]
}

fn stretch(of: &Started, after: i64, last: i64) -> Stretch<'static> {
    Stretch {
        chunk: of.chunk.id,
        hold: hold(of),
        lessee: lessee(HOLDER),
        mode: of.mode,
        brakes: Brakes::default(),
        braked_from: Counts::default(),
        stop: None,
        refused: Outcome::Failed,
        after,
        last,
        now: now(),
        millis: 1,
        pace: 500,
    }
}

fn everything() -> Vec<Edit> {
    vec![
        Edit::Set(Field::Email, rollcall_domain::Value::Text("new@example.com".into())),
        Edit::Set(Field::IsActive, rollcall_domain::Value::Bool(false)),
        Edit::Set(Field::Expiration, rollcall_domain::Value::Time(Some(Timestamp::MAX))),
        Edit::ProfileRemove(1),
        Edit::ProfileAdd(2),
        Edit::ItemAdd(ItemKind::Reply, Item::parse(ItemKind::Reply, "Class := b").unwrap()),
        Edit::ItemAdd(ItemKind::Check, Item::parse(ItemKind::Check, "NAS-Identifier == x").unwrap()),
    ]
}

#[test]
fn every_statement_can_be_prepared() {
    let fixture = file_fixture(0);
    let connection = fixture.raw();
    connection.execute_batch(staging::TABLE).unwrap();
    connection.execute_batch(half_copy::MARK).unwrap();
    for (name, statement) in statements() {
        connection.prepare(statement.sqlite).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for statement in runs::freezing_statements() {
        connection.prepare(&statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// Columns are looked up in the text of a statement. Here the database says which ones there are.
#[test]
fn every_column_is_found_where_the_database_has_it() {
    let fixture = file_fixture(0);
    let connection = fixture.raw();
    connection.execute_batch(staging::TABLE).unwrap();
    connection.execute_batch(half_copy::MARK).unwrap();
    let mut looked_up = 0;
    for (_, statement) in statements() {
        let prepared = connection.prepare(statement.sqlite).unwrap();
        let names: Vec<&str> = prepared.column_names().collect();
        let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
        for (at, name) in names.iter().enumerate().filter(|(_, name)| is_name(name)) {
            if names.iter().filter(|other| *other == name).count() == 1 {
                assert_eq!(columns::place(statement.sqlite, name), at, "{name} of {}", statement.sqlite);
                looked_up += 1;
            }
        }
    }
    assert!(looked_up > 300, "{looked_up}");
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn every_statement_can_be_prepared_on_postgresql() {
    let fixture = fixture(0);
    let Store::Postgres(postgres) = &fixture.store else { panic!("ROLLCALL_TEST_POSTGRES names no server") };
    let connection = postgres.another().unwrap();
    connection.batch(staging::TABLE).unwrap();
    connection.batch(half_copy::MARK).unwrap();
    let sets =
        [write_set::STATEMENTS, import_set::STATEMENTS, staging::SETS, load::SETS, &[outcomes::INSERT_MANY]]
            .concat();
    let all = statements().map(|(name, statement)| (name, statement.postgres.to_owned()));
    let all = all.chain(sets.into_iter().map(|text| (text, text.to_owned())));
    for (name, statement) in all.chain(runs::freezing_statements().into_iter().map(|text| ("freezing", text)))
    {
        connection.prepare(&statement).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// Every constant statement, with its name.
fn statements() -> impl Iterator<Item = (&'static str, crate::sql::Sql)> {
    let modules = [
        administrators::STATEMENTS,
        four_eyes::STATEMENTS,
        audit::STATEMENTS,
        chunks::STATEMENTS,
        course::STATEMENTS,
        copy::STATEMENTS,
        half_copy::STATEMENTS,
        credentials::STATEMENTS,
        credentials::attempts::STATEMENTS,
        credentials::sessions::STATEMENTS,
        credentials::set_up::STATEMENTS,
        credentials::tokens::STATEMENTS,
        history::STATEMENTS,
        import::STATEMENTS,
        installation::STATEMENTS,
        load::STATEMENTS,
        organizations::STATEMENTS,
        outcomes::STATEMENTS,
        outcomes::counting::STATEMENTS,
        outcomes::reading::STATEMENTS,
        profiles::STATEMENTS,
        prune::STATEMENTS,
        radius::STATEMENTS,
        radius_past::STATEMENTS,
        run_keys::STATEMENTS,
        runs::STATEMENTS,
        saved_filters::STATEMENTS,
        scripts::STATEMENTS,
        search::STATEMENTS,
        staging::STATEMENTS,
        uploads::STATEMENTS,
        users::STATEMENTS,
        workers::STATEMENTS,
        write::STATEMENTS,
    ];
    modules.into_iter().flatten().copied()
}

#[test]
fn a_chunk_writes_users_outcomes_cursor_and_counters_together() {
    let Fixture { store, folder: _folder } = fixture(3);
    let before = users_of(&store);
    let run = start(&store, Mode::Apply);
    assert_eq!(run.targets, 3);
    let loaded = store.chunks().load(run.id, 0, 3).unwrap();
    assert_eq!(loaded.iter().map(|loaded| loaded.user.clone().unwrap()).collect::<Vec<_>>(), before);

    let settled = [settle(&store, 1, &before[0], everything()), settle(&store, 2, &before[1], vec![])];
    let Commit::Done { tally, .. } = store.chunks().commit(&stretch(&run, 0, 2), &settled).unwrap() else {
        panic!()
    };
    assert_eq!((tally.get(Outcome::Changed), tally.get(Outcome::Unchanged)), (1, 1));

    let after = users_of(&store);
    let mut replayed = before[0].clone();
    let outcome = store.outcomes().page(run.id, None, 0, 10).unwrap();
    outcome[0].changes.iter().for_each(|change| replayed.apply(change).unwrap());
    replayed.version += 1;
    assert_eq!(after[0], replayed, "before + changes = after");
    assert_eq!(after[1..], before[1..], "nobody else changed");
    assert_eq!(outcome[0].output, "printed");
    let run = store.runs().by_id(run.id).unwrap().unwrap();
    assert_eq!((run.cursor, run.tally), (2, tally));
    assert_eq!(store.outcomes().not_run_page(run.id, 0, 10).unwrap()[0].target, 3);
}

#[test]
fn a_preview_writes_no_user() {
    let Fixture { store, folder: _folder } = fixture(1);
    let before = users_of(&store);
    let run = start(&store, Mode::Preview);
    store.chunks().commit(&stretch(&run, 0, 1), &[settle(&store, 1, &before[0], everything())]).unwrap();
    assert_eq!(users_of(&store), before);
    assert!(!store.outcomes().page(run.id, Some(Outcome::Changed), 0, 10).unwrap()[0].changes.is_empty());
}

#[test]
fn a_user_who_changed_since_stops_the_whole_chunk() {
    let Fixture { store, folder: _folder } = fixture(3);
    let seen = users_of(&store);
    let run = start(&store, Mode::Apply);
    let mut edited = seen[1].clone();
    edited.klass = "gold".into();
    let edit = HandEdit {
        before: &seen[1],
        after: &edited,
        changes: &diff(&seen[1], &edited),
        last_update: now(),
        password: PasswordEdit::Keep,
        act: Act { who: "cli:other", ..act() },
    };
    assert_eq!(store.users().edit(&edit).unwrap(), Edited::Yes);
    assert_eq!(
        store.users().edit(&edit).unwrap(),
        Edited::Stale,
        "the same edit, on what is no longer there"
    );
    store.users().remove(&seen[2], &act()).unwrap();

    let between = users_of(&store);
    let settled: Vec<_> =
        (1..).zip(&seen).map(|(target, user)| settle(&store, target, user, everything())).collect();
    assert_eq!(store.chunks().commit(&stretch(&run, 0, 3), &settled).unwrap(), Commit::Stale(vec![2, 3]));
    assert_eq!(users_of(&store), between, "nothing of the chunk was written");
    assert_eq!(store.runs().by_id(run.id).unwrap().unwrap().cursor, 0);
    assert!(store.outcomes().page(run.id, None, 0, 10).unwrap().is_empty());

    let unchanged = settle(&store, 2, &seen[1], vec![]);
    let chunk_of_two = [settle(&store, 1, &seen[0], everything()), unchanged];
    assert_eq!(
        store.chunks().commit(&stretch(&run, 0, 2), &chunk_of_two).unwrap(),
        Commit::Stale(vec![2]),
        "an outcome without changes was computed on what is no longer there, too"
    );
}

#[test]
fn a_taken_name_fails_its_target_alone_in_apply_and_preview_alike() {
    for mode in [Mode::Preview, Mode::Apply] {
        let Fixture { store, folder: _folder } = fixture(4);
        let seen = users_of(&store);
        let run = start(&store, mode);
        let settled = [
            settle(&store, 1, &seen[0], rename("user2")), // taken
            settle(&store, 2, &seen[1], rename("moved")), // frees user2
            settle(&store, 3, &seen[2], rename("user2")), // free by now
            settle(&store, 4, &seen[3], rename("moved")), // taken a moment ago
        ];
        let Commit::Done { tally, .. } = store.chunks().commit(&stretch(&run, 0, 4), &settled).unwrap()
        else {
            panic!()
        };
        assert_eq!((tally.get(Outcome::Changed), tally.get(Outcome::Failed)), (2, 2), "{mode:?}");
        let failed = store.outcomes().page(run.id, Some(Outcome::Failed), 0, 10).unwrap();
        assert_eq!(failed.iter().map(|outcome| outcome.target).collect::<Vec<_>>(), [1, 4]);
        assert!(failed.iter().all(|outcome| outcome.changes.is_empty()));
        assert_eq!(failed[0].error.as_ref().unwrap().message, "the username \"user2\" is taken");
        let names: Vec<_> = users_of(&store).into_iter().map(|user| user.username).collect();
        let expected = if mode == Mode::Apply {
            ["user1", "moved", "user2", "user4"]
        } else {
            ["user1", "user2", "user3", "user4"]
        };
        assert_eq!(names, expected);
    }
}

#[test]
fn a_profile_that_is_gone_fails_its_target_alone() {
    let Fixture { store, folder: _folder } = fixture(2);
    let seen = users_of(&store);
    let run = start(&store, Mode::Apply);
    let settled = [
        settle(&store, 1, &seen[0], vec![Edit::ProfileAdd(3)]),
        settle(&store, 2, &seen[1], vec![Edit::ProfileAdd(2)]),
    ];
    let plan = |name: &str| store.profiles().by_name(name).unwrap().unwrap();
    store.profiles().remove(&plan("plan-3"), &act()).unwrap();
    let Commit::Done { tally, .. } = store.chunks().commit(&stretch(&run, 0, 2), &settled).unwrap() else {
        panic!()
    };
    assert_eq!((tally.get(Outcome::Changed), tally.get(Outcome::Failed)), (1, 1));
    assert!(matches!(store.profiles().remove(&plan("plan-2"), &act()), Err(StoreError::InUse(_))));
}

#[test]
fn a_chunk_is_committed_once_and_by_its_holder_only() {
    let Fixture { store, folder: _folder } = fixture(2);
    let seen = users_of(&store);
    let run = start(&store, Mode::Apply);
    let settled = [settle(&store, 1, &seen[0], vec![])];
    let other = Stretch { chunk: run.chunk.id + 1, ..stretch(&run, 0, 1) };
    assert_eq!(store.chunks().commit(&other, &settled).unwrap(), Commit::ChunkLost);
    assert_eq!(store.chunks().commit(&stretch(&run, 1, 2), &settled).unwrap(), Commit::ChunkLost);
    store.chunks().commit(&stretch(&run, 0, 1), &settled).unwrap();
    assert_eq!(store.chunks().commit(&stretch(&run, 0, 1), &settled).unwrap(), Commit::ChunkLost);
    let end = RunEnd { state: RunState::Cancelled, note: None, ended_at: now(), millis: 1 };
    let ended = store.runs().end(hold(&run), &end).unwrap();
    assert_eq!(ended.final_tally().get(Outcome::NotRun), 1);
    let late = [settle(&store, 2, &seen[1], vec![])];
    assert!(matches!(store.chunks().commit(&stretch(&run, 1, 2), &late), Err(StoreError::RunLost(_))));
}

#[test]
fn a_run_tells_what_came_when() {
    let Fixture { store, folder: _folder } = fixture(16);
    let seen = users_of(&store);
    let run = start(&store, Mode::Preview);
    assert_eq!(store.runs().timeline(run.id, 10).unwrap(), None);
    // A moment each tenth of a second, then nothing, then some more.
    for (tenth, user) in (0..12).chain(30..34).zip(&seen) {
        let outcome = if tenth == 2 { Outcome::Failed } else { Outcome::Unchanged };
        let settled = Settled::new(TargetOutcome::new(user.id, user.id, outcome), Some(user.version), None);
        let of = Stretch { millis: tenth * 100 + 7, ..stretch(&run, user.id - 1, user.id) };
        assert!(matches!(store.chunks().commit(&of, &[settled]), Ok(Commit::Done { .. })));
    }
    let told = |parts: u32| {
        let timeline = store.runs().timeline(run.id, parts).unwrap().unwrap();
        (timeline.millis, timeline.parts.iter().map(Tally::total).collect::<Vec<_>>())
    };
    // Sixteen moments are four parts at most.
    assert_eq!(told(100), (900, vec![9, 3, 0, 4]));
    assert_eq!(told(3), (1_200, vec![12, 0, 4]));
    assert_eq!(told(1), (3_400, vec![16]));
    let first = &store.runs().timeline(run.id, 100).unwrap().unwrap().parts[0];
    assert_eq!((first.get(Outcome::Unchanged), first.get(Outcome::Failed)), (8, 1));
}

#[test]
fn what_comes_late_is_noted_for_longer_times_together() {
    for (millis, moment) in
        [(-1, 0), (99, 0), (100, 1), (599_999, 5_999), (600_000, 6_000), (609_999, 6_000), (610_000, 6_100)]
    {
        assert_eq!(course::moment(millis), moment, "{millis}");
    }
}

#[test]
fn whoever_was_served_longest_ago_comes_first() {
    let Fixture { store, folder: _folder } = fixture(8);
    let runs: Vec<_> = (0..3).map(|_| start(&store, Mode::Preview)).collect();
    let ids = |at: [usize; 3]| at.map(|n| runs[n].run.id).to_vec();
    assert!(store.workers().runs_waiting(9).unwrap().is_empty(), "somebody is at each");
    for started in [&runs[1], &runs[0], &runs[2]] {
        store.chunks().release(&started.chunk, HOLDER).unwrap();
    }
    assert_eq!(store.workers().runs_waiting(9).unwrap(), ids([0, 1, 2]));
    assert_eq!(store.workers().runs_to_do(9).unwrap(), ids([1, 0, 2]));
    let chunk = store.chunks().lease(hold(&runs[1]), &lessee("b")).unwrap().unwrap();
    assert_eq!((chunk.done, chunk.last), (0, 8), "what was put down is what is had");
    assert_eq!(store.workers().runs_to_do(9).unwrap(), [runs[0].id, runs[2].id]);
    assert_eq!(store.workers().runs_waiting(1).unwrap(), [runs[0].id]);
    store.chunks().release(&chunk, "b").unwrap();
    // It is another chunk by now, whoever still thinks to have it.
    store.chunks().release(&chunk, "b").unwrap();
    assert_eq!(store.workers().runs_to_do(9).unwrap(), ids([0, 2, 1]));
    assert_eq!(store.chunks().glance(runs[1].id).unwrap().chunks, 1);
    assert_eq!(store.chunks().renew(&chunk, &lessee("b")).unwrap(), None);
}

#[test]
fn of_a_run_others_get_their_share_and_nobody_writes_what_is_not_theirs() {
    let Fixture { store, folder: _folder } = fixture(8);
    let seen = users_of(&store);
    let lease = |run: &Run, who: &'static str| store.chunks().lease(hold(run), &lessee(who)).unwrap();
    let settle = |from: usize, to: usize| {
        (from..=to).map(|n| settle(&store, n as i64, &seen[n - 1], vec![])).collect::<Vec<_>>()
    };
    let one = start(&store, Mode::Apply);
    assert_eq!((one.chunk.done, one.chunk.last), (0, 8));
    assert_eq!(lease(&one, "b"), None, "nobody knows yet whether it is worth it");
    let slow = Stretch { pace: 1_000_000, ..stretch(&one, 0, 2) };
    store.chunks().commit(&slow, &settle(1, 2)).unwrap();
    let two = lease(&one, "b").unwrap();
    assert_eq!((two.done, two.last), (5, 8), "half of what is left");
    assert_eq!(
        store.chunks().commit(&stretch(&one, 2, 6), &settle(3, 6)).unwrap(),
        Commit::Shortened(5),
        "its holder learns of it"
    );
    assert_eq!(store.chunks().renew(&one.chunk, &lessee(HOLDER)).unwrap(), Some(5));

    // The second is done before the first.
    let of_two = Started { run: one.run.clone(), chunk: two };
    store.chunks().commit(&stretch(&of_two, 5, 8), &settle(6, 8)).unwrap();
    let run = store.runs().by_id(one.id).unwrap().unwrap();
    assert_eq!((run.cursor, run.tally.total(), run.left()), (2, 5, 3));
    let not_run: Vec<_> =
        store.outcomes().not_run_page(one.id, 0, 10).unwrap().iter().map(|outcome| outcome.target).collect();
    assert_eq!(not_run, [3, 4, 5]);
    let end = RunEnd { state: RunState::Stopped, note: None, ended_at: now(), millis: 1 };
    store.runs().end(hold(&one), &end).unwrap();
    assert!(matches!(
        store.chunks().commit(&stretch(&one, 2, 3), &settle(3, 3)),
        Err(StoreError::RunLost(_))
    ));

    // Whoever goes on gets what is left, and nothing else.
    let seen_run = store.runs().by_id(one.id).unwrap().unwrap();
    let by = Takeover {
        holder: Some("c"),
        leased_until: now(),
        braked_from: Counts::default(),
        settings: &Settings::default(),
        act: act(),
    };
    let taken = store.runs().take(&seen_run, &by).unwrap();
    let rest = lease(&taken, "c").unwrap();
    assert_eq!((rest.done, rest.last), (2, 5));
    assert!(matches!(
        store.chunks().commit(&stretch(&one, 2, 3), &settle(3, 3)),
        Err(StoreError::RunLost(_))
    ));
    let rest = Started { run: taken, chunk: rest };
    store.chunks().commit(&stretch(&rest, 2, 5), &settle(3, 5)).unwrap();
    assert_eq!(store.chunks().glance(one.id).unwrap().chunks, 0);
    assert_eq!(store.runs().by_id(one.id).unwrap().unwrap().cursor, 8);
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn who_gets_a_share_while_its_holder_commits_and_is_faster_leaves_it_the_rest() {
    let Fixture { store, folder } = fixture(8);
    let seen = users_of(&store);
    let settle = |from: usize, to: usize| {
        (from..=to).map(|n| settle(&store, n as i64, &seen[n - 1], vec![])).collect::<Vec<_>>()
    };
    let one = start(&store, Mode::Preview);
    store.chunks().commit(&Stretch { pace: 1_000_000, ..stretch(&one, 0, 2) }, &settle(1, 2)).unwrap();

    // Somebody holds up the commit after it has seen that the chunk is whole: it waits to know whether this outcome stays.
    let Location::Postgres(url) = folder.location() else { panic!("not on a server") };
    let mut between = url.config.connect(::postgres::NoTls).unwrap();
    let outcome =
        "INSERT INTO outcomes (run_id, seq, user_id, outcome, micros) VALUES ($1, 3, 3, 'unchanged', 1)";
    let mut held_up = between.transaction().unwrap();
    held_up.execute(outcome, &[&one.id]).unwrap();
    let late = std::thread::scope(|scope| {
        let late = scope.spawn(|| store.chunks().commit(&stretch(&one, 2, 8), &settle(3, 8)));
        let waits = "SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted \
                     AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
        while held_up.query(waits, &[]).unwrap().is_empty() {
            std::thread::yield_now();
        }
        let share = store.chunks().lease(hold(&one), &lessee("b")).unwrap().unwrap();
        assert_eq!((share.done, share.last), (5, 8));
        let of_share = Started { run: one.run.clone(), chunk: share };
        store.chunks().commit(&stretch(&of_share, 5, 8), &settle(6, 8)).unwrap();
        held_up.rollback().unwrap();
        late.join().unwrap()
    });
    assert_eq!(late.unwrap(), Commit::Shortened(5), "what is left is its own still");
    store.chunks().commit(&stretch(&one, 2, 5), &settle(3, 5)).unwrap();
    assert_eq!(store.chunks().glance(one.id).unwrap().chunks, 0);
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn who_refers_to_a_run_does_not_wait_for_it() {
    let Fixture { store, folder } = fixture(2);
    let run = make(&store, Mode::Preview);
    let Location::Postgres(url) = folder.location() else { panic!("not on a server") };
    let mut holding = url.config.connect(::postgres::NoTls).unwrap();
    holding.batch_execute(&format!("BEGIN; SELECT 1 FROM runs WHERE id = {} FOR UPDATE", run.id)).unwrap();
    let mut other = url.config.connect(::postgres::NoTls).unwrap();
    other.batch_execute("SET lock_timeout = '1s'").unwrap();
    for row in [
        "outcomes (run_id, seq, user_id, outcome, micros) VALUES ($1, 1, 1, 'unchanged', 1)",
        "targets (run_id, seq, user_id) VALUES ($1, 9, 1)",
        "planned_names (run_id, user_id, username) VALUES ($1, 1, 'new')",
        "timelines VALUES ($1, 1, 0, 1, 0, 0, 0, 0)",
        "chunks (run_id, done, last) VALUES ($1, 0, 1)",
    ] {
        other.execute(&format!("INSERT INTO {row}"), &[&run.id]).unwrap();
    }
}

#[test]
fn what_is_not_heard_of_is_given_to_others() {
    let Fixture { store, folder: _folder } = fixture(4);
    let seen = users_of(&store);
    let run = make(&store, Mode::Apply);
    let gone = Lessee { lease: Duration::ZERO, ..lessee("gone") };
    let lost = store.chunks().lease(hold(&run), &gone).unwrap().unwrap();
    let next = store.chunks().lease(hold(&run), &lessee("next")).unwrap().unwrap();
    assert_ne!(lost.id, next.id);
    assert_eq!((lost.done, lost.last), (next.done, next.last));
    assert_eq!(store.chunks().renew(&lost, &gone).unwrap(), None);
    let late = Started { run: run.clone(), chunk: lost };
    let settled = [settle(&store, 1, &seen[0], vec![])];
    assert_eq!(store.chunks().commit(&stretch(&late, 0, 1), &settled).unwrap(), Commit::ChunkLost);
    assert_eq!(store.chunks().lease(hold(&run), &lessee("third")).unwrap(), None);
    store.chunks().release(&next, "next").unwrap();
    let third = store.chunks().lease(hold(&run), &lessee("third")).unwrap().unwrap();
    assert_eq!(store.chunks().holders().unwrap(), ["third"]);
    store.chunks().commit(&stretch(&Started { run: run.clone(), chunk: third }, 0, 1), &settled).unwrap();
    assert_eq!(store.chunks().free_all_of("third").unwrap(), 1);
    let fourth = store.chunks().lease(hold(&run), &lessee("fourth")).unwrap().unwrap();
    assert_eq!((fourth.done, fourth.last), (1, 4));
}

#[test]
fn the_hash_of_a_plan_does_not_depend_on_who_was_done_first() {
    let Fixture { store, folder: _folder } = fixture(6);
    let seen = users_of(&store);
    let settle = |from: usize, to: usize| {
        (from..=to).map(|n| settle(&store, n as i64, &seen[n - 1], everything())).collect::<Vec<_>>()
    };
    let finish = |run: &Run| {
        let end = RunEnd { state: RunState::Finished, note: None, ended_at: now(), millis: 1 };
        let ended = store.runs().end(hold(run), &end).unwrap();
        assert_eq!(ended.plan, Some(store.outcomes().plan_of(&ended).unwrap().to_string()));
        ended.plan
    };
    let alone = start(&store, Mode::Preview);
    store.chunks().commit(&stretch(&alone, 0, 6), &settle(1, 6)).unwrap();
    let first = start(&store, Mode::Preview);
    let slow = Stretch { pace: 10_000_000, ..stretch(&first, 0, 2) };
    store.chunks().commit(&slow, &settle(1, 2)).unwrap();
    let second = store.chunks().lease(hold(&first), &lessee("b")).unwrap().unwrap();
    let second = Started { run: first.run.clone(), chunk: second };
    store.chunks().commit(&stretch(&second, 4, 6), &settle(5, 6)).unwrap();
    store.chunks().commit(&stretch(&first, 2, 4), &settle(3, 4)).unwrap();
    assert_eq!(finish(&alone), finish(&first));
}

#[test]
fn what_the_script_assigned_to_last_update_stands() {
    let Fixture { store, folder: _folder } = fixture(2);
    let seen = users_of(&store);
    let run = start(&store, Mode::Apply);
    let given = Timestamp::parse("2030-01-01", &Zone::utc()).unwrap();
    let set = |field, value| Edit::Set(field, value);
    let later =
        Stretch { now: Timestamp::from_micros(now().as_micros() + 1).unwrap(), ..stretch(&run, 0, 2) };
    let settled = [
        settle(&store, 1, &seen[0], vec![set(Field::LastUpdate, rollcall_domain::Value::Time(Some(given)))]),
        settle(&store, 2, &seen[1], vec![set(Field::Klass, rollcall_domain::Value::Text("x".into()))]),
    ];
    store.chunks().commit(&later, &settled).unwrap();
    let after = users_of(&store);
    assert_eq!((after[0].last_update, after[1].last_update), (given, later.now));
}

/// Why a test adds no users.
#[derive(Debug, PartialEq)]
struct NotWanted;

impl From<StoreError> for NotWanted {
    fn from(error: StoreError) -> Self {
        panic!("{error}")
    }
}

#[test]
fn an_import_is_all_or_nothing_and_names_the_other_line() {
    let fixture = fixture(1);
    let store = &fixture.store;
    let refused = store
        .users()
        .import(|import| {
            let organization = import.organization("new one")?;
            let users = ["ana", "ana", "user1", "bo", "cy", "di", "eve"]
                .map(|name| User::new(0, name, organization, now()));
            let add = |line: u64, id| Newcomer::User {
                line,
                id,
                user: &users[usize::try_from(line).unwrap() - 2],
                password: None,
            };
            let claim = |line, username| Newcomer::Claim { line, username };
            // The file in two parts: what is on a line of the first counts in the second.
            let first = [add(2, None), add(3, None), add(4, None), add(5, Some(1)), claim(20, "ana")];
            let taken = [
                Some(Added::As(2)),
                Some(Added::NameTaken(Some(2))),
                Some(Added::NameTaken(None)),
                Some(Added::IdTaken(None)),
                Some(Added::NameTaken(Some(2))),
            ];
            assert_eq!(import.add_all(&first)?, taken);
            let second =
                [add(6, Some(77)), add(7, Some(77)), claim(21, "eve"), add(8, None), claim(22, "eve")];
            let taken = [
                Some(Added::As(77)),
                Some(Added::IdTaken(Some(6))),
                None,
                Some(Added::NameTaken(Some(21))),
                Some(Added::NameTaken(Some(21))),
            ];
            assert_eq!(import.add_all(&second)?, taken);
            let third = [claim(23, "ana"), claim(24, "user1")];
            assert_eq!(
                import.add_all(&third)?,
                [Some(Added::NameTaken(Some(2))), Some(Added::NameTaken(None))]
            );
            Err::<Decision<()>, _>(NotWanted)
        })
        .unwrap_err();
    assert_eq!(refused, NotWanted);
    assert_eq!(store.users().count(None).unwrap(), 1);
    assert_eq!(store.organizations().all().unwrap().len(), 1);
    let password: String = store.read(|tx| tx.value("SELECT password FROM users WHERE id = 1", &[])).unwrap();
    assert_eq!(password, "secret");
}

#[test]
fn databases_that_cannot_be_used_are_told_apart() {
    let fixture = file_fixture(0);
    let reopen = || Store::open(&fixture.location()).map(drop);
    let set = |version: i64| fixture.raw().pragma_update(None, "user_version", version).unwrap();
    set(99);
    assert!(matches!(reopen(), Err(StoreError::Newer { found: 99, .. })));
    assert!(matches!(Store::create(&fixture.location()).map(drop), Err(StoreError::Newer { .. })));
    set(0);
    assert!(matches!(reopen(), Err(StoreError::Older { found: 0, .. })));
    let at = |name: &str| Location::Sqlite(fixture.folder.path().join(name));
    assert!(matches!(Store::open(&at("none.db")), Err(StoreError::Missing(_))));
    std::fs::write(fixture.folder.path().join("text.db"), "no database at all, just some text here").unwrap();
    assert!(matches!(Store::open(&at("text.db")), Err(StoreError::Foreign(_))));
    Connection::open(fixture.folder.path().join("other.db"))
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    assert!(matches!(Store::open(&at("other.db")), Err(StoreError::Foreign(_))));
    assert!(matches!(Store::create(&at("other.db")), Err(StoreError::Foreign(_))));
    assert!(matches!(Store::create(&at("no/such/folder.db")), Err(StoreError::Unwritable { .. })));
    for url in ["", "sqlite:", "rollcall.db", "mysql://x", "postgres://localhost/x?nonsense=1"] {
        assert!(matches!(url.parse::<Location>(), Err(StoreError::Location(_))), "{url}");
    }
}

#[test]
fn numbers_of_removed_users_do_not_come_back() {
    let Fixture { store, folder: _folder } = fixture(2);
    store.users().remove(&users_of(&store)[1], &act()).unwrap();
    let added = store.users().import(|import| {
        let organization = import.organization("default")?;
        let user = User::new(0, "next", organization, now());
        let next = Newcomer::User { line: 1, id: None, user: &user, password: None };
        Ok::<_, StoreError>(Decision::Commit(import.add_all(&[next])?))
    });
    assert_eq!(added.unwrap(), [Some(Added::As(3))]);
}

#[test]
fn a_removed_user_is_missing_from_a_chunk_and_stays_on_the_list() {
    let Fixture { store, folder: _folder } = fixture(3);
    let run = start(&store, Mode::Apply);
    store.users().remove(&users_of(&store)[1], &act()).unwrap();
    let chunk = store.chunks().load(run.id, 0, 3).unwrap();
    let there: Vec<_> =
        chunk.iter().map(|loaded| (loaded.target, loaded.user_id, loaded.user.is_some())).collect();
    assert_eq!(there, [(1, 1, true), (2, 2, false), (3, 3, true)]);
    assert!(matches!(&chunk[2].user, Some(user) if user.attributes.len() == 1 && user.profiles.len() == 1));
}

#[test]
fn administrators_have_what_was_granted_and_somebody_may_do_everything() {
    let Fixture { store, folder: _folder } = fixture(1);
    let within = |role| Grant { role, organization_id: Some(1) };
    store.administrators().add("ana", &[Grant::EVERYTHING], &act()).unwrap();
    store.administrators().add("ben", &[within(Role::Operator), within(Role::Author)], &act()).unwrap();
    let taken = store.administrators().add("ana", &[], &act());
    assert!(matches!(taken, Err(StoreError::Taken(what)) if what == "the administrator name \"ana\""));
    let find = |name| store.administrators().by_name(name).unwrap().unwrap();
    let (ana, ben) = (find("ana"), find("ben"));
    assert_eq!(store.administrators().all().unwrap(), [ana.clone(), ben.clone()]);
    assert_eq!(ben.rights, [within(Role::Operator), within(Role::Author)].into_iter().collect());

    let last =
        |done: StoreError| matches!(done, StoreError::InUse(why) if why.contains("the last administrator"));
    assert!(last(store.administrators().revoke(&ana, &Grant::EVERYTHING, &act()).unwrap_err()));
    assert!(last(store.administrators().remove(&ana, &act()).unwrap_err()));
    assert!(
        !store.administrators().revoke(&ana, &within(Role::Admin), &act()).unwrap(),
        "that is another one"
    );
    store.administrators().grant(&ben, &Grant::EVERYTHING, &act()).unwrap();
    store.administrators().grant(&ben, &Grant::EVERYTHING, &act()).unwrap();
    assert_eq!(find("ben").rights.grants().count(), 3, "once");
    assert!(store.administrators().revoke(&ana, &Grant::EVERYTHING, &act()).unwrap());
    assert!(last(store.administrators().remove(&ben, &act()).unwrap_err()));

    store.administrators().remove(&ana, &act()).unwrap();
    assert_eq!(store.administrators().by_name("ana").unwrap(), None);
    for gone in [
        store.administrators().grant(&ana, &Grant::EVERYTHING, &act()),
        store.administrators().remove(&ana, &act()),
    ] {
        assert!(matches!(gone, Err(StoreError::NoSuch(what)) if what == "administrator \"ana\""));
    }
    let again = store.administrators().add("ana", &[], &act()).unwrap();
    assert!(again > ben.id, "somebody else");
    let used = store.organizations().remove("default", &act());
    assert!(matches!(used, Err(StoreError::InUse(_))));
}

#[test]
fn of_two_who_remove_the_last_two_admins_one_fails() {
    let Fixture { store, folder } = fixture(0);
    let names = ["ana", "ben"];
    for name in names {
        store.administrators().add(name, &[Grant::EVERYTHING], &act()).unwrap();
    }
    let together = std::sync::Barrier::new(2);
    let done = std::thread::scope(|scope| {
        let remove = |name| {
            let store = Store::open(&folder.location()).unwrap();
            let who = store.administrators().by_name(name).unwrap().unwrap();
            together.wait();
            store.administrators().remove(&who, &act()).is_ok()
        };
        names.map(|name| scope.spawn(move || remove(name))).map(|hand| hand.join().unwrap())
    });
    assert_eq!(done.iter().filter(|done| **done).count(), 1);
    assert_eq!(store.administrators().all().unwrap().len(), 1);
}
