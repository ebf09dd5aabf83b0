"""`interpexec.aio`: what `run_in_executor` cannot say, and nothing left in flight."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import aclosing
from functools import partial
from itertools import count

import pytest

import stoppable
import tasks
from gates import TIME_LIMIT, Gate, gate, gated
from interpexec import InterpreterPoolExecutor, aio

EACH = pytest.mark.parametrize("start", [aio.map, aio.imap_unordered], ids=["map", "unordered"])


async def knocked(door: Gate) -> None:
    """Wait for a task to knock, without blocking the loop."""
    await asyncio.wait_for(asyncio.to_thread(door.await_knocks, 1), TIME_LIMIT)


def test_a_call_with_keywords_is_awaited() -> None:
    """Results and exceptions, as of a coroutine."""

    async def main(pool: InterpreterPoolExecutor) -> None:
        assert await aio.run(pool, tasks.arguments, 1, timeout=2) == ((1,), {"timeout": 2})
        with pytest.raises(ZeroDivisionError):
            await aio.run(pool, tasks.divide, 1, b=0)

    with InterpreterPoolExecutor(1) as pool:
        asyncio.run(main(pool))


@pytest.mark.parametrize("chunksize", [None, 1, 4])
@pytest.mark.parametrize("buffersize", [None, 1, 5, 1000])
@EACH
def test_all_results_come(start: object, chunksize: int | None, buffersize: int | None) -> None:
    """However many items are in a chunk, and however many in flight."""

    async def main(pool: InterpreterPoolExecutor) -> list[int]:
        results = start(  # type: ignore[operator]
            pool, pow, range(50), [2] * 50, chunksize=chunksize, buffersize=buffersize
        )
        return [result async for result in results]

    with InterpreterPoolExecutor(2) as pool:
        results = asyncio.run(main(pool))
    if start is aio.imap_unordered:
        results.sort()
    assert results == [n * n for n in range(50)]


@EACH
def test_endless_input_is_read_as_far_as_the_bound_lets(start: object) -> None:
    """No more is submitted than may be in flight."""
    read: list[int] = []

    def numbers() -> Iterator[int]:
        for number in count():
            read.append(number)
            yield number

    async def main(pool: InterpreterPoolExecutor) -> None:
        async with aclosing(start(pool, tasks.same, numbers(), buffersize=7)) as results:  # type: ignore[operator]
            assert not read
            for taken in range(20):
                await anext(results)
                assert len(read) <= taken + 1 + 7

    with InterpreterPoolExecutor(2) as pool:
        asyncio.run(main(pool))


def test_an_exception_ends_a_map_and_costs_only_its_own_item_where_order_does_not_matter() -> None:
    """As with the executor's methods of these names."""

    async def ordered(pool: InterpreterPoolExecutor) -> None:
        results = aio.map(pool, stoppable.half, [1, 0, 2])
        assert await anext(results) == 1
        with pytest.raises(ZeroDivisionError):
            await anext(results)
        with pytest.raises(StopAsyncIteration):
            await anext(results)

    async def unordered(pool: InterpreterPoolExecutor) -> None:
        results, taken, failed = aio.imap_unordered(pool, stoppable.half, [1, 0, 2, 0]), [], 0
        while True:
            try:
                taken.append(await anext(results))
            except ZeroDivisionError:
                failed += 1
            except StopAsyncIteration:
                break
        assert (sorted(taken), failed) == ([0.5, 1.0], 2)

    with InterpreterPoolExecutor(2) as pool:
        asyncio.run(ordered(pool))
        asyncio.run(unordered(pool))


@EACH
def test_cancelling_the_task_stops_what_runs(start: object) -> None:
    """`asyncio.timeout` around the loop ends the calls, not only the waiting."""

    async def main(pool: InterpreterPoolExecutor, door: Gate, farewell: int) -> None:
        spin = partial(stoppable.spin_or, knocker=door.handle[0], farewell=farewell)

        async def consume() -> None:
            async for _ in start(pool, spin, [0, 0, 1, 2, 3, 4], buffersize=4):  # type: ignore[operator]
                pass

        task = asyncio.create_task(consume())
        await knocked(door)
        await knocked(door)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    reader, writer = os.pipe()
    with gate() as door, InterpreterPoolExecutor(2) as pool:
        asyncio.run(main(pool, door, writer))
        assert len(os.read(reader, 1)) + len(os.read(reader, 1)) == 2  # both `finally`s
        assert pool.submit(tasks.same, 5).result(TIME_LIMIT) == 5
    os.close(reader)
    os.close(writer)


@EACH
def test_closing_the_iterator_stops_what_runs(start: object) -> None:
    """`aclosing`, where the loop is left early."""

    async def main(pool: InterpreterPoolExecutor, door: Gate, farewell: int) -> None:
        spin = partial(stoppable.spin_or, knocker=door.handle[0], farewell=farewell)
        async with aclosing(start(pool, spin, [1, 0], buffersize=2)) as results:  # type: ignore[operator]
            assert await anext(results) == 1
            await knocked(door)

    reader, writer = os.pipe()
    with gate() as door, InterpreterPoolExecutor(2) as pool:
        asyncio.run(main(pool, door, writer))
        os.read(reader, 1)
    os.close(reader)
    os.close(writer)


@EACH
def test_a_call_that_is_cancelled_elsewhere_is_no_cancelled_task(start: object) -> None:
    """The iteration gets CancelledError as the call's outcome; the task was not cancelled."""

    async def main(pool: InterpreterPoolExecutor, door: Gate) -> None:
        results = start(pool, tasks.pass_gate, [door.handle])  # type: ignore[operator]
        step = asyncio.ensure_future(anext(results))
        await knocked(door)
        await asyncio.to_thread(pool.terminate_workers)
        with pytest.raises(asyncio.CancelledError):
            await step
        with pytest.raises(StopAsyncIteration):
            await anext(results)
        door.open()

    with gated(partial(InterpreterPoolExecutor, 1)) as (pool, door):
        asyncio.run(main(pool, door))


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"executor": None}, "executor"),
        ({"fn": 42}, "fn"),
        ({"items": 42}, r"iterables\[0\]"),
        ({"chunksize": 0}, "chunksize"),
        ({"buffersize": -1}, "buffersize"),
    ],
)
@EACH
def test_bad_arguments_are_refused_at_once(
    start: object, bad: dict[str, object], named: str
) -> None:
    """Before anything is awaited, and by name."""
    with InterpreterPoolExecutor(1) as pool:
        given = {"executor": pool, "fn": abs, "items": [1], **bad}
        positional = given.pop("executor"), given.pop("fn"), given.pop("items")
        with pytest.raises((TypeError, ValueError), match=named):
            start(*positional, **given)  # type: ignore[operator]
