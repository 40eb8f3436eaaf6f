//! The samples of the product's documentation, word for word, and each documented field.

use crate::common::{Desk, column, without};
use serde_json::{Value, json};

const PROFILE_ADD: &str = r#"
# Add profile by ID
updated, message = user.profile_add(id=12)

# Add profile by short name
updated, message = user.profile_add(short_name="aaa-01")
"#;

const PROFILE_REMOVE: &str = r#"
# Remove profile by ID
updated, message = user.profile_remove(id=12)

# Remove profile by short name
updated, message = user.profile_remove(short_name="aaa-01")
"#;

const ATTRIBUTE_ADD: &str = r#"
updated, message = user.attribute_add(
    attr='Username',
    value="zequenze",
    operation='+='
)
"#;

const ATTRIBUTE_REMOVE: &str = r#"
updated, message = user.attribute_remove(
    attr='Username',
    value="zequenze",
    operation='+='
)
"#;

const CHECK_ATTRIBUTE_ADD: &str = r#"
updated, message = user.check_attribute_add(
    attr='Max-Daily-Session',
    value=4,
    operation='=='
)
"#;

const CHECK_ATTRIBUTE_REMOVE: &str = r#"
updated, message = user.check_attribute_remove(
    attr='Max-Daily-Session',
    value=4,
    operation='=='
)
"#;

/// Somebody with nothing, somebody with other things, somebody who has all that the samples add.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.add_documented_profiles();
    desk.import(
        "username,profiles,attributes,check_attributes,date_joined,last_update\n\
         none,,,,2024-01-01,2025-01-01\n\
         other,plan-3;plan-1,Session-Timeout := 60,Simultaneous-Use := 1,2024-01-01,2025-01-01\n\
         all,plan-2;plan-12;aaa-01,Username += zequenze,Max-Daily-Session == 4,2024-01-01,2025-01-01\n",
    );
    desk
}

fn shown(desk: &Desk) -> Vec<Value> {
    ["none", "other", "all"].map(|name| desk.user(name)).into()
}

fn untouched_but_for(before: &Value, after: &Value, key: &str) {
    let rest = |user: &Value| without(without(user.clone(), key), "last_update");
    assert_eq!(rest(before), rest(after), "only {key} and last_update change");
}

/// Applies a sample to all users. Checks that each was told in words whether it was updated, and that `updated` says so.
#[track_caller]
fn apply_sample(desk: &Desk, sample: &str, updated: [bool; 3]) -> Vec<Value> {
    let telling =
        "\nresult['updated'], result['text'] = updated, isinstance(message, str) and len(message) > 0\n";
    let run = desk.apply(&format!("{sample}{telling}"), 0);
    let outcomes = desk.outcomes(&run);
    assert_eq!(
        column(&outcomes, "result"),
        updated.map(|updated| json!({"updated": updated, "text": true})),
        "{sample}"
    );
    outcomes
}

/// Applies `add` twice and `remove` twice. `gained` is what `key` of the users without it ends with after the first run;
/// `added` and `removed` are the changes of these users.
fn add_again_and_remove(
    add: &str,
    remove: &str,
    key: &str,
    gained: &[Value],
    added: &Value,
    removed: &Value,
) {
    let desk = desk();
    let before = shown(&desk);

    let outcomes = apply_sample(&desk, add, [true, true, false]);
    assert_eq!(column(&outcomes, "outcome"), ["changed", "changed", "unchanged"]);
    assert_eq!(column(&outcomes, "changes"), [added.clone(), added.clone(), json!([])]);
    assert_eq!(column(&outcomes, "error"), [Value::Null, Value::Null, Value::Null]);
    let after = shown(&desk);
    for (before, after) in before.iter().zip(&after).take(2) {
        let expected = [before[key].as_array().unwrap(), gained].concat();
        assert_eq!(after[key], Value::from(expected), "what is added comes last");
        assert_ne!(after["last_update"], before["last_update"]);
        untouched_but_for(before, after, key);
    }
    assert_eq!(after[2], before[2], "last_update included");

    let outcomes = apply_sample(&desk, add, [false; 3]);
    assert_eq!(column(&outcomes, "outcome"), ["unchanged"; 3]);
    assert_eq!(shown(&desk), after, "a second run changes nothing, last_update included");

    let outcomes = apply_sample(&desk, remove, [true; 3]);
    assert_eq!(column(&outcomes, "outcome"), ["changed"; 3]);
    assert_eq!(column(&outcomes, "changes"), [removed.clone(), removed.clone(), removed.clone()]);
    let restored = shown(&desk);
    for (before, restored) in before.iter().zip(&restored).take(2) {
        assert_eq!(before[key], restored[key]);
        untouched_but_for(before, restored, key);
    }
    let kept = before[2][key].as_array().unwrap();
    assert_eq!(restored[2][key], Value::from(&kept[..kept.len() - gained.len()]));
    untouched_but_for(&before[2], &restored[2], key);

    let outcomes = apply_sample(&desk, remove, [false; 3]);
    assert_eq!(column(&outcomes, "outcome"), ["unchanged"; 3]);
}

#[test]
fn the_profile_samples_add_once_and_remove_again() {
    add_again_and_remove(
        PROFILE_ADD,
        PROFILE_REMOVE,
        "profiles",
        &["plan-12".into(), "aaa-01".into()],
        &json!([
            {"op": "profile_add", "short_name": "plan-12"},
            {"op": "profile_add", "short_name": "aaa-01"},
        ]),
        &json!([
            {"op": "profile_remove", "short_name": "plan-12"},
            {"op": "profile_remove", "short_name": "aaa-01"},
        ]),
    );
}

#[test]
fn the_attribute_samples_add_once_and_remove_again() {
    add_again_and_remove(
        ATTRIBUTE_ADD,
        ATTRIBUTE_REMOVE,
        "attributes",
        &[json!({"attr": "Username", "operation": "+=", "value": "zequenze"})],
        &json!([{"op": "attribute_add", "attr": "Username", "operation": "+=", "value": "zequenze"}]),
        &json!([{"op": "attribute_remove", "attr": "Username", "operation": "+=", "value": "zequenze"}]),
    );
}

#[test]
fn the_check_attribute_samples_add_once_and_remove_again() {
    add_again_and_remove(
        CHECK_ATTRIBUTE_ADD,
        CHECK_ATTRIBUTE_REMOVE,
        "check_attributes",
        // The number 4 is stored as text.
        &[json!({"attr": "Max-Daily-Session", "operation": "==", "value": "4"})],
        &json!([{"op": "check_attribute_add", "attr": "Max-Daily-Session", "operation": "==", "value": "4"}]),
        &json!([{"op": "check_attribute_remove", "attr": "Max-Daily-Session", "operation": "==", "value": "4"}]),
    );
}

#[test]
fn profiles_that_do_not_exist_leave_users_unchanged_and_do_not_fail() {
    let desk = Desk::with_users(3);
    let before = desk.export();
    for script in [PROFILE_ADD, PROFILE_REMOVE] {
        let run = desk.apply(&format!("{script}\nresult['updated'] = updated\n"), 0);
        let outcomes = desk.outcomes(&run);
        assert_eq!(column(&outcomes, "outcome"), ["unchanged"; 3]);
        assert_eq!(column(&outcomes, "result"), vec![json!({"updated": false}); 3]);
    }
    assert_eq!(desk.export(), before);
}

#[test]
fn id_and_short_name_together_or_neither_are_refused_without_raising() {
    let desk = desk();
    let before = desk.export();
    let run = desk.apply(
        "result['both'] = user.profile_add(id=12, short_name='aaa-01')[0]\n\
         result['neither'] = user.profile_add()[0]\n\
         result['remove'] = user.profile_remove(id=12, short_name='aaa-01')[0]\n\
         result['negative'] = user.profile_add(id=-1)[0]\n\
         result['text'] = user.profile_add(id='12')[0]\n",
        0,
    );
    let refused = json!({"both": false, "neither": false, "remove": false, "negative": false, "text": false});
    assert_eq!(column(&desk.outcomes(&run), "result"), vec![refused; 3]);
    assert_eq!(desk.export(), before);
}

#[test]
fn user_and_obj_are_the_same_object() {
    let desk = desk();
    let run = desk.apply("result['same'] = user is obj\nobj.klass = user.username\n", 0);
    assert_eq!(column(&desk.outcomes(&run), "result"), vec![json!({"same": true}); 3]);
    assert_eq!(desk.user("other")["klass"], "other");
}

#[test]
fn defaults_are_equals_for_attributes_and_double_equals_for_check_attributes() {
    let desk = Desk::with_users(1);
    desk.apply(
        "from datetime import date, datetime, timezone\n\
         user.attribute_add('A', 'text')\n\
         user.attribute_add(attr='B', value=1.5)\n\
         user.attribute_add('C', True)\n\
         user.attribute_add('D', date(2026, 12, 1))\n\
         user.attribute_add('E', datetime(2026, 12, 1, tzinfo=timezone.utc))\n\
         user.check_attribute_add('F', 7)\n",
        0,
    );
    let user = desk.user("user001");
    let item = |attr, operation, value| json!({"attr": attr, "operation": operation, "value": value});
    assert_eq!(
        user["attributes"],
        json!([
            item("A", "=", "text"),
            item("B", "=", "1.5"),
            item("C", "=", "True"),
            item("D", "=", "2026-12-01"),
            item("E", "=", "2026-12-01T00:00:00Z"),
        ])
    );
    assert_eq!(user["check_attributes"], json!([item("F", "==", "7")]));
}

#[test]
fn set_replaces_in_its_place_and_removal_without_operation_takes_every_match() {
    let desk = Desk::new();
    desk.import(
        "username,attributes\nana,\"Class := old\nReply-Message = first\nClass := older\nClass += kept\n\
         Reply-Message += first\"\n",
    );
    let run = desk.apply(
        "assert user.attribute_add('Class', 'new', ':=')[0]\n\
         assert user.attribute_remove('Reply-Message', 'first')[0]\n\
         result['seen'] = [[row.attr, row.operation, row.value] for row in user.attributes]\n",
        0,
    );
    let expected = json!([["Class", ":=", "new"], ["Class", "+=", "kept"]]);
    assert_eq!(desk.outcomes(&run)[0]["result"]["seen"], expected, "a script sees its own edits");
    let item = |operation, value| json!({"attr": "Class", "operation": operation, "value": value});
    assert_eq!(desk.user("ana")["attributes"], json!([item(":=", "new"), item("+=", "kept")]));
}

#[test]
fn unsafe_items_are_refused_without_raising() {
    let desk = Desk::with_users(1);
    let before = desk.export();
    let run = desk.apply(
        "tried = [\n\
         user.attribute_add('A', '`reboot`'), user.attribute_add('A', 'two\\nlines'),\n\
         user.attribute_add('A', 'x' * 254), user.attribute_add('A', 'x', '=='),\n\
         user.check_attribute_add('A', '`reboot`'), user.check_attribute_add('A', 'x', '^='),\n\
         user.attribute_add('', 'x'), user.attribute_add('A', None), user.attribute_add('A', object()),\n\
         user.attribute_remove('A', 'x'), user.check_attribute_remove('A', 'x', '==')]\n\
         result['updated'] = [updated for updated, message in tried]\n\
         result['told'] = all(isinstance(message, str) and message for updated, message in tried)\n",
        0,
    );
    assert_eq!(desk.outcomes(&run)[0]["result"], json!({"updated": vec![false; 11], "told": true}));
    assert_eq!(desk.export(), before);
}

const WHOLE_USER: &str = "\
username,username_length,first_name,last_name,email,external_id,klass,is_active,date_joined,first_login,last_login,\
expiration,last_update,organization,avatar_url,description,profiles\n\
ana,99,Ana,Álvarez,ana@example.com,X-1,gold,false,2024-01-02T03:04:05Z,2024-02-03T04:05:06.789Z,\
2024-03-04T05:06:07Z,2026-12-31,2025-05-06T07:08:09Z,North,https://example.com/a.png,a person,plan-1\n\
bo,,,,,,,,2024-01-02,,,,2025-01-01,North,,,\n";

fn whole_users() -> Desk {
    let desk = Desk::new();
    desk.ok(&["profiles", "add", "plan-1"]);
    desk.import(WHOLE_USER);
    desk
}

#[test]
fn every_documented_field_is_read_with_its_type() {
    let desk = whole_users();
    let script = "\
        from datetime import datetime\n\
        for field in ('obj_id', 'username', 'username_length', 'first_name', 'last_name', 'email', 'external_id',\n\
                      'klass', 'is_active', 'date_joined', 'first_login', 'last_login', 'expiration', 'last_update',\n\
                      'organization_id', 'avatar_url', 'description'):\n\
        \x20   value = getattr(user, field)\n\
        \x20   kind = type(value).__name__\n\
        \x20   if isinstance(value, datetime):\n\
        \x20       kind = 'aware datetime' if value.utcoffset() is not None else 'naive datetime'\n\
        \x20       value = value.isoformat()\n\
        \x20   result[field] = [kind, value]\n";
    let run = desk.apply(script, 0);
    let results = column(&desk.outcomes(&run), "result");
    assert_eq!(
        results[0],
        json!({
            "obj_id": ["int", 1],
            "username": ["str", "ana"],
            "username_length": ["int", 99],
            "first_name": ["str", "Ana"],
            "last_name": ["str", "Álvarez"],
            "email": ["str", "ana@example.com"],
            "external_id": ["str", "X-1"],
            "klass": ["str", "gold"],
            "is_active": ["bool", false],
            "date_joined": ["aware datetime", "2024-01-02T03:04:05+00:00"],
            "first_login": ["aware datetime", "2024-02-03T04:05:06.789000+00:00"],
            "last_login": ["aware datetime", "2024-03-04T05:06:07+00:00"],
            "expiration": ["aware datetime", "2026-12-31T00:00:00+00:00"],
            "last_update": ["aware datetime", "2025-05-06T07:08:09+00:00"],
            "organization_id": ["int", 1],
            "avatar_url": ["str", "https://example.com/a.png"],
            "description": ["str", "a person"],
        })
    );
    let empty = json!(["str", ""]);
    let none = json!(["NoneType", null]);
    for field in ["first_name", "last_name", "email", "external_id", "klass", "avatar_url", "description"] {
        assert_eq!(results[1][field], empty, "{field}");
    }
    for field in ["first_login", "last_login", "expiration"] {
        assert_eq!(results[1][field], none, "{field}");
    }
    assert_eq!(results[1]["username_length"], json!(["int", 2]));
    assert_eq!(results[1]["is_active"], json!(["bool", true]));
}

#[test]
fn every_writable_field_is_written() {
    let desk = whole_users();
    let script = "\
        from datetime import datetime, timedelta, timezone\n\
        user.username = 'new-' + user.username\n\
        user.username_length = 7\n\
        user.first_name = 'First'\n\
        user.last_name = 'Last'\n\
        user.email = 'new@example.com'\n\
        user.external_id = 12345\n\
        user.klass = None\n\
        user.is_active = not user.is_active\n\
        user.expiration = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))\n\
        user.last_update = '2029-01-01T00:00:00Z'\n\
        user.avatar_url = 'https://example.com/new.png'\n\
        user.description = 'Zoë\\nof two lines'\n\
        result['read back'] = [user.external_id, user.klass, user.expiration, user.last_update]\n";
    let run = desk.run(script, &["--filter", "username eq \"ana\"", "--apply", "--yes"]).exits(0).object();
    let outcome = &desk.outcomes(&run)[0];
    let read_back = json!(["12345", "", "2030-01-02T01:04:05Z", "2029-01-01T00:00:00Z"]);
    assert_eq!(outcome["result"]["read back"], read_back, "reading gives what was assigned, converted");
    assert_eq!(outcome["username"], "ana", "the one before the run");

    let set = |field: &str, before: Value, after: Value| json!({"op": "set", "field": field, "before": before, "after": after});
    let expected = [
        set("username", json!("ana"), json!("new-ana")),
        set("username_length", json!(99), json!(7)),
        set("first_name", json!("Ana"), json!("First")),
        set("last_name", json!("Álvarez"), json!("Last")),
        set("email", json!("ana@example.com"), json!("new@example.com")),
        set("external_id", json!("X-1"), json!("12345")),
        set("klass", json!("gold"), json!("")),
        set("is_active", json!(false), json!(true)),
        set("expiration", json!("2026-12-31T00:00:00Z"), json!("2030-01-02T01:04:05Z")),
        set("last_update", json!("2025-05-06T07:08:09Z"), json!("2029-01-01T00:00:00Z")),
        set("avatar_url", json!("https://example.com/a.png"), json!("https://example.com/new.png")),
        set("description", json!("a person"), json!("Zoë\nof two lines")),
    ];
    assert_eq!(outcome["changes"].as_array().unwrap(), &expected);
    assert_eq!(
        desk.user("new-ana"),
        json!({
            "obj_id": 1,
            "username": "new-ana",
            "username_length": 7,
            "first_name": "First",
            "last_name": "Last",
            "email": "new@example.com",
            "external_id": "12345",
            "klass": "",
            "is_active": true,
            "date_joined": "2024-01-02T03:04:05Z",
            "first_login": "2024-02-03T04:05:06.789Z",
            "last_login": "2024-03-04T05:06:07Z",
            "expiration": "2030-01-02T01:04:05Z",
            "last_update": "2029-01-01T00:00:00Z",
            "organization_id": 1,
            "avatar_url": "https://example.com/new.png",
            "description": "Zoë\nof two lines",
            "profiles": ["plan-1"],
            "attributes": [],
            "check_attributes": [],
        })
    );
}

#[test]
fn wrong_assignments_raise_in_their_own_line() {
    // One user each: what one line does must not depend on another.
    let assignments = [
        ("user.is_active = 'yes'", "TypeError"),
        ("user.is_active = 1", "TypeError"),
        ("user.username_length = '7'", "TypeError"),
        ("user.first_name = 1.5", "TypeError"),
        ("user.expiration = 5", "TypeError"),
        ("user.expiration = 'soon'", "ValueError"),
        ("user.username = ''", "ValueError"),
        ("user.username = 'x' * 254", "ValueError"),
        ("user.klass = 'a\\0b'", "ValueError"),
        ("user.klass = '\\ud800'", "ValueError"),
        ("user.last_update = None", "TypeError"),
        ("user.obj_id = 5", "AttributeError"),
        ("user.organization_id = 1", "AttributeError"),
        ("user.date_joined = user.date_joined", "AttributeError"),
        ("user.first_login = None", "AttributeError"),
        ("user.last_login = None", "AttributeError"),
        ("user.expiraton = None", "AttributeError"),
    ];
    let desk = Desk::with_users(assignments.len());
    let before = desk.export();
    let mut script = "user.description = 'half way'\n".to_owned();
    for (n, (line, _)) in assignments.iter().enumerate() {
        script.push_str(&format!("if user.obj_id == {}:\n    {line}\n", n + 1));
    }
    let run = desk.apply(&script, 3);
    for (n, (outcome, (line, kind))) in desk.outcomes(&run).iter().zip(&assignments).enumerate() {
        assert_eq!(outcome["outcome"], "failed", "{line}");
        assert_eq!(outcome["error"]["type"], *kind, "{line}: {}", outcome["error"]["message"]);
        assert_eq!(outcome["error"]["line"], 3 + 2 * n, "{line}");
    }
    let last = desk.outcomes(&run).pop().unwrap();
    let message = last["error"]["message"].as_str().unwrap();
    assert!(message.contains("did you mean") && message.contains("expiration"), "{message}");
    assert_eq!(desk.export(), before, "nothing of a failed user is kept");
}

#[test]
fn last_update_moves_only_for_a_real_change_unless_the_script_assigned_it() {
    let desk = Desk::new();
    desk.import("username,klass,last_update\nsame,gold,2025-01-01\nnew,,2025-01-01\nset,,2025-01-01\n");
    desk.apply(
        "user.klass = 'gold'\n\
         if user.username == 'set':\n    user.last_update = '2020-01-01'\n",
        0,
    );
    assert_eq!(desk.user("same")["last_update"], "2025-01-01T00:00:00Z", "nothing really changed");
    assert_ne!(desk.user("new")["last_update"], "2025-01-01T00:00:00Z");
    assert_eq!(desk.user("set")["last_update"], "2020-01-01T00:00:00Z");
}

#[test]
fn a_last_update_that_is_assigned_the_value_it_had_stands_too() {
    let desk = Desk::new();
    desk.import("username,last_update\nana,2025-01-01\n");
    desk.apply("user.klass = 'gold'\nuser.last_update = user.last_update\n", 0);
    assert_eq!(desk.user("ana")["last_update"], "2025-01-01T00:00:00Z");
}

#[test]
fn naive_times_are_in_the_installations_zone() {
    let desk = Desk::with_users(3);
    let script = "from datetime import date, datetime\n\
        user.expiration = [datetime(2026, 7, 1), date(2026, 7, 1), '2026-07-01 00:00'][user.obj_id - 1]\n";
    desk.run(script, &["--all", "--apply", "--yes", "--time-zone", "Europe/Paris"]).exits(0);
    for n in 1..=3 {
        assert_eq!(desk.user(&crate::common::name(n))["expiration"], "2026-06-30T22:00:00Z");
    }
}
