# Running the script for one target after another, and what comes before the first.

clock = time.perf_counter_ns
counter_memory = mmap.mmap(settings["counter"], 16)
os.close(settings["counter"])
counter = memoryview(counter_memory).cast("Q")  # [ordinal of the current target or 0, number of targets started]
started = [0, False]  # when the current target was, and whether its script is running
reserve = []  # given up when memory runs out, so that the error can still be described
RESERVE = 4 << 20


def on_alarm(signum: int, frame: FrameType | None) -> None:
    """The parent found the current target over its time limit."""
    if started[1] and clock() - started[0] >= LIMIT_NS:
        raise TimeLimit(f"ran over the time limit of {LIMIT_NS / 1e9:g} s")


def run_target(record: Record) -> bytes:
    """Runs the script for one target: the report that the parent gets, marshalled."""
    ordinal = record.pop()
    counter[0] = ordinal
    counter[1] += 1
    record.append(None)  # SETS
    record.append([])  # EDITS
    record.append([])  # REFUSED
    module = new_module("__main__")
    names = module.__dict__
    modules["__main__"] = module
    user = new_user(User)
    set_record(user, record)
    result: dict[Any, Any] = {}
    names.update(
        user=user,
        obj=user,
        row=Row(zip(columns, record[ROW] or (), strict=False)),
        params=Params(params),
        result=result,
        run=run,
        skip=skip,
        fail=fail,
        log=log,
        __builtins__=builtins,
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
        return dumps((ordinal, ending, micros, sets, edits, text, printed, reason, error, record[REFUSED]))
    except ValueError:  # a script that reached into the worker's own objects
        error = "RuntimeError", "the script damaged its user object", None, None
        return dumps((ordinal, FAILED, micros, None, None, None, "", None, error, []))


def memory_left() -> bool:
    """Whether the next script finds about as much memory as the first one did."""
    try:
        if not reserve:
            reserve.append(bytearray(RESERVE))
        # Asks for room in the address space, and for no memory: not even a strict kernel counts what cannot be written.
        new_mapping(-1, MEMORY // 2, PRIVATE, READ_ONLY).close()
    except (MemoryError, OSError):
        return False
    return True


def run_carefully(records: Iterable[Record]) -> list[bytes]:
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


def run_targets(records: list[Record]) -> None:
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


def main() -> None:
    while True:
        records = receive()
        if records is None:
            os._exit(0)
        run_targets(records)


def compile_script() -> tuple[CodeType, None] | tuple[None, tuple[Any, ...]]:
    """The script's code, or what the parent shows its author."""
    try:
        return compile(script_text, script_name, "exec", dont_inherit=True, optimize=0), None
    except SyntaxError as error:
        text = (error.text or "").rstrip("\n")
        return None, (name_of(error), printable(str(error.msg)), error.lineno, error.offset, printable(text))
    except (ValueError, MemoryError, RecursionError, OverflowError) as error:
        return None, (name_of(error), message_of(error), None, None, None)


worker = globals()
compiled = {
    name: module
    for name, module in modules.items()
    if isinstance(getattr(getattr(module, "__spec__", None), "loader", None), importlib.machinery.ExtensionFileLoader)
}
for stale in ("path", "folder", "file", "name", "at", "field"):
    worker.pop(stale, None)

send(LOADED, b"")
lock = receive()
if lock is not None:
    lock_down(lock)
serve_library_from_memory()
say_what_is_forbidden()
send(LOCKED, b"")

# Up to here nothing depends on the script.
job = receive()
if job is None:
    os._exit(0)
LIMIT_NS, MEMORY, MAX_RESULT = job["time_limit_ns"], job["memory"], job["max_result"]
output.size = job["max_output"]
ZONE_OF_INSTALLATION = load_zone(job["zone"])
profile_names.update((number, name) for number, name, _ in job["profiles"])
profile_ids.update((name, number) for number, name in profile_names.items())
profile_owners.update((number, owner) for number, _, owner in job["profiles"] if owner is not None)
dictionary.update((name.lower(), (name, *rest)) for name, *rest in job["dictionary"] or ())
params = make_params(job["params"])
script_name, script_text = job["script_name"], job["script"]
script_lines = re.split("\r\n|\r|\n", script_text)
linecache.cache[script_name] = (len(script_text), None, [line + "\n" for line in script_lines], script_name)
del job
send(TAKEN, b"")
receive()
code, fault = compile_script()
if code is None:
    send(REJECTED, dumps(fault))
    os._exit(0)
script = code
sys.stdin = sys.__stdin__ = None  # type: ignore[misc]
sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = output  # type: ignore[misc, assignment]
set_signal(SIGALRM, on_alarm)
send(READY, b"")
facts = receive()
if facts is None:
    os._exit(0)
run = make_run(facts)
columns = tuple(facts["columns"])
reserve.append(bytearray(RESERVE))
gc.collect()
gc.freeze()
integrity.remember()
main()
