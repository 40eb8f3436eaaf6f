/// The reason why an authentication failed. It reveals neither whether there is such an administrator nor what was
/// wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Not who they say.
    #[error("the name, the password or the code is wrong")]
    SignIn,
    /// Too many have failed.
    #[error("too many attempts have failed: try again in {0} s")]
    Wait(u64),
    /// No session.
    #[error("the session has ended: sign in again")]
    Session,
    /// No token.
    #[error("the token does not count: it is wrong, has expired or was revoked")]
    Token,
    /// No link.
    #[error("the link does not count: it was used, is too old, or a later one was made")]
    Link,
    /// An authenticator that does not work yet.
    #[error(
        "the code is wrong: type the one that the authenticator shows now, and see that its clock is right"
    )]
    Code,
}
