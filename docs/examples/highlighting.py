"""Highlight source code as HTML with pygments: results as they come, in a dict."""

import sysconfig
from pathlib import Path

from comparing import compare
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

PATHS = [str(path) for path in sorted(Path(sysconfig.get_path("stdlib"), "asyncio").glob("*.py"))]
PATHS += [str(path) for path in sorted(Path(sysconfig.get_path("stdlib"), "email").glob("*.py"))]


def to_html(path):
    text = Path(path).read_text(encoding="utf-8")
    return path, highlight(text, PythonLexer(), HtmlFormatter())


compare(
    f"{len(PATHS)} files highlighted",
    lambda: dict(map(to_html, PATHS)),
    lambda pool: dict(pool.imap_unordered(to_html, PATHS)),
)
