"""Leftovers of a test: threads, interpreters, descriptors and loans."""

import _interpreters
import gc
import os
import threading

from interpexec._core import current_call
from interpexec._pool.lending import LOANS


def interpreters() -> set[int]:
    """Return the numbers of all interpreters."""
    return {int(entry[0]) for entry in _interpreters.list_all()}


def descriptors() -> set[tuple[int, str]]:
    """Return the open descriptors with what they name; empty where that is unknown."""
    found = set()
    try:
        entries = os.listdir("/proc/self/fd")
    except OSError:
        return set()
    for entry in entries:
        try:
            found.add((int(entry), os.readlink(f"/proc/self/fd/{entry}")))
        except OSError:
            continue  # the one that listed the directory
    return found


def leftovers(before: tuple[set[threading.Thread], set[int], set[tuple[int, str]]]) -> str:
    """Say which threads, interpreters and descriptors there are that were not before."""
    gc.collect()
    old_threads, old_interpreters, old_descriptors = before
    new = {
        "threads": set(threading.enumerate()) - old_threads,
        "interpreters": interpreters() - old_interpreters,
        "descriptors": descriptors() - old_descriptors,
        # A thread that comes later may have the same ident, and would keep what it locks.
        "threads that run calls": set(current_call.running),
        "loans": LOANS._lent if len(LOANS) else (),
        "pools that wait for loans": LOANS._waiting,
    }
    return ", ".join(f"{kind}: {left}" for kind, left in new.items() if left)
