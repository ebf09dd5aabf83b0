"""`progress=` of groups, and of the maps and groups of `interpexec.aio`."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import stoppable
import tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, aio
from stops import Pipe

pytestmark = pytest.mark.fast

type Numbers = tuple[int, int, int | None]


@pytest.fixture
def told() -> list[Numbers]:
    """Return the numbers that a callable was given."""
    return []


@pytest.fixture
def tell(told: list[Numbers]) -> Callable[..., None]:
    """Return a callable that remembers the numbers."""
    return lambda *numbers: told.append(numbers)


def test_a_group_tells_of_its_calls(
    pool: InterpreterPoolExecutor, told: list[Numbers], tell: Callable[..., None]
) -> None:
    """How many are done, of those that were submitted so far; the last numbers at its end."""
    with pool.group(progress=tell) as group:
        for number in range(30):
            group.submit(tasks.same, number)
    assert told[-1] == (30, 0, 30)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


def test_failed_and_cancelled_calls_of_a_group(
    told: list[Numbers], tell: Callable[..., None], begun: Pipe
) -> None:
    """A failure counts as failed; calls that were cancelled because of it are not done."""
    with InterpreterPoolExecutor(2) as pool:
        with pytest.raises(ZeroDivisionError), pool.group(progress=tell) as group:
            group.submit(stoppable.spin, begun.writer)
            begun.hear()
            group.submit(tasks.divide, 1, 0)
        assert told[-1] == (1, 1, 2)


def test_calls_of_callbacks_are_told_of(
    pool: InterpreterPoolExecutor, told: list[Numbers], tell: Callable[..., None]
) -> None:
    """The numbers go on when all calls so far were done."""
    with pool.group(progress=tell) as group:
        first = group.submit(tasks.same, 1)
        first.add_done_callback(lambda _: group.submit(tasks.same, 2))
    assert told[-1] == (2, 0, 2)


def test_an_empty_group_ends(pool: InterpreterPoolExecutor, told: list[Numbers]) -> None:
    """With nothing done."""
    with pool.group(progress=lambda *numbers: told.append(numbers)):
        pass
    assert told == [(0, 0, None)]


def test_a_wrong_progress_is_refused(pool: InterpreterPoolExecutor) -> None:
    """At once, by an error that names the argument."""
    for make in (pool.group, lambda **wrong: aio.group(pool, **wrong)):
        with pytest.raises(TypeError, match="progress must be True, False or a callable, got 5"):
            make(progress=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="progress must be True"):
        aio.map(pool, tasks.same, [1], progress=5)  # type: ignore[arg-type]


async def _ten() -> AsyncIterator[int]:
    for number in range(10):
        yield number


MAPS: dict[str, Callable[..., Any]] = {
    "map": aio.map,
    "imap_unordered": aio.imap_unordered,
    "outcomes": aio.outcomes,
}


@pytest.mark.parametrize("method", MAPS)
def test_maps_of_asyncio_tell(
    pool: InterpreterPoolExecutor, told: list[Numbers], tell: Callable[..., None], method: str
) -> None:
    """Of ordinary and asynchronous iterables; the last numbers before the iterator ends."""

    async def main() -> None:
        results = MAPS[method](pool, tasks.same, range(50), buffersize=8, progress=tell)
        assert len([each async for each in results]) == 50
        assert told[0][1:] == (0, 50)
        assert told[-1] == (50, 0, 50)
        told.clear()
        results = MAPS[method](pool, tasks.same, _ten(), progress=tell)
        assert len([each async for each in results]) == 10
        assert told[-1] == (10, 0, 10)

    asyncio.run(main())


def test_a_callable_that_blocks_does_not_block_the_loop(pool: InterpreterPoolExecutor) -> None:
    """The iterator waits for it at its end, and other tasks go on."""
    begun, free = threading.Event(), threading.Event()

    def tell(done: int, _failed: int, _total: int | None) -> None:
        if done == 3:
            begun.set()
            assert free.wait(TIME_LIMIT)

    async def main() -> list[int]:
        results = aio.map(pool, tasks.same, [1, 2, 3], chunksize=3, progress=tell)
        task = asyncio.create_task(_all(results))
        assert await asyncio.to_thread(begun.wait, TIME_LIMIT)
        free.set()
        return await task

    assert asyncio.run(main()) == [1, 2, 3]


async def _all(results: AsyncIterator[int]) -> list[int]:
    return [each async for each in results]


def test_a_group_of_asyncio_tells(
    pool: InterpreterPoolExecutor, told: list[Numbers], tell: Callable[..., None]
) -> None:
    """As the one that blocks."""

    async def main() -> None:
        async with aio.group(pool, progress=tell) as group:
            for number in range(20):
                group.submit(tasks.same, number)

    asyncio.run(main())
    assert told[-1] == (20, 0, 20)
