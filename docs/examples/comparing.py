"""Compare a parallel run with the serial one: the same results, and how much faster."""

from collections.abc import Callable
from os import process_cpu_count
from time import perf_counter

from interpexec import InterpreterPoolExecutor


def compare(
    what: str, serially: Callable[[], object], at_once: Callable[[InterpreterPoolExecutor], object]
) -> None:
    """Run both twice, and tell of the second time: then imports are over, and caches are filled."""
    expected = serially()
    began = perf_counter()
    assert serially() == expected
    seconds = perf_counter() - began
    with InterpreterPoolExecutor(process_cpu_count()) as pool:
        assert at_once(pool) == expected
        began = perf_counter()
        assert at_once(pool) == expected
        speed_up = seconds / (perf_counter() - began)
    print(f"{what}: {seconds:.2f} s one after another, {speed_up:.1f} times as fast in the pool")
