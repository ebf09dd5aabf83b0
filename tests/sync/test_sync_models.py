"""Channels, the ring and the locks, driven by hypothesis beside simple models of them."""

import gc
import queue as library
import threading
from collections import deque
from collections.abc import Iterator
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
    buffers,
    create_channel,
    sync,
)
from interpexec._core import waiting as waiting_module
from interpexec._sharing.pickling import RESULTS
from interpexec._sharing.unpickling import loads as load
from interpexec._sync import ring as ring_module

Queue: Any = sync.Queue

SETTINGS = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

MESSAGES = st.one_of(
    st.integers(),
    st.text(),
    st.binary(max_size=50),
    st.sampled_from([1000, 4080, 4088, 1 << 14, (1 << 14) - 1, 100_000]).map(bytes),
    st.lists(st.none() | st.floats(allow_nan=False) | st.booleans(), max_size=5),
)


@pytest.fixture(params=["best", "portable", "file"], autouse=True)
def _paths(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use each way of the kernel's: pipes for eventfds, other memory than memfd."""
    if request.param != "best":
        monkeypatch.setattr(waiting_module, "HAS_EVENTFD", False)
        monkeypatch.setattr(buffers, "HAS_MEMFD", False)
    if request.param == "file":
        monkeypatch.setattr(buffers, "HAS_SHM", False)


@pytest.fixture(autouse=True)
def _garbage() -> Iterator[None]:
    """Let go of the objects that hypothesis has kept."""
    yield
    gc.collect()


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


QUEUE_STEPS = st.lists(
    st.sampled_from(["put", "get", "get", "done", "size", "shutdown", "shutdown now"])
    | st.sampled_from(["put", "put", "get"]),
    max_size=40,
)


@settings(SETTINGS, max_examples=200)
@given(QUEUE_STEPS, st.integers(-1, 3))
def test_a_queue_is_the_standard_librarys(steps: list[str], maxsize: int) -> None:
    """Both of them do the same at every step, errors included."""
    ours, theirs = Queue(maxsize), library.Queue[int](maxsize)
    for number, step in enumerate(steps):
        results = []
        for each in (ours, theirs):
            try:
                results.append(_queue_step(each, step, number))
            except Exception as error:
                results.append((type(error), str(error)))
        assert results[0] == results[1], step
    for each in (ours, theirs):
        each.shutdown(immediate=True)


def _queue_step(queue: Any, step: str, number: int) -> object:
    match step:
        case "put":
            return queue.put_nowait(number)
        case "get":
            return queue.get(timeout=0) if number % 2 else queue.get_nowait()
        case "done":
            return queue.task_done()
        case "shutdown" | "shutdown now":
            return queue.shutdown(immediate=step.endswith("now"))
    return queue.qsize(), queue.empty(), queue.full(), queue.is_shutdown


PAIRS: list[tuple[Any, Any]] = [
    (sync.Lock, threading.Lock),
    (sync.RLock, threading.RLock),
    (lambda: sync.Semaphore(2), lambda: threading.Semaphore(2)),
    (lambda: sync.BoundedSemaphore(2), lambda: threading.BoundedSemaphore(2)),
    (sync.Event, threading.Event),
    (sync.Condition, threading.Condition),
]

LOCK_STEPS = st.lists(
    st.sampled_from(
        [
            ("acquire", {"blocking": False}),
            ("acquire", {"timeout": 0.0005}),
            ("release", {}),
            ("release", {}),
            ("release", {"n": 2}),
            ("set", {}),
            ("clear", {}),
            ("is_set", {}),
            ("wait", {"timeout": 0.0005}),
            ("notify", {}),
            ("notify_all", {}),
        ]
    ),
    max_size=30,
)


@pytest.mark.parametrize("pair", PAIRS, ids=["lock", "rlock", "semaphore", "bounded", "event",
                                             "condition"])  # fmt: skip
def test_a_lock_is_that_of_threading(pair: tuple[Any, Any]) -> None:
    """Both of them do the same at every step, errors included."""

    @settings(SETTINGS)
    @given(LOCK_STEPS)
    def drive(steps: list[tuple[str, dict[str, Any]]]) -> None:
        both = [make() for make in pair]
        for name, options in steps:
            if not hasattr(both[1], name) or ("n" in options and not hasattr(both[1], "_value")):
                continue
            results = []
            for each in both:
                try:
                    results.append(getattr(each, name)(**options))
                except Exception as error:
                    results.append(type(error))
            assert results[0] == results[1], (name, options)

    drive()


@settings(SETTINGS, max_examples=25)
@given(
    st.integers(0, 3),
    st.lists(st.sampled_from(["wait", "briefly", "release", "release two"]), max_size=12),
)
def test_a_semaphore_serves_in_order(value: int, steps: list[str]) -> None:
    """Threads come one after another; each release serves who has waited longest."""
    semaphore = sync.Semaphore(value)
    waiting: deque[tuple[threading.Thread, list[bool]]] = deque()
    for step in steps:
        if step == "briefly":
            assert semaphore.acquire(timeout=0.001) == bool(value)
            value = max(value - 1, 0)
        elif step == "wait":
            results: list[bool] = []
            thread = threading.Thread(target=_acquire, args=(semaphore, results))
            thread.start()
            if value:
                value -= 1
                thread.join(20)
                assert results == [True]
            else:
                waiting.append((thread, results))
                _await(semaphore, len(waiting))
        else:
            count = 1 if step == "release" else 2
            semaphore.release(count)
            for _ in range(count):
                value += not waiting
                if waiting:
                    _is_served(*waiting.popleft())
            assert not any(results for _, results in waiting)
    semaphore.release(len(waiting) + 1)
    for each in waiting:
        _is_served(*each)


def _acquire(semaphore: sync.Semaphore, results: list[bool]) -> None:
    results.append(semaphore.acquire(timeout=20))


def _is_served(thread: threading.Thread, results: list[bool]) -> None:
    thread.join(20)
    assert results == [True]


def _await(semaphore: sync.Semaphore, count: int) -> None:
    """Return when so many threads wait."""
    pause = threading.Event()
    for _ in range(20_000):
        if semaphore._monitor.waiting(0) == count:
            return
        pause.wait(0.0005)
    raise AssertionError("nobody waits")
