//! Rows of a file as the list of a run: several of one user, while others edit the same users.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::common::{check, outcomes, request, site};
use rollcall_app::runs::{
    ApplyRequest, BadRow, Choice, ChosenRows, Matched, Observer, Progress, ResumeRequest, RowsObserver,
    RowsReport, RowsRequest, RunOptions, Stop, UndoRequest,
};
use rollcall_app::{Actor, App, AppError, Row, Table, TableOptions};
use rollcall_domain::{
    Brakes, Change, Clock, Field, FieldChange, Mode, Outcome, Run, TargetOutcome, Timestamp, Value,
};
use rollcall_store::StagedRow;
use rollcall_testkit::TestDatabase;

struct Silent;

impl Observer for Silent {
    fn confirm(&mut self, _: &Run) -> bool {
        true
    }
    fn progress(&mut self, _: Progress) {}
}

impl RowsObserver for Silent {
    fn columns(&mut self, _: &[String], _: &str) -> std::io::Result<()> {
        Ok(())
    }
    fn bad_row(&mut self, bad: &BadRow<'_>) -> std::io::Result<()> {
        panic!("{bad:?}")
    }
    fn progress(&mut self, _: u64) {}
}

/// The rows of a CSV text, of which each names its user.
fn rows(app: &App, text: String) -> ChosenRows {
    let table = Table::read(std::io::Cursor::new(text), &TableOptions::default()).unwrap();
    let wanted = RowsRequest { file: "rows.csv", ..RowsRequest::default() };
    app.runs().read_rows(table, &wanted, &mut Silent).unwrap().chosen.unwrap()
}

fn run(app: &App, script: &str, mode: Mode, text: &str) -> Run {
    let mut wanted = request(script, mode);
    wanted.choice = Choice::Rows(Box::new(rows(app, text.to_owned())));
    let run = app.runs().create(&wanted, &Stop::default(), &mut Silent).unwrap();
    check(app, &run);
    run
}

/// `count` rows of three users in turn, then one of each of the others.
fn interleaved(count: usize, users: usize) -> String {
    let several = (0..count).map(|n| format!("user{},{n}\n", 1 + n % 3));
    let single = (4..=users).map(|user| format!("user{user},{}\n", count + user));
    ["username,n\n".to_owned()].into_iter().chain(several).chain(single).collect()
}

const APPEND: &str = "user.description += '|' + row['n']";

/// Appends, and counts in a field, an attribute and the result, which each row must find as the one before left them.
const APPEND_AND_COUNT: &str = "
user.description += '|' + row['n']
n = int(user.klass or 0) + 1
user.klass = str(n)
user.attribute_add('Session-Timeout', n, ':=')
result['n'] = n
";

/// Checks that the user has what the last of `count` rows left.
#[track_caller]
fn check_counted(app: &App, user: &str, count: usize) {
    let user = app.users().find(user).unwrap();
    let values: Vec<_> = user.attributes.iter().map(|row| row.value.as_str()).collect();
    assert_eq!((user.klass, values), (count.to_string(), vec![count.to_string().as_str()]));
}

fn results(outcomes: &[TargetOutcome]) -> Vec<&str> {
    outcomes.iter().map(|outcome| outcome.result.as_deref().unwrap_or_default()).collect()
}

fn descriptions(app: &App) -> Vec<String> {
    (1..=3).map(|n| app.users().find(&format!("user{n}")).unwrap().description).collect()
}

fn expected(count: usize) -> Vec<String> {
    (0..3).map(|user| (user..count).step_by(3).map(|n| format!("|{n}")).collect()).collect()
}

#[test]
fn each_row_sees_what_the_one_before_did() {
    let (_database, app) = site(50);
    let text = interleaved(3_000, 50);
    let preview = run(&app, APPEND_AND_COUNT, Mode::Preview, &text);
    assert_eq!(descriptions(&app), ["", "", ""], "a preview changes no user");
    let applied = run(&app, APPEND_AND_COUNT, Mode::Apply, &text);
    assert_eq!(applied.tally.get(Outcome::Changed), 3_047);
    assert_eq!(descriptions(&app), expected(3_000));
    let (previewed, all) = (outcomes(&app, &preview), outcomes(&app, &applied));
    let counted: Vec<_> =
        (0..3_047).map(|at| format!("{{\"n\":{}}}", if at < 3_000 { at / 3 + 1 } else { 1 })).collect();
    assert_eq!(results(&previewed), counted);
    assert_eq!(results(&all), counted);
    let changes =
        |outcomes: Vec<TargetOutcome>| outcomes.into_iter().map(|one| one.changes).collect::<Vec<_>>();
    assert_eq!(changes(previewed), changes(all));
    for n in 1..=3 {
        check_counted(&app, &format!("user{n}"), 1_000);
    }
}

#[test]
fn rows_of_one_user_may_lie_further_apart_than_what_is_in_memory() {
    let (_database, app) = site(13_000);
    let first = "user1,a\nuser2,b\n".to_owned();
    let between: String = (3..=13_000).map(|n| format!("user{n},x\n")).collect();
    let text = format!("username,n\n{first}{between}user1,c\nuser2,d\nuser1,e\n");
    for mode in [Mode::Preview, Mode::Apply] {
        let run = run(&app, APPEND_AND_COUNT, mode, &text);
        let mut last = outcomes(&app, &run).split_off(13_000);
        assert_eq!(results(&last), [r#"{"n":2}"#, r#"{"n":2}"#, r#"{"n":3}"#], "{mode:?}");
        let is_text = |change: &Change| matches!(change, Change::Set(set) if set.field == Field::Description);
        last.iter_mut().for_each(|outcome| outcome.changes.retain(is_text));
        let set = |before: &str, after: &str| {
            vec![Change::Set(FieldChange {
                field: Field::Description,
                before: Value::Text(before.into()),
                after: Value::Text(after.into()),
            })]
        };
        let changes: Vec<_> = last.into_iter().map(|outcome| outcome.changes).collect();
        assert_eq!(changes, [set("|a", "|a|c"), set("|b", "|b|d"), set("|a|c", "|a|c|e")], "{mode:?}");
    }
    check_counted(&app, "user1", 3);
    check_counted(&app, "user2", 2);
    check_counted(&app, "user3", 1);
}

/// Keeps the rows that were matched.
#[derive(Default)]
struct Matches(Vec<(String, Vec<String>)>);

impl RowsObserver for Matches {
    fn columns(&mut self, _: &[String], _: &str) -> std::io::Result<()> {
        Ok(())
    }
    fn bad_row(&mut self, bad: &BadRow<'_>) -> std::io::Result<()> {
        panic!("{bad:?}")
    }
    fn matched(&mut self, matched: &Matched<'_>) -> Result<(), AppError> {
        self.0 = matched.first(10)?.into_iter().map(|row| (row.username, row.cells)).collect();
        Ok(())
    }
    fn progress(&mut self, _: u64) {}
}

#[test]
fn column_that_names_the_users_is_guessed_or_given() {
    let (_database, app) = site(3);
    for (n, email) in [(1, "ann@example.com"), (2, "bob@example.com"), (3, "shared@example.org")] {
        let fields = [format!("external_id=X{n}"), format!("email={email}")];
        app.users().assign_fields(&format!("user{n}"), &fields).unwrap();
    }
    let table: [(&str, Option<&str>, &str, Field); 13] = [
        ("username,klass\nuser2,a\n", None, "username", Field::Username),
        ("klass,User Name\na,user2\n", None, "User Name", Field::Username),
        ("klass,External ID\na,X2\n", None, "External ID", Field::ExternalId),
        ("klass,E-Mail\na,bob@example.com\n", None, "E-Mail", Field::Email),
        ("klass,obj_id\na,2\n", None, "obj_id", Field::ObjId),
        ("email,username,klass\nann@example.com,user2,a\n", None, "username", Field::Username),
        ("email,username,klass\nbob@example.com,user1,a\n", Some("email"), "email", Field::Email),
        ("external_id,klass\nX2,a\n", Some("external_id"), "external_id", Field::ExternalId),
        ("Kunde,klass\nX2,a\n", Some("Kunde=external_id"), "Kunde", Field::ExternalId),
        ("Kunde,klass\nuser2,a\n", Some("Kunde=username"), "Kunde", Field::Username),
        ("Kunde,klass\nbob@example.com,a\n", Some("Kunde=email"), "Kunde", Field::Email),
        ("Kunde,klass\n 2 ,a\n", Some("kunde=obj_id"), "Kunde", Field::ObjId),
        ("username,klass\nX2,a\n", Some("username=external_id"), "username", Field::ExternalId),
    ];
    for (text, key, column, field) in table {
        let table = Table::read(std::io::Cursor::new(text), &TableOptions::default()).unwrap();
        let wanted = RowsRequest { file: "rows.csv", key, ..RowsRequest::default() };
        let mut matches = Matches::default();
        let read = app.runs().read_rows(table, &wanted, &mut matches).unwrap();
        let report = &read.report;
        assert_eq!((report.key.as_str(), report.field), (column, field), "{text}");
        assert_eq!((report.matched, report.bad(), report.duplicate), (1, 0, 0), "{text}");
        assert!(read.chosen.is_some(), "{text}");
        let [(username, cells)] = &matches.0[..] else { panic!("{text}: {:?}", matches.0) };
        assert!(username == "user2" && cells.iter().any(|cell| cell == "a"), "{text}: {cells:?}");
    }
}

/// Edits the users that have several rows, by hand and all the time, but not for ever: a file has one writer, and who
/// waits for it is not served in order.
fn edit_all_the_time(app: &App, done: &AtomicBool) -> u32 {
    let mut edits = 0;
    while !done.load(Ordering::Relaxed) && edits < 300 {
        for n in 1..=3 {
            // Refused when the run has just written: then it is tried again on the next round.
            edits += u32::from(
                app.users().assign_fields(&format!("user{n}"), &[format!("klass=by hand {edits}")]).is_ok(),
            );
        }
    }
    edits
}

#[test]
fn nothing_is_lost_or_done_twice_while_others_edit_the_same_users() {
    let (database, app) = site(400);
    let text = interleaved(600, 400);
    let mut wanted = request(APPEND, Mode::Apply);
    wanted.choice = Choice::Rows(Box::new(rows(&app, text)));
    let done = AtomicBool::new(false);
    let (ended, edits) = std::thread::scope(|scope| {
        let others = App::new(
            database.open(),
            std::sync::Arc::new(rollcall_testkit::TestClock::at(crate::common::NOW)),
            rollcall_domain::Zone::utc(),
            Actor::account("cli:other".to_owned()),
        );
        let done = &done;
        let editor = scope.spawn(move || edit_all_the_time(&others, done));
        let ended = app.runs().create(&wanted, &Stop::default(), &mut Silent).unwrap();
        done.store(true, Ordering::Relaxed);
        (ended, editor.join().unwrap())
    });
    check(&app, &ended);
    assert!(edits >= 3, "the users were edited while the run was at work: {edits}");
    // A target that was disturbed again and again is given up, and says so; every other one is there once, in order.
    let all = outcomes(&app, &ended);
    let numbers = |user: usize| {
        let mine = all.iter().filter(|outcome| outcome.user_id == user as i64);
        mine.filter(|outcome| outcome.outcome == Outcome::Changed)
            .map(|outcome| format!("|{}", outcome.cells.as_ref().unwrap()[1]))
            .collect::<String>()
    };
    assert_eq!(descriptions(&app), [numbers(1), numbers(2), numbers(3)]);
    for user in 1..=3 {
        assert!(app.users().find(&format!("user{user}")).unwrap().klass.starts_with("by hand"));
    }
    let others =
        all.iter().filter(|outcome| !matches!(outcome.outcome, Outcome::Changed | Outcome::Conflict));
    assert_eq!(others.count(), 0);
}

/// A clock that moves on with every look.
#[derive(Debug)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1_000_000, Ordering::Relaxed)).unwrap()
    }
}

#[test]
fn rows_see_the_last_update_that_the_rows_before_leave() {
    let script = "
match row['do']:
    case 'klass': user.klass += 'x'
    case 'date': user.last_update = '2029-01-01'
    case 'now': user.last_update = run.now
    case 'see': fail(f'{user.klass} {user.last_update:%Y}')
";
    let (database, _) = site(13_000);
    let start = rollcall_testkit::time("2026-11-23T12:00:00Z").as_micros();
    let clock = std::sync::Arc::new(Ticking(AtomicI64::new(start)));
    let app =
        App::new(database.open(), clock, rollcall_domain::Zone::utc(), Actor::account("cli:test".to_owned()));
    let first = "user1,klass\nuser1,date\nuser2,klass\nuser2,now\n";
    let between: String = (3..=13_000).map(|n| format!("user{n},klass\n")).collect();
    let text = format!("username,do\n{first}{between}user1,see\nuser1,klass\nuser1,see\n");
    for mode in [Mode::Preview, Mode::Apply] {
        let run = run(&app, script, mode, &text);
        let all = outcomes(&app, &run);
        let seen = |n: usize| all[n].error.as_ref().unwrap().message.clone();
        assert_eq!((seen(13_002), seen(13_004)), ("x 2029".into(), "xx 2026".into()), "{mode:?}");
        assert_eq!((all[1].outcome, all[3].outcome), (Outcome::Changed, Outcome::Changed), "{mode:?}");
        if mode == Mode::Apply {
            assert_eq!(
                app.users().find("user2").unwrap().last_update,
                run.created_at,
                "what was assigned stands"
            );
            let Change::Set(FieldChange { before: Value::Time(Some(before)), .. }) = &all[3].changes[0]
            else {
                panic!("{:?}", all[3].changes)
            };
            assert!(*before > run.created_at, "the journal has what the row before really left");
        }
    }
}

fn usernames(outcomes: &[TargetOutcome]) -> Vec<(&str, Outcome)> {
    outcomes.iter().map(|each| (each.username.as_deref().unwrap_or("?"), each.outcome)).collect()
}

#[test]
fn after_a_refused_or_failed_row_the_next_one_finds_the_user_as_it_was() {
    let script = "
if row['to'] == 'raise': raise ValueError('no')
if row['to'] == 'see': fail(user.username + ' ' + user.klass)
user.klass = row['to']
user.username = row['to']
";
    let text = "external_id,to\nx1,user2\nx1,see\nx1,raise\nx1,new\nx1,see\nx1,newer\nx1,see\n";
    for mode in [Mode::Preview, Mode::Apply] {
        let (_database, app) = site(3);
        app.users().assign_fields("user1", &["external_id=x1".to_owned()]).unwrap();
        let run = run(&app, script, mode, text);
        let all = outcomes(&app, &run);
        use Outcome::{Changed, Failed};
        let old = "user1"; // what it was called before the run
        let expected = [
            (old, Failed), // user2 is taken
            (old, Failed),
            (old, Failed),
            (old, Changed),
            (old, Failed),
            (old, Changed),
            (old, Failed),
        ];
        assert_eq!(usernames(&all), expected, "{mode:?}");
        let seen = |n: usize| all[n].error.as_ref().unwrap().message.clone();
        assert_eq!([seen(1), seen(4), seen(6)], ["user1 ", "new new", "newer newer"], "{mode:?}");
    }
}

#[test]
fn a_preview_of_several_rows_tells_when_somebody_edits_between_them() {
    let (database, app) = site(13_000);
    struct Editor<'a>(&'a TestDatabase, u64);
    impl Observer for Editor<'_> {
        fn confirm(&mut self, _: &Run) -> bool {
            true
        }
        fn progress(&mut self, progress: Progress) {
            // Once, when the first row is committed and the last one is not loaded yet.
            if progress.tally.total() > 0 && self.1 == 0 {
                let app = App::new(
                    self.0.open(),
                    std::sync::Arc::new(rollcall_testkit::TestClock::at(crate::common::NOW)),
                    rollcall_domain::Zone::utc(),
                    Actor::account("cli:other".to_owned()),
                );
                app.users().assign_fields("user1", &["description=by hand".to_owned()]).unwrap();
                self.1 = progress.tally.total();
            }
        }
    }
    let between: String = (2..=13_000).map(|n| format!("user{n},x\n")).collect();
    let mut wanted = request(APPEND, Mode::Preview);
    wanted.choice = Choice::Rows(Box::new(rows(&app, format!("username,n\nuser1,a\n{between}user1,b\n"))));
    let run = app.runs().create(&wanted, &Stop::default(), &mut Editor(&database, 0)).unwrap();
    check(&app, &run);
    let all = outcomes(&app, &run);
    let (first, last) = (&all[0], &all[13_000]);
    // Whether the first row was planned before or after the edit is a matter of moments; both must be consistent.
    match last.outcome {
        Outcome::Conflict => assert_eq!(first.outcome, Outcome::Changed),
        Outcome::Changed => {
            let Change::Set(FieldChange { before, .. }) = &last.changes[0] else { panic!() };
            assert!(matches!(before, Value::Text(text) if text.ends_with("|a")), "{before:?}");
        }
        other => panic!("{other}"),
    }
}

fn apply_preview(app: &App, preview: &Run) -> Vec<TargetOutcome> {
    let wanted = ApplyRequest::default();
    let applied = app.runs().apply(preview.id, &wanted, &Stop::default(), &mut Silent).unwrap();
    check(app, &applied);
    outcomes(app, &applied)
}

#[test]
fn a_plan_for_several_rows_names_the_user_as_before_the_run() {
    let (_database, app) = site(2);
    let text = "external_id,to\nx1,new\nx1,newer\n";
    app.users().assign_fields("user1", &["external_id=x1".to_owned()]).unwrap();
    let preview = run(&app, "user.username = row['to']", Mode::Preview, text);
    let applied = apply_preview(&app, &preview);
    let expected = [("user1", Outcome::Changed), ("user1", Outcome::Changed)];
    assert_eq!(usernames(&applied), expected);
}

#[test]
fn no_row_of_a_user_who_was_changed_since_the_preview_is_applied() {
    let (_database, app) = site(2);
    // The second row touches nothing of the first one, nor of the edit.
    let script = "if row['n'] == '1': user.klass = 'gold'\nelse: user.description = 'second'";
    let preview = run(&app, script, Mode::Preview, "username,n\nuser1,1\nuser1,2\nuser2,1\nuser2,2\n");
    app.users().assign_fields("user1", &["email=by@hand".to_owned()]).unwrap();
    let applied = apply_preview(&app, &preview);
    use Outcome::{Changed, Conflict};
    let expected = [("user1", Conflict), ("user1", Conflict), ("user2", Changed), ("user2", Changed)];
    assert_eq!(usernames(&applied), expected);
}

#[test]
fn no_earlier_row_is_planned_to_be_taken_back_when_somebody_has_changed_a_later_one() {
    let (_database, app) = site(1);
    let script = "
match row['n']:
    case '1': user.klass = 'first'
    case '2': user.email = 'second'
    case '3': user.description = 'third'
";
    let applied = run(&app, script, Mode::Apply, "username,n\nuser1,1\nuser1,2\nuser1,3\n");
    let options = RunOptions { canary: Some(1), ..RunOptions::default() };
    let wanted = UndoRequest { mode: Mode::Preview, user: None, options };
    let undo = app.runs().undo(applied.id, &wanted, &Stop::default(), &mut Silent).unwrap();
    app.users().assign_fields("user1", &["description=by hand".to_owned()]).unwrap();
    let execution = request("", Mode::Apply).execution;
    let wanted = ResumeRequest {
        execution,
        time_limit: None,
        brakes: Brakes::default(),
        confirmed: true,
        queue: false,
    };
    let undo = app.runs().resume(undo.id, &wanted, &Stop::default(), &mut Silent).unwrap();
    check(&app, &undo);
    use Outcome::{Changed, Conflict};
    let expected = [("user1", Changed), ("user1", Conflict), ("user1", Conflict)];
    assert_eq!(usernames(&outcomes(&app, &undo)), expected);
}

#[derive(Default)]
struct Looked {
    columns: Vec<String>,
    begins: Vec<u64>,
    first: Vec<StagedRow>,
    again: Vec<StagedRow>,
}

impl RowsObserver for Looked {
    fn begins(&mut self, columns: &[String], first: &[Row]) {
        self.columns = columns.to_vec();
        self.begins = first.iter().map(|row| row.line).collect();
    }
    fn columns(&mut self, _: &[String], _: &str) -> std::io::Result<()> {
        Ok(())
    }
    fn bad_row(&mut self, _: &BadRow<'_>) -> std::io::Result<()> {
        Ok(())
    }
    fn matched(&mut self, matched: &Matched<'_>) -> Result<(), AppError> {
        (self.first, self.again) = (matched.first(3)?, matched.again(9)?);
        Ok(())
    }
    fn progress(&mut self, _: u64) {}
}

fn looked(text: &str, key: Option<&str>) -> (Looked, Result<u64, String>) {
    let (_database, app) = site(9);
    let table = Table::read(std::io::Cursor::new(text.to_owned()), &TableOptions::default()).unwrap();
    let mut seen = Looked::default();
    let wanted = RowsRequest { file: "rows.csv", key, skip_unmatched: true, ..RowsRequest::default() };
    let read = app.runs().read_rows(table, &wanted, &mut seen).map(|read| read.report.matched);
    (seen, read.map_err(|error| error.to_string()))
}

#[test]
fn a_file_shows_how_it_begins_and_which_rows_name_a_user_again() {
    let text = "who,n\nuser1,a\nnobody,b\nuser2,c\n\nuser1,d\nuser3,e\nuser1,f\nuser3,g\n";
    let (seen, read) = looked(text, Some("who=username"));
    assert_eq!(
        (read, seen.columns, seen.begins),
        (Ok(6), vec!["who".to_owned(), "n".to_owned()], vec![2, 3, 4, 6, 7])
    );
    let told = |rows: Vec<StagedRow>| -> Vec<_> {
        rows.into_iter().map(|row| (row.line, row.username, row.cells[1].clone(), row.first)).collect()
    };
    let row = |line, name: &str, cell: &str, first| (line, name.to_owned(), cell.to_owned(), first);
    assert_eq!(
        told(seen.first),
        [row(2, "user1", "a", None), row(4, "user2", "c", None), row(6, "user1", "d", None)]
    );
    assert_eq!(
        told(seen.again),
        [row(6, "user1", "d", Some(2)), row(8, "user1", "f", Some(2)), row(9, "user3", "g", Some(7))]
    );
    // Where nobody knows yet which column names the users, that is to be seen, too.
    let (seen, read) = looked(text, None);
    assert!(read.unwrap_err().contains("no column is known to name the users"));
    assert_eq!(seen.begins, [2, 3, 4, 6, 7]);
}

/// A script for a file with the columns `username`, `klass` and `vlookup`.
const KLASS: &str = "user.klass = row['klass']";

/// The bad rows of a file: the line and the reason of each.
#[derive(Default)]
struct Bad(Vec<String>);

impl RowsObserver for Bad {
    fn columns(&mut self, _: &[String], _: &str) -> std::io::Result<()> {
        Ok(())
    }
    fn bad_row(&mut self, bad: &BadRow<'_>) -> std::io::Result<()> {
        self.0.push(format!("{}: {}", bad.row.line, bad.reason));
        Ok(())
    }
    fn progress(&mut self, _: u64) {}
}

/// Reads the rows for a script.
fn read_for(
    app: &App,
    script: &str,
    table: Table,
    request: &RowsRequest<'_>,
) -> (RowsReport, Vec<String>, Option<ChosenRows>) {
    let source = app.scripts().parse("test.py", script).unwrap();
    let mut bad = Bad::default();
    let wanted = RowsRequest { file: "rows", read_columns: source.row_columns.as_ref(), ..*request };
    let read = app.runs().read_rows(table, &wanted, &mut bad).unwrap();
    (read.report, bad.0, read.chosen)
}

fn run_on(app: &App, script: &str, mode: Mode, choice: Choice) -> Result<Run, AppError> {
    let mut wanted = request(script, mode);
    wanted.choice = choice;
    app.runs().create(&wanted, &Stop::default(), &mut Silent)
}

/// A workbook whose third column has errors: two users with a class, of whom the first has `#N/A` there.
fn unneeded() -> Table {
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    for (row, texts) in
        (0..).zip([["username", "klass", "vlookup"], ["user1", "gold", ""], ["user2", "plus", ""]])
    {
        for (column, text) in (0..).zip(texts) {
            sheet.write(row, column, text).unwrap();
        }
    }
    sheet.write(1, 2, rust_xlsxwriter::Formula::new("=NA()").set_result("#N/A")).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    workbook.save_to_writer(file.try_clone().unwrap()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    Table::from_file(file, &TableOptions::default()).unwrap()
}

#[test]
fn error_in_column_that_script_does_not_read_does_not_block() {
    let (_database, app) = site(3);
    let (report, bad, chosen) = read_for(&app, KLASS, unneeded(), &RowsRequest::default());
    assert_eq!((report.rows, report.matched, report.faulty, bad), (2, 2, 0, Vec::new()));
    assert_eq!(
        report.notes.last().unwrap(),
        "1 cell has an error in a column that the script does not read (\"vlookup\")"
    );
    let run = run_on(&app, KLASS, Mode::Apply, Choice::Rows(Box::new(chosen.unwrap()))).unwrap();
    check(&app, &run);
    let found: Vec<_> =
        outcomes(&app, &run).into_iter().map(|outcome| outcome.cells.unwrap().join("|")).collect();
    assert_eq!(found, ["user1|gold|#N/A", "user2|plus|"]);
    let klass = |name| app.users().find(name).unwrap().klass;
    assert_eq!((klass("user1"), klass("user2")), ("gold".to_owned(), "plus".to_owned()));

    for script in ["result['row'] = dict(row)", "user.klass = row['klass'] + row.get('vlookup', '')"] {
        let (report, bad, chosen) = read_for(&app, script, unneeded(), &RowsRequest::default());
        assert_eq!((report.matched, report.faulty, chosen.is_none()), (1, 1, true), "{script}");
        assert_eq!(bad, ["2: cell C2 is #N/A; correct its formula"], "{script}");
    }
}

#[test]
fn rows_with_ignored_errors_are_refused_to_scripts_that_read_them() {
    let (_database, app) = site(3);
    let (_, _, chosen) = read_for(&app, KLASS, unneeded(), &RowsRequest::default());
    let reads = "print(row['vlookup'])";
    let wrong = run_on(&app, reads, Mode::Preview, Choice::Rows(Box::new(chosen.unwrap()))).unwrap_err();
    let why = "the script can read the column \"vlookup\", in which cells of rows have errors: correct the file and \
               read it again";
    assert_eq!(wrong.to_string(), why);

    let (_, _, chosen) = read_for(&app, KLASS, unneeded(), &RowsRequest::default());
    let first = run_on(&app, KLASS, Mode::Preview, Choice::Rows(Box::new(chosen.unwrap()))).unwrap();
    let again = run_on(&app, KLASS, Mode::Preview, Choice::Outcomes(first.id, None)).unwrap();
    let plan = ApplyRequest { plan: None, options: RunOptions { confirmed: true, ..RunOptions::default() } };
    let applied = app.runs().apply(again.id, &plan, &Stop::default(), &mut Silent).unwrap();
    for earlier in [first.id, again.id, applied.id] {
        for script in [reads, "print(row)"] {
            let wrong = run_on(&app, script, Mode::Preview, Choice::Outcomes(earlier, None)).unwrap_err();
            assert_eq!(wrong.to_string(), why, "{script} on run {earlier}");
        }
        let run =
            run_on(&app, "print(row['klass'])", Mode::Preview, Choice::Outcomes(earlier, None)).unwrap();
        assert_eq!(run.targets, 2);
    }
}

#[test]
fn columns_that_name_users_are_read_whatever_the_script_reads() {
    let (_database, app) = site(3);
    let table =
        |text: &'static str| Table::read(std::io::Cursor::new(text), &TableOptions::default()).unwrap();
    let nothing = "user.klass = 'x'";
    for (text, key, expected) in [
        (
            "username,note\nuser\0,\0\n",
            None,
            &["2: the cell in column \"username\" holds a NUL character"][..],
        ),
        ("obj_id,username\n1\0,user1\n", None, &["2: the cell in column \"obj_id\" holds a NUL character"]),
        ("obj_id,username\n1\0,user1\n", Some("username"), &[]),
        ("kunde,username\nuser1,\0\n", Some("kunde=username"), &[]),
        ("kunde,username\nuser1\0,\0\n", Some("kunde=username"), &["2: the cell in column \"kunde\" holds"]),
        ("username,a,b\nuser1,\0\n", None, &["2: the row has 2 cells, the header has 3"]),
    ] {
        let wanted = RowsRequest { key, ..RowsRequest::default() };
        let (report, bad, _) = read_for(&app, nothing, table(text), &wanted);
        assert_eq!((bad.len(), report.matched), (expected.len(), 1 - expected.len() as u64), "{text:?}");
        for (bad, expected) in bad.iter().zip(expected) {
            assert!(bad.starts_with(expected), "{bad}");
        }
    }
    let many = table("username,a,b,c,d\nuser1,\0,\0,\0,\0\nuser2,\0,x,x,x\n");
    let (report, _, _) = read_for(&app, nothing, many, &RowsRequest::default());
    assert_eq!(
        report.notes.last().unwrap(),
        "5 cells have errors in columns that the script does not read (\"a\", \"b\", \"c\", …)"
    );
}
