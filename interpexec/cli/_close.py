"""How a run ends that must not wait: Ctrl-C, a reader that has gone, a failure.

Workers are interrupted and get `GRACE` seconds. One that is blocked in C cannot
be interrupted on every version; the process then ends without it.
"""

import os
import signal
import sys
import threading
from contextlib import suppress

from interpexec.cli import INTERRUPTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

BROKEN_PIPE = 141
"""Exit code when stdout has no reader any more: 128 + SIGPIPE, as a shell reports it."""

GRACE = 0.5
"""Seconds to wait for workers that were told to stop. They need milliseconds,
on a busy machine more; those that need longer are blocked in C."""


def abandon(stop_workers: "Callable[[], object]") -> None:
    """Call `stop_workers`, which may block, but wait no longer than `GRACE`."""
    stopper = threading.Thread(target=stop_workers, name="interpexec-stopper", daemon=True)
    stopper.start()
    stopper.join(GRACE)


def silence_stdout() -> None:
    """Send to nowhere what is still in buffers for a reader that has gone.

    Else the exit of Python, and of each worker's interpreter, would try to write
    it and complain. (As the Python documentation has it, in its note on SIGPIPE.)
    """
    try:
        descriptor = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return  # stdout is None, or not a file
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def leave_the_stuck_behind(status: int) -> None:
    """End the process now if a thread is left that the normal end would wait for."""
    if status == INTERRUPTED:
        # An impatient second Ctrl-C would only add a traceback to what ends anyway.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    current = threading.current_thread()
    if all(thread.daemon or thread is current for thread in threading.enumerate()):
        return
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # None, gone or closed
            stream.flush()
    os._exit(status)
