"""Where the items come from: the command line, a file, standard input.

Reading has a thread of its own, because a read from a pipe or a terminal may
block for ever while results come in. It hands over blocks: all items that one
read brought, so that a line typed now is an item now. It reads ahead by
`AHEAD` blocks and then waits until `used_up` is called; that bounds the memory
on endless input.

Items are str, decoded as file names are on this system, with surrogateescape:
bytes that have no meaning in that encoding survive, and so do file names.
"""

import os
import sys
from stat import S_ISREG
from threading import Semaphore, Thread

from interpexec.cli._errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from io import FileIO

BLOCK = 1 << 18
"""Bytes per read. A pipe brings less at a time (64 KiB on Linux). A quarter of
that made a run over a file of a million paths a third slower, four times as much
brought nothing. A chunk is never larger than `AHEAD` blocks, so this also bounds
what is in flight."""

AHEAD = 3
"""Blocks between the reading thread and the workers: one is being taken apart
while the next is read. One more, as a slow writer makes small blocks."""


class EndOfItems:
    """Follows the last block; `error` says why reading stopped early, if it did."""

    __slots__ = ("error",)

    def __init__(self, error: OSError | None = None) -> None:
        self.error = error


class Source:
    """Blocks of items, and whether getting the next one may take for ever."""

    __slots__ = ("blocks", "may_block")

    def __init__(self, blocks: "Generator[list[str]]", *, may_block: bool) -> None:
        self.blocks = blocks
        self.may_block = may_block


class Reader:
    """The reading thread: calls `deliver` with each block and then with EndOfItems."""

    def __init__(self, source: Source, deliver: "Callable[[list[str] | EndOfItems], None]") -> None:
        self._source = source
        self._deliver = deliver
        self._room = Semaphore(AHEAD)
        self._stopped = False
        # A daemon: a read that blocks for ever must not keep the process alive.
        self._thread = Thread(target=self._read, name="interpexec-reader", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def used_up(self) -> None:
        """Allow one more block, as one has been taken. Any thread may call it."""
        self._room.release()

    def stop(self) -> None:
        """End the thread, waiting for it, unless it may be in a read that blocks."""
        self._stopped = True
        self._room.release()
        if not self._source.may_block:
            self._thread.join()

    def _read(self) -> None:
        try:
            while self._room.acquire() and not self._stopped:
                block = next(self._source.blocks, None)
                if block is None:
                    self._deliver(EndOfItems())
                    break
                self._deliver(block)
        except OSError as error:
            self._deliver(EndOfItems(error))
        finally:
            self._source.blocks.close()  # closes the file when stopped halfway


def from_arguments(arguments: "Sequence[str]") -> Source:
    """Take what stands behind `:::`."""
    items = list(arguments)
    return Source((block for block in [items] if block), may_block=False)


def from_file(path: str, separator: bytes) -> Source:
    """Read `path` ('-' is standard input); raise UsageError if it cannot be opened."""
    try:
        file = _open_stdin() if path == "-" else open(path, "rb", buffering=0)  # noqa: SIM115, PTH123  # the reader closes it; pathlib is slow to import
    except (OSError, ValueError) as error:
        message = f"cannot read the items: {error}"
        raise UsageError(message) from error
    # Anything but a regular file may make its reader wait.
    may_block = not _is_regular(file)
    return Source(split(file, separator), may_block=may_block)


def _open_stdin() -> "FileIO":
    if sys.stdin is None:
        message = "standard input is closed"
        raise UsageError(message)
    return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)


def _is_regular(file: "FileIO") -> bool:
    return S_ISREG(os.fstat(file.fileno()).st_mode)


def split(file: "FileIO", separator: bytes) -> "Generator[list[str]]":
    """Yield the items that each read completes; close `file` at the end.

    Every item ends at a separator, but the last one need not. A read returns what
    is there, and only blocks if there is nothing.
    """
    with file:
        unfinished: list[bytes] = []
        while data := _read_some(file):
            head, found, tail = data.rpartition(separator)
            if not found:
                unfinished.append(data)
                continue
            yield _decode(b"".join((*unfinished, head)), separator)
            unfinished = [tail] if tail else []
        if unfinished:
            yield _decode(b"".join(unfinished), separator)


def _decode(data: bytes, separator: bytes) -> list[str]:
    if separator == b"\n" and os.linesep == "\r\n":
        data = data.replace(b"\r\n", b"\n").removesuffix(b"\r")
    text = data.decode(sys.getfilesystemencoding(), "surrogateescape")
    return text.split(separator.decode())


def _read_some(file: "FileIO") -> bytes:
    """Return what a read brings, b'' at the end; wait for it on any kind of file."""
    while (data := file.read(BLOCK)) is None:
        # Somebody who shares the terminal or the pipe made it non-blocking.
        from select import select  # seldom needed

        select([file], [], [])
    return data
