"""Fixtures of the tests of locks, queues and channels: each kind of wake-up, a channel."""

import gc
from collections.abc import Iterator

import pytest

from interpexec import RecvChannel, SendChannel, buffers, create_channel
from interpexec._core import waiting


@pytest.fixture(params=[True, False], ids=["eventfd", "pipe"])
def wakeups(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use each kind of wake-up."""
    if not request.param:
        monkeypatch.setattr(waiting, "HAS_EVENTFD", False)


@pytest.fixture
def ends(wakeups: None) -> Iterator[tuple[RecvChannel, SendChannel]]:
    """Return the ends of a channel, and let go of them."""
    receiver, sender = create_channel()
    with receiver, sender:
        yield receiver, sender


@pytest.fixture(params=["best", "portable", "file"])
def kernel_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use each of the kernel's ways: pipes for eventfds, other memory than memfd."""
    if request.param != "best":
        monkeypatch.setattr(waiting, "HAS_EVENTFD", False)
        monkeypatch.setattr(buffers, "HAS_MEMFD", False)
    if request.param == "file":
        monkeypatch.setattr(buffers, "HAS_SHM", False)


@pytest.fixture
def no_garbage() -> Iterator[None]:
    """Free the objects that hypothesis has kept."""
    yield
    gc.collect()
