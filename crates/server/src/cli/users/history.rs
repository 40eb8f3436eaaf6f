use std::process::ExitCode;

use clap::Args;
use rollcall_domain::{Change, FieldChange, Timestamp, UserId, Value};
use rollcall_store::Event;
use serde::Serialize;

use crate::contract;
use crate::failure::Usage;
use crate::output::{Format, Listing};
use crate::remote::Site;
use crate::show::{Times, change_line};
use crate::style::tell;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rollcall users history ana.berg7\n  rollcall users history --obj-id 4711 --format json\n\n\
                  Newest first; by runs and by hand, whatever the user was called then. What was pruned is missing."
)]
pub(crate) struct History {
    /// The username of now
    #[arg(required_unless_present = "obj_id")]
    username: Option<String>,
    /// The user's number, such as that of one who was removed
    #[arg(long, value_name = "N", conflicts_with = "username")]
    obj_id: Option<UserId>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// One change: a line of the history.
#[derive(Serialize)]
struct Line<'a> {
    at: Timestamp,
    run: Option<i64>,
    target: Option<i64>,
    script: Option<&'a str>,
    script_version: Option<i64>,
    applies: Option<i64>,
    undoes: Option<i64>,
    administrator: &'a str,
    #[serde(flatten)]
    change: contract::Change,
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
            Change::ProfileAdd(profile) => added(profile.short_name.clone()),
            Change::ProfileRemove(profile) => removed(profile.short_name.clone()),
            Change::AttributeAdd(row) | Change::CheckAttributeAdd(row) => added(row.to_string()),
            Change::AttributeRemove(row) | Change::CheckAttributeRemove(row) => removed(row.to_string()),
        }
    }
}

/// What was changed, in one word or two.
fn subject(change: &Change) -> &'static str {
    match change {
        Change::Set(change) => change.field.name(),
        Change::ProfileAdd(_) | Change::ProfileRemove(_) => "profile",
        Change::AttributeAdd(_) | Change::AttributeRemove(_) => "attribute",
        Change::CheckAttributeAdd(_) | Change::CheckAttributeRemove(_) => "check attribute",
    }
}

impl History {
    pub(super) fn run(self, site: &Site) -> anyhow::Result<ExitCode> {
        let (id, name) = match (self.obj_id, self.username) {
            (Some(id), _) => (id, format!("user {id}")),
            (None, Some(name)) => match site.user(&name) {
                Ok(user) => (user.id, name),
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
        let events = site.history(id)?;
        let times = Times::new(self.format, site.zone()?);
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

fn cells(format: Format, event: &Event, change: &Change, times: &Times) -> Vec<String> {
    let by = event.by.as_ref();
    let run = by.map_or_else(String::new, |by| by.run.to_string());
    let version = by.and_then(|by| by.script_version);
    if format == Format::Csv {
        let Sides { before, after } = Sides::of(change, |time| times.exact(time));
        return vec![
            times.exact(event.at),
            run,
            by.map_or_else(String::new, |by| by.script.clone()),
            version.map_or_else(String::new, |version| version.to_string()),
            event.administrator.clone(),
            subject(change).to_owned(),
            before.unwrap_or_default(),
            after.unwrap_or_default(),
        ];
    }
    let script = by.map_or_else(
        || "by hand".to_owned(),
        |by| {
            let script =
                version.map_or_else(|| by.script.clone(), |version| format!("{}@{version}", by.script));
            by.undoes.map_or(script.clone(), |undone| format!("undo of {undone} ({script})"))
        },
    );
    let change = anstream::adapter::strip_str(&change_line(change, times)).to_string();
    vec![times.short(event.at), run, script, event.administrator.clone(), change]
}

fn line<'a>(event: &'a Event, change: &'a Change) -> Line<'a> {
    let by = event.by.as_ref();
    Line {
        at: event.at,
        run: by.map(|by| by.run),
        target: by.map(|by| by.target),
        script: by.map(|by| by.script.as_str()),
        script_version: by.and_then(|by| by.script_version),
        applies: by.and_then(|by| by.applies),
        undoes: by.and_then(|by| by.undoes),
        administrator: &event.administrator,
        sides: (!matches!(change, Change::Set(_))).then(|| Sides::of(change, |time| time.to_string())),
        change: change.clone().into(),
    }
}
