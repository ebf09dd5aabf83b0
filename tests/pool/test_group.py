"""Groups: leaving waits, the first failure stops the others, and comes out."""

import asyncio
import threading
from concurrent.futures import CancelledError
from functools import partial

import pytest

import stoppable
import tasks
from gates import TIME_LIMIT, Gate, gated
from groups import is_over
from interpexec import InterpreterPoolExecutor, NotShareableError
from interpexec._pool import stopping
from stops import Pipe, finish, pool_of, start

BEYOND_EXCEPTION = [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError]


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
def test_a_base_exception_comes_out_alone(
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
            others = [group.submit(tasks.same, n) for n in range(20)]
            door.await_knocks(2)
            door.open()
            if in_block:
                raise ValueError("mine")
        assert all(call.done() for call in others)  # cancelled, or run by a worker that was free
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


def test_a_block_that_waits_for_a_call_is_left_when_its_group_is_cancelled(
    pool: InterpreterPoolExecutor, begun: Pipe
) -> None:
    """The CancelledError of the call ends there; another group's call is another matter."""
    with pool.group() as group:
        slow = group.submit(stoppable.spin, begun.writer)
        begun.hear()
        cancelling = start(group.cancel)
        slow.result(TIME_LIMIT)
    finish(cancelling)
    assert slow.cancelled()
    with pytest.raises(CancelledError), pool.group():
        slow.result()


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
