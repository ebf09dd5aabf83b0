"""The contest: the rounds, and who comes out how."""

from collections.abc import Iterator, Sequence

from benchmarks.contenders import OURS
from benchmarks.fresh import SampleError, ask
from benchmarks.report import NOTHING, number
from benchmarks.rounds import Rounds, rotated
from benchmarks.sample import Sample
from benchmarks.summary import ratio, summarize, values_of
from benchmarks.table import line
from benchmarks.works.catalogue import WORKS
from benchmarks.works.reading import PASSES, SERIAL

ITEMS = "items"
"""Stands where the name of a pass does: the number of items."""


class Contest:
    """The readings of some works, by the loop and some contenders that take turns."""

    def __init__(self, works: Sequence[str], contenders: Sequence[str], scale: float) -> None:
        """Begin with no reading."""
        self.rounds = Rounds()
        self._works, self._contenders, self._scale = works, contenders, scale
        self._expected: dict[str, str] = {}

    def hold(self, turn: int) -> None:
        """Take one round; the loop comes first in the first one, and tells what is right."""
        for work in self._works:
            for name in rotated([SERIAL, *self._contenders], turn):
                self.rounds.collect(
                    (work, name), lambda work=work, name=name: self._read(turn, work, name)
                )

    def _read(self, turn: int, work: str, name: str) -> dict[Sample, float]:
        """Return what a contender took; raise SampleError where its results are wrong."""
        answer = ask("benchmarks.works.reading", work, name, str(self._scale))
        if answer["digest"] != self._expected.setdefault(work, answer["digest"]):
            raise SampleError("its results are not those of the loop")
        return {Sample(turn, f"{work} {key}", name): answer[key] for key in (ITEMS, *PASSES)}

    def tables(self) -> Iterator[str]:
        """Yield the lines of a table for each pass."""
        titles = "From the constructor to the last result", "A pool that has done the same before"
        for title, key in zip(titles, PASSES, strict=True):
            yield from ("", f"{title}: times as fast as the loop", "")
            yield line("work", "items", "loop, s", *self._contenders, f"{OURS} ÷ the best other")
            yield line("---", *["---:"] * (len(self._contenders) + 3))
            for work in self._works:
                yield line(*self._row(work, key))

    def _row(self, work: str, key: str) -> Iterator[str]:
        """Yield the cells of a work."""
        yield f"{WORKS[work].title} (`{work}`)"
        loop = [[*self._values(work, one, SERIAL).values()] for one in (ITEMS, key)]
        yield f"{loop[0][0]:,}" if loop[0] else NOTHING
        yield number(summarize(loop[1]).median) if loop[1] else NOTHING
        ups = {name: up for name in self._contenders if (up := self._speed_up(work, key, name))}
        yield from (number(ups[name]) if name in ups else NOTHING for name in self._contenders)
        others = {name: up for name, up in ups.items() if name != OURS}
        if OURS not in ups or not others:
            yield NOTHING
            return
        best = max(others, key=others.__getitem__)
        yield f"{number(ups[OURS] / others[best])} ({best})"

    def _speed_up(self, work: str, key: str, name: str) -> float | None:
        """Return how many times as fast as the loop a contender is, if it has been measured."""
        found = ratio(self._values(work, key, SERIAL), self._values(work, key, name))
        return found.median if found else None

    def _values(self, work: str, key: str, name: str) -> dict[int, float]:
        """Return the readings of a work's pass, by turn."""
        return values_of(self.rounds.readings, f"{work} {key}", name)
