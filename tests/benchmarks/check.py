"""The check, which finds every ratio that is less than half as good as it was.

A reference is a small file that can be read and edited by hand: for each case, interpexec's
median divided by that of another contender in the same run. Ratios hold on other machines,
so that a fall means a worse library and not a slower machine.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cases import CASES
from benchmarks.contenders import OURS
from benchmarks.summary import Readings, ratio, values_of

TOLERANCE = 2.0
"""How many times worse a ratio may be. Less would take a lucky run for a law; more would let
two falls in a row pass."""

TWO_CORES = 1.5
"""How many times as fast as one process two are where there are two free cores."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The ratios to compare with, by case, and who they are *against*."""

    made_on: str
    against: str
    ratios: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Fall:
    """A case whose ratio has fallen from what was expected; None: it was not measured."""

    case: str
    against: str
    expected: float
    found: float | None

    def __str__(self) -> str:
        """Return it in one line."""
        case = f"{self.case} ÷ {self.against}: expected {self.expected:.3g}"
        if self.found is None:
            return f"{case}, not measured"
        worse = CASES[self.case].goodness(self.expected) / CASES[self.case].goodness(self.found)
        return f"{case}, found {self.found:.3g}: {worse:.1f} times as bad"


def falls(reference: Reference, readings: Readings) -> list[Fall]:
    """Return what has fallen by more than the tolerance, or is not there."""
    found = ratios(readings, list(reference.ratios), reference.against)
    return [
        Fall(name, reference.against, expected, found.get(name))
        for name, expected in reference.ratios.items()
        if name not in found or fallen(name, expected, found[name])
    ]


def fallen(name: str, expected: float, found: float) -> bool:
    """Tell whether a ratio is less than half as good as expected."""
    goodness = CASES[name].goodness
    return goodness(found) * TOLERANCE < goodness(expected)


def last_falls(
    reference: Reference, readings: Readings, again: Callable[[Sequence[str]], Readings]
) -> list[Fall]:
    """Return what has fallen both in *readings* and in what *again* then measures.

    ``again(names)`` measures those cases once more, and longer: the machine may have been
    busy with something else just then.
    """
    first = falls(reference, readings)
    if not first:
        return []
    names = [fall.case for fall in first]
    rest = {name: reference.ratios[name] for name in names}
    return falls(Reference(reference.made_on, reference.against, rest), again(names))


def ratios(readings: Readings, names: Sequence[str], against: str) -> dict[str, float]:
    """Return the ratio of each of these cases that both have been measured in."""
    found = {}
    for name in names:
        reference = values_of(readings, name, against)
        if quotient := ratio(values_of(readings, name, OURS), reference):
            found[name] = quotient.median
    return found


def dump(reference: Reference) -> str:
    """Return the text of a reference file."""
    data = {
        "made_on": reference.made_on,
        "against": reference.against,
        "ratios": {name: float(f"{value:.3g}") for name, value in reference.ratios.items()},
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def load(text: str) -> Reference:
    """Return the reference that *text* has; raise ValueError or KeyError where it has none."""
    data = json.loads(text)
    if unknown := data["ratios"].keys() - CASES.keys():
        message = f"no such case: {', '.join(sorted(unknown))}"
        raise ValueError(message)
    return Reference(data["made_on"], data["against"], data["ratios"])
