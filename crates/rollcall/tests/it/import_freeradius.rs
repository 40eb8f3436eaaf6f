//! A FreeRADIUS with a database of its own is taken over: what it let in, it lets in on ours.

use crate::common::Desk;
use crate::common::freeradius::FreeRadius;
use rollcall_testkit::PgDatabase;
use rusqlite::Connection;

/// daloRADIUS's, as far as it is the same everywhere.
const USERINFO: &str = "CREATE TABLE userinfo (id INTEGER PRIMARY KEY, username VARCHAR(128), firstname VARCHAR(200), \
    lastname VARCHAR(200), email VARCHAR(200), company VARCHAR(200), mobilephone VARCHAR(200), notes VARCHAR(200), \
    creationdate TIMESTAMP);";

const ROWS: &str = "
INSERT INTO radcheck (username, attribute, op, value) VALUES
    ('ana', 'Cleartext-Password', ':=', 'secret'),
    ('ana', 'NAS-Identifier', '==', 'ap-1'),
    ('ana', 'Simultaneous-Use', ':=', '2'),
    ('bo', 'SSHA-Password', ':=', 'awc/Cj0kafyFd5d8fGn07xoHBJJzYWx0c2FsdA=='),
    ('bo', 'Expiration', ':=', '31 Jan 2090'),
    ('cy', 'User-Password', '==', '\"quoted\"'),
    ('cy', 'Auth-Type', ':=', 'Reject'),
    ('di', 'Cleartext-Password', ':=', 'first'),
    ('di', 'Cleartext-Password', ':=', 'second'),
    ('di', 'Expiration', ':=', 'some day'),
    ('eve', 'LM-Password', ':=', '0x00'),
    ('gus', 'Crypt-Password', ':=', 'sa6zCY2NLg.wE'),
    ('here', 'Cleartext-Password', ':=', 'secret');
INSERT INTO radreply (username, attribute, op, value) VALUES
    ('ana', 'Framed-IP-Address', ':=', '192.0.2.7'), ('ana', 'Reply-Message', '+=', '\"one\"'),
    ('ana', 'Reply-Message', '+=', 'two'), ('ana', 'Fall-Through', '=', 'Yes'),
    ('bo', 'Reply-Message', '==', 'never sent'), ('bo', 'Fall-Through', '=', 'No'),
    ('di', 'Reply-Message', '=', '`reboot`'), ('di', 'Username', ':=', 'di');
INSERT INTO radgroupcheck (groupname, attribute, op, value) VALUES ('gold', 'Max-Daily-Session', ':=', '3600');
INSERT INTO radgroupreply (groupname, attribute, op, value) VALUES
    ('gold', 'Idle-Timeout', ':=', '600'), ('gold', 'Fall-Through', '=', 'Yes'),
    ('daloRADIUS-Disabled-Users', 'Reply-Message', '=', 'disabled');
INSERT INTO radusergroup (username, groupname, priority) VALUES
    ('ana', 'plain', 2), ('ana', 'gold', 1), ('fay', 'gold', 1), ('gus', 'daloRADIUS-Disabled-Users', 0);
INSERT INTO userinfo (username, firstname, lastname, email, company, notes, creationdate) VALUES
    ('ana', 'Ana', 'Berg', 'ana@example.com', 'Acme', 'likes tea', '2020-02-03 04:05:06'),
    ('hal', 'Hal', '', NULL, '', NULL, NULL);
";

/// A database as FreeRADIUS's package makes it; and what keeps it.
fn other(folder: &std::path::Path) -> (String, Option<PgDatabase>) {
    let schema = |kind: &str| {
        let path = format!("/etc/freeradius/3.0/mods-config/sql/main/{kind}/schema.sql");
        std::fs::read_to_string(path)
            .expect("missing: FreeRADIUS. Install it with: sudo apt-get install freeradius")
    };
    match PgDatabase::fresh() {
        Some(database) => {
            let mut client = postgres::Client::connect(&database.url(), postgres::NoTls).unwrap();
            client.batch_execute(&schema("postgresql")).unwrap();
            client.batch_execute(&USERINFO.replace("INTEGER PRIMARY KEY", "SERIAL PRIMARY KEY")).unwrap();
            client.batch_execute(ROWS).unwrap();
            (database.url(), Some(database))
        }
        None => {
            let file = folder.join("other.db");
            let connection = Connection::open(&file).unwrap();
            connection.execute_batch(&format!("{}{USERINFO}{ROWS}", schema("sqlite"))).unwrap();
            (format!("sqlite:{}", file.display()), None)
        }
    }
}

#[test]
fn a_freeradius_is_taken_over_and_what_cannot_be_is_told() {
    let desk = Desk::new();
    let (from, _keeps) = other(&desk.path(""));
    desk.import("username\nhere\n");
    let before = desk.export();
    let import = ["import", "freeradius", "--from", &from, "--organization", "Old"];
    let rehearsed = desk.ok(&[&import[..], &["--dry-run"]].concat());
    assert_eq!(desk.export(), before);
    assert_eq!(desk.ok(&["profiles", "list", "--format", "json"]).out, "");
    let done = desk.ok(&import);
    assert_eq!(done.err.replace("profiles taken", "profiles would be taken"), rehearsed.err);
    let told: Vec<_> = done.err.lines().collect();
    for (what, why) in [
        ("user bo: Reply-Message == never sent", "operator"),
        ("user bo: Fall-Through = No", "every profile"),
        ("user di: Cleartext-Password", "one password"),
        ("user di: Expiration := some day is kept, but", "Expiration takes"),
        ("user di: Reply-Message = `reboot`", "backquotes"),
        ("user di: Username := di is kept, but", "did you mean User-Name?"),
        ("user eve: LM-Password", "passwords are not kept as"),
        ("user here", "already"),
        ("userinfo.company has no place here", "1 user had something there"),
    ] {
        assert_eq!(
            told.iter().filter(|line| line.starts_with(what) && line.contains(why)).count(),
            1,
            "{what}: {told:#?}"
        );
    }
    assert_eq!(told.len(), 10, "{told:#?}");
    assert!(
        told[9].starts_with("8 users with 5 passwords and 2 profiles taken over, 1 user left out;"),
        "{told:#?}"
    );

    let ana = desk.user("ana");
    assert_eq!(ana["profiles"], serde_json::json!(["gold", "plain"]));
    assert_eq!(ana["description"], "likes tea");
    assert_eq!(ana["date_joined"], "2020-02-03T04:05:06Z");
    assert_eq!([&desk.user("cy")["is_active"], &desk.user("gus")["is_active"]], [false, false]);
    assert_eq!(desk.user("bo")["expiration"], "2090-01-31T00:00:00Z");
    assert_eq!(desk.user("hal")["first_name"], "Hal");
    desk.ok(&["audit", "verify"]);

    let radius = FreeRadius::at_noon(&desk);
    let answer = radius.ask_with("ana", "secret", ", NAS-Identifier = ap-1").accepted();
    assert_eq!(answer.all("Reply-Message"), ["one", "two"]);
    assert_eq!(answer.all("Framed-IP-Address"), ["192.0.2.7"]);
    assert_eq!([answer.number("Idle-Timeout"), answer.number("Session-Timeout")], [600, 3600]);
    radius.ask("ana", "secret").rejected();
    radius.ask("bo", "correct horse").accepted();
    radius.ask("cy", "quoted").rejected();
    radius.ask("gus", "correct horse").rejected();
    desk.ok(&["users", "set", "cy", "is_active=true"]);
    radius.ask("cy", "quoted").accepted();
}

#[test]
fn what_is_no_database_of_freeradius_is_named() {
    let desk = Desk::on_file();
    desk.write("empty.db", "");
    let refused = desk.call(&["import", "freeradius", "--from", "sqlite:empty.db"]).exits(1);
    assert!(refused.sentence().contains("table radcheck in sqlite:empty.db"), "{refused:?}");
    let refused = desk.call(&["import", "freeradius", "--from", "sqlite:nowhere.db"]).exits(1);
    assert!(refused.sentence().contains("nowhere.db"), "{refused:?}");
}
