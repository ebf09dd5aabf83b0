"""The kernel wake-up, with an eventfd and with the portable pipe."""

import os
import threading
import time
from collections.abc import Iterator

import pytest

from interpexec import _bell
from interpexec._bell import Bell


@pytest.fixture(params=["eventfd", "pipe"])
def bell(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bell]:
    """Return a bell of each kind; the second is forced where the first one exists."""
    if request.param == "pipe":
        monkeypatch.setattr(_bell, "HAS_EVENTFD", False)
    elif not _bell.HAS_EVENTFD:
        pytest.skip("no eventfd on this platform")
    made = Bell()
    yield made
    made.close()


def test_a_ring_before_the_wait_is_heard(bell: Bell) -> None:
    """Who waits after the ring returns at once."""
    bell.ring()
    assert bell.wait(30)


def test_rings_add_up_to_one_wake_up(bell: Bell) -> None:
    """Three rings wake once; then it is quiet."""
    for _ in range(3):
        bell.ring()
    assert bell.wait(30)
    assert not bell.wait(0)


def test_wait_ends_when_its_time_is_over(bell: Bell) -> None:
    """Fractions of a second are honoured, and never rounded down to none."""
    started = time.monotonic()
    assert not bell.wait(0.05)
    assert 0.05 <= time.monotonic() - started < 10


@pytest.mark.parametrize("timeout", [0, -1, 1e-9])
def test_wait_without_time_looks_once(bell: Bell, timeout: float) -> None:
    """A timeout of nothing, or less, still hears what was rung before."""
    assert not bell.wait(timeout)
    bell.ring()
    assert bell.wait(timeout)


def test_another_thread_wakes_the_waiter(bell: Bell) -> None:
    """A wait without a limit ends by a ring from elsewhere."""
    heard = threading.Thread(target=bell.wait)
    heard.start()
    bell.ring()
    heard.join(30)
    assert not heard.is_alive()


def test_a_token_reaches_the_same_bell(bell: Bell) -> None:
    """The descriptors' numbers are enough to ring it."""
    Bell(bell.token).ring()
    assert bell.wait(30)


def test_the_descriptor_becomes_readable(bell: Bell) -> None:
    """An event loop can wait for it."""
    import select

    assert not select.select([bell.fileno()], [], [], 0)[0]
    bell.ring()
    assert select.select([bell.fileno()], [], [], 30)[0]


def test_a_full_pipe_does_not_block_the_ringer(monkeypatch: pytest.MonkeyPatch) -> None:
    """More rings than a pipe holds are dropped: one is as good as a thousand."""
    monkeypatch.setattr(_bell, "HAS_EVENTFD", False)
    bell = Bell()
    try:
        for _ in range(20_000):  # 8 bytes each, into 64 KiB
            bell.ring()
        assert bell.wait(30)
    finally:
        bell.close()


def test_close_gives_the_descriptors_back(bell: Bell) -> None:
    """Nothing is left open behind a closed bell."""
    other = Bell()
    fds = set(other.token)
    other.close()
    for fd in fds:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
