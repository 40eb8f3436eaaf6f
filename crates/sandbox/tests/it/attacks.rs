//! Every attack is made by one target of many: it must come to nothing, and the others must get their right outcome.

use std::time::Duration;

use crate::common::{failure, job, run, run_job, user};
use rollcall_domain::{Edit, Field, Value};
use rollcall_sandbox::{Ending, Report};

const BODY: &str = "
import re
import decimal
assert decimal.Decimal(1) / 3 > decimal.Decimal('0.333333333')
assert len('abc') == 3 and re.match('a+', 'aab').end() == 2
ok, message = user.profile_add(short_name='aaa-01')
assert ok, message
user.description = f'{user.username}:{len(user.email)}'
assert user.description.startswith('user')
";

/// Runs `attack` for user 3 of 6 and an ordinary body for all of them; checks the others, returns the attacker's.
fn attacked_by(attack: &str) -> Report {
    attacked_within(attack, Duration::from_secs(30))
}

/// The same for what may end by the time limit.
fn attacked_for_long(attack: &str) -> Report {
    attacked_within(attack, Duration::from_secs(2))
}

fn attacked_within(attack: &str, limit: Duration) -> Report {
    let attack: String = attack.lines().map(|line| format!("    {line}\n")).collect();
    let script = format!("if user.obj_id == 3:\n{attack}{BODY}");
    let mut job = job(&script);
    job.limits.time = limit;
    let mut reports = run_job(&job, (1..=6).map(user).collect());
    let attacker = reports.remove(&3).unwrap();
    for (id, report) in reports {
        assert_eq!(report.ending, Ending::Ran, "user {id} after {attack}");
        let described = Value::Text(format!("user{id}:17"));
        assert_eq!(
            report.edits,
            [Edit::Set(Field::Description, described), Edit::ProfileAdd(13)],
            "user {id}"
        );
    }
    attacker
}

fn fails_with(attack: &str, kind: &str) {
    let report = attacked_by(attack);
    assert_eq!(failure(&report).kind, kind, "{attack}: {report:#?}");
    assert!(report.edits.is_empty(), "{attack}");
}

#[test]
fn files_cannot_be_read_written_or_looked_at() {
    for attack in [
        "open('/etc/passwd').read()",
        "open('/proc/self/environ').read()",
        "open('/etc/ld.so.cache', 'rb').read()",
        "import os; os.stat('/etc/shadow')",
        "import os; os.listdir('/')",
        "import os; os.open('/tmp', os.O_RDONLY)",
        "open('/tmp/rollcall-attack', 'w').write('x')",
        "import pathlib; pathlib.Path('/etc/hostname').read_text()",
        "import os; os.unlink('/tmp/rollcall-attack')",
    ] {
        fails_with(attack, "PermissionError");
    }
    assert!(!std::path::Path::new("/tmp/rollcall-attack").exists());
}

#[test]
fn the_database_file_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("rollcall.db");
    std::fs::write(&database, "secret").unwrap();
    fails_with(&format!("print(open({:?}).read())", database.display().to_string()), "PermissionError");
}

#[test]
fn there_is_no_network_and_there_are_no_processes() {
    for attack in [
        "import socket; socket.socket()",
        "import socket; socket.create_connection(('127.0.0.1', 1))",
        "import _socket; _socket.socket()",
        "import os; os.fork()",
        "import os; os.execv('/bin/sh', ['sh'])",
        "import os; os.system('true')",
        "import subprocess; subprocess.run(['true'])",
        "import subprocess; subprocess.run(['true'], capture_output=True)",
        "import multiprocessing; multiprocessing.Process(target=print).start()",
        "import os; os.kill(os.getppid() or 1, 9)",
        "import ssl; ssl.create_default_context()",
    ] {
        fails_with(attack, "PermissionError");
    }
    fails_with("import threading; threading.Thread(target=print).start()", "RuntimeError");
    fails_with("import urllib.request; urllib.request.urlopen('http://127.0.0.1:1/')", "URLError");
}

#[test]
fn the_kernel_holds_where_the_words_do_not() {
    // The readable refusals sit in Python and can be taken off; the kernel's cannot.
    let raw = "
import sys
real = [c for c in object.__subclasses__() if c.__name__ == 'socket' and c.__module__ == '_socket']
import posix
for cls in real:
    cls()
raise PermissionError('no raw socket class to be had')
";
    fails_with(raw.trim_start(), "PermissionError");
    fails_with("import ctypes; ctypes.CDLL(None).system(b'true')", "PermissionError");
    let hunt = "
import sys
found = [c for c in object.__subclasses__() if c.__name__ in ('_CData', 'CDLL', '_SimpleCData')]
stack = list(found)
while stack:
    c = stack.pop()
    found.append(c)
    stack.extend(type.__subclasses__(c))
lib = [c for c in found if c.__name__ == 'CFuncPtr' or c.__name__ == '_FuncPtr' or c.__name__ == 'CDLL']
import builtins
raise LookupError(len(lib))
";
    let report = attacked_by(hunt.trim_start());
    assert_eq!(failure(&report).kind, "LookupError");
}

#[test]
fn what_does_not_stop_is_stopped() {
    for attack in [
        "while True: pass",
        "while True:\n    try:\n        while True: pass\n    except:\n        pass",
        "sum(range(10**10))",
        "import re; re.match(r'(a+)+$', 'a'*40 + 'b')",
        "10**10**8",
        "import itertools\nfor each in itertools.count(): pass",
        "import time; time.sleep(60)",
        "def forever():\n    while True: yield 1\nsum(forever())",
        "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
    ] {
        let report = attacked_for_long(attack);
        assert!(matches!(report.ending, Ending::TimedOut(_)), "{attack}: {report:#?}");
        assert_eq!(failure(&report).kind, "TimeLimit", "{attack}");
        assert!(report.edits.is_empty());
    }
}

#[test]
fn a_time_out_names_the_line_where_python_lets_it() {
    let error = failure(&attacked_for_long("x = 1\nwhile True:\n    x += 1")).clone();
    assert!(matches!(error.line, Some(3 | 4)), "{error:?}");
    assert!(error.traceback.unwrap().contains("x += 1") || error.line == Some(3));
}

#[test]
fn memory_runs_out_for_one_target_only() {
    for attack in [
        "[0]*10**10",
        "'x' * 10**10",
        "hoard = []\nwhile True: hoard.append(bytearray(1 << 20))",
        "hoard = []\nwhile True: hoard.append([hoard] * 100_000)",
        "import re\nre.hoard = []\nwhile True: re.hoard.append(bytearray(1 << 20))",
        "print('x' * 10**9)",
    ] {
        // A busy machine may take a while to hand the memory out.
        let report = attacked_within(attack, Duration::from_secs(30));
        assert_eq!(failure(&report).kind, "MemoryError", "{attack}: {report:#?}");
    }
}

#[test]
fn huge_numbers_end_one_way_or_the_other() {
    // A fast machine gets to Python's own limit on digits, a slow one to the time limit.
    let report = attacked_for_long("str(7**3000000)");
    assert!(["ValueError", "TimeLimit"].contains(&failure(&report).kind.as_str()), "{report:#?}");
}

#[test]
fn recursion_ends() {
    fails_with("def down(): return down()\ndown()", "RecursionError");
    let deep = attacked_for_long("import sys\nsys.setrecursionlimit(10**9)\ndown = lambda: [down()]\ndown()");
    assert!(matches!(deep.ending, Ending::Failed(_) | Ending::TimedOut(_)), "{deep:#?}");
    let crash = "import sys\nsys.setrecursionlimit(10**9)\nx = []\nfor i in range(10**6): x = [x]\nrepr(x)";
    assert!(matches!(attacked_for_long(crash).ending, Ending::Failed(_) | Ending::TimedOut(_)));
}

#[test]
fn ending_the_process_fails_one_target() {
    for attack in
        ["import os; os._exit(0)", "__import__('os').abort()", "import signal; signal.raise_signal(9)"]
    {
        let report = attacked_by(attack);
        assert!(matches!(report.ending, Ending::Failed(_)), "{attack}: {report:#?}");
    }
    let crash = "import gc\nfor each in gc.get_objects():\n    if type(each) is memoryview: each.release()";
    attacked_by(crash);
}

#[test]
fn garbage_on_the_pipes_fails_one_target() {
    for attack in [
        "import os\nfor fd in range(64):\n    try: os.write(fd, b'\\x05\\0\\0\\0\\x04nonsense')\n    except OSError: pass",
        "import os\nfor fd in range(64):\n    try: os.write(fd, b'\\xff' * 100)\n    except OSError: pass",
        "import os\nfor fd in range(64):\n    try: os.close(fd)\n    except OSError: pass",
    ] {
        let report = attacked_by(attack);
        assert!(matches!(report.ending, Ending::Failed(_) | Ending::Ran), "{attack}: {report:#?}");
    }
}

#[test]
fn an_honest_script_with_a_dishonest_report_is_blamed_for_it_alone() {
    for attack in [
        "user._record[-3] = {8: 'no bool'}",
        "user._record[-3] = {15: 'x' * (9 << 20)}",
        "user._record[-1] = ['x'] * 11",
        "skip.__globals__['output'].parts.append('x' * 1_000_000)",
    ] {
        assert_eq!(failure(&attacked_by(attack)).kind, "ProtocolError", "{attack}");
    }
}

#[test]
fn more_edits_than_a_script_may_make_are_refused() {
    let script = "
if user.obj_id == 3: user._record[-2].extend((2, 'A', '+=', str(i)) for i in range(200_000))
if user.obj_id == 4: user._record[-2] = [None] * 5_000_000
user.klass = 'x'
";
    for (id, report) in run(script, 6) {
        match id {
            3 | 4 => assert_eq!(failure(&report).kind, "ProtocolError"),
            _ => assert_eq!(report.ending, Ending::Ran),
        }
    }
}

#[test]
fn the_time_limit_cannot_be_switched_off() {
    for attack in [
        "counter = skip.__globals__['counter']\ncounter[0] = 0\nwhile True: pass",
        "counter = skip.__globals__['counter']\nwhile True: counter[1] += 1",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
        "import os\nwhile True: os.write(10, b'\\x01\\0\\0\\0\\x04' * 1000)",
        "import os\nfor fd in range(3, 64):\n    try: os.write(fd, (8 << 20).to_bytes(4, 'little') + b'x' * (9 << 20))\n    except OSError: pass\nwhile True: pass",
    ] {
        let report = attacked_for_long(attack);
        assert!(matches!(report.ending, Ending::TimedOut(_) | Ending::Failed(_)), "{attack}: {report:#?}");
    }
}

#[test]
fn what_goes_to_standard_error_stops_nobody() {
    let script =
        "import os, sys\nos.write(2, b'x' * 50_000)\nsys.__stderr__.write('seen')\nos.write(1, b'x' * 1000)";
    let reports = run(script, 100);
    assert!(reports.values().all(|report| report.ending == Ending::Ran && report.output == "seen"));
}

#[test]
fn output_is_bounded() {
    let report = attacked_by("for i in range(20_000): print('x' * 50_000)");
    assert_eq!(report.ending, Ending::Ran);
    assert!(report.output.len() < 70_000, "{}", report.output.len());
    assert!(report.output.ends_with("[cut here: too much output]\n"));
    let report = attacked_by("result['x'] = 'y' * 100_000");
    assert_eq!(failure(&report).message, "result is over 65536 bytes");
}

#[test]
fn exceptions_of_every_kind_are_caught() {
    fails_with("raise SystemExit", "SystemExit");
    fails_with("import sys; sys.exit(3)", "SystemExit");
    fails_with("raise KeyboardInterrupt", "KeyboardInterrupt");
    fails_with("class Odd(BaseException): __str__ = None\nraise Odd", "Odd");
    fails_with("class Odd(Exception):\n    def __str__(self): raise SystemExit\nraise Odd", "Odd");
    fails_with("raise Exception('\\ud800')", "Exception");
    fails_with("raise StopIteration", "StopIteration");
    fails_with("import asyncio; raise asyncio.CancelledError", "CancelledError");
}

#[test]
fn the_next_target_meets_a_clean_world() {
    for attack in [
        "type(user).profile_add = lambda *a, **k: (False, 'hijacked')",
        "type(user).description = 'hijacked'",
        "type(user).username = property(lambda self: 'hijacked')",
        "type.__setattr__(type(user), '__setattr__', lambda *a: None)",
        "import builtins\nbuiltins.len = lambda x: 0",
        "__builtins__.__dict__['len'] = lambda x: 0",
        "import builtins\nbuiltins.dict = builtins.list = builtins.isinstance = None",
        "import builtins\nfor name in list(vars(builtins)):\n    if name[0] != '_': delattr(builtins, name)",
        "import sys\nsys.modules['re'] = None",
        "import sys\nsys.modules.clear()",
        "import sys\nsys.modules = {}",
        "import sys\nsys.settrace(lambda *a: 1 / 0)\nsys.setprofile(lambda *a: 1 / 0)",
        "import sys\nsys.meta_path.clear()",
        "import sys\nsys.stdout = None",
        "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_DFL)",
        "user.profile_add.__func__.__code__ = (lambda *a, **k: (False, 'hijacked')).__code__",
        "skip.__globals__['careful'].append(1)\nskip.__globals__['User'] = None",
        "skip.__globals__.clear()",
        "user._record.clear()",
        "user._record[:] = [object()] * 40",
        "import operator, builtins\noperator.is_ = lambda a, b: True\nbuiltins.len = lambda x: 0",
        "import decimal\ndecimal.getcontext().prec = 1",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))",
    ] {
        attacked_by(attack);
    }
}

#[test]
fn nothing_leaks_from_one_target_to_the_next() {
    let script = "
import sys
assert 'left' not in globals() and not hasattr(sys, 'left') and 'left' not in sys.modules
assert not result and not row and not params
left = sys.left = 1
sys.modules['left'] = sys
result['x'] = row['x'] = params['x'] = 1
";
    for (id, report) in run(script, 5) {
        assert_eq!(report.ending, Ending::Ran, "user {id}: {report:#?}");
    }
}

#[test]
fn many_attackers_do_not_starve_the_others() {
    let script = format!("import os\nif user.obj_id % 10 == 0: os._exit(1)\n{BODY}");
    let reports = run_job(&job(&script), (1..=60).map(user).collect());
    let failed = reports.values().filter(|report| matches!(report.ending, Ending::Failed(_))).count();
    assert_eq!(failed, 6);
    assert_eq!(reports.values().filter(|report| report.ending == Ending::Ran).count(), 54);
}
