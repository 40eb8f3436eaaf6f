"""A worker: runs one script for one user after another, locked down.

The parent sends frames (4 bytes of length, little endian, then one marshalled value) on standard input: the
settings, the system-call filter, the facts about the run, and then lists of targets. It reads frames (4 bytes of
length, 1 byte of kind, then marshalled values) on standard output: LOADED once scripts' library is imported, READY
or REJECTED once the worker is locked down and has compiled the script, and then REPORTS, one value a target, in
order.

Nothing here keeps a hostile script in: that is the kernel's part (see lock_down) and the parent's, which checks
every report by its own rules. What is here keeps scripts apart from each other and tells their authors what
happened.
"""

import fcntl
import marshal
import mmap
import os
import sys

LOADED, READY, REJECTED, REPORTS = 1, 2, 3, 4
RAN_THROUGH, SKIPPED, FAILED, TIMED_OUT = 0, 1, 2, 3  # how a script ended
CODE, SOURCE, ZONE, PACKAGE = 1, 2, 4, 8  # as in probe.py

FLUSH_NS = 10_000_000  # what a killed worker loses is at most this much work
FLUSH_BYTES = 65_536


# ---------------------------------------------------------------------------------------------------- frames


def move_away(fd):
    """Puts standard error where the parent's pipe was: a script that writes there must not meet the parent."""
    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)
    os.dup2(2, fd)
    return copy


REQUESTS, ANSWERS = move_away(0), move_away(1)
received = bytearray()


def receive(read=os.read, loads=marshal.loads):
    """The next frame's value, or None when the parent has closed the pipe."""
    wanted = 4
    while True:
        if len(received) >= 4:
            wanted = 4 + int.from_bytes(received[:4], "little")
            if len(received) >= wanted:
                frame = loads(memoryview(received)[4:wanted].tobytes())
                del received[:wanted]
                return frame
        data = read(REQUESTS, 1 << 20)
        if not data:
            return None
        received.extend(data)


def dumps(value, marshalled=marshal.dumps):
    return marshalled(value, 2)  # version 2 has no back references: the parent's reader stays small


def send(kind, data, write=os.write):
    data = memoryview((len(data) + 1).to_bytes(4, "little") + bytes((kind,)) + data)
    while data:
        data = data[write(ANSWERS, data) :]


settings = receive()


# --------------------------------------------------------------------------------- the library, before the door shuts

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
UNWANTED = ("_test", "_xx", "xx", "_ctypes", "_tkinter", "_curses", "readline", "nis", "spwd", "ossaudiodev", "_dbm",
            "_gdbm", "_asyncio", "_ssl", "_multiprocessing", "_posixshmem", "_crypt")


def load_library():
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


def from_image(entry):
    offset, size, _ = entry
    return image[index_end + offset : index_end + offset + size]


def forbidden(what):
    def refuse(*args, **kwargs):
        raise PermissionError(f"a script cannot {what}")

    return refuse


class StandInType(type):
    """A class that imports, subclasses and catches like any other, and refuses to be used."""

    def __call__(cls, *args, **kwargs):
        raise PermissionError(f"a script cannot use {cls.__module__}.{cls.__name__}")

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return cls


def stand_in(name):
    """A module for what scripts have no use for: importing works, using it raises PermissionError."""
    module = types.ModuleType(name, f"Stands in for {name}, which scripts cannot use.")
    module.__path__ = []

    def attribute(wanted):
        if wanted.startswith("__"):
            raise AttributeError(wanted)
        base = OSError if wanted.endswith(("Error", "Exception")) else object
        made = StandInType(wanted, (base,), {"__module__": name})
        setattr(module, wanted, made)
        return made

    module.__getattr__ = attribute
    return module


STAND_INS = {"ssl", "_ssl", "ctypes", "_ctypes", "_multiprocessing", "_posixshmem"}


class ImageFinder:
    """Imports from memory; every module that came into being by an import counts as genuine (see Integrity)."""

    def find_spec(self, name, path=None, target=None):
        entry = index.get(name)
        if name in STAND_INS or name.partition(".")[0] in STAND_INS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        if entry is not None and not entry[2] & ZONE:
            return importlib.machinery.ModuleSpec(name, self, is_package=bool(entry[2] & PACKAGE))
        if name in compiled:
            return importlib.machinery.ModuleSpec(name, self)
        return None

    def create_module(self, spec):
        if spec.name.partition(".")[0] in STAND_INS:
            return stand_in(spec.name)
        return compiled.get(spec.name)

    def exec_module(self, module):
        name = module.__spec__.name
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


def zone_data(key):
    entry = index.get(key)
    if entry is None or not entry[2] & ZONE:
        raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}")
    return io.BytesIO(from_image(entry))


def serve_library_from_memory():
    sys.path[:] = []
    sys.path_hooks[:] = []
    sys.path_importer_cache.clear()
    sys.meta_path[:] = [importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter, ImageFinder()]
    zoneinfo.reset_tzpath(to=())
    zoneinfo._common.load_tzdata = zone_data
    zones = frozenset(name for name, entry in index.items() if entry[2] & ZONE)
    zoneinfo.available_timezones = lambda: set(zones)


def say_what_is_forbidden():
    """The kernel refuses all of this too; here it says so in words."""
    network = forbidden("use the network")
    processes = forbidden("start, signal or talk to processes")
    socket = sys.modules.get("_socket")
    if socket is not None:
        for name in ("getaddrinfo", "getnameinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "socketpair",
                     "gethostname", "sethostname", "if_nameindex"):
            if hasattr(socket, name):
                setattr(socket, name, network)
        socket.socket = type("socket", (socket.socket,), {"__slots__": (), "__init__": network, "__module__": "_socket"})
        socket.SocketType = socket.socket
    spawner = sys.modules.get("_posixsubprocess")
    if spawner is not None:
        spawner.fork_exec = processes
    for module in (os, sys.modules["posix"]):
        for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "execv", "execve", "system", "kill", "killpg",
                     "pipe", "pipe2", "openpty"):
            if hasattr(module, name):
                setattr(module, name, processes)
    sys.addaudithook = forbidden("watch the interpreter")


# -------------------------------------------------------------------------------------------- the second lock


def lock_down(program):
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


# ------------------------------------------------------------------------------------------------- values

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def load_zone(name):
    """The installation's time zone, for the script's datetimes and for the C library's local time alike."""
    if name == "UTC":
        return UTC
    data = from_image(index[name])
    footer = data.rstrip(b"\n").rpartition(b"\n")[2].decode("ascii")
    os.environ["TZ"] = footer
    time.tzset()
    return zoneinfo.ZoneInfo.from_file(io.BytesIO(data), key=name)


ZONE_OF_INSTALLATION = load_zone(settings["zone"])


def to_datetime(micros):
    if micros is None:
        return None
    moment = EPOCH + timedelta(0, 0, micros)
    if ZONE_OF_INSTALLATION is not UTC:
        try:
            return moment.astimezone(ZONE_OF_INSTALLATION)
        except OverflowError:  # at the very ends of the calendar
            return moment
    return moment


EARLIEST, LATEST = settings["earliest"], settings["latest"]


def to_micros(moment):
    """Microseconds since 1970; OverflowError outside the years 1 to 9999 in UTC."""
    since = datetime.__sub__(moment, EPOCH)  # not of a subclass, which may have redefined it
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if not EARLIEST <= micros <= LATEST:
        raise OverflowError
    return micros


def exact_text(value):
    """A plain str of a str or of an instance of a subclass, which may have redefined everything."""
    return value if type(value) is str else str.__str__(value)


def encodable(text):
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(text):
    """`text` in the form that the parent can read: lone surrogates become question marks."""
    return text if encodable(text) else text.encode("utf-8", "replace").decode()


def kind_of(value):
    return type(value).__name__


# ------------------------------------------------------------------------------------------ the User object

FIELDS = [tuple(field) for field in settings["fields"]]  # (name, kind, writable, nullable), as the parent has them
INT, TEXT, BOOL, TIME = 0, 1, 2, 3
WRITABLE = frozenset(name for name, _, writable, _ in FIELDS if writable)
MAX_USERNAME, MAX_TEXT, MAX_ITEM = settings["max_username"], settings["max_text"], settings["max_item"]
MAX_EDITS = settings["max_edits"]
OPERATORS = [tuple(names) for names in settings["operators"]]  # of reply items, of check items
# A record: the fields in order, then these.
PROFILES, ITEMS, CHECKS, ROW, SETS, EDITS = range(len(FIELDS), len(FIELDS) + 6)
PROFILE_ADD, PROFILE_REMOVE, ITEM_ADD, ITEM_REMOVE, CHECK_ADD, CHECK_REMOVE = range(6)

NAME_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0`\"'\s]").search
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]").search

profile_names = dict(settings["profiles"])
profile_ids = {name: number for number, name in profile_names.items()}


def text_value(name, value):
    if value is None:
        value = ""
    elif isinstance(value, str):
        value = exact_text(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        value = int.__repr__(value)
    else:
        raise TypeError(f"{name} takes a str, not {kind_of(value)}")
    if "\0" in value:
        raise ValueError(f"{name} cannot contain a NUL character")
    if not encodable(value):
        raise ValueError(f"{name} contains a lone surrogate, which is no character")
    longest = MAX_USERNAME if name == "username" else MAX_TEXT
    length = len(value) if value.isascii() else len(value.encode())
    if length > longest:
        raise ValueError(f"{name} is {length} bytes long, at most {longest} are allowed")
    if not length and name == "username":
        raise ValueError("username cannot be empty")
    return value


def int_value(name, value):
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} takes an int, not {kind_of(value)}")
    value = int.__index__(value)
    if not 0 <= value < 1 << 63:
        raise ValueError(f"{name} cannot be {value}")
    return value


def bool_value(name, value):
    if type(value) is not bool:
        raise TypeError(f"{name} takes True or False, not {kind_of(value)}")
    return value


def time_value(name, value):
    if isinstance(value, str):
        text = exact_text(value).strip()
        try:
            # Before Python 3.11 fromisoformat does not know the Z of RFC 3339.
            value = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text)
        except ValueError:
            raise ValueError(f"{name}: {text!r} is not an ISO 8601 date and time") from None
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    elif not isinstance(value, datetime):
        raise TypeError(f"{name} takes a datetime, a date or an ISO 8601 str, not {kind_of(value)}")
    if datetime.utcoffset(value) is None:
        value = datetime.replace(value, tzinfo=ZONE_OF_INSTALLATION)
    try:
        return to_micros(value)
    except OverflowError:
        raise ValueError(f"{name} must lie in the years 1 to 9999, in UTC") from None


def nullable_time_value(name, value):
    return None if value is None else time_value(name, value)


def closest(name, names):
    close = difflib.get_close_matches(name, names, 1)
    return f"; did you mean user.{close[0]}?" if close else ""


def item_text(value):
    """The text under which an attribute's value is stored, or None if it cannot be one."""
    if isinstance(value, str):
        return exact_text(value)
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int):
        try:
            return int.__repr__(value)
        except ValueError:  # more digits than Python converts
            return None
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, datetime):
        text = datetime.isoformat(value)
        return text[:-6] + "Z" if text.endswith("+00:00") else text
    if isinstance(value, date):
        return date.isoformat(value)
    if isinstance(value, datetime_module.time):
        return datetime_module.time.isoformat(value)
    return None


def item_fault(attr, value):
    """Why FreeRADIUS must not see this attribute or value, or None. The parent has the same rule."""
    if not attr or NAME_UNSAFE(attr) or not encodable(attr) or len(attr.encode()) > MAX_ITEM:
        return f"{attr!r} cannot be the name of an attribute"
    bare = value.strip()
    if bare[:1] == "`" and bare[-1:] == "`":
        return f"{attr}: FreeRADIUS would execute a value in backquotes"
    if CONTROL(value):
        return f"{attr}: the value has a control character"
    if not encodable(value):
        return f"{attr}: the value contains a lone surrogate, which is no character"
    if len(value) > MAX_ITEM or len(value.encode()) > MAX_ITEM:
        return f"{attr}: the value is {len(value.encode())} bytes long, FreeRADIUS drops what is over {MAX_ITEM}"
    return None


class Profile(tuple):
    """A profile of the user: `id` and `short_name`."""

    __slots__ = ()
    id = property(itemgetter(0))
    short_name = property(itemgetter(1))

    def __repr__(self):
        return f"Profile(id={self[0]!r}, short_name={self[1]!r})"


class Attribute(tuple):
    """An attribute or check attribute of the user: `attr`, `operation` and `value`."""

    __slots__ = ()
    attr = property(itemgetter(0))
    operation = property(itemgetter(1))
    value = property(itemgetter(2))

    def __repr__(self):
        return f"Attribute(attr={self[0]!r}, operation={self[1]!r}, value={self[2]!r})"


TOO_MANY = f"a script makes at most {MAX_EDITS} changes to the profiles and attributes of one user"


def add_item(user, where, edit, noun, attr, value, operation):
    text = item_text(value)
    if not isinstance(attr, str):
        return False, f"the name of {noun} is a str, not {kind_of(attr)}"
    if text is None:
        return False, f"the value of {noun} is a str, a number, a date or a time, not {kind_of(value)}"
    if not isinstance(operation, str):
        return False, f"the operator of {noun} is a str, not {kind_of(operation)}"
    attr, operation = exact_text(attr), exact_text(operation)
    accepted = OPERATORS[where - ITEMS]
    if operation not in accepted:
        return False, f"the operator {operation!r} cannot be used for {noun}: use one of {' '.join(accepted)}"
    fault = item_fault(attr, text)
    if fault:
        return False, fault
    record = user._record
    row = (attr, operation, text)
    if row in record[where]:
        return False, f"{attr} {operation} {text} is already there"
    if len(record[EDITS]) >= MAX_EDITS:
        return False, TOO_MANY
    rows = record[where] = list(record[where])  # the parent's list stays as it came (see run_targets)
    message = "added"
    if operation == ":=":
        earlier = [at for at, old in enumerate(rows) if old[0] == attr and old[1] == ":="]
        if earlier:
            message = f"replaced {rows[earlier[0]][2]}"
            rows[earlier[0]] = row
            for at in reversed(earlier[1:]):
                del rows[at]
        else:
            rows.append(row)
    else:
        rows.append(row)
    record[EDITS].append((edit, *row))
    return True, f"{attr} {operation} {text} {message}"


def remove_item(user, where, edit, noun, attr, value, operation):
    text = item_text(value)
    if not isinstance(attr, str) or text is None or not isinstance(operation, (str, type(None))):
        return False, f"{noun} is named by its attribute (str), value and, if wanted, operator (str)"
    attr = exact_text(attr)
    if operation is not None:
        operation = exact_text(operation)
    record = user._record
    rows = record[where]
    kept = [old for old in rows if old[0] != attr or old[2] != text or operation not in (None, old[1])]
    removed = len(rows) - len(kept)
    if not removed:
        return False, f"the user has no {attr} {operation or ''} {text}".replace("  ", " ")
    if len(record[EDITS]) >= MAX_EDITS:
        return False, TOO_MANY
    record[where] = kept
    record[EDITS].append((edit, attr, text, operation))
    return True, f"{attr} {text} removed" if removed == 1 else f"{attr} {text} removed {removed} times"


def find_profile(id, short_name):
    """The profile's number, or None and why not."""
    if (id is None) == (short_name is None):
        return None, "give either the id or the short_name of a profile"
    if id is not None:
        if not isinstance(id, int) or isinstance(id, bool):
            return None, f"the id of a profile is an int, not {kind_of(id)}"
        if id not in profile_names:
            return None, f"there is no profile with id {int.__index__(id) if abs(id) < 1 << 64 else 'so large'}"
        return int.__index__(id), None
    if not isinstance(short_name, str):
        return None, f"the short_name of a profile is a str, not {kind_of(short_name)}"
    number = profile_ids.get(exact_text(short_name))
    if number is None:
        return None, f"there is no profile called {exact_text(short_name)!r}"
    return number, None


class User:
    """The user that the script is called for."""

    __slots__ = ("_record",)

    def __setattr__(self, name, value):
        setter = setters.get(name)
        if setter is None:
            if name in PUBLIC:
                raise AttributeError(f"user.{name} is read-only")
            raise AttributeError(f"a user has no field {name!r}{closest(name, WRITABLE)}")
        setter(self._record, value)

    def __delattr__(self, name):
        raise AttributeError(f"a user's {name} cannot be deleted")

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"a user has no field {name!r}{closest(name, PUBLIC)}")

    def __reduce__(self):
        raise TypeError("a user cannot be copied or pickled; take what you need from its fields")

    def __repr__(self):
        return f"<User {self.obj_id} {self.username!r}>"

    @property
    def profiles(self):
        return tuple([Profile(profile) for profile in self._record[PROFILES]])

    @property
    def attributes(self):
        return tuple([Attribute(row) for row in self._record[ITEMS]])

    @property
    def check_attributes(self):
        return tuple([Attribute(row) for row in self._record[CHECKS]])

    def profile_add(self, id=None, short_name=None):
        number, why = find_profile(id, short_name)
        if number is None:
            return False, why
        record = self._record
        name = profile_names[number]
        for profile in record[PROFILES]:
            if profile[0] == number:
                return False, f"profile {name} is already assigned"
        if len(record[EDITS]) >= MAX_EDITS:
            return False, TOO_MANY
        record[PROFILES] = [*record[PROFILES], (number, name)]
        record[EDITS].append((PROFILE_ADD, number))
        return True, f"profile {name} added"

    def profile_remove(self, id=None, short_name=None):
        number, why = find_profile(id, short_name)
        if number is None:
            return False, why
        record = self._record
        name = profile_names[number]
        kept = [profile for profile in record[PROFILES] if profile[0] != number]
        if len(kept) == len(record[PROFILES]):
            return False, f"profile {name} is not assigned"
        if len(record[EDITS]) >= MAX_EDITS:
            return False, TOO_MANY
        record[PROFILES] = kept
        record[EDITS].append((PROFILE_REMOVE, number))
        return True, f"profile {name} removed"

    def attribute_add(self, attr=None, value=None, operation="="):
        return add_item(self, ITEMS, ITEM_ADD, "an attribute", attr, value, operation)

    def attribute_remove(self, attr=None, value=None, operation=None):
        return remove_item(self, ITEMS, ITEM_REMOVE, "an attribute", attr, value, operation)

    def check_attribute_add(self, attr=None, value=None, operation="=="):
        return add_item(self, CHECKS, CHECK_ADD, "a check attribute", attr, value, operation)

    def check_attribute_remove(self, attr=None, value=None, operation=None):
        return remove_item(self, CHECKS, CHECK_REMOVE, "a check attribute", attr, value, operation)


setters = {}


def define_field(at, name, kind, writable, nullable):
    if kind == TIME:
        setattr(User, name, property(lambda user: to_datetime(user._record[at])))
    else:
        setattr(User, name, property(lambda user: user._record[at]))
    if writable:
        check = {INT: int_value, TEXT: text_value, BOOL: bool_value}.get(kind)
        check = check or (nullable_time_value if nullable else time_value)

        def assign(record, value):
            value = check(name, value)
            record[at] = value
            sets = record[SETS]
            if sets is None:
                sets = record[SETS] = {}
            sets[at] = value

        setters[name] = assign


for at, field in enumerate(FIELDS):
    define_field(at, *field)
PUBLIC = [name for name in dir(User) if not name.startswith("_")]
set_record = User._record.__set__
new_user = User.__new__


# -------------------------------------------------------------------------------- the rest of the script's world


class Stop(BaseException):
    """Ends a target; `except Exception` does not catch it."""


class Skip(Stop):
    pass


class Fail(Stop):
    pass


class TimeLimit(BaseException):
    pass


def skip(reason=""):
    """End this target as skipped; its changes are discarded."""
    raise Skip(reason)


def fail(reason=""):
    """End this target as failed; its changes are discarded."""
    raise Fail(reason)


class Output:
    """Standard output and standard error of a script: kept per target, up to a bound."""

    encoding = "utf-8"
    errors = "strict"

    def __init__(self, room):
        self.size = room
        self.start()

    def start(self):
        self.parts = []
        self.room = self.size

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() takes a str, not {kind_of(text)}")
        length = len(text)
        if self.room > 0 and length:
            text = exact_text(text)[: self.room]
            if not text.isascii():
                text = text.encode("utf-8", "replace")[: self.room].decode("utf-8", "ignore")
            self.parts.append(text)
            self.room -= length if text.isascii() else len(text.encode())
            if self.room < 0 or length > len(text):
                self.room = 0
                self.parts.append("\n[cut here: too much output]\n")
        return length

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        pass

    def isatty(self):
        return False

    def writable(self):
        return True

    def text(self):
        return printable("".join(self.parts))


output = Output(settings["max_output"])


def log(*values, sep=" ", end="\n"):
    """Like print: kept with the target's outcome."""
    print(*values, sep=sep, end=end, file=output)


class Run:
    """The run: `id`, `now`, `preview`, `administrator`."""

    __slots__ = ("_facts",)
    id = property(lambda self: self._facts[0])
    now = property(lambda self: self._facts[1])
    preview = property(lambda self: self._facts[2])
    administrator = property(lambda self: self._facts[3])

    def __setattr__(self, name, value):
        raise AttributeError(f"run.{name} is read-only")

    def __repr__(self):
        return f"<Run {self.id}>"


def make_run(facts):
    run = Run.__new__(Run)
    Run._facts.__set__(run, (facts["id"], to_datetime(facts["now"]), facts["preview"], facts["administrator"]))
    return run


# -------------------------------------------------------------------------------------------- errors for authors

MAX_FRAMES = 20
MAX_MESSAGE = 4_096


def message_of(error):
    try:
        text = exact_text(str(error))
    except BaseException as inner:
        text = f"(its text cannot be shown: __str__ raised {name_of(inner)})"
    return printable(text[:MAX_MESSAGE])


def name_of(error):
    return printable(type.__dict__["__qualname__"].__get__(type(error)))


def script_frames(traceback):
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == script_name:
            frames.append((traceback.tb_lineno, code.co_name))
            if len(frames) > 4 * MAX_FRAMES:
                del frames[MAX_FRAMES // 2]
        traceback = traceback.tb_next
    return frames


def describe(error):
    """(type, message, line, traceback), with the script's own frames only."""
    frames = script_frames(error.__traceback__)
    lines = ["Traceback (most recent call last):"]
    if len(frames) > MAX_FRAMES:
        half = MAX_FRAMES // 2
        shown = [*frames[:half], None, *frames[-half:]]
    else:
        shown = frames
    for frame in shown:
        if frame is None:
            lines.append("  ...")
            continue
        number, name = frame
        lines.append(f'  File "{script_name}", line {number}, in {name}')
        source = script_lines[number - 1].strip() if 0 < number <= len(script_lines) else ""
        if source:
            lines.append(f"    {source[:200]}")
    name, message = name_of(error), message_of(error)
    lines.append(f"{name}: {message}" if message else name)
    return name, message, frames[-1][0] if frames else None, printable("\n".join(lines))


def plain_json(value):
    """What JSON has no form for, of what scripts often put into a result."""
    if isinstance(value, datetime):
        return item_text(value)
    if isinstance(value, (date, datetime_module.time)):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    if isinstance(value, (Profile, Attribute)):
        return tuple(value)
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    raise TypeError(f"a result cannot hold a {kind_of(value)}: use text, numbers, lists or dicts")


encode_result = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain_json).encode
MAX_RESULT = settings["max_result"]


def result_text(given, final):
    """The JSON text of what the script left in `result`; None when that is nothing."""
    if final is not given and not isinstance(final, dict):
        final = given  # the name was reused for something else
    if not final:
        return None
    text = encode_result(final)
    if not encodable(text):
        text = printable(text)
    if len(text) > MAX_RESULT or len(text.encode()) > MAX_RESULT:
        raise ValueError(f"result is over {MAX_RESULT} bytes")
    return text


# -------------------------------------------------------------------------------------- keeping targets apart


def same(space, known):
    """Whether two dicts have the same keys with the very same values."""
    return space.keys() == known.keys() and all(map(is_, map(space.__getitem__, known), known.values()))


class Integrity:
    """Notices when a script has changed what the next target would meet, and puts it back.

    Looking is cheap, but not as cheap as a small script, so it is done once per flush: where something was
    changed, the targets since the last look are run again, each with a look of its own after it. None of them has
    been reported yet.
    """

    def __init__(self):
        self.modules = None

    def approve(self, names):
        """Modules that an import has brought are genuine; what a script puts into sys.modules is not."""
        if self.modules is not None:
            self.modules.update((name, modules[name]) for name in names if name in modules)
            self.modules.pop("__main__", None)

    def remember(self):
        self.modules = dict(modules)
        self.modules.pop("__main__", None)
        self.namespaces = [(space, dict(space)) for space in (vars(builtins), vars(sys))]
        self.lists = [(each, list(each)) for each in (sys.meta_path, sys.path, sys.path_hooks, gc.callbacks)]
        self.classes = [(cls, dict(vars(cls))) for cls in (User, Profile, Attribute, Run, Output, Stop, Skip, Fail)]
        functions = [value for _, space in self.classes for value in space.values() if type(value) is types.FunctionType]
        functions += [value for value in worker.values() if type(value) is types.FunctionType]
        self.functions = [(each, each.__code__, each.__defaults__, each.__kwdefaults__) for each in functions]
        self.limits = self.read_limits()
        # Last: of the worker's own names none changes any more, its state is inside lists and objects.
        self.namespaces.append((worker, dict(worker)))

    def read_limits(self):
        digits = getattr(sys, "get_int_max_str_digits", None)
        mask = pthread_sigmask(SIG_BLOCK, ())
        return sys.getrecursionlimit(), digits and digits(), getsignal(SIGALRM), mask

    def holds(self):
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

    def restore(self):
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
        for each, known in self.lists:
            each[:] = known
        for each, code, defaults, keywords in self.functions:
            each.__code__, each.__defaults__, each.__kwdefaults__ = code, defaults, keywords
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
careful = []  # not empty once a script was caught


# -------------------------------------------------------------------------------------------------- the loop

clock = time.perf_counter_ns
LIMIT_NS = settings["time_limit_ns"]
counter_memory = mmap.mmap(settings["counter"], 16)
os.close(settings["counter"])
counter = memoryview(counter_memory).cast("Q")  # [ordinal of the current target or 0, number of targets started]
started = [0, False]  # when the current target was, and whether its script is running
reserve = []  # given up when memory runs out, so that the error can still be described
RESERVE = 4 << 20


def on_alarm(signum, frame):
    """The parent found the current target over its time limit."""
    if started[1] and clock() - started[0] >= LIMIT_NS:
        raise TimeLimit(f"ran over the time limit of {LIMIT_NS / 1e9:g} s")


def run_target(record):
    """Runs the script for one target: the report that the parent gets, marshalled."""
    ordinal = record.pop()
    counter[0] = ordinal
    counter[1] += 1
    record.append(None)  # SETS
    record.append([])  # EDITS
    module = new_module("__main__")
    names = module.__dict__
    modules["__main__"] = module
    user = new_user(User)
    set_record(user, record)
    result = {}
    names.update(
        user=user, obj=user, row=dict(record[ROW] or ()), params=dict(params), result=result, run=run, skip=skip,
        fail=fail, log=log, __builtins__=builtins,
    )
    output.start()
    ending, text, error, reason = RAN_THROUGH, None, None, None
    started[0] = begin = clock()
    try:
        started[1] = True
        try:
            # In a context of its own, so that a decimal precision is not the next target's, too.
            new_context().run(exec, script, names)
        finally:
            started[1] = False
        text = result_text(result, names.get("result"))
    except Skip as stop:
        ending, reason = SKIPPED, message_of(stop)
    except TimeLimit as stop:
        ending, error = TIMED_OUT, describe(stop)
    except MemoryError as stop:
        reserve.clear()
        ending, error = FAILED, describe(stop)
    except BaseException as stop:
        ending, error = FAILED, describe(stop)
    micros = (clock() - begin) // 1_000
    if ending == RAN_THROUGH:
        sets, edits = record[SETS], record[EDITS] or None
    else:
        sets = edits = None
        try:
            text = result_text(result, names.get("result"))
        except BaseException:
            text = None
    printed = output.text() if output.parts else ""
    names.clear()
    counter[0] = 0
    try:
        return dumps((ordinal, ending, micros, sets, edits, text, printed, reason, error))
    except ValueError:  # a script that reached into the worker's own objects
        error = "RuntimeError", "the script damaged its user object", None, None
        return dumps((ordinal, FAILED, micros, None, None, None, "", None, error))


def memory_left():
    """Whether the next script finds about as much memory as the first one did."""
    try:
        if not reserve:
            reserve.append(bytearray(RESERVE))
        # Asks for room in the address space, and for no memory: not even a strict kernel counts what cannot be written.
        new_mapping(-1, settings["memory"] // 2, PRIVATE, READ_ONLY).close()
    except (MemoryError, OSError):
        return False
    return True


def run_carefully(records):
    """Runs each target of a window again, with a look after it."""
    reports = []
    for record in records:
        fresh = list(record)
        try:
            reports.append(run_target(record))
        except BaseException:  # what broke the worker was here before the first look
            integrity.restore()
            reports.append(run_target(fresh))
        if not integrity.holds():
            integrity.restore()
    return reports


def run_targets(records):
    window, reports, volume, since = [], [], 0, clock()
    last = len(records) - 1
    for at, record in enumerate(records):
        window.append(list(record))
        if careful:
            reports += run_carefully([record])
        else:
            try:
                reports.append(run_target(record))
            except BaseException:  # an earlier script of this window broke the worker itself
                integrity.restore()
                careful.append(True)
                reports = run_carefully(window)
        volume += len(reports[-1])
        if at == last or volume > FLUSH_BYTES or clock() - since > FLUSH_NS:
            if not careful and not integrity.holds():
                integrity.restore()
                careful.append(True)
                reports = run_carefully(window)
            send(REPORTS, b"".join(reports))
            if not memory_left():
                os._exit(0)  # the parent starts a fresh worker for the rest
            window, reports, volume, since = [], [], 0, clock()


def main():
    while True:
        records = receive()
        if records is None:
            os._exit(0)
        run_targets(records)


# ------------------------------------------------------------------------------------------------ setting up


def compile_script():
    """The script's code, or what the parent shows its author."""
    try:
        return compile(settings["script"], script_name, "exec", dont_inherit=True, optimize=0), None
    except SyntaxError as error:
        text = (error.text or "").rstrip("\n")
        return None, (name_of(error), printable(str(error.msg)), error.lineno, error.offset, printable(text))
    except (ValueError, MemoryError, RecursionError, OverflowError) as error:
        return None, (name_of(error), message_of(error), None, None, None)


script_name = settings["script_name"]
script_lines = re.split("\r\n|\r|\n", settings["script"])
params = settings["params"]
worker = globals()
compiled = {
    name: module
    for name, module in modules.items()
    if isinstance(getattr(getattr(module, "__spec__", None), "loader", None), importlib.machinery.ExtensionFileLoader)
}
linecache.cache[script_name] = (len(settings["script"]), None, [line + "\n" for line in script_lines], script_name)
for stale in ("path", "folder", "file", "name", "at", "field"):
    worker.pop(stale, None)

send(LOADED, b"")
lock = receive()
if lock is not None:
    lock_down(lock)
serve_library_from_memory()
say_what_is_forbidden()
script, fault = compile_script()
if script is None:
    send(REJECTED, dumps(fault))
    os._exit(0)
sys.stdin = sys.__stdin__ = None
sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = output
set_signal(SIGALRM, on_alarm)
send(READY, b"")
facts = receive()
if facts is None:
    os._exit(0)
run = make_run(facts)
reserve.append(bytearray(RESERVE))
gc.collect()
gc.freeze()
integrity.remember()
main()
