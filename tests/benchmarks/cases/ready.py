"""Ready: how long a new pool takes until two workers have answered.

Measured: from before the constructor until two calls that need each other (see
``meeting.py``) have returned: the first pool of a fresh process, the class being imported
already. Unit: ms. Floor: two interpreters that do nothing but ``import pickle``, each
created in its own thread (CPython 3.14 and later).
"""

import time

from benchmarks.adapters import Factory
from benchmarks.bare import bare_start
from benchmarks.cases.case import Case
from benchmarks.contenders import FLOOR
from benchmarks.meeting import WORKERS, Meeting
from benchmarks.target import Target


def measure(factory: Factory, scale: float) -> float:
    """Return the time until two workers have answered in ms."""
    with Meeting() as meeting:
        start = time.perf_counter()
        with factory(WORKERS) as pool:
            meeting.hold(pool)
            return (time.perf_counter() - start) * 1e3


def floor(scale: float) -> float:
    """Return the time until two bare interpreters have imported pickle in ms."""
    return bare_start(WORKERS)


CASE = Case(
    name="ready",
    title="from constructor to two workers ready",
    unit="ms",
    measure=measure,
    floor=floor,
    per_round=3,
    targets=(Target(0.35), Target(1.5, reference=FLOOR)),
)
