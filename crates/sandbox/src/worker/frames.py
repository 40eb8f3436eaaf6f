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
