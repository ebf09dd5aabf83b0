"""Definitions: what it costs that a function is the program's own, or has no name at all.

Measured, with two workers ready and idle:

- `closure`: the median round trip of a closure over a small value, which does nothing else, µs.
- `main_function`: the same of a function of `__main__` that does nothing, µs.
- `first_main_call`: in a pool of one worker that has run other calls, the first call of a
  function of a program that imports `argparse`, `dataclasses`, `json` and `pathlib`, ms.

Only executors whose workers need not import the program can take part: those of the package, of
threads, and loky, which brings cloudpickle. The floor is that of `round_trip`.
"""

import sys
import time
from collections.abc import Callable
from types import ModuleType

from benchmarks import tasks
from benchmarks.adapters import Factory
from benchmarks.cases import round_trip
from benchmarks.cases.case import Case
from benchmarks.contenders import LOKY, OURS
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.target import Target

PROGRAM = """
import argparse, dataclasses, json, pathlib

FACTOR = 3

@dataclasses.dataclass
class Settings:
    path: pathlib.Path

def parse():
    return Settings(pathlib.Path(argparse.ArgumentParser().parse_args().path))

def scaled(n):
    return n * FACTOR

def noop():
    pass
"""


def make_closure(offset: int) -> Callable[[int], int]:
    """Return a function that has a variable of another one."""

    def add(number: int) -> int:
        return number + offset

    return add


def program() -> ModuleType:
    """Define what a program would, in `__main__`; return that."""
    main = sys.modules["__main__"]
    exec(PROGRAM, vars(main))  # the text above
    return main


def closure(factory: Factory, scale: float) -> float:
    """Return the median round trip of a closure in µs."""
    return _median_trip(factory, scale, make_closure(3), 1)


def main_function(factory: Factory, scale: float) -> float:
    """Return the median round trip of a no-op of the program in µs."""
    return _median_trip(factory, scale, program().noop)


def _median_trip(
    factory: Factory, scale: float, function: Callable[..., object], *args: int
) -> float:
    with factory(WORKERS) as pool:
        hold_meeting(pool)
        calls = round(round_trip.CALLS * scale)
        return round_trip.median_time(lambda: pool.submit(function, *args).result(), calls)


def first_call(factory: Factory, scale: float) -> float:
    """Return the time of the first call of a function of the program in ms."""
    function = program().scaled
    with factory(1) as pool:
        pool.submit(tasks.same, 1).result()
        start = time.perf_counter()
        pool.submit(function, 1).result()
        return (time.perf_counter() - start) * 1e3


CLOSURE = Case(
    name="closure",
    title="round trip of a closure, p50",
    unit="µs",
    measure=closure,
    floor=round_trip.floor,
    per_round=3,
    needs="takes_definitions",
    targets=(Target(0.2, reference=LOKY),),
)
MAIN = Case(
    name="main_function",
    title="round trip of a function of `__main__`, p50",
    unit="µs",
    measure=main_function,
    floor=round_trip.floor,
    per_round=3,
    needs="takes_definitions",
    targets=(Target(0.2, reference=LOKY), Target(1.05, reference=OURS, case="round_trip")),
)
FIRST = Case(
    name="first_main_call",
    title="first call of a function of `__main__` in a worker",
    unit="ms",
    measure=first_call,
    per_round=2,
    needs="takes_definitions",
    targets=(Target(1, reference=LOKY),),
)
CASES = (CLOSURE, MAIN, FIRST)
