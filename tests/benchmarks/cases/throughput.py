"""Throughput: how many calls that do nothing get through in a second.

Measured: a burst of ``submit(noop)``, then ``result()`` of every future, two workers ready;
the median over the bursts of one process. Unit: tasks/s. Floor, here a ceiling: what one
thread can do of the work that no pool can leave out (a future, pickle and unpickle there,
pickle and unpickle back, settle, ask), with no other thread to wake. An awaited contender has no
queue: as many asyncio tasks as workers share the calls, each awaiting one after the other.
"""

import asyncio
import pickle
import statistics
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future

from benchmarks import tasks
from benchmarks.adapters import Call, Factory
from benchmarks.cases.case import Case
from benchmarks.contenders import THREADS
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.target import Target
from benchmarks.timing import timed

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


async def awaited(make_call: Callable[[int], Call], scale: float) -> float:
    """Return the number of no-ops per second, awaited by as many tasks as there are workers."""
    call, count = make_call(WORKERS), round(TASKS * scale)

    async def share(calls: int) -> None:
        for _ in range(calls):
            await call(tasks.noop)

    await asyncio.gather(*(share(count // 5) for _ in range(WORKERS)))
    start = time.perf_counter()
    await asyncio.gather(*(share(count // WORKERS) for _ in range(WORKERS)))
    return count / (time.perf_counter() - start)


def floor(scale: float) -> float:
    """Return the calls per second of one thread that only pickles and settles."""
    return median_rate(bare_burst, round(TASKS * scale))


def bare_burst(count: int, called: Callable[..., object] = tasks.noop, *arguments: object) -> None:
    """Pickle, unpickle, run and settle *count* calls, here and now."""
    for number in range(count):
        future: Future[object] = Future()
        call = pickle.dumps((number, called, arguments))
        number, task, args = pickle.loads(call)  # noqa: PLW2901 - our own bytes
        done = pickle.dumps((number, task(*args)))
        future.set_result(pickle.loads(done)[1])
        future.result()


def median_rate(run: Callable[[int], None], count: int) -> float:
    """Return the median rate of *run* in tasks/s, after a warm-up."""
    run(count // 5)
    return statistics.median(count / timed(lambda: run(count))[0] for _ in range(BURSTS))


CASE = Case(
    name="throughput",
    title="no-op tasks per second, one per call",
    unit="tasks/s",
    measure=measure,
    floor=floor,
    awaited=awaited,
    targets=(Target(6, at_least=True), Target(0.7, reference=THREADS, at_least=True)),
)
