"""The project's documents, for the tests that compare them with what they tell."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

in_a_checkout = pytest.mark.skipif(not (ROOT / "interpexec").exists(), reason="no checkout")
"""For tests of what only a checkout has beside its tests."""


def document(name: str) -> str:
    """Return the text of a document; skip the module's tests where there are only tests."""
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"there is no {name} beside the tests", allow_module_level=True)
    return path.read_text()


_PROGRAM = re.compile(
    r"^#{2,3} (?P<title>.+?)$|^```python\n(?P<program>.*?)^```$"
    r"(?:\n+^```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


def programs_of(text: str) -> Iterator[tuple[str, str, str | None]]:
    """Yield the heading above each program of a page, the program, and the output below it."""
    title = ""
    for found in _PROGRAM.finditer(text):
        title = found["title"] or title
        if found["program"]:
            yield title, found["program"], found["output"]
