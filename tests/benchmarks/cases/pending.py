"""Pending: what many calls cost while none of them can run.

Measured, with two workers that stand at a gate (see ``gate.py``) meanwhile:

- `pending_100k`, `pending_1m`: `submit(noop)` so many times, the gate opens, all the results;
  µs per call. If time grows linearly, the second number is no more than the first one.
  Floor: as of `throughput`, µs per call.
- `pending_100k_memory`, `pending_1m_memory`: growth of resident memory by the submitting,
  bytes per call; the calls are cancelled then. Contenders with processes are left out.
  Floor: so many bare futures.

A contender that would need more than 30 s, by a first 2,000 calls, is left out; a quick run
leaves out the million for all.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial

from benchmarks import rss, tasks
from benchmarks.adapters import Factory
from benchmarks.cases import throughput
from benchmarks.cases.case import Case
from benchmarks.contenders import OURS
from benchmarks.gate import Gate
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.missing import MissingError
from benchmarks.target import Target
from benchmarks.timing import timed

MANY = 100_000
MORE = 1_000_000
TRIAL = 2000
PATIENCE = 30.0  # seconds, of the time limit of a sample


def time_per_call(factory: Factory, scale: float, most: int) -> float:
    """Return the µs of each of many calls that are pending together."""
    count = scaled(most, scale)
    with factory(WORKERS) as pool, Gate(WORKERS) as gate:
        hold_meeting(pool)
        try_patience(pool, count)
        gate.hold(pool)
        return timed(lambda: crowd(pool, gate, count))[0] / count * 1e6


def scaled(most: int, scale: float) -> int:
    """Return how many calls to make; raise MissingError if a quick run is not for them."""
    if most == MORE and scale < 1:
        message = "only in full runs"
        raise MissingError(message)
    return round(most * scale)


def try_patience(pool: Executor, count: int) -> None:
    """Raise MissingError if so many calls would take too long."""
    seconds = timed(lambda: throughput.burst(pool, TRIAL))[0] / TRIAL * count
    if seconds > PATIENCE:
        message = f"{count:,} calls would take {seconds:.0f} s"
        raise MissingError(message)


def crowd(pool: Executor, gate: Gate, count: int) -> None:
    """Submit so many no-ops, let them run, and wait for all of them."""
    futures = [pool.submit(tasks.noop) for _ in range(count)]
    gate.open()
    for future in futures:
        future.result()


def bytes_per_call(factory: Factory, scale: float, most: int) -> float:
    """Return the bytes of memory that each of many pending calls takes."""
    count = scaled(most, scale)
    futures: list[Future[None]] = []
    with factory(WORKERS) as pool, Gate(WORKERS) as gate:
        gate.hold(pool)
        grown = rss.growth(lambda: futures.extend(pool.submit(tasks.noop) for _ in range(count)))
        pool.shutdown(wait=False, cancel_futures=True)
        return grown / count * 1e6


def time_floor(scale: float, most: int) -> float:
    """Return the µs that each of many calls takes without any pool."""
    count = scaled(most, scale)
    return timed(lambda: throughput.bare_burst(count))[0] / count * 1e6


def memory_floor(scale: float, most: int) -> float:
    """Return the bytes of memory that each of many bare futures takes."""
    count = scaled(most, scale)
    futures: list[Future[None]] = []
    return rss.growth(lambda: futures.extend(Future() for _ in range(count))) / count * 1e6


def case(
    most: int,
    name: str,
    measure: Callable[..., float],
    floor: Callable[..., float],
    *targets: Target,
) -> Case:
    """Return the case of one number of calls."""
    memory = measure is bytes_per_call
    return Case(
        name=name,
        title=f"{most:,} calls pending: " + ("memory of each" if memory else "time of each"),
        unit="bytes" if memory else "µs",
        measure=partial(measure, most=most),
        floor=partial(floor, most=most),
        in_process_only=memory,
        most_rounds=1 if memory or most == MORE else 2,
        targets=(*targets, Target(1)),
    )


def linear(name: str) -> Target:
    """Return the target of a number that may not grow with the count of calls."""
    return Target(1.3, reference=OURS, case=name)


CASES = (
    case(MANY, "pending_100k", time_per_call, time_floor),
    case(MORE, "pending_1m", time_per_call, time_floor, linear("pending_100k")),
    case(MANY, "pending_100k_memory", bytes_per_call, memory_floor),
    case(MORE, "pending_1m_memory", bytes_per_call, memory_floor, linear("pending_100k_memory")),
)
