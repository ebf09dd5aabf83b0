"""Signals while the items flow: Ctrl-C and its like end the run, SIGQUIT shows what runs.

Python runs a handler between two bytecodes of the main thread: it might be in the middle of
anything, or in a wait in C that a signal in the instant before does not end. CPython also writes
each signal's number into a pipe at once (`signal.set_wakeup_fd`): a thread reads it, and does what
the signal asks for. Only where the main thread writes results, which may block for ever, the
handler raises `Interrupted`.
"""

import os
import signal
import threading
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
"""Signals that end the run; the exit code is 128 and the number."""

SHOWING = ("SIGQUIT", "SIGUSR1")
"""Signals that have the stacks of the running items shown."""


class Interrupted(BaseException):
    """A signal has come while results were written. Like KeyboardInterrupt, no error."""


class Signals:
    """Follows signals while it is entered. Of the main thread only; else it does nothing."""

    def __init__(self, stop: "Callable[[], object]", show: "Callable[[], object]") -> None:
        """stop: ends the run, soon. show: shows what runs. Both from another thread."""
        self._stop = stop
        self._show = show
        self.received = 0
        """The signal that has ended the run, or 0."""
        self._is_writing = False
        self._former: dict[int, object] = {}

    def __enter__(self) -> "Self":
        if threading.current_thread() is not threading.main_thread():
            return self
        for name in (*ENDING, *SHOWING):
            number = getattr(signal, name, None)  # Windows has two of them
            if number is not None and _is_ours(signal.getsignal(number)):
                self._former[number] = signal.signal(number, self._handle)
        if self._former:
            reader, self._writer = map(_above_streams, os.pipe())
            os.set_blocking(self._writer, False)
            self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
            self._listener = threading.Thread(target=self._listen, args=(reader,), daemon=True)
            self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._former:
            return
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._former.items():
            # After a first Ctrl-C an impatient second one would only add a traceback.
            ends = self.received and number not in _numbers(SHOWING)
            signal.signal(number, signal.SIG_IGN if ends else handler)  # type: ignore[arg-type]  # what stood there
        os.close(self._writer)  # this ends the listener
        self._listener.join()

    @contextmanager
    def writing(self) -> "Iterator[None]":
        """Let `Interrupted` be raised in this block, also where the signal came before it."""
        # In this order: a signal between both lines is raised at once.
        self._is_writing = True
        try:
            if self.received:
                raise Interrupted
            yield
        finally:
            self._is_writing = False

    def _handle(self, number: int, _: object) -> None:
        """Take a signal. In the main thread, between two bytecodes."""
        if number in _numbers(SHOWING):
            return
        self.received = self.received or number
        if self._is_writing:
            raise Interrupted

    def _listen(self, reader: int) -> None:
        """Follow the signals, in their order. In a thread of its own."""
        ending, showing, is_ending = _numbers(ENDING), _numbers(SHOWING), False
        while numbers := os.read(reader, 512):
            for number in numbers:
                if number in showing:
                    self._show()
                elif number in ending and is_ending:
                    os._exit(128 + number)  # at once
                elif number in ending:
                    is_ending = True
                    self.received = self.received or number
                    self._stop()
        os.close(reader)


def _numbers(names: tuple[str, ...]) -> set[int]:
    return {getattr(signal, name) for name in names if hasattr(signal, name)}


def _is_ours(handler: object) -> bool:
    """Say whether a signal does what it does by default: a shell, or `nohup`, may ignore it."""
    return handler in {signal.SIG_DFL, signal.default_int_handler}


def _above_streams(descriptor: int) -> int:
    """Return the same, with a number that is no standard stream's: one may be closed."""
    if descriptor > 2:  # noqa: PLR2004  # the last of them
        return descriptor
    try:
        return _above_streams(os.dup(descriptor))
    finally:
        os.close(descriptor)
