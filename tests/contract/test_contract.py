"""The contract of every executor, for three classes: calls and futures.

`ThreadPoolExecutor` and the standard library's `InterpreterPoolExecutor` pass
it too, which is what makes ours a replacement for them.
"""

import threading
import time
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    CancelledError,
    Future,
    as_completed,
    wait,
)
from functools import partial
from operator import mul

import pytest

import tasks
from contract import Maker, each_pool, queue_up, wait_for
from gates import TIME_LIMIT, gated

pytestmark = pytest.mark.fast

# -- submit, and what its future tells ---------------------------------------


@each_pool
def test_a_call_returns_its_result(make_pool: Maker) -> None:
    """`submit` returns a Future; `result()` gives what the function returned."""
    with make_pool(1) as pool:
        future = pool.submit(tasks.divide, 7, 2)
        assert isinstance(future, Future)
        assert future.result(TIME_LIMIT) == 3.5
        assert future.exception() is None
        assert future.done()
        assert not future.running()
        assert not future.cancelled()


@each_pool
@pytest.mark.parametrize("value", [None, False, 0, "", [], float("inf"), (1, [2, {3}])])
def test_a_result_is_what_was_returned(make_pool: Maker, value: object) -> None:
    """A falsey result arrives as itself, and not as "none"."""
    with make_pool(1) as pool:
        assert pool.submit(tasks.same, value).result(TIME_LIMIT) == value


@each_pool
def test_keyword_arguments_belong_to_the_callee(make_pool: Maker) -> None:
    """`submit` takes no keyword for itself: not `fn`, `self`, `timeout`, `chunksize`."""
    keywords = {"fn": 1, "self": 2, "timeout": 3, "chunksize": 4, "args": 5, "kwargs": 6}
    with make_pool(1) as pool:
        result = pool.submit(tasks.arguments, "a", "b", **keywords).result(TIME_LIMIT)
    assert result == (("a", "b"), keywords)


@each_pool
def test_the_function_is_positional_only(make_pool: Maker) -> None:
    """`submit()` without a function, or with `fn=`, is a TypeError of the caller."""
    with make_pool(1) as pool:
        with pytest.raises(TypeError):
            pool.submit()  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            pool.submit(fn=tasks.same)  # type: ignore[call-arg]


@each_pool
def test_an_exception_is_raised_by_result_and_returned_by_exception(make_pool: Maker) -> None:
    """`result()` raises what the function raised, each time it is asked."""
    with make_pool(1) as pool:
        future = pool.submit(tasks.divide, 1, 0)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError, match="division by zero"):
                future.result(TIME_LIMIT)
        assert isinstance(future.exception(), ZeroDivisionError)
        assert future.exception() is future.exception()


@each_pool
def test_a_future_shows_its_states(make_pool: Maker) -> None:
    """A call that runs is `running()` and not `done()`; `result` may be waited for shortly."""
    with gated(partial(make_pool, 1)) as (pool, gate):
        future = pool.submit(tasks.pass_gate, gate.handle, "through")
        gate.await_knocks(1)
        assert future.running()
        assert not future.done()
        with pytest.raises(TimeoutError):
            future.result(timeout=0.01)
        with pytest.raises(TimeoutError):
            future.exception(timeout=0)
        gate.let_in()
        assert future.result(TIME_LIMIT) == "through"


@each_pool
def test_partials_and_builtins_can_be_submitted(make_pool: Maker) -> None:
    """A builtin, a class or any other callable may be called."""
    with make_pool(2) as pool:
        assert pool.submit(partial(mul, 6), 7).result(TIME_LIMIT) == 42
        assert pool.submit("-".join, ["a", "b"]).result(TIME_LIMIT) == "a-b"
        assert pool.submit(dict, a=1).result(TIME_LIMIT) == {"a": 1}


# -- callbacks ----------------------------------------------------------------


@each_pool
def test_callbacks_get_the_future_in_the_order_they_were_added(make_pool: Maker) -> None:
    """Callbacks are called once each, with the future, when it is done or at once if it is."""
    seen: list[tuple[str, Future[object]]] = []
    ended = threading.Event()
    with gated(partial(make_pool, 1)) as (pool, gate):
        future = pool.submit(tasks.pass_gate, gate.handle)
        future.add_done_callback(lambda f: seen.append(("first", f)))
        future.add_done_callback(lambda f: seen.append(("second", f)))
        future.add_done_callback(lambda _: ended.set())
        assert not seen
        gate.let_in()
        assert ended.wait(TIME_LIMIT)
        future.add_done_callback(lambda f: seen.append(("late", f)))
    assert seen == [("first", future), ("second", future), ("late", future)]


@each_pool
def test_a_callback_that_raises_stops_nothing(
    make_pool: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception in a callback is logged; the other callbacks and calls go on."""
    seen = []
    with gated(partial(make_pool, 1)) as (pool, gate):
        future = pool.submit(tasks.pass_gate, gate.handle)
        future.add_done_callback(lambda _: tasks.divide(1, 0))
        future.add_done_callback(seen.append)
        gate.let_in()
        assert pool.submit(tasks.same, 1).result(TIME_LIMIT) == 1
    assert seen == [future]
    assert "ZeroDivisionError" in caplog.text


@each_pool
def test_a_callback_may_submit_another_call(make_pool: Maker) -> None:
    """A chain of calls, each submitted by the callback of the one before, ends."""
    ended = threading.Event()
    with make_pool(1) as pool:

        def go_on(future: "Future[int]") -> None:
            if (length := future.result()) < 20:
                pool.submit(tasks.same, length + 1).add_done_callback(go_on)
            else:
                ended.set()

        pool.submit(tasks.same, 0).add_done_callback(go_on)
        assert ended.wait(TIME_LIMIT)


@each_pool
def test_a_callback_may_wait_for_another_call(make_pool: Maker) -> None:
    """A callback that waits for another call of its pool gets that call's result."""
    results: list[object] = []
    ended = threading.Event()
    with make_pool(2) as pool:

        def ask(_: "Future[int]") -> None:
            try:
                results.append(pool.submit(tasks.same, "answer").result(TIME_LIMIT))
            finally:
                ended.set()

        pool.submit(tasks.same, 0).add_done_callback(ask)
        assert ended.wait(TIME_LIMIT)
    assert results == ["answer"]


# -- wait and as_completed ----------------------------------------------------


@each_pool
def test_wait_returns_when_all_are_done(make_pool: Maker) -> None:
    """ALL_COMPLETED: also those that failed or were done before."""
    with make_pool(2) as pool:
        futures = [pool.submit(tasks.divide, 1, n) for n in range(4)]
        wait_for(futures[0])
        done, not_done = wait(futures, TIME_LIMIT, ALL_COMPLETED)
    assert done == set(futures)
    assert not not_done


@each_pool
def test_wait_returns_at_the_first_that_is_done(make_pool: Maker) -> None:
    """FIRST_COMPLETED, and FIRST_EXCEPTION for one that fails, leave the rest running."""
    with gated(partial(make_pool, 2)) as (pool, gate):
        stuck = pool.submit(tasks.pass_gate, gate.handle)
        gate.await_knocks(1)
        for call, number in (FIRST_COMPLETED, 1), (FIRST_EXCEPTION, 0):
            other = pool.submit(tasks.divide, 1, number)
            done, not_done = wait([stuck, other], TIME_LIMIT, call)
            assert (done, not_done) == ({other}, {stuck})


@each_pool
def test_wait_gives_up_after_its_timeout(make_pool: Maker) -> None:
    """`wait` names the futures that are not done by then; they still come to their end."""
    with gated(partial(make_pool, 1)) as (pool, gate):
        stuck = pool.submit(tasks.pass_gate, gate.handle, 1)
        assert wait([stuck], 0.01).not_done == {stuck}
        gate.open()
        assert stuck.result(TIME_LIMIT) == 1


@each_pool
def test_a_wait_with_a_timeout_honours_fractions_of_a_second(make_pool: Maker) -> None:
    """0.2 s is neither nothing nor a second."""
    with gated(partial(make_pool, 1)) as (pool, gate):
        stuck = pool.submit(tasks.pass_gate, gate.handle)
        begin = time.monotonic()
        with pytest.raises(TimeoutError):
            stuck.result(0.2)
        assert 0.19 < time.monotonic() - begin < 20


@each_pool
def test_as_completed_yields_each_as_it_ends(make_pool: Maker) -> None:
    """A later call that ends first comes first; duplicates come once."""
    with gated(partial(make_pool, 2)) as (pool, gate):
        slow = pool.submit(tasks.pass_gate, gate.handle)
        quick = pool.submit(tasks.same, 1)
        arrived = as_completed([slow, quick, slow], TIME_LIMIT)
        assert next(arrived) is quick
        gate.let_in()
        assert list(arrived) == [slow]


@each_pool
def test_as_completed_gives_up_after_its_timeout(make_pool: Maker) -> None:
    """TimeoutError when the time is over and something is not done."""
    with gated(partial(make_pool, 1)) as (pool, gate):
        stuck = pool.submit(tasks.pass_gate, gate.handle)
        with pytest.raises(TimeoutError):
            list(as_completed([stuck], 0.01))


# -- cancelling what is pending -----------------------------------------------


@each_pool
def test_a_pending_call_can_be_cancelled(make_pool: Maker) -> None:
    """A cancelled call never runs; its waiters get CancelledError; its callbacks are called."""
    with gated(partial(make_pool, 1)) as (pool, gate):
        futures = queue_up(pool, gate)
        last, called = futures[-1], []
        last.add_done_callback(called.append)
        assert last.cancel()
        assert last.cancel(), "cancelling again says the same"
        assert last.cancelled()
        assert last.done()
        assert called == [last]
        with pytest.raises(CancelledError):
            last.result(0)
        with pytest.raises(CancelledError):
            last.exception(0)
        gate.open()
        assert [f.result(TIME_LIMIT) for f in futures[:-1]] == list(range(11))
        pool.shutdown()
        gate.await_knocks(10)
        assert not gate.has_knock()


@each_pool
def test_pending_calls_can_be_cancelled_after_a_burst_of_short_ones(make_pool: Maker) -> None:
    """However well the pool keeps its worker fed, what does not run can be cancelled."""
    with gated(partial(make_pool, 1)) as (pool, gate):
        list(pool.map(tasks.same, range(2000)))
        futures = queue_up(pool, gate, 8)
        assert [future.cancel() for future in futures[2:]] == [True] * 6


@each_pool
def test_wait_and_as_completed_know_of_cancelled_calls(make_pool: Maker) -> None:
    """A cancelled call counts as done for who began to wait before it was cancelled."""
    with gated(partial(make_pool, 1)) as (pool, gate):
        futures = queue_up(pool, gate)
        arrived = as_completed(futures, TIME_LIMIT)
        assert futures[-1].cancel()
        gate.open()
        assert set(arrived) == set(futures)


@each_pool
def test_a_finished_call_cannot_be_cancelled(make_pool: Maker) -> None:
    """`cancel()` says False then, and the result stays."""
    with make_pool(1) as pool:
        future = pool.submit(tasks.same, 1)
        wait_for(future)
        assert not future.cancel()
        assert not future.cancelled()
        assert future.result() == 1
