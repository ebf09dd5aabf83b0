"""Compare a parallel run with the serial one: the same results, and how much faster."""

from collections.abc import Callable
from time import perf_counter

from interpexec import InterpreterPoolExecutor


def compare(
    what: str, serially: Callable[[], object], at_once: Callable[[InterpreterPoolExecutor], object]
) -> None:
    """Run both; the pool's workers have made the same calls once, so their imports are over."""
    began = perf_counter()
    expected = serially()
    seconds = perf_counter() - began
    with InterpreterPoolExecutor() as pool:
        assert at_once(pool) == expected
        began = perf_counter()
        assert at_once(pool) == expected
        speed_up = seconds / (perf_counter() - began)
    print(f"{what}: {seconds:.2f} s one after another, {speed_up:.1f} times as fast in the pool")
