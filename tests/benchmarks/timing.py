"""Timing: medians of a step's time."""

import statistics
import time
from collections.abc import Callable

CALLS = 7
LEAST_CALLS = 3


def median_ms(step: Callable[[], object], scale: float, calls: int = CALLS) -> float:
    """Return the median ms of a step, after a warm-up."""
    step()
    durations = [timed(step)[0] for _ in range(max(round(calls * scale), LEAST_CALLS))]
    return statistics.median(durations) * 1e3


def timed[T](run: Callable[[], T]) -> tuple[float, T]:
    """Return how many seconds *run* took, and what it returned."""
    start = time.perf_counter()
    value = run()
    return time.perf_counter() - start, value
