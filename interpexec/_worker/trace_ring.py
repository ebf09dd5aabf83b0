"""Memory in which a worker writes the lines of a trace, and from which its pool reads them.

    head  tail  lost | the short calls that are one line so far | lines, round and round

One thread writes, in the worker, and one at a time reads, on the caller's side. The writer comes
never to wait: where the reader is so far behind that there is no room, a line is lost, and counted.
A line is there for the reader when `head` has moved behind it, which is one step.

Short calls that follow each other are one line, for as long as they do (`recorder`). Their
numbers so far stand beside `head`, so that none is missed whenever the reader comes.
"""

import struct

from interpexec._core.cpython import own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 1 << 19
"""Bytes of the lines that wait for the reader, of one worker: some 3,000 calls."""

_HEADER = 512
_HEAD_AND_COUNT = struct.Struct("=qq")
_NUMBERS = struct.Struct("=5q")
_HEAD, _COUNT, _TAIL, _LOST, _NAME_LENGTH = 0, 1, 8, 9, 10
_NAME, _LONGEST = 128, 256  # where the name of the short calls stands, and its bytes at most

type Shared = tuple[bytes, int, int, int, int, int]
"""Short calls that are no line yet: their name, their number, the id of the first one, when that
has begun, when the last one has ended, and the ns in all of them. As `trace_lines` takes it."""


class Ring:
    """The memory, as one of its two sides sees it."""

    def __init__(self, memory: memoryview) -> None:
        """memory: `total()` bytes, all 0 at first."""
        self._header = memory[:_HEADER]
        self._words = self._header.cast("q")
        self._data = memory[_HEADER:]
        self._size = len(self._data)

    # -- the writer ---------------------------------------------------------------------

    def write(self, line: bytes) -> None:
        """Write a line; no short calls are left then."""
        words = self._words
        head = words[_HEAD]
        end = head + len(line)
        if end - words[_TAIL] > self._size:
            words[_LOST] += 1
            words[_COUNT] = 0
            return
        self._copy(head % self._size, line)
        _HEAD_AND_COUNT.pack_into(self._header, 0, end, 0)

    def _copy(self, start: int, line: bytes) -> None:
        room = self._size - start
        if len(line) <= room:
            self._data[start : start + len(line)] = line
        else:
            self._data[start:] = line[:room]
            self._data[: len(line) - room] = line[room:]

    def begin_short(self, name: bytes) -> None:
        """Take the name of the short calls that follow."""
        name = name if len(name) <= _LONGEST else b'"..."'
        self._header[_NAME : _NAME + len(name)] = name
        self._words[_NAME_LENGTH] = len(name)

    def write_short(self, count: int, call_id: int, begun: int, ended: int, spent: int) -> None:
        """Write the numbers of the short calls so far: see `Shared`."""
        _NUMBERS.pack_into(self._header, 8, count, call_id, begun, ended, spent)

    def release(self) -> None:
        """Let go of the memory."""
        for view in (self._words, self._header, self._data):
            view.release()

    # -- the reader ---------------------------------------------------------------------

    @property
    def lost(self) -> int:
        """How many lines there was no room for."""
        return self._words[_LOST]

    def read(self) -> "Iterator[memoryview]":
        """Yield the lines that are there, in one part or two."""
        words, data, size = self._words, self._data, self._size
        tail, head = words[_TAIL], words[_HEAD]
        start, end = tail % size, head % size
        if tail == head:
            return
        if start < end:
            yield data[start:end]
        else:
            yield data[start:]
            yield data[:end]
        words[_TAIL] = head

    def read_short(self) -> "Shared | None":
        """Return the short calls that are no line yet."""
        numbers = _NUMBERS.unpack_from(self._header, 8)
        if not numbers[0]:
            return None
        return bytes(self._header[_NAME : _NAME + self._words[_NAME_LENGTH]]), *numbers


def total() -> int:
    """Return how many bytes a ring takes."""
    return _HEADER + SIZE
