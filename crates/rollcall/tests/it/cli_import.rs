//! Users in and out of files: everything of a file or nothing, every fault with its line, and back as it was.

use std::collections::BTreeMap;

use crate::common::{Desk, Done, column, without};
use serde_json::{Value, json};

fn users(desk: &Desk) -> Vec<Value> {
    desk.ok(&["users", "list", "--format", "json"]).objects()
}

/// The faults that were reported: line → what was said about it. Alike faults come with all their lines.
fn faults(done: &Done) -> BTreeMap<u64, Vec<String>> {
    let mut faults: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for line in done.err.lines() {
        let Some((_, said)) = line.split_once("import.csv: line") else { continue };
        let said = said.trim_start_matches('s');
        let end = said.find(|c: char| c.is_alphabetic() && !"and".contains(c)).unwrap_or(said.len());
        let end = said[..end].rfind(|c: char| c.is_ascii_digit()).unwrap() + 1;
        for number in said[..end].replace("and", ",").split(',') {
            faults.entry(number.trim().parse().unwrap()).or_default().push(said[end..].to_owned());
        }
    }
    faults
}

/// Imports what must be refused.
fn refused(desk: &Desk, csv: impl AsRef<[u8]>) -> BTreeMap<u64, Vec<String>> {
    let before = (desk.export(), desk.ok(&["organizations", "list", "--format", "json"]).out);
    desk.write("import.csv", csv);
    let done = desk.call(&["users", "import", "import.csv", "--create-organizations"]).exits(1);
    let after = (desk.export(), desk.ok(&["organizations", "list", "--format", "json"]).out);
    assert_eq!(after, before, "all or nothing");
    assert_eq!(done.out, "");
    let last = done.err.lines().last().unwrap();
    let faults = faults(&done);
    let count: usize = faults.values().map(Vec::len).sum();
    assert!(last.starts_with("error: ") && last.contains(&count.to_string()), "{last}: {faults:#?}");
    faults
}

#[test]
fn every_fault_is_listed_with_its_line_and_nothing_is_imported() {
    let desk = Desk::with_users(1);
    desk.ok(&["profiles", "add", "plus"]);
    let file = [
        &b"username,expiration,is_active,nickname,profiles,organization\n"[..],
        b"fine,2026-12-01,true,x,plus,New\n",
        b"dated,2026-13-01,true,x,plus,New\n",
        b"fine,,,x,,\n",
        b"user001,,,x,,\n",
        b"few,2026-12-01\n",
        b"many,,,,,,,x\n",
        b"ghost,,,,nope;plus;nix,\n",
        b"broken,\xff\xfe,,,,\n",
        b"flag,,perhaps,,,\n",
        b",,,x,,\n",
        b"both,01/02/2026,perhaps,,,\n",
        b"last,2026-12-01T18:30:00Z,no,,,Other\n",
    ]
    .concat();
    let faults = refused(&desk, file);
    let expected: [(u64, &[&str]); 11] = [
        (1, &["nickname"]),
        (3, &["expiration", "2026-13-01"]),
        (4, &["username", "fine", "line 2"]),
        (5, &["username", "user001"]),
        (6, &["2 cells", "6"]),
        (7, &["8 cells", "6"]),
        (8, &["profiles", "nope", "nix"]),
        (9, &["expiration"]),
        (10, &["is_active", "perhaps"]),
        (11, &["username"]),
        (12, &["expiration", "is_active", "perhaps"]),
    ];
    assert_eq!(lines_of(&faults), expected.map(|(line, _)| line), "{faults:#?}");
    for (line, parts) in expected {
        let said = faults[&line].join("\n");
        for part in parts {
            assert!(said.contains(part), "line {line}: {part:?} is not in {said:?}");
        }
    }
    assert_eq!(faults[&12].len(), 2, "each wrong cell by itself");
}

/// Wrong on lines 2, 6 and 7; a cell takes three lines in between.
const WRONG_LINES: &str = "\
username,expiration,description
bad1,soon,
fine,,\"one
two
three\"
bad2,soon,
bad3,soon,
";

fn lines_of(faults: &BTreeMap<u64, Vec<String>>) -> Vec<u64> {
    faults.keys().copied().collect()
}

#[test]
fn a_row_is_named_by_the_line_on_which_it_starts() {
    assert_eq!(lines_of(&refused(&Desk::new(), WRONG_LINES)), [2, 6, 7]);
}

#[test]
fn lines_are_counted_alike_in_a_file_with_cr_and_line_feeds() {
    assert_eq!(lines_of(&refused(&Desk::new(), WRONG_LINES.replace('\n', "\r\n"))), [2, 6, 7]);
}

#[test]
fn blank_lines_are_counted_too() {
    let file = "username,expiration\n\nbad1,soon\nfine,\n\n\nbad2,soon\n";
    assert_eq!(lines_of(&refused(&Desk::new(), file)), [3, 7]);
}

#[test]
fn a_header_that_makes_no_sense_is_refused() {
    let desk = Desk::new();
    for (file, part) in [
        ("email,klass\na@example.com,x\n", "username"),
        ("username,E-Mail,email\nana,x,y\n", "twice"),
        ("username,Kundennr,klass,Telefon\nana,1,x,2\n", "users have no columns \"Kundennr\", \"Telefon\""),
        ("username,expiraton\nana,2026-12-01\n", "did you mean expiration?"),
        ("usrname\nana\n", "did you mean username?"),
        ("username,Class\nana,x\n", "did you mean klass?"),
        ("username,Expires\nana,x\n", "did you mean expiration?"),
    ] {
        let faults = refused(&desk, file);
        assert!(faults[&1].join("\n").contains(part), "{file:?}: {faults:#?}");
    }
    for (file, part) in
        [("", "the file is empty"), ("username,klass,klass\nana,x,y\n", "are all called \"klass\"")]
    {
        desk.write("import.csv", file);
        let done = desk.call(&["users", "import", "import.csv"]).exits(1);
        assert!(done.err.contains(part), "{done:?}");
    }
}

#[test]
fn a_header_is_understood_however_its_words_are_written() {
    let desk = Desk::new();
    desk.import("User Name,First Name,E-Mail,IS ACTIVE,rollcall_line,rollcall_reason\nana,Ana,ana@example.com,no,7,x\n");
    let user = desk.user("ana");
    assert_eq!(
        (&user["first_name"], &user["email"], &user["is_active"]),
        (&json!("Ana"), &json!("ana@example.com"), &json!(false))
    );
}

#[test]
fn files_are_read_as_the_rows_of_a_run_are() {
    let desk = Desk::new();
    for (name, file) in [
        ("semicolons", &b"sep=;\nusername;klass\nu1;a\nu2;b\n"[..]),
        ("title", b"Our customers,,\n\nusername,klass,\nu1,a,\nu2,b,,\n,,\n , ,\n"),
        ("short", b"username,klass,email\nu1,a,\nu2,b\n"),
        ("utf-16", &utf_16("username\tklass\r\nu1\ta\r\nu2\tb\r\n")),
    ] {
        desk.write("import.csv", file);
        let done = desk.call(&["users", "import", "import.csv"]);
        if name == "short" {
            assert!(done.exits(1).err.contains("line 3: the row has 2 cells, the header has 3"));
            continue;
        }
        assert!(done.exits(0).err.contains("2 users imported"), "{name}");
        assert_eq!(
            (&desk.user("u1")["klass"], &desk.user("u2")["klass"]),
            (&json!("a"), &json!("b")),
            "{name}"
        );
        desk.sql("DELETE FROM users");
    }
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in [["username", "klass", "password"], ["u1", "a", "'-secret"]].iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            sheet.write_string(row.try_into().unwrap(), column.try_into().unwrap(), *cell).unwrap();
        }
    }
    book.save(desk.path("users.xlsx")).unwrap();
    desk.ok(&["users", "import", "users.xlsx"]);
    assert_eq!(desk.user("u1")["klass"], "a");
}

fn utf_16(text: &str) -> Vec<u8> {
    [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
}

#[test]
fn faults_that_are_alike_are_one_line() {
    let desk = Desk::new();
    desk.ok(&["profiles", "add", "Komfort 100"]);
    let rows: String = (2..=201)
        .map(|line| match line {
            10 => "u10,09.02.2027\n".to_owned(),
            11 => "u11,,Komfort 100,x\n".to_owned(),
            12..20 => format!("u{line},,Komfrot 100\n"),
            line => format!("u{line},{:02}.02.2027,Komfort 100\n", line % 28 + 1),
        })
        .collect();
    desk.write("import.csv", format!("username,expiration,profiles\n{rows}"));
    let done = desk.call(&["users", "import", "import.csv", "--bad-rows", "bad.csv"]).exits(1);
    let wanted = "\
import.csv: lines 2, 3, 4, 5, 6 and 185 more, expiration: \"03.02.2027\" is not";
    assert!(done.err.starts_with(wanted), "{done:?}");
    for line in [
        "import.csv: line 10: the row has 2 cells, the header has 3\n",
        "import.csv: line 11: the row has 4 cells, the header has 3\n",
        "import.csv: lines 12, 13, 14, 15, 16 and 3 more, profiles: there is no profile \"Komfrot 100\"; did you mean \"Komfort 100\"?\n",
        "bad rows, with the reasons: bad.csv\n",
        "error: nothing was imported: 200 faults in 200 rows, listed above\n",
    ] {
        assert!(done.err.contains(line), "{line} in {}", done.err);
    }
    assert_eq!(done.err.lines().count(), 6, "{}", done.err);
    let bad = std::fs::read_to_string(desk.path("bad.csv")).unwrap();
    assert_eq!(bad.lines().count(), 201);
    assert!(bad.starts_with("username,expiration,profiles,rollcall_line,rollcall_reason\nu2,03.02.2027,Komfort 100,2,\"expiration: "), "{bad}");
    assert!(
        bad.contains("\nu10,09.02.2027,,10,\"the row has 2 cells, the header has 3\",\"(correct this row"),
        "{bad}"
    );
}

#[test]
fn bad_rows_can_be_corrected_and_imported() {
    let desk = Desk::on_file();
    let rows = "username,password,klass,expiration,reason\n\
                p1,'-secret,=1+1,soon,own\np2,\" =x\",a,soon,\np3,fine,a,,\n";
    desk.write("import.csv", rows);
    desk.call(&["users", "import", "import.csv", "--bad-rows", "bad.csv"]).exits(1);
    let bad = std::fs::read_to_string(desk.path("bad.csv")).unwrap();
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(desk.path("bad.csv")).unwrap());
    assert_eq!(mode & 0o777, 0o600, "it may hold passwords");
    let corrected = bad.replace("soon", "").replace(",reason,", ",description,");
    desk.import(corrected);
    let stored = |name: &str| -> (String, String) {
        let query = "SELECT password, klass FROM users WHERE username = ?1";
        desk.database().query_row(query, [name], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    assert_eq!(stored("p1"), ("'-secret".to_owned(), "=1+1".to_owned()), "as in the first file");
    assert_eq!(stored("p2").0, " =x");
    let again = desk.call(&["users", "import", "import.csv", "--bad-rows", "bad.csv"]).exits(2);
    assert!(again.err.contains("bad.csv exists already"), "{again:?}");
}

#[test]
fn passwords_are_taken_as_they_stand() {
    let desk = Desk::on_file();
    let passwords = ["'-secret", " =x", " blank ", "00123", "'plain", "'+49123", "''="];
    let rows: String =
        passwords.iter().enumerate().map(|(n, password)| format!("p{n},\"{password}\"\n")).collect();
    desk.import(format!("username,Password\n{rows}"));
    for (n, password) in passwords.iter().enumerate() {
        let query = "SELECT password FROM users WHERE username = ?1";
        let stored: String = desk.database().query_row(query, [format!("p{n}")], |row| row.get(0)).unwrap();
        assert_eq!(stored, *password);
    }
}

#[test]
fn an_unknown_organization_is_a_fault_unless_it_is_to_be_made() {
    let desk = Desk::new();
    desk.ok(&["organizations", "add", "Northwind Fiber"]);
    desk.write("import.csv", "username,organization\na1,Northwind Fiber\na2,northwind fiber\na3, Northwind Fiber\u{a0}\na4,Nortwind Fiber\n");
    let done = desk.call(&["users", "import", "import.csv"]).exits(1);
    for line in [
        "import.csv: line 3, organization: there is no organization \"northwind fiber\"; did you mean \"Northwind Fiber\"?\n",
        "import.csv: line 5, organization: there is no organization \"Nortwind Fiber\"; did you mean \"Northwind Fiber\"?\n",
        "hint: --create-organizations creates organizations that do not exist\n",
        "2 faults in 4 rows",
    ] {
        assert!(done.err.contains(line), "{line} in {}", done.err);
    }
    let done = desk.ok(&["users", "import", "import.csv", "--create-organizations"]);
    assert!(done.err.contains("organization \"Nortwind Fiber\" was made"), "{done:?}");
    assert_eq!(desk.user("a1")["organization_id"], desk.user("a3")["organization_id"]);
}

#[test]
fn usernames_are_read_without_what_is_around_them_and_that_is_told() {
    let desk = Desk::new();
    let done =
        desk.import("username\nplain\ntrail \nnbsp\u{a0}\n lead\nzw\u{200b}\n\"nl\n\"\n\"=\"\"00123\"\"\"\n");
    let told = "6 usernames were read without the white space around them, the first on line 3)";
    assert!(done.err.contains(told), "{done:?}");
    let names = column(&users(&desk), "username");
    assert_eq!(names, ["plain", "trail", "nbsp", "lead", "zw", "nl", "00123"]);
    let faults = refused(&desk, "username\nana\nana \nz\u{200b}w\n");
    assert!(faults[&3][0].contains("user \"ana\" is already on line 2 of this file"), "{faults:?}");
    assert!(faults[&4][0].contains("contains a zero-width space (U+200B)"), "{faults:?}");
}

#[test]
fn further_rows_of_a_username_can_be_left_out() {
    let desk = Desk::new();
    desk.write("import.csv", "username,klass\nu1,a\nu2,b\nu1,c\n u1,d\n");
    desk.call(&["users", "import", "import.csv"]).exits(1);
    let done = desk.ok(&["users", "import", "import.csv", "--duplicates", "first"]);
    assert!(done.err.contains("2 rows left out: an earlier row has the username"), "{done:?}");
    assert!(done.err.contains("2 users imported"), "{done:?}");
    assert_eq!(column(&users(&desk), "klass"), ["a", "b"]);
    // Users who are there already are faults.
    let again = desk.call(&["users", "import", "import.csv", "--duplicates", "first"]).exits(1);
    assert!(again.err.contains("user \"u1\" is already there"), "{again:?}");
}

#[test]
fn numbers_follow_the_files_order_and_unknown_organizations_are_made_and_reported() {
    let desk = Desk::new();
    desk.ok(&["organizations", "add", "North"]);
    let done = desk.import("username,organization\nzoe,South\nana,North\nmia,South\nbo,\"East, far\"\n");
    assert!(done.err.contains("\"South\"") && done.err.contains("\"East, far\""), "{done:?}");
    assert!(!done.err.contains("\"North\""), "that was there: {done:?}");
    assert!(done.err.contains("4 users"), "{done:?}");
    let users = users(&desk);
    assert_eq!(column(&users, "obj_id"), [1, 2, 3, 4]);
    assert_eq!(column(&users, "username"), ["zoe", "ana", "mia", "bo"]);
    let organizations = desk.ok(&["organizations", "list", "--format", "json"]).objects();
    let id =
        |name| organizations.iter().find(|each| each["name"] == name).unwrap()["organization_id"].clone();
    assert_eq!(column(&users, "organization_id"), [id("South"), id("North"), id("South"), id("East, far")]);
    assert_eq!(organizations.len(), 3);

    desk.import("username\nlater\n");
    assert_eq!(desk.user("later")["obj_id"], 5);
}

#[test]
fn an_empty_cell_means_what_a_missing_column_means() {
    let desk = Desk::new();
    desk.import("username\nanaïs\n");
    desk.import(
        "username,username_length,first_name,last_name,email,external_id,klass,is_active,date_joined,first_login,\
         last_login,expiration,last_update,organization,avatar_url,description,profiles,attributes,\
         check_attributes,password\nzoltán,,,,,,,,,,,,,,,,,,,\n",
    );
    let plain = |name: &str| {
        let user = desk.user(name);
        for moment in ["date_joined", "last_update"] {
            let _ = rollcall_testkit::time(user[moment].as_str().unwrap());
        }
        ["obj_id", "username", "username_length", "date_joined", "last_update"]
            .into_iter()
            .fold(user, without)
    };
    let (short, long) = (plain("anaïs"), plain("zoltán"));
    assert_eq!(short, long);
    assert_eq!(
        without(short, "organization_id"),
        json!({
            "first_name": "", "last_name": "", "email": "", "external_id": "", "klass": "", "is_active": true,
            "first_login": null, "last_login": null, "expiration": null, "avatar_url": "", "description": "",
            "profiles": [], "attributes": [], "check_attributes": [],
        })
    );
    assert_eq!(desk.user("anaïs")["username_length"], 5, "of the name, in characters");
    assert_eq!(desk.user("zoltán")["username_length"], 6);
}

#[test]
fn encodings_are_detected_or_named() {
    let desk = Desk::new();
    let file = b"username,first_name,description\njose,Jos\xe9,\x80 20\nplain,x,y\n";
    desk.write("import.csv", file);
    let wrong = desk.call(&["users", "import", "import.csv", "--encoding", "utf-8"]).exits(1);
    assert!(wrong.err.contains("import.csv: line 2: ") && wrong.err.contains("--encoding"), "{wrong:?}");
    let done = desk.ok(&["users", "import", "import.csv"]);
    assert!(done.err.contains("read as Windows-1252"), "{done:?}");
    let user = desk.user("jose");
    assert_eq!((&user["first_name"], &user["description"]), (&json!("José"), &json!("€ 20")));
    let done = desk.call(&["users", "import", "import.csv", "--encoding", "klingon"]).exits(2);
    assert!(done.sentence().contains("klingon"), "{done:?}");
}

#[test]
fn byte_order_marks_quotes_and_line_ends_in_cells_are_understood() {
    let desk = Desk::new();
    desk.import(
        "\u{feff}username,description,first_name\r\n\"ana\",\"says \"\"hi\"\",\r\ntwice\",x\r\n'bo,\"a;b\tc\",\"\"\r\n",
    );
    let users = users(&desk);
    assert_eq!(column(&users, "username"), ["ana", "'bo"]);
    assert_eq!(column(&users, "description"), ["says \"hi\",\r\ntwice", "a;b\tc"]);
    assert_eq!(column(&users, "first_name"), ["x", ""]);
}

#[test]
fn a_file_may_come_through_standard_input() {
    use std::io::Write;
    let desk = Desk::new();
    let mut command = desk.command(&["users", "import", "-"]);
    let mut child = crate::common::start(command.stdin(std::process::Stdio::piped()));
    child.stdin.take().unwrap().write_all(b"username\nana\n").unwrap();
    crate::common::finish(child).exits(0);
    desk.user("ana");
}

#[test]
fn a_password_goes_in_and_is_never_shown() {
    let desk = Desk::on_file();
    desk.import("username,password\nana,canary-of-a-user\n");
    let stored: String =
        desk.database().query_row("SELECT password FROM users", [], |row| row.get(0)).unwrap();
    assert_eq!(stored, "canary-of-a-user");
    let script = "result['all'] = [str(getattr(user, name)) for name in dir(user) if name[0] != '_']";
    desk.run(script, &["--all"]).exits(0);
    for args in [
        &["users", "show", "ana"][..],
        &["users", "show", "ana", "--format", "json"],
        &["users", "export"],
        &["users", "export", "--format", "json"],
        &["runs", "outcomes", "1", "--format", "json"],
    ] {
        assert!(!desk.ok(args).out.contains("canary-of-a-user"), "{args:?}");
    }
}

const FORMULAS: [&str; 7] = ["=1+1", "+49 30 1", "-5", "@cmd", "'=quoted", "''twice", "\tindented"];

fn desk_with_formulas() -> Desk {
    let desk = Desk::with_users(FORMULAS.len());
    for (n, text) in FORMULAS.iter().enumerate() {
        desk.ok(&["users", "set", &crate::common::name(n + 1), &format!("description={text}"), "--"]);
    }
    desk
}

#[test]
fn what_a_spreadsheet_would_take_for_a_formula_is_defused_in_every_csv_and_restored() {
    let desk = desk_with_formulas();
    assert_eq!(column(&users(&desk), "description"), FORMULAS);
    let script = "result['x'] = 1\nprint('=1+1')\nuser.first_name = '=2+2'";
    desk.run(script, &["--all"]).exits(0);
    for args in [&["users", "export"][..], &["runs", "outcomes", "1", "--format", "csv"]] {
        let out = desk.ok(args).out;
        for record in csv::Reader::from_reader(out.as_bytes()).records() {
            for cell in record.unwrap().iter() {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{args:?}: {cell:?}");
            }
        }
        assert!(out.contains("'=1+1"), "{args:?}: {out}");
    }
    assert!(desk.ok(&["users", "export", "--raw"]).out.contains(",=1+1,"), "unless raw text is wanted");

    let second = Desk::new();
    second.import(without_column(&desk.export(), "organization_id"));
    assert_eq!(column(&users(&second), "description"), FORMULAS);
}

/// CSV text less one column.
fn without_column(csv: &str, name: &str) -> String {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut leave_out = None;
    for record in reader.records() {
        let record = record.unwrap();
        let at = *leave_out.get_or_insert_with(|| record.iter().position(|cell| cell == name).unwrap());
        writer
            .write_record(record.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, cell)| cell))
            .unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn add_profiles(desk: &Desk) {
    for profile in ["basic", "plus", "=odd, \"name\""] {
        desk.ok(&["profiles", "add", profile]);
    }
}

/// A database with all that an export must carry.
fn rich_desk() -> Desk {
    let desk = Desk::new();
    add_profiles(&desk);
    desk.import(
        "username,first_name,expiration,date_joined,first_login,last_login,last_update,is_active,organization,\
         username_length,profiles,klass\n\
         ana,Zoë,9999-12-31T23:59:59.999999Z,2024-01-01,2024-01-02T03:04:05.678901Z,2024-02-01,2025-01-01,no,North,\
         99,plus;basic,gold\n\
         bo,,,0001-01-01T00:00:00Z,,,2025-01-01,,\"South, \"\"deep\"\"\",,basic,\n\
         cy,,2026-12-01 18:30,2024-01-01,,,2025-01-01,,North,0,,\n",
    );
    desk.apply(
        "user.last_update = '2025-06-07T08:09:10.000001Z'\n\
         user.description = {1: 'two\\r\\nlines, \"quoted\"', 2: '=1+1', 3: '  blanks  '}[user.obj_id]\n\
         user.email = {1: '', 2: '@handle', 3: \"o'brien@example.com\"}[user.obj_id]\n\
         user.profile_add(short_name='=odd, \"name\"')\n\
         assert user.attribute_add('Reply-Message', 'hello  there', '+=')[0]\n\
         assert user.attribute_add('Reply-Message', ' blanks around ', '+=')[0]\n\
         assert user.attribute_add('Reply-Message', '\"quoted\"', '+=')[0]\n\
         assert user.attribute_add('Reply-Message', '\"', '+=')[0]\n\
         assert user.attribute_add('Reply-Message', '', '+=')[0]\n\
         assert user.attribute_add('=Formula', 'é, \"x\"; \\'y\\'', ':=')[0]\n\
         assert user.attribute_add('Class', ':= x')[0]\n\
         assert user.check_attribute_add('NAS-Identifier', 'ap-.*', '=~')[0]\n\
         assert user.check_attribute_add('Max-Daily-Session', 4)[0]\n",
        0,
    );
    desk
}

#[test]
fn an_export_imported_into_a_second_database_is_exported_byte_for_byte_the_same() {
    let first = rich_desk();
    let exported = first.export();
    let second = Desk::new();
    add_profiles(&second);
    second.import(&exported);
    assert_eq!(second.export(), exported);
    assert_eq!(users(&second), users(&first), "profiles in order of priority and attributes included");
}

#[test]
fn everything_but_the_number_of_the_organization_survives_an_export_and_import() {
    let first = rich_desk();
    let exported = first.export();
    let second = Desk::new();
    add_profiles(&second);
    second.import(without_column(&exported, "organization_id"));
    // Organizations are made in the order in which the file names them, so that even their numbers are the same.
    assert_eq!(second.export(), exported);
    assert_eq!(users(&second), users(&first), "profiles in order of priority and attributes included");
}

#[test]
fn wrong_items_in_a_file_are_faults_of_their_lines() {
    let desk = Desk::new();
    let faults = refused(
        &desk,
        "username,attributes,check_attributes\n\
         one,Class := `reboot`,\n\
         two,Class == x,\n\
         three,,NAS-Identifier ^= x\n\
         four,Class,\n\
         fine,\"Class := x\nClass += y\",NAS-Identifier == ap\n",
    );
    assert_eq!(lines_of(&faults), [2, 3, 4, 5], "{faults:#?}");
}

#[test]
fn numbers_given_in_a_file_are_kept_and_must_be_free() {
    let desk = Desk::with_users(1);
    let faults = refused(&desk, "obj_id,username\n1,ana\n7,bo\n7,cy\nx,di\n0,ed\n");
    assert_eq!(lines_of(&faults), [2, 4, 5, 6], "{faults:#?}");
    desk.import("obj_id,username\n7,bo\n,cy\n");
    assert_eq!((&desk.user("bo")["obj_id"], &desk.user("cy")["obj_id"]), (&json!(7), &json!(8)));
}

#[test]
fn a_taken_name_is_told_although_its_row_has_another_fault() {
    let desk = Desk::with_users(1);
    desk.write("faulty.csv", "username,expiration\nana,soon\nana,2026-01-01\nuser001,soon\nbo,\nbo,later\n");
    let done = desk.call(&["users", "import", "faulty.csv"]).exits(1);
    for fault in [
        "lines 2, 4 and 6, expiration",
        "lines 3 and 6, username: user \"ana\" is already on line 2",
        "line 4, username: user \"user001\" is already there",
        "6 faults in 5 rows",
    ] {
        assert!(done.err.contains(fault), "{fault}: {}", done.err);
    }
}
