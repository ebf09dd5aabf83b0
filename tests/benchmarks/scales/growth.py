"""The growth of costs: the readings of some scales, and their tables."""

from collections.abc import Collection, Iterator, Sequence

from benchmarks.fresh import ask
from benchmarks.report import NOTHING, number
from benchmarks.rounds import Rounds
from benchmarks.sample import Sample
from benchmarks.scales.catalogue import SCALES
from benchmarks.scales.scale import Scale
from benchmarks.summary import summarize, values_of
from benchmarks.table import line

QUICK_SCALE = 0.2


class Growth:
    """The readings of some scales, by contenders that take turns."""

    def __init__(self, names: Sequence[str], absent: Collection[str], *, quick: bool) -> None:
        """Begin with no reading."""
        self.rounds = Rounds()
        self._scales = {name: SCALES[name] for name in names}
        self._absent = absent
        self._quick = quick

    def hold(self, turn: int) -> None:
        """Take one round, row by row."""
        for name, scale in self._scales.items():
            for row, who in scale.lines(quick=self._quick, number=turn):
                if who not in self._absent:
                    self.rounds.collect(
                        (f"{name} {row:g}", who),
                        lambda name=name, row=row, who=who: self._read(turn, name, row, who),
                    )

    def _read(self, turn: int, name: str, row: float, who: str) -> dict[Sample, float]:
        """Return the figures of a line."""
        scale = QUICK_SCALE if self._quick else 1
        answer = ask("benchmarks.scales.reading", name, who, str(row), str(scale))
        return {Sample(turn, f"{name} {row:g} {key}", who): answer[key] for key in answer}

    def tables(self) -> Iterator[str]:
        """Yield the lines of a table for each scale."""
        for name, scale in self._scales.items():
            yield from ("", scale.title, "")
            yield line("", "executor", *scale.columns.values())
            yield line("---", "---", *["---:"] * len(scale.columns))
            for row, who in scale.lines(quick=self._quick):
                if who not in self._absent:
                    yield line(scale.rows[row], who, *self._cells(name, scale, row, who))

    def _cells(self, name: str, scale: Scale, row: float, who: str) -> Iterator[str]:
        """Yield the medians of a line."""
        for key in scale.columns:
            values = values_of(self.rounds.readings, f"{name} {row:g} {key}", who)
            yield number(summarize([*values.values()]).median) if values else NOTHING
