"""Lines: what they promise, and the races they were built against."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from interpexec import ChannelClosedError, NotShareableError, _bell
from interpexec._line import Line

TIME_LIMIT = 30.0


@pytest.fixture(params=["eventfd", "pipe"], autouse=True)
def _kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test with both kinds of bell."""
    if request.param == "pipe":
        monkeypatch.setattr(_bell, "HAS_EVENTFD", False)
    elif not _bell.HAS_EVENTFD:
        pytest.skip("no eventfd on this platform")


@pytest.fixture
def line() -> Iterator[Line]:
    """Return a line with two seats."""
    made = Line(2)
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


class HookedFifo:
    """A line that runs a hook when a receiver looks: a fake that forces a race."""

    def __init__(self, line: object) -> None:
        self._fifo = line
        self.looks = 0
        self.hooks: dict[int, Callable[[], object]] = {}

    def recv(self) -> object:
        """Look into the real line, and then let the hook of this look happen."""
        item = self._fifo.recv()  # type: ignore[attr-defined]
        self.looks += 1
        self.hooks.pop(self.looks, lambda: None)()
        return item

    def __getattr__(self, name: str) -> object:
        return getattr(self._fifo, name)


@pytest.fixture
def fifo(line: Line, monkeypatch: pytest.MonkeyPatch) -> HookedFifo:
    """Let the test into the receiver's looks at the line; it looks once before it sleeps."""
    monkeypatch.setattr("interpexec._line._LOOKS", 1)
    fake = HookedFifo(line._fifo)
    line._fifo = fake  # type: ignore[assignment]
    return fake


def test_items_arrive_in_order(line: Line) -> None:
    """First in, first out, whatever they are."""
    items = [b"bytes", 7, "text", 1.5, True, (b"a", (2, "b"))]
    for item in items:
        line.send(item)
    assert [line.recv() for _ in items] == items


def test_recv_waits_for_an_item(line: Line) -> None:
    """A receiver that came first gets what is sent later."""
    future = start(line.recv)
    line.send(b"late")
    assert future.result(TIME_LIMIT) == b"late"


def test_recv_nowait_says_when_there_is_nothing(line: Line) -> None:
    """None stands for an empty line."""
    assert line.recv_nowait() is None
    line.send(b"one")
    assert line.recv_nowait() == b"one"


@pytest.mark.parametrize("timeout", [0, 0.001, 0.04])
def test_recv_honours_its_timeout(line: Line, timeout: float) -> None:
    """TimeoutError, not before the time is over, also below a second."""
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        line.recv(timeout=timeout)
    assert timeout <= time.monotonic() - started < 10


def test_what_cannot_be_sent_is_refused(line: Line) -> None:
    """A list is no shareable object; the line stays as it was."""
    with pytest.raises(NotShareableError):
        line.send([1])
    assert line.recv_nowait() is None


def test_close_wakes_every_waiter(line: Line) -> None:
    """All seats get ChannelClosedError, also those that come later."""
    futures = [start(line.recv, seat) for seat in range(2)]
    line.close()
    for future in futures:
        assert isinstance(future.exception(TIME_LIMIT), ChannelClosedError)
    with pytest.raises(ChannelClosedError):
        line.recv()


def test_what_was_sent_before_the_closing_is_received(line: Line) -> None:
    """Closing loses nothing."""
    line.send(b"last")
    line.close()
    assert line.recv() == b"last"
    with pytest.raises(ChannelClosedError):
        line.recv()


def test_an_item_sent_while_the_receiver_lies_down_is_received(
    line: Line, fifo: HookedFifo
) -> None:
    """The race that loses wake-ups in naive channels, in steps.

    1. the receiver looks: empty
    2. a sender appends, and finds nobody asleep: it rings no bell
    3. the receiver marks itself asleep, and must not sleep now
    """
    fifo.hooks[1] = lambda: line.send(b"item")
    assert start(line.recv).result(TIME_LIMIT) == b"item"


def test_an_item_sent_after_the_second_look_wakes_the_receiver(
    line: Line, fifo: HookedFifo
) -> None:
    """1. marked asleep; 2. looks: empty; 3. a sender appends and rings; 4. it sleeps."""
    fifo.hooks[2] = lambda: line.send(b"item")
    assert start(line.recv).result(TIME_LIMIT) == b"item"


def test_a_closing_after_the_second_look_wakes_the_receiver(line: Line, fifo: HookedFifo) -> None:
    """The closing comes when the receiver has seen an open, empty line."""
    fifo.hooks[2] = line.close
    future = start(line.recv)
    assert isinstance(future.exception(TIME_LIMIT), ChannelClosedError)


def test_an_item_sent_just_before_the_closing_is_found(line: Line, fifo: HookedFifo) -> None:
    """1. looks: empty; 2. somebody sends, then closes; 3. the receiver sees "closed"."""

    def send_and_close() -> None:
        line.send(b"last")
        line.close()

    fifo.hooks[2] = send_and_close
    assert start(line.recv).result(TIME_LIMIT) == b"last"


def test_a_wake_up_for_nothing_does_no_harm(line: Line, fifo: HookedFifo) -> None:
    """The bell rings, another receiver has the item: it goes on waiting."""

    def steal() -> None:
        line.send(b"stolen")
        assert line.recv_nowait() == b"stolen"

    fifo.hooks[2] = steal
    future = start(line.recv)
    line.send(b"mine")
    assert future.result(TIME_LIMIT) == b"mine"


def test_a_receiver_that_gives_up_passes_its_wake_up_on(
    line: Line, fifo: HookedFifo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race that strands an item beside a sleeping receiver, in steps.

    1. two receivers sleep, the first with a timeout
    2. a sender appends and rings the first one's bell
    3. the first one's time was over: it leaves without looking
    4. the second one must be woken for the item
    """
    asleep = threading.Event()
    fifo.hooks[2] = asleep.set
    second = start(line.recv, 1)
    assert asleep.wait(TIME_LIMIT)

    class Interrupted(BaseException):
        """Ends the first receiver's wait."""

    def interrupted(timeout: float | None = None) -> bool:
        line.send(b"item")
        raise Interrupted

    monkeypatch.setattr(line._bells[0], "wait", interrupted)
    with pytest.raises(Interrupted):
        line.recv(0)
    assert second.result(TIME_LIMIT) == b"item"


def test_many_senders_and_receivers_lose_nothing() -> None:
    """Four senders, three receivers, thousands of items: each arrives once."""
    line, each = Line(3), 3000
    for seat in range(3):
        line.open_seat(seat)
    try:

        def send(number: int) -> None:
            for index in range(each):
                line.send(number * each + index)

        def receive(seat: int) -> list[object]:
            received = []
            try:
                while True:
                    received.append(line.recv(seat))
            except ChannelClosedError:
                return received

        receivers = [start(receive, seat) for seat in range(3)]
        for sender in [start(send, number) for number in range(4)]:
            sender.result(TIME_LIMIT)
        line.close()
        received = [item for future in receivers for item in future.result(TIME_LIMIT)]
    finally:
        line.destroy()
    assert sorted(received) == list(range(4 * each))  # type: ignore[type-var]
