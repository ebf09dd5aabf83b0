"""A channel, and the ring that it is made of, driven at random beside a model."""

from collections import deque
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from interpexec import (
    ChannelClosedError,
    ChannelEmptyError,
    ChannelFullError,
    RecvChannel,
    SendChannel,
    SharedBuffer,
    create_channel,
)
from interpexec._core import waiting as waiting_module
from interpexec._sharing.pickling import RESULTS
from interpexec._sharing.unpickling import loads as load
from interpexec._sync import ring as ring_module

pytestmark = pytest.mark.usefixtures("kernel_ways", "no_garbage")

SETTINGS = settings(
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

MESSAGES = st.one_of(
    st.integers(),
    st.text(),
    st.binary(max_size=50),
    st.sampled_from([1000, 4080, 4088, 1 << 14, (1 << 14) - 1, 100_000]).map(bytes),
    st.lists(st.none() | st.floats(allow_nan=False) | st.booleans(), max_size=5),
)


LATE = 15
"""Steps before a channel may end: else most of them would be closed ones."""


class Channel(RuleBasedStateMachine):
    """A channel beside a deque; several ends of each sort, that come and go."""

    receivers: Bundle[RecvChannel] = Bundle("receivers")
    senders: Bundle[SendChannel] = Bundle("senders")

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.items: deque[object] = deque()
        self.closed = False
        self.ends: list[Any] = []

    @initialize(capacity=st.none() | st.integers(1, 4), target=receivers)
    def make(self, capacity: int | None) -> RecvChannel:
        self.capacity = capacity
        receiver, sender = create_channel(capacity)
        self.ends = [receiver, sender]
        self.first = sender
        self.steps = 0
        return self.again(receiver)

    @rule(target=senders)
    @precondition(lambda self: not self.first._queue.is_released)
    def take_first(self) -> SendChannel:
        return self.again(self.first)

    def again[E: (RecvChannel, SendChannel)](self, end: E) -> E:
        """Send an end to this very interpreter."""
        other: E = load(RESULTS.pack(end))
        self.ends.append(other)
        return other

    def live(self, sort: type) -> int:
        """Return how many ends of a sort are not released."""
        some = [end for end in self.ends if not end._queue.is_released]
        return sum(isinstance(end, sort) for end in some)

    @rule(end=receivers, target=receivers)
    def another_receiver(self, end: RecvChannel) -> RecvChannel:
        return end if end._queue.is_released else self.again(end)

    @rule(end=senders, item=MESSAGES)
    def send(self, end: SendChannel, item: object) -> None:
        self.send_by(end, item)

    def send_by(self, end: SendChannel, item: object) -> None:
        """Send, if there is room."""
        if end._queue.is_released:
            with pytest.raises(ValueError, match="released"):
                end.send_nowait(item)
        elif self.closed:
            with pytest.raises(ChannelClosedError):
                end.send_nowait(item)
        elif self.capacity is not None and len(self.items) >= self.capacity:
            with pytest.raises(ChannelFullError):
                end.send_nowait(item)
        else:
            end.send_nowait(item)
            self.items.append(item)

    @rule()
    def receive_first(self) -> None:
        self.receive_by(self.ends[0])

    @rule(item=MESSAGES)
    def send_first(self, item: object) -> None:
        self.send_by(self.first, item)

    @rule(end=receivers)
    def receive(self, end: RecvChannel) -> None:
        self.receive_by(end)

    def receive_by(self, end: RecvChannel) -> None:
        """Receive, if there is something."""
        if end._queue.is_released:
            with pytest.raises(ValueError, match="released"):
                end.recv_nowait()
        elif self.items:
            assert end.recv(0) == self.items.popleft()
        elif self.closed:
            with pytest.raises(ChannelClosedError):
                end.recv(0)
        else:
            with pytest.raises(ChannelEmptyError):
                end.recv_nowait()

    @rule(end=receivers)
    def watch(self, end: RecvChannel) -> None:
        if not end._queue.is_released:
            ready = waiting_module._readable(end.fileno(), 0)
            assert ready == bool(self.items or self.closed)

    @rule(end=consumes(receivers))
    def release_receiver(self, end: RecvChannel) -> None:
        end.release()
        if not self.live(RecvChannel):
            self.closed = True
            self.items.clear()

    @rule(end=consumes(senders))
    def release_sender(self, end: SendChannel) -> None:
        end.release()
        self.closed |= not self.live(SendChannel)

    @rule()
    @precondition(lambda self: self.steps > LATE)
    def release_first(self) -> None:
        self.first.release()
        self.closed |= not self.live(SendChannel)

    @rule(end=senders)
    @precondition(lambda self: self.steps > LATE)
    def close_sender(self, end: SendChannel) -> None:
        self.closed |= not end._queue.is_released
        end.close()

    @rule(end=receivers)
    @precondition(lambda self: self.steps > LATE)
    def close_receiver(self, end: RecvChannel) -> None:
        if not end._queue.is_released:
            self.closed = True
            self.items.clear()
        end.close()

    @rule()
    @precondition(lambda self: self.steps > LATE)
    def release_first_receiver(self) -> None:
        self.ends[0].release()
        if not self.live(RecvChannel):
            self.closed = True
            self.items.clear()

    @invariant()
    def sizes(self) -> None:
        self.steps += 1
        for end in self.ends:
            if not end._queue.is_released:
                assert len(end) == len(self.items)
                assert end.closed == self.closed
                assert end.capacity == self.capacity

    def teardown(self) -> None:
        for end in self.ends:
            end.release()


@pytest.mark.slow
def test_a_channel_is_a_deque() -> None:
    """With any number of ends, which are released and closed in any order."""
    run_state_machine_as_test(Channel, settings=settings(SETTINGS, max_examples=250))


@settings(SETTINGS, max_examples=200)
@given(st.lists(st.none() | st.integers(0, 6000), max_size=60), st.integers(0, 4088))
def test_a_ring_is_a_deque(steps: list[int | None], shift: int) -> None:
    """Messages of any length, from any place of the ring on; None takes one out."""
    with ExitStack() as stack:
        file = stack.enter_context(SharedBuffer(1))
        words = memoryview(bytearray(24)).cast("Q")
        ring = ring_module.Ring(file.fileno(), 0, words)
        stack.callback(ring.unmap)
        ring.make()
        model: deque[bytes] = deque()
        ring.push(bytes(shift))
        ring.push(b"stays until there is another one")
        ring.pop()
        model.append(b"stays until there is another one")
        for number, step in enumerate(steps):
            if step is not None:
                message = bytes([number]) * step
                ring.push(message)
                model.append(message)
            elif model:
                assert ring.pop() == model.popleft()
            assert ring.count() == len(model)
        assert [ring.pop() for _ in range(len(model))] == list(model)
        assert words[2] == ring_module.SMALLEST
