//! What a real FreeRADIUS answers, on whichever database: asked with radclient.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::Desk;
use common::freeradius::FreeRadius;
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
        "{x}y",
        "0x41",
        " padded ",
    ];
    let rows = kept.map(|kept| (kept.to_owned(), horse)).into_iter();
    let rows: Vec<_> = rows.chain(odd.map(|odd| (odd.to_owned(), odd))).collect();
    let csv: String = (1..)
        .zip(&rows)
        .map(|(n, (kept, _))| format!("{},\"{}\"\n", common::name(n), kept.replace('"', "\"\"")))
        .collect();
    let (desk, radius) = served(&format!("username,password\n{csv}"), &[]);
    for (n, (kept, password)) in (1..).zip(&rows) {
        let answer = radius.ask(&common::name(n), password);
        assert!(answer.accepted, "{kept}");
        radius.ask(&common::name(n), "wrong").rejected();
    }
    desk.write("password", "another one\n");
    desk.shell("rollcall users password user001 < password").exits(0);
    radius.ask("user001", horse).rejected();
    radius.ask("user001", "another one").accepted();
    desk.ok(&["users", "password", "user001", "--remove"]);
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
    desk.ok(&["runs", "undo", &run["run"].to_string(), "--apply", "--yes"]);
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
    let (_desk, radius) = served(
        "username,password,check_attributes,attributes\n\
         ana,secret,NAS-Identifier == ap-1,Reply-Message = here\n\
         bo,secret,,Reply-Message = here\n\
         cy,secret,Max-Daily-Session == 4,Reply-Message = here\n\
         di,secret,\"Max-Monthly-Session = 4000\nSimultaneous-Use == 2\",Reply-Message = here\n",
        &[],
    );
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
    let csv: String = names
        .iter()
        .map(|name| format!("\"{}\",secret,\"Reply-Message = {}\"\n", name.replace('"', "\"\""), "here"))
        .collect();
    let (desk, radius) = served(&format!("username,password,attributes\n{csv}"), &[]);
    for name in names {
        assert_eq!(radius.ask(name, "secret").accepted().all("Reply-Message"), ["here"], "{name}");
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
    let before = desk.user("ana");
    assert!(before["first_login"].is_null() && before["last_login"].is_null());
    radius.ask("ana", "secret").accepted();
    let first = desk.user("ana");
    assert_eq!(first["first_login"], first["last_login"]);
    assert!(!first["first_login"].is_null());
    radius.ask("ana", "secret").accepted();
    let second = desk.user("ana");
    assert_eq!(second["first_login"], first["first_login"]);
    assert!(second["last_login"].as_str() > first["last_login"].as_str());
    assert_eq!(second["last_update"], before["last_update"], "a login changes nobody");
}
