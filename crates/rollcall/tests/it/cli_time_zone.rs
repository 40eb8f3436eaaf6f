//! The time zone of the installation: everybody reads dates in it and sees moments in it.

use crate::common::server::{Server, site, token};
use crate::common::workers::Worker;
use crate::common::{Desk, column};
use serde_json::{Value, json};

fn in_zone(zone: &str) -> Desk {
    let desk = Desk::new();
    desk.ok(&["settings", "set", "time_zone", zone]);
    desk
}

fn expirations(desk: &Desk) -> Vec<Value> {
    column(&desk.ok(&["users", "list", "--format", "json"]).objects(), "expiration")
}

/// The last column of a table, or of CSV.
fn last_cells(listing: &str, between: &str) -> Vec<String> {
    listing.lines().skip(1).map(|line| line.rsplit(between).next().unwrap().trim().to_owned()).collect()
}

/// Moments at which something is odd: summer, the hour that clocks skip, the one that there is twice, the ends of the calendar.
const ODD: &str = "username,expiration\n\
    a,2027-01-31\n\
    b,2026-03-29T02:30:00\n\
    c,2026-10-25 02:30\n\
    d,2026-10-25T02:30:00+01:00\n\
    e,9999-12-31\n\
    f,2026-07-01T12:00:00.25+05:30\n\
    g,2027-01-31 24:00\n\
    h,0001-01-01T00:00:00Z\n\
    i,9999-12-31T23:59:59.999999Z\n\
    j,1850-01-01\n";

#[test]
fn dates_are_read_and_shown_in_the_zone_of_the_installation() {
    let desk = in_zone("Europe/Berlin");
    desk.import(ODD);
    let moments = [
        "2027-01-30T23:00:00Z",
        "2026-03-29T01:30:00Z",
        "2026-10-25T00:30:00Z",
        "2026-10-25T01:30:00Z",
        "9999-12-30T23:00:00Z",
        "2026-07-01T06:30:00.25Z",
        "2027-01-31T23:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "1849-12-31T23:06:32Z",
    ];
    assert_eq!(expirations(&desk), moments);
    let shown = [
        "2027-01-31 00:00 CET",
        "2026-03-29 03:30 CEST",
        "2026-10-25 02:30 CEST",
        "2026-10-25 02:30 CET",
        "9999-12-31 00:00 CET",
        "2026-07-01 08:30:00.25 CEST",
        "2027-02-01 00:00 CET",
        "0001-01-01 00:53:28 LMT",
        "9999-12-31 23:59:59.999999 UTC",
        "1850-01-01 00:00 LMT",
    ];
    assert_eq!(last_cells(&desk.ok(&["users", "list"]).out, "  "), shown);
    let user = desk.ok(&["users", "show", "a"]).out;
    assert!(user.contains("expiration       2027-01-31 00:00 CET\n"), "{user}");
    let here = desk.ok(&["--time-zone", "Asia/Kathmandu", "users", "list", "--limit", "1"]).out;
    assert_eq!(last_cells(&here, "  "), ["2027-01-31 04:45 +0545"], "one command may have another");
    assert_eq!(expirations(&desk), moments, "programs have UTC");

    // What is exported is read back as it was, wherever that is.
    let exported = desk.export();
    assert!(exported.contains("2027-01-31T00:00:00+01:00"), "{exported}");
    let elsewhere = in_zone("America/New_York");
    elsewhere.write("users.csv", &exported);
    elsewhere.ok(&["users", "import", "users.csv"]);
    assert_eq!(expirations(&elsewhere), moments);
}

#[test]
fn a_day_ends_at_the_next_midnight_for_everybody() {
    let desk = in_zone("Europe/Berlin");
    desk.import("username\nana\n");
    let said = desk.ok(&["users", "set", "ana", "expiration=2027-01-31 24:00"]).err;
    assert_eq!(said, "expiration: none → 2027-02-01 00:00 CET\n");
    desk.apply("user.expiration = '2028-02-29T24:00'", 0);
    assert_eq!(expirations(&desk), ["2028-02-29T23:00:00Z"]);
    let same = "expiration eq \"2028-02-29 24:00\" and expiration eq \"2028-03-01\"";
    assert_eq!(desk.ok(&["filters", "count", same]).out, "1\n");
    let refused = desk.call(&["users", "set", "ana", "expiration=2027-01-31 24:30"]);
    assert!(refused.refusal().contains("\"2027-01-31 24:30\" is not a date and time"), "{refused:?}");
}

#[test]
fn a_saved_filter_selects_the_same_users_for_everybody() {
    let desk = in_zone("Europe/Berlin");
    desk.import(
        "username,expiration\na,2027-01-30T22:59:59Z\nb,2027-01-30T23:00:00Z\nc,2027-01-31T12:00:00Z\n",
    );
    let tokyo = |args: &[&str]| desk.ok(&[&["--time-zone", "Asia/Tokyo"], args].concat()).out;
    let due = "expiration lt \"2027-01-31\"";
    assert_eq!(desk.ok(&["filters", "count", due]).out, "1\n");
    assert_eq!(tokyo(&["filters", "count", due]), "0\n", "a typed one is read as it is typed");
    desk.ok(&["filters", "save", "due", due]);
    assert_eq!(
        (desk.ok(&["filters", "count", "due"]).out.as_str(), tokyo(&["filters", "count", "due"]).as_str()),
        ("1\n", "1\n")
    );

    // What was meant elsewhere is kept as it was meant.
    tokyo(&["filters", "save", "theirs", "expiration lt \"2027-01-31 21:00\" and is_active eq true"]);
    assert_eq!(desk.ok(&["filters", "count", "theirs"]).out, "2\n");
    tokyo(&["filters", "save", "soon", "expiration lt today+30d"]);
    let kept = column(&desk.ok(&["filters", "list", "--format", "json"]).objects(), "filter");
    let utc = "expiration lt \"2027-01-31T12:00:00Z\" and is_active eq true";
    assert_eq!(kept, [due, "expiration lt today+30d", utc]);
}

#[test]
fn a_run_keeps_its_zone_whoever_executes_it() {
    let desk = in_zone("Europe/Berlin");
    desk.import("username\nana\n");
    let script = "from datetime import datetime\nuser.expiration = datetime(2027, 1, 31)\n";
    desk.run(script, &["--all", "--apply", "--yes", "--queue"]).exits(0);
    desk.ok(&["settings", "set", "time_zone", "Asia/Tokyo"]);
    let worker = Worker::start(&desk);
    desk.ok(&["runs", "watch", "1"]);
    worker.drain();
    assert_eq!(expirations(&desk), ["2027-01-30T23:00:00Z"]);
    let report = desk.ok(&["runs", "show", "1"]).out;
    assert!(report.contains("expiration none → 2027-01-31 08:00 JST\n"), "groups: {report}");
    assert!(report.contains("    expiration: none → 2027-01-31 08:00 JST\n"), "each: {report}");
}

#[test]
fn days_that_a_script_adds_are_one_group_of_changes_across_a_change_of_clocks() {
    let desk = in_zone("Europe/Berlin");
    desk.import("username,expiration\na,2026-10-20\nb,2026-03-15\nc,2026-06-01\n");
    let script = "from datetime import timedelta\nuser.expiration += timedelta(days=30)\n";
    desk.run(script, &["--all"]).exits(0);
    let report = desk.ok(&["runs", "show", "1"]).out;
    assert!(report.contains("  3 users  expiration +30 days\n"), "{report}");
    assert!(report.contains("    expiration: 2026-10-20 00:00 CEST → 2026-11-19 00:00 CET\n"), "{report}");
    let csv = desk.ok(&["runs", "outcomes", "1", "--format", "csv"]).out;
    assert!(csv.contains("expiration: 2026-10-20T00:00:00+02:00 → 2026-11-19T00:00:00+01:00"), "{csv}");
    let table = desk.ok(&["runs", "outcomes", "1"]).out;
    assert!(table.contains("expiration: 2026-10-20 00:00 CEST → 2026-11-19 00:00 CET"), "{table}");
    let json = desk.ok(&["runs", "outcomes", "1", "--format", "json"]).out;
    assert!(json.contains("\"2026-10-19T22:00:00Z\"") && !json.contains("+02:00"), "{json}");
}

#[test]
fn the_setting_takes_zones_only_and_is_audited() {
    let desk = Desk::new();
    let refused = desk.call(&["settings", "set", "time_zone", "Europe/Berln"]).exits(2);
    assert_eq!(refused.sentence(), "\"Europe/Berln\" is not a time zone; did you mean Europe/Berlin?");
    desk.ok(&["settings", "set", "time_zone", "europe/berlin"]);
    let listed = || desk.ok(&["settings", "list", "--format", "csv"]).out;
    assert!(listed().contains("\ntime_zone,Europe/Berlin\n"), "{}", listed());
    let row =
        desk.ok(&["audit", "list", "--action", "setting-set", "--limit", "1", "--format", "json"]).object();
    assert_eq!(
        (&row["subject"], &row["detail"]["value"]),
        (&json!("setting time_zone"), &json!("Europe/Berlin"))
    );
    desk.import("username,expiration\nana,2027-01-31\n");
    desk.ok(&["settings", "unset", "time_zone"]);
    assert!(listed().contains("\ntime_zone,\n"), "{}", listed());
    assert_eq!(last_cells(&desk.ok(&["users", "list"]).out, "  "), ["2027-01-30 23:00 UTC"]);
}

#[test]
fn a_new_database_takes_the_zone_of_init_and_keeps_it() {
    let desk = Desk::on_file();
    desk.ok(&["init", "--database", "sqlite:new.db", "--time-zone", "Europe/Berlin"]);
    let zone = || desk.ok(&["settings", "list", "--database", "sqlite:new.db", "--format", "csv"]).out;
    assert!(zone().contains("\ntime_zone,Europe/Berlin\n"), "{}", zone());
    let again = desk.ok(&["init", "--database", "sqlite:new.db", "--time-zone", "Asia/Tokyo"]);
    assert!(again.err.contains("its time zone is left as it is"), "{again:?}");
    assert!(zone().contains("\ntime_zone,Europe/Berlin\n"), "{}", zone());
}

#[test]
fn a_server_notices_another_zone_without_being_started_anew() {
    let desk = Desk::new();
    desk.import("username,expiration\nana,2027-01-31T12:00:00Z\n");
    desk.ok(&["administrators", "add", "root", "--grant", "admin"]);
    let server = Server::on(&desk);
    let bearer = token(&desk, "root", "look,edit-users,administer");
    let root = [("authorization", bearer.as_str())];
    assert_eq!(server.get("/api/v1/me", &root).json()["time_zone"], "UTC");
    let wrong = server.send(
        "PUT",
        "/api/v1/settings/time_zone",
        &[root[0], ("content-type", "application/json")],
        "{\"value\": \"Europe/Berln\"}",
    );
    assert!(wrong.problem(422).contains("did you mean Europe/Berlin?"));
    desk.ok(&["settings", "set", "time_zone", "Europe/Berlin"]);
    assert_eq!(server.get("/api/v1/me", &root).json()["time_zone"], "Europe/Berlin");
    let csv = server.get("/api/v1/users.csv", &root).text;
    assert!(csv.contains(",2027-01-31T13:00:00+01:00,"), "{csv}");
    let tokyo = server.get("/api/v1/users.csv", &[root[0], ("time-zone", "Asia/Tokyo")]).text;
    assert!(tokyo.contains(",2027-01-31T21:00:00+09:00,"), "{tokyo}");
    let user = server.get("/api/v1/users/ana", &root).json();
    assert_eq!(user["expiration"], "2027-01-31T12:00:00Z", "JSON is in UTC");
    let tree =
        server.post("/api/v1/filters/parse", &root, &json!({"filter": "expiration lt \"2027-01-31\""}));
    assert_eq!(tree.json()["tree"]["value"], "2027-01-31T00:00:00+01:00", "it is edited as it is shown");
    server.end();
}

/// The value of the field of a form.
fn typed(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let from = page.find(&mark).unwrap_or_else(|| panic!("no {name} in {page}")) + mark.len();
    page[from..].split('"').next().unwrap().to_owned()
}

#[test]
fn pages_show_and_read_the_zone_of_the_installation() {
    let desk = site();
    desk.ok(&["settings", "set", "time_zone", "Europe/Berlin"]);
    desk.import("username,expiration\na,2027-01-31\nd,2026-10-25T02:30:00+01:00\n");
    let server = Server::on(&desk);
    let cookie = server.cookie("ana");
    let page = |path: &str| server.get(path, &[("accept", "text/html"), ("cookie", &cookie)]).text;
    let post = |path: &str, body: &str| {
        let kind = ("content-type", "application/x-www-form-urlencoded");
        server.send("POST", path, &[("accept", "text/html"), ("cookie", &cookie), kind], body)
    };
    let list = page("/users");
    assert!(list.contains(">2027-01-31 00:00 CET<") && list.contains(">2026-10-25 02:30 CET<"), "{list}");
    let user = page("/users/a");
    assert_eq!(
        (typed(&user, "expiration"), typed(&user, "was.expiration")),
        ("2027-01-31 00:00".into(), "2027-01-31 00:00".into())
    );
    assert!(user.contains("2027-12-31 is its first moment in Europe/Berlin"), "{user}");
    assert_eq!(typed(&page("/users/d"), "expiration"), "2026-10-25T02:30:00+01:00", "the second of two");

    let version = typed(&user, "version");
    let saved = post(
        "/users/a",
        &format!("act=edit&version={version}&was.expiration=2027-01-31+00:00&expiration=2027-07-01+24:00"),
    );
    assert_eq!(saved.status, 303, "{}", saved.text);
    assert_eq!(desk.user("a")["expiration"], "2027-07-01T22:00:00Z");
    let history = page("/users/a?tab=history");
    assert!(
        history.contains("2027-01-31 00:00 CET") && history.contains("2027-07-02 00:00 CEST"),
        "{history}"
    );

    let settings = page("/administration");
    assert!(settings.contains("<option value=\"Asia/Tokyo\">"), "{settings}");
    let refused = post("/administration", "act=time_zone&value=Tokio");
    assert!(refused.text.contains("is not a time zone; did you mean Asia/Tokyo?"), "{}", refused.text);
    assert_eq!(post("/administration", "act=time_zone&value=Asia/Tokyo").status, 303);
    assert!(page("/users").contains(">2027-07-02 07:00 JST<"));
    server.end();
}
