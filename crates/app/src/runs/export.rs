use rollcall_domain::{Action, Deed, Outcome, Right, Run, TargetOutcome};

use crate::error::AppError;
use crate::operations::RunOperations;

impl<'a> RunOperations<'a> {
    /// Exports the outcomes of a run in the order of [`RunOperations::list_outcomes`]. The audit log records it.
    ///
    /// # Errors
    /// [`AppError::Denied`]
    pub fn export_outcomes(
        self,
        run: &Run,
        outcome: Option<Outcome>,
    ) -> Result<impl Iterator<Item = Result<TargetOutcome, AppError>> + 'a, AppError> {
        let outcomes = self.list_outcomes(run, outcome)?;
        let deed = Deed::new(Action::Download, format!("run {}", run.id)).within(run.scope.organization());
        let which = outcome.map(Outcome::name);
        self.app
            .require_permission_on(Right::Look, run)?
            .audit()
            .record(&self.app.act(), &deed.with("outcome", which))?;
        Ok(outcomes)
    }
}
