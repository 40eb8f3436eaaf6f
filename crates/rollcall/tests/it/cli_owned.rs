//! Scripts, filters and profiles that belong to an organization, and those that are everybody's.

use crate::common::{Desk, Done, column};
use serde_json::{Value, json};

/// Users n1 and n2 of North, w1 of "West Side"; an author and an operator of each, and an author of both.
fn site() -> Desk {
    let desk = Desk::new();
    desk.import("username,organization,klass\nn1,North,gold\nn2,North,\nw1,West Side,gold\n");
    for (name, grants) in [
        ("nora", vec!["author@North", "operator@North"]),
        ("wim", vec!["author@West Side", "operator@West Side"]),
        ("both", vec!["author@North", "author@West Side"]),
        ("boss", vec!["admin@North"]),
    ] {
        let grants = grants.iter().flat_map(|grant| ["--grant", grant]);
        desk.ok(&["administrators", "add", name].into_iter().chain(grants).collect::<Vec<_>>());
    }
    desk
}

fn by(desk: &Desk, who: &str, args: &[&str]) -> Done {
    desk.call(&[&["--as", who], args].concat())
}

fn save(desk: &Desk, who: &str, name: &str, source: &str) -> Done {
    desk.write("new.py", source);
    by(desk, who, &["scripts", "save", name, "new.py"])
}

/// Everybody has a script of this name that sets the class to whose it is.
fn marked() -> Desk {
    let desk = site();
    desk.write("shared.py", "user.klass = 'shared'");
    desk.ok(&["scripts", "save", "mark", "shared.py"]);
    assert!(save(&desk, "nora", "mark", "user.klass = 'north'").exits(0).err.contains("script North:mark"));
    let said = save(&desk, "wim", "mark", "user.klass = 'west'").exits(0).err;
    assert!(said.contains("script West Side:mark is saved as version 1"), "{said}");
    desk
}

#[test]
fn a_name_means_what_is_nearest() {
    let desk = marked();
    let source = |who: &str, name: &str| by(&desk, who, &["scripts", "show", name]).exits(0).out;
    assert!(source("nora", "mark").contains("north"));
    assert!(source("wim", "mark").contains("west"));
    assert!(desk.ok(&["scripts", "show", "mark"]).out.contains("shared"));
    // Whoever means another one says so; a colon alone is everybody's.
    assert!(desk.ok(&["scripts", "show", "North:mark"]).out.contains("north"));
    assert!(desk.ok(&["scripts", "show", "West Side:mark"]).out.contains("west"));
    assert!(source("nora", ":mark").contains("shared"));
    assert!(source("nora", "North:mark").contains("north"));

    let run = |who: &str, script: &str| by(&desk, who, &["run", script, "--all", "--json"]).exits(0).object();
    let made = run("nora", "mark");
    assert_eq!((&made["script"], &made["script_version"]), (&json!("North:mark"), &json!(1)));
    assert_eq!((&made["targets"], &made["outcomes"]["changed"]), (&json!(2), &json!(2)));
    assert_eq!(run("nora", ":mark")["script"], "mark");
    assert_eq!(run("wim", "West Side:mark@1")["targets"], 1);
    let all = desk.ok(&["run", "North:mark", "--all", "--json"]).object();
    assert_eq!((&all["script"], &all["targets"]), (&json!("North:mark"), &json!(3)));

    // Once their own is gone it is everybody's; it comes back with all its versions.
    by(&desk, "nora", &["scripts", "remove", "mark", "--yes"]).exits(0);
    assert!(source("nora", "mark").contains("shared"));
    by(&desk, "nora", &["scripts", "restore", "North:mark", "1"]).exits(0);
    let history = by(&desk, "nora", &["scripts", "history", "mark", "--format", "json"]).exits(0).objects();
    assert_eq!(column(&history, "version"), [json!(2), json!(1)]);

    // Of several that could be meant, none is.
    desk.ok(&["scripts", "remove", ":mark", "--yes"]);
    for done in [desk.call(&["scripts", "show", "mark"]), by(&desk, "both", &["run", "mark", "--all"])] {
        let said = done.exits(1).sentence().to_owned();
        assert!(said.contains("North, West Side"), "{said}");
    }
    assert!(save(&desk, "both", "more", "pass").exits(1).sentence().contains("North, West Side"));
    save(&desk, "both", "North:more", "pass").exits(0);
}

#[test]
fn what_is_anothers_does_not_exist_and_what_is_everybodys_cannot_be_changed() {
    let desk = marked();
    let listed = by(&desk, "nora", &["scripts", "list", "--format", "json"]).exits(0).objects();
    let whose: Vec<_> = listed.iter().map(|script| script["organization"]["name"].clone()).collect();
    assert_eq!(whose, [Value::Null, json!("North")]);
    assert_eq!(desk.ok(&["scripts", "list", "--format", "json"]).objects().len(), 3);

    // In the words for what is not there.
    let said = |name: &str, args: &[&str]| {
        let args: Vec<_> = args.iter().map(|arg| if *arg == "NAME" { name } else { arg }).collect();
        by(&desk, "nora", &args).exits(1).sentence().replace(name, "NAME")
    };
    desk.write("new.py", "pass");
    for args in [
        &["scripts", "show", "NAME"][..],
        &["scripts", "history", "NAME"],
        &["scripts", "remove", "NAME", "--yes"],
        &["scripts", "restore", "NAME", "1"],
        &["scripts", "save", "NAME", "new.py"],
        &["run", "NAME", "--all"],
    ] {
        assert_eq!(
            said("West Side:mark", args).replace("West Side", "ORG"),
            said("Eastside!:mark", args).replace("Eastside!", "ORG"),
        );
    }
    for args in [
        &["scripts", "save", ":mark", "new.py"][..],
        &["scripts", "remove", ":mark", "--yes"],
        &["scripts", "restore", ":mark", "1"],
        &["filters", "save", ":all", "is_active pr"],
    ] {
        let refused = by(&desk, "nora", args).exits(1).sentence().to_owned();
        assert!(
            refused.contains("for all organizations that this concerns to edit scripts and filters"),
            "{refused}"
        );
    }
    assert_eq!(desk.ok(&["scripts", "history", "mark", "--format", "json"]).objects().len(), 1);
    let rows = desk.ok(&["audit", "list", "--action", "script-save", "--format", "json"]).objects();
    let subjects = ["script West Side:mark", "script North:mark", "script mark"];
    assert_eq!(column(&rows, "subject"), subjects.map(|subject| json!(subject)));
    assert_eq!(rows[1]["organization_id"], desk.user("n1")["organization_id"]);
}

#[test]
fn filters_belong_to_somebody_too() {
    let desk = site();
    let filter = |who: &str, args: &[&str]| by(&desk, who, &[&["filters"], args].concat());
    desk.ok(&["filters", "save", "some", "username pr"]);
    assert!(
        filter("nora", &["save", "some", "klass eq \"gold\""]).exits(0).err.contains("filter North:some")
    );
    filter("wim", &["save", "some", "klass eq \"none\""]).exits(0);
    let count = |who: &str, name: &str| filter(who, &["count", name]).exits(0).out;
    assert_eq!((count("nora", "some"), count("wim", "some")), ("1\n".to_owned(), "0\n".to_owned()));
    assert_eq!(count("nora", ":some"), "2\n", "of everybody's, hers");
    let counts =
        ["some", "North:some", "West Side:some"].map(|name| desk.ok(&["filters", "count", name]).out);
    assert_eq!(counts, ["3\n", "2\n", "0\n"].map(str::to_owned));
    let run = by(&desk, "nora", &["run", "new.py", "--filter", "some", "--json"]);
    assert!(run.code == Some(1), "there is no file yet: {run:?}");
    desk.write("new.py", "pass");
    let run = by(&desk, "nora", &["run", "new.py", "--filter", "some", "--json"]).exits(0).object();
    assert_eq!(run["selection"]["filter"], json!({"name": "North:some", "text": "klass eq \"gold\""}));
    assert!(
        filter("nora", &["show", "West Side:some"]).exits(2).sentence().contains("there is no saved filter")
    );
    // A condition with a colon in it is one.
    for condition in ["expiration gt \"2026-01-01T00:00\"", "email eq \"North:some\"", "klass eq \"a:b\""] {
        assert_eq!(desk.ok(&["filters", "count", condition]).out, "0\n", "{condition}");
    }
    filter("nora", &["remove", "some", "--yes"]).exits(0);
    assert_eq!(count("nora", "some"), "2\n");
    let refused = filter("nora", &["remove", "some", "--yes"]).exits(1);
    assert!(refused.err.contains("for all organizations that this concerns"), "{refused:?}");
}

#[test]
fn a_profile_of_an_organization_is_for_its_users_only() {
    let desk = site();
    let boss = |args: &[&str]| by(&desk, "boss", args);
    desk.ok(&["profiles", "add", "plus"]);
    desk.ok(&["profiles", "add", "west", "--organization", "West Side"]);
    boss(&["profiles", "add", "cold"]).exits(0);
    assert!(
        boss(&["profiles", "add", "x", "--organization", "West Side"])
            .exits(1)
            .sentence()
            .contains("there is no")
    );
    boss(&["profiles", "add", "x", "--organization", ""]).exits(1);
    let names = |done: &Done| column(&done.objects(), "short_name");
    let list = ["profiles", "list", "--format", "json"];
    assert_eq!(names(&boss(&list).exits(0)), ["plus", "cold"]);
    assert_eq!(names(&desk.ok(&list)), ["plus", "west", "cold"]);
    boss(&["profiles", "show", "west"]).exits(1);
    boss(&["profiles", "remove", "plus", "--yes"]).exits(1);

    // For everybody else's users the call answers that, and is a warning.
    desk.write("cold.py", "result['answer'] = user.profile_add(short_name='cold')[1]");
    let run = desk.ok(&["run", "cold.py", "--all", "--apply", "--yes", "--json"]).object();
    assert_eq!((&run["outcomes"]["changed"], &run["outcomes"]["unchanged"]), (&json!(2), &json!(1)));
    let outcomes = desk.ok(&["runs", "outcomes", "1", "--format", "json"]).objects();
    let other = outcomes.iter().find(|outcome| outcome["username"] == "w1").unwrap();
    let why = "profile cold belongs to another organization than the user";
    assert_eq!((&other["result"]["answer"], &other["warnings"]), (&json!(why), &json!([why])));
    // For those who see one organization only, the others' profiles are not there.
    desk.write("west.py", "result['answer'] = user.profile_add(short_name='west')[1]");
    by(&desk, "nora", &["run", "west.py", "--all"]).exits(0);
    let outcomes = desk.ok(&["runs", "outcomes", "2", "--format", "json"]).objects();
    assert!(outcomes[0]["result"]["answer"].as_str().unwrap().contains("there is no profile called 'west'"));

    desk.write("users.csv", "username,organization,profiles\nn9,North,west\nw9,West Side,west\n");
    let said = desk.call(&["users", "import", "users.csv"]).exits(1).err;
    assert!(said.contains("line 2, profiles: profile west belongs to another organization"), "{said}");
    let said = by(&desk, "boss", &["users", "import", "users.csv"]).exits(1).err;
    assert!(said.contains("there is no profile \"west\""), "{said}");
    desk.write("users.csv", "username,organization,profiles\nw9,West Side,west\n");
    desk.ok(&["users", "import", "users.csv"]);
}

#[test]
fn an_organization_is_removed_when_nothing_is_its_own() {
    let desk = site();
    desk.ok(&["organizations", "add", "East"]);
    let remove = || desk.call(&["organizations", "remove", "East", "--yes"]);
    desk.ok(&["profiles", "add", "east", "--organization", "East"]);
    desk.ok(&["filters", "save", "East:all", "username pr"]);
    desk.write("new.py", "pass");
    desk.ok(&["scripts", "save", "East:new", "new.py"]);
    desk.ok(&["administrators", "add", "ed", "--grant", "operator@East"]);
    let said = remove().exits(1).sentence().to_owned();
    let all = "organization \"East\" still has profiles, filters, scripts, administrators with roles in it";
    assert!(said.contains(all), "{said}");
    desk.ok(&["profiles", "remove", "east", "--yes"]);
    desk.ok(&["filters", "remove", "East:all", "--yes"]);
    desk.ok(&["scripts", "remove", "East:new", "--yes"]);
    assert!(remove().exits(1).sentence().contains("still has administrators"));
    desk.ok(&["administrators", "remove", "ed", "--yes"]);
    remove().exits(0);
    desk.call(&["scripts", "restore", "East:new", "1"]).exits(1);
}
