//! Runs the commands of a page in order, in one shell and one fresh directory, and compares what it shows.
//!
//! | fence | effect |
//! |---|---|
//! | `sh` | runs the block; it must succeed |
//! | `console` | runs each line after `$ `; the lines below are its output, in which `…` stands for any text |
//! | `python` | runs the script for the user `ana.berg` |
//! | any with `output` | the output of the block before contains it |
//! | any with `file=NAME` | writes the file |
//! | any with `skip=REASON` | does nothing |
//!
//! `server` runs a block in the background until its server answers. `status=N` expects another exit status than 0.
//! `param=` and `row=` are options of a Python block. A comment `<!-- sh` is a block that readers do not see.
//! `<!-- test: example -->` starts with the example installation in place of an empty directory; the words
//! `freeradius` and `postgres` after it start these servers. `$DOCS` is the directory of the documentation.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::Command;

use rollcall_testkit::PgDatabase;

use super::page::{Block, Page, root};
use crate::common::freeradius::FreeRadius;
use crate::common::{Desk, Done, ROLLCALL, finish, start};

/// The address of servers in the documentation, and the one of the database server.
const SERVER: &str = "127.0.0.1:8080";
const POSTGRES: &str = "postgres://rollcall@db.example.net/rollcall";

/// The users and profiles of `<!-- test: example -->`.
const EXAMPLE: &str = include_str!("../../../../../docs/tutorial/subscribers.csv");

/// What precedes the blocks: functions, and the end of all servers with the shell.
const PRELUDE: &str = r#"
set -Eeuo pipefail
exec 3>&2 </dev/null
trap 'for job in $(jobs -p); do kill "$job" 2>&3 || :; done' EXIT
mkdir -p "$OUT"
begin() { echo "$1" >"$OUT/last"; exec >"$OUT/$1" 2>&1; }
await_server() {
    for _ in $(seq 600); do
        if grep -qs 'listens on' server.log; then return; fi
        kill -0 "$1" 2>&3 || { cat server.log; return 1; }
        sleep 0.1
    done
    return 1
}
expect_status() {
    local expected=$1 status=0
    shift
    "$@" || status=$?
    [ "$status" = "$expected" ] || { echo "exit status $status in place of $expected"; return 1; }
}
"#;

/// Runs the blocks of a page.
pub fn run(path: &'static str) {
    let page = Page::read(path);
    let server = PgDatabase::fresh();
    // The other pages use a file, whichever database the tests run on.
    if page.needs("postgres") != server.is_some() {
        return;
    }
    let desk = if page.needs("example") { example() } else { Desk::bare() };
    let radius = page.needs("freeradius").then(|| FreeRadius::serving(&desk, &[]));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let here = |text: &str| {
        let text = text.replace(SERVER, &port.to_string());
        server.as_ref().map_or_else(|| text.clone(), |database| text.replace(POSTGRES, &database.url()))
    };
    let mut blocks = page.blocks();
    for block in &mut blocks {
        block.text = here(&block.text);
    }
    let done = execute(&desk, &script(&blocks, radius.as_ref()), &port.to_string());
    let read = |name: &str| std::fs::read_to_string(desk.path("out").join(name)).unwrap_or_default();
    if done.code != Some(0) {
        let last = read("last");
        panic!("{path}:{}: {done:?}\n{}", last.trim(), read(last.trim()));
    }
    compare(path, &blocks, read);
}

/// A directory with the example installation.
fn example() -> Desk {
    let desk = Desk::on_file();
    desk.ok(&["profiles", "add", "basic", "--reply", "Session-Timeout := 7200"]);
    desk.ok(&["profiles", "add", "plus", "--reply", "Session-Timeout := 28800"]);
    desk.import(EXAMPLE);
    desk.write("subscribers.csv", EXAMPLE);
    desk
}

fn execute(desk: &Desk, script: &str, listen: &str) -> Done {
    let programs = desk.path(".bin");
    std::fs::create_dir(&programs).unwrap();
    symlink(ROLLCALL, programs.join("rollcall")).unwrap();
    desk.write(".page.sh", script);
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command
        .arg(desk.path(".page.sh"))
        .current_dir(desk.path("."))
        .env_clear()
        .envs([("LANG", "C.UTF-8"), ("ROLLCALL_DICTIONARIES", ""), ("ROLLCALL_LISTEN", listen)])
        .env("PATH", path)
        .env("HOME", desk.path("."))
        .env("OUT", desk.path("out"))
        .env("DOCS", root().join("docs"));
    finish(start(&mut command))
}

fn script(blocks: &[Block], radius: Option<&FreeRadius>) -> String {
    let mut script = PRELUDE.to_owned();
    if let Some(radius) = radius {
        writeln!(script, "radclient() {{ {} \"$@\"; }}", radius.client()).unwrap();
    }
    for block in blocks.iter().filter(|block| !block.is("skip")) {
        add(&mut script, block);
    }
    script
}

fn add(script: &mut String, block: &Block) {
    let line = block.line;
    let status = block.attribute("status").unwrap_or("0");
    if let Some(name) = block.attribute("file") {
        write!(script, "begin {line}\ncat >'{name}' <<'END_OF_FILE'\n{}END_OF_FILE\n", block.text).unwrap();
        return;
    }
    match block.language.as_str() {
        "sh" if block.is("server") => {
            let command = block.text.trim_end();
            write!(script, "begin {line}\n: >server.log\n{command} >server.log 2>&1 &\nawait_server $!\n")
                .unwrap();
        }
        "sh" if status == "0" => write!(script, "begin {line}\n{}", block.text).unwrap(),
        "sh" => write!(script, "begin {line}\nexpect_status {status} {}", block.text).unwrap(),
        "console" => {
            for (number, (command, _)) in commands(&block.text).iter().enumerate() {
                let wanted = if status == "0" { String::new() } else { format!("expect_status {status} ") };
                write!(script, "begin {line}.{number}\n{wanted}{command}\n").unwrap();
            }
        }
        "python" => {
            let option = |name: &str| {
                let value = block.attribute(name);
                value.map_or_else(String::new, |value| format!(" --{name} '{value}'"))
            };
            let options = option("param") + &option("row");
            let name = format!("sample-{line}.py");
            write!(script, "begin {line}\ncat >{name} <<'END_OF_FILE'\n{}END_OF_FILE\n", block.text).unwrap();
            let command = format!("rollcall scripts test {name} --user ana.berg{options}");
            writeln!(script, "expect_status {status} {command}").unwrap();
        }
        _ => {}
    }
}

/// The commands of a console block, each with the output that the page shows.
fn commands(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut continues = false;
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push((command.to_owned(), String::new()));
            continues = command.ends_with('\\');
        } else if let Some((command, output)) = found.last_mut() {
            let to = if continues { &mut *command } else { output };
            to.push('\n');
            to.push_str(line);
            continues = continues && line.ends_with('\\');
        }
    }
    found
}

fn compare(path: &str, blocks: &[Block], read: impl Fn(&str) -> String) {
    let mut last = String::new();
    for block in blocks.iter().filter(|block| !block.is("skip")) {
        let line = block.line;
        if block.is("output") {
            let pattern = format!("…{}…", block.text.trim());
            assert!(matches(&pattern, &last), "{path}:{line}: expected\n{}\nin\n{last}", block.text);
        } else if block.language == "console" {
            for (number, (command, expected)) in commands(&block.text).into_iter().enumerate() {
                let shown = read(&format!("{line}.{number}"));
                let fits = matches(expected.trim(), shown.trim());
                assert!(fits, "{path}:{line}: {command} shows\n{shown}\nin place of\n{expected}");
            }
        } else if block.language == "sh" {
            last = read(&line.to_string());
        }
    }
}

/// Whether a text is as the pattern says, in which `…` is any text. Seconds and the space at the ends of lines
/// do not count.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (normal(pattern), normal(text));
    let mut parts = pattern.split('…');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((end, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(end)
}

fn normal(text: &str) -> String {
    let line = |line: &str| {
        let words = line.trim_end().split(' ');
        let mut words: Vec<_> = words.map(str::to_owned).collect();
        for at in 1..words.len() {
            let seconds = words[at - 1].contains('.') && words[at - 1].parse::<f64>().is_ok();
            if words[at] == "s" && seconds {
                "0.0".clone_into(&mut words[at - 1]);
            }
        }
        words.join(" ") + "\n"
    };
    text.trim().lines().map(line).collect::<String>().trim().to_owned()
}

#[test]
fn an_ellipsis_is_any_text_and_seconds_do_not_count() {
    assert!(matches("Run 1\n  changed 2   0.1 s\n…", "Run 1\n  changed 2   3.7 s\n\nNext\n"));
    assert!(matches("a … c", "a b c"));
    assert!(!matches("a … c", "a b d"));
    assert!(!matches("a", "a b"));
}
