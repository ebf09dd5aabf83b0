"""CPU-bound map: how much faster two workers are than none.

Measured: ``map(count_primes, …)`` over equal pieces of pure-Python work, two workers ready
and warm, against the same pieces one after the other in the main thread, before and after
it in the same process. Unit: serial speed (serial time / map time). Floor, here a ceiling:
2, or what the machine has to give, since two cores that share a cache, a clock or a
neighbour are less than twice one: measured by two bare processes that do half the pieces
each and are told to go at the same moment.
"""

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import Executor
from itertools import repeat
from multiprocessing.connection import Connection

from benchmarks import tasks
from benchmarks.cases.case import Case
from benchmarks.contenders import Factory
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.target import Target

PIECES = 64
START = 1_000_000  # numbers of one size, so that the pieces are, too
WIDTH = 6_000  # some 20 ms a piece: what the pool adds to one is out of sight
WARM_UP = 4


def measure(factory: Factory, scale: float) -> float:
    """Return the speed of a pool's ``map`` as a multiple of the serial speed."""
    work = pieces(scale)
    with factory(WORKERS) as pool:
        hold_meeting(pool)
        parallel(pool, work[:WARM_UP])
        return speed_up(work, lambda: parallel(pool, work))


def floor(scale: float) -> float:
    """Return the speed of two bare processes as a multiple of the serial speed."""
    work = pieces(scale)
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(WORKERS)]
    ends = [here for here, _ in pipes]
    for number, (_, there) in enumerate(pipes):
        context.Process(target=work_alone, args=(there, work[number::WORKERS])).start()
    exchange(ends)  # all of them are up and warm
    return speed_up(work, lambda: exchange(ends))


def work_alone(end: Connection, work: list[int]) -> None:
    """Do *work* when the other end says so, in a process that has nothing else to do."""
    end.recv()
    end.send(serial(work[:WARM_UP]))
    end.recv()
    end.send(serial(work))


def exchange(ends: list[Connection]) -> list[int]:
    """Say go at every end, then collect what comes back."""
    for end in ends:
        end.send(None)
    return [count for end in ends for count in end.recv()]


def pieces(scale: float) -> list[int]:
    """Return where each piece of the work starts."""
    return [START + WIDTH * number for number in range(round(PIECES * scale))]


def serial(work: list[int]) -> list[int]:
    """Do all the work in this thread."""
    return [tasks.count_primes(start, WIDTH) for start in work]


def parallel(pool: Executor, work: list[int]) -> list[int]:
    """Do all the work in *pool*, as a user would: with the defaults of ``map``."""
    return list(pool.map(tasks.count_primes, work, repeat(WIDTH)))


def speed_up(work: list[int], run: Callable[[], list[int]]) -> float:
    """Return the serial time of *work*, taken before and after, divided by that of *run*."""
    serial(work[:WARM_UP])
    before, expected = timed(lambda: serial(work))
    between, found = timed(run)
    after, _ = timed(lambda: serial(work))
    if sorted(found) != sorted(expected):
        message = f"the map counted {sum(found)} primes, the serial run {sum(expected)}"
        raise AssertionError(message)
    return (before + after) / 2 / between


def timed(run: Callable[[], list[int]]) -> tuple[float, list[int]]:
    """Return how many seconds *run* took, and what it returned."""
    start = time.perf_counter()
    value = run()
    return time.perf_counter() - start, value


CASE = Case(
    name="cpu_map",
    title="CPU-bound map on two workers",
    unit="x serial",
    measure=measure,
    floor=floor,
    target=Target("CPU-bound map, serial speed", 1.9, at_least=True, reference=None),
)
