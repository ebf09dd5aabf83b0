"""Leftovers in a process: threads, descriptors and interpreters."""

import _interpreters
import gc
import os
import threading
from collections import Counter
from time import monotonic

type Census = Counter[str]


def census() -> Census:
    """Count what there is, each with what it is called."""
    gc.collect()
    found: Counter[str] = Counter()
    for number in os.listdir("/proc/self/fd"):
        try:
            name = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue  # the one that listed the directory
        found["descriptor of " + "".join(sign for sign in name if not sign.isdigit())] += 1
    found["threads"] = threading.active_count()
    found["interpreters"] = len(_interpreters.list_all())
    return found


def left_since(before: Census, limit: float = 10.0) -> str:
    """Say what there is that was not before; wait for threads that are just ending."""
    end = monotonic() + limit
    while (new := census() - before) and monotonic() < end:
        # A pool that was only dropped ends by itself, in its own time.
        others = [thread for thread in threading.enumerate()[1:] if thread.ident is not None]
        if not others and monotonic() > end - limit + 1:
            break
        if others:
            others[0].join(0.1)
    return ", ".join(f"{count} {name}" for name, count in sorted(new.items()))
