"""Where the items come from: the command line, files, standard input.

    files --split--> blocks of texts --csv, batches--> blocks of items --Reader--> feed

Reading has a thread of its own, because a read from a pipe or a terminal may block for ever
while results come in. A block is all items that one read brought, so that a line typed now is an
item now. The feed blocks that thread while as many bytes are in flight as may be.

Items are str, decoded as file names are on this system, with surrogateescape:
bytes that have no meaning in that encoding survive, and so do file names.
"""

import os
import sys
from stat import S_ISREG
from threading import Thread

from interpexec.cli._errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from io import FileIO

    type Blocks = Iterator[list[str]]

BLOCK = 1 << 18
"""Bytes per read. A pipe brings less at a time (64 KiB on Linux). A quarter of
that made a run over a file of a million paths a third slower, four times as much
brought nothing."""

MOST_BYTES = 3 * BLOCK
"""Bytes in flight: one block is being taken apart while the next is read, and one waits."""


class Source:
    """Blocks of items, and whether getting the next one may take for ever."""

    __slots__ = ("blocks", "may_block")

    def __init__(self, blocks: "Blocks", *, may_block: bool) -> None:
        self.blocks = blocks
        self.may_block = may_block


class Reader:
    """The reading thread: calls `deliver` with each block, and then `end`."""

    def __init__(
        self,
        source: Source,
        deliver: "Callable[[list[str]], object]",
        end: "Callable[[], object]",
    ) -> None:
        """deliver: blocks while there is no room; raises RuntimeError when no more is wanted."""
        self._source = source
        self._deliver = deliver
        self._end = end
        self.error: OSError | ValueError | None = None
        """Why reading has ended early, if it has."""
        self.count = 0
        """How many items have been delivered."""
        self.is_over = False
        # A daemon: a read that blocks for ever must not keep the process alive.
        self._thread = Thread(target=self._read, name="interpexec-reader", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of the thread, unless it may be in a read that blocks.

        Nothing must be wanted from it any more.
        """
        if not self._source.may_block:
            self._thread.join()

    def _read(self) -> None:
        blocks = self._source.blocks
        try:
            for block in blocks:
                self._deliver(block)
                self.count += len(block)
        except (OSError, ValueError) as error:  # ValueError: the items are not what they should be
            self.error = error
        except RuntimeError:
            pass  # nobody wants more
        finally:
            if hasattr(blocks, "close"):  # it is a generator, with an open file
                blocks.close()
            self.is_over = True
            self._end()


def from_arguments(arguments: "Sequence[str]") -> Source:
    """Take what stands behind `:::`."""
    items = list(arguments)
    return Source((block for block in [items] if block), may_block=False)


def from_files(paths: "Sequence[str]", separator: bytes) -> Source:
    """Read some files, one after another ('-' is standard input).

    Raises UsageError if one cannot be opened.
    """
    files = [_open(path) for path in paths]
    # Anything but a regular file may make its reader wait.
    may_block = not all(map(_is_regular, files))
    return Source(_all(files, separator), may_block=may_block)


def _all(files: "Iterable[FileIO]", separator: bytes) -> "Generator[list[str]]":
    for file in files:
        yield from split(file, separator)


def _open(path: str) -> "FileIO":
    try:
        return _open_stdin() if path == "-" else open(path, "rb", buffering=0)  # noqa: PTH123  # the reader closes it; pathlib is slow to import
    except (OSError, ValueError) as error:
        message = f"cannot read the items: {error}"
        raise UsageError(message) from error


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
    is there, and only blocks if there is nothing. A byte order mark at the beginning is no part
    of the first item.
    """
    with file:
        unfinished: list[bytes] = []
        data = _read_some(file).removeprefix(b"\xef\xbb\xbf")
        while data:
            head, found, tail = data.rpartition(separator)
            if found:
                yield _decode(b"".join((*unfinished, head)), separator)
                unfinished = [tail] if tail else []
            else:
                unfinished.append(data)
                if len(separator) > 1:  # it may be in two parts
                    unfinished = [b"".join(unfinished)]
                    if separator in unfinished[0]:
                        data = unfinished.pop()
                        continue
            data = _read_some(file)
        if unfinished:
            yield _decode(b"".join(unfinished), separator)


def _decode(data: bytes, separator: bytes) -> list[str]:
    if separator == b"\n" and os.linesep == "\r\n":
        data = data.replace(b"\r\n", b"\n").removesuffix(b"\r")
    encoding = sys.getfilesystemencoding()
    text = data.decode(encoding, "surrogateescape")
    return text.split(separator.decode(encoding, "surrogateescape"))


def _read_some(file: "FileIO") -> bytes:
    """Return what a read brings, b'' at the end; wait for it on any kind of file."""
    while (data := file.read(BLOCK)) is None:
        # Somebody who shares the terminal or the pipe made it non-blocking.
        from select import select  # seldom needed

        select([file], [], [])
    return data
