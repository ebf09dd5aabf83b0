"""`with_options(timeout=...)`: how long one call may run."""

import asyncio
import math
import sys
import threading
from concurrent.futures import wait
from typing import Any

import pytest

import slow_pickles
import stoppable
from gates import Gate
from interpexec import InterpreterPoolExecutor
from interpexec._pool.workers import Workers
from stops import TIME_LIMIT, Pipe, pool_of, shut_down
from tiers import few

SOON = 0.2

ENOUGH = 1.0
"""The limit of a call that is to get somewhere before its time is over, on a busy machine."""

PREPARED: dict[str, Any] = {"initializer": stoppable.interpreter}
"""For a pool with such calls: its workers have imported `stoppable` before. Each new one takes
its time for that, which else would be its first call's."""


def test_the_future_gets_a_timeout_error(begun: Pipe, told: Pipe) -> None:
    """The error names the limit and the callable; the call is interrupted."""
    with pool_of(1, **PREPARED) as pool:
        future = pool.with_options(timeout=ENOUGH).submit(
            stoppable.spin_and_tell, begun.writer, told.writer
        )
        error = future.exception(TIME_LIMIT)
        assert isinstance(error, TimeoutError)
        assert "1 s" in str(error)
        assert "spin_and_tell" in str(error)
        assert not future.cancelled()
        assert told.hear(13) == b"TaskCancelled"
        assert not future.cancel()


@pytest.mark.slow
def test_the_worker_is_replaced(begun: Pipe) -> None:
    """As after a cancel."""
    with pool_of(1, **PREPARED) as pool:
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        limited, free = (pool.with_options(timeout=limit) for limit in (ENOUGH, TIME_LIMIT))
        assert limited.submit(stoppable.spin_in_state, begun.writer).exception(TIME_LIMIT)
        assert free.submit(stoppable.add_state, 1).result(TIME_LIMIT) == [1]
        assert pool.submit(stoppable.interpreter).result(TIME_LIMIT) != where


def test_a_blocked_call_times_out_too(begun: Pipe, door: Gate) -> None:
    """Its future at once; its worker is replaced after the grace."""
    with pool_of(1) as pool:
        future = pool.with_options(timeout=SOON).submit(
            stoppable.block_in_lock, (begun.writer, door.handle[1])
        )
        assert isinstance(future.exception(TIME_LIMIT), TimeoutError)
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        door.open()


def test_waiters_learn_of_it(begun: Pipe) -> None:
    """`wait` wakes, and callbacks run, once."""
    called: list[object] = []
    with pool_of(1) as pool:
        future = pool.with_options(timeout=SOON).submit(stoppable.spin, begun.writer)
        future.add_done_callback(called.append)
        assert wait([future], TIME_LIMIT).done == {future}
    assert called == [future]


def test_a_call_that_is_quick_enough_has_its_result() -> None:
    """Or its own exception; and nothing comes after it."""
    with pool_of(1) as pool:
        limited = pool.with_options(timeout=TIME_LIMIT)
        assert limited.submit(stoppable.same, 5).result(TIME_LIMIT) == 5
        assert isinstance(limited.submit(stoppable.fail_with, 5).exception(TIME_LIMIT), LookupError)


@pytest.mark.slow
def test_the_time_of_a_finished_call_harms_no_later_one(begun: Pipe, door: Gate) -> None:
    """The clock of a call ends with it: what runs when it would have been over goes on."""
    with pool_of(1, **PREPARED) as pool:
        limited = pool.with_options(timeout=ENOUGH)
        assert limited.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        after = pool.submit(stoppable.spin_until, begun.writer, door.handle[1], "unharmed")
        begun.hear()
        # Another call's limit, which is later, is the proof that the first one has passed.
        with pytest.raises(TimeoutError):
            after.result(ENOUGH + SOON)
        door.open()
        assert after.result(TIME_LIMIT) == "unharmed"


@pytest.mark.slow
def test_the_clock_starts_when_the_call_starts(begun: Pipe, door: Gate) -> None:
    """A call that waits in the queue for longer than its limit is not stopped for that."""
    with pool_of(1) as pool:
        first = pool.submit(stoppable.spin_until, begun.writer, door.handle[1])
        limited = pool.with_options(timeout=ENOUGH)
        others = [limited.submit(stoppable.same, n) for n in range(3)]
        begun.hear()
        assert wait(others, ENOUGH + 2 * SOON).done == set()
        door.open()
        assert [other.result(TIME_LIMIT) for other in others] == list(range(3))
        assert first.result(TIME_LIMIT) is None


@pytest.mark.slow
def test_the_clock_starts_after_the_initializer(door: Gate) -> None:
    """A worker that is slow to get ready takes nothing from the time of its first call."""
    with pool_of(1, initializer=stoppable.knock_and_pass, initargs=(door.handle,)) as pool:
        future = pool.with_options(timeout=ENOUGH).submit(stoppable.same, 5)
        door.await_knocks(1)
        assert wait([future], ENOUGH + 2 * SOON).done == set()
        door.open()
        assert future.result(TIME_LIMIT) == 5


@pytest.mark.parametrize("first", ["may_begin", "running"])
@pytest.mark.parametrize("when", ["between", "after"])
def test_a_call_that_begins_while_the_clock_is_looked_at(
    first: str, when: str, begun: Pipe, door: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool asks twice what the workers do. They go on, between the two and after them.

    To begin with, the worker has answered its last call, and still seems to run it.
    """
    looked = threading.Event()

    def look(*args: Any) -> object:
        found = original(*args)
        if when == "between" and not looked.is_set():
            door.open()
            assert begun.has_word(TIME_LIMIT)
        looked.set()
        return found

    with pool_of(1, **PREPARED) as pool:
        pool.submit(stoppable.linger_after_answers, door.handle).result(TIME_LIMIT)
        door.await_knocks(1)
        original = getattr(Workers, first)
        monkeypatch.setattr(Workers, first, look)
        future = pool.with_options(timeout=1e-9).submit(stoppable.spin, begun.writer)
        assert looked.wait(TIME_LIMIT)
        door.open()
        assert isinstance(future.exception(TIME_LIMIT), TimeoutError)


@pytest.mark.slow
def test_calls_behind_a_limited_one_are_done(begun: Pipe) -> None:
    """Calls behind a limited one wait no longer than its limit; each has its own clock."""
    with pool_of(1) as pool:
        limited, free = (pool.with_options(timeout=limit) for limit in (SOON, TIME_LIMIT))
        futures = []
        for number in range(4):
            futures.extend(
                [
                    limited.submit(stoppable.spin, begun.writer),
                    free.submit(stoppable.same, number),
                ]
            )
        assert wait(futures, TIME_LIMIT).not_done == set()
        assert all(isinstance(future.exception(0), TimeoutError) for future in futures[::2])
        assert [future.result(0) for future in futures[1::2]] == list(range(4))


def test_different_limits_beside_each_other(begun: Pipe, door: Gate) -> None:
    """The shorter one, submitted later, is over; the longer one runs on."""
    with pool_of(2) as pool:
        for _ in range(2):  # both workers are there, so that both clocks start at the same time
            pool.submit(stoppable.spin_until, begun.writer, door.handle[1])
        begun.hear(2)
        long = pool.with_options(timeout=2 * TIME_LIMIT).submit(stoppable.spin, begun.writer)
        short = pool.with_options(timeout=SOON).submit(stoppable.spin, begun.writer)
        door.open()
        error = short.exception(TIME_LIMIT)
        assert isinstance(error, TimeoutError)
        assert "0.2" in str(error)
        assert not long.done()
        assert long.cancel()


def test_cancel_running_false_limits_calls_all_the_same(begun: Pipe) -> None:
    """A time limit holds also where `cancel()` may not stop a call."""
    with pool_of(1, cancel_running=False) as pool:
        future = pool.with_options(timeout=SOON).submit(stoppable.spin, begun.writer)
        assert isinstance(future.exception(TIME_LIMIT), TimeoutError)
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1


@pytest.mark.slow
def test_a_call_times_out_after_shutdown(begun: Pipe) -> None:
    """`shutdown()` waits for the limit, and not longer."""
    pool = InterpreterPoolExecutor(1)
    futures = [
        pool.with_options(timeout=SOON).submit(stoppable.spin, begun.writer) for _ in range(3)
    ]
    shut_down(pool)
    assert all(isinstance(future.exception(0), TimeoutError) for future in futures)


def test_there_is_one_clock_for_the_pool(begun: Pipe, door: Gate) -> None:
    """Many limited calls start no thread beyond the workers and the collector."""
    with pool_of(2) as pool:
        before = set(threading.enumerate())
        limited = pool.with_options(timeout=TIME_LIMIT)
        futures = [
            limited.submit(stoppable.spin_until, begun.writer, door.handle[1]) for _ in range(2)
        ]
        futures.extend(limited.submit(stoppable.same, n) for n in range(100))
        begun.hear(2)
        assert len(set(threading.enumerate()) - before) == 2 + 1
        door.open()
        assert wait(futures, TIME_LIMIT).not_done == set()


# -- maps and event loops --------------------------------------------------------------


@pytest.mark.parametrize("chunksize", few([3, 1]))
@pytest.mark.slow
def test_map_honours_it(chunksize: int, begun: Pipe) -> None:
    """By a view that is a temporary object, too; results before it are given."""
    with pool_of(1, **PREPARED) as pool:
        results = pool.with_options(timeout=ENOUGH).map(
            stoppable.same,
            [1, 2, 3, slow_pickles.SpinsOnArrival(begun.writer)],
            chunksize=chunksize,
        )
        assert [next(results) for _ in range(3)] == [1, 2, 3]
        with pytest.raises(TimeoutError, match=r"same.*1 s"):
            next(results)


def test_map_with_a_buffer_goes_on_when_the_view_is_gone() -> None:
    """Items that are submitted later are submitted for the pool."""
    with pool_of(2) as pool:
        results = pool.with_options(timeout=TIME_LIMIT).map(stoppable.same, range(50), buffersize=2)
        assert list(results) == list(range(50))


@pytest.mark.slow
def test_imap_unordered_honours_it(begun: Pipe) -> None:
    """The item that ran for too long costs itself only."""
    with pool_of(2, **PREPARED) as pool:
        items = [1, slow_pickles.SpinsOnArrival(begun.writer), 2, 3]
        results = pool.with_options(timeout=ENOUGH).imap_unordered(
            stoppable.same, items, buffersize=3
        )
        seen, errors = [], 0
        while True:
            try:
                seen.append(next(results))
            except StopIteration:
                break
            except TimeoutError:
                errors += 1
        assert (sorted(seen), errors) == ([1, 2, 3], 1)


def test_the_maps_own_timeout_is_another_one() -> None:
    """`map(timeout=)` is about the iterator; both may be used."""
    with pool_of(1) as pool:
        view = pool.with_options(timeout=TIME_LIMIT)
        assert list(view.map(stoppable.same, range(3), timeout=TIME_LIMIT)) == [0, 1, 2]


def test_run_in_executor_honours_it(begun: Pipe) -> None:
    """`run_in_executor` applies the view's limit; a loop takes a view as its default executor."""

    async def main(pool: InterpreterPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError, match="spin"):
            await loop.run_in_executor(
                pool.with_options(timeout=SOON), stoppable.spin, begun.writer
            )
        loop.set_default_executor(pool.with_options(timeout=TIME_LIMIT))
        assert await loop.run_in_executor(None, stoppable.same, 5) == 5

    pool = InterpreterPoolExecutor(1)
    asyncio.run(main(pool))
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(stoppable.same, 1)


# -- bad input ---------------------------------------------------------------------------


class _NoNumber:
    def __float__(self) -> float:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (0.0, ValueError),
        (-0.0, ValueError),
        (-1, ValueError),
        (-math.inf, ValueError),
        (math.nan, ValueError),
        ("1", TypeError),
        (b"1", TypeError),
        ([], TypeError),
        (object(), TypeError),
        (1j, TypeError),
        (_NoNumber(), TypeError),
    ],
    ids=repr,
)
def test_a_wrong_limit_is_refused(value: float, error: type[Exception]) -> None:
    """At once, naming the argument."""
    with pool_of(1) as pool, pytest.raises(error, match="timeout"):
        pool.with_options(timeout=value)


@pytest.mark.parametrize(
    "value", [math.inf, sys.float_info.max, 1e300, 1e18, 1e10, 10**15, True], ids=repr
)
def test_a_long_limit_is_no_limit(value: float, caplog: pytest.LogCaptureFixture) -> None:
    """However large, calls are done, and nothing is said."""
    with pool_of(1, **PREPARED) as pool:
        view = pool.with_options(timeout=value)
        assert [view.submit(stoppable.same, n).result(TIME_LIMIT) for n in range(3)] == [0, 1, 2]
    assert not caplog.records


@pytest.mark.parametrize("value", few([5e-324, 1e-9, 0.0005]))
def test_a_tiny_limit_stops_what_runs_for_ever(value: float, begun: Pipe) -> None:
    """The pool stays usable."""
    with pool_of(1) as pool:
        view = pool.with_options(timeout=value)
        for _ in range(3):
            future = view.submit(stoppable.spin, begun.writer)
            assert isinstance(future.exception(TIME_LIMIT), TimeoutError)
        assert pool.submit(stoppable.same, 5).result(TIME_LIMIT) == 5


def test_a_limit_holds_while_a_large_result_is_unpickled(begun: Pipe, door: Gate) -> None:
    """Another thread looks at the clock meanwhile, and takes the other results."""
    with pool_of(2) as pool:
        large = pool.submit(slow_pickles.make_gated, door.handle)
        limited = pool.with_options(timeout=SOON).submit(stoppable.spin, begun.writer)
        door.await_knocks(1)
        assert isinstance(limited.exception(TIME_LIMIT), TimeoutError)
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        door.open()
        assert large.result(TIME_LIMIT) == 1 << 20
