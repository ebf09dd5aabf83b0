"""Render pages of Markdown: a map whose results come in order."""

import sysconfig
from pathlib import Path

import markdown
import mistune
from comparing import compare

LIBRARY = Path(sysconfig.get_path("stdlib"))


def page(path):
    """Make a page of a module: its text as prose, and as a block of code."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return f"# {path.name}\n\n{text[:20_000]}\n\n```python\n{text[:5_000]}\n```\n"


def render(text):
    return markdown.markdown(text, extensions=["fenced_code", "tables"]), mistune.html(text)


pages = [page(path) for path in sorted(LIBRARY.glob("[a-e]*.py"))]
compare(
    f"{len(pages)} pages of Markdown",
    lambda: [render(text) for text in pages],
    lambda pool: list(pool.map(render, pages)),
)
