//! Workers that wait for a script: they are like any other, and nobody notices if one has died.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::{job, run_job_in, user};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rollcall_domain::ParamValues;
use rollcall_sandbox::{Ending, Isolation, Job, Limits, Sandbox};
use rollcall_testkit::in_own_process;

#[track_caller]
#[expect(clippy::disallowed_methods, reason = "nothing tells when another thread or process is that far")]
fn wait_until(what: &str, done: impl Fn() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The processes that this one has started.
fn children() -> Vec<i32> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let read = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default()
    };
    tasks
        .map(read)
        .flat_map(|pids| pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

fn sandbox(warm: usize) -> Arc<Sandbox> {
    let sandbox = Arc::new(Sandbox::new(Path::new("python3"), Isolation::Full).unwrap());
    sandbox.keep_warm(warm);
    wait_until("they wait", || sandbox.warm() == warm);
    sandbox
}

fn printed(sandbox: &Sandbox, job: &Job) -> String {
    let report = run_job_in(sandbox, job, vec![user(1)]).remove(&1).unwrap();
    assert_eq!(report.ending, Ending::Ran, "{report:#?}");
    report.output
}

#[test]
fn one_that_waited_gets_one_script_with_all_that_belongs_to_it() {
    in_own_process(|| {
        let sandbox = sandbox(2);
        let waiting = children();
        assert_eq!(waiting.len(), 2);
        let script = "
import builtins, time, datetime
builtins.left_behind = 1
print(user.profile_add(short_name='aaa-01')[0], time.localtime(run.now.timestamp()).tm_hour, run.now.hour, params)
";
        let wanted = Job { zone: "Asia/Tokyo".parse().unwrap(), ..job(script) };
        // 14:13:20 in Greenwich.
        assert_eq!(printed(&sandbox, &wanted), "True 23 23 {}\n");
        wait_until("another one waits", || sandbox.warm() == 2 && children().len() == 2);
        let after = children();
        assert_eq!(
            waiting.iter().filter(|pid| after.contains(pid)).count(),
            1,
            "it has ended with its script"
        );
        for _ in 0..4 {
            let plain =
                job("import time\nprint(hasattr(__builtins__, 'left_behind'), time.localtime(0).tm_hour)");
            assert_eq!(printed(&sandbox, &plain), "False 0\n", "whether it waited or not");
        }
        // The kernel bounds it like any other, by the job's own limits.
        let limits = Limits { memory: 64 << 20, ..job("").limits };
        let greedy = Job { limits, params: ParamValues::default(), ..job("x = bytearray(100 << 20)") };
        wait_until("one waits", || sandbox.warm() > 0);
        let report = run_job_in(&sandbox, &greedy, vec![user(1)]).remove(&1).unwrap();
        assert!(matches!(&report.ending, Ending::Failed(error) if error.kind == "MemoryError"), "{report:?}");
        let locked = job("open('/etc/hostname')");
        wait_until("one waits", || sandbox.warm() > 0);
        let report = run_job_in(&sandbox, &locked, vec![user(1)]).remove(&1).unwrap();
        assert!(
            matches!(&report.ending, Ending::Failed(error) if error.kind == "PermissionError"),
            "{report:?}"
        );
    });
}

#[test]
fn one_that_died_while_it_waited_is_replaced_and_all_end_with_the_sandbox() {
    in_own_process(|| {
        let sandbox = sandbox(2);
        for pid in children() {
            kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        }
        assert_eq!(printed(&sandbox, &job("print('there')")), "there\n");
        assert_eq!(printed(&sandbox, &job("print('there')")), "there\n");
        wait_until("others wait", || sandbox.warm() == 2);
        let syntax = rollcall_sandbox::Worker::prepare(&sandbox, &job("def")).err().unwrap();
        assert!(matches!(syntax, rollcall_sandbox::StartError::Syntax(_)), "{syntax:?}");
        drop(sandbox);
        wait_until("none is left", || children().is_empty());
    });
}
