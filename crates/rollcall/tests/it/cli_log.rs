//! The log of a command, as `ROLLCALL_LOG` filters it.

use crate::common::{Desk, finish, start};

#[test]
fn a_run_can_be_followed_in_the_log_which_names_no_user() {
    let desk = Desk::with_users(3);
    desk.write("script.py", "user.email = 'somebody@example.net'");
    let logged = |filter: &str| {
        let mut command = desk.command(&["run", "script.py", "--all"]);
        finish(start(command.env("ROLLCALL_LOG", filter))).exits(0).err
    };
    let all = logged("debug");
    for event in [
        "debug: script compiled worker=0",
        "debug: run created run=1 mode=\"preview\" state=\"running\" targets=3",
        "debug: chunk leased run=1 ",
        "debug: outcomes committed run=1 ",
        "debug: run ended run=1 state=\"finished\"",
    ] {
        assert!(all.contains(event), "{event} in {all}");
    }
    // The run is a field of the span of its execution.
    let ended = all.lines().find(|line| line.contains("execution ended")).unwrap();
    assert!(ended.contains("end=\"Through\"") && ended.ends_with(" run=1"), "{ended}");
    assert!(!all.contains("user00") && !all.contains("somebody"), "{all}");

    let of_store = logged("rollcall_store=trace");
    assert!(of_store.contains("outcomes committed run=2 "), "{of_store}");
    assert!(of_store.contains("trace: transaction committed "), "{of_store}");
    assert!(!of_store.contains("script compiled"), "{of_store}");

    let usual = logged("info");
    assert!(!usual.contains("debug:") && !usual.contains("outcomes committed"), "{usual}");
}
