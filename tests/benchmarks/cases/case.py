"""A case: a name, a unit, a function that measures, and targets."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.adapters import Call, Factory
from benchmarks.contenders import Contender
from benchmarks.target import Target


@dataclass(frozen=True, slots=True)
class Case:
    """One number about a contender.

    ``measure(factory, scale)`` takes it, in a fresh process that does nothing else; *scale*
    is 1.0, or less in a quick run, and shrinks the work but not the number's meaning.
    ``awaited(make_call, scale)`` does the same for contenders that are awaited. ``floor(scale)``
    takes what the machine asks for the same service without any executor. Each of them
    raises MissingError where it cannot.

    ``per_round`` is how many samples a round holds: more for cases that are over quickly and
    scatter widely. ``most_rounds`` is in how many rounds it takes part: fewer for cases that
    take long and hardly scatter. ``needs`` names a quality that a contender must have.
    """

    name: str
    title: str
    unit: str
    measure: Callable[[Factory, float], float]
    targets: tuple[Target, ...]
    floor: Callable[[float], float] | None = None
    awaited: Callable[[Callable[[int], Call], float], Awaitable[float]] | None = None
    per_round: int = 1
    most_rounds: int | None = None
    in_process_only: bool = False
    needs: str = "submits"

    def admits(self, contender: Contender) -> bool:
        """Tell whether the number means anything for *contender*."""
        if contender.awaits:
            return self.awaited is not None
        if not getattr(contender, self.needs):
            return False
        return contender.in_process or not self.in_process_only

    @property
    def more_is_better(self) -> bool:
        """Tell whether it is a rate, or something else of which more is better."""
        return self.targets[0].at_least

    def goodness(self, ratio: float) -> float:
        """Return how many times as good one is, by the ratio of its number to the other's."""
        return ratio if self.more_is_better else 1 / ratio
