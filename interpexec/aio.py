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
from interpexec._aio.request import check, job_maker
from interpexec.executor import InterpreterPoolExecutor

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
    from typing import Any

    from interpexec._map.outcome import Outcome
    from interpexec._map.progress import Wanted

    type Source[T] = Iterable[T] | AsyncIterable[T]

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
    ending.refuse_elsewhere()  # before a call is submitted that nobody would wait for
    return await asyncio.wrap_future(executor.submit(fn, *args, **kwargs))


def group(executor: InterpreterPoolExecutor, *, progress: "Wanted" = False) -> Group:
    """Return a group of calls, for an `async with` block: they end together; see `Group`.

    progress: as in `map`, of the calls: those that are done, those that have failed, and all that
        were submitted so far.
    """
    return Group(executor, progress=progress)


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
    first: "Source[A]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "AsyncGenerator[R]": ...
@overload
def map[A, B, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B], R]",
    first: "Source[A]",
    second: "Source[B]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "AsyncGenerator[R]": ...
@overload
def map[A, B, C, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B, C], R]",
    first: "Source[A]",
    second: "Source[B]",
    third: "Source[C]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "AsyncGenerator[R]": ...
@overload
def map[A, B, C, D, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B, C, D], R]",
    first: "Source[A]",
    second: "Source[B]",
    third: "Source[C]",
    fourth: "Source[D]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "AsyncGenerator[R]": ...
@overload
def map[A, B, C, D, E, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B, C, D, E], R]",
    first: "Source[A]",
    second: "Source[B]",
    third: "Source[C]",
    fourth: "Source[D]",
    fifth: "Source[E]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "AsyncGenerator[R]": ...
@overload
def map[R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., R]",
    first: "Source[Any]",
    second: "Source[Any]",
    third: "Source[Any]",
    fourth: "Source[Any]",
    fifth: "Source[Any]",
    sixth: "Source[Any]",
    /,
    *others: "Source[Any]",
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "AsyncGenerator[R]": ...
def map[R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., R]",
    *iterables: "Source[object]",
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "AsyncGenerator[R]":
    """Return an asynchronous iterator over `fn(*items)`, in order, as `executor.map` does.

    chunksize: items per call. None: as `executor.map`, as far as `buffersize` lets it.
    buffersize: how many items may be in flight, read and not yet yielded. None: two
        calls for each worker, of `chunksize` items, or one. For many short items, give
        some thousands.

    progress: as in `executor.map`. A callable is called in a thread of the pool.

    The iterables, ordinary or asynchronous ones, are read in the event loop, as far as
    `buffersize` lets them; asynchronous ones in a task of their own, so that results come while
    they wait. An exception of theirs comes behind the results of the items before it. When
    an item raises, when the task that iterates is cancelled, or the iterator is
    closed (`contextlib.aclosing`), everything in flight is cancelled, what runs
    included, and the reading. (As by `async for`, an asynchronous generator is not closed: where
    that matters, do it by another `aclosing`.) Raises TypeError or ValueError at once, naming the
    argument.
    """
    maker = job_maker(executor, fn, iterables, chunksize, buffersize, progress=progress)
    return in_order(*maker)  # type: ignore[return-value]  # of what `fn` returns


@overload
def imap_unordered[A, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A], R]",
    first: "Source[A]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "Unordered[R]": ...
@overload
def imap_unordered[A, B, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B], R]",
    first: "Source[A]",
    second: "Source[B]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "Unordered[R]": ...
@overload
def imap_unordered[A, B, C, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B, C], R]",
    first: "Source[A]",
    second: "Source[B]",
    third: "Source[C]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "Unordered[R]": ...
@overload
def imap_unordered[A, B, C, D, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B, C, D], R]",
    first: "Source[A]",
    second: "Source[B]",
    third: "Source[C]",
    fourth: "Source[D]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "Unordered[R]": ...
@overload
def imap_unordered[A, B, C, D, E, R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[[A, B, C, D, E], R]",
    first: "Source[A]",
    second: "Source[B]",
    third: "Source[C]",
    fourth: "Source[D]",
    fifth: "Source[E]",
    /,
    *,
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "Unordered[R]": ...
@overload
def imap_unordered[R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., R]",
    first: "Source[Any]",
    second: "Source[Any]",
    third: "Source[Any]",
    fourth: "Source[Any]",
    fifth: "Source[Any]",
    sixth: "Source[Any]",
    /,
    *others: "Source[Any]",
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "Unordered[R]": ...
def imap_unordered[R](
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., R]",
    *iterables: "Source[object]",
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "Unordered[R]":
    """Return an asynchronous iterator over the results of `map`, as they arrive.

    An exception costs its own item only: it is raised by the `anext()` that meets it,
    and the next one goes on. Otherwise as `map`.
    """
    return Unordered(*job_maker(executor, fn, iterables, chunksize, buffersize, progress=progress))


def outcomes[R](  # noqa: PLR0913  # the options of a map, and the order
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., R]",
    *iterables: "Source[Any]",
    ordered: bool = True,
    chunksize: int | None = None,
    buffersize: int | None = None,
    progress: "Wanted" = False,
) -> "AsyncIterator[Outcome[Any, R]]":
    """Return an asynchronous iterator over one `Outcome` for each item, as `executor.outcomes`.

    ordered: in the order of the items; else as they arrive. Otherwise as `map`.
    """
    maker = job_maker(
        executor, fn, iterables, chunksize, buffersize, wants_outcomes=True, progress=progress
    )
    return in_order(*maker) if ordered else Unordered(*maker)  # type: ignore[return-value]
