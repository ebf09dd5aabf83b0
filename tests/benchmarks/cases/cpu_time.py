"""CPU time: what a call costs this process, in all its threads; neither noise nor waiting is in it.

- `cpu_call`: no-ops, all submitted, then all the results.
- `cpu_round_trip`: no-ops, one at a time. A thread that spins for a reply uses CPU time as well.
- `cpu_list`: calls with a list of 100 numbers there and back, all submitted at once.
- `cpu_item`: the items of a `map` over no-ops.

Two workers ready; `time.process_time` over all calls of one process, divided by their number;
µs. Pools of processes are left out: their workers' time is not this process's.
"""

import time
from collections.abc import Callable
from concurrent.futures import Executor

from benchmarks import tasks
from benchmarks.adapters import Factory
from benchmarks.cases import payloads, throughput
from benchmarks.cases.case import Case
from benchmarks.contenders import THREADS
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.target import Target

CALLS = 10_000
ITEMS = 200_000


def case(
    name: str, title: str, run: Callable[[Executor, int], None], count: int, *targets: Target
) -> Case:
    """Return the case of the CPU time of each of *count* calls that *run* makes."""

    def measure(factory: Factory, scale: float) -> float:
        calls = round(count * scale)
        with factory(WORKERS) as pool:
            hold_meeting(pool)
            run(pool, calls // 5)
            begun = time.process_time()
            run(pool, calls)
            return (time.process_time() - begun) / calls * 1e6

    return Case(
        name=name,
        title=title,
        unit="µs",
        measure=measure,
        targets=targets,
        in_process_only=True,
    )


def round_trips(pool: Executor, count: int) -> None:
    """Make so many calls, one at a time."""
    for _ in range(count):
        pool.submit(tasks.noop).result()


def lists(pool: Executor, count: int) -> None:
    """Send a list of 100 there and back, in so many calls."""
    payloads.burst(pool, list(range(payloads.SMALL)), count)


def items(pool: Executor, count: int) -> None:
    """Map over so many items."""
    for _ in pool.map(tasks.same, range(count)):
        pass


CASES = (
    case(
        "cpu_call",
        "CPU time of a no-op call, all at once",
        throughput.burst,
        CALLS,
        Target(0.25),
        Target(1, reference=THREADS),
    ),
    case(
        "cpu_round_trip",
        "CPU time of a no-op call, one by one",
        round_trips,
        CALLS,
        Target(0.5),
    ),
    case(
        "cpu_list",
        "CPU time of a call with a list of 100",
        lists,
        CALLS,
        Target(0.5),
    ),
    case("cpu_item", "CPU time of an item of a map", items, ITEMS, Target(0.1)),
)
