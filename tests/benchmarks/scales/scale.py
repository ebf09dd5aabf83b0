"""A scale: a table of costs, each row of which is ten times the one before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """A table of costs.

    ``measure(contender, row, scale)`` returns a figure for each of *columns*, or for some of them;
    it runs in a fresh process. *rows* has their names. A contender takes part up to the row
    that *contenders* has for it. A row from *long* on takes part in one round only, and a
    quick run goes no farther than *quick_most*.
    """

    title: str
    rows: Mapping[float, str]
    contenders: Mapping[str, float]
    columns: Mapping[str, str]
    measure: Callable[[str, float, float], Mapping[str, float]]
    long: float
    quick_most: float

    def lines(self, *, quick: bool, number: int = 0) -> Sequence[tuple[float, str]]:
        """Return the rows and the contenders of round *number*."""
        most = self.quick_most if quick else max(self.rows)
        return [
            (row, name)
            for row in self.rows
            for name, last in self.contenders.items()
            if row <= min(most, last) and (number == 0 or row < self.long)
        ]
