"""Bundles, on the caller's side: short calls are sent several in one message.

A message costs as much as a short call, on either side. The table measures how short calls are:
it sends the more of them ahead, the more often the workers ran dry (`call_table`). Where that is
many, and more are waiting, it sends them in bundles. A worker that takes one holds its calls, and
runs them in turn (`_worker.bundle`).

    take, take, take    calls of the backlog, in their order
    end                 the last bundle is on its way; the clock is due in `LATE` seconds
    look                the clock is due: workers whose call takes long hand back what they hold,
                        and where all workers are busy so, the table sends less ahead
"""

from time import monotonic

from interpexec._core.sigint import keep_whole
from interpexec._worker.wire import SHORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from interpexec._pool.clock import Clock
    from interpexec._pool.link import Link
    from interpexec._pool.workers import Workers
    from interpexec._sharing.package import Packed
    from interpexec._worker.wire import Call

keep_whole()

LEAST_AHEAD = 16
"""From how many calls ahead of the workers on they are sent in bundles."""

MOST = 16
"""How many calls a bundle has at most. With 8, a no-op took 9.6 us of CPU time, with 32 8.6, and
14.6 alone (3.14.10, two workers)."""

LATE = 0.005
"""Seconds after which a call holds up the others of its bundle. As long as another thread may
hold the main interpreter's GIL: calls wait that long anyway."""


class Bundles:
    """Used under the pool's lock."""

    def __init__(self, *, are_allowed: bool = True) -> None:
        """are_allowed: False where each call is counted before the next one is taken."""
        self._are_allowed = are_allowed
        self._calls: list[Call] = []
        self._size = 0
        self.ids: set[int] = set()
        """The calls that were sent so, may be out still, and may not have begun."""
        self.were_sent = False
        """Whether there ever was one: then several answers may come in one message."""

    def begin(self, ahead: int, workers: int) -> bool:
        """Say whether calls are to be sent in bundles now: at least two for each worker."""
        self._size = min(ahead // (2 * workers or 1), MOST)
        return self._are_allowed and self._size > 1

    def take(self, link: "Link", payload: "Packed", call_id: int, limit: float | None) -> bool:
        """Put a call into the bundle; False if it is to be sent alone, after that.

        Where memory runs out, `left` has the calls that were not sent.
        """
        if limit is None and type(payload) is bytes and len(payload) <= SHORT:
            self._calls.append((payload, call_id, 0))
            if len(self._calls) >= self._size:
                self._send(link)
            return True
        self._send(link)
        return False

    def end(self, link: "Link", clock: "Clock") -> bool:
        """Send the last one; return whether the clock is due earlier than it was."""
        self._send(link)
        return bool(self.ids) and clock.expect(LATE)

    def left(self) -> "list[Call]":
        """Take the calls that were not sent."""
        left, self._calls = self._calls, []
        return left

    def _send(self, link: "Link") -> None:
        calls = self._calls
        if len(calls) > 1:
            self.were_sent = True
            link.send_bundle(calls)
            self.ids.update(call_id for _, call_id, _ in calls)
        elif calls:
            link.send(*calls[0])
        self._calls = []

    def look(self, link: "Link", out: "Container[int]", workers: "Workers", clock: "Clock") -> bool:
        """Have calls handed back that wait for a long one; return whether all workers are late.

        out: the calls that are out. The clock is due again as long as calls may wait so.
        """
        if not self.ids:
            return False
        running = workers.running(link)
        self.ids = {each for each in self.ids if each in out and each not in running}
        if not self.ids:
            return False
        clock.expect(LATE)
        late = workers.late(link, monotonic() - LATE)
        workers.hand_back(link, late)
        return len(late) == len(workers.active)
