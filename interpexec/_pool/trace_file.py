"""The file of a trace: lines of workers and of the pool itself, in the trace-event format.

It is a JSON array with an event on each line. All lines are handed to the system at once, so that
a program that is killed leaves all lines until then; only the bracket at the end is missing, which
the format allows.
"""

import os
from io import FileIO
from time import monotonic_ns

from interpexec._core.sigint import keep_whole
from interpexec._worker.trace_lines import Lines, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

keep_whole()

_MOST_LINES = 10_000
"""How many lines of the pool's own wait to be written at most; others are lost, and counted."""

_ROW = 0
"""The row of the pool itself: workers have their numbers, from 1 on."""


class TraceFile:
    """An open file, and the lines that are to be written next. From any thread, but `write`."""

    def __init__(self, path: str, name: str) -> None:
        """Make the file. name: of the pool. Raises OSError."""
        self._file = FileIO(path, "wb")
        self.pid = os.getpid()
        self.epoch = monotonic_ns()
        self._lines: list[bytes] = [b"[\n"]
        self.lost = 0
        """How many lines there was no room for."""
        self.error: OSError | None = None
        """Why nothing is written any more: the disk is full."""
        self._meta("process_name", _ROW, name=f"interpexec: {name}")
        self.name_row(_ROW, "pool", -1)

    # -- lines of the pool ----------------------------------------------------------------

    def name_row(self, row: int, name: str, place: int) -> None:
        """Give a row its name, and its place among the others."""
        self._meta("thread_name", row, name=name)
        self._meta("thread_sort_index", row, sort_index=place)

    def _meta(self, what: str, row: int, **arguments: object) -> None:
        self._add(f'{{"ph":"M","name":"{what}","pid":{self.pid},"tid":{row},"args":', arguments)

    def note(self, row: int, text: str, **arguments: object) -> None:
        """Note something that happens now, on a row."""
        head = (
            f'{{"ph":"i","s":"t","cat":"worker","name":{_text(text)},"pid":{self.pid},"tid":{row},'
        )
        self._add(f'{head}"ts":{self._now()},"args":', arguments)

    def count(self, name: str, **numbers: int) -> None:
        """Note how many there are now: a counter."""
        head = f'{{"ph":"C","name":"{name}","pid":{self.pid},"tid":{_ROW},"ts":{self._now()}'
        self._add(f'{head},"args":', numbers)

    def span(self, row: int, kind: str, text: str, begun: int, **arguments: object) -> None:
        """Note something that has taken from then until now. begun: ns of the monotonic clock."""
        told = _json(arguments)[1:-1].encode()
        lines = Lines(self.pid, row, self.epoch)
        self._append(lines.slice(kind.encode(), quoted(text), begun, monotonic_ns(), told))

    def _now(self) -> str:
        return f"{(monotonic_ns() - self.epoch) / 1e3:.3f}"

    def _add(self, head: str, arguments: "dict[str, object] | dict[str, int]") -> None:
        self._append(f"{head}{_json(arguments)}}},\n".encode())

    def _append(self, line: bytes) -> None:
        if len(self._lines) < _MOST_LINES:
            self._lines.append(line)
        else:
            self.lost += 1

    # -- writing ----------------------------------------------------------------------------

    def write(self, parts: "Iterable[bytes | memoryview]") -> None:
        """Write all lines, and then the given ones. By one thread at a time."""
        lines, self._lines = self._lines, []
        self._put(b"".join(lines))
        for part in parts:
            self._put(part)

    def _put(self, data: "bytes | memoryview") -> None:
        view = memoryview(data)
        while view and self.error is None and os.getpid() == self.pid:  # not in a forked child
            try:
                view = view[self._file.write(view) :]
            except OSError as error:
                self.error = error

    def close(self) -> None:
        """End the array, and close the file."""
        self.note(_ROW, "end of the trace", lost=self.lost)
        self.write(())
        # The last line has no comma.
        end = (
            b'{"ph":"M","name":"process_sort_index","pid":%d,"tid":0,"args":{"sort_index":0}}\n]\n'
        )
        self._put(end % self.pid)
        self._file.close()


def _text(text: str) -> str:
    return quoted(text).decode()


def _json(arguments: "dict[str, object] | dict[str, int]") -> str:
    """Return numbers and texts as JSON has them."""
    parts = (
        f'"{key}":{value if isinstance(value, int) else _text(str(value))}'
        for key, value in arguments.items()
    )
    return f"{{{','.join(parts)}}}"
