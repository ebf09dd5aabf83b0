"""Source files are highlighted as HTML with pygments: paths are sent, pages come back."""

import sysconfig
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

FOLDERS = "asyncio", "email"
FILES = 24
LARGEST = 40_000
"""Bytes: a longer file would be most of the work alone."""


def page(path: str) -> str:
    """Return a file as HTML."""
    return highlight(Path(path).read_text(encoding="utf-8"), PythonLexer(), HtmlFormatter())


def paths(scale: float, _number: int) -> list[str]:
    """Return files of the standard library."""
    library = Path(sysconfig.get_path("stdlib"))
    found = [path for folder in FOLDERS for path in sorted((library / folder).glob("*.py"))]
    short = [str(path) for path in found if 1000 < path.stat().st_size < LARGEST]
    return short[: round(FILES * scale)]
