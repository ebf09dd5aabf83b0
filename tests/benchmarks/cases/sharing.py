"""Sharing: what it costs to hand over memory, and to meet at a queue or a lock.

- `view`: a call with a `memoryview` of 1 GiB in a list, ms. `buffer`: the same with an
  `interpexec.SharedBuffer`. Nobody else has either.
- `queue`: 100,000 numbers through a queue from one worker to another one, items/s.
  `interpexec.sync.Queue`, `concurrent.interpreters.Queue`, `queue.Queue`.
- `queue_echo`: one number through a queue to another worker, and through a second one back,
  µs. The same queues. Floor: as of `round_trip`.
- `lock`: to take a lock that nobody holds, and to give it back, µs, in a worker. Floor:
  `threading.Lock`, which is no use between interpreters.
"""

import mmap
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from benchmarks import tasks
from benchmarks.adapters import Factory
from benchmarks.cases import round_trip
from benchmarks.cases.case import Case
from benchmarks.contenders import make_queue
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.target import Target
from benchmarks.timing import median_ms, timed

VIEW = 1 << 30
ITEMS = 100_000
ECHOES = 100
PAIRS = 20_000


def with_argument(make: Callable[[], object]) -> Callable[[Factory, float], float]:
    """Return what measures a call with such an argument."""

    def measure(factory: Factory, scale: float) -> float:
        argument = make()
        with factory(1) as pool:
            return median_ms(lambda: pool.submit(tasks.take, argument).result(), scale)

    return measure


def shared_buffer() -> object:
    """Return a list with a block of 1 GiB."""
    from interpexec import SharedBuffer

    return [SharedBuffer(VIEW)]


def queue_rate(factory: Factory, scale: float) -> float:
    """Return how many items a second go from one worker to another one."""
    with factory(WORKERS) as pool:
        hold_meeting(pool)
        queue = make_queue(pool)
        count = round(ITEMS * scale)
        transfer(pool, queue, count // 10)
        return count / timed(lambda: transfer(pool, queue, count))[0]


def transfer(pool: Executor, queue: object, count: int) -> None:
    """Send so many numbers from one worker to another one."""
    consumer = pool.submit(tasks.consume, queue, count)
    pool.submit(tasks.produce, queue, count).result()
    assert consumer.result() == count * (count - 1) // 2


def queue_echo(factory: Factory, scale: float) -> float:
    """Return the median µs of a number's way to another worker and back."""
    with factory(WORKERS) as pool:
        hold_meeting(pool)
        there, back, count = make_queue(pool), make_queue(pool), round(ECHOES * scale)
        echo = pool.submit(tasks.echo, there, back, count)
        median = pool.submit(tasks.ping, there, back, count).result()
        echo.result()
        return median


def lock_time(factory: Factory, scale: float) -> float:
    """Return the µs of a pair of acquire and release, in a worker."""
    from interpexec.sync import Lock

    with factory(1) as pool:
        lock = Lock()
        return pool.submit(tasks.take_lock, lock, round(PAIRS * scale)).result()


def lock_floor(scale: float) -> float:
    """Return the same of a lock that works in one interpreter only."""
    return tasks.take_lock(threading.Lock(), round(PAIRS * scale))


def case(name: str, title: str, measure: Callable[..., float], **rest: Any) -> Case:  # as of Case
    """Return a case of this module, mostly in ms."""
    return Case(name=name, title=title, measure=measure, **({"unit": "ms"} | rest))


CASES = (
    case(
        "view",
        "a memoryview of 1 GiB in a list",
        with_argument(lambda: [memoryview(mmap.mmap(-1, VIEW))]),
        needs="shares_memory",
        targets=(Target(1, reference=None, unit=" ms"),),
    ),
    case(
        "buffer",
        "a SharedBuffer of 1 GiB in a list",
        with_argument(shared_buffer),
        needs="shares_memory",
        targets=(Target(1, reference=None, unit=" ms"),),
    ),
    case(
        "queue",
        "items through a queue between two workers",
        queue_rate,
        unit="items/s",
        needs="queue",
        targets=(Target(100_000, at_least=True, reference=None, unit="/s"),),
    ),
    case(
        "queue_echo",
        "a queue there and a queue back, between two workers",
        queue_echo,
        unit="µs",
        floor=round_trip.floor,
        needs="queue",
        targets=(Target(0.1),),
    ),
    case(
        "lock",
        "an uncontended lock, taken and given back",
        lock_time,
        unit="µs",
        floor=lock_floor,
        needs="shares_memory",
        targets=(Target(2, reference=None, unit=" µs"),),
    ),
)
