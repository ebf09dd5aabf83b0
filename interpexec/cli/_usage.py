"""The memory of this process and its children, and how long it waits for a CPU."""

import os


def used_memory() -> int | None:
    """Return the bytes; memory that several share counts once. None where no system tells."""
    try:
        return sum(map(_bytes_of, _family(os.getpid())))
    except OSError:  # no Linux, or a process that has just ended
        return None


def _family(pid: int) -> "list[int]":
    """Return a process, its children, theirs, and so on."""
    found = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  # pathlib is slow to import
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:  # noqa: PTH123  # likewise
            for child in file.read().split():
                found += _family(int(child))
    return found


def _bytes_of(pid: int) -> int:
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:  # noqa: PTH123  # likewise
        (share,) = (line.split()[1] for line in file if line.startswith("Pss:"))
    return int(share) * 1024


def waited() -> float:
    """Return for how many seconds this thread was ready, and had no CPU; 0 if no system tells."""
    try:
        with open("/proc/thread-self/schedstat", encoding="ascii") as file:  # noqa: PTH123  # likewise
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
