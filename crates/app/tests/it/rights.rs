//! Every use case, asked for by somebody of each role, everywhere and within one of two organizations: who lacks the right
//! is refused, and what belongs to the other organization does not exist. A use case without a row here fails the test.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use crate::common::{NOW, request};
use rollcall_app::radius::{Past, TakeOver};
use rollcall_app::runs::{
    Again, ApplyRequest, BadRow, Choice, Observer, Progress, ResumeRequest, RetryRequest, RowsObserver,
    RowsRequest, Stop, Terms, TrialRequest, UndoRequest,
};
use rollcall_app::{
    Actor, App, AppError, Expected, ImportRequest, NewUser, Table, TableOptions, UserEdit, UserSelection,
};
use rollcall_domain::filter::Search;
use rollcall_domain::{
    AuditQuery, Brakes, Field, Grant, Mode, Right, Role, Run, RunId, RunQuery, UploadId, UserId, Value, Zone,
};
use rollcall_store::{Location, StoreError};
use rollcall_testkit::{TestClock, TestDatabase};

/// What belongs to one organization.
struct Theirs {
    user: &'static str,
    id: UserId,
    preview: RunId,
    run: RunId,
    upload: UploadId,
    administrator: &'static str,
    organization: &'static str,
    /// A filter and a script.
    saved: &'static str,
    profile: &'static str,
}

type Call = fn(&App, &Theirs) -> Result<(), AppError>;

/// Whether what somebody may reach with a right is bounded.
#[derive(Clone, Copy, PartialEq)]
enum Reach {
    /// It is about an object that belongs to an organization.
    Theirs,
    /// It gives, or does something to, what they may reach.
    Own,
    /// It takes the right everywhere.
    Everywhere,
}
use Reach::{Everywhere, Own, Theirs as One};

/// Use cases that take no right: they reach no database, or only say what `App` is made of.
const NONE: [&str; 13] = [
    "acting",
    "acting_as",
    "actor",
    "credentials",
    "has_administrators",
    "in_installation_zone",
    "in_zone",
    "new",
    "read_script",
    "with_dictionaries",
    "with_lease",
    "within",
    "zone",
];

fn terms() -> Terms {
    Terms { confirmed: true, queue: true, ..Terms::default() }
}

fn engine() -> rollcall_app::runs::Engine {
    rollcall_app::runs::Engine { workers: 1, ..request("", Mode::Preview).engine }
}

fn run(app: &App, mode: Mode, choice: Choice) -> Result<(), AppError> {
    let mut wanted = request("pass", mode);
    (wanted.choice, wanted.terms) = (choice, terms());
    app.run(&wanted, &Stop::default(), &mut Quiet).map(drop)
}

/// A user who is there already cannot be added; that an organization is not there is a fault of what was said.
fn taken_or_unknown(added: Result<(), AppError>) -> Result<(), AppError> {
    match added {
        Err(AppError::Store(StoreError::Taken(_))) => Ok(()),
        Err(AppError::Refused(why)) => Err(StoreError::NoSuch(why.to_string()).into()),
        other => other,
    }
}

/// It is theirs, and stays for others, since it is not as they have said.
fn outdated(done: Result<(), AppError>) -> Result<(), AppError> {
    match done {
        Err(AppError::Outdated { .. }) => Ok(()),
        other => other,
    }
}

fn table() -> Table {
    let file = tempfile::NamedTempFile::with_suffix(".csv").unwrap();
    std::fs::write(file.path(), "username\nzz\n").unwrap();
    Table::open(file.path(), &TableOptions::default()).unwrap()
}

struct Quiet;

impl Observer for Quiet {
    fn confirm(&mut self, _: &Run) -> bool {
        true
    }

    fn progress(&mut self, _: Progress) {}
}

struct Rows;

impl RowsObserver for Rows {
    fn columns(&mut self, _: &[String], _: &str) -> std::io::Result<()> {
        Ok(())
    }

    fn bad_row(&mut self, _: &BadRow<'_>) -> std::io::Result<()> {
        Ok(())
    }

    fn progress(&mut self, _: u64) {}
}

fn users_table(text: &'static str) -> Table {
    Table::read(Cursor::new(text), &TableOptions::default()).unwrap()
}

fn within(app: &App) -> Grant {
    let id = app.organizations().unwrap().iter().find(|each| each.name == "North").unwrap().id;
    Grant { role: Role::ReadOnly, organization_id: Some(id) }
}

const CASES: &[(&str, Right, Reach, Call)] = &[
    ("user", Right::Look, One, |app, of| app.user(of.user).map(drop)),
    ("user_by_id", Right::Look, One, |app, of| {
        let found = app.user_by_id(of.id)?;
        found.map(drop).ok_or_else(|| StoreError::NoSuch(String::new()).into())
    }),
    ("users", Right::Look, Own, |app, _| app.users(None)?.try_for_each(|user| user.map(drop))),
    ("users_part", Right::Look, Own, |app, _| app.users_part(None, 0, 9).map(drop)),
    ("count_users", Right::Look, Own, |app, _| app.count_users(None).map(drop)),
    ("set_user", Right::EditUsers, One, |app, of| app.set_user(of.user, &["klass=x".to_owned()]).map(drop)),
    ("set_user_password", Right::EditUsers, One, |app, of| app.set_user_password(of.user, None)),
    ("count_users_to", Right::Look, Own, |app, _| app.count_users_to(None, 9).map(drop)),
    ("search_users", Right::Look, One, |app, of| {
        let found = app.search_users(&Search::new(of.user).unwrap(), None, 9)?;
        found.first().map(drop).ok_or_else(|| StoreError::NoSuch(String::new()).into())
    }),
    ("edit_user", Right::EditUsers, One, |app, of| {
        let edit = UserEdit::Set(Field::Klass, Value::Text("x".to_owned()));
        app.edit_user(of.user, vec![edit], None).map(drop)
    }),
    ("plan_revert", Right::Look, One, |app, of| {
        let event = app.history_after(app.user(of.user)?.id, None, 1)?.pop();
        event.map_or(Ok(()), |event| app.plan_revert(of.user, event.key).map(drop))
    }),
    ("revert", Right::EditUsers, One, |app, of| {
        // There is no such event; who may not is refused before that.
        let nothing = (rollcall_domain::Timestamp::MIN, 0, 0);
        match app.revert(of.user, nothing, None) {
            Err(AppError::Store(StoreError::NoSuch(what))) if what.starts_with("event") => Ok(()),
            done => done.map(drop),
        }
    }),
    ("add_user", Right::EditUsers, One, |app, of| {
        let fields = vec![(Field::Username, Value::Text("north".to_owned()))];
        let new = NewUser { organization: Some(of.organization.to_owned()), fields, ..NewUser::default() };
        taken_or_unknown(app.add_user(&new).map(drop))
    }),
    ("delete_user", Right::EditUsers, One, |app, of| outdated(app.delete_user(of.user, Some(0)))),
    ("remove_user", Right::EditUsers, One, |app, of| {
        let user = app.user(of.user)?;
        // As somebody else has seen it: it stays.
        app.remove_user(&rollcall_domain::User { version: 99, ..user }).or_else(|error| match error {
            AppError::Store(StoreError::Stale(_)) => Ok(()),
            error => Err(error),
        })
    }),
    ("history", Right::Look, One, |app, of| {
        app.user_by_id(of.id)?.ok_or_else(|| StoreError::NoSuch(String::new()))?;
        app.history(of.id)?.try_for_each(|event| event.map(drop))
    }),
    ("history_after", Right::Look, One, |app, of| {
        app.user_by_id(of.id)?.ok_or_else(|| StoreError::NoSuch(String::new()))?;
        app.history_after(of.id, None, 9).map(drop)
    }),
    ("select_users", Right::Look, Own, |app, _| {
        let selected = app.select_users(&UserSelection::default())?;
        selected.list(None, 9)?;
        selected.count()?;
        selected.count_to(9)?;
        selected.all()?.try_for_each(|user| user.map(drop))?;
        selected.export()?.try_for_each(|user| user.map(drop))
    }),
    ("select_users", Right::Look, One, |app, of| {
        app.select_users(&UserSelection::filtered(of.saved)).map(drop)
    }),
    ("download", Right::Look, One, |app, of| {
        app.download(&app.find_run(of.run)?, None)?.try_for_each(|outcome| outcome.map(drop))
    }),
    ("import_users", Right::EditUsers, Own, |app, _| {
        app.import_users(users_table("username\n"), &ImportRequest::default(), &mut ()).map(drop)
    }),
    ("filter", Right::Look, Own, |app, _| app.filter("gold").map(drop)),
    ("filter", Right::Look, One, |app, of| app.filter(of.saved).map(drop)),
    ("check_filter", Right::Look, Own, |app, _| app.check_filter("gold").map(drop)),
    ("saved_filter", Right::Look, One, |app, of| app.saved_filter(of.saved).map(drop)),
    ("saved_filters", Right::Look, Own, |app, _| app.saved_filters().map(drop)),
    ("saved_filters_after", Right::Look, Own, |app, _| app.saved_filters_after(None, 9).map(drop)),
    ("save_filter", Right::EditScripts, Everywhere, |app, _| {
        app.save_filter(":gold", "klass eq \"gold\"").map(drop)
    }),
    ("save_filter", Right::EditScripts, One, |app, of| {
        app.save_filter(of.saved, "klass eq \"gold\"").map(drop)
    }),
    ("replace_filter", Right::EditScripts, Everywhere, |app, _| {
        app.replace_filter(":gold", "klass eq \"gold\"", Expected::Anything).map(drop)
    }),
    ("replace_filter", Right::EditScripts, One, |app, of| {
        app.replace_filter(of.saved, "klass eq \"gold\"", Expected::Anything).map(drop)
    }),
    ("remove_filter_as", Right::EditScripts, One, |app, of| {
        outdated(app.remove_filter_as(of.saved, Expected::Revision("another")))
    }),
    ("remove_filter", Right::EditScripts, Everywhere, |app, _| {
        app.remove_filter(":gold")?;
        app.save_filter(":gold", "klass eq \"gold\"").map(drop)
    }),
    ("remove_filter", Right::EditScripts, One, |app, of| {
        app.remove_filter(of.saved)?;
        app.save_filter(of.saved, "klass eq \"gold\"").map(drop)
    }),
    ("script", Right::Look, Own, |app, _| app.script("saved", None).map(drop)),
    ("script", Right::Look, One, |app, of| app.script(of.saved, None).map(drop)),
    ("find_script", Right::Look, One, |app, of| {
        app.find_script(of.saved)?.map(drop).ok_or_else(|| StoreError::NoSuch(String::new()).into())
    }),
    ("scripts", Right::Look, Own, |app, _| app.scripts().map(drop)),
    ("script_history", Right::Look, One, |app, of| app.script_history(of.saved).map(drop)),
    ("scripts_after", Right::Look, Own, |app, _| app.scripts_after(None, 9).map(drop)),
    ("script_history_after", Right::Look, One, |app, of| {
        app.script_history_after(of.saved, None, 9).map(drop)
    }),
    ("save_script", Right::EditScripts, Everywhere, |app, _| app.save_script(":saved", "pass", "").map(drop)),
    ("save_script", Right::EditScripts, One, |app, of| app.save_script(of.saved, "pass", "").map(drop)),
    ("save_script_after", Right::EditScripts, Everywhere, |app, _| {
        app.save_script_after(":saved", "pass", "", Expected::Anything).map(drop)
    }),
    ("save_script_after", Right::EditScripts, One, |app, of| {
        app.save_script_after(of.saved, "pass", "", Expected::Anything).map(drop)
    }),
    ("save_script_draft", Right::EditScripts, Everywhere, |app, _| {
        app.save_script_draft(":saved", "if", "", Expected::Anything)?;
        app.save_script(":saved", "pass", "").map(drop)
    }),
    ("save_script_draft", Right::EditScripts, One, |app, of| {
        app.save_script_draft(of.saved, "if", "", Expected::Anything)?;
        app.save_script(of.saved, "pass", "").map(drop)
    }),
    ("remove_script_as", Right::EditScripts, One, |app, of| {
        outdated(app.remove_script_as(of.saved, Expected::Revision("0")))
    }),
    ("restore_script", Right::EditScripts, Everywhere, |app, _| {
        app.restore_script(":saved", 1, "").map(drop)
    }),
    ("restore_script", Right::EditScripts, One, |app, of| app.restore_script(of.saved, 1, "").map(drop)),
    ("remove_script", Right::EditScripts, Everywhere, |app, _| {
        app.remove_script(":saved")?;
        app.save_script(":saved", "pass", "").map(drop)
    }),
    ("remove_script", Right::EditScripts, One, |app, of| {
        app.remove_script(of.saved)?;
        app.save_script(of.saved, "pass", "").map(drop)
    }),
    ("organizations", Right::Look, Own, |app, _| app.organizations().map(drop)),
    ("organizations_after", Right::Look, Own, |app, _| app.organizations_after(None, 9).map(drop)),
    ("add_organization", Right::Administer, Everywhere, |app, _| app.add_organization("North").map(drop)),
    ("rename_organization", Right::Administer, Everywhere, |app, _| app.rename_organization("none", "x")),
    ("remove_organization", Right::Administer, Everywhere, |app, _| app.remove_organization("none")),
    ("profiles", Right::Look, Own, |app, _| app.profiles().map(drop)),
    ("profiles_after", Right::Look, Own, |app, _| app.profiles_after(None, 9).map(drop)),
    ("profile", Right::Look, Own, |app, _| app.profile("plus").map(drop)),
    ("profile", Right::Look, One, |app, of| app.profile(of.profile).map(drop)),
    ("add_profile", Right::Administer, Everywhere, |app, _| {
        app.add_profile("plus", Some(""), &[], &[]).map(drop)
    }),
    ("add_profile", Right::Administer, One, |app, of| {
        app.add_profile(of.profile, Some(of.organization), &[], &[]).map(drop)
    }),
    ("edit_profile", Right::Administer, Everywhere, |app, _| {
        app.edit_profile("plus", &[], &[], Expected::Anything).map(drop)
    }),
    ("edit_profile", Right::Administer, One, |app, of| {
        app.edit_profile(of.profile, &[], &[], Expected::Anything).map(drop)
    }),
    ("remove_profile_as", Right::Administer, One, |app, of| {
        outdated(app.remove_profile_as(of.profile, Expected::Revision("another")))
    }),
    ("remove_profile", Right::Administer, Everywhere, |app, _| {
        app.remove_profile("plus")?;
        app.add_profile("plus", Some(""), &[], &[]).map(drop)
    }),
    ("remove_profile", Right::Administer, One, |app, of| {
        app.remove_profile(of.profile)?;
        app.add_profile(of.profile, Some(of.organization), &[], &[]).map(drop)
    }),
    ("administrator", Right::Administer, One, |app, of| app.administrator(of.administrator).map(drop)),
    ("administrators", Right::Administer, Own, |app, _| app.administrators().map(drop)),
    ("administrators_after", Right::Administer, Own, |app, _| app.administrators_after(None, 9).map(drop)),
    ("add_administrator", Right::Administer, Own, |app, _| {
        app.add_administrator("taken", &[within(app)]).map(drop)
    }),
    ("grant", Right::Administer, One, |app, of| app.grant(of.administrator, &within(app))),
    ("revoke", Right::Administer, One, |app, of| app.revoke(of.administrator, &within(app)).map(drop)),
    ("remove_administrator", Right::Administer, Own, |app, _| app.remove_administrator("nobody")),
    ("credentials_of", Right::Administer, One, |app, of| app.credentials_of(of.administrator).map(drop)),
    ("prune", Right::Administer, Everywhere, |app, _| {
        app.prune(Some("99y".parse()?), &Stop::default(), |_| {}).map(drop)
    }),
    ("kept_past", Right::Look, Own, |app, _| app.kept_past(Past::Logins).map(drop)),
    ("set_kept_past", Right::Administer, Everywhere, |app, _| app.set_kept_past(Past::Sessions, None)),
    ("prune_after", Right::Look, Own, |app, _| app.prune_after().map(drop)),
    ("dictionary", Right::Look, Own, |app, _| app.dictionary().map(drop)),
    ("warnings_of", Right::Look, Own, |app, _| app.warnings_of([]).map(drop)),
    ("load_dictionary", Right::Administer, Everywhere, |app, _| {
        let nothing = app.load_dictionary(std::path::Path::new("/nowhere/at/all"));
        nothing.map(drop).or_else(|error| match error {
            AppError::File { .. } => Ok(()),
            error => Err(error),
        })
    }),
    ("forget_dictionary", Right::Administer, Everywhere, |app, _| app.forget_dictionary()),
    ("time_zone", Right::Look, Own, |app, _| app.time_zone().map(drop)),
    ("set_time_zone", Right::Administer, Everywhere, |app, _| app.set_time_zone(None)),
    ("is_strict", Right::Look, Own, |app, _| app.is_strict().map(drop)),
    ("set_strict", Right::Administer, Everywhere, |app, _| app.set_strict(false)),
    ("take_over_freeradius", Right::Administer, Everywhere, |app, _| {
        let from = &Location::Sqlite("/nowhere/at/all.db".into());
        let wanted = TakeOver { from, organization: "North", rehearse: true };
        app.take_over_freeradius(wanted, &mut |_, _| {}).map(drop).or_else(|error| match error {
            AppError::Store(StoreError::Missing(_)) => Ok(()),
            error => Err(error),
        })
    }),
    ("radius_reply", Right::Look, One, |app, of| app.radius_reply(&app.user(of.user)?).map(drop)),
    ("planned_reply", Right::Look, One, |app, of| {
        app.outcomes(&app.find_run(of.preview)?, None)?
            .try_for_each(|outcome| app.planned_reply(&outcome?).map(drop))
    }),
    ("last_run_of", Right::Look, Own, |app, of| app.last_run_of(of.saved).map(drop)),
    ("replies_around", Right::Look, One, |app, of| {
        let run = app.find_run(of.run)?;
        app.outcomes(&run, None)?.try_for_each(|outcome| app.replies_around(&run, &outcome?).map(drop))
    }),
    ("planned_reply_to", Right::Look, One, |app, of| app.planned_reply_to(of.preview, of.user).map(drop)),
    ("radius_check", Right::Administer, Everywhere, |app, _| app.radius_check("nobody", None).map(drop)),
    ("radius_config", Right::Administer, Everywhere, |app, _| app.radius_config("freeradius").map(drop)),
    ("set_prune_after", Right::Administer, Everywhere, |app, _| app.set_prune_after(None)),
    ("migrate", Right::Administer, Everywhere, |app, _| {
        let nowhere = Location::Sqlite("/nowhere/at/all.db".into());
        app.migrate(&nowhere, &mut |_| {}).map(drop)
    }),
    ("audit", Right::Administer, Everywhere, |app, _| {
        app.audit(&AuditQuery::default())?.try_for_each(|entry| entry.map(drop))
    }),
    ("audit_after", Right::Administer, Everywhere, |app, _| {
        app.audit_after(&AuditQuery::default(), None, 9).map(drop)
    }),
    ("audit_before", Right::Administer, Everywhere, |app, _| {
        app.audit_before(&AuditQuery::default(), None, 9).map(drop)
    }),
    ("audit_head", Right::Administer, Everywhere, |app, _| app.audit_head().map(drop)),
    ("verify_audit", Right::Administer, Everywhere, |app, _| app.verify_audit(None, |_| {}).map(drop)),
    ("export_audit", Right::Administer, Everywhere, |app, _| app.export_audit("nowhere").map(drop)),
    ("holds_samples", Right::Look, Own, |app, _| app.holds_samples().map(drop)),
    ("make_samples", Right::Administer, Everywhere, |app, _| match app.make_samples(0, |_| {}) {
        // There are users.
        Err(AppError::Conflict(_)) => Ok(()),
        done => done,
    }),
    ("check_import", Right::EditUsers, Own, |app, _| {
        app.check_import(users_table("username\n"), &ImportRequest::default(), &mut ()).map(drop)
    }),
    ("timeline", Right::Look, One, |app, of| app.timeline(&app.find_run(of.run)?, 10).map(drop)),
    ("course", Right::Look, One, |app, of| app.course(&app.find_run(of.run)?, 10).map(drop)),
    ("run", Right::Execute, Own, |app, _| run(app, Mode::Apply, Choice::Users(UserSelection::default()))),
    ("run", Right::Report, Own, |app, _| run(app, Mode::Preview, Choice::Users(UserSelection::default()))),
    ("run", Right::Report, One, |app, of| run(app, Mode::Preview, Choice::Outcomes(of.run, None))),
    ("read_rows", Right::Report, Own, |app, _| {
        let wanted = RowsRequest { file: "x.csv", skip_unmatched: true, ..RowsRequest::default() };
        app.read_rows(table(), &wanted, &mut Rows).map(drop)
    }),
    ("upload", Right::Report, Own, |app, _| app.upload("x.csv", Cursor::new("username\n")).map(drop)),
    ("begin_upload", Right::Report, Own, |app, _| app.begin_upload("x.csv").map(drop)),
    ("uploads_after", Right::Report, Own, |app, _| app.uploads_after(None, 9).map(drop)),
    ("find_upload", Right::Report, One, |app, of| app.find_upload(of.upload).map(drop)),
    ("open_upload", Right::Report, One, |app, of| app.open_upload(of.upload).map(drop)),
    ("read_upload", Right::Report, One, |app, of| {
        app.read_upload(of.upload, &TableOptions::default(), &RowsRequest::default(), &mut Rows).map(drop)
    }),
    // One of its own, so that this one stays for others.
    ("remove_upload", Right::Report, One, |app, of| {
        app.find_upload(of.upload)?;
        let another = app.upload("x.csv", Cursor::new("username\n"))?.id;
        app.remove_upload(another)
    }),
    ("find_run", Right::Look, One, |app, of| app.find_run(of.run).map(drop)),
    ("source_of", Right::Look, One, |app, of| app.source_of(&app.find_run(of.run)?).map(drop)),
    ("runs", Right::Look, Own, |app, _| app.runs()?.try_for_each(|run| run.map(drop))),
    ("outcomes", Right::Look, One, |app, of| {
        app.outcomes(&app.find_run(of.run)?, None)?.try_for_each(|outcome| outcome.map(drop))
    }),
    ("runs_after", Right::Look, Own, |app, _| app.runs_after(&RunQuery::default(), None, 9).map(drop)),
    ("outcomes_after", Right::Look, One, |app, of| {
        app.outcomes_after(&app.find_run(of.run)?, None, None, 9).map(drop)
    }),
    ("refused_targets", Right::Look, One, |app, of| app.refused_targets(&app.find_run(of.run)?).map(drop)),
    ("troubles", Right::Look, One, |app, of| app.troubles(&app.find_run(of.run)?).map(drop)),
    ("histogram", Right::Look, One, |app, of| app.histogram(&app.find_run(of.run)?, 9).map(drop)),
    ("has_results", Right::Look, One, |app, of| app.has_results(&app.find_run(of.run)?).map(drop)),
    ("result_columns", Right::Look, One, |app, of| {
        app.result_columns(&app.find_run(of.run)?, None).map(drop)
    }),
    ("applied_by", Right::Look, One, |app, of| app.applied_by(of.preview).map(drop)),
    ("undone_by", Right::Look, One, |app, of| app.undone_by(of.run).map(drop)),
    ("apply_preview", Right::Execute, One, |app, of| {
        let wanted = ApplyRequest { plan: None, terms: terms() };
        app.apply_preview(of.preview, &wanted, &Stop::default(), &mut Quiet).map(drop)
    }),
    ("approve", Right::Execute, One, |app, of| app.approve(of.preview, None, &mut |_| true).map(drop)),
    ("approvals", Right::Look, One, |app, of| app.approvals(&app.find_run(of.preview)?).map(drop)),
    ("unapproved", Right::Look, One, |app, of| app.unapproved(&app.find_run(of.preview)?).map(drop)),
    ("four_eyes_above", Right::Look, Own, |app, _| app.four_eyes_above().map(drop)),
    ("set_four_eyes_above", Right::Administer, Everywhere, |app, _| app.set_four_eyes_above(None)),
    ("undo", Right::Execute, One, |app, of| {
        let wanted = UndoRequest { mode: Mode::Apply, user: None, terms: terms() };
        app.undo(of.run, &wanted, &Stop::default(), &mut Quiet).map(drop)
    }),
    ("retry", Right::Execute, One, |app, of| {
        let again = Again::Failed;
        let wanted =
            RetryRequest { again, preview: true, engine: engine(), time_limit: None, terms: terms() };
        app.retry(of.run, &wanted, &Stop::default(), &mut Quiet).map(drop)
    }),
    ("resume", Right::Execute, One, |app, of| {
        let (engine, brakes) = (engine(), Brakes::default());
        let wanted = ResumeRequest { engine, time_limit: None, brakes, confirmed: true, queue: false };
        app.resume(of.run, &wanted, &Stop::default(), &mut Quiet).map(drop)
    }),
    ("try_script", Right::Report, One, |app, of| {
        let script = request("user.klass = 'x'", Mode::Preview).script;
        let (username, engine) = (of.user.to_owned(), engine());
        let wanted = TrialRequest { script, username, params: Vec::new(), row: Vec::new(), engine };
        app.try_script(&wanted).map(drop)
    }),
    ("begin", Right::Execute, One, |app, of| app.begin(of.run, 2).map(drop)),
    ("cancel", Right::Execute, One, |app, of| app.cancel(of.run).map(drop)),
    ("watch", Right::Look, One, |app, of| app.watch(of.run, &Stop::default(), &mut Quiet).map(drop)),
    ("has_workers", Right::Look, Own, |app, _| app.has_workers().map(drop)),
    ("workers", Right::Look, Everywhere, |app, _| app.workers().map(drop)),
    ("statistics", Right::Look, Everywhere, |app, _| app.statistics().map(drop)),
    ("work", Right::Execute, Everywhere, |app, _| app.work(&engine(), &Arc::new(true.into()), &mut |_| {})),
];

/// The public functions of `App` in a folder of sources.
fn use_cases(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(use_cases(&path));
            continue;
        }
        let mut inside = false;
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            inside = line == "impl App {" || inside && line != "}";
            if let (true, Some(rest)) = (inside, line.strip_prefix("    pub fn ")) {
                found.insert(rest.split(['(', '<']).next().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn every_use_case_has_a_row() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rows = CASES.iter().map(|(name, ..)| *name).chain(NONE).map(str::to_owned).collect();
    assert_eq!(use_cases(&source), rows);
}

#[test]
fn who_lacks_a_right_is_refused_and_what_is_others_does_not_exist() {
    let database = TestDatabase::new();
    let as_actor = |actor| App::new(database.open(), Arc::new(TestClock::at(NOW)), Zone::utc(), actor);
    let root = as_actor(Actor::account("cli:test".to_owned()));
    root.add_profile("plus", None, &[], &[]).unwrap();
    let users = "username,organization\nnorth,North\nsouth,South\n";
    let creating = ImportRequest { create_organizations: true, ..ImportRequest::default() };
    root.import_users(users_table(users), &creating, &mut ()).unwrap();
    root.save_filter("gold", "klass eq \"gold\"").unwrap();
    root.save_script("saved", "pass", "").unwrap();
    let organizations = root.organizations().unwrap();
    let id = |name: &str| organizations.iter().find(|each| each.name == name).unwrap().id;
    let theirs =
        [("north", "North", "North:own", "plus-north"), ("south", "South", "South:own", "plus-south")].map(
            |(user, organization, saved, profile)| {
                root.save_filter(saved, "klass eq \"gold\"").unwrap();
                root.save_script(saved, "pass", "").unwrap();
                root.add_profile(profile, Some(organization), &[], &[]).unwrap();
                let grant = Grant { role: Role::Operator, organization_id: Some(id(organization)) };
                root.add_administrator(user, &[grant]).unwrap();
                let app = root.acting_as(user).unwrap();
                let made = [Mode::Preview, Mode::Apply].map(|mode| {
                    let source = format!("user.klass = '{mode:?}'");
                    app.run(&request(&source, mode), &Stop::default(), &mut Quiet).unwrap().id
                });
                let [preview, run] = made;
                let id = root.user(user).unwrap().id;
                let upload = app.upload("x.csv", Cursor::new("username\nzz\n")).unwrap().id;
                Theirs { user, id, preview, run, upload, administrator: user, organization, saved, profile }
            },
        );
    let [north, south] = &theirs;

    let mut seen = [0; 3];
    for role in Role::ALL {
        for organization_id in [None, Some(id("North"))] {
            let who = format!("{role}{}", organization_id.map_or("", |_| "-north"));
            root.add_administrator(&who, &[Grant { role, organization_id }]).unwrap();
            let app = root.acting_as(&who).unwrap();
            for (name, right, reach, call) in CASES {
                let wanted = app.actor().rights().scope(*right);
                let bound = organization_id.is_some();
                let may = wanted.is_some() && !(bound && *reach == Everywhere);
                let done = call(&app, north);
                let denied = matches!(done, Err(AppError::Denied { .. }));
                assert_eq!(denied, !may, "{who} {name}: {done:?}");
                seen[usize::from(may)] += 1;
                if may && *reach == One {
                    let other = call(&app, south);
                    let hidden = matches!(
                        other,
                        Err(AppError::Store(StoreError::NoSuch(_)) | AppError::NoSuchFilter(_))
                    );
                    assert_eq!(hidden, bound, "{who} {name} of others: {other:?}");
                    seen[2] += 1;
                }
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
}
