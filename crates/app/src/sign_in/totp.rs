//! Codes of an authenticator: RFC 6238 with what every authenticator knows, SHA-1, six digits and 30 seconds.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rollcall_domain::{Secret, Timestamp};
use sha1::Sha1;

use super::random;
use crate::error::AppError;

/// Seconds in which a code is shown.
const STEP: i64 = 30;
/// A clock may be so many steps off, either way.
const OFF: i64 = 1;
/// As long as what SHA-1 gives, as RFC 4226 recommends.
const SECRET: usize = 20;

/// A new secret, in base32.
pub(super) fn secret() -> Result<Secret, AppError> {
    Ok(Secret::new(BASE32_NOPAD.encode(&random::bytes::<SECRET>()?)))
}

/// What an authenticator reads from a picture.
pub(super) fn uri(name: &str, secret: &Secret) -> Secret {
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    Secret::new(format!("otpauth://totp/Rollcall:{name}?secret={}&issuer=Rollcall", secret.reveal()))
}

/// RFC 4226, before all but the last digits are cut off.
fn number(key: &[u8], step: i64) -> u32 {
    let mut hmac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    hmac.update(&step.to_be_bytes());
    let hash = hmac.finalize().into_bytes();
    let at = usize::from(hash[hash.len() - 1] & 0xf);
    u32::from_be_bytes([hash[at] & 0x7f, hash[at + 1], hash[at + 2], hash[at + 3]])
}

/// The code of a step.
pub(super) fn code(secret: &Secret, step: i64) -> Option<Secret> {
    let key = BASE32_NOPAD.decode(secret.reveal().as_bytes()).ok()?;
    Some(Secret::new(format!("{:06}", number(&key, step) % 1_000_000)))
}

/// The step of a moment.
pub(super) fn step(now: Timestamp) -> i64 {
    now.as_micros().div_euclid(STEP * 1_000_000)
}

/// Of which step this is the code, if it is of one about `now` and after `last`.
pub(super) fn step_of(shown: &Secret, secret: &Secret, last: i64, now: Timestamp) -> Option<i64> {
    let about = step(now) - OFF..=step(now) + OFF;
    about.filter(|step| *step > last).find(|step| code(secret, *step).is_some_and(|code| code == *shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the RFCs' tables.
    const KEY: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        for (seconds, expected) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            assert_eq!(number(KEY, step(at(seconds))) % 100_000_000, expected, "{seconds}");
        }
    }

    #[test]
    fn numbers_are_those_of_rfc_4226() {
        let expected =
            [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489];
        for (step, expected) in (0..).zip(expected) {
            assert_eq!(number(KEY, step) % 1_000_000, expected, "{step}");
        }
    }

    #[test]
    fn a_code_counts_a_step_early_or_late_and_never_again() {
        let secret = Secret::new(BASE32_NOPAD.encode(KEY));
        let shown = code(&secret, 100).unwrap();
        let of = |now, last| step_of(&shown, &secret, last, at(now));
        assert_eq!(
            [2_969, 2_970, 3_000, 3_059, 3_060].map(|now| of(now, 0)),
            [None, Some(100), Some(100), Some(100), None]
        );
        assert_eq!((of(3_000, 99), of(3_000, 100), of(3_000, 101)), (Some(100), None, None));
        for wrong in ["", "1", "1000000", "abcdef"] {
            assert_eq!(step_of(&Secret::new(wrong), &secret, 0, at(3_000)), None);
        }
        assert_eq!(step_of(&shown, &Secret::new("not base32"), 0, at(3_000)), None);
    }

    #[test]
    fn authenticators_read_the_address() {
        let uri = uri("ana+x@b.example", &Secret::new("GEZDGNBV"));
        let expected = "otpauth://totp/Rollcall:ana%2Bx%40b%2Eexample?secret=GEZDGNBV&issuer=Rollcall";
        assert_eq!(uri.reveal(), expected);
    }
}
