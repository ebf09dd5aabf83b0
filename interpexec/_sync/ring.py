r"""Messages in a file that is mapped: the first one in is the first one out.

    the ring      … | length message | length message |  …        wrapped
                    ^ head                            ^ tail

The ring grows when it is full, and shrinks to its first size when it was emptied. One thread
at a time may use it: see `monitor`, the first three of whose words belong to the ring.

Writing one word puts a message in, or takes it out, and is the last thing to be done: head
and tail hold both a number of messages and a place. So an exception in between, Ctrl-C say,
leaves the ring as it was before, or as it is after.
"""

import mmap
import os

from interpexec._core.sigint import keep_whole
from interpexec.buffers import map_file

keep_whole()

_GRAIN = mmap.ALLOCATIONGRANULARITY

SMALLEST = _GRAIN
"""The size of an empty one, in bytes."""

# The words. Head and tail: the number of messages so far << _HALF, and a place in the
# ring, in units of 8 bytes. The size is in bytes.
_HEAD, _TAIL, _SIZE = range(3)

_HALF = 32  # bits
_MASK = (1 << _HALF) - 1
_ONE = 1 << _HALF
_ALL = (1 << 64) - 1

_LARGEST = _MASK << 3  # bytes: 32 GiB, in which no 2**32 messages have room

_HEADER = 8  # bytes: the length of a message
_WRAP = _ALL  # in place of a length: go on at the beginning


class Ring:
    """A ring, as one of its holders reaches it."""

    __slots__ = ("_base", "_bytes", "_fd", "_lengths", "_size", "_words")

    def __init__(self, fd: int, base: int, words: memoryview) -> None:
        """Use a ring: in a file, from a byte on, and its words. The caller owns the file."""
        self._fd = fd
        self._base = -(-base // _GRAIN) * _GRAIN
        self._words = words
        self._bytes: mmap.mmap | None = None
        self._size = 0  # as it is mapped here

    def make(self) -> None:
        """Give the ring its first size: once, before any holder uses it."""
        self._resize(SMALLEST)

    def count(self) -> int:
        """Return how many messages there are. Also while another thread uses the ring."""
        words = self._words
        while True:
            head = words[_HEAD]
            count = (words[_TAIL] >> _HALF) - (head >> _HALF) & _MASK
            if words[_HEAD] == head:
                return count

    def push(self, message: bytes) -> None:
        """Put a message behind the last one. Raises MemoryError or OSError."""
        words = self._words
        length = len(message)
        size = _HEADER + length + -length % _HEADER
        while (place := self._place_for(size)) is None:
            self._resize(2 * max(words[_SIZE], -(-size // _GRAIN) * _GRAIN))
        data = self._mapped()
        start = place + _HEADER
        self._lengths[place >> 3] = length
        data[start : start + length] = message
        words[_TAIL] = (words[_TAIL] & ~_MASK) + _ONE & _ALL | place + size >> 3

    def pop(self) -> bytes:
        """Take the first message, which is there."""
        words = self._words
        message, place = self._read((words[_HEAD] & _MASK) << 3)
        words[_HEAD] = (words[_HEAD] & ~_MASK) + _ONE & _ALL | place >> 3
        if words[_SIZE] > SMALLEST and not self.count():
            try:
                self._resize(SMALLEST)
            except (OSError, MemoryError):
                pass  # it stays as large as it is: the message is taken already
        return message

    def unmap(self) -> None:
        """Unmap the memory; the ring stays as it is."""
        mapping, self._bytes = self._bytes, None
        if mapping is not None:
            self._lengths.release()
            mapping.close()

    def _place_for(self, size: int) -> int | None:
        """Return a place where so many bytes are free; None if there is none."""
        words = self._words
        head, tail = (words[_HEAD] & _MASK) << 3, (words[_TAIL] & _MASK) << 3
        end = words[_SIZE]
        if tail <= head and self.count():
            return tail if size <= head - tail else None
        if size <= end - tail:
            return tail
        if size > head or not self.count():
            return None
        if tail < end:
            self._mapped()
            self._lengths[tail >> 3] = _WRAP
        return 0

    def _read(self, place: int) -> tuple[bytes, int]:
        """Read the message at a place; return it, and the place behind it."""
        data = self._mapped()
        if place == self._size or self._lengths[place >> 3] == _WRAP:
            place = 0
        length = self._lengths[place >> 3]
        start = place + _HEADER
        return data[start : start + length], start + length + -length % _HEADER

    def _resize(self, size: int) -> None:
        """Give the ring another size. Its messages are moved behind their old places.

        The three words are written with nothing in between.
        """
        words = self._words
        if size > _LARGEST:
            raise MemoryError("there is no room for more messages")
        start, messages = (words[_HEAD] & _MASK) << 3, []
        for _ in range(self.count()):
            message, start = self._read(start)
            messages.append(message)
        start = place = words[_SIZE] if messages else 0
        grown = os.fstat(self._fd).st_size < self._base + size
        if grown:
            os.ftruncate(self._fd, self._base + size)
        data = self._map(size)
        for message in messages:
            length = len(message)
            self._lengths[place >> 3] = length
            data[place + _HEADER : place + _HEADER + length] = message
            place += _HEADER + length + -length % _HEADER
        head, tail = words[_HEAD] & ~_MASK | start >> 3, words[_TAIL] & ~_MASK | place >> 3
        words[_SIZE] = size
        words[_TAIL] = tail
        words[_HEAD] = head
        if not grown:
            os.ftruncate(self._fd, self._base + size)

    def _map(self, size: int) -> mmap.mmap:
        self.unmap()
        mapping = map_file(self._fd, size, self._base)
        lengths = memoryview(mapping).cast("Q")
        self._lengths, self._size, self._bytes = lengths, size, mapping
        return mapping

    def _mapped(self) -> mmap.mmap:
        """Return the memory, mapped as it is now."""
        size = self._words[_SIZE]
        return self._map(size) if self._bytes is None or self._size != size else self._bytes
