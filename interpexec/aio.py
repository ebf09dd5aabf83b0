"""asyncio: maps, and calls with keywords. Thin; the pool does the work.

    await aio.run(pool, fn, *args, key=value)
    async for result in aio.map(pool, fn, items, buffersize=16): ...
    async for result in aio.imap_unordered(pool, fn, items, buffersize=16): ...
    async for outcome in aio.outcomes(pool, fn, items, buffersize=16): ...
    async with aio.group(pool) as group: task = group.submit(fn, *args)
    await aio.shutdown(pool)

Cancelling the task that waits stops the calls, also those that run, since `Future.cancel()`
does. (With `run_in_executor`, too: asyncio passes it on.) All functions belong to the thread
of the event loop, and never block it.
"""

import asyncio
from typing import overload

from interpexec._aio import ending
from interpexec._aio.group import Group
from interpexec._aio.iterators import Unordered, in_order
from interpexec._aio.request import check, request_of
from interpexec.executor import InterpreterPoolExecutor

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
    from typing import Any

    from interpexec._map.outcome import Outcome

__all__ = ["Group", "group", "imap_unordered", "map", "outcomes", "run", "shutdown"]


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


def group(executor: InterpreterPoolExecutor) -> Group:
    """Return a group of calls, for an `async with` block: they end together; see `Group`."""
    return Group(executor)


async def shutdown(executor: InterpreterPoolExecutor, *, cancel_futures: bool = False) -> None:
    """Shut an executor down as its method `shutdown` does, without blocking the event loop.

    It takes no more calls at once; this returns when those that were taken have come to their end,
    and every worker's interpreter is gone. cancel_futures: cancel the calls that wait.

    Cancelling the task that awaits this stops what runs, as Ctrl-C does in the method; unless
    the pool has `cancel_running=False`. `async with pool:` shuts a pool down in this way.
    """
    check(executor)
    scheduler = executor._scheduler  # noqa: SLF001  # a class of this package
    await ending.shut_down(scheduler, cancel_futures=cancel_futures)


@overload
def map[A, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A], R]",
    first: "Iterable[A]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "AsyncGenerator[R]": ...
@overload
def map[A, B, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B], R]",
    first: "Iterable[A]",
    second: "Iterable[B]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "AsyncGenerator[R]": ...
@overload
def map[A, B, C, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B, C], R]",
    first: "Iterable[A]",
    second: "Iterable[B]",
    third: "Iterable[C]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "AsyncGenerator[R]": ...
@overload
def map[A, B, C, D, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B, C, D], R]",
    first: "Iterable[A]",
    second: "Iterable[B]",
    third: "Iterable[C]",
    fourth: "Iterable[D]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "AsyncGenerator[R]": ...
@overload
def map[A, B, C, D, E, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B, C, D, E], R]",
    first: "Iterable[A]",
    second: "Iterable[B]",
    third: "Iterable[C]",
    fourth: "Iterable[D]",
    fifth: "Iterable[E]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "AsyncGenerator[R]": ...
@overload
def map[R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., R]",
    first: "Iterable[Any]",
    second: "Iterable[Any]",
    third: "Iterable[Any]",
    fourth: "Iterable[Any]",
    fifth: "Iterable[Any]",
    sixth: "Iterable[Any]",
    /,
    *others: "Iterable[Any]",
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "AsyncGenerator[R]": ...
def map[R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., R]",
    *iterables: "Iterable[object]",
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "AsyncGenerator[R]":
    """Return an asynchronous iterator over `fn(*items)`, in order, as `executor.map` does.

    chunksize: items per call. None: as `executor.map`, as far as `buffersize` lets it.
    buffersize: how many items may be in flight, read and not yet yielded. None: two
        calls for each worker, of `chunksize` items, or one. For many short items, give
        some thousands.

    The iterables are read in the event loop, as far as `buffersize` lets them. When
    an item raises, when the task that iterates is cancelled, or the iterator is
    closed (`contextlib.aclosing`), everything in flight is cancelled, what runs
    included. Raises TypeError or ValueError at once, naming the argument.
    """
    request = request_of(executor, fn, iterables, chunksize, buffersize)
    return in_order(executor._job_maker(request)())  # type: ignore[return-value]  # noqa: SLF001  # a class of this package


@overload
def imap_unordered[A, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A], R]",
    first: "Iterable[A]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "Unordered[R]": ...
@overload
def imap_unordered[A, B, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B], R]",
    first: "Iterable[A]",
    second: "Iterable[B]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "Unordered[R]": ...
@overload
def imap_unordered[A, B, C, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B, C], R]",
    first: "Iterable[A]",
    second: "Iterable[B]",
    third: "Iterable[C]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "Unordered[R]": ...
@overload
def imap_unordered[A, B, C, D, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B, C, D], R]",
    first: "Iterable[A]",
    second: "Iterable[B]",
    third: "Iterable[C]",
    fourth: "Iterable[D]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "Unordered[R]": ...
@overload
def imap_unordered[A, B, C, D, E, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B, C, D, E], R]",
    first: "Iterable[A]",
    second: "Iterable[B]",
    third: "Iterable[C]",
    fourth: "Iterable[D]",
    fifth: "Iterable[E]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "Unordered[R]": ...
@overload
def imap_unordered[R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., R]",
    first: "Iterable[Any]",
    second: "Iterable[Any]",
    third: "Iterable[Any]",
    fourth: "Iterable[Any]",
    fifth: "Iterable[Any]",
    sixth: "Iterable[Any]",
    /,
    *others: "Iterable[Any]",
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "Unordered[R]": ...
def imap_unordered[R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., R]",
    *iterables: "Iterable[object]",
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "Unordered[R]":
    """Return an asynchronous iterator over the results of `map`, as they arrive.

    An exception costs its own item only: it is raised by the `anext()` that meets it,
    and the next one goes on. Otherwise as `map`.
    """
    request = request_of(executor, fn, iterables, chunksize, buffersize)
    return Unordered(executor._job_maker(request))  # noqa: SLF001  # a class of this package


def outcomes[R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., R]",
    *iterables: "Iterable[Any]",
    ordered: bool = True,
    chunksize: int | None = None,
    buffersize: int | None = None,
) -> "AsyncIterator[Outcome[Any, R]]":
    """Return an asynchronous iterator over one `Outcome` for each item, as `executor.outcomes`.

    ordered: in the order of the items; else as they arrive. Otherwise as `map`.
    """
    request = request_of(executor, fn, iterables, chunksize, buffersize, wants_outcomes=True)
    make = executor._job_maker(request)  # noqa: SLF001  # a class of this package
    return in_order(make()) if ordered else Unordered(make)  # type: ignore[return-value]
