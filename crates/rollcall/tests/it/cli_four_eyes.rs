//! Above a number of targets a run writes only what a second administrator has approved.

use crate::common::terminal::{at_terminal, sit_down};
use crate::common::{Desk, Done, column, finish, name, wait_until};
use serde_json::{Value, json};

const MARK: &str = "user.klass = 'seen'";

/// So many users; administrators who run scripts for all of them, for those of organizations that have none, and one who
/// only looks.
fn site(users: usize) -> Desk {
    staffed(Desk::with_users(users))
}

fn staffed(desk: Desk) -> Desk {
    desk.ok(&["organizations", "add", "South"]);
    for (name, grant) in
        [("mia", "operator"), ("olga", "operator"), ("rita", "read-only"), ("sven", "operator@South")]
    {
        desk.ok(&["administrators", "add", name, "--grant", grant]);
    }
    desk
}

/// The hint for a run that would write.
const LEAVE_OUT: &str = "preview the run: leave out --apply";
/// The hint for a retry of run 2 that would write.
const RETRY: &str = "preview the retry: rollcall runs retry 2 --preview";

fn limit(desk: &Desk, above: u64) {
    desk.ok(&["settings", "set", "four_eyes_above", &above.to_string()]);
}

fn by(desk: &Desk, who: &str, args: &[&str]) -> Done {
    desk.call(&[&["--as", who], args].concat())
}

/// The number of a preview that `who` makes.
#[track_caller]
fn preview_by(desk: &Desk, who: &str, script: &str, args: &[&str]) -> String {
    desk.write("script.py", script);
    let done = by(desk, who, &[&["run", "script.py", "--json"], args].concat());
    done.exits(0).object()["run_id"].to_string()
}

fn preview(desk: &Desk, script: &str) -> String {
    preview_by(desk, "mia", script, &["--all"])
}

fn apply(desk: &Desk, id: &str) -> Done {
    by(desk, "mia", &["runs", "apply", id, "--yes", "--json"])
}

fn approve(desk: &Desk, who: &str, id: &str) -> Done {
    by(desk, who, &["runs", "approve", id, "--yes"])
}

fn klasses(desk: &Desk) -> Vec<Value> {
    column(&desk.ok(&["users", "list", "--format", "json"]).objects(), "klass")
}

/// Refuses, and leaves no run, no change, nobody at work and nothing in the audit log.
#[track_caller]
fn refused(desk: &Desk, call: impl FnOnce() -> Done) -> Done {
    let state = || (desk.runs(), desk.export(), desk.ok(&["audit", "list", "--action", "run-start"]).out);
    let before = state();
    let done = call().exits(1);
    done.sentence();
    assert_eq!(state(), before, "{done:?}");
    done
}

#[track_caller]
fn unseen(done: &Done, targets: u64, preview: &str) {
    let above = targets - 1;
    let said = format!(
        "error: this run has {targets} targets, and above {above} it needs an approved plan: preview it, have another \
         administrator approve the preview, then apply it"
    );
    assert!(done.err.lines().any(|line| line == said), "{done:?}");
    assert_eq!(
        done.hints(),
        [
            preview,
            "approve the preview as another administrator: rollcall runs approve PREVIEW",
            "apply the preview: rollcall runs apply PREVIEW",
        ]
    );
}

#[track_caller]
fn lacks(done: &Done, id: &str, why: &str) {
    let said = done.sentence();
    assert!(said.starts_with(&format!("applying preview {id} has ")), "{said}");
    assert!(said.contains(why), "{said}");
    assert_eq!(
        done.hints(),
        [format!("approve the preview as another administrator: rollcall runs approve {id}")]
    );
}

#[test]
fn above_the_number_and_not_at_it() {
    let desk = site(3);
    let write = ["run", "script.py", "--all", "--apply", "--yes"];
    desk.write("script.py", MARK);
    limit(&desk, 3);
    by(&desk, "mia", &write).exits(0);
    limit(&desk, 2);
    unseen(&refused(&desk, || by(&desk, "mia", &write)), 3, LEAVE_OUT);
    let some = ["run", "script.py", "--filter", "obj_id le 2", "--apply", "--yes"];
    by(&desk, "mia", &some).exits(0);
    // The account of the operating system as anybody.
    refused(&desk, || desk.call(&write));
    limit(&desk, 0);
    let nobody = ["run", "script.py", "--filter", "obj_id gt 3", "--apply", "--yes"];
    by(&desk, "mia", &nobody).exits(0);
    refused(&desk, || by(&desk, "mia", &["run", "script.py", "--filter", "obj_id eq 1", "--apply", "--yes"]));
    desk.ok(&["settings", "unset", "four_eyes_above"]);
    by(&desk, "mia", &write).exits(0);
}

#[test]
fn what_counts_is_what_the_preview_changes() {
    let desk = site(4);
    limit(&desk, 2);
    let two = preview(&desk, "if user.obj_id < 3: skip('no')\nuser.klass = 'two'");
    let three = preview(&desk, "if user.obj_id < 2: skip('no')\nuser.klass = 'three'");
    let said = refused(&desk, || apply(&desk, &three));
    lacks(&said, &three, " has 3 targets, and above 2 ");
    let shown = |id: &str| desk.ok(&["runs", "show", id]).out;
    assert!(!shown(&two).contains("approve"), "{}", shown(&two));
    apply(&desk, &two).exits(0);
    assert_eq!(klasses(&desk), ["", "", "two", "two"]);
}

#[test]
fn the_number_is_a_setting() {
    let desk = site(1);
    let value = || desk.ok(&["settings", "list", "--format", "json"]).objects().remove(1);
    assert_eq!(value(), json!({"name": "four_eyes_above", "value": null}));
    let told = desk.ok(&["settings", "set", "four_eyes_above", "1000"]);
    assert_eq!(
        told.err,
        "a run that writes for more than 1,000 targets now takes the approval of a second administrator\n"
    );
    assert_eq!(value()["value"], "1000");
    for wrong in ["", "-1", "+1", "1.5", "1,000", "many", "99999999999999999999"] {
        let done = desk.call(&["settings", "set", "four_eyes_above", "--", wrong]).exits(2);
        let said =
            "is no number of targets: write a whole number such as 1000, or 0 for every run that writes";
        assert_eq!(done.sentence(), format!("{wrong:?} {said}"));
    }
    let denied = by(&desk, "olga", &["settings", "unset", "four_eyes_above"]).exits(1);
    assert!(denied.err.contains("You need the admin role to do this."), "{denied:?}");
    assert_eq!(value()["value"], "1000");
    desk.ok(&["settings", "unset", "four_eyes_above"]);
    assert_eq!(value()["value"], Value::Null);
    let rows = desk.ok(&["audit", "list", "--action", "setting-set", "--format", "json"]).objects();
    assert_eq!(column(&rows, "subject"), ["setting four_eyes_above"; 2]);
}

#[test]
fn every_way_to_write_is_closed_and_previews_are_not() {
    let desk = site(3);
    desk.apply("user.klass = 'old'", 0);
    desk.apply("fail('no')", 3);
    desk.apply("import time\nuser.klass = str(obj.obj_id)", 0);
    desk.run("user.klass = 'canary'", &["--all", "--apply", "--yes", "--canary", "1"]).exits(1);
    limit(&desk, 2);
    desk.write("script.py", MARK);
    let write = ["run", "script.py", "--all", "--apply", "--yes"];
    for more in [&[][..], &["--json"], &["--queue"], &["--canary", "1"], &["--queue", "--canary", "1"]] {
        unseen(&refused(&desk, || desk.call(&[&write, more].concat())), 3, LEAVE_OUT);
    }
    desk.write("rows.csv", "username\nuser001\nuser001\nuser002\n");
    let rows = ["run", "script.py", "--csv", "rows.csv", "--apply", "--yes"];
    let done = desk.call(&rows).exits(1);
    unseen(&done, 3, LEAVE_OUT);
    let targets = ["run", "script.py", "--targets-from", "2:failed", "--apply", "--yes"];
    unseen(
        &refused(&desk, || desk.call(&targets)),
        3,
        "preview a script for these targets: rollcall run SCRIPT --targets-from 2:failed",
    );
    unseen(&refused(&desk, || desk.call(&["runs", "retry", "2", "--yes"])), 3, RETRY);
    unseen(&refused(&desk, || desk.call(&["runs", "retry", "2", "--queue", "--yes"])), 3, RETRY);
    unseen(&refused(&desk, || desk.call(&["runs", "undo", "3", "--apply", "--yes"])), 3, LEAVE_OUT);
    // Nobody is asked what is not to be.
    let asked = at_terminal(&desk, &["run", "script.py", "--all", "--apply"], "").exits(1);
    assert!(!asked.err.contains("Go on?") && asked.err.contains("it needs an approved plan"), "{asked:?}");
    assert_eq!(desk.runs().len(), 4);

    // What was rightly started goes on; what is small is one's own; and looking is free.
    desk.ok(&["runs", "resume", "4"]);
    assert_eq!(klasses(&desk), ["canary"; 3]);
    desk.call(&["runs", "undo", "4", "--user", &name(2), "--apply", "--yes"]).exits(0);
    desk.run("user.klass = 'x'", &["--all"]).exits(0);
    desk.run("result['x'] = 1", &["--all", "--report"]).exits(0);
    desk.ok(&["runs", "undo", "4"]);
    desk.call(&["runs", "retry", "2", "--preview"]).exits(3);
    desk.ok(&["settings", "unset", "four_eyes_above"]);
    desk.apply("if user.obj_id > 1: fail('no')", 3);
    limit(&desk, 2);
    let failed = desk.runs()[0]["run_id"].to_string();
    desk.call(&["runs", "retry", &failed, "--yes"]).exits(3);
}

#[test]
fn somebody_else_approves_and_then_it_is_written() {
    let desk = site(3);
    limit(&desk, 2);
    let id = preview(&desk, MARK);
    let shown = by(&desk, "mia", &["runs", "show", &id]).exits(0).out;
    assert!(shown.contains("another administrator than mia must approve it"), "{shown}");
    let next: Vec<_> = shown.lines().skip_while(|line| *line != "Next").skip(1).collect();
    assert!(next[0].contains(&format!(" runs approve {id} ")) && !next[0].contains("--as"), "{next:?}");
    assert!(next[1].contains(&format!(" runs apply {id} --as mia ")), "{next:?}");
    lacks(&refused(&desk, || apply(&desk, &id)), &id, "another administrator than mia must approve it");

    let own = refused(&desk, || approve(&desk, "mia", &id));
    assert_eq!(
        own.sentence(),
        format!(
            "mia has made preview {id}: somebody else has to approve it, which is what an approval is for"
        )
    );
    let denied = approve(&desk, "rita", &id).exits(1);
    assert!(denied.err.contains("You need the admin or operator role to run scripts."), "{denied:?}");
    let asked = by(&desk, "olga", &["runs", "approve", &id]).exits(2);
    assert_eq!(asked.sentence(), "approving a preview without a terminal needs --yes");
    let run = || desk.ok(&["runs", "show", &id, "--format", "json"]).object();
    assert_eq!(run()["approvals"], Value::Null);

    let plan = run()["plan_hash"].as_str().unwrap().to_owned();
    let done = by(&desk, "olga", &["runs", "approve", &id, "--plan", &plan[..8], "--yes"]).exits(0);
    let said = format!("the plan of preview {id} (3 targets, hash {plan}) is approved by olga");
    let next = format!("; 'rollcall runs apply {id}' writes it\n");
    assert_eq!((done.out.as_str(), done.err), ("", format!("{said}{next}")));
    assert_eq!(approve(&desk, "olga", &id).exits(0).err, format!("{said} already{next}"));
    let json = desk.ok(&["runs", "approve", &id, "--yes", "--json"]).object();
    assert_eq!(json, run());
    let approvals = json["approvals"].as_array().unwrap();
    assert_eq!(approvals.len(), 2, "of more than one, each once");
    assert_eq!((&approvals[0]["administrator"], &approvals[0]["plan_hash"]), (&json!("olga"), &json!(plan)));
    assert!(approvals[0]["approved_at"].is_string());
    let shown = desk.ok(&["runs", "show", &id]).out;
    assert!(shown.contains("approved by olga on ") && !shown.contains("runs approve"), "{shown}");
    let rows = desk.ok(&["audit", "list", "--action", "run-approve", "--format", "json"]).objects();
    assert_eq!(rows.len(), 2, "what changes nothing is not recorded: {rows:?}");
    assert_eq!((&rows[1]["actor"], &rows[1]["subject"]), (&json!("olga"), &json!(format!("run {id}"))));
    assert!(rows[1].to_string().contains(&plan) && rows[1].to_string().contains("targets"), "{}", rows[1]);
    desk.ok(&["audit", "verify"]);

    apply(&desk, &id).exits(0);
    assert_eq!(klasses(&desk), ["seen"; 3]);
    let again = approve(&desk, "olga", &id).exits(1);
    assert!(again.sentence().contains("has been applied already, by run "), "{again:?}");
    assert!(!desk.ok(&["runs", "show", &id]).out.contains("runs approve"));
}

#[test]
fn whose_account_made_it_does_not_approve_it() {
    let desk = site(2);
    limit(&desk, 1);
    let own = desk.run(MARK, &["--all"]).exits(0).object()["run_id"].to_string();
    let said = refused(&desk, || desk.call(&["runs", "approve", &own, "--yes"]));
    let said = said.sentence();
    assert!(said.starts_with("cli:") && said.contains(&format!(" has made preview {own}: ")), "{said}");
    approve(&desk, "olga", &own).exits(0);
    desk.ok(&["runs", "apply", &own, "--yes"]);
    // And the other way round, asked at a terminal.
    let id = preview(&desk, "user.klass = 'next'");
    let no = at_terminal(&desk, &["runs", "approve", &id], "n\n").exits(1);
    let asks = format!("This approves what preview {id} (script.py) has planned for 2 users. Go on? [y/N]");
    assert!(no.err.contains(&asks), "{no:?}");
    refused(&desk, || apply(&desk, &id));
    at_terminal(&desk, &["runs", "approve", &id], "y\n").exits(0);
    apply(&desk, &id).exits(0);
}

#[test]
fn an_approval_is_of_one_plan() {
    let desk = site(3);
    limit(&desk, 1);
    let script = "PARAMS = {'klass': {'type': str, 'default': 'gold'}}\nuser.klass = params.klass\n";
    let approved = preview(&desk, script);
    approve(&desk, "olga", &approved).exits(0);
    let others = [
        preview(&desk, &format!("{script}# no more than a comment")),
        preview_by(&desk, "mia", script, &["--all", "--param", "klass=silver"]),
        preview_by(&desk, "mia", script, &["--filter", "obj_id lt 3"]),
        preview(&desk, script),
    ];
    for other in &others {
        lacks(&refused(&desk, || apply(&desk, other)), other, "must approve it");
    }
    assert_eq!(klasses(&desk), [""; 3]);
    apply(&desk, &approved).exits(0);
    assert_eq!(klasses(&desk), ["gold"; 3]);
}

#[test]
fn a_preview_with_another_plan_than_was_approved_is_not_applied() {
    let desk = staffed(Desk::on_file().and_users(3));
    limit(&desk, 1);
    let id = preview(&desk, MARK);
    let other = "INSERT INTO approvals (run_id, plan, who, at) VALUES (?1, 'ab12', 'olga', 0)";
    desk.database().execute(other, [&id]).unwrap();
    lacks(&refused(&desk, || apply(&desk, &id)), &id, "its plan has changed since olga approved it");
    let shown = desk.ok(&["runs", "show", &id]).out;
    assert!(
        shown.contains("its plan has changed since olga") && !shown.contains("approved by olga on"),
        "{shown}"
    );
    approve(&desk, "olga", &id).exits(0);
    apply(&desk, &id).exits(0);
}

#[test]
fn only_a_whole_preview_is_approved_and_only_the_plan_that_is_meant() {
    let desk = site(3);
    limit(&desk, 1);
    let said = |id: &str, args: &[&str]| {
        let approve = [&["--as", "olga", "runs", "approve", id, "--yes"], args].concat();
        let said = refused(&desk, || desk.call(&approve)).sentence().to_owned();
        let apply = [&["--as", "olga", "runs", "apply", id, "--yes"], args].concat();
        let same =
            desk.call(&apply).exits(1).sentence().replace("before you apply it", "before you approve it");
        assert_eq!(said, same, "in the words of apply");
        said
    };
    assert_eq!(said("99", &[]), "there is no run 99");
    desk.run(MARK, &["--filter", "obj_id eq 1", "--apply", "--yes"]).exits(0);
    assert_eq!(said("1", &[]), "run 1 is no preview: it has written its changes itself");
    desk.write("script.py", "user.klass = 'x'");
    by(&desk, "mia", &["run", "script.py", "--all", "--canary", "1"]).exits(1);
    assert!(said("2", &[]).starts_with("preview 2 was stopped with 2 of its 3 targets left"));
    by(&desk, "mia", &["run", "script.py", "--all", "--queue"]).exits(0);
    assert_eq!(said("3", &[]), "preview 3 is still queued: wait for its end");
    desk.ok(&["runs", "cancel", "3"]);
    assert!(said("3", &[]).starts_with("preview 3 was cancelled"));
    let id = preview(&desk, MARK);
    desk.ok(&["prune", "--older-than", "0s", "--yes"]);
    assert!(said(&id, &[]).starts_with(&format!("the outcomes of run {id} were pruned")));
    let id = preview(&desk, MARK);
    assert!(
        said(&id, &["--plan", "deadbeef"]).ends_with("not deadbeef: look at it again before you approve it")
    );
    assert!(said(&id, &["--plan", "dead"]).contains("is too short to name a plan"));

    // What went on has the hash of all that it plans.
    by(&desk, "mia", &["runs", "resume", "2"]).exits(0);
    approve(&desk, "olga", "2").exits(0);
    apply(&desk, "2").exits(0);
    assert_eq!(klasses(&desk), ["x"; 3]);
}

#[test]
fn an_approval_ends_with_the_rights_of_whoever_gave_it() {
    let desk = site(2);
    limit(&desk, 1);
    let id = preview(&desk, MARK);
    approve(&desk, "olga", &id).exits(0);
    let gone = "olga approved it and may no longer run scripts there; another administrator must approve it";
    let still = || lacks(&refused(&desk, || apply(&desk, &id)), &id, gone);
    desk.ok(&["administrators", "revoke", "olga", "operator"]);
    still();
    desk.ok(&["administrators", "grant", "olga", "read-only"]);
    desk.ok(&["administrators", "grant", "olga", "operator@South"]);
    still();
    assert!(desk.ok(&["runs", "show", &id]).out.contains(gone));
    desk.ok(&["administrators", "remove", "olga", "--yes"]);
    // Another one of that name is another one.
    desk.ok(&["administrators", "add", "olga", "--grant", "operator"]);
    still();
    assert!(!approve(&desk, "olga", &id).exits(0).err.contains("already"));
    apply(&desk, &id).exits(0);
    assert_eq!(klasses(&desk), ["seen"; 2]);
}

#[test]
fn an_approval_that_ends_at_the_question_is_none() {
    let desk = site(2);
    limit(&desk, 1);
    let id = preview(&desk, MARK);
    approve(&desk, "olga", &id).exits(0);
    let apply_at_terminal = ["--as", "mia", "runs", "apply", &id, "--json"];
    for way in ["answered", "come back to"] {
        let before = desk.runs().len();
        desk.ok(&["administrators", "grant", "olga", "operator"]);
        let (mut child, mut keyboard, shown) = sit_down(&desk, &apply_at_terminal);
        wait_until("it asks", || desk.runs().len() > before);
        desk.ok(&["administrators", "revoke", "olga", "operator"]);
        if way == "answered" {
            std::io::Write::write_all(&mut keyboard, b"y\n").unwrap();
            finish(child).exits(1);
            let said = shown.join().unwrap();
            assert!(said.contains("olga approved it and may no longer run scripts there"), "{said}");
            let run = desk.runs().remove(0);
            assert_eq!((&run["state"], &run["end_reason"]), (&json!("cancelled"), &json!("not approved")));
        } else {
            child.kill().unwrap();
            child.wait().unwrap();
            let run = desk.runs().remove(0)["run_id"].to_string();
            let said = by(&desk, "mia", &["runs", "resume", &run, "--yes"]).exits(1);
            lacks(&said, &id, "olga approved it and may no longer run scripts there");
            assert_eq!(desk.runs()[0]["state"], "interrupted");
            desk.ok(&["administrators", "grant", "olga", "operator"]);
            by(&desk, "mia", &["runs", "resume", &run, "--yes"]).exits(0);
        }
        assert_eq!(klasses(&desk), [if way == "answered" { "" } else { "seen" }; 2]);
    }
}

#[test]
fn undos_and_retries_are_approved_like_any_preview() {
    let desk = site(3);
    let run = desk.apply(MARK, 0)["run_id"].to_string();
    let failed =
        desk.apply("if user.klass == 'seen': fail('no')\nuser.klass = 'again'", 3)["run_id"].to_string();
    limit(&desk, 2);
    let undo = by(&desk, "mia", &["runs", "undo", &run, "--json"]).exits(0).object()["run_id"].to_string();
    lacks(&refused(&desk, || apply(&desk, &undo)), &undo, "must approve it");
    approve(&desk, "olga", &undo).exits(0);
    apply(&desk, &undo).exits(0);
    assert_eq!(klasses(&desk), [""; 3]);
    let retry = ["runs", "retry", &failed, "--preview", "--json"];
    let retry = by(&desk, "mia", &retry).exits(0).object()["run_id"].to_string();
    lacks(&refused(&desk, || apply(&desk, &retry)), &retry, "must approve it");
    approve(&desk, "olga", &retry).exits(0);
    apply(&desk, &retry).exits(0);
    assert_eq!(klasses(&desk), ["again"; 3]);
}

#[test]
fn the_rest_of_an_approved_plan_is_approved_too() {
    let desk = site(4);
    limit(&desk, 1);
    let id = preview(&desk, MARK);
    approve(&desk, "olga", &id).exits(0);
    let stopped =
        by(&desk, "mia", &["runs", "apply", &id, "--yes", "--canary", "1", "--json"]).exits(1).object();
    let stopped = stopped["run_id"].to_string();
    desk.ok(&["runs", "cancel", &stopped]);
    let rest = ["runs", "retry", &stopped, "--not-run", "--yes"];
    desk.ok(&["administrators", "revoke", "olga", "operator"]);
    let done = refused(&desk, || by(&desk, "mia", &rest));
    assert!(done.err.contains("has 3 targets, and above 1 it needs an approved plan"), "{done:?}");
    assert_eq!(
        done.hints()[0],
        format!("preview a script for these targets: rollcall run SCRIPT --targets-from {stopped}:not_run")
    );
    desk.ok(&["administrators", "grant", "olga", "operator"]);
    by(&desk, "mia", &rest).exits(0);
    assert_eq!(klasses(&desk), ["seen"; 4]);
}

#[test]
fn what_belongs_to_others_does_not_exist_for_whoever_would_approve_it() {
    let desk = staffed(Desk::new());
    desk.import("username,organization\nn1,North\nn2,North\n");
    desk.ok(&["administrators", "add", "nora", "--grant", "operator@North"]);
    desk.ok(&["administrators", "add", "nils", "--grant", "operator@North"]);
    limit(&desk, 1);
    let id = preview_by(&desk, "nora", MARK, &["--all"]);
    let words = |id: &str| approve(&desk, "sven", id).exits(1).sentence().replace(id, "ID");
    assert_eq!(words(&id), "there is no run ID");
    assert_eq!(words(&id), words("99"));
    let write = ["runs", "apply", &id, "--yes"];
    refused(&desk, || by(&desk, "nora", &write));
    approve(&desk, "nils", &id).exits(0);
    by(&desk, "nora", &write).exits(0);
    // Whoever has the role in one of its organizations only has it for too few of its users.
    desk.ok(&["administrators", "grant", "sven", "read-only"]);
    let all = preview(&desk, "user.klass = 'x'");
    let denied = refused(&desk, || approve(&desk, "sven", &all));
    let denied = denied.sentence();
    assert!(denied.contains("for all organizations that this concerns to run scripts"), "{denied}");
}
