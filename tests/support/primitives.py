"""Locks, queues and channels, as tests take them: as parameters, held, waited for."""

import threading
from collections.abc import Callable
from typing import Any

import stops
from interpexec import RecvChannel, SendChannel, sync

Queue: Any = sync.Queue
"""For the type checker it is generic, and tests put anything in."""

LOCKS: list[Callable[[], Any]] = [sync.Lock, sync.RLock, sync.Semaphore, sync.BoundedSemaphore]

type Ends = tuple[RecvChannel, SendChannel]


def name_of(make: Callable[[], Any]) -> str:
    """Name a primitive, for the name of a test."""
    return make.__name__.replace("<lambda>", "Barrier")


def held(lock: sync.Lock) -> sync.Lock:
    """Return a lock that is held."""
    assert lock.acquire()
    return lock


def catch(function: Callable[[], object], results: list[object]) -> threading.Thread:
    """Call a function in a thread, and keep its result or its error."""

    def call() -> None:
        try:
            results.append(function())
        except Exception as error:
            results.append(error)

    return stops.start(call)


def await_waiting(end: RecvChannel | SendChannel, count: int = 1, *, queue: int) -> None:
    """Return when so many threads wait at a channel: 0 for receivers, 1 for senders."""
    stops.await_waiting(end._queue._monitor, count, queue=queue)
