//! The dictionary of RADIUS attributes and their value types. FreeRADIUS rejects a user who has an item with a name
//! that its dictionary lacks, or with a value that it cannot read as the type of the attribute.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use crate::{Item, Operator, Rejection, did_you_mean};

/// What the value of an attribute is (`man 5 dictionary`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// Any text.
    Text,
    /// Bytes: `0x` and hexadecimal digits, or a text that stands for itself.
    Octets,
    /// A whole number without a sign, of so many bits.
    Unsigned(u32),
    /// One of 32 bits with a sign.
    Signed,
    /// A moment.
    Date,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An IPv4 network, or one address.
    Ipv4Prefix,
    /// An IPv6 network, or one address.
    Ipv6Prefix,
    /// An address of either kind.
    Ip,
    /// An Ethernet address.
    Ether,
    /// An interface identifier: four groups of hexadecimal digits.
    Ifid,
    /// Something that is not looked into.
    Other,
}

impl ValueType {
    /// Reads the type of an attribute in a dictionary, such as `integer` or `octets[16]`.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        let name = name.split_once('[').map_or(name, |(name, _)| name);
        match name.to_ascii_lowercase().as_str() {
            "string" => Self::Text,
            "octets" => Self::Octets,
            "integer" | "uint32" => Self::Unsigned(32),
            "short" | "uint16" => Self::Unsigned(16),
            "byte" | "uint8" => Self::Unsigned(8),
            "integer64" | "uint64" => Self::Unsigned(64),
            "signed" | "int32" => Self::Signed,
            "date" => Self::Date,
            "ipaddr" => Self::Ipv4,
            "ipv6addr" => Self::Ipv6,
            "ipv4prefix" => Self::Ipv4Prefix,
            "ipv6prefix" => Self::Ipv6Prefix,
            "combo-ip" => Self::Ip,
            "ether" => Self::Ether,
            "ifid" => Self::Ifid,
            _ => Self::Other,
        }
    }

    /// The name that FreeRADIUS's dictionaries have for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Octets => "octets",
            Self::Unsigned(8) => "byte",
            Self::Unsigned(16) => "short",
            Self::Unsigned(64) => "integer64",
            Self::Unsigned(_) => "integer",
            Self::Signed => "signed",
            Self::Date => "date",
            Self::Ipv4 => "ipaddr",
            Self::Ipv6 => "ipv6addr",
            Self::Ipv4Prefix => "ipv4prefix",
            Self::Ipv6Prefix => "ipv6prefix",
            Self::Ip => "combo-ip",
            Self::Ether => "ether",
            Self::Ifid => "ifid",
            Self::Other => "other",
        }
    }

    /// What a value has to be, in a few words.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Text | Self::Other => "a text",
            Self::Octets => "0x and pairs of hexadecimal digits, or a text",
            Self::Unsigned(8) => "a number from 0 to 255",
            Self::Unsigned(16) => "a number from 0 to 65535",
            Self::Unsigned(64) => "a number from 0 to 18446744073709551615",
            Self::Unsigned(_) => "a number from 0 to 4294967295",
            Self::Signed => "a number from -2147483648 to 2147483647",
            Self::Date => "a number of seconds since 1970, or a date such as 'Jan 31 2027 12:00:00 UTC'",
            Self::Ipv4 => "an IPv4 address, such as 192.0.2.1",
            Self::Ipv6 => "an IPv6 address, such as 2001:db8::1",
            Self::Ipv4Prefix => "an IPv4 network, such as 192.0.2.0/24",
            Self::Ipv6Prefix => "an IPv6 network, such as 2001:db8::/48",
            Self::Ip => "an IPv4 or IPv6 address",
            Self::Ether => "an Ethernet address, such as 00:11:22:33:44:55",
            Self::Ifid => "an interface identifier, such as 11:22:33:44",
        }
    }

    /// Whether FreeRADIUS reads `value` as this, without asking a name server.
    fn fits(self, value: &str) -> bool {
        match self {
            Self::Text | Self::Other => true,
            Self::Octets => value.strip_prefix("0x").is_none_or(|hex| {
                hex.len().is_multiple_of(2) && hex.bytes().all(|digit| digit.is_ascii_hexdigit())
            }),
            Self::Unsigned(bits) => number(value).is_some_and(|n| bits >= 64 || n < 1 << bits),
            Self::Signed => value.parse::<i32>().is_ok(),
            Self::Date => number(value).is_some_and(|n| n < 1 << 32) || is_date(value),
            Self::Ipv4 => value.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => value.parse::<Ipv6Addr>().is_ok(),
            Self::Ipv4Prefix => is_network::<Ipv4Addr>(value, 32),
            Self::Ipv6Prefix => is_network::<Ipv6Addr>(value, 128),
            Self::Ip => value.parse::<std::net::IpAddr>().is_ok(),
            Self::Ether => groups(value, 6, 2),
            Self::Ifid => groups(value, 4, 4),
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Unsigned(_) | Self::Signed)
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) if hex.bytes().all(|digit| digit.is_ascii_hexdigit()) => u64::from_str_radix(hex, 16).ok(),
        None if text.bytes().all(|digit| digit.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

/// `Jan 31 2027`, with a time of day or without, as FreeRADIUS reads it.
fn is_date(text: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let mut words = text.split_ascii_whitespace();
    let month = words.next().is_some_and(|word| {
        let word = word.to_ascii_lowercase();
        MONTHS.iter().any(|month| word.starts_with(month))
    });
    let day = words.next().and_then(|word| word.trim_end_matches(',').parse::<u32>().ok());
    let year = words.next().and_then(|word| word.parse::<u32>().ok());
    month
        && day.is_some_and(|day| (1..=31).contains(&day))
        && year.is_some_and(|year| (1970..=2105).contains(&year))
}

fn is_network<A: std::str::FromStr>(text: &str, longest: u32) -> bool {
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, rest)| (address, Some(rest)));
    let fits = |length: &str| length.parse::<u32>().is_ok_and(|length| length <= longest);
    address.parse::<A>().is_ok() && length.is_none_or(fits)
}

fn groups(text: &str, count: usize, digits: usize) -> bool {
    let hex = |group: &str| {
        (1..=digits).contains(&group.len()) && group.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    text.split(':').count() == count && text.split(':').all(hex)
}

/// An attribute that a dictionary has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DictionaryEntry {
    /// What its values are.
    pub value: ValueType,
    /// The names that some values have.
    pub choices: Vec<String>,
}

/// Where a dictionary comes from, which says how much it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DictionarySource {
    /// Comes with Rollcall: the attributes of the RFCs, and those that FreeRADIUS checks.
    BuiltIn,
    /// That of the FreeRADIUS of this machine.
    Machine,
    /// One that was loaded into the database.
    Loaded,
}

/// All attributes that FreeRADIUS knows, as far as is known here.
#[derive(Debug)]
pub struct Dictionary {
    /// By name in small letters: FreeRADIUS makes no difference.
    entries: BTreeMap<String, (String, DictionaryEntry)>,
    source: DictionarySource,
    /// What unknown names were probably meant to be: found once each.
    near: Mutex<HashMap<String, Option<String>>>,
}

/// From here on an unknown name is a known one that was mistyped, by its Jaro-Winkler similarity.
const RESEMBLES: f64 = 0.9;
/// So many unknown names are remembered.
const MOST_NEAR: usize = 1_000;
/// Attributes of FreeRADIUS's own that no dictionary of it has: those of its modules.
const OF_MODULES: &str = "\
ATTRIBUTE Max-Daily-Session 1 integer64
ATTRIBUTE Max-Weekly-Session 1 integer64
ATTRIBUTE Max-Monthly-Session 1 integer64
ATTRIBUTE Max-All-Session 1 integer64
ATTRIBUTE Expire-After 1 integer64
ATTRIBUTE SQL-Group 1 string
ATTRIBUTE LDAP-Group 1 string
";

impl Dictionary {
    /// What comes with Rollcall.
    #[must_use]
    pub fn built_in() -> Self {
        Self::read(DictionarySource::BuiltIn, [include_str!("dictionary/built-in")])
    }

    /// Reads dictionaries as FreeRADIUS writes them; what they include has to come by itself.
    pub fn read<'a>(source: DictionarySource, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut entries = BTreeMap::new();
        let texts: Vec<_> = texts.into_iter().chain([OF_MODULES]).collect();
        let lines = || texts.iter().flat_map(|text| text.lines());
        for line in lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_ascii_whitespace();
            if let (Some("ATTRIBUTE"), Some(name), Some(_), Some(kind)) =
                (words.next(), words.next(), words.next(), words.next())
            {
                let entry = DictionaryEntry { value: ValueType::parse(kind), choices: Vec::new() };
                entries.insert(name.to_ascii_lowercase(), (name.to_owned(), entry));
            }
        }
        // A value may be named before its attribute is.
        for line in lines() {
            let mut words = line.split_ascii_whitespace();
            if let (Some("VALUE"), Some(name), Some(choice)) = (words.next(), words.next(), words.next())
                && let Some((_, DictionaryEntry { choices, .. })) =
                    entries.get_mut(&name.to_ascii_lowercase())
            {
                choices.push(choice.to_owned());
            }
        }
        Self { entries, source, near: Mutex::default() }
    }

    /// A dictionary of entries.
    pub fn of(
        source: DictionarySource,
        entries: impl IntoIterator<Item = (String, DictionaryEntry)>,
    ) -> Self {
        let keyed = entries.into_iter().map(|(name, entry)| (name.to_ascii_lowercase(), (name, entry)));
        Self { entries: keyed.collect(), source, near: Mutex::default() }
    }

    /// Where it comes from.
    #[must_use]
    pub fn source(&self) -> DictionarySource {
        self.source
    }

    /// Every attribute, by name.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&str, &DictionaryEntry)> {
        self.entries.values().map(|(name, entry)| (name.as_str(), entry))
    }

    fn entry(&self, name: &str) -> Option<&DictionaryEntry> {
        // `Tunnel-Type:1` is that of the first tunnel.
        let untagged =
            || name.rsplit_once(':').filter(|(_, tag)| tag.parse::<u8>().is_ok_and(|tag| tag < 32));
        let of = |name: &str| self.entries.get(&name.to_ascii_lowercase()).map(|(_, entry)| entry);
        of(name).or_else(|| of(untagged()?.0))
    }

    /// The name that an unknown one was probably meant to be.
    fn near(&self, name: &str) -> Option<String> {
        let mut near = self.near.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = near.get(name) {
            return found.clone();
        }
        let found = did_you_mean(name, self.entries().map(|(name, _)| name)).map(str::to_owned);
        if near.len() < MOST_NEAR {
            near.insert(name.to_owned(), found.clone());
        }
        found
    }

    /// Checks an item against the dictionary.
    ///
    /// # Errors
    ///
    /// The reason why FreeRADIUS would reject a user with this item.
    pub fn check_item(&self, item: &Item) -> Result<(), Rejection> {
        use Operator::{Absent, Match, NotMatch, Present};
        // A pattern is none of the attribute's values, and where one only has to be there it does not matter.
        let any = matches!(item.operation, Match | NotMatch | Present | Absent);
        self.check(&item.attr, (!any).then_some(item.value.as_str()))
    }

    /// Checks an item like [`Dictionary::check_item`], but accepts unknown names while the dictionary lacks those of
    /// vendors, unless the name resembles a known one.
    ///
    /// # Errors
    ///
    /// The reason for a warning.
    pub fn warn_of(&self, item: &Item) -> Result<(), Rejection> {
        let unknown = || self.source == DictionarySource::BuiltIn && self.entry(&item.attr).is_none();
        let resembles = |near: String| strsim::jaro_winkler(&item.attr, &near) > RESEMBLES;
        if unknown() && !self.near(&item.attr).is_some_and(resembles) {
            return Ok(());
        }
        self.check_item(item)
    }

    fn check(&self, name: &str, value: Option<&str>) -> Result<(), Rejection> {
        let Some(DictionaryEntry { value: kind, choices }) = self.entry(name) else {
            // What it calls an attribute that it does not know.
            let by_number = name.strip_prefix("Attr-");
            if by_number.is_some_and(|rest| rest.bytes().all(|c| c.is_ascii_digit() || c == b'.')) {
                return Ok(());
            }
            let near = self.near(name).map_or_else(String::new, |near| format!("; did you mean {near}?"));
            return Err(Rejection::new(format!(
                "FreeRADIUS has no attribute {name} and rejects whoever has it{near}"
            )));
        };
        let named =
            |value: &str| kind.is_number() && choices.iter().any(|choice| choice.eq_ignore_ascii_case(value));
        let Some(value) = value.filter(|value| !kind.fits(value) && !named(value)) else { return Ok(()) };
        let mut wanted = kind.noun().to_owned();
        if kind.is_number() && !choices.is_empty() {
            let close = did_you_mean(value, choices.iter().map(String::as_str));
            let some = close.unwrap_or(&choices[0]);
            wanted.push_str(&format!(" or a name such as {some}"));
        }
        Err(Rejection::new(format!(
            "{name} takes {wanted}; FreeRADIUS rejects whoever has it with {value:?}, or takes that for something else"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(dictionary: &Dictionary, name: &str, value: &str) -> String {
        dictionary.check(name, Some(value)).map_or_else(|why| why.to_string(), |()| "fits".to_owned())
    }

    #[test]
    fn names_and_values_are_those_of_the_dictionary() {
        let dictionary = Dictionary::built_in();
        for (name, value) in [
            ("User-Name", "whatever"),
            ("Session-Timeout", "3600"),
            ("Service-Type", "Framed-User"),
            ("Framed-IP-Address", "192.0.2.1"),
            ("Delegated-IPv6-Prefix", "2001:db8::/48"),
            ("Tunnel-Type:1", "VLAN"),
            ("Class", "0x00ff"),
            ("Max-Daily-Session", "4"),
            ("Attr-26.9.1", "0x00"),
            ("Expiration", "Jan 31 2027 12:00:00 UTC"),
        ] {
            assert_eq!(says(&dictionary, name, value), "fits", "{name}");
        }
        let unknown = says(&dictionary, "Username", "ana");
        assert_eq!(
            unknown,
            "FreeRADIUS has no attribute Username and rejects whoever has it; did you mean User-Name?"
        );
        let host = says(&dictionary, "Framed-IP-Address", "host.example.com");
        assert!(host.starts_with("Framed-IP-Address takes an IPv4 address, such as 192.0.2.1;"), "{host}");
        let choice = says(&dictionary, "Service-Type", "Framed");
        assert!(choice.contains("or a name such as Framed-User;"), "{choice}");
        for (name, value) in [
            ("Session-Timeout", "1h"),
            ("Session-Timeout", "4294967296"),
            ("Class", "0x0"),
            ("Session-Timeout", "-1"),
        ] {
            assert_ne!(says(&dictionary, name, value), "fits", "{name} {value}");
        }
    }

    #[test]
    fn the_built_in_dictionary_warns_of_no_vendors_names() {
        let dictionary = Dictionary::built_in();
        let item = |text: &str| Item::parse(crate::ItemKind::Check, text).unwrap();
        assert!(dictionary.warn_of(&item("WISPr-Bandwidth-Max-Down := 1000")).is_ok());
        assert!(dictionary.check_item(&item("WISPr-Bandwidth-Max-Down := 1000")).is_err());
        assert!(dictionary.warn_of(&item("Username := ana")).is_err());
        assert!(dictionary.warn_of(&item("Session-Timeout := long")).is_err());
        assert!(dictionary.warn_of(&item("NAS-Port =~ ^[0-9]+$")).is_ok());
        assert!(dictionary.warn_of(&item("NAS-Port =* any")).is_ok());
    }

    #[test]
    fn dictionaries_are_read_as_freeradius_writes_them() {
        let text = "VALUE\tAcme-Kind\tgold\t1 # first\nVENDOR Acme 99999\nBEGIN-VENDOR Acme\n\
                    ATTRIBUTE\tAcme-Kind\t0x101\tinteger has_tag\nATTRIBUTE Acme-Key 300 octets[16]\n#ATTRIBUTE Not 1 string\n";
        let read = Dictionary::read(DictionarySource::Loaded, [text]);
        assert_eq!(says(&read, "Acme-Kind", "gold"), "fits");
        assert_eq!(says(&read, "Acme-Key", "0x00"), "fits");
        assert!(says(&read, "Not", "x").starts_with("FreeRADIUS has no attribute Not"));
        let again = Dictionary::of(
            read.source(),
            read.entries().map(|(name, entry)| (name.to_owned(), entry.clone())),
        );
        assert_eq!(says(&again, "Acme-Kind", "silver"), says(&read, "Acme-Kind", "silver"));
        for (_, entry) in Dictionary::built_in().entries() {
            assert_eq!(ValueType::parse(entry.value.name()), entry.value);
        }
    }
}
