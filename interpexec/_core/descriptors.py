"""Making descriptors, none of which has the number of a standard stream.

A program may be started with some of these closed (`python program.py <&-`), and then the
kernel gives their numbers to the next files that are opened. Printed text would go there, or
`dup2` replace them when the program makes itself a daemon. So every descriptor that the
package makes, for itself or for a caller, goes through `clear`.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = 3
"""The lowest number that is not a standard stream's."""


def clear(fd: int) -> int:
    """Return a descriptor just made, or another one in its place, whose number is free to use.

    Raises OSError when no other one can be made; the given one is closed then.
    """
    if fd >= FIRST:
        return fd
    try:
        return clear(os.dup(fd))
    finally:
        os.close(fd)


def clear_all(*fds: int) -> list[int]:
    """Do as `clear` with several descriptors: with all of them, or none."""
    left, cleared = list(fds), []
    try:
        while left:
            cleared.append(clear(left.pop(0)))
    except BaseException:
        for fd in (*left, *cleared):
            os.close(fd)
        raise
    return cleared


def duplicate(fd: int) -> int:
    """Return a duplicate of a descriptor. Raises OSError."""
    return clear(os.dup(fd))


def closed_streams() -> list[int]:
    """Return the numbers of the standard streams that are free."""
    return [fd for fd in range(FIRST) if _is_free(fd)]


def away_from_streams[T](action: "Callable[[], T]") -> T:
    """Call a function while the numbers of all standard streams are taken.

    For one that opens descriptors which `clear` does not see, or looks at the streams.
    """
    taken: list[int] = []
    try:
        while closed_streams():
            taken.extend(os.pipe())
        return action()
    finally:
        for fd in taken:
            os.close(fd)


def _is_free(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return True
    return False
