//! Panics of the threads of a run. A panic would end its thread alone, and the threads that wait for its results would
//! wait forever; as an error it ends the run, which can be resumed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::AppError;

/// Runs `work` on the current thread, which the error calls `thread`.
///
/// # Errors
///
/// Those of `work`; [`AppError::Panicked`] if it panics. The panic hook has printed where by then.
pub(super) fn guarded<T>(
    thread: &'static str,
    work: impl FnOnce() -> Result<T, AppError>,
) -> Result<T, AppError> {
    // What `work` has borrowed is either dropped with the run or, like the store, consistent after each statement.
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(AppError::Panicked { thread, message: message_of(&*panic) }))
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
#[allow(clippy::panic, reason = "what is tested")]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_thread_and_message() {
        let at = 3;
        let error = guarded::<()>("loader", || panic!("target {at} is missing")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "internal error in the loader thread: target 3 is missing; please report it"
        );
        let error = guarded::<()>("loader", || std::panic::panic_any(7)).unwrap_err();
        assert!(error.to_string().contains("no message"), "{error}");
        assert_eq!(guarded("loader", || Ok(1)).unwrap(), 1);
    }
}
