"""Ctrl-C, let through only where the loop waits or writes.

A KeyboardInterrupt may come between any two bytecodes of the main thread: also
half-way through the pool's `submit`, of which then half would be done. Here it
is kept until the next place where it does no harm.

A signal that comes in the instant before the thread blocks in C would be noticed only
when something else wakes it. CPython's own handler writes each one into a pipe at once
(`signal.set_wakeup_fd`), so a thread that reads it can wake the main one.
"""

import os
import signal
import threading
from contextlib import contextmanager

from interpexec._core.descriptors import clear_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Interrupts:
    """Holds Ctrl-C back while it is entered, but for the blocks of `allowed`.

    Does nothing in another thread than the main one, or where the program handles
    SIGINT in its own way.
    """

    def __init__(self, wake: "Callable[[], object]") -> None:
        """wake: wakes the main thread, wherever it waits."""
        self._wake = wake
        self._is_allowed = False
        self._is_pending = False
        self._is_ours = False

    def __enter__(self) -> None:
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            signal.signal(signal.SIGINT, self._handle)
            self._is_ours = True
            reader, self._writer = clear_all(*os.pipe())
            os.set_blocking(self._writer, False)
            self._former = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
            self._listener = threading.Thread(target=self._listen, args=(reader,), daemon=True)
            self._listener.start()

    def __exit__(self, *_: object) -> None:
        if self._is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._is_ours = False
            signal.set_wakeup_fd(self._former)
            os.close(self._writer)  # this ends the listener
            self._listener.join()

    def _listen(self, reader: int) -> None:
        while os.read(reader, 512):
            self._wake()
        os.close(reader)

    @contextmanager
    def allowed(self) -> "Iterator[None]":
        """Let KeyboardInterrupt be raised in this block, also one that is late."""
        # In this order: a signal between both lines is raised at once.
        self._is_allowed = True
        try:
            if self._is_pending:
                raise KeyboardInterrupt
            yield
        finally:
            self._is_allowed = False

    def _handle(self, *_: object) -> None:
        """Take the signal. Called in the main thread, between two bytecodes."""
        self._is_pending = True
        if self._is_allowed:
            raise KeyboardInterrupt
