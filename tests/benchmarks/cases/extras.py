"""Ways of interpexec's own, beside its ordinary ones, by the CPU time of the whole process.

- `outcomes`: that of `outcomes` over 10,000 items of about 10 µs, divided by that of `map`, the two
  in turns. Unit: times as much.
- `log_records`: records per second of CPU time that two workers log and the caller's handlers get,
  where a handler does nothing. Unit: records/s.

Floor: none.
"""

import importlib
import logging
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Any

from benchmarks import tasks
from benchmarks.adapters import Factory
from benchmarks.cases.case import Case
from benchmarks.cases.map_work import STEPS_PER_MS
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.target import Target

ITEMS = 10_000
STEPS = STEPS_PER_MS // 100
TURNS = 5
RECORDS = 20_000


def cpu_seconds(run: Callable[[], object]) -> float:
    """Return the CPU time of the process while something runs."""
    start = time.process_time()
    run()
    return time.process_time() - start


def outcomes_ratio(factory: Factory, scale: float) -> float:
    """Return the median of the ratios of turns."""
    items = [STEPS] * round(ITEMS * scale)
    with factory(WORKERS) as pool:
        hold_meeting(pool)
        ours: Any = pool

        def drain(results: Iterable[object]) -> None:
            deque(results, maxlen=0)

        drain(ours.outcomes(tasks.count_down, items))
        turns = (
            (
                cpu_seconds(lambda: drain(pool.map(tasks.count_down, items))),
                cpu_seconds(lambda: drain(ours.outcomes(tasks.count_down, items))),
            )
            for _ in range(TURNS)
        )
        return statistics.median(outcomes / plain for plain, outcomes in turns)


class Counting(logging.Handler):
    """Counts records."""

    count = 0

    def emit(self, _record: logging.LogRecord) -> None:
        """Count one more."""
        self.count += 1


def log_rate(_factory: Factory, scale: float) -> float:
    """Return the records per second of CPU time."""
    handler, root = Counting(), logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    count = round(RECORDS * scale)
    executor = importlib.import_module("interpexec").InterpreterPoolExecutor
    with executor(WORKERS, forward_logging=True) as pool:
        hold_meeting(pool)
        log_all(pool, 100)
        handler.count = 0
        seconds = cpu_seconds(lambda: log_all(pool, count))
    if handler.count != count * WORKERS:
        message = f"{handler.count} records of {count * WORKERS}"
        raise AssertionError(message)
    return count * WORKERS / seconds


def log_all(pool: Executor, count: int) -> None:
    """Have each worker log so many records."""
    for call in [pool.submit(tasks.log_records, count) for _ in range(WORKERS)]:
        call.result()


CASES = (
    Case(
        name="outcomes",
        title="outcomes instead of map, over items of 10 µs",
        unit="x map",
        measure=outcomes_ratio,
        needs="has_extras",
        most_rounds=3,
        targets=(Target(1.1, reference=None),),
    ),
    Case(
        name="log_records",
        title="log records of workers, by CPU time",
        unit="records/s",
        measure=log_rate,
        needs="has_extras",
        most_rounds=3,
        targets=(Target(50_000, at_least=True, reference=None, unit="/s"),),
    ),
)
