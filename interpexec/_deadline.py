"""The moment at which a wait ends."""

import time


class Deadline:
    """Counts down from `timeout` seconds, from now on; None never ends."""

    def __init__(self, timeout: float | None) -> None:
        self._end = None if timeout is None else time.monotonic() + timeout

    def remaining(self) -> float | None:
        """Return the seconds left: 0 when the time is over, None for ever."""
        return None if self._end is None else max(self._end - time.monotonic(), 0)
