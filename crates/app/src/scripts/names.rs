//! Names and fields in a script that do not exist. Python finds them only when it gets there, which may be at the
//! thousandth user; what is told here is told before, and only where it cannot be meant.

use std::collections::HashSet;

use rollcall_domain::{Param, Params, did_you_mean};
use ruff_python_ast::visitor::{
    Visitor, walk_alias, walk_except_handler, walk_expr, walk_parameter, walk_pattern, walk_stmt,
    walk_type_param,
};
use ruff_python_ast::{
    Alias, ExceptHandler, Expr, ExprContext, Identifier, Parameter, Pattern, Stmt, TypeParam,
};
use ruff_text_size::{Ranged, TextRange};

use super::hints;
use super::place::{Fault, Lines};
use super::world;
use super::world::{Access as May, RUN, USER};

/// Enough to be read at once.
pub(super) const MAX_WARNINGS: usize = 100;

/// What `params` has as a dict.
const OF_DICT: [&str; 11] =
    ["clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];

/// Whoever uses one of these can make names that are nowhere written.
const CONJURERS: [&str; 6] = ["globals", "locals", "vars", "exec", "eval", "__builtins__"];

/// Where something is read, assigned or deleted by `object.name`, or by `object["name"]`.
struct Access<'a> {
    object: &'a str,
    name: &'a str,
    place: TextRange,
    context: ExprContext,
    subscript: bool,
}

/// The names of a script.
#[derive(Default)]
pub(super) struct Names<'a> {
    /// Bound in whatever scope.
    bound: HashSet<&'a str>,
    loaded: Vec<(&'a str, TextRange)>,
    accessed: Vec<Access<'a>>,
    /// Where `PARAMS` is assigned, but for `PARAMS += …`.
    params_assigned: Vec<TextRange>,
    /// Names may come from elsewhere, by `from … import *`.
    open: bool,
}

impl<'a> Names<'a> {
    pub(super) fn of(body: &'a [Stmt]) -> Self {
        let mut names = Self::default();
        names.visit_body(body);
        names
    }

    /// Whether the script itself binds this name, as opposed to finding it.
    pub(super) fn binds(&self, name: &str) -> bool {
        self.bound.contains(name)
    }

    pub(super) fn params_assigned(&self) -> &[TextRange] {
        &self.params_assigned
    }

    /// Whether names may come from elsewhere, by `from … import *`.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether the script can know this name; builtins apart.
    pub(super) fn may_be_bound(&self, name: &str) -> bool {
        self.open || self.bound.contains(name)
    }

    /// What does not exist, in the order of the text.
    pub(super) fn warnings(&self, params: &Params, lines: &Lines<'_>) -> Vec<Fault> {
        let mut warnings = Vec::new();
        if !self.open && !self.loaded.iter().any(|(name, _)| CONJURERS.contains(name)) {
            warnings.extend(self.undefined(lines).take(MAX_WARNINGS));
        }
        let params = ParamNames::new(self, params);
        for access in self.accessed.iter().filter(|access| !is_dunder(access.name)) {
            let warning = match access.object {
                object if self.bound.contains(object) => None,
                "user" | "obj" if !access.subscript => of_user(access),
                "run" if !access.subscript => of_run(access),
                "params" => params.warning(access),
                _ => None,
            };
            warnings.extend(warning.map(|message| lines.fault(access.place.start(), message)));
        }
        warnings
    }

    fn undefined(&self, lines: &Lines<'_>) -> impl Iterator<Item = Fault> {
        let known = |name: &str| {
            self.bound.contains(name)
                || BUILTINS.contains(&name)
                || world::find(None, name).is_some()
                || is_dunder(name)
        };
        self.loaded.iter().filter(move |(name, _)| !known(name)).map(|(name, place)| {
            if let Some(hint) = hints::of_name(name) {
                return lines.fault(place.start(), format!("{name} is not defined anywhere; {hint}"));
            }
            // What is in the script and its world first: of equals, the last one is taken.
            let mut candidates: Vec<_> =
                BUILTINS.into_iter().chain(self.bound.iter().copied()).chain(world::names_of(None)).collect();
            candidates.sort_by_key(|candidate| (BUILTINS.contains(candidate), *candidate));
            candidates.reverse();
            let hint = did_you_mean(name, candidates);
            lines.fault(place.start(), format!("{name} is not defined anywhere{}", hint_of(hint)))
        })
    }

    fn bind(&mut self, name: Option<&'a Identifier>) {
        self.bound.extend(name.map(|name| name.id.as_str()));
    }

    fn access(
        &mut self,
        object: &'a Expr,
        name: &'a str,
        place: TextRange,
        context: ExprContext,
        subscript: bool,
    ) {
        if let Expr::Name(object) = object {
            self.accessed.push(Access { object: object.id.as_str(), name, place, context, subscript });
        }
    }
}

pub(super) fn is_dunder(name: &str) -> bool {
    name.len() > 4 && name.starts_with("__") && name.ends_with("__")
}

fn hint_of(close: Option<&str>) -> String {
    close.map_or_else(String::new, |close| format!("; did you mean {close}?"))
}

fn of_user(access: &Access<'_>) -> Option<String> {
    let Access { object, name, .. } = access;
    let reads = access.context == ExprContext::Load;
    match world::find(Some(USER), name) {
        Some(found) if reads || found.access == May::ReadWrite => None,
        Some(_) => Some(format!("{object}.{name} is read-only")),
        None if let Some(hint) = hints::of_field(name) => {
            Some(format!("{object}.{name}: a user has no field {name:?}; {hint}"))
        }
        None => {
            let close = did_you_mean(name, world::names_of(Some(USER)));
            Some(format!("{object}.{name}: a user has no field {name:?}{}", hint_of(close)))
        }
    }
}

fn of_run(access: &Access<'_>) -> Option<String> {
    let name = access.name;
    match world::find(Some(RUN), name) {
        Some(_) if access.context == ExprContext::Load => None,
        Some(_) => Some(format!("run.{name} is read-only")),
        None => {
            let close = did_you_mean(name, world::names_of(Some(RUN)));
            Some(format!("run.{name}: a run has no {name:?}{}", hint_of(close)))
        }
    }
}

/// What may be read of `params`.
struct ParamNames<'a> {
    names: Vec<&'a str>,
    /// The script puts its own entries into it.
    open: bool,
}

impl<'a> ParamNames<'a> {
    fn new(names: &'a Names<'_>, params: &'a Params) -> Self {
        let mut accessed = names.accessed.iter().filter(|access| access.object == "params");
        let open = accessed.any(|access| {
            access.context == ExprContext::Store
                || !access.subscript && matches!(access.name, "update" | "setdefault")
        });
        Self { names: params.iter().map(|param: &Param| param.name.as_str()).collect(), open }
    }

    fn warning(&self, access: &Access<'_>) -> Option<String> {
        let Access { name, subscript, .. } = *access;
        if self.open || self.names.contains(&name) || (!subscript && OF_DICT.contains(&name)) {
            return None;
        }
        let written = if subscript { format!("params[{name:?}]") } else { format!("params.{name}") };
        if self.names.is_empty() {
            return Some(format!(
                "{written}: the script declares no parameters; to declare this one, write PARAMS = {{{name:?}: str}}"
            ));
        }
        let close = did_you_mean(name, self.names.iter().copied());
        Some(format!("{written}: PARAMS declares no {name:?}{}", hint_of(close)))
    }
}

impl<'a> Visitor<'a> for Names<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => self.bind(Some(&function.name)),
            Stmt::ClassDef(class) => self.bind(Some(&class.name)),
            Stmt::Global(global) => global.names.iter().for_each(|name| self.bind(Some(name))),
            Stmt::Nonlocal(nonlocal) => nonlocal.names.iter().for_each(|name| self.bind(Some(name))),
            Stmt::AugAssign(assign)
                if assign.target.as_name_expr().is_some_and(|name| name.id == "PARAMS") =>
            {
                return self.visit_expr(&assign.value);
            }
            // It says what PARAMS will be, and assigns nothing.
            Stmt::AnnAssign(assign) if assign.value.is_none() && assign.target.is_name_expr() => return,
            _ => {}
        }
        walk_stmt(self, stmt);
    }

    /// Annotations are not looked at: Python need not evaluate them (PEP 649).
    fn visit_annotation(&mut self, _: &'a Expr) {}

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if name.ctx == ExprContext::Store => {
                if name.id == "PARAMS" {
                    self.params_assigned.push(name.range());
                }
                self.bound.insert(name.id.as_str());
            }
            Expr::Name(name) => self.loaded.push((name.id.as_str(), name.range())),
            Expr::Attribute(access) => {
                self.access(&access.value, access.attr.as_str(), access.attr.range(), access.ctx, false);
            }
            Expr::Subscript(access) => {
                if let Expr::StringLiteral(key) = &*access.slice {
                    self.access(&access.value, key.value.to_str(), key.range(), access.ctx, true);
                } else if access.ctx == ExprContext::Store {
                    self.access(&access.value, "", access.range(), access.ctx, true);
                }
            }
            _ => {}
        }
        walk_expr(self, expr);
    }

    fn visit_alias(&mut self, alias: &'a Alias) {
        let name = alias.asname.as_ref().unwrap_or(&alias.name).id.as_str();
        self.open |= name == "*";
        self.bound.extend(name.split('.').next());
        walk_alias(self, alias);
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        self.bind(Some(&parameter.name));
        walk_parameter(self, parameter);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(clause) = handler;
        self.bind(clause.name.as_ref());
        walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        match pattern {
            Pattern::MatchAs(capture) => self.bind(capture.name.as_ref()),
            Pattern::MatchStar(star) => self.bind(star.name.as_ref()),
            Pattern::MatchMapping(mapping) => self.bind(mapping.rest.as_ref()),
            _ => {}
        }
        walk_pattern(self, pattern);
    }

    fn visit_type_param(&mut self, param: &'a TypeParam) {
        self.bind(Some(param.name()));
        walk_type_param(self, param);
    }
}

/// Python's builtins, 3.10 to 3.14; not those of the `site` module (`exit`, `help`), which workers do not load.
#[rustfmt::skip] // a name a line would be a page and a half
const BUILTINS: [&str; 141] = [
    "ArithmeticError", "AssertionError", "AttributeError", "BaseException", "BaseExceptionGroup",
    "BlockingIOError", "BrokenPipeError", "BufferError", "BytesWarning", "ChildProcessError",
    "ConnectionAbortedError", "ConnectionError", "ConnectionRefusedError", "ConnectionResetError",
    "DeprecationWarning", "EOFError", "Ellipsis", "EncodingWarning", "EnvironmentError", "Exception",
    "ExceptionGroup", "FileExistsError", "FileNotFoundError", "FloatingPointError", "FutureWarning",
    "GeneratorExit", "IOError", "ImportError", "ImportWarning", "IndentationError", "IndexError",
    "InterruptedError", "IsADirectoryError", "KeyError", "KeyboardInterrupt", "LookupError", "MemoryError",
    "ModuleNotFoundError", "NameError", "NotADirectoryError", "NotImplemented", "NotImplementedError",
    "OSError", "OverflowError", "PendingDeprecationWarning", "PermissionError", "ProcessLookupError",
    "PythonFinalizationError", "RecursionError", "ReferenceError", "ResourceWarning", "RuntimeError",
    "RuntimeWarning", "StopAsyncIteration", "StopIteration", "SyntaxError", "SyntaxWarning", "SystemError",
    "SystemExit", "TabError", "TimeoutError", "TypeError", "UnboundLocalError", "UnicodeDecodeError",
    "UnicodeEncodeError", "UnicodeError", "UnicodeTranslateError", "UnicodeWarning", "UserWarning",
    "ValueError", "Warning", "ZeroDivisionError", "abs", "aiter", "all", "anext", "any", "ascii", "bin",
    "bool", "breakpoint", "bytearray", "bytes", "callable", "chr", "classmethod", "compile", "complex",
    "delattr", "dict", "dir", "divmod", "enumerate", "eval", "exec", "filter", "float", "format",
    "frozenset", "getattr", "globals", "hasattr", "hash", "hex", "id", "input", "int", "isinstance",
    "issubclass", "iter", "len", "list", "locals", "map", "max", "memoryview", "min", "next", "object",
    "oct", "open", "ord", "pow", "print", "property", "range", "repr", "reversed", "round", "set",
    "setattr", "slice", "sorted", "staticmethod", "str", "sum", "super", "tuple", "type", "vars", "zip",
];

#[cfg(test)]
mod tests {
    use rollcall_domain::Zone;

    use crate::scripts::read;

    fn warnings(source: &str) -> Vec<String> {
        read(source, &Zone::utc()).unwrap().warnings.iter().map(ToString::to_string).collect()
    }

    fn one(source: &str) -> String {
        let warnings = warnings(source);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        warnings[0].clone()
    }

    #[test]
    fn a_name_that_is_bound_nowhere_is_told() {
        assert_eq!(
            one("x = 1\nprint(é) if x else usr\né = 2"),
            "line 2, column 20: usr is not defined anywhere; did you mean user?"
        );
        assert_eq!(
            one("days = 1\nuser.klass = str(dyas)"),
            "line 2, column 18: dyas is not defined anywhere; did you mean days?"
        );
        assert_eq!(
            one("retrun = pritn"),
            "line 1, column 10: pritn is not defined anywhere; did you mean print?"
        );
        assert_eq!(one("del qqq"), "line 1, column 5: qqq is not defined anywhere");
        assert_eq!(
            one("exit()"),
            "line 1, column 1: exit is not defined anywhere; to end this user early without changes, call skip(\"reason\")"
        );
        assert_eq!(warnings("qqq.a\nf'{qqq[0]:{zzz}}'").len(), 3);
    }

    #[test]
    fn whatever_binds_a_name_counts() {
        let source = "\
import os.path, json as js
from re import compile as comp, match
def f(a, /, b, *c, d=1, **e): return a, b, c, d, e, later
class C(Exception):
    attr = 1
    def m(self): return attr, __class__
for i, (j, *k) in []: pass
with print(i) as (l, m): pass
try: pass
except C as caught: print(caught)
if (w := 1): print(w)
print([q for p in [] for q in p], {r: s for r, s in []}, lambda t, *u: (t, u))
match i:
    case [g, *h] | {'g': g, **h}: print(g, h)
    case C(attr=n) as o: print(n, o)
    case _: pass
def outer():
    global made
    made = inner = 1
    def nested():
        nonlocal inner
        return inner
    return nested
def generic[T, *Ts, **P](x: T): return T, Ts, P
type Alias = made
x: Unknown.thing = 1
del i
print(os, js, comp, match, f, outer, j, k, l, m, made, Alias, x, i, generic)
print(user, obj, row, params, result, run, skip, fail, log, PARAMS, __name__, __file__, __doc__, __builtins_x__)
later = aiter, anext, ExceptionGroup, EncodingWarning, PythonFinalizationError, NotImplemented
";
        assert_eq!(warnings(source), Vec::<String>::new());
    }

    #[test]
    fn names_that_may_come_from_elsewhere_are_let_be() {
        for source in [
            "from math import *\nsqrt(2)",
            "globals()['a'] = 1\na",
            "exec('a = 1')\na",
            "print(vars(), a)",
            "eval('(a := 1)')\na",
        ] {
            assert_eq!(warnings(source), Vec::<String>::new(), "{source}");
        }
        assert_eq!(warnings("from math import *\nuser.sqrt").len(), 1);
    }

    #[test]
    fn fields_that_users_do_not_have_are_told() {
        assert_eq!(
            one("print(user.usernam)"),
            "line 1, column 12: user.usernam: a user has no field \"usernam\"; did you mean username?"
        );
        assert_eq!(
            one("obj.is_actve = True"),
            "line 1, column 5: obj.is_actve: a user has no field \"is_actve\"; did you mean is_active?"
        );
        assert_eq!(
            one("user.profile_ad(id=1)"),
            "line 1, column 6: user.profile_ad: a user has no field \"profile_ad\"; did you mean profile_add?"
        );
        assert_eq!(one("del user.zzz"), "line 1, column 10: user.zzz: a user has no field \"zzz\"");
        let known = "print(user.__class__, user.obj_id, user.profiles, obj.check_attributes)\nuser.profile_remove(id=1)\nuser.klass += 'x'\nuser.email, obj.klass = '', ''\nprint(user.username.nothing)\nuser['zzz']";
        assert_eq!(warnings(known), Vec::<String>::new());
    }

    #[test]
    fn what_is_read_only_is_told_where_it_is_assigned() {
        assert_eq!(one("user.obj_id = 1"), "line 1, column 6: user.obj_id is read-only");
        assert_eq!(one("user.date_joined += 1"), "line 1, column 6: user.date_joined is read-only");
        assert_eq!(one("x, user.profiles = 1, ()"), "line 1, column 9: user.profiles is read-only");
        assert_eq!(
            one("for obj.attribute_add in []: pass"),
            "line 1, column 9: obj.attribute_add is read-only"
        );
        assert_eq!(one("run.now = 1"), "line 1, column 5: run.now is read-only");
        assert_eq!(
            one("run.previw"),
            "line 1, column 5: run.previw: a run has no \"previw\"; did you mean preview?"
        );
        assert_eq!(
            warnings("print(run.id, run.now.year, run.preview, run.administrator)"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_name_that_the_script_binds_itself_is_its_own() {
        for source in [
            "user = {}\nuser.zzz",
            "def f(obj): return obj.zzz",
            "import run\nrun.go()",
            "for params in []: params.x",
        ] {
            assert_eq!(warnings(source), Vec::<String>::new(), "{source}");
        }
    }

    #[test]
    fn parameters_that_are_not_declared_are_told() {
        let declared = "PARAMS = {'days': int, 'plan': str}\n";
        let told = warnings(&format!(
            "{declared}params.dayz; params['plam']; params.days; params['plan']; params['x' + 'y']"
        ));
        assert_eq!(
            told,
            [
                "line 2, column 8: params.dayz: PARAMS declares no \"dayz\"; did you mean days?",
                "line 2, column 21: params[\"plam\"]: PARAMS declares no \"plam\"; did you mean plan?",
            ]
        );
        assert_eq!(
            one("params.days"),
            "line 1, column 8: params.days: the script declares no parameters; to declare this one, write PARAMS = {\"days\": str}"
        );
        for source in [
            "params.get('x'), params.items(), params.keys(), params.values()",
            "params['x'] = 1\nparams['x']",
            "params.update(x=1)\nparams.x",
            "params |= {'x': 1}\nparams.x",
            "k = 'x'\nparams[k] = 1\nparams.x",
        ] {
            assert_eq!(warnings(source), Vec::<String>::new(), "{source}");
        }
    }
}
