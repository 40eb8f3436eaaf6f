# Keeping targets apart.


def same(space: Mapping[str, object], known: Mapping[str, object]) -> bool:
    """Whether two dicts have the same keys with the very same values."""
    return space.keys() == known.keys() and all(map(is_, map(space.__getitem__, known), known.values()))


class Integrity:
    """Notices when a script has changed what the next target would meet, and puts it back.

    Looking is cheap, but not as cheap as a small script, so it is done once per flush: where something was
    changed, the targets since the last look are run again, each with a look of its own after it. None of them has
    been reported yet.
    """

    def __init__(self) -> None:
        self.modules: dict[str, ModuleType] = {}  # empty until remember()
        self.namespaces: list[tuple[Space, dict[str, Any]]] = []
        self.lists: list[tuple[MutableSequence[Any], list[Any]]] = []
        self.classes: list[tuple[type, dict[str, Any]]] = []
        self.functions: list[tuple[FunctionType, CodeType, tuple[Any, ...] | None, dict[str, Any] | None]] = []
        self.limits: tuple[Any, ...] = ()

    def approve(self, names: Iterable[str]) -> None:
        """Modules that an import has brought are genuine; what a script puts into sys.modules is not."""
        if self.modules:
            self.modules.update((name, modules[name]) for name in names if name in modules)
            self.modules.pop("__main__", None)

    def remember(self) -> None:
        self.modules = dict(modules)
        self.modules.pop("__main__", None)
        self.namespaces = [(space, dict(space)) for space in (vars(builtins), vars(sys))]
        self.lists = [(each, list(each)) for each in (sys.meta_path, sys.path, sys.path_hooks, gc.callbacks)]
        self.classes = [
            (cls, dict(vars(cls))) for cls in (User, Profile, Attribute, Run, Row, Params, Output, Stop, Skip, Fail)
        ]
        functions = [
            value for _, space in self.classes for value in space.values() if type(value) is types.FunctionType
        ]
        functions += [value for value in worker.values() if type(value) is types.FunctionType]
        self.functions = [(each, each.__code__, each.__defaults__, each.__kwdefaults__) for each in functions]
        self.limits = self.read_limits()
        # Last: of the worker's own names none changes any more, its state is inside lists and objects.
        self.namespaces.append((worker, dict(worker)))

    def read_limits(self) -> tuple[Any, ...]:
        digits = getattr(sys, "get_int_max_str_digits", None)
        mask = pthread_sigmask(SIG_BLOCK, ())
        return sys.getrecursionlimit(), digits and digits(), getsignal(SIGALRM), mask

    def holds(self) -> bool:
        modules.pop("__main__", None)
        return (
            all(same(space, known) for space, known in self.namespaces)
            and same(modules, self.modules)
            and all(same(vars(cls), known) for cls, known in self.classes)
            and all(each == known for each, known in self.lists)
            and all(
                each.__code__ is code and each.__defaults__ is defaults and each.__kwdefaults__ is keywords
                for each, code, defaults, keywords in self.functions
            )
            and self.read_limits() == self.limits
            and sys.gettrace() is None
            and sys.getprofile() is None
        )

    def restore(self) -> None:
        for space, known in self.namespaces:
            for name in [name for name in space if name not in known]:
                del space[name]
            space.update(known)
        sys.settrace(None)
        sys.setprofile(None)
        modules.clear()
        modules.update(self.modules)
        for cls, known in self.classes:
            for name in [name for name in vars(cls) if name not in known]:
                type.__delattr__(cls, name)
            for name, value in known.items():
                if vars(cls).get(name) is not value:
                    type.__setattr__(cls, name, value)
        for entries, genuine in self.lists:
            entries[:] = genuine
        for function, code, defaults, keywords in self.functions:
            function.__code__, function.__defaults__, function.__kwdefaults__ = code, defaults, keywords
        recursion, digits, handler, mask = self.limits
        sys.setrecursionlimit(recursion)
        if digits is not None:
            sys.set_int_max_str_digits(digits)
        set_signal(SIGALRM, handler)
        pthread_sigmask(SIG_SETMASK, mask)


# Bound here, out of a script's easy reach.
modules = sys.modules
new_module, new_context, new_mapping = types.ModuleType, contextvars.Context, mmap.mmap
PRIVATE, READ_ONLY = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ
integrity = Integrity()
careful: list[bool] = []  # not empty once a script was caught
