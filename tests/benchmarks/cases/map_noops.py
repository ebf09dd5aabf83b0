"""Map over a million items that take no time, with default settings.

Measured: ``map(same, range(10**6))`` with every result taken, two workers ready. Unit:
items/s. Since that is a rate, a contender that would need more than about two seconds, by
a first map over 10,000 items, gets fewer of them, but 20,000 at least.

Floor, here a ceiling: what one thread can do if a thousand items share a message (pickle
and unpickle there, run, pickle and unpickle back), with no other thread to wake.
"""

import pickle
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from itertools import batched

from benchmarks import tasks
from benchmarks.adapters import Factory
from benchmarks.cases.case import Case
from benchmarks.contenders import POOL
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.target import Target
from benchmarks.timing import timed

ITEMS = 1_000_000
LEAST = 20_000
TRIAL = 10_000
SECONDS = 2.0
CHUNK = 1000


def measure(factory: Factory, scale: float) -> float:
    """Return the number of items per second."""
    with factory(WORKERS) as pool:
        hold_meeting(pool)
        affordable = round(map_rate(pool, TRIAL) * SECONDS * scale)
        return map_rate(pool, min(max(affordable, LEAST), round(ITEMS * scale)))


def map_rate(pool: Executor, count: int) -> float:
    """Return the items per second of a map over so many."""
    return count / timed(lambda: drain(pool.map(tasks.same, range(count)), count))[0]


def drain(results: Iterable[int], count: int) -> None:
    """Take all *results*, which must be so many, and in order."""
    last = deque(enumerate(results), maxlen=1)
    if last != deque([(count - 1, count - 1)]):
        message = f"the last of {count} results is {last}"
        raise AssertionError(message)


def floor(scale: float) -> float:
    """Return the items per second of one thread that only pickles and calls."""
    count = round(ITEMS * scale)
    return count / timed(lambda: drain(bare_map(count), count))[0]


def bare_map(count: int) -> Iterator[int]:
    """Pickle, unpickle and run in chunks, here and now."""
    for chunk in batched(range(count), CHUNK, strict=False):
        task, items = pickle.loads(pickle.dumps((tasks.same, chunk)))
        yield from pickle.loads(pickle.dumps([task(item) for item in items]))


CASE = Case(
    name="map_noops",
    title="map over a million no-ops",
    unit="items/s",
    measure=measure,
    floor=floor,
    needs="maps",
    targets=(Target(150, at_least=True), Target(1, reference=POOL, at_least=True)),
)
