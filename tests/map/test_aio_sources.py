"""The maps of `interpexec.aio` take asynchronous iterables, alone and beside ordinary ones."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from itertools import count
from typing import Any

import pytest

import stoppable
import tasks
from gates import TIME_LIMIT, Gate, gate, gated
from interpexec import InterpreterPoolExecutor, aio
from stops import Pipe, pool_of

pytestmark = pytest.mark.fast

type Start = Callable[..., AsyncIterator[Any]]

EACH = pytest.mark.parametrize("start", [aio.map, aio.imap_unordered], ids=["map", "unordered"])


async def numbers(*values: int) -> AsyncIterator[int]:
    """Yield numbers; let the loop go on before some of them."""
    for value in values:
        if value % 3:
            await asyncio.sleep(0)
        yield value


async def knocked(door: Gate, knocks: int = 1) -> None:
    """Wait for tasks to knock, without blocking the loop."""
    await asyncio.wait_for(asyncio.to_thread(door.await_knocks, knocks), TIME_LIMIT)


async def no_tasks_left() -> None:
    """Fail unless the calling task is the only one, soon."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    done, pending = await asyncio.wait(others, timeout=TIME_LIMIT) if others else (set(), set())
    assert not pending, done


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
