"""Finalizers: a worker that ends in order runs them last, and what fails is told."""

import logging
import threading

import pytest

import finalizing
import losing
import stoppable
import tasks
from gates import Gate
from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor, NotShareableError
from interpexec._pool import stopping
from interpexec.sharing import Handle
from stops import TIME_LIMIT, Pipe, finish, pool_of, see_off, shut_down, start


def failures(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what the logger of the package was told of finalizers."""
    return [each for each in caplog.records if "finalizer" in each.getMessage()]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"finalizer": 5}, "finalizer must be a callable, got 5"),
        ({"finalizer": int, "finalargs": 5}, "finalargs must be a tuple of arguments, got 5"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, object], words: str) -> None:
    """As with the initializer."""
    with pytest.raises(TypeError, match=words):
        InterpreterPoolExecutor(1, **arguments)  # type: ignore[arg-type]  # they are wrong


def test_each_worker_runs_it_once_after_its_calls(told: Pipe) -> None:
    """Not before the pool ends; in each worker."""
    with pool_of(2, finalizer=stoppable.note, finalargs=(told.writer,)) as pool:
        pool.warm()
        assert list(pool.map(stoppable.same, range(10))) == list(range(10))
        assert told.rest() == b""
    assert told.rest() == b"!!"


def test_workers_that_never_started_have_nothing_to_finish(told: Pipe) -> None:
    """A pool that was not used makes no worker for it."""
    with pool_of(2, finalizer=stoppable.note, finalargs=(told.writer,)):
        pass
    assert told.rest() == b""


def test_it_sees_what_the_initializer_and_the_calls_have_left(told: Pipe) -> None:
    """The thread is the one that ran them: connections to SQLite can be closed there."""
    with pool_of(
        1,
        initializer=stoppable.add_state,
        initargs=("first",),
        finalizer=finalizing.tell_state,
        finalargs=(told.writer,),
    ) as pool:
        pool.submit(stoppable.add_state, "call").result(TIME_LIMIT)
        ident = pool.submit(threading.get_ident).result(TIME_LIMIT)
    assert told.rest() == f"['first', 'call'] {ident}".encode()


_ORDER = {"initializer": stoppable.note, "finalizer": stoppable.note}


def order(told: Pipe) -> dict[str, object]:
    """Return the options of a pool whose workers tell of their beginning and their end."""
    return {**_ORDER, "initargs": (told.writer, b"i"), "finalargs": (told.writer, b"f")}


def test_a_worker_that_has_run_its_calls_runs_it_before_its_successor_begins(told: Pipe) -> None:
    """A file, say, that an initializer takes is free when the next one comes."""
    with pool_of(1, max_tasks_per_child=2, **order(told)) as pool:
        for number in range(7):
            assert pool.submit(stoppable.same, number).result(TIME_LIMIT) == number
    assert told.rest() == b"if" * 4


def test_a_stopped_call_is_followed_by_it(
    told: Pipe, begun: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replacement begins after that, and the stopped call does not stop the finalizer."""
    monkeypatch.setattr(
        stopping, "GRACE", TIME_LIMIT
    )  # else another one may come, on a busy machine
    with pool_of(1, **order(told)) as pool:
        for _ in range(3):
            call = pool.submit(stoppable.spin, begun.writer)
            begun.hear()
            assert call.cancel()
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
    assert told.rest() == b"if" * 4


def test_a_call_that_cannot_be_stopped_is_followed_by_it_when_it_ends(
    told: Pipe, begun: Pipe, door: Gate
) -> None:
    """Its place is another one's by then: a pool has to keep its width."""
    with pool_of(1, **order(told)) as pool:
        blocked = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
        begun.hear()
        assert blocked.cancel()
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        assert told.rest() == b"ii"
        door.open()
        see_off(pool)
        assert told.rest() == b"f"
    assert told.rest() == b"f"


def test_a_restart_is_an_orderly_end(told: Pipe) -> None:
    """The fresh worker begins when the former one has finished."""
    with pool_of(1, **order(told)) as pool:
        for _ in range(3):
            assert pool.submit(tasks.worker_index).result(TIME_LIMIT) == 0
            pool.restart()
        assert pool.submit(tasks.worker_index).result(TIME_LIMIT) == 0
    assert told.rest() == b"if" * 4


def test_a_crash_is_not_followed_by_it(told: Pipe) -> None:
    """Nobody knows what is left of the worker."""
    with pool_of(1, **order(told)) as pool:
        assert pool.submit(losing.lose_worker).exception(TIME_LIMIT) is not None
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
    assert told.rest() == b"iif"


def test_an_initializer_that_fails_is_not_followed_by_it(told: Pipe) -> None:
    """There is nothing to undo."""
    with pool_of(1, initializer=len, finalizer=stoppable.note, finalargs=(told.writer,)) as pool:
        error = pool.submit(int).exception(TIME_LIMIT)
        assert isinstance(error, BrokenInterpreterPool)
    assert told.rest() == b""


@pytest.mark.parametrize(
    "error", [ValueError("not today"), SystemExit("not today"), KeyboardInterrupt("not today")]
)
def test_an_exception_is_logged_and_costs_no_call(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """By the logger `interpexec`, with the worker's traceback."""
    with pool_of(
        1, "cook", finalizer=tasks.fail, finalargs=(error,), max_tasks_per_child=1
    ) as pool:
        assert list(pool.map(stoppable.same, range(3))) == [0, 1, 2]
    records = failures(caplog)
    assert len(records) >= 3  # a successor may be there at the end
    assert {(each.name, each.levelname) for each in records} == {("interpexec", "ERROR")}
    assert {each.getMessage() for each in records} == {"The finalizer fail of cook has failed:"}
    assert "not today" in caplog.text
    assert "in fail" in caplog.text  # the worker's frame


def test_one_that_cannot_be_sent_breaks_the_pool(caplog: pytest.LogCaptureFixture) -> None:
    """As an initializer does; the error says which of the two it is."""
    with pool_of(1, finalizer=int, finalargs=(threading.Lock(),)) as pool:
        error = pool.submit(int).exception(TIME_LIMIT)
        assert isinstance(error, BrokenInterpreterPool)
        cause = error.__cause__
        assert type(cause) is NotShareableError
        assert "finalargs[0] cannot be sent" in str(cause)
    assert caplog.records


@pytest.mark.parametrize(
    "value", [bytes(1 << 17), memoryview(bytearray(b"view")), [memoryview(bytes(1 << 17))] * 9]
)
def test_large_arguments_come_as_copies(value: object, told: Pipe) -> None:
    """Nothing is lent for as long as a worker lives."""
    with pool_of(
        2, finalizer=finalizing.tell_type, finalargs=(value, told.writer), max_tasks_per_child=1
    ) as pool:
        assert list(pool.map(stoppable.same, range(5))) == list(range(5))
    name = type(value).__name__.encode()
    assert name in told.rest()


def test_each_worker_gets_a_descriptor_of_its_own(told: Pipe) -> None:
    """Workers that never run the finalizer give theirs back."""
    handle = Handle(told.writer)
    with handle, pool_of(2, finalizer=finalizing.tell_through, finalargs=(handle,)) as pool:
        pool.warm()
        assert pool.submit(losing.lose_worker).exception(TIME_LIMIT) is not None
    assert told.rest() in {b"h", b"hh"}  # there was time for a replacement, or not


def test_shutdown_waits_for_it(begun: Pipe, door: Gate) -> None:
    """The finalizer is the last thing that runs, and `workers()` shows it."""
    with pool_of(1, finalizer=tasks.pass_gate, finalargs=((begun.writer, door.handle[1]),)) as pool:
        pool.submit(int).result(TIME_LIMIT)
        closing = start(pool.shutdown)
        begun.hear()
        (info,) = pool.workers()
        assert (info.state, info.function) == ("leaving", "pass_gate")
        assert "pass_gate, leaving" in pool.dump_stacks()
        assert closing.is_alive()
        door.open()
        finish(closing)


def test_terminating_lets_the_finalizers_run(told: Pipe, begun: Pipe) -> None:
    """Of workers that idle, and of one whose call is stopped."""
    with pool_of(2, finalizer=stoppable.note, finalargs=(told.writer,)) as pool:
        pool.warm()
        pool.submit(stoppable.spin, begun.writer)
        begun.hear()
        pool.terminate_workers()
    assert told.rest() == b"!!"


@pytest.mark.parametrize("begins_before", [True, False])
def test_terminating_stops_a_finalizer_that_takes_long(
    begins_before: bool, begun: Pipe, caplog: pytest.LogCaptureFixture
) -> None:
    """One that runs already is stopped, too; and that is logged."""
    with pool_of(1, finalizer=stoppable.spin, finalargs=(begun.writer,)) as pool:
        pool.submit(int).result(TIME_LIMIT)
        if begins_before:
            pool.shutdown(wait=False)
            begun.hear()
        pool.terminate_workers()
        shut_down(pool)
    (record,) = failures(caplog)
    assert record.exc_info is not None
    assert "TaskCancelled" in caplog.text


def test_one_that_blocks_in_c_is_left_behind(begun: Pipe, door: Gate) -> None:
    """`terminate_workers` does not wait for it; the pool ends when it returns."""
    pool = InterpreterPoolExecutor(
        1, finalizer=stoppable.block_in_lock, finalargs=((begun.writer, door.handle[1]),)
    )
    pool.submit(int).result(TIME_LIMIT)
    pool.terminate_workers()
    begun.hear()
    door.open()
    shut_down(pool)


def test_a_broadcast_that_runs_comes_to_its_end_before_it(told: Pipe, door: Gate) -> None:
    """The finalizer is the last code that runs there."""
    with pool_of(1, finalizer=stoppable.note, finalargs=(told.writer, b"f")) as pool:
        pool.submit(int).result(TIME_LIMIT)
        (running,) = pool.broadcast(tasks.pass_gate, (told.writer, door.handle[1]))
        told.hear()
        pool.shutdown(wait=False)
        assert not told.has_word(0.05)
        door.open()
        assert running.result(TIME_LIMIT) is None
    assert told.rest() == b"f"


def test_a_dropped_pool_runs_it(told: Pipe) -> None:
    """After what was submitted."""
    pool = InterpreterPoolExecutor(1, finalizer=stoppable.note, finalargs=(told.writer, b"f"))
    future = pool.submit(stoppable.note, told.writer, b"c")
    del pool
    future.result(TIME_LIMIT)
    assert told.hear(2) == b"cf"
