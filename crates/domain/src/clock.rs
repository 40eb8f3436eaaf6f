//! The current time as a parameter, so that tests choose it.

use crate::Timestamp;

/// Where "now" comes from. A parameter of everything that has a rule about time, so that tests choose it.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
            .expect("the machine's clock is between the years 1 and 9999")
    }
}
