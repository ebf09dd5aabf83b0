"""The resident memory of this process."""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.missing import MissingError

STATM = Path("/proc/self/statm")


def resident() -> float:
    """Return the resident memory of this process in MB (10⁶ bytes).

    Where there is no ``/proc``: the peak so far, which grows with the present while nothing
    has been freed yet. Raises MissingError where there is neither.
    """
    return now() if STATM.exists() else peak()


def now() -> float:
    """Return what ``/proc`` calls resident, in MB. Linux."""
    pages = int(STATM.read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak() -> float:
    """Return the largest resident size so far, in MB. Any POSIX system."""
    try:
        resource = importlib.import_module("resource")
    except ImportError as error:  # Windows
        raise MissingError(str(error)) from error
    usage = resource.getrusage(resource.RUSAGE_SELF)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB elsewhere
    return float(usage.ru_maxrss) * unit / 1e6


def growth(act: Callable[[], object]) -> float:
    """Return how much resident memory *act* takes, in MB. Meant for once per process."""
    resident()  # its own first-time costs are no part of the growth
    before = resident()
    act()
    return resident() - before
