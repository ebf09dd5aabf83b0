"""Descriptors that this interpreter owns, and gives back.

A descriptor's number means the same in every interpreter of the process, and the
kernel counts the holders of a file: each holder has a duplicate of its own.
So nothing here is counted by hand. But a number in a Python object does not close
itself, so a `Handle` does it, at the latest when its interpreter ends.
"""

import os
from _collections import deque
from _weakref import ref

from interpexec._core import cpython
from interpexec._core.cpython import own_builtins
from interpexec._core.sigint import keep_whole

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Holder(Protocol):
        """An object that holds something of the kernel's."""

        def release(self) -> None:
            """Let go of it, once."""


keep_whole()


# The holders to be released when this interpreter ends, by id, in the order of their making.
_holders: "dict[int, ref[Holder]]" = {}
_is_expected = False  # `release_all` is called then

# The descriptors of all handles, by id, also of those whose destructor was interrupted.
_owned: dict[int, int] = {}


class Descriptor:
    """Owns a descriptor until it is closed, or the interpreter ends.

    From any thread of the interpreter that made it. For an owner that closes it in a
    destructor of its own: in a circle of garbage, the order of destructors is not known.
    """

    __slots__ = ()

    def __init__(self, fd: int) -> None:
        """Take a descriptor over."""
        release_all_at_end()
        left = _owned.get(id(self))  # by a former object at this address, that could not close it
        _owned[id(self)] = fd
        if left is not None:
            os.close(left)

    def fileno(self) -> int:
        """Return the descriptor. Raises ValueError when it was closed."""
        fd = _owned.get(id(self))
        if fd is None:
            raise ValueError("the handle is closed")
        return fd

    @property
    def closed(self) -> bool:
        """Whether it owns nothing any more."""
        return id(self) not in _owned

    def detach(self) -> int:
        """Return the descriptor, and do not own it any more. ValueError when it was closed."""
        fd = _owned.pop(id(self), None)
        if fd is None:
            raise ValueError("the handle is closed")
        return fd

    def close(self) -> None:
        """Close it, once."""
        if id(self) not in _owned:
            return
        try:
            # One call does both: a call that is stopped here does both, or neither, and
            # then it is closed when this interpreter ends.
            deque(map(os.close, map(_owned.pop, (id(self),))), 0)
        except KeyError:
            pass  # another thread was faster


class Handle(Descriptor):
    """Owns a descriptor, and closes it also when the handle is let go of."""

    __slots__ = ()

    def __del__(self) -> None:
        if _owned:  # None when the modules of a process that ends were emptied
            self.close()


def release_all_at_end() -> None:
    """Have `release_all` called when this interpreter ends.

    In the main one nothing has to be done: the process ends with it.
    """
    global _is_expected  # noqa: PLW0603  # once for each interpreter
    if _is_expected:
        return
    _is_expected = True
    if cpython.is_main():
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_leave_to_parent)
    else:
        import atexit  # it is called at the end of each interpreter

        atexit.register(release_all)


def release_at_end(holder: "Holder") -> None:
    """Have a holder released when this interpreter ends."""
    release_all_at_end()
    _holders.pop(id(holder), None)  # of a former object at this address: its place is another
    _holders[id(holder)] = ref(holder)


def forget(holder: "Holder") -> None:
    """Forget a holder that was released."""
    _holders.pop(id(holder), None)


def _leave_to_parent() -> None:
    """Leave the parent's objects alone, in a forked child."""
    for reference in list(_holders.values()):
        after_fork = getattr(reference(), "after_fork", None)
        if after_fork is not None:
            try:
                after_fork()
            except BufferError:
                pass  # another thread, which is not here, has a view


def release_all() -> None:
    """Release all that this interpreter holds, the last made first: it may consist of others."""
    for reference in reversed(list(_holders.values())):
        holder = reference()
        if holder is not None:
            try:
                holder.release()
            except Exception:  # noqa: S110  # the others must be released, too
                pass
    while _owned:
        try:
            os.close(_owned.popitem()[1])
        except OSError:
            pass  # the program has closed it, though it was not its own
