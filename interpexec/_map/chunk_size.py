"""How many items of a map are sent in one call, from what the items so far have cost.

A call costs the caller's side some 70 µs, whatever is in it, so many short items are sent
together: as many as take TARGET. At the end of a map, where a worker must not have much left while
the others have nothing, it is a share of what is left ("guided self-scheduling", C. D.
Polychronopoulos and D. J. Kuck, IEEE Transactions on Computers C-36, 1987). The first
items are sent alone, and at once: nothing is known of them.
"""

from interpexec._pool.lending import MOST_AHEAD

TARGET = 5_000_000
"""ns: how long a call is to take. Long enough for its price to be one or two per cent, and
short enough for results to come steadily."""

LEAST = 250_000
"""ns: at the end, no call is made shorter than that."""

BUDGET = 4 * TARGET
"""ns: a call that takes longer hands the items back which it has not begun."""

CALLS_PER_WORKER = 2
"""In flight, where their sizes are measured: one runs, one stands ready."""

MOST = 1 << 14
"""Items in one call."""

MOST_WEIGHT = 1 << 20
"""Bytes in one call, one way."""

_GROWTH = 16  # at most, from one size to the next: a few items may be no measure


class Sizer:
    """Decides how many items the next call takes."""

    def __init__(self, fixed: int | None, most: int, workers: int = 1) -> None:
        """Begin. fixed: the user's size; None: measure. most: items in any case."""
        self.is_fixed = fixed is not None
        self.most_out = CALLS_PER_WORKER * workers + (MOST_AHEAD if self.is_fixed else 0)
        """Calls that are out at a time."""
        self._most = min(fixed or MOST, most)
        self._reached = 1  # items in the largest call that came to its end
        self._each = 0.0  # ns for an item
        self._weight = 0.0  # bytes of an item

    def size(self, waiting: int, workers: int, weight: float = 0) -> int:
        """Return how many items the next call takes, of so many that wait.

        weight: bytes of one of them, as it is sent.
        """
        if self.is_fixed:
            return self._most
        if not self._each:
            return 1
        most = min(self._most, self._reached * _GROWTH, TARGET / self._each)
        if weight := max(weight, self._weight):
            most = min(most, MOST_WEIGHT / weight)
        share = max(waiting // (2 * workers), LEAST / self._each)
        return max(1, int(min(most, share)))

    def measured(self, items: int, spent: int, weight: float) -> None:
        """Learn what so many items have cost: ns, and bytes (the heavier way of the two)."""
        each = max(spent / items, 1.0)
        # Half of the weight is the past's: items differ, and what they are like may change.
        self._each = (self._each + each) / 2 if self._each else each
        self._weight = (self._weight + weight / items) / 2 if self._weight else weight / items
        self._reached = max(self._reached, items)


def make_sizer(chunksize: int | None, buffersize: int | None, workers: int) -> Sizer:
    """Make the sizer of a map. The arguments are those of `map`, checked."""
    if chunksize is not None:
        most = chunksize if buffersize is None else min(chunksize, buffersize)
        return Sizer(most, most, workers)
    if buffersize is None:
        return Sizer(None, MOST, workers)
    most = max(1, min(MOST, buffersize // (CALLS_PER_WORKER * workers)))
    return Sizer(None, most, workers)
