"""CPU-bound map: how much faster one or two workers are than none.

Measured: ``map(count_primes, …)`` over equal pieces of pure-Python work of some 20 ms, all
workers ready and warm, against the same pieces one after the other in the main thread,
before and after it in the same process. Unit: serial speed (serial time / map time). Two
workers in `cpu_map`, one in `cpu_one`. Floor, here a ceiling: as many bare processes, which
do an equal share each and are told to go at the same moment.
"""

from functools import partial

from benchmarks import tasks
from benchmarks.adapters import Factory
from benchmarks.cases.case import Case
from benchmarks.contenders import PROCESSES
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.target import Target
from benchmarks.work import Work, bare_speed_up, pool_speed_up

PIECES = 48
START = 1_000_000  # numbers of one size, so that the pieces are, too
WIDTH = 6_000  # some 20 ms a piece: what the pool adds to one is out of sight


def measure(factory: Factory, scale: float, workers: int = WORKERS) -> float:
    """Return the speed of a pool's ``map`` as a multiple of the serial speed."""
    with factory(workers) as pool:
        if workers == WORKERS:
            hold_meeting(pool)
        return pool_speed_up(pieces(scale, workers), pool)


def floor(scale: float, workers: int = WORKERS) -> float:
    """Return the speed of bare processes as a multiple of the serial speed."""
    return bare_speed_up(pieces(scale, workers), workers)


def pieces(scale: float, workers: int) -> Work:
    """Return the pieces: as many for each worker, however many there are."""
    count = round(PIECES * scale * workers / WORKERS)
    starts = [START + WIDTH * number for number in range(count)]
    return Work(tasks.count_primes, (starts, [WIDTH] * count))


CASE = Case(
    name="cpu_map",
    title="CPU-bound map on two workers",
    unit="x serial",
    measure=measure,
    floor=floor,
    needs="maps",
    targets=(
        Target(1.95, reference=None, at_least=True),
        Target(1, reference=PROCESSES, at_least=True),
    ),
)
ONE = Case(
    name="cpu_one",
    title="CPU-bound map on one worker",
    unit="x serial",
    measure=partial(measure, workers=1),
    floor=partial(floor, workers=1),
    needs="maps",
    most_rounds=2,
    targets=(
        Target(0.97, reference=None, at_least=True),
        Target(1, reference=PROCESSES, at_least=True),
    ),
)
