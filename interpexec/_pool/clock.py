"""The one clock of a pool: when its collector has to look at the time.

Two things end by themselves: the time that a call may run, and the grace for one
that was stopped. The collector sleeps until the first of them may be over, and no
thread waits beside it. A pool where nothing is limited never looks.
"""

import select  # noqa: F401  # a timed wait needs it: later no descriptor may be left to import it
from collections import deque
from time import monotonic

from interpexec._core.sigint import keep_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

keep_whole()


class Clock:
    """Used under the pool's lock; `remaining` by the collector, at any time."""

    def __init__(self) -> None:
        self._due: float | None = None
        self._graces: deque[tuple[float, int]] = deque()

    def remaining(self) -> float | None:
        """Return the seconds until it is time to look; None: for ever."""
        due = self._due
        return None if due is None else max(due - monotonic(), 0)

    def expect(self, seconds: float) -> bool:
        """Look in so many seconds, if not earlier; return whether this is the earliest."""
        due = monotonic() + seconds
        if self._due is not None and self._due <= due:
            return False
        self._due = due
        return True

    def give_grace(self, call_id: int, seconds: float) -> bool:
        """Look after a stopped call in so many seconds, always the same. As `expect`."""
        self._graces.append((monotonic() + seconds, call_id))
        return self.expect(seconds)

    def is_due(self) -> bool:
        """Say whether it is time to look. If so, the next time is open again."""
        if self._due is None or self._due > monotonic():
            return False
        self._due = None
        return True

    def over(self) -> "Iterator[int]":
        """Yield the ids of the calls whose grace is over; expect the end of the next one."""
        now = monotonic()
        while self._graces:
            end, call_id = self._graces[0]
            if end > now:
                self.expect(end - now)
                return
            self._graces.popleft()
            yield call_id
