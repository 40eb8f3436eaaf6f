/// What somebody has seen of something that they replace.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen<'a, T> {
    /// They do not mind what it is.
    Anything,
    /// This, or that it was not there: if it is something else by now, nothing is written.
    Exactly(Option<&'a T>),
}

impl<T: PartialEq> Seen<'_, T> {
    /// Whether this is what they replace.
    pub(crate) fn is(&self, found: Option<&T>) -> bool {
        match self {
            Self::Anything => true,
            Self::Exactly(seen) => *seen == found,
        }
    }
}

// Whatever it is that was seen.
impl<T> Copy for Seen<'_, T> {}

impl<T> Clone for Seen<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
