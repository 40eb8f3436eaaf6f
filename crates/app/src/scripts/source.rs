//! What a script says about itself: its syntax, its parameters, its title, and names that cannot be meant.

use std::collections::BTreeSet;
use std::thread;

use rollcall_domain::{Params, Zone};
use ruff_python_ast::{Expr, PythonVersion, Stmt};
use ruff_python_parser::{Mode, ParseError, ParseOptions, parse_unchecked};
use ruff_text_size::{Ranged, TextRange};

use super::depth::is_too_deep;
use super::hints::hints;
use super::names::{MAX_WARNINGS, Names};
use super::params::read_params;
use super::place::{Fault, Lines};
use super::row_columns::row_columns;
use super::semantics::semantic_errors;

/// Far more than anybody writes; offsets of the parser have 32 bits.
const MAX_BYTES: usize = 16 << 20;

/// What the parser and the walks over its tree need at the deepest, in bytes; only what is touched is taken.
const STACK: usize = 64 << 20;

/// What a script says about itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Source {
    /// The parameters that it declares.
    pub params: Params,
    /// What is probably a mistake, in the order of the text: names and fields that do not exist.
    pub warnings: Vec<Fault>,
    /// The first line of its docstring, or else of the comment at its top.
    pub title: Option<String>,
    /// The columns of `row` that it can read; none: any of them.
    pub row_columns: Option<BTreeSet<String>>,
}

/// Reads a script without executing it. Times in `PARAMS` without an offset are in `zone`.
///
/// # Errors
///
/// What is wrong with its syntax, one fault a line at most; if nothing, everything that is wrong with its `PARAMS`.
pub fn read(source: &str, zone: &Zone) -> Result<Source, Vec<Fault>> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let lines = Lines::new(source);
    let whole = |why: &str| vec![lines.fault(0.into(), why)];
    if source.len() > MAX_BYTES {
        return Err(whole("the script is longer than 16 MiB"));
    }
    if is_too_deep(source) {
        return Err(whole(
            "the script is nested too deeply, or an expression in it has thousands of parts; break it into several",
        ));
    }
    thread::scope(|scope| {
        let reader =
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || parse(source, &lines, zone));
        match reader.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(read)) => read,
            Ok(Err(_)) => Err(whole("the script cannot be read, by a fault of Rollcall's; please report it")),
            Err(error) => Err(whole(&format!("there is no memory to read the script: {error}"))),
        }
    })
}

fn parse(source: &str, lines: &Lines<'_>, zone: &Zone) -> Result<Source, Vec<Fault>> {
    let options = ParseOptions::from(Mode::Module).with_target_version(PythonVersion::latest());
    let Some(parsed) = parse_unchecked(source, options).try_into_module() else {
        return Err(Vec::new()); // a module was asked for
    };
    let mut errors: Vec<_> = parsed.errors().iter().collect();
    errors.sort_by_key(|error| error.location.start());
    errors.dedup_by_key(|error| lines.line(error.location.start())); // one mistake often breaks what follows it
    if !errors.is_empty() {
        let message =
            |error: &ParseError| format!("syntax error: {}", uncapitalized(&error.error.to_string()));
        return Err(errors.iter().map(|error| lines.fault(error.location.start(), message(error))).collect());
    }
    let body = &parsed.syntax().body;
    let mut errors = semantic_errors(body, source);
    errors.dedup_by_key(|(place, _)| lines.line(place.start()));
    if !errors.is_empty() {
        let fault = |(place, message): &(TextRange, String)| {
            lines.fault(place.start(), format!("syntax error: {message}"))
        };
        return Err(errors.iter().map(fault).collect());
    }
    let names = Names::of(body);
    let params = read_params(body, &names, lines, zone)?;
    let mut warnings = names.warnings(&params, lines);
    warnings.extend(hints(body, &names, lines));
    warnings.sort_by_key(|fault| (fault.line, fault.column));
    warnings.truncate(MAX_WARNINGS);
    Ok(Source {
        params,
        warnings,
        title: docstring(body).or_else(|| top_comment(source)),
        row_columns: row_columns(body, &names),
    })
}

pub(super) fn uncapitalized(message: &str) -> String {
    let mut chars = message.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(chars).collect(),
        _ => message.to_owned(),
    }
}

fn docstring(body: &[Stmt]) -> Option<String> {
    let Expr::StringLiteral(text) = &*body.first()?.as_expr_stmt()?.value else { return None };
    let first = text.value.to_str().lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(first.to_owned())
}

/// The first line of it that says something: neither `#!` nor an encoding.
fn top_comment(source: &str) -> Option<String> {
    source
        .lines()
        .map(str::trim)
        .take_while(|line| line.is_empty() || line.starts_with('#'))
        .filter(|line| !line.starts_with("#!") && !line.contains("coding:") && !line.contains("coding="))
        .map(|line| line.trim_start_matches('#').trim())
        .find(|line| !line.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(source: &str) -> Vec<String> {
        read(source, &Zone::utc()).unwrap_err().iter().map(ToString::to_string).collect()
    }

    fn title(source: &str) -> Option<String> {
        read(source, &Zone::utc()).unwrap().title
    }

    #[test]
    fn an_empty_script_is_one() {
        for source in ["", "\u{feff}", "\n\n", "# nothing", "pass"] {
            let read = read(source, &Zone::utc()).unwrap();
            assert!(read.params.is_empty() && read.warnings.is_empty(), "{source:?}");
        }
    }

    #[test]
    fn every_syntax_error_is_told_once_a_line() {
        let source = "\u{feff}x = = = 1\r\nok = 1\r\n\té = (1,\r\nfor in y:\r\n    pass\r\n";
        let faults = read(source, &Zone::utc()).unwrap_err();
        let lines: Vec<u32> = faults.iter().map(|fault| fault.line).collect();
        assert!(lines.is_sorted_by(|a, b| a < b), "{lines:?}");
        assert_eq!(faults[0].to_string(), "line 1, column 5: syntax error: expected an expression");
        assert_eq!(
            faults[0].show("a.py"),
            "a.py, line 1, column 5: syntax error: expected an expression\n  x = = = 1\n      ^"
        );
        assert!(lines.contains(&3) && lines.contains(&4), "{lines:?}");
        assert_eq!(read("é = 'ü' ]", &Zone::utc()).unwrap_err()[0].column, 9);
    }

    #[test]
    fn what_ends_too_early_is_told_where_the_text_ends() {
        let faults = faults("x = (1,\n\n\n");
        assert_eq!(faults.len(), 1);
        assert!(faults[0].starts_with("line 1, column 8: "), "{faults:?}");
    }

    #[test]
    fn the_python_of_every_version_is_read() {
        let source = "\
import re
match user.klass:
    case 'a' | 'b' as k: print(k)
    case {'x': [1, *rest], **more}: print(rest, more)
type Pair[S, T: int = int] = tuple[S, T]
def f[T](a: T, /, *args: *Ts, b=1, **kw) -> T: return a
try:
    pass
except ValueError, TypeError:
    pass
try:
    pass
except* OSError as group:
    raise group
with (print(1) as a, print(2) as b): pass
print(f'{user.username!r:>{10}} {'nested'} {(n := 3)}', n)
async def g(): return [await x async for x in y()] if (y := g) else 1
print(t'{user}')
";
        let read = read(source, &Zone::utc()).unwrap();
        // `Ts` stands in an annotation, which later versions do not evaluate.
        assert_eq!(read.warnings, []);
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_end_the_process() {
        for (source, what) in [
            ("(".repeat(100_000), "open brackets"),
            ("(".repeat(100_000) + &")".repeat(100_000), "brackets"),
            (format!("x = {}1", "-".repeat(100_000)), "minus"),
            (format!("x = {}1", "not ".repeat(100_000)), "not"),
            (format!("x = 1{}", "+1".repeat(20_000)), "sum"),
            (format!("x = {}", "f'{".repeat(50_000)), "f-strings"),
            (format!("x = {}", "lambda a, b: ".repeat(50_000)), "lambdas"),
        ] {
            let faults = faults(&source);
            assert!(faults.len() == 1 && faults[0].contains("nested too deeply"), "{what}: {faults:?}");
        }
    }

    #[test]
    fn what_is_just_allowed_fits_on_the_stack() {
        let n = 1_400;
        for source in [
            format!("x = {}1{}", "(".repeat(n), ")".repeat(n)),
            format!("x = {}1{}", "[".repeat(n), "]".repeat(n)),
            format!("x = {}1{}", "{1: ".repeat(n), "}".repeat(n)),
            format!("x = {}1", "not ".repeat(2 * n)),
            format!("x = {}1", "-".repeat(2 * n)),
            format!("x = 1{}", "+1".repeat(2 * n)),
            format!("x = 1{}", "**1".repeat(2 * n)),
            format!("x = print{}", "(1)".repeat(n)),
            format!("x = {}1", "lambda: ".repeat(n)),
            format!("x = {}1", "1 if 1 else ".repeat(n)),
            format!("match 1:\n case {}1{}: pass", "[".repeat(n), "]".repeat(n)),
        ] {
            assert!(read(&source, &Zone::utc()).is_ok(), "{}", &source[..20]);
        }
        let mut indented = String::new();
        for depth in 0..n {
            indented.push_str(&" ".repeat(depth));
            indented.push_str("if 1:\n");
        }
        indented.push_str(&(" ".repeat(n) + "pass\n"));
        assert!(read(&indented, &Zone::utc()).is_ok());
    }

    #[test]
    fn a_script_is_called_what_its_author_calls_it() {
        assert_eq!(
            title("\"\"\"\n  Extend by days.\n\nMore.\"\"\"\nx = 1").as_deref(),
            Some("Extend by days.")
        );
        assert_eq!(
            title("#!/usr/bin/python\n# -*- coding: utf-8 -*-\n#\n\n#  Extend. \n# More").as_deref(),
            Some("Extend.")
        );
        assert_eq!(title("# from here\r\n'''Docs'''\r\n").as_deref(), Some("Docs"));
        assert_eq!(title("x = 1\n# later"), None);
        assert_eq!(title("'''   '''"), None);
    }

    /// Words that open, nest, end and break things.
    const WORDS: &[&str] = &[
        "x", "1", "'a'", "(", ")", "[", "]", "{", "}", ",", ":", "=", ":=", ".", "+", "-", "**", "not ",
        "lambda ", "await ", "yield ", " if ", " else ", " for ", " in ", "*", "f'", "'", "{", "t\"", "\"",
        "\n", "\n ", ";", "\\\n", "\r\n", "def f", "class C", "match ", "case ", "try:", "except ", "with ",
        "as ", "import ", "PARAMS", "@", "!", "é", "\t", "#", "\0", "user", "params",
    ];

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..60)) {
            for fault in read(&words.concat(), &Zone::utc()).map_or_else(|faults| faults, |read| read.warnings) {
                assert!(!fault.message.contains("Rollcall's"), "{fault}");
                assert!(fault.column as usize <= fault.text.chars().count() + 1, "{fault}");
            }
        }
    }
}
