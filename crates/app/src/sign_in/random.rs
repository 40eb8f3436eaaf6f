//! Secrets that nobody can guess, and the hashes that are kept of them. With so much chance in them a fast hash is
//! enough.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use rollcall_domain::Secret;
use sha2::{Digest, Sha256};

use crate::error::AppError;

/// So many random bytes.
pub(super) fn bytes<const N: usize>() -> Result<[u8; N], AppError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| AppError::Starved("randomness"))?;
    Ok(bytes)
}

/// So many random bytes as small letters and digits.
pub(crate) fn letters<const N: usize>() -> Result<String, AppError> {
    Ok(BASE32_NOPAD.encode(&bytes::<N>()?).to_ascii_lowercase())
}

/// What is kept of a random secret: its SHA-256.
pub(super) fn hash(secret: &Secret) -> Secret {
    Secret::new(HEXLOWER.encode(&Sha256::digest(secret.reveal())))
}
