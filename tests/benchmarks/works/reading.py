"""A reading: what one contender, or a loop, takes for one work, in a fresh process.

The work is done twice: from the constructor of the pool until the last result, the first pool of
the process, with workers that have imported nothing; and once more by the same pool. Imports of
the main interpreter (the pool's class, the library) come before.
"""

import hashlib
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from typing import Any

from benchmarks.contenders import CONTENDERS
from benchmarks.fresh import reply
from benchmarks.meeting import WORKERS
from benchmarks.timing import timed
from benchmarks.works.catalogue import WORKS

PASSES = ("start", "warm")

SERIAL = "serial"
"""Stands where a contender's name does."""

type Map = Callable[[Callable[..., object], Sequence[object]], list[object]]


def measure(work: str, contender: str, scale: float) -> dict[str, Any]:
    """Return the seconds of each pass, the number of items, and a digest of all results."""
    function, items_of = WORKS[work].load()
    first, second = (items_of(scale, number) for number in range(len(PASSES)))
    with ExitStack() as stack:
        begin = begin_of(contender, stack)

        def start() -> tuple[Map, list[object]]:
            run = begin()
            return run, run(function, first)

        start_s, (run, results) = timed(start)
        warm_s, more = timed(lambda: run(function, second))
    digest = hashlib.sha256(repr((results, more)).encode()).hexdigest()
    return {"start": start_s, "warm": warm_s, "items": len(first), "digest": digest}


def begin_of(contender: str, stack: ExitStack) -> Callable[[], Map]:
    """Return what makes a contender's pool, and returns its map."""
    if contender == SERIAL:
        return lambda: lambda function, items: list(map(function, items))
    factory = CONTENDERS[contender].load()

    def begin() -> Map:
        pool = stack.enter_context(factory(WORKERS))
        return lambda function, items: mapped(contender, pool, function, items)

    return begin


def mapped[A, R](
    contender: str, pool: Executor, function: Callable[[A], R], items: Sequence[A]
) -> list[R]:
    """Return the results of a map, in the contender's usual form."""
    if CONTENDERS[contender].chunks:
        return list(pool.map(function, items, chunksize=chunksize(len(items))))
    return list(pool.map(function, items))


def chunksize(items: int) -> int:
    """Return the size of four chunks for each worker, which `multiprocessing.Pool` makes, too."""
    return -(-items // (4 * WORKERS))


if __name__ == "__main__":
    work, contender, scale = sys.argv[1:]
    reply(lambda: measure(work, contender, float(scale)))
