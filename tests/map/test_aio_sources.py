"""The maps of `interpexec.aio` take asynchronous iterables, alone and beside ordinary ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from itertools import count
from typing import Any

import pytest

import stoppable
import tasks
from async_sources import EACH, Start, knocked, no_tasks_left, numbers
from gates import TIME_LIMIT, Gate, gate
from interpexec import InterpreterPoolExecutor, aio
from stops import Pipe, pool_of


@pytest.mark.parametrize("chunksize", [None, 1, 4])
@pytest.mark.parametrize("buffersize", [None, 1, 5, 1000])
@pytest.mark.parametrize("kind", ["asynchronous", "mixed", "both"])
@EACH
def test_all_results_come(
    start: Start,
    chunksize: int | None,
    buffersize: int | None,
    kind: str,
    pool: InterpreterPoolExecutor,
) -> None:
    """As from ordinary iterables, up to the end of the shortest one."""

    async def main() -> list[int]:
        bases, exponents = numbers(*range(50)), numbers(*[2] * 60)
        columns = {
            "asynchronous": (bases,),
            "mixed": (range(70), exponents) if chunksize else (bases, [2] * 50),
            "both": (bases, exponents),
        }[kind]
        function = tasks.same if kind == "asynchronous" else pow
        results = start(pool, function, *columns, chunksize=chunksize, buffersize=buffersize)
        found = [result async for result in results]
        await no_tasks_left()
        return found

    found = asyncio.run(main())
    length = 60 if kind == "mixed" and chunksize else 50
    if start is aio.imap_unordered:
        found.sort()
    assert found == [n if kind == "asynchronous" else n * n for n in range(length)]


@EACH
def test_endless_input_is_read_as_far_as_the_bound_lets(
    start: Start, pool: InterpreterPoolExecutor
) -> None:
    """No more is read than may be in flight; nothing before the first result is wanted."""
    read: list[int] = []

    async def endless() -> AsyncIterator[int]:
        for number in count():
            read.append(number)
            yield number

    async def main() -> None:
        async with aclosing(start(pool, tasks.same, endless(), buffersize=7)) as results:  # type: ignore[type-var]
            assert not read
            for taken in range(20):
                await anext(results)
                assert len(read) <= taken + 1 + 7
        await no_tasks_left()

    asyncio.run(main())


@EACH
def test_results_come_while_an_iterable_waits(start: Start, pool: InterpreterPoolExecutor) -> None:
    """An item that comes alone is sent alone, whatever the chunksize."""

    async def main() -> None:
        queue: asyncio.Queue[int | None] = asyncio.Queue()

        async def arriving() -> AsyncIterator[int]:
            while (value := await queue.get()) is not None:
                yield value

        results = start(pool, tasks.same, arriving(), chunksize=4, buffersize=100)
        for value in range(5):
            queue.put_nowait(value)
            assert await asyncio.wait_for(anext(results), TIME_LIMIT) == value
        queue.put_nowait(None)
        assert [each async for each in results] == []

    asyncio.run(main())


@pytest.mark.parametrize("error", [LookupError, asyncio.CancelledError, StopIteration])
@EACH
def test_an_error_comes_behind_the_results_of_the_items_before_it(
    start: Start, error: type[BaseException], pool: InterpreterPoolExecutor
) -> None:
    """Once; then the iterator is exhausted."""

    class Failing:
        def __init__(self) -> None:
            self.left = 20

        def __aiter__(self) -> AsyncIterator[int]:
            return self

        async def __anext__(self) -> int:
            self.left -= 1
            if not self.left:
                raise error
            return self.left

    async def main() -> None:
        results = start(pool, tasks.same, Failing(), buffersize=3)
        found = []
        with pytest.raises((error, RuntimeError)) as caught:
            async for result in results:
                found.append(result)  # noqa: PERF401  # until it raises
        assert sorted(found) == list(range(1, 20))
        assert error in {type(caught.value), type(caught.value.__cause__)}
        with pytest.raises(StopAsyncIteration):
            await anext(results)
        await no_tasks_left()

    asyncio.run(main())


def test_items_of_a_call_that_is_cancelled_make_room_for_others(told: Pipe) -> None:
    """As many as it had, or the reading would come to a stop."""

    async def main(pool: InterpreterPoolExecutor, door: Gate) -> None:
        spin = partial(stoppable.spin_or, knocker=door.handle[0], farewell=told.writer)
        source = numbers(0, *[0, 1, 1, 1] * 3, *[1] * 8)  # the first item goes alone
        results = aio.imap_unordered(pool, spin, source, chunksize=4, buffersize=8)

        async def cancel() -> None:
            for _ in range(4):
                await knocked(door)
                assert results._job is not None
                next(iter(results._job._out)).cancel()  # the oldest one: it runs

        cancelling = asyncio.create_task(cancel())
        found, failed = 0, 0
        while True:
            try:
                found += await asyncio.wait_for(anext(results), TIME_LIMIT)
            except asyncio.CancelledError:
                failed += 1
            except StopAsyncIteration:
                break
        assert (found, failed) == (8, 4)
        await cancelling

    with gate() as door, pool_of(1) as pool:
        asyncio.run(main(pool, door))


@pytest.mark.parametrize("ordered", [True, False])
def test_outcomes_take_asynchronous_iterables(ordered: bool, pool: InterpreterPoolExecutor) -> None:
    """One for each item."""

    async def main() -> list[Any]:
        outcomes = aio.outcomes(pool, stoppable.half, numbers(1, 0, 2), ordered=ordered)
        return [outcome async for outcome in outcomes]

    outcomes = asyncio.run(main())
    assert sorted(outcome.item for outcome in outcomes) == [0, 1, 2]


def test_a_pool_that_is_over_refuses_the_items() -> None:
    """By the first `anext()`."""

    async def main(pool: InterpreterPoolExecutor) -> None:
        pool.shutdown()
        with pytest.raises(RuntimeError, match="after shutdown"):
            await anext(aio.map(pool, tasks.same, numbers(1)))

    with pool_of(1) as pool:
        asyncio.run(main(pool))


class Half:
    """Says that it is an asynchronous iterable, and is none."""

    def __aiter__(self) -> int:
        return 5


@EACH
def test_a_source_without_items_is_refused_at_once(
    start: Start, pool: InterpreterPoolExecutor
) -> None:
    """By its place."""
    with pytest.raises(TypeError, match=r"iterables\[0\] must be iterable, got .*Half"):
        start(pool, abs, Half())
    with pytest.raises(TypeError, match=r"iterables\[1\] must be iterable, got 42"):
        start(pool, pow, numbers(1), 42)
    with pytest.raises(ValueError, match="buffersize"):
        start(pool, abs, numbers(1), buffersize=0)


def test_the_methods_of_the_executor_say_where_it_is_taken(pool: InterpreterPoolExecutor) -> None:
    """An asynchronous iterable needs an event loop."""
    with pytest.raises(TypeError, match=r"\(the maps of interpexec.aio take it\)"):
        pool.map(abs, numbers(1))  # type: ignore[call-overload]
