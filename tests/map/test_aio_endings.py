"""The ends of maps over asynchronous iterables: cancelled, closed, dropped, or with their pool."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from itertools import count
from typing import Any

import pytest

import stoppable
import tasks
from async_sources import EACH, Start, knocked, no_tasks_left, numbers
from gates import TIME_LIMIT, Gate, gate, gated
from interpexec import InterpreterPoolExecutor, aio
from stops import Pipe, pool_of

pytestmark = pytest.mark.fast


@EACH
def test_cancelling_the_task_stops_what_runs_and_what_reads(start: Start, told: Pipe) -> None:
    """The iterable gets CancelledError where it waits, and its `finally` block has run."""
    seen: list[str] = []

    async def waiting() -> AsyncIterator[int]:
        try:
            yield 0
            yield 0
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            seen.append("finally")

    async def main(pool: InterpreterPoolExecutor, door: Gate) -> None:
        spin = partial(stoppable.spin_or, knocker=door.handle[0], farewell=told.writer)

        async def consume() -> None:
            async for _ in start(pool, spin, waiting(), buffersize=4):
                pass

        task = asyncio.create_task(consume())
        await knocked(door, 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await no_tasks_left()
        assert seen == ["finally"]

    with gate() as door, pool_of(2) as pool:
        asyncio.run(main(pool, door))
        assert told.hear(2) == b"!!"


@EACH
def test_an_asynchronous_generator_is_not_closed(
    start: Start, pool: InterpreterPoolExecutor
) -> None:
    """As by `async for`; its owner may go on with it."""

    async def main() -> None:
        source = numbers(*range(10))
        async with aclosing(start(pool, tasks.same, source, buffersize=1)) as results:  # type: ignore[type-var]
            assert await anext(results) == 0
        await no_tasks_left()
        rest = [each async for each in source]
        assert rest
        assert rest[-1] == 9

    asyncio.run(main())


@EACH
def test_an_error_of_an_iterable_that_is_stopped_is_raised(
    start: Start, pool: InterpreterPoolExecutor
) -> None:
    """By `aclose()`: it would be lost otherwise."""

    async def stubborn() -> AsyncIterator[int]:
        yield 0
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError

    async def main() -> None:
        results = start(pool, tasks.same, stubborn(), buffersize=2)
        assert await anext(results) == 0
        await asyncio.sleep(0)
        with pytest.raises(LookupError):
            await results.aclose()  # type: ignore[attr-defined]
        await no_tasks_left()

    asyncio.run(main())


def test_an_iterable_may_close_its_map(pool: InterpreterPoolExecutor) -> None:
    """As an ordinary one may: nothing more is read, and nobody waits for himself."""
    read: list[int] = []

    async def closing(results: list[Any]) -> AsyncIterator[int]:
        for value in count():
            read.append(value)
            if value == 2:
                await results[0].aclose()
            yield value

    async def main() -> None:
        results: list[Any] = []
        results.append(aio.imap_unordered(pool, tasks.same, closing(results), buffersize=1))
        with pytest.raises((StopAsyncIteration, asyncio.CancelledError)):
            while True:
                await asyncio.wait_for(anext(results[0]), TIME_LIMIT)
        await no_tasks_left()
        assert read == [0, 1, 2]

    asyncio.run(main())


@EACH
def test_an_iterator_that_is_dropped_stops_the_reading(
    start: Start, pool: InterpreterPoolExecutor
) -> None:
    """Without `aclosing`: by a destructor, or by the loop."""

    async def main() -> None:
        forever = asyncio.Event()

        async def waiting() -> AsyncIterator[int]:
            yield 0
            await forever.wait()

        results = start(pool, tasks.same, waiting(), buffersize=2)
        assert await anext(results) == 0
        del results
        gc.collect()
        await asyncio.sleep(0)
        await no_tasks_left()

    asyncio.run(main())


@EACH
def test_a_pool_that_ends_ends_the_map(start: Start) -> None:
    """The call that runs is cancelled, and no other item is waited for."""

    async def waiting(door: Gate) -> AsyncIterator[Any]:
        yield door.handle
        await asyncio.Event().wait()

    async def main(pool: InterpreterPoolExecutor, door: Gate) -> None:
        results = start(pool, tasks.pass_gate, waiting(door), buffersize=2)
        step = asyncio.ensure_future(anext(results))
        await knocked(door)
        await asyncio.to_thread(pool.terminate_workers)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(step, TIME_LIMIT)
        if start is aio.imap_unordered:  # the items that would have come are cancelled, too
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(anext(results), TIME_LIMIT)
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(results), TIME_LIMIT)
        await results.aclose()  # type: ignore[attr-defined]
        await no_tasks_left()

    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, door):
        asyncio.run(main(pool, door))


@EACH
def test_an_item_that_comes_when_the_pool_is_over_is_refused(start: Start) -> None:
    """Behind the results of the items before it."""

    async def arriving(pool: InterpreterPoolExecutor) -> AsyncIterator[int]:
        yield 0
        await aio.shutdown(pool)
        yield 1

    async def main(pool: InterpreterPoolExecutor) -> None:
        results = start(pool, tasks.same, arriving(pool), buffersize=2)
        assert await anext(results) == 0
        with pytest.raises(RuntimeError, match="after shutdown"):
            await anext(results)
        with pytest.raises(StopAsyncIteration):
            await anext(results)
        await no_tasks_left()

    with pool_of(1) as pool:
        asyncio.run(main(pool))


def test_a_loop_may_be_closed_before_the_calls_have_ended() -> None:
    """Nobody waits for these any more, and nothing is said."""

    async def handles(door: Gate) -> AsyncIterator[Any]:
        yield door.handle

    async def main(pool: InterpreterPoolExecutor, door: Gate) -> None:
        results = aio.imap_unordered(pool, tasks.pass_gate, handles(door))
        step = asyncio.ensure_future(anext(results))
        await knocked(door)
        step.cancel()

    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, door):
        asyncio.run(main(pool, door))


def test_a_task_that_waits_for_a_map_that_is_closed_is_told() -> None:
    """CancelledError, with a text: else it looks as if the task itself was cancelled."""

    async def main(pool: InterpreterPoolExecutor, door: Gate) -> None:
        results = aio.imap_unordered(pool, tasks.pass_gate, [door.handle])
        waiting = asyncio.ensure_future(anext(results))
        await knocked(door)
        await results.aclose()
        with pytest.raises(asyncio.CancelledError, match="the map was closed"):
            await waiting

    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, door):
        asyncio.run(main(pool, door))
