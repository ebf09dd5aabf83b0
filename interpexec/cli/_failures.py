"""Items that have failed, told in one line, or with the traceback."""

import os
from os.path import dirname

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN_ITEM = 80
"""Characters of an item's repr that a message shows."""

SHOWN_ERROR = 1000
"""Characters of an exception's text that a message shows."""

_PACKAGE = dirname(dirname(__file__))  # noqa: PTH120  # pathlib is slow to import
_LIBRARY = dirname(os.__file__)  # noqa: PTH120  # likewise
_FRAME = '  File "'


def summarize(error: BaseException) -> str:
    """Return 'Type: text' on one line, as the last line of a traceback has it."""
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in {"builtins", "__main__"}:
        name = f"{kind.__module__}.{name}"
    try:
        text = str(error)
    except Exception:  # the user's own __str__
        text = "<its str() failed>"
    if len(text) > SHOWN_ERROR:
        text = f"{text[:SHOWN_ERROR]}..."
    if not text.isprintable():  # newlines, and what a terminal would obey
        text = repr(text)[1:-1]
    return f"{name}: {text}" if text else name


def shorten_item(item: str) -> str:
    """Return the item's repr; of a long one the beginning and the end (of a path, the name)."""
    if len(item) > 2 * SHOWN_ITEM:
        item = item[:SHOWN_ITEM] + item[-SHOWN_ITEM:]  # all that can be seen of it
    shown = repr(item)
    if len(shown) <= SHOWN_ITEM:
        return shown
    head = SHOWN_ITEM // 3
    tail = SHOWN_ITEM - head - len("...")
    return f"{shown[:head]}...{shown[-tail:]}"


def place_of(error: BaseException) -> str:
    """Return the file and the line of the user's code where it was raised, or ''."""
    place = ""
    for line in _frames(error):
        if line.startswith(_FRAME):
            path, _, rest = line.removeprefix(_FRAME).partition('", line ')
            if not path.startswith(("<", _LIBRARY)):
                place = f"{path}:{rest.partition(',')[0]}"
    return place


def traceback_of(error: BaseException) -> str:
    """Return the traceback in the worker, without the frames of this package."""
    lines = "\n".join(_frames(error))
    return f"Traceback (most recent call last):\n{lines}\n" if lines else ""


def _frames(error: BaseException) -> "Iterator[str]":
    """Yield the lines of the worker's traceback, but for this package's frames."""
    cause = error.__cause__
    if cause is None or type(cause).__name__ != "ExecutionFailed":
        return
    # The standard library's class has more before it.
    _, _, text = str(cause).rpartition("Traceback (most recent call last):\n")
    is_own = False
    for line in text.strip('"\n').splitlines():
        if line.startswith(_FRAME):
            is_own = line.startswith(_FRAME + _PACKAGE)
        elif not line.startswith("    "):
            is_own = False
        if not is_own:
            yield line
