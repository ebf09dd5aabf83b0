"""The progress of a map for a person: a line on a terminal, or a widget in a notebook.

1,204/5,000 done, 3 failed, 512/s, 0:07 left
"""

import os
import sys
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol, TextIO

    class Display(Protocol):
        """Shows numbers to a person."""

        def show(self, done: int, failed: int, total: int | None) -> None:
            """Show the newest ones."""

        def end(self) -> None:
            """Show nothing more."""


_INTERVAL = 0.1
"""Seconds between two lines, at least: a person reads no more, and a terminal is slow."""

_WIDTH = 80  # of a terminal that does not tell


def display(stream: "TextIO | None", total: int | None) -> "Display | None":
    """Return what shows the progress to the person who looks; None where there is none.

    stream: the standard error output. total: how many items there are, if that is known.
    """
    if _is_notebook():
        try:
            from tqdm.notebook import tqdm
        except ImportError:  # not installed: nothing is shown
            return None
        try:
            return Widget(tqdm(total=total, unit="item"))
        except ImportError:  # tqdm's own, where there is no ipywidgets
            return None
    try:
        return Line(stream) if stream is not None and stream.isatty() else None
    except ValueError:  # it is closed
        return None


def _is_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


class Line:
    """A line that is written again and again."""

    def __init__(self, stream: "TextIO") -> None:
        """stream: a terminal."""
        self._stream = stream
        self._begun = monotonic()
        self._shown = -_INTERVAL
        self._length = 0
        self._last: tuple[int, int, int | None] | None = None

    def show(self, done: int, failed: int, total: int | None) -> None:
        """Write the numbers, if the last ones were not written just now."""
        self._last = done, failed, total
        now = monotonic()
        if now - self._begun >= _INTERVAL and now - self._shown >= _INTERVAL:
            self._shown = now
            self._write(self._text(now))

    def end(self) -> None:
        """Write the last numbers, and go to the next line."""
        if self._last is not None:
            self._write(self._text(monotonic(), is_last=True), end="\n")

    def _text(self, now: float, *, is_last: bool = False) -> str:
        assert self._last is not None
        done, failed, total = self._last
        seconds = now - self._begun
        rate = done / seconds if seconds else 0.0
        parts = [f"{done:,} done" if total is None else f"{done:,}/{total:,} done"]
        if failed:
            parts.append(f"{failed:,} failed")
        if rate:
            parts.append(f"{rate:,.0f}/s" if rate >= 1 else f"{1 / rate:.1f} s each")
        if is_last:
            parts.append(_clock(seconds))
        elif rate and total is not None:
            parts.append(f"{_clock((total - done) / rate)} left")
        return ", ".join(parts)

    def _write(self, text: str, end: str = "") -> None:
        """Write a text over the one that was written before."""
        text = text[: self._width() - 1]
        blanks = " " * (self._length - len(text))
        self._length = len(text)
        try:
            self._stream.write(f"\r{text}{blanks}{end}")
            self._stream.flush()
        except (OSError, ValueError):  # the terminal is gone
            self._last, self._shown = None, float("inf")

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _WIDTH
        except (OSError, ValueError):
            return _WIDTH


def _clock(seconds: float) -> str:
    """Return a time as a clock shows it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Widget:
    """A bar of tqdm's, in a notebook."""

    def __init__(self, bar: "Any") -> None:
        self._bar = bar
        self._failed = 0

    def show(self, done: int, failed: int, total: int | None) -> None:
        """Move the bar. It is drawn as often as tqdm finds right."""
        if total is not None and total != self._bar.total:
            self._bar.reset(total)  # to none done
        if failed != self._failed:
            self._failed = failed
            self._bar.set_postfix(failed=failed, refresh=False)
        self._bar.update(done - self._bar.n)

    def end(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()
