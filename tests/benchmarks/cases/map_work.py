"""Map over small items and over uneven ones, with default settings.

Measured as in ``cpu_map``: two workers, ready and warm, against the main thread. Unit:
serial speed.

- `map_10us`: 20,000 items of about 10 µs, pure Python. The price of a message per item is
  all there is to see.
- `map_1ms`: 300 items of about 1 ms.
- `map_uneven`: 400 items of about 0.5 ms and six of a hundred times that, two side by side
  in the middle and all others at the end, where chunks of equal counts are at their worst.

Floor, here a ceiling: two bare processes, every other item each.
"""

from collections.abc import Callable

from benchmarks import tasks
from benchmarks.adapters import Factory
from benchmarks.cases.case import Case
from benchmarks.contenders import PROCESSES
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.target import Target
from benchmarks.work import Work, bare_speed_up, pool_speed_up

STEPS_PER_MS = 78_000
SHORTS = 400
LONGS = 6
LONGER = 100


def even(items: int, milliseconds: float) -> Callable[[float], Work]:
    """Return what makes a work of so many items of one length."""
    steps = round(STEPS_PER_MS * milliseconds)
    return lambda scale: Work(tasks.count_down, ([steps] * round(items * scale),))


def uneven(scale: float) -> Work:
    """Return the work whose long items stand in the worst places."""
    short = [STEPS_PER_MS // 2] * round(SHORTS * scale / 2)
    long = [LONGER * STEPS_PER_MS // 2] * max(round(LONGS * scale), WORKERS)
    return Work(tasks.count_down, (short + long[:WORKERS] + short + long[WORKERS:],))


def case(name: str, title: str, make: Callable[[float], Work]) -> Case:
    """Return the case of a work."""

    def measure(factory: Factory, scale: float) -> float:
        with factory(WORKERS) as pool:
            hold_meeting(pool)
            return pool_speed_up(make(scale), pool)

    return Case(
        name=name,
        title=title,
        unit="x serial",
        measure=measure,
        floor=lambda scale: bare_speed_up(make(scale)),
        needs="maps",
        most_rounds=3,
        targets=(
            Target(1, at_least=True),
            Target(1, reference=PROCESSES, at_least=True),
            Target(1.8, reference=None, at_least=True),
        ),
    )


CASES = (
    case("map_10us", "map over items of 10 µs", even(20_000, 0.01)),
    case("map_1ms", "map over items of 1 ms", even(300, 1)),
    case("map_uneven", "map over uneven items, the long ones last", uneven),
)
