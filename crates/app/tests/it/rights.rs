//! Every operation, by an administrator of each role, in all organizations and within one of two: without the right it is
//! refused, and what belongs to the other organization does not exist. An operation without a row here fails the test.
use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use crate::common::{NOW, request};
use rollcall_app::radius::{RadiusImport, RadiusRecords};
use rollcall_app::runs::{
    Again, ApplyRequest, BadRow, Choice, Observer, Progress, ResumeRequest, RetryRequest, RowsObserver,
    RowsRequest, RunOptions, ScriptTestRequest, Stop, UndoRequest,
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

/// Operations that need no right: they reach no data, or only say what `App` is made of.
const NONE: [&str; 13] = [
    "acting_as",
    "actor",
    "administrators.has_any",
    "credentials",
    "new",
    "scripts.parse",
    "with_actor",
    "with_dictionaries",
    "with_installation_zone",
    "with_lease",
    "with_zone",
    "within_organization",
    "zone",
];

fn options() -> RunOptions {
    RunOptions { confirmed: true, queue: true, ..RunOptions::default() }
}

fn execution() -> rollcall_app::runs::ExecutionConfig {
    rollcall_app::runs::ExecutionConfig { workers: 1, ..request("", Mode::Preview).execution }
}

fn run(app: &App, mode: Mode, choice: Choice) -> Result<(), AppError> {
    let mut wanted = request("pass", mode);
    (wanted.choice, wanted.options) = (choice, options());
    app.runs().create(&wanted, &Stop::default(), &mut Quiet).map(drop)
}

/// A user who is there already cannot be added; that an organization is not there is a fault of what was said.
fn taken_or_unknown(added: Result<(), AppError>) -> Result<(), AppError> {
    match added {
        Err(AppError::Store(StoreError::Taken(_))) => Ok(()),
        Err(AppError::Rejected(why)) => Err(StoreError::NoSuch(why.to_string()).into()),
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
    let id = app.organizations().list().unwrap().iter().find(|each| each.name == "North").unwrap().id;
    Grant { role: Role::ReadOnly, organization_id: Some(id) }
}

const CASES: &[(&str, Right, Reach, Call)] = &[
    ("users.find", Right::Look, One, |app, of| app.users().find(of.user).map(drop)),
    ("users.find_by_id", Right::Look, One, |app, of| {
        let found = app.users().find_by_id(of.id)?;
        found.map(drop).ok_or_else(|| StoreError::NoSuch(String::new()).into())
    }),
    ("users.list", Right::Look, Own, |app, _| app.users().list(None)?.try_for_each(|user| user.map(drop))),
    ("users.list_after", Right::Look, Own, |app, _| app.users().list_after(None, 0, 9).map(drop)),
    ("users.count", Right::Look, Own, |app, _| app.users().count(None).map(drop)),
    ("users.assign_fields", Right::EditUsers, One, |app, of| {
        app.users().assign_fields(of.user, &["klass=x".to_owned()]).map(drop)
    }),
    ("users.set_password", Right::EditUsers, One, |app, of| app.users().set_password(of.user, None)),
    ("users.count_up_to", Right::Look, Own, |app, _| app.users().count_up_to(None, 9).map(drop)),
    ("users.search", Right::Look, One, |app, of| {
        let found = app.users().search(&Search::new(of.user).unwrap(), None, 9)?;
        found.first().map(drop).ok_or_else(|| StoreError::NoSuch(String::new()).into())
    }),
    ("users.edit", Right::EditUsers, One, |app, of| {
        let edit = UserEdit::Set(Field::Klass, Value::Text("x".to_owned()));
        app.users().edit(of.user, vec![edit], None).map(drop)
    }),
    ("users.plan_restore", Right::Look, One, |app, of| {
        let event = app.users().list_history_after(app.users().find(of.user)?.id, None, 1)?.pop();
        event.map_or(Ok(()), |event| app.users().plan_restore(of.user, event.key).map(drop))
    }),
    ("users.restore", Right::EditUsers, One, |app, of| {
        // There is no such event; who may not is refused before that.
        let nothing = (rollcall_domain::Timestamp::MIN, 0, 0);
        match app.users().restore(of.user, nothing, None) {
            Err(AppError::Store(StoreError::NoSuch(what))) if what.starts_with("event") => Ok(()),
            done => done.map(drop),
        }
    }),
    ("users.add", Right::EditUsers, One, |app, of| {
        let fields = vec![(Field::Username, Value::Text("north".to_owned()))];
        let new = NewUser { organization: Some(of.organization.to_owned()), fields, ..NewUser::default() };
        taken_or_unknown(app.users().add(&new).map(drop))
    }),
    ("users.remove", Right::EditUsers, One, |app, of| outdated(app.users().remove(of.user, Some(0)))),
    ("users.remove_unchanged", Right::EditUsers, One, |app, of| {
        let user = app.users().find(of.user)?;
        // As somebody else has seen it: it stays.
        app.users().remove_unchanged(&rollcall_domain::User { version: 99, ..user }).or_else(|error| {
            match error {
                AppError::Store(StoreError::Stale(_)) => Ok(()),
                error => Err(error),
            }
        })
    }),
    ("users.list_history", Right::Look, One, |app, of| {
        app.users().find_by_id(of.id)?.ok_or_else(|| StoreError::NoSuch(String::new()))?;
        app.users().list_history(of.id)?.try_for_each(|event| event.map(drop))
    }),
    ("users.list_history_after", Right::Look, One, |app, of| {
        app.users().find_by_id(of.id)?.ok_or_else(|| StoreError::NoSuch(String::new()))?;
        app.users().list_history_after(of.id, None, 9).map(drop)
    }),
    ("users.select", Right::Look, Own, |app, _| {
        let selected = app.users().select(&UserSelection::default())?;
        selected.list(None, 9)?;
        selected.count()?;
        selected.count_to(9)?;
        selected.all()?.try_for_each(|user| user.map(drop))?;
        selected.export()?.try_for_each(|user| user.map(drop))
    }),
    ("users.select", Right::Look, One, |app, of| {
        app.users().select(&UserSelection::filtered(of.saved)).map(drop)
    }),
    ("runs.export_outcomes", Right::Look, One, |app, of| {
        app.runs().export_outcomes(&app.runs().find(of.run)?, None)?.try_for_each(|outcome| outcome.map(drop))
    }),
    ("imports.apply", Right::EditUsers, Own, |app, _| {
        app.imports().apply(users_table("username\n"), &ImportRequest::default(), &mut ()).map(drop)
    }),
    ("filters.parse", Right::Look, Own, |app, _| app.filters().parse("gold").map(drop)),
    ("filters.parse", Right::Look, One, |app, of| app.filters().parse(of.saved).map(drop)),
    ("filters.check", Right::Look, Own, |app, _| app.filters().check("gold").map(drop)),
    ("filters.find", Right::Look, One, |app, of| app.filters().find(of.saved).map(drop)),
    ("filters.list", Right::Look, Own, |app, _| app.filters().list().map(drop)),
    ("filters.list_after", Right::Look, Own, |app, _| app.filters().list_after(None, 9).map(drop)),
    ("filters.save", Right::EditScripts, Everywhere, |app, _| {
        app.filters().save(":gold", "klass eq \"gold\"").map(drop)
    }),
    ("filters.save", Right::EditScripts, One, |app, of| {
        app.filters().save(of.saved, "klass eq \"gold\"").map(drop)
    }),
    ("filters.save_if_match", Right::EditScripts, Everywhere, |app, _| {
        app.filters().save_if_match(":gold", "klass eq \"gold\"", Expected::Anything).map(drop)
    }),
    ("filters.save_if_match", Right::EditScripts, One, |app, of| {
        app.filters().save_if_match(of.saved, "klass eq \"gold\"", Expected::Anything).map(drop)
    }),
    ("filters.remove_if_match", Right::EditScripts, One, |app, of| {
        outdated(app.filters().remove_if_match(of.saved, Expected::Revision("another")))
    }),
    ("filters.remove", Right::EditScripts, Everywhere, |app, _| {
        app.filters().remove(":gold")?;
        app.filters().save(":gold", "klass eq \"gold\"").map(drop)
    }),
    ("filters.remove", Right::EditScripts, One, |app, of| {
        app.filters().remove(of.saved)?;
        app.filters().save(of.saved, "klass eq \"gold\"").map(drop)
    }),
    ("scripts.find_version", Right::Look, Own, |app, _| app.scripts().find_version("saved", None).map(drop)),
    ("scripts.find_version", Right::Look, One, |app, of| {
        app.scripts().find_version(of.saved, None).map(drop)
    }),
    ("scripts.find_latest", Right::Look, One, |app, of| {
        app.scripts().find_latest(of.saved)?.map(drop).ok_or_else(|| StoreError::NoSuch(String::new()).into())
    }),
    ("scripts.list", Right::Look, Own, |app, _| app.scripts().list().map(drop)),
    ("scripts.list_versions", Right::Look, One, |app, of| app.scripts().list_versions(of.saved).map(drop)),
    ("scripts.list_after", Right::Look, Own, |app, _| app.scripts().list_after(None, 9).map(drop)),
    ("scripts.list_versions_after", Right::Look, One, |app, of| {
        app.scripts().list_versions_after(of.saved, None, 9).map(drop)
    }),
    ("scripts.save", Right::EditScripts, Everywhere, |app, _| {
        app.scripts().save(":saved", "pass", "").map(drop)
    }),
    ("scripts.save", Right::EditScripts, One, |app, of| app.scripts().save(of.saved, "pass", "").map(drop)),
    ("scripts.save_if_match", Right::EditScripts, Everywhere, |app, _| {
        app.scripts().save_if_match(":saved", "pass", "", Expected::Anything).map(drop)
    }),
    ("scripts.save_if_match", Right::EditScripts, One, |app, of| {
        app.scripts().save_if_match(of.saved, "pass", "", Expected::Anything).map(drop)
    }),
    ("scripts.save_draft", Right::EditScripts, Everywhere, |app, _| {
        app.scripts().save_draft(":saved", "if", "", Expected::Anything)?;
        app.scripts().save(":saved", "pass", "").map(drop)
    }),
    ("scripts.save_draft", Right::EditScripts, One, |app, of| {
        app.scripts().save_draft(of.saved, "if", "", Expected::Anything)?;
        app.scripts().save(of.saved, "pass", "").map(drop)
    }),
    ("scripts.remove_if_match", Right::EditScripts, One, |app, of| {
        outdated(app.scripts().remove_if_match(of.saved, Expected::Revision("0")))
    }),
    ("scripts.restore_version", Right::EditScripts, Everywhere, |app, _| {
        app.scripts().restore_version(":saved", 1, "").map(drop)
    }),
    ("scripts.restore_version", Right::EditScripts, One, |app, of| {
        app.scripts().restore_version(of.saved, 1, "").map(drop)
    }),
    ("scripts.remove", Right::EditScripts, Everywhere, |app, _| {
        app.scripts().remove(":saved")?;
        app.scripts().save(":saved", "pass", "").map(drop)
    }),
    ("scripts.remove", Right::EditScripts, One, |app, of| {
        app.scripts().remove(of.saved)?;
        app.scripts().save(of.saved, "pass", "").map(drop)
    }),
    ("organizations.list", Right::Look, Own, |app, _| app.organizations().list().map(drop)),
    ("organizations.list_after", Right::Look, Own, |app, _| {
        app.organizations().list_after(None, 9).map(drop)
    }),
    ("organizations.add", Right::Administer, Everywhere, |app, _| app.organizations().add("North").map(drop)),
    ("organizations.rename", Right::Administer, Everywhere, |app, _| app.organizations().rename("none", "x")),
    ("organizations.remove", Right::Administer, Everywhere, |app, _| app.organizations().remove("none")),
    ("profiles.list", Right::Look, Own, |app, _| app.profiles().list().map(drop)),
    ("profiles.list_after", Right::Look, Own, |app, _| app.profiles().list_after(None, 9).map(drop)),
    ("profiles.find", Right::Look, Own, |app, _| app.profiles().find("plus").map(drop)),
    ("profiles.find", Right::Look, One, |app, of| app.profiles().find(of.profile).map(drop)),
    ("profiles.add", Right::Administer, Everywhere, |app, _| {
        app.profiles().add("plus", Some(""), &[], &[]).map(drop)
    }),
    ("profiles.add", Right::Administer, One, |app, of| {
        app.profiles().add(of.profile, Some(of.organization), &[], &[]).map(drop)
    }),
    ("profiles.edit", Right::Administer, Everywhere, |app, _| {
        app.profiles().edit("plus", &[], &[], Expected::Anything).map(drop)
    }),
    ("profiles.edit", Right::Administer, One, |app, of| {
        app.profiles().edit(of.profile, &[], &[], Expected::Anything).map(drop)
    }),
    ("profiles.remove_if_match", Right::Administer, One, |app, of| {
        outdated(app.profiles().remove_if_match(of.profile, Expected::Revision("another")))
    }),
    ("profiles.remove", Right::Administer, Everywhere, |app, _| {
        app.profiles().remove("plus")?;
        app.profiles().add("plus", Some(""), &[], &[]).map(drop)
    }),
    ("profiles.remove", Right::Administer, One, |app, of| {
        app.profiles().remove(of.profile)?;
        app.profiles().add(of.profile, Some(of.organization), &[], &[]).map(drop)
    }),
    ("administrators.find", Right::Administer, One, |app, of| {
        app.administrators().find(of.administrator).map(drop)
    }),
    ("administrators.list", Right::Administer, Own, |app, _| app.administrators().list().map(drop)),
    ("administrators.list_after", Right::Administer, Own, |app, _| {
        app.administrators().list_after(None, 9).map(drop)
    }),
    ("administrators.add", Right::Administer, Own, |app, _| {
        app.administrators().add("taken", &[within(app)]).map(drop)
    }),
    ("administrators.grant_role", Right::Administer, One, |app, of| {
        app.administrators().grant_role(of.administrator, &within(app))
    }),
    ("administrators.revoke_role", Right::Administer, One, |app, of| {
        app.administrators().revoke_role(of.administrator, &within(app)).map(drop)
    }),
    ("administrators.remove", Right::Administer, Own, |app, _| app.administrators().remove("nobody")),
    ("administrators.open_credentials", Right::Administer, One, |app, of| {
        app.administrators().open_credentials(of.administrator).map(drop)
    }),
    ("maintenance.prune", Right::Administer, Everywhere, |app, _| {
        app.maintenance().prune(Some("99y".parse()?), &Stop::default(), |_| {}).map(drop)
    }),
    ("settings.radius_retention", Right::Look, Own, |app, _| {
        app.settings().radius_retention(RadiusRecords::Logins).map(drop)
    }),
    ("settings.set_radius_retention", Right::Administer, Everywhere, |app, _| {
        app.settings().set_radius_retention(RadiusRecords::Sessions, None)
    }),
    ("settings.prune_after", Right::Look, Own, |app, _| app.settings().prune_after().map(drop)),
    ("radius.dictionary", Right::Look, Own, |app, _| app.radius().dictionary().map(drop)),
    ("radius.list_warnings", Right::Look, Own, |app, _| app.radius().list_warnings([]).map(drop)),
    ("radius.load_dictionary", Right::Administer, Everywhere, |app, _| {
        let nothing = app.radius().load_dictionary(std::path::Path::new("/nowhere/at/all"));
        nothing.map(drop).or_else(|error| match error {
            AppError::File { .. } => Ok(()),
            error => Err(error),
        })
    }),
    ("radius.forget_dictionary", Right::Administer, Everywhere, |app, _| app.radius().forget_dictionary()),
    ("settings.time_zone", Right::Look, Own, |app, _| app.settings().time_zone().map(drop)),
    ("settings.set_time_zone", Right::Administer, Everywhere, |app, _| app.settings().set_time_zone(None)),
    ("settings.strict_attributes", Right::Look, Own, |app, _| app.settings().strict_attributes().map(drop)),
    ("settings.set_strict_attributes", Right::Administer, Everywhere, |app, _| {
        app.settings().set_strict_attributes(false)
    }),
    ("radius.import_database", Right::Administer, Everywhere, |app, _| {
        let from = &Location::Sqlite("/nowhere/at/all.db".into());
        let wanted = RadiusImport { from, organization: "North", rehearse: true };
        app.radius().import_database(wanted, &mut |_, _| {}).map(drop).or_else(|error| match error {
            AppError::Store(StoreError::Missing(_)) => Ok(()),
            error => Err(error),
        })
    }),
    ("radius.compute_reply", Right::Look, One, |app, of| {
        app.radius().compute_reply(&app.users().find(of.user)?).map(drop)
    }),
    ("radius.compute_planned_replies", Right::Look, One, |app, of| {
        app.runs()
            .list_outcomes(&app.runs().find(of.preview)?, None)?
            .try_for_each(|outcome| app.radius().compute_planned_replies(&outcome?).map(drop))
    }),
    ("runs.find_last_of_script", Right::Look, Own, |app, of| {
        app.runs().find_last_of_script(of.saved).map(drop)
    }),
    ("radius.compute_replies_around", Right::Look, One, |app, of| {
        let run = app.runs().find(of.run)?;
        app.runs()
            .list_outcomes(&run, None)?
            .try_for_each(|outcome| app.radius().compute_replies_around(&run, &outcome?).map(drop))
    }),
    ("radius.compute_planned_replies_for", Right::Look, One, |app, of| {
        app.radius().compute_planned_replies_for(of.preview, of.user).map(drop)
    }),
    ("radius.check_setup", Right::Administer, Everywhere, |app, _| {
        app.radius().check_setup("nobody", None).map(drop)
    }),
    ("radius.create_config", Right::Administer, Everywhere, |app, _| {
        app.radius().create_config("freeradius").map(drop)
    }),
    ("settings.set_prune_after", Right::Administer, Everywhere, |app, _| {
        app.settings().set_prune_after(None)
    }),
    ("maintenance.migrate_to", Right::Administer, Everywhere, |app, _| {
        let nowhere = Location::Sqlite("/nowhere/at/all.db".into());
        app.maintenance().migrate_to(&nowhere, &mut |_| {}).map(drop)
    }),
    ("audit.list", Right::Administer, Everywhere, |app, _| {
        app.audit().list(&AuditQuery::default())?.try_for_each(|entry| entry.map(drop))
    }),
    ("audit.list_after", Right::Administer, Everywhere, |app, _| {
        app.audit().list_after(&AuditQuery::default(), None, 9).map(drop)
    }),
    ("audit.list_before", Right::Administer, Everywhere, |app, _| {
        app.audit().list_before(&AuditQuery::default(), None, 9).map(drop)
    }),
    ("audit.head", Right::Administer, Everywhere, |app, _| app.audit().head().map(drop)),
    ("audit.verify", Right::Administer, Everywhere, |app, _| app.audit().verify(None, |_| {}).map(drop)),
    ("audit.export", Right::Administer, Everywhere, |app, _| app.audit().export("nowhere").map(drop)),
    ("maintenance.has_sample_data", Right::Look, Own, |app, _| app.maintenance().has_sample_data().map(drop)),
    ("maintenance.add_sample_data", Right::Administer, Everywhere, |app, _| {
        match app.maintenance().add_sample_data(0, |_| {}) {
            // There are users.
            Err(AppError::Conflict(_)) => Ok(()),
            done => done,
        }
    }),
    ("imports.check", Right::EditUsers, Own, |app, _| {
        app.imports().check(users_table("username\n"), &ImportRequest::default(), &mut ()).map(drop)
    }),
    ("runs.outcome_timeline", Right::Look, One, |app, of| {
        app.runs().outcome_timeline(&app.runs().find(of.run)?, 10).map(drop)
    }),
    ("runs.outcome_distribution", Right::Look, One, |app, of| {
        app.runs().outcome_distribution(&app.runs().find(of.run)?, 10).map(drop)
    }),
    ("runs.create", Right::Execute, Own, |app, _| {
        run(app, Mode::Apply, Choice::Users(UserSelection::default()))
    }),
    ("runs.create", Right::Report, Own, |app, _| {
        run(app, Mode::Preview, Choice::Users(UserSelection::default()))
    }),
    ("runs.create", Right::Report, One, |app, of| run(app, Mode::Preview, Choice::Outcomes(of.run, None))),
    ("runs.read_rows", Right::Report, Own, |app, _| {
        let wanted = RowsRequest { file: "x.csv", skip_unmatched: true, ..RowsRequest::default() };
        app.runs().read_rows(table(), &wanted, &mut Rows).map(drop)
    }),
    ("uploads.add", Right::Report, Own, |app, _| {
        app.uploads().add("x.csv", Cursor::new("username\n")).map(drop)
    }),
    ("uploads.start", Right::Report, Own, |app, _| app.uploads().start("x.csv").map(drop)),
    ("uploads.list_after", Right::Report, Own, |app, _| app.uploads().list_after(None, 9).map(drop)),
    ("uploads.find", Right::Report, One, |app, of| app.uploads().find(of.upload).map(drop)),
    ("uploads.open", Right::Report, One, |app, of| app.uploads().open(of.upload).map(drop)),
    ("uploads.read_rows", Right::Report, One, |app, of| {
        app.uploads()
            .read_rows(of.upload, &TableOptions::default(), &RowsRequest::default(), &mut Rows)
            .map(drop)
    }),
    // One of its own, so that this one stays for others.
    ("uploads.remove", Right::Report, One, |app, of| {
        app.uploads().find(of.upload)?;
        let another = app.uploads().add("x.csv", Cursor::new("username\n"))?.id;
        app.uploads().remove(another)
    }),
    ("runs.find", Right::Look, One, |app, of| app.runs().find(of.run).map(drop)),
    ("runs.load_source", Right::Look, One, |app, of| {
        app.runs().load_source(&app.runs().find(of.run)?).map(drop)
    }),
    ("runs.list", Right::Look, Own, |app, _| app.runs().list()?.try_for_each(|run| run.map(drop))),
    ("runs.list_outcomes", Right::Look, One, |app, of| {
        app.runs().list_outcomes(&app.runs().find(of.run)?, None)?.try_for_each(|outcome| outcome.map(drop))
    }),
    ("runs.list_after", Right::Look, Own, |app, _| {
        app.runs().list_after(&RunQuery::default(), None, 9).map(drop)
    }),
    ("runs.list_outcomes_after", Right::Look, One, |app, of| {
        app.runs().list_outcomes_after(&app.runs().find(of.run)?, None, None, 9).map(drop)
    }),
    ("runs.count_refused_targets", Right::Look, One, |app, of| {
        app.runs().count_refused_targets(&app.runs().find(of.run)?).map(drop)
    }),
    ("runs.group_problems", Right::Look, One, |app, of| {
        app.runs().group_problems(&app.runs().find(of.run)?).map(drop)
    }),
    ("runs.group_changes", Right::Look, One, |app, of| {
        app.runs().group_changes(&app.runs().find(of.run)?, 9).map(drop)
    }),
    ("runs.has_results", Right::Look, One, |app, of| {
        app.runs().has_results(&app.runs().find(of.run)?).map(drop)
    }),
    ("runs.list_result_columns", Right::Look, One, |app, of| {
        app.runs().list_result_columns(&app.runs().find(of.run)?, None).map(drop)
    }),
    ("runs.find_applying", Right::Look, One, |app, of| app.runs().find_applying(of.preview).map(drop)),
    ("runs.find_undoing", Right::Look, One, |app, of| app.runs().find_undoing(of.run).map(drop)),
    ("runs.apply", Right::Execute, One, |app, of| {
        let wanted = ApplyRequest { plan: None, options: options() };
        app.runs().apply(of.preview, &wanted, &Stop::default(), &mut Quiet).map(drop)
    }),
    ("runs.approve", Right::Execute, One, |app, of| {
        app.runs().approve(of.preview, None, &mut |_| true).map(drop)
    }),
    ("runs.list_approvals", Right::Look, One, |app, of| {
        app.runs().list_approvals(&app.runs().find(of.preview)?).map(drop)
    }),
    ("runs.find_missing_approval", Right::Look, One, |app, of| {
        app.runs().find_missing_approval(&app.runs().find(of.preview)?).map(drop)
    }),
    ("settings.four_eyes_above", Right::Look, Own, |app, _| app.settings().four_eyes_above().map(drop)),
    ("settings.set_four_eyes_above", Right::Administer, Everywhere, |app, _| {
        app.settings().set_four_eyes_above(None)
    }),
    ("runs.undo", Right::Execute, One, |app, of| {
        let wanted = UndoRequest { mode: Mode::Apply, user: None, options: options() };
        app.runs().undo(of.run, &wanted, &Stop::default(), &mut Quiet).map(drop)
    }),
    ("runs.retry", Right::Execute, One, |app, of| {
        let again = Again::Failed;
        let wanted = RetryRequest {
            again,
            preview: true,
            execution: execution(),
            time_limit: None,
            options: options(),
        };
        app.runs().retry(of.run, &wanted, &Stop::default(), &mut Quiet).map(drop)
    }),
    ("runs.resume", Right::Execute, One, |app, of| {
        let (execution, brakes) = (execution(), Brakes::default());
        let wanted = ResumeRequest { execution, time_limit: None, brakes, confirmed: true, queue: false };
        app.runs().resume(of.run, &wanted, &Stop::default(), &mut Quiet).map(drop)
    }),
    ("scripts.test", Right::Report, One, |app, of| {
        let script = request("user.klass = 'x'", Mode::Preview).script;
        let (username, execution) = (of.user.to_owned(), execution());
        let wanted = ScriptTestRequest { script, username, params: Vec::new(), row: Vec::new(), execution };
        app.scripts().test(&wanted).map(drop)
    }),
    ("runs.start_held", Right::Execute, One, |app, of| app.runs().start_held(of.run, 2).map(drop)),
    ("runs.cancel", Right::Execute, One, |app, of| app.runs().cancel(of.run).map(drop)),
    ("runs.watch", Right::Look, One, |app, of| {
        app.runs().watch(of.run, &Stop::default(), &mut Quiet).map(drop)
    }),
    ("workers.any_available", Right::Look, Own, |app, _| app.workers().any_available().map(drop)),
    ("workers.list", Right::Look, Everywhere, |app, _| app.workers().list().map(drop)),
    ("maintenance.collect_statistics", Right::Look, Everywhere, |app, _| {
        app.maintenance().collect_statistics().map(drop)
    }),
    ("workers.execute_runs", Right::Execute, Everywhere, |app, _| {
        app.workers().execute_runs(&execution(), &Arc::new(true.into()), &mut |_| {})
    }),
];

/// The text of every source file in a folder.
fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(std::fs::read_to_string(&path).unwrap());
        }
    }
    found
}

/// The name of a public function whose signature starts on this line of an `impl`.
fn public_function(line: &str) -> Option<&str> {
    let qualified = line.strip_prefix("    pub ")?;
    let (qualifiers, rest) = qualified.split_once("fn ")?;
    let is_plain = qualifiers.split_whitespace().all(|word| ["async", "const", "unsafe"].contains(&word));
    is_plain.then(|| rest.split(['(', '<']).next()).flatten()
}

/// The type for which a line begins an `impl` of its own methods.
fn implemented(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("impl")?;
    let rest = if rest.starts_with('<') { rest.split_once("> ")?.1 } else { rest.trim_start() };
    let name = rest.strip_suffix(" {")?;
    (!name.contains(" for ")).then(|| name.split('<').next()).flatten()
}

/// The type of a handle that a method of `App` gives: `pub fn runs(&self) -> RunOperations<'_> {`.
fn handle(line: &str) -> Option<&str> {
    line.split_once("(&self) -> ")?.1.strip_suffix("<'_> {")
}

/// The public methods of `App` and of every handle that one of them gives: `acting_as`, `runs.find`.
fn operations(sources: &[String]) -> BTreeSet<String> {
    let (mut methods, mut areas) = (Vec::new(), BTreeMap::new());
    for text in sources {
        let mut inside = "";
        for line in text.lines() {
            if line.starts_with("impl") {
                inside = implemented(line).unwrap_or_default();
            } else if line == "}" {
                inside = "";
            }
            let Some(name) = public_function(line) else { continue };
            match handle(line).filter(|_| inside == "App") {
                Some(handle) => drop(areas.insert(handle, name)),
                None => methods.push((inside, name)),
            }
        }
    }
    let named = methods.into_iter().filter_map(|(of, name)| match areas.get(of) {
        Some(area) => Some(format!("{area}.{name}")),
        None => (of == "App").then(|| name.to_owned()),
    });
    named.collect()
}

#[test]
fn every_operation_has_a_row() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let rows = CASES.iter().map(|(name, ..)| *name).chain(NONE).map(str::to_owned).collect();
    assert_eq!(operations(&sources), rows);
}

#[test]
fn operations_finds_methods_of_new_handles() {
    let source = "\
impl App {
    pub fn doors(&self) -> DoorOperations<'_> {
    }

    pub fn lock(&self) {}
    pub(crate) fn hidden(&self) {}
}

impl<'a> DoorOperations<'a> {
    pub fn open<'b>(
        self,
    ) {
    }

    pub const fn close(self) {}
    fn hidden(self) {}
}

impl DoorOperations<'_> {
    pub async fn paint(self) {}
}

impl Drop for DoorOperations<'_> {
    fn drop(&mut self) {}
}

impl Window {
    pub fn open(&self) {}
}
";
    let found: Vec<_> = operations(&[source.to_owned()]).into_iter().collect();
    assert_eq!(found, ["doors.close", "doors.open", "doors.paint", "lock"]);
}

#[test]
fn who_lacks_a_right_is_refused_and_what_is_others_does_not_exist() {
    let database = TestDatabase::new();
    let as_actor = |actor| App::new(database.open(), Arc::new(TestClock::at(NOW)), Zone::utc(), actor);
    let root = as_actor(Actor::account("cli:test".to_owned()));
    root.profiles().add("plus", None, &[], &[]).unwrap();
    let users = "username,organization\nnorth,North\nsouth,South\n";
    let creating = ImportRequest { create_organizations: true, ..ImportRequest::default() };
    root.imports().apply(users_table(users), &creating, &mut ()).unwrap();
    root.filters().save("gold", "klass eq \"gold\"").unwrap();
    root.scripts().save("saved", "pass", "").unwrap();
    let organizations = root.organizations().list().unwrap();
    let id = |name: &str| organizations.iter().find(|each| each.name == name).unwrap().id;
    let theirs =
        [("north", "North", "North:own", "plus-north"), ("south", "South", "South:own", "plus-south")].map(
            |(user, organization, saved, profile)| {
                root.filters().save(saved, "klass eq \"gold\"").unwrap();
                root.scripts().save(saved, "pass", "").unwrap();
                root.profiles().add(profile, Some(organization), &[], &[]).unwrap();
                let grant = Grant { role: Role::Operator, organization_id: Some(id(organization)) };
                root.administrators().add(user, &[grant]).unwrap();
                let app = root.acting_as(user).unwrap();
                let made = [Mode::Preview, Mode::Apply].map(|mode| {
                    let source = format!("user.klass = '{mode:?}'");
                    app.runs().create(&request(&source, mode), &Stop::default(), &mut Quiet).unwrap().id
                });
                let [preview, run] = made;
                let id = root.users().find(user).unwrap().id;
                let upload = app.uploads().add("x.csv", Cursor::new("username\nzz\n")).unwrap().id;
                Theirs { user, id, preview, run, upload, administrator: user, organization, saved, profile }
            },
        );
    let [north, south] = &theirs;

    let mut seen = [0; 3];
    for role in Role::ALL {
        for organization_id in [None, Some(id("North"))] {
            let who = format!("{role}{}", organization_id.map_or("", |_| "-north"));
            root.administrators().add(&who, &[Grant { role, organization_id }]).unwrap();
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
