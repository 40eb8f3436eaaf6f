//! Pages of the documentation and their code blocks.

use std::path::{Path, PathBuf};

/// A page of the documentation.
pub struct Page {
    pub text: String,
}

/// A fenced block, or a hidden one in a comment.
pub struct Block {
    /// The first word after the fence, such as `sh`.
    pub language: String,
    /// The words after that: `name` or `name=value`.
    attributes: Vec<(String, String)>,
    pub text: String,
    /// The line of the fence, from 1.
    pub line: usize,
}

impl Block {
    /// The value of an attribute; empty if it has none.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn is(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

impl Page {
    /// Reads a page by its path from the root of the repository.
    pub fn read(path: &str) -> Self {
        let text =
            std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { text }
    }

    /// The words after `<!-- test:`, which say what the page finds when its commands are run.
    pub fn needs(&self, what: &str) -> bool {
        let directive = self.text.lines().find_map(|line| line.strip_prefix("<!-- test:"));
        directive
            .is_some_and(|words| words.trim_end_matches("-->").split_whitespace().any(|word| word == what))
    }

    /// The blocks in their order.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let (info, end) = match line.strip_prefix("```") {
                Some(info) => (info, "```"),
                None if line == "<!-- sh" => ("sh", "-->"),
                None => continue,
            };
            let (language, rest) = info.split_once(' ').unwrap_or((info, ""));
            let body = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != end);
            let text = body.map(|line| format!("{line}\n")).collect();
            blocks.push(Block {
                language: language.to_owned(),
                attributes: attributes(rest),
                text,
                line: number + 1,
            });
        }
        blocks
    }

    /// The text without code and comments.
    pub fn prose(&self) -> String {
        let mut inside = None;
        let mut prose = String::new();
        for line in self.text.lines() {
            match inside {
                Some(end) => {
                    if line.ends_with(end) {
                        inside = None;
                    }
                }
                None if line.starts_with("```") => inside = Some("```"),
                None if line.starts_with("<!--") => {
                    if !line.ends_with("-->") {
                        inside = Some("-->");
                    }
                }
                None => {
                    prose.push_str(line);
                    prose.push('\n');
                }
            }
        }
        prose
    }

    /// The headings of the second level.
    pub fn headings(&self) -> Vec<String> {
        self.prose().lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect()
    }
}

/// Reads `name`, `name=value` and `name="a value"`.
fn attributes(info: &str) -> Vec<(String, String)> {
    let mut rest = info.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let end = rest.find([' ', '=']).unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let value = match rest.strip_prefix('=') {
            None => String::new(),
            Some(value) => {
                let quoted = value.strip_prefix('"');
                let (value, after) = match quoted {
                    Some(value) => value.split_once('"').unwrap_or((value, "")),
                    None => value.split_once(' ').unwrap_or((value, "")),
                };
                rest = after;
                value.to_owned()
            }
        };
        found.push((name, value));
        rest = rest.trim_start();
    }
    found
}

#[test]
fn attributes_of_a_fence_are_words_and_quoted_values() {
    let read = attributes("server status=3 skip=\"needs root\"");
    let expected = [("server", ""), ("status", "3"), ("skip", "needs root")];
    assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}
