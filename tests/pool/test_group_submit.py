"""Submitting to a group: in its block, from callbacks and threads, and never in vain."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

import stoppable
import tasks
from gates import TIME_LIMIT, Gate
from groups import is_over
from interpexec import InterpreterPoolExecutor, NotShareableError
from interpexec._pool import group as group_module
from stops import Pipe, finish, start

pytestmark = pytest.mark.fast


def test_a_group_that_has_failed_takes_no_calls(pool: InterpreterPoolExecutor) -> None:
    """The message says which failure was the reason."""
    with pytest.raises(LookupError), pool.group() as group:
        group.submit(tasks.fail, LookupError("spam")).exception()
        while group._state == group_module.OPEN:
            pass  # the collector is about to call back
        with pytest.raises(RuntimeError, match=r"because one has failed: LookupError\('spam'\)"):
            group.submit(int)


def test_a_group_takes_calls_in_its_block_only(pool: InterpreterPoolExecutor) -> None:
    """The messages say what to do; it can be entered once."""
    group = pool.group()
    with pytest.raises(RuntimeError, match="the group was not entered"):
        group.submit(int)
    with group, pytest.raises(RuntimeError, match="entered once"), group:
        pass
    with pytest.raises(RuntimeError, match="is over"):
        group.submit(int)
    with pytest.raises(RuntimeError, match="entered once"):
        group.__enter__()


def test_a_call_that_the_executor_refuses_is_none(pool: InterpreterPoolExecutor) -> None:
    """`submit` raises, the group goes on."""
    with pool.group() as group:
        with pytest.raises(TypeError, match="fn must be a callable"):
            group.submit(5)  # type: ignore[arg-type]
        call = group.submit(int)
    assert call.result(0) == 0
    assert is_over(group)


def test_a_callback_may_submit_while_the_group_is_left(
    pool: InterpreterPoolExecutor, door: Gate
) -> None:
    """Each call counts until its callbacks have run, so the chain is waited for."""
    results: list[int] = []
    left = threading.Event()

    def go_on(call: "Future[int]") -> None:
        assert left.wait(TIME_LIMIT)
        results.append(call.result())
        if call.result() < 5:
            group.submit(tasks.same, call.result() + 1).add_done_callback(go_on)

    with pool.group() as group:
        group.submit(tasks.same, 0).add_done_callback(go_on)
        threading.Timer(0.02, left.set).start()
    assert results == [0, 1, 2, 3, 4, 5]
    assert is_over(group)


def test_a_callback_that_fails_to_submit_harms_nothing(
    pool: InterpreterPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    """The callback gets the error, which `concurrent.futures` logs."""

    def submit(_call: "Future[Any]") -> None:
        group.submit(int)

    with pytest.raises(LookupError), pool.group() as group:
        group.submit(tasks.fail, LookupError()).add_done_callback(submit)
    assert "exception calling callback" in caplog.text
    assert is_over(group)


def test_any_thread_may_submit(pool: InterpreterPoolExecutor) -> None:
    """Leaving waits for those calls, too."""
    calls: list[Future[int]] = []

    def submit(first: int) -> None:
        calls.extend(group.submit(tasks.same, first + n) for n in range(50))

    with pool.group() as group:
        threads = [start(submit, first) for first in (0, 50, 100)]
        for thread in threads:
            finish(thread)
    assert sorted(call.result(0) for call in calls) == list(range(150))


def test_a_worker_cannot_submit(pool: InterpreterPoolExecutor) -> None:
    """A group belongs to its interpreter, and the error says so."""
    with pool.group() as group:
        call = pool.submit(tasks.same, group)
        error = call.exception()
    assert isinstance(error, NotShareableError)
    assert "args[0]" in str(error)
    assert "a Group belongs to the interpreter that made it" in str(error)


class Counting(InterpreterPoolExecutor):
    """A program's own executor."""

    meddle: Callable[[], object] = staticmethod(lambda: None)

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.names = [*getattr(self, "names", []), fn.__name__]
        call = super().submit(fn, *args, **kwargs)
        self.meddle()
        return call


def test_a_group_goes_through_an_overridden_submit() -> None:
    """Each call is one of that; a result that is no future is refused."""
    with Counting(1) as pool:
        with pool.group() as group:
            call = group.submit(tasks.same, 5)
        assert call.result(0) == 5
        assert pool.names == ["same"]
        pool.submit = lambda *_: 42  # type: ignore[assignment]
        with pool.group() as group, pytest.raises(TypeError, match="must return a Future, got 42"):
            group.submit(int)
        assert is_over(group)


def test_a_future_of_another_kind_is_waited_for_and_cancelled() -> None:
    """Where the program's `submit` returns one of the standard library's."""
    made: list[Future[Any]] = []

    def submit(*_: object) -> "Future[Any]":
        made.append(Future())
        return made[-1]

    with InterpreterPoolExecutor(1) as pool:
        pool.submit = submit  # type: ignore[method-assign,assignment]
        with pytest.raises(LookupError), pool.group() as group:
            group.submit(int)
            group.submit(int)
            made[0].set_exception(LookupError())
        assert made[1].cancelled()
        assert is_over(group)


def test_a_call_that_is_submitted_while_another_one_fails_is_cancelled(begun: Pipe) -> None:
    """The race, in steps.

    1. `submit` finds that the group is open, and submits a call.
    2. Another call fails: the group cancels all calls that it has.
    3. `submit` adds its call, and must cancel it.
    """
    with Counting(2) as pool, pytest.raises(LookupError), pool.group() as group:
        pool.meddle = lambda: group._fail(LookupError())
        call = group.submit(stoppable.spin, begun.writer)
        assert call.cancelled()


def test_a_call_that_is_submitted_while_the_block_is_left_is_waited_for() -> None:
    """The race, in steps.

    1. A thread finds that the group is open, and is about to submit a call.
    2. The block is left. No call is there; but that one was counted.
    3. The thread submits it: leaving waits for it.
    """
    calls: list[Future[int]] = []
    counted, is_left = threading.Event(), threading.Event()

    def meddle() -> None:
        counted.set()
        assert is_left.wait(TIME_LIMIT)

    with Counting(1) as pool:
        pool.meddle = meddle
        with pool.group() as group:
            close = group._idle.close
            group._idle.close = lambda: (close(), is_left.set())  # type: ignore[method-assign,func-returns-value,return-value]
            submitting = start(lambda: calls.append(group.submit(tasks.same, 5)))
            assert counted.wait(TIME_LIMIT)
        finish(submitting)
        assert calls[0].result(0) == 5
