"""Calls by their length: how many of them two workers do in a second, of pure Python.

- one by one: `submit`, a hundred being pending, and the result of the oldest before the next one
- map: in each contender's usual form, as in `real_work.py`
- ÷ loop: the same, divided by the rate of a loop in the main thread of the same process
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future

from benchmarks import tasks
from benchmarks.cases.map_work import STEPS_PER_MS
from benchmarks.contenders import CONTENDERS, OURS, PROCESSES, STDLIB, THREADS
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.scales.scale import Scale
from benchmarks.timing import timed
from benchmarks.works.reading import mapped

WINDOW = 100
MOST_CALLS = 20_000
SECONDS = 0.3
"""Of all calls, one after another."""

LONGEST = 10.0


def measure(contender: str, row: float, scale: float) -> dict[str, float]:
    """Return the rates of calls of so many ms."""
    count = max(round(min(SECONDS * 1e3 / row if row else MOST_CALLS, MOST_CALLS) * scale), 4)
    items = [round(STEPS_PER_MS * row)] * count
    with CONTENDERS[contender].load()(WORKERS) as pool:
        hold_meeting(pool)
        before = rate(lambda: [tasks.count_down(item) for item in items], count)
        singly = rate(lambda: one_by_one(pool, items), count)
        together = rate(lambda: mapped(contender, pool, tasks.count_down, items), count)
        loop = (before + rate(lambda: [tasks.count_down(item) for item in items], count)) / 2
    return {
        "submit": singly,
        "submit_ratio": singly / loop,
        "map": together,
        "map_ratio": together / loop,
    }


def rate(run: Callable[[], object], count: int) -> float:
    """Return how many of *count* calls are run in a second, after a warm-up."""
    run()
    return count / timed(run)[0]


def one_by_one(pool: Executor, items: list[int]) -> None:
    """Submit calls; ask for the oldest result before the next one, once many are pending."""
    pending: deque[Future[int]] = deque()
    for item in items:
        if len(pending) == WINDOW:
            pending.popleft().result()
        pending.append(pool.submit(tasks.count_down, item))
    for future in pending:
        future.result()


SCALE = Scale(
    title="Calls by their length: how many in a second, with two workers",
    rows={0: "nothing", 0.01: "10 µs", 0.1: "100 µs", 1: "1 ms", LONGEST: "10 ms"},
    contenders=dict.fromkeys((OURS, STDLIB, THREADS, PROCESSES), LONGEST),
    columns={
        "submit": "one by one, calls/s",
        "submit_ratio": "÷ loop",
        "map": "map, items/s",
        "map_ratio": "÷ loop",
    },
    measure=measure,
    long=2 * LONGEST,  # none
    quick_most=LONGEST,
)
