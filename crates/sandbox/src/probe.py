"""Runs once, before any script and outside the lock-down: says what this interpreter is and where it lies, and
packs its pure-Python standard library and the time zones into one file in memory, from which the locked-down
workers import.

Standard input: marshal of {zone name: TZif bytes}. argv[1]: the descriptor of the file to fill.
Standard output: marshal of the facts below.
The file: 8 bytes (little endian) length of the index, marshal of the index {name: (offset, size, kind)}, contents.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import sys
import sysconfig

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LEFT_OUT = {"__pycache__", "site-packages", "dist-packages", "lib-dynload", "test", "tests", "idle_test"}
CODE, SOURCE, ZONE, PACKAGE = 1, 2, 4, 8


def module_files(top: str) -> Iterator[tuple[str, str, int]]:
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name not in LEFT_OUT and not name.startswith("config-")]
        parts = os.path.relpath(folder, top).split(os.sep) if folder != top else []
        if parts and not os.path.exists(os.path.join(folder, "__init__.py")):
            folders.clear()
            continue
        for file in files:
            if not file.endswith(".py"):
                continue
            package = PACKAGE if file == "__init__.py" and parts else 0
            name = ".".join(parts if package else [*parts, file[:-3]])
            yield name, os.path.join(folder, file), package


def cached_code(path: str) -> bytes | None:
    """The marshalled code of `path` where the interpreter has an up-to-date one, else None."""
    try:
        with open(importlib.util.cache_from_source(path), "rb") as file:
            data = file.read()
        stat = os.stat(path)
    except OSError:
        return None
    flags, mtime, size = (int.from_bytes(data[at : at + 4], "little") for at in (4, 8, 12))
    fresh = mtime == int(stat.st_mtime) & 0xFFFFFFFF and size == stat.st_size & 0xFFFFFFFF
    return data[16:] if data[:4] == importlib.util.MAGIC_NUMBER and flags == 0 and fresh else None


def contents(zones: dict[str, bytes]) -> Iterator[tuple[str, bytes, int]]:
    paths = sysconfig.get_paths()
    for top in dict.fromkeys((paths["stdlib"], paths["platstdlib"])):
        for name, path, package in module_files(top):
            data = cached_code(path)
            if data is not None:
                yield name, data, CODE | package
                continue
            try:
                with open(path, "rb") as file:
                    yield name, file.read(), SOURCE | package
            except OSError:
                continue
    for name, data in zones.items():
        yield name, data, ZONE


def library_folders() -> list[str]:
    """Where the interpreter and what it links to were loaded from."""
    found = [path for path in sys.path if os.path.isdir(path)]
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            path = line.rstrip("\n").split(maxsplit=5)[5:]
            if path and path[0].startswith("/") and ".so" in path[0]:
                found.append(os.path.dirname(path[0]))
    return list(dict.fromkeys(found))


def main() -> None:
    index: dict[str, tuple[int, int, int]] = {}
    chunks: list[bytes] = []
    offset = 0
    for name, data, kind in contents(marshal.loads(sys.stdin.buffer.read())):
        if name not in index:
            index[name] = (offset, len(data), kind)
            chunks.append(data)
            offset += len(data)
    head = marshal.dumps(index)
    with open(int(sys.argv[1]), "wb", closefd=False) as image:
        image.write(len(head).to_bytes(8, "little"))
        image.write(head)
        image.writelines(chunks)
    facts = {
        "implementation": sys.implementation.name,
        "version": list(sys.version_info[:3]),
        "executable": os.path.realpath(sys.executable),
        "folders": library_folders(),
    }
    sys.stdout.buffer.write(marshal.dumps(facts, 2))


main()
