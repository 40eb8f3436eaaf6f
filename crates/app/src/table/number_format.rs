//! What a sheet shows of a number: the number formats of Excel, as far as they decide which digits there are.
//!
//! Source: ECMA-376, part 1, 18.8.30 and 18.8.31.

/// The form in which the cells of one style show numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NumberFormat {
    /// The number itself.
    General,
    /// A day, perhaps with a time.
    Date,
    /// A time of day.
    Time,
    /// A span of time, of which the hours may be more than a day has.
    Span,
    /// Digits as the sections say.
    Sections(Vec<Section>),
}

/// One of the formats for positive numbers, negative ones and zero.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Section {
    condition: Option<(Comparison, f64)>,
    tokens: Vec<Token>,
    /// It shows less than the number, or in another form: powers of ten, fractions, thousands.
    is_plain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Literal(char),
    /// A digit, or 0 where there is none.
    Zero,
    /// A digit where there is one.
    Digit,
    Point,
    Comma,
    Percent,
    General,
}

impl NumberFormat {
    /// The format with this number among those that every workbook has; `General` if there is none.
    pub(super) fn built_in(id: u32) -> Self {
        match id {
            1 => Self::parse("0"),
            2 => Self::parse("0.00"),
            3 | 37 | 38 | 41 | 42 => Self::parse("#,##0"),
            4 | 39 | 40 | 43 | 44 => Self::parse("#,##0.00"),
            9 => Self::parse("0%"),
            10 => Self::parse("0.00%"),
            14..=17 | 22 | 27..=31 | 36 | 50..=54 | 57 | 58 => Self::Date,
            18..=21 | 32..=35 | 45 | 47 | 55 | 56 => Self::Time,
            46 => Self::Span,
            _ => Self::General,
        }
    }

    /// The format that a code such as `#,##0.00;[Red]-0` means.
    pub(super) fn parse(code: &str) -> Self {
        if let Some(time) = time_of(code) {
            return time;
        }
        let sections: Vec<_> = split(code).into_iter().take(3).map(Section::parse).collect();
        if let [Section { condition: None, tokens, .. }] = sections.as_slice()
            && tokens.as_slice() == [Token::General]
        {
            return Self::General;
        }
        Self::Sections(sections)
    }

    /// The text that a sheet shows of a number which the file writes as `text`. Thousands are not set apart, and a
    /// negative number has a minus sign however it is shown.
    ///
    /// # Errors
    ///
    /// If the file does not hold all digits of the number, or if the format shows nothing of it.
    pub(super) fn show(&self, text: &str, value: f64) -> Result<String, String> {
        let number = Decimal::of(text, value)?;
        let Self::Sections(sections) = self else { return Ok(number.to_string()) };
        match choose(sections, value) {
            Some(section) => section.show(number, value),
            None => Ok(number.to_string()),
        }
    }
}

/// The sections of a code, between semicolons that stand for themselves.
fn split(code: &str) -> Vec<&str> {
    let (mut sections, mut start) = (Vec::new(), 0);
    let mut chars = code.char_indices();
    let mut is_quoted = false;
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => is_quoted = !is_quoted,
            '\\' | '_' | '*' if !is_quoted => {
                chars.next();
            }
            ';' if !is_quoted => {
                sections.push(&code[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    sections.push(&code[start..]);
    sections
}

/// The kind of time that the first section of a code shows, if it does.
fn time_of(code: &str) -> Option<NumberFormat> {
    let section = split(code).first().copied().unwrap_or_default();
    let (mut letters, mut is_span) = (String::new(), false);
    let mut chars = section.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                chars.by_ref().find(|c| *c == '"');
            }
            '\\' | '_' | '*' => {
                chars.next();
            }
            '[' => {
                let inner: String = chars.by_ref().take_while(|c| *c != ']').collect();
                let inner = inner.to_ascii_lowercase();
                is_span |= ["h", "m", "s"]
                    .iter()
                    .any(|unit| !inner.is_empty() && inner.trim_start_matches(*unit).is_empty());
            }
            c => letters.extend(c.to_lowercase()),
        }
    }
    if is_span {
        return Some(NumberFormat::Span);
    }
    let letters = letters.replace("general", "").replace("am/pm", "h").replace("a/p", "h");
    // `0.0E+00` and `e` for the year of an era differ by what stands around them.
    let has_digits = letters.contains(['0', '#', '?']);
    let (has_clock, has_day) = (letters.contains(['h', 's']), letters.contains(['y', 'd']));
    let has_month = letters.contains('m');
    if has_day || (has_month && !has_clock) || (!has_digits && letters.contains(['e', 'b', 'g'])) {
        Some(NumberFormat::Date)
    } else if has_clock {
        Some(NumberFormat::Time)
    } else {
        None
    }
}

impl Section {
    fn parse(code: &str) -> Self {
        let mut section = Self::default();
        let mut rest = code;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            rest = match c {
                '"' => {
                    let end = after.find('"').unwrap_or(after.len());
                    section.tokens.extend(after[..end].chars().map(Token::Literal));
                    after.get(end + 1..).unwrap_or_default()
                }
                '\\' => {
                    section.tokens.extend(after.chars().next().map(Token::Literal));
                    skip_one(after)
                }
                // As wide as the next character, or filled with it.
                '_' | '*' => skip_one(after),
                '[' => {
                    let end = after.find(']').unwrap_or(after.len());
                    section.bracket(&after[..end]);
                    after.get(end + 1..).unwrap_or_default()
                }
                _ if rest.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("general")) => {
                    section.tokens.push(Token::General);
                    &rest[7..]
                }
                'E' | 'e' if after.starts_with(['+', '-']) => {
                    section.is_plain = true;
                    after
                }
                '/' if section.tokens.iter().any(Token::is_placeholder) => {
                    section.is_plain = true;
                    after
                }
                _ => {
                    section.tokens.push(match c {
                        '0' => Token::Zero,
                        '#' | '?' => Token::Digit,
                        '.' => Token::Point,
                        ',' => Token::Comma,
                        '%' => Token::Percent,
                        '@' => Token::General,
                        other => Token::Literal(other),
                    });
                    after
                }
            };
        }
        section.is_plain |= section.scales();
        section
    }

    /// Reads the text in brackets: a condition, a currency, or something that shows nothing.
    fn bracket(&mut self, inner: &str) {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        if let Some(currency) = inner.strip_prefix('$') {
            let sign = currency.split('-').next().unwrap_or_default();
            self.tokens.extend(sign.chars().map(Token::Literal));
            return;
        }
        // The longer ones first.
        for (sign, comparison) in [
            ("<=", LessOrEqual),
            (">=", GreaterOrEqual),
            ("<>", NotEqual),
            ("<", Less),
            (">", Greater),
            ("=", Equal),
        ] {
            if let Some(limit) = inner.strip_prefix(sign) {
                self.condition = limit.trim().parse().ok().map(|limit| (comparison, limit));
                return;
            }
        }
    }

    /// Whether a comma behind the last digit divides by a thousand.
    fn scales(&self) -> bool {
        let point = self.tokens.iter().position(|token| *token == Token::Point);
        let whole = &self.tokens[..point.unwrap_or(self.tokens.len())];
        let last = |token: &Token| token.is_placeholder();
        let after = |tokens: &[Token]| {
            tokens.iter().rposition(last).is_some_and(|last| tokens[last..].contains(&Token::Comma))
        };
        after(whole) || after(&self.tokens)
    }

    fn fits(&self, value: f64) -> Option<bool> {
        self.condition.map(|(comparison, limit)| match comparison {
            Comparison::Less => value < limit,
            Comparison::LessOrEqual => value <= limit,
            Comparison::Equal => (value - limit).abs() == 0.0,
            Comparison::NotEqual => (value - limit).abs() > 0.0,
            Comparison::GreaterOrEqual => value >= limit,
            Comparison::Greater => value > limit,
        })
    }

    fn show(&self, mut number: Decimal, value: f64) -> Result<String, String> {
        if self.is_plain {
            return Ok(number.to_string());
        }
        let negative = value < 0.0;
        number.point += 2 * self.tokens.iter().map(|token| i32::from(*token == Token::Percent)).sum::<i32>();
        let point = self.tokens.iter().position(|token| *token == Token::Point).unwrap_or(self.tokens.len());
        let (whole, behind) = self.tokens.split_at(point);
        let decimals = behind.iter().filter(|token| token.is_placeholder()).count();
        let must = behind.iter().filter(|token| token.is_placeholder()).collect::<Vec<_>>();
        let must = must.iter().rposition(|token| **token == Token::Zero).map_or(0, |last| last + 1);
        let plain = if self.tokens.contains(&Token::General) { number.magnitude() } else { String::new() };
        number.round(decimals);
        let is_nothing = number.digits.is_empty();
        let (integer, mut fraction) = number.parts(decimals);
        while fraction.len() > must && fraction.ends_with('0') {
            fraction.pop();
        }
        let mut shown = String::new();
        let mut left = integer.as_str();
        let mut places = whole.iter().filter(|token| token.is_placeholder()).count();
        if places == 0 && decimals > 0 {
            // `.00` shows what is before the point if there is something.
            shown.push_str(left);
        }
        for token in whole.iter().chain(behind) {
            match token {
                Token::Literal(c) => shown.push(*c),
                Token::Percent => shown.push('%'),
                Token::General => shown.push_str(&plain),
                Token::Comma => {}
                Token::Point if fraction.is_empty() => {}
                Token::Point => {
                    shown.push('.');
                    shown.push_str(&fraction);
                    // All of them at once.
                    left = "";
                    places = 0;
                }
                Token::Zero | Token::Digit if places > 0 => {
                    // The first place takes all digits that have none.
                    let here = left.len().saturating_sub(places - 1);
                    let (now, later) = left.split_at(here);
                    if now.is_empty() && *token == Token::Zero {
                        shown.push('0');
                    }
                    shown.push_str(now);
                    left = later;
                    places -= 1;
                }
                Token::Zero | Token::Digit => {}
            }
        }
        let mut shown = shown.trim().to_owned();
        if value == 0.0 && !shown.chars().any(char::is_alphanumeric) && !self.tokens.is_empty() {
            return Ok("0".to_owned());
        }
        if shown.is_empty() {
            return Err(format!(
                "holds {value}, of which its number format shows nothing; change the format"
            ));
        }
        let is_zero_now = is_nothing && plain.is_empty();
        let has_sign = shown.chars().take_while(|c| !c.is_ascii_digit()).any(|c| c == '-');
        if negative && !is_zero_now && !has_sign {
            // Parentheses and colours say it, too.
            let bare: String = shown.chars().filter(|c| !matches!(c, '(' | ')')).collect();
            shown = format!("-{}", bare.trim());
        }
        Ok(shown)
    }
}

fn skip_one(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.as_str()
}

/// The section that shows `value`; none if none does.
fn choose(sections: &[Section], value: f64) -> Option<&Section> {
    let fits = |at: usize, otherwise: bool| {
        sections.get(at).is_some_and(|section| section.fits(value).unwrap_or(otherwise))
    };
    match sections {
        [] => None,
        [one] => one.fits(value).unwrap_or(true).then_some(one),
        [first, second] => {
            Some(if fits(0, value >= 0.0 || second.fits(value) == Some(false)) { first } else { second })
        }
        [first, second, third, ..] => Some(if fits(0, value > 0.0) {
            first
        } else if fits(1, value < 0.0) {
            second
        } else {
            third
        }),
    }
}

impl Token {
    fn is_placeholder(&self) -> bool {
        matches!(self, Self::Zero | Self::Digit)
    }
}

/// A number as its digits: `0.digits` times ten to the power of `point`.
#[derive(Debug, Clone, PartialEq)]
struct Decimal {
    is_negative: bool,
    /// Neither the first nor the last is 0; empty for 0.
    digits: String,
    point: i32,
}

/// The number of digits that a spreadsheet keeps of a number.
const PRECISION: usize = 15;
/// No number of Excel has more places than this on one side of its point.
const PLACES: i32 = 310;

fn lost(digits: usize, who_keeps: &str) -> String {
    format!(
        "holds a number of {digits} digits, of which {who_keeps}; format the cell as text and enter it anew"
    )
}

impl Decimal {
    /// The number that the file writes as `text`. Whole numbers have all digits that stand there; others the 15 digits
    /// that a spreadsheet shows, so that 0.30000000000000004 is 0.3.
    fn of(text: &str, value: f64) -> Result<Self, String> {
        let unsigned = text.trim_start_matches(['+', '-']);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().unwrap_or(0)),
            None => (unsigned, 0_i32),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exact = Self::new(value < 0.0, whole, fraction, exponent);
        let count = exact.digits.len();
        if count <= PRECISION {
            // A spreadsheet puts zeros for the digits that it does not keep.
            return match usize::try_from(exact.point) {
                Ok(point) if point > PRECISION => Err(lost(point, &format!("spreadsheets keep {PRECISION}"))),
                _ => Ok(exact),
            };
        }
        let is_whole = usize::try_from(exact.point).is_ok_and(|point| point >= count);
        let is_long = usize::try_from(exact.point).is_ok_and(|point| point > PRECISION);
        if is_whole && exponent == 0 {
            return Ok(exact);
        }
        if is_long && exponent != 0 {
            let digits = usize::try_from(exact.point).unwrap_or(count);
            return Err(lost(digits, &format!("the file has kept {count}")));
        }
        let rounded = format!("{:.*e}", PRECISION - 1, value.abs());
        let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Ok(Self::new(value < 0.0, whole, fraction, exponent.parse().unwrap_or(0)))
    }

    fn new(is_negative: bool, whole: &str, fraction: &str, exponent: i32) -> Self {
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let before = i32::try_from(whole.len()).unwrap_or(PLACES).saturating_add(exponent);
        let point = before.saturating_sub(i32::try_from(all.len() - digits.len()).unwrap_or(0));
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() {
            return Self { is_negative: false, digits: String::new(), point: 0 };
        }
        Self { is_negative, digits: digits.to_owned(), point: point.clamp(-PLACES, PLACES) }
    }

    /// Rounds half up to `decimals` decimals.
    fn round(&mut self, decimals: usize) {
        let keep = self.point + i32::try_from(decimals).unwrap_or(PLACES);
        let Ok(keep) = usize::try_from(keep) else {
            (self.digits, self.point) = (String::new(), 0);
            return;
        };
        if keep >= self.digits.len() {
            return;
        }
        let up = self.digits.as_bytes()[keep] >= b'5';
        let mut digits = self.digits.as_bytes()[..keep].to_vec();
        if up {
            let nines = digits.iter().rev().take_while(|digit| **digit == b'9').count();
            digits.truncate(digits.len() - nines);
            match digits.last_mut() {
                Some(last) => *last += 1,
                None => {
                    digits.push(b'1');
                    self.point += 1;
                }
            }
        }
        let digits = digits.into_iter().map(char::from).collect::<String>();
        self.digits = digits.trim_end_matches('0').to_owned();
        if self.digits.is_empty() {
            self.point = 0;
        }
    }

    /// The digits before the point, none for 0, and `decimals` digits behind it.
    fn parts(&self, decimals: usize) -> (String, String) {
        let digit = |at: i32| {
            let digit = usize::try_from(at).ok().and_then(|at| self.digits.as_bytes().get(at));
            digit.map_or('0', |digit| char::from(*digit))
        };
        let whole = (0..self.point).map(digit).collect();
        let fraction = (self.point..).take(decimals).map(digit).collect();
        (whole, fraction)
    }

    /// The number without its sign.
    fn magnitude(&self) -> String {
        let behind = i32::try_from(self.digits.len()).unwrap_or(PLACES) - self.point;
        let (whole, fraction) = self.parts(usize::try_from(behind).unwrap_or(0));
        let whole = if whole.is_empty() { "0" } else { &whole };
        if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_negative {
            f.write_str("-")?;
        }
        f.write_str(&self.magnitude())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: &str, text: &str) -> Result<String, String> {
        NumberFormat::parse(code).show(text, text.parse().unwrap())
    }

    #[test]
    fn numbers_read_as_the_sheet_shows_them() {
        for (code, text, expected) in [
            ("General", "0.30000000000000004", "0.3"),
            ("General", "2675.6999999999998", "2675.7"),
            ("General", "42", "42"),
            ("General", "-0", "0"),
            ("General", "1.0000000000000001E-7", "0.0000001"),
            ("General", "1.2E5", "120000"),
            ("General", "89445001020304050607", "89445001020304050607"),
            ("General", "9007199254740993", "9007199254740993"),
            ("00000", "123", "00123"),
            ("00000", "1234567", "1234567"),
            ("0", "123456789012340", "123456789012340"),
            ("0", "1234567890123456", "1234567890123456"),
            ("[$-407]00000", "1234", "01234"),
            ("0", "89445001020304050607", "89445001020304050607"),
            ("\"ID-\"0000", "42", "ID-0042"),
            ("+0", "4930123", "+4930123"),
            ("000\\-00\\-0000", "123456789", "123-45-6789"),
            ("000-0000", "5551234", "555-1234"),
            ("0.00", "12.5", "12.50"),
            ("0.00", "0.33333333333333331", "0.33"),
            ("0.00", "1.005", "1.01"),
            ("0.00", "99.995", "100.00"),
            ("0", "0.4", "0"),
            ("0", "-0.4", "0"),
            ("#", "0", "0"),
            ("#.##", "1.5", "1.5"),
            ("#.##", "2", "2"),
            ("#,##0", "1234567", "1234567"),
            ("#,##0.00 \"€\"", "1234.5", "1234.50 €"),
            ("0%", "0.05", "5%"),
            ("0.0%", "0.28999999999999998", "29.0%"),
            ("_(* #,##0_);_(* (#,##0);_(* \"-\"??_)", "-5", "-5"),
            ("_(* #,##0_);_(* (#,##0);_(* \"-\"??_)", "0", "0"),
            ("0;[Red]0", "-5", "-5"),
            ("[Color10]0;[Red]-0", "-5", "-5"),
            ("[>100]\"high\"0;0", "150", "high150"),
            ("[>100]\"high\"0;0", "50", "50"),
            ("0 \"days\"", "46387", "46387 days"),
            ("General\" d\"", "46387", "46387 d"),
            ("#,##0 [$USD]", "46387", "46387 USD"),
            // What shows less than the number, or in another form, is the number.
            ("0.0E+00", "46387", "46387"),
            ("# ?/?", "0.5", "0.5"),
            ("0,", "46387", "46387"),
            ("@", "123", "123"),
        ] {
            assert_eq!(shown(code, text).as_deref(), Ok(expected), "{text} as {code}");
        }
        for (code, text) in [
            (";;;", "77"),
            ("General", "8.9445001020304052E+19"),
            ("General", "8.9445001020304E+19"),
            ("0", "1234567890123450"),
        ] {
            shown(code, text).unwrap_err();
        }
        // Not zero: the format that hides it hides a zero as well.
        shown(";;;", "0").unwrap_err();
    }

    #[test]
    fn times_are_told_from_numbers() {
        use NumberFormat::{Date, Span, Time};
        for (code, expected) in [
            ("dd.mm.yyyy;@", Some(Date)),
            ("[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", Some(Date)),
            ("yyyy\"年\"m\"月\"d\"日\"", Some(Date)),
            ("mmm-yy", Some(Date)),
            ("dd/mm/yyyy hh:mm", Some(Date)),
            ("ge.m.d", Some(Date)),
            ("h:mm AM/PM", Some(Time)),
            ("mm:ss.0", Some(Time)),
            ("[h]:mm", Some(Span)),
            ("[ss].00", Some(Span)),
            ("0 \"days\"", None),
            ("0\\d", None),
            ("[Red]0", None),
            ("#,##0.00\\ \"Mo.\"", None),
            ("General\" d\"", None),
            ("0.0E+00", None),
            ("#,##0*d", None),
            ("0_d", None),
            ("#,##0 [$SFr.-807]", None),
            ("[$-409]0", None),
        ] {
            let found = Some(NumberFormat::parse(code)).filter(|it| matches!(it, Date | Time | Span));
            assert_eq!(found, expected, "{code}");
        }
    }
}
