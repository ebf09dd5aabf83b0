"""`interpexec.pool.Pool`: `map`, `starmap`, and the lists to come."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from queue import SimpleQueue
from unittest import mock

import pytest

import tasks
from gates import TIME_LIMIT
from interpexec.pool import Pool
from pools import gated_pool, pool_of

pytestmark = pytest.mark.fast


def test_maps_return_lists_in_order() -> None:
    """Of whatever can be iterated over, of nothing too."""
    with pool_of(2) as pool:
        assert pool.map(abs, range(-3, 3)) == [3, 2, 1, 0, 1, 2]
        assert pool.map(str, {"a": 1}) == ["a"]
        assert pool.map(abs, (n for n in range(1000))) == list(range(1000))
        assert pool.starmap(pow, [(2, 3), [3, 2]]) == [8, 9]
        assert pool.map(abs, []) == pool.starmap(pow, iter(())) == []
        assert pool.map_async(abs, [-1], callback=len).get(TIME_LIMIT) == [1]
        assert pool.starmap_async(pow, [(2, 3)]).get(TIME_LIMIT) == [8]
        assert pool.map(lambda n: n * n, [3]) == [9]


@pytest.mark.parametrize(
    ("items", "chunksize", "calls"), [(80, None, 8), (81, None, 8), (3, None, 3), (10, 4, 3)]
)
def test_a_chunk_is_one_call(items: int, chunksize: int | None, calls: int) -> None:
    """Four for each worker, where no size is given."""
    with (
        pool_of(2) as pool,
        mock.patch.object(pool._executor, "submit", side_effect=pool._executor.submit) as submit,
    ):
        assert pool.map(abs, range(items), chunksize) == list(range(items))
        assert submit.call_count == calls


@pytest.mark.parametrize("chunksize", [0, -1, 1.5, "2"])
@pytest.mark.parametrize("method", ["map", "starmap_async", "imap", "imap_unordered"])
def test_a_wrong_chunksize_is_refused(method: str, chunksize: object) -> None:
    """At once, by name."""
    with pool_of(1) as pool, pytest.raises((ValueError, TypeError), match="chunksize"):
        getattr(pool, method)(abs, [1], chunksize)


def test_an_exception_waits_for_all_chunks() -> None:
    """All chunks are over when the map raises; the first exception is raised."""
    with gated_pool(2) as (pool, gate):
        items = [(gate.handle, ValueError("late")), (gate.handle, None)]
        result = pool.starmap_async(_wait_and_raise, items, chunksize=1)
        gate.await_knocks(2)
        early = pool.map_async(_fail_at_zero, [0, 1, 2], chunksize=1)
        assert not result.ready()
        assert not early.ready()
        gate.open()
        with pytest.raises(ValueError, match="late"):
            result.get(TIME_LIMIT)
        with pytest.raises(ZeroDivisionError):
            early.get(TIME_LIMIT)


def _wait_and_raise(handle: "tuple[int, int]", error: BaseException | None) -> None:
    tasks.pass_gate(handle)
    if error is not None:
        raise error


def _fail_at_zero(number: int) -> float:
    return 1 / number


def test_an_exception_costs_the_rest_of_its_chunk() -> None:
    """Nothing else is left out."""
    with pool_of(1) as pool:
        with pytest.raises(ZeroDivisionError):
            pool.map(_note_and_divide, [1, 0, 2, 3, 0, 4], chunksize=3)
        assert pool.apply(tasks.kept_values) == [1, 0, 3, 0]


def _note_and_divide(number: int) -> float:
    tasks.keep(number)
    return 1 / number


class Sized:
    """An iterable with a length, whose second half fails."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[int]:
        yield from (1, 2)
        raise self.error


def test_an_exception_of_the_iterable_is_raised() -> None:
    """At once where it has no length; else behind the chunks before it."""
    with pool_of(1) as pool:
        with pytest.raises(LookupError):
            pool.map_async(abs, iter(Sized(LookupError())))
        error = LookupError("mine")
        told: SimpleQueue[BaseException] = SimpleQueue()
        result = pool.map_async(tasks.keep, Sized(error), 1, error_callback=told.put)
        with pytest.raises(LookupError, match="mine"):
            result.get(TIME_LIMIT)
        assert told.get_nowait() is error
        assert error.__cause__ is None
        assert pool.apply(tasks.kept_values) == [1, 2]


def test_an_interrupt_in_the_iterable_cancels_the_map() -> None:
    """Nobody has its result."""
    with gated_pool(1) as (pool, gate):
        pool.apply_async(tasks.pass_gate, (gate.handle,))
        gate.await_knocks(1)
        with pytest.raises(KeyboardInterrupt):
            pool.map(tasks.keep, Sized(KeyboardInterrupt()), 1)
        gate.open()
        assert pool.apply(tasks.kept_values) == []


def test_maps_of_several_threads_do_not_mix() -> None:
    """Each gets its own list."""
    found: dict[int, list[int]] = {}

    def ask(pool: Pool, base: int) -> None:
        found[base] = pool.map(abs, range(base, base + 200), 7)

    with pool_of(2) as pool:
        threads = [threading.Thread(target=ask, args=(pool, n * 1000)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIME_LIMIT)
    assert found == {n * 1000: list(range(n * 1000, n * 1000 + 200)) for n in range(4)}


def test_a_list_is_not_kept_by_the_pool() -> None:
    """Neither the items nor the values."""
    with gated_pool(1) as (pool, gate):
        mortals = [tasks.Mortal(gate.handle[0], here=True)]
        gate_knocks: Callable[[], bool] = partial(gate.has_knock, 0)
        pool.map(_take, mortals)
        assert not gate_knocks() or gate.await_knocks(1) is None  # the copy in the worker
        mortals.clear()
        gate.await_knocks(1)


def _take(_: object) -> None:
    return None
