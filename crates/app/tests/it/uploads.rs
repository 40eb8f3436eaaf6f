//! Files that are sent ahead: there as a whole or not at all, for whoever may use them, and for a day.

use std::io::{Cursor, Error, Read};
use std::sync::Arc;

use crate::common::{NOW, check, outcomes, request, site};
use rollcall_app::runs::{BadRow, BadRowsFile, Choice, Observer, Progress, RowsObserver, RowsRequest, Stop};
use rollcall_app::{Actor, App, ImportRequest, Kind, Table, TableOptions};
use rollcall_domain::{Grant, Mode, Role, Run, Upload, Zone};
use rollcall_testkit::{TestClock, TestDatabase};

const HOUR: i64 = 3_600;

/// Keeps the bad rows as a file, and says yes to everything.
#[derive(Default)]
struct Watch {
    columns: Vec<String>,
    file: Vec<u8>,
}

impl RowsObserver for Watch {
    fn columns(&mut self, columns: &[String], _: &str) -> std::io::Result<()> {
        self.columns = columns.to_vec();
        BadRowsFile::new(columns, &mut self.file)?.flush()
    }

    fn bad_row(&mut self, bad: &BadRow<'_>) -> std::io::Result<()> {
        let mut row = Vec::new();
        let mut file = BadRowsFile::new(&self.columns, &mut row)?;
        bad.write_to(&mut file)?;
        file.flush()?;
        drop(file);
        let after_header = row.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        self.file.extend(&row[after_header..]);
        Ok(())
    }

    fn progress(&mut self, _: u64) {}
}

impl Observer for Watch {
    fn confirm(&mut self, _: &Run) -> bool {
        true
    }

    fn progress(&mut self, _: Progress) {}
}

fn at_noon() -> (TestDatabase, Arc<TestClock>, App) {
    let database = TestDatabase::new();
    let clock = Arc::new(TestClock::at(NOW));
    let app = App::new(database.open(), clock.clone(), Zone::utc(), Actor::account("cli:test".to_owned()));
    (database, clock, app)
}

fn listed(app: &App) -> Vec<Upload> {
    app.uploads().list_after(None, 100).unwrap()
}

fn content(app: &App, upload: &Upload) -> Vec<u8> {
    let mut bytes = Vec::new();
    app.uploads().open(upload.id).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_file_that_was_sent_is_what_another_process_reads() {
    let (database, _, app) = at_noon();
    // More than two parts, which the pieces do not meet.
    let bytes: Vec<u8> = (0..150_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut uploading = app.uploads().start("list.csv").unwrap();
    bytes.chunks(70_001).for_each(|piece| uploading.append(piece).unwrap());
    assert_eq!(listed(&app), [], "it is not whole yet");
    let upload = uploading.finish().unwrap();
    assert_eq!((upload.name.as_str(), upload.size), ("list.csv", 600_000));
    assert_eq!(
        upload.sha256,
        data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(&bytes))
    );
    let other = App::new(
        database.open(),
        Arc::new(TestClock::at(NOW)),
        Zone::utc(),
        Actor::account("cli:other".to_owned()),
    );
    assert_eq!(listed(&other), std::slice::from_ref(&upload));
    assert!(content(&other, &upload) == bytes);
    let empty = app.uploads().add("empty", Cursor::new("")).unwrap();
    assert_eq!((empty.size, content(&app, &empty)), (0, vec![]));
    assert_eq!(listed(&app), [empty.clone(), upload.clone()], "the newest first");
    assert_eq!(app.uploads().list_after(Some(empty.id), 1).unwrap(), std::slice::from_ref(&upload));
    let done = |n: usize| app.audit().list(&Default::default()).unwrap().nth(n).unwrap().unwrap();
    assert_eq!((done(0).action.as_str(), done(1).subject), ("upload-add", format!("upload {}", upload.id)));
    app.uploads().remove(upload.id).unwrap();
    assert_eq!(done(0).action, "upload-remove");
    for gone in [app.uploads().open(upload.id).map(drop), app.uploads().remove(upload.id)] {
        assert_eq!(gone.unwrap_err().kind(), Kind::Missing);
    }
    assert_eq!(listed(&other), [empty]);
}

#[test]
fn what_is_broken_off_or_too_long_was_never_there() {
    /// Gives some bytes, and then no more.
    struct Torn(usize);
    impl Read for Torn {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(Error::other("the line is dead"));
            }
            self.0 -= 1;
            buffer.fill(7);
            Ok(buffer.len())
        }
    }
    let (database, _, app) = at_noon();
    let error = app.uploads().add("torn.csv", Torn(5)).unwrap_err().to_string();
    assert_eq!(error, "torn.csv could not be read to its end: the line is dead");
    let mut uploading = app.uploads().start("dropped.csv").unwrap();
    uploading.append(&vec![1; 300_000]).unwrap();
    drop(uploading);
    let mut uploading = app.uploads().start("long.csv").unwrap();
    let long = vec![0; usize::try_from(Upload::LARGEST).unwrap() + 1];
    let error = uploading.append(&long).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (Kind::Invalid, "the file has more than 1024 MiB: send it in several".to_owned())
    );
    drop(uploading);
    assert_eq!(listed(&app), []);
    for name in ["", " ", "a\nb", &"x".repeat(256)] {
        assert_eq!(app.uploads().start(name).map(drop).unwrap_err().kind(), Kind::Invalid, "{name:?}");
    }
    // What is left of them is gone with the next one that begins.
    drop(app.uploads().start("next.csv").unwrap());
    assert_eq!(database.open().uploads().sweep(rollcall_testkit::time(NOW), 100).unwrap(), 0);
}

#[test]
fn a_file_is_kept_for_a_day_after_it_was_used() {
    let (database, clock, app) = at_noon();
    let upload = app.uploads().add("a.csv", Cursor::new("username\n")).unwrap();
    clock.advance(23 * HOUR);
    assert_eq!(content(&app, &upload), b"username\n");
    clock.advance(23 * HOUR);
    assert_eq!(app.uploads().find(upload.id).unwrap().id, upload.id);
    let unused = app.uploads().add("b.csv", Cursor::new(vec![b'x'; 300_000])).unwrap();
    clock.advance(2 * HOUR);
    assert_eq!(listed(&app).iter().map(|upload| upload.id).collect::<Vec<_>>(), [unused.id]);
    assert_eq!(app.uploads().find(upload.id).unwrap_err().kind(), Kind::Missing);
    clock.advance(23 * HOUR);
    assert_eq!(listed(&app), []);
    let store = database.open();
    assert_eq!(store.uploads().part(unused.id, 2).unwrap().unwrap().len(), 300_000 - (256 << 10));
    app.maintenance().prune(Some("1y".parse().unwrap()), &Stop::default(), |_| {}).unwrap();
    assert_eq!(store.uploads().part(unused.id, 2).unwrap(), None);
}

#[test]
fn a_file_is_there_for_those_whose_reach_covers_that_of_its_administrator() {
    let (_database, _, root) = at_noon();
    let ids = ["North", "South"].map(|name| root.organizations().add(name).unwrap());
    let [north, south] = ids.map(|id| {
        let name = format!("of-{id}");
        let grant = Grant { role: Role::Operator, organization_id: Some(id) };
        root.administrators().add(&name, &[grant]).unwrap();
        root.acting_as(&name).unwrap()
    });
    let theirs = north.uploads().add("north.csv", Cursor::new("username\n")).unwrap();
    let ours = root.uploads().add("root.csv", Cursor::new("username\n")).unwrap();
    let names = |app: &App| listed(app).into_iter().map(|upload| upload.name).collect::<Vec<_>>();
    assert_eq!(
        (names(&root), names(&north), names(&south)),
        (vec!["root.csv".to_owned(), "north.csv".to_owned()], vec!["north.csv".to_owned()], vec![],)
    );
    assert_eq!(south.uploads().open(theirs.id).unwrap_err().kind(), Kind::Missing);
    assert_eq!(north.uploads().remove(ours.id).unwrap_err().kind(), Kind::Missing);
    root.uploads().open(theirs.id).unwrap();
}

#[test]
fn an_upload_is_the_list_of_a_run_that_does_without_it_afterwards() {
    let (_database, app) = site(3);
    let text = "Username,n\nuser2,7\nnobody,8\nuser3\nuser2,9\n=1+1,5\n";
    let upload = app.uploads().add("march.csv", Cursor::new(text)).unwrap();
    let mut watch = Watch::default();
    let read = app
        .uploads()
        .read_rows(upload.id, &TableOptions::default(), &RowsRequest::default(), &mut watch)
        .unwrap();
    assert!(read.chosen.is_none(), "bad rows are in the way");
    let report = &read.report;
    let counts = [report.rows, report.matched, report.duplicate, report.unmatched, report.faulty];
    assert_eq!(counts, [5, 2, 1, 2, 1]);
    let bad = String::from_utf8(watch.file).unwrap();
    assert_eq!(
        bad,
        "Username,n,rollcall_line,rollcall_reason\nnobody,8,3,\"no user has the username \"\"nobody\"\"\"\n\
                     user3,,4,\"the row has 1 cell, the header has 2\",\"(correct this row, then delete this cell)\"\n\
                     '=1+1,5,6,\"no user has the username \"\"=1+1\"\"\"\n"
    );

    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, (name, n)) in (0..).zip([("username", "n"), ("user3", "1"), ("user1", "2")]) {
        sheet.write(row, 0, name).unwrap();
        sheet.write(row, 1, n).unwrap();
    }
    let upload = app.uploads().add("april.xlsx", Cursor::new(book.save_to_buffer().unwrap())).unwrap();
    let mut watch = Watch::default();
    let request_rows = RowsRequest { key: Some("username"), skip_unmatched: true, ..RowsRequest::default() };
    let read =
        app.uploads().read_rows(upload.id, &TableOptions::default(), &request_rows, &mut watch).unwrap();
    let mut wanted = request("user.klass = row['n']", Mode::Apply);
    wanted.choice = Choice::Rows(Box::new(read.chosen.unwrap()));
    app.uploads().remove(upload.id).unwrap();
    let run = app.runs().create(&wanted, &Stop::default(), &mut watch).unwrap();
    check(&app, &run);
    assert_eq!(run.selection.to_string(), "the rows of april.xlsx, by username");
    let names: Vec<_> = outcomes(&app, &run).into_iter().filter_map(|outcome| outcome.username).collect();
    assert_eq!(
        (names, app.users().find("user1").unwrap().klass),
        (vec!["user3".to_owned(), "user1".to_owned()], "2".to_owned())
    );

    let users = "username,klass\nnew1,gold\nnew2,silver\n";
    let upload = app.uploads().add("users.csv", Cursor::new(users)).unwrap();
    let table = Table::from_file(app.uploads().open(upload.id).unwrap(), &TableOptions::default()).unwrap();
    let imported = app.imports().apply(table, &ImportRequest::default(), &mut ());
    assert_eq!(imported.unwrap().users, 2);
}
