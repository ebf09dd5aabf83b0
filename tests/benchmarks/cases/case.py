"""What a case is."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.contenders import Contender, Factory
from benchmarks.target import Target


@dataclass(frozen=True, slots=True)
class Case:
    """One number about a contender.

    ``measure(factory, scale)`` takes it, in a fresh process that does nothing else; *scale*
    is 1.0, or less in a quick run, and shrinks the work but not the number's meaning.
    ``floor(scale)`` takes what the machine asks for the same service without any executor,
    and raises ImportError where it cannot. ``per_round`` is how many samples a round holds:
    more for cases that are over quickly and scatter widely. ``needs`` names a quality that a
    contender must have.
    """

    name: str
    title: str
    unit: str
    measure: Callable[[Factory, float], float]
    target: Target
    floor: Callable[[float], float] | None = None
    per_round: int = 1
    in_process_only: bool = False
    needs: str = ""

    def admits(self, contender: Contender) -> bool:
        """Tell whether the number means anything for *contender*."""
        if self.needs and not getattr(contender, self.needs):
            return False
        return contender.in_process or not self.in_process_only
