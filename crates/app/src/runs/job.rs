use std::sync::Arc;

use rollcall_domain::{Dictionary, ParamValues, Scope};
use rollcall_sandbox::Job;

use super::config::ExecutionConfig;
use super::request::Script;
use crate::error::AppError;
use crate::operations::RunOperations;

/// A script for the workers of a run, and the dictionary for their reports.
pub(super) struct RunJob {
    pub(super) job: Job,
    /// The attributes that FreeRADIUS knows.
    pub(super) dictionary: Arc<Dictionary>,
}

impl RunOperations<'_> {
    /// Makes the job of a script for the users of a scope.
    pub(super) fn job(
        self,
        script: &Script,
        params: ParamValues,
        scope: &Scope,
        execution: &ExecutionConfig,
        strict: bool,
    ) -> Result<RunJob, AppError> {
        let dictionary = self.app.radius().known_attributes()?;
        let job = Job {
            name: script.name.clone(),
            source: script.source.clone(),
            params,
            profiles: self.app.store_unchecked().profiles().catalogue()?.within(scope),
            zone: self.app.zone().clone(),
            limits: execution.limits.clone(),
            dictionary: strict.then(|| Arc::clone(&dictionary)),
        };
        Ok(RunJob { job, dictionary })
    }
}
