//! Errors of requests: refused by the server, or without an answer.

use std::io;

use rollcall_api::{InputError, Problem, Suggestion};

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL, the token or an argument cannot be used; the message says what to write instead.
    #[error("{0}")]
    Usage(String),
    /// The server has refused the request.
    #[error(transparent)]
    Refused(#[from] Box<Refused>),
    /// The server was not reached, or its answer did not arrive.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The answer is none of this version of Rollcall; the message says what it was.
    #[error("{0}")]
    Answer(String),
    /// Something on this machine failed, such as the file that an answer is written to.
    #[error(transparent)]
    Local(#[from] io::Error),
}

impl Error {
    /// The refusal of the server, if it is one.
    #[must_use]
    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            _ => None,
        }
    }

    /// Whether the server has decided something, as opposed to being unreachable or overloaded for now.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.refused().is_some_and(|refused| !refused.is_temporary())
    }
}

/// A server that was not reached, or whose answer did not arrive.
#[derive(Debug, thiserror::Error)]
#[error("{url} cannot be reached: {why}")]
pub struct Unreachable {
    pub(crate) url: String,
    pub(crate) why: String,
    pub(crate) is_lost: bool,
}

impl Unreachable {
    /// Whether the server may have got the request, and done it.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        self.is_lost
    }
}

/// The problem with which a server has answered.
#[derive(Debug)]
pub struct Refused {
    problem: Problem,
    /// Seconds after which the request may be repeated.
    wait: Option<u64>,
}

impl Refused {
    pub(crate) fn new(problem: Problem, wait: Option<u64>) -> Self {
        Self { problem, wait }
    }

    /// The problem.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The places where something is wrong.
    #[must_use]
    pub fn faults(&self) -> &[InputError] {
        &self.problem.errors
    }

    /// The actions that correct it, in the order in which they are to be followed.
    #[must_use]
    pub fn suggestions(&self) -> &[Suggestion] {
        &self.problem.suggestions
    }

    /// Whether what was asked for does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.problem.status == 404
    }

    /// Whether the administrator lacks the permission.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.problem.status == 403
    }

    /// Whether the server may answer otherwise soon: it is overloaded, or something there is.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.problem.status >= 500 || self.problem.status == 429
    }
    /// Whether the command line says something that cannot be meant, as far as a server can tell.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        let typed = |pointer: &str| {
            matches!(pointer, "/filter" | "/targets/filter" | "/params")
                || matches!(
                    pointer.strip_prefix("/targets/rows").unwrap_or(pointer),
                    "/key" | "/hidden" | "/header_row"
                )
                || pointer.starts_with("/params/")
        };
        self.faults().iter().any(|fault| fault.pointer.as_deref().is_some_and(typed))
    }
}

impl std::error::Error for Refused {}

/// The sentence that the command line prints without a server, too: all that is wrong, a line each.
impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (detail, errors) = (&*self.problem.detail, self.faults());
        match errors {
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
