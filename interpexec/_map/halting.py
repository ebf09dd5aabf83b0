"""When the failures of a map's items are enough to begin no further one: `fail_fast`."""

import logging

from interpexec._core.error_text import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    type Enough = bool | Callable[[int, int], bool]
    """True: one is. A callable of how many items have failed, and how many have ended."""

_logger = logging.getLogger("interpexec")


def checked(fail_fast: "Enough") -> "Enough":
    """Return the argument; raise TypeError if it is none."""
    if isinstance(fail_fast, bool) or callable(fail_fast):
        return fail_fast
    raise TypeError(f"fail_fast must be a bool or a callable, got {shown(fail_fast)}")


class Halting:
    """Counts items that have ended, and decides. Used under the job's lock."""

    def __init__(self, enough: "Enough") -> None:
        """enough: False: no failures are."""
        self._enough = enough
        self._failed = self._ended = 0

    def add(self, ended: int, failed: int) -> bool:
        """Count further items; say whether the failures are enough now.

        A callable that raises is logged, and then they are.
        """
        self._ended += ended
        self._failed += failed
        if not failed or isinstance(self._enough, bool):
            return bool(failed and self._enough)
        try:
            return bool(self._enough(self._failed, self._ended))
        except Exception:  # the user's code
            _logger.exception("exception in the callable that was given as `fail_fast`")
            return True
