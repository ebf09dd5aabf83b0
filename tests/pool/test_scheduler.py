"""The scheduler from inside: what it does when things go wrong, and its forced races."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

import pytest

import tasks
from gates import Gate
from hooked_lock import HookedLock
from interpexec import InterpreterPoolExecutor
from interpexec._pool import call_table
from interpexec._pool import future as future_module
from interpexec._pool.call_table import CallTable
from interpexec._pool.scheduler import Scheduler
from interpexec._pool.settings import Settings
from interpexec._pool.state import PoolState
from interpexec._sharing.pickling import dumps_call
from stops import TIME_LIMIT


def states(futures: "list[future_module.CallFuture[None]]") -> list[str]:
    """Return the futures' states."""
    return [future._state for future in futures]


def test_only_a_few_calls_are_ahead_of_the_workers(
    door: Gate,
) -> None:
    """One call runs, one stands ready, the others are the backlog."""
    with InterpreterPoolExecutor(1) as pool:
        futures = [pool.submit(tasks.pass_gate, door.handle) for _ in range(10)]
        assert states(futures) == ["RUNNING"] * 2 + ["PENDING"] * 8
        door.let_in(10)
    assert states(futures) == ["FINISHED"] * 10


def test_a_call_that_stands_ready_can_be_cancelled(door: Gate) -> None:
    """A ready call is recalled from the request queue; the order of the others stays."""
    with InterpreterPoolExecutor(1, cancel_running=False) as pool:
        running = pool.submit(tasks.pass_gate, door.handle)
        door.await_knocks(1)
        pool._scheduler.state.table._ahead = 3
        ahead = [pool.submit(tasks.pass_gate, door.handle) for _ in range(3)]
        assert states([running, *ahead]) == ["RUNNING"] * 4
        assert ahead[1].cancel()
        assert not running.cancel()
        assert states(ahead) == ["RUNNING", "CANCELLED_AND_NOTIFIED", "PENDING"]
        assert [future._call_id for future in pool._scheduler.state.table.backlog] == [
            ahead[2]._call_id
        ]
        door.let_in(3)
    assert states([running, ahead[0], ahead[2]]) == ["FINISHED"] * 3


def test_shutdown_cancels_what_stands_ready(door: Gate) -> None:
    """`cancel_futures` leaves only what a worker has begun."""
    pool = InterpreterPoolExecutor(1)
    running = pool.submit(tasks.pass_gate, door.handle)
    door.await_knocks(1)
    pool._scheduler.state.table._ahead = 3
    others = [pool.submit(tasks.pass_gate, door.handle) for _ in range(6)]
    pool.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in others)
    door.let_in()
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


def test_the_collector_survives_a_callback_that_raises_anything(
    door: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """A SystemExit in a callback is logged, and the next call is settled."""

    def leave(_: object) -> None:
        raise SystemExit

    with InterpreterPoolExecutor(1) as pool:
        first = pool.submit(tasks.pass_gate, door.handle)
        first.add_done_callback(leave)
        door.let_in()
        assert pool.submit(int).result(TIME_LIMIT) == 0
    assert first.done()


def test_an_executor_dropped_while_the_collector_holds_the_lock() -> None:
    """The race that would leave the collector asleep for ever, in steps.

    1. the collector takes the lock and finds the pool open
    2. the executor is collected as garbage, in the same thread: the destructor
       marks the pool as closing, and cannot nudge, since the lock is taken
    3. the collector leaves the lock, and must not go to sleep now
    """
    scheduler = Scheduler(PoolState(Settings(1, "test")))
    lock = scheduler.state.lock = HookedLock()  # type: ignore[assignment]
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
