"""Many workers: what each of them costs, and what they cost each call.

- start: from the constructor until every worker stands at a gate, in a call of its own
- memory: growth of the process's resident memory meanwhile
- round trip: the median of calls that do nothing, one at a time, while all workers are idle
- no-ops: calls that do nothing, submitted at once
- cancel: from `cancel()` of a busy loop until it notices, the median of some
- shutdown: all of the pool's end
"""

import statistics

from benchmarks import rss, tasks
from benchmarks.cases import round_trip, stop, throughput
from benchmarks.contenders import CONTENDERS, OURS, STDLIB
from benchmarks.gate import Gate
from benchmarks.scales.room import make_room
from benchmarks.scales.scale import Scale
from benchmarks.timing import timed

CANCELS = 10
HUNDRED, THOUSAND = 100, 1000


def measure(contender: str, row: float, scale: float) -> dict[str, float]:
    """Return the costs of so many workers."""
    workers = int(row)
    make_room(workers)
    factory = CONTENDERS[contender].load()
    pools = []
    with Gate(workers) as gate:

        def start() -> None:
            pools.append(factory(workers))
            gate.hold(pools[0])

        seconds: list[float] = []
        grown = rss.growth(lambda: seconds.append(timed(start)[0]))
    (pool,) = pools
    found = {
        "start": seconds[0] / workers * 1e3,
        "memory": grown / workers,
        "round_trip": round_trip.median_time(
            lambda: pool.submit(tasks.noop).result(), round(round_trip.CALLS * scale)
        ),
        "rate": throughput.median_rate(
            lambda count: throughput.burst(pool, count), round(throughput.TASKS * scale)
        ),
    }
    if CONTENDERS[contender].stops_calls:
        found["cancel"] = statistics.median(stop.interrupted(pool, CANCELS))
    found["shutdown"] = timed(pool.shutdown)[0] / workers * 1e3
    return found


SCALE = Scale(
    title="Many workers: costs of each worker, and of calls among them",
    rows={10: "10 workers", HUNDRED: "100 workers", THOUSAND: "1,000 workers"},
    contenders={OURS: THOUSAND, STDLIB: HUNDRED},
    columns={
        "start": "start, ms each",
        "memory": "memory, MB each",
        "round_trip": "round trip, µs",
        "rate": "no-ops/s",
        "cancel": "cancel, ms",
        "shutdown": "shutdown, ms each",
    },
    measure=measure,
    long=THOUSAND,
    quick_most=HUNDRED,
)
