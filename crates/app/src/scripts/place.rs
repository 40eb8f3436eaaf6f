//! Places in a script, as an editor shows them.

use std::fmt;

use ruff_text_size::TextSize;

/// How much of a line is shown, in characters.
const MAX_SHOWN: usize = 120;

/// Longer lines are not kept with their faults: each of many on one line would copy it.
const MAX_LINE_BYTES: usize = 4 << 10;

/// Something wrong, or odd, in a script.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// What is wrong and what would be right.
    pub message: String,
    /// The line itself, without its end; empty if it has more than 4 KiB.
    pub text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl Fault {
    /// `script.py, line 2, column 10: …`, then the line, if there is one, with a caret under the place.
    #[must_use]
    pub fn show(&self, name: &str) -> String {
        let pointed = if self.text.is_empty() { String::new() } else { point_at(&self.text, self.column) };
        format!("{name}, {self}{pointed}")
    }
}

/// Two lines for the end of a message: `text`, of which a part may have to do, and a caret under `column` (from 1).
pub(crate) fn point_at(text: &str, column: u32) -> String {
    let place = (column as usize).saturating_sub(1);
    let indent = text.chars().take_while(|c| c.is_whitespace()).count().min(place);
    let start = if place - indent < MAX_SHOWN { indent } else { place - MAX_SHOWN / 2 };
    let shown: String = text.chars().skip(start).take(MAX_SHOWN).collect();
    // A tab stays one, so that the caret moves as far as the text does.
    let mut before: String =
        shown.chars().map(|c| if c == '\t' { c } else { ' ' }).take(place - start).collect();
    before.extend(std::iter::repeat_n(' ', (place - start).saturating_sub(before.chars().count())));
    let more = |cut| if cut { "…" } else { "" };
    let (left, right) = (more(start > indent), more(text.chars().count() > start + MAX_SHOWN));
    let gap = if left.is_empty() { "" } else { " " };
    format!("\n  {left}{}{right}\n  {gap}{before}^", shown.trim_end())
}

/// The lines of a source: turns offsets into places.
pub(super) struct Lines<'a> {
    source: &'a str,
    /// Where each line starts.
    starts: Vec<usize>,
    /// Where the last thing ends that is written.
    end: usize,
}

impl<'a> Lines<'a> {
    /// Lines end as Python has it: with LF, CR LF or CR.
    pub(super) fn new(source: &'a str) -> Self {
        let bytes = source.as_bytes();
        let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { source, starts, end: source.trim_end().len() }
    }

    /// The line of `offset`, from 1.
    pub(super) fn line(&self, offset: TextSize) -> usize {
        self.line_of(self.inside(offset))
    }

    fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    fn inside(&self, offset: TextSize) -> usize {
        usize::from(offset).min(self.end)
    }

    /// A fault at `offset`; one behind the last thing that is written is told there.
    pub(super) fn fault(&self, offset: TextSize, message: impl Into<String>) -> Fault {
        let offset = self.inside(offset);
        let line = self.line_of(offset);
        let start = self.starts[line - 1];
        let text = self.source[start..].split(['\n', '\r']).next().unwrap_or_default();
        let column = self.source[start..offset].chars().count() + 1;
        Fault {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            message: message.into(),
            text: if text.len() <= MAX_LINE_BYTES { text.to_owned() } else { String::new() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_three_ways_and_columns_are_characters() {
        let source = "a\r\nb\rcé = x\nlast  \n\n";
        let lines = Lines::new(source);
        let at = |needle: &str| lines.fault(u32::try_from(source.find(needle).unwrap()).unwrap().into(), "m");
        assert_eq!((at("b").line, at("b").column, at("b").text.as_str()), (2, 1, "b"));
        assert_eq!((at("x").line, at("x").column, at("x").text.as_str()), (3, 6, "cé = x"));
        let end = lines.fault(u32::try_from(source.len()).unwrap().into(), "m");
        assert_eq!((end.line, end.column, end.text.as_str()), (4, 5, "last  "));
        assert_eq!(Lines::new("").fault(0.into(), "m").to_string(), "line 1, column 1: m");
    }

    #[test]
    fn a_caret_stands_under_the_place() {
        assert_eq!(point_at("    é = ]", 9), "\n  é = ]\n      ^");
        assert_eq!(point_at("\ta\t= ]", 6), "\n  a\t= ]\n   \t  ^");
        assert_eq!(point_at("", 1), "\n  \n  ^");
        let long = format!("{}]{}", "x".repeat(500), "y".repeat(500));
        let shown = point_at(&long, 501);
        let lines: Vec<Vec<char>> = shown.lines().map(|line| line.chars().collect()).collect();
        assert!(lines[1].len() < 130);
        let caret = lines[2].iter().position(|c| *c == '^').unwrap();
        assert_eq!(lines[1][caret], ']');
    }
}
