"""`outcomes`: one object for each item, and nothing ends early."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from functools import partial
from itertools import repeat
from operator import length_hint
from typing import Any

import pytest

import mishaps
import sizing_tasks
import tasks
from gates import TIME_LIMIT, Gate
from interpexec import InterpreterPoolExecutor, NotShareableError, Outcome, aio
from interpexec._map.outcome import Batch

pytestmark = pytest.mark.fast

SIZES = [None, 1, 3, 100]
BUFFERS = [None, 1, 4]


class OwnSubmit(InterpreterPoolExecutor):
    """A subclass whose maps go through its own `submit`."""

    def submit(self, fn: Callable[..., object], /, *args: object, **kwargs: object) -> Any:
        """Do as the base class."""
        return super().submit(fn, *args, **kwargs)


def collected(pool: InterpreterPoolExecutor, *args: Any, **options: Any) -> list[Outcome[Any, Any]]:
    """Return what `aio.outcomes` gives."""

    async def collect(outcomes: AsyncIterator[Outcome[Any, Any]]) -> list[Outcome[Any, Any]]:
        return [each async for each in outcomes]

    async def run() -> list[Outcome[Any, Any]]:
        return await collect(aio.outcomes(pool, *args, **options))

    return asyncio.run(run())


def listed(pool: InterpreterPoolExecutor, *args: Any, **options: Any) -> list[Outcome[Any, Any]]:
    """Return what `outcomes` gives."""
    return list(pool.outcomes(*args, **options))


WAYS = [listed, collected]


@pytest.mark.parametrize("buffersize", BUFFERS)
@pytest.mark.parametrize("chunksize", SIZES)
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_each_item_has_its_outcome(
    pool: InterpreterPoolExecutor,
    way: Callable[..., list[Outcome[Any, Any]]],
    ordered: bool,
    chunksize: int | None,
    buffersize: int | None,
) -> None:
    """Its index, the item itself, the value or the error."""
    items = [4, 2, 0, "x", 1, [], 0.5]
    found = way(
        pool, partial(divmod, 4), items, ordered=ordered, chunksize=chunksize, buffersize=buffersize
    )
    if ordered:
        assert [each.index for each in found] == [*range(7)]
    found.sort()
    assert [each.index for each in found] == [*range(7)]
    assert all(each.item is item for each, item in zip(found, items, strict=True))
    assert [each.value for each in found] == [(1, 0), (2, 0), None, None, (4, 0), None, (8.0, 0.0)]
    errors = [type(each.error) for each in found]
    nothing = type(None)
    assert errors == [nothing, nothing, ZeroDivisionError, TypeError, nothing, TypeError, nothing]
    assert [each.ok for each in found] == [each is nothing for each in errors]
    assert all(each.seconds is not None and 0 <= each.seconds < TIME_LIMIT for each in found)


@pytest.mark.parametrize("ordered", [True, False])
def test_several_iterables_make_tuples(pool: InterpreterPoolExecutor, ordered: bool) -> None:
    """As they are zipped."""
    found = sorted(pool.outcomes(pow, [2, 3, 4], [5, 6], ordered=ordered))
    assert [each[:4] for each in found] == [(0, (2, 5), 32, None), (1, (3, 6), 729, None)]


def test_a_result_is_returned_or_raised() -> None:
    """As that of a future."""
    assert Outcome(0, "a", 1, None, 0.5).result() == 1
    with pytest.raises(KeyError, match="b"):
        Outcome(0, "a", None, KeyError("b"), 0.5).result()


@pytest.mark.parametrize("chunksize", SIZES)
@pytest.mark.parametrize("ordered", [True, False])
def test_an_item_that_cannot_be_sent_fails_alone(
    pool: InterpreterPoolExecutor, ordered: bool, chunksize: int | None
) -> None:
    """An item, or a value; and one that cannot be unpickled there."""
    lock = threading.Lock()
    items: list[object] = [1, lock, mishaps.ExplodesOnArrival(), 2]
    found = sorted(pool.outcomes(type, items, ordered=ordered, chunksize=chunksize), key=number)
    assert [each.value for each in found] == [int, None, None, int]
    assert [type(each.error) for each in found[1:3]] == [NotShareableError] * 2
    results = sorted(
        pool.outcomes(mishaps.lock, range(3), ordered=ordered, chunksize=chunksize), key=number
    )
    assert [type(each.error) for each in results] == [NotShareableError] * 3


def number(outcome: Outcome[Any, Any]) -> int:
    """Return the number of the item."""
    return outcome.index


@pytest.mark.slow
@pytest.mark.parametrize("ordered", [True, False])
def test_a_call_that_is_out_of_time_costs_its_item(
    pass_by: tuple[InterpreterPoolExecutor, Gate], ordered: bool
) -> None:
    """No seconds, as nobody knows when the call would have ended."""
    pool, door = pass_by
    limited = pool.with_options(timeout=0.5)
    items = [False, True, False]
    wait = partial(tasks.pass_gate_if, door.handle, value=1)
    found = sorted(limited.outcomes(wait, items, ordered=ordered), key=number)
    assert [each.ok for each in found] == [True, False, True]
    assert isinstance(found[1].error, TimeoutError)
    assert "item 1 of the map" in found[1].error.__notes__[0]
    assert [each.seconds is None for each in found] == [False, True, False]


@pytest.mark.parametrize("ordered", [True, False])
def test_a_worker_that_is_lost_costs_the_items_of_its_call(ordered: bool) -> None:
    """All of them, and each once; the others have their values."""
    with InterpreterPoolExecutor(2) as pool:
        places = repeat(4)
        outcomes = pool.outcomes(
            sizing_tasks.break_worker_at, places, range(9), ordered=ordered, chunksize=3
        )
        found = sorted(outcomes, key=number)
    assert [each.index for each in found] == [*range(9)]
    assert [each.ok for each in found] == [True] * 3 + [False] * 3 + [True] * 3
    assert "items 3 to 5 of the map" in found[4].error.__notes__[0]  # type: ignore[union-attr]


@pytest.mark.parametrize("ordered", [True, False])
def test_items_of_a_pool_that_ends_are_cancelled(
    pass_by: tuple[InterpreterPoolExecutor, Gate], ordered: bool
) -> None:
    """CancelledError is their outcome."""
    pool, door = pass_by
    outcomes = pool.outcomes(
        partial(tasks.pass_gate, door.handle), range(5), ordered=ordered, chunksize=1
    )
    door.await_knocks(1)
    pool.terminate_workers()
    found = sorted(outcomes, key=number)
    assert [each.index for each in found] == [*range(5)]
    assert {type(each.error) for each in found} == {CancelledError}


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_an_exception_of_the_iterable_is_raised_behind_all_outcomes(
    pool: InterpreterPoolExecutor, way: Callable[..., object], ordered: bool
) -> None:
    """The exception is no item's."""

    def items() -> Iterator[int]:
        yield from (1, 0)
        raise LookupError("no more")

    found: list[Outcome[int, tuple[int, int]]] = []
    outcomes = pool.outcomes(partial(divmod, 1), items(), ordered=ordered)
    with pytest.raises(LookupError, match="no more"):
        found.extend(outcomes)
    assert sorted(each.ok for each in found) == [False, True]
    with pytest.raises(LookupError, match="no more"):
        way(pool, partial(divmod, 1), items(), ordered=ordered)


@pytest.mark.parametrize("ordered", [True, False])
def test_stop_iteration_is_an_error_like_any_other(
    pool: InterpreterPoolExecutor, ordered: bool
) -> None:
    """An item that raises it ends nothing."""
    empty: list[Iterable[int]] = [iter([]), iter([1])]
    found = sorted(pool.outcomes(next, empty, ordered=ordered), key=number)
    assert [type(each.error) for each in found] == [StopIteration, type(None)]


@pytest.mark.parametrize("ordered", [True, False])
def test_outcomes_are_counted(pool: InterpreterPoolExecutor, ordered: bool) -> None:
    """`length_hint` tells how many are to come."""
    outcomes = pool.outcomes(tasks.same, range(100), ordered=ordered)
    for taken in range(100):
        assert length_hint(outcomes) == 100 - taken
        next(outcomes)
    assert length_hint(outcomes) == 0


@pytest.mark.parametrize("ordered", [True, False])
def test_they_go_through_a_submit_of_the_programs_own(ordered: bool) -> None:
    """One call for each item; how long each took is not known."""
    with OwnSubmit(2) as pool:
        found = sorted(pool.outcomes(partial(divmod, 4), [2, 0, 1], ordered=ordered, chunksize=2))
    assert [each[:3] for each in found] == [(0, 2, (2, 0)), (1, 0, None), (2, 1, (4, 0))]
    assert isinstance(found[1].error, ZeroDivisionError)
    assert all(each.seconds is None for each in found)


@pytest.mark.parametrize("ordered", [True, False])
def test_the_maps_own_time_ends_it(
    pass_by: tuple[InterpreterPoolExecutor, Gate], ordered: bool
) -> None:
    """TimeoutError from `next()`, as with `map`."""
    pool, door = pass_by
    items = [door.handle]
    outcomes = pool.outcomes(tasks.pass_gate, items, ordered=ordered, timeout=0.05)
    with pytest.raises(TimeoutError, match="of the map"):
        next(outcomes)


def test_the_seconds_of_an_item_are_its_own(pool: InterpreterPoolExecutor) -> None:
    """A long item does not make the short ones longer."""
    found = list(pool.outcomes(spin, [200_000, 0, 0], chunksize=3))
    seconds = [each.seconds or 0.0 for each in found]
    assert seconds[0] > 10 * seconds[2] > 0


def spin(count: int) -> None:
    """Take some time."""
    for _ in range(count):
        pass


def test_all_at_once_or_one_by_one_is_the_same() -> None:
    """`take_all` declines where a value may fail."""
    from interpexec._map.outcomes import Outcomes

    sure = Batch(5, ["a", "b"], Outcomes([1, 2], is_sure=True, times=[10**9, 5 * 10**8]))
    assert list(sure.take_all()) == [Outcome(5, "a", 1, None, 1.0), Outcome(6, "b", 2, None, 0.5)]
    assert not sure
    unsure = Batch(5, ["a", "b"], Outcomes([1, 2]))
    assert list(unsure.take_all()) == []
    assert [unsure.take(), unsure.take()] == [
        Outcome(5, "a", 1, None, None),
        Outcome(6, "b", 2, None, None),
    ]
