//! Every sample, run for good over users chosen to meet each of its ways.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rollcall_app::runs::{
    BadRow, Choice, ExecutionConfig, Observer, Progress, RowsObserver, RowsRequest, RunOptions, RunRequest,
    Script, Stop,
};
use rollcall_app::scripts::{SAMPLES, Sample, read, sample};
use rollcall_app::{Actor, App, ImportRequest, Table, TableOptions, UserSelection};
use rollcall_domain::{ItemKind, ItemRow, Mode, Outcome, Run, User, Zone};
use rollcall_sandbox::{Isolation, Limits};
use rollcall_testkit::{TestClock, TestDatabase};

const NOW: &str = "2026-11-23T12:00:00Z";

struct Site {
    _database: TestDatabase,
    app: App,
}

struct Quiet;

impl Observer for Quiet {
    fn confirm(&mut self, _: &Run) -> bool {
        true
    }

    fn progress(&mut self, _: Progress) {}
}

impl RowsObserver for Quiet {
    fn columns(&mut self, _: &[String], _: &str) -> std::io::Result<()> {
        Ok(())
    }

    fn bad_row(&mut self, bad: &BadRow<'_>) -> std::io::Result<()> {
        panic!("{bad:?}");
    }

    fn progress(&mut self, _: u64) {}
}

impl Site {
    /// The users of a CSV file, and the profiles basic, plus and static.
    fn new(csv: &str) -> Self {
        let database = TestDatabase::new();
        let app = App::new(
            database.open(),
            Arc::new(TestClock::at(NOW)),
            Zone::utc(),
            Actor::account("cli:test".to_owned()),
        );
        for profile in ["basic", "plus", "static"] {
            app.profiles().add(profile, None, &[], &[]).unwrap();
        }
        let table = Table::read(Cursor::new(csv.to_owned()), &TableOptions::default()).unwrap();
        app.imports().apply(table, &ImportRequest::default(), &mut ()).unwrap();
        Self { _database: database, app }
    }

    fn run(&self, name: &str, mode: Mode, choice: Choice, params: &[(&str, &str)]) -> Vec<String> {
        let request = RunRequest {
            script: Script {
                name: name.to_owned(),
                version: None,
                source: sample(name).unwrap().source.to_owned(),
            },
            mode,
            report: false,
            choice,
            params: params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            execution: ExecutionConfig {
                python: PathBuf::from("python3"),
                isolation: Isolation::Full,
                workers: 1,
                limits: Limits { time: Duration::from_secs(5), memory: 256 << 20, ..Limits::default() },
            },
            options: RunOptions::default(),
        };
        let run = self.app.runs().create(&request, &Stop::default(), &mut Quiet).unwrap();
        self.app
            .runs()
            .list_outcomes(&run, None)
            .unwrap()
            .map(|outcome| {
                let outcome = outcome.unwrap();
                assert_eq!(outcome.output, "");
                assert!(outcome.warnings.is_empty() || outcome.outcome == Outcome::Failed, "{outcome:?}");
                let why = [outcome.reason, outcome.error.map(|error| error.message), outcome.result];
                let why: String = why.into_iter().flatten().map(|text| format!(": {text}")).collect();
                format!("{} {}{why}", outcome.username.unwrap(), outcome.outcome)
            })
            .collect()
    }

    /// Runs the sample for good over all users: `NAME OUTCOME: WHY` of each, with its result.
    fn apply(&self, name: &str, params: &[(&str, &str)]) -> Vec<String> {
        let planned = self.run(name, Mode::Preview, Choice::Users(UserSelection::default()), params);
        let done = self.run(name, Mode::Apply, Choice::Users(UserSelection::default()), params);
        assert_eq!(planned, done, "the preview says what is then done");
        done
    }

    /// The same, and that a second time there is nothing left to do.
    fn apply_twice(&self, name: &str, params: &[(&str, &str)]) -> Vec<String> {
        let done = self.apply(name, params);
        let again = self.apply(name, params);
        assert!(again.iter().all(|each| each.ends_with(" unchanged")), "{again:?}");
        done
    }

    /// The same for the rows of a file.
    fn apply_rows(&self, name: &str, csv: &str, params: &[(&str, &str)]) -> Vec<String> {
        let table = Table::read(Cursor::new(csv.to_owned()), &TableOptions::default()).unwrap();
        let request = RowsRequest { file: "rows.csv", ..RowsRequest::default() };
        let chosen = self.app.runs().read_rows(table, &request, &mut Quiet).unwrap().chosen.unwrap();
        self.run(name, Mode::Apply, Choice::Rows(Box::new(chosen)), params)
    }

    fn user(&self, name: &str) -> User {
        self.app.users().find(name).unwrap()
    }

    fn expiration(&self, name: &str) -> String {
        self.user(name).expiration.map_or_else(|| "never".to_owned(), |time| time.to_string())
    }

    fn profiles(&self, name: &str) -> Vec<String> {
        self.user(name).profiles.into_iter().map(|profile| profile.short_name).collect()
    }

    fn items(&self, name: &str, kind: ItemKind) -> Vec<String> {
        self.user(name).items(kind).iter().map(ItemRow::to_string).collect()
    }

    fn active(&self) -> Vec<String> {
        let users = self.app.users().list(None).unwrap().map(Result::unwrap);
        users.filter(|user| user.is_active).map(|user| user.username).collect()
    }
}

#[test]
fn every_sample_is_a_good_example() {
    for Sample { name, source, columns } in SAMPLES {
        let read = read(source, &Zone::utc()).unwrap();
        assert_eq!(read.warnings, [], "{name}");
        let title = read.title.unwrap();
        assert!(title.starts_with(char::is_uppercase) && title.ends_with('.'), "{name}: {title}");
        assert!(source.starts_with(&format!("\"\"\"{title}\n")), "{name}");
        for param in read.params.iter() {
            assert!(!param.help.is_empty(), "{name}: {}", param.name);
        }
        assert!(source.contains(&format!("\n    rollcall run {name} -")), "{name} says how it is run");
        assert_eq!(source.contains("row["), !columns.is_empty(), "{name}");
        assert_eq!(source.contains(" --csv "), !columns.is_empty(), "{name}");
        assert!(source.lines().all(|line| line.chars().count() <= 118), "{name}");
        assert!(source.len() < 2_000, "{name} is short");
    }
}

#[test]
fn every_sample_is_listed_and_tested() {
    let names: Vec<_> = SAMPLES.iter().map(|sample| sample.name).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");
    let files: BTreeSet<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, names.iter().map(|name| format!("{name}.py")).collect());
    for name in names {
        assert!(include_str!("samples.rs").contains(&format!("(\"{name}\", ")), "{name} is run by no test");
        assert_eq!(sample(name).unwrap().name, name);
    }
    assert!(sample("Extend-by-days").is_none());
}

const EXPIRING: &str = "username,expiration,is_active\n\
    ahead,2026-12-31T18:00:00Z,true\n\
    lately,2026-11-20,true\n\
    past,2026-10-01,true\n\
    off,2026-10-01,false\n\
    never,,true\n";

#[test]
fn extend_by_days() {
    let site = Site::new(EXPIRING);
    assert_eq!(
        site.apply("extend-by-days", &[("days", "30")]),
        ["ahead changed", "lately changed", "past changed", "off changed", "never skipped: never expires"]
    );
    assert_eq!(site.expiration("ahead"), "2027-01-30T18:00:00Z");
    assert_eq!(site.expiration("past"), "2026-12-23T12:00:00Z");
    assert_eq!(site.expiration("never"), "never");

    let site = Site::new(EXPIRING);
    site.apply("extend-by-days", &[("days", "30"), ("counted_from", "expiration")]);
    assert_eq!(site.expiration("past"), "2026-10-31T00:00:00Z");
    assert_eq!(site.expiration("ahead"), "2027-01-30T18:00:00Z");

    let site = Site::new(EXPIRING);
    site.apply("extend-by-days", &[("days", "30"), ("counted_from", "now")]);
    assert_eq!(site.expiration("past"), "2026-12-23T12:00:00Z");
    assert_eq!(site.expiration("ahead"), "2026-12-23T12:00:00Z");

    let site = Site::new("username,expiration\nlast,9999-12-31\n");
    assert_eq!(site.apply("extend-by-days", &[("days", "30")]), ["last failed: date value out of range"]);
    assert_eq!(site.apply("extend-by-days", &[("days", "0")]), ["last failed: days must be 1 or more"]);
}

#[test]
fn move_plan() {
    let site =
        Site::new("username,profiles\non,basic;static\nboth,plus;basic\noff,static\nnone,\nalready,plus\n");
    let plans = [("from_plan", "basic"), ("to_plan", "plus")];
    assert_eq!(
        site.apply("move-plan", &plans),
        [
            "on changed",
            "both changed",
            "off skipped: not on basic",
            "none skipped: not on basic",
            "already skipped: not on basic"
        ]
    );
    assert_eq!(site.profiles("on"), ["static", "plus"]);
    assert_eq!(site.profiles("both"), ["plus"]);
    assert_eq!(site.profiles("off"), ["static"]);

    let site = Site::new("username,profiles\nana,basic\n");
    let mistaken = |from, to| site.apply("move-plan", &[("from_plan", from), ("to_plan", to)]);
    let unknown = "there is no profile called";
    assert_eq!(mistaken("basci", "plus"), [format!("ana failed: {unknown} 'basci'; did you mean basic?")]);
    assert_eq!(mistaken("basic", "puls"), [format!("ana failed: {unknown} 'puls'; did you mean plus?")]);
    assert_eq!(mistaken("basic", "basic"), ["ana failed: from_plan and to_plan are the same"]);
    assert_eq!(site.profiles("ana"), ["basic"]);
}

#[test]
fn deactivate_expired() {
    let site = Site::new(EXPIRING);
    let still = "skipped: not expired, or still in the days of grace";
    let rest = ["past changed", "off skipped: not active", "never skipped: never expires"];
    assert_eq!(
        site.apply("deactivate-expired", &[("grace_days", "14")])[..],
        [&[&*format!("ahead {still}"), &*format!("lately {still}")], &rest[..]].concat()
    );
    assert_eq!(site.active(), ["ahead", "lately", "never"]);
    site.apply("deactivate-expired", &[]);
    assert_eq!(site.active(), ["ahead", "never"]);
    let failed = site.apply("deactivate-expired", &[("grace_days", "-1")]);
    assert_eq!(failed[0], "ahead failed: grace_days must be 0 or more");
}

#[test]
fn normalise_usernames() {
    let site = Site::new(
        "username,username_length\nAna,\nben,\nDORA@Example.COM,99\nCleo,\ncleo,\nEVE,\nEve,\nfay,\n",
    );
    let done = site.run("normalise-usernames", Mode::Apply, Choice::Users(UserSelection::default()), &[]);
    assert_eq!(done[..3], ["Ana changed", "ben skipped: already normal", "DORA@Example.COM changed"]);
    assert!(done[3].starts_with("Cleo failed: ") && done[3].contains("\"cleo\""), "{done:?}");
    assert_eq!(done[4..6], ["cleo skipped: already normal", "EVE changed"]);
    assert!(done[6].starts_with("Eve failed: "), "{done:?}");
    assert_eq!(done[7], "fay skipped: already normal");
    assert_eq!(site.user("ana").username_length, 3);
    assert_eq!(site.user("dora@example.com").username_length, 99, "it was another number before");
    assert_eq!(site.user("Cleo").username_length, 4);
    assert_eq!((site.user("eve").id, site.user("Eve").id), (6, 7));
}

#[test]
fn set_klass() {
    let site = Site::new("username,klass\nana,\nben,gold\ncleo,gold\ndora,gold\n");
    let rows = "username,klass\ndora, silver \nana,gold\nben,\ncleo,gold\n";
    assert_eq!(
        site.apply_rows("set-klass", rows, &[]),
        ["dora changed", "ana changed", "ben skipped: the row has no klass", "cleo unchanged"]
    );
    let klasses = ["ana", "ben", "cleo", "dora"].map(|name| site.user(name).klass);
    assert_eq!(klasses, ["gold", "gold", "gold", "silver"]);
    let done = site.run(
        "set-klass",
        Mode::Apply,
        Choice::Users(UserSelection::filtered("username eq \"ana\"")),
        &[],
    );
    assert_eq!(
        done,
        ["ana failed: row['klass']: the users of this run were not chosen by the rows of a file"]
    );
}

#[test]
fn set_expiration() {
    let site =
        Site::new("username,expiration\nana,\nben,2026-12-31\ncleo,2026-12-31\ndora,2026-12-31\neve,\n");
    let rows = "username;valid until\nana;2027-01-31T18:00:00+01:00\nben;2027-06-30\ncleo;Never\ndora;\n\
                eve;31.12.2026\nben;2027-06-30\n";
    assert_eq!(
        site.apply_rows("set-expiration", rows, &[("column", "valid until")]),
        [
            "ana changed",
            "ben changed",
            "cleo changed",
            "dora skipped: the row has no date",
            "eve failed: '31.12.2026' is not a date: write it as 2026-12-31, or with its time as \
             2026-12-31T18:00:00Z",
            "ben unchanged"
        ]
    );
    let times = ["ana", "ben", "cleo", "dora", "eve"].map(|name| site.expiration(name));
    let expected = ["2027-01-31T17:00:00Z", "2027-06-30T00:00:00Z", "never", "2026-12-31T00:00:00Z", "never"];
    assert_eq!(times, expected);
    assert_eq!(
        site.apply_rows("set-expiration", "username,expires\nana,2027-01-01\n", &[]),
        ["ana failed: the file has no column 'expiration'; it has username, expires"]
    );
}

#[test]
fn assign_static_ip() {
    let site = Site::new(
        "username,attributes\nana,\nben,Framed-IP-Address := 10.0.0.2\n\
         cleo,\"Framed-IP-Address := 10.0.0.3\nSession-Timeout := 60\"\n\
         dora,\neve,\nfay,Framed-IP-Address := 10.0.0.6\n",
    );
    let rows = "Framed-IP-Address,username\n 10.0.0.1 ,ana\n10.0.0.22,ben\n10.0.0.3,cleo\n10.0.0.300,dora\n\
                127.0.0.1,eve\n,fay\n";
    assert_eq!(
        site.apply_rows("assign-static-ip", rows, &[]),
        [
            "ana changed",
            "ben changed",
            "cleo unchanged",
            "dora failed: not an IPv4 address: Octet 300 (> 255) not permitted in '10.0.0.300'",
            "eve failed: no subscriber can have 127.0.0.1",
            "fay skipped: the row has no address"
        ]
    );
    let reply = |name| site.items(name, ItemKind::Reply);
    assert_eq!(reply("ana"), ["Framed-IP-Address := 10.0.0.1"]);
    assert_eq!(reply("ben"), ["Framed-IP-Address := 10.0.0.22"]);
    assert_eq!(reply("cleo"), ["Framed-IP-Address := 10.0.0.3", "Session-Timeout := 60"]);
    assert_eq!(reply("fay"), ["Framed-IP-Address := 10.0.0.6"]);
}

#[test]
fn report_no_email() {
    let site = Site::new(
        "username,email,first_name,last_name,external_id,date_joined\n\
         ana,ana@example.com,,,,\nben,,Ben,Ueda,C-17,2024-02-29T23:00:00Z\ncleo,,,,,2025-01-01\n",
    );
    assert_eq!(
        site.apply("report-no-email", &[]),
        [
            "ana skipped: has one",
            r#"ben unchanged: {"name":"Ben Ueda","external_id":"C-17","joined":"2024-02-29"}"#,
            r#"cleo unchanged: {"name":"","external_id":"","joined":"2025-01-01"}"#
        ]
    );
}

#[test]
fn find_duplicate_emails() {
    let site = Site::new("username,email\nana,Family@Example.com\nben,\ncleo,family@example.com\n");
    let family = r#"unchanged: {"email":"family@example.com"}"#;
    assert_eq!(
        site.apply("find-duplicate-emails", &[]),
        [format!("ana {family}"), "ben skipped: has no e-mail address".to_owned(), format!("cleo {family}")]
    );
}

#[test]
fn rotate_attribute() {
    let site = Site::new(
        "username,attributes\nnone,\nold,\"Session-Timeout := 60\nIdle-Timeout = 5\"\n\
         many,\"Session-Timeout = 1\nIdle-Timeout = 5\nSession-Timeout := 2\nSession-Timeout += 7200\"\n\
         done,Session-Timeout := 7200\n",
    );
    let params = [("attr", "Session-Timeout"), ("value", "7200")];
    let done = site.apply_twice("rotate-attribute", &params);
    assert_eq!(done, ["none changed", "old changed", "many changed", "done unchanged"]);
    let reply = |name| site.items(name, ItemKind::Reply);
    assert_eq!(reply("none"), ["Session-Timeout := 7200"]);
    assert_eq!(reply("old"), ["Session-Timeout := 7200", "Idle-Timeout = 5"]);
    assert_eq!(reply("many"), ["Idle-Timeout = 5", "Session-Timeout := 7200"]);

    let site = Site::new("username\nana\n");
    let mistaken = |attr, value| site.apply("rotate-attribute", &[("attr", attr), ("value", value)]);
    assert_eq!(
        mistaken("is already there", "1"),
        ["ana failed: 'is already there' cannot be the name of an attribute"]
    );
    assert_eq!(
        mistaken("Reply-Message", "`reboot`"),
        ["ana failed: Reply-Message: FreeRADIUS would execute a value in backquotes"]
    );
    assert!(mistaken("Reply-Message", " ")[0].starts_with("ana failed: the value is empty"));
}

#[test]
fn remove_attribute() {
    let site = Site::new(
        "username,attributes,check_attributes\nnone,,\n\
         many,\"Class = a\nSession-Timeout := 60\nClass += b\nClass = a\",Class == a\n\
         check,,Class == a\n",
    );
    let reply = site.apply("remove-attribute", &[("attr", "Class")]);
    assert_eq!(reply, ["none skipped: has no Class", "many changed", "check skipped: has no Class"]);
    assert_eq!(site.items("many", ItemKind::Reply), ["Session-Timeout := 60"]);
    assert_eq!(site.items("many", ItemKind::Check), ["Class == a"]);
    let check = site.apply("remove-attribute", &[("attr", "Class"), ("kind", "check")]);
    assert_eq!(check, ["none skipped: has no Class", "many changed", "check changed"]);
    assert!(["many", "check"].iter().all(|name| site.items(name, ItemKind::Check).is_empty()));
}

#[test]
fn welcome_list() {
    let site = Site::new(
        "username,email,first_name,last_name,profiles,date_joined,is_active\n\
         ana,ana@example.com,Ana,Berg,plus;static,2026-11-20,true\n\
         ben,ben@example.com,,,,2026-11-16T12:00:00Z,true\n\
         cleo,cleo@example.com,,,,2026-11-16,true\n\
         dora,,,,,2026-11-20,true\n\
         eve,eve@example.com,,,,2026-11-20,false\n",
    );
    let listed = [
        r#"ana unchanged: {"name":"Ana Berg","email":"ana@example.com","plan":"plus, static"}"#,
        r#"ben unchanged: {"name":"ben","email":"ben@example.com","plan":""}"#,
        "cleo skipped: joined earlier",
        "dora skipped: has no e-mail address",
        "eve skipped: not active",
    ];
    assert_eq!(site.apply("welcome-list", &[]), listed);
    assert!(site.apply("welcome-list", &[("days", "8")])[2].starts_with("cleo unchanged"));
    assert_eq!(site.apply("welcome-list", &[("days", "0")])[0], "ana failed: days must be 1 or more");
}

#[test]
fn idle_users() {
    let site = Site::new(
        "username,date_joined,last_login,is_active\n\
         idle,2024-01-01,2026-06-01,true\n\
         busy,2024-01-01,2026-11-22,true\n\
         unseen,2026-01-01,,true\n\
         fresh,2026-11-20,,true\n\
         off,2024-01-01,,false\n",
    );
    let listed = [
        r#"idle unchanged: {"last_login":"2026-06-01T00:00:00Z","idle_days":175}"#,
        "busy skipped: not idle",
        r#"unseen unchanged: {"last_login":"never","idle_days":326}"#,
        "fresh skipped: not idle",
        "off skipped: not active",
    ];
    assert_eq!(site.apply("idle-users", &[]), listed);
    assert_eq!(site.active(), ["idle", "busy", "unseen", "fresh"]);
    let done = site.apply("idle-users", &[("days", "180"), ("deactivate", "true")]);
    assert_eq!(done[0], "idle skipped: not idle");
    assert!(done[2].starts_with("unseen changed: "), "{done:?}");
    assert_eq!(site.active(), ["idle", "busy", "fresh"]);
}

#[test]
fn change_email_domain() {
    let site = Site::new(
        "username,email\nana,Ana@Example.COM\nben,ben@mail.example.com\ncleo,\ndora,example.com\n\
         eve,eve@example.net\n",
    );
    let domains = [("from_domain", "@example.com"), ("to_domain", "example.net")];
    assert_eq!(
        site.apply("change-email-domain", &domains),
        [
            "ana changed",
            "ben skipped: not at example.com",
            "cleo skipped: not at example.com",
            "dora skipped: not at example.com",
            "eve skipped: not at example.com"
        ]
    );
    assert_eq!(site.user("ana").email, "Ana@example.net");
    let mistaken = [("from_domain", "example.com"), ("to_domain", "ana@example.net")];
    let done = site.apply("change-email-domain", &mistaken);
    assert_eq!(done[1], "ben failed: 'ana@example.net' is not a domain such as example.com");
}
