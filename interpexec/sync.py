"""Locks and their kin that work across interpreters.

The names and the ways are those of `threading`. Each object can be an argument or a
result of a call, or part of one, and can go through a channel: the receiver has
the same lock, and not a copy. Usable from any thread of any interpreter of the process.

A waiting thread sleeps in the kernel: nothing polls, and timeouts are seconds with
fractions. Waiters are served in their order: a released lock goes to the thread that has
waited longest, so that none starves. A call that is cancelled while it waits leaves its
place in the queue.

A lock whose holder ends without releasing it stays held, as in `threading`. Use `with`.
"""

from interpexec._sync.barriers import Barrier
from interpexec._sync.conditions import Condition, Event
from interpexec._sync.locks import BoundedSemaphore, Lock, RLock, Semaphore

TYPE_CHECKING: bool = False  # annotated, for jedi: it skips the block otherwise
if TYPE_CHECKING:
    from threading import BrokenBarrierError

    from interpexec._sync.queue import Queue

__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "Condition",
    "Event",
    "Lock",
    "Queue",
    "RLock",
    "Semaphore",
]


if not TYPE_CHECKING:  # to a type checker, every name would be there

    def __getattr__(name: str) -> object:
        """Find the queue, and the error of barriers, when they are asked for."""
        if name == "Queue":
            from interpexec._sync.queue import Queue  # it is made of channels' parts

            return Queue
        if name == "BrokenBarrierError":
            from threading import BrokenBarrierError  # the very same

            return BrokenBarrierError
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
