//! What an administrator's script finds and what its calls answer: section by section of the documentation.

use crate::common::{failure, job, prepare_error, printed, run, run_job, user};
use rollcall_domain::{Edit, Field, ItemKind, Kind, Timestamp, Value, check_username};
use rollcall_sandbox::{Ending, StartError};

#[test]
fn every_documented_field_is_there_with_its_type() {
    let script = "
from datetime import datetime, timezone
types = dict(obj_id=int, username=str, username_length=int, first_name=str, last_name=str, email=str,
    external_id=str, klass=str, is_active=bool, date_joined=datetime, last_update=datetime, organization_id=int,
    avatar_url=str, description=str)
for name, kind in types.items():
    assert type(getattr(user, name)) is kind, name
assert user.first_login is user.last_login is user.expiration is None
assert user.date_joined == datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)
assert user is obj and user.obj_id == 1 and user.organization_id == 1
assert user.profiles == () and len(user.attributes) == 1 and user.check_attributes == ()
a = user.attributes[0]
assert (a.attr, a.operation, a.value) == ('Session-Timeout', ':=', '3600')
assert row == {} and params == {} and result == {}
assert (run.id, run.preview, run.administrator) == (5, True, 'cli:test') and run.now.tzinfo is not None
";
    printed(script);
}

#[test]
fn usernames_that_look_like_others_are_refused_as_the_domain_refuses_them() {
    let script = "
SPACES = [0x9, 0x20, 0x85, 0xa0, 0x1680, *range(0x2000, 0x2010), 0x2028, 0x2029, 0x202e, 0x202f, 0x205f, 0x3000]
for code in [*range(0x30), 0x7f, 0xad, 0x2060, 0xfe0f, 0xfeff, 0xfffb, 0x1d173, 0xe0041, 0x1f600, 0xe9, *SPACES]:
    for name in (chr(code) + 'a', 'a' + chr(code), 'a' + chr(code) + 'a'):
        try:
            user.username = name
            told = 'taken'
        except ValueError as error:
            told = str(error).replace(repr(name), '?')
        print('-'.join(f'{ord(c):x}' for c in name), told)
user.username = 'Ana Berg'
user.username = user.username.upper()
";
    let told = printed(script);
    let mut seen = 0;
    for line in told.lines() {
        let (name, said) = line.split_once(' ').unwrap();
        let code = |code| char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap();
        let name: String = name.split('-').map(code).collect();
        let wanted = match check_username(&name) {
            _ if name.contains('\0') => "username cannot contain a NUL character".to_owned(),
            Ok(()) => "taken".to_owned(),
            Err(why) => why.to_string().replace(&format!("{name:?}"), "?"),
        };
        assert_eq!(said, wanted, "{name:?}");
        seen += 1;
    }
    assert!(seen > 200, "{seen}");
}

#[test]
fn a_name_that_a_user_has_may_be_assigned_again_however_it_looks() {
    let mut odd = user(1);
    odd.username = "odd ".to_owned();
    let report = run_job(&job("user.username = user.username"), vec![odd]).remove(&1).unwrap();
    assert_eq!(report.ending, Ending::Ran, "{report:#?}");
}

#[test]
fn fields_are_assigned_by_their_rules_and_read_back_converted() {
    let script = "
from datetime import datetime, date, timedelta, timezone
def refused(kind, **change):
    for name, value in change.items():
        before = getattr(user, name, None)
        try:
            setattr(user, name, value)
        except kind:
            assert getattr(user, name, None) == before
        else:
            raise AssertionError(f'{name} = {value!r} was taken')
user.username = 'renamed'; assert user.username == 'renamed'
user.username_length = 3; assert user.username_length == 3
user.klass = None; assert user.klass == ''
user.external_id = 42; assert user.external_id == '42'
user.is_active = False; assert user.is_active is False
user.expiration = date(2030, 1, 2); assert user.expiration == datetime(2030, 1, 2, tzinfo=timezone.utc)
user.expiration = '2030-01-02T03:04:05Z'; assert user.expiration == datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
user.expiration = '2030-12-31 24:00'; assert user.expiration == datetime(2031, 1, 1, tzinfo=timezone.utc)
user.expiration = '2030-12-31T24:00:00+01:00'; assert user.expiration == datetime(2030, 12, 31, 23, tzinfo=timezone.utc)
for late in ('2030-12-31 24:01', '9999-12-31T24:00Z'):
    try: user.expiration = late
    except ValueError: pass
    else: raise AssertionError(late)
user.expiration = '2030-01-02'; assert user.expiration.tzinfo is not None
user.expiration = datetime(2030, 1, 2, 5, tzinfo=timezone(timedelta(hours=2)))
assert user.expiration == datetime(2030, 1, 2, 3, tzinfo=timezone.utc)
user.expiration = None; assert user.expiration is None
user.last_update = datetime(2030, 1, 1)
refused(TypeError, username=b'x', email=1.5, klass=True, is_active=1, username_length='3', username_length_=3) \\
    if False else None
refused(TypeError, username=b'x', email=1.5, klass=True, is_active=1, username_length='3', expiration=5, last_update=None)
refused(ValueError, username='', email='a\\0b', description='\\ud800', expiration='soon', username_length=-1)
refused(ValueError, username='x' * 254, last_name='\\u00e9' * 40_000)
refused(AttributeError, obj_id=1, date_joined=None, first_login=None, last_login=None, organization_id=2, expiraton=None)
try:
    user.expiraton = None
except AttributeError as error:
    assert 'did you mean user.expiration?' in str(error), error
try:
    user.emial
except AttributeError as error:
    assert 'did you mean user.email?' in str(error), error
try:
    user.obj_id = 7
except AttributeError as error:
    assert 'read-only' in str(error)
";
    let report = run(script, 1).remove(&1).unwrap();
    assert_eq!(report.ending, Ending::Ran, "{report:#?}");
    let set = |field| {
        report.edits.iter().find_map(|edit| match edit {
            Edit::Set(each, value) if *each == field => Some(value.clone()),
            _ => None,
        })
    };
    assert_eq!(set(Field::Username), Some(Value::Text("renamed".into())));
    assert_eq!(set(Field::ExternalId), Some(Value::Text("42".into())));
    assert_eq!(set(Field::Expiration), Some(Value::Time(None)));
    assert_eq!(set(Field::LastUpdate), Some(Value::Time(Timestamp::from_micros(1_893_456_000_000_000))));
}

#[test]
fn the_rules_of_fields_are_the_same_on_both_sides() {
    for field in Field::ALL {
        let value = match field.kind() {
            Kind::Int => "7",
            Kind::Text => "'text'",
            Kind::Bool => "False",
            Kind::Time => "run.now",
        };
        let report = run(&format!("user.{field} = {value}"), 1).remove(&1).unwrap();
        assert_eq!(report.ending == Ending::Ran, field.writable(), "{field}");
        let report = run(&format!("user.{field} = None"), 1).remove(&1).unwrap();
        let takes_none = field.writable() && (field.nullable() || field.kind() == Kind::Text);
        assert_eq!(report.ending == Ending::Ran, takes_none && field != Field::Username, "{field} = None");
    }
}

#[test]
fn a_naive_datetime_is_in_the_installations_zone() {
    let mut job = job("
from datetime import datetime
user.expiration = datetime(2026, 7, 1)
assert user.expiration.hour == 0 and user.expiration.utcoffset().total_seconds() == 7200
assert datetime.now().astimezone().utcoffset() is not None and datetime(2026, 7, 1).timestamp() == 1782856800
");
    job.zone = "Europe/Paris".parse().unwrap();
    let report = run_job(&job, vec![user(1)]).remove(&1).unwrap();
    assert_eq!(report.ending, Ending::Ran, "{report:#?}");
    let time = Timestamp::from_micros(1_782_856_800_000_000);
    assert_eq!(report.edits, [Edit::Set(Field::Expiration, Value::Time(time))]);
}

#[test]
fn call_that_can_never_be_right_is_reported_with_its_line() {
    let script = "
user.profile_add(short_name='basik')
user.profile_add(short_name='basik')
user.profile_remove('basic')
user.profile_remove(short_name='basic')          # not assigned: no mistake
user.attribute_remove('Nothing', 'x')            # not there: no mistake
user.attribute_add('Class', '`reboot`')
";
    let calls = &run(script, 1)[&1].refused_calls;
    let calls: Vec<_> = calls.iter().map(|call| (call.message.as_str(), call.line)).collect();
    assert_eq!(
        calls,
        [
            ("there is no profile called 'basik'; did you mean basic?", Some(2)),
            ("the id of a profile is an int, not str; for a name write short_name='basic'", Some(4)),
            ("Class: FreeRADIUS would execute a value in backquotes", Some(7)),
        ]
    );
}

#[test]
fn refused_call_has_the_line_of_the_script_that_made_it() {
    let script = "
def give(name):
    answer = user.profile_add(short_name=name)
    return answer
for name in ['none', 'nobody']:
    ok, why = give(name)
    assert not ok and 'there is no profile' in why
list(map(user.profile_remove, [99]))
";
    let lines: Vec<_> = run(script, 1)[&1].refused_calls.iter().map(|call| call.line).collect();
    assert_eq!(lines, [Some(3), Some(3), Some(8)]);
}

#[test]
fn a_time_outside_the_calendar_is_refused_in_the_scripts_line() {
    let mut job = job("
from datetime import datetime, timedelta, timezone
for wrong in (datetime.max, datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))):
    try:
        user.expiration = wrong
    except ValueError as error:
        assert 'years 1 to 9999' in str(error)
    else:
        raise AssertionError(wrong)
");
    job.zone = "America/New_York".parse().unwrap();
    let report = run_job(&job, vec![user(1)]).remove(&1).unwrap();
    assert_eq!(report.ending, Ending::Ran, "{report:#?}");
}

#[test]
fn a_script_may_make_a_thousand_edits_of_one_user() {
    let script = "
answers = [user.attribute_add('Class', n, '+=')[0] for n in range(1_001)]
assert answers == [True] * 1_000 + [False]
assert user.profile_add(id=12)[0] is False and user.attribute_remove('Class', 1)[0] is False
";
    assert_eq!(run(script, 1)[&1].edits.len(), 1_000);
}

#[test]
fn profiles_are_added_and_removed_by_id_or_name() {
    let script = "
assert user.profile_add(id=12) == (True, 'profile basic added')
assert user.profile_add(short_name='basic') == (False, 'profile basic is already assigned')
assert user.profile_add(short_name='aaa-01')[0]
assert [(p.id, p.short_name) for p in user.profiles] == [(12, 'basic'), (13, 'aaa-01')]
for wrong in ({}, dict(id=12, short_name='basic'), dict(id=99), dict(short_name='nope'), dict(id='12'), dict(id=True),
              dict(short_name=12), dict(id=10**400)):
    for method in (user.profile_add, user.profile_remove):
        updated, message = method(**wrong)
        assert updated is False and message, wrong
assert user.profile_remove(id=12) == (True, 'profile basic removed')
assert user.profile_remove(id=12) == (False, 'profile basic is not assigned')
assert [p.short_name for p in user.profiles] == ['aaa-01']
";
    let edits = run(script, 1).remove(&1).unwrap();
    assert_eq!(edits.ending, Ending::Ran, "{edits:#?}");
    assert_eq!(edits.edits, [Edit::ProfileAdd(12), Edit::ProfileAdd(13), Edit::ProfileRemove(12)]);
}

#[test]
fn attributes_keep_their_order_and_set_replaces_in_place() {
    let script = "
from datetime import datetime, date, timezone
shown = lambda: [f'{a.attr} {a.operation} {a.value}' for a in user.attributes]
assert user.attribute_add(attr='Reply-Message', value='one', operation='+=')[0]
assert user.attribute_add('Reply-Message', 'two', '+=')[0]
assert user.attribute_add('Reply-Message', 'two', '+=') == (False, 'Reply-Message += two is already there')
assert user.attribute_add('Session-Timeout', 7200, ':=') == (True, 'Session-Timeout := 7200 replaced 3600')
assert user.attribute_add('Class', 1.5)[0]
assert shown() == ['Session-Timeout := 7200', 'Reply-Message += one', 'Reply-Message += two', 'Class = 1.5'], shown()
for value, text in ((True, 'True'), (date(2030, 1, 2), '2030-01-02'),
                    (datetime(2030, 1, 2, tzinfo=timezone.utc), '2030-01-02T00:00:00Z')):
    assert user.attribute_add('Class', value)[0] and user.attributes[-1].value == text
for value in (None, [], object(), '`reboot`', ' `reboot` ', 'a\\nb', 'x' * 254, '\\ud800', 10**5000):
    updated, message = user.attribute_add('Class', value)
    assert updated is False and message
for attr in ('', 'a b', None, 'x' * 254, 'a`'):
    assert user.attribute_add(attr, 'x')[0] is False
for operation in ('==', '-=', '=~', '', None, 5):
    assert user.attribute_add('Class', 'x', operation)[0] is False
    assert user.check_attribute_add('Class', 'x', operation)[0] is (operation in ('==', '=~'))
assert user.attribute_remove('Reply-Message', 'one')[0]
assert user.attribute_remove('Reply-Message', 'two', ':=')[0] is False
assert user.attribute_remove('Reply-Message', 'two', operation='+=')[0]
assert user.attribute_remove('Nothing', 'x')[0] is False
assert user.attribute_remove(None, [])[0] is False
";
    printed(script);
}

#[test]
fn what_the_worker_shows_is_what_the_rules_make_of_its_edits() {
    // The same edits are carried out twice, by the User object in the script and by the domain's rules.
    let script = "
import random
dice = random.Random(user.obj_id)
for _ in range(40):
    attr, value = dice.choice('AB'), dice.choice('123')
    what = dice.randrange(6)
    if what == 0: user.attribute_add(attr, value, dice.choice([':=', '=', '+=', '^=']))
    if what == 1: user.attribute_remove(attr, value, dice.choice([None, ':=', '=', '+=']))
    if what == 2: user.check_attribute_add(attr, value, dice.choice([':=', '==', '+=']))
    if what == 3: user.check_attribute_remove(attr, value)
    if what == 4: user.profile_add(id=dice.choice([12, 13]))
    if what == 5: user.profile_remove(short_name=dice.choice(['basic', 'aaa-01']))
for a in user.attributes: print('reply', a.attr, a.operation, a.value)
for a in user.check_attributes: print('check', a.attr, a.operation, a.value)
for p in user.profiles: print('profile', p.id)
";
    let job = job(script);
    for (id, report) in run_job(&job, (1..=300).map(user).collect()) {
        let mut user = user(id);
        for edit in report.edits {
            user.edit(edit, &job.profiles).unwrap();
        }
        let rows = |kind| user.items(kind).iter();
        let shown: Vec<_> = rows(ItemKind::Reply)
            .map(|row| format!("reply {row}"))
            .chain(rows(ItemKind::Check).map(|row| format!("check {row}")))
            .chain(user.profiles.iter().map(|profile| format!("profile {}", profile.id)))
            .collect();
        assert_eq!(report.output.lines().collect::<Vec<_>>(), shown, "user {id}");
    }
}

#[test]
fn skip_and_fail_end_a_target_and_discard_its_edits() {
    let script = "
user.email = 'x'
result['seen'] = user.obj_id
try:
    if user.obj_id == 1: skip('not this one')
    if user.obj_id == 2: fail('broken: ' + user.username)
    if user.obj_id == 3: skip()
except Exception:
    print('not reached')
";
    let reports = run(script, 4);
    assert_eq!(reports[&1].ending, Ending::Skipped("not this one".into()));
    assert_eq!(reports[&3].ending, Ending::Skipped(String::new()));
    let error = failure(&reports[&2]);
    assert_eq!((error.kind.as_str(), error.message.as_str(), error.line), ("Fail", "broken: user2", Some(6)));
    for id in 1..=3 {
        assert!(reports[&id].edits.is_empty());
        assert_eq!(reports[&id].result, Some(format!("{{\"seen\":{id}}}")));
    }
    assert_eq!(reports[&4].edits.len(), 1);
}

#[test]
fn a_failure_names_the_scripts_line_and_shows_only_the_script() {
    let script = "import json\ndef check(text):\n    return json.loads(text)\n\ncheck('{')\n";
    let report = run(script, 1).remove(&1).unwrap();
    let error = failure(&report);
    assert_eq!((error.kind.as_str(), error.line), ("JSONDecodeError", Some(3)));
    assert_eq!(
        error.traceback.as_deref().unwrap(),
        "Traceback (most recent call last):\n  File \"script.py\", line 5, in <module>\n    check('{')\n  \
         File \"script.py\", line 3, in check\n    return json.loads(text)\n\
         JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    );
    let report = run("x = 1\nuser.is_active = 'yes'", 1).remove(&1).unwrap();
    assert_eq!(failure(&report).line, Some(2));
    assert_eq!(failure(&report).message, "is_active takes True or False, not str");
}

#[test]
fn output_and_results_are_collected_per_target() {
    let script = "
import sys
print('hello', user.username); log('more', 1); print('err', file=sys.stderr); sys.stdout.write('raw')
result['id'] = user.obj_id; result['when'] = run.now; result['text'] = 'żółw \\ud800'; result['none'] = None
result['list'] = [1, 2.5, (True, {'a': {1}})]
";
    let reports = run(script, 2);
    assert_eq!(reports[&2].output, "hello user2\nmore 1\nerr\nraw");
    assert_eq!(
        reports[&2].result.as_deref().unwrap(),
        "{\"id\":2,\"when\":\"2026-09-21T14:13:20Z\",\"text\":\"żółw ?\",\"none\":null,\"list\":[1,2.5,[true,{\"a\":[1]}]]}"
    );
    let reports = run("result = {'mine': 1} if user.obj_id == 1 else 'a name used otherwise'", 2);
    assert_eq!(reports[&1].result.as_deref(), Some("{\"mine\":1}"));
    assert_eq!(reports[&2].result, None);
    let report = run("result['x'] = object()", 1).remove(&1).unwrap();
    assert_eq!(failure(&report).message, "a result cannot hold a object: use text, numbers, lists or dicts");
}

#[test]
fn a_script_that_is_not_python_is_refused_with_its_place() {
    let StartError::Syntax(fault) = prepare_error("x = 1\nif x == 1\n    pass\n") else { panic!() };
    assert_eq!((fault.line, fault.column), (Some(2), Some(10)));
    assert_eq!(fault.text.as_deref(), Some("if x == 1"));
    assert!(matches!(prepare_error("\0"), StartError::Syntax(_)));
    assert!(matches!(prepare_error(&"(".repeat(100_000)), StartError::Syntax(_)));
}

#[test]
fn the_language_is_whole() {
    let script = "
import enum, typing, pickle, contextlib, abc
from dataclasses import dataclass
@dataclass
class Plan:
    name: 'str'
    days: int = 30
class Colour(enum.Enum):
    RED = 1
class Meta(type): pass
class Base(metaclass=Meta):
    def __init_subclass__(cls): cls.seen = True
class Child(Base): pass
assert Child.seen and Plan('x') == Plan('x', 30) and pickle.loads(pickle.dumps(Plan('y'))).name == 'y'
assert typing.get_type_hints(Plan)['days'] is int and Colour(1) is Colour.RED
def numbers():
    yield from range(3)
@contextlib.contextmanager
def opened():
    yield 5
with opened() as five: assert five == 5
match [1, 2]:
    case [a, b]: assert a + b == 3
async def later(): return 1
del a
assert __name__ == '__main__' and sum(numbers()) == 3
";
    printed(script);
}

#[test]
fn the_library_is_whole_but_for_files_network_and_processes() {
    // Whatever pure-Python module imports outside must import inside.
    let inside = "
import sys, importlib
failed = []
for name in sorted(sys.stdlib_module_names):
    if name in ('antigravity', 'this', 'idlelib', 'test'): continue
    try: importlib.import_module(name)
    except BaseException as error: failed.append(f'{name}: {type(error).__name__}')
print('\\n'.join(failed))
";
    let mut whole = job(inside);
    whole.limits.time = std::time::Duration::from_secs(60);
    whole.limits.memory = 1 << 30;
    let report = run_job(&whole, vec![user(1)]).remove(&1).unwrap();
    assert_eq!(report.ending, Ending::Ran, "{report:#?}");
    let outside =
        std::process::Command::new("python3").args(["-I", "-W", "ignore", "-c", inside]).output().unwrap();
    let outside = String::from_utf8(outside.stdout).unwrap();
    // Terminals, database files and grammar files on disk.
    let known = [
        "_crypt",
        "_curses",
        "_curses_panel",
        "_dbm",
        "_gdbm",
        "_sqlite3",
        "_tkinter",
        "_asyncio",
        "crypt",
        "curses",
        "nis",
        "ossaudiodev",
        "readline",
        "spwd",
        "sqlite3",
        "tkinter",
        "turtle",
        "turtledemo",
        "lib2to3",
        "idlelib",
    ];
    let new: Vec<_> = report
        .output
        .lines()
        .filter(|line| !outside.lines().any(|other| other == *line))
        .filter(|line| !known.contains(&line.split(':').next().unwrap()))
        .collect();
    assert!(new.is_empty(), "{new:#?}");
}

#[test]
fn modules_that_scripts_often_use_work() {
    let script = "
import email.utils, unittest.mock, zoneinfo, hashlib, statistics, uuid, ipaddress, csv, io, decimal, xml.etree.ElementTree
from datetime import datetime
assert email.utils.parseaddr('A <a@b.c>') == ('A', 'a@b.c')
assert unittest.mock.Mock(return_value=3)() == 3
assert datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo('America/New_York')).utcoffset().total_seconds() == -14400
assert len(zoneinfo.available_timezones()) > 400
assert hashlib.sha256(b'x').hexdigest() and uuid.uuid4() and ipaddress.ip_address('10.0.0.1')
assert list(csv.reader(io.StringIO('a,b')))[0] == ['a', 'b']
assert xml.etree.ElementTree.fromstring('<a><b/></a>').tag == 'a'
assert 'é'.encode('cp1250') and 'あ'.encode('shift_jis') and datetime.strptime('2026', '%Y').year == 2026
assert datetime.now().year > 2000
";
    printed(script);
}
