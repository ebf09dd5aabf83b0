"""The output that the user sees: results on stdout, failures on stderr, and how many."""

import sys
from contextlib import contextmanager
from errno import EAGAIN

from interpexec.cli._close import silence_stdout
from interpexec.cli._errors import UsageError
from interpexec.cli._failures import place_of, shorten_item, summarize, traceback_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO, TextIO


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
        self._is_flushed = True
        stream.flush()  # what stands there already comes first

    def write(self, data: bytes) -> None:
        """Add `data`; large amounts are passed on at once."""
        self._is_flushed = False
        with _no_second_error():
            if self._bytes is not None:
                _write_all(self._bytes, data)
            else:  # somebody put a StringIO there
                self._stream.write(data.decode(self.encoding, "surrogateescape"))

    def flush(self) -> None:
        """Pass on what is kept here."""
        if not self._is_flushed:
            with _no_second_error():
                self._stream.flush()
            self._is_flushed = True

    def is_ready(self) -> bool:
        """Say whether something can be passed on now, as far as the system can tell."""
        import select  # for runs that are interrupted

        try:
            return bool(select.select([], [self._stream], [], 0)[1])
        except (OSError, ValueError):  # no descriptor, or Windows
            return True


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
    """Writes what became of items, and counts them."""

    def __init__(
        self, output: Output, *, traceback: bool, complain: "Callable[[str], object]"
    ) -> None:
        """traceback: show the whole of it. complain: writes to stderr."""
        self.output = output
        self._traceback = traceback
        self._complain = complain
        self.items = 0
        self.failed = 0

    def write(self, lines: list[bytes]) -> None:
        """Write the results of so many items."""
        self.output.write(b"".join(lines))
        self.items += len(lines)

    def fail(self, number: int, item: str, error: BaseException) -> None:
        """Tell of an item that has failed. number: from 1."""
        self.items += 1
        self.failed += 1
        # So that in a terminal or one file for both, the order is kept.
        self.output.flush()
        place = place_of(error)
        line = f"interpexec: item {number} ({shorten_item(item)}): {summarize(error)}"
        self._complain(f"{line} ({place})\n" if place else f"{line}\n")
        if self._traceback:
            self._complain(traceback_of(error))

    def summarize(self) -> None:
        """Say how many items failed, if any did."""
        if self.failed:
            self._complain(f"interpexec: {self.failed} of {self.items} items failed\n")


def complain(text: str) -> None:
    """Write to stderr, in one go. A closed stderr takes nothing."""
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()
