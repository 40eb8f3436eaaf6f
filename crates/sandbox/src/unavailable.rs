/// Why scripts cannot be run on this machine, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// No usable interpreter.
    #[error("{0}")]
    Interpreter(String),
    /// The kernel cannot lock a worker down.
    #[error(
        "scripts cannot be locked down on this machine: {missing}. Nothing was run. {advice}, or accept scripts \
         without any protection with --sandbox=none (development only)"
    )]
    Lockdown {
        /// What the kernel lacks.
        missing: String,
        /// How to get it.
        advice: &'static str,
    },
}
