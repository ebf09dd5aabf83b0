"""Payloads: calls that take a list, a dict or a dataclass and give it back.

- `list_100`, `dict_100`, `dataclass_100`: calls with 100 numbers there and back, all
  submitted, then all the results; two workers ready; the median over the bursts of one
  process, calls/s. Floor, here a ceiling: one thread that pickles and unpickles call and
  result and settles a future, as in `throughput`.
- `list_100k`, `dict_100k`, `dataclass_100k`: one call with 100,000 numbers there and back,
  one worker, median ms. Floor: pickle and unpickle, twice.
"""

import pickle
from collections.abc import Callable
from concurrent.futures import Executor

from benchmarks.adapters import Factory
from benchmarks.cases import throughput
from benchmarks.cases.case import Case
from benchmarks.contenders import PROCESSES
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.payload import Payload, give_back
from benchmarks.target import Target
from benchmarks.timing import median_ms

SMALL = 100
LARGE = 100_000
CALLS = 2000

KINDS: dict[str, Callable[[int], object]] = {
    "list": lambda size: list(range(size)),
    "dict": lambda size: {number: number for number in range(size)},
    "dataclass": lambda size: Payload(list(range(size))),
}


def small(name: str, make: Callable[[int], object]) -> Case:
    """Return the case of many calls with a small payload."""

    def measure(factory: Factory, scale: float) -> float:
        payload = make(SMALL)
        with factory(WORKERS) as pool:
            hold_meeting(pool)
            return throughput.median_rate(
                lambda count: burst(pool, payload, count), round(CALLS * scale)
            )

    def floor(scale: float) -> float:
        payload = make(SMALL)
        return throughput.median_rate(
            lambda count: throughput.bare_burst(count, give_back, payload), round(CALLS * scale)
        )

    return Case(
        name=f"{name}_100",
        title=f"calls with a {name} of 100 there and back",
        unit="calls/s",
        measure=measure,
        floor=floor,
        targets=(Target(1.5, at_least=True), Target(2, reference=PROCESSES, at_least=True)),
    )


def large(name: str, make: Callable[[int], object]) -> Case:
    """Return the case of one call with a large payload."""

    def measure(factory: Factory, scale: float) -> float:
        payload = make(LARGE)
        with factory(1) as pool:
            return median_ms(lambda: burst(pool, payload, 1), scale)

    def floor(scale: float) -> float:
        payload = make(LARGE)
        return median_ms(lambda: twice(payload), scale)

    return Case(
        name=f"{name}_100k",
        title=f"a {name} of 100,000 there and back",
        unit="ms",
        measure=measure,
        floor=floor,
        targets=(Target(1 / 1.9), Target(1, reference=PROCESSES)),
    )


def burst(pool: Executor, payload: object, count: int) -> None:
    """Submit so many calls, then wait for all of them, and look whether it came back."""
    futures = [pool.submit(give_back, payload) for _ in range(count)]
    results = [future.result() for future in futures]
    assert results[-1] == payload


def twice(payload: object) -> object:
    """Pickle and unpickle, on the way there and on the way back."""
    return pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(payload, -1)), -1))


CASES = (
    *(small(name, make) for name, make in KINDS.items()),
    *(large(name, make) for name, make in KINDS.items()),
)
