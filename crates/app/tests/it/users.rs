//! One user after the other, by hand: added, edited as it was seen, removed as it was seen.

use crate::common::{NOW, outcomes, request, site};
use rollcall_app::runs::{Choice, Nobody, Stop};
use rollcall_app::{App, AppError, Counted, Expected, Kind, ListKey, NewUser, UserEdit, UserSelection};
use rollcall_domain::{Field, Grant, Item, ItemKind, Mode, Role, Secret, Selection, User, UserId, Value};
use rollcall_testkit::time;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn item(kind: ItemKind, text: &str) -> Item {
    Item::parse(kind, text).unwrap()
}

fn named(username: &str) -> NewUser {
    NewUser { fields: vec![(Field::Username, text(username))], ..NewUser::default() }
}

fn is_outdated(error: &AppError, expected: &str, found: &str) -> bool {
    error.kind() == Kind::Outdated
        && matches!(error, AppError::Outdated { expected: seen, found: is, .. } if seen == expected && is == found)
}

/// What is recorded of the last thing that was done.
fn last_deed(app: &App) -> (String, String, String) {
    let entry = app.audit().list(&Default::default()).unwrap().next().unwrap().unwrap();
    (entry.action, entry.subject, entry.detail)
}

#[test]
fn an_edit_is_all_of_it_or_nothing_and_of_the_version_that_was_seen() {
    let (_database, app) = site(2);
    app.profiles().add("gold", None, &[], &[]).unwrap();
    let everything = || {
        vec![
            UserEdit::Set(Field::Klass, text("gold")),
            UserEdit::ProfileAdd("gold".to_owned()),
            UserEdit::ProfileAdd("basic".to_owned()),
            UserEdit::ItemAdd(ItemKind::Reply, item(ItemKind::Reply, "Session-Timeout := 60")),
            UserEdit::ItemAdd(ItemKind::Check, item(ItemKind::Check, "NAS-Identifier == x")),
        ]
    };
    let (after, changes) = app.users().edit("user1", everything(), Some(1)).unwrap();
    assert_eq!(changes.len(), 5);
    assert_eq!(after, app.users().find("user1").unwrap());
    assert_eq!((after.version, after.klass.as_str(), after.last_update), (2, "gold", time(NOW)));
    assert_eq!(last_deed(&app).0, "user-edit");
    let history: Vec<_> = app.users().list_history(after.id).unwrap().map(Result::unwrap).collect();
    assert_eq!(history[0].changes, changes);

    let error = app.users().edit("user1", everything(), Some(1)).unwrap_err();
    assert!(is_outdated(&error, "1", "2"), "{error}");
    let told = "user \"user1\" is at version 2, not 1: it was changed meanwhile; look again and repeat";
    assert_eq!(error.to_string(), told);

    let wrong = vec![
        UserEdit::Set(Field::Klass, text("silver")),
        UserEdit::Set(Field::Klass, text("bronze")),
        UserEdit::Set(Field::ObjId, Value::Int(7)),
        UserEdit::ProfileAdd("gold".to_owned()),
        UserEdit::ProfileRemove("none".to_owned()),
    ];
    let error = app.users().edit("user1", wrong, Some(2)).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let told = [
        "klass is assigned twice",
        "obj_id is read-only",
        "profile gold is already assigned",
        "there is no profile \"none\"",
    ];
    assert_eq!(error.to_string(), told.join("\n"));
    assert_eq!(app.users().find("user1").unwrap(), after, "nothing of it was done");

    // What changes nothing leaves the version.
    let (same, changes) =
        app.users().edit("user1", vec![UserEdit::Set(Field::Klass, text("gold"))], None).unwrap();
    assert_eq!((same.version, changes), (2, vec![]));
    let back = vec![
        UserEdit::ProfileRemove("gold".to_owned()),
        UserEdit::ItemRemove {
            kind: ItemKind::Reply,
            attr: "Session-Timeout".to_owned(),
            value: "60".to_owned(),
            operation: None,
        },
        UserEdit::Set(Field::LastUpdate, Value::Time(Some(time("2020-01-01")))),
    ];
    let (after, _) = app.users().edit("user1", back, None).unwrap();
    assert_eq!(after, app.users().find("user1").unwrap());
    assert_eq!((after.version, after.last_update), (3, time("2020-01-01")));
    let error =
        app.users().edit("user1", vec![UserEdit::Set(Field::Username, text("user2"))], None).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (Kind::Conflict, "the username \"user2\" is already taken".to_owned())
    );
}

#[test]
fn a_password_is_set_and_told_to_nobody() {
    let (database, app) = site(1);
    let set = |text: &str| app.users().edit("user1", vec![UserEdit::Password(Secret::new(text))], None);
    let (after, changes) = set("tr0ub4dor").unwrap();
    assert_eq!((after.version, changes), (2, vec![]), "plans that were made before are in conflict");
    assert_eq!(after, app.users().find("user1").unwrap());
    let (action, _, detail) = last_deed(&app);
    assert_eq!(action, "user-password");
    assert!(detail.contains("password") && !detail.contains("tr0ub4dor"), "{detail}");
    assert_eq!(app.users().list_history(after.id).unwrap().count(), 0, "journals have nothing of it");
    assert!(database.everything().contains("tr0ub4dor"), "it is there for RADIUS");
    let error = set("two\nlines").unwrap_err().to_string();
    assert!(error.contains("253 bytes") && !error.contains("two"), "{error}");
    set("").unwrap();
    assert_eq!(app.users().find("user1").unwrap().version, 3);
}

#[test]
fn a_password_may_have_its_scheme_before_it_wherever_one_is_set() {
    let (database, app) = site(1);
    let nt = "0cb6948805f797bf2a82807973b89537";
    let edit = |text: &str| app.users().edit("user1", vec![UserEdit::Password(Secret::new(text))], None);
    let add = |name: &str, text: &str| {
        app.users().add(&NewUser { password: Some(Secret::new(text)), ..named(name) })
    };
    edit(&format!("{{nt}}{nt}")).unwrap();
    assert!(last_deed(&app).2.contains("NT-Password"), "{:?}", last_deed(&app));
    assert!(!last_deed(&app).2.contains(nt));
    assert!(database.everything().contains("NT-Password"));
    for wrong in ["{nt}0cb6", "{crypt}plain text", "`reboot`"] {
        for error in [edit(wrong).unwrap_err(), add("ana", wrong).unwrap_err()] {
            assert_eq!(error.kind(), Kind::Invalid);
            let told = error.to_string();
            assert!(told.contains("password") && !told.contains(wrong), "{told}");
        }
    }
    let without = || database.open().radius().users_without_password().unwrap();
    assert_eq!(without(), 0);
    edit("").unwrap();
    assert_eq!(without(), 1);
    add("ana", &format!("{{nt}}{nt}")).unwrap();
    assert_eq!(without(), 1);
}

#[test]
fn in_strict_mode_nothing_that_freeradius_refuses_is_written_by_hand() {
    let (_database, app) = site(1);
    let wrong = || item(ItemKind::Reply, "Username := x");
    let why = "FreeRADIUS has no attribute Username and rejects whoever has it; did you mean User-Name?";
    let edit = || app.users().edit("user1", vec![UserEdit::ItemAdd(ItemKind::Reply, wrong())], None);
    let add = |name: &str| app.users().add(&NewUser { attributes: vec![wrong()], ..named(name) });
    let profile = || app.profiles().edit("basic", &[wrong()], &[], Expected::Anything);
    app.settings().set_strict_attributes(true).unwrap();
    let refused = [edit().map(drop), add("ana").map(drop), profile().map(drop)];
    assert_eq!(refused.map(|done| done.unwrap_err().to_string()), [why; 3]);
    assert_eq!(app.users().find("user1").unwrap().version, 1);
    assert!(app.profiles().find("basic").unwrap().reply.is_empty());
    app.settings().set_strict_attributes(false).unwrap();
    edit().unwrap();
    add("ana").unwrap();
    profile().unwrap();
}

#[test]
fn a_user_is_added_as_an_import_would_and_removed_as_it_was_seen() {
    let (_database, app) = site(2);
    let new = NewUser {
        organization: Some("default".to_owned()),
        fields: vec![
            (Field::Username, text("ana")),
            (Field::Email, text("ana@example.com")),
            (Field::LastLogin, Value::Time(Some(time("2026-11-01")))),
        ],
        profiles: vec!["basic".to_owned()],
        attributes: vec![item(ItemKind::Reply, "Class = a")],
        check_attributes: vec![item(ItemKind::Check, "NAS-Identifier == x")],
        password: Some(Secret::new("s3cret")),
    };
    let ana = app.users().add(&new).unwrap();
    assert_eq!(ana, app.users().find("ana").unwrap());
    assert_eq!((ana.id, ana.version, ana.username_length, ana.date_joined), (3, 1, 3, time(NOW)));
    let (action, subject, detail) = last_deed(&app);
    assert_eq!((action.as_str(), subject.as_str()), ("user-add", "user ana"));
    assert!(detail.contains("\"id\":3"), "{detail}");

    let taken = app.users().add(&new).unwrap_err();
    assert_eq!(
        (taken.kind(), taken.to_string()),
        (Kind::Conflict, "the username \"ana\" is already taken".to_owned())
    );
    let numbered = |name: &str, id| NewUser {
        fields: vec![(Field::Username, text(name)), (Field::ObjId, Value::Int(id))],
        ..NewUser::default()
    };
    assert_eq!(app.users().add(&numbered("ben", 3)).unwrap_err().to_string(), "obj_id 3 is already taken");
    assert_eq!(app.users().add(&numbered("ben", 10)).unwrap().id, 10);
    // The only organization needs no name; numbers go on after the highest.
    let cid: User = app.users().add(&named("cid")).unwrap();
    assert_eq!((cid.id, cid.organization_id), (11, ana.organization_id));

    let wrong = NewUser {
        organization: Some("nowhere".to_owned()),
        fields: vec![(Field::Klass, text("x")), (Field::Klass, text("y"))],
        profiles: vec!["none".to_owned()],
        password: Some(Secret::new("a\0b")),
        ..NewUser::default()
    };
    let told = [
        "klass is there twice",
        "the user has no username",
        "there is no organization \"nowhere\"",
        "a password has 1 to 253 bytes and no control characters",
        "there is no profile \"none\"",
    ];
    assert_eq!(app.users().add(&wrong).unwrap_err().to_string(), told.join("\n"));
    app.organizations().add("North").unwrap();
    assert_eq!(app.users().add(&named("dan")).unwrap().organization_id, ana.organization_id, "default");

    app.users().assign_fields("ana", &["klass=gold".to_owned()]).unwrap();
    let error = app.users().remove("ana", Some(1)).unwrap_err();
    assert!(is_outdated(&error, "1", "2"), "{error}");
    app.users().remove("ana", Some(2)).unwrap();
    app.users().remove("ben", None).unwrap();
    assert_eq!(app.users().remove("ana", None).unwrap_err().kind(), Kind::Missing);
}

/// Usernames that a search lists, which are the same in pages of any size.
fn listed(app: &App, selection: &UserSelection) -> Vec<String> {
    let selected = app.users().select(selection).unwrap();
    let by = |limit| {
        let (mut names, mut key) = (Vec::new(), None::<ListKey>);
        loop {
            let page = selected.list(key.as_ref(), limit).unwrap();
            assert!(page.len() <= limit as usize);
            let Some(last) = page.last() else { return names };
            key = Some(last.key.clone());
            names.extend(page.into_iter().map(|each| each.user.username));
        }
    };
    assert_eq!(by(1), by(100), "{selection:?}");
    by(2)
}

/// Users in two organizations whose texts overlap in many ways.
fn alike() -> (rollcall_testkit::TestDatabase, App, UserId) {
    let (database, app) = site(0);
    let north = app.organizations().add("North").unwrap();
    for (organization, username, email, external_id) in [
        ("default", "ana", "ana@example.com", "4711"),
        ("default", "ana.berg", "ana.berg@example.com", "4712"),
        ("North", "ana.cole", "cole@example.com", "+49301234"),
        ("default", "berg", "ana.b@example.com", "3"),
        ("default", "anb", "Ana@example.com", "ana"),
        ("North", "\u{10ffff}x", "%_@example.com", "a\"b"),
    ] {
        let fields = vec![
            (Field::Username, text(username)),
            (Field::Email, text(email)),
            (Field::ExternalId, text(external_id)),
        ];
        let new = NewUser { organization: Some(organization.to_owned()), fields, ..NewUser::default() };
        app.users().add(&new).unwrap();
    }
    (database, app, north)
}

#[test]
fn a_search_finds_whom_somebody_may_mean_each_once() {
    let (_database, app, _) = alike();
    let search = |app: &App, text: &str| {
        listed(app, &UserSelection { search: text.to_owned(), ..UserSelection::default() })
    };
    assert_eq!(search(&app, "ana"), ["ana", "anb", "ana.berg", "ana.cole", "berg"]);
    assert_eq!(search(&app, " Ana "), ["ana", "anb", "ana.berg", "ana.cole", "berg"]);
    assert_eq!(search(&app, "3"), ["ana.cole", "berg"], "a number, then an identifier of another system");
    assert_eq!(search(&app, "+49301234"), ["ana.cole"]);
    assert_eq!(search(&app, "ana.berg@example.com"), ["ana.berg"]);
    assert_eq!(search(&app, "\u{10ffff}"), ["\u{10ffff}x"], "nothing comes after the last character");
    for nobody in ["zz", "berg@", "47", "a\0", &"a".repeat(2_000)] {
        assert_eq!(search(&app, nobody), [] as [String; 0], "{nobody}");
    }
    let grant = Grant { role: Role::ReadOnly, organization_id: Some(2) };
    app.administrators().add("north", &[grant]).unwrap();
    let north = app.acting_as("north").unwrap();
    assert_eq!(search(&north, "ana"), ["ana.cole"]);
    assert_eq!(north.users().count_up_to(None, 5).unwrap(), Counted { users: 2, more: false });
    assert_eq!(app.users().count_up_to(None, 6).unwrap(), Counted { users: 6, more: false });
    assert_eq!(app.users().count_up_to(None, 5).unwrap(), Counted { users: 5, more: true });
}

#[test]
fn users_of_a_selection_are_listed_counted_exported_and_run_alike() {
    let (_database, app, north) = alike();
    app.filters().save("bergs", "username co \"berg\"").unwrap();
    let everyone = UserSelection::default();
    let search = |text: &str| UserSelection { search: text.to_owned(), ..UserSelection::default() };
    let selections = [
        (everyone.clone(), 6),
        (search("ana"), 5),
        (search("Ana"), 5),
        (search(" 3 "), 2),
        (search("%"), 1),
        (search("a\"b"), 1),
        (search("\u{10ffff}"), 1),
        (search("  "), 6),
        (search("nobody"), 0),
        (search("a\0"), 0),
        (UserSelection::filtered("bergs"), 2),
        (UserSelection { filter: "bergs".to_owned(), ..search("ana") }, 2),
        (UserSelection { filter: "email sw \"c\"".to_owned(), ..search("ana") }, 1),
        (UserSelection { organization: Some(north), ..search("ana") }, 1),
        (UserSelection { organization: Some(north), ..everyone.clone() }, 2),
        (UserSelection { organization: Some(north + 1), ..search("ana") }, 0),
        (UserSelection { ids: vec![4, 2, 99], ..everyone.clone() }, 2),
        (UserSelection { ids: vec![4, 2], filter: "bergs".to_owned(), ..search("ana.b") }, 2),
        (UserSelection { ids: vec![5], ..search("ana.b") }, 0),
    ];
    for (selection, size) in selections {
        let selected = app.users().select(&selection).unwrap();
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        let run = app.runs().create(
            &rollcall_app::runs::RunRequest {
                choice: Choice::Users(selection.clone()),
                ..request("user.klass = 'x'", Mode::Preview)
            },
            &Stop::default(),
            &mut Nobody,
        );
        let list = listed(&app, &selection);
        assert_eq!(list.len(), size, "{selection:?}");
        assert_eq!(selected.count().unwrap(), size as u64, "{selection:?}");
        assert_eq!(selected.count_to(1).unwrap().more, size > 1, "{selection:?}");
        let exported = selected.export().unwrap().map(|user| user.unwrap().username);
        assert_eq!(exported.collect::<Vec<_>>(), list, "{selection:?}");
        let run = run.unwrap();
        assert_eq!(run.targets, size as u64, "{selection:?}");
        let targets: Vec<_> = outcomes(&app, &run).into_iter().filter_map(|each| each.username).collect();
        assert_eq!(sorted(targets), sorted(list), "{selection:?}: {}", run.selection);
    }
}

#[test]
fn a_run_keeps_what_was_searched_for() {
    let (_database, app, _) = alike();
    app.filters().save("bergs", "username co \"berg\"").unwrap();
    let kept = |selection: UserSelection| {
        let choice = Choice::Users(selection);
        let request = rollcall_app::runs::RunRequest { choice, ..request("user.klass = 'x'", Mode::Preview) };
        let run = app.runs().create(&request, &Stop::default(), &mut Nobody).unwrap();
        let again = app.runs().find(run.id).unwrap().selection;
        assert_eq!(again, run.selection);
        again
    };
    let search = UserSelection { search: " Ana ".to_owned(), ..UserSelection::default() };
    let both = UserSelection { filter: "bergs".to_owned(), ..search.clone() };
    let searched = |name: Option<&str>, filter: Option<&str>| Selection::Search {
        search: "Ana".to_owned(),
        name: name.map(str::to_owned),
        filter: filter.map(str::to_owned),
    };
    assert_eq!(kept(UserSelection { search: " ".to_owned(), ..UserSelection::default() }), Selection::All);
    assert_eq!(kept(search.clone()), searched(None, None));
    assert_eq!(kept(search).to_string(), "search \"Ana\"");
    assert_eq!(kept(both.clone()), searched(Some("bergs"), Some("username co \"berg\"")));
    assert_eq!(kept(both).to_string(), "search \"Ana\" and bergs: username co \"berg\"");
    let numbers = UserSelection { ids: vec![2, 4], ..UserSelection::default() };
    assert_eq!(kept(numbers).to_string(), "obj_id eq 2 or obj_id eq 4");

    // A cursor of one list leads nowhere in another.
    let selected = app.users().select(&UserSelection::filtered("bergs")).unwrap();
    let key = app
        .users()
        .select(&UserSelection { search: "ana".to_owned(), ..UserSelection::default() })
        .unwrap()
        .list(None, 1)
        .unwrap()[0]
        .key
        .clone();
    assert_eq!(selected.list(Some(&key), 1).unwrap_err().to_string(), "the cursor is of another list");
    let many = UserSelection { ids: (0..1_001).collect(), ..UserSelection::default() };
    assert!(app.users().select(&many).is_err());
}
