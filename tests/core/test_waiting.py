"""The kernel wake-up, with an eventfd and with the portable pipe."""

import os
import threading
import time
from collections.abc import Iterator

import pytest

from interpexec._core import waiting
from interpexec._core.waiting import Wakeup

pytestmark = pytest.mark.fast


@pytest.fixture
def wakeup(wakeup_kind: None) -> Iterator[Wakeup]:
    """Return a wake-up of each kind."""
    made = Wakeup()
    yield made
    made.close()


def test_a_wake_before_the_wait_counts(wakeup: Wakeup) -> None:
    """A wait after it returns at once."""
    wakeup.wake()
    assert wakeup.wait(30)


def test_wakes_add_up_to_one(wakeup: Wakeup) -> None:
    """Three of them end one wait, and not the next."""
    for _ in range(3):
        wakeup.wake()
    assert wakeup.wait(30)
    assert not wakeup.wait(0)


def test_wait_ends_when_its_time_is_over(wakeup: Wakeup) -> None:
    """Fractions of a second are honoured, and never rounded down to none."""
    started = time.monotonic()
    assert not wakeup.wait(0.05)
    assert 0.05 <= time.monotonic() - started < 10


@pytest.mark.parametrize("timeout", [0, -1, 1e-9])
def test_wait_without_time_looks_once(wakeup: Wakeup, timeout: float) -> None:
    """A timeout of nothing, or less, still sees what came before."""
    assert not wakeup.wait(timeout)
    wakeup.wake()
    assert wakeup.wait(timeout)


def test_another_thread_wakes_the_waiter(wakeup: Wakeup) -> None:
    """A wait without a limit is ended from elsewhere."""
    heard = threading.Thread(target=wakeup.wait)
    heard.start()
    wakeup.wake()
    heard.join(30)
    assert not heard.is_alive()


def test_a_token_reaches_the_same_wake_up(wakeup: Wakeup) -> None:
    """The descriptors' numbers are enough to wake the waiter."""
    Wakeup(wakeup.token).wake()
    assert wakeup.wait(30)


def test_the_descriptor_becomes_readable(wakeup: Wakeup) -> None:
    """An event loop can wait for it."""
    import select

    assert not select.select([wakeup.fileno()], [], [], 0)[0]
    wakeup.wake()
    assert select.select([wakeup.fileno()], [], [], 30)[0]


def test_a_full_pipe_does_not_block_the_waker(monkeypatch: pytest.MonkeyPatch) -> None:
    """More wakes than a pipe holds are dropped: one is as good as a thousand."""
    monkeypatch.setattr(waiting, "HAS_EVENTFD", False)
    wakeup = Wakeup()
    try:
        for _ in range(20_000):  # 8 bytes each, into 64 KiB
            wakeup.wake()
        assert wakeup.wait(30)
    finally:
        wakeup.close()


def test_close_gives_the_descriptors_back(wakeup: Wakeup) -> None:
    """Nothing is left open behind a closed wake-up."""
    other = Wakeup()
    fds = set(other.token)
    other.close()
    for fd in fds:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
