r"""Leader and followers: threads that take turns at a job which must not be held up.

One thread leads. Before it does something that may block, it hands the lead
over to another one; when it is back, it follows: one thread waits as a spare,
more than that end. (The pattern "Leader/Followers", Schmidt et al., 2000.)

    leading -> hand_over() -> blocked in the user's code -> following -> leading
                                                         \-> ended: there is a spare
"""

import _thread
import threading

from interpexec._core.cpython import is_main
from interpexec._core.sigint import interruptibly, keep_whole
from interpexec._core.thread import Thread
from interpexec._pool.parking import Latch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

keep_whole()


class LeaderFollowers:
    """The threads that share one job.

    `_lock` guards the fields below it; it is held for an instant, and nothing
    else is locked meanwhile.
    """

    def __init__(self, name: str, lead: "Callable[[], bool]") -> None:
        """Make it for a job: `lead` works until the job is over, and returns True.

        It returns False early when the thread no longer leads.
        """
        self._name = name
        self._lead = lead
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._leader = 0  # the thread's ident; 0 while the next one wakes up
        self._away: set[threading.Thread] = set()  # in the user's code, for as long as it likes
        self._spare: _thread.LockType | None = None  # held; released to wake the spare
        self._over = Latch()

    def start(self) -> None:
        """Start the first thread. Raises RuntimeError when no thread is left."""
        with self._lock:
            self._start_thread()

    def is_leading(self) -> bool:
        """Say whether the calling thread leads."""
        return _thread.get_ident() == self._leader

    def is_member(self) -> bool:
        """Say whether the calling thread is one of these, leading or not."""
        return threading.current_thread() in self._threads

    def hand_over(self) -> None:
        """Let another thread lead, if the calling one does. Never blocks.

        Where no thread can be had it goes on leading: that is no worse than not
        having called this.
        """
        if not self.is_leading():
            return
        thread = threading.current_thread()
        with self._lock:
            self._leader = 0
            self._away.add(thread)
            if self._spare is not None:
                self._spare.release()
                self._spare = None
                return
            try:
                self._start_thread()
            except RuntimeError:
                self._leader = _thread.get_ident()
                self._away.discard(thread)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job is over, for at most `timeout` seconds; return whether it is.

        Threads may still be in the user's code then. A thread that leads hands over first;
        where it cannot, RuntimeError, since it would wait for itself.
        """
        self.hand_over()
        if self.is_leading():
            raise RuntimeError("cannot join current thread")
        return self._over.wait(timeout)

    def join(self) -> None:
        """Wait until the job is over and its threads have ended.

        One of these threads does not wait for the others: two of them might wait
        for each other.
        """
        self.wait()
        if self.is_member():
            return
        done: set[threading.Thread] = set()
        # The list grows when the lead is handed over; a thread is in it before
        # the one that started it can end.
        while remaining := self._started().difference(done):
            for thread in remaining:
                interruptibly(thread.join)
            done |= remaining

    def join_ended(self, timeout: float) -> None:
        """Wait, when the job is over, for the threads that end now, for `timeout` seconds each.

        Not for those that are in the user's code. An interrupt is left for later.
        """
        for thread in self._started() - self._away - {threading.current_thread()}:
            thread.join(timeout)

    def forget(self) -> None:
        """Let the job be over: this is a forked child, and the others are not here."""
        self._lock = threading.Lock()
        self._over.open()

    def _started(self) -> set[threading.Thread]:
        """Return the threads that were started, and did not end long ago."""
        with self._lock:
            return {thread for thread in self._threads if thread.ident is not None}

    def _start_thread(self) -> None:
        """Start one more thread, as the leader. Under the lock."""
        living = [thread for thread in self._threads if thread.is_alive()]
        # A daemon: `process_hooks` waits for the pools at the end. (See `worker_thread`.)
        thread = Thread(target=self._run, name=self._name, daemon=is_main())
        self._threads = [*living, thread]
        try:
            thread.start()
        except RuntimeError:
            self._threads = living
            raise

    def _run(self) -> None:
        """Lead, then follow, then lead again, until the job is over."""
        while True:
            self._leader = _thread.get_ident()
            if self._lead():
                break
            if not self._follow():
                return
        with self._lock:
            self._leader = 0  # another thread may get the ident of one that has ended
            self._over.open()
            if self._spare is not None:
                self._spare.release()

    def _follow(self) -> bool:
        """Wait as the spare until it is this thread's turn; False when it is to end."""
        with self._lock:
            self._away.discard(threading.current_thread())
            if self._over.is_open or self._spare is not None:
                return False
            baton = self._spare = _thread.allocate_lock()
            baton.acquire()
        baton.acquire()
        return not self._over.is_open
