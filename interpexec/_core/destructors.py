"""Destructors that must not run while their thread is inside a monitor.

Garbage may be collected in the middle of a monitor's step. A destructor that enters a monitor
itself, perhaps that very one, waits until its thread has left.
"""

from _thread import get_ident

from interpexec._core.cpython import own_builtins
from interpexec._core.sigint import keep_whole

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

keep_whole()

type Inside = tuple[list[bytes], Inside | None]
"""The tokens that a thread has taken in a monitor; the same of the monitor around that."""

# The threads of this interpreter that are inside a monitor, or about to be. And the
# destructors that wait until they are not.
inside: dict[int, Inside] = {}
postponed: "dict[int, list[_Postponed]]" = {}


class _Postponed:
    """Calls a destructor when it is let go of, where CPython drops exceptions."""

    __slots__ = ("_destructor",)

    def __init__(self, destructor: "Callable[[], None]") -> None:
        self._destructor = destructor

    def __del__(self) -> None:
        self._destructor()


def outside(destructor: "Callable[[], None]") -> None:
    """Call a destructor that enters a monitor: now, or when the calling thread has left its own.

    Garbage may be collected while the thread is inside, perhaps of that very monitor.
    """
    ident = get_ident()
    if ident in inside:
        postponed.setdefault(ident, []).append(_Postponed(destructor))
    else:
        destructor()


def call_postponed(ident: int) -> None:
    """Call the destructors that had to wait until the calling thread was outside."""
    postponed.pop(ident, None)
