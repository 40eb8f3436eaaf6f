//! Passwords of users in the schemes that FreeRADIUS checks.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};

use crate::{MAX_ITEM_BYTES, Rejection, Secret};

/// What is kept of a password in a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The password itself.
    Clear,
    /// What `crypt(3)` takes.
    Crypt,
    /// A digest of one of these lengths, in bytes.
    Digest(&'static [usize]),
    /// A digest of this length, in bytes, with the salt after it.
    Salted(usize),
    /// `digest:iterations:salt:hash`, where all but the digest is base64.
    Pbkdf2,
}

macro_rules! schemes {
    ($($(#[$doc:meta])* $scheme:ident $attribute:literal $form:expr, [$($header:literal),*];)*) => {
        /// In which form a user's password is kept: each is an attribute of FreeRADIUS (`man 5 rlm_pap`).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum PasswordScheme {
            $($(#[$doc])* $scheme,)*
        }

        impl PasswordScheme {
            /// Every scheme.
            pub const ALL: &[Self] = &[$(Self::$scheme),*];

            /// The name of FreeRADIUS's attribute.
            #[must_use]
            pub fn attribute(self) -> &'static str {
                match self { $(Self::$scheme => $attribute),* }
            }

            fn form(self) -> Form {
                match self { $(Self::$scheme => $form),* }
            }

            /// What stands in braces before a password of it, in small letters.
            fn headers(self) -> &'static [&'static str] {
                match self { $(Self::$scheme => &[$($header),*]),* }
            }
        }
    };
}

schemes! {
    /// The password itself. CHAP takes it, and MS-CHAP this or [`Self::Nt`].
    Cleartext "Cleartext-Password" Form::Clear, ["clear", "cleartext"];
    /// What `crypt(3)` makes, such as `$6$…`.
    Crypt "Crypt-Password" Form::Crypt, ["crypt"];
    /// MD4 of the password in UTF-16, as Windows keeps it.
    Nt "NT-Password" Form::Digest(&[16]), ["nt", "nthash", "x-nthash", "md4"];
    /// MD5.
    Md5 "MD5-Password" Form::Digest(&[16]), ["md5", "base64_md5"];
    /// MD5 with a salt.
    Smd5 "SMD5-Password" Form::Salted(16), ["smd5"];
    /// SHA-1.
    Sha "SHA-Password" Form::Digest(&[20]), ["sha"];
    /// SHA-1 with a salt.
    Ssha "SSHA-Password" Form::Salted(20), ["ssha"];
    /// SHA-2; which one, its length tells.
    Sha2 "SHA2-Password" Form::Digest(&[28, 32, 48, 64]), ["sha2", "sha224", "sha256", "sha384", "sha512"];
    /// SHA-224 with a salt.
    Ssha224 "SSHA2-224-Password" Form::Salted(28), ["ssha224"];
    /// SHA-256 with a salt.
    Ssha256 "SSHA2-256-Password" Form::Salted(32), ["ssha256"];
    /// SHA-384 with a salt.
    Ssha384 "SSHA2-384-Password" Form::Salted(48), ["ssha384"];
    /// SHA-512 with a salt.
    Ssha512 "SSHA2-512-Password" Form::Salted(64), ["ssha512"];
    /// PBKDF2, under the name by which FreeRADIUS 3.2 takes it: it overlooks `PBKDF2-Password`.
    Pbkdf2 "Password-With-Header" Form::Pbkdf2, ["x-pbkdf2", "pbkdf2"];
}

impl fmt::Display for PasswordScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.attribute())
    }
}

impl FromStr for PasswordScheme {
    type Err = Rejection;

    /// Reads the name of FreeRADIUS's attribute.
    fn from_str(name: &str) -> Result<Self, Rejection> {
        let aliases =
            [("SHA1-Password", Self::Sha), ("SSHA1-Password", Self::Ssha), ("PBKDF2-Password", Self::Pbkdf2)];
        let known = Self::ALL.iter().map(|scheme| (scheme.attribute(), *scheme)).chain(aliases);
        known
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, scheme)| scheme)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|scheme| scheme.attribute()).collect();
                Rejection::new(format!(
                    "passwords are not kept as {name:?}; they are as {}",
                    names.join(", ")
                ))
            })
    }
}

/// A user's password, as FreeRADIUS checks it. Nobody here reads it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPassword {
    scheme: PasswordScheme,
    value: Secret,
}

impl UserPassword {
    /// Reads a password as LDAP and FreeRADIUS write it: `{SSHA512}…`, or the password itself without a scheme. A
    /// password that begins like a scheme has `{clear}` before it.
    ///
    /// # Errors
    ///
    /// The scheme is unknown, or the value does not fit it.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), rollcall_domain::Rejection> {
    /// use rollcall_domain::{PasswordScheme, UserPassword};
    ///
    /// assert_eq!(UserPassword::parse("rosebud")?.scheme(), PasswordScheme::Cleartext);
    /// assert_eq!(UserPassword::parse("{clear}{x}rosebud")?.value(), "{x}rosebud");
    /// assert!(UserPassword::parse("{ssha521}AAAA").is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let named = text.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let known = named.and_then(|(name, rest)| {
            let name = name.to_ascii_lowercase();
            let scheme =
                PasswordScheme::ALL.iter().find(|scheme| scheme.headers().contains(&name.as_str()))?;
            Some((*scheme, rest))
        });
        // Whoever has mistyped a scheme does not mean it as a part of the password.
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_+/.".contains(&byte))
        };
        if known.is_none() && named.is_some_and(|(name, _)| is_name(name)) {
            return Err(Rejection::new(
                "what stands in braces before a password is its scheme, and none is called like that; a password that \
                 begins so itself has {clear} before it",
            ));
        }
        let (scheme, value) = known.unwrap_or((PasswordScheme::Cleartext, text));
        Self::new(scheme, value)
    }

    /// Creates a password from its value in `scheme`. Digests are in hexadecimal digits or base64, with their salt
    /// after them.
    ///
    /// # Errors
    ///
    /// The value does not fit the scheme, or is longer than an attribute can carry.
    pub fn new(scheme: PasswordScheme, value: &str) -> Result<Self, Rejection> {
        let value = match scheme.form() {
            Form::Clear => clear(value)?.to_owned(),
            Form::Crypt => crypt(value)?.to_owned(),
            Form::Digest(lengths) => digest(scheme, value, |length| lengths.contains(&length))?,
            Form::Salted(length) => digest(scheme, value, |found| found > length)?,
            Form::Pbkdf2 => format!("{{x-pbkdf2}}{}", pbkdf2(value)?),
        };
        if value.len() > MAX_ITEM_BYTES {
            return Err(Rejection::new(format!("a password has at most {MAX_ITEM_BYTES} bytes")));
        }
        Ok(Self { scheme, value: Secret::new(value) })
    }

    /// Reads a password as [`UserPassword::parse`] does; an empty text is no password.
    ///
    /// # Errors
    ///
    /// See [`UserPassword::parse`].
    pub fn read(given: &Secret) -> Result<Option<Self>, Rejection> {
        if given.reveal().is_empty() { Ok(None) } else { Self::parse(given.reveal()).map(Some) }
    }

    /// In which form it is kept.
    #[must_use]
    pub fn scheme(&self) -> PasswordScheme {
        self.scheme
    }

    /// What [`Self::parse`] reads as the same.
    #[must_use]
    pub fn text(&self) -> Secret {
        match (self.scheme.form(), self.scheme.headers()) {
            // It has its scheme before it anyway.
            (Form::Pbkdf2, _) | (_, []) => self.value.clone(),
            (_, [header, ..]) => Secret::new(format!("{{{header}}}{}", self.value())),
        }
    }

    /// What FreeRADIUS is given.
    #[must_use]
    pub fn value(&self) -> &str {
        self.value.reveal()
    }
}

fn clear(password: &str) -> Result<&str, Rejection> {
    if password.is_empty() || password.len() > MAX_ITEM_BYTES || password.chars().any(char::is_control) {
        return Err(Rejection::new(format!(
            "a password has 1 to {MAX_ITEM_BYTES} bytes and no control characters"
        )));
    }
    let bare = password.trim();
    if bare.starts_with('`') && bare.ends_with('`') {
        return Err(Rejection::new("FreeRADIUS would execute a password in backquotes"));
    }
    Ok(password)
}

fn crypt(hash: &str) -> Result<&str, Rejection> {
    let of_crypt = |c: char| c.is_ascii_alphanumeric() || "./$=,-_".contains(c);
    if !hash.chars().all(of_crypt) || !(hash.starts_with('$') || hash.len() == 13) {
        return Err(Rejection::new(
            "a password that crypt(3) made begins with $, such as $6$salt$…, or has 13 characters",
        ));
    }
    Ok(hash)
}

fn digest(scheme: PasswordScheme, text: &str, fits: impl Fn(usize) -> bool) -> Result<String, Rejection> {
    let hex = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    let base64 = text.trim_end_matches('=').as_bytes();
    let read = [HEXLOWER_PERMISSIVE.decode(hex), BASE64.decode(text.as_bytes()), BASE64_NOPAD.decode(base64)];
    let bytes = read.into_iter().flatten().find(|bytes| fits(bytes.len()));
    // In hexadecimal digits FreeRADIUS cannot take it for anything else.
    bytes.map(|bytes| format!("0x{}", HEXLOWER.encode(&bytes))).ok_or_else(|| {
        Rejection::new(format!(
            "a password kept as {scheme} is a digest of its length in hexadecimal digits or base64"
        ))
    })
}

fn pbkdf2(text: &str) -> Result<&str, Rejection> {
    let parts: Vec<_> = text.split(':').collect();
    let is_base64 = |text: &&str| BASE64_NOPAD.decode(text.trim_end_matches('=').as_bytes()).is_ok();
    if parts.len() != 4 || !parts[0].starts_with("HMACSHA") || !parts[1..].iter().all(is_base64) {
        return Err(Rejection::new(
            "a password of PBKDF2 is digest:iterations:salt:hash, such as HMACSHA2+256:AAAnEA:…, all but the digest in base64",
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(&'static str, String), String> {
        let read = UserPassword::parse(text).map_err(|error| error.to_string())?;
        Ok((read.scheme().attribute(), read.value().to_owned()))
    }

    #[test]
    fn a_header_names_the_scheme_and_what_follows_has_to_fit() {
        let clear = |text: &str| Ok(("Cleartext-Password", text.to_owned()));
        assert_eq!(parsed("secret"), clear("secret"));
        assert_eq!(parsed("{ }secret"), clear("{ }secret"));
        assert_eq!(parsed("{clear}{other}secret"), clear("{other}secret"));
        assert_eq!(parsed("{clear}{crypt}secret"), clear("{crypt}secret"));
        assert_eq!(parsed("{CRYPT}$6$salt$hash"), Ok(("Crypt-Password", "$6$salt$hash".to_owned())));
        let nt = "0cb6948805f797bf2a82807973b89537";
        for text in [
            format!("{{nt}}{nt}"),
            format!("{{NT}}0x{}", nt.to_uppercase()),
            "{nt}DLaUiAX3l78qgoB5c7iVNw==".into(),
        ] {
            assert_eq!(parsed(&text), Ok(("NT-Password", format!("0x{nt}"))));
        }
        for text in [
            "{nt}0cb6",
            "{other}secret",
            "{SHA-512}abcdef",
            "{ssha}2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
            "{crypt}plain text",
            "{x-pbkdf2}a:b",
            "`reboot`",
            " `a` ",
            "",
            "a\tb",
            &"x".repeat(254),
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_sent_is_read_as_the_same() {
        let digests = |length: usize| HEXLOWER.encode(&vec![7; length]);
        let mut seen = Vec::new();
        for (scheme, value) in [
            (PasswordScheme::Cleartext, "{nt}secret".to_owned()),
            (PasswordScheme::Crypt, "$6$salt$hash".to_owned()),
            (PasswordScheme::Nt, digests(16)),
            (PasswordScheme::Md5, digests(16)),
            (PasswordScheme::Smd5, digests(20)),
            (PasswordScheme::Sha, digests(20)),
            (PasswordScheme::Ssha, digests(28)),
            (PasswordScheme::Sha2, digests(32)),
            (PasswordScheme::Ssha224, digests(32)),
            (PasswordScheme::Ssha256, digests(40)),
            (PasswordScheme::Ssha384, digests(56)),
            (PasswordScheme::Ssha512, digests(72)),
            (PasswordScheme::Pbkdf2, "HMACSHA2+256:AAAnEA==:c2FsdHNhbHQ=:aGFzaGhhc2g=".to_owned()),
        ] {
            let password = UserPassword::new(scheme, &value).unwrap();
            assert_eq!(UserPassword::parse(password.text().reveal()).unwrap(), password);
            seen.push(scheme);
        }
        assert_eq!(seen, PasswordScheme::ALL);
    }

    #[test]
    fn nothing_shows_a_password() {
        let password = UserPassword::parse("hunter2").unwrap();
        assert!(!format!("{password:?}").contains("hunter2"));
        assert!(!parsed("{nt}hunter2").unwrap_err().contains("hunter2"));
    }
}
