"""How maps end that size their calls: bounds, iterables that raise, pools and iterators that go."""

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, wait
from functools import partial
from itertools import count, repeat
from typing import Any

import pytest

import sizing_tasks
import stoppable
import tasks
from gates import TIME_LIMIT, Gate
from interpexec import InterpreterPoolExecutor, WorkerLostError, aio
from interpexec._map import reader
from interpexec._map.chunk_list import Chunk
from interpexec._map.chunk_size import Sizer
from iterators import METHODS, outcomes
from stops import Pipe, finish, shut_down, start
from tiers import few

type Columns = tuple[Iterable[Any], ...]


# -- bounds ------------------------------------------------------------------------------


@pytest.mark.parametrize("buffersize", [1, 2, 7, 64, 1000])
@pytest.mark.parametrize("method", METHODS)
def test_of_an_endless_iterable_no_more_is_read_than_the_buffer_holds(
    pool: InterpreterPoolExecutor, method: str, buffersize: int
) -> None:
    """However many items are sent in a call."""
    read = count()
    results = getattr(pool, method)(abs, (next(read) for _ in count()), buffersize=buffersize)
    for given in range(1, 3 * buffersize + 100):
        next(results)
        assert given + buffersize >= _value(read)
    results.close()
    before = _value(read)
    assert list(results) == []
    assert _value(read) == before


def _value(counter: "count[int]") -> int:
    """Return what a counter gives next, without taking it."""
    return int(repr(counter)[6:-1])


@pytest.mark.parametrize("method", METHODS)
def test_a_bounded_map_keeps_nothing_of_what_it_has_given(
    pass_by: tuple[InterpreterPoolExecutor, Gate], method: str
) -> None:
    """Results that were given are freed even while the first item is not finished."""
    pool, door = pass_by
    columns = *map(repeat, door.handle), repeat("" if method == "map" else ",0,")
    results = getattr(pool, method)(sizing_tasks.wait_at, *columns, count(), buffersize=8)
    for _ in range(2000):
        next(results)
    gc.collect()
    assert sum(type(each) is Chunk for each in gc.get_objects()) < 50
    results.close()


# -- iterables ----------------------------------------------------------------------------


class SlowToPickle:
    """Before it is pickled, all that was submitted so far is settled."""

    def __init__(self, pool: InterpreterPoolExecutor) -> None:
        self._pool = pool

    def __reduce__(self) -> tuple[type, tuple[int]]:
        settled = threading.Event()
        self._pool.submit(tasks.same, 0).add_done_callback(lambda _: settled.set())
        assert settled.wait(TIME_LIMIT)
        return int, (7,)


@pytest.mark.parametrize("method", METHODS)
def test_the_error_of_an_iterable_does_not_overtake_its_items(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though all before them are finished while those are still being pickled."""
    monkeypatch.setattr(reader, "_QUICK", 1 << 60)  # two items at a time, however slowly

    def items(pool: InterpreterPoolExecutor) -> Iterator[object]:
        yield 0
        yield SlowToPickle(pool)
        raise LookupError

    with InterpreterPoolExecutor(1) as pool:  # so that calls are settled in their order
        found = outcomes(getattr(pool, method)(tasks.same, items(pool)))
    assert Counter(found) == Counter([0, 7, LookupError])
    assert method == "imap_unordered" or found == [0, 7, LookupError]


@pytest.mark.parametrize("length", few([0, 1, 5, 3000], 3))
@pytest.mark.parametrize("buffersize", [None, 1, 8])
@pytest.mark.parametrize("method", METHODS)
def test_an_iterable_that_raises_costs_none_of_its_items(
    pool: InterpreterPoolExecutor, method: str, buffersize: int | None, length: int
) -> None:
    """All of them are given, and the error once."""

    def items() -> Iterator[int]:
        yield from range(length)
        raise LookupError

    results = getattr(pool, method)(abs, items(), buffersize=buffersize)
    assert Counter(outcomes(results)) == Counter([*range(length), LookupError])


@pytest.mark.parametrize("end", ["shutdown", "cancel", "terminate"])
@pytest.mark.parametrize("buffersize", [None, 1, 3])
@pytest.mark.parametrize("method", METHODS)
def test_a_pool_that_ends_while_items_are_read_loses_none_in_silence(
    method: str, buffersize: int | None, end: str
) -> None:
    """All are given, or an error comes: no iterator ends as if it was complete."""
    pool = InterpreterPoolExecutor(2)
    given: list[object] = []

    def items() -> Iterator[int]:
        yield from range(3)
        if end == "terminate":
            pool.terminate_workers()
        else:
            pool.shutdown(wait=False, cancel_futures=end == "cancel")
        yield from range(3, 10)

    try:
        given.extend(getattr(pool, method)(abs, items(), buffersize=buffersize))
    except (CancelledError, RuntimeError):
        assert given != list(range(10))
    else:
        assert sorted(given) == list(range(10))  # type: ignore[type-var]  # ints
    shut_down(pool)


@pytest.mark.parametrize("cancel_futures", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_a_bounded_map_says_that_its_pool_was_shut_down(
    pass_by: tuple[InterpreterPoolExecutor, Gate], method: str, cancel_futures: bool
) -> None:
    """Results of running items are given, and then comes an error, since there would be more."""
    pool, door = pass_by
    columns = *map(repeat, door.handle), repeat(",0,1,")
    results = getattr(pool, method)(sizing_tasks.wait_at, *columns, count(), buffersize=2)
    door.await_knocks(2)
    pool.shutdown(wait=False, cancel_futures=cancel_futures)
    door.open()
    found = set(outcomes(results))
    assert len(found) == 3
    assert found & {0, 1, CancelledError, RuntimeError} == found


@pytest.mark.parametrize("buffersize", [1, 2, 8])
def test_an_iterable_may_close_its_own_iterator(buffersize: int) -> None:
    """Items that the iterable gives afterwards are not computed, and keep no pool from ending."""
    pool = InterpreterPoolExecutor(2)

    def items() -> Iterator[int]:
        yield from range(buffersize)
        results.close()  # type: ignore[attr-defined]
        yield from count()

    results = pool.imap_unordered(abs, items(), buffersize=buffersize)
    assert len(list(results)) <= buffersize
    shut_down(pool)


# -- the pool ends ---------------------------------------------------------------------------


@pytest.mark.parametrize("chunksize", few([None, 1, 7]))
@pytest.mark.parametrize("method", METHODS)
def test_items_that_were_read_are_computed_though_the_pool_is_shut_down(
    told: Pipe, method: str, chunksize: int | None
) -> None:
    """`shutdown()` waits for all of it, though most of it was not submitted yet."""
    pool = InterpreterPoolExecutor(2)
    task = partial(sizing_tasks.tell_and_take_a_while, told.writer, 0)
    results = getattr(pool, method)(task, range(2000), chunksize=chunksize)
    shut_down(pool)
    assert told.rest() == b"." * 2000
    assert sorted(results) == list(range(2000))


@pytest.mark.parametrize("method", METHODS)
def test_items_that_were_read_are_computed_though_the_pool_is_dropped(method: str) -> None:
    """The iterator still gives all results."""
    pool = InterpreterPoolExecutor(2)
    results = getattr(pool, method)(abs, range(20_000))
    del pool
    gc.collect()
    assert sorted(results) == list(range(20_000))


def _cancel(pool: InterpreterPoolExecutor) -> None:
    pool.shutdown(wait=False, cancel_futures=True)


@pytest.mark.parametrize("end", [_cancel, InterpreterPoolExecutor.terminate_workers])
@pytest.mark.parametrize("size", [None, 50])
@pytest.mark.parametrize("method", METHODS)
def test_the_iterator_tells_that_the_rest_was_cancelled(
    pass_by: tuple[InterpreterPoolExecutor, Gate],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    size: int | None,
    end: Callable[[InterpreterPoolExecutor], None],
) -> None:
    """Nothing hangs, and nothing is missing without an error."""
    if size is not None:
        monkeypatch.setattr(Sizer, "size", lambda *_: size)
    pool, door = pass_by
    columns = *map(repeat, door.handle), repeat(",0,1,")
    results = getattr(pool, method)(sizing_tasks.wait_at, *columns, range(5000))
    door.await_knocks(2)
    end(pool)
    door.open()
    given = []
    with pytest.raises(CancelledError):
        given.extend(results)
    assert set(given) <= set(range(5000))
    assert len(given) < 5000
    shut_down(pool)


@pytest.mark.parametrize("method", METHODS)
def test_a_lost_worker_ends_a_map(method: str) -> None:
    """The iterator raises WorkerLostError; nothing hangs, and the pool goes on."""
    pool = InterpreterPoolExecutor(2)
    results = getattr(pool, method)(sizing_tasks.break_worker_at, repeat(40), range(5000))
    with pytest.raises(WorkerLostError):
        list(results)
    assert list(getattr(pool, method)(abs, [-1])) == [1]
    shut_down(pool)


# -- the iterator ends -------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["drop", "close"])
@pytest.mark.parametrize("method", METHODS)
def test_an_iteration_that_stops_ends_the_rest(
    told: Pipe, door: Gate, monkeypatch: pytest.MonkeyPatch, method: str, how: str
) -> None:
    """A running call ends after its item, and no other one begins; the pool goes on."""
    monkeypatch.setattr(Sizer, "size", lambda *_: 50)
    with InterpreterPoolExecutor(1) as pool:
        columns = repeat(told.writer), *map(repeat, door.handle), repeat(40)
        results: Any = getattr(pool, method)(sizing_tasks.tell_and_wait_at, *columns, range(5000))
        next(results)
        door.await_knocks(1)
        if how == "close":
            results.close()
        del results
        gc.collect()
        _let_collector_come_by(pool)
        door.open()
        assert pool.submit(tasks.same, 1).result(TIME_LIMIT) == 1
    assert len(told.rest()) < 300  # the call that runs, and those in the request queue


def _let_collector_come_by(pool: InterpreterPoolExecutor) -> None:
    """Wait until the collector has done what it had to do, and its orders were followed."""
    came = threading.Event()
    pool._scheduler.state.leave_to_collector(came.set)
    assert came.wait(TIME_LIMIT)
    # Orders are followed in turn. One that ends has followed them, and may cancel the last.
    assert not wait(pool.broadcast(tasks.same, 0), TIME_LIMIT).not_done


def test_a_thread_that_waits_for_a_closed_iterator_is_told(
    pass_by: tuple[InterpreterPoolExecutor, Gate],
) -> None:
    """`next()` in another thread raises CancelledError."""
    pool, door = pass_by
    columns: Columns = *map(repeat, door.handle), repeat(",0,1,")
    results: Any = pool.imap_unordered(sizing_tasks.wait_at, *columns, range(2))
    found: list[object] = []
    waiting = start(lambda: found.extend(outcomes(results)))
    door.await_knocks(2)
    results.close()
    finish(waiting)
    assert set(found) <= {CancelledError}  # none, if it came too late to wait


def test_a_task_that_waits_for_a_closed_iterator_is_told(
    pass_by: tuple[InterpreterPoolExecutor, Gate],
) -> None:
    """`anext()` in another task raises CancelledError."""
    pool, door = pass_by

    async def main() -> None:
        columns: Columns = *map(repeat, door.handle), repeat(",0,1,")
        results = aio.imap_unordered(pool, sizing_tasks.wait_at, *columns, range(2))

        async def next_one() -> object:
            return await anext(results)

        waiting = asyncio.create_task(next_one())
        await asyncio.sleep(0)  # it begins
        door.await_knocks(2)
        await results.aclose()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, TIME_LIMIT)

    asyncio.run(main())


@pytest.mark.parametrize("method", METHODS)
def test_an_iteration_that_never_begins_loses_nothing_else(method: str) -> None:
    """The pool ends, whether the items are computed or not."""
    with InterpreterPoolExecutor(2) as pool:
        getattr(pool, method)(abs, range(5000))
        gc.collect()
        assert pool.submit(tasks.same, 1).result(TIME_LIMIT) == 1


@pytest.mark.parametrize("method", METHODS)
def test_a_map_that_takes_too_long_leaves_a_usable_pool(
    pass_by: tuple[InterpreterPoolExecutor, Gate], monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """TimeoutError from `next()` while a call of fifty items is held up by one of them."""
    monkeypatch.setattr(Sizer, "size", lambda *_: 50)
    pool, door = pass_by
    columns = *map(repeat, door.handle), repeat(",40,")
    results = getattr(pool, method)(sizing_tasks.wait_at, *columns, range(200), timeout=0.1)
    with pytest.raises(TimeoutError):
        list(results)
    results.close()
    assert list(pool.map(abs, range(100))) == list(range(100))


# -- what waits for a chunk to become full -----------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("taken", [0, 1, 5])
def test_a_pool_ends_though_a_chunk_is_not_full(method: str, taken: int) -> None:
    """The iterable is read no further; items that were read are computed all the same."""
    with InterpreterPoolExecutor(2) as pool:
        results = getattr(pool, method)(tasks.same, range(100), chunksize=4, buffersize=6)
        for _ in range(taken):
            next(results)
    pool.shutdown()
    assert next(results) is not None


@pytest.mark.parametrize("chunksize", [None, 1, 4])
@pytest.mark.parametrize("method", METHODS)
def test_an_iterator_that_is_dropped_before_it_was_asked_for_a_result(
    begun: Pipe, method: str, chunksize: int | None
) -> None:
    """Submitted items are computed all the same, as in every executor."""
    with InterpreterPoolExecutor(2) as pool:
        getattr(pool, method)(stoppable.note, [begun.writer] * 50, chunksize=chunksize)
        gc.collect()
    assert len(begun.rest()) == 50


@pytest.mark.parametrize("chunksize", [None, 4])
@pytest.mark.parametrize("method", METHODS)
def test_an_iterator_that_is_dropped_after_its_first_result(
    pass_by: tuple[InterpreterPoolExecutor, Gate], method: str, chunksize: int | None
) -> None:
    """Items that have not begun are cancelled then, and the pool is usable, and ends."""
    pool, door = pass_by
    handles = [door.handle] * 50
    results = getattr(pool, method)(tasks.pass_gate, handles, chunksize=chunksize, buffersize=8)
    door.await_knocks(1)
    door.let_in(8)
    next(results)
    del results
    gc.collect()
    assert not pool._scheduler.state.table.sources
    door.open()
    assert pool.submit(abs, -1).result(TIME_LIMIT) == 1
