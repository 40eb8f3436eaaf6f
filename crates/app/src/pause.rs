use std::time::Duration;

/// Waits between two looks at what other processes do.
#[expect(clippy::disallowed_methods, reason = "nothing in this process tells what others do")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
