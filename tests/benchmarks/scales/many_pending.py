"""Many pending calls: what each of them costs, while the workers stand at a gate.

- submit: `submit(noop)`
- memory: growth of the process's resident memory meanwhile
- finish: from the opening of the gate until the last result was asked for
- cancel: `cancel()` of as many other calls that are pending, the latest first
"""

from concurrent.futures import Executor, Future

from benchmarks import rss, tasks
from benchmarks.contenders import CONTENDERS, OURS, THREADS
from benchmarks.gate import Gate
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.scales.scale import Scale
from benchmarks.timing import timed

MOST = 1_000_000


def measure(contender: str, row: float, _scale: float) -> dict[str, float]:
    """Return the costs of so many pending calls, µs and bytes each."""
    count = int(row)
    with CONTENDERS[contender].load()(WORKERS) as pool:
        hold_meeting(pool)
        found = finishing(pool, count) | {"cancel": cancelling(pool, count)}
    return {key: value / count * 1e6 for key, value in found.items()}


def finishing(pool: Executor, count: int) -> dict[str, float]:
    """Return the seconds and the MB of calls that are submitted, and then run."""
    futures: list[Future[None]] = []
    seconds: list[float] = []

    def submit() -> None:
        futures.extend(pool.submit(tasks.noop) for _ in range(count))

    def finish() -> None:
        gate.open()
        for future in futures:
            future.result()

    with Gate(WORKERS) as gate:
        gate.hold(pool)
        grown = rss.growth(lambda: seconds.append(timed(submit)[0]))
        return {"submit": seconds[0], "memory": grown, "finish": timed(finish)[0]}


def cancelling(pool: Executor, count: int) -> float:
    """Return the seconds of cancelling calls that are pending."""
    with Gate(WORKERS) as gate:
        gate.hold(pool)
        futures = [pool.submit(tasks.noop) for _ in range(count)]
        seconds, cancelled = timed(lambda: [future.cancel() for future in reversed(futures)])
    assert all(cancelled), "a call was begun while the gate was closed"
    return seconds


SCALE = Scale(
    title="Many pending calls: costs of each",
    rows={10**power: f"{10**power:,} calls" for power in range(3, 7)},
    contenders={OURS: MOST, THREADS: MOST},
    columns={
        "submit": "submit, µs",
        "memory": "memory, bytes",
        "finish": "finish, µs",
        "cancel": "cancel, µs",
    },
    measure=measure,
    long=MOST,
    quick_most=MOST // 10,
)
