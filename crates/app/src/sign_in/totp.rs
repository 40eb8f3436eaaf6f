//! Codes of an authenticator: RFC 6238 with what every authenticator knows, SHA-1, six digits and 30 seconds.

use data_encoding::BASE32_NOPAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rollcall_domain::{Secret, Timestamp};
use totp_rs::{Algorithm, Builder, Totp};

use super::random;
use crate::error::AppError;

/// Seconds in which a code is shown.
const STEP: u64 = 30;
/// A clock may be so many steps off, either way.
const OFF: u16 = 1;
const DIGITS: u8 = 6;
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

/// Reads a secret; none if it is not one that [`secret`] gives.
fn authenticator(secret: &Secret) -> Option<Totp> {
    let key: [u8; SECRET] = BASE32_NOPAD.decode(secret.reveal().as_bytes()).ok()?.try_into().ok()?;
    let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(DIGITS);
    builder.with_step_duration(STEP).with_skew(OFF).with_secret(key).build().ok()
}

/// Finds the step of a code: one about `now` and after `last`. The code is compared in constant time.
pub(super) fn step_of(shown: &Secret, secret: &Secret, last: i64, now: Timestamp) -> Option<i64> {
    let seconds = u64::try_from(now.as_micros().div_euclid(1_000_000)).ok()?;
    let step = authenticator(secret)?.check(shown.reveal(), seconds)?;
    // A code is valid once.
    i64::try_from(step).ok().filter(|step| *step > last)
}

/// The step of a moment.
#[cfg(test)]
pub(super) fn step(now: Timestamp) -> i64 {
    now.as_micros().div_euclid(30_000_000)
}

/// The code of a step.
#[cfg(test)]
pub(super) fn code(secret: &Secret, step: i64) -> Option<Secret> {
    let seconds = u64::try_from(step).ok()? * STEP;
    Some(Secret::new(authenticator(secret)?.generate(seconds).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the RFCs' tables.
    const KEY: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn key() -> Secret {
        Secret::new(BASE32_NOPAD.encode(KEY))
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // The last six of the eight digits in the table.
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(&key(), step(at(seconds))).unwrap().reveal(), expected, "{seconds}");
        }
    }

    #[test]
    fn numbers_are_those_of_rfc_4226() {
        let expected = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (step, expected) in (0..).zip(expected) {
            assert_eq!(code(&key(), step).unwrap().reveal(), expected, "{step}");
        }
    }

    #[test]
    fn a_code_counts_a_step_early_or_late_and_never_again() {
        let secret = key();
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
