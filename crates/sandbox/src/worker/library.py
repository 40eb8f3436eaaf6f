# What scripts import: loaded now, or served from memory once files are out of reach. Then the second lock.

# What scripts usually import. The rest of the library is imported from memory when a script asks for it.
USUAL = """
abc base64 binascii bisect calendar cmath collections collections.abc contextlib copy csv dataclasses datetime
decimal difflib enum fnmatch fractions functools hashlib heapq hmac html io ipaddress itertools json keyword
linecache locale math numbers operator pprint random re secrets statistics string struct textwrap time traceback
types typing unicodedata urllib.parse uuid warnings weakref zlib zoneinfo _strptime encodings.idna encodings.latin_1
encodings.cp1252 encodings.utf_16 encodings.ascii
""".split()

# Compiled modules can only be loaded from their files, so all of them are loaded now, but for those that belong
# to a terminal, a database file or the interpreter's own tests, and _asyncio, which asyncio can do without.
UNWANTED = (
    "_test",
    "_xx",
    "xx",
    "_ctypes",
    "_tkinter",
    "_curses",
    "readline",
    "nis",
    "spwd",
    "ossaudiodev",
    "_dbm",
    "_gdbm",
    "_asyncio",
    "_ssl",
    "_multiprocessing",
    "_posixshmem",
    "_crypt",
)


def load_library() -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in USUAL:
            __import__(name)
        for folder in [path for path in sys.path if path.endswith("lib-dynload")]:
            for file in os.listdir(folder):
                name = file.split(".")[0]
                if not name.startswith(UNWANTED):
                    try:
                        __import__(name)
                    except ImportError:
                        pass  # it needs a library that this machine lacks: scripts cannot import it either


load_library()

import builtins
import contextvars
import datetime as datetime_module
import difflib
import gc
import importlib.machinery
import io
import ipaddress
import json
import linecache
import re
import time
import types
import zoneinfo
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from operator import is_, itemgetter
from signal import SIG_BLOCK, SIG_SETMASK, SIGALRM, getsignal, pthread_sigmask
from signal import signal as set_signal
from uuid import UUID

# The worker's own functions find these before they look into a builtins module that a script may have changed.
globals().update((name, value) for name, value in vars(builtins).items() if not name.startswith("__"))

image = mmap.mmap(settings["image"], 0, access=mmap.ACCESS_READ)
os.close(settings["image"])
index_end = 8 + int.from_bytes(image[:8], "little")
index = marshal.loads(image[8:index_end])


def from_image(entry: tuple[int, int, int]) -> bytes:
    offset, size, _ = entry
    return image[index_end + offset : index_end + offset + size]


def forbidden(what: str) -> Callable[..., Any]:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(f"a script cannot {what}")

    return refuse


class StandInType(type):
    """A class that imports, subclasses and catches like any other, and refuses to be used."""

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        raise PermissionError(f"a script cannot use {cls.__module__}.{cls.__name__}")

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls


def stand_in(name: str) -> ModuleType:
    """A module for what scripts have no use for: importing works, using it raises PermissionError."""
    module = types.ModuleType(name, f"Stands in for {name}, which scripts cannot use.")
    module.__path__ = []

    def attribute(wanted: str) -> StandInType:
        if wanted.startswith("__"):
            raise AttributeError(wanted)
        base = OSError if wanted.endswith(("Error", "Exception")) else object
        made = StandInType(wanted, (base,), {"__module__": name})
        setattr(module, wanted, made)
        return made

    module.__getattr__ = attribute  # type: ignore[method-assign]
    return module


STAND_INS = {"ssl", "_ssl", "ctypes", "_ctypes", "_multiprocessing", "_posixshmem"}


class ImageFinder:
    """Imports from memory; every module that came into being by an import counts as genuine (see Integrity)."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        entry = index.get(name)
        loader: Any = self  # has all that is asked of one, and does not inherit it
        if name in STAND_INS or name.partition(".")[0] in STAND_INS:
            return importlib.machinery.ModuleSpec(name, loader, is_package=True)
        if entry is not None and not entry[2] & ZONE:
            return importlib.machinery.ModuleSpec(name, loader, is_package=bool(entry[2] & PACKAGE))
        if name in compiled:
            return importlib.machinery.ModuleSpec(name, loader)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        if spec.name.partition(".")[0] in STAND_INS:
            return stand_in(spec.name)
        return compiled.get(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        name = module.__spec__.name  # type: ignore[union-attr]  # an import gives it one
        entry = index.get(name)
        if name.partition(".")[0] in STAND_INS or entry is None:
            integrity.approve({name})
            return
        before = set(sys.modules) - {name}
        data = from_image(entry)
        if entry[2] & CODE:
            code = marshal.loads(data)
        else:
            code = compile(data, f"<library {name}>", "exec", dont_inherit=True)
        module.__file__ = code.co_filename
        exec(code, module.__dict__)
        integrity.approve(set(sys.modules) - before)


def zone_data(key: str) -> io.BytesIO:
    entry = index.get(key)
    if entry is None or not entry[2] & ZONE:
        raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}")
    return io.BytesIO(from_image(entry))


def serve_library_from_memory() -> None:
    sys.path[:] = []
    sys.path_hooks[:] = []
    sys.path_importer_cache.clear()
    sys.meta_path[:] = [importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter, ImageFinder()]
    zoneinfo.reset_tzpath(to=())
    zoneinfo._common.load_tzdata = zone_data  # type: ignore[assignment]
    zones = frozenset(name for name, entry in index.items() if entry[2] & ZONE)
    zoneinfo.available_timezones = lambda: set(zones)


def say_what_is_forbidden() -> None:
    """The kernel refuses all of this too; here it says so in words."""
    network = forbidden("use the network")
    processes = forbidden("start, signal or talk to processes")
    socket: Any = sys.modules.get("_socket")
    if socket is not None:
        for name in (
            "getaddrinfo",
            "getnameinfo",
            "gethostbyname",
            "gethostbyname_ex",
            "gethostbyaddr",
            "socketpair",
            "gethostname",
            "sethostname",
            "if_nameindex",
        ):
            if hasattr(socket, name):
                setattr(socket, name, network)
        socket.socket = type(
            "socket", (socket.socket,), {"__slots__": (), "__init__": network, "__module__": "_socket"}
        )
        socket.SocketType = socket.socket
    spawner: Any = sys.modules.get("_posixsubprocess")
    if spawner is not None:
        spawner.fork_exec = processes
    for module in (os, sys.modules["posix"]):
        for name in (
            "fork",
            "forkpty",
            "posix_spawn",
            "posix_spawnp",
            "execv",
            "execve",
            "system",
            "kill",
            "killpg",
            "pipe",
            "pipe2",
            "openpty",
        ):
            if hasattr(module, name):
                setattr(module, name, processes)
    sys.addaudithook = forbidden("watch the interpreter")


def lock_down(program: bytes) -> None:
    """Installs the allow-list of system calls that the parent compiled, and makes sure that it holds."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    code = ctypes.create_string_buffer(program, len(program))
    argument = Program(len(program) // 8, ctypes.cast(code, ctypes.c_void_p))
    prctl = libc.prctl
    prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]
    PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
    if prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(argument), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel refused the worker's seccomp filter")
    for name in [name for name in sys.modules if name.partition(".")[0] in ("ctypes", "_ctypes")]:
        del sys.modules[name]
    try:
        os.stat("/")
    except PermissionError:
        return
    raise RuntimeError("the worker's seccomp filter does not hold")
