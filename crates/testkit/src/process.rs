//! Tests that need a process of their own.

use std::process::Command;

/// Set in the process that is started for a test.
const ALONE: &str = "ROLLCALL_TEST_ALONE";

/// Runs `test`, the body of a test function, in a process in which no other test runs: this one if nextest has started
/// it, else a new one. For tests that count child processes or change what belongs to the whole process.
///
/// # Panics
/// If the test fails.
pub fn in_own_process<F: FnOnce()>(test: F) {
    if std::env::var_os("NEXTEST").is_some() || std::env::var_os(ALONE).is_some() {
        return test();
    }
    in_new_process(test_name::<F>());
}

fn in_new_process(name: &str) {
    let program = std::env::current_exe().expect("Linux knows the running program");
    let mut command = Command::new(program);
    let done = command.args([name, "--exact", "--nocapture"]).env(ALONE, "1").output();
    let done = done.expect("a test binary can be started again");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && out.contains("1 passed"), "{name}: {}\n{out}\n{err}", done.status);
}

/// The path of the test in its crate, as test runners write it: that of its closure is `crate::module::test::{{closure}}`.
fn test_name<F>() -> &'static str {
    let path = std::any::type_name::<F>().trim_end_matches("::{{closure}}");
    path.split_once("::").map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closure_knows_the_test_it_is_in() {
        fn name_of<F: FnOnce()>(_: F) -> &'static str {
            test_name::<F>()
        }
        assert_eq!(name_of(|| {}), "process::tests::a_closure_knows_the_test_it_is_in");
    }

    #[test]
    #[should_panic(expected = "0 passed")]
    fn a_test_that_did_not_run_has_not_passed() {
        in_new_process("process::tests::no_such_test");
    }
}
