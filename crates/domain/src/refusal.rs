/// Why something asked for may not be done: one sentence for the person who asked, in their words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl Refusal {
    /// A refusal that says `why`.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}
