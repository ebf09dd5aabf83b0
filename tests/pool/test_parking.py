"""Sleeping until another thread says so."""

from threading import Event

import pytest

from interpexec._pool.parking import Parker
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
