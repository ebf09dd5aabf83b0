"""Groups: leaving waits, the first failure stops the others, and comes out."""

import asyncio
import gc
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Any

import pytest

import stoppable
import tasks
from gates import TIME_LIMIT, Gate, gated
from interpexec import CallFuture, Group, InterpreterPoolExecutor, NotShareableError
from interpexec._pool import group as group_module
from interpexec._pool import stopping
from stops import Pipe, finish, pool_of, run, start

pytestmark = pytest.mark.fast

BEYOND_EXCEPTION = [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError]


def is_over(group: Group) -> bool:
    """Say whether a group keeps nothing."""
    nothing = (group._count, group._calls, group._errors, group._stopped) == (0, set(), [], [])
    return nothing and group._state == group_module.OVER


# -- leaving -------------------------------------------------------------------------


def test_leaving_waits_for_all_calls(pool: InterpreterPoolExecutor, door: Gate) -> None:
    """Their results are there then."""
    opening = threading.Timer(0.02, door.open)
    with pool.group() as group:
        calls = [group.submit(tasks.pass_gate, door.handle, n) for n in range(20)]
        opening.start()
    assert [call.result(0) for call in calls] == list(range(20))
    opening.join()
    assert is_over(group)


def test_a_group_without_calls_is_left_at_once(pool: InterpreterPoolExecutor) -> None:
    """No worker is started for it."""
    with pool.group() as group:
        pass
    assert is_over(group)
    assert not pool._threads


def test_the_first_failure_stops_the_others(
    pool: InterpreterPoolExecutor,
    begun: Pipe,
    told: Pipe,
    door: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Calls that run are stopped, too: their `finally` blocks have run when the error comes out."""
    monkeypatch.setattr(stopping, "GRACE", TIME_LIMIT)  # however busy the machine is
    with pytest.raises(LookupError) as caught, pool.group() as group:
        failing = group.submit(tasks.pass_gate_and_fail, door.handle, LookupError(7))
        running = group.submit(stoppable.spin_and_clean, begun.writer, told.writer)
        pending = [group.submit(stoppable.note, told.writer) for _ in range(200)]
        begun.hear()
        door.open()
    assert caught.value is failing.exception(0)
    assert caught.value.args == (7,)
    assert running.cancelled()
    # The worker of the one that has failed may have gone on before that was known.
    assert sum(each.cancelled() for each in pending) > 100
    assert told.rest().replace(b"!", b"") == b"wio"
    assert is_over(group)


def test_an_exception_in_the_block_stops_the_calls(
    pool: InterpreterPoolExecutor, begun: Pipe, told: Pipe
) -> None:
    """The exception comes out itself, without a frame or a context of the group's."""
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught, pool.group() as group:
        call = group.submit(stoppable.spin_and_tell, begun.writer, told.writer)
        begun.hear()
        raise error
    assert caught.value is error
    assert error.__context__ is None
    assert error.__traceback__ is not None
    assert error.__traceback__.tb_next is None
    assert call.cancelled()
    assert told.hear(13) == b"TaskCancelled"
    assert is_over(group)


@pytest.mark.parametrize("kind", BEYOND_EXCEPTION)
def test_what_is_no_exception_comes_out_alone(
    kind: type[BaseException], pool: InterpreterPoolExecutor, begun: Pipe, told: Pipe
) -> None:
    """The calls are stopped, whether one has failed before or not."""
    for has_failed in (False, True):
        with pytest.raises(kind) as caught, pool.group() as group:
            call = group.submit(stoppable.spin_and_tell, begun.writer, told.writer)
            begun.hear()
            if has_failed:
                group.submit(tasks.fail, LookupError()).exception()
            raise kind
        assert type(caught.value) is kind
        assert call.cancelled()
        assert told.hear(13) == b"TaskCancelled"
        assert is_over(group)


def test_a_block_that_waits_for_a_cancelled_sibling_gets_the_failure(
    pool: InterpreterPoolExecutor, begun: Pipe, door: Gate
) -> None:
    """`result()` raises CancelledError in the block; out of it comes the reason."""
    with pytest.raises(LookupError) as caught, pool.group() as group:
        running = group.submit(stoppable.spin, begun.writer)
        group.submit(tasks.pass_gate_and_fail, door.handle, LookupError())
        begun.hear()
        door.open()
        with pytest.raises(CancelledError):
            running.result(TIME_LIMIT)
        running.result(TIME_LIMIT)
    assert caught.value.__context__ is None


def test_a_failure_that_the_block_has_seen_is_raised_once(pool: InterpreterPoolExecutor) -> None:
    """Raised by `result()` in the block, as it is, or as the cause of another one."""
    with pytest.raises(LookupError) as caught, pool.group() as group:
        call = group.submit(tasks.fail, LookupError(1))
        call.result()
    assert caught.value is call.exception()

    with pytest.raises(KeyError) as other, pool.group() as group:
        call = group.submit(tasks.fail, LookupError(2))
        try:
            call.result()
        except LookupError as error:
            raise KeyError("mine") from error
    assert other.value.__cause__ is call.exception()


def test_a_failure_that_the_block_swallows_is_raised_all_the_same(
    pool: InterpreterPoolExecutor,
) -> None:
    """The others were cancelled because of it."""
    with pytest.raises(LookupError), pool.group() as group:
        assert type(group.submit(tasks.fail, LookupError()).exception()) is LookupError


@pytest.mark.parametrize("in_block", [False, True])
def test_several_failures_come_as_a_group(in_block: bool) -> None:
    """In the order in which they came, that of the block last; cancelled calls are none."""
    with gated(partial(InterpreterPoolExecutor, 2, cancel_running=False)) as (pool, door):
        with pytest.raises(ExceptionGroup) as caught, pool.group() as group:
            for number in range(2):
                group.submit(tasks.pass_gate_and_fail, door.handle, LookupError(number))
            cancelled = [group.submit(tasks.same, n) for n in range(20)]
            door.await_knocks(2)
            door.open()
            if in_block:
                raise ValueError("mine")
        assert any(call.cancelled() for call in cancelled)
        kinds = [type(error) for error in caught.value.exceptions]
        assert kinds == [LookupError, LookupError] + [ValueError] * in_block
        assert {error.args for error in caught.value.exceptions[:2]} == {(0,), (1,)}
        assert is_over(group)


def test_a_call_that_is_no_exception_makes_a_group_of_that_kind() -> None:
    """SystemExit among several failures is not lost in an ExceptionGroup."""
    with gated(partial(InterpreterPoolExecutor, 2, cancel_running=False)) as (pool, door):
        with pytest.raises(BaseExceptionGroup) as caught, pool.group() as group:
            group.submit(tasks.pass_gate_and_fail, door.handle, LookupError())
            group.submit(tasks.pass_gate_and_fail, door.handle, SystemExit(3))
            door.await_knocks(2)
            door.open()
        assert {type(error) for error in caught.value.exceptions} == {LookupError, SystemExit}


def test_an_exception_of_the_block_that_holds_the_failure_comes_alone(
    pool: InterpreterPoolExecutor,
) -> None:
    """As of a group in a group."""
    with pytest.raises(ExceptionGroup) as caught, pool.group() as group:
        error = group.submit(tasks.fail, LookupError()).exception()
        assert isinstance(error, LookupError)
        raise ExceptionGroup("mine", [error, ValueError()])
    assert caught.value.message == "mine"


def test_a_call_that_its_future_cancels_is_no_failure(
    pool: InterpreterPoolExecutor, begun: Pipe
) -> None:
    """The others go on."""
    with pool.group() as group:
        spinning = group.submit(stoppable.spin, begun.writer)
        begun.hear()
        assert spinning.cancel()
        other = group.submit(tasks.same, 5)
    assert other.result(0) == 5


def test_a_group_can_be_cancelled(pool: InterpreterPoolExecutor, begun: Pipe) -> None:
    """Cancelling is no failure: the first of several answers is enough."""
    with pool.group() as group:
        slow = group.submit(stoppable.spin, begun.writer)
        quick = group.submit(tasks.same, 5)
        begun.hear()
        assert quick.result() == 5
        group.cancel()
        with pytest.raises(RuntimeError, match="because it was cancelled"):
            group.submit(int)
    assert slow.cancelled()
    assert is_over(group)
    group.cancel()


def test_a_call_that_cannot_be_sent_has_failed(pool: InterpreterPoolExecutor, begun: Pipe) -> None:
    """Its error names the argument, and stops the others."""
    with pytest.raises(NotShareableError, match=r"args\[0\]"), pool.group() as group:
        running = group.submit(stoppable.spin, begun.writer)
        begun.hear()
        group.submit(tasks.same, threading.Lock())
    assert running.cancelled()
    assert is_over(group)


def test_a_call_that_cannot_be_interrupted_is_not_waited_for(told: Pipe, door: Gate) -> None:
    """Beyond its grace, as by `terminate_workers()`."""
    with pool_of(1) as pool:
        with pytest.raises(ValueError, match="mine"), pool.group() as group:
            call = group.submit(stoppable.block_in_lock, door.handle, told.writer)
            door.await_knocks(1)
            raise ValueError("mine")
        assert call.cancelled()
        assert not told.has_word()
        assert pool.submit(tasks.same, 5).result(TIME_LIMIT) == 5
        door.open()


# -- submitting ----------------------------------------------------------------------


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


def test_what_the_executor_refuses_is_no_call(pool: InterpreterPoolExecutor) -> None:
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


# -- with other features ---------------------------------------------------------------


def test_a_group_works_over_options(pool: InterpreterPoolExecutor, begun: Pipe) -> None:
    """A call that is out of time has failed."""
    view = pool.with_options(timeout=0.05)
    with pytest.raises(TimeoutError, match="spin was stopped"), view.group() as group:
        group.submit(stoppable.spin, begun.writer)


def test_with_cancel_running_false_what_runs_is_waited_for(door: Gate) -> None:
    """Pending calls are cancelled, by an Exception in the block as by any other one."""
    for kind in (ValueError, KeyboardInterrupt):
        with gated(partial(InterpreterPoolExecutor, 1, cancel_running=False)) as (pool, gate):
            opening = threading.Timer(0.05, gate.open)
            with pytest.raises(kind), pool.group() as group:
                running = group.submit(tasks.pass_gate, gate.handle, 1)
                pending = [group.submit(tasks.same, n) for n in range(10)]
                gate.await_knocks(1)
                opening.start()
                raise kind
            opening.join()
            assert running.result(0) == 1
            assert all(call.cancelled() for call in pending)
            assert is_over(group)


def test_a_pool_that_ends_ends_the_group(pool: InterpreterPoolExecutor, begun: Pipe) -> None:
    """Cancelled calls are no failure; but the group's pool takes no more."""
    with pytest.raises(RuntimeError, match="after shutdown"), pool.group() as group:
        group.submit(stoppable.spin, begun.writer)
        begun.hear()
        pool.terminate_workers()
        group.submit(int)
    assert is_over(group)


def _initializer() -> None:
    raise LookupError


def test_a_pool_that_breaks_is_one_failure() -> None:
    """All calls fail, the first one cancels the others, and says why."""
    with (
        InterpreterPoolExecutor(1, initializer=_initializer) as pool,
        pytest.raises(RuntimeError, match="could not be made ready"),
        pool.group() as group,
    ):
        for n in range(50):
            group.submit(tasks.same, n)


def test_a_group_in_a_group(pool: InterpreterPoolExecutor, begun: Pipe, door: Gate) -> None:
    """A failure of the inner one comes out of the outer one; that stops both."""
    with pytest.raises(LookupError) as caught, pool.group() as outer:
        spinning = outer.submit(stoppable.spin, begun.writer)
        begun.hear()
        with pool.group() as inner:
            failing = inner.submit(tasks.fail, LookupError())
    assert caught.value is failing.exception(0)
    assert spinning.cancelled()
    assert is_over(inner)
    assert is_over(outer)


def test_a_callback_may_use_a_group(pool: InterpreterPoolExecutor) -> None:
    """A thread of the pool waits in it; another one collects meanwhile."""
    results: list[int] = []

    def use(_: object) -> None:
        with pool.group() as group:
            calls = [group.submit(tasks.same, n) for n in range(20)]
        results.extend(call.result(0) for call in calls)

    done = threading.Event()
    call = pool.submit(int)
    call.add_done_callback(use)
    call.add_done_callback(lambda _: done.set())
    assert done.wait(TIME_LIMIT)
    assert results == list(range(20))


def test_callbacks_of_cancelled_siblings_may_block(
    pool: InterpreterPoolExecutor, begun: Pipe, door: Gate
) -> None:
    """The collector runs them, and hands over: other calls go on."""
    answers: list[int] = []
    with pytest.raises(LookupError), pool.group() as group:
        failing = group.submit(tasks.pass_gate_and_fail, door.handle, LookupError())
        failing.add_done_callback(lambda _: None)
        spinning = group.submit(stoppable.spin, begun.writer)
        spinning.add_done_callback(
            lambda _: answers.append(pool.submit(tasks.same, 5).result(TIME_LIMIT))
        )
        begun.hear()
        door.open()
    assert answers == [5]


def test_a_group_in_a_forked_child_has_failed() -> None:
    """The calls are the parent's: leaving says so, and does not wait, for the lock neither."""
    with InterpreterPoolExecutor(1) as pool:
        call: CallFuture[Any] = CallFuture(1, None, None)
        pool.submit = lambda *_: call  # type: ignore[method-assign,assignment,return-value]
        with pytest.raises(RuntimeError, match="of the parent"), pool.group() as group:
            group.submit(int)
            run(group._lock.acquire)  # by a thread that is not in the child
            call._fail_in_child(RuntimeError("of the parent"))
        assert is_over(group)


# -- Ctrl-C -----------------------------------------------------------------------------


def interrupt_when(condition: Callable[[], object]) -> threading.Thread:
    """Send SIGINT to the main thread when something is so."""
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        end = time.monotonic() + TIME_LIMIT
        while not condition():
            assert time.monotonic() < end, "it does not wait"
        signal.pthread_kill(main, signal.SIGINT)

    return start(interrupt)


@pytest.mark.parametrize("cancel_running", [True, False])
def test_ctrl_c_while_leaving_comes_out(begun: Pipe, told: Pipe, cancel_running: bool) -> None:
    """The calls are stopped; with `cancel_running=False` they go on without the group."""
    with pool_of(1, cancel_running=cancel_running) as pool:
        with pytest.raises(KeyboardInterrupt), pool.group() as group:
            call = group.submit(stoppable.spin_and_tell, begun.writer, told.writer)
            begun.hear()
            interrupting = interrupt_when(lambda: group._idle._waiting)
        interrupting.join()
        assert call.cancelled() is cancel_running
        assert group._state == group_module.OVER
        assert group._calls == set()
        if cancel_running:
            assert told.hear(13) == b"TaskCancelled"
        pool.terminate_workers()


def test_ctrl_c_in_submit_loses_no_call(begun: Pipe) -> None:
    """The interrupt is raised when the call is one of the group's, and stops it."""
    with pool_of(1) as pool:
        main = threading.main_thread().ident
        assert main is not None
        inner = pool._scheduler.submit

        def submit(*args: Any, **kwargs: Any) -> Any:
            call = inner(*args, **kwargs)
            begun.hear()
            os.kill(os.getpid(), signal.SIGINT)
            return call

        with pytest.raises(KeyboardInterrupt), pool.group() as group:
            pool._scheduler.submit = submit  # type: ignore[method-assign]
            group.submit(stoppable.spin, begun.writer)
        assert is_over(group)
        assert pool._scheduler.state.table.is_clear()


class WeakError(Exception):
    """One to which there may be weak references."""


def test_leaving_keeps_nothing(pool: InterpreterPoolExecutor) -> None:
    """Neither the calls nor their exceptions, also before the garbage collector runs."""
    gone = []
    gc.collect()
    gc.disable()
    try:
        for count in (1, 2):
            group = pool.group()
            try:
                with group:
                    group._fail(WeakError())
                    if count == 2:
                        raise WeakError  # noqa: TRY301  # out of the block
            except* WeakError as errors:
                gone += [weakref.ref(error) for error in errors.exceptions]
        assert [each() for each in gone] == [None] * 3
    finally:
        gc.enable()
