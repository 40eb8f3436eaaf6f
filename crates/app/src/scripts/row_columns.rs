//! The columns of `row` that a script can read.
//!
//! Errors in cells of other columns do not stop a run, so the answer errs on the side of all columns. It is a list only
//! if `row` is used as `row["name"]` or `row.get("name")` alone, and nothing else in the script leads to its variables.
//! A script that builds such a name at run time is not noticed: in a cell with an error it finds the text that the sheet
//! shows there. This is a protection from oversights; no right depends on it.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_pattern_keyword, walk_stmt};
use ruff_python_ast::{
    Alias, Expr, ExprCall, ExprContext, ExprSubscript, InterpolatedStringElement, PatternKeyword, Stmt,
    StringLiteral,
};

use super::names::{Names, is_dunder};

const ROW: &str = "row";

/// Modules that give a script no access to its own variables. Any other module may give it.
const HARMLESS_MODULES: [&str; 47] = [
    "__future__",
    "abc",
    "base64",
    "binascii",
    "bisect",
    "calendar",
    "cmath",
    "collections",
    "collections.abc",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "fnmatch",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "hmac",
    "html",
    "io",
    "ipaddress",
    "itertools",
    "json",
    "locale",
    "math",
    "numbers",
    "operator",
    "pprint",
    "random",
    "re",
    "secrets",
    "statistics",
    "string",
    "textwrap",
    "time",
    "typing",
    "unicodedata",
    "urllib.parse",
    "uuid",
    "weakref",
    "zlib",
    "zoneinfo",
];

/// Names of functions, modules and attributes from which a script can get at its own variables.
const REFLECTIVE: [&str; 27] = [
    "ForwardRef",
    "_record",
    "_sys",
    "ag_frame",
    "attrgetter",
    "breakpoint",
    "builtins",
    "cr_frame",
    "eval",
    "evaluate_forward_ref",
    "exec",
    "f_back",
    "f_builtins",
    "f_generator",
    "f_globals",
    "f_locals",
    "gc",
    "get_type_hints",
    "getattr_static",
    "gi_frame",
    "globals",
    "importlib",
    "inspect",
    "locals",
    "sys",
    "tb_frame",
    "vars",
];

/// Names with two underscores on each side that lead nowhere else.
const HARMLESS_DUNDERS: [&str; 8] =
    ["__class__", "__debug__", "__doc__", "__file__", "__init__", "__main__", "__name__", "__version__"];

/// The columns of `row` that the script can read; none: any of them.
pub(super) fn row_columns(body: &[Stmt], names: &Names<'_>) -> Option<BTreeSet<String>> {
    if names.is_open() || names.binds(ROW) {
        return None;
    }
    let mut uses = Uses::default();
    uses.visit_body(body);
    (!uses.is_open).then_some(uses.columns)
}

/// The uses of `row`.
#[derive(Default)]
struct Uses {
    columns: BTreeSet<String>,
    /// Any column may be read.
    is_open: bool,
}

impl Uses {
    fn name(&mut self, name: &str) {
        self.is_open |= is_reflective(name);
    }

    /// Looks at a text, which may name attributes for `getattr` or `str.format`.
    fn text(&mut self, text: &str) {
        let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        self.is_open |= words.any(|word| word.contains('_') && is_reflective(word));
    }

    fn import(&mut self, module: &str) {
        self.is_open |= !HARMLESS_MODULES.contains(&module);
    }
}

fn is_reflective(name: &str) -> bool {
    let is_rule = name.bytes().all(|byte| byte == b'_');
    REFLECTIVE.contains(&name) || is_dunder(name) && !is_rule && !HARMLESS_DUNDERS.contains(&name)
}

fn is_row(expr: &Expr) -> bool {
    expr.as_name_expr().is_some_and(|name| name.id == ROW)
}

fn literal(expr: &Expr) -> Option<String> {
    expr.as_string_literal_expr().map(|text| text.value.to_str().to_owned())
}

/// The column that `row["name"]` reads.
fn subscripted(access: &ExprSubscript) -> Option<String> {
    (access.ctx == ExprContext::Load && is_row(&access.value)).then(|| literal(&access.slice))?
}

/// The column that `row.get("name")` or `row.get("name", default)` reads, and the default.
fn got(call: &ExprCall) -> Option<(String, Option<&Expr>)> {
    let function = call.func.as_attribute_expr()?;
    if !is_row(&function.value) || function.attr.as_str() != "get" || !call.arguments.keywords.is_empty() {
        return None;
    }
    match &*call.arguments.args {
        [column] => Some((literal(column)?, None)),
        [column, default] if !default.is_starred_expr() => Some((literal(column)?, Some(default))),
        _ => None,
    }
}

impl<'a> Visitor<'a> for Uses {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => import.names.iter().for_each(|alias| self.import(&alias.name)),
            Stmt::ImportFrom(import) => {
                self.import(import.module.as_ref().filter(|_| import.level == 0).map_or("", |module| module));
            }
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Subscript(access) => {
                if let Some(column) = subscripted(access) {
                    self.columns.insert(column);
                    return;
                }
            }
            Expr::Call(call) => {
                if let Some((column, default)) = got(call) {
                    self.columns.insert(column);
                    default.into_iter().for_each(|default| self.visit_expr(default));
                    return;
                }
                if let Some(function) = call.func.as_name_expr()
                    && function.id == "getattr"
                    && call.arguments.args.get(1).is_some_and(Expr::is_string_literal_expr)
                {
                    // The attribute is seen where texts are.
                    self.visit_arguments(&call.arguments);
                    return;
                }
            }
            Expr::Name(name) => {
                self.is_open |= name.id == ROW || name.id == "getattr";
                self.name(&name.id);
            }
            Expr::Attribute(access) => self.name(&access.attr),
            _ => {}
        }
        walk_expr(self, expr);
    }

    fn visit_alias(&mut self, alias: &'a Alias) {
        self.name(&alias.name);
    }

    fn visit_pattern_keyword(&mut self, pattern: &'a PatternKeyword) {
        self.name(&pattern.attr);
        walk_pattern_keyword(self, pattern);
    }

    fn visit_string_literal(&mut self, literal: &'a StringLiteral) {
        self.text(&literal.value);
    }

    fn visit_interpolated_string_element(&mut self, element: &'a InterpolatedStringElement) {
        if let InterpolatedStringElement::Literal(literal) = element {
            self.text(&literal.value);
        }
        ruff_python_ast::visitor::walk_interpolated_string_element(self, element);
    }
}

#[cfg(test)]
mod tests {
    use rollcall_domain::Zone;

    use crate::scripts::read;

    fn columns(source: &str) -> Option<Vec<String>> {
        let read = read(source, &Zone::utc()).unwrap_or_else(|faults| panic!("{source}: {faults:?}"));
        read.row_columns.map(|columns| columns.into_iter().collect())
    }

    #[test]
    fn columns_are_known_where_each_use_of_row_names_one() {
        for (source, expected) in [
            ("", &[][..]),
            ("user.klass = 'x'", &[]),
            ("user.klass = row['klass']", &["klass"]),
            ("user.klass = row[\"a\" 'b']", &["ab"]),
            ("user.klass = row['Kläss']", &["Kläss"]),
            ("x = row.get('a')\ny = row.get('b', '')\nz = row['a']", &["a", "b"]),
            ("x = row.get('a', row['b'])", &["a", "b"]),
            ("x = row.get('a') or row.get('b', row.get('c'))", &["a", "b", "c"]),
            (
                "def f():\n return row['a']\nx = [row['b'] for _ in f()]\ny = lambda: row['c']",
                &["a", "b", "c"],
            ),
            ("class C:\n def __init__(self): self.x = row['a'].strip().lower()[0]", &["a"]),
            ("print(f\"{row['a']!r:>{row['b']}} __ ___ _____\")", &["a", "b"]),
            ("print(t\"{row['a']}\")", &["a"]),
            ("match row['a']:\n case 'x': pass\n case str(y) if row['b']: pass", &["a", "b"]),
            ("x: int = int(row['a'])", &["a"]),
            ("x = user.row, run.get('y')\nprint(row=1)", &[]),
            ("def row_of(x): return x\nrows = row_of(row['a'])", &["a"]),
            (
                "import re, json, collections.abc\nfrom datetime import date as day\n\
                 x = re.compile(row['a'])",
                &["a"],
            ),
            ("from __future__ import annotations\nimport urllib.parse", &[]),
            ("if __name__ == '__main__': print(type(user).__name__, user.__class__, __doc__)", &[]),
            ("x = getattr(user, 'klass', row['a'])\nsetattr(user, 'klass', x)", &["a"]),
            ("result['row'] = row['a']\n# globals() and row\nx = 'the sys and globals of vars'", &["a"]),
        ] {
            let expected: Vec<_> = expected.iter().map(|column| (*column).to_owned()).collect();
            assert_eq!(columns(source), Some(expected), "{source}");
        }
    }

    #[test]
    fn any_column_may_be_read_where_row_is_used_otherwise() {
        for source in [
            // As a whole.
            "print(row)",
            "print(*row)",
            "print(**row)",
            "x = {**row}",
            "x = row",
            "x = [row]",
            "result['row'] = dict(row)",
            "result.update(row)",
            "for column in row: pass",
            "x = [column for column in row]",
            "x = 'a' in row",
            "if row: pass",
            "x = row | {}",
            "x = row == {}",
            "print(f'{row}')",
            "print(f'{row!r:>9}')",
            "print(f'{1:{row}}')",
            "print(t'{row}')",
            "match row:\n case {'a': x}: pass",
            "def f(x=row): pass",
            "lambda x=row: x",
            "@row\ndef f(): pass",
            "class C(row): pass",
            "def f(): return row",
            "async def f(): yield row",
            "x: row = 1",
            "assert row",
            "with row: pass",
            "(x := row)",
            // Another column than a literal.
            "x = row[params.column]",
            "x = row[f'a']",
            "x = row[b'a']",
            "x = row['a':]",
            "x = row['a', 'b']",
            "x = row.get(params.column)",
            "x = row.get(f'a')",
            "x = row.get(*['a'])",
            "x = row.get('a', *[])",
            "x = row.get('a', **{})",
            "x = row.get('a', row)",
            "x = row.get()",
            "x = row.get",
            "x = row.items()",
            "x = row.pop('a')",
            "x = row.copy()",
            "x = row.a",
            // Changed, or something else.
            "row['a'] = 1",
            "row['a'] += 'x'",
            "del row['a']",
            "del row",
            "row = {}",
            "row |= {}",
            "row: dict",
            "row: dict = {}",
            "for row in []: pass",
            "x = [row['a'] for row in []]",
            "(row := {})",
            "with open('x') as row: pass",
            "import re as row",
            "from math import *",
            "def row(): pass",
            "class row: pass",
            "type row = int",
            "def f(row): return row['a']",
            "def f(*row): return row['a']",
            "def f(**row): return row['a']",
            "def f[row](): return row['a']",
            "lambda row: row['a']",
            "def f():\n global row\n return row['a']",
            "def f():\n row = {}\n def g():\n  nonlocal row\n  return row['a']\n return g",
            "try: pass\nexcept ValueError as row: pass",
            "match user:\n case row: pass",
            "match [1]:\n case [*row]: pass",
            "match {}:\n case {**row}: pass",
            // Reached in another way.
            "x = globals()['row']",
            "x = locals()",
            "x = vars()",
            "x = eval('ro' + 'w')",
            "exec('x = row')",
            "f = globals",
            "breakpoint()",
            "x = __builtins__",
            "x = __import__('sys')",
            "import sys",
            "import sys as s",
            "import os, sys",
            "import os.path",
            "import inspect",
            "import gc",
            "import builtins",
            "import importlib",
            "import __main__",
            "import traceback",
            "import logging",
            "from . import x",
            "from sys import modules",
            "from dataclasses import sys",
            "from operator import attrgetter as a",
            "import enum\nx = enum.sys.modules",
            "import contextlib\nx = contextlib.sys",
            "import typing\ntyping.get_type_hints(user)",
            "def f(): pass\nx = f.__globals__",
            "def f(): pass\nx = getattr(f, '__globals__')",
            "def f(): pass\nx = getattr(f, '__glo' + 'bals__')",
            "x = map(getattr, [], [])",
            "def f(): pass\nx = '{0.__globals__[row]}'.format(f)",
            "def f(): pass\nx = f'{f.__globals__}'",
            "def f(): pass\nx = f'{{0.__globals__[row]}}'.format(f)",
            "def f(): pass\nmatch f:\n case object(__globals__=g): print(g)",
            "try: pass\nexcept ValueError as e: x = e.__traceback__.tb_frame.f_globals",
            "x = (1 for _ in []).gi_frame",
            "x = user._record",
            "x = user.__reduce__()",
        ] {
            assert_eq!(columns(source), None, "{source}");
        }
    }
}
