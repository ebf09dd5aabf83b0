"""Spinning at message queues: a receiver that looks again and again takes the item itself."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from interpexec._core import message_queue
from interpexec._core.message_queue import MessageQueue
from interpexec._core.waiting import Spinner
from receivers import HookedFifo, start
from stops import TIME_LIMIT

if TYPE_CHECKING:
    from concurrent.futures import Future

pytestmark = [pytest.mark.fast, pytest.mark.usefixtures("wakeup_kind")]


class Looks(Spinner):
    """A receiver's looks, with something that happens before each of them."""

    def __init__(self, *events: Callable[[], object]) -> None:
        super().__init__(len(events))
        self.events = events

    def spin(self, poll: Callable[[], object]) -> object:
        for event in self.events:
            event()
            if (found := poll()) is not None:
                return found
        return None


@pytest.fixture
def sleeper(queue: MessageQueue) -> Callable[[], bool]:
    """Have a receiver sleep on seat 1; return a function that says whether it was woken."""
    queue._state[2] = message_queue._ASLEEP

    def is_woken() -> bool:
        is_woken_up = queue._wakeups[1].wait(0)
        assert is_woken_up == (queue._state[2] == message_queue._AWAKE)
        return is_woken_up

    return is_woken


def test_while_a_receiver_spins_nobody_is_woken(
    queue: MessageQueue, sleeper: Callable[[], bool]
) -> None:
    """The spinning receiver takes the item; the next item wakes a sleeping one again."""
    looks = Looks(int, lambda: queue.send(b"item"))
    assert queue.recv_or_wake(0, None, looks) == b"item"
    assert not sleeper()
    queue.send(b"next")
    assert sleeper()


def test_only_one_item_is_left_to_the_spinning_receiver(
    queue: MessageQueue, sleeper: Callable[[], bool]
) -> None:
    """A second item wakes a sleeping receiver: the spinning one may be long in coming to it."""

    def send_two() -> None:
        queue.send(b"first")
        assert queue._state[2] == message_queue._ASLEEP
        queue.send(b"second")
        assert sleeper()

    assert queue.recv_or_wake(0, None, Looks(int, send_two)) == b"first"
    assert queue.recv_nowait() == b"second"


def test_an_item_that_the_spinning_receiver_leaves_wakes_another(
    queue: MessageQueue, sleeper: Callable[[], bool]
) -> None:
    """The spinning receiver takes another item than the one that was left to it."""

    def send_behind_another() -> None:
        queue._fifo.send(b"another")  # its sender has seen another receiver
        queue.send(b"item")
        assert queue._state[2] == message_queue._ASLEEP

    assert queue.recv_or_wake(0, None, Looks(int, send_behind_another)) == b"another"
    assert sleeper()
    assert queue.recv_nowait() == b"item"


def test_a_receiver_that_finds_an_item_before_it_sleeps_has_others_woken(
    queue: MessageQueue, fifo: HookedFifo, sleeper: Callable[[], bool]
) -> None:
    """A second sender has chosen its wake-up; it takes the first one's item."""

    def send_two() -> None:
        queue.send(b"first")  # nobody is asleep on seat 0 yet
        queue._state[2] = message_queue._ASLEEP
        assert queue._wakeups[1].wait(0)
        queue._state[1] = message_queue._ASLEEP
        queue.send(b"second")
        assert queue._state[2] == message_queue._ASLEEP
        queue._state[message_queue._NEWS] = message_queue._AWAKE  # it has looked for the last time

    fifo.hooks[1] = send_two
    assert queue.recv_or_wake(0) == b"first"
    assert sleeper()
    assert queue.recv_nowait() == b"second"


def test_a_receiver_that_leaves_while_it_spins_is_not_relied_on(
    queue: MessageQueue, sleeper: Callable[[], bool]
) -> None:
    """A signal handler waits for something else, in the middle of spinning."""

    def handle() -> None:
        queue.leave_seat(0)
        queue.send(b"item")
        assert sleeper()

    assert queue.recv_or_wake(0, None, Looks(int, handle)) == b"item"


def test_an_item_that_comes_when_the_receiver_stops_spinning_is_taken(
    queue: MessageQueue, sleeper: Callable[[], bool]
) -> None:
    """The sender has seen the receiver spin, which has just looked for the last time."""
    looks = Looks()
    looks.spin = lambda _: queue.send(b"item")  # type: ignore[method-assign,assignment]  # no look after that
    assert queue.recv_or_wake(0, None, looks) == b"item"
    assert not sleeper()


def test_a_receiver_that_is_interrupted_while_it_spins_wakes_another(
    queue: MessageQueue, sleeper: Callable[[], bool]
) -> None:
    """Ctrl-C comes when a sender has relied on the spinning receiver."""

    def send_and_interrupt() -> None:
        queue.send(b"item")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        queue.recv_or_wake(0, None, Looks(int, send_and_interrupt))
    assert sleeper()
    assert queue.recv_nowait() == b"item"


def test_only_one_receiver_spins_for_long(queue: MessageQueue) -> None:
    """The second one sleeps soon, and is woken as ever."""
    second: list[Future[object]] = []

    def come() -> None:
        second.append(start(lambda: queue.recv_or_wake(1, None, Looks(pytest.fail))))
        while queue._state[2] != message_queue._ASLEEP:
            pass

    looks = Looks(come, lambda: queue.send(b"one"), lambda: queue.send(b"two"))
    assert queue.recv_or_wake(0, None, looks) == b"one"
    queue.send(b"two")
    assert second[0].result(TIME_LIMIT) in (b"two", None)  # as it is woken, or before it sleeps
