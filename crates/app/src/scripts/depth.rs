//! How deep a script is nested, found before its tree is made: a tree that is too deep cannot even be dropped.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};

/// What Python itself compiles is less.
const MAX_DEPTH: usize = 3_000;

/// An open bracket, indentation or f-string.
struct Level {
    closer: TokenKind,
    /// How deep what was read since the last comma may be: each operator, dot and keyword counts one.
    depth: usize,
    /// What a comma does not end: `lambda a, b: lambda c, d: …`.
    lambdas: usize,
}

/// Whether the tree of `source` may be deeper than can be walked. The estimate errs on the large side.
pub(super) fn is_too_deep(source: &str) -> bool {
    let mut lexer = lexer::lex(source, Mode::Module);
    let mut levels = vec![Level { closer: TokenKind::EndOfFile, depth: 0, lambdas: 0 }];
    let mut total = 0;
    loop {
        let token = lexer.next_token();
        let Some(top) = levels.last_mut() else { return false };
        if token == TokenKind::EndOfFile {
            return false;
        } else if let Some(closer) = closer(token) {
            levels.push(Level { closer, depth: 1, lambdas: 1 });
            total += 1;
        } else if token == top.closer {
            total -= top.depth;
            levels.pop();
            if let Some(outer) = levels.last_mut() {
                outer.depth += 1; // a call, a subscript
                total += 1;
            }
        } else if token == TokenKind::Comma {
            total -= top.depth - top.lambdas;
            top.depth = top.lambdas;
        } else if matches!(token, TokenKind::Newline | TokenKind::Semi) {
            let kept = usize::from(levels.len() > 1);
            let Some(top) = levels.last_mut() else { return false };
            total -= top.depth - kept;
            (top.depth, top.lambdas) = (kept, kept);
        } else if !is_leaf(token) {
            top.depth += 1;
            top.lambdas += usize::from(token == TokenKind::Lambda);
            total += 1;
        }
        if total > MAX_DEPTH {
            return true;
        }
    }
}

fn closer(token: TokenKind) -> Option<TokenKind> {
    Some(match token {
        TokenKind::Lpar => TokenKind::Rpar,
        TokenKind::Lsqb => TokenKind::Rsqb,
        TokenKind::Lbrace => TokenKind::Rbrace,
        TokenKind::Indent => TokenKind::Dedent,
        TokenKind::FStringStart => TokenKind::FStringEnd,
        TokenKind::TStringStart => TokenKind::TStringEnd,
        _ => return None,
    })
}

/// What stands for itself, however many there are in a row.
fn is_leaf(token: TokenKind) -> bool {
    matches!(
        token,
        TokenKind::Name
            | TokenKind::Int
            | TokenKind::Float
            | TokenKind::Complex
            | TokenKind::String
            | TokenKind::FStringMiddle
            | TokenKind::TStringMiddle
            | TokenKind::Comment
            | TokenKind::NonLogicalNewline
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_is_not_deep() {
        let table = format!("x = {{\n{}}}\n", "    'a': (-1, f'{x.y}', \"a\" \"b\"),\n".repeat(20_000));
        assert!(!is_too_deep(&table));
        let calls = "if x:\n    if y:\n        f(a.b, c)[0].d()\n    else: g(); h()\n".repeat(20_000);
        assert!(!is_too_deep(&calls));
        assert!(!is_too_deep(&format!("x = ({})\n", "'a'\n".repeat(20_000))));
        assert!(!is_too_deep(&"x = lambda a, b: a\n".repeat(20_000)));
    }

    #[test]
    fn whatever_nests_counts() {
        let n = 10_000;
        for (before, after) in [
            ("(", ")"),
            ("[", "]"),
            ("{1: ", "}"),
            ("-", ""),
            ("not ", ""),
            ("1 + ", ""),
            ("x.", ""),
            ("", "()"),
            ("", "[0]"),
            ("lambda a, b: ", ""),
            ("await ", ""),
            ("a if b else ", ""),
            ("f'{", "}'"),
            ("(x, ", ")"),
        ] {
            let source = format!("y = {}x{}\n", before.repeat(n), after.repeat(n));
            assert!(is_too_deep(&source), "{before}{after}");
        }
        let mut indented = String::new();
        for depth in 0..4_000 {
            indented.push_str(&" ".repeat(depth));
            indented.push_str("if x:\n");
        }
        assert!(is_too_deep(&indented));
    }
}
