"""How much of a map may be in flight: put in, and its outcomes not taken yet."""

import threading
from collections import deque

from interpexec._pool.parking import Latch


class Window:
    """Counts items, and their bytes. From any thread."""

    def __init__(self, most_items: int | None, most_bytes: int | None) -> None:
        """most_items, most_bytes: the bounds; None: there is none.

        Bytes may exceed theirs by what is put in at one time.
        """
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._lock = threading.Lock()  # guards what follows, for an instant
        self._room = Latch()
        self._count = 0
        self._bytes = 0.0
        self._taken = self._put = 0  # items, since the beginning
        self._ends: deque[tuple[int, float]] = deque()  # the last item of each put, and its bytes
        self._is_closed = False

    def wait(self) -> int | None:
        """Wait until there is room; return for how many items. None where this was closed."""
        while True:
            with self._lock:
                if self._is_closed:
                    return None
                room = self._free()
                if room:
                    return room
                latch = self._room = Latch()
            latch.wait()

    def _free(self) -> int:
        """Return for how many items there is room. Under the lock."""
        if self._most_bytes is not None and self._bytes >= self._most_bytes:
            return 0
        return _ANY if self._most_items is None else max(self._most_items - self._count, 0)

    def put(self, count: int, weight: float) -> None:
        """Learn that so many items were put in. weight: their bytes."""
        with self._lock:
            self._put += count
            self._count += count
            self._bytes += weight
            self._ends.append((self._put, weight))

    def take(self, count: int) -> None:
        """Learn that the outcomes of so many items were taken."""
        with self._lock:
            self._taken += count
            self._count -= count
            while self._ends and self._ends[0][0] <= self._taken:
                self._bytes -= self._ends.popleft()[1]
            if self._free():
                self._room.open()

    def close(self) -> None:
        """Let nobody wait for room any more."""
        with self._lock:
            self._is_closed = True
            self._room.open()


_ANY = 1 << 60
"""Room for as many as can be."""
