"""Whether a module can be imported in a worker: tried in a process of its own.

An import may crash the interpreter, end the process, or never come back: each of these is a result.
"""

import json
import os
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    type Status = Literal["loads", "refuses", "fails", "missing", "crashes", "hangs"]

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
print(json.dumps([type(error).__name__, getattr(error, "name", None), str(error)]), file=stdout)
"""

_REFUSAL = "does not support loading in subinterpreters"


class Finding:
    """The result of one module."""

    __slots__ = ("detail", "extension", "name", "status")

    def __init__(
        self, name: str, status: "Status", detail: str = "", extension: str | None = None
    ) -> None:
        """detail: the reason, in a line. extension: the module that refuses."""
        self.name = name
        self.status = status
        self.detail = detail
        self.extension = extension

    @property
    def is_fine(self) -> bool:
        """Whether workers can use the module."""
        return self.status == "loads"


def probe(name: str, limit: float = LIMIT) -> Finding:
    """Import a module in a worker of a child process, and tell what has come of it."""
    try:
        done = subprocess.run(  # noqa: S603  # this Python, and a program of ours
            [sys.executable, "-c", _PROGRAM, name, json.dumps(sys.path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    except subprocess.TimeoutExpired:
        return Finding(name, "hangs", f"it took more than {limit:g} s")
    try:
        kind, missing, text = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return Finding(name, "crashes", _ending(done.returncode, done.stderr))
    return _judged(name, kind, missing, text)


def _judged(name: str, kind: str, missing: str | None, text: str) -> Finding:
    if kind == "NoneType":
        return Finding(name, "loads")
    first = text.partition("\n")[0]
    if _REFUSAL in text:
        extension = first.removeprefix("module ").partition(" ")[0]
        return Finding(name, "refuses", first, extension)
    is_missing = kind == "ModuleNotFoundError" and missing == name.partition(".")[0]
    return Finding(name, "missing" if is_missing else "fails", f"{kind}: {first}")


def _ending(code: int, stderr: bytes) -> str:
    """Say how a child process has ended."""
    if code < 0:
        from signal import Signals  # only here

        return f"the process was ended by {Signals(-code).name}"
    lines = stderr.decode(errors="replace").strip().splitlines()
    return f"the process has ended with {code}" + (f": {lines[-1]}" if lines else "")
