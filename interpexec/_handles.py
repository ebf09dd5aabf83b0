"""Descriptors that this interpreter owns, and gives back.

A descriptor's number means the same in every interpreter of the process, and the
kernel counts who holds what it names: each holder has a duplicate of its own.
So nothing here is counted by hand. But a number in a Python object does not close
itself, so a `Handle` does it, at the latest when its interpreter ends.
"""

import os
from _collections import deque
from _thread import get_ident
from _weakref import ref

from interpexec import _runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, Self

    class Holder(Protocol):
        """What holds something of the kernel's."""

        def release(self) -> None:
            """Let go of it, once."""


# What is to be released when this interpreter ends, by id, in the order of their making.
_holders: "dict[int, ref[Holder]]" = {}
_is_expected = False  # somebody does that

# The descriptors of all handles, also of those whose destructor was interrupted.
_owned: dict[int, int] = {}


class Handle:
    """Owns a descriptor: closes it when it is closed itself, or let go of.

    From any thread of the interpreter that made it.
    """

    __slots__ = ("__weakref__", "_fd")

    def __new__(cls, *_: object) -> "Self":
        """Make one that owns nothing yet."""
        handle = super().__new__(cls)
        handle._fd = -1
        return handle

    def __init__(self, fd: int) -> None:
        """Take a descriptor over."""
        _owned[fd] = fd
        self._fd = fd
        expect_end(self)

    def fileno(self) -> int:
        """Return the descriptor. Raises ValueError when it was closed."""
        if self._fd < 0:
            raise ValueError("the handle is closed")
        return self._fd

    @property
    def closed(self) -> bool:
        """Whether it owns nothing any more."""
        return self._fd < 0

    def detach(self) -> int:
        """Return the descriptor, and do not own it any more. ValueError when it was closed."""
        fd = self.fileno()
        self._fd = -1
        _owned.pop(fd)
        _holders.pop(id(self), None)
        return fd

    def close(self) -> None:
        """Close it, once."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            # One call does both: a call that is stopped here does both, or neither, and
            # then it is closed when this interpreter ends.
            deque(map(os.close, map(_owned.pop, (fd,))), 0)
            _holders.pop(id(self), None)

    release = close

    def __del__(self) -> None:
        if _owned:  # None when the modules of a process that ends were emptied
            self.close()


def expect_end(holder: "Holder") -> None:
    """See to it that something is released when this interpreter ends.

    In the main one nothing has to be done: the process ends with it.
    """
    global _is_expected  # noqa: PLW0603  # once for each interpreter
    if not _is_expected:
        _is_expected = True
        if _runtime.is_main():
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_forget_all)
        else:
            import atexit  # it is called at the end of each interpreter

            atexit.register(release_all)
    _holders[id(holder)] = ref(holder)


def expect_end_no_more(holder: "Holder") -> None:
    """Forget something that was released."""
    _holders.pop(id(holder), None)


# The threads of this interpreter that are inside a monitor (what they have taken), and the
# destructors that wait until they are not.
inside: dict[int, list[bytes]] = {}
postponed: "dict[int, list[Callable[[], None]]]" = {}


def outside(destructor: "Callable[[], None]") -> None:
    """Call a destructor that enters a monitor: now, or when the calling thread has left.

    Garbage may be collected while it is inside, perhaps of that very monitor.
    """
    ident = get_ident()
    if ident in inside:
        postponed.setdefault(ident, []).append(destructor)
    else:
        destructor()


def catch_up(ident: int) -> None:
    """Do what had to wait until the calling thread was outside."""
    for destructor in postponed.pop(ident, ()):
        destructor()


def _forget_all() -> None:
    """Leave alone what belongs to the parent, in a forked child."""
    for reference in list(_holders.values()):
        after_fork = getattr(reference(), "after_fork", None)
        if after_fork is not None:
            after_fork()


def release_all() -> None:
    """Release all that this interpreter holds. What was made last comes first.

    It may be made of the others.
    """
    for reference in reversed(list(_holders.values())):
        holder = reference()
        if holder is not None:
            holder.release()
    while _owned:
        try:
            os.close(_owned.popitem()[0])
        except OSError:
            pass  # somebody has closed what was not his
