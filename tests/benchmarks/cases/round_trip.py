"""Round trip: how long a caller waits for a call that does nothing.

Measured: ``pool.submit(noop).result()``, one at a time, two workers ready and idle; the
median of the calls of one process. Unit: µs. Floor: two wake-ups of a sleeping thread, one
on the way there and one on the way back; no pickling and no future is in them. Measured by
a thread that echoes a byte between two pipes (it shares the caller's GIL, which a sleeping
caller leaves free). Awaited contenders are measured inside one event loop, which runs all along.

A wake-up costs tens of µs when the sleeper's core has gone idle, and 2 µs when the kernel
puts both threads on one core, which it decides once and keeps to: in a process the floor is
either about 3 or about 60 µs. Look at the quartiles before you believe a median.
"""

import asyncio
import os
import statistics
import threading
import time
from collections.abc import Callable

from benchmarks import tasks
from benchmarks.adapters import Call, Factory
from benchmarks.cases.case import Case
from benchmarks.contenders import ANYIO
from benchmarks.meeting import WORKERS, hold_meeting
from benchmarks.target import Target

CALLS = 500
WARM_UP = 200


def measure(factory: Factory, scale: float) -> float:
    """Return the median round trip of a no-op in µs."""
    with factory(WORKERS) as pool:
        hold_meeting(pool)
        return median_time(lambda: pool.submit(tasks.noop).result(), round(CALLS * scale))


def floor(scale: float) -> float:
    """Return the median round trip of a byte to a thread and back in µs."""
    there, back = os.pipe(), os.pipe()

    def echo() -> None:
        while byte := os.read(there[0], 1):
            os.write(back[1], byte)

    def call() -> None:
        os.write(there[1], b"x")
        os.read(back[0], 1)

    thread = threading.Thread(target=echo)
    thread.start()
    median = median_time(call, round(CALLS * scale))
    os.close(there[1])  # the echo reads the end of the file and returns
    thread.join()
    return median


async def awaited(make_call: Callable[[int], Call], scale: float) -> float:
    """Return the median round trip of a no-op, awaited, in µs."""
    call = make_call(WORKERS)
    await asyncio.gather(*(call(tasks.noop) for _ in range(WORKERS)))
    for _ in range(WARM_UP):
        await call(tasks.noop)
    durations = []
    for _ in range(round(CALLS * scale)):
        start = time.perf_counter()
        await call(tasks.noop)
        durations.append(time.perf_counter() - start)
    return statistics.median(durations) * 1e6


def median_time(call: Callable[[], object], calls: int) -> float:
    """Return the median duration of *call* in µs, after a warm-up."""
    for _ in range(WARM_UP):
        call()
    durations = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    return statistics.median(durations) * 1e6


CASE = Case(
    name="round_trip",
    title="round trip of a no-op, p50",
    unit="µs",
    measure=measure,
    floor=floor,
    per_round=3,
    awaited=awaited,
    targets=(Target(0.5), Target(0.9, reference=ANYIO)),
)
