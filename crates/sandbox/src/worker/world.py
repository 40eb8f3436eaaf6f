# The rest of a script's world: skip, fail, print, run, errors for its author, results.

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


class Sentence(str):
    """A message that KeyError shows as it is, and not as the text of a key."""

    __slots__ = ()
    __repr__ = str.__str__


def names_of(names):
    names = [printable(name) for name in names]
    return ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")


class Row(dict):
    """The row of a file that named the user: header to text."""

    __slots__ = ()

    def __missing__(self, column):
        if not self:
            raise KeyError(Sentence(f"row[{column!r}]: the users of this run were not chosen by the rows of a file"))
        close = closest(column, self, "") if isinstance(column, str) else ""
        raise KeyError(Sentence(f"the file has no column {column!r}{close}; it has {names_of(self)}"))


class Params(dict):
    """The run's parameters: `params.days` is `params["days"]`."""

    __slots__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(str(error)) from None

    def __missing__(self, name):
        if not self:
            raise KeyError(Sentence(f"params has no {name!r}: the script declares no parameters in PARAMS"))
        close = closest(name, self, "") if isinstance(name, str) else ""
        raise KeyError(Sentence(f"params has no {name!r}{close}; it has {names_of(self)}"))


def make_params(given):
    """The parameters, of (name, kind, value) as the parent has them."""
    readers = {"date": date.fromisoformat, "datetime": to_datetime}
    return Params((name, readers.get(kind, same_value)(value)) for name, kind, value in given)


def same_value(value):
    return value


def make_run(facts):
    run = Run.__new__(Run)
    Run._facts.__set__(run, (facts["id"], to_datetime(facts["now"]), facts["preview"], facts["administrator"]))
    return run


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
