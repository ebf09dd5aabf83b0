"""Sleeping until another thread says so."""

from threading import Event
from time import monotonic

import pytest

from interpexec._pool.parking import Latch, Parker
from stops import TIME_LIMIT, finish, start

pytestmark = pytest.mark.fast


def test_one_that_is_woken_twice() -> None:
    """A thread that was handed the lock, and does not run yet, would lose it by a second release.

    (A debug build of CPython aborts then. A lock is handed to a thread that has waited for 1 ms.)
    """
    parker, woken = Parker(), []
    begins = Event()

    def wait() -> None:
        begins.set()
        woken.append(parker.wait(TIME_LIMIT))

    thread = start(wait)
    assert begins.wait(TIME_LIMIT)
    thread.join(0.01)
    parker.wake()
    parker.wake()
    finish(thread)
    assert woken == [True]
    assert parker._lock.locked()


def test_a_latch_lets_all_go_on() -> None:
    """A set latch releases the threads that wait, and the threads that come later."""
    latch = Latch()
    threads = [start(latch.wait) for _ in range(5)]
    assert not latch.wait(0.001)
    latch.open()
    for thread in threads:
        finish(thread)
    assert latch.wait(0)
    latch.close()
    assert not latch.wait(0)
    assert not latch._waiting


def test_a_wakeup_may_come_first_and_twice() -> None:
    """A wake-up is kept until a thread waits, once."""
    parker = Parker()
    parker.wake()
    parker.wake()
    assert parker.wait(0)
    assert not parker.wait(0)


def test_a_latch_that_is_closed_again_before_the_waiter_has_seen_it_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The race that would leave the waiter asleep, in steps.

    1. a thread waits; another one opens the latch, which wakes it, and closes it again
    2. the first one finds the latch closed, and sleeps again
    3. the latch is opened once more, and must wake it
    """
    latch, openers = Latch(), []
    sleep = Parker.wait

    def wait(parker: Parker, timeout: float | None = None) -> bool:
        if not openers:
            latch.open()
            latch.close()
        else:
            latch.open()
        openers.append(timeout)
        return sleep(parker, timeout)

    monkeypatch.setattr(Parker, "wait", wait)
    began = monotonic()
    assert latch.wait(TIME_LIMIT)
    assert monotonic() - began < TIME_LIMIT / 2
    assert len(openers) == 2
