"""Fixtures of the tests of the core: each kind of wake-up, a message queue."""

from collections.abc import Iterator

import pytest

from interpexec._core import waiting
from interpexec._core.message_queue import MessageQueue
from receivers import HookedFifo


@pytest.fixture(params=["eventfd", "pipe"])
def wakeup_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use each kind of wake-up; the pipe is forced where there is an eventfd."""
    if request.param == "pipe":
        monkeypatch.setattr(waiting, "HAS_EVENTFD", False)
    elif not waiting.HAS_EVENTFD:
        pytest.skip("no eventfd on this platform")


@pytest.fixture
def queue(wakeup_kind: None) -> Iterator[MessageQueue]:
    """Return a queue with two seats."""
    made = MessageQueue(2)
    for seat in range(2):
        made.open_seat(seat)
    yield made
    made.destroy()


@pytest.fixture
def fifo(queue: MessageQueue, monkeypatch: pytest.MonkeyPatch) -> HookedFifo:
    """Let the test into the receiver's looks at the queue; it looks once before it sleeps."""
    monkeypatch.setattr("interpexec._core.message_queue._POLLS", 1)
    fake = HookedFifo(queue._fifo)
    queue._fifo = fake  # type: ignore[assignment]
    queue._take = fake.recv
    return fake
