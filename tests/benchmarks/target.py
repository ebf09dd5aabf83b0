"""A target: what a median, or a ratio of two medians, is to reach."""

from dataclasses import dataclass

from benchmarks.contenders import STDLIB


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on interpexec's median, divided by the *reference* contender's.

    A reference of None takes the median as it is: the case is a ratio already, or the
    target is absolute, in *unit*.
    """

    title: str
    bound: float
    at_least: bool = False
    reference: str | None = STDLIB
    unit: str = "x"

    def met(self, ratio: float) -> bool:
        """Tell whether *ratio* is on the right side of the bound."""
        return ratio >= self.bound if self.at_least else ratio <= self.bound

    @property
    def against(self) -> str:
        """Return what the ratio is taken against."""
        if self.unit != "x":
            return "absolute"
        return f"÷ {self.reference or 'serial'}"

    def __str__(self) -> str:
        """Return the bound as the report prints it."""
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}{self.unit}"
