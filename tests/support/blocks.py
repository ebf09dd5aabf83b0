"""The memory of shared buffers in this process: how many descriptors and mappings there are."""

import gc
import threading
from time import monotonic

import leftovers

_PATIENCE = 5.0  # seconds, for what is let go by a thread of a pool


def mappings() -> int:
    """Return how many mappings of blocks this process has."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        return sum(_is_ours(line) for line in file)


def descriptors() -> int:
    """Return how many descriptors of blocks are open."""
    return sum(_is_ours(name) for _, name in leftovers.descriptors())


def _is_ours(text: str) -> bool:
    return "memfd:interpexec" in text or "/dev/shm/ixp" in text


def blocks() -> tuple[int, int]:
    """Return how many descriptors and mappings of blocks there are."""
    gc.collect()
    return descriptors(), mappings()


def await_blocks(before: tuple[int, int]) -> None:
    """Return when there are no more than before; fail if that does not come."""
    end = monotonic() + _PATIENCE
    while (now := blocks())[0] > before[0] or now[1] > before[1]:
        assert monotonic() < end, f"{before} were, {now} are"
        threading.Event().wait(0.01)
