"""`interpexec.pool.Pool`: calls, their results and callbacks."""

import logging
import multiprocessing
import threading
from functools import partial
from multiprocessing.pool import MaybeEncodingError
from queue import SimpleQueue
from typing import Any

import pytest

import mishaps
import tasks
from gates import TIME_LIMIT
from interpexec import NotShareableError
from pools import gated_pool, pool_of

pytestmark = pytest.mark.fast


# -- calls ---------------------------------------------------------------------------------


def test_apply_returns_the_value() -> None:
    """Arguments come in a sequence and a mapping, the ways of `multiprocessing`."""
    with pool_of(1) as pool:
        assert pool.apply(tasks.arguments) == ((), {})
        assert pool.apply(tasks.arguments, (1, 2), {"a": 3}) == ((1, 2), {"a": 3})
        assert pool.apply(tasks.arguments, args=[1], kwds={"callback": 3}) == (
            (1,),
            {"callback": 3},
        )
        assert pool.apply(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            pool.apply(tasks.divide, (1, 0))


def test_a_result_tells_how_far_it_is() -> None:
    """`ready`, `successful`, `wait` and `get`, before and after the call has ended."""
    with gated_pool(1) as (pool, gate):
        result = pool.apply_async(tasks.pass_gate, (gate.handle, 5))
        failing = pool.apply_async(tasks.divide, (1, 0))
        assert not result.ready()
        with pytest.raises(ValueError, match="not ready"):
            result.successful()
        result.wait(0.01)
        with pytest.raises(multiprocessing.TimeoutError) as caught:
            result.get(0.01)
        assert isinstance(caught.value, TimeoutError)
        gate.open()
        result.wait(TIME_LIMIT)
        assert result.ready()
        assert result.successful()
        assert result.get() == result.get(0) == 5
        failing.wait(TIME_LIMIT)
        assert failing.ready()
        assert not failing.successful()
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                failing.get()


def test_a_timeout_error_of_the_call_is_its_own() -> None:
    """The end of the wait is another one."""
    with pool_of(1) as pool:
        result = pool.apply_async(mishaps.make_and_raise, (TimeoutError, "mine"))
        with pytest.raises(TimeoutError, match="mine") as caught:
            result.get(TIME_LIMIT)
        assert type(caught.value) is TimeoutError


def test_an_exception_has_the_remote_traceback() -> None:
    """As text, in the cause, also where `multiprocessing` has it."""
    with pool_of(1) as pool, pytest.raises(ZeroDivisionError) as caught:
        pool.apply(tasks.divide, (1, 0))
    cause: Any = caught.value.__cause__
    assert "return a / b" in cause.tb
    assert "return a / b" in str(cause)


def test_an_argument_that_cannot_be_sent_is_refused() -> None:
    """By name; where the user's own code refuses, its exception is raised, with that as a note."""
    with pool_of(1) as pool:
        for ask in (pool.apply, pool.map):
            for _ in range(2):
                with pytest.raises(NotShareableError, match=r"lock.*cannot|cannot.*lock"):
                    ask(tasks.same, (threading.Lock(),))
                own = _Refusing()
                with pytest.raises(LookupError, match="mine") as caught:
                    ask(tasks.same, (own,))
                assert [each for each in caught.value.__notes__ if "cannot be sent" in each]


class _Refusing:
    def __reduce__(self) -> str:
        raise LookupError("mine")


def test_a_result_that_cannot_be_sent_says_so() -> None:
    """In the exception that `multiprocessing` raises."""
    told: SimpleQueue[BaseException] = SimpleQueue()
    with pool_of(1) as pool:
        result = pool.apply_async(threading.Lock, error_callback=told.put)
        with pytest.raises(MaybeEncodingError) as caught:
            result.get(TIME_LIMIT)
    assert "cannot be sent" in caught.value.exc
    assert "the result of" in caught.value.value
    assert isinstance(told.get_nowait(), MaybeEncodingError)


# -- callbacks -----------------------------------------------------------------------------


def test_a_callback_has_returned_when_the_result_is_ready() -> None:
    """The callback gets the value; the other one gets the exception."""
    values: list[object] = []
    errors: list[BaseException] = []
    with pool_of(2) as pool:
        ask = partial(pool.apply_async, callback=values.append, error_callback=errors.append)
        ask(pow, (2, 10)).wait(TIME_LIMIT)
        assert (values, errors) == ([1024], [])
        with pytest.raises(ZeroDivisionError):
            ask(tasks.divide, (1, 0)).get(TIME_LIMIT)
        assert values == [1024]
        assert [type(each) for each in errors] == [ZeroDivisionError]


def test_callbacks_run_one_after_another_in_one_thread() -> None:
    """Callbacks need no lock of their own; one that blocks holds up the others only."""
    threads: list[threading.Thread] = []
    running: list[int] = []

    def note(_: object) -> None:
        threads.append(threading.current_thread())
        running.append(1)
        assert len(running) == 1
        running.pop()

    with gated_pool(3) as (pool, gate):
        first = pool.apply_async(tasks.pass_gate, (gate.handle,), callback=note)
        results = [pool.apply_async(abs, (n,), callback=note) for n in range(100)]
        assert [result.get(TIME_LIMIT) for result in results] == list(range(100))
        gate.open()
        first.wait(TIME_LIMIT)
    assert len(threads) == 101
    assert len(set(threads)) == 1  # as long as any of them is expected
    assert threading.current_thread() not in threads


def test_callbacks_come_in_the_order_in_which_calls_end() -> None:
    """Not in that of the calls."""
    order: list[object] = []
    with gated_pool(2) as (pool, gate):
        slow = pool.apply_async(tasks.pass_gate, (gate.handle, "slow"), callback=order.append)
        gate.await_knocks(1)
        pool.apply_async(tasks.same, ("quick",), callback=order.append).wait(TIME_LIMIT)
        gate.open()
        slow.wait(TIME_LIMIT)
    assert order == ["quick", "slow"]


def test_a_callback_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The result is what it is, and the next callback runs."""

    def fail(_: object) -> None:
        raise LookupError("mine")

    with pool_of(1) as pool:
        assert pool.apply_async(abs, (-1,), callback=fail).get(TIME_LIMIT) == 1
        assert pool.apply_async(abs, (-2,), callback=int).get(TIME_LIMIT) == 2
    (record,) = caplog.records
    assert record.name == "interpexec"
    assert record.levelno == logging.ERROR
    assert "mine" in caplog.text


def test_a_callback_may_use_its_pool() -> None:
    """The callback calls, and waits for the result."""
    results: SimpleQueue[int] = SimpleQueue()
    with pool_of(1) as pool:
        pool.apply_async(abs, (-1,), callback=lambda n: results.put(pool.apply(abs, (n - 3,))))
        assert results.get(timeout=TIME_LIMIT) == 2


@pytest.mark.parametrize("end", ["close", "terminate"])
def test_a_callback_may_end_its_pool(end: str) -> None:
    """The pool ends behind that."""
    with pool_of(1) as pool:
        result = pool.apply_async(abs, (-1,), callback=lambda _: getattr(pool, end)())
        assert result.get(TIME_LIMIT) == 1
        with pytest.raises(ValueError, match="not running"):
            pool.apply(abs, (1,))


def test_a_callback_must_be_callable() -> None:
    """The error names it, and nothing is called."""
    with pool_of(1) as pool:
        for name in ("callback", "error_callback"):
            wrong: dict[str, Any] = {name: 5}
            for ask in (
                partial(pool.apply_async, abs, (1,), **wrong),
                partial(pool.map_async, abs, [1], **wrong),
            ):
                with pytest.raises(TypeError, match=f"{name} must be .* got 5"):
                    ask()
