"""Start: from the constructor to the first result, and to sixty-four workers.

Measured, in a fresh process which has imported the class already:

- `first_result`: from before the constructor until a no-op's result, one worker, ms.
- `workers_64`: until 64 calls, none of which ends before all have begun, have returned, ms.

Floor: as many interpreters that do nothing but ``import pickle``, each created in its own
thread (CPython 3.14 and later).
"""

import time

from benchmarks import tasks
from benchmarks.adapters import Factory
from benchmarks.bare import bare_start
from benchmarks.cases.case import Case
from benchmarks.contenders import FLOOR
from benchmarks.gate import Gate
from benchmarks.target import Target

CROWD = 64


def first_result(factory: Factory, scale: float) -> float:
    """Return the time from the constructor to the first result in ms."""
    start = time.perf_counter()
    with factory(1) as pool:
        pool.submit(tasks.noop).result()
        return (time.perf_counter() - start) * 1e3


def crowd(factory: Factory, scale: float) -> float:
    """Return the time until all of many workers have answered in ms."""
    with Gate(CROWD) as gate:
        start = time.perf_counter()
        with factory(CROWD) as pool:
            gate.hold(pool)
            gate.open()
            return (time.perf_counter() - start) * 1e3


FIRST = Case(
    name="first_result",
    title="from constructor to the first result",
    unit="ms",
    measure=first_result,
    floor=lambda _scale: bare_start(1),
    per_round=2,
    targets=(Target(0.5), Target(1.5, reference=FLOOR)),
)
CROWDED = Case(
    name="workers_64",
    title="from constructor to 64 workers ready",
    unit="ms",
    measure=crowd,
    floor=lambda _scale: bare_start(CROWD),
    most_rounds=2,
    targets=(Target(0.5), Target(1.5, reference=FLOOR)),
)
