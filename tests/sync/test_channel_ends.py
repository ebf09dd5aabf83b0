"""The ends of a channel: closing, releasing, sending them, losing them with their interpreter."""

import gc
import socket
import threading
import weakref
from typing import Any

import pytest

import sync_tasks
import tasks
from interpexec import (
    ChannelClosedError,
    NotShareableError,
    RecvChannel,
    SharedBuffer,
    create_channel,
    sync,
)
from primitives import Ends, Queue, await_waiting, catch
from stops import TIME_LIMIT, Pipe, finish, pool_of, see_off

# -- the end ---------------------------------------------------------------


def test_closing_the_sender_leaves_what_was_sent(ends: Ends) -> None:
    """Receivers get that, and then ChannelClosedError; iteration ends."""
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
    """All of them: in the main interpreter and in a worker."""
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
    """Senders that wait for room get ChannelClosedError."""
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
    """The other thread gets an error, and does not wait for ever, nor spin."""
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


# -- ends that are sent ------------------------------------------------------


def test_ends_are_sent_through_channels(ends: Ends) -> None:
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


def test_messages_outlive_the_worker_that_sent_them(ends: Ends) -> None:
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


def test_messages_that_are_never_received_leak_nothing() -> None:
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


def test_a_message_that_cannot_be_sent_is_named(ends: Ends) -> None:
    """With the path to it; nothing is sent, nothing leaks."""
    receiver, sender = ends
    with SharedBuffer(10) as buffer, pytest.raises(NotShareableError, match="'a'"):
        sender.send({"b": buffer, "a": [threading.Lock()]})
    assert not len(receiver)
    with pool_of(1) as pool:
        assert pool.submit(sync_tasks.send_lock, sender).exception(TIME_LIMIT)
    assert not len(receiver)


def test_a_message_that_cannot_be_unpickled(ends: Ends) -> None:
    """The message is lost, and its descriptors are not left open; the next one is fine."""
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


# -- workers come and go ---------------------------------------------------


@pytest.mark.slow
def test_a_cancelled_producer_leaves_whole_messages(begun: Pipe) -> None:
    """Every object that comes out was put in, in order; the channel goes on."""
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


@pytest.mark.slow
def test_a_cancelled_receiver_takes_nothing_along() -> None:
    """A message that comes while a waiting call is cancelled goes to another receiver."""
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
