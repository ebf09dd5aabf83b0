"""The scheduler from inside: what it does when things go wrong, and its forced races."""

import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from time import monotonic

import pytest

from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor, WorkerLostError
from interpexec._core.cpython import Interpreter
from interpexec._pool import call_table, dispatch
from interpexec._pool import future as future_module
from interpexec._pool.call_table import CallTable
from interpexec._pool.scheduler import Scheduler
from interpexec._pool.state import PoolState
from interpexec._pool.worker_thread import WorkerThread
from interpexec._sharing.pickling import dumps_call
from stops import rest

TIME_LIMIT = 30.0


@pytest.fixture
def begun() -> Iterator[tuple[int, int]]:
    """Return a pipe by which a call says that it has begun."""
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def pass_gate(reader: int) -> None:
    """Block until the gate is opened for one more."""
    os.read(reader, 1)


def announce_and_pass_gate(writer: int, reader: int) -> None:
    """Say that the call has begun, then block until the gate is opened."""
    os.write(writer, b"!")
    os.read(reader, 1)


def unplug(module: str, path: str) -> None:
    """Break the worker this runs in: its next use of that attribute raises."""
    owner, _, name = f"_.{path}".rpartition(".")
    target = importlib.import_module(module)
    for part in owner.split(".")[1:]:
        target = getattr(target, part)
    setattr(target, name, None)


def lose_next() -> None:
    """Have the worker this runs in fail when it has just received a call."""
    from interpexec._worker.main import Worker

    def receive(worker: Worker) -> None:
        while worker._requests.recv_or_wake(worker._seat) is None:
            pass
        raise LookupError("just now")

    Worker._next = receive  # type: ignore[method-assign,assignment]


def states(futures: "list[future_module.CallFuture[None]]") -> list[str]:
    """Return the futures' states."""
    return [future._state for future in futures]


def test_only_a_few_calls_are_ahead_of_the_workers(
    gate: tuple[int, Callable[[int], object]],
) -> None:
    """One call runs, one stands ready, the others are the backlog."""
    reader, open_for = gate
    with InterpreterPoolExecutor(1) as pool:
        futures = [pool.submit(pass_gate, reader) for _ in range(10)]
        assert states(futures) == ["RUNNING"] * 2 + ["PENDING"] * 8
        open_for(10)
    assert states(futures) == ["FINISHED"] * 10


def test_a_call_that_stands_ready_can_be_cancelled(
    gate: tuple[int, Callable[[int], object]], begun: tuple[int, int]
) -> None:
    """A ready call is recalled from the request queue; the order of the others stays."""
    reader, open_for = gate
    with InterpreterPoolExecutor(1, cancel_running=False) as pool:
        running = pool.submit(announce_and_pass_gate, begun[1], reader)
        os.read(begun[0], 1)
        pool._scheduler.state.table._ahead = 3
        ahead = [pool.submit(pass_gate, reader) for _ in range(3)]
        assert states([running, *ahead]) == ["RUNNING"] * 4
        assert ahead[1].cancel()
        assert not running.cancel()
        assert states(ahead) == ["RUNNING", "CANCELLED_AND_NOTIFIED", "PENDING"]
        assert [future._call_id for future in pool._scheduler.state.table.backlog] == [
            ahead[2]._call_id
        ]
        open_for(3)
    assert states([running, ahead[0], ahead[2]]) == ["FINISHED"] * 3


def test_shutdown_cancels_what_stands_ready(
    gate: tuple[int, Callable[[int], object]], begun: tuple[int, int]
) -> None:
    """`cancel_futures` leaves only what a worker has begun."""
    reader, open_for = gate
    pool = InterpreterPoolExecutor(1)
    running = pool.submit(announce_and_pass_gate, begun[1], reader)
    os.read(begun[0], 1)
    pool._scheduler.state.table._ahead = 3
    others = [pool.submit(pass_gate, reader) for _ in range(6)]
    pool.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in others)
    open_for(1)
    assert running.result(TIME_LIMIT) is None
    pool.shutdown()


def test_a_cancelled_call_lets_its_arguments_go() -> None:
    """The pickled arguments of a call that never runs do not stay in memory."""
    future = future_module.CallFuture[None](1, b"payload", None)
    assert future.cancel()
    assert future._payload is None


@pytest.mark.parametrize(
    ("ahead", "answered", "out", "pending", "expected"),
    [
        (1, 3, 0, True, 2),  # ran dry: twofold
        (128, 128, 0, True, 128),  # ... up to the limit
        (64, 3, 0, False, 1),  # nothing is left to do: it starts anew
        (16, 2, 15, True, 8),  # little came back: half
        (1, 1, 3, True, 1),  # ... down to one
        (16, 8, 9, True, 16),  # about right
        (16, 0, 9, True, 16),  # a nudge says nothing
    ],
)
def test_how_far_the_workers_are_kept_ahead(
    ahead: int, answered: int, out: int, pending: bool, expected: int
) -> None:
    """The rule of `_measure`, row by row."""
    table = CallTable()
    table._ahead = ahead
    # `out` counts those that are still out, among them the ones just answered.
    table.out = dict.fromkeys(range(out or answered))  # type: ignore[arg-type]
    table.backlog.extend([None] if pending else [])  # type: ignore[list-item]
    table._measure(answered)
    assert table._ahead == expected


def test_every_call_sent_ahead_fits_into_what_the_runtime_can_give_back() -> None:
    """The window stays below the 300 messages that CPython releases at a time."""
    assert call_table.MOST_AHEAD + 64 < 300


def test_a_worker_that_is_lost_between_two_calls_is_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No call learns of it, and nothing is printed; the log has it, with the cause."""
    caplog.set_level(logging.INFO, "interpexec")
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(int).result(TIME_LIMIT)
        worker = pool._scheduler.state.workers.active[0]
        pool.submit(unplug, "interpexec._core.message_queue", "MessageQueue.recv_or_wake").result(
            TIME_LIMIT
        )
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
    module: str, path: str, gate: tuple[int, Callable[[int], object]]
) -> None:
    """The call gets WorkerLostError, with the reason; calls behind it run in another worker."""
    reader, open_for = gate
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(pass_gate, reader)
        breaking = pool.submit(unplug, f"interpexec._worker.{module}", path)
        others = [pool.submit(int, str(number)) for number in range(6)]
        open_for(1)
        errors = [future.exception(TIME_LIMIT) for future in (breaking, *others)]
    assert sum(type(error) is WorkerLostError for error in errors) == 1
    assert {type(error) for error in errors} == {WorkerLostError, type(None)}
    assert "not callable" in str(next(filter(None, errors)))


def test_a_lost_worker_concerns_no_call_in_another_one(
    gate: tuple[int, Callable[[int], object]], caplog: pytest.LogCaptureFixture
) -> None:
    """A call that runs meanwhile comes to its end."""
    reader, open_for = gate
    with InterpreterPoolExecutor(2) as pool:
        healthy = pool.submit(pass_gate, reader)
        lost = pool.submit(unplug, "interpexec._worker.main", "Worker.reply")
        error = lost.exception(TIME_LIMIT)
        open_for(1)
        assert isinstance(error, WorkerLostError)
        assert healthy.result(TIME_LIMIT) is None
    assert not caplog.records


def test_a_call_that_was_taken_by_a_worker_that_was_lost_ends(
    gate: tuple[int, Callable[[int], object]],
) -> None:
    """A call that its worker received and did not begin ends with WorkerLostError."""
    reader, open_for = gate
    with InterpreterPoolExecutor(2) as pool:
        healthy = pool.submit(pass_gate, reader)
        pool.submit(lose_next).result(TIME_LIMIT)
        error = pool.submit(int).exception(TIME_LIMIT)
        open_for(1)
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
    gate: tuple[int, Callable[[int], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers that are ready do all calls; only a few more attempts are made."""
    reader, open_for = gate
    made = []

    def fail(self: Interpreter) -> None:
        made.append(self)
        raise MemoryError("no room for an interpreter")

    with InterpreterPoolExecutor(8) as pool:
        pool.submit(int).result(TIME_LIMIT)
        monkeypatch.setattr(Interpreter, "__init__", fail)
        futures = [pool.submit(pass_gate, reader) for _ in range(20)]
        open_for(20)
        assert [future.result(TIME_LIMIT) for future in futures] == [None] * 20
    assert 1 <= len(made) <= 7 + dispatch.MOST_UNREADY


def test_the_collector_survives_a_callback_that_raises_anything(
    gate: tuple[int, Callable[[int], object]], caplog: pytest.LogCaptureFixture
) -> None:
    """A SystemExit in a callback is logged, and the next call is settled."""
    reader, open_for = gate

    def leave(_: object) -> None:
        raise SystemExit

    with InterpreterPoolExecutor(1) as pool:
        first = pool.submit(pass_gate, reader)
        first.add_done_callback(leave)
        open_for(1)
        assert pool.submit(int).result(TIME_LIMIT) == 0
    assert first.done()


def test_no_worker_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first `submit` says so and leaves nothing; later ones work."""
    with InterpreterPoolExecutor(2) as pool:
        with monkeypatch.context() as patch:
            patch.setattr(WorkerThread, "start", _cannot_start)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                pool.submit(int)
        assert pool.submit(int).result(TIME_LIMIT) == 0


def test_no_second_worker_thread_can_be_started(
    gate: tuple[int, Callable[[int], object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one worker the pool goes on, narrower than wanted."""
    reader, open_for = gate
    with InterpreterPoolExecutor(2) as pool:
        blocked = pool.submit(pass_gate, reader)
        monkeypatch.setattr(WorkerThread, "start", _cannot_start)
        future = pool.submit(int)
        open_for(1)
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


class Lock:
    """A lock that runs a hook before a certain function releases it: it forces a race."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.acquire, self.release = self._lock.acquire, self._lock.release
        self._is_owned = self._lock._is_owned  # type: ignore[attr-defined]
        self.hooks: dict[str, Callable[[], object]] = {}

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.hooks.pop(sys._getframe(1).f_code.co_name, lambda: None)()
        self._lock.release()


def test_an_executor_dropped_while_the_collector_holds_the_lock() -> None:
    """The race that would leave the collector asleep for ever, in steps.

    1. the collector takes the lock and finds the pool open
    2. the executor is collected as garbage, in the same thread: the destructor
       marks the pool as closing, and cannot nudge, since the lock is taken
    3. the collector leaves the lock, and must not go to sleep now
    """
    scheduler = Scheduler(PoolState(1, "test", lambda: None))
    lock = scheduler.state.lock = Lock()  # type: ignore[assignment]
    assert scheduler.submit(dumps_call(int, (), {})).result(TIME_LIMIT) == 0
    assert scheduler.state.collectors is not None
    (collector,) = scheduler.state.collectors._threads
    lock.hooks["_is_over"] = scheduler.close
    with lock._lock:
        scheduler.state.nudge()  # the collector takes a turn, and looks whether it is over
    collector.join(TIME_LIMIT)
    assert not collector.is_alive()


def test_callbacks_may_wait_for_other_calls() -> None:
    """Each blocks the thread it runs in; another one goes on collecting."""
    results: SimpleQueue[int] = SimpleQueue()
    with InterpreterPoolExecutor(2) as pool:

        def wait_for_another(depth: int) -> Callable[[object], None]:
            def callback(_: object) -> None:
                if depth:
                    future = pool.submit(sum, [depth, 1])
                    future.add_done_callback(wait_for_another(depth - 1))
                    results.put(future.result(TIME_LIMIT))

            return callback

        for _ in range(20):
            pool.submit(int).add_done_callback(wait_for_another(4))
        arrived = sorted(results.get(timeout=TIME_LIMIT) for _ in range(80))
    assert arrived == [2] * 20 + [3] * 20 + [4] * 20 + [5] * 20


def test_shutdown_in_a_callback_waits_for_the_others() -> None:
    """`shutdown` in a callback waits for all threads but the one that it runs in."""
    pool = InterpreterPoolExecutor(2)
    first, second = pool.submit(int), pool.submit(int)
    done = threading.Event()

    def stop(_: object) -> None:
        pool.shutdown()
        done.set()

    first.add_done_callback(stop)
    assert done.wait(TIME_LIMIT)
    assert second.done()
    assert not pool._threads


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_an_idle_pool_survives_a_fork_in_parent_and_child() -> None:
    """Its interpreters are stopped for the fork; without that the child aborts."""
    with InterpreterPoolExecutor(2) as pool:
        assert list(pool.map(abs, [-1, -2])) == [1, 2]
        child = os.fork()
        if child == 0:  # pragma: no cover  # another process
            os._exit(pool.submit(sum, [40, 2]).result(TIME_LIMIT))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        assert pool.submit(sum, [1, 2]).result(TIME_LIMIT) == 3


def test_calls_submitted_during_a_fork_wait_for_its_end() -> None:
    """Calls are neither lost nor run while the interpreters are stopped."""
    with InterpreterPoolExecutor(1) as pool:
        assert pool.submit(int).result(TIME_LIMIT) == 0
        assert rest(pool)
        future = pool.submit(sum, [1, 2])
        assert not pool._threads
        assert not future.running()
        pool._scheduler.rest.end()
        assert future.result(TIME_LIMIT) == 3


def test_calls_submitted_while_the_workers_stop_for_a_fork_wait_too() -> None:
    """The race, in steps: 1. the rest begins; 2. a call comes; 3. the last worker ends."""
    scheduler = Scheduler(PoolState(1, "test", lambda: None))
    lock = scheduler.state.lock = Lock()  # type: ignore[assignment]
    assert scheduler.submit(dumps_call(int, (), {})).result(TIME_LIMIT) == 0
    futures: list[future_module.CallFuture[object]] = []
    call = dumps_call(sum, ([1, 2],), {})

    def submit() -> None:
        lock._lock.release()
        futures.append(scheduler.submit(call))
        lock._lock.acquire()

    lock.hooks["wait"] = submit
    assert scheduler.rest.begin()
    assert scheduler.rest.wait(monotonic())
    assert not futures[0].done()
    scheduler.rest.end()
    assert futures[0].result(TIME_LIMIT) == 3
    scheduler.close()
    scheduler.join()


def test_a_busy_pool_cannot_rest(
    gate: tuple[int, Callable[[int], object]], begun: tuple[int, int]
) -> None:
    """Its calls go on; a fork then warns (see `process_hooks`)."""
    reader, open_for = gate
    with InterpreterPoolExecutor(1) as pool:
        future = pool.submit(announce_and_pass_gate, begun[1], reader)
        os.read(begun[0], 1)
        assert not rest(pool)
        pool._scheduler.rest.end()
        open_for(1)
        assert future.result(TIME_LIMIT) is None
