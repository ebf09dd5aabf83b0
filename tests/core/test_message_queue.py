"""Message queues: order, wake-ups, closing, and the races that they were built against."""

import threading
import time

import pytest

from interpexec import ChannelClosedError, NotShareableError
from interpexec._core import message_queue
from interpexec._core.message_queue import MessageQueue
from receivers import HookedFifo, recv, start
from stops import TIME_LIMIT

pytestmark = [pytest.mark.fast, pytest.mark.usefixtures("wakeup_kind")]


def test_items_arrive_in_order(queue: MessageQueue) -> None:
    """First in, first out, whatever they are."""
    items = [b"bytes", 7, "text", 1.5, True, (b"a", (2, "b"))]
    for item in items:
        queue.send(item)
    assert [recv(queue) for _ in items] == items


def test_recv_waits_for_an_item(queue: MessageQueue) -> None:
    """A receiver that came first gets what is sent later."""
    future = start(recv, queue)
    queue.send(b"late")
    assert future.result(TIME_LIMIT) == b"late"


def test_recv_nowait_says_when_there_is_nothing(queue: MessageQueue) -> None:
    """None stands for an empty queue."""
    assert queue.recv_nowait() is None
    queue.send(b"one")
    assert queue.recv_nowait() == b"one"


@pytest.mark.parametrize("timeout", [0, 0.001, 0.04])
def test_recv_honours_its_timeout(queue: MessageQueue, timeout: float) -> None:
    """TimeoutError, not before the time is over, also below a second."""
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        recv(queue, timeout=timeout)
    assert timeout <= time.monotonic() - started < 10


def test_an_item_that_cannot_be_sent_is_refused(queue: MessageQueue) -> None:
    """A list is no shareable object; the queue stays as it was."""
    with pytest.raises(NotShareableError):
        queue.send([1])
    assert queue.recv_nowait() is None


def test_close_wakes_every_waiter(queue: MessageQueue) -> None:
    """All seats get ChannelClosedError, also those that come later."""
    futures = [start(recv, queue, seat) for seat in range(2)]
    queue.close()
    for future in futures:
        assert isinstance(future.exception(TIME_LIMIT), ChannelClosedError)
    with pytest.raises(ChannelClosedError):
        recv(queue)


def test_items_sent_before_the_closing_are_received(queue: MessageQueue) -> None:
    """Closing loses nothing."""
    queue.send(b"last")
    queue.close()
    assert recv(queue) == b"last"
    with pytest.raises(ChannelClosedError):
        recv(queue)


def test_an_item_sent_while_the_receiver_lies_down_is_received(
    queue: MessageQueue, fifo: HookedFifo
) -> None:
    """The race that loses wake-ups in naive channels, in steps.

    1. the receiver looks: empty
    2. a sender appends, and finds nobody asleep: it wakes nobody
    3. the receiver marks itself asleep, and must not sleep now
    """
    fifo.hooks[1] = lambda: queue.send(b"item")
    assert start(recv, queue).result(TIME_LIMIT) == b"item"


def test_an_item_sent_after_the_second_look_wakes_the_receiver(
    queue: MessageQueue, fifo: HookedFifo
) -> None:
    """1. marked asleep; 2. looks: empty; 3. a sender appends and wakes; 4. it sleeps."""
    fifo.hooks[2] = lambda: queue.send(b"item")
    assert start(recv, queue).result(TIME_LIMIT) == b"item"


def test_a_closing_after_the_second_look_wakes_the_receiver(
    queue: MessageQueue, fifo: HookedFifo
) -> None:
    """The closing comes when the receiver has seen an open, empty queue."""
    fifo.hooks[2] = queue.close
    future = start(recv, queue)
    assert isinstance(future.exception(TIME_LIMIT), ChannelClosedError)


def test_an_item_sent_just_before_the_closing_is_found(
    queue: MessageQueue, fifo: HookedFifo
) -> None:
    """1. looks: empty; 2. somebody sends, then closes; 3. the receiver sees "closed"."""

    def send_and_close() -> None:
        queue.send(b"last")
        queue.close()

    fifo.hooks[2] = send_and_close
    assert start(recv, queue).result(TIME_LIMIT) == b"last"


def test_a_wake_up_for_nothing_does_no_harm(queue: MessageQueue, fifo: HookedFifo) -> None:
    """A receiver that is woken while another one takes the item goes on waiting."""

    def steal() -> None:
        queue.send(b"stolen")
        assert queue.recv_nowait() == b"stolen"

    fifo.hooks[2] = steal
    future = start(recv, queue)
    queue.send(b"mine")
    assert future.result(TIME_LIMIT) == b"mine"


def test_a_receiver_that_gives_up_passes_its_wake_up_on(
    queue: MessageQueue, fifo: HookedFifo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race that strands an item beside a sleeping receiver, in steps.

    1. two receivers sleep, the first with a timeout
    2. a sender appends and wakes the first one
    3. the first one's time was over: it leaves without looking
    4. the second one must be woken for the item
    """
    asleep = threading.Event()
    fifo.hooks[2] = asleep.set
    second = start(recv, queue, 1)
    assert asleep.wait(TIME_LIMIT)

    class Interrupted(BaseException):
        """Ends the first receiver's wait."""

    def interrupted(timeout: float | None = None) -> bool:
        queue.send(b"item")
        raise Interrupted

    monkeypatch.setattr(queue._wakeups[0], "wait", interrupted)
    with pytest.raises(Interrupted):
        recv(queue, 0)
    assert second.result(TIME_LIMIT) == b"item"


def test_many_senders_and_receivers_lose_nothing() -> None:
    """Four senders, three receivers, thousands of items: each arrives once."""
    queue, each = MessageQueue(3), 3000
    for seat in range(3):
        queue.open_seat(seat)
    try:

        def send(number: int) -> None:
            for index in range(each):
                queue.send(number * each + index)

        def receive(seat: int) -> list[object]:
            received = []
            try:
                while True:
                    received.append(recv(queue, seat))
            except ChannelClosedError:
                return received

        receivers = [start(receive, seat) for seat in range(3)]
        for sender in [start(send, number) for number in range(4)]:
            sender.result(TIME_LIMIT)
        queue.close()
        received = [item for future in receivers for item in future.result(TIME_LIMIT)]
    finally:
        queue.destroy()
    assert sorted(received) == list(range(4 * each))  # type: ignore[type-var]


def test_a_queue_from_a_token_has_all_wake_ups() -> None:
    """Seats that were opened later can be woken, too, and are when the queue is closed."""
    queue = MessageQueue(3)
    queue.open_seat(0)
    there = MessageQueue(token=queue.token)
    queue.open_seat(2)
    queue._state[1 + 2] = message_queue._ASLEEP
    there.send(b"item")
    assert queue._wakeups[2].wait(0)
    there.wake(1)  # nobody has ever sat there
    there.close()
    assert queue._wakeups[0].wait(0)
    assert queue._wakeups[2].wait(0)
    there.release()
    queue.destroy()
