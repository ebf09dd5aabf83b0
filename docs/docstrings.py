"""The docstrings of this package as reStructuredText.

They are plain text: a paragraph `name: its meaning` describes an argument, an indented paragraph
is shown as it is, and the rest is prose.
"""

import re
from collections.abc import Iterator

_ARGUMENT = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*): ")


def process(
    _app: object, _what: str, _name: str, _obj: object, _opts: object, lines: list[str]
) -> None:
    """Rewrite the lines of a docstring in place: a hook of `sphinx.ext.autodoc`."""
    text = "\n".join(lines).strip("\n")
    paragraphs = re.split(r"\n{2,}", text)
    lines[:] = [line for each in paragraphs for line in (*rewritten(each.split("\n")), "")]


def rewritten(paragraph: list[str]) -> Iterator[str]:
    """Yield the lines of a paragraph as reStructuredText."""
    if paragraph[0].startswith((" ", "|")):
        yield from ("::", "", *(f"    {line}" for line in paragraph))
    elif _is_list_of_arguments(paragraph):
        yield from (
            _ARGUMENT.sub(r":\1: ", line) if not line.startswith(" ") else line
            for line in paragraph
        )
    else:
        yield from paragraph


def _is_list_of_arguments(paragraph: list[str]) -> bool:
    """Say whether each line begins the description of an argument, or goes on with one."""
    return all(line.startswith(" ") or _ARGUMENT.match(line) for line in paragraph)
