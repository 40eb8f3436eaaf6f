//! Preconditions of changes, so that no change overwrites another one that its author has not seen.

use data_encoding::HEXLOWER;
use rollcall_store::{Seen, StoreError};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::AppError;

/// So many bytes of a hash tell states of one thing apart.
const BYTES: usize = 16;

/// The state that something is in: equal as long as nothing of it is changed.
#[must_use]
pub fn revision(thing: &impl Serialize) -> String {
    let text = serde_json::to_vec(thing).expect("what is shown has a JSON form");
    HEXLOWER.encode(&Sha256::digest(text)[..BYTES])
}

/// In which state something has to be that is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected<'a> {
    /// Whichever.
    Anything,
    /// It is not there yet.
    Nothing,
    /// In the state of this [`revision`]; of a script it is the number of its latest version.
    Revision(&'a str),
}

impl Expected<'_> {
    /// What the database has to find again, given what was `found` now; or why that will not do.
    pub(crate) fn seen<'t, T>(
        self,
        what: &str,
        found: Option<&'t T>,
        revision: impl Fn(&T) -> String,
    ) -> Result<Seen<'t, T>, AppError> {
        match (self, found) {
            (Self::Anything, _) => Ok(Seen::Anything),
            (Self::Nothing, None) => Ok(Seen::Exactly(None)),
            (Self::Nothing, Some(_)) => Err(StoreError::Taken(format!("the name of {what}")).into()),
            (Self::Revision(_), None) => Err(StoreError::NoSuch(what.to_owned()).into()),
            (Self::Revision(expected), Some(thing)) => {
                let is = revision(thing);
                if is == expected {
                    return Ok(Seen::Exactly(found));
                }
                Err(AppError::Outdated { what: what.to_owned(), expected: expected.to_owned(), found: is })
            }
        }
    }
}
