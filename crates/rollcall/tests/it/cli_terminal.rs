//! What stays on a terminal: every line that is printed, and nothing of a progress bar.

use crate::common::Desk;
use crate::common::terminal::{Size, screen_after, screen_without_terminal};

/// As many columns as most terminals have: lines of bars and reports wrap.
const NARROW: Size = Size { rows: 60, columns: 80 };
/// Lines whose lengths vary with the time that something took do not wrap.
const WIDE: Size = Size { rows: 150, columns: 250 };

/// The number of rounds and the number of users; the environment can set more for a test by hand.
fn rounds() -> (usize, usize) {
    let said = |name: &str| std::env::var(name).ok().map(|number| number.parse().unwrap());
    (said("ROLLCALL_TEST_SCREENS").unwrap_or(10), said("ROLLCALL_TEST_SCREEN_USERS").unwrap_or(300))
}

#[test]
fn screen_shows_the_report_alone_after_a_run() {
    let (rounds, users) = rounds();
    let desk = Desk::on_file().and_users(users);
    desk.write(
        "x.py",
        "user.klass = 'x' if user.obj_id % 3 else user.klass\nif user.obj_id == 7: fail('no')",
    );
    let mut wrong = Vec::new();
    for round in 1..=rounds {
        let (code, screen) = screen_after(desk.command(&["run", "x.py", "--all"]), "", NARROW);
        assert_eq!(code, Some(3), "{screen}");
        let show = desk.command(&["runs", "show", &round.to_string()]);
        let (_, expected) = screen_without_terminal(show, NARROW);
        assert!(expected.contains("Changes, grouped") && expected.contains("Next"), "{expected}");
        if screen != expected {
            wrong.push(screen);
        }
    }
    assert!(wrong.is_empty(), "{} of {rounds} screens are wrong, such as\n{}", wrong.len(), wrong[0]);
}

/// Replaces what differs between two desks: hashes, numbers, and rates that only long runs have.
fn comparable(screen: &str) -> String {
    let mut shown = String::new();
    for word in screen.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_hash = bare.len() >= 16 && bare.chars().all(|c| c.is_ascii_hexdigit());
        shown += if is_hash { "HASH" } else { bare };
        shown += &word[bare.len()..];
    }
    let numbers = shown.replace(|c: char| c.is_ascii_digit(), "0");
    let mut numbers = numbers.replace("0,0", "00");
    while numbers.contains("00") {
        numbers = numbers.replace("00", "0");
    }
    // Only a terminal has numbers in tables aligned on the right.
    let lines = numbers.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n").replace(", 0 users/s", "")
}

#[test]
fn table_fits_a_narrow_terminal_and_is_whole_in_a_pipe() {
    let desk = Desk::on_file();
    desk.write(
        "users.csv",
        "obj_id,username,first_name,last_name,email\n\
         7,ann,Ann,Archer,ann@example.org\n\
         1012,bartholomew-the-third,Bartholomew,van der Longname,bartholomew.van.der.longname@example.org\n",
    );
    desk.ok(&["users", "import", "users.csv"]);
    let list = || desk.command(&["users", "list"]);
    let (_, screen) = screen_after(list(), "", NARROW);
    insta::assert_snapshot!(screen, @r"
    obj_id  username             first_name   last_name  email                status
         7  ann                  Ann          Archer     ann@example.org      active
      1012  bartholomew-the-thi  Bartholomew  van der    bartholomew.van.der  active
            rd                                Longname   .longname@example.o
                                                         rg
    ");
    let (_, piped) = screen_without_terminal(list(), WIDE);
    insta::assert_snapshot!(piped, @r"
    obj_id  username               first_name   last_name         email                                     status
    7       ann                    Ann          Archer            ann@example.org                           active
    1012    bartholomew-the-third  Bartholomew  van der Longname  bartholomew.van.der.longname@example.org  active
    ");
}

#[test]
fn no_command_leaves_a_bar_or_loses_a_line() {
    let [at_terminal, elsewhere] = std::array::from_fn(|_| {
        let desk = Desk::on_file().and_users(50);
        desk.write("x.py", "user.klass = 'x'\nif user.obj_id == 7: fail('no')");
        desk.write("rows.csv", "username\nuser001\nnobody\nuser002\nnobody-else\nuser003\n");
        desk.write("faulty.csv", "username,expiration\nnew001,2027-01-01\nnew002,soon\nnew003,later\n");
        desk.write("good.csv", "username,organization\nnew001,North\nnew002,South\n");
        desk
    });
    for args in [
        "run x.py --all --apply --yes --canary 20",
        "runs resume 1 --max-failures 0",
        "run x.py --csv rows.csv",
        "run x.py --csv rows.csv --skip-unmatched --bad-rows bad.csv",
        "runs apply 2 --yes",
        "runs undo 1",
        "runs watch 1",
        "runs retry 1 --yes",
        "users import faulty.csv",
        "users import good.csv",
        "audit verify",
        "migrate --to sqlite:copy.db",
        "prune --older-than 0s --yes",
        "demo --users 200 --database sqlite:demo.db",
    ] {
        let args: Vec<_> = args.split(' ').collect();
        let (code, screen) = screen_after(at_terminal.command(&args), "", WIDE);
        let (wanted, expected) = screen_without_terminal(elsewhere.command(&args), WIDE);
        assert!(!expected.is_empty() && code.is_some_and(|code| code != 2), "{args:?}\n{screen}");
        assert_eq!(code, wanted, "{args:?}\n{screen}");
        assert_eq!(comparable(&screen), comparable(&expected), "{args:?}\n{screen}\n\n{expected}");
    }
}
