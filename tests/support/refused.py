"""Helpers for tests of sharing: the error of a value that cannot be sent, open descriptors."""

import os

import sharing_tasks as there
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, NotShareableError

LARGE = 1 << 16
"""Bytes of so many, or more, are out-of-band data."""


def refused(pool: InterpreterPoolExecutor, value: object) -> str:
    """Return what the error says of something that cannot be sent."""
    error = pool.submit(there.same, [value]).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert str(error).startswith("args[0][0]")
    return str(error)


def descriptors() -> int:
    """Return how many descriptors are open."""
    return len(os.listdir("/proc/self/fd"))
