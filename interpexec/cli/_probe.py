"""Whether a module can be imported in a worker: tried in a process of its own.

An import may crash the interpreter, end the process, or never come back: each of these is a result.
"""

import json
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from interpexec.cli._children import Children

    type Status = Literal["loads", "partly", "refuses", "fails", "missing", "crashes", "hangs"]

LIMIT = 60.0
"""Seconds for one module. Large ones take some."""

_PROGRAM = """
import json, sys
from interpexec import InterpreterPoolExecutor
name = sys.argv[1]
sys.path[:] = json.loads(sys.argv[2])
stdout, sys.stdout = sys.stdout, sys.stderr
with InterpreterPoolExecutor(1) as pool:
    error = pool.submit(__import__, name).exception()
refused = list(pool.refused_imports())
told = [type(error).__name__, getattr(error, "name", None), str(error), refused]
print(json.dumps(told), file=stdout)
"""

_REFUSAL = "does not support loading in subinterpreters"


class Finding:
    """The result of one module."""

    __slots__ = ("detail", "extension", "name", "refused", "status")

    def __init__(
        self,
        name: str,
        status: "Status",
        detail: str = "",
        extension: str | None = None,
        refused: "Sequence[str]" = (),
    ) -> None:
        """Hold what has come of an import.

        detail: the reason, in a line. extension: the module for which it has failed.
        refused: all extension modules that could not be loaded.
        """
        self.name = name
        self.status = status
        self.detail = detail
        self.extension = extension
        self.refused = refused

    @property
    def is_fine(self) -> bool:
        """Whether workers can import the module."""
        return self.status in {"loads", "partly"}


def probe(name: str, limit: float, children: "Children") -> Finding:
    """Import a module in a worker of a child process, and tell what has come of it."""
    try:
        done = children.run(_PROGRAM, name, json.dumps(sys.path), limit=limit)
    except TimeoutError as error:
        return Finding(name, "hangs", str(error))
    try:
        kind, missing, text, refused = json.loads(done.out.splitlines()[-1])
    except (IndexError, ValueError):
        return Finding(name, "crashes", done.told())
    if kind == "NoneType":
        return _loaded(name, refused)
    return _judged(name, kind, missing, text)


def _loaded(name: str, refused: "Sequence[str]") -> Finding:
    if not refused:
        return Finding(name, "loads")
    told = f"without {', '.join(refused)}: it may be slower, or lack something"
    return Finding(name, "partly", told, refused=refused)


def _judged(name: str, kind: str, missing: str | None, text: str) -> Finding:
    first = text.partition("\n")[0]
    if _REFUSAL in text:
        extension = first.removeprefix("module ").partition(" ")[0]
        return Finding(name, "refuses", first, extension, [extension])
    is_missing = kind == "ModuleNotFoundError" and missing == name.partition(".")[0]
    return Finding(name, "missing" if is_missing else "fails", f"{kind}: {first}")
