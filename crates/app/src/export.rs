use rollcall_domain::{Action, Deed, Outcome, Right, Run, TargetOutcome};

use crate::{App, AppError};

impl App {
    /// The outcomes of a run, as [`App::outcomes`], to be taken away, which is recorded.
    pub fn download<'a>(
        &'a self,
        run: &Run,
        outcome: Option<Outcome>,
    ) -> Result<impl Iterator<Item = Result<TargetOutcome, AppError>> + 'a, AppError> {
        let outcomes = self.outcomes(run, outcome)?;
        let deed = Deed::new(Action::Download, format!("run {}", run.id)).within(run.scope.organization());
        let which = outcome.map(Outcome::name);
        self.may_with(Right::Look, run)?.record(&self.act(), &deed.with("outcome", which))?;
        Ok(outcomes)
    }
}
