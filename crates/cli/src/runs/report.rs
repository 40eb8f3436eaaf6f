use std::io::Write;

use rollcall_api::{
    FailureGroup, PlannedReply, RejectedCallGroup, Run, RunProblems, RunSelection, WarningGroup,
};
use rollcall_domain::{Mode, Outcome, RunState};
use serde_json::value::RawValue;

use crate::Hints;
use crate::backend::Backend;
use crate::output::stdout;
use crate::show::{change_line, noun, tally_line};
use crate::style::{self, paint};
use rollcall_domain::one_line;
use rollcall_domain::{Entries, Times, per_second};
use rollcall_domain::{counted, grouped};

/// Groups of equal changes that are shown.
const GROUPS: usize = 12;
/// Users whose changes are shown one by one.
const DIFFS: usize = 3;

/// Which users a run is about: how they were chosen, and within which organizations.
fn whom(backend: &Backend, run: &Run) -> anyhow::Result<String> {
    let Some(within) = &run.organization_ids else { return Ok(run.selection.to_string()) };
    let known = backend.organizations()?;
    let name = |id| {
        let organization = known.iter().find(|organization| organization.organization_id == id);
        organization.map_or_else(|| format!("organization {id}"), |organization| organization.name.clone())
    };
    let names = within.iter().map(|id| name(*id)).collect::<Vec<_>>().join(", ");
    Ok(match &run.selection {
        RunSelection::All => format!("every user of {names}"),
        selection => format!("{selection}; within {names}"),
    })
}

/// A run for people: counts, changes in groups, a few users' changes, failures in groups, what to do next.
pub(crate) fn report(backend: &Backend, run: &Run, hints: &Hints) -> anyhow::Result<()> {
    let mut out = stdout();
    let script = run.script_name();
    let what = match (run.mode, run.applies_run_id, run.undoes_run_id) {
        (Mode::Preview, _, None) => format!("preview of {script} over"),
        (Mode::Preview, _, Some(undone)) => format!("preview of the undo of run {undone} ({script}) for"),
        (Mode::Apply, _, Some(undone)) => format!("undo of run {undone} ({script}) for"),
        (Mode::Apply, Some(preview), None) => format!("plan of preview {preview} ({script}) written for"),
        (Mode::Apply, None, None) => format!("{script} applied to"),
    };
    let time = format!("{:.1} s", run.duration_seconds);
    // Of a run that was over in no time a rate says nothing.
    let rate = (run.duration_seconds >= 1.0)
        .then(|| per_second(run.finished() as f64 / run.duration_seconds))
        .flatten()
        .map(|rate| format!(", {rate} {}s/s", noun(run)));
    writeln!(
        out,
        "{}  {what} {} ({}): {}",
        paint(style::STRONG, &format!("Run {}", run.run_id)),
        counted(run.targets, noun(run)),
        one_line(&whom(backend, run)?),
        run.state.name(),
    )?;
    // Of a run that somebody is at, or will be.
    let to_do = (!run.state.at_rest() && run.left() > 0).then(|| format!("{} to do", grouped(run.left())));
    let done = (to_do.is_none() || run.finished() > 0).then(|| tally_line(&run.outcomes));
    writeln!(
        out,
        "  {}   {}",
        done.into_iter().chain(to_do).collect::<Vec<_>>().join(" · "),
        paint(style::FAINT, &format!("{time}{}", rate.unwrap_or_default()))
    )?;
    let given = parameters(run);
    if !given.is_empty() {
        writeln!(out, "  {}", paint(style::FAINT, &one_line(&format!("with {given}"))))?;
    }
    if let Some(plan) = &run.plan_hash {
        writeln!(out, "  {}", paint(style::FAINT, &format!("plan {plan}")))?;
    }
    let followed = match run.mode {
        Mode::Preview => applied_by(run).map(|by| format!("applied by run {by}")),
        Mode::Apply => undone_by(run).map(|by| format!("undone by run {by}")),
    };
    if let Some(followed) = followed {
        writeln!(out, "  {}", paint(style::FAINT, &followed))?;
    }
    if let Some(note) = &run.end_reason {
        writeln!(out, "  {}", paint(style::WARN, &one_line(note)))?;
    }
    if let Some(pruned_at) = run.pruned_at {
        let pruned_at = Times::for_people(backend.zone()?).short(pruned_at);
        let why = format!("its outcomes were pruned on {pruned_at}: it can no longer be undone");
        writeln!(out, "  {}", paint(style::WARN, &why))?;
        return Ok(());
    }
    let unapproved = approvals(backend, run, &mut out)?;
    let troubles = backend.troubles(run)?;
    refused_calls(run, &troubles, &mut out)?;
    changes(backend, run, &mut out)?;
    warnings(&troubles.warnings, &mut out)?;
    failures(run, &troubles.failures, &mut out)?;
    if troubles.printed > 0 {
        let printed = counted(troubles.printed, noun(run));
        writeln!(out, "\n{}\n  {printed} printed output", paint(style::STRONG, "Output"))?;
    }
    next_steps(run, hints, (unapproved, troubles.printed > 0), &mut out)
}

/// What a run was given: `days=30, plan="plus"`.
fn parameters(run: &Run) -> String {
    let params = Entries::read(run.params.as_deref().map(RawValue::get)).0;
    params.iter().map(|(name, value)| format!("{name}={}", value.get())).collect::<Vec<_>>().join(", ")
}

/// Who has approved a preview's plan; says whether somebody still has to.
fn approvals(backend: &Backend, run: &Run, out: &mut impl Write) -> anyhow::Result<bool> {
    if run.mode == Mode::Apply || run.state != RunState::Finished {
        return Ok(false);
    }
    for approval in
        run.approvals.iter().filter(|approval| Some(&approval.plan_hash) == run.plan_hash.as_ref())
    {
        let at = Times::for_people(backend.zone()?).short(approval.approved_at);
        let line = format!("approved by {} on {at}", approval.administrator);
        writeln!(out, "  {}", paint(style::FAINT, &one_line(&line)))?;
    }
    if applied_by(run).is_some() {
        return Ok(false);
    }
    let unapproved = run.details.as_ref().and_then(|details| details.unapproved.clone());
    if let Some(why) = &unapproved {
        writeln!(out, "  {}", paint(style::WARN, &one_line(why)))?;
    }
    Ok(unapproved.is_some())
}

fn changes(backend: &Backend, run: &Run, out: &mut impl Write) -> anyhow::Result<()> {
    if run.outcomes.get(Outcome::Changed) == 0 {
        return Ok(());
    }
    writeln!(out, "\n{}", paint(style::STRONG, "Changes, grouped"))?;
    let times = Times::for_people(backend.zone()?);
    let groups = backend.changes(run, GROUPS)?;
    let widest = groups.first().map_or(0, |group| grouped(group.users).len());
    for group in &groups {
        let users =
            format!("{:>widest$} {}", grouped(group.users), if group.users == 1 { "user " } else { "users" });
        let examples = paint(style::FAINT, &one_line(&format!("such as {}", group.examples.join(", "))));
        writeln!(
            out,
            "  {users}  {}\n  {:widest$}        {examples}",
            one_line(&times.grouped_changes(&group.changes)),
            ""
        )?;
    }
    writeln!(out, "\n{}", paint(style::STRONG, "Some of them"))?;
    for outcome in backend.outcomes(run, Some(Outcome::Changed))?.take(DIFFS) {
        let outcome = outcome?;
        writeln!(out, "  {}", one_line(&outcome.display_name()))?;
        for change in &outcome.changes {
            writeln!(out, "    {}", change_line(change, &times))?;
        }
        if run.mode == Mode::Preview
            && let Some(username) = &outcome.username
            && let Some(PlannedReply { before, after }) = planned_reply(backend, run, username)
            && before != after
        {
            for (when, reply) in [("now", before), ("then", after)] {
                let line = format!("FreeRADIUS answers {when}: {}", reply.lines().join(", "));
                writeln!(out, "    {}", paint(style::FAINT, &one_line(&line)))?;
            }
        }
    }
    Ok(())
}

/// The answers of FreeRADIUS to a user now, and once the preview is applied; none if the user has changed since.
fn planned_reply(backend: &Backend, run: &Run, username: &str) -> Option<PlannedReply> {
    backend.planned_reply(run.run_id, username).ok()
}

/// The run that has applied the plan of a preview.
fn applied_by(run: &Run) -> Option<i64> {
    run.details.as_ref()?.applied_by_run_id
}

/// The run that has undone a run.
fn undone_by(run: &Run) -> Option<i64> {
    run.details.as_ref()?.undone_by_run_id
}

/// Calls of the script that can never be right. First of all: without them the run looks as if all went well.
fn refused_calls(run: &Run, troubles: &RunProblems, out: &mut impl Write) -> anyhow::Result<()> {
    if troubles.targets_with_rejected_calls == 0 {
        return Ok(());
    }
    let targets = counted(troubles.targets_with_rejected_calls, noun(run));
    writeln!(out, "\n{}", paint(style::STRONG, &format!("Refused calls, for {targets}")))?;
    for RejectedCallGroup { message, line, users, example } in &troubles.rejected_calls {
        let line = line.map_or_else(String::new, |line| format!(" (line {line})"));
        let text = paint(style::BAD, &one_line(&format!("{message}{line}")));
        let example = paint(style::FAINT, &one_line(&format!("such as {example}")));
        writeln!(out, "  {}  {text}  {example}", counted(*users, noun(run)))?;
    }
    Ok(())
}

/// Prints the warnings, each with its number of users and an example.
fn warnings(warnings: &[WarningGroup], out: &mut impl Write) -> anyhow::Result<()> {
    if warnings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", paint(style::STRONG, "Warnings"))?;
    for WarningGroup { warning, users, example } in warnings {
        let example = paint(style::FAINT, &one_line(&format!("such as {example}")));
        let warning = paint(style::WARN, &one_line(warning));
        writeln!(out, "  {}  {warning}  {example}", counted(*users, "user"))?;
    }
    Ok(())
}

/// Failures that have their type and line in common are one line, with the first one's message.
fn failures(run: &Run, failures: &[FailureGroup], out: &mut impl Write) -> anyhow::Result<()> {
    for kind in [Outcome::Failed, Outcome::TimedOut, Outcome::Conflict] {
        if run.outcomes.get(kind) == 0 {
            continue;
        }
        writeln!(out, "\n{}", paint(style::STRONG, &capitalized(kind)))?;
        for FailureGroup { users, error, example, .. } in failures.iter().filter(|each| each.outcome == kind)
        {
            let example = paint(style::FAINT, &one_line(&format!("such as {example}")));
            let text = paint(style::BAD, &error.in_one_line());
            writeln!(out, "  {}  {text}  {example}", counted(*users, "user"))?;
        }
    }
    Ok(())
}

fn capitalized(outcome: Outcome) -> String {
    let name = outcome.name().replace('_', " ");
    name[..1].to_uppercase() + &name[1..]
}

fn next_steps(
    run: &Run,
    hints: &Hints,
    (unapproved, printed): (bool, bool),
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let Hints { program, options, place } = hints;
    let id = run.run_id;
    let mut steps = Vec::new();
    if unapproved {
        steps.push((format!("{program} runs approve {id}{place}"), "somebody else says yes to it"));
    }
    let mut step = |command: String, what| steps.push((format!("{program} {command}{options}"), what));
    let tally = run.outcomes;
    let (changed, left) = (tally.get(Outcome::Changed) > 0, tally.get(Outcome::NotRun) > 0);
    for kind in [Outcome::Failed, Outcome::TimedOut, Outcome::Conflict] {
        if tally.get(kind) > 0 {
            step(format!("runs outcomes {id} --outcome {kind}"), "each of them, and why");
        }
    }
    match run.state {
        RunState::Stopped | RunState::Interrupted if left => {
            step(format!("runs resume {id}"), "go on with the rest");
            step(format!("runs cancel {id}"), "or leave it at that");
        }
        _ if run.is_held() => {
            step(format!("runs start {id}"), "start it");
            step(format!("runs cancel {id}"), "end it");
        }
        RunState::Queued | RunState::Running => {
            step(format!("runs watch {id}"), "follow it");
            step(format!("runs cancel {id}"), "end it");
        }
        RunState::Cancelled if left && run.finished() > 0 => {
            step(format!("runs retry {id} --not-run"), "a new run of the rest");
        }
        _ => {}
    }
    match run.mode {
        Mode::Preview if changed && run.state == RunState::Finished && applied_by(run).is_none() => {
            step(format!("runs apply {id}"), "write exactly these changes");
        }
        Mode::Apply if changed && run.state.ended() && undone_by(run).is_none() => {
            step(format!("runs undo {id}"), "preview the undo");
        }
        _ => {}
    }
    if run.mode == Mode::Apply && run.undoes_run_id.is_none() && run.state.ended() {
        if tally.get(Outcome::Failed) + tally.get(Outcome::TimedOut) > 0 && run.applies_run_id.is_none() {
            step(format!("runs retry {id}"), "run it again for those that failed");
        }
        if tally.get(Outcome::Conflict) > 0 {
            step(format!("runs retry {id} --conflicts --preview"), "preview those in conflict anew");
        }
    }
    if printed {
        step(format!("runs outcomes {id} --format json"), "what each of them printed, as output");
    }
    if changed || run.details.as_ref().is_some_and(|details| details.has_results) {
        step(format!("runs outcomes {id} --format csv"), "every user's changes and results");
    }
    if !steps.is_empty() {
        writeln!(out, "\n{}", paint(style::STRONG, "Next"))?;
    }
    let widest = steps.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    for (command, what) in steps {
        writeln!(out, "  {command:widest$}   {}", paint(style::FAINT, what))?;
    }
    Ok(())
}
