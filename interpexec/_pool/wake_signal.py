"""The signal that gets a thread out of a system call, where that is of use.

A call that is stopped while it sleeps, or waits for a socket, notices it when
the system call returns. From CPython 3.15 on a system call that a signal ends
looks for a thrown exception before it is tried again. So there, a signal with a
handler that does nothing is sent to the thread (`pthread_kill`).

It is SIGURG, which does nothing by default, and which Go uses for the same
purpose. A handler can be set by the main thread only, and is set only where
there is none; where the program sets one later, nothing is sent any more.
"""

import _signal

from interpexec._core import cpython

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_CAN_SIGNAL = (
    cpython.SIGNALS_WAKE
    and hasattr(_signal, "pthread_kill")
    and hasattr(_signal, "SIGURG")
    and cpython.is_main()  # a pool in a worker does without: handlers are not its own
)


def _do_nothing(_number: int, _frame: "FrameType | None") -> None:
    """Be a handler: it is for its sake that system calls end."""


def prepare() -> None:
    """Set the handler, if it is of use, and possible here and now. Idempotent."""
    if not _CAN_SIGNAL:
        return
    try:
        if _signal.getsignal(_signal.SIGURG) == _signal.SIG_DFL:
            _signal.signal(_signal.SIGURG, _do_nothing)
    except ValueError:  # not in the main thread of the main interpreter
        pass


def number() -> int:
    """Return the signal to send, or 0 when there is none."""
    if _CAN_SIGNAL and _signal.getsignal(_signal.SIGURG) is _do_nothing:
        return int(_signal.SIGURG)
    return 0
