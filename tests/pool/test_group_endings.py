"""Groups beside options, pools that end, other groups, forks and Ctrl-C."""

import gc
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest

import stoppable
import tasks
from gates import TIME_LIMIT, Gate, gated
from groups import is_over
from interpexec import CallFuture, InterpreterPoolExecutor
from interpexec._pool import group as group_module
from interpexec._pool.done_callbacks import MARK
from interpexec._pool.group import Group
from stops import Pipe, await_direct_wait, finish, pool_of, run, start


def test_a_group_works_over_options(pool: InterpreterPoolExecutor, begun: Pipe) -> None:
    """A call that is out of time has failed."""
    view = pool.with_options(timeout=0.05)
    with pytest.raises(TimeoutError, match="spin was stopped"), view.group() as group:
        group.submit(stoppable.spin, begun.writer)


def test_with_cancel_running_false_what_runs_is_waited_for(door: Gate) -> None:
    """Pending calls are cancelled, by an Exception in the block as by any other one."""
    for kind in (ValueError, KeyboardInterrupt):
        with gated(partial(InterpreterPoolExecutor, 1, cancel_running=False)) as (pool, gate):
            with pytest.raises(kind), pool.group() as group:
                running = group.submit(tasks.pass_gate, gate.handle, 1)
                pending = [group.submit(tasks.same, n) for n in range(10)]
                pending[-1].add_done_callback(lambda _: gate.open())  # in this round
                gate.await_knocks(1)
                raise kind
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
        pytest.raises(RuntimeError, match="raised LookupError"),
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


def test_a_signal_handler_may_use_a_group(pool: InterpreterPoolExecutor, door: Gate) -> None:
    """The handler has interrupted the thread that waits for a call in the collector's place."""
    results: list[int] = []
    call = pool.submit(tasks.pass_gate, door.handle, 5)
    door.await_knocks(1)

    def handle(*_: object) -> None:
        with pool.group() as group:
            calls = [group.submit(tasks.same, n) for n in range(20)]
        results.extend(call.result(0) for call in calls)
        door.open()

    def send() -> None:
        await_direct_wait(pool._scheduler.state.link)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        sending = start(send)
        assert call.result(TIME_LIMIT) == 5
        finish(sending)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert results == list(range(20))


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


def test_a_future_of_a_group_does_not_keep_the_executor() -> None:
    """An executor that is dropped ends, as without a group."""
    pool = InterpreterPoolExecutor(1)
    with pool.group() as group:
        call = group.submit(tasks.same, 5)
    gone = weakref.ref(pool)
    del pool
    gc.collect()
    assert gone() is None
    assert call.result(0) == 5
    with pytest.raises(RuntimeError, match="is over"):
        group.submit(int)


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


def test_a_failed_call_is_not_waited_for_in_its_worker(
    door: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race that would make leaving wait for the limit, in steps.

    1. a call fails; its worker has answered, and still seems to run it
    2. the block is left by that error, before the call's callbacks have run
    3. all calls of the group are cancelled: this one is finished, and its worker has no news
    """
    is_leaving = threading.Event()
    on_done, cancel = Group._on_done, Group._cancel

    def wait_and_note(group: Group, future: Future[object]) -> None:
        assert is_leaving.wait(TIME_LIMIT)
        on_done(group, future)

    def tell_and_cancel(group: Group, calls: list[Future[object]]) -> None:
        cancel(group, calls)
        is_leaving.set()

    setattr(wait_and_note, MARK, True)
    monkeypatch.setattr(Group, "_on_done", wait_and_note)
    monkeypatch.setattr(Group, "_cancel", tell_and_cancel)
    with pool_of(1) as pool:
        pool.submit(stoppable.linger_after_answers, door.handle).result(TIME_LIMIT)
        door.let_in()
        waits: list[frozenset[int]] = []
        monkeypatch.setattr(pool._scheduler, "await_calls", lambda ids, _: waits.append(ids))
        with pytest.raises(LookupError), pool.group() as group:
            group.submit(tasks.fail, LookupError(1)).result(TIME_LIMIT)
        assert not waits
        door.open()
