"""Lines: what they promise, and the races they were built against."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from interpexec import ChannelClosedError, NotShareableError
from interpexec._core import message_queue, waiting
from interpexec._core.message_queue import MessageQueue
from interpexec._core.waiting import Deadline, Spinner

pytestmark = pytest.mark.fast

TIME_LIMIT = 30.0


@pytest.fixture(params=["eventfd", "pipe"], autouse=True)
def _kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test with both kinds of bell."""
    if request.param == "pipe":
        monkeypatch.setattr(waiting, "HAS_EVENTFD", False)
    elif not waiting.HAS_EVENTFD:
        pytest.skip("no eventfd on this platform")


@pytest.fixture
def line() -> Iterator[MessageQueue]:
    """Return a line with two seats."""
    made = MessageQueue(2)
    for seat in range(2):
        made.open_seat(seat)
    yield made
    made.destroy()


def recv(queue: MessageQueue, seat: int = 0, timeout: float | None = None) -> object:
    """Take an item as workers do: sleep again and again, until there is one, or none can come."""
    deadline = Deadline(timeout)
    while (item := queue.recv_or_wake(seat, deadline.remaining())) is None:
        is_over = deadline.remaining() == 0
        if queue.is_closed or is_over:
            if (item := queue.recv_nowait()) is None:
                raise TimeoutError if is_over else ChannelClosedError
            break
    return item


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
def fifo(line: MessageQueue, monkeypatch: pytest.MonkeyPatch) -> HookedFifo:
    """Let the test into the receiver's looks at the line; it looks once before it sleeps."""
    monkeypatch.setattr("interpexec._core.message_queue._POLLS", 1)
    fake = HookedFifo(line._fifo)
    line._fifo = fake  # type: ignore[assignment]
    line._take = fake.recv
    return fake


def test_items_arrive_in_order(line: MessageQueue) -> None:
    """First in, first out, whatever they are."""
    items = [b"bytes", 7, "text", 1.5, True, (b"a", (2, "b"))]
    for item in items:
        line.send(item)
    assert [recv(line) for _ in items] == items


def test_recv_waits_for_an_item(line: MessageQueue) -> None:
    """A receiver that came first gets what is sent later."""
    future = start(recv, line)
    line.send(b"late")
    assert future.result(TIME_LIMIT) == b"late"


def test_recv_nowait_says_when_there_is_nothing(line: MessageQueue) -> None:
    """None stands for an empty line."""
    assert line.recv_nowait() is None
    line.send(b"one")
    assert line.recv_nowait() == b"one"


@pytest.mark.parametrize("timeout", [0, 0.001, 0.04])
def test_recv_honours_its_timeout(line: MessageQueue, timeout: float) -> None:
    """TimeoutError, not before the time is over, also below a second."""
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        recv(line, timeout=timeout)
    assert timeout <= time.monotonic() - started < 10


def test_what_cannot_be_sent_is_refused(line: MessageQueue) -> None:
    """A list is no shareable object; the line stays as it was."""
    with pytest.raises(NotShareableError):
        line.send([1])
    assert line.recv_nowait() is None


def test_close_wakes_every_waiter(line: MessageQueue) -> None:
    """All seats get ChannelClosedError, also those that come later."""
    futures = [start(recv, line, seat) for seat in range(2)]
    line.close()
    for future in futures:
        assert isinstance(future.exception(TIME_LIMIT), ChannelClosedError)
    with pytest.raises(ChannelClosedError):
        recv(line)


def test_what_was_sent_before_the_closing_is_received(line: MessageQueue) -> None:
    """Closing loses nothing."""
    line.send(b"last")
    line.close()
    assert recv(line) == b"last"
    with pytest.raises(ChannelClosedError):
        recv(line)


def test_an_item_sent_while_the_receiver_lies_down_is_received(
    line: MessageQueue, fifo: HookedFifo
) -> None:
    """The race that loses wake-ups in naive channels, in steps.

    1. the receiver looks: empty
    2. a sender appends, and finds nobody asleep: it rings no bell
    3. the receiver marks itself asleep, and must not sleep now
    """
    fifo.hooks[1] = lambda: line.send(b"item")
    assert start(recv, line).result(TIME_LIMIT) == b"item"


def test_an_item_sent_after_the_second_look_wakes_the_receiver(
    line: MessageQueue, fifo: HookedFifo
) -> None:
    """1. marked asleep; 2. looks: empty; 3. a sender appends and rings; 4. it sleeps."""
    fifo.hooks[2] = lambda: line.send(b"item")
    assert start(recv, line).result(TIME_LIMIT) == b"item"


def test_a_closing_after_the_second_look_wakes_the_receiver(
    line: MessageQueue, fifo: HookedFifo
) -> None:
    """The closing comes when the receiver has seen an open, empty line."""
    fifo.hooks[2] = line.close
    future = start(recv, line)
    assert isinstance(future.exception(TIME_LIMIT), ChannelClosedError)


def test_an_item_sent_just_before_the_closing_is_found(
    line: MessageQueue, fifo: HookedFifo
) -> None:
    """1. looks: empty; 2. somebody sends, then closes; 3. the receiver sees "closed"."""

    def send_and_close() -> None:
        line.send(b"last")
        line.close()

    fifo.hooks[2] = send_and_close
    assert start(recv, line).result(TIME_LIMIT) == b"last"


def test_a_wake_up_for_nothing_does_no_harm(line: MessageQueue, fifo: HookedFifo) -> None:
    """The bell rings, another receiver has the item: it goes on waiting."""

    def steal() -> None:
        line.send(b"stolen")
        assert line.recv_nowait() == b"stolen"

    fifo.hooks[2] = steal
    future = start(recv, line)
    line.send(b"mine")
    assert future.result(TIME_LIMIT) == b"mine"


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
def sleeper(line: MessageQueue) -> Callable[[], bool]:
    """Have somebody sleep on seat 1; return what says whether he was woken."""
    line._state[2] = message_queue._ASLEEP

    def is_woken() -> bool:
        is_rung = line._wakeups[1].wait(0)
        assert is_rung == (line._state[2] == message_queue._AWAKE)
        return is_rung

    return is_woken


def test_while_somebody_looks_nobody_is_woken(
    line: MessageQueue, sleeper: Callable[[], bool]
) -> None:
    """Who looks takes the item; the next one wakes somebody again."""
    looks = Looks(int, lambda: line.send(b"item"))
    assert line.recv_or_wake(0, None, looks) == b"item"
    assert not sleeper()
    line.send(b"next")
    assert sleeper()


def test_only_one_item_is_left_to_the_looker(
    line: MessageQueue, sleeper: Callable[[], bool]
) -> None:
    """He may be long in coming to the second one."""

    def send_two() -> None:
        line.send(b"first")
        assert line._state[2] == message_queue._ASLEEP
        line.send(b"second")
        assert sleeper()

    assert line.recv_or_wake(0, None, Looks(int, send_two)) == b"first"
    assert line.recv_nowait() == b"second"


def test_for_what_the_looker_does_not_take_somebody_is_woken(
    line: MessageQueue, sleeper: Callable[[], bool]
) -> None:
    """He takes another item than the one that was left to him."""

    def send_behind_another() -> None:
        line._fifo.send(b"another")  # its sender has seen somebody else
        line.send(b"item")
        assert line._state[2] == message_queue._ASLEEP

    assert line.recv_or_wake(0, None, Looks(int, send_behind_another)) == b"another"
    assert sleeper()
    assert line.recv_nowait() == b"item"


def test_who_lies_down_and_finds_something_has_others_woken(
    line: MessageQueue, fifo: HookedFifo, sleeper: Callable[[], bool]
) -> None:
    """A second sender has chosen his bell; he takes the first one's item."""

    def send_two() -> None:
        line.send(b"first")  # nobody is asleep on seat 0 yet
        line._state[2] = message_queue._ASLEEP
        assert line._wakeups[1].wait(0)
        line._state[1] = message_queue._ASLEEP
        line.send(b"second")
        assert line._state[2] == message_queue._ASLEEP
        line._state[message_queue._NEWS] = message_queue._AWAKE  # it has looked for the last time

    fifo.hooks[1] = send_two
    assert line.recv_or_wake(0) == b"first"
    assert sleeper()
    assert line.recv_nowait() == b"second"


def test_who_leaves_in_the_middle_of_looking_is_not_relied_on(
    line: MessageQueue, sleeper: Callable[[], bool]
) -> None:
    """A signal handler in which he waits for something else."""

    def handle() -> None:
        line.leave_seat(0)
        line.send(b"item")
        assert sleeper()

    assert line.recv_or_wake(0, None, Looks(int, handle)) == b"item"


def test_an_item_that_comes_when_the_looker_gives_up_is_his(
    line: MessageQueue, sleeper: Callable[[], bool]
) -> None:
    """Its sender has seen him look; he has looked for the last time."""
    looks = Looks()
    looks.spin = lambda _: line.send(b"item")  # type: ignore[method-assign,assignment]  # no look after that
    assert line.recv_or_wake(0, None, looks) == b"item"
    assert not sleeper()


def test_a_looker_that_is_interrupted_has_somebody_woken(
    line: MessageQueue, sleeper: Callable[[], bool]
) -> None:
    """Ctrl-C comes when a sender has relied on him."""

    def send_and_interrupt() -> None:
        line.send(b"item")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        line.recv_or_wake(0, None, Looks(int, send_and_interrupt))
    assert sleeper()
    assert line.recv_nowait() == b"item"


def test_only_one_looks_for_long(line: MessageQueue) -> None:
    """The second one sleeps soon, and is woken as ever."""
    second: list[Future[object]] = []

    def come() -> None:
        second.append(start(lambda: line.recv_or_wake(1, None, Looks(pytest.fail))))
        while line._state[2] != message_queue._ASLEEP:
            pass

    looks = Looks(come, lambda: line.send(b"one"), lambda: line.send(b"two"))
    assert line.recv_or_wake(0, None, looks) == b"one"
    line.send(b"two")
    assert second[0].result(TIME_LIMIT) in (b"two", None)  # as it is woken, or before it sleeps


def test_a_receiver_that_gives_up_passes_its_wake_up_on(
    line: MessageQueue, fifo: HookedFifo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race that strands an item beside a sleeping receiver, in steps.

    1. two receivers sleep, the first with a timeout
    2. a sender appends and rings the first one's bell
    3. the first one's time was over: it leaves without looking
    4. the second one must be woken for the item
    """
    asleep = threading.Event()
    fifo.hooks[2] = asleep.set
    second = start(recv, line, 1)
    assert asleep.wait(TIME_LIMIT)

    class Interrupted(BaseException):
        """Ends the first receiver's wait."""

    def interrupted(timeout: float | None = None) -> bool:
        line.send(b"item")
        raise Interrupted

    monkeypatch.setattr(line._wakeups[0], "wait", interrupted)
    with pytest.raises(Interrupted):
        recv(line, 0)
    assert second.result(TIME_LIMIT) == b"item"


def test_many_senders_and_receivers_lose_nothing() -> None:
    """Four senders, three receivers, thousands of items: each arrives once."""
    line, each = MessageQueue(3), 3000
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
                    received.append(recv(line, seat))
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


def test_whoever_reaches_a_line_finds_all_its_bells() -> None:
    """Also those of seats that were opened later; and it wakes them when it closes the line."""
    line = MessageQueue(3)
    line.open_seat(0)
    there = MessageQueue(token=line.token)
    line.open_seat(2)
    line._state[1 + 2] = message_queue._ASLEEP
    there.send(b"item")
    assert line._wakeups[2].wait(0)
    there.wake(1)  # nobody has ever sat there
    there.close()
    assert line._wakeups[0].wait(0)
    assert line._wakeups[2].wait(0)
    there.release()
    line.destroy()
