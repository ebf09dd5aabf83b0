"""The check of the benchmark: a ratio that has fallen is found, measured again, and told."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks import check, cli
from benchmarks.cases import QUICK
from benchmarks.check import Fall, Reference
from benchmarks.contenders import OURS, STDLIB
from benchmarks.summary import Readings
from measured import FIGURES, readings

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("case", "expected", "found", "fallen"),
    [
        ("round_trip", 0.5, 0.5, False),
        ("round_trip", 0.5, 0.99, False),
        ("round_trip", 0.5, 1.01, True),
        ("round_trip", 0.5, 0.1, False),
        ("throughput", 6.0, 3.1, False),
        ("throughput", 6.0, 2.9, True),
        ("throughput", 6.0, 60.0, False),
    ],
)
def test_half_as_good_is_a_fall(case: str, expected: float, found: float, fallen: bool) -> None:
    """For times twice as much, for rates half as many; getting better is none."""
    reference = Reference("here", STDLIB, {case: expected})
    falls = check.falls(reference, readings({case: {OURS: [found * 100], STDLIB: [100]}}))
    assert [fall.case for fall in falls] == [case] * fallen


def test_a_case_that_is_not_measured_is_a_fall() -> None:
    """A check that passes because nothing ran would be none."""
    reference = Reference("here", STDLIB, {"memory": 0.5})
    (fall,) = check.falls(reference, readings(FIGURES))
    assert str(fall) == "memory ÷ stdlib: expected 0.5, not measured"


def test_a_fall_tells_how_far() -> None:
    """In the words of someone who reads a log."""
    text = "round_trip ÷ stdlib: expected 0.5, found 1.5: 3.0 times as bad"
    assert str(Fall("round_trip", STDLIB, 0.5, 1.5)) == text


def again(found: Readings, asked: list[Sequence[str]]) -> Callable[[Sequence[str]], Readings]:
    """Return what pretends to measure once more, and notes what it was asked for."""

    def measure(names: Sequence[str]) -> Readings:
        asked.append(names)
        return found

    return measure


def test_only_what_falls_twice_has_fallen() -> None:
    """The cases that seem to have fallen are measured again; the others are not."""
    reference = Reference("here", STDLIB, {"round_trip": 0.1, "throughput": 6.0, "memory": 0.5})
    better = readings({"round_trip": {OURS: [10], STDLIB: [100]}})
    asked: list[Sequence[str]] = []
    falls = check.last_falls(reference, readings(FIGURES), again(better, asked))
    assert asked == [["round_trip", "memory"]]
    assert [fall.case for fall in falls] == ["memory"]


def test_cases_that_stand_are_not_measured_again() -> None:
    """Cases that stand are not measured again, so that a good run is a short one."""
    asked: list[Sequence[str]] = []
    reference = Reference("here", STDLIB, {"throughput": 6.0})
    assert check.last_falls(reference, readings(FIGURES), again({}, asked)) == []
    assert asked == []


def test_a_reference_is_written_and_read() -> None:
    """Three digits are enough."""
    text = check.dump(Reference("here", STDLIB, {"round_trip": 0.512345}))
    assert check.load(text) == Reference("here", STDLIB, {"round_trip": 0.512})


def test_the_committed_reference_is_of_the_short_form() -> None:
    """Every case of it, against the stdlib class."""
    path = Path(cli.__file__).with_name("reference.json")
    reference = check.load(path.read_text(encoding="utf-8"))
    assert reference.against == STDLIB
    assert set(reference.ratios) == set(QUICK)
