//! The part of Python's `marshal` format that parent and worker speak: `None`, booleans, integers, text, bytes,
//! tuples, lists and dicts. CPython reads and writes it in C, three times faster than JSON.
//!
//! Source: `Python/marshal.c`, format version 2 (no back references), which every CPython 3 reads and writes.

use std::borrow::Cow;

/// Values nest at most this deep; what a worker sends needs four levels.
const MAX_DEPTH: usize = 8;
/// One value holds at most so many others; a report with every edit that it may have holds under 6,000.
const MAX_VALUES: usize = 10_000;

/// Writes values one after the other.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

fn length(n: usize) -> u32 {
    u32::try_from(n).expect("what is sent to a worker is far below 4 GiB")
}

impl Writer {
    pub(crate) fn none(&mut self) {
        self.bytes.push(b'N');
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.bytes.push(if value { b'T' } else { b'F' });
    }

    pub(crate) fn int(&mut self, value: i64) {
        if let Ok(small) = i32::try_from(value) {
            self.bytes.push(b'i');
            self.bytes.extend(small.to_le_bytes());
            return;
        }
        // Sign and count in one number, then the magnitude in digits of 15 bits.
        let mut digits = [0_u16; 5];
        let mut count = 0_i32;
        let mut rest = value.unsigned_abs();
        while rest > 0 {
            digits[count as usize] = (rest & 0x7fff) as u16;
            rest >>= 15;
            count += 1;
        }
        self.bytes.push(b'l');
        self.bytes.extend((if value < 0 { -count } else { count }).to_le_bytes());
        for digit in &digits[..count.unsigned_abs() as usize] {
            self.bytes.extend(digit.to_le_bytes());
        }
    }

    pub(crate) fn optional_int(&mut self, value: Option<i64>) {
        match value {
            Some(value) => self.int(value),
            None => self.none(),
        }
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.sized(b'u', value.as_bytes());
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.sized(b's', value);
    }

    fn sized(&mut self, kind: u8, content: &[u8]) {
        self.head(kind, content.len());
        self.bytes.extend(content);
    }

    fn head(&mut self, kind: u8, count: usize) {
        self.bytes.push(kind);
        self.bytes.extend(length(count).to_le_bytes());
    }

    /// Starts a list of `count` values, which follow.
    pub(crate) fn list(&mut self, count: usize) {
        self.head(b'[', count);
    }

    /// Starts a tuple of `count` values, which follow.
    pub(crate) fn tuple(&mut self, count: usize) {
        self.head(b'(', count);
    }

    /// Starts a dict; keys and values follow in turn, then [`Writer::end_dict`].
    pub(crate) fn dict(&mut self) {
        self.bytes.push(b'{');
    }

    pub(crate) fn end_dict(&mut self) {
        self.bytes.push(b'0');
    }

    pub(crate) fn float(&mut self, value: f64) {
        self.bytes.push(b'g');
        self.bytes.extend(value.to_le_bytes());
    }
}

/// A value that a worker sent. Nothing about it is trusted beyond its form.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Dict(Vec<(Value<'a>, Value<'a>)>),
}

/// The bytes are not a value of this format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Garbled;

/// Reads values one after the other.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// How many values the current one has held.
    held: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, held: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn value(&mut self) -> Result<Value<'a>, Garbled> {
        self.held = 0;
        self.nested(0)?.ok_or(Garbled)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Garbled> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Garbled)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<i32, Garbled> {
        Ok(i32::from_le_bytes(self.take(4)?.try_into().map_err(|_| Garbled)?))
    }

    fn count(&mut self) -> Result<usize, Garbled> {
        let count = usize::try_from(self.number()?).map_err(|_| Garbled)?;
        // Every value takes a byte at least, so a larger count is a lie that must not reserve memory.
        if count > self.rest.len() { Err(Garbled) } else { Ok(count) }
    }

    /// One value, or `None` for the mark that ends a dict.
    fn nested(&mut self, depth: usize) -> Result<Option<Value<'a>>, Garbled> {
        self.held += 1;
        if depth > MAX_DEPTH || self.held > MAX_VALUES {
            return Err(Garbled);
        }
        Ok(Some(match self.take(1)?[0] {
            b'0' => return Ok(None),
            b'N' => Value::None,
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'i' => Value::Int(self.number()?.into()),
            b'l' => Value::Int(self.long()?),
            b'u' => {
                let count = self.count()?;
                Value::Text(std::str::from_utf8(self.take(count)?).map_err(|_| Garbled)?.into())
            }
            b'(' | b'[' => {
                let count = self.count()?;
                let values = (0..count).map(|_| self.nested(depth + 1)?.ok_or(Garbled));
                Value::List(values.collect::<Result<_, _>>()?)
            }
            b'{' => {
                let mut entries = Vec::new();
                while let Some(key) = self.nested(depth + 1)? {
                    entries.push((key, self.nested(depth + 1)?.ok_or(Garbled)?));
                }
                Value::Dict(entries)
            }
            _ => return Err(Garbled),
        }))
    }

    fn long(&mut self) -> Result<i64, Garbled> {
        let count = self.number()?;
        let digits = self.take(count.unsigned_abs() as usize * 2)?;
        if digits.len() > 10 {
            return Err(Garbled);
        }
        let magnitude = digits.chunks_exact(2).rev().fold(0_i128, |sum, digit| {
            (sum << 15) | i128::from(u16::from_le_bytes([digit[0], digit[1]]) & 0x7fff)
        });
        i64::try_from(if count < 0 { -magnitude } else { magnitude }).map_err(|_| Garbled)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// What real Python makes of it and sends back.
    fn echoed(bytes: &[u8]) -> Vec<u8> {
        let echo = "import marshal, sys; v = marshal.loads(sys.stdin.buffer.read()); \
                    sys.stdout.buffer.write(marshal.dumps(v, 2))";
        let mut python = Command::new("python3")
            .args(["-I", "-c", echo])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        python.stdin.take().unwrap().write_all(bytes).unwrap();
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    #[test]
    fn python_reads_what_is_written_and_its_answer_is_read() {
        let numbers =
            [0, 1, -1, 32_767, 32_768, i64::from(i32::MAX), i64::from(i32::MIN), 1 << 31, -(1 << 45)];
        let numbers = [&numbers[..], &[253_402_300_799_999_999, i64::MAX, i64::MIN]].concat();
        let mut writer = Writer::default();
        writer.tuple(4);
        writer.list(numbers.len());
        numbers.iter().for_each(|number| writer.int(*number));
        writer.text("żółw 🐢");
        writer.dict();
        writer.text("a");
        writer.bool(true);
        writer.end_dict();
        writer.none();

        let answer = echoed(&writer.bytes);
        let value = Reader::new(&answer).value().unwrap();
        let expected = Value::List(vec![
            Value::List(numbers.into_iter().map(Value::Int).collect()),
            Value::Text("żółw 🐢".into()),
            Value::Dict(vec![(Value::Text("a".into()), Value::Bool(true))]),
            Value::None,
        ]);
        assert_eq!(value, expected);
    }

    #[test]
    fn what_is_garbled_is_refused_and_reserves_nothing() {
        let deep = [vec![b'('], 1_u32.to_le_bytes().to_vec()].concat().repeat(100);
        let cases: [&[u8]; 8] = [
            b"",
            b"?",
            b"0",
            b"i\x01",
            b"u\xff\xff\xff\x7f",
            b"[\xff\xff\xff\x7f",
            b"u\x01\0\0\0\xff",
            b"l\xff\xff\xff\x7f",
        ];
        let many = [&b"["[..], &1_000_000_u32.to_le_bytes(), &b"N".repeat(1_000_000)].concat();
        for case in cases.into_iter().chain([&deep[..], &many[..]]) {
            assert_eq!(Reader::new(case).value(), Err(Garbled), "{:?}", &case[..case.len().min(20)]);
        }
    }
}
