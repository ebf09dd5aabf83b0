"""Pools with `multiprocessing`'s methods, which leave nothing behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gates
from interpexec.pool import Pool


@contextmanager
def pool_of(*args: Any, **kwargs: Any) -> Iterator[Pool]:
    """Make a pool; terminate it at the end, and wait until nothing is left of it."""
    with Pool(*args, **kwargs) as pool:
        yield pool
    pool.join()


@contextmanager
def gated_pool(*args: Any, **kwargs: Any) -> Iterator[tuple[Pool, gates.Gate]]:
    """Make a pool, and a gate that opens before its end."""
    with gates.gate() as gate, pool_of(*args, **kwargs) as pool:
        try:
            yield pool, gate
        finally:
            gate.open()
