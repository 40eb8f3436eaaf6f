//! How administrators prove who they are: with a password and, if they have an authenticator, a code; then with a
//! session; programs with a token.

pub(crate) mod credentials;
pub(crate) mod denied;
pub(crate) mod hasher;
pub(crate) mod random;
mod second;
mod sessions;
mod set_up;
#[cfg(test)]
mod tests;
mod tokens;
mod totp;

pub use credentials::{Credentials, SignIn, SignedIn};
pub use denied::Denied;
pub use second::Enrolment;
