"""The rounds: which sample is taken when, and what came of each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.cases.case import Case
from benchmarks.contenders import CONTENDERS, FLOOR, Contender
from benchmarks.fresh import SampleError
from benchmarks.missing import MissingError
from benchmarks.sample import Sample, take


@dataclass(slots=True)
class Rounds:
    """All that a run has measured so far, by (case, contender).

    A pair that is missing or has failed once is not tried again: a pool that hangs would
    otherwise cost its time limit in every round.
    """

    readings: dict[Sample, float] = field(default_factory=dict)
    missing: dict[tuple[str, str], str] = field(default_factory=dict)
    failed: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, sample: Sample, scale: float) -> None:
        """Take *sample* and keep what comes of it."""
        self.collect((sample.case, sample.contender), lambda: {sample: take(sample, scale)})

    def collect(self, pair: tuple[str, str], measure: Callable[[], Mapping[Sample, float]]) -> None:
        """Keep what comes of measuring a pair, once or more."""
        if pair in self.missing or pair in self.failed:
            return
        try:
            self.readings |= measure()
        except MissingError as error:
            self.missing[pair] = str(error)
        except SampleError as error:
            self.failed[pair] = str(error)


def one_round(number: int, cases: Sequence[Case], contenders: Sequence[str]) -> Iterator[Sample]:
    """Yield the samples of round *number*: in each case A B C …, A B C … again where asked.

    The first place rotates, so that no contender always comes after the same neighbour.
    """
    names = [name for name in contenders if name == FLOOR or takes_part(CONTENDERS[name], number)]
    for case in cases:
        if not takes_part(case, number):
            continue
        for turn in range(number * case.per_round, (number + 1) * case.per_round):
            for name in rotated(names, turn):
                if name == FLOOR or case.admits(CONTENDERS[name]):
                    yield Sample(turn, case.name, name)


def takes_part(one: Case | Contender, number: int) -> bool:
    """Tell whether a case or a contender is for round *number*, too."""
    return one.most_rounds is None or number < one.most_rounds


def rotated(names: Sequence[str], turn: int) -> list[str]:
    """Return *names* in their order, beginning with another one each turn."""
    first = turn % len(names)
    return [*names[first:], *names[:first]]
