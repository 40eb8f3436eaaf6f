//! Usernames: the rules for new ones, and how a key that names a user is compared.

use crate::Rejection;

/// Invisible characters, as ranges of code points, both ends included: control characters (general category
/// Cc), line and paragraph separators, interlinear annotations, and what has the property
/// `Default_Ignorable_Code_Point`: zero-width characters, byte order marks, direction marks, fillers and
/// variation selectors.
///
/// Source: Unicode 16.0, `DerivedCoreProperties.txt`.
pub const INVISIBLE_CHARACTERS: [(u32, u32); 20] = [
    (0x00, 0x1f),
    (0x7f, 0x9f),
    (0xad, 0xad),
    (0x34f, 0x34f),
    (0x61c, 0x61c),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x2028, 0x2029),
    (0x202a, 0x202e),
    (0x2060, 0x206f),
    (0x3164, 0x3164),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0x1_bca0, 0x1_bca3),
    (0x1_d173, 0x1_d17a),
    (0xe_0000, 0xe_0fff),
];

fn is_invisible(c: char) -> bool {
    INVISIBLE_CHARACTERS.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(c)))
}

/// A username, or a key that names a user, without the white space and the invisible characters at its ends.
#[must_use]
pub fn normalize_key(key: &str) -> &str {
    key.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// Refuses a username that looks like another one: with white space at an end, or with an invisible character anywhere.
/// Names that users have already are not checked: they stay until they are changed.
///
/// # Errors
///
/// If the name has such a character; the rejection names the character.
///
/// # Examples
///
/// ```
/// use rollcall_domain::check_username;
///
/// assert!(check_username("ana.berg").is_ok());
/// let rejection = check_username("ana.berg ").unwrap_err();
/// assert!(rejection.to_string().contains("a space (U+0020)"));
/// ```
pub fn check_username(name: &str) -> Result<(), Rejection> {
    if let Some(hidden) = name.chars().find(|c| is_invisible(*c)) {
        return Err(Rejection::new(format!("username {name:?} contains {}: remove it", describe(hidden))));
    }
    let place = |c: Option<char>, ends: &str| {
        let space = c.filter(|c| c.is_whitespace())?;
        Some(Rejection::new(format!("username {name:?} {ends} with {}: remove it", describe(space))))
    };
    let begins = place(name.chars().next(), "begins");
    begins.or_else(|| place(name.chars().next_back(), "ends")).map_or(Ok(()), Err)
}

/// Names a character that cannot be seen.
fn describe(c: char) -> String {
    let kind = match c {
        ' ' => "a space",
        '\u{a0}' => "a no-break space",
        '\t' => "a tab",
        '\n' | '\r' => "a line break",
        '\u{200b}' => "a zero-width space",
        '\u{feff}' => "a byte order mark",
        c if c.is_control() => "a control character",
        c if c.is_whitespace() => "white space",
        _ => "an invisible character",
    };
    format!("{kind} (U+{:04X})", u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_compared_without_what_nobody_sees_at_their_ends() {
        for key in
            ["ana", " ana", "ana\u{a0}", "\u{feff}ana\u{200b} \t", "\u{202a}ana\u{202c}\r\n", "ana\u{3000}"]
        {
            assert_eq!(normalize_key(key), "ana");
        }
        assert_eq!(normalize_key(" ana  berg "), "ana  berg");
        assert_eq!(normalize_key(" \u{200b}"), "");
    }

    #[test]
    fn a_username_may_have_spaces_and_letters_of_any_script_inside() {
        for name in
            ["ana", "ana berg", "ana\u{a0}berg", "Zoë", "zoe\u{308}", "мария", "王", "a'b\"c", "-", "😀"]
        {
            assert_eq!(check_username(name), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn a_username_that_looks_like_another_is_refused_with_the_character() {
        for (name, why) in [
            ("trail ", "username \"trail \" ends with a space (U+0020): remove it"),
            (" lead", "username \" lead\" begins with a space (U+0020): remove it"),
            ("nbsp\u{a0}", "username \"nbsp\\u{a0}\" ends with a no-break space (U+00A0): remove it"),
            ("wide\u{3000}", "username \"wide\\u{3000}\" ends with white space (U+3000): remove it"),
            ("tab\t", "username \"tab\\t\" contains a tab (U+0009): remove it"),
            ("n\nl", "username \"n\\nl\" contains a line break (U+000A): remove it"),
            ("z\u{200b}w", "username \"z\\u{200b}w\" contains a zero-width space (U+200B): remove it"),
            ("\u{feff}bom", "username \"\\u{feff}bom\" contains a byte order mark (U+FEFF): remove it"),
            (
                "b\u{202e}idi",
                "username \"b\\u{202e}idi\" contains an invisible character (U+202E): remove it",
            ),
            ("\u{1}", "username \"\\u{1}\" contains a control character (U+0001): remove it"),
        ] {
            assert_eq!(check_username(name).map_err(|rejection| rejection.to_string()), Err(why.to_owned()));
        }
    }

    #[test]
    fn a_name_that_passes_is_its_own_key() {
        for c in (0..=0xffff).chain(0xe_0000..0xe_0200).filter_map(char::from_u32) {
            for name in [format!("{c}a"), format!("a{c}")] {
                assert!(check_username(&name).is_err() || normalize_key(&name) == name, "{name:?}");
            }
        }
    }
}
