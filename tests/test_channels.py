"""Channels: what they promise, and the races they were built against."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from interpexec import ChannelClosedError, NotShareableError, _bell
from interpexec.channels import Channel

TIME_LIMIT = 30.0


@pytest.fixture(params=["eventfd", "pipe"], autouse=True)
def _kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test with both kinds of bell."""
    if request.param == "pipe":
        monkeypatch.setattr(_bell, "HAS_EVENTFD", False)
    elif not _bell.HAS_EVENTFD:
        pytest.skip("no eventfd on this platform")


@pytest.fixture
def channel() -> Iterator[Channel]:
    """Return a channel with two seats."""
    made = Channel(2)
    for seat in range(2):
        made.open_seat(seat)
    yield made
    made.destroy()


def start[T](fn: Callable[..., T], *args: object) -> "Future[T]":
    """Run `fn` in a thread and return its future."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(fn(*args))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run).start()
    return future


class Line:
    """A line that runs a hook when a receiver looks: a fake that forces a race."""

    def __init__(self, line: object) -> None:
        self._line = line
        self.looks = 0
        self.hooks: dict[int, Callable[[], object]] = {}

    def recv(self) -> object:
        """Look into the real line, and then let the hook of this look happen."""
        item = self._line.recv()  # type: ignore[attr-defined]
        self.looks += 1
        self.hooks.pop(self.looks, lambda: None)()
        return item

    def __getattr__(self, name: str) -> object:
        return getattr(self._line, name)


@pytest.fixture
def line(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> Line:
    """Let the test into the receiver's looks at the line; it looks once before it sleeps."""
    monkeypatch.setattr("interpexec.channels._LOOKS", 1)
    fake = Line(channel._line)
    channel._line = fake  # type: ignore[assignment]
    return fake


def test_items_arrive_in_order(channel: Channel) -> None:
    """First in, first out, whatever they are."""
    items = [b"bytes", 7, "text", 1.5, True, (b"a", (2, "b"))]
    for item in items:
        channel.send(item)
    assert [channel.recv() for _ in items] == items


def test_recv_waits_for_an_item(channel: Channel) -> None:
    """A receiver that came first gets what is sent later."""
    future = start(channel.recv)
    channel.send(b"late")
    assert future.result(TIME_LIMIT) == b"late"


def test_recv_nowait_says_when_there_is_nothing(channel: Channel) -> None:
    """None stands for an empty channel."""
    assert channel.recv_nowait() is None
    channel.send(b"one")
    assert channel.recv_nowait() == b"one"


@pytest.mark.parametrize("timeout", [0, 0.001, 0.04])
def test_recv_honours_its_timeout(channel: Channel, timeout: float) -> None:
    """TimeoutError, not before the time is over, also below a second."""
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        channel.recv(timeout=timeout)
    assert timeout <= time.monotonic() - started < 10


def test_what_cannot_be_sent_is_refused(channel: Channel) -> None:
    """A list is no shareable object; the channel stays as it was."""
    with pytest.raises(NotShareableError):
        channel.send([1])
    assert channel.recv_nowait() is None


def test_close_wakes_every_waiter(channel: Channel) -> None:
    """All seats get ChannelClosedError, also those that come later."""
    futures = [start(channel.recv, seat) for seat in range(2)]
    channel.close()
    for future in futures:
        assert isinstance(future.exception(TIME_LIMIT), ChannelClosedError)
    with pytest.raises(ChannelClosedError):
        channel.recv()


def test_what_was_sent_before_the_closing_is_received(channel: Channel) -> None:
    """Closing loses nothing."""
    channel.send(b"last")
    channel.close()
    assert channel.recv() == b"last"
    with pytest.raises(ChannelClosedError):
        channel.recv()


def test_an_item_sent_while_the_receiver_lies_down_is_received(
    channel: Channel, line: Line
) -> None:
    """The race that loses wake-ups in naive channels, in steps.

    1. the receiver looks: empty
    2. a sender appends, and finds nobody asleep: it rings no bell
    3. the receiver marks itself asleep, and must not sleep now
    """
    line.hooks[1] = lambda: channel.send(b"item")
    assert start(channel.recv).result(TIME_LIMIT) == b"item"


def test_an_item_sent_after_the_second_look_wakes_the_receiver(
    channel: Channel, line: Line
) -> None:
    """1. marked asleep; 2. looks: empty; 3. a sender appends and rings; 4. it sleeps."""
    line.hooks[2] = lambda: channel.send(b"item")
    assert start(channel.recv).result(TIME_LIMIT) == b"item"


def test_a_closing_after_the_second_look_wakes_the_receiver(channel: Channel, line: Line) -> None:
    """The closing comes when the receiver has seen an open, empty channel."""
    line.hooks[2] = channel.close
    future = start(channel.recv)
    assert isinstance(future.exception(TIME_LIMIT), ChannelClosedError)


def test_an_item_sent_just_before_the_closing_is_found(channel: Channel, line: Line) -> None:
    """1. looks: empty; 2. somebody sends, then closes; 3. the receiver sees "closed"."""

    def send_and_close() -> None:
        channel.send(b"last")
        channel.close()

    line.hooks[2] = send_and_close
    assert start(channel.recv).result(TIME_LIMIT) == b"last"


def test_a_wake_up_for_nothing_does_no_harm(channel: Channel, line: Line) -> None:
    """The bell rings, another receiver has the item: it goes on waiting."""

    def steal() -> None:
        channel.send(b"stolen")
        assert channel.recv_nowait() == b"stolen"

    line.hooks[2] = steal
    future = start(channel.recv)
    channel.send(b"mine")
    assert future.result(TIME_LIMIT) == b"mine"


def test_a_receiver_that_gives_up_passes_its_wake_up_on(
    channel: Channel, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race that strands an item beside a sleeping receiver, in steps.

    1. two receivers sleep, the first with a timeout
    2. a sender appends and rings the first one's bell
    3. the first one's time was over: it leaves without looking
    4. the second one must be woken for the item
    """
    asleep = threading.Event()
    line.hooks[2] = asleep.set
    second = start(channel.recv, 1)
    assert asleep.wait(TIME_LIMIT)

    class Interrupted(BaseException):
        """Ends the first receiver's wait."""

    def interrupted(timeout: float | None = None) -> bool:
        channel.send(b"item")
        raise Interrupted

    monkeypatch.setattr(channel._bells[0], "wait", interrupted)
    with pytest.raises(Interrupted):
        channel.recv(0)
    assert second.result(TIME_LIMIT) == b"item"


def test_many_senders_and_receivers_lose_nothing() -> None:
    """Four senders, three receivers, thousands of items: each arrives once."""
    channel, each = Channel(3), 3000
    for seat in range(3):
        channel.open_seat(seat)
    try:

        def send(number: int) -> None:
            for index in range(each):
                channel.send(number * each + index)

        def receive(seat: int) -> list[object]:
            received = []
            try:
                while True:
                    received.append(channel.recv(seat))
            except ChannelClosedError:
                return received

        receivers = [start(receive, seat) for seat in range(3)]
        for sender in [start(send, number) for number in range(4)]:
            sender.result(TIME_LIMIT)
        channel.close()
        received = [item for future in receivers for item in future.result(TIME_LIMIT)]
    finally:
        channel.destroy()
    assert sorted(received) == list(range(4 * each))  # type: ignore[type-var]
