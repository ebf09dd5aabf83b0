"""asyncio: what `loop.run_in_executor` cannot say. Thin; the pool does the work.

    await aio.run(pool, fn, *args, key=value)
    async for result in aio.map(pool, fn, items, buffersize=16): ...
    async for result in aio.imap_unordered(pool, fn, items, buffersize=16): ...

To cancel the task that waits here stops the calls, also those that run, since
`Future.cancel()` does. (So it does with `run_in_executor`: asyncio passes it on.)
All of it belongs to the thread of the event loop, and never blocks that.
"""

import asyncio
from collections import deque

from interpexec import _checks
from interpexec._chunks import Outcomes, opened
from interpexec._words import shown
from interpexec.executor import InterpreterPoolExecutor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable
    from concurrent.futures import Future
    from typing import Self

    from interpexec._mapping import Supply

__all__ = ["imap_unordered", "map", "run"]

# How many calls are in flight for each worker if the caller does not say: one runs,
# and one stands ready while the event loop is busy with the result.
_CALLS_PER_WORKER = 2


async def run[**P, T](
    executor: InterpreterPoolExecutor,
    fn: "Callable[P, T]",
    /,
    *args: "P.args",
    **kwargs: "P.kwargs",
) -> T:
    """Run `fn(*args, **kwargs)` in a worker and return its result.

    `run_in_executor` with keyword arguments. Raises what the call raises, and what
    `submit` does.
    """
    return await asyncio.wrap_future(executor.submit(fn, *args, **kwargs))


def map[T](  # noqa: A001  # the executor's name for it
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., T]",
    *iterables: "Iterable[object]",
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "AsyncGenerator[T]":
    """Return an asynchronous iterator over `fn(*items)`, in order, as `executor.map` does.

    chunksize: items per call. None: one.
    buffersize: how many items may be in flight, submitted and not yet yielded. None:
        two calls for each worker.

    The iterables are read in the event loop, as far as `buffersize` lets them. When
    an item raises, when the task that iterates is cancelled, or the iterator is
    closed (`contextlib.aclosing`), everything in flight is cancelled, what runs
    included. Raises TypeError or ValueError at once, naming the argument.
    """
    supply = _supply(executor, fn, iterables, chunksize, buffersize)
    return _in_order(supply)  # type: ignore[return-value]  # of what `fn` returns


async def _in_order(supply: "Supply") -> "AsyncGenerator[object]":
    futures: deque[Future[object]] = deque()
    try:
        futures.extend(supply.begin())
        while futures:
            outcomes = opened(await asyncio.wrap_future(futures[0]))
            del futures[0]
            while outcomes:
                if len(outcomes) == 1:
                    futures.extend(supply.refill())
                yield outcomes.take()  # no name for it: the caller alone holds it
    finally:
        for future in futures:
            future.cancel()


def imap_unordered[T](
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., T]",
    *iterables: "Iterable[object]",
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "Unordered[T]":
    """Return an asynchronous iterator over the results of `map`, as they arrive.

    An exception costs its own item only: it is raised by the `anext()` that meets it,
    and the next one goes on. Otherwise as `map`.
    """
    return Unordered(_supply(executor, fn, iterables, chunksize, buffersize))


class Unordered[T]:
    """What `imap_unordered` returns. One task may iterate."""

    def __init__(self, supply: "Supply") -> None:
        self._supply = supply
        self._has_begun = False
        self._pending: set[asyncio.Future[object]] = set()
        self._open = Outcomes([])

    def __aiter__(self) -> "Self":
        return self

    async def __anext__(self) -> T:
        """Return the next result; wait for it."""
        if not self._has_begun:
            self._has_begun = True
            self._add(self._supply.begin())
        while not self._open:
            if not self._pending:
                raise StopAsyncIteration
            self._open = await self._next_arrived()
        if len(self._open) == 1:
            self._add(self._supply.refill())
        return self._open.take()  # type: ignore[return-value]  # of what the function returns

    async def aclose(self) -> None:
        """Cancel everything in flight; the iterator is then exhausted. Never blocks."""
        self._has_begun = True
        self._open = Outcomes([])
        pending, self._pending = self._pending, set()
        for future in pending:
            future.cancel()

    async def _next_arrived(self) -> Outcomes:
        """Wait for a call to finish and return its outcomes; raise its exception."""
        try:
            done, _ = await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the task is: one of the calls would not raise here
            await self.aclose()
            raise
        future = done.pop()
        self._pending.discard(future)
        try:
            return opened(future.result())
        except BaseException:
            self._add(self._supply.refill())
            raise

    def _add(self, futures: "Iterable[Future[object]]") -> None:
        self._pending.update(asyncio.wrap_future(future) for future in futures)


def _supply(
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., object]",
    iterables: "tuple[Iterable[object], ...]",
    chunksize: int | None,
    buffersize: int | None,
) -> "Supply":
    """Check the arguments, and bound what is in flight."""
    if not isinstance(executor, InterpreterPoolExecutor):
        raise TypeError(f"executor must be an InterpreterPoolExecutor, got {shown(executor)}")
    if buffersize is None:
        workers = executor._max_workers  # noqa: SLF001  # one of us
        buffersize = _CALLS_PER_WORKER * workers * _checks.chunksize(chunksize)
    return executor._supply(fn, iterables, chunksize, buffersize)  # noqa: SLF001  # as above
