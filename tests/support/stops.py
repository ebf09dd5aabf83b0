"""Pools, threads and pipes with a time limit: a test that would hang fails instead.

For tests in which calls are stopped, or threads wait; a call tells by a `Pipe` how far it is.
"""

import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from interpexec import InterpreterPoolExecutor
from interpexec._core import message_queue

if TYPE_CHECKING:
    from interpexec._pool.link import Link
    from interpexec._sync.monitor import Monitor

TIME_LIMIT = 30.0

WAKES = sys.version_info >= (3, 15)
"""Whether a signal gets a cancelled call out of a system call."""


@contextmanager
def pool_of(*args: Any, **kwargs: Any) -> Iterator[InterpreterPoolExecutor]:
    """Make a pool that is waited for at the end, and torn down when the test has failed."""
    pool = InterpreterPoolExecutor(*args, **kwargs)
    try:
        yield pool
    except BaseException:
        pool.terminate_workers()
        raise
    shut_down(pool)


def shut_down(pool: InterpreterPoolExecutor) -> None:
    """Wait for the end of a pool; fail if it does not come."""
    closing = start(pool.shutdown)
    closing.join(TIME_LIMIT)
    assert not closing.is_alive(), f"a pool does not end:\n{pool.dump_stacks()}"


def terminate(pool: InterpreterPoolExecutor) -> None:
    """Terminate a pool; fail if that hangs."""
    run(pool.terminate_workers)


def run(function: Callable[[], object]) -> None:
    """Call a function in a thread, and wait for its end; fail if it does not come."""
    finish(start(function))


def start(function: Callable[..., object], *args: object) -> threading.Thread:
    """Call a function in a thread."""
    thread = threading.Thread(target=function, args=args)
    thread.start()
    return thread


def finish(thread: threading.Thread) -> None:
    """Wait for a thread; fail if it hangs."""
    thread.join(TIME_LIMIT)
    assert not thread.is_alive(), "a thread hangs"


def rest(pool: InterpreterPoolExecutor) -> bool:
    """Have a pool step aside, as before a fork; return whether it does."""
    return pool._scheduler.rest.begin() and pool._scheduler.rest.wait(monotonic())


def see_off(pool: InterpreterPoolExecutor) -> None:
    """Wait until the workers are gone that are leaving now."""
    for worker in list(pool._scheduler.state.workers.leaving.values()):
        finish(worker)


def await_waiting(monitor: "Monitor", count: int = 1, *, queue: int = 0) -> None:
    """Return when so many threads wait in a queue of a monitor."""
    end = monotonic() + TIME_LIMIT
    while monitor.waiting(queue) < count:
        assert monotonic() < end, "nobody waits"
        threading.Event().wait(0.0005)


def await_direct_wait(link: "Link | None") -> None:
    """Return when a thread sleeps in the collector's place, and the collector does, too."""
    assert link is not None
    asleep = bytes([message_queue._AWAKE, message_queue._ASLEEP, message_queue._ASLEEP])
    end = monotonic() + TIME_LIMIT
    while bytes(link._replies._state[:3]) != asleep:
        assert monotonic() < end, "it does not sleep"


def await_sleep(pool: InterpreterPoolExecutor) -> None:
    """Return when the only worker of a pool sleeps, until a call comes."""
    link = pool._scheduler.state.link
    assert link is not None
    (seat,) = pool._scheduler.state.workers.active
    end = monotonic() + TIME_LIMIT
    while link._requests._state[1 + seat] != message_queue._ASLEEP:
        assert monotonic() < end, "the worker is awake"


class Pipe:
    """A pipe by which calls tell something."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def hear(self, size: int = 1) -> bytes:
        """Return the next `size` bytes; fail if they do not come."""
        heard = b""
        while len(heard) < size:
            assert self.has_word(TIME_LIMIT), f"nothing came after {heard!r}"
            heard += os.read(self.reader, size - len(heard))
        return heard

    def has_word(self, timeout: float = 0) -> bool:
        """Say whether something was told, or is within so many seconds."""
        return bool(select.select([self.reader], [], [], timeout)[0])

    def rest(self) -> bytes:
        """Return all that was told and not heard."""
        return os.read(self.reader, 1 << 16) if self.has_word() else b""

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self.reader)
        os.close(self.writer)


@contextmanager
def pipe() -> Iterator[Pipe]:
    """Make a pipe, and give its descriptors back at the end."""
    made = Pipe()
    try:
        yield made
    finally:
        made.close()
