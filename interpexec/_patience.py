"""How often to look for what is to come before one sleeps: by what looking was good for.

To be woken costs tens of µs, and as much again the one who wakes; to look costs 0.1 µs.
So who answers at once is best awaited by looking. But who looks in vain has taken the
time, and where the two share a core, from the very one who is to answer: so half as many
looks come next, down to one, with a try of all of them now and then.
"""

from interpexec._runtime import own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_RETRY = 32  # in vain, until all looks are tried again


class Patience:
    """Of one thread that waits for one thing."""

    __slots__ = ("_most", "_vain", "looks")

    def __init__(self, most: int) -> None:
        """most: looks, at most and to begin with."""
        self._most = most
        self._vain = 0
        self.looks = most
        """How often to look next time."""

    def look(self, for_it: "Callable[[], object]") -> object:
        """Return what a function returns that is not None, if that comes soon; else None."""
        for _ in range(self.looks):
            if (found := for_it()) is not None:
                self.looks = self._most
                return found
        self._vain += 1
        self.looks = self._most if self._vain % _RETRY == 0 else self.looks // 2 or 1
        return None
