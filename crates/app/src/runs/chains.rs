//! Targets that have the same user, such as several rows of a file: each is executed on the user as the one before it
//! leaves it, which need not be committed for that.

use std::collections::HashMap;

use rollcall_domain::UserId;

/// A target whose user has an earlier one.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) number: i64,
    pub(super) user_id: UserId,
    pub(super) cells: Option<Vec<String>>,
    /// What the user was called before the run.
    username: Option<String>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Until the one before it is settled.
    Waiting,
    /// Until the one before it is committed: how that leaves the user cannot be told sooner.
    WaitingForCommit,
    Executing,
    /// Being executed on what is known to be wrong by now.
    Outdated,
    Settled,
}

/// The links between loading and commit.
#[derive(Debug, Default)]
pub(super) struct Chains {
    /// By the number of the target before.
    next: HashMap<i64, Link>,
    /// The number of the target before, by that of the link.
    prior: HashMap<i64, i64>,
    waiting_for_commit: usize,
}

impl Chains {
    /// Adds a target that follows `prior`.
    pub(super) fn add(&mut self, prior: i64, number: i64, user_id: UserId, cells: Option<Vec<String>>) {
        self.prior.insert(number, prior);
        self.next.insert(prior, Link { number, user_id, cells, username: None, state: State::Waiting });
    }

    /// The target before this one, if it is a link.
    pub(super) fn prior(&self, number: i64) -> Option<i64> {
        self.prior.get(&number).copied()
    }

    /// The target that waits for `prior` to be settled.
    pub(super) fn waiting_for(&self, prior: i64) -> Option<&Link> {
        self.next.get(&prior).filter(|link| link.state == State::Waiting)
    }

    /// Whether some target waits for a commit.
    pub(super) fn want_commit(&self) -> bool {
        self.waiting_for_commit > 0
    }

    fn set(&mut self, prior: i64, state: State) {
        if let Some(link) = self.next.get_mut(&prior) {
            self.waiting_for_commit -= usize::from(link.state == State::WaitingForCommit);
            self.waiting_for_commit += usize::from(state == State::WaitingForCommit);
            link.state = state;
        }
    }

    /// The target after `prior` is being executed, for a user who was called `username` before the run.
    pub(super) fn executing_after(&mut self, prior: i64, username: Option<String>) {
        self.set(prior, State::Executing);
        if let Some(link) = self.next.get_mut(&prior) {
            link.username = username;
        }
    }

    /// What the user of the target after `prior` was called before the run.
    pub(super) fn username_after(&self, prior: i64) -> Option<String> {
        self.next.get(&prior).and_then(|link| link.username.clone())
    }

    /// The target after `prior` waits until that is committed.
    pub(super) fn wait_for_commit_of(&mut self, prior: i64) {
        self.set(prior, State::WaitingForCommit);
    }

    /// A target's result has come. False if it is to be thrown away: then the target waits again.
    pub(super) fn accept(&mut self, number: i64) -> bool {
        let Some(prior) = self.prior(number) else { return true };
        let outdated = self.next.get(&prior).is_some_and(|link| link.state == State::Outdated);
        self.set(prior, if outdated { State::Waiting } else { State::Settled });
        !outdated
    }

    /// What follows `number` was executed on something wrong. The settled targets that are so no more come back.
    pub(super) fn outdate_after(&mut self, number: i64) -> Vec<i64> {
        let mut unsettled = Vec::new();
        let mut at = number;
        while let Some(link) = self.next.get(&at) {
            let follower = link.number;
            match link.state {
                State::Settled => {
                    self.set(at, State::Waiting);
                    unsettled.push(follower);
                    at = follower;
                }
                State::Executing => {
                    self.set(at, State::Outdated);
                    break;
                }
                State::Waiting | State::WaitingForCommit | State::Outdated => break,
            }
        }
        unsettled
    }

    /// Forgets a target that is committed. What waits for that waits for nothing any more.
    pub(super) fn committed(&mut self, number: i64) {
        if let Some(prior) = self.prior.remove(&number) {
            self.set(prior, State::Settled);
            self.next.remove(&prior);
        }
        if self.next.get(&number).is_some_and(|link| link.state == State::WaitingForCommit) {
            self.set(number, State::Waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(chains: &Chains, prior: i64) -> Option<i64> {
        chains.waiting_for(prior).map(|link| link.number)
    }

    #[test]
    fn what_was_built_on_something_wrong_is_built_again() {
        let mut chains = Chains::default();
        for (prior, number) in [(1, 2), (2, 5), (5, 9)] {
            chains.add(prior, number, 7, None);
        }
        assert_eq!(waits(&chains, 1), Some(2));
        chains.executing_after(1, None);
        assert_eq!(waits(&chains, 1), None);
        assert!(chains.accept(2));
        chains.executing_after(2, None);

        assert_eq!(chains.outdate_after(1), [2], "5 is still being executed");
        assert_eq!((waits(&chains, 1), waits(&chains, 2)), (Some(2), None));
        assert!(!chains.accept(5), "its result is of no use");
        assert_eq!(waits(&chains, 2), Some(5));

        chains.executing_after(1, None);
        assert!(chains.accept(2));
        chains.wait_for_commit_of(2);
        assert!(chains.want_commit());
        assert_eq!(waits(&chains, 2), None);
        chains.committed(2);
        assert_eq!((waits(&chains, 2), chains.want_commit()), (Some(5), false));
        assert!(chains.accept(1), "the first of a chain is no link");
    }
}
