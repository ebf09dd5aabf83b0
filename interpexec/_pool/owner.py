"""The part of a scheduler that its futures use. Types only."""

from typing import Any, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._core.waiting import Deadline
    from interpexec._pool.tally import Tally

    type AnyFuture = Any  # a `CallFuture`, whose module stands above


class Owner(Protocol):
    """A scheduler, as its futures see it."""

    @property
    def direct(self) -> "Direct":
        """The place of the thread that waits for a call in the collector's stead."""

    tally: "Tally"
    """Where calls are counted that have failed, or were cancelled."""

    @property
    def cancel_running(self) -> bool:
        """Whether a running call can be cancelled."""

    def stop_cancelled(self, future: "AnyFuture") -> None:
        """Take a cancelled call off the table, and stop it if it runs. Never blocks."""

    def recall_one(self, future: "AnyFuture") -> bool:
        """Recall a call that no worker has begun; return whether it is PENDING now."""

    def run_again(self, future: "AnyFuture", error: BaseException) -> bool:
        """Run a call once more that has failed; return whether that is so."""

    def before_callbacks(self) -> None:
        """Prepare for code that may block."""


class Direct(Protocol):
    """A `DirectWait`, as futures see it."""

    def wait(self, future: "AnyFuture", deadline: "Deadline") -> None:
        """Wait for a call in the collector's stead, where that is quicker."""

    def is_settled(self, future: "AnyFuture") -> None:
        """Wake the thread that waits for this call."""

    def postpone(self, callbacks: "Callable[[], None]") -> bool:
        """Leave callbacks to the collector if the calling thread waits directly."""


class Attempts(Protocol):
    """The attempts at a call that is run again when it fails."""
