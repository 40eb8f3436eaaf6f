use rollcall_domain::{ParamValues, Rejection, Right, Run, Selection};
use rollcall_store::List;

use super::conduct::New;
use super::crew::Crew;
use super::observer::{Observer, Stop};
use super::request::{Choice, RunOptions, RunRequest};
use crate::error::AppError;
use crate::operations::RunOperations;
use crate::scripts::Source;
use crate::users::selection::{SelectedUsers, UserSelection};

impl RunOperations<'_> {
    /// Creates a run of a script for the users that `request` selects, and executes it, unless it is left to workers.
    /// The run it gives has ended, or is left to workers or held.
    ///
    /// # Errors
    /// [`AppError::Syntax`], [`AppError::BadScript`], [`AppError::Params`] and [`AppError::Filter`] for what is wrong
    /// in the request; [`AppError::Denied`]. No run exists after an error before its targets were frozen.
    pub fn create(
        self,
        request: &RunRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        self.once(request.options.key, || self.create_once(request, stop, observer))
    }

    fn create_once(
        self,
        request: &RunRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        let narrowed = match &request.choice {
            Choice::Users(UserSelection { organization: Some(organization), .. }) => {
                Some(self.app.within_organization(*organization))
            }
            _ => None,
        };
        narrowed.as_ref().unwrap_or(self.app).runs().create_in_scope(request, stop, observer)
    }

    /// Runs a script within the organization that `request` means.
    fn create_in_scope(
        self,
        request: &RunRequest,
        stop: &Stop,
        observer: &mut dyn Observer,
    ) -> Result<Run, AppError> {
        let permit = self.app.require_permission_to_run(request.mode)?;
        let now = self.app.now();
        let (name, source) = (&request.script.name, &request.script.source);
        // A text that cannot be read has no parameters yet; the interpreter has the better words for what is wrong.
        let read = self.app.scripts().parse(name, source);
        let params = match &read {
            Ok(read) => read.params.check(&request.params, self.app.zone()).map_err(AppError::Params)?,
            Err(_) => ParamValues::default(),
        };
        let selected = match &request.choice {
            Choice::Users(selection) => Some(self.app.users().select_at(selection, now)?),
            _ => None,
        };
        let own = permit.narrow(selected.as_ref().and_then(SelectedUsers::tree));
        let earlier = match request.choice {
            Choice::Outcomes(run, _) | Choice::Retry(run) => Some(self.find_at_rest(run)?),
            _ => None,
        };
        let (selection, list) = match (&request.choice, &selected, &earlier) {
            (Choice::Users(_), Some(selected), _) => {
                (selected.kept(), own.as_ref().map_or(List::All, List::Filter))
            }
            (Choice::Outcomes(run, outcome), _, Some(earlier)) => {
                (Selection::Outcomes { run: *run, outcome: *outcome }, List::Outcomes(earlier, *outcome))
            }
            (Choice::Retry(run), _, Some(earlier)) => (Selection::Retry { run: *run }, List::Retry(earlier)),
            (Choice::Rows(rows), _, _) => {
                (rows.selection.clone(), List::Staged(&rows.staging, &rows.columns))
            }
            _ => unreachable!("a selection or an earlier run was read above"),
        };
        if let Ok(read) = &read {
            self.refuse_faulty_columns(&selection, read)?;
        }
        // The users of an earlier run are those that it could touch, which may be fewer, but never more.
        if let Some(earlier) = earlier.as_ref().filter(|earlier| !permit.owns(earlier)) {
            self.app.require_permission_on(Right::Execute, earlier)?;
        }
        let whose = earlier.as_ref().map_or(&permit.scope, |earlier| &earlier.scope);
        let sandbox = self.app.shared.warm_pool.sandbox(&request.execution)?;
        let options = RunOptions {
            strict: request.options.strict || self.app.radius().refuses_unknown_attributes()?,
            ..request.options
        };
        let job = self.job(&request.script, params.clone(), whose, &request.execution, options.strict)?;
        std::thread::scope(|scope| {
            // Of what is left to others it is only found out here whether it is Python.
            let leaves = request.options.queue || request.options.hold;
            let count = if leaves { 1 } else { request.execution.workers.max(1) };
            let crew = Crew::hire(scope, &sandbox, &job, count)?;
            read?;
            let new = New {
                mode: request.mode,
                script: name,
                script_version: request.script.version,
                source,
                params: &serde_json::to_string(&params).expect("parameters have JSON forms"),
                selection: &selection,
                list,
                applies: None,
                undoes: None,
                scope: whose,
                report: request.report || self.app.require_permission(Right::Execute).is_err(),
                time_limit: request.execution.limits.time,
            };
            self.start(&new, options, Some(&crew), stop, observer)
        })
    }

    /// Refuses a script that can read a column of the rows in which errors were ignored, since no script read it then.
    fn refuse_faulty_columns(self, selection: &Selection, script: &Source) -> Result<(), AppError> {
        let mut selection = selection.clone();
        while let Some(earlier) = selection.earlier_run() {
            let Some(run) = self.app.store_unchecked().runs().by_id(earlier)? else { return Ok(()) };
            selection = run.selection;
        }
        let Selection::Rows { file, faulty_columns, .. } = selection else { return Ok(()) };
        let is_read = |column: &&String| {
            script.row_columns.as_ref().is_none_or(|columns| columns.contains(column.as_str()))
        };
        match faulty_columns.iter().find(is_read) {
            None => Ok(()),
            Some(column) => Err(Rejection::new(format!(
                "the script can read the column {column:?}, in which cells of {file} have errors: correct the file and \
                 read it again"
            ))
            .into()),
        }
    }
}
