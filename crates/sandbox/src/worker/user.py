# Values of fields and attributes, and the User object that scripts work with.

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def load_zone(name: str) -> tzinfo:
    """The installation's time zone, for the script's datetimes and for the C library's local time alike."""
    if name == "UTC":
        return UTC
    data = from_image(index[name])
    footer = data.rstrip(b"\n").rpartition(b"\n")[2].decode("ascii")
    os.environ["TZ"] = footer
    time.tzset()
    return zoneinfo.ZoneInfo.from_file(io.BytesIO(data), key=name)


ZONE_OF_INSTALLATION: tzinfo = UTC  # until the job says which


def to_datetime(micros: int | None) -> datetime | None:
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


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970; OverflowError outside the years 1 to 9999 in UTC."""
    since = datetime.__sub__(moment, EPOCH)  # not of a subclass, which may have redefined it
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if not EARLIEST <= micros <= LATEST:
        raise OverflowError
    return micros


def exact_text(value: str) -> str:
    """A plain str of a str or of an instance of a subclass, which may have redefined everything."""
    return value if type(value) is str else str.__str__(value)


def encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str) -> str:
    """`text` in the form that the parent can read: lone surrogates become question marks."""
    return text if encodable(text) else text.encode("utf-8", "replace").decode()


def kind_of(value: object) -> str:
    return type(value).__name__


FIELDS = [tuple(field) for field in settings["fields"]]  # (name, kind, writable, nullable), as the parent has them
INT, TEXT, BOOL, TIME = 0, 1, 2, 3
WRITABLE = frozenset(name for name, _, writable, _ in FIELDS if writable)
MAX_USERNAME, MAX_TEXT, MAX_ITEM = settings["max_username"], settings["max_text"], settings["max_item"]
MAX_EDITS = settings["max_edits"]
OPERATORS = [tuple(names) for names in settings["operators"]]  # of reply items, of check items
# A record: the fields in order, then these.
PROFILES, ITEMS, CHECKS, ROW, SETS, EDITS, REFUSED = range(len(FIELDS), len(FIELDS) + 7)
PROFILE_ADD, PROFILE_REMOVE, ITEM_ADD, ITEM_REMOVE, CHECK_ADD, CHECK_REMOVE = range(6)

NAME_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0`\"'\s]").search
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]").search

INVISIBLE = re.compile(
    "[" + "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in settings["invisible"]) + "]"
).search
CHARACTER_NAMES = {
    " ": "a space",
    "\xa0": "a no-break space",
    "\t": "a tab",
    "\n": "a line break",
    "\r": "a line break",
    "\u200b": "a zero-width space",
    "\ufeff": "a byte order mark",
}

# These come with the job.
profile_names: dict[int, str] = {}
profile_ids: dict[str, int] = {}
profile_owners: dict[int, int] = {}
ORGANIZATION = [name for name, *_ in FIELDS].index("organization_id")


def text_value(name: str, value: object) -> str:
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


def username_fault(name: str) -> str | None:
    """Why a user must not be given this name, or None. The parent has the same rule."""
    hidden = INVISIBLE(name)
    if hidden:
        return f"username {name!r} contains {character_name(hidden[0])}: remove it"
    if name[0].isspace():
        return f"username {name!r} begins with {character_name(name[0])}: remove it"
    if name[-1].isspace():
        return f"username {name!r} ends with {character_name(name[-1])}: remove it"
    return None


def character_name(character: str) -> str:
    """What a character is that cannot be seen."""
    kind = CHARACTER_NAMES.get(character)
    if kind is None and CONTROL(character):
        kind = "a control character"
    elif kind is None:
        kind = "white space" if character.isspace() else "an invisible character"
    return f"{kind} (U+{ord(character):04X})"


def int_value(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} takes an int, not {kind_of(value)}")
    value = int.__index__(value)
    if not 0 <= value < 1 << 63:
        raise ValueError(f"{name} cannot be {value}")
    return value


def bool_value(name: str, value: object) -> bool:
    if type(value) is not bool:
        raise TypeError(f"{name} takes True or False, not {kind_of(value)}")
    return value


# The end of a day in ISO 8601, which is the next one's first moment. The parent has the same rule.
DAY_END = re.compile(r"(\d{4}-\d\d-\d\d.)24((?::00){0,2}(?:[.,]0+)?(?:[Zz+-].*)?)", re.ASCII).fullmatch


def time_value(name: str, value: object) -> int:
    if isinstance(value, str):
        text = exact_text(value).strip()
        end = DAY_END(text)
        start = f"{end[1]}00{end[2]}" if end else text
        try:
            # Before Python 3.11 fromisoformat does not know the Z of RFC 3339.
            value = datetime.fromisoformat(start[:-1] + "+00:00" if start[-1:] in ("Z", "z") else start)
            if end:
                value += timedelta(1)
        except (ValueError, OverflowError):
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


def nullable_time_value(name: str, value: object) -> int | None:
    return None if value is None else time_value(name, value)


def closest(name: str, names: Iterable[str], prefix: str = "user.") -> str:
    close = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""


def item_text(value: object) -> str | None:
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


def item_fault(attr: str, value: str) -> str | None:
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


dictionary: dict[str, tuple[str, str, str, list[str]]] = {}  # comes with the job, if it is to be obeyed
nearest: dict[str, str] = {}  # what unknown names were probably meant to be: few, and slow to find
ADDRESS = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}", re.ASCII).fullmatch
NUMBER = re.compile(r"0x[0-9A-Fa-f]+|\d+", re.ASCII).fullmatch
SIGNED = re.compile(r"[+-]?\d+", re.ASCII).fullmatch
OCTETS = re.compile(r"0x(?:[0-9A-Fa-f]{2})*").fullmatch
ETHER = re.compile(r"(?:[0-9A-Fa-f]{1,2}(?::(?!$)|$)){6}").fullmatch
IFID = re.compile(r"(?:[0-9A-Fa-f]{1,4}(?::(?!$)|$)){4}").fullmatch
DATE = re.compile(
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\S*\s+(\d+),*\s+(\d+)(?:\s.*)?", re.ASCII | re.I
).fullmatch
TAGGED = re.compile(r"(.*):(\d{1,3})", re.ASCII).fullmatch
BY_NUMBER = re.compile(r"Attr-[\d.]*", re.ASCII).fullmatch
BITS = {"byte": 8, "short": 16, "integer": 32, "integer64": 64}


def is_unsigned(text: str, bits: int) -> bool:
    return bool(NUMBER(text)) and len(text) <= 24 and int(text, 16 if text[:2] == "0x" else 10) < 1 << bits


def is_address(text: str, version: int) -> bool:
    if version == 4:
        return bool(ADDRESS(text))
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text


def named(value: str, choices: Iterable[str]) -> bool:
    return value.lower() in [choice.lower() for choice in choices]


def is_network(text: str, version: int, longest: int) -> bool:
    address, slash, length = text.partition("/")
    return is_address(address, version) and (
        not slash or (is_unsigned(length, 16) and length[:2] != "0x" and int(length) <= longest)
    )


def is_date(text: str) -> bool:
    found = DATE(text.strip())
    if found is None or len(found[1]) > 8 or len(found[2]) > 8:
        return False
    return 1 <= int(found[1]) <= 31 and 1970 <= int(found[2]) <= 2105


FITS: dict[str, Callable[[str], bool]] = {
    "octets": lambda text: text[:2] != "0x" or bool(OCTETS(text)),
    "signed": lambda text: bool(SIGNED(text)) and len(text) <= 24 and -(1 << 31) <= int(text) < 1 << 31,
    "date": lambda text: is_unsigned(text, 32) or is_date(text),
    "ipaddr": lambda text: is_address(text, 4),
    "ipv6addr": lambda text: is_address(text, 6),
    "ipv4prefix": lambda text: is_network(text, 4, 32),
    "ipv6prefix": lambda text: is_network(text, 6, 128),
    "combo-ip": lambda text: is_address(text, 4) or is_address(text, 6),
    "ether": lambda text: bool(ETHER(text)),
    "ifid": lambda text: bool(IFID(text)),
}


def misfit(attr: str, operation: str, value: str) -> str | None:
    """Why FreeRADIUS would reject whoever has this item, or None. The parent has the same rule."""
    tagged = TAGGED(attr)
    entry = dictionary.get(attr.lower()) or (tagged and int(tagged[2]) < 32 and dictionary.get(tagged[1].lower()))
    if not entry:
        if BY_NUMBER(attr):
            return None
        if attr not in nearest and len(nearest) < 100:
            nearest[attr] = closest(attr, [name for name, *_ in dictionary.values()], "")
        return f"FreeRADIUS has no attribute {attr} and rejects whoever has it{nearest.get(attr, '')}"
    _, kind, noun, choices = entry
    if operation in ("=~", "!~", "=*", "!*"):
        return None
    if kind in BITS:
        fits = is_unsigned(value, BITS[kind]) or named(value, choices)
    else:
        fits = kind not in FITS or FITS[kind](value) or (kind == "signed" and named(value, choices))
    if fits:
        return None
    if choices:
        noun = f"{noun} or a name such as {(difflib.get_close_matches(value, choices, 1) or choices)[0]}"
    return f"{attr} takes {noun}; FreeRADIUS rejects whoever has it with {value!r}, or takes that for something else"


class Profile(tuple):  # type: ignore[type-arg]
    """A profile of the user: `id` and `short_name`."""

    __slots__ = ()
    id = property(itemgetter(0))
    short_name = property(itemgetter(1))

    def __repr__(self) -> str:
        return f"Profile(id={self[0]!r}, short_name={self[1]!r})"


class Attribute(tuple):  # type: ignore[type-arg]
    """An attribute or check attribute of the user: `attr`, `operation` and `value`."""

    __slots__ = ()
    attr = property(itemgetter(0))
    operation = property(itemgetter(1))
    value = property(itemgetter(2))

    def __repr__(self) -> str:
        return f"Attribute(attr={self[0]!r}, operation={self[1]!r}, value={self[2]!r})"


def mistaken(record: Record, why: str) -> Answer:
    """Refuses a call that is a mistake for every user. The reason is kept with the line of the call, since a
    script may not look at its answers. That something is there already, or not there, is no mistake."""
    refused = record[REFUSED]
    told = printable(why[:MAX_WARNING])
    if len(refused) < MAX_WARNINGS and all(told != known for known, _ in refused):
        frame: FrameType | None = current_frame()
        while frame is not None and frame.f_code.co_filename != script_name:
            frame = frame.f_back
        refused.append((told, frame and frame.f_lineno))
    return False, why


current_frame = sys._getframe


MAX_WARNINGS, MAX_WARNING = 10, 500
TOO_MANY = f"a script makes at most {MAX_EDITS} changes to the profiles and attributes of one user"


def add_item(user: User, where: int, edit: int, noun: str, attr: object, value: object, operation: object) -> Answer:
    record = user._record
    text = item_text(value)
    if not isinstance(attr, str):
        return mistaken(record, f"the name of {noun} is a str, not {kind_of(attr)}")
    if text is None:
        return mistaken(record, f"the value of {noun} is a str, a number, a date or a time, not {kind_of(value)}")
    if not isinstance(operation, str):
        return mistaken(record, f"the operator of {noun} is a str, not {kind_of(operation)}")
    attr, operation = exact_text(attr), exact_text(operation)
    accepted = OPERATORS[where - ITEMS]
    if operation not in accepted:
        why = f"the operator {operation!r} cannot be used for {noun}: use one of {' '.join(accepted)}"
        return mistaken(record, why)
    fault = item_fault(attr, text) or (dictionary and misfit(attr, operation, text))
    if fault:
        return mistaken(record, fault)
    row = (attr, operation, text)
    if row in record[where]:
        return False, f"{attr} {operation} {text} is already there"
    if len(record[EDITS]) >= MAX_EDITS:
        return mistaken(record, TOO_MANY)
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


def remove_item(user: User, where: int, edit: int, noun: str, attr: object, value: object, operation: object) -> Answer:
    record = user._record
    text = item_text(value)
    if not isinstance(attr, str) or text is None or not isinstance(operation, (str, type(None))):
        return mistaken(record, f"{noun} is named by its attribute (str), value and, if wanted, operator (str)")
    attr = exact_text(attr)
    if operation is not None:
        operation = exact_text(operation)
    rows = record[where]
    kept = [old for old in rows if old[0] != attr or old[2] != text or operation not in (None, old[1])]
    removed = len(rows) - len(kept)
    if not removed:
        return False, f"the user has no {attr} {operation or ''} {text}".replace("  ", " ")
    if len(record[EDITS]) >= MAX_EDITS:
        return mistaken(record, TOO_MANY)
    record[where] = kept
    record[EDITS].append((edit, attr, text, operation))
    return True, f"{attr} {text} removed" if removed == 1 else f"{attr} {text} removed {removed} times"


def find_profile(id: object, short_name: object) -> tuple[int | None, str]:
    """The profile's number and nothing, or None and why not."""
    if (id is None) == (short_name is None):
        return None, "give either the id or the short_name of a profile"
    if id is not None:
        if not isinstance(id, int) or isinstance(id, bool):
            name = f"; for a name write short_name={exact_text(id)[:60]!r}" if type(id) is str else ""
            return None, f"the id of a profile is an int, not {kind_of(id)}{name}"
        if id not in profile_names:
            return None, f"there is no profile with id {int.__index__(id) if abs(id) < 1 << 64 else 'so large'}"
        return int.__index__(id), ""
    if not isinstance(short_name, str):
        return None, f"the short_name of a profile is a str, not {kind_of(short_name)}"
    number = profile_ids.get(exact_text(short_name))
    if number is None:
        short_name = exact_text(short_name)
        return None, f"there is no profile called {short_name!r}{closest(short_name, profile_ids, '')}"
    return number, ""


class User:
    """The user that the script is called for."""

    __slots__ = ("_record",)

    def __setattr__(self, name: str, value: object) -> None:
        setter = setters.get(name)
        if setter is None:
            if name in PUBLIC:
                raise AttributeError(f"user.{name} is read-only")
            raise AttributeError(f"a user has no field {name!r}{closest(name, WRITABLE)}")
        setter(self._record, value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a user's {name} cannot be deleted")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"a user has no field {name!r}{closest(name, PUBLIC)}")

    def __reduce__(self) -> Any:
        raise TypeError("a user cannot be copied or pickled; take what you need from its fields")

    def __repr__(self) -> str:
        return f"<User {self.obj_id} {self.username!r}>"

    @property
    def profiles(self) -> tuple[Profile, ...]:
        return tuple([Profile(profile) for profile in self._record[PROFILES]])

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return tuple([Attribute(row) for row in self._record[ITEMS]])

    @property
    def check_attributes(self) -> tuple[Attribute, ...]:
        return tuple([Attribute(row) for row in self._record[CHECKS]])

    def profile_add(self, id: object = None, short_name: object = None) -> Answer:
        record = self._record
        number, why = find_profile(id, short_name)
        if number is None:
            return mistaken(record, why)
        name = profile_names[number]
        for profile in record[PROFILES]:
            if profile[0] == number:
                return False, f"profile {name} is already assigned"
        if profile_owners.get(number, record[ORGANIZATION]) != record[ORGANIZATION]:
            return mistaken(record, f"profile {name} belongs to another organization than the user")
        if len(record[EDITS]) >= MAX_EDITS:
            return mistaken(record, TOO_MANY)
        record[PROFILES] = [*record[PROFILES], (number, name)]
        record[EDITS].append((PROFILE_ADD, number))
        return True, f"profile {name} added"

    def profile_remove(self, id: object = None, short_name: object = None) -> Answer:
        record = self._record
        number, why = find_profile(id, short_name)
        if number is None:
            return mistaken(record, why)
        name = profile_names[number]
        kept = [profile for profile in record[PROFILES] if profile[0] != number]
        if len(kept) == len(record[PROFILES]):
            return False, f"profile {name} is not assigned"
        if len(record[EDITS]) >= MAX_EDITS:
            return mistaken(record, TOO_MANY)
        record[PROFILES] = kept
        record[EDITS].append((PROFILE_REMOVE, number))
        return True, f"profile {name} removed"

    def attribute_add(self, attr: object = None, value: object = None, operation: object = "=") -> Answer:
        return add_item(self, ITEMS, ITEM_ADD, "an attribute", attr, value, operation)

    def attribute_remove(self, attr: object = None, value: object = None, operation: object = None) -> Answer:
        return remove_item(self, ITEMS, ITEM_REMOVE, "an attribute", attr, value, operation)

    def check_attribute_add(self, attr: object = None, value: object = None, operation: object = "==") -> Answer:
        return add_item(self, CHECKS, CHECK_ADD, "a check attribute", attr, value, operation)

    def check_attribute_remove(self, attr: object = None, value: object = None, operation: object = None) -> Answer:
        return remove_item(self, CHECKS, CHECK_REMOVE, "a check attribute", attr, value, operation)


setters: dict[str, Callable[[Record, object], None]] = {}


def define_field(at: int, name: str, kind: int, writable: bool, nullable: bool) -> None:
    if kind == TIME:
        setattr(User, name, property(lambda user: to_datetime(user._record[at])))
    else:
        setattr(User, name, property(lambda user: user._record[at]))
    if writable:
        checks: dict[int, Reader] = {INT: int_value, TEXT: text_value, BOOL: bool_value}
        check = checks.get(kind) or (nullable_time_value if nullable else time_value)

        def assign(record: Record, value: Any) -> None:
            value = check(name, value)
            if name == "username" and value != record[at]:  # a name that the user has already stays allowed
                fault = username_fault(value)
                if fault:
                    raise ValueError(fault)
            record[at] = value
            sets = record[SETS]
            if sets is None:
                sets = record[SETS] = {}
            sets[at] = value

        setters[name] = assign


for at, field in enumerate(FIELDS):
    define_field(at, *field)
PUBLIC = [name for name in dir(User) if not name.startswith("_")]
set_record: Callable[[User, Record], None] = vars(User)["_record"].__set__
new_user = User.__new__
