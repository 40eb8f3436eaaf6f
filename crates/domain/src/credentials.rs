//! Credentials of administrators: the rules for passwords, failed attempts, sessions and tokens.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{AdministratorId, Rejection, Right, Timestamp};

/// Number of a session. Never used again.
pub type SessionId = i64;

/// Number of an API token. Never used again.
pub type TokenId = i64;

const DAY: u64 = 86_400;

/// What must not be seen: not in a log, not in an error, not in a listing. Whoever needs it says so.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being seen.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// How long it takes does not tell where two of them differ.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

/// The shortest password, in characters.
const MIN_PASSWORD: usize = 12;
/// The longest password, in bytes.
pub const MAX_PASSWORD_BYTES: usize = 1_024;

/// Checks a new password of the administrator `name`. Only its length counts: length makes guessing hard.
///
/// # Errors
///
/// The password is too short, too long, or is the name.
pub fn check_password(name: &str, password: &Secret) -> Result<(), Rejection> {
    let password = password.reveal();
    if password.chars().count() < MIN_PASSWORD {
        return Err(Rejection::new(format!(
            "a password has at least {MIN_PASSWORD} characters: several words are easy to remember"
        )));
    }
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(Rejection::new(format!("a password has at most {MAX_PASSWORD_BYTES} bytes")));
    }
    if password.to_lowercase() == name.to_lowercase() {
        return Err(Rejection::new("a name is no password: everybody knows it"));
    }
    Ok(())
}

/// How long somebody has to wait after failed attempts to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOff {
    /// So many attempts are anybody's.
    pub free: u32,
}

impl BackOff {
    /// For attempts under one name, whether there is such an administrator or not.
    pub const BY_NAME: Self = Self { free: 5 };
    /// For attempts from one address, which many people may share.
    pub const BY_ADDRESS: Self = Self { free: 20 };
    /// Failures are forgotten when there was none for so long.
    const MEMORY: Duration = Duration::from_secs(DAY);
    /// After the first failure that is not free.
    const FIRST: Duration = Duration::from_secs(5);
    /// Long enough for at most a hundred guesses a day, short enough for whoever owns the name and waits.
    const LONGEST: Duration = Duration::from_secs(15 * 60);

    /// How long the next attempt has to wait after so many failures; none: not at all.
    #[must_use]
    pub fn pause(self, failures: u32) -> Option<Duration> {
        let doublings = failures.checked_sub(self.free)?;
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        Some(Self::FIRST.saturating_mul(factor).min(Self::LONGEST))
    }

    /// Who has failed last then or before starts anew.
    #[must_use]
    pub fn forgotten(now: Timestamp) -> Timestamp {
        now.minus(Self::MEMORY)
    }

    /// What failures of a name are counted under. It is two bytes of a hash: people type passwords where the name
    /// belongs, of which nothing may be left, and strangers cannot fill the table. That two names meet is rare and does
    /// little.
    #[must_use]
    pub fn key_of_name(name: &str) -> String {
        let hash = Sha256::digest(name);
        format!("name {:02x}{:02x}", hash[0], hash[1])
    }

    /// What failures of an address are counted under: of the newer kind, everybody has 2⁶⁴ of them.
    #[must_use]
    pub fn key_of_address(address: IpAddr) -> String {
        match address.to_canonical() {
            IpAddr::V4(address) => format!("address {address}"),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("address {a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }
}

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Its number.
    #[serde(rename = "session_id")]
    pub id: SessionId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    /// Its end, however much it is used.
    pub expires_at: Timestamp,
    /// From where it began.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
}

impl Session {
    /// It ends when it was not used for so long: over after a night, not after a long lunch.
    pub const IDLE: Duration = Duration::from_secs(12 * 3_600);
    /// And however much it is used after so long, so that nobody stays in who was let in once.
    pub const LONGEST: Duration = Duration::from_secs(7 * DAY);

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.expires_at || now >= self.seen_at.plus(Self::IDLE)
    }
}

/// The use of sessions and tokens is noted again after so long, not at every request.
pub const NOTED_EVERY: Duration = Duration::from_secs(60);

/// The rights that a token may use, as far as its administrator has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(BTreeSet<Right>);

impl Scopes {
    /// Collects rights, of which there must be one.
    ///
    /// # Errors
    ///
    /// There is no right.
    pub fn new(rights: impl IntoIterator<Item = Right>) -> Result<Self, Rejection> {
        let rights = BTreeSet::from_iter(rights);
        if rights.is_empty() {
            return Err(Rejection::new(
                "a token without any scope is good for nothing: give it one, such as look",
            ));
        }
        Ok(Self(rights))
    }

    /// The rights.
    pub fn iter(&self) -> impl Iterator<Item = Right> + '_ {
        self.0.iter().copied()
    }
}

/// `look,report`
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().map(Right::name).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Scopes {
    type Err = Rejection;

    fn from_str(names: &str) -> Result<Self, Rejection> {
        Self::new(names.split(',').map(str::parse).collect::<Result<Vec<_>, _>>()?)
    }
}

impl Serialize for Scopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Right::name))
    }
}

/// A key with which a program acts for an administrator. The secret itself is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiToken {
    /// Its number.
    #[serde(rename = "token_id")]
    pub id: TokenId,
    /// Whose it is.
    pub administrator_id: AdministratorId,
    /// What they call it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Since when it is there.
    pub created_at: Timestamp,
    /// Until when it counts.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

impl ApiToken {
    /// No token is forgotten and good for longer.
    pub const LONGEST: Duration = Duration::from_secs(366 * DAY);
    const MAX_NAME: usize = 64;

    /// Whether it counts.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// Checks the name of a new token.
    ///
    /// # Errors
    ///
    /// The name is empty, too long, or has control characters.
    pub fn check_name(name: &str) -> Result<(), Rejection> {
        let length = name.chars().count();
        if (1..=Self::MAX_NAME).contains(&length) && !name.chars().any(char::is_control) {
            return Ok(());
        }
        Err(Rejection::new(format!(
            "the name of a token has 1 to {} characters and is one line",
            Self::MAX_NAME
        )))
    }
}

/// What a program shows: `rct_7.` and 60 letters and digits, the last eight of which are a checksum over the others. So
/// whoever searches texts for secrets finds it (`rct_[0-9]+\.[a-z2-7]{60}`) and can tell it from what only looks like
/// one.
#[derive(Debug)]
pub struct TokenText {
    /// Which token.
    pub id: TokenId,
    /// The part that nobody can guess: 52 letters and digits.
    pub secret: Secret,
}

impl TokenText {
    const PREFIX: &str = "rct_";
    const SECRET: usize = 52;
    const CHECKSUM: usize = 5;

    fn checksum(text: &str) -> String {
        BASE32_NOPAD.encode(&Sha256::digest(text)[..Self::CHECKSUM]).to_ascii_lowercase()
    }

    /// As it is written.
    #[must_use]
    pub fn show(&self) -> Secret {
        let text = format!("{}{}.{}", Self::PREFIX, self.id, self.secret.reveal());
        Secret::new(format!("{text}{}", Self::checksum(&text)))
    }

    /// Reads it; none if it is no such text.
    #[must_use]
    pub fn parse(shown: &Secret) -> Option<Self> {
        let text = shown.reveal();
        let (id, rest) = text.strip_prefix(Self::PREFIX)?.split_once('.')?;
        let secret = Secret::new(rest.get(..Self::SECRET)?);
        let read = Self { id: id.parse().ok()?, secret };
        (read.show() == *shown).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Grant, Rights, Role};

    fn check(password: &str) -> Result<(), String> {
        let checked = check_password("Maria.Delgado", &Secret::new(password));
        checked.map_err(|rejection| rejection.to_string())
    }

    #[test]
    fn secrets_show_nothing() {
        let secret = Secret::new("canary");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "[secret] [secret] Some([secret])");
        assert_eq!(secret.reveal(), "canary");
        assert!(secret == Secret::new("canary") && secret != Secret::new("canarx"));
    }

    #[test]
    fn a_password_is_long_and_not_the_name() {
        for good in ["aaaaaaaaaaaa", "zwölf Zeiche", "correct horse battery", &"x".repeat(1_024)] {
            assert_eq!(check(good), Ok(()));
        }
        for (bad, why) in [
            ("elevenchars", "at least 12"),
            ("ääääää", "at least 12"),
            ("maria.delgado", "a name is no password"),
            (&"x".repeat(1_025), "at most 1024 bytes"),
        ] {
            let told = check(bad).unwrap_err();
            assert!(told.contains(why) && !told.contains(bad), "{told}");
        }
    }

    #[test]
    fn waiting_doubles_up_to_a_bound() {
        let pauses: Vec<_> =
            (0..16).map(|n| BackOff::BY_NAME.pause(n).map(|pause| pause.as_secs())).collect();
        assert_eq!(pauses[..5], [None; 5], "what is free");
        assert_eq!(pauses[5..], [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900].map(Some));
        assert_eq!(BackOff::BY_ADDRESS.pause(19), None);
        assert_eq!(BackOff::BY_ADDRESS.pause(u32::MAX), Some(BackOff::LONGEST));
    }

    #[test]
    fn failures_are_counted_by_what_an_attacker_cannot_change_at_will() {
        let key = |address: &str| BackOff::key_of_address(address.parse().unwrap());
        assert_eq!(key("192.0.2.7"), "address 192.0.2.7");
        assert_eq!(key("::ffff:192.0.2.7"), key("192.0.2.7"));
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "address 2001:db8:1:2::/64");
        assert_eq!(key("2001:db8:1:2::9"), key("2001:db8:1:2:3:4:5:6"));
        assert_ne!(key("2001:db8:1:3::9"), key("2001:db8:1:2::9"));
        assert_ne!(BackOff::key_of_name("ana"), BackOff::key_of_name("ben"));
        assert_eq!(BackOff::key_of_name("my password").len(), "name 0000".len());
    }

    #[test]
    fn a_session_ends_idle_or_old() {
        let at = |hours: u64| {
            Timestamp::from_micros(0).map(|start| start.plus(Duration::from_secs(hours * 3_600))).unwrap()
        };
        let seen = |hours| Session {
            id: 1,
            created_at: at(0),
            seen_at: at(hours),
            expires_at: at(0).plus(Session::LONGEST),
            address: String::new(),
            agent: String::new(),
        };
        assert!(!seen(0).is_over(at(11)) && seen(0).is_over(at(12)));
        assert!(!seen(160).is_over(at(167)) && seen(160).is_over(at(168)));
    }

    #[test]
    fn the_text_of_a_token_is_recognised_and_checked() {
        let token = TokenText { id: 7, secret: Secret::new("a2".repeat(26)) };
        let shown = token.show();
        let text = shown.reveal();
        assert!(text.starts_with("rct_7.a2a2") && text.len() == 6 + 60, "{text}");
        let read = TokenText::parse(&shown).unwrap();
        assert_eq!((read.id, &read.secret), (7, &token.secret));
        assert!(!format!("{read:?}").contains("a2a2"));
        let cut = &text[..text.len() - 1];
        for bad in [
            "",
            "rct_",
            "rct_7.",
            "rct_7.é",
            cut,
            &text.replace("rct_7", "rct_8"),
            &text.replace("rct_7", "rct_07"),
            &format!("{text}a"),
            &text.to_uppercase(),
        ] {
            assert!(TokenText::parse(&Secret::new(bad)).is_none(), "{bad}");
        }
    }

    #[test]
    fn scopes_are_rights_and_never_more_than_the_administrators() {
        for right in Right::ALL {
            assert_eq!(right.name().parse::<Right>(), Ok(right));
        }
        let scopes: Scopes = "report,look,look".parse().unwrap();
        assert_eq!(scopes.to_string(), "look,report");
        assert_eq!(serde_json::to_string(&scopes).unwrap(), r#"["look","report"]"#);
        assert!(Scopes::new([]).is_err());
        let told = "fly".parse::<Scopes>().unwrap_err().to_string();
        assert!(told.contains("look, report, execute, edit-users, edit-scripts, administer"), "{told}");

        let grants = Role::ALL
            .map(|role| [None, Some(1), Some(2)].map(|organization_id| Grant { role, organization_id }));
        for granted in grants.concat() {
            let rights = Rights::from_iter([granted]);
            for chosen in 1..64_u32 {
                let has = |right: Right| chosen & (1 << right as u32) != 0;
                let narrowed =
                    rights.only(&Scopes::new(Right::ALL.into_iter().filter(|right| has(*right))).unwrap());
                for right in Right::ALL {
                    let expected = if has(right) { rights.scope(right) } else { None };
                    assert_eq!(narrowed.scope(right), expected);
                }
                for grant in grants.concat() {
                    assert!(!narrowed.may_grant(&grant) || rights.may_grant(&grant));
                }
            }
        }
        let administer = Rights::all().only(&Scopes::new([Right::Administer]).unwrap());
        assert!(
            !administer.may_grant(&Grant { role: Role::ReadOnly, organization_id: None }),
            "it cannot look"
        );
        let twice = Rights::all().only(&scopes).only(&Scopes::new([Right::Look, Right::Execute]).unwrap());
        assert_eq!(
            Right::ALL.map(|right| twice.scope(right).is_some()),
            [true, false, false, false, false, false]
        );
    }
}
