"""Large bytes: a call with MiBs of `bytes` as its argument, or as its result.

- `bytes_in`, `bytes_out`: 32 MiB; `bytes_in_1`, …, `bytes_out_64`: 1 and 64 MiB. One worker,
  ms, the median of the calls of one process.
- `bytes_nested`: 32 MiB as an argument, in a list in a dict.

Floor: one `memcpy` of as many into fresh memory; its page faults are most of it.
"""

import os
from collections.abc import Callable
from functools import partial

from benchmarks import tasks
from benchmarks.adapters import Factory
from benchmarks.cases.case import Case
from benchmarks.contenders import FLOOR, PROCESSES
from benchmarks.target import Target
from benchmarks.timing import CALLS, median_ms

USUAL = 32  # MiB
OTHERS = (1, 64)


def bytes_in(factory: Factory, scale: float, mib: int) -> float:
    """Return the median ms of a call whose argument is large."""
    data = os.urandom(mib << 20)
    with factory(1) as pool:
        return median_ms(lambda: pool.submit(tasks.take, data).result(), scale, calls(mib))


def bytes_nested(factory: Factory, scale: float, mib: int) -> float:
    """Return the same with the argument out of sight."""
    data = {"data": [os.urandom(mib << 20)]}
    with factory(1) as pool:
        return median_ms(lambda: pool.submit(tasks.take, data).result(), scale, calls(mib))


def bytes_out(factory: Factory, scale: float, mib: int) -> float:
    """Return the median ms of a call whose result is large."""
    with factory(1) as pool:
        return median_ms(lambda: pool.submit(tasks.give, mib << 20).result(), scale, calls(mib))


def floor(scale: float, mib: int) -> float:
    """Return the median ms of one copy into fresh memory."""
    data = os.urandom(mib << 20)
    return median_ms(lambda: bytearray(data), scale, calls(mib))


def calls(mib: int) -> int:
    """Return how many calls are worth a median: more of those that are over quickly."""
    return CALLS * max(USUAL // mib, 1)


def case(measure: Callable[..., float], title: str, mib: int, *targets: Target) -> Case:
    """Return the case of one size and one way."""
    usual, name = mib == USUAL, measure.__name__
    return Case(
        name=name if usual else f"{name}_{mib}",
        title=f"{mib} MiB of bytes {title}",
        unit="ms",
        measure=partial(measure, mib=mib),
        floor=partial(floor, mib=mib),
        most_rounds=None if usual else 2,
        targets=(*targets, Target(1 / 3, reference=PROCESSES)),
    )


MEMCPY = Target(1.3, reference=FLOOR)
CASES = (
    case(bytes_in, "as an argument", USUAL, Target(1), MEMCPY),
    case(bytes_out, "as a result", USUAL, Target(1 / 1.2), MEMCPY),
    case(bytes_nested, "in a list in a dict", USUAL, Target(1), MEMCPY),
    *(case(bytes_in, "as an argument", mib, Target(1)) for mib in OTHERS),
    *(case(bytes_out, "as a result", mib, Target(1 / 1.2)) for mib in OTHERS),
)
