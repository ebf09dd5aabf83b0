"""`create_channel()`: objects from any interpreter to any other one."""

import asyncio
import gc
import selectors
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import stops
import sync_tasks
import tasks
from gates import Gate
from interpexec import (
    ChannelClosedError,
    ChannelEmptyError,
    ChannelFullError,
    NotShareableError,
    RecvChannel,
    SendChannel,
    SharedBuffer,
    create_channel,
    sync,
)
from interpexec._core import waiting
from interpexec._sync import ring
from stops import TIME_LIMIT, Pipe, finish, pool_of, see_off, start

pytestmark = pytest.mark.fast

Queue: Any = sync.Queue

type Ends = tuple[RecvChannel, SendChannel]

SOON = 0.05


@pytest.fixture(params=[True, False], ids=["eventfd", "pipe"])
def wakeups(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use each kind of bell."""
    if not request.param:
        monkeypatch.setattr(waiting, "HAS_EVENTFD", False)


@pytest.fixture
def ends(wakeups: None) -> Iterator[Ends]:
    """Return the ends of a channel, and let go of them."""
    receiver, sender = create_channel()
    with receiver, sender:
        yield receiver, sender


def catch(function: Callable[[], object], results: list[object]) -> threading.Thread:
    """Call a function in a thread, and keep its result or its error."""

    def call() -> None:
        try:
            results.append(function())
        except Exception as error:
            results.append(error)

    return start(call)


def await_waiting(end: RecvChannel | SendChannel, count: int = 1, *, queue: int) -> None:
    """Return when so many threads wait in a queue: 0 for receivers, 1 for senders."""
    stops.await_waiting(end._queue._monitor, count, queue=queue)


# -- objects ------------------------------------------------------------------------------

OBJECTS: list[object] = [
    None,
    True,
    0,
    -(2**200),
    1.5,
    "",
    "text" * 5000,
    b"",
    b"\x00",
    b"\x02bytes",
    bytes(range(256)) * 63,
    bytes((1 << 14) - 1),
    bytes(1 << 14),
    bytes(17_000),
    bytes(3 << 20),
    bytearray(b"x" * 70_000),
    {"a": [1, (2, {3})]},
    sync_tasks.Box(b"x" * 20_000),
]


def test_objects_come_out_in_order(ends: Ends) -> None:
    """Of every size: in the ring, and beside it."""
    receiver, sender = ends
    for item in OBJECTS:
        sender.send(item)
    assert len(receiver) == len(sender) == len(OBJECTS)
    assert [receiver.recv_nowait() for _ in OBJECTS] == OBJECTS
    assert not len(receiver)
    assert receiver


def test_objects_go_there_and_back() -> None:
    """To a worker by one channel, home by another one."""
    there, back = create_channel(), create_channel()
    with pool_of(2) as pool:
        with back[0]:
            first = pool.submit(sync_tasks.send_all, there[1], OBJECTS)
            there[1].release()
            second = pool.submit(sync_tasks.receive_all, there[0])
            there[0].release()
            assert second.result(TIME_LIMIT) == OBJECTS
            assert first.result(TIME_LIMIT) is None
        back[1].release()


def test_what_was_sent_is_a_copy(ends: Ends) -> None:
    """Changing it afterwards changes nothing."""
    receiver, sender = ends
    item = [1, bytearray(b"abc")]
    view = memoryview(bytearray(b"abc"))
    sender.send((item, view))
    item.clear()
    view[0] = 0
    received, copy = receiver.recv()
    assert received == [1, bytearray(b"abc")]
    assert bytes(copy) == b"abc"
    copy.release()


@pytest.mark.parametrize("size", [1, 7, 8, 9, 500, 4080, 4088, 4089, 9000])
def test_the_ring_goes_round_and_round(ends: Ends, size: int) -> None:
    """Also when there are always some messages in it."""
    receiver, sender = ends
    rounds = 50 + 30_000 // size
    for number in range(3):
        sender.send(bytes([number]) * size)
    for number in range(3, rounds):
        sender.send(bytes([number % 256]) * size)
        assert receiver.recv_nowait() == bytes([(number - 3) % 256]) * size
    assert len(receiver) == 3


def test_the_ring_grows_and_shrinks(ends: Ends) -> None:
    """A thousand messages are kept in order; no memory is kept when they are gone."""
    receiver, sender = ends
    for lap in range(3):
        for number in range(1000):
            sender.send((lap, number))
        size = receiver._queue._shared.words[2]
        assert size > ring.SMALLEST
        assert [receiver.recv_nowait() for _ in range(1000)] == [(lap, n) for n in range(1000)]
        assert receiver._queue._shared.words[2] == ring.SMALLEST


def test_many_senders_and_receivers_lose_nothing() -> None:
    """Two workers send, another one and home receive: each object once, in its sender's order."""
    receiver, sender = create_channel(5)
    with pool_of(3) as pool:
        futures = [
            pool.submit(sync_tasks.send_all, sender, [(n, i) for i in range(500)]) for n in range(2)
        ]
        sender.release()
        theirs = pool.submit(sync_tasks.receive_all, receiver)
        with receiver:
            mine = list(receiver)
        received = theirs.result(TIME_LIMIT)
        for future in futures:
            future.result(TIME_LIMIT)
    assert sorted(mine + received) == [(n, i) for n in range(2) for i in range(500)]
    for some in (mine, received):
        for n in range(2):
            numbers = [i for sent_by, i in some if sent_by == n]
            assert numbers == sorted(numbers)


# -- time and room -----------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 0.001, 0.0301])
@pytest.mark.usefixtures("wakeups")
def test_waiting_has_an_end(seconds: float) -> None:
    """TimeoutError, not before its time; nothing is changed by it."""
    receiver, sender = create_channel(1)
    with receiver, sender:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            receiver.recv(seconds)
        assert seconds <= time.monotonic() - started < 10
        sender.send(1)
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            sender.send(2, seconds)
        assert seconds <= time.monotonic() - started < 10
        assert receiver.recv(seconds) == 1
        with pytest.raises(ChannelEmptyError):
            receiver.recv_nowait()


def test_a_full_channel_holds_its_sender_up(ends: Ends) -> None:
    """Until something was received; `send_nowait` says so at once."""
    receiver, sender = create_channel(2)
    results: list[object] = []
    with receiver, sender:
        assert receiver.capacity == sender.capacity == 2
        sender.send(0)
        sender.send_nowait(1)
        with pytest.raises(ChannelFullError):
            sender.send_nowait(2)
        thread = catch(lambda: sender.send(2), results)
        await_waiting(sender, queue=1)
        assert [receiver.recv() for _ in range(3)] == [0, 1, 2]
        finish(thread)
    assert results == [None]
    assert ends[0].capacity is None


def test_a_receiver_is_not_starved(door: Gate) -> None:
    """Who waits is served, although a worker takes everything back at once that it puts in."""
    queue = Queue()
    with pool_of(1) as pool:
        future = pool.submit(sync_tasks.steal, queue, door.handle)
        door.await_knocks(1)
        for _ in range(5):
            assert queue.get(timeout=TIME_LIMIT)
        door.open()
        future.result(TIME_LIMIT)


@pytest.mark.parametrize(
    ("capacity", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (True, TypeError),
        ("1", TypeError),
        (1.0, TypeError),
        (2**64, ValueError),
    ],
)
def test_a_wrong_capacity_is_named(capacity: Any, error: type[Exception]) -> None:
    """And no descriptor is left."""
    with pytest.raises(error, match="capacity"):
        create_channel(capacity)
    gc.collect()


@pytest.mark.parametrize("timeout", ["1", b"", [], float("nan")])
def test_a_wrong_timeout_is_named(ends: Ends, timeout: Any) -> None:
    """By an error in the caller's frame."""
    receiver, sender = ends
    for attempt in (lambda: receiver.recv(timeout), lambda: sender.send(1, timeout)):
        with pytest.raises((TypeError, ValueError), match="timeout"):
            attempt()
    assert not len(receiver)


# -- the end ------------------------------------------------------------------------------


def test_closing_the_sender_leaves_what_was_sent(ends: Ends) -> None:
    """Then comes the end; for iteration, too."""
    receiver, sender = ends
    sender.send(1)
    sender.send(2)
    sender.close()
    assert sender.closed
    assert receiver.closed
    with pytest.raises(ChannelClosedError):
        sender.send(3)
    assert receiver.recv() == 1
    assert list(receiver) == [2]
    for receive in (receiver.recv, receiver.recv_nowait):
        with pytest.raises(ChannelClosedError):
            receive()


def test_closing_the_receiver_gives_up_what_was_sent(ends: Ends) -> None:
    """Descriptors, too."""
    receiver, sender = ends
    with SharedBuffer(10) as buffer:
        sender.send([buffer])
    receiver.close()
    assert not len(sender)
    with pytest.raises(ChannelClosedError):
        sender.send(1)
    with pytest.raises(ChannelClosedError):
        receiver.recv()
    receiver.close()
    sender.close()


@pytest.mark.parametrize("by", ["close", "release", "forgetting"])
@pytest.mark.usefixtures("wakeups")
def test_receivers_are_woken_at_the_end(by: str) -> None:
    """All of them: at home and in a worker."""
    receiver, sender = create_channel()
    results: list[object] = []
    with pool_of(1) as pool, receiver:
        future = pool.submit(sync_tasks.receive, receiver)
        threads = [catch(receiver.recv, results) for _ in range(2)]
        await_waiting(receiver, 3, queue=0)
        if by == "close":
            sender.close()
        elif by == "release":
            sender.release()
        del sender
        for thread in threads:
            finish(thread)
        assert isinstance(future.exception(TIME_LIMIT), ChannelClosedError)
    assert [type(result) for result in results] == [ChannelClosedError] * 2


@pytest.mark.parametrize("by", ["close", "release", "forgetting"])
@pytest.mark.usefixtures("wakeups")
def test_senders_are_woken_at_the_end(by: str) -> None:
    """Those that wait for room."""
    receiver, sender = create_channel(1)
    results: list[object] = []
    with pool_of(1) as pool, sender:
        sender.send(b"full")
        future = pool.submit(sync_tasks.send_all, sender, [1])
        thread = catch(lambda: sender.send(1), results)
        await_waiting(sender, 2, queue=1)
        if by == "close":
            receiver.close()
        elif by == "release":
            receiver.release()
        del receiver
        finish(thread)
        assert isinstance(future.exception(TIME_LIMIT), ChannelClosedError)
    assert isinstance(results[0], ChannelClosedError)


def test_the_channel_lasts_as_long_as_one_end_of_each_sort(ends: Ends) -> None:
    """The last sender that lets go ends it, not the first one."""
    receiver, sender = ends
    with pool_of(1) as pool:
        pool.submit(sync_tasks.send_all, sender, [1]).result(TIME_LIMIT)
        assert receiver.recv() == 1
        assert pool.submit(sync_tasks.receive, receiver, 0).exception(TIME_LIMIT)
        sender.send(2)
        assert receiver.recv() == 2
        assert not receiver.closed


@pytest.mark.parametrize("which", [0, 1])
def test_a_released_end_is_of_no_use(ends: Ends, which: int) -> None:
    """Each method says so; releasing it once more does no harm."""
    end: Any = ends[which]
    end.release()
    end.release()
    assert "released" in repr(end)
    methods = [end.recv, end.recv_nowait, end.fileno] if which == 0 else []
    if which == 1:
        methods = [lambda: end.send(1), lambda: end.send_nowait(1)]
    for method in [*methods, lambda: len(end)]:
        with pytest.raises(ValueError, match="released"):
            method()
    with pool_of(1) as pool:
        error = pool.submit(tasks.same, end).exception(TIME_LIMIT)
    assert isinstance(error, NotShareableError)
    assert "released" in str(error)


def test_releasing_an_end_that_another_thread_uses() -> None:
    """That thread gets an error, and does not wait for ever, nor spin."""
    receiver, sender = create_channel()
    results: list[object] = []
    thread = catch(receiver.recv, results)
    await_waiting(receiver, queue=0)
    receiver.release()
    sender.release()
    finish(thread)
    assert isinstance(results[0], (ValueError, ChannelClosedError))


def test_ends_are_weakly_referenced_and_forgotten(ends: Ends) -> None:
    """As any object; also in a cycle."""
    for end in ends:
        assert weakref.ref(end)() is end
    cycle: list[object] = [*create_channel()]
    cycle.append(cycle)
    del cycle
    gc.collect()


def test_garbage_that_is_collected_in_the_middle(ends: Ends) -> None:
    """Ends of the very channel that is being used: `__del__` waits until that is done."""
    receiver, sender = ends
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for number in range(300):
            cycle: list[object] = [RecvChannel(receiver._queue.again(1))]
            cycle.append(cycle)
            del cycle
            sender.send(number)
            assert receiver.recv() == number
    finally:
        gc.set_threshold(*before)


# -- ends that travel --------------------------------------------------------------------


def test_ends_travel_through_channels(ends: Ends) -> None:
    """A worker answers by the sender that comes with each message."""
    receiver, sender = ends
    answers, reply = create_channel()
    with pool_of(1) as pool:
        future = pool.submit(sync_tasks.echo, receiver)
        for number in range(20):
            sender.send((reply, number))
        assert [answers.recv(TIME_LIMIT) for _ in range(20)] == list(range(20))
        sender.close()
        future.result(TIME_LIMIT)
    reply.release()
    with pytest.raises(ChannelClosedError):  # the worker has let go of all of them
        answers.recv(TIME_LIMIT)
    answers.release()


def test_an_end_that_is_under_way_counts() -> None:
    """The channel is open while its only sender is a message; and ends with that."""
    outer, inner = create_channel(), create_channel()
    outer[1].send(inner[1])
    inner[1].release()
    before = inner[0].closed
    outer[0].close()
    assert (before, inner[0].closed) == (False, True)
    for end in (*outer, inner[0]):
        end.release()


def test_what_a_worker_sent_outlives_it(ends: Ends) -> None:
    """Its interpreter is gone; the bytes, the buffer and the end are as good as ever."""
    receiver, sender = ends
    with pool_of(1, max_tasks_per_child=1) as pool:
        for _ in range(3):
            pool.submit(sync_tasks.make_and_send, sender, 2 << 20).result(TIME_LIMIT)
    for _ in range(3):
        data, buffer, end = receiver.recv()
        assert data == bytes(2 << 20)
        with buffer, end:
            assert buffer[:] == b"alive"
            assert list(end) == ["from the grave"]


def test_what_is_never_received_leaks_nothing() -> None:
    """Descriptors, buffers, ends and large messages: see the leak check."""
    receiver, sender = create_channel()
    ours, theirs = socket.socketpair()
    inner = create_channel()
    with SharedBuffer(10) as buffer, ours, theirs:
        sender.send([ours, buffer, *inner, sync.Lock(), bytes(1 << 20)])
        sender.send(Queue())
    for end in (*inner, sender):
        end.release()
    receiver.release()


def test_what_cannot_be_sent_is_named(ends: Ends) -> None:
    """With the path to it; nothing is sent, nothing leaks."""
    receiver, sender = ends
    with SharedBuffer(10) as buffer, pytest.raises(NotShareableError, match="'a'"):
        sender.send({"b": buffer, "a": [threading.Lock()]})
    assert not len(receiver)
    with pool_of(1) as pool:
        assert pool.submit(sync_tasks.send_lock, sender).exception(TIME_LIMIT)
    assert not len(receiver)


def test_a_message_that_cannot_be_unpickled(ends: Ends) -> None:
    """It is lost, and its descriptors are not left open; the next one is fine."""
    receiver, sender = ends
    with SharedBuffer(10) as buffer:
        sender.send((buffer, FailsOnArrival()))
    sender.send("next")
    with pytest.raises(ZeroDivisionError):
        receiver.recv()
    assert receiver.recv() == "next"


class FailsOnArrival:
    """Cannot be unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return tasks.divide, (1, 0)


# -- event loops --------------------------------------------------------------------------


def test_a_selector_sees_what_is_there(ends: Ends) -> None:
    """Readable as long as there is a message, or the channel is closed."""
    receiver, sender = ends
    with selectors.DefaultSelector() as selector:
        selector.register(receiver, selectors.EVENT_READ)
        for _ in range(3):
            assert not selector.select(0)
            sender.send(1)
            sender.send(2)
            assert selector.select(TIME_LIMIT)
            receiver.recv()
            assert selector.select(0)
            receiver.recv()
        sender.send(1)
        sender.close()
        assert selector.select(0)
        receiver.recv()
        assert selector.select(0)


@pytest.mark.parametrize("state", ["empty", "full", "closed", "full and closed"])
def test_fileno_may_be_asked_for_at_any_time(ends: Ends, state: str) -> None:
    """It shows what was there before."""
    receiver, sender = ends
    if "full" in state:
        sender.send(1)
    if "closed" in state:
        sender.close()
    with selectors.DefaultSelector() as selector:
        selector.register(receiver.fileno(), selectors.EVENT_READ)
        assert bool(selector.select(0)) is (state != "empty")


def test_an_event_loop_receives_from_a_worker(ends: Ends) -> None:
    """`loop.add_reader`, and `recv_nowait` in its callback."""
    receiver, sender = ends

    async def main() -> list[object]:
        loop, received = asyncio.get_running_loop(), list[object]()
        over = loop.create_future()

        def read() -> None:
            try:
                received.append(receiver.recv_nowait())
            except ChannelClosedError:
                over.set_result(None)
                loop.remove_reader(receiver)
            except ChannelEmptyError:
                pass

        loop.add_reader(receiver, read)
        with pool_of(1) as pool:
            pool.submit(sync_tasks.send_all, sender, list(range(300)))
            sender.release()
            await asyncio.wait_for(over, TIME_LIMIT)
        return received

    assert asyncio.run(main()) == list(range(300))


# -- workers come and go ------------------------------------------------------------------


def test_a_cancelled_producer_leaves_whole_messages(begun: Pipe) -> None:
    """Whatever comes out was put in, in order; the channel goes on."""
    queue = Queue(50)
    with pool_of(1) as pool:
        for _ in range(15):
            future = pool.submit(sync_tasks.put_over_and_over, queue, begun.writer)
            begun.hear()
            first = [queue.get(timeout=TIME_LIMIT) for _ in range(30)]
            assert first == list(range(30))
            assert future.cancel()
            pool.submit(tasks.same, 1).result(TIME_LIMIT)  # in the next interpreter
            see_off(pool)
            rest = []
            while not queue.empty():
                rest.append(queue.get(timeout=TIME_LIMIT))
            assert rest == list(range(30, 30 + len(rest)))


def test_a_cancelled_receiver_takes_nothing_along() -> None:
    """It waits, is cancelled while something comes: what comes is received by somebody."""
    receiver, sender = create_channel()
    with receiver, sender, pool_of(1) as pool:
        for number in range(20):
            future = pool.submit(sync_tasks.receive, receiver)
            await_waiting(receiver, queue=0)
            assert future.cancel()
            pool.submit(tasks.same, 1).cancel()
            with SharedBuffer(1) as buffer:
                sender.send((number, buffer))
            pool.submit(tasks.same, 1).result(TIME_LIMIT)
            see_off(pool)  # until then it may be promised to that call
            sender.send("after")
            got = receiver.recv(0)
            if got == "after":
                continue  # the call had it in its hands
            assert got[0] == number
            got[1].close()
            assert receiver.recv(0) == "after"
