//! Pages of the reference that are written from the program.

use std::fmt::Write as _;

use super::page::root;
use crate::common::{Desk, commands};

const HEAD: &str = "\
# Command line

A test writes this page from the help of the program. Options that all commands have are on the first entry.
[Exit statuses](exit-statuses.md), [JSON](json.md) and [environment variables](settings.md#environment-variables) have
pages of their own.
";

#[test]
fn the_page_of_the_command_line_is_the_help_of_all_commands() {
    let mut all = Vec::new();
    let desk = Desk::bare();
    commands(&desk, &[], &mut all);
    let mut page = format!("{HEAD}\n## Commands\n\n");
    for path in &all {
        let name = full_name(path);
        writeln!(page, "{}- [`{name}`](#{})", "  ".repeat(path.len()), name.replace(' ', "-")).unwrap();
    }
    for path in &all {
        let help = desk.ok(&[path.as_slice(), &["--help".to_owned()]].concat());
        let text = if path.is_empty() { help.out } else { without_global_options(&help.out) };
        write!(page, "\n## {}\n\n```text\n{}\n```\n", full_name(path), text.trim_end()).unwrap();
    }
    hold("docs/reference/cli.md", &page);
}

fn full_name(path: &[String]) -> String {
    [&["rollcall".to_owned()], path].concat().join(" ")
}

/// The help without the options that every command has.
fn without_global_options(help: &str) -> String {
    let Some((before, after)) = help.split_once("\nGlobal options:\n") else { return help.to_owned() };
    let rest = after.lines().skip_while(|line| line.is_empty() || line.starts_with(' '));
    let rest: Vec<_> = rest.collect();
    if rest.is_empty() { before.to_owned() } else { format!("{before}\n{}", rest.join("\n")) }
}

/// Compares a file with what it must be. `INSTA_UPDATE=always` writes it.
fn hold(path: &str, expected: &str) {
    let file = root().join(path);
    if std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always") {
        std::fs::write(&file, expected).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == expected, "{path} is out of date: run this test with INSTA_UPDATE=always");
}
