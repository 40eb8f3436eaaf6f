//! The hash that identifies the plan of a preview.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::{Outcome, RunId, TargetOutcome};

/// Identifies what a preview has planned: its script, its parameters, every target and what was planned for it. Two
/// plans with one hash are the same plan.
///
/// Each target is folded into the hash of those before it, so it grows with the run and survives its interruption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanHash([u8; 32]);

impl PlanHash {
    /// The plan without any target of a run of this script (its text) with these parameters (the text of one JSON
    /// object), that takes the run `undoes` back if it does.
    #[must_use]
    pub fn new(source: &str, params: &str, undoes: Option<RunId>) -> Self {
        let undoes = undoes.map_or_else(String::new, |run| run.to_string());
        Self(digest(&[b"plan 1", source.as_bytes(), params.as_bytes(), undoes.as_bytes()]))
    }

    /// The same with one more target: its outcome, the version of its user that this was computed on and the text of its
    /// journal.
    #[must_use]
    pub fn with(
        self,
        target: &TargetOutcome,
        outcome: Outcome,
        version: Option<i64>,
        journal: Option<&str>,
    ) -> Self {
        let numbers = [target.target, target.user_id, version.unwrap_or(0), i64::from(target.dated)];
        let numbers = numbers.map(i64::to_be_bytes).concat();
        let journal = journal.unwrap_or_default().as_bytes();
        Self(digest(&[&self.0, &numbers, outcome.name().as_bytes(), journal]))
    }
}

/// Each part with its length before it, so that no two lists of parts look alike.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for PlanHash {
    type Err = crate::Rejection;

    fn from_str(text: &str) -> Result<Self, crate::Rejection> {
        let wrong =
            || crate::Rejection::new(format!("{text:?} is no plan's hash: those have 64 hexadecimal digits"));
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_planned_counts() {
        let plan = |source: &str, params: &str, undoes| PlanHash::new(source, params, undoes);
        let start = plan("a", "{}", None);
        assert_eq!(start, plan("a", "{}", None));
        for other in
            [plan("b", "{}", None), plan("a", "{1}", None), plan("a", "{}", Some(1)), plan("a{}", "", None)]
        {
            assert_ne!(start, other);
        }
        let target = TargetOutcome::new(1, 7, Outcome::Changed);
        let one = start.with(&target, Outcome::Changed, Some(3), Some("[]"));
        let dated = TargetOutcome { dated: true, ..target.clone() };
        let later = TargetOutcome { target: 2, ..target.clone() };
        let others = [
            start,
            start.with(&target, Outcome::Failed, Some(3), Some("[]")),
            start.with(&target, Outcome::Changed, Some(4), Some("[]")),
            start.with(&target, Outcome::Changed, Some(3), Some("[ ]")),
            start.with(&dated, Outcome::Changed, Some(3), Some("[]")),
            start.with(&later, Outcome::Changed, Some(3), Some("[]")),
            one.with(&target, Outcome::Changed, Some(3), Some("[]")),
        ];
        assert!(others.iter().all(|other| *other != one));
        assert_eq!(one.to_string().parse::<PlanHash>().unwrap(), one);
        assert!("12".parse::<PlanHash>().is_err());
    }
}
