"""How a thread waits for another thread, in this interpreter or in another one.

    Deadline   the moment at which a wait ends
    Spinner    polls for some time before the thread sleeps
    Wakeup     a kernel object: one thread sleeps on it, any thread wakes it

A wake-up costs tens of µs, and as much again for the thread that gives it; a poll costs
0.1 µs. So a thread spins before it sleeps, as often as spinning has paid off.
"""

import os
import sys
from _functools import partial
from os import read, write
from time import monotonic

from interpexec._core.cpython import is_main_thread, own_builtins
from interpexec._core.descriptors import clear, clear_all
from interpexec._core.sigint import interruptible, keep_whole, nap

own_builtins(globals())
keep_whole()
keep_whole(clear)  # of a module that stands below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

HAS_EVENTFD = hasattr(os, "eventfd")
"""Tests set this to False to force the portable path."""

WAKE = (1).to_bytes(8, sys.byteorder)
"""One wake-up. An eventfd takes it as the number 1, a pipe as eight bytes."""

# One read takes all wake-ups at once: an eventfd gives its counter and resets it,
# a pipe gives all that is in it (its capacity on Linux is 64 KiB).
_ALL_WAKES = 65536

_LONGEST_POLL = 2**31 - 1  # milliseconds, a C int

# Longer than this (68 years) is for ever: the system's own waits take no more.
_LONGEST = 2**31

_RETRY = 32
"""After so many spins in vain, a thread spins for the longest time again."""


class Deadline:
    """Counts down from `timeout` seconds, from now on; None never ends."""

    def __init__(self, timeout: float | None) -> None:
        """Raise TypeError or ValueError for what is no timeout."""
        self._end: float | None = None
        if timeout is None:
            return
        try:
            if timeout <= _LONGEST:
                self._end = monotonic() + timeout
            elif timeout != timeout:  # noqa: PLR0124  # NaN
                raise wrong_timeout(timeout)
        except TypeError:
            raise wrong_timeout(timeout) from None

    def remaining(self) -> float | None:
        """Return the seconds left: 0 when the time is over, None for ever."""
        return None if self._end is None else max(self._end - monotonic(), 0)


def wrong_timeout(value: object) -> Exception:
    """Return the error for what is no number of seconds."""
    from interpexec._core.error_text import shown  # few programs come here

    kind = ValueError if isinstance(value, float) else TypeError
    return kind(f"timeout must be a number of seconds or None, got {shown(value)}")


class Spinner:
    """Adaptive spinning, of one thread that waits for one thing.

    A spin that finds nothing has taken its time in vain, and where two threads share a core,
    from the very thread that is to answer. So the next spin is half as long, down to a single
    poll; now and then a spin takes the longest time again.
    """

    __slots__ = ("_most", "_vain", "polls")

    def __init__(self, most: int) -> None:
        """most: polls in one spin, at most and to begin with."""
        self._most = most
        self._vain = 0
        self.polls = most
        """How often to poll in the next spin."""

    def spin(self, poll: "Callable[[], object]") -> object:
        """Return the first result of `poll` that is not None, if it comes soon; else None."""
        for _ in range(self.polls):
            if (found := poll()) is not None:
                self.polls = self._most
                return found
        self._vain += 1
        self.polls = self._most if self._vain % _RETRY == 0 else self.polls // 2 or 1
        return None


class Wakeup:
    """Wakes the one thread that waits on it.

    An `eventfd` where there is one (Linux), else a pipe. Both are descriptors, and a
    descriptor's number means the same in every interpreter of the process.

    A wake-up is kept until a thread waits: `wait()` returns at once then. Several
    that come before add up to one. Any thread of any interpreter may call `wake()`;
    one thread at a time waits.
    """

    def __init__(self, token: tuple[int, int] | None = None) -> None:
        """Make a new one, or reach the existing one that `token` names."""
        self._reader, self._writer = token or _descriptors()

    @property
    def token(self) -> tuple[int, int]:
        """Two descriptors, which name it in every interpreter of the process."""
        return self._reader, self._writer

    def fileno(self) -> int:
        """Return the descriptor that is readable as long as a wake-up is kept."""
        return self._reader

    def wake(self) -> None:
        """Wake the waiter, now or when it next waits. Never blocks."""
        try:
            # Not os.eventfd_write: unlike os.write it gives up when a signal
            # arrives (EINTR).
            write(self._writer, WAKE)
        except BlockingIOError:
            pass  # the pipe is full of wake-ups that nobody has taken yet

    @interruptible
    def wait(self, timeout: float | None = None) -> bool:
        """Block until woken, for at most `timeout` seconds (and 24 days).

        Returns whether it was woken. The GIL is released meanwhile.
        """
        if is_main_thread():
            if not nap(partial(_readable, self._reader), _LONGEST if timeout is None else timeout):
                return False
        elif timeout is not None and not _readable(self._reader, timeout):
            return False
        read(self._reader, _ALL_WAKES)
        return True

    def close(self) -> None:
        """Give the descriptors back. Only the maker may, when all others are done."""
        for fd in {self._reader, self._writer}:
            os.close(fd)


def _descriptors() -> tuple[int, int]:
    """Return a reading and a writing descriptor; for an eventfd they are one."""
    if HAS_EVENTFD:
        fd = clear(os.eventfd(0, os.EFD_CLOEXEC))
        return fd, fd
    reader, writer = clear_all(*os.pipe())
    os.set_blocking(writer, False)
    return reader, writer


@interruptible
def _readable(fd: int, timeout: float) -> bool:
    """Wait until `fd` can be read, for at most `timeout` seconds."""
    import select  # few waits of a worker have a timeout

    if not hasattr(select, "poll"):
        return bool(select.select([fd], [], [], max(timeout, 0))[0])
    poll = select.poll()  # select.select() cannot watch descriptors above 1023
    poll.register(fd, select.POLLIN)
    # Up to the next millisecond, lest a short timeout becomes none. (math.ceil
    # would be one more import for every worker.)
    milliseconds = -int(-min(timeout * 1000, _LONGEST_POLL) // 1)
    return bool(poll.poll(max(milliseconds, 0)))
