"""The asynchronous iterators over the results of a map.

Where a feeder reads asynchronous iterables, a map is at its end when no call is left, and nothing
more is read. The second one is looked at first: each item is in a call before the reading is over.
"""

import asyncio
from contextlib import suppress
from functools import partial

from interpexec._aio.opening import outcomes_of, tell_progress
from interpexec._core.sigint import unbroken
from interpexec._map.chunk_list import Chunk
from interpexec._map.items import NOTHING
from interpexec._map.job import Job
from interpexec._map.outcomes import Outcomes

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from typing import Any, Protocol, Self

    from interpexec._map.provenance import Opened

    class Reading(Protocol):
        """The part of a `Feeder` that iterators use."""

        is_over: bool

        def begin(self, job: Any, tell: Callable[[], object], *, tells_each: bool = False) -> None:
            """Begin to read for a job."""

        def more(self, count: int = 1) -> None:
            """Let so many more items be in flight."""

        def take_error(self) -> BaseException | None:
            """Return the error of the iterables, once."""

        async def stop(self) -> None:
            """Read nothing more."""

        def abandon(self) -> None:
            """Read nothing more. From any thread."""


def in_order(make: "Callable[..., Job]", feeder: "Reading | None") -> "AsyncGenerator[object]":
    """Return the iterator that `map` returns.

    make: makes the job. feeder: reads for it, where there is one.
    """
    return _in_order(make()) if feeder is None else _in_fed_order(make(), feeder)


class _Released:
    """Releases a job when it dies, with the frame that holds it, whatever ends that.

    asyncio's runner has a handler of its own for Ctrl-C, which raises at the second one, also
    where a generator is just ending.
    """

    def __init__(self, job: Job) -> None:
        self._job = job

    @unbroken
    def __del__(self) -> None:
        self._job.release()


async def _in_order(job: Job) -> "AsyncGenerator[object]":
    _last = _Released(job)
    try:
        chunk = job.begin()
        while (following := job.after(chunk)) is not None:
            chunk = following
            outcomes = await outcomes_of(job, chunk)
            while outcomes:
                job.refill()
                yield outcomes.take()  # no name for it: the caller alone holds it
        await tell_progress(job)
    finally:
        job.cancel()


async def _in_fed_order(job: Job, feeder: "Reading") -> "AsyncGenerator[object]":
    news, _last = asyncio.Event(), _Released(job)
    try:
        chunk = job.begin()
        feeder.begin(job, news.set, tells_each=True)
        while True:
            news.clear()
            is_read = feeder.is_over or not job.is_reading
            following = job.after(chunk)
            if following is None and is_read:
                break
            if following is None:
                await news.wait()
                continue
            chunk = following
            outcomes = await outcomes_of(job, chunk)
            while outcomes:
                feeder.more()
                yield outcomes.take()  # no name for it: the caller alone holds it
        await tell_progress(job)
        if (error := feeder.take_error()) is not None:
            raise error
    finally:
        job.cancel()
        await feeder.stop()


class Unordered[T]:
    """The iterator that `imap_unordered` returns. One task may iterate."""

    def __init__(self, make: "Callable[..., Job]", feeder: "Reading | None") -> None:
        """make: makes the job, given a function that is told of chunks. feeder: as `in_order`."""
        self._make = make
        self._feeder = feeder
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
            job, feeder = self._begun(), self._feeder
            job.check()
            is_read = feeder is None or feeder.is_over or not job.is_reading
            if self._is_over or (is_read and self._taken == job.chunks.made):
                await tell_progress(job)
                error = None if feeder is None or self._is_over else feeder.take_error()
                raise StopAsyncIteration if error is None else error
            self._open = await self._next_arrived(job)
        outcomes = self._open  # the iterable may close this when it is read
        self._read_more()
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
        if self._feeder is not None:
            await self._feeder.stop()

    @unbroken
    def __del__(self) -> None:
        """Cancel what is still pending, when nobody wants it any more.

        Also after `aclose`, which an interrupt may have ended half way.
        """
        if self._job is not None:
            self._job.release()
            if self._feeder is not None:
                self._feeder.abandon()

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
                if self._feeder is not None:
                    self._feeder.begin(self._job, partial(put, _NEWS))
        return self._job

    def _read_more(self, count: int = 1) -> None:
        """Have so many more items read, as others are over."""
        if self._feeder is not None:
            self._feeder.more(count)
        else:
            self._begun().refill()

    async def _next_arrived(self, job: Job) -> "Opened":
        """Wait for a call to finish and return its outcomes; raise its exception."""
        try:
            chunk = await self._arrived.get()
        except asyncio.CancelledError:  # the task is: one of the calls would not raise here
            await self.aclose()
            raise
        if chunk is None:
            raise asyncio.CancelledError("the map was closed")
        if chunk is _NEWS:
            return Outcomes([])
        self._taken += 1
        try:
            return await outcomes_of(job, chunk)  # it is finished
        except BaseException as error:
            self._read_more(1 if chunk.provenance is None else chunk.provenance.count)
            if isinstance(error, StopAsyncIteration):  # of an item: not the end of all
                message = "the function raised StopAsyncIteration"
                raise RuntimeError(message) from error  # noqa: TRY004  # as PEP 479 has it
            raise


_NEWS = Chunk(NOTHING)
"""Says that something was read, or that nothing more is."""
