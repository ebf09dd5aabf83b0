"""Asking workers for the items that their calls have not begun: a part of a job."""

from interpexec._map.lifecycle import RELEASED
from interpexec._pool.done_callbacks import MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from threading import RLock

    from interpexec._map.backlog import Backlog
    from interpexec._map.chunk_list import Chunk
    from interpexec._map.chunk_size import Sizer
    from interpexec._map.divider import Divider
    from interpexec._map.lifecycle import Lifecycle
    from interpexec._pool.scheduler import Scheduler


class Asks:
    """A base class of `Job`, with whose lock, chunks and divider it works."""

    _is_prompt = False
    """Whether results go out before their call has ended, where that takes long."""

    if TYPE_CHECKING:
        _lock: RLock
        _backlog: Backlog
        _sizer: Sizer
        _life: Lifecycle
        _scheduler: Scheduler
        _divider: Divider
        _out: dict[Future[object], Chunk]
        _guard: Callable[..., None]
        _divide: Callable[[Chunk, int], None]
        _fill: Callable[[], None]

    @property
    def waiting(self) -> int:
        """How many items are in no call yet: for a trace."""
        return self._backlog.count

    def workers_are_idle(self) -> None:
        """Take from busy workers what they have not begun, for others that are idle, if any.

        By the collector, when that may be so.
        """
        with self._lock:
            if self._backlog.count or self._sizer.is_fixed or self._life.stage is RELEASED:
                return
            if (idle := self._scheduler.idle()) > 0:
                out = list(self._out.values())
                self._divider.ask(out, idle, self._on_answer, takes_outcomes=self._is_prompt)

    def look(self) -> None:
        """See whether a call takes long: where results are in order, that changes nothing."""

    def _on_answer(self, future: "Future[object]") -> None:
        """Learn how many items a call has handed back. By the collector."""
        chunk = self._divider.asked.pop(future)
        if self._life.stage is RELEASED:
            return
        if future.cancelled() or future.exception() is not None:
            return  # its worker is gone
        with self._lock:
            count: int = future.result()[0]  # type: ignore[index]  # a pair
            if count and self._life.stage is not RELEASED:
                self._guard(self._take_back, chunk, count)

    def _take_back(self, chunk: "Chunk", count: int) -> None:
        self._divide(chunk, len(chunk.items) - count)
        self._fill()

    setattr(_on_answer, MARK, True)  # see `future`
