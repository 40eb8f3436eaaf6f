//! Runs, as they are looked at.

use rollcall_app::runs::{Approved, Group, ResultColumns, Troubles};
use rollcall_domain::{Approval, Outcome, Run, RunId, RunQuery, TargetOutcome};
use ureq::http::Method;

use super::{Address, Client, Items, Refused, Site, here, there};
use crate::contract::{self, Beginning, Plan, Standing};

impl Site {
    /// One run, as it stands.
    pub(crate) fn find_run(&self, id: RunId) -> anyhow::Result<Run> {
        match self {
            Self::Here(app) => Ok(app.find_run(id)?),
            Self::There(client) => client.find_run(id),
        }
    }

    /// The newest run that the administrator can see; none: there is no run.
    pub(crate) fn latest_run(&self) -> anyhow::Result<Option<Run>> {
        match self {
            Self::Here(app) => Ok(app.runs_after(&RunQuery::default(), None, 1)?.pop()),
            Self::There(client) => {
                let address = Address::of(&["runs"]).with("limit", Some(1));
                let page: contract::Page<contract::Run> = client.get(&address)?;
                Ok(page.items.into_iter().next().map(Run::from))
            }
        }
    }

    /// All runs, newest first.
    pub(crate) fn runs(&self) -> anyhow::Result<Items<'_, Run>> {
        match self {
            Self::Here(app) => Ok(here(app.runs()?)),
            Self::There(client) => Ok(there(client.pages::<contract::Run>(Address::of(&["runs"]))?)),
        }
    }

    /// The outcomes of a run in the order of its targets, of one kind only where `outcome` names it. Of a run that nobody is
    /// at, the targets that had no turn come last, as `not_run`.
    pub(crate) fn outcomes(
        &self,
        run: &Run,
        outcome: Option<Outcome>,
    ) -> anyhow::Result<Items<'_, TargetOutcome>> {
        match self {
            Self::Here(app) => Ok(here(app.outcomes(run, outcome)?)),
            Self::There(client) => client.outcomes(run, outcome),
        }
    }

    /// The names of everything that targets put into `result`.
    pub(crate) fn result_columns(
        &self,
        run: &Run,
        outcome: Option<Outcome>,
    ) -> anyhow::Result<ResultColumns> {
        match self {
            Self::Here(app) => Ok(app.result_columns(run, outcome)?),
            Self::There(client) => {
                let address = Address::of_run(run.id, &["result-columns"]).with("outcome", outcome);
                Ok(client.get::<contract::ResultColumns>(&address)?.into())
            }
        }
    }

    /// Whether some target of a run put something into `result`.
    pub(crate) fn has_results(&self, run: &Run) -> anyhow::Result<bool> {
        match self {
            Self::Here(app) => Ok(app.has_results(run)?),
            Self::There(client) => Ok(client.standing(run.id)?.has_results),
        }
    }

    /// What of a run somebody should look at.
    pub(crate) fn troubles(&self, run: &Run) -> anyhow::Result<Troubles> {
        match self {
            Self::Here(app) => Ok(app.troubles(run)?),
            Self::There(client) => {
                Ok(client.get::<contract::Troubles>(&Address::of_run(run.id, &["troubles"]))?.into())
            }
        }
    }

    /// The number of targets that changed or stayed unchanged although calls of the script were refused.
    pub(crate) fn refused_targets(&self, run: &Run) -> anyhow::Result<u64> {
        match self {
            Self::Here(app) => Ok(app.refused_targets(run)?),
            Self::There(_) => Ok(self.troubles(run)?.refused_targets),
        }
    }

    /// The changes of a run, grouped by what was changed; at most about `groups` groups.
    pub(crate) fn histogram(&self, run: &Run, groups: usize) -> anyhow::Result<Vec<Group>> {
        match self {
            Self::Here(app) => Ok(app.histogram(run, groups)?),
            Self::There(client) => {
                let address = Address::of_run(run.id, &["changes"]).with("groups", Some(groups));
                let found = client.get::<contract::Page<contract::Group>>(&address)?.items;
                Ok(found.into_iter().map(Group::from).collect())
            }
        }
    }

    /// The run that has applied preview `id`, if any.
    pub(crate) fn applied_by(&self, id: RunId) -> anyhow::Result<Option<RunId>> {
        match self {
            Self::Here(app) => Ok(app.applied_by(id)?),
            Self::There(client) => Ok(client.standing(id)?.applied_by),
        }
    }

    /// The run that has taken run `id` back, if any.
    pub(crate) fn undone_by(&self, id: RunId) -> anyhow::Result<Option<RunId>> {
        match self {
            Self::Here(app) => Ok(app.undone_by(id)?),
            Self::There(client) => Ok(client.standing(id)?.undone_by),
        }
    }

    /// Why a finished preview cannot be applied yet, if it takes a second administrator.
    pub(crate) fn unapproved(&self, preview: &Run) -> anyhow::Result<Option<String>> {
        match self {
            Self::Here(app) => Ok(app.unapproved(preview)?.map(|why| why.on_the_command_line())),
            Self::There(client) => Ok(client.standing(preview.id)?.unapproved),
        }
    }

    /// Who has approved a preview, whichever plan it had then; the first one first.
    pub(crate) fn approvals(&self, run: &Run) -> anyhow::Result<Vec<Approval>> {
        match self {
            Self::Here(app) => Ok(app.approvals(run)?),
            Self::There(client) => {
                Ok(client.run(run.id)?.approvals.into_iter().map(Approval::from).collect())
            }
        }
    }

    /// Approves what preview `id` has planned. `sure` is asked first.
    pub(crate) fn approve(
        &self,
        id: RunId,
        plan: Option<&str>,
        sure: &mut dyn FnMut(&Run) -> bool,
    ) -> anyhow::Result<Approved> {
        match self {
            Self::Here(app) => Ok(app.approve(id, plan, sure)?),
            Self::There(client) => client.approve(id, plan, sure),
        }
    }

    /// Lets run `id` begin, which waits with its list frozen, if it has so many targets.
    pub(crate) fn begin(&self, id: RunId, targets: u64) -> anyhow::Result<Run> {
        match self {
            Self::Here(app) => Ok(app.begin(id, targets)?),
            Self::There(client) => {
                client.begin(id, targets)?;
                client.find_run(id)
            }
        }
    }

    /// Ends run `id` for good, whoever executes it.
    pub(crate) fn cancel(&self, id: RunId) -> anyhow::Result<Run> {
        match self {
            Self::Here(app) => Ok(app.cancel(id)?),
            Self::There(client) => client.cancel(id),
        }
    }

    /// Whether somebody is there to execute what is left to workers.
    pub(crate) fn has_workers(&self) -> anyhow::Result<bool> {
        match self {
            Self::Here(app) => Ok(app.has_workers()?),
            Self::There(client) => client.has_workers(),
        }
    }
}

impl Client {
    pub(super) fn run(&self, id: RunId) -> anyhow::Result<contract::Run> {
        self.get(&Address::of_run(id, &[]))
    }

    pub(super) fn find_run(&self, id: RunId) -> anyhow::Result<Run> {
        Ok(self.run(id)?.into())
    }

    fn standing(&self, id: RunId) -> anyhow::Result<Standing> {
        let standing = self.run(id)?.standing;
        standing.ok_or_else(|| anyhow::anyhow!("{} does not say what can be done with run {id}", self.at()))
    }

    fn outcomes(&self, run: &Run, outcome: Option<Outcome>) -> anyhow::Result<Items<'_, TargetOutcome>> {
        let part = |outcome: Option<Outcome>| {
            let address = Address::of_run(run.id, &["outcomes"]).with("outcome", outcome);
            anyhow::Ok(there(self.pages::<contract::TargetOutcome>(address)?))
        };
        let found: Items<'_, TargetOutcome> = part(outcome)?;
        if outcome.is_some() || !run.state.at_rest() || run.left() == 0 {
            return Ok(found);
        }
        // A server gives those that had no turn at their place.
        let had_turn = |found: &anyhow::Result<TargetOutcome>| {
            found.as_ref().map_or(true, |found| found.outcome != Outcome::NotRun)
        };
        Ok(Box::new(found.filter(had_turn).chain(part(Some(Outcome::NotRun))?)))
    }

    fn approve(
        &self,
        id: RunId,
        plan: Option<&str>,
        sure: &mut dyn FnMut(&Run) -> bool,
    ) -> anyhow::Result<Approved> {
        let before = self.run(id)?;
        let me = &self.me()?.administrator;
        let again =
            before.approvals.iter().any(|each| each.who == *me && Some(&each.plan) == before.plan.as_ref());
        let preview = Run::from(before);
        if !sure(&preview) {
            return Ok(Approved::Declined);
        }
        // What was looked at, and no other plan that it has by now.
        let seen = preview.plan.as_deref().filter(|seen| plan.is_none_or(|plan| seen.starts_with(plan)));
        let body = Plan { plan: seen.or(plan).map(str::to_owned) };
        let run: contract::Run = self.tell(Method::POST, &Address::of_run(id, &["approve"]), &body)?;
        let preview = Run { columns: preview.columns, ..run.into() };
        Ok(if again { Approved::Before(preview) } else { Approved::Now(preview) })
    }

    pub(super) fn begin(&self, id: RunId, targets: u64) -> anyhow::Result<()> {
        let address = Address::of_run(id, &["begin"]);
        self.tell::<contract::Run>(Method::POST, &address, &Beginning { targets })?;
        Ok(())
    }

    pub(super) fn cancel(&self, id: RunId) -> anyhow::Result<Run> {
        self.do_at::<contract::Run>(&Address::of_run(id, &["cancel"]))?;
        self.find_run(id)
    }

    pub(super) fn has_workers(&self) -> anyhow::Result<bool> {
        let workers = self.list::<contract::Worker>(Address::of(&["workers"]));
        match workers {
            Ok(workers) => Ok(workers.iter().any(|worker| worker.alive && !worker.draining)),
            // Whoever may not see them has nothing to say about them either.
            Err(error) if error.downcast_ref().is_some_and(|error: &Refused| error.is_forbidden()) => {
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }
}
