//! Lists by pages: page after page they are the whole list, of whatever may be seen by whoever asks.

use std::fmt::Debug;
use std::time::Duration;

use crate::common::{request, site};
use rollcall_app::runs::{Observer, Progress, Stop};
use rollcall_app::{App, AppError, ImportRequest, Table, TableOptions};
use rollcall_domain::Event;
use rollcall_domain::{
    Action, AuditQuery, Grant, Mode, Outcome, Right, Role, Run, RunQuery, RunState, SavedFilter, Scopes,
    ScriptVersion, TargetOutcome,
};

struct Quiet;

impl Observer for Quiet {
    fn confirm(&mut self, _: &Run) -> bool {
        true
    }

    fn progress(&mut self, _: Progress) {}
}

/// Everything, by pages of two and of three, which is the same.
fn walk<T: Debug + PartialEq, K>(
    page: impl Fn(Option<K>, u32) -> Result<Vec<T>, AppError>,
    key: impl Fn(&T) -> K,
) -> Vec<T> {
    let all = |limit: u32| {
        let mut all = Vec::new();
        loop {
            let next = page(all.last().map(&key), limit).unwrap();
            assert!(next.len() <= limit as usize);
            if next.is_empty() {
                return all;
            }
            all.extend(next);
        }
    };
    let (by_two, by_three) = (all(2), all(3));
    assert_eq!(by_two, by_three);
    by_two
}

fn collect<T>(all: impl Iterator<Item = Result<T, AppError>>) -> Vec<T> {
    all.map(Result::unwrap).collect()
}

/// What `app` sees by pages is what it sees at once, which is so many runs, scripts, filters, organizations and profiles.
fn check_lists(app: &App, counts: [usize; 5]) {
    let query = RunQuery::default();
    let runs = walk(|after, limit| app.runs().list_after(&query, after, limit), |run| run.id);
    assert_eq!(runs, collect(app.runs().list().unwrap()));
    let scripts =
        walk(|after, limit| app.scripts().list_after(after.as_deref(), limit), ScriptVersion::full_name);
    assert_eq!(scripts, app.scripts().list().unwrap());
    let filters =
        walk(|after, limit| app.filters().list_after(after.as_deref(), limit), SavedFilter::full_name);
    assert_eq!(filters, app.filters().list().unwrap());
    let organizations = walk(|after, limit| app.organizations().list_after(after, limit), |one| one.id);
    assert_eq!(organizations, app.organizations().list().unwrap());
    let profiles = walk(|after, limit| app.profiles().list_after(after, limit), |one| one.id);
    assert_eq!(profiles, app.profiles().list().unwrap());
    let seen = [runs.len(), scripts.len(), filters.len(), organizations.len(), profiles.len()];
    assert_eq!(seen, counts, "{}", app.actor().name());
}

fn run(app: &App, script: &str, mode: Mode) -> Run {
    app.runs().create(&request(script, mode), &Stop::default(), &mut Quiet).unwrap()
}

/// Four users; two organizations more, each with an administrator, a script, filters, a profile and a run.
fn several_organizations() -> (rollcall_testkit::TestDatabase, App) {
    let (database, root) = site(4);
    for name in ["North", "South:East"] {
        let id = root.organizations().add(name).unwrap();
        let add = rollcall_app::NewUser {
            organization: Some(name.to_owned()),
            fields: vec![(
                rollcall_domain::Field::Username,
                rollcall_domain::Value::Text(format!("of-{id}")),
            )],
            ..Default::default()
        };
        root.users().add(&add).unwrap();
        root.profiles().add(&format!("plus-{id}"), Some(name), &[], &[]).unwrap();
        for role in [Role::Operator, Role::Admin] {
            let grant = Grant { role, organization_id: Some(id) };
            root.administrators().add(&format!("{role}-{id}"), &[grant]).unwrap();
        }
        root.scripts().save(&format!("{name}:extend"), "pass", "").unwrap();
        for filter in ["a", "extend", "z"] {
            root.filters().save(&format!("{name}:{filter}"), "klass pr").unwrap();
        }
        run(&root.acting_as(&format!("operator-{id}")).unwrap(), "user.klass = 'x'", Mode::Apply);
    }
    for name in ["extend", "mark", "mark.2"] {
        (1..=5).for_each(|n| drop(root.scripts().save(name, "pass", &format!("change {n}")).unwrap()));
        root.filters().save(name, "klass pr").unwrap();
    }
    root.scripts().remove("mark.2").unwrap();
    run(&root, "user.klass = 'y'", Mode::Preview);
    (database, root)
}

#[test]
fn pages_are_the_whole_list_within_what_may_be_seen() {
    let (_database, root) = several_organizations();
    check_lists(&root, [3, 4, 9, 3, 3]);
    let north = root.acting_as("operator-2").unwrap();
    check_lists(&north, [1, 3, 6, 1, 2]);
    let south = root.acting_as("admin-3").unwrap();
    check_lists(&south, [1, 3, 6, 1, 2]);

    for (app, count) in [(&root, 4), (&south, 2)] {
        let people = walk(|after, limit| app.administrators().list_after(after, limit), |one| one.id);
        assert_eq!(people, app.administrators().list().unwrap());
        assert_eq!(people.len(), count);
    }
    let versions = walk(
        |after, limit| root.scripts().list_versions_after("extend", after, limit),
        |version| version.version,
    );
    assert_eq!(versions, root.scripts().list_versions("extend").unwrap());
    assert_eq!(versions.len(), 5);
    assert!(north.scripts().list_versions_after("South:East:extend", None, 9).is_err());
}

#[test]
fn runs_are_found_by_where_they_stand_and_what_they_are() {
    let (_database, root) = several_organizations();
    let mut queued = request("pass", Mode::Preview);
    (queued.options.queue, queued.script.name) = (true, "queued.py".to_owned());
    let queued = root.runs().create(&queued, &Stop::default(), &mut Quiet).unwrap();
    let found = |query: &RunQuery| {
        walk(|after, limit| root.runs().list_after(query, after, limit), |run| run.id)
            .iter()
            .map(|run| run.id)
            .collect::<Vec<_>>()
    };
    let state = |state| found(&RunQuery { state: Some(state), ..RunQuery::default() });
    assert_eq!(state(RunState::Queued), [queued.id]);
    assert_eq!((state(RunState::Running), state(RunState::Interrupted)), (vec![], vec![]));
    assert_eq!(state(RunState::Finished), [3, 2, 1]);
    let query = RunQuery { script: Some("queued.py".to_owned()), ..RunQuery::default() };
    assert_eq!(found(&query), [queued.id]);
    let query = RunQuery { mode: Some(Mode::Apply), ..RunQuery::default() };
    assert_eq!(found(&query), [2, 1]);
    let query = RunQuery { administrator: Some("operator-2".to_owned()), ..RunQuery::default() };
    assert_eq!(found(&query), [1]);
}

#[test]
fn outcomes_come_by_position_with_those_that_had_no_turn() {
    let (_database, app) = site(7);
    let script = "if user.obj_id % 3 == 0: fail('no')\nuser.klass = 'x'";
    let mut wanted = request(script, Mode::Apply);
    (wanted.options.canary, wanted.options.confirmed) = (Some(5), true);
    let run = app.runs().create(&wanted, &Stop::default(), &mut Quiet).unwrap();
    assert_eq!(run.state, RunState::Stopped);
    let all = |outcome| -> Vec<TargetOutcome> {
        walk(|after, limit| app.runs().list_outcomes_after(&run, outcome, after, limit), |one| one.target)
    };
    assert_eq!(all(None), collect(app.runs().list_outcomes(&run, None).unwrap()));
    assert_eq!(all(None).iter().map(|one| one.target).collect::<Vec<_>>(), (1..=7).collect::<Vec<_>>());
    for outcome in Outcome::ALL {
        let some = all(Some(outcome));
        assert_eq!(some, collect(app.runs().list_outcomes(&run, Some(outcome)).unwrap()), "{outcome}");
        assert!(some.iter().all(|one| one.outcome == outcome));
        assert_eq!(some.len() as u64, run.final_tally().get(outcome), "{outcome}");
    }
}

#[test]
fn history_by_pages_has_runs_and_edits_of_one_moment() {
    let (_database, app) = site(1);
    let id = app.users().find("user1").unwrap().id;
    // The clock stands still: all of it is of one moment.
    for n in 0..4 {
        app.users().assign_fields("user1", &[format!("klass=by-hand-{n}")]).unwrap();
        run(&app, &format!("user.klass = 'by-run-{n}'"), Mode::Apply);
    }
    let pages: Vec<Event> =
        walk(|after, limit| app.users().list_history_after(id, after, limit), |event| event.key);
    assert_eq!(pages, collect(app.users().list_history(id).unwrap()));
    let by_runs: Vec<_> = pages.iter().filter_map(|event| event.by.as_ref()).map(|by| by.run).collect();
    assert_eq!((pages.len(), by_runs), (8, vec![4, 3, 2, 1]));
}

#[test]
fn the_audit_log_is_read_in_both_directions() {
    let (_database, root) = several_organizations();
    for query in [
        AuditQuery::default(),
        AuditQuery { action: Some(Action::FilterSave), ..AuditQuery::default() },
        AuditQuery { who: Some("operator-2".to_owned()), ..AuditQuery::default() },
    ] {
        let oldest = walk(|after, limit| root.audit().list_after(&query, after, limit), |entry| entry.number);
        let mut newest =
            walk(|before, limit| root.audit().list_before(&query, before, limit), |entry| entry.number);
        assert_eq!(newest, collect(root.audit().list(&query).unwrap()));
        assert!(!newest.is_empty());
        newest.reverse();
        assert_eq!(newest, oldest);
    }
}

#[test]
fn tokens_come_by_pages() {
    let (_database, root) = several_organizations();
    let (credentials, who) = root.administrators().open_credentials("operator-2").unwrap();
    let scopes = Scopes::new([Right::Look]).unwrap();
    for n in 1..=5 {
        credentials.add_token(&who, &format!("token {n}"), &scopes, Duration::from_secs(60)).unwrap();
    }
    let (_, other) = root.administrators().open_credentials("admin-2").unwrap();
    credentials.add_token(&other, "theirs", &scopes, Duration::from_secs(60)).unwrap();
    let tokens = walk(|after, limit| credentials.tokens_after(&who, after, limit), |token| token.id);
    assert_eq!(tokens, credentials.tokens(&who).unwrap());
    assert_eq!(tokens.len(), 5);
}

#[test]
fn the_outcomes_of_a_run_lie_along_its_list() {
    let (_database, app) = site(4);
    let ended = run(
        &app,
        "if user.klass == '':\n    user.klass = 'x'\nif user.obj_id == 4:\n    fail('no')\n",
        Mode::Preview,
    );
    assert_eq!((ended.tally.get(Outcome::Changed), ended.tally.get(Outcome::Failed)), (3, 1), "{ended:?}");
    let parts = |wanted| -> Vec<(u64, u64, u64)> {
        let course = app.runs().outcome_distribution(&ended, wanted).unwrap().into_iter();
        course
            .map(|part| (part.part, part.tally.get(Outcome::Changed), part.tally.get(Outcome::Failed)))
            .collect()
    };
    assert_eq!(parts(1), [(0, 3, 1)]);
    assert_eq!(parts(2), [(0, 2, 0), (1, 1, 1)]);
    // There are no more parts than targets.
    assert_eq!(parts(100), [(0, 1, 0), (1, 1, 0), (2, 1, 0), (3, 0, 1)]);
    let timeline = app.runs().outcome_timeline(&ended, 1).unwrap().unwrap();
    assert_eq!(timeline.parts, [ended.tally]);
    // One that does not have all of them is none.
    let mut more = ended.clone();
    more.tally.add(Outcome::Changed, 1);
    assert_eq!(app.runs().outcome_timeline(&more, 1).unwrap(), None);
    assert_eq!(app.runs().find_last_of_script(&ended.script).unwrap().map(|last| last.id), Some(ended.id));
    let again = run(&app, "pass\n", Mode::Preview);
    assert_eq!(app.runs().find_last_of_script(&ended.script).unwrap().map(|last| last.id), Some(again.id));
    assert_eq!(app.runs().find_last_of_script("nothing").unwrap(), None);
}

#[test]
fn parts_of_users_are_all_of_them_however_far_they_lie_apart() {
    let (_database, app) = site(0);
    let klass = |n: u32| match n {
        3 | 4 | 5_400 | 11_900 => "few",
        _ if n.is_multiple_of(2) => "many",
        _ => "most",
    };
    let rows: String = (1..=12_000).map(|n| format!("user{n},{}\n", klass(n))).collect();
    let file = std::io::Cursor::new(format!("username,klass\n{rows}"));
    let table = Table::read(file, &TableOptions::default()).unwrap();
    app.imports().apply(table, &ImportRequest::default(), &mut ()).unwrap();
    let names = |filter: Option<&str>, limit: u32| {
        let read = filter.map(|text| app.filters().parse(text).unwrap());
        let tree = read.as_ref().map(|read| &read.tree);
        let mut all: Vec<String> = Vec::new();
        let mut after = 0;
        loop {
            let part = app.users().list_after(tree, after, limit).unwrap();
            assert!(part.len() <= limit as usize);
            let Some(last) = part.last() else { break };
            after = last.id;
            all.extend(part.into_iter().map(|user| user.username));
        }
        let walked = collect(app.users().list(tree).unwrap());
        assert_eq!(all, walked.into_iter().map(|user| user.username).collect::<Vec<_>>(), "{filter:?}");
        all
    };
    assert_eq!(names(Some("klass eq \"few\""), 3), ["user3", "user4", "user5400", "user11900"]);
    assert_eq!(names(Some("klass eq \"many\""), 700).len(), 5_997);
    // More than are held in memory at once.
    assert_eq!(names(Some("not (klass eq \"few\")"), 999).len(), 11_996);
    assert_eq!(names(None, 1_001).len(), 12_000);
}
