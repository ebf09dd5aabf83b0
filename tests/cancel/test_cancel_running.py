"""Cancelling a call that runs: its future at once, its code soon."""

from collections.abc import Callable
from concurrent.futures import CancelledError, as_completed, wait
from queue import SimpleQueue

import pytest

import slow_pickles
import stoppable
from gates import Gate
from interpexec import InterpreterPoolExecutor, TaskCancelled
from stops import TIME_LIMIT, Pipe, finish, pool_of, shut_down, start

pytestmark = pytest.mark.fast


# -- the future ------------------------------------------------------------


def test_the_future_is_cancelled_at_once(begun: Pipe) -> None:
    """`cancel()` returns True, and the future is cancelled when it returns."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin, begun.writer)
        begun.hear()
        assert future.running()
        assert future.cancel()
        assert (future.cancelled(), future.done(), future.running()) == (True, True, False)
        with pytest.raises(CancelledError):
            future.result(0)
        with pytest.raises(CancelledError):
            future.exception(0)


def test_the_future_does_not_wait_for_the_call(begun: Pipe, told: Pipe, door: Gate) -> None:
    """A call whose `finally` takes its time is cancelled all the same."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.clean_slowly, begun.writer, told.writer, door.handle[1])
        begun.hear()
        assert future.cancel()
        with pytest.raises(CancelledError):
            future.result(0)
        assert told.hear() == b"f"
        door.open()
        assert told.hear() == b"e"


@pytest.mark.parametrize("ask", ["result", "exception"])
def test_waiters_for_the_call_wake(ask: str, begun: Pipe, door: Gate) -> None:
    """`result()` and `exception()` in other threads raise CancelledError at once."""
    ended: SimpleQueue[str] = SimpleQueue()

    def wait_for_it() -> None:
        try:
            getattr(future, ask)(TIME_LIMIT)
        except CancelledError:
            ended.put("cancelled")

    with pool_of(1) as pool:
        future = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
        threads = [start(wait_for_it) for _ in range(3)]
        begun.hear()
        assert future.cancel()
        assert [ended.get(timeout=TIME_LIMIT) for _ in threads] == ["cancelled"] * 3
        for thread in threads:
            finish(thread)
        door.open()


def test_wait_and_as_completed_learn_of_it(begun: Pipe) -> None:
    """Threads that wait for many futures are told; those that come later, too."""
    ended: SimpleQueue[object] = SimpleQueue()
    with pool_of(2) as pool:
        futures = [pool.submit(stoppable.spin, begun.writer) for _ in range(2)]
        begun.hear(2)
        threads = [
            start(lambda: ended.put(wait(futures, TIME_LIMIT).done)),
            start(lambda: ended.put(set(as_completed(futures, TIME_LIMIT)))),
        ]
        assert all(future.cancel() for future in futures)
        assert [ended.get(timeout=TIME_LIMIT) for _ in threads] == [set(futures)] * 2
        for thread in threads:
            finish(thread)
        assert wait(futures, 0).done == set(futures)
        assert set(as_completed(futures, 0)) == set(futures)


def test_callbacks_run_once(begun: Pipe) -> None:
    """Callbacks that were there run in `cancel()`; those that are added later run at once."""
    called: list[object] = []
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin, begun.writer)
        future.add_done_callback(called.append)
        begun.hear()
        assert future.cancel()
        assert called == [future]
        future.add_done_callback(called.append)
        assert future.cancel()
    assert called == [future] * 2


def test_a_callback_of_a_cancelled_call_may_use_the_pool(begun: Pipe) -> None:
    """A callback submits another call and waits for it, in the thread that cancels."""
    results: list[object] = []
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin, begun.writer)
        future.add_done_callback(
            lambda _: results.append(pool.submit(stoppable.same, 5).result(TIME_LIMIT))
        )
        begun.hear()
        assert future.cancel()
        assert results == [5]


def test_cancelling_twice_is_true_again(begun: Pipe) -> None:
    """A second `cancel()` returns True and does nothing else."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin, begun.writer)
        begun.hear()
        assert future.cancel()
        assert future.cancel()
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        assert future.cancel()


def test_cancelling_a_finished_call_is_false() -> None:
    """Its result, or its exception, stays."""
    with pool_of(1) as pool:
        good, bad = pool.submit(stoppable.same, 1), pool.submit(stoppable.fail_with, 2)
        assert wait([good, bad], TIME_LIMIT).not_done == set()
        assert not good.cancel()
        assert not bad.cancel()
        assert good.result(0) == 1
        assert isinstance(bad.exception(0), LookupError)


def test_cancelling_after_shutdown(begun: Pipe) -> None:
    """A call that still runs then is stopped as well; one that has ended is not."""
    pool = InterpreterPoolExecutor(2)
    ended = pool.submit(stoppable.same, 1)
    assert ended.result(TIME_LIMIT) == 1
    future = pool.submit(stoppable.spin, begun.writer)
    begun.hear()
    pool.shutdown(wait=False)
    assert future.cancel()
    assert future.cancel()
    shut_down(pool)
    assert future.cancel()
    assert not ended.cancel()


def test_cancel_running_can_be_turned_off(begun: Pipe, door: Gate) -> None:
    """`cancel_running=False`: False for what runs, as in the stdlib; True for what waits."""
    with pool_of(1, cancel_running=False) as pool:
        running = pool.submit(stoppable.spin_until, begun.writer, door.handle[1], "end")
        waiting = [pool.submit(stoppable.same, n) for n in range(5)]
        begun.hear()
        assert not running.cancel()
        assert running.running()
        assert waiting[0].cancel()
        assert waiting[4].cancel()
        door.open()
        assert running.result(TIME_LIMIT) == "end"
        assert [each.result(TIME_LIMIT) for each in waiting[1:4]] == [1, 2, 3]


# -- the call --------------------------------------------------------------


def test_the_call_is_interrupted_by_task_cancelled(begun: Pipe, told: Pipe) -> None:
    """TaskCancelled is a BaseException, and ends the call."""
    assert issubclass(TaskCancelled, BaseException)
    assert not issubclass(TaskCancelled, Exception)
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin_and_tell, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear(13) == b"TaskCancelled"


def test_finally_and_with_blocks_run(begun: Pipe, told: Pipe) -> None:
    """In their order, each once."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin_and_clean, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear(3) == b"wio"
    assert told.rest() == b""


def test_a_finally_block_is_not_interrupted_again(begun: Pipe, told: Pipe, door: Gate) -> None:
    """Cancelling again while it runs does nothing to it."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.clean_slowly, begun.writer, told.writer, door.handle[1])
        begun.hear()
        assert future.cancel()
        assert told.hear() == b"f"
        assert future.cancel()
        pool.shutdown(wait=False)
        assert future.cancel()
        door.open()
        assert told.hear() == b"e"


def test_except_exception_does_not_keep_it(begun: Pipe) -> None:
    """A call that swallows every Exception is stopped."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin_among_exceptions, begun.writer)
        begun.hear()
        assert future.cancel()


def test_an_interruption_that_cpython_loses_is_thrown_again(begun: Pipe) -> None:
    """C code that sets another exception over TaskCancelled saves no call from its end."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin_among_messages, begun.writer)
        begun.hear()
        assert future.cancel()


def test_the_result_of_a_stopped_call_is_thrown_away(begun: Pipe, told: Pipe) -> None:
    """A call that swallows TaskCancelled is cancelled all the same, and so is its worker."""
    with pool_of(1) as pool:
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        future = pool.submit(stoppable.swallow, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear() == b"s"
        assert pool.submit(stoppable.interpreter).result(TIME_LIMIT) != where
        assert future.cancelled()


each_slow_pickle = pytest.mark.parametrize(
    ("function", "argument"),
    [
        pytest.param(slow_pickles.make_spinner, stoppable.same, id="result"),
        pytest.param(slow_pickles.raise_spinner, stoppable.same, id="exception"),
        pytest.param(stoppable.same, slow_pickles.SpinsOnArrival, id="argument"),
    ],
)
"""Runs a test once for each place where a pickle can run for ever."""


@each_slow_pickle
def test_a_pickle_that_runs_for_ever_is_stopped(
    function: Callable[..., object], argument: Callable[[int], object], begun: Pipe
) -> None:
    """The user's code also runs before and after the function: there too."""
    with pool_of(1) as pool:
        future = pool.submit(function, argument(begun.writer))
        begun.hear()
        assert future.cancel()
        assert pool.submit(stoppable.same, 5).result(TIME_LIMIT) == 5


@each_slow_pickle
def test_a_pickle_that_runs_for_ever_in_a_chunk_is_stopped(
    function: Callable[..., object], argument: Callable[[int], object], begun: Pipe
) -> None:
    """The same code is stopped where it is one item of several in one call of a map."""
    with pool_of(1) as pool:
        items = [argument(begun.writer)] * 3
        results = pool.with_options(timeout=0.2).map(function, items, chunksize=3)
        with pytest.raises(TimeoutError):
            next(results)
        assert pool.submit(stoppable.same, 5).result(TIME_LIMIT) == 5


# -- the calls that have not begun -----------------------------------------


def test_cancelled_calls_that_have_not_begun_are_skipped(begun: Pipe, door: Gate) -> None:
    """Wherever they stand: in the backlog, or in the request queue."""
    with pool_of(1) as pool:
        first = pool.submit(stoppable.spin_until, begun.writer, door.handle[1])
        begun.hear()
        pool._scheduler.state.table._ahead = 4
        futures = [pool.submit(stoppable.note, begun.writer, bytes([n])) for n in range(8)]
        for number in (0, 2, 5, 7):
            assert futures[number].cancel()
        door.open()
        assert first.result(TIME_LIMIT) is None
    assert begun.rest() == bytes([1, 3, 4, 6])
    assert [future.cancelled() for future in futures] == [n in {0, 2, 5, 7} for n in range(8)]


@pytest.mark.parametrize("width", [1, 3])
def test_cancelled_calls_in_the_channel_are_skipped_after_shutdown(
    width: int, begun: Pipe, told: Pipe, door: Gate
) -> None:
    """Cancelled calls are recalled: the workers are told to end when the queue is empty."""
    pool = InterpreterPoolExecutor(width)
    running = [
        pool.submit(stoppable.spin_until, begun.writer, door.handle[1]) for _ in range(width)
    ]
    begun.hear(width)
    pool._scheduler.state.table._ahead = 40
    futures = [pool.submit(stoppable.note, told.writer, bytes([n])) for n in range(40)]
    pool.shutdown(wait=False)
    assert all(future.running() for future in futures)
    assert all(future.cancel() for future in futures[::2])
    assert all(future.cancelled() for future in futures[::2])
    door.open()
    shut_down(pool)
    assert sorted(told.rest()) == list(range(1, 40, 2))
    assert all(future.result(0) is None for future in [*running, *futures[1::2]])


def test_calls_in_the_queue_are_done_when_the_running_call_is_cancelled(
    begun: Pipe, told: Pipe
) -> None:
    """After shutdown too: another worker takes the place of the interrupted one."""
    pool = InterpreterPoolExecutor(1)
    running = pool.submit(stoppable.spin, begun.writer)
    begun.hear()
    pool._scheduler.state.table._ahead = 5
    futures = [pool.submit(stoppable.note, told.writer, bytes([n])) for n in range(5)]
    pool.shutdown(wait=False)
    assert running.cancel()
    shut_down(pool)
    assert told.rest() == bytes(range(5))
    assert all(future.result(0) is None for future in futures)
