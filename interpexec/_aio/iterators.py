"""The asynchronous iterators over the results of a map."""

import asyncio
from contextlib import suppress

from interpexec._aio.opening import outcomes_of
from interpexec._map.chunk_list import Chunk
from interpexec._map.job import Job
from interpexec._map.outcomes import Outcomes

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from typing import Self

    from interpexec._map.opening import Opened


async def in_order(job: Job) -> "AsyncGenerator[object]":
    try:
        chunk = job.begin()
        while (following := job.after(chunk)) is not None:
            chunk = following
            outcomes = await outcomes_of(job, chunk)
            while outcomes:
                job.refill()
                yield outcomes.take()  # no name for it: the caller alone holds it
    finally:
        job.cancel()


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
            return await outcomes_of(job, chunk)  # it is finished
        except BaseException as error:
            job.refill()
            if isinstance(error, StopAsyncIteration):  # of an item: not the end of all
                message = "the function raised StopAsyncIteration"
                raise RuntimeError(message) from error  # noqa: TRY004  # as PEP 479 has it
            raise
