"""`create_channel()`: objects from any interpreter to any other one, in time."""

import asyncio
import gc
import selectors
import time
from typing import Any

import pytest

import sync_tasks
from gates import Gate
from interpexec import (
    ChannelClosedError,
    ChannelEmptyError,
    ChannelFullError,
    create_channel,
)
from interpexec._sync import ring
from primitives import Ends, Queue, await_waiting, catch
from stops import TIME_LIMIT, finish, pool_of

pytestmark = pytest.mark.fast


# -- objects ---------------------------------------------------------------


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
    """To a worker by one channel, and back by another one."""
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


def test_a_received_message_is_a_copy(ends: Ends) -> None:
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
    """Messages keep their order, also when there are always some in the ring."""
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
    """Two workers send, a third one and this thread receive: each object once, in order."""
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


# -- time and room ---------------------------------------------------------


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
    """A waiting receiver is served, although a worker takes back at once all that it puts in."""
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
    """The error names it, and no descriptor is left."""
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


# -- event loops -----------------------------------------------------------


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
    """The descriptor shows messages and a closing that came before."""
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
