"""The end of a worker that may run only so many calls. Imported by such workers only.

A successor, which is made before that, saves the time of a start: between the last call of a
worker and the first one of the next pass 1 to 2 ms, and not 26 on 3.14, or 29 on 3.13.0 (10 and
not 30 where another worker keeps the second core busy). That is worth some 90 lines, here, in
`control`, and in the pool.
"""

from time import monotonic

from interpexec._core.cpython import own_builtins

own_builtins(globals())

# A successor is wanted when what is left for this worker takes no more than so many
# times as long as this worker took to be ready.
_HEAD_START = 2

type Career = tuple[float, int | None, bool]
"""When the pool began to make this worker; after how many calls it ends; whether it is a
successor, which waits until its predecessor takes no further call."""


class Retirement:
    """When a worker that may run only so many calls is near its end."""

    def __init__(self, quota: int, since: float) -> None:
        """quota: of calls. since: when the pool began to make this worker."""
        self.quota = quota
        self._since = since
        self._begun = self._head_start = 0.0
        self._was_told = False

    def begin(self, ready: float) -> None:
        """Begin to count, as the worker may take calls. ready: since when it could have."""
        self._begun = monotonic()
        self._head_start = _HEAD_START * (ready - self._since)

    def is_near(self, done: int) -> bool:
        """Say whether a successor is to be made now, before the next call. True once.

        At the latest before the last call; earlier when the calls so far were short.
        """
        left = self.quota - done
        spent = monotonic() - self._begun
        if self._was_told or (left > 1 and spent * left > self._head_start * done):
            return False
        self._was_told = True
        return True
