"""Readings of the benchmark, made up, and the record of a small run of them."""

from collections.abc import Mapping, Sequence

from benchmarks.cases import CASES
from benchmarks.contenders import FLOOR, LOKY, OURS, STDLIB, THREADS
from benchmarks.record import Record
from benchmarks.rounds import Rounds
from benchmarks.sample import Sample

SETTING: dict[str, str | int | None] = {
    "implementation": "CPython",
    "python": "3.14.0",
    "system": "Linux",
    "architecture": "x86_64",
    "usable_cpus": 2,
}
FIGURES = {
    # A time: half of the stdlib's. A rate: six times as many. One that nobody else can do.
    "round_trip": {OURS: [50.0, 60.0, 55.0], STDLIB: [110.0, 120.0, 100.0], FLOOR: [10.0]},
    "throughput": {OURS: [60e3, 60e3, 61e3], STDLIB: [10e3, 10e3, 9e3], THREADS: [80e3]},
    "view": {OURS: [0.2]},
}


def readings(figures: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[Sample, float]:
    """Return readings, by case, contender and turn."""
    return {
        Sample(turn, case, name): value
        for case, contenders in figures.items()
        for name, values in contenders.items()
        for turn, value in enumerate(values)
    }


def a_record() -> Record:
    """Return the record of a small run."""
    took = Rounds(readings(FIGURES), {("view", FLOOR): "none"}, {})
    cases = [CASES[name] for name in FIGURES]
    return Record(SETTING, False, cases, [OURS, STDLIB, THREADS, FLOOR], {LOKY: "no"}, took)
