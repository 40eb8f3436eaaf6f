use std::fmt;

use crate::http::Problem;

/// Why a server has not done what it was asked for.
#[derive(Debug)]
pub(crate) struct Refused {
    problem: Problem,
    /// Seconds after which it may be tried again.
    wait: Option<u64>,
}

impl Refused {
    pub(super) fn new(problem: Problem, wait: Option<u64>) -> Self {
        Self { problem, wait }
    }

    pub(crate) fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Whether what was asked for is not there.
    pub(super) fn is_missing(&self) -> bool {
        self.problem.status() == 404
    }

    /// Whether whoever asks may not.
    pub(super) fn is_forbidden(&self) -> bool {
        self.problem.status() == 403
    }

    /// Whether the command line says something that cannot be meant, as far as a server can tell.
    pub(crate) fn is_usage(&self) -> bool {
        let typed = |pointer: &str| {
            matches!(pointer, "/filter" | "/targets/filter" | "/params")
                || matches!(
                    pointer.strip_prefix("/targets/rows").unwrap_or(pointer),
                    "/key" | "/hidden" | "/header_row"
                )
                || pointer.starts_with("/params/")
        };
        self.problem.faults().iter().any(|fault| fault.pointer.as_deref().is_some_and(typed))
    }
}

impl std::error::Error for Refused {}

/// The sentence that the command line prints without a server, too: all that is wrong, a line each.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (detail, errors) = (self.problem.detail(), self.problem.faults());
        match errors {
            _ if self.problem.on_the_command_line().is_some() => {
                f.write_str(self.problem.on_the_command_line().unwrap_or_default())?;
            }
            [first, _, ..] if first.detail == detail => {
                let lines: Vec<_> = errors.iter().map(|fault| fault.detail.as_str()).collect();
                f.write_str(&lines.join("\n"))?;
            }
            _ => f.write_str(detail)?,
        }
        match self.wait {
            // Some say so themselves.
            Some(seconds) if !detail.ends_with(&format!("in {seconds} s")) => write!(f, " in {seconds} s"),
            _ => Ok(()),
        }
    }
}
