//! What a server answers, as what [`rollcall_app::App`] would have given. What no command shows is not told by a server,
//! and is nothing here.

use std::borrow::Cow;

use rollcall_app::runs::{Failure, Group, RefusedCalls, ResultColumns, Troubles, Warned, WorkerInfo};
use rollcall_app::{Imported, Pruned};
use rollcall_domain::{
    Answered, Approval, Assignment, AuditEntry, Change, Counts, Item, ItemRow, Organization, Outcome,
    Profile, RefusedCall, Reply, Run, RunState, SavedFilter, Scope, ScriptVersion, Session, Tally,
    TargetOutcome, User,
};
use rollcall_store::{ByRun, Event};
use serde_json::value::RawValue;

use crate::contract;

impl From<contract::Item> for Item {
    fn from(item: contract::Item) -> Self {
        Self { attr: item.attr, operation: item.operation, value: item.value }
    }
}

fn row(item: contract::Item) -> ItemRow {
    ItemRow::new(item.into(), 0)
}

fn rows(items: Vec<contract::Item>) -> Vec<ItemRow> {
    (0..).zip(items).map(|(position, item)| ItemRow::new(item.into(), position)).collect()
}

fn assignment(short_name: String, priority: i64) -> Assignment {
    Assignment { id: 0, short_name, priority }
}

impl From<contract::User> for User {
    fn from(user: contract::User) -> Self {
        Self {
            id: user.obj_id,
            version: 0,
            username: user.username,
            username_length: user.username_length,
            first_name: user.first_name,
            last_name: user.last_name,
            email: user.email,
            external_id: user.external_id,
            klass: user.klass,
            is_active: user.is_active,
            date_joined: user.date_joined,
            first_login: user.first_login,
            last_login: user.last_login,
            expiration: user.expiration,
            last_update: user.last_update,
            organization_id: user.organization_id,
            avatar_url: user.avatar_url,
            description: user.description,
            profiles: (0..).zip(user.profiles).map(|(priority, name)| assignment(name, priority)).collect(),
            attributes: rows(user.attributes),
            check_attributes: rows(user.check_attributes),
        }
    }
}

impl From<contract::Change> for Change {
    fn from(change: contract::Change) -> Self {
        use contract::Change as Told;
        match change {
            Told::Set(change) => Self::Set(change),
            Told::ProfileAdd { short_name } => Self::ProfileAdd(assignment(short_name, 0)),
            Told::ProfileRemove { short_name } => Self::ProfileRemove(assignment(short_name, 0)),
            Told::AttributeAdd(item) => Self::AttributeAdd(row(item)),
            Told::AttributeRemove(item) => Self::AttributeRemove(row(item)),
            Told::CheckAttributeAdd(item) => Self::CheckAttributeAdd(row(item)),
            Told::CheckAttributeRemove(item) => Self::CheckAttributeRemove(row(item)),
        }
    }
}

impl From<contract::Event> for Event {
    fn from(event: contract::Event) -> Self {
        let contract::Event {
            at,
            administrator,
            run,
            target,
            script,
            script_version,
            applies,
            undoes,
            changes,
        } = event;
        let by = run.map(|run| ByRun {
            run,
            target: target.unwrap_or_default(),
            script: script.unwrap_or_default(),
            script_version,
            applies,
            undoes,
        });
        let key = (at, run.unwrap_or_default(), target.unwrap_or_default());
        Self { at, administrator, by, changes: changes.into_iter().map(Change::from).collect(), key }
    }
}

impl From<contract::Imported> for Imported {
    fn from(imported: contract::Imported) -> Self {
        let contract::Imported { users, left_out, organizations, warnings, notes } = imported;
        Self { users, left_out, organizations, warnings, notes }
    }
}

/// Those that had no turn are counted of a run only that nobody is at, and not in its row.
fn counted(told: &Tally) -> Tally {
    let mut tally = Tally::default();
    told.iter()
        .filter(|(outcome, _)| *outcome != Outcome::NotRun)
        .for_each(|(outcome, n)| tally.add(outcome, n));
    tally
}

impl From<contract::Run> for Run {
    fn from(run: contract::Run) -> Self {
        let standing = run.standing.as_ref();
        let held = standing.map_or(run.state == RunState::Selecting, |standing| standing.held);
        Self {
            id: run.run,
            mode: run.mode,
            state: run.state,
            holder: (!held).then(String::new),
            script: run.script,
            script_version: run.script_version,
            params: run.params.map_or_else(|| "{}".to_owned(), |params| params.get().to_owned()),
            selection: run.selection,
            columns: standing.and_then(|standing| standing.columns.clone()),
            repeats: false,
            administrator: run.administrator,
            administrator_id: None,
            scope: run.organizations.map_or(Scope::Everywhere, |organizations| {
                Scope::Within(organizations.into_iter().collect())
            }),
            created_at: run.created_at,
            ended_at: None,
            targets: run.targets,
            cursor: 0,
            tally: counted(&run.outcomes),
            millis: millis(run.seconds),
            applies: run.applies,
            undoes: run.undoes,
            confirmed: standing.is_some_and(|standing| standing.confirmed),
            settings: run.settings,
            deactivated: 0,
            braked_from: Counts::default(),
            plan: run.plan,
            token: 0,
            leased_until: None,
            pruned_at: run.pruned_at,
            planned: 0,
            note: run.note,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "they were whole milliseconds before")]
fn millis(seconds: f64) -> i64 {
    (seconds * 1_000.0).round() as i64
}

impl From<contract::Approval> for Approval {
    fn from(approval: contract::Approval) -> Self {
        let contract::Approval { who, at, plan } = approval;
        Self { plan, who, administrator_id: None, at }
    }
}

impl From<contract::TargetOutcome> for TargetOutcome {
    fn from(outcome: contract::TargetOutcome) -> Self {
        Self {
            username: outcome.username,
            changes: outcome.changes.into_iter().map(Change::from).collect(),
            result: outcome.result.map(|result| RawValue::get(&result).to_owned()),
            output: outcome.output,
            warnings: outcome.warnings,
            refused_calls: outcome.refused_calls,
            error: outcome.error,
            mismatches: outcome.mismatches,
            reason: outcome.reason,
            micros: outcome.micros.unwrap_or_default(),
            cells: outcome.row.map(|row| row.cells),
            ..Self::new(outcome.target, outcome.obj_id, outcome.outcome)
        }
    }
}

impl From<contract::Group> for Group {
    fn from(group: contract::Group) -> Self {
        Self { users: group.users, changes: group.changes, examples: group.examples }
    }
}

impl From<contract::Troubles> for Troubles {
    fn from(troubles: contract::Troubles) -> Self {
        let refused = troubles.refused_calls.into_iter();
        let warnings = troubles.warnings.into_iter();
        let failures = troubles.failures.into_iter();
        Self {
            refused_calls: refused
                .map(|each| RefusedCalls {
                    call: RefusedCall { message: each.message, line: each.line },
                    users: each.users,
                    example: each.example,
                })
                .collect(),
            refused_targets: troubles.refused_targets,
            warnings: warnings
                .map(|each| Warned { warning: each.warning, users: each.users, example: each.example })
                .collect(),
            failures: failures
                .map(|each| Failure {
                    outcome: each.outcome,
                    error: each.error,
                    users: each.users,
                    example: each.example,
                })
                .collect(),
            printed: troubles.printed,
        }
    }
}

impl From<contract::ResultColumns> for ResultColumns {
    fn from(columns: contract::ResultColumns) -> Self {
        Self { names: columns.names, more: columns.more }
    }
}

impl From<contract::Organization> for Organization {
    fn from(organization: contract::Organization) -> Self {
        Self { id: organization.id, name: organization.name }
    }
}

impl From<contract::Profile> for Profile {
    fn from(profile: contract::Profile) -> Self {
        Self {
            id: profile.id,
            short_name: profile.short_name,
            organization: profile.organization.map(Into::into),
            reply: profile.reply.into_iter().map(Item::from).collect(),
            check: profile.check.into_iter().map(Item::from).collect(),
        }
    }
}

impl From<contract::Filter> for SavedFilter {
    fn from(saved: contract::Filter) -> Self {
        Self {
            name: saved.name,
            organization: saved.organization.map(Into::into),
            filter: saved.filter,
            administrator: saved.administrator,
            saved_at: saved.saved_at,
        }
    }
}

impl From<contract::Script> for ScriptVersion {
    fn from(version: contract::Script) -> Self {
        Self {
            script: version.script,
            organization: version.organization.map(Into::into),
            version: version.version,
            administrator: version.administrator,
            saved_at: version.saved_at,
            note: version.note,
            source: version.source,
        }
    }
}

impl From<contract::Worker> for WorkerInfo {
    fn from(worker: contract::Worker) -> Self {
        let contract::Worker { host, pid, alive, draining, started_at, seen_at, crew, run, committed, speed } =
            worker;
        Self { host, pid, alive, started_at, seen_at, crew, run, committed, speed, draining }
    }
}

impl From<contract::Pruned> for Pruned {
    fn from(pruned: contract::Pruned) -> Self {
        let contract::Pruned { runs, rows, kept, logins, sessions } = pruned;
        Self { runs, rows, kept, logins, sessions }
    }
}

impl From<contract::Session> for Session {
    fn from(session: contract::Session) -> Self {
        let contract::Session { session_id, created_at, seen_at, expires_at, address, agent } = session;
        Self { id: session_id, created_at, seen_at, expires_at, address, agent }
    }
}

impl From<contract::Entry> for AuditEntry {
    fn from(entry: contract::Entry) -> Self {
        let contract::Entry { number, at, who, administrator_id, organization_id, action, subject, .. } =
            entry;
        let contract::Entry { detail, address, previous, hash, .. } = entry;
        Self {
            number,
            at,
            who,
            administrator_id,
            organization_id,
            action,
            subject,
            detail,
            address,
            previous,
            hash,
        }
    }
}

impl From<contract::Reply> for Reply {
    fn from(reply: contract::Reply) -> Self {
        let contract::Reply { rejected, conditions, checks, items } = reply;
        let answered = |contract::Answered { attr, value, conditions }| Answered { attr, value, conditions };
        let items = items.into_iter().map(answered).collect();
        Self { rejected: rejected.map(Cow::Owned), conditions, checks, items }
    }
}
