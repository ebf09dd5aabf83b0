"""Items of pure Python, of one length each."""

from functools import partial

from benchmarks.cases.map_work import STEPS_PER_MS
from benchmarks.tasks import count_down

SECONDS = 0.4
"""Of the whole work, one item after another."""


def items(scale: float, _number: int, *, milliseconds: float) -> list[int]:
    """Return items of one length."""
    count = SECONDS * 1e3 / milliseconds
    return [round(STEPS_PER_MS * milliseconds)] * round(count * scale)


exercise = count_down
"""The function of a map; workers import the light module that it is from."""

us_10 = partial(items, milliseconds=0.01)
us_100 = partial(items, milliseconds=0.1)
ms_1 = partial(items, milliseconds=1)
ms_10 = partial(items, milliseconds=10)
