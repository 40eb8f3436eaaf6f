//! Filters of templates: `{{ run.targets|number }}`. Modules with a template import this one, as askama looks for
//! `filters` there.

use std::borrow::Borrow;
use std::ops::Deref;

use askama::{Result, Values, filter_fn};
use rollcall_domain::ByRun;
use rollcall_domain::{Run, ScriptError, Timestamp};

use crate::pages::layout::Shell;
use crate::pages::{user, view};

/// Formats a number for people: `12,345`.
#[filter_fn]
pub(crate) fn number(n: impl Borrow<u64>, _: &dyn Values) -> Result<String> {
    Ok(view::number(n))
}

/// Writes a name with spaces: `timed_out` becomes `timed out`.
#[filter_fn]
pub(crate) fn words(name: impl AsRef<str>, _: &dyn Values) -> Result<String> {
    Ok(view::words(name.as_ref()))
}

/// Formats a moment to the second, in the time zone of the page.
#[filter_fn]
pub(crate) fn moment<T: Deref>(time: T, _: &dyn Values, shell: &Shell) -> Result<String>
where
    T::Target: Borrow<Timestamp>,
{
    Ok(shell.moment((*time).borrow()))
}

/// Says on one line why a script failed.
#[filter_fn]
pub(crate) fn error_text<T: Deref>(error: T, _: &dyn Values) -> Result<String>
where
    T::Target: Borrow<ScriptError>,
{
    Ok((*error).borrow().in_one_line())
}

/// Gives the seconds for which a run was executed.
#[filter_fn]
pub(crate) fn run_seconds(run: impl Borrow<Run>, _: &dyn Values) -> Result<f64> {
    Ok(view::seconds(run.borrow()))
}

/// Names the script of a run with its version: `extend@3`.
#[filter_fn]
pub(crate) fn script_name(run: impl Borrow<Run>, _: &dyn Values) -> Result<String> {
    let run = run.borrow();
    Ok(run.script_version.map_or_else(|| run.script.clone(), |version| format!("{}@{version}", run.script)))
}

/// Names the script that a run has executed, or the run that it has taken back.
#[filter_fn]
pub(crate) fn ran<T: Deref>(by: T, _: &dyn Values) -> Result<String>
where
    T::Target: Borrow<ByRun>,
{
    Ok(user::ran((*by).borrow()))
}

/// Says whether a name stands for a user who was removed, so that there is no page to link to.
#[filter_fn]
pub(crate) fn is_removed(name: impl AsRef<str>, _: &dyn Values) -> Result<bool> {
    Ok(view::is_removed(name.as_ref()))
}
