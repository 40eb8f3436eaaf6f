//! Questions at the terminal, and what is refused without one.

use std::io::{self, IsTerminal};

use crate::failure::Usage;
use crate::lines;
use crate::style::tell;

/// Whether somebody can be asked.
#[expect(clippy::disallowed_methods, reason = "nothing is printed")]
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on the terminal; `wanted` must be typed. Anything else is a no.
pub(crate) fn ask(question: &str, wanted: &[&str]) -> io::Result<bool> {
    lines::ask(question)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(wanted.contains(&answer.trim().to_lowercase().as_str()))
}

/// Refuses `what` without a terminal, unless `--yes` is given.
///
/// # Errors
/// A [`Usage`] that names `--yes`.
pub(crate) fn check_consent(yes: bool, what: &str) -> Result<(), Usage> {
    if yes || can_ask() {
        return Ok(());
    }
    Err(Usage(format!("{what} without a terminal needs --yes")))
}

/// Asks before `what`, which Rollcall cannot undo, unless `--yes` is given. False is a no.
///
/// # Errors
/// Without a terminal and `--yes` it is refused: see [`check_consent`].
pub(crate) fn confirm(yes: bool, what: &str, question: &str) -> anyhow::Result<bool> {
    check_consent(yes, what)?;
    let sure = yes || ask(&format!("{question} [y/N]"), &["y", "yes"])?;
    if !sure {
        tell(format_args!("nothing was changed"));
    }
    Ok(sure)
}
