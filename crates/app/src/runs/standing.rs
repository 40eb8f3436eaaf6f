use rollcall_domain::{Run, RunState, Timestamp};

use crate::holder;

/// The run in the state that it has now. It is interrupted if the process that executed it has ended, or did not report
/// until its lease expired; it is queued if no process holds it.
pub(crate) fn as_it_stands(mut run: Run, now: Timestamp) -> Run {
    let dead = run.holder.as_deref().is_none_or(holder::is_dead);
    run.state = match run.state {
        RunState::Running if run.holder.is_none() => RunState::Queued,
        RunState::Running if dead || run.leased_until.is_none_or(|until| until < now) => {
            RunState::Interrupted
        }
        // Nobody has to be there for one that is held.
        RunState::Selecting if dead && run.holder.is_some() => RunState::Interrupted,
        state => state,
    };
    run
}
