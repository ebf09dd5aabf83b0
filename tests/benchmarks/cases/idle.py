"""Idle: how often the threads of a pool wake up while there is nothing to do.

Measured: voluntary context switches over 10 s of all threads of the process but the one
that measures, two workers ready. Linux, from ``/proc``. Contenders whose workers live in
other processes are left out. Floor: none.
"""

import threading
import time
from pathlib import Path

from benchmarks.adapters import Factory
from benchmarks.cases.case import Case
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.missing import MissingError
from benchmarks.target import Target

SECONDS = 10.0
SETTLING = 0.5  # seconds, for what the meeting has left to be tidied up
THREADS = Path("/proc/self/task")
FIELD = "voluntary_ctxt_switches:"


def measure(factory: Factory, scale: float) -> float:
    """Return how many context switches the idle threads of a pool did."""
    if not THREADS.exists():
        message = f"no {THREADS}"
        raise MissingError(message)
    with factory(WORKERS) as pool:
        hold_meeting(pool)
        time.sleep(SETTLING)
        before = switches()
        time.sleep(SECONDS * scale)
        after = switches()
    return sum(count - before.get(thread, 0) for thread, count in after.items())


def switches() -> dict[str, int]:
    """Return the voluntary context switches so far of every other thread."""
    here = str(threading.get_native_id())
    statuses = {path.name: path / "status" for path in THREADS.iterdir() if path.name != here}
    return {name: voluntary(status.read_text("ascii")) for name, status in statuses.items()}


def voluntary(status: str) -> int:
    """Return the number in the text of a thread's status."""
    lines = (line.split() for line in status.splitlines())
    return next(int(words[1]) for words in lines if words[0] == FIELD)


CASE = Case(
    name="idle",
    title="context switches of an idle pool in 10 s",
    unit="switches",
    measure=measure,
    in_process_only=True,
    most_rounds=1,
    targets=(Target(0, reference=None, unit=" switches"),),
)
