"""Locks and channels where no descriptor, or no memory, is left."""

import errno
import queue as library
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import BrokenBarrierError
from typing import Any

import pytest

from interpexec import create_channel, sync
from interpexec._core import waiting
from interpexec._sync import ring
from stops import TIME_LIMIT, await_waiting, finish, start

pytestmark = pytest.mark.fast

HOLDS: list[Callable[[], Any]] = [sync.Lock, sync.RLock]


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Have no descriptor for any further wake-up."""

    def refuse() -> tuple[int, int]:
        raise OSError(errno.EMFILE, "too many open files")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "_descriptors", refuse)
        yield


@pytest.mark.parametrize("make", HOLDS)
def test_a_notified_thread_has_the_lock_again_without_descriptors(
    make: Callable[[], Any],
) -> None:
    """Another thread holds the lock by then, and no wake-up can be made to wait for it."""
    condition = sync.Condition(make())
    outcomes: list[object] = []

    def wait() -> None:
        with condition:
            outcomes.append(condition.wait(TIME_LIMIT))
            outcomes.append(condition._lock._is_owned())
            condition.notify()  # RuntimeError without the lock

    thread = start(wait)
    await_waiting(condition._monitor)
    with condition, no_descriptors():
        condition.notify()
        await_waiting(condition._lock._monitor)
        condition.release()
        finish(thread)
        condition.acquire()
    assert outcomes == [True, True]


@pytest.mark.parametrize("make", HOLDS)
def test_a_thread_that_cannot_wait_keeps_the_lock(make: Callable[[], Any]) -> None:
    """OSError, and nobody else had the lock."""
    condition = sync.Condition(make())
    with condition, no_descriptors():
        with pytest.raises(OSError, match="too many"):
            condition.wait(TIME_LIMIT)
        with pytest.raises(OSError, match="too many"):
            condition.wait_for(lambda: False, TIME_LIMIT)
        assert condition._lock._is_owned()
        assert condition._monitor.waiting(0) == 0
    assert condition.acquire(timeout=0)
    condition.release()


def test_a_barrier_is_not_broken_by_a_thread_that_cannot_wait() -> None:
    """OSError for that one; the others meet when another one comes."""
    barrier = sync.Barrier(2)
    first = start(barrier.wait, TIME_LIMIT)
    await_waiting(barrier._condition._monitor)
    with no_descriptors(), pytest.raises(OSError, match="too many"):
        barrier.wait()
    assert not barrier.broken
    assert barrier.n_waiting == 1
    barrier.wait(TIME_LIMIT)
    finish(first)


def test_a_barrier_opens_where_there_are_no_descriptors() -> None:
    """Threads that wait there need none to leave."""
    barrier, outcomes = sync.Barrier(4), list[object]()

    def wait() -> None:
        try:
            outcomes.append(barrier.wait(TIME_LIMIT))
        except (OSError, BrokenBarrierError) as error:
            outcomes.append(error)

    threads = [start(wait) for _ in range(3)]
    await_waiting(barrier._condition._monitor, 3)
    with barrier._condition:  # the last of them may not have released the lock yet
        wakeup = waiting.Wakeup()
    with no_descriptors(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "_descriptors", lambda: wakeup.token)
        barrier.wait(TIME_LIMIT)
        patch.undo()
        for thread in threads:
            finish(thread)
    assert sorted(outcomes) == [0, 1, 2]  # type: ignore[type-var]


@pytest.mark.parametrize("make", [sync.Event, sync.Lock, sync.RLock, sync.Semaphore, sync.Queue])
def test_a_thread_that_cannot_wait_leaves_nothing_behind(make: Callable[[], Any]) -> None:
    """OSError, and all goes on as if there had been no wait."""
    waits: dict[type, str] = {sync.Event: "wait", sync.Queue: "get"}
    thing = make()
    wait = getattr(thing, waits.get(make, "acquire"))  # type: ignore[call-overload]
    if hasattr(thing, "acquire"):
        finish(start(thing.acquire))
    with no_descriptors(), pytest.raises(OSError, match="too many"):
        wait(timeout=TIME_LIMIT)
    for release, args in ("set", ()), ("put", (True,)), ("release", ()):
        if hasattr(thing, release) and type(thing) is not sync.RLock:
            getattr(thing, release)(*args)
            assert wait(timeout=0)


# -- memory --------------------------------------------------------------------------------


def _refuse(*_: object) -> None:
    raise OSError(errno.ENOMEM, "no memory")


def test_a_message_is_received_where_the_ring_cannot_be_made_smaller() -> None:
    """The message was taken already: it is not lost."""
    receiver, sender = create_channel()
    with receiver, sender:
        for number in range(40):
            sender.send(bytes(8000) + bytes([number]))
        for number in range(40):
            with pytest.MonkeyPatch.context() as patch:
                if number == 39:
                    patch.setattr(ring.Ring, "_resize", _refuse)
                assert receiver.recv(TIME_LIMIT)[-1] == number
        sender.send("and so on")
        assert receiver.recv(TIME_LIMIT) == "and so on"


def test_an_event_loop_is_not_told_of_a_message_that_did_not_come() -> None:
    """No memory was left for the message."""
    receiver, sender = create_channel()
    with receiver, sender:
        descriptor = receiver.fileno()
        sender.send(bytes(4000))
        receiver.recv(TIME_LIMIT)
        with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError, match="no memory"):
            patch.setattr(ring.Ring, "push", _refuse)
            sender.send("lost")
        assert not select.select([descriptor], [], [], 0)[0]
        sender.send("here")
        assert select.select([descriptor], [], [], 0)[0]
        assert receiver.recv(TIME_LIMIT) == "here"
        assert not select.select([descriptor], [], [], 0)[0]


@pytest.mark.parametrize("method", ["push", "pop"])
def test_a_woken_thread_without_memory_leaves_its_turn_to_the_next(method: str) -> None:
    """A slot, or a message, was reserved for it; the next thread in the queue gets that."""
    queue: Any = sync.Queue(1)
    steps = [partial(queue.put, "item"), queue.get]
    if method == "push":
        queue.put("full")
        steps.reverse()
    end_wait, waits = steps
    original, refused, outcomes = getattr(ring.Ring, method), list[bool](), list[object]()

    def refuse_once(*args: Any) -> Any:
        if threading.current_thread() in threads and not refused:
            refused.append(True)
            _refuse()
        return original(*args)

    def wait() -> None:
        try:
            waits()
            outcomes.append("served")
        except (OSError, library.ShutDown) as error:
            outcomes.append(type(error))

    threads = [start(wait) for _ in range(2)]
    await_waiting(queue._queue._monitor, 2, queue=method == "push")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ring.Ring, method, refuse_once)
        end_wait()
        for thread in threads:
            thread.join(3)
    queue.shutdown(immediate=True)
    for thread in threads:
        finish(thread)
    assert set(outcomes) == {OSError, "served"}
