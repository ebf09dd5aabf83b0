"""Busy cores: other cases once more, beside as many processes that spin as there are cores.

A thread that waits there waits for its turn as well; and one that spins takes the turn of the
thread that it waits for. Names, units and floors are those of the other cases.
"""

from collections.abc import Callable
from dataclasses import replace

from benchmarks.adapters import Factory
from benchmarks.cases import cpu_time, map_noops, map_work, payloads, round_trip, throughput
from benchmarks.cases.case import Case
from benchmarks.contenders import POOL, THREADS
from benchmarks.spinners import every_core_busy
from benchmarks.target import Target


def busy(case: Case, *targets: Target) -> Case:
    """Return *case*, measured while every core is busy."""
    return replace(
        case,
        name=f"busy_{case.name}",
        title=f"{case.title}, cores busy",
        measure=_beside_spinners(case.measure),
        floor=case.floor and _floor_beside_spinners(case.floor),
        awaited=None,
        targets=targets,
    )


def _beside_spinners(
    measure: Callable[[Factory, float], float],
) -> Callable[[Factory, float], float]:
    def measured(factory: Factory, scale: float) -> float:
        with every_core_busy():
            return measure(factory, scale)

    return measured


def _floor_beside_spinners(floor: Callable[[float], float]) -> Callable[[float], float]:
    def measured(scale: float) -> float:
        with every_core_busy():
            return floor(scale)

    return measured


_SMALL = {case.name: case for case in payloads.CASES}
_WORK = {case.name: case for case in map_work.CASES}
_CPU = {case.name: case for case in cpu_time.CASES}

CASES = (
    busy(round_trip.CASE, Target(0.5)),
    busy(
        throughput.CASE,
        Target(4, at_least=True),
        Target(0.8, reference=THREADS, at_least=True),
    ),
    busy(
        map_noops.CASE,
        Target(150, at_least=True),
        Target(1, reference=POOL, at_least=True),
    ),
    busy(_WORK["map_10us"], Target(1, at_least=True)),
    *(
        busy(_SMALL[name], Target(1.8, at_least=True))
        for name in ("list_100", "dict_100", "dataclass_100")
    ),
    busy(_CPU["cpu_call"], Target(0.25)),
    busy(_CPU["cpu_round_trip"], Target(0.5)),
)
