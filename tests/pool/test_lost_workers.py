"""Workers that are lost, or cannot be made: calls are told, and the pool goes on or breaks."""

import logging
import threading

import pytest

import losing
import tasks
from gates import Gate
from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor, WorkerLostError
from interpexec._core.cpython import Interpreter
from interpexec._pool import dispatch
from interpexec._pool.worker_thread import WorkerThread
from stops import TIME_LIMIT


def test_a_worker_that_is_lost_between_two_calls_is_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No call learns of it, and nothing is printed; the log has it, with the cause."""
    caplog.set_level(logging.INFO, "interpexec")
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(int).result(TIME_LIMIT)
        worker = pool._scheduler.state.workers.active[0]
        # Not what the control thread uses, too, which may just be starting.
        pool.submit(losing.unplug, "interpexec._worker.main", "Worker._receive").result(TIME_LIMIT)
        worker.join(TIME_LIMIT)
        assert not worker.is_alive()
        assert pool.submit(int, "7").result(TIME_LIMIT) == 7
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert worker.name in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], WorkerLostError)
    assert "'NoneType' object is not callable" in str(record.exc_info[1])


@pytest.mark.parametrize(("module", "path"), [("main", "Worker.reply"), ("run_call", "attempt")])
def test_a_call_that_goes_down_with_its_worker_is_told_so(
    module: str, path: str, door: Gate
) -> None:
    """The call gets WorkerLostError, with the reason; calls behind it run in another worker."""
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(tasks.pass_gate, door.handle)
        breaking = pool.submit(losing.unplug, f"interpexec._worker.{module}", path)
        others = [pool.submit(int, str(number)) for number in range(6)]
        door.let_in()
        errors = [future.exception(TIME_LIMIT) for future in (breaking, *others)]
    assert sum(type(error) is WorkerLostError for error in errors) == 1
    assert {type(error) for error in errors} == {WorkerLostError, type(None)}
    assert "not callable" in str(next(filter(None, errors)))


def test_a_lost_worker_concerns_no_call_in_another_one(
    door: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """A call that runs meanwhile comes to its end."""
    with InterpreterPoolExecutor(2) as pool:
        healthy = pool.submit(tasks.pass_gate, door.handle)
        lost = pool.submit(losing.unplug, "interpexec._worker.main", "Worker.reply")
        error = lost.exception(TIME_LIMIT)
        door.let_in()
        assert isinstance(error, WorkerLostError)
        assert healthy.result(TIME_LIMIT) is None
    assert not caplog.records


def test_a_call_that_was_taken_by_a_worker_that_was_lost_ends(
    door: Gate,
) -> None:
    """A call that its worker received and did not begin ends with WorkerLostError."""
    with InterpreterPoolExecutor(2) as pool:
        healthy = pool.submit(tasks.pass_gate, door.handle)
        pool.submit(losing.lose_next).result(TIME_LIMIT)
        error = pool.submit(int).exception(TIME_LIMIT)
        door.let_in()
        assert isinstance(error, WorkerLostError)
        assert healthy.result(TIME_LIMIT) is None
        assert pool.submit(int).result(TIME_LIMIT) == 0


def test_workers_that_are_lost_before_they_are_ready_break_the_pool(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After a few in a row, and with the cause: no worker is made for ever."""
    made = []

    def fail(self: Interpreter) -> None:
        made.append(self)
        raise MemoryError("no room for an interpreter")

    monkeypatch.setattr(Interpreter, "__init__", fail)
    with InterpreterPoolExecutor(2) as pool:
        error = pool.submit(int).exception(TIME_LIMIT)
        with pytest.raises(BrokenInterpreterPool):
            pool.submit(int)
    assert isinstance(error, BrokenInterpreterPool)
    assert isinstance(error.__cause__, MemoryError)
    assert len(made) == dispatch.MOST_UNREADY
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL]


def test_a_pool_whose_further_workers_are_lost_is_narrower(
    door: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers that are ready do all calls; only a few more attempts are made."""
    made = []

    def fail(self: Interpreter) -> None:
        made.append(self)
        raise MemoryError("no room for an interpreter")

    with InterpreterPoolExecutor(8) as pool:
        pool.submit(int).result(TIME_LIMIT)
        monkeypatch.setattr(Interpreter, "__init__", fail)
        futures = [pool.submit(tasks.pass_gate, door.handle) for _ in range(20)]
        door.let_in(20)
        assert [future.result(TIME_LIMIT) for future in futures] == [None] * 20
    assert 1 <= len(made) <= 7 + dispatch.MOST_UNREADY


def test_no_worker_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first `submit` says so and leaves nothing; later ones work."""
    with InterpreterPoolExecutor(2) as pool:
        with monkeypatch.context() as patch:
            patch.setattr(WorkerThread, "start", _cannot_start)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                pool.submit(int)
        assert pool.submit(int).result(TIME_LIMIT) == 0


def test_no_second_worker_thread_can_be_started(
    door: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one worker the pool goes on, narrower than wanted."""
    with InterpreterPoolExecutor(2) as pool:
        blocked = pool.submit(tasks.pass_gate, door.handle)
        monkeypatch.setattr(WorkerThread, "start", _cannot_start)
        future = pool.submit(int)
        door.let_in()
        assert future.result(TIME_LIMIT) == 0
        assert blocked.done()


def test_no_collector_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """`submit` raises, and the channels' descriptors are given back."""
    with InterpreterPoolExecutor(1) as pool:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", _cannot_start)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                pool.submit(int)
        pool._scheduler.join()  # there is nothing to wait for
        assert pool.submit(int).result(TIME_LIMIT) == 0


def _cannot_start(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
