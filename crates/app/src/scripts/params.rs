//! `PARAMS = {…}`, read as a literal.

use std::collections::HashSet;

use rollcall_domain::{Param, ParamKind, ParamValue, Params, Zone, did_you_mean};
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{DictItem, Expr, Number, Stmt, UnaryOp};
use ruff_python_parser::{Mode, lexer};
use ruff_text_size::{Ranged, TextRange};

use super::names::Names;
use super::place::{Fault, Lines};

/// What the long form of a parameter may say.
const KEYS: [&str; 5] = ["type", "default", "choices", "help", "required"];

/// Parameters are also attributes of a dict, whose methods have these names.
const METHODS: [&str; 11] =
    ["clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];

/// The parameters that the statements of a script declare; `names` are all of its names.
pub(super) fn read_params(
    body: &[Stmt],
    names: &Names<'_>,
    lines: &Lines<'_>,
    zone: &Zone,
) -> Result<Params, Vec<Fault>> {
    let mut reader = Reader { lines, zone, names, faults: Vec::new() };
    let declarations: Vec<_> = body.iter().filter_map(declaration).collect();
    for place in names.params_assigned() {
        if !declarations.iter().any(|(target, _)| target == place) {
            reader.fault(place, "PARAMS must be one literal assignment at the top level");
        }
    }
    for (again, _) in declarations.iter().skip(1) {
        reader.fault(again, "PARAMS is assigned twice; it must be one literal assignment at the top level");
    }
    let params = declarations.first().map(|(_, value)| reader.params(value)).unwrap_or_default();
    if reader.faults.is_empty() {
        return Ok(Params::new(params));
    }
    reader.faults.sort();
    Err(reader.faults)
}

/// `PARAMS = …` or `PARAMS: … = …`: the place of the name, and the value.
fn declaration(statement: &Stmt) -> Option<(TextRange, &Expr)> {
    let (target, value) = match statement {
        Stmt::Assign(assign) => {
            (assign.targets.first().filter(|_| assign.targets.len() == 1)?, &assign.value)
        }
        Stmt::AnnAssign(assign) => (&*assign.target, assign.value.as_ref()?),
        _ => return None,
    };
    target.as_name_expr().filter(|name| name.id == "PARAMS").map(|name| (name.range(), &**value))
}

/// What can be written without being computed.
enum Literal {
    Str(String),
    Int(i64),
    /// Beyond 64 bits.
    LargeInt,
    Float(f64),
    Bool(bool),
    None,
}

fn literal(expr: &Expr) -> Option<Literal> {
    match expr {
        Expr::StringLiteral(text) => Some(Literal::Str(text.value.to_str().to_owned())),
        Expr::BooleanLiteral(truth) => Some(Literal::Bool(truth.value)),
        Expr::NoneLiteral(_) => Some(Literal::None),
        Expr::NumberLiteral(number) => match &number.value {
            Number::Int(int) => Some(int.as_i64().map_or(Literal::LargeInt, Literal::Int)),
            Number::Float(float) => Some(Literal::Float(*float)),
            Number::Complex { .. } => None,
        },
        Expr::UnaryOp(unary) if unary.op == UnaryOp::USub => {
            match &unary.operand.as_number_literal_expr()?.value {
                Number::Int(int) => {
                    let negative = int.as_u64().and_then(|size| i64::try_from(-i128::from(size)).ok());
                    Some(negative.map_or(Literal::LargeInt, Literal::Int))
                }
                Number::Float(float) => Some(Literal::Float(-float)),
                Number::Complex { .. } => None,
            }
        }
        _ => None,
    }
}

/// How a value of `kind` is written in a script.
fn example(kind: ParamKind) -> &'static str {
    match kind {
        ParamKind::Int => "a whole number such as 30",
        ParamKind::Float => "a number such as 2.5",
        ParamKind::Str => "a text such as \"gold\"",
        ParamKind::Bool => "True or False",
        ParamKind::Date => "a date as text, such as \"2026-12-31\"",
        ParamKind::DateTime => "a date and time as text, such as \"2026-12-31T18:00:00Z\"",
    }
}

/// A Python identifier that is not a keyword, as it is in attributes.
fn is_identifier(name: &str) -> bool {
    // What is no part of a name is not even shown to the lexer, which would skip spaces and comments.
    if !name.chars().all(|c| c == '_' || c.is_alphanumeric()) {
        return false;
    }
    let mut lexer = lexer::lex(name, Mode::Expression);
    let first = lexer.next_token();
    (first == TokenKind::Name || first.is_soft_keyword())
        && matches!(lexer.next_token(), TokenKind::Newline | TokenKind::EndOfFile)
}

struct Reader<'a> {
    lines: &'a Lines<'a>,
    zone: &'a Zone,
    names: &'a Names<'a>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, place: &impl Ranged, message: impl Into<String>) {
        self.faults.push(self.lines.fault(place.start(), message));
    }

    fn params(&mut self, value: &Expr) -> Vec<Param> {
        let Expr::Dict(dict) = value else {
            self.fault(value, "PARAMS must be a dict, written out: PARAMS = {\"days\": int}");
            return Vec::new();
        };
        let mut params: Vec<Param> = Vec::new();
        let mut seen = HashSet::new();
        for item in &dict.items {
            let Some((key, name)) = self.key(item, "the name of a parameter", "PARAMS", &mut seen) else {
                continue;
            };
            if !is_identifier(name) {
                let why = "letters, digits and _, not starting with a digit, and no keyword of Python";
                self.fault(key, format!("{name:?} cannot be the name of a parameter: {why}"));
                continue;
            }
            if METHODS.contains(&name) {
                let why = format!("params.{name} is a method of dict; choose another name");
                self.fault(key, format!("{name:?} cannot be the name of a parameter: {why}"));
                continue;
            }
            params.extend(self.param(name, &item.value));
        }
        params
    }

    /// The text of an entry's key, if it is one and for the first time.
    fn key<'k>(
        &mut self,
        item: &'k DictItem,
        what: &str,
        whose: &str,
        seen: &mut HashSet<&'k str>,
    ) -> Option<(&'k Expr, &'k str)> {
        let Some(key) = &item.key else {
            self.fault(&item.value, format!("{whose} must be written out: ** is not read"));
            return None;
        };
        let Expr::StringLiteral(text) = key else {
            self.fault(key, format!("{what} must be a text in quotes"));
            return None;
        };
        let name = text.value.to_str();
        if !seen.insert(name) {
            self.fault(key, format!("{name:?} is there twice"));
            return None;
        }
        Some((key, name))
    }

    fn param(&mut self, name: &str, value: &Expr) -> Option<Param> {
        let Expr::Dict(long) = value else {
            let kind = self.kind(name, value)?;
            let name = name.to_owned();
            return Some(Param {
                name,
                kind,
                default: None,
                choices: Vec::new(),
                help: String::new(),
                required: true,
            });
        };
        let mut seen = HashSet::new();
        let mut entries: Vec<(&str, &Expr)> = Vec::new();
        for item in &long.items {
            let Some((key, word)) = self.key(item, "what is said of a parameter", name, &mut seen) else {
                continue;
            };
            if KEYS.contains(&word) {
                entries.push((word, &item.value));
            } else {
                let hint = did_you_mean(word, KEYS).map_or_else(
                    || format!("use {}", KEYS.join(", ")),
                    |close| format!("did you mean {close}?"),
                );
                self.fault(key, format!("{name}: a parameter has no {word:?}; {hint}"));
            }
        }
        self.long_form(name, long, &entries)
    }

    fn long_form(&mut self, name: &str, whole: &impl Ranged, entries: &[(&str, &Expr)]) -> Option<Param> {
        let entry = |key| entries.iter().find(|(word, _)| *word == key).map(|(_, value)| *value);
        let help = entry("help").and_then(|expr| match literal(expr) {
            Some(Literal::Str(help)) => Some(help),
            _ => {
                self.fault(expr, format!("{name}: help must be a text in quotes"));
                None
            }
        });
        let said = entry("required").and_then(|expr| match literal(expr) {
            Some(Literal::Bool(required)) => Some((expr, required)),
            _ => {
                self.fault(expr, format!("{name}: required must be True or False"));
                None
            }
        });
        if let (Some((expr, true)), Some(_)) = (said, entry("default")) {
            self.fault(expr, format!("{name} cannot be required and have a default: leave one of them out"));
        }
        let Some(kind) = entry("type") else {
            self.fault(whole, format!("{name} has no type: add \"type\": int, or another of {}", kinds()));
            return None;
        };
        let kind = self.kind(name, kind)?;
        let choices = entry("choices").map(|expr| self.choices(name, kind, expr)).unwrap_or_default();
        let default = entry("default").and_then(|expr| {
            let value = self.value(name, "the default", kind, expr)?;
            let among = value == ParamValue::None || choices.is_empty() || choices.contains(&value);
            if !among {
                self.fault(expr, format!("{name}: the default is not among the choices"));
            }
            Some(value)
        });
        let required = said.map_or(default.is_none(), |(_, required)| required);
        Some(Param {
            name: name.to_owned(),
            kind,
            default,
            choices,
            help: help.unwrap_or_default(),
            required,
        })
    }

    /// `int`, or `datetime.date`.
    fn kind(&mut self, name: &str, expr: &Expr) -> Option<ParamKind> {
        let written = match expr {
            Expr::Name(name) => Some(name.id.as_str()),
            Expr::Attribute(attribute) => {
                let of_datetime =
                    attribute.value.as_name_expr().is_some_and(|module| module.id == "datetime");
                Some(attribute.attr.as_str())
                    .filter(|kind| of_datetime && matches!(*kind, "date" | "datetime"))
            }
            _ => None,
        };
        let Some(written) = written else {
            self.fault(expr, format!("{name}: the type must be one of {}", kinds()));
            return None;
        };
        let kind = written.parse().map_err(|why| self.fault(expr, format!("{name}: {why}"))).ok()?;
        // The line is executed, too, and then these names must be there.
        let root = if expr.is_name_expr() { written } else { "datetime" };
        if matches!(kind, ParamKind::Date | ParamKind::DateTime) && !self.names.may_be_bound(root) {
            let import = if expr.is_name_expr() {
                format!("from datetime import {root}")
            } else {
                "import datetime".to_owned()
            };
            self.fault(expr, format!("{name}: {root} is not imported; write {import:?} above PARAMS"));
            return None;
        }
        Some(kind)
    }

    fn choices(&mut self, name: &str, kind: ParamKind, expr: &Expr) -> Vec<ParamValue> {
        let written = match expr {
            Expr::List(list) => &list.elts,
            Expr::Tuple(tuple) => &tuple.elts,
            _ => {
                self.fault(expr, format!("{name}: choices must be a list, written out"));
                return Vec::new();
            }
        };
        if written.is_empty() {
            self.fault(expr, format!("{name}: there are no choices; name some or leave choices out"));
        }
        let mut choices = Vec::with_capacity(written.len());
        for expr in written {
            if let Expr::NoneLiteral(_) = expr {
                self.fault(expr, format!("{name}: None is no choice; for a parameter that may be left out write \"required\": False"));
            } else {
                choices.extend(self.value(name, "a choice", kind, expr));
            }
        }
        choices
    }

    fn value(&mut self, name: &str, what: &str, kind: ParamKind, expr: &Expr) -> Option<ParamValue> {
        let read = match (kind, literal(expr)) {
            (_, Some(Literal::None)) => Some(ParamValue::None),
            (ParamKind::Int, Some(Literal::Int(value))) => Some(ParamValue::Int(value)),
            (ParamKind::Int, Some(Literal::LargeInt)) => {
                self.fault(expr, format!("{name}: {what} is beyond 64 bits"));
                return None;
            }
            // As Python, which takes an int where it wants a float.
            #[expect(clippy::cast_precision_loss, reason = "what float() does")]
            (ParamKind::Float, Some(Literal::Int(value))) => Some(ParamValue::Float(value as f64)),
            (ParamKind::Float, Some(Literal::Float(value))) if value.is_finite() => {
                Some(ParamValue::Float(value))
            }
            (ParamKind::Bool, Some(Literal::Bool(value))) => Some(ParamValue::Bool(value)),
            (ParamKind::Str | ParamKind::Date | ParamKind::DateTime, Some(Literal::Str(text))) => kind
                .parse(&text, self.zone)
                .map_err(|why| self.fault(expr, format!("{name}: {what}: {why}")))
                .ok()?
                .into(),
            _ => None,
        };
        if read.is_none() {
            self.fault(expr, format!("{name}: {what} must be {}", example(kind)));
        }
        read
    }
}

fn kinds() -> String {
    ParamKind::ALL.map(ParamKind::name).join(", ")
}

#[cfg(test)]
mod tests {
    use rollcall_domain::{Param, ParamKind, ParamValue, Zone};

    use crate::scripts::read;

    /// The types are imported last, so that lines keep their numbers.
    fn with_imports(source: &str) -> String {
        format!("{source}\nfrom datetime import date, datetime")
    }

    fn params(source: &str) -> Vec<Param> {
        let read = read(&with_imports(source), &"Europe/Paris".parse().unwrap()).unwrap();
        read.params.iter().cloned().collect()
    }

    fn faults(source: &str) -> Vec<String> {
        read(&with_imports(source), &Zone::utc()).unwrap_err().iter().map(ToString::to_string).collect()
    }

    fn one(source: &str) -> String {
        let faults = faults(source);
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults[0].clone()
    }

    #[test]
    fn what_would_fail_for_every_user_is_a_fault() {
        let told = |source: &str| {
            let faults = read(source, &Zone::utc()).unwrap_err();
            faults.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            told("PARAMS = {'a': date, 'b': datetime.date, 'items': int}"),
            [
                "line 1, column 16: a: date is not imported; write \"from datetime import date\" above PARAMS",
                "line 1, column 27: b: datetime is not imported; write \"import datetime\" above PARAMS",
                "line 1, column 42: \"items\" cannot be the name of a parameter: params.items is a method of dict; \
                 choose another name",
            ]
        );
        for import in ["import datetime", "from datetime import *"] {
            assert!(read(&format!("{import}\nPARAMS = {{'b': datetime.date}}"), &Zone::utc()).is_ok());
        }
    }

    #[test]
    fn the_short_form_is_a_type() {
        let source = "import datetime\nPARAMS: dict = {'a': int, 'b': str, 'c': float, 'd': bool, 'e': date,\n 'f': datetime, 'g': datetime.date, 'match': datetime.datetime}";
        let params = params(source);
        let kinds: Vec<_> = params.iter().map(|param| (param.name.as_str(), param.kind)).collect();
        assert_eq!(
            kinds,
            [
                ("a", ParamKind::Int),
                ("b", ParamKind::Str),
                ("c", ParamKind::Float),
                ("d", ParamKind::Bool),
                ("e", ParamKind::Date),
                ("f", ParamKind::DateTime),
                ("g", ParamKind::Date),
                ("match", ParamKind::DateTime),
            ]
        );
        assert!(
            params.iter().all(|param| param.required && param.default.is_none() && param.choices.is_empty())
        );
    }

    #[test]
    fn the_long_form_says_more() {
        let source = "PARAMS = {
    'days': {'type': int, 'default': -1_000, 'help': 'How many '\n 'to add'},
    'factor': {'type': float, 'default': 2, 'choices': [1.5, -2.5, 2]},
    'plan': {'type': str, 'choices': ('gold', 'basic')},
    'since': {'type': date, 'default': '2026-12-31'},
    'at': {'type': datetime, 'default': '2026-07-01'},
    'note': {'type': str, 'required': False},
    'none': {'type': int, 'default': None, 'choices': [1, -9223372036854775808], 'required': False},
    'really': {'type': bool, 'default': False},
}";
        let params = params(source);
        let shown: Vec<_> = params
            .iter()
            .map(|param| {
                let default = param.default.as_ref().map(|value| serde_json::to_string(value).unwrap());
                let choices = serde_json::to_string(&param.choices).unwrap();
                (param.name.as_str(), default.unwrap_or_default(), choices, param.required)
            })
            .collect();
        let row = |name, default: &str, choices: &str, required| {
            (name, default.to_owned(), choices.to_owned(), required)
        };
        assert_eq!(
            shown,
            [
                row("days", "-1000", "[]", false),
                row("factor", "2.0", "[1.5,-2.5,2.0]", false),
                row("plan", "", r#"["gold","basic"]"#, true),
                row("since", r#""2026-12-31""#, "[]", false),
                row("at", r#""2026-06-30T22:00:00Z""#, "[]", false),
                row("note", "", "[]", false),
                row("none", "null", "[1,-9223372036854775808]", false),
                row("really", "false", "[]", false),
            ]
        );
        assert_eq!(params[0].help, "How many to add");
        assert_eq!(params[5].default, None);
        assert_eq!(params[6].default, Some(ParamValue::None));
    }

    #[test]
    fn there_is_one_assignment_at_the_top_level() {
        let wrong = "PARAMS must be one literal assignment at the top level";
        for (source, line) in [
            ("if 1:\n  PARAMS = {}", 2),
            ("for PARAMS in []: pass", 1),
            ("def f():\n  PARAMS = {}", 2),
            ("class C:\n  PARAMS = {}", 2),
            ("try:\n  PARAMS = {}\nexcept E: pass", 2),
            ("x = PARAMS = {}", 1),
            ("PARAMS, x = {}, 1", 1),
            ("print(PARAMS := {})", 1),
        ] {
            let fault = one(source);
            assert!(fault.starts_with(&format!("line {line}, ")) && fault.ends_with(wrong), "{fault}");
        }
        assert!(one("PARAMS = {}\nPARAMS = {}").starts_with("line 2, column 1: PARAMS is assigned twice"));
        assert!(one("PARAMS = dict(a=int)").starts_with("line 1, column 10: PARAMS must be a dict"));
        assert!(params("PARAMS: dict\nPARAMS = {}\nPARAMS |= x\nPARAMS['a'] = 1").is_empty());
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let source = "PARAMS = {
    **other,
    x: int,
    'a b': int,
    'class': int,
    '1a': int,
    '': int,
    'a': int, 'a': str,
    'b': interger,
    'c': 'int',
    'd': datetime.time,
    'e': {'typ': int},
    'f': {'type': int, 'default': '1', 'choices': [1, True, None, *x]},
    'g': {'type': int, 'default': 3, 'choices': (1, 2)},
    'h': {'type': int, 'default': 1, 'required': True},
    'i': {'type': str, 'choices': []},
    'j': {'type': int, 'default': 9223372036854775808},
    'k': {'type': int, 'default': -9223372036854775809},
    'l': {'type': date, 'default': '31.12.2026'},
    'm': {'type': str, 'help': 1, 'required': 0, 'choices': 'abc', **y},
    'n': {'type': float, 'default': 1e999},
    'o': {'type': bool, 'default': 1, 'type': int},
    'p': {'type': str, 'default': f'{x}'},
    'q': {'type': str, 'default': 'a\\0b'},
    'a²': int,
}
";
        let expected = [
            "line 2, column 7: PARAMS must be written out: ** is not read",
            "line 3, column 5: the name of a parameter must be a text in quotes",
            "line 4, column 5: \"a b\" cannot be the name of a parameter: letters, digits and _, not starting with a digit, and no keyword of Python",
            "line 5, column 5: \"class\" cannot be the name of a parameter: letters, digits and _, not starting with a digit, and no keyword of Python",
            "line 6, column 5: \"1a\" cannot be the name of a parameter: letters, digits and _, not starting with a digit, and no keyword of Python",
            "line 7, column 5: \"\" cannot be the name of a parameter: letters, digits and _, not starting with a digit, and no keyword of Python",
            "line 8, column 15: \"a\" is there twice",
            "line 9, column 10: b: no type of a parameter is called \"interger\"; did you mean int?",
            "line 10, column 10: c: the type must be one of int, float, str, bool, date, datetime",
            "line 11, column 10: d: the type must be one of int, float, str, bool, date, datetime",
            "line 12, column 10: e has no type: add \"type\": int, or another of int, float, str, bool, date, datetime",
            "line 12, column 11: e: a parameter has no \"typ\"; did you mean type?",
            "line 13, column 35: f: the default must be a whole number such as 30",
            "line 13, column 55: f: a choice must be a whole number such as 30",
            "line 13, column 61: f: None is no choice; for a parameter that may be left out write \"required\": False",
            "line 13, column 67: f: a choice must be a whole number such as 30",
            "line 14, column 35: g: the default is not among the choices",
            "line 15, column 50: h cannot be required and have a default: leave one of them out",
            "line 16, column 35: i: there are no choices; name some or leave choices out",
            "line 17, column 35: j: the default is beyond 64 bits",
            "line 18, column 35: k: the default is beyond 64 bits",
            "line 19, column 36: l: the default: \"31.12.2026\" is not a date such as 2026-12-31",
            "line 20, column 32: m: help must be a text in quotes",
            "line 20, column 47: m: required must be True or False",
            "line 20, column 61: m: choices must be a list, written out",
            "line 20, column 70: m must be written out: ** is not read",
            "line 21, column 37: n: the default must be a number such as 2.5",
            "line 22, column 36: o: the default must be True or False",
            "line 22, column 39: \"type\" is there twice",
            "line 23, column 35: p: the default must be a text such as \"gold\"",
            "line 24, column 35: q: the default: a text cannot contain a NUL character",
            "line 25, column 5: \"a²\" cannot be the name of a parameter: letters, digits and _, not starting with a digit, and no keyword of Python",
        ];
        let told = faults(source);
        for (told, expected) in told.iter().zip(expected) {
            assert_eq!(told, expected);
        }
        assert_eq!(told.len(), expected.len());
    }
}
