//! Idempotency keys: they tell requests apart that are sent more than once.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::Rejection;

/// What tells one request from another, though it may be sent more than once: a key that whoever asks has made up, and what
/// is asked for. Only the hashes of both are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestKey {
    key: [u8; 32],
    request: [u8; 32],
}

impl RequestKey {
    const LONGEST: usize = 255;

    /// Creates the key of a request. `request` has all bytes that make another request when they differ.
    ///
    /// # Errors
    ///
    /// The key is empty, longer than 255 characters, or not printable ASCII.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), rollcall_domain::Rejection> {
    /// use rollcall_domain::RequestKey;
    ///
    /// let key = "6ee1c8a0-9d7f-4b0e-a8f5-2f3c1d9b7a11";
    /// assert_eq!(RequestKey::new(key, b"{}")?, RequestKey::new(key, b"{}")?);
    /// assert_ne!(RequestKey::new(key, b"{}")?, RequestKey::new(key, b"[]")?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(key: &str, request: &[u8]) -> Result<Self, Rejection> {
        if key.is_empty() || key.len() > Self::LONGEST || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Rejection::new(format!(
                "the key of a request has 1 to {} ASCII characters without blanks, such as a UUID",
                Self::LONGEST
            )));
        }
        Ok(Self { key: Sha256::digest(key).into(), request: Sha256::digest(request).into() })
    }

    /// SHA-256 of the key, in hexadecimal digits.
    #[must_use]
    pub fn key(&self) -> String {
        HEXLOWER.encode(&self.key)
    }

    /// SHA-256 of the request, in hexadecimal digits.
    #[must_use]
    pub fn request(&self) -> String {
        HEXLOWER.encode(&self.request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_plain_and_nothing_of_it_is_kept() {
        for bad in ["", "a b", "a\n", "ä", &"x".repeat(256)] {
            assert!(RequestKey::new(bad, b"").is_err(), "{bad:?}");
        }
        let key = RequestKey::new("6f9619ff-8b86-d011", b"POST /runs").unwrap();
        assert_eq!((key.key().len(), key.request().len()), (64, 64));
        assert_ne!(key.key(), key.request());
        assert_eq!(key, RequestKey::new("6f9619ff-8b86-d011", b"POST /runs").unwrap());
    }
}
