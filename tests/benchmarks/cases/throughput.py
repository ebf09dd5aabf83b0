"""Throughput: how many calls that do nothing get through in a second.

Measured: a burst of ``submit(noop)``, then ``result()`` of every future, two workers ready;
the median over the bursts of one process. Unit: tasks/s. Floor, here a ceiling: what one
thread can do of the work that no pool can leave out (a future, pickle and unpickle there,
pickle and unpickle back, settle, ask), with no other thread to wake.
"""

import pickle
import statistics
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future

from benchmarks import tasks
from benchmarks.cases.case import Case
from benchmarks.contenders import Factory
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.target import Target

TASKS = 5000
BURSTS = 3


def measure(factory: Factory, scale: float) -> float:
    """Return the median number of no-ops per second."""
    with factory(WORKERS) as pool:
        hold_meeting(pool)
        return median_rate(lambda count: burst(pool, count), round(TASKS * scale))


def burst(pool: Executor, count: int) -> None:
    """Submit *count* no-ops, one per call, and wait for all of them."""
    futures = [pool.submit(tasks.noop) for _ in range(count)]
    for future in futures:
        future.result()


def floor(scale: float) -> float:
    """Return the calls per second of one thread that only pickles and settles."""
    return median_rate(bare_burst, round(TASKS * scale))


def bare_burst(count: int) -> None:
    """Pickle, unpickle, run and settle *count* no-ops, here and now."""
    for number in range(count):
        future: Future[None] = Future()
        call = pickle.dumps((number, tasks.noop, ()))
        number, task, args = pickle.loads(call)  # noqa: PLW2901 - our own bytes
        done = pickle.dumps((number, task(*args)))
        future.set_result(pickle.loads(done)[1])
        future.result()


def median_rate(run: Callable[[int], None], count: int) -> float:
    """Return the median rate of *run* in tasks/s, after a warm-up."""
    run(count // 5)
    rates = []
    for _ in range(BURSTS):
        start = time.perf_counter()
        run(count)
        rates.append(count / (time.perf_counter() - start))
    return statistics.median(rates)


CASE = Case(
    name="throughput",
    title="no-op tasks per second, one per call",
    unit="tasks/s",
    measure=measure,
    floor=floor,
    target=Target("no-op tasks per second", 4.0, at_least=True),
)
