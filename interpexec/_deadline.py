"""The moment at which a wait ends."""

import time

# Longer than this (68 years) is for ever: the system's own waits take no more.
_LONGEST = 2**31


class Deadline:
    """Counts down from `timeout` seconds, from now on; None never ends."""

    def __init__(self, timeout: float | None) -> None:
        self._end: float | None = None
        if timeout is not None and timeout <= _LONGEST:
            self._end = time.monotonic() + timeout

    def remaining(self) -> float | None:
        """Return the seconds left: 0 when the time is over, None for ever."""
        return None if self._end is None else max(self._end - time.monotonic(), 0)
