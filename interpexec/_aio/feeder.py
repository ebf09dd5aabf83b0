"""Reading asynchronous iterables into a map, in a task.

    iterables --anext--> feeder --> inlet --refill--> job

The task reads on as long as there are permits: one for each item that may be in flight. Each item
that is yielded gives one back. Ordinary iterables may stand beside asynchronous ones.
"""

import asyncio
from contextlib import suppress

from interpexec._core.error_text import shown
from interpexec._map.inlet import Inlet
from interpexec._pool import arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from interpexec._map.job import Job


class Feeder:
    """Feeds one map. It refers to nothing that refers to the map's iterator."""

    def __init__(self, iterables: "tuple[object, ...]", bound: int) -> None:
        """bound: how many items may be in flight. TypeError for what cannot be iterated over."""
        self._sources = [_source(each, index) for index, each in enumerate(iterables)]
        self.inlet = Inlet(is_single=len(iterables) == 1)
        self._permits = asyncio.Semaphore(bound)
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tell: Callable[[], object] = int
        self._tells_each = False
        self._error: BaseException | None = None
        self.is_over = False
        """Whether nothing more is read."""

    def begin(self, job: "Job", tell: "Callable[[], object]", *, tells_each: bool = False) -> None:
        """Begin to read.

        tell: called in the loop when nothing more is read; tells_each: for each item, too.
        """
        self._tell = tell
        self._tells_each = tells_each
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(job))

    def more(self, count: int = 1) -> None:
        """Let so many more items be in flight, as others are about to be yielded."""
        for _ in range(count):
            self._permits.release()

    def take_error(self) -> BaseException | None:
        """Return the error of the iterables, once: it comes behind the results of all items."""
        error, self._error = self._error, None
        return error

    async def stop(self) -> None:
        """Read nothing more; raise what an iterable raises because of that."""
        task, self._task = self._task, None
        if task is None or task.done():
            return
        if task is asyncio.current_task():  # an iterable closes the map: it ends behind this item
            return
        task.cancel()
        await asyncio.wait([task])
        error = self.take_error()
        if error is not None and not isinstance(error, asyncio.CancelledError):
            raise error

    def abandon(self) -> None:
        """Read nothing more. From any thread: a destructor may call this."""
        if self._task is not None and self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed, and its tasks are over
                self._loop.call_soon_threadsafe(self._task.cancel)

    async def _run(self, job: "Job") -> None:
        try:
            while job.is_reading and not self.is_over:
                await self._permits.acquire()
                await self._read()
                job.refill()
                if self._tells_each:
                    self._tell()
        finally:
            self.is_over = True
            self._tell()

    async def _read(self) -> None:
        """Put the next item into the inlet, if there is one."""
        try:
            row = [await each() for each in self._sources]
        except StopAsyncIteration:
            self.is_over = True
        except (Exception, asyncio.CancelledError) as error:  # the user's code, or `stop`
            self.is_over = True
            self._error = error
        else:
            self.inlet.put(row[0] if self.inlet.is_single else tuple(row))


def is_asynchronous(value: object) -> bool:
    """Say whether something is to be iterated over by `async for`."""
    return hasattr(type(value), "__aiter__")


def _source(value: object, index: int) -> "Callable[[], Awaitable[object]]":
    """Return a function whose results, awaited, are the items of an iterable."""
    name = f"iterables[{index}]"
    if not is_asynchronous(value):
        return _Ordinary(arguments.iterator(value, name)).step
    try:
        return aiter(value).__anext__  # type: ignore[arg-type]  # that is the question
    except (TypeError, AttributeError) as error:
        raise TypeError(f"{name} must be iterable, got {shown(value)}: {error}") from None


class _Ordinary:
    """An ordinary iterator beside asynchronous ones."""

    def __init__(self, iterator: "Iterator[object]") -> None:
        self._iterator = iterator

    async def step(self) -> object:
        """Return the next item."""
        try:
            return next(self._iterator)
        except StopIteration:
            raise StopAsyncIteration from None
