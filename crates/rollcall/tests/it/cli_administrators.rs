//! Administrators, their roles, and organizations that do not see each other.

use crate::common::{Desk, Done, column};
use serde_json::{Value, json};

/// Users n1 to n3 of North, s1 and s2 of South, one of nobody's; an administrator of each role in North, one in South.
fn site() -> Desk {
    site_on(Desk::new())
}

fn site_on(desk: Desk) -> Desk {
    desk.ok(&["profiles", "add", "plus"]);
    desk.import(
        "username,organization,email,external_id\nn1,North,same@x.net,N1\nn2,North,,N2\nn3,North,,N3\n\
         s1,South,same@x.net,S1\ns2,South,,S2\nd1,default,,D1\n",
    );
    for (name, grants) in [
        ("boss", vec!["admin@North"]),
        ("olga", vec!["operator@North"]),
        ("otto", vec!["author@North", "author"]),
        ("rita", vec!["read-only@North"]),
        ("sven", vec!["operator@South"]),
        ("both", vec!["operator@North", "operator@South"]),
        ("none", vec![]),
    ] {
        let grants = grants.iter().flat_map(|grant| ["--grant", grant]);
        desk.ok(&["administrators", "add", name].into_iter().chain(grants).collect::<Vec<_>>());
    }
    desk
}

fn by(desk: &Desk, who: &str, args: &[&str]) -> Done {
    desk.call(&[&["--as", who], args].concat())
}

fn usernames(done: &Done) -> Vec<Value> {
    column(&done.objects(), "username")
}

#[test]
fn whoever_is_bound_to_an_organization_runs_scripts_for_its_users_only() {
    let desk = site();
    desk.write("mark.py", "user.klass = 'seen'");
    let run = by(&desk, "olga", &["run", "mark.py", "--all", "--apply", "--yes", "--json"]).exits(0).object();
    assert_eq!((&run["targets"], &run["outcomes"]["changed"]), (&json!(3), &json!(3)));
    assert_eq!(run["administrator"], "olga");
    assert_eq!(run["organization_ids"], json!([desk.user("n1")["organization_id"]]));
    let said = by(&desk, "olga", &["run", "mark.py", "--all"]).exits(0).out;
    assert!(said.contains("over 3 users (every user of North): finished"), "{said}");
    let all = desk.ok(&["users", "list", "--format", "json", "--filter", "klass eq \"seen\""]);
    assert_eq!(usernames(&all), ["n1", "n2", "n3"]);

    // Of those who may see both, a run for everybody is one for both, but for nobody else.
    let run = by(&desk, "both", &["run", "mark.py", "--all", "--json"]).exits(0).object();
    assert_eq!(run["targets"], 5);
    let some = ["run", "mark.py", "--filter", "username sw \"s\" or username sw \"n\"", "--json"];
    assert_eq!(by(&desk, "sven", &some).exits(0).object()["targets"], 2);
}

#[test]
fn what_is_not_theirs_does_not_exist_for_them() {
    let desk = site();
    desk.write("mark.py", "user.klass = user.external_id[:1]");
    let list = ["users", "list", "--format", "json"];
    assert_eq!(usernames(&by(&desk, "olga", &list).exits(0)), ["n1", "n2", "n3"]);
    assert_eq!(by(&desk, "olga", &["users", "export"]).exits(0).out.lines().count(), 4);
    let filtered = ["users", "list", "--format", "json", "--filter", "not (username eq \"n1\")"];
    assert_eq!(usernames(&by(&desk, "olga", &filtered).exits(0)), ["n2", "n3"]);
    let organizations = by(&desk, "olga", &["organizations", "list", "--format", "json"]).exits(0).objects();
    assert_eq!(column(&organizations, "name"), ["North"]);

    // Theirs and one that is nobody's are told of in the same words.
    let same = |args: &[&str], one: &str, other: &str| {
        let words = |name: &str| {
            let args: Vec<_> = args.iter().map(|arg| if *arg == "NAME" { name } else { arg }).collect();
            let done = by(&desk, "olga", &args);
            assert!(done.code == Some(1), "{done:?}");
            done.err.replace(name, "NAME")
        };
        assert_eq!(words(one), words(other));
    };
    for args in [
        &["users", "show", "NAME"][..],
        &["users", "set", "NAME", "klass=x"],
        &["users", "remove", "NAME", "--yes"],
        &["users", "history", "NAME"],
    ] {
        same(args, "s1", "zz");
    }
    desk.ok(&["run", "mark.py", "--all"]);
    by(&desk, "sven", &["run", "mark.py", "--all", "--apply", "--yes"]).exits(0);
    let run = |id: &str| [id.to_owned()];
    for args in [
        &["runs", "show", "NAME"][..],
        &["runs", "outcomes", "NAME"],
        &["runs", "changes", "NAME"],
        &["runs", "apply", "NAME", "--yes"],
        &["runs", "undo", "NAME", "--apply", "--yes"],
        &["runs", "cancel", "NAME"],
        &["runs", "resume", "NAME"],
        &["runs", "retry", "NAME"],
        &["runs", "watch", "NAME"],
        &["run", "mark.py", "--targets-from", "NAME"],
    ] {
        for id in ["1", "2"] {
            same(args, &run(id)[0], "99");
        }
    }
    assert_eq!(by(&desk, "olga", &["runs", "list", "--format", "json"]).objects(), [] as [Value; 0]);
    assert_eq!(desk.user("s1")["klass"], "S");
    let seen = by(&desk, "sven", &["runs", "list", "--format", "json"]).exits(0).objects();
    assert_eq!(column(&seen, "run_id"), [2]);
}

#[test]
fn rows_of_a_file_find_own_users_only() {
    let desk = site();
    desk.write("mark.py", "user.klass = 'seen'");
    for (column, csv) in [
        ("username", "username\nn1\ns1\n"),
        ("external_id", "external_id\nN1\nS1\n"),
        ("obj_id", "obj_id\n1\n4\n"),
    ] {
        desk.write("rows.csv", csv);
        let done = by(&desk, "olga", &["run", "mark.py", "--csv", "rows.csv", "--skip-unmatched", "--json"]);
        assert_eq!(done.exits(0).object()["targets"], 1, "{column}");
    }
    // Two have this address, of whom one is theirs.
    desk.write("rows.csv", "email\nsame@x.net\n");
    let run = by(&desk, "olga", &["run", "mark.py", "--csv", "rows.csv", "--json"]).exits(0).object();
    assert_eq!(run["targets"], 1);
    desk.call(&["run", "mark.py", "--csv", "rows.csv", "--json"]).exits(1);
}

#[test]
fn a_user_who_moves_away_is_out_of_reach_of_what_was_planned() {
    let desk = site_on(Desk::on_file());
    desk.write("mark.py", "user.klass = 'seen'");
    by(&desk, "olga", &["run", "mark.py", "--all"]).exits(0);
    let moved = "UPDATE users SET organization_id = (SELECT id FROM organizations WHERE name = 'South') WHERE username = 'n2'";
    assert_eq!(desk.database().execute(moved, []).unwrap(), 1);
    let applied = by(&desk, "olga", &["runs", "apply", "1", "--yes", "--json"]).exits(3).object();
    assert_eq!((&applied["outcomes"]["changed"], &applied["outcomes"]["conflict"]), (&json!(2), &json!(1)));
    assert_eq!(desk.user("n2")["klass"], "");
}

#[test]
fn roles_say_what_may_be_done() {
    let desk = site();
    desk.write("mark.py", "user.klass = 'seen'");
    desk.write("look.py", "result['x'] = user.username");
    let denied = |who: &str, args: &[&str]| {
        let done = by(&desk, who, args).exits(1);
        assert!(done.err.contains("error: You need the "), "{done:?}");
        assert_eq!(done.out, "", "{done:?}");
    };
    // Nobody with nothing does anything.
    for args in
        [&["users", "list"][..], &["runs", "list"], &["run", "look.py", "--all"], &["profiles", "list"]]
    {
        denied("none", args);
    }
    // Who looks may report, and whoever would be changed fails.
    let report = by(&desk, "rita", &["run", "look.py", "--all", "--json"]).exits(0).object();
    assert_eq!(report["outcomes"]["unchanged"], 3);
    let tried = by(&desk, "rita", &["run", "mark.py", "--all", "--json"]).exits(3).object();
    assert_eq!((&tried["outcomes"]["failed"], &tried["outcomes"]["changed"]), (&json!(3), &json!(0)));
    let why = desk.outcomes(&tried)[0]["error"].clone();
    assert_eq!(why["message"], "this run only reports, but the script changes klass");
    denied("rita", &["run", "mark.py", "--all", "--apply", "--yes"]);
    denied("rita", &["users", "set", "n1", "klass=x"]);
    // Who writes scripts does not run them.
    by(&desk, "otto", &["scripts", "save", "mark", "mark.py"]).exits(0);
    denied("otto", &["run", "mark", "--all"]);
    denied("olga", &["scripts", "save", "mine", "mark.py"]);
    by(&desk, "olga", &["run", "mark", "--all"]).exits(0);
    // What is everybody's takes rights everywhere.
    for args in [
        &["settings", "set", "prune_after", "90d"][..],
        &["prune", "--older-than", "1d", "--yes"],
        &["profiles", "add", "own", "--organization", ""],
        &["organizations", "add", "Own"],
        &["migrate", "--to", "sqlite:copy.db"],
        &["filters", "save", ":own", "klass eq \"x\""],
    ] {
        denied("boss", args);
    }
    by(&desk, "olga", &["users", "set", "n1", "klass=x"]).exits(0);
    desk.write("more.csv", "username\nn4\n");
    by(&desk, "olga", &["users", "import", "more.csv"]).exits(0);
    assert_eq!(
        desk.user("n4")["organization_id"],
        desk.user("n1")["organization_id"],
        "theirs, since nobody says"
    );
    desk.write("more.csv", "username,organization\ns3,South\nx1,New\n");
    let refused = by(&desk, "olga", &["users", "import", "more.csv"]).exits(1);
    for name in ["South", "New"] {
        assert!(
            refused.err.contains(&format!("there is no organization \"{name}\" of yours")),
            "{refused:?}"
        );
    }
}

#[test]
fn who_may_look_at_a_run_may_not_do_the_same_for_that() {
    let desk = site();
    let (some, grants) = ("mixed", ["--grant", "operator@North", "--grant", "read-only@South"]);
    desk.ok(&[&["administrators", "add", some][..], &grants].concat());
    desk.write("mark.py", "user.klass = 'seen'");
    by(&desk, "both", &["run", "mark.py", "--all"]).exits(0);
    by(&desk, "both", &["run", "mark.py", "--all", "--apply", "--yes"]).exits(0);
    by(&desk, some, &["runs", "outcomes", "2"]).exits(0);
    for args in [
        &["run", "mark.py", "--targets-from", "2"][..],
        &["run", "mark.py", "--targets-from", "2", "--apply", "--yes"],
        &["runs", "retry", "2", "--preview"],
        &["runs", "apply", "1", "--yes"],
        &["runs", "undo", "2"],
        &["runs", "resume", "2"],
    ] {
        let done = by(&desk, some, args).exits(1);
        assert!(
            done.err.contains(
                "You need the admin or operator role for all organizations that this concerns to run scripts"
            ),
            "{done:?}"
        );
    }
    assert_eq!(desk.runs().len(), 2);
    // For everybody is for those of North.
    assert_eq!(by(&desk, some, &["run", "mark.py", "--all", "--json"]).exits(0).object()["targets"], 3);
}

#[test]
fn nobody_grants_what_they_lack() {
    let desk = site();
    let refused = |who: &str, args: &[&str], why: &str| {
        let done = by(&desk, who, args).exits(1);
        assert!(done.err.contains(why), "{done:?}");
    };
    by(&desk, "boss", &["administrators", "add", "new", "--grant", "operator@North"]).exits(0);
    by(&desk, "boss", &["administrators", "grant", "new", "read-only@North"]).exits(0);
    let lack = "nobody can grant what they may not do themselves";
    refused("boss", &["administrators", "grant", "new", "operator"], lack);
    refused("boss", &["administrators", "add", "more", "--grant", "admin"], lack);
    refused(
        "boss",
        &["administrators", "grant", "new", "operator@South"],
        "there is no organization \"South\"",
    );
    refused("boss", &["administrators", "add", "more"], "give the new administrator a role");
    refused(
        "boss",
        &["administrators", "grant", "sven", "operator@North"],
        "there is no administrator \"sven\"",
    );
    refused("olga", &["administrators", "list"], "You need the admin role to do this.");
    let seen = by(&desk, "boss", &["administrators", "list", "--format", "json"]).exits(0).objects();
    assert_eq!(column(&seen, "name"), ["boss", "olga", "rita", "new"]);
    assert_eq!(seen[3]["grants"], json!(["operator@North", "read-only@North"]));

    by(&desk, "boss", &["administrators", "revoke", "new", "operator@North"]).exits(0);
    refused("new", &["users", "set", "n1", "klass=x"], "You need the admin or operator role to edit users.");
    by(&desk, "boss", &["administrators", "remove", "new", "--yes"]).exits(0);
    let gone = by(&desk, "new", &["users", "list"]).exits(1);
    assert!(gone.err.contains("there is no administrator \"new\""), "{gone:?}");
    // The last one who may do everything stays.
    desk.ok(&["administrators", "add", "root", "--grant", "admin"]);
    let last = desk.call(&["administrators", "remove", "root", "--yes"]).exits(1);
    assert!(last.err.contains("this is the last administrator who may do everything"), "{last:?}");
    let name = desk.call(&["administrators", "add", "cli:root"]).exits(1);
    assert!(name.err.contains("cannot be the name of an administrator"), "{name:?}");
}

#[test]
fn a_run_that_waits_asks_for_rights_as_they_are_then() {
    let desk = site();
    desk.write("mark.py", "user.klass = 'seen'");
    let queue = ["run", "mark.py", "--all", "--apply", "--yes", "--queue", "--json"];
    by(&desk, "olga", &queue).exits(0);
    by(&desk, "olga", &queue).exits(0);
    by(&desk, "olga", &["run", "mark.py", "--all"]).exits(0);
    desk.ok(&["administrators", "revoke", "olga", "operator@North"]);
    desk.ok(&["administrators", "grant", "olga", "read-only@North"]);
    for args in [&["runs", "resume", "1"][..], &["runs", "apply", "3", "--yes"], &["runs", "cancel", "1"]] {
        let done = by(&desk, "olga", args).exits(1);
        assert!(done.err.contains("You need the admin or operator role to run scripts."), "{done:?}");
    }
    let worker = crate::common::start(&mut desk.command(&["worker", "--workers", "1"]));
    crate::common::wait_until("the worker has looked at both", || {
        desk.runs().iter().filter(|run| run["state"] == "stopped").count() == 2
    });
    end(worker);
    let run = desk.ok(&["runs", "show", "1", "--format", "json"]).object();
    assert!(
        run["end_reason"].as_str().unwrap().contains("olga may no longer do what this run does"),
        "{run}"
    );
    assert_eq!(desk.user("n1")["klass"], "");
    // Somebody who may goes on with it.
    by(&desk, "both", &["runs", "resume", "1"]).exits(0);
    assert_eq!(desk.user("n1")["klass"], "seen");
}

fn end(mut worker: std::process::Child) {
    worker.kill().unwrap();
    crate::common::finish(worker);
}
