"""The readings of `interpexec bench`: which items, how often, and in which order.

A first reading runs items in a loop until its share of the time is over. That tells how many of
them are the sample, or how often a small one is repeated. Then the ways take turns, each reading
in a process of its own (A B C, B C A, ...), so that a slow moment meets all of them.
"""

import json
import pickle
import random
import sys
from statistics import median
from time import monotonic

from interpexec.cli._errors import UsageError
from interpexec.cli._reading import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from interpexec.cli._children import Children
    from interpexec.cli._evaluate import Settings
    from interpexec.cli._items import Source

    type Reading = dict[str, Any]

_PROGRAM = "from interpexec.cli._reading import main; main()"

MOST_ITEMS = 100_000
MOST_BYTES = 1 << 24
"""Of the items that are read: the sample is taken from them, at random."""

MOST_RUN = 1_000_000
"""Items of a reading, with those that are repeated."""

FEWEST_ROUNDS, MOST_ROUNDS = 3, 9

OVERHEAD = 0.3
"""Seconds that a reading takes beside its run: the start of Python, and of workers."""

LEAST = 0.05
"""Seconds of the shortest loop that is measured."""

GRACE = 20.0
"""Seconds that a reading may take longer than ten loops."""


def read_some(source: "Source", seconds: float) -> tuple[list[str], bool]:
    """Read items until there are many, or the time is over; say whether these are all.

    Raises UsageError where they cannot be read, or there is none.
    """
    from interpexec.cli._items import Reader  # here, beside its thread

    items: list[str] = []
    size = 0

    def take(block: list[str]) -> None:
        nonlocal size
        if len(items) >= MOST_ITEMS or size >= MOST_BYTES:
            raise RuntimeError("these are enough")
        items.extend(block)
        size += sum(map(len, block))

    from threading import Event  # likewise

    over = Event()
    reader = Reader(source, take, over.set)
    reader.start()
    over.wait(seconds)
    if reader.error is not None:
        message = f"cannot read the items: {reader.error}"
        raise UsageError(message) from reader.error
    found = items[:MOST_ITEMS]
    if not found:
        raise UsageError("there are no items to measure with")
    return found, reader.is_over and reader.count == len(found)


class Result:
    """One way to run the sample: its readings."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.readings: list[Reading] = []
        self.error: str | None = None
        """Why it cannot be measured."""

    def middle(self, key: str) -> float | None:
        """Return the median of a number; None where there is none."""
        values = [each[key] for each in self.readings if each.get(key) is not None]
        return median(values) if values else None

    @property
    def start(self) -> float:
        """The seconds until the workers are ready."""
        return self.middle("start") or 0.0

    @property
    def run(self) -> float:
        """The seconds for the sample."""
        return self.middle("run") or 0.0

    @property
    def idle(self) -> float:
        """The share of the run in which other programs had the CPU."""
        return (self.middle("idle") or 0.0) / self.run if self.run else 0.0

    @property
    def failed(self) -> int:
        """How many items have failed."""
        return max((each["failed"] for each in self.readings), default=0)

    @property
    def failure(self) -> str | None:
        """The first failure of an item."""
        return next((each["failure"] for each in self.readings if each["failure"]), None)


class Rounds:
    """Takes readings, round by round."""

    def __init__(
        self,
        children: "Children",
        settings: "Settings",
        jobs: int,
        names: "Sequence[str]",
        tell: "Callable[[str], object]",
    ) -> None:
        """names: of ways, the loop first. tell: is told what comes next."""
        self._children = children
        self._settings = settings
        self._jobs = jobs
        self._tell = tell
        self.results = [Result(name) for name in names]
        self.sample: list[str] = []
        self.times = 1
        """How often each item of the sample is run."""
        self.count = 0
        """How many rounds there were."""

    def take(self, items: list[str], seconds: float) -> None:
        """Measure for about so many seconds. Raises UsageError where the loop fails."""
        begun = monotonic()
        self._choose(items, seconds)
        while self._wants_more(begun, seconds):
            turn = self.count % len(self.results)
            for result in self.results[turn:] + self.results[:turn]:
                self._tell(f"round {self.count + 1}: {result.name}")
                self._add(result)
            self.count += 1

    def _wants_more(self, begun: float, seconds: float) -> bool:
        spent = monotonic() - begun
        is_time = spent + (spent / self.count if self.count else 0.0) <= seconds
        return self.count < MOST_ROUNDS and (not self.count or is_time)

    def _choose(self, items: list[str], seconds: float) -> None:
        """Choose the sample: at random, and as many as the time allows."""
        self._tell("choosing a sample")
        items = items[:]
        random.Random(0).shuffle(items)  # noqa: S311  # the same for the same items
        share = max(seconds / (FEWEST_ROUNDS * len(self.results)) - OVERHEAD, LEAST)
        request = Request("loop", self._settings, self._jobs, items, seconds=share)
        reading = self._read(request, GRACE + 10 * seconds)
        if "error" in reading:
            raise UsageError(f"the loop cannot be measured: {reading['error']}")
        count, took = reading["count"], reading["seconds"]
        if count == len(items):
            self.times = max(1, min(round(share / max(took, 1e-6)), MOST_RUN // count))
        # A number that can be divided among the workers, or speed-ups depend on the rest.
        whole = max(count // self._jobs, 1) * self._jobs
        self.sample = items if count == len(items) else items[:whole]
        self._limit = GRACE + 10 * took / count * len(self.sample) * self.times

    def _add(self, result: Result) -> None:
        """Take one more reading; none of a way that has failed."""
        if result.error is not None:
            return
        request = Request(result.name, self._settings, self._jobs, self.sample, self.times)
        reading = self._read(request, self._limit)
        if "error" not in reading:
            result.readings.append(reading)
            return
        result.error = reading["error"]
        if result is self.results[0]:
            raise UsageError(f"the loop cannot be measured: {result.error}")

    def _read(self, request: Request, limit: float) -> "Reading":
        given = pickle.dumps((sys.path, request))
        try:
            done = self._children.run(_PROGRAM, given=given, limit=limit)
        except TimeoutError as error:
            return {"error": str(error)}
        try:
            reading: Reading = json.loads(done.out)
        except ValueError:
            reading = {"error": done.told()}
        return reading
