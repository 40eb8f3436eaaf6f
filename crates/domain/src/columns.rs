//! The hash of columns, by which copies are compared and rows of the audit log are chained.

use sha2::{Digest, Sha256};

/// So many bytes are hashed at once.
const AT_ONCE: usize = 4_096;

/// SHA-256 of the columns of rows, each with its kind and length before it, so that no two lists of columns look alike:
/// a byte that is 0 for nothing, 1 for a number and 2 for a text; then the number, or how many bytes the text has, in
/// eight bytes, the highest first; then the text.
#[derive(Debug, Default)]
pub struct ColumnHash {
    digest: Sha256,
    waiting: Vec<u8>,
}

impl ColumnHash {
    /// Adds a column that holds a number, or nothing.
    pub fn number(&mut self, number: Option<i64>) {
        self.waiting.push(u8::from(number.is_some()));
        self.waiting.extend(number.map(i64::to_be_bytes).into_iter().flatten());
        self.pass_on();
    }

    /// Adds a column that holds a text, or nothing.
    pub fn text(&mut self, text: Option<&str>) {
        let Some(text) = text else { return self.number(None) };
        self.waiting.push(2);
        self.waiting.extend((text.len() as u64).to_be_bytes());
        self.waiting.extend(text.as_bytes());
        self.pass_on();
    }

    fn pass_on(&mut self) {
        if self.waiting.len() >= AT_ONCE {
            self.digest.update(&self.waiting);
            self.waiting.clear();
        }
    }

    /// The hash of everything that was added, in hexadecimal digits.
    #[must_use]
    pub fn finish(self) -> String {
        let digest = self.digest.chain_update(self.waiting).finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
