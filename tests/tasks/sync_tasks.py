"""Calls that use locks, queues and channels: they take, hold, wait, send, receive, for ever too.

For the tests of `interpexec.sync` and of channels. Workers import this module.
"""

import os
from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gates import Handle
    from interpexec import RecvChannel, SendChannel, SharedBuffer
    from interpexec._sync.queue import Queue
    from interpexec.sync import Barrier, Condition, Event, Lock, RLock, Semaphore

given: "list[Any]" = []
"""The arguments of the initializer."""


@dataclass
class Box:
    """Holds something."""

    content: object


class BearerError(Exception):
    """An exception that holds something."""


def keep(*args: object) -> None:
    """Be an initializer."""
    given[:] = args


def first_given() -> "Any":
    """Return what the initializer was given first."""
    return given[0]


def count_up(lock: "Lock | RLock | Semaphore", memory: "SharedBuffer", times: int) -> None:
    """Add one to a number in shared memory, under a lock."""
    numbers = memory.cast("q")
    for _ in range(times):
        with lock:
            numbers[0] += 1
    numbers.release()


def count_up_given(memory: "SharedBuffer", times: int) -> None:
    """Do so with the lock that the initializer was given."""
    count_up(given[0], memory, times)


def is_locked(lock: "Lock | RLock") -> bool:
    """Say what a lock says."""
    return lock.locked()


def try_to_take(lock: "Lock | RLock") -> bool:
    """Take a lock if it is free; give it back."""
    if had := lock.acquire(blocking=False):
        lock.release()
    return had


def take(lock: "Lock | RLock | Semaphore") -> bool:
    """Take a lock, and keep it."""
    return lock.acquire()


def pass_through(lock: "Lock | RLock | Semaphore") -> None:
    """Take a lock, and give it back."""
    with lock:
        pass


def give_back(lock: "Lock | RLock | Semaphore") -> None:
    """Give a lock back."""
    lock.release()


def take_and_note(lock: "Lock | RLock | Semaphore", descriptor: int, word: bytes) -> None:
    """Take a lock, write a word, give it back."""
    with lock:
        os.write(descriptor, word)


def hammer(lock: "Lock | RLock | Semaphore", handle: "Handle") -> int:
    """Take a lock and give it back; knock; go on until the gate opens; return how often."""
    import select

    knocker, entrance = handle
    with lock:
        rounds = 1
    os.write(knocker, b"!")
    while not select.select([entrance], [], [], 0)[0]:
        for _ in range(20):
            with lock:
                rounds += 1
    return rounds


def hold_and_spin(lock: "Lock | RLock | Semaphore", knocker: int) -> None:
    """Take a lock, knock, and run for ever."""
    with lock:
        os.write(knocker, b"!")
        while True:
            pass


def hold_over_and_over(lock: "Lock | RLock | Semaphore", knocker: int) -> None:
    """Knock; take a lock and give it back, for ever."""
    os.write(knocker, b"!")
    while True:
        with lock:
            pass


def put_over_and_over(queue: "Queue", knocker: int) -> None:
    """Knock; put numbers in, for ever."""
    os.write(knocker, b"!")
    number = 0
    while True:
        queue.put(number)
        number += 1


def wait_for(waiter: "Callable[..., object]", knocker: int) -> object:
    """Knock; wait for something."""
    os.write(knocker, b"!")
    return waiter()


def wait_for_event(event: "Event", timeout: float | None = None) -> bool:
    """Wait for an event."""
    return event.wait(timeout)


def wait_for_number(condition: "Condition", memory: "SharedBuffer", number: int) -> int:
    """Wait until there is a number in shared memory."""
    with condition:
        condition.wait_for(lambda: memory[:1] == bytes([number]))
        return memory[0:1][0]


def meet(barrier: "Barrier", times: int) -> list[int]:
    """Meet others so many times."""
    return [barrier.wait(20) for _ in range(times)]


def note_action() -> None:
    """Be the action of a barrier: write into the pipe of the initializer."""
    if given:
        os.write(given[0], b"a")


def parcel(sort: str, item: object) -> object:
    """Return or raise something with an item in it."""
    if sort == "exception":
        raise BearerError(item)
    return {"list": [item], "dict": {"key": item}, "box": Box(item), "itself": item}[sort]


def unpack(parcel: "Any") -> "Any":
    """Take out what `parcel` has put in, and use it."""
    match parcel:
        case [item] | {"key": item} | Box(item) | BearerError(args=(item,)):
            return item
    return parcel


def set_in(parcel: object) -> None:
    """Set the event in a parcel."""
    unpack(parcel).set()


def produce(queue: "Queue", numbers: list[int]) -> None:
    """Put numbers in."""
    for number in numbers:
        queue.put(number)


def consume(queue: "Queue") -> list[int]:
    """Take numbers out, until there is None."""
    numbers = []
    while (number := queue.get()) is not None:
        numbers.append(number)
        queue.task_done()
    queue.task_done()
    return numbers


def put_and_get(queue: "Queue", times: int) -> None:
    """Put something in and take it out again."""
    for number in range(times):
        queue.put(number)
        queue.get()


def steal(queue: "Queue", handle: "Handle") -> None:
    """Knock; put something in, and take it out at once, until the gate opens."""
    import queue as library
    import select

    knocker, entrance = handle
    os.write(knocker, b"!")
    while not select.select([entrance], [], [], 0)[0]:
        queue.put("for the first one who came")
        try:
            queue.get_nowait()
        except library.Empty:
            pass


def send_all(sender: "SendChannel", items: list[object]) -> None:
    """Send all, and let go."""
    with sender:
        for item in items:
            sender.send(item)


def receive_all(receiver: "RecvChannel") -> "list[Any]":
    """Receive all that comes."""
    with receiver:
        return list(receiver)


def receive(receiver: "RecvChannel", timeout: float | None = None) -> object:
    """Receive one."""
    with receiver:
        return receiver.recv(timeout)


def echo(receiver: "RecvChannel") -> None:
    """Answer each message by the sender that comes with it."""
    with receiver:
        for sender, value in receiver:
            with sender:
                sender.send(value)


def make_and_send(sender: "SendChannel", size: int) -> None:
    """Send bytes, a buffer and an end of a channel that this interpreter has made."""
    from interpexec import SharedBuffer, create_channel

    theirs, mine = create_channel()
    with sender, mine, theirs:
        mine.send("from the grave")
        sender.send((bytes(size), SharedBuffer.copy_of(b"alive"), theirs))


def send_lock(sender: "SendChannel") -> None:
    """Send an object that cannot be sent."""
    import threading

    with sender:
        sender.send({"a": [threading.Lock()]})


class Hold:
    """Holds a call up inside of a function of the package, until it is stopped."""

    def __init__(self, module: str, owner: str, name: str) -> None:
        self._place = module, owner, name

    def __call__(self, knocker: int, use: "Callable[..., object]", *args: object) -> None:
        """Use something; knock in the function."""
        import importlib

        from interpexec import current_task

        module, owner, name = self._place
        place = importlib.import_module(f"interpexec.{module}")
        place = getattr(place, owner, place)  # type: ignore[assignment]  # a class
        original, task = getattr(place, name), current_task()
        assert task is not None

        def hold(*args: "Any") -> object:
            result = original(*args)
            os.write(knocker, b"!")
            while not task.cancelled():
                pass
            return result

        setattr(place, name, hold)
        use(*args)


def share(obj: object) -> None:
    """Lay something under a token, and take it back."""
    from interpexec import sharing

    sharing.abandon(sharing.to_token(obj))


def make_lock() -> None:
    """Make a lock."""
    from interpexec.sync import Lock

    Lock()


def make_channel() -> None:
    """Make a channel."""
    from interpexec import create_channel

    create_channel()
