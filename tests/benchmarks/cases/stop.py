"""Stopping a call that runs: how soon it notices, and how soon the pool is of use again.

Measured, in a pool of one worker that runs `while True: pass`:

- `interrupt`: `future.cancel()` until the call's own `except` has the time, ms; the median
  of the calls of one process, and, as `interrupt_p99`, the 99th percentile. Every cancelled
  call had a fresh worker: that is what a pool does. Floor: the same by hand, a thread of the
  main interpreter that another one throws an exception at, with the same switch interval.
- `stop_next`: `future.cancel()` until the result of the next call, a no-op, ms, median.
  Floor: making a bare interpreter that runs one statement.

Only contenders that stop what runs take part. One of processes has no `except` to ask.
"""

import ctypes
import os
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import Executor
from pathlib import Path

from benchmarks import tasks
from benchmarks.adapters import Factory
from benchmarks.bare import bare_start
from benchmarks.cases.case import Case
from benchmarks.target import Target

CALLS = 100
"""Of one process, for the 99th percentile to be its worst but one."""

NEXT_CALLS = 15
SWITCH_INTERVAL = 0.001  # of a worker


def interruptions(factory: Factory, scale: float) -> list[float]:
    """Return the ms that each of many cancelled calls took to notice."""
    with factory(1) as pool:
        pool.submit(tasks.noop).result()
        return interrupted(pool, round(CALLS * scale))


def interrupted(pool: Executor, calls: int) -> list[float]:
    """Cancel so many calls, one after another; return the ms that each took to notice."""
    begun, noticed = os.pipe(), os.pipe()
    durations = []
    for _ in range(calls):
        future = pool.submit(tasks.spin, begun[1], noticed[1])
        os.read(begun[0], 1)
        start = time.monotonic_ns()
        assert future.cancel()
        durations.append((int.from_bytes(os.read(noticed[0], 8), "little") - start) / 1e6)
    for descriptor in begun + noticed:
        os.close(descriptor)
    return durations


def interrupt_floor(scale: float) -> list[float]:
    """Return the ms that a thread takes to notice an exception thrown by another one."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    return [interrupt_thread() for _ in range(round(CALLS * scale))]


def interrupt_thread() -> float:
    """Throw an exception at a busy thread; return how many ms later it is there."""
    begun, noticed = threading.Event(), []

    def spin() -> None:
        try:
            begun.set()
            while True:
                pass
        except KeyError:
            noticed.append(time.monotonic_ns())

    thread = threading.Thread(target=spin)
    thread.start()
    begun.wait()
    start = time.monotonic_ns()
    ident, error = ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyError)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, error)
    thread.join()
    return (noticed[0] - start) / 1e6


def percentile_99(durations: list[float]) -> float:
    """Return the 99th percentile."""
    return statistics.quantiles(durations, n=100, method="inclusive")[98]


def next_result(factory: Factory, scale: float) -> float:
    """Return the median ms from a cancel to the next result."""
    durations = []
    with tempfile.TemporaryDirectory() as folder:
        fifo = Path(folder, "begun")  # processes can reach it, too
        os.mkfifo(fifo)
        begun = os.open(fifo, os.O_RDWR)
        with factory(1) as pool:
            pool.submit(tasks.noop).result()
            for _ in range(max(round(NEXT_CALLS * scale), 1)):
                future = pool.submit(tasks.announce_and_spin, str(fifo))
                os.read(begun, 1)
                start = time.perf_counter()
                assert future.cancel()
                pool.submit(tasks.noop).result()
                durations.append((time.perf_counter() - start) * 1e3)
        os.close(begun)
    return statistics.median(durations)


def next_floor(scale: float) -> float:
    """Return the median ms that a bare interpreter takes to be made and to run something."""
    durations = [bare_start(1) for _ in range(max(round(NEXT_CALLS * scale), 1))]
    return statistics.median(durations)


INTERRUPT = Case(
    name="interrupt",
    title="a busy loop notices cancel(), p50",
    unit="ms",
    measure=lambda factory, scale: statistics.median(interruptions(factory, scale)),
    floor=lambda scale: statistics.median(interrupt_floor(scale)),
    in_process_only=True,
    needs="stops_calls",
    targets=(Target(2, reference=None, unit=" ms"),),
)
INTERRUPT_P99 = Case(
    name="interrupt_p99",
    title="a busy loop notices cancel(), p99",
    unit="ms",
    measure=lambda factory, scale: percentile_99(interruptions(factory, scale)),
    floor=lambda scale: percentile_99(interrupt_floor(scale)),
    in_process_only=True,
    needs="stops_calls",
    targets=(Target(10, reference=None, unit=" ms"),),
)
NEXT = Case(
    name="stop_next",
    title="from cancel() to the next result",
    unit="ms",
    measure=next_result,
    floor=next_floor,
    needs="stops_calls",
    targets=(Target(30, reference=None, unit=" ms"),),
)
