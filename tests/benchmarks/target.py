"""A target: what a median, or a ratio of two medians, is to reach."""

from dataclasses import dataclass

from benchmarks.contenders import STDLIB


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on interpexec's median, divided by the *reference* contender's.

    A reference of None takes the median as it is: the number is a ratio already, or the
    target is absolute, in *unit*. *case* names another case for the reference's median to
    be taken from. All targets of a case have the same *at_least*: whether more is better.
    """

    bound: float
    reference: str | None = STDLIB
    at_least: bool = False
    unit: str = "x"
    case: str | None = None

    def met(self, ratio: float) -> bool:
        """Tell whether *ratio* is on the right side of the bound."""
        return ratio >= self.bound if self.at_least else ratio <= self.bound

    @property
    def against(self) -> str:
        """Return what the ratio is taken against."""
        if self.unit != "x":
            return "absolute"
        place = f" in {self.case}" if self.case else ""
        return f"÷ {self.reference or 'serial'}{place}"

    def __str__(self) -> str:
        """Return the bound as the report prints it."""
        bound = f"{self.bound:,.3g}" if self.bound < 1000 else f"{self.bound:,.0f}"
        return f"{'≥' if self.at_least else '≤'} {bound}{self.unit}"
