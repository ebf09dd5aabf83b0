"""Uses of pools in event loops."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from use import LONG, PoolUse, require
from uses_of_pools import ITEMS, RESULTS


class Asyncio(PoolUse):
    """Runs an event loop that uses the pool in some way."""

    span = LONG
    is_asyncio = True

    def __init__(self, make: Callable[..., Any], run: Callable[[Any], Any]) -> None:
        """Run: a coroutine function that is given the pool."""
        super().__init__(make)
        self._run = run

    def step(self) -> None:
        """Run it."""
        try:
            asyncio.run(self._run(self.pool))
        except asyncio.CancelledError:  # asyncio says so of a task that was cancelled twice
            raise KeyboardInterrupt from None


class AsyncioMaking(Asyncio):
    """Makes pools in an event loop."""

    # At the second interrupt asyncio's own handler raises anywhere, in a constructor, too.
    may_leave = True


class PortableAsyncio(Asyncio):
    """As `Asyncio`, with any executor."""

    portable = True


async def run_in_executor(pool: Any) -> None:
    """Wait for some calls."""
    loop = asyncio.get_running_loop()
    for _ in range(10):
        calls: Iterable[Any] = [loop.run_in_executor(pool, pow, 2, n) for n in range(5)]
        require(await asyncio.gather(*calls) == [1, 2, 4, 8, 16], "wrong result")


async def aio_map(pool: Any) -> None:
    """Map, and take all results."""
    from interpexec import aio

    require([value async for value in aio.map(pool, abs, ITEMS)] == RESULTS, "wrong result")


async def aio_imap(pool: Any) -> None:
    """Map without order, and take all results."""
    from interpexec import aio

    results = [value async for value in aio.imap_unordered(pool, abs, ITEMS)]
    require(sorted(results) == sorted(RESULTS), "wrong result")


async def aio_group(pool: Any) -> None:
    """Wait for a group of calls."""
    from interpexec import aio

    async with aio.group(pool) as group:
        calls = [group.submit(pow, 2, n) for n in range(5)]
    require([call.result() for call in calls] == [1, 2, 4, 8, 16], "wrong result")


async def _arriving() -> AsyncIterator[int]:
    for item in ITEMS:
        await asyncio.sleep(0)
        yield item


async def aio_map_arriving(pool: Any) -> None:
    """Map an asynchronous iterable, and take all results."""
    from interpexec import aio

    results = [value async for value in aio.map(pool, abs, _arriving(), buffersize=5)]
    require(results == RESULTS, "wrong result")


async def async_with(pool: Any) -> None:
    """Make another pool, use it and leave it."""
    async with type(pool)(1) as other:
        require(await asyncio.wrap_future(other.submit(pow, 2, 5)) == 32, "wrong result")
