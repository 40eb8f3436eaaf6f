//! What a real FreeRADIUS answers, on whichever database: asked with radclient.

use crate::common::freeradius::{FreeRadius, now};
use crate::common::{Desk, finish, start};
use serde_json::Value;

fn served(csv: &str, profiles: &[&[&str]]) -> (Desk, FreeRadius) {
    let desk = Desk::new();
    for profile in profiles {
        desk.ok(&[&["profiles", "add"], *profile].concat());
    }
    desk.import(csv);
    let radius = FreeRadius::serving(&desk, &[]);
    (desk, radius)
}

#[test]
fn a_password_is_checked_in_whichever_scheme_it_is_kept() {
    let horse = "correct horse";
    let kept = [
        "{nt}cfc43211ba8dc470832267827cac1407",
        "{md5}PLTnMmMfR+brlh80VUt83g==",
        "{smd5}Z/zaJ2M7Khrn3AWg16utq3NhbHRzYWx0",
        "{sha}L55TUjtiq8FBorTWAZ0jy6g129A=",
        "{ssha}awc/Cj0kafyFd5d8fGn07xoHBJJzYWx0c2FsdA==",
        "{sha256}QQTTb42iwlQ0n4WDZ5Pr4CngyVcGOjTJHC6SAxh7VjE=",
        "{sha512}VraY3v7bWkNbY0r+MyC7rz/c2SC2xQOkRvx7endrKY1HnRumqLYXgI6wv1ec6aldZoNHvKtxSQhayTyyeZUZew==",
        "{ssha224}XpSdwQkgAGVH57iwCWNNIlWpm/J2eaLg+4OypHNhbHRzYWx0",
        "{ssha256}YflVcOMs6k7tbGkQbQNVn6/ehAnUAVltiLPKHBWGi2tzYWx0c2FsdA==",
        "{ssha384}rPNf5wu9raqOYyrDpEXtTWzU9J8yYxdna88Zv3VPM7t8wAY2Wum1UGOWoZRj523lc2FsdHNhbHQ=",
        "{ssha512}50rsRNBf8j3I5xE+QwaHdFyMhOzITssZ8BB3UxwQ+SI1JKygYm6ZeRYTDuUyFZIIqDonoTuXwB0Z/MAPhgQCFHNhbHRzYWx0",
        "{crypt}$6$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2scFtv/uamSo5z0",
        "{crypt}$1$saltsalt$NuzA7WTAelpl95xgBGWN60",
        "{crypt}sa6zCY2NLg.wE",
        "{x-pbkdf2}HMACSHA2+256:AAAD6A==:c2FsdHNhbHQ=:qQDPSZa3Ormyy9oK1Pu0ZLLwP2Svzmx3yu8OvDdq/J0=",
        "{clear}correct horse",
    ];
    // What is quoted, escaped or expanded somewhere on the way.
    let odd = [
        "\"quoted\"",
        "'x'",
        "back\\slash",
        "a\\nb",
        "%{User-Name}",
        "$HOME",
        "it`s",
        "pässwörd",
        "'\"",
        "\\\\",
        "0x41",
        " padded ",
    ];
    let rows = kept.map(|kept| (kept.to_owned(), horse)).into_iter();
    let odd = odd.map(|odd| (odd.to_owned(), odd)).into_iter();
    let rows: Vec<_> = rows.chain(odd).chain([("{clear}{x}y".to_owned(), "{x}y")]).collect();
    let csv: String = (1..)
        .zip(&rows)
        .map(|(n, (kept, _))| format!("{},\"{}\"\n", crate::common::name(n), kept.replace('"', "\"\"")))
        .collect();
    let (desk, radius) = served(&format!("username,password\n{csv}"), &[]);
    for (n, (kept, password)) in (1..).zip(&rows) {
        let answer = radius.ask(&crate::common::name(n), password);
        assert!(answer.accepted, "{kept}");
        radius.ask(&crate::common::name(n), "wrong").rejected();
    }
    desk.write("password", "another one\n");
    desk.shell("rollcall users password user001 < password").exits(0);
    radius.ask("user001", horse).rejected();
    radius.ask("user001", "another one").accepted();
    desk.ok(&["users", "password", "user001", "--remove", "--yes"]);
    radius.ask("user001", "another one").rejected();
}

#[test]
fn what_a_script_does_is_in_the_very_next_answer() {
    let (desk, radius) = served(
        "username,password,attributes\nana,secret,\"Reply-Message += \"\"one\"\"\nReply-Message += two\"\n",
        &[&["plus", "--reply", "Session-Timeout := 3600"]],
    );
    let before = radius.ask("ana", "secret").accepted();
    assert_eq!(before.items, ["Reply-Message = \"one\"", "Reply-Message = \"two\""]);
    let script = "user.profile_add(short_name='plus')";
    desk.run(script, &["--all"]).exits(0);
    assert_eq!(radius.ask("ana", "secret"), before, "a preview is no change");
    desk.apply(script, 0);
    assert_eq!(radius.ask("ana", "secret").accepted().number("Session-Timeout"), 3600);
    let run: Value = desk.runs()[0].clone();
    desk.ok(&["runs", "undo", &run["run_id"].to_string(), "--apply", "--yes"]);
    assert_eq!(radius.ask("ana", "secret"), before);
}

#[test]
fn profiles_stack_and_meet_the_users_own_items() {
    let (_desk, radius) = served(
        "username,password,profiles,attributes\n\
         ana,secret,empty;plus;static,\n\
         bo,secret,plus,\"Session-Timeout := 60\nIdle-Timeout := 7\"\n\
         cy,secret,other-nas;plus,\n",
        &[
            &["empty"],
            &["plus", "--reply", "Session-Timeout := 3600", "--reply", "Idle-Timeout = 600"],
            &["static", "--reply", "Framed-IP-Address := 192.0.2.7"],
            &["other-nas", "--check", "NAS-Identifier == other", "--reply", "Session-Timeout := 1"],
        ],
    );
    let ana = radius.ask("ana", "secret").accepted();
    assert_eq!(ana.items, ["Session-Timeout = 3600", "Idle-Timeout = 600", "Framed-IP-Address = 192.0.2.7"]);
    let bo = radius.ask("bo", "secret").accepted();
    assert_eq!([bo.number("Session-Timeout"), bo.number("Idle-Timeout")], [3600, 7]);
    assert_eq!(radius.ask("cy", "secret").accepted().number("Session-Timeout"), 3600);
}

#[test]
fn nothing_lets_in_who_is_inactive_or_expired() {
    let soon = |seconds: i64| {
        let now = std::process::Command::new("date")
            .args(["-u", "-d", &format!("{seconds} seconds"), "+%FT%TZ"])
            .output();
        String::from_utf8(now.unwrap().stdout).unwrap().trim().to_owned()
    };
    let (_desk, radius) = served(
        &format!(
            "username,password,profiles,is_active,expiration\n\
             ana,secret,free,true,\nbo,secret,free,false,\ncy,secret,free,true,{}\ndi,secret,,true,{}\n\
             eve,secret,,true,2128-01-01\nfay,secret,free,true,1969-01-01\n",
            soon(-5),
            soon(50)
        ),
        &[&["free", "--check", "Auth-Type := Accept"]],
    );
    radius.ask("ana", "anything").accepted();
    for user in ["bo", "cy", "fay"] {
        radius.ask(user, "secret").rejected();
    }
    let left = radius.ask("di", "secret").accepted().number("Session-Timeout");
    assert!((1..=50).contains(&left), "{left}");
    assert_eq!(radius.ask("eve", "secret").accepted().items, [] as [&str; 0]);
}

#[test]
fn check_attributes_compare_and_limits_let_in() {
    let desk = Desk::new();
    desk.import(
        "username,password,check_attributes,attributes\n\
         ana,secret,NAS-Identifier == ap-1,Reply-Message = here\n\
         bo,secret,,Reply-Message = here\n\
         cy,secret,Max-Daily-Session == 4,Reply-Message = here\n\
         di,secret,\"Max-Monthly-Session = 4000\nSimultaneous-Use == 2\",Reply-Message = here\n",
    );
    let radius = FreeRadius::at_noon(&desk);
    let here = ["Reply-Message = \"here\""];
    let at = |nas: &str| radius.ask_with("ana", "secret", &format!(", NAS-Identifier = {nas}"));
    assert_eq!(at("ap-1").accepted().items, here);
    // FreeRADIUS then has neither a password nor a reply of the user.
    assert_eq!(at("ap-2").rejected().items, [] as [&str; 0]);
    assert_eq!(radius.ask("bo", "secret").accepted().items, here);
    assert_eq!(radius.ask("cy", "secret").accepted().number("Session-Timeout"), 4);
    assert!(radius.ask("di", "secret").accepted().number("Session-Timeout") <= 4000);
}

#[test]
fn names_are_found_as_they_are_written() {
    let names = [
        "o'brien",
        "josé",
        "a+b@x",
        "Ana",
        "back\\slash",
        "a=27b",
        "two words",
        "q\"q",
        "100%",
        "%{User-Name}",
        "x;y--",
        "日本",
    ];
    let cell = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let profile = "it's \"ok\" =27";
    let rows = names.map(|name| format!("{},secret,Reply-Message = here,{}\n", cell(name), cell(profile)));
    let (desk, radius) = served(
        &format!("username,password,attributes,profiles\n{}", rows.concat()),
        &[&[profile, "--reply", "Session-Timeout := 60"]],
    );
    for name in names {
        let answer = radius.ask(name, "secret").accepted();
        assert_eq!(answer.items, ["Reply-Message = \"here\"", "Session-Timeout = 60"], "{name}");
    }
    radius.settle();
    for name in names {
        assert!(!desk.user(name)["last_login"].is_null(), "{name}");
    }
    for other in ["ana", "o''brien", "' OR '1'='1", "a'b"] {
        radius.ask(other, "secret").rejected();
    }
}

#[test]
fn an_accept_is_a_login_and_a_reject_is_none() {
    let (desk, radius) = served("username,password\nana,secret\n", &[]);
    radius.ask("ana", "wrong").rejected();
    radius.settle();
    let before = desk.user("ana");
    assert!(before["first_login"].is_null() && before["last_login"].is_null());
    radius.ask("ana", "secret").accepted();
    radius.settle();
    let first = desk.user("ana");
    assert_eq!(first["first_login"], first["last_login"]);
    assert!(!first["first_login"].is_null());
    radius.ask("ana", "secret").accepted();
    radius.settle();
    let second = desk.user("ana");
    assert_eq!(second["first_login"], first["first_login"]);
    assert!(second["last_login"].as_str() > first["last_login"].as_str());
    assert_eq!(second["last_update"], before["last_update"], "a login changes nobody");
}

#[test]
fn nobody_is_rejected_while_a_run_writes_a_hundred_thousand_users() {
    const USERS: usize = 100_000;
    let user = |n: usize| (format!("user{n:06}"), format!("secret-{n}"));
    let rows = (1..=USERS).map(user).map(|(name, password)| format!("{name},{password},base,Class = a\n"));
    let csv = format!("username,password,profiles,attributes\n{}", rows.collect::<String>());
    let (desk, radius) = served(&csv, &[&["base", "--reply", "Idle-Timeout := 600"], &["plus"]]);
    desk.write(
        "write.py",
        "user.description = f'{user.description} seen'\nuser.profile_add(short_name='plus')\n\
         user.attribute_add('Session-Timeout', 3600, ':=')\n",
    );
    let mut run = start(&mut desk.command(&["run", "write.py", "--all", "--apply", "--yes", "--json"]));
    let mut dice = fastrand::Rng::with_seed(13);
    let (mut accepted, mut others) = (0, [0, 0]);
    // One round more when the run has ended: on what it has written.
    let mut ended = false;
    while !ended {
        ended = run.try_wait().unwrap().is_some();
        let asked: Vec<_> = (0..400).map(|_| user(dice.usize(1..=USERS))).collect();
        let [yes, no, none] = radius.ask_for_all(&asked, 8, 30);
        accepted += yes;
        others = [others[0] + no, others[1] + none];
    }
    let run = finish(run).exits(0).object();
    assert_eq!(run["outcomes"]["changed"], USERS);
    assert_eq!(
        others,
        [0, 0],
        "rejects and requests without an answer, beside {accepted} accepts: {}",
        radius.log()
    );
    assert!(accepted >= 800, "{accepted}");
    let (name, password) = user(USERS);
    let last = radius.ask(&name, &password).accepted();
    assert_eq!(last.items, ["Class = 0x61", "Session-Timeout = 3600", "Idle-Timeout = 600"]);
    eprintln!("{accepted} accepts in {} s", run["duration_seconds"]);
}

#[test]
fn time_that_was_used_counts_against_limits() {
    let desk = Desk::new();
    desk.ok(&["profiles", "add", "hour-a-day", "--check", "Max-Daily-Session := 3600"]);
    desk.import(
        "username,password,profiles,check_attributes\n\
         o'ana,secret,hour-a-day,\nbo,secret,,Max-Monthly-Session == 5000\ncy,secret,,Max-All-Session := 50\n\
         di,secret,,Expire-After := 1000\neve,secret,,Max-Weekly-Session := 4000\n",
    );
    let noon = now();
    let midnight = noon - 43_200;
    let radius = FreeRadius::at_noon(&desk);
    let left = |user: &str| radius.ask(user, "secret").accepted().number("Session-Timeout");
    // A session as its NAS tells of it, whose packets say when they were made.
    let session = |user: &str, id: &str, began: i64, lasted: i64| {
        let common = format!("User-Name = \"{user}\", Acct-Session-Id = {id}, NAS-IP-Address = 192.0.2.1");
        radius.account(&format!("{common}, Acct-Status-Type = Start, Event-Timestamp = {began}"));
        radius.account(&format!(
            "{common}, Acct-Status-Type = Interim-Update, Acct-Session-Time = {}, Event-Timestamp = {}",
            lasted / 2,
            began + lasted / 2
        ));
        radius.account(&format!(
            "{common}, Acct-Status-Type = Stop, Acct-Session-Time = {lasted}, Acct-Input-Gigawords = 1, \
             Event-Timestamp = {}",
            began + lasted
        ));
    };
    assert_eq!(left("o'ana"), 3600);
    session("o'ana", "a1", noon - 5_000, 1_000);
    assert_eq!(left("o'ana"), 2600);
    // Over midnight: what was before belongs to yesterday.
    session("o'ana", "a2", midnight - 700, 1_000);
    let after = left("o'ana");
    // Its noon is that of a moment later.
    assert!((2_295..=2_305).contains(&after), "{after}");
    session("o'ana", "a3", noon - 100_000, 10_000);
    assert_eq!(left("o'ana"), after);
    session("o'ana", "a4", noon - 3_000, 2_700);
    radius.ask("o'ana", "secret").rejected();
    assert_eq!(left("bo"), 5000);
    session("bo", "b1", noon - 3_000, 2_000);
    assert_eq!(left("bo"), 3000);
    session("eve", "e1", noon - 3_000, 1_500);
    assert_eq!(left("eve"), 2500);
    session("cy", "c1", noon - 10_000_000, 40);
    assert_eq!(left("cy"), 10);
    session("cy", "c2", noon - 20, 10);
    radius.ask("cy", "secret").rejected();
    let began = now() - 600;
    session("di", "d1", began, 5);
    let since = now();
    let is = left("di");
    // It rounds to whole seconds.
    let most = 1_001 - (since - began);
    assert!((998 - (now() - began)..=most).contains(&is), "{is} of {most}");
    session("di", "d2", noon - 2_000, 5);
    radius.ask("di", "secret").rejected();
    // A packet that is sent twice, and one that comes late, count once.
    session("bo", "b1", noon - 3_000, 2_000);
    assert_eq!(left("bo"), 3000);
}

/// What FreeRADIUS takes for something else than what is written: it is a fault all the same.
const MISTAKEN: &[(&str, &str)] = &[
    ("Session-Timeout", "4294967296"),
    ("Session-Timeout", "-1"),
    ("Session-Timeout", ""),
    ("Framed-IP-Address", "192.0.2"),
];

/// What FreeRADIUS makes of names and values; the last of each says whether it lets in who has it.
const ITEMS: &[(&str, &str, bool)] = &[
    ("Session-Timeout", "3600", true),
    ("Session-Timeout", "0x10", true),
    ("Session-Timeout", "4294967295", true),
    ("Session-Timeout", "1h", false),
    ("Session-Timeout", "1.5", false),
    ("session-timeout", "60", true),
    ("Service-Type", "Framed-User", true),
    ("Service-Type", "framed-user", true),
    ("Service-Type", "2", true),
    ("Service-Type", "Framed-Abuser", false),
    ("Framed-IP-Address", "192.0.2.1", true),
    ("Framed-IP-Address", "192.0.2.256", false),
    ("Framed-IP-Address", "", false),
    ("Framed-IPv6-Address", "2001:db8::1", true),
    ("Framed-IPv6-Address", "192.0.2.1", false),
    ("Framed-IPv6-Prefix", "2001:db8::/48", true),
    ("Framed-IPv6-Prefix", "2001:db8::/129", false),
    ("PMIP6-Home-IPv4-HoA", "192.0.2.0/24", true),
    ("PMIP6-Home-IPv4-HoA", "192.0.2.0/33", false),
    ("Framed-Interface-Id", "1:2:3:4", true),
    ("Framed-Interface-Id", "1:2:3", false),
    ("Framed-Interface-Id", "1:2:3:g", false),
    ("Class", "0x0a", true),
    ("Class", "0x0", false),
    ("Class", "0xzz", false),
    ("Class", "plain", true),
    ("Reply-Message", "anything, 'really' \"so\" \\ %{User-Name}", true),
    ("Reply-Message", "", true),
    ("Tunnel-Type:1", "VLAN", true),
    ("Tunnel-Type:1", "Nothing", false),
    ("Tunnel-Private-Group-Id", "7", true),
    ("Tunnel-Private-Group-Id:33", "7", false),
    ("Event-Timestamp", "1700000000", true),
    ("Event-Timestamp", "Jan 31 2027 12:00:00 UTC", true),
    ("Event-Timestamp", "Jan 31 2027", true),
    ("Event-Timestamp", "2027-01-31", false),
    ("Cisco-AVPair", "ip:inacl#1=permit ip any any", true),
    ("WISPr-Bandwidth-Max-Down", "1000000", true),
    ("Mikrotik-Rate-Limit", "1M/2M", true),
    ("Ascend-Data-Rate", "x", false),
    ("Username", "zequenze", false),
    ("No-Such-Thing-Anywhere", "1", false),
    ("Attr-250", "0x01", true),
    ("Max-Daily-Session", "60", true),
    ("Max-Daily-Session", "a day", false),
    ("DHCP-Gateway-IP-Address", "192.0.2.1", true),
];

#[test]
fn items_are_judged_as_freeradius_judges_them() {
    let desk = Desk::new();
    desk.ok(&["radius", "dictionary", "load", "/usr/share/freeradius"]);
    let mistaken = MISTAKEN.iter().map(|(attr, value)| (*attr, *value, [true, false, false]));
    let items: Vec<_> =
        ITEMS.iter().map(|(attr, value, fits)| (*attr, *value, [*fits; 3])).chain(mistaken).collect();
    let users: String = (1..=items.len()).map(|n| format!("{},secret\n", crate::common::name(n))).collect();
    desk.import(format!("username,password\n{users}"));
    let cell = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let rows = (1..)
        .zip(&items)
        .map(|(n, (attr, value, _))| format!("{},{},{}\n", crate::common::name(n), cell(attr), cell(value)));
    desk.write("items.csv", format!("username,attr,value\n{}", rows.collect::<String>()));
    let script = "result['added'], result['why'] = user.attribute_add(row['attr'], row['value'])";
    let strict = desk.run(script, &["--csv", "items.csv", "--strict"]).exits(0).object();
    let strict = desk.outcomes(&strict);
    let written = desk.run(script, &["--csv", "items.csv", "--apply", "--yes"]).exits(0).object();
    let written = desk.outcomes(&written);
    let radius = FreeRadius::serving(&desk, &[]);
    let mut wrong = Vec::new();
    for (at, (attr, value, expected)) in items.iter().enumerate() {
        let said = [
            radius.ask(&crate::common::name(at + 1), "secret").accepted,
            written[at]["warnings"].as_array().unwrap().is_empty(),
            strict[at]["result"]["added"] == true,
        ];
        if said != *expected {
            wrong.push(format!("{attr} = {value:?}: {said:?}, {}", strict[at]["result"]["why"]));
        }
    }
    assert!(wrong.is_empty(), "FreeRADIUS, the warning and strict mode say: {wrong:#?}");
}

#[test]
fn what_freeradius_would_reject_is_warned_of_or_refused() {
    let desk = Desk::with_users(1);
    desk.ok(&["radius", "dictionary", "load", "/usr/share/freeradius"]);
    let unknown = "FreeRADIUS has no attribute Username and rejects whoever has it; did you mean User-Name?";
    // The product's documented sample goes on to work as it does.
    let documented = "result['said'] = user.attribute_add(attr='Username', value='zequenze', operation='+=')";
    let run = desk.run(documented, &["--all"]).exits(0).object();
    let outcome = &desk.outcomes(&run)[0];
    assert_eq!(outcome["outcome"], "changed");
    assert_eq!(outcome["warnings"], serde_json::json!([unknown]));
    let host = desk.ok(&["profiles", "add", "host", "--reply", "Framed-IP-Address := example.com"]);
    assert!(host.err.starts_with("warning: Framed-IP-Address takes an IPv4 address"), "{host:?}");
    let imported = desk.import("username,attributes\nana,Username := x\n");
    assert!(imported.err.contains(&format!("warning: line 2: {unknown}")), "{imported:?}");

    desk.ok(&["settings", "set", "strict_attributes", "yes"]);
    let run = desk.run(documented, &["--all"]).exits(0).object();
    let outcome = &desk.outcomes(&run)[0];
    assert_eq!(outcome["outcome"], "unchanged");
    assert_eq!(outcome["result"]["said"], serde_json::json!([false, unknown]));
    let refused =
        desk.call(&["profiles", "add", "host2", "--reply", "Framed-IP-Address := example.com"]).exits(1);
    assert!(refused.sentence().starts_with("Framed-IP-Address takes"), "{refused:?}");
    desk.write("more.csv", "username,attributes\nbo,Username := x\n");
    let refused = desk.call(&["users", "import", "more.csv"]).exits(1);
    assert!(refused.err.contains(&format!("line 2, attributes: {unknown}")), "{refused:?}");
    // Backquotes are refused whatever the mode.
    desk.ok(&["settings", "unset", "strict_attributes"]);
    let run =
        desk.run("result['said'] = user.attribute_add('Reply-Message', '`reboot`')", &["--all"]).object();
    let said = &desk.outcomes(&run)[0]["result"]["said"];
    assert_eq!(
        *said,
        serde_json::json!([false, "Reply-Message: FreeRADIUS would execute a value in backquotes"])
    );
}

#[test]
fn what_a_preview_says_of_the_answer_is_what_freeradius_answers() {
    let (desk, radius) = served(
        "username,password,profiles,expiration,attributes\n\
         ana,secret,plus;static,,\"Reply-Message = a\nReply-Message = b\nReply-Message ^= c\nReply-Message += d\"\n\
         bo,secret,static;plus,,\"Session-Timeout := 60\nIdle-Timeout = 5\nsession-timeout := 70\nFilter-Id += x\"\n\
         cy,secret,plus;plus2,2090-01-01,\nlate,secret,plus,2001-01-01,\n",
        &[
            &[
                "plus",
                "--reply",
                "Session-Timeout := 3600",
                "--reply",
                "Reply-Message = e",
                "--reply",
                "Idle-Timeout = 600",
            ],
            &[
                "plus2",
                "--reply",
                "Idle-Timeout := 7",
                "--reply",
                "Filter-Id ^= first",
                "--reply",
                "Filter-Id += last",
            ],
            &["static", "--reply", "Framed-IP-Address := 192.0.2.7", "--reply", "Reply-Message += f"],
        ],
    );
    let said = |reply: &Value| -> Vec<String> {
        let items = reply["items"].as_array().unwrap().iter();
        let mut items: Vec<_> = items
            .map(|item| format!("{} = {}", item["attr"].as_str().unwrap(), item["value"].as_str().unwrap()))
            .collect();
        // The order of different attributes means nothing, and how FreeRADIUS spells a name is the dictionary's.
        items.sort_by_key(|item| item.split(' ').next().unwrap().to_lowercase());
        items.iter().map(|item| item.replace("session-timeout", "Session-Timeout")).collect()
    };
    let answered = |user: &str| -> Vec<String> {
        let mut items: Vec<_> = radius.ask(user, "secret").accepted().items;
        items.sort_by_key(|item| item.split(' ').next().unwrap().to_lowercase());
        items.iter().map(|item| item.replace('"', "")).collect()
    };
    let script = "user.profile_add(short_name='plus2')\nuser.attribute_add('Reply-Message', 'new', '+=')";
    let preview = desk.run(script, &["--all"]).exits(0).object()["run_id"].to_string();
    let shown = desk.ok(&["runs", "show", &preview]).out;
    assert!(
        shown.contains("FreeRADIUS answers now: Access-Accept, ") && shown.contains("answers then: "),
        "{shown}"
    );
    let users = ["ana", "bo", "cy"];
    let planned =
        users.map(|user| desk.ok(&["radius", "reply", user, "--preview", &preview, "--json"]).object());
    for (user, planned) in users.iter().zip(&planned) {
        let now = desk.ok(&["radius", "reply", user, "--json"]).object();
        assert_eq!(
            now["items"].as_array().unwrap().len(),
            planned["before"]["items"].as_array().unwrap().len()
        );
        if *user != "cy" {
            assert_eq!(said(&planned["before"]), answered(user), "{user}");
        }
    }
    let late = desk.ok(&["radius", "reply", "late"]).out;
    assert_eq!(late, "Access-Reject: the user has expired\n");
    desk.ok(&["runs", "apply", &preview, "--yes"]);
    for (user, planned) in users.iter().zip(&planned) {
        assert_eq!(said(&planned["after"]), answered(user), "{user}");
    }
}

#[test]
fn which_ways_to_prove_a_password_work_with_which_scheme() {
    const WAYS: [&str; 3] = ["User-Password", "CHAP-Password", "MS-CHAP-Password"];
    let kept = [
        ("{clear}correct horse", [true, true, true]),
        ("{nt}cfc43211ba8dc470832267827cac1407", [true, false, true]),
        ("{md5}PLTnMmMfR+brlh80VUt83g==", [true, false, false]),
        ("{ssha}awc/Cj0kafyFd5d8fGn07xoHBJJzYWx0c2FsdA==", [true, false, false]),
        ("{crypt}$1$saltsalt$NuzA7WTAelpl95xgBGWN60", [true, false, false]),
        (
            "{x-pbkdf2}HMACSHA2+256:AAAD6A==:c2FsdHNhbHQ=:qQDPSZa3Ormyy9oK1Pu0ZLLwP2Svzmx3yu8OvDdq/J0=",
            [true, false, false],
        ),
    ];
    let rows = (1..).zip(&kept).map(|(n, (kept, _))| format!("{},\"{kept}\"\n", crate::common::name(n)));
    let (desk, radius) = served(&format!("username,password\n{}", rows.collect::<String>()), &[]);
    for (n, (kept, works)) in (1..).zip(&kept) {
        let user = crate::common::name(n);
        let accepted = WAYS.map(|way| radius.ask_by(way, &user, "correct horse", "").accepted);
        assert_eq!(accepted, *works, "{kept}");
        for way in WAYS {
            radius.ask_by(way, &user, "wrong", "").rejected();
        }
    }
    radius.settle();
    assert!(!desk.user("user001")["last_login"].is_null());
}

#[test]
fn as_many_sessions_as_the_limit_says_are_open_at_once() {
    let (_desk, radius) = served(
        "username,password,profiles,check_attributes\nana,secret,,Simultaneous-Use := 2\nbo,secret,one,\n",
        &[&["one", "--check", "Simultaneous-Use := 1"]],
    );
    let tell = |user: &str, session: &str, status: &str| {
        radius.account(&format!(
            "User-Name = {user}, Acct-Session-Id = {session}, NAS-IP-Address = 192.0.2.1, NAS-Port = 7, \
             Acct-Session-Time = 5, Acct-Status-Type = {status}"
        ));
    };
    let may = |user: &str| radius.ask(user, "secret").accepted;
    tell("ana", "a1", "Start");
    assert!(may("ana") && may("bo"));
    tell("ana", "a2", "Start");
    tell("bo", "b1", "Start");
    assert!(!may("ana") && !may("bo"));
    // However often it is told.
    tell("ana", "a1", "Interim-Update");
    tell("bo", "b1", "Stop");
    assert!(!may("ana") && may("bo"));
    tell("ana", "a1", "Stop");
    assert!(may("ana"));
    tell("ana", "a3", "Start");
    assert!(!may("ana"));
    // A NAS that starts anew has no sessions.
    radius.account("Acct-Status-Type = Accounting-On, NAS-IP-Address = 192.0.2.1, Acct-Session-Id = on");
    assert!(may("ana"));
}

#[test]
fn what_is_old_is_pruned_and_what_counts_stays() {
    let desk = Desk::new();
    desk.ok(&["profiles", "add", "prepaid", "--check", "Max-All-Session := 100"]);
    desk.import(
        "username,password,profiles,check_attributes\nana,secret,,\nbo,secret,,Max-All-Session := 100\n\
         cy,secret,prepaid,\ndi,secret,,expire-after := 99999999\n",
    );
    let radius = FreeRadius::serving(&desk, &[]);
    let session = |user: &str, id: &str, days: i64, ends: bool| {
        let began = now() - days * 86_400;
        let common = format!("User-Name = {user}, Acct-Session-Id = {id}, NAS-IP-Address = 192.0.2.1");
        radius.account(&format!("{common}, Acct-Status-Type = Start, Event-Timestamp = {began}"));
        if ends {
            radius.account(&format!(
                "{common}, Acct-Status-Type = Stop, Acct-Session-Time = 60, Event-Timestamp = {}",
                began + 60
            ));
        }
    };
    for user in ["ana", "bo", "cy", "di"] {
        session(user, &format!("{user}-old"), 50, true);
        session(user, &format!("{user}-new"), 20, true);
    }
    session("ana", "open", 50, false);
    radius.ask("ana", "secret").accepted();
    radius.ask("ana", "wrong").rejected();
    radius.settle();
    let logins = [desk.user("ana")["first_login"].clone(), desk.user("ana")["last_login"].clone()];
    // Two years later, for the answers that there are.
    let in_the_past = if desk.url().starts_with("sqlite:") {
        "authdate - 63072000000000"
    } else {
        "authdate - interval '730 days'"
    };
    desk.sql(&format!("UPDATE radpostauth SET authdate = {in_the_past}"));
    radius.ask("bo", "wrong").rejected();
    radius.settle();
    for name in ["prune_logins_after", "prune_accounting_after"] {
        let refused = desk.call(&["settings", "set", name, "31d"]).exits(1);
        assert_eq!(
            refused.sentence(),
            format!("{name} cannot be 31d: limits count what happened in this month, so take 32d or more")
        );
    }
    desk.ok(&["settings", "set", "prune_accounting_after", "32d"]);
    let pruned = desk.ok(&["prune", "--json"]).object();
    assert_eq!([&pruned["runs"], &pruned["logins"], &pruned["sessions"]], [0, 0, 1], "{pruned}");
    desk.ok(&["settings", "set", "prune_logins_after", "1y"]);
    let pruned = desk.ok(&["prune"]);
    assert!(pruned.err.contains("2 logins and 0 sessions removed"), "{pruned:?}");
    assert_eq!([desk.user("ana")["first_login"].clone(), desk.user("ana")["last_login"].clone()], logins);
    let pruned = desk.ok(&["prune", "--json"]).object();
    assert_eq!([&pruned["logins"], &pruned["sessions"]], [0, 0]);
    // What is left of the one has a limit, of the other is open or new.
    let left = |user: &str| radius.ask(user, "secret").accepted;
    assert!(!left("bo") && !left("cy") && left("di"));
    let said = desk.ok(&["audit", "list", "--format", "json"]).objects();
    let said: Vec<_> =
        said.iter().filter(|row| row["action"] == "prune").map(|row| row["subject"].clone()).collect();
    assert_eq!(said.iter().filter(|what| *what == "old sessions").count(), 1, "{said:?}");
    assert_eq!(said.iter().filter(|what| *what == "old logins").count(), 1, "{said:?}");
}

#[test]
#[ignore = "needs a server: scripts/with-postgres"]
fn freeradius_believes_the_database_by_its_certificate() {
    let desk = Desk::by_tls();
    desk.import("username,password\nana,secret\n");
    let radius = FreeRadius::on_this_machine(&desk);
    radius.ask("ana", "secret").accepted();
    let conninfo = radius.config("mods-enabled/sql");
    assert!(conninfo.contains("sslmode='verify-full' sslrootcert='/"), "{conninfo}");
    // Every connection of its role is encrypted.
    desk.sql(
        "DO $$ BEGIN ASSERT (SELECT count(*) > 0 AND bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
         WHERE usename LIKE 'radius%' AND datname = current_database()); END $$",
    );
    assert!(!desk.user("ana")["last_login"].is_null());
}

#[test]
fn what_freeradius_lacks_is_found() {
    let desk = Desk::with_users(1);
    let lacks = |args: &[&str]| -> Vec<String> {
        let done = desk.call(&[&["radius", "check"], args].concat());
        let lines: Vec<_> =
            done.out.lines().filter_map(|line| line.strip_prefix("missing ")).map(str::to_owned).collect();
        let done = done.exits(if lines.is_empty() { 0 } else { 1 });
        assert!(done.out.contains("note    1 of the active users have no password"), "{done:?}");
        lines
    };
    if desk.url().starts_with("sqlite:") {
        let only_owner = lacks(&[]);
        assert!(
            only_owner.len() == 1 && only_owner[0].starts_with("only the owner can write "),
            "{only_owner:?}"
        );
        for place in ["", "rollcall.db", "rollcall.db-wal", "rollcall.db-shm"] {
            let opened =
                std::process::Command::new("chmod").arg("g+w").arg(desk.path(place)).output().unwrap();
            assert!(opened.status.success() || place.len() > 11, "{opened:?}");
        }
        assert_eq!(lacks(&[]), [] as [&str; 0]);
    } else {
        let role = format!("radius_check_{}", std::process::id());
        assert!(lacks(&["--role", &role])[0].starts_with(&format!("there is no role {role}")));
        desk.ok(&["radius", "config", "--dir", "out", "--role", &role]);
        let again = desk.call(&["radius", "config", "--dir", "out"]).exits(1);
        assert!(again.sentence().contains("is there already; --force"), "{again:?}");
        desk.sql(&std::fs::read_to_string(desk.path("out/role.sql")).unwrap());
        assert_eq!(lacks(&["--dir", "out"]), [] as [&str; 0]);
        desk.sql(&format!(
            "GRANT SELECT ON users TO {role}; REVOKE INSERT (reply, username) ON radpostauth FROM {role}"
        ));
        assert_eq!(
            lacks(&["--dir", "out"]),
            [
                format!(
                    "{role} lacks a right: GRANT INSERT ON radpostauth TO {role}, or execute role.sql again"
                ),
                format!("{role} has a right that it does not need: REVOKE SELECT ON users FROM {role}"),
            ]
        );
        desk.sql(&format!("REVOKE ALL ON users FROM {role}"));
        desk.sql(&std::fs::read_to_string(desk.path("out/role.sql")).unwrap());
    }
    desk.ok(&["profiles", "add", "odd", "--reply", "Session-Timeout := long"]);
    desk.run("user.attribute_add('Username', 'x')", &["--all", "--apply", "--yes"]).exits(0);
    let lacks = lacks(if desk.url().starts_with("sqlite:") { &[] } else { &["--dir", "out"] });
    assert_eq!(lacks.len(), 2, "{lacks:?}");
    assert!(lacks[0].starts_with("1 attribute of users: FreeRADIUS has no attribute Username"), "{lacks:?}");
    assert!(lacks[1].starts_with("profile odd: Session-Timeout takes a number"), "{lacks:?}");
}
