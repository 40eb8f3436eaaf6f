//! Plans in which a user has several rows: these build on each other, and none stands without those before.

use crate::common::{Desk, column};
use serde_json::{Value, json};

/// The preview of two rows for user001 and one for user002.
fn previewed() -> Desk {
    let desk = Desk::with_users(2);
    let script = "if row['n'] == '1': user.username = 'renamed'\nelse: user.description = 'second'\n";
    desk.write("rows.csv", "obj_id,n\n1,1\n1,2\n2,2\n");
    desk.run(script, &["--csv", "rows.csv"]).exits(0);
    desk
}

fn applied(desk: &Desk, code: i32) -> Vec<Value> {
    let run = desk.call(&["runs", "apply", "1", "--yes", "--json"]).exits(code).object();
    desk.outcomes(&run)
}

#[test]
fn a_row_is_in_conflict_if_an_earlier_one_of_its_user_is() {
    let desk = previewed();
    // Moves the user to the very version that the second row was planned on.
    desk.ok(&["users", "set", "user001", "klass=edited"]);
    let outcomes = applied(&desk, 3);
    assert_eq!(column(&outcomes, "outcome"), ["conflict", "conflict", "changed"]);
    let user = desk.user("user001");
    assert_eq!((&user["description"], &user["klass"]), (&json!(""), &json!("edited")));
    assert_eq!(desk.user("user002")["description"], "second");
}

#[test]
fn an_outcome_names_its_user_as_before_the_run() {
    let desk = previewed();
    assert_eq!(column(&applied(&desk, 0), "username"), ["user001", "user001", "user002"]);
    let undone = desk.call(&["runs", "undo", "2", "--apply", "--yes", "--json"]).exits(0).object();
    assert_eq!(column(&desk.outcomes(&undone), "username"), ["user002", "renamed", "renamed"]);
}
