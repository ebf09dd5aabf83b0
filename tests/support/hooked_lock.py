"""A lock that acts for a test at the moment when two threads meet."""

import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class HookedLock:
    """A lock that runs a hook before a certain function releases it: it forces a race."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.acquire, self.release = self._lock.acquire, self._lock.release
        self._is_owned = self._lock._is_owned  # type: ignore[attr-defined]
        self.hooks: dict[str, Callable[[], object]] = {}

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.hooks.pop(sys._getframe(1).f_code.co_name, lambda: None)()
        self._lock.release()
