"""asyncio: maps, and calls with keywords. Thin; the pool does the work.

    await aio.run(pool, fn, *args, key=value)
    async for result in aio.map(pool, fn, items, buffersize=16): ...
    async for result in aio.imap_unordered(pool, fn, items, buffersize=16): ...
    async for outcome in aio.outcomes(pool, fn, items, buffersize=16): ...

Cancelling the task that waits stops the calls, also those that run, since `Future.cancel()`
does. (With `run_in_executor`, too: asyncio passes it on.) All functions belong to the thread
of the event loop, and never block it.
"""

import asyncio
from contextlib import suppress
from typing import overload

from interpexec._core.error_text import shown
from interpexec._map.chunk_list import Chunk
from interpexec._map.chunk_size import CALLS_PER_WORKER
from interpexec._map.job import Job
from interpexec._map.opening import failed, opened
from interpexec._map.outcomes import Outcomes
from interpexec._map.request import MapRequest
from interpexec._pool import arguments
from interpexec.executor import InterpreterPoolExecutor

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
    from concurrent.futures import Future
    from typing import Any, Self

    from interpexec._map.opening import Opened
    from interpexec._map.outcome import Outcome

__all__ = ["imap_unordered", "map", "outcomes", "run"]


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
    request = _request(executor, fn, iterables, chunksize, buffersize)
    return _in_order(executor._job_maker(request)())  # type: ignore[return-value]  # noqa: SLF001  # a class of this package


async def _in_order(job: Job) -> "AsyncGenerator[object]":
    try:
        chunk = job.begin()
        while (following := job.after(chunk)) is not None:
            chunk = following
            outcomes = await _outcomes(job, chunk)
            while outcomes:
                job.refill()
                yield outcomes.take()  # no name for it: the caller alone holds it
    finally:
        job.cancel()


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
    request = _request(executor, fn, iterables, chunksize, buffersize)
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
    request = _request(executor, fn, iterables, chunksize, buffersize, wants_outcomes=True)
    make = executor._job_maker(request)  # noqa: SLF001  # a class of this package
    return _in_order(make()) if ordered else Unordered(make)  # type: ignore[return-value]


class Unordered[T]:
    """The iterator that `imap_unordered` returns. One task may iterate."""

    def __init__(self, make: "Callable[..., Job]") -> None:
        """make: makes the job, given a function that is told of chunks."""
        self._make = make
        self._job: Job | None = None
        self._arrived: asyncio.Queue[Chunk | None] = asyncio.Queue()
        self._taken = 0
        self._is_over = False
        self._open: Opened = Outcomes([])

    def __aiter__(self) -> "Self":
        return self

    async def __anext__(self) -> T:
        """Return the next result; wait for it."""
        while not self._open:
            job = self._begun()
            job.check()
            if self._is_over or self._taken == job.chunks.made:
                raise StopAsyncIteration
            self._open = await self._next_arrived(job)
        outcomes = self._open  # the iterable may close this when it is read
        self._begun().refill()
        try:
            return outcomes.take()  # type: ignore[return-value]  # of what the function returns
        except StopAsyncIteration as error:  # of an item: not the end of all
            raise RuntimeError("the function raised StopAsyncIteration") from error

    async def aclose(self) -> None:
        """Cancel everything in flight; the iterator is then exhausted. Never blocks."""
        self._is_over = True
        self._open = Outcomes([])
        if self._job is not None:
            self._job.cancel()
        self._arrived.put_nowait(None)  # another task may be waiting

    def __del__(self) -> None:
        """Cancel what is still pending, when nobody wants it any more."""
        if self._job is not None and not self._is_over:
            self._job.release()

    def _begun(self) -> Job:
        """Return the job. It begins with the first item that is wanted."""
        if self._job is None:
            loop, put = asyncio.get_running_loop(), self._arrived.put_nowait

            def arrived(chunk: Chunk) -> None:
                # In a loop that is closed no task waits.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(put, chunk)

            self._job = self._make(arrived=arrived)
            if not self._is_over:
                self._job.begin()
        return self._job

    async def _next_arrived(self, job: Job) -> "Opened":
        """Wait for a call to finish and return its outcomes; raise its exception."""
        try:
            chunk = await self._arrived.get()
        except asyncio.CancelledError:  # the task is: one of the calls would not raise here
            await self.aclose()
            raise
        if chunk is None:
            raise asyncio.CancelledError
        self._taken += 1
        try:
            return await _outcomes(job, chunk)  # it is finished
        except BaseException as error:
            job.refill()
            if isinstance(error, StopAsyncIteration):  # of an item: not the end of all
                message = "the function raised StopAsyncIteration"
                raise RuntimeError(message) from error  # noqa: TRY004  # as PEP 479 has it
            raise


async def _outcomes(job: Job, chunk: Chunk) -> "Opened":
    """Wait for a call and return the outcomes of its items; or raise its exception."""
    future = chunk.future
    try:
        value = await asyncio.wrap_future(future)
    except BaseException as error:
        if not _is_of(future, error) or (outcomes := failed(job, chunk, error)) is None:
            raise
        return outcomes
    finally:
        del future  # it refers to the result; see `iterators`
    return opened(job, chunk, value)


def _is_of(future: "Future[object]", error: BaseException) -> bool:
    """Say whether an exception is the outcome of a call, and not the end of this task."""
    if not isinstance(error, asyncio.CancelledError):
        return future.done() and not future.cancelled()
    task = asyncio.current_task()
    return future.cancelled() and not (task is not None and task.cancelling())


def _request(  # noqa: PLR0913  # what a map is given
    executor: InterpreterPoolExecutor,
    fn: "Callable[..., object]",
    iterables: "tuple[Iterable[object], ...]",
    chunksize: int | None,
    buffersize: int | None,
    *,
    wants_outcomes: bool = False,
) -> MapRequest:
    """Check the arguments, and bound what is in flight."""
    if not isinstance(executor, InterpreterPoolExecutor):
        raise TypeError(f"executor must be an InterpreterPoolExecutor, got {shown(executor)}")
    if buffersize is None:
        workers = executor._max_workers  # noqa: SLF001  # a class of this package
        buffersize = CALLS_PER_WORKER * workers * (arguments.chunksize(chunksize) or 1)
    return MapRequest(fn, iterables, chunksize, buffersize, wants_outcomes=wants_outcomes)
