"""Counts of what has become of a pool's calls, for `stats()`. Without a lock, from any thread."""

from itertools import count
from time import monotonic, process_time, thread_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Counter:
    """A number that only grows. Two threads that add at once both count."""

    __slots__ = ("_next", "add")

    def __init__(self) -> None:
        self._next: count[int] = count()
        self.add: Callable[[], int] = self._next.__next__
        """Add 1; return the number before that."""

    @property
    def value(self) -> int:
        """How often something was added."""
        # The next number, as `count` shows it: it has no attribute that tells it.
        return int(repr(self._next)[len("count(") : -1])


class Tally:
    """The counts of one pool: of calls that ended otherwise than with a value, and of workers."""

    __slots__ = (
        "begun",
        "cancelled",
        "cpu_of_ended",
        "failed",
        "lost",
        "other_ids",
        "retried",
        "timed_out",
        "workers",
    )

    def __init__(self) -> None:
        self.failed: Counter = Counter()
        self.cancelled: Counter = Counter()
        self.retried: Counter = Counter()
        self.timed_out: Counter = Counter()
        self.lost: Counter = Counter()
        self.workers: Counter = Counter()
        """The workers that were started."""
        self.other_ids: Counter = Counter()
        """The ids that went to workers and control calls: all others went to calls."""
        self.begun: tuple[float, float] = monotonic(), process_time()
        """When the pool was made, and how much CPU time the process had used then."""
        self.cpu_of_ended: list[float] = []
        """The seconds of CPU time of workers that have ended, each."""

    def worker_ends(self) -> None:
        """Count the CPU time of the calling thread, which was a worker's."""
        self.cpu_of_ended.append(thread_time())
