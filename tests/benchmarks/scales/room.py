"""Room for many workers: memory and descriptors, before they are made."""

import importlib
from pathlib import Path

from benchmarks.missing import MissingError

MB = 8
"""Of a worker, at most: one takes some 4 MB, and 3.13 keeps 2 of them when it ends."""

DESCRIPTORS = 4
"""Of a worker, at most: one has 2, and its successor as many."""

MEMINFO = Path("/proc/meminfo")


def make_room(workers: int) -> None:
    """Raise the limit of descriptors if it is too low; raise MissingError where room lacks.

    At most half of the memory that is available is used.
    """
    if MEMINFO.exists() and workers * MB > available() / 2:
        raise MissingError(
            f"{workers:,} workers may need {workers * MB:,} MB; {available():,} are there"
        )
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = workers * DESCRIPTORS + 100
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise MissingError(
            f"{workers:,} workers may need {wanted:,} descriptors; {hard:,} are allowed"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def available() -> int:
    """Return how many MB (10⁶ bytes) of memory can be had without swapping. Linux."""
    lines = dict(line.split(":") for line in MEMINFO.read_text(encoding="ascii").splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024 // 10**6
