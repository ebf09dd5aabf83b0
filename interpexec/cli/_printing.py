"""The stdout of tasks: each line goes to stderr, marked with the item.

stdout is for results alone: never torn, never mixed with anything else.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

CLEAR = "\r\x1b[K"
"""Takes a line of a terminal away."""

SHOWN = 30
"""Characters of an item before a line that was printed."""


class Printing:
    """Stands for `sys.stdout` in a worker. A text stream, as far as `print` and its like go."""

    encoding = "utf-8"
    errors = "backslashreplace"
    newlines = None
    closed = False

    def __init__(self) -> None:
        self.item = ""
        """The one that runs."""
        self.unfinished = ""
        """A line without its newline."""
        self._before = ""

    def begin(self, before: str) -> None:
        """Become this interpreter's stdout. before: written before each piece."""
        self._before = before
        sys.stdout = self

    def write(self, text: str) -> int:
        """Pass whole lines on."""
        lines = (self.unfinished + text).split("\n")
        self.unfinished = lines.pop()
        self._pass_on(lines)
        return len(text)

    def writelines(self, lines: "Iterable[str]") -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Pass on what stands in an unfinished line, too."""
        if self.unfinished:
            lines, self.unfinished = [self.unfinished], ""
            self._pass_on(lines)

    def isatty(self) -> bool:
        """Say no."""
        return False

    def writable(self) -> bool:
        """Say yes."""
        return True

    def readable(self) -> bool:
        """Say no."""
        return False

    def fileno(self) -> int:
        """Return the descriptor of stderr: programs that are started write there."""
        return 2

    def _pass_on(self, lines: "list[str]") -> None:
        if not lines or sys.stderr is None:
            return
        item = self.item if len(self.item) <= SHOWN else f"{self.item[: SHOWN - 3]}..."
        label = item if item.isprintable() else repr(item)[1:-1]
        # In one piece: other workers write there, too.
        text = "".join(f"[{label}] {line}\n" for line in lines)
        sys.stderr.write(self._before + text)
        sys.stderr.flush()


printing = Printing()
"""The stdout of this interpreter."""
