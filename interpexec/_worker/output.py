"""`sys.stdout` and `sys.stderr` of a worker, forwarded to those of the caller, line by line.

Only what goes through these objects is forwarded: C code and child processes write to the
descriptors, which are those of the process.
"""

import io
import sys
from codecs import getincrementaldecoder
from functools import partial

from interpexec._core.cpython import own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Buffer
    from typing import Any, TextIO

    from interpexec._worker.outbox import Outbox

_NAMES = "stdout", "stderr"

_ERRORS = "surrogateescape"  # bytes that are no text arrive as Python has them in names of files


class _Buffer(io.BufferedIOBase):
    """Puts what is written into the outbox; when that is closed, into the worker's own stream."""

    def __init__(self, name: str, outbox: "Outbox", *, is_terminal: bool) -> None:
        super().__init__()
        self._name = name
        self._outbox = outbox
        self._is_terminal = is_terminal
        self._decode = getincrementaldecoder("utf-8")(_ERRORS).decode
        self._own: TextIO | None = getattr(sys, name)

    def writable(self) -> bool:
        """Say that this takes what is written."""
        return True

    def isatty(self) -> bool:
        """Say whether the caller's stream is a terminal: programs color their output then."""
        return self._is_terminal

    def write(self, data: "Buffer", /) -> int:
        """Forward bytes, as text."""
        taken = bytes(data)
        text = self._decode(taken)
        if self._outbox.is_open:
            self._outbox.put((self._name, text))
        elif self._own is not None:
            self._own.write(text)
            self._own.flush()
        return len(taken)


def redirect(outbox: "Outbox", are_terminals: tuple[bool, bool]) -> None:
    """Forward the output of this interpreter until the outbox is closed."""
    for name, is_terminal in zip(_NAMES, are_terminals, strict=True):
        own = getattr(sys, name)
        buffer: Any = _Buffer(name, outbox, is_terminal=is_terminal)
        stream = io.TextIOWrapper(buffer, "utf-8", _ERRORS, newline="", line_buffering=True)
        setattr(sys, name, stream)
        outbox.flushers.append(partial(_flush, stream))
        outbox.closers.append(partial(_restore, name, stream, own))


def _flush(stream: "io.TextIOWrapper") -> None:
    try:
        stream.flush()
    except ValueError:
        pass  # a call has closed it


def _restore(name: str, stream: "io.TextIOWrapper", own: object) -> None:
    """Let this interpreter's own stream take the last words: of `atexit` handlers, say."""
    if getattr(sys, name, None) is stream:
        setattr(sys, name, own)
