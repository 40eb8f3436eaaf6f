use std::process::ExitCode;

use clap::Args;
use rollcall_api::{Change, FieldChange, HistoryEntry};
use rollcall_domain::{Timestamp, UserId, Value};
use serde::Serialize;

use crate::backend::Backend;
use crate::failure::Usage;
use crate::output::{Format, Listing};
use crate::show::{plain_change, times};
use crate::style::tell;
use rollcall_domain::Times;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rollcall users history ana.berg7\n  rollcall users history --obj-id 4711 --format json\n\n\
                  Newest first, with changes under earlier usernames. Pruned changes are missing."
)]
pub(crate) struct History {
    /// The current username
    #[arg(required_unless_present = "obj_id")]
    username: Option<String>,
    /// The ID of the user (obj_id), for example of a removed user
    #[arg(long, value_name = "N", conflicts_with = "username")]
    obj_id: Option<UserId>,
    /// The output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// One change: a line of the history.
#[derive(Serialize)]
struct Line<'a> {
    at: Timestamp,
    run_id: Option<i64>,
    target: Option<i64>,
    script: Option<&'a str>,
    script_version: Option<i64>,
    applies_run_id: Option<i64>,
    undoes_run_id: Option<i64>,
    administrator: &'a str,
    #[serde(flatten)]
    change: &'a Change,
    /// Of a field these are in the change already.
    #[serde(flatten)]
    sides: Option<Sides>,
}

/// What there was and what there is, in words.
#[derive(Serialize)]
struct Sides {
    before: Option<String>,
    after: Option<String>,
}

impl Sides {
    /// Moments as `time` writes them.
    fn of(change: &Change, time: impl Fn(Timestamp) -> String) -> Self {
        let added = |what: String| Self { before: None, after: Some(what) };
        let removed = |what: String| Self { before: Some(what), after: None };
        match change {
            Change::Set(FieldChange { before, after, .. }) => {
                let text = |value: &Value| match value {
                    Value::Time(at) => at.map(&time),
                    other => Some(other.as_ref().to_string()),
                };
                Self { before: text(before), after: text(after) }
            }
            Change::ProfileAdd { short_name } => added(short_name.clone()),
            Change::ProfileRemove { short_name } => removed(short_name.clone()),
            Change::AttributeAdd(row) | Change::CheckAttributeAdd(row) => added(row.to_string()),
            Change::AttributeRemove(row) | Change::CheckAttributeRemove(row) => removed(row.to_string()),
        }
    }
}

/// What was changed, in one word or two.
fn subject(change: &Change) -> &'static str {
    match change {
        Change::Set(change) => change.field.name(),
        Change::ProfileAdd { .. } | Change::ProfileRemove { .. } => "profile",
        Change::AttributeAdd(_) | Change::AttributeRemove(_) => "attribute",
        Change::CheckAttributeAdd(_) | Change::CheckAttributeRemove(_) => "check attribute",
    }
}

impl History {
    pub(super) fn run(self, backend: &Backend) -> anyhow::Result<ExitCode> {
        let (id, name) = match (self.obj_id, self.username) {
            (Some(id), _) => (id, format!("user {id}")),
            (None, Some(name)) => match backend.user(&name) {
                Ok(user) => (user.obj_id, name),
                Err(error) => {
                    anyhow::bail!("{error}; one who was removed is found by number, with --obj-id")
                }
            },
            (None, None) => return Err(Usage("name a user".to_owned()).into()),
        };
        let columns: &[&str] = match self.format {
            Format::Csv => {
                &["at", "run", "script", "script_version", "administrator", "what", "before", "after"]
            }
            _ => &["at", "run", "script", "administrator", "change"],
        };
        let events = backend.history(id)?;
        let times = times(self.format, backend.zone()?);
        let mut listing = Listing::new(self.format, columns)?;
        let mut any = false;
        for event in events {
            let event = event?;
            for change in &event.changes {
                listing.push(|| cells(self.format, &event, change, &times), &line(&event, change))?;
                any = true;
            }
        }
        listing.finish()?;
        if !any && self.format == Format::Table {
            tell(format_args!("nothing that is known was changed of {name}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn cells(format: Format, event: &HistoryEntry, change: &Change, times: &Times) -> Vec<String> {
    let run = event.run_id.map_or_else(String::new, |run| run.to_string());
    let script = event.script.clone().unwrap_or_default();
    if format == Format::Csv {
        let Sides { before, after } = Sides::of(change, |time| times.exact(time));
        return vec![
            times.exact(event.at),
            run,
            script,
            event.script_version.map_or_else(String::new, |version| version.to_string()),
            event.administrator.clone(),
            subject(change).to_owned(),
            before.unwrap_or_default(),
            after.unwrap_or_default(),
        ];
    }
    let script = match (event.run_id, event.undoes_run_id) {
        (None, _) => "by hand".to_owned(),
        (Some(_), undone) => {
            let script = event.script_version.map_or(script.clone(), |version| format!("{script}@{version}"));
            undone.map_or(script.clone(), |undone| format!("undo of {undone} ({script})"))
        }
    };
    vec![times.short(event.at), run, script, event.administrator.clone(), plain_change(change, times)]
}

fn line<'a>(event: &'a HistoryEntry, change: &'a Change) -> Line<'a> {
    Line {
        at: event.at,
        run_id: event.run_id,
        target: event.target,
        script: event.script.as_deref(),
        script_version: event.script_version,
        applies_run_id: event.applies_run_id,
        undoes_run_id: event.undoes_run_id,
        administrator: &event.administrator,
        sides: (!matches!(change, Change::Set(_))).then(|| Sides::of(change, |time| time.to_string())),
        change,
    }
}
