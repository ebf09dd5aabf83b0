"""The state of one pool: what its parts share, and the one lock that guards it.

The parts (`dispatch`, `losses`, `cancelling`, `control_calls`, `collector`) each make some of
the moves that change this state; `scheduler` puts them together. They refer to the state and
never to the executor, so that an executor that is dropped can be noticed.

The lock is held for some microseconds, and taken before the lock of the futures' states,
never after it. The user's code does not run under it on purpose; but a destructor or a
signal handler may, in the middle of a move. So the lock is re-entrant, and methods that
destructors may call look whether the calling thread has it: then the collector does the rest
later. "Under the lock" in a docstring means that the caller holds it.
"""

import threading
from collections import deque

from interpexec._core.late_errors import BrokenInterpreterPool
from interpexec._core.sigint import keep_whole, unbroken
from interpexec._pool import process_hooks
from interpexec._pool.call_table import CallTable
from interpexec._pool.clock import Clock
from interpexec._pool.parking import Latch
from interpexec._pool.tally import Counter, Tally
from interpexec._pool.workers import Workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._pool.call_table import Entry
    from interpexec._pool.future import AnyFuture
    from interpexec._pool.leader import LeaderFollowers
    from interpexec._pool.link import Link
    from interpexec._pool.settings import Settings
    from interpexec._pool.worker_thread import WorkerThread
    from interpexec._pool.workers import Observer
    from interpexec._worker.wire import Message

keep_whole()


class PoolState:
    """The fields of one pool."""

    def __init__(self, settings: "Settings") -> None:
        """Make the state of a pool that has started nothing yet."""
        self.settings = settings
        self.max_workers, self.name = settings.max_workers, settings.name
        self.cancel_running = settings.cancel_running
        self.ids = Counter()
        self.tally = Tally()
        # Guards all that follows, where nothing else is said.
        self.lock = threading.RLock()
        self.table = CallTable(self.nudge, is_bundled=settings.max_tasks is None)
        self.workers = Workers(self)
        self.clock = Clock()  # when the collector has to look at the time
        self.link: Link | None = None  # while there are workers
        self.broken: tuple[str, BaseException | None] | None = None
        self.is_closing = False  # no more calls; the accepted ones are still computed
        self.is_breaking = False  # the collector is to fail the calls that no worker has begun
        self.is_terminating = False
        self.is_ending = False  # the collector gives the link back
        self.is_resting = False  # no call is sent, and no worker made: the process forks
        self.is_rest_wanted = False  # ... and the collector ends when there is no worker
        # Called when a worker has become ready, leaves or is gone, or the pool has ended.
        self.watchers: list[Callable[[], object]] = []
        self.refused_imports: dict[str, str] = {}  # see `refusals`
        # From the threads of workers that end: their last replies, and themselves.
        self.arrived: deque[Message] = deque()
        self.gone: deque[tuple[WorkerThread, BaseException | None]] = deque()
        # Cancelled calls that workers may have. From anywhere, without the lock.
        self.cancelled: deque[AnyFuture] = deque()
        self.trace: Observer | None = None
        # The steps that the collector is to do. One thread at a time leads, and does them.
        self.collectors: LeaderFollowers | None = None
        self.todo: deque[Callable[[], object] | Entry] = deque()
        self.is_quiet = Latch()
        """Open when the pool is closed, and all workers left run calls that do not end."""
        self.is_finished = Latch()
        """Open when moreover their grace is over."""
        # Guards the wake-ups of `link` against their end. Re-entrant, and held for an
        # instant only, because destructors wake the collector, in the middle of anything.
        self.waking = threading.RLock()

    def is_inside(self) -> bool:
        """Say whether the calling thread is in the middle of a move already."""
        return self.lock._is_owned()  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001  # there is no public way

    def next_id(self) -> int:
        """Return the id of a new call. From any thread."""
        return self.ids.add() + 1

    def other_id(self) -> int:
        """Return an id that is none of a call that was submitted just now: it is not counted."""
        self.tally.other_ids.add()
        return self.next_id()

    def refuse_if_over(self) -> None:
        """Raise what `submit` raises when the pool takes no call any more."""
        if self.broken is not None:
            message, cause = self.broken
            raise BrokenInterpreterPool(message) from cause
        process_hooks.refuse_if_over()
        if self.is_closing:
            message = f"cannot schedule new futures after shutdown: {self.name} was shut down"
            raise RuntimeError(message)

    def error_of_broken(self) -> Exception:
        """Return the exception of the calls of a broken pool."""
        assert self.broken is not None
        message, cause = self.broken
        error = BrokenInterpreterPool(message)
        error.__cause__ = cause
        return error

    @unbroken
    def close(self) -> None:
        """Take no more calls; let the accepted ones come to their end.

        Never blocks and takes no lock of the pool's: destructors call it, in the middle of
        anything.
        """
        self.is_closing = True
        self.nudge()

    # -- waking: from anywhere, with or without the lock -------------------------

    def nudge(self) -> None:
        """Wake the collector, if there is one."""
        with self.waking:
            if self.link is not None:
                self.link.nudge()

    def nudge_direct(self) -> None:
        """Wake the thread that waits directly."""
        with self.waking:
            if self.link is not None:
                self.link.nudge_direct()

    def leave_to_collector(self, *steps: "Callable[[], object]") -> None:
        """Have the collector do some steps."""
        if steps:
            self.todo.extend(steps)
            self.nudge()

    def have_collector_look(self) -> None:
        """Wake the collector by a step that does nothing, so that it looks at everything."""
        self.leave_to_collector(int)

    def tell_watchers(self) -> None:
        """Call the watchers, once."""
        while self.watchers:
            self.watchers.pop()()

    # -- by the threads of workers that end ---------------------------------------

    def take_replies(self, link: "Link") -> None:
        """Take the replies of a worker before its interpreter ends."""
        if replies := link.take():
            self.arrived.extend(replies)
            self.nudge()  # the thread that the replies woke has found none

    def worker_gone(self, worker: "WorkerThread", loss: BaseException | None) -> None:
        """Note that a worker's interpreter is gone, and why, if it was lost."""
        with self.lock:
            try:
                worker.control.close()
            finally:
                self.gone.append((worker, loss))
                self.nudge()

    # -- in a forked child ------------------------------------------------------------

    def renew_locks(self) -> None:
        """Make new locks: the holders of the old ones do not exist here."""
        self.lock = threading.RLock()
        self.waking = threading.RLock()
        if self.collectors is not None:
            self.collectors.forget()

    def forget_workers(self) -> None:
        """Have no workers: they are the parent's."""
        self.link = self.collectors = None
        self.workers = Workers(self)
        self.todo.clear()
