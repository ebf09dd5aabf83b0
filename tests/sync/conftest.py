"""Fixtures of the tests of locks, queues and channels: each kind of wake-up, a channel."""

from collections.abc import Iterator

import pytest

from interpexec import RecvChannel, SendChannel, create_channel
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
