"""The output that the user sees: results on stdout, failures on stderr, and how many."""

import sys
from contextlib import contextmanager
from errno import EAGAIN

from interpexec.cli._close import silence_stdout
from interpexec.cli._errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO, TextIO

    from interpexec.cli._evaluate import Failure, Reply


class Output:
    """Standard output as a place for bytes, which are kept until `flush`.

    Both methods raise BrokenPipeError if the reader has gone, and UsageError if
    writing fails otherwise; bytes that are kept then go nowhere.
    """

    def __init__(self, stream: "TextIO | None") -> None:
        """Raise UsageError if there is none."""
        if stream is None:
            raise UsageError("cannot write the results: standard output is closed")
        self._stream = stream
        self._bytes = getattr(stream, "buffer", None)
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.flush()  # what stands there already comes first

    def write(self, data: bytes) -> None:
        """Add `data`; large amounts are passed on at once."""
        with _no_second_error():
            if self._bytes is not None:
                _write_all(self._bytes, data)
            else:  # somebody put a StringIO there
                self._stream.write(data.decode(self.encoding, "surrogateescape"))

    def flush(self) -> None:
        """Pass on what is kept here."""
        with _no_second_error():
            self._stream.flush()


@contextmanager
def _no_second_error() -> "Iterator[None]":
    """Let a failure to write be told once, not again by every buffer that is left."""
    try:
        yield
    except BrokenPipeError:
        silence_stdout()
        raise
    except OSError as error:
        silence_stdout()
        message = f"cannot write the results: {error}"
        raise UsageError(message) from error


def _write_all(stream: "BinaryIO", data: bytes) -> None:
    """Write `data`, also where stdout is unbuffered (`python -u`) and takes some of it."""
    rest = memoryview(data)
    while rest:
        written = stream.write(rest)
        if written is None:  # what an unbuffered stream says
            raise BlockingIOError(EAGAIN, "standard output does not block")
        rest = rest[written:]


class Report:
    """Writes replies out and counts their items."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.items = 0
        self.failed = 0

    def write(self, start: int, reply: "Reply") -> None:
        """Write the results and the failures of the items from `start` (0 is the first) on."""
        self._output.write(reply.lines)
        self.items += reply.done
        self.failed += len(reply.failures)
        if reply.failures:
            # So that in a terminal or one file for both, the order is kept.
            self._output.flush()
            complain("".join(_tell(start, failure) for failure in reply.failures))

    def flush(self) -> None:
        """Let everything written so far be seen."""
        self._output.flush()

    def summarize(self) -> None:
        """Say how many items failed, if any did."""
        if self.failed:
            complain(f"interpexec: {self.failed} of {self.items} items failed\n")


def complain(text: str) -> None:
    """Write to stderr, in one go. A closed stderr takes nothing."""
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()


def _tell(start: int, failure: "Failure") -> str:
    number = start + failure.index + 1
    line = f"interpexec: item {number} ({failure.item}): {failure.summary}\n"
    return line + failure.traceback
