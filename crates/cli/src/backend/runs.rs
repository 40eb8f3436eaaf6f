//! Reading, approving, starting and ending runs.

use std::io::Write;

use rollcall_api::{Approval, ChangeGroup, Outcome, ResultColumns, Run, RunProblems};
use rollcall_app::runs::Approved as LocalApproved;
use rollcall_app::wire::{self, OutcomeFormat};
use rollcall_client::{Client, OutcomeFile};
use rollcall_domain::{self as domain, Outcome as OutcomeKind, RunId, RunQuery};

use super::{Backend, Items, local, remote};

/// The result of asking to approve a preview.
pub(crate) enum Approved {
    /// It is approved from now on.
    Now(Box<Run>),
    /// It was approved before.
    Before(Box<Run>),
    /// The administrator has declined.
    Declined,
}

impl Backend {
    /// One run, with its approvals and what can be done with it.
    pub(crate) fn run(&self, id: RunId) -> anyhow::Result<Run> {
        match self {
            Self::Local(app) => Ok(wire::describe_run(app, &app.runs().find(id)?)?),
            Self::Remote(client) => Ok(client.run(id)?),
        }
    }

    /// The newest run that the administrator can see, if there is one.
    pub(crate) fn latest_run(&self) -> anyhow::Result<Option<Run>> {
        let latest = match self {
            Self::Local(app) => app.runs().list_after(&RunQuery::default(), None, 1)?.pop().map(|run| run.id),
            Self::Remote(client) => client.latest_run()?.map(|run| run.run_id),
        };
        latest.map(|id| self.run(id)).transpose()
    }

    /// All runs, newest first.
    pub(crate) fn runs(&self) -> anyhow::Result<Items<'_, Run>> {
        match self {
            Self::Local(app) => Ok(local(app.runs().list()?)),
            Self::Remote(client) => Ok(remote(client.runs()?)),
        }
    }

    /// The outcomes of a run in the order of its targets, of one kind only where `outcome` names it. If the run is at rest,
    /// the targets that had no turn come last, as `not_run`.
    pub(crate) fn outcomes(
        &self,
        run: &Run,
        outcome: Option<OutcomeKind>,
    ) -> anyhow::Result<Items<'_, Outcome>> {
        match self {
            Self::Local(app) => {
                let run = app.runs().find(run.run_id)?;
                let columns = run.columns.clone();
                let outcomes = app.runs().list_outcomes(&run, outcome)?;
                Ok(Box::new(outcomes.map(move |each| Ok(Outcome::of(each?, columns.as_deref())))))
            }
            Self::Remote(client) => remote_outcomes(client, run, outcome),
        }
    }

    /// Writes the outcomes of a run, of one kind only where `outcome` names it, as a file of this format.
    pub(crate) fn export_outcomes(
        &self,
        run: &Run,
        outcome: Option<OutcomeKind>,
        format: OutcomeFormat,
        mut out: impl Write + Send,
    ) -> anyhow::Result<()> {
        match self {
            Self::Local(app) => {
                wire::export_outcomes(app, &app.runs().find(run.run_id)?, outcome, format, out)
            }
            Self::Remote(client) => {
                let file = match format {
                    OutcomeFormat::Csv { raw } => OutcomeFile::Csv { raw },
                    OutcomeFormat::Json => OutcomeFile::Json,
                    OutcomeFormat::Xlsx => OutcomeFile::Xlsx,
                };
                Ok(client.export_outcomes(run.run_id, outcome, file, &mut out)?)
            }
        }
    }

    /// The names of all results of a run.
    pub(crate) fn result_columns(
        &self,
        run: &Run,
        outcome: Option<OutcomeKind>,
    ) -> anyhow::Result<ResultColumns> {
        match self {
            Self::Local(app) => {
                Ok(app.runs().list_result_columns(&app.runs().find(run.run_id)?, outcome)?.into())
            }
            Self::Remote(client) => Ok(client.result_columns(run.run_id, outcome)?),
        }
    }

    /// The failures and warnings of a run, in groups.
    pub(crate) fn troubles(&self, run: &Run) -> anyhow::Result<RunProblems> {
        match self {
            Self::Local(app) => Ok(app.runs().group_problems(&app.runs().find(run.run_id)?)?.into()),
            Self::Remote(client) => Ok(client.troubles(run.run_id)?),
        }
    }

    /// The number of targets that changed or stayed unchanged although calls of the script were refused.
    pub(crate) fn refused_targets(&self, run: &Run) -> anyhow::Result<u64> {
        match self {
            Self::Local(app) => Ok(app.runs().count_refused_targets(&app.runs().find(run.run_id)?)?),
            Self::Remote(client) => Ok(client.troubles(run.run_id)?.targets_with_rejected_calls),
        }
    }

    /// The changes of a run, grouped by what was changed; at most about `groups` groups.
    pub(crate) fn changes(&self, run: &Run, groups: usize) -> anyhow::Result<Vec<ChangeGroup>> {
        match self {
            Self::Local(app) => {
                let groups = app.runs().group_changes(&app.runs().find(run.run_id)?, groups)?;
                Ok(groups.into_iter().map(ChangeGroup::from).collect())
            }
            Self::Remote(client) => Ok(client.changes(run.run_id, groups)?),
        }
    }

    /// Approves the plan of preview `id`, if its hash begins with `plan`. `sure` is asked first.
    pub(crate) fn approve(
        &self,
        id: RunId,
        plan: Option<&str>,
        sure: &mut dyn FnMut(&Run) -> bool,
    ) -> anyhow::Result<Approved> {
        match self {
            Self::Local(app) => {
                let described = |run: &domain::Run| wire::describe_run(app, run).map(Box::new);
                let approved =
                    app.runs().approve(id, plan, &mut |run| described(run).is_ok_and(|run| sure(&run)))?;
                Ok(match approved {
                    LocalApproved::Now(run) => Approved::Now(described(&run)?),
                    LocalApproved::Before(run) => Approved::Before(described(&run)?),
                    LocalApproved::Declined => Approved::Declined,
                })
            }
            Self::Remote(client) => {
                let preview = client.run(id)?;
                let me = &client.me()?.administrator;
                let is_mine = |each: &Approval| {
                    each.administrator == *me && Some(&each.plan_hash) == preview.plan_hash.as_ref()
                };
                let before = preview.approvals.iter().any(is_mine);
                if !sure(&preview) {
                    return Ok(Approved::Declined);
                }
                // What was looked at, and no other plan that it has by now.
                let seen = preview
                    .plan_hash
                    .as_deref()
                    .filter(|seen| plan.is_none_or(|plan| seen.starts_with(plan)));
                let run = Box::new(client.approve_run(id, seen.or(plan))?);
                Ok(if before { Approved::Before(run) } else { Approved::Now(run) })
            }
        }
    }

    /// Starts run `id`, which waits with its list frozen, if it has this number of targets.
    pub(crate) fn start_run(&self, id: RunId, targets: u64) -> anyhow::Result<Run> {
        match self {
            Self::Local(app) => Ok(wire::describe_run(app, &app.runs().start_held(id, targets)?)?),
            Self::Remote(client) => Ok(client.start_run(id, targets)?),
        }
    }

    /// Ends run `id` for good.
    pub(crate) fn cancel(&self, id: RunId) -> anyhow::Result<Run> {
        match self {
            Self::Local(app) => Ok(wire::describe_run(app, &app.runs().cancel(id)?)?),
            Self::Remote(client) => Ok(client.cancel_run(id)?),
        }
    }
}

fn remote_outcomes<'a>(
    client: &'a Client,
    run: &Run,
    outcome: Option<OutcomeKind>,
) -> anyhow::Result<Items<'a, Outcome>> {
    let found: Items<'_, Outcome> = remote(client.outcomes(run.run_id, outcome)?);
    if outcome.is_some() || !run.state.at_rest() || run.left() == 0 {
        return Ok(found);
    }
    // A server gives those that had no turn at their place.
    let had_turn = |found: &anyhow::Result<Outcome>| {
        found.as_ref().map_or(true, |found| found.outcome != OutcomeKind::NotRun)
    };
    let no_turn: Items<'_, Outcome> = remote(client.outcomes(run.run_id, Some(OutcomeKind::NotRun))?);
    Ok(Box::new(found.filter(had_turn).chain(no_turn)))
}
