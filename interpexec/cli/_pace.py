"""How many items are sent to a worker together.

A chunk costs some 100 µs of messages and wake-ups, so a million tiny items must
share them; an item of a second must be sent alone, so that it neither holds up
its neighbours nor leaves the other workers idle. The speed is measured:

- The first chunks have one item each.
- Each chunk that comes back says how long its items took. The next ones are
  made as large as would take `TARGET` seconds at that speed: smaller at once,
  larger by at most `GROWTH` times per chunk, as one fast item says little about
  the next.
- No chunk takes more than its share of what waits, so that every worker gets
  some, and a few items are sent one by one. Nothing ever waits for a chunk to get
  full: slow input is passed on as it comes.

A chunk that turns out slower than expected is cut by the worker itself (see
`_evaluate.SLICE`) and its rest comes back here. But the worker looks at the clock
only between two items: one that takes long after many quick ones keeps back the
results of those in its own chunk, at most `TARGET` seconds of work.
"""

TARGET = 0.02
"""Seconds that a chunk should take.

The messages around it cost below 1 % of that. A longer chunk would hold back its
first results for longer, and leave workers idle at the end of the input.
"""

GROWTH = 4
"""How much larger the next chunk may be: from 1 to `LARGEST` in seven steps."""

LARGEST = 16384
"""Items in a chunk: at some 0.5 µs each, the cheapest ones take less than `TARGET`."""


SHARES = 4
"""A chunk is at most one of so many shares per worker of what waits.

With fewer, a slow item keeps back more of its neighbours. With 8, a run over a
million paths from a pipe took a third longer; up to 4, there was no difference.
"""


class Pace:
    """The size of the next chunk for a pool of `workers`. For one thread."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._size = 1

    def next_size(self, waiting: int) -> int:
        """Return how many of `waiting` items to send next (0 if there is none)."""
        fair_share = -(-waiting // (SHARES * self._workers))
        return min(self._size, fair_share)

    def record(self, items: int, seconds: float) -> None:
        """Learn from a chunk: `items` of it were done in `seconds`."""
        fitting = items * TARGET / seconds if seconds > 0 else LARGEST
        self._size = max(1, min(int(fitting), self._size * GROWTH, LARGEST))
