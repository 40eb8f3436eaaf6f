//! Argon2id, a few at a time: each takes 19 MiB, and whoever wants in at the same time waits.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use rollcall_domain::{MAX_PASSWORD_BYTES, Secret};

use crate::error::AppError;

/// KiB of memory, passes over it, and threads: what OWASP asks for at least.
const COSTS: (u32, u32, u32) = (19_456, 2, 1);

/// More at once make nobody faster.
const MOST_AT_ONCE: usize = 4;

/// The hash of nobody's password, at the same costs: what is looked at where there is no administrator or no password.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                       AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[derive(Debug, Default)]
pub(super) struct State {
    running: usize,
    #[cfg(test)]
    pub(super) most: usize,
    #[cfg(test)]
    pub(super) done: usize,
}

/// Hashes passwords.
pub(crate) struct Hasher {
    argon2: Argon2<'static>,
    at_once: usize,
    state: Mutex<State>,
    freed: Condvar,
}

/// The turn of somebody who waited.
struct Turn<'a>(&'a Hasher);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().running -= 1;
        self.0.freed.notify_one();
    }
}

impl Hasher {
    pub(crate) fn for_this_machine() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(processors.min(MOST_AT_ONCE))
    }

    pub(super) fn new(at_once: usize) -> Self {
        let (memory, passes, threads) = COSTS;
        let params = Params::new(memory, passes, threads, None).expect("costs that Argon2 allows");
        Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            at_once,
            state: Mutex::default(),
            freed: Condvar::new(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> Turn<'_> {
        let waiting = self.freed.wait_while(self.state(), |state| state.running >= self.at_once);
        let mut state = waiting.unwrap_or_else(PoisonError::into_inner);
        state.running += 1;
        #[cfg(test)]
        {
            state.most = state.most.max(state.running);
            state.done += 1;
        }
        Turn(self)
    }

    /// The hash of a new password, with a salt of its own.
    pub(super) fn hash(&self, password: &Secret) -> Result<Secret, AppError> {
        let _turn = self.turn();
        let hash = self.argon2.hash_password(password.reveal().as_bytes());
        hash.map(|hash| Secret::new(hash.to_string())).map_err(|error| starved(&error))
    }

    /// Whether this is the password with that hash, which comes back then. Without one it is as much work for nothing.
    pub(super) fn verify<'h>(
        &self,
        password: &Secret,
        hash: Option<&'h Secret>,
    ) -> Result<Option<&'h Secret>, AppError> {
        // Nobody has a password that long.
        let hash = hash.filter(|_| password.reveal().len() <= MAX_PASSWORD_BYTES);
        let _turn = self.turn();
        let looked_at = hash.map_or(NOBODYS, Secret::reveal);
        match self.argon2.verify_password(password.reveal().as_bytes(), looked_at) {
            Ok(()) => Ok(hash),
            Err(error @ (Error::OutOfMemory | Error::RngFailure)) => Err(starved(&error)),
            Err(_) => Ok(None),
        }
    }
}

fn starved(error: &Error) -> AppError {
    AppError::Starved(if *error == Error::RngFailure { "randomness" } else { "memory" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_and_nobodys_costs_the_same() {
        let hasher = Hasher::new(1);
        let password = Secret::new("correct horse battery");
        let hash = hasher.hash(&password).unwrap();
        assert_ne!(hash, hasher.hash(&password).unwrap(), "each has a salt of its own");
        assert!(hasher.verify(&password, Some(&hash)).unwrap().is_some());
        for wrong in ["", "correct horse batterz", &"x".repeat(2_000)] {
            assert_eq!(hasher.verify(&Secret::new(wrong), Some(&hash)).unwrap(), None);
            assert_eq!(hasher.verify(&Secret::new(wrong), None).unwrap(), None);
        }
        let form = |hash: &str| {
            let parts: Vec<_> = hash.split('$').map(str::to_owned).collect();
            (parts[..4].to_vec(), parts[4..].iter().map(String::len).collect::<Vec<_>>())
        };
        assert_eq!(form(NOBODYS), form(hash.reveal()), "or how long it takes tells who there is");
        assert_eq!(hasher.state().done, 9);
    }

    #[test]
    fn what_is_no_hash_lets_nobody_in() {
        for broken in ["", "secret", "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA"] {
            let hash = Secret::new(broken);
            assert_eq!(Hasher::new(1).verify(&Secret::new("secret"), Some(&hash)).unwrap(), None, "{broken}");
        }
    }

    #[test]
    fn few_are_hashed_at_once() {
        let hasher = Hasher::new(2);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| hasher.verify(&Secret::new("x"), None).unwrap());
            }
        });
        let state = hasher.state();
        assert_eq!((state.running, state.done), (0, 8));
        assert!(state.most <= 2, "{state:?}");
    }
}
