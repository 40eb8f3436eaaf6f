//! Syntax errors that a parser does not find: `return` outside a function, a parameter that is named twice. CPython
//! finds them when it compiles the script. `ruff_python_parser` knows the rules; this module follows the scopes for it.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use ruff_python_ast::visitor::{
    Visitor, walk_alias, walk_except_handler, walk_expr, walk_pattern, walk_stmt,
};
use ruff_python_ast::{
    Alias, Comprehension, ExceptHandler, Expr, ExprContext, Identifier, Parameters, Pattern, PythonVersion,
    Stmt,
};
use ruff_python_parser::semantic_errors::{
    LazyImportContext, SemanticSyntaxChecker, SemanticSyntaxContext, SemanticSyntaxError,
    SemanticSyntaxErrorKind,
};
use ruff_text_size::{Ranged, TextRange};

/// Each error of `body`, with the text that it is about, in the order in which they are found.
pub(super) fn semantic_errors(body: &[Stmt], source: &str) -> Vec<(TextRange, String)> {
    let mut walk = Walk {
        scopes: vec![Scope { bindings: Bindings::of(None, body), ..Scope::new(Kind::Module) }],
        checker: SemanticSyntaxChecker::new(),
        source,
        errors: RefCell::default(),
    };
    walk.visit_body(body);
    let mut errors = walk.errors.into_inner();
    // For `yield` and `await` at the top level it reports two errors about one place.
    errors.sort_by_key(|error| error.range.start());
    errors.dedup_by_key(|error| error.range.start());
    errors.iter().map(|error| (error.range, message(error))).collect()
}

fn message(error: &SemanticSyntaxError) -> String {
    match &error.kind {
        SemanticSyntaxErrorKind::ReturnOutsideFunction => {
            "`return` outside a function; to end this user early without changes, call skip(\"reason\"); \
             to keep the changes, put what follows under an `if`"
                .to_owned()
        }
        SemanticSyntaxErrorKind::ContinueOutsideLoop => {
            "`continue` outside a loop; the script runs once for each user: to end this user early without \
             changes, call skip(\"reason\")"
                .to_owned()
        }
        SemanticSyntaxErrorKind::BreakOutsideLoop => {
            "`break` outside a loop; the script runs once for each user: to end this user early without \
             changes, call skip(\"reason\")"
                .to_owned()
        }
        SemanticSyntaxErrorKind::YieldOutsideFunction(kind) => format!("`{kind}` outside a function"),
        _ => super::source::uncapitalized(&error.to_string()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Module,
    Class,
    Function {
        is_async: bool,
    },
    Lambda,
    /// A list, set or dict comprehension.
    Comprehension {
        is_async: bool,
    },
    Generator,
}

struct Scope<'a> {
    kind: Kind,
    bindings: Bindings<'a>,
    in_loop: bool,
}

impl Scope<'_> {
    fn new(kind: Kind) -> Self {
        Self { kind, bindings: Bindings::default(), in_loop: false }
    }
}

/// The names of one scope, without those of scopes within it.
#[derive(Default)]
struct Bindings<'a> {
    parameters: HashSet<&'a str>,
    bound: HashSet<&'a str>,
    /// Where each name is declared `global`.
    globals: HashMap<&'a str, TextRange>,
    nonlocals: HashSet<&'a str>,
}

impl<'a> Bindings<'a> {
    fn of(parameters: Option<&'a Parameters>, body: &'a [Stmt]) -> Self {
        let mut bindings = Self::default();
        let names = parameters.into_iter().flatten().map(|parameter| parameter.name().as_str());
        bindings.parameters.extend(names);
        bindings.visit_body(body);
        bindings
    }

    /// Whether the scope itself has the variable, as opposed to naming another scope's.
    fn has(&self, name: &str) -> bool {
        let is_own = self.parameters.contains(name) || self.bound.contains(name);
        is_own && !self.globals.contains_key(name) && !self.nonlocals.contains(name)
    }
}

impl<'a> Visitor<'a> for Bindings<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            // Their bodies are scopes of their own.
            Stmt::FunctionDef(function) => drop(self.bound.insert(function.name.as_str())),
            Stmt::ClassDef(class) => drop(self.bound.insert(class.name.as_str())),
            Stmt::Global(global) => {
                self.globals.extend(global.names.iter().map(|name| (name.as_str(), global.range())));
            }
            Stmt::Nonlocal(nonlocal) => {
                self.nonlocals.extend(nonlocal.names.iter().map(Identifier::as_str));
            }
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if name.ctx == ExprContext::Store => {
                self.bound.insert(name.id.as_str());
            }
            Expr::Lambda(_) => {}
            // Targets of comprehensions count, too: an error less is better than one that is none.
            _ => walk_expr(self, expr),
        }
    }

    fn visit_alias(&mut self, alias: &'a Alias) {
        let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
        self.bound.extend(name.split('.').next());
        walk_alias(self, alias);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(clause) = handler;
        self.bound.extend(clause.name.as_ref().map(Identifier::as_str));
        walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        let name = match pattern {
            Pattern::MatchAs(capture) => capture.name.as_ref(),
            Pattern::MatchStar(star) => star.name.as_ref(),
            Pattern::MatchMapping(mapping) => mapping.rest.as_ref(),
            _ => None,
        };
        self.bound.extend(name.map(Identifier::as_str));
        walk_pattern(self, pattern);
    }
}

struct Walk<'a> {
    /// The innermost last.
    scopes: Vec<Scope<'a>>,
    checker: SemanticSyntaxChecker,
    source: &'a str,
    errors: RefCell<Vec<SemanticSyntaxError>>,
}

impl<'a> Walk<'a> {
    fn check(&mut self, check: impl FnOnce(&mut SemanticSyntaxChecker, &Self)) {
        let mut checker = std::mem::take(&mut self.checker);
        check(&mut checker, self);
        self.checker = checker;
    }

    fn within(&mut self, scope: Scope<'a>, walk: impl FnOnce(&mut Self)) {
        self.scopes.push(scope);
        walk(self);
        self.scopes.pop();
    }

    fn current(&self) -> Option<&Scope<'a>> {
        self.scopes.last()
    }

    fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.scopes.iter().rev().map(|scope| scope.kind)
    }

    fn looping(&mut self, body: &'a [Stmt]) {
        let Some(scope) = self.scopes.last_mut() else { return };
        let before = std::mem::replace(&mut scope.in_loop, true);
        self.visit_body(body);
        if let Some(scope) = self.scopes.last_mut() {
            scope.in_loop = before;
        }
    }

    /// Python evaluates the first iterable outside the comprehension.
    fn visit_clauses(&mut self, kind: Kind, clauses: &'a [Comprehension], results: &[&'a Expr]) {
        let mut clauses = clauses.iter();
        let first = clauses.next();
        if let Some(first) = first {
            self.visit_expr(&first.iter);
        }
        self.within(Scope::new(kind), |walk| {
            if let Some(first) = first {
                walk.visit_expr(&first.target);
                first.ifs.iter().for_each(|condition| walk.visit_expr(condition));
            }
            clauses.for_each(|clause| walk.visit_comprehension(clause));
            results.iter().for_each(|result| walk.visit_expr(result));
        });
    }
}

impl<'a> Visitor<'a> for Walk<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        self.check(|checker, context| checker.visit_stmt(stmt, context));
        match stmt {
            Stmt::FunctionDef(function) => {
                function.decorator_list.iter().for_each(|each| self.visit_decorator(each));
                for parameter in &function.parameters {
                    parameter.default().into_iter().for_each(|default| self.visit_expr(default));
                }
                let bindings = Bindings::of(Some(&function.parameters), &function.body);
                let kind = Kind::Function { is_async: function.is_async };
                let scope = Scope { bindings, ..Scope::new(kind) };
                self.within(scope, |walk| walk.visit_body(&function.body));
            }
            Stmt::ClassDef(class) => {
                class.decorator_list.iter().for_each(|each| self.visit_decorator(each));
                class.arguments.iter().for_each(|each| self.visit_arguments(each));
                let scope = Scope { bindings: Bindings::of(None, &class.body), ..Scope::new(Kind::Class) };
                self.within(scope, |walk| walk.visit_body(&class.body));
            }
            Stmt::For(each) => {
                self.visit_expr(&each.iter);
                self.visit_expr(&each.target);
                self.looping(&each.body);
                self.visit_body(&each.orelse);
            }
            Stmt::While(while_) => {
                self.visit_expr(&while_.test);
                self.looping(&while_.body);
                self.visit_body(&while_.orelse);
            }
            _ => walk_stmt(self, stmt),
        }
    }

    /// Annotations need not be evaluated; the checker looks at them by itself.
    fn visit_annotation(&mut self, _: &'a Expr) {}

    fn visit_expr(&mut self, expr: &'a Expr) {
        self.check(|checker, context| checker.visit_expr(expr, context));
        match expr {
            Expr::Lambda(lambda) => {
                for parameter in lambda.parameters.iter().flat_map(|parameters| &**parameters) {
                    parameter.default().into_iter().for_each(|default| self.visit_expr(default));
                }
                let bindings = Bindings::of(lambda.parameters.as_deref(), &[]);
                let scope = Scope { bindings, ..Scope::new(Kind::Lambda) };
                self.within(scope, |walk| walk.visit_expr(&lambda.body));
            }
            Expr::ListComp(of) => {
                self.visit_clauses(comprehension(&of.generators), &of.generators, &[&of.elt]);
            }
            Expr::SetComp(of) => {
                self.visit_clauses(comprehension(&of.generators), &of.generators, &[&of.elt]);
            }
            Expr::DictComp(of) => {
                let results: Vec<&Expr> = of.key.as_deref().into_iter().chain([&*of.value]).collect();
                self.visit_clauses(comprehension(&of.generators), &of.generators, &results);
            }
            Expr::Generator(of) => self.visit_clauses(Kind::Generator, &of.generators, &[&of.elt]),
            _ => walk_expr(self, expr),
        }
    }
}

fn comprehension(clauses: &[Comprehension]) -> Kind {
    Kind::Comprehension { is_async: clauses.iter().any(|clause| clause.is_async) }
}

impl SemanticSyntaxContext for Walk<'_> {
    fn future_annotations_or_stub(&self) -> bool {
        false
    }

    fn lazy_import_context(&self) -> Option<LazyImportContext> {
        None // a syntax of Python 3.15
    }

    fn python_version(&self) -> PythonVersion {
        PythonVersion::latest()
    }

    fn source(&self) -> &str {
        self.source
    }

    fn global(&self, name: &str) -> Option<TextRange> {
        self.current()?.bindings.globals.get(name).copied()
    }

    fn has_nonlocal_binding(&self, name: &str) -> bool {
        let outer = self.scopes.iter().rev().skip(1);
        outer
            .filter(|scope| matches!(scope.kind, Kind::Function { .. } | Kind::Lambda))
            .any(|scope| scope.bindings.has(name))
    }

    fn in_async_context(&self) -> bool {
        for kind in self.kinds() {
            match kind {
                Kind::Function { is_async } => return is_async,
                Kind::Module | Kind::Class | Kind::Lambda => return false,
                Kind::Comprehension { .. } | Kind::Generator => {}
            }
        }
        false
    }

    fn in_await_allowed_context(&self) -> bool {
        for kind in self.kinds() {
            match kind {
                Kind::Function { .. } | Kind::Lambda | Kind::Generator => return true,
                Kind::Module | Kind::Class => return false,
                Kind::Comprehension { .. } => {}
            }
        }
        false
    }

    fn in_yield_allowed_context(&self) -> bool {
        self.in_function_scope()
    }

    fn in_sync_comprehension(&self) -> bool {
        self.kinds().any(|kind| kind == Kind::Comprehension { is_async: false })
    }

    fn in_class_body_comprehension(&self) -> bool {
        self.kinds().find(|kind| !matches!(kind, Kind::Comprehension { .. } | Kind::Generator))
            == Some(Kind::Class)
    }

    fn in_module_scope(&self) -> bool {
        self.current().is_some_and(|scope| scope.kind == Kind::Module)
    }

    fn in_function_scope(&self) -> bool {
        let current = self.current().map(|scope| scope.kind);
        matches!(current, Some(Kind::Function { .. } | Kind::Lambda))
    }

    fn in_generator_context(&self) -> bool {
        self.kinds().any(|kind| kind == Kind::Generator)
    }

    fn in_notebook(&self) -> bool {
        false
    }

    fn report_semantic_error(&self, error: SemanticSyntaxError) {
        self.errors.borrow_mut().push(error);
    }

    fn in_loop_context(&self) -> bool {
        self.current().is_some_and(|scope| scope.in_loop)
    }

    fn is_bound_parameter(&self, name: &str) -> bool {
        self.current().is_some_and(|scope| scope.bindings.parameters.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use rollcall_domain::Zone;

    use crate::scripts::read;

    fn faults(source: &str) -> Vec<String> {
        read(source, &Zone::utc())
            .map_or_else(|faults| faults, |_| Vec::new())
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn return_outside_function_says_skip() {
        let told = "line 2, column 3: syntax error: `return` outside a function; to end this user early \
                    without changes, call skip(\"reason\"); to keep the changes, put what follows under an `if`";
        assert_eq!(faults("if user.klass:\n  return\nuser.klass = 'x'"), [told]);
    }

    #[test]
    fn what_cpython_refuses_is_refused_with_its_place() {
        for (source, place, about) in [
            ("x = 1\n  \nreturn", "line 3, column 1", "skip("),
            ("class C:\n return 1", "line 2, column 2", "`return` outside"),
            ("x = (yield 1)", "line 1, column 6", "`yield` outside a function"),
            ("yield from []", "line 1, column 1", "`yield from` outside"),
            ("await x()", "line 1, column 1", "`await` outside a function"),
            ("def f(): await x()", "line 1, column 10", "outside of an asynchronous function"),
            ("def f():\n async with x: pass", "line 2, column 2", "outside of an asynchronous function"),
            ("async for x in y: pass", "line 1, column 1", "outside of an asynchronous function"),
            ("[x async for x in y]", "line 1, column 4", "outside of an asynchronous function"),
            ("def f(): return [(yield x) for x in []]", "line 1, column 19", "`yield` outside"),
            ("break", "line 1, column 1", "`break` outside a loop"),
            ("if user.klass: continue", "line 1, column 16", "skip("),
            ("for x in []:\n def f(): break", "line 2, column 11", "`break` outside"),
            ("for x in []: pass\nelse: break", "line 2, column 7", "`break` outside"),
            ("nonlocal x", "line 1, column 1", "nonlocal declaration not allowed at module level"),
            ("def f():\n nonlocal x", "line 2, column 11", "no binding for nonlocal `x`"),
            ("x = 1\ndef f():\n nonlocal x", "line 3, column 11", "no binding for nonlocal `x`"),
            ("def f(a, a): pass", "line 1, column 10", "duplicate parameter \"a\""),
            ("lambda a, *a: 1", "line 1, column 12", "duplicate parameter \"a\""),
            ("print(end='', end='')", "line 1, column 15", "keyword argument"),
            ("def f(a):\n global a", "line 2, column 9", "parameter and a global"),
            ("def f():\n x = 1\n global x", "line 2, column 2", "prior to global declaration"),
            ("x = 1\nfrom __future__ import annotations", "line 2, column 1", "top of the file"),
            ("def f(): from math import *", "line 1, column 10", "only allowed at module level"),
            ("*a = [1]", "line 1, column 1", "must be in a list or tuple"),
            ("*a, *b = [1]", "line 1, column 1", "starred expressions"),
            ("[(x := 1) for x in []]", "line 1, column 3", "rebind comprehension variable"),
            ("match 1:\n case x: pass\n case 2: pass", "line 2, column 7", "unreachable"),
            ("match 1:\n case [x, x]: pass", "line 2, column 11", "multiple assignments"),
            ("__debug__ = 1", "line 1, column 1", "__debug__"),
        ] {
            let faults = faults(source);
            assert!(faults.len() == 1, "{source}: {faults:?}");
            assert!(faults[0].starts_with(place) && faults[0].contains(about), "{source}: {faults:?}");
        }
    }

    #[test]
    fn what_cpython_compiles_is_read() {
        for source in [
            "def f():\n for x in []:\n  if x: continue\n  break\n else: return 1\n yield 1\nf()",
            "while user.klass:\n try: break\n finally: pass\nelse: pass",
            "for x in []:\n for y in []: pass\n else: break",
            "async def f():\n await x()\n async with x: pass\n return [y async for y in x()]\nx = 1",
            "async def f():\n return [[y async for y in x()] for z in [1]]\nx = 1",
            "def f(): return (await x async for x in y)\ny = 1",
            "async def f(): return [await x for x in y]\ny = 1",
            "lambda: (yield 1)",
            "def f():\n x = 1\n def g():\n  nonlocal x\n  x = 2\n  def h():\n   nonlocal x\n  return h\n return g",
            "def f(x):\n class C:\n  nonlocal x\n return C",
            "def f():\n import os.path as p, sys\n def g():\n  nonlocal p, sys\n return g",
            "def f():\n try: pass\n except ValueError as e:\n  def g():\n   nonlocal e\n match 1:\n  case [x, *y]:\n   def h():\n    nonlocal x, y",
            "def f():\n global x\n x = 1\nx = 2",
            "'''doc'''\nfrom __future__ import annotations\nimport os\nprint(os)",
            "from math import *",
            "class C:\n x: int = 1\n y = [x for x in [1]]\n def f(self, *, a=1): return a",
            "def f(a, /, b, *c, d=1, **e): return (lambda a, b=1: a)",
            "def f[T: int, *Ts, **P](x: T) -> T: return x",
            "*a, b = [1]\n[*c] = [2]\nprint(*a, *b, **{}, sep='', end='')",
            "match 1:\n case 1 | 2: pass\n case {'a': x, **r} if x: pass\n case _: pass",
            "print([y := x for x in [1]], (lambda: [z := 1 for _ in []]), __debug__)",
            "x = [a for a in [b for b in [1]] if a for c in [a]]",
            "def f():\n def g(): return 1\n return [g() for _ in [1]]\ndef h(x=f()): return x",
            "@(lambda f: f)\ndef f(): return 1",
        ] {
            assert_eq!(faults(source), [] as [&str; 0], "{source}");
        }
    }
}
