"""Locks and their kin when what waits is cancelled, ended or interrupted."""

import os
import random
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

import sync_tasks
from interpexec import InterpreterPoolExecutor, sync
from interpexec._core import waiting as waiting_module
from interpexec._sync import monitor as monitor_module
from primitives import LOCKS, held, name_of
from stops import TIME_LIMIT, Pipe, await_waiting, finish, pool_of, start

# -- calls that are stopped ------------------------------------------------


@pytest.mark.parametrize("make", LOCKS, ids=name_of)
def test_a_call_cancelled_under_a_lock_releases_it(make: Callable[[], Any], begun: Pipe) -> None:
    """`with` does that."""
    lock = make()
    with pool_of(1) as pool:
        for _ in range(3):
            future = pool.submit(sync_tasks.hold_and_spin, lock, begun.writer)
            begun.hear()
            assert future.cancel()
            assert lock.acquire(timeout=TIME_LIMIT)
            lock.release()


@pytest.mark.slow
@pytest.mark.parametrize("make", LOCKS, ids=name_of)
def test_a_call_cancelled_somewhere_keeps_no_lock(make: Callable[[], Any], begun: Pipe) -> None:
    """Wherever it was: in the body, in `acquire`, in `release`, contended or not."""
    chance = random.Random(5)
    lock = make()
    with pool_of(2, initializer=sync_tasks.keep) as pool:
        for _ in range(25):
            future = pool.submit(sync_tasks.hold_over_and_over, lock, begun.writer)
            begun.hear()
            for _ in range(chance.randrange(20)):
                with lock:
                    pass
            assert future.cancel()
            assert lock.acquire(timeout=TIME_LIMIT), "it was kept"
            lock.release()
    assert lock._monitor.waiting(0) == 0


@pytest.mark.parametrize("make", LOCKS, ids=name_of)
def test_a_call_cancelled_while_it_waits_gives_its_place_back(
    make: Callable[[], Any], begun: Pipe
) -> None:
    """The next thread in the queue is served."""
    lock = make()
    with pool_of(1) as pool:
        lock.acquire()
        future = pool.submit(sync_tasks.pass_through, lock)
        await_waiting(lock._monitor)
        assert future.cancel()
        results: list[bool] = []
        # Another thread, behind it in the queue.
        thread = start(lambda: results.append(sync_tasks.take(lock)))
        lock.release()
        finish(thread)
        assert results == [True]


@pytest.mark.slow
def test_cancelled_when_granted() -> None:
    """Cancel and release at the same moment: the call gives it back, or never had it."""
    lock = sync.Semaphore(0)
    with pool_of(2, initializer=sync_tasks.keep) as pool:
        for number in range(30):
            future = pool.submit(sync_tasks.pass_through, lock)
            await_waiting(lock._monitor)
            first, second = (lock.release, future.cancel)[:: 1 if number % 2 else -1]
            first()
            second()
            assert lock.acquire(timeout=TIME_LIMIT), "the grant was lost"
            assert not lock.acquire(blocking=False), "it was granted twice"


# -- interruptions in the main thread -------------------------------------------------


def test_a_signal_handler_may_set_the_event_that_is_waited_for() -> None:
    """The usual way to end a program: SIGTERM sets an event."""
    event = sync.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: event.set())
    try:
        thread = start(_when_waiting, event._monitor, signal.SIGUSR1)
        assert event.wait(TIME_LIMIT)
        finish(thread)
    finally:
        signal.signal(signal.SIGUSR1, before)


def _when_waiting(monitor: monitor_module.Monitor, number: int) -> None:
    await_waiting(monitor)
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("make", LOCKS, ids=name_of)
def test_ctrl_c_ends_a_wait(make: Callable[[], Any]) -> None:
    """The thread is in no queue any more, and a released lock is there for others."""
    lock = make()
    lock.acquire()
    if isinstance(lock, sync.RLock):
        lock.release()
        other = held_by_a_thread(lock)
    else:
        other = None
    thread = start(_when_waiting, lock._monitor, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        lock.acquire(timeout=TIME_LIMIT)
    finish(thread)
    assert lock._monitor.waiting(0) == 0
    if other is not None:
        other.set()
        assert lock.acquire(timeout=TIME_LIMIT)
    lock.release()
    assert lock.acquire(timeout=TIME_LIMIT)
    lock.release()


def held_by_a_thread(lock: sync.RLock) -> threading.Event:
    """Let another thread hold a lock until the event is set."""
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            over.wait(TIME_LIMIT)

    start(hold)
    assert held.wait(TIME_LIMIT)
    return over


def test_an_interruption_after_the_grant_loses_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C when the lock was handed over already: it is free afterwards."""
    lock = held(sync.Lock())
    original = waiting_module.Wakeup.close

    def close(wakeup: waiting_module.Wakeup) -> None:
        original(wakeup)
        signal.raise_signal(signal.SIGINT)

    def release() -> None:
        await_waiting(lock._monitor)
        lock.release()

    thread = start(release)
    with monkeypatch.context() as patch:
        patch.setattr(waiting_module.Wakeup, "close", close)
        with pytest.raises(KeyboardInterrupt), lock:
            assert lock.locked()
            patch.undo()
    finish(thread)
    assert not lock.locked()


def test_a_pool_that_ends_takes_no_lock_along(begun: Pipe) -> None:
    """`terminate_workers` stops the call that holds it, and the one that waits."""
    lock = sync.Lock()
    pool = InterpreterPoolExecutor(2)
    futures = [pool.submit(sync_tasks.hold_and_spin, lock, begun.writer) for _ in range(2)]
    begun.hear()
    await_waiting(lock._monitor)
    pool.terminate_workers()
    for future in futures:
        assert future.cancelled() or future.exception(TIME_LIMIT)
    assert lock.acquire(timeout=TIME_LIMIT)
    lock.release()
