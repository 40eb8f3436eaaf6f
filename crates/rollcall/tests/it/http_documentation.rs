//! What docs/API.md says to type works as it is written there, in this order.

use std::process::Command;

use crate::common::server::Server;
use crate::common::{Desk, finish, start};

/// The commands of the page, and what it shows as their answers.
fn blocks(kind: &str) -> Vec<String> {
    let page = include_str!("../../../../docs/API.md");
    let fence = format!("```{kind}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_way_from_the_set_up_to_an_undo_works_as_it_is_written() {
    let desk = Desk::new();
    let server = Server::on(&desk);
    let link = server.link.as_deref().unwrap().rsplit('/').next().unwrap();
    let typed = blocks("sh").join("\n").replace("AT=http://127.0.0.1:8080", &format!("AT={}", server.at));
    assert!(typed.contains(&server.at), "the page names the server once");
    let typed = format!(
        "set -eu\ncurl() {{ command curl --silent --show-error --fail-with-body \"$@\"; echo; }}\n{typed}"
    );
    desk.write("typed.sh", typed);
    let mut command = Command::new("bash");
    command.arg(desk.path("typed.sh")).current_dir(desk.path(".")).env("LINK", link);
    let done = finish(start(&mut command)).exits(0);
    let shown = blocks("json").into_iter().chain(blocks("csv"));
    for answer in shown {
        assert!(done.out.contains(answer.trim()), "{answer} is not in\n{}", done.out);
    }
    // What was written was taken back.
    assert_eq!(desk.user("berta")["klass"], "basic");
    assert_eq!(desk.runs().len(), 3);
}
