"""Pages to render: work for a server's workers, of bytecode and nothing else.

Workers import this module by name.
"""

import re

PARAGRAPHS = 600
"""As many as take some 10 ms."""

_MARKS = re.compile(r"(\*\*|\*|`)(.+?)\1")
_LINK = re.compile(r"\[(.+?)\]\((.+?)\)")
_TAGS = {"**": "strong", "*": "em", "`": "code"}
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}

PARAGRAPH = """\
## Section {number}: of *eggs* & `spam`

A paragraph with **strong words**, `code < {number}`, and a [link](page/{number}); it goes on
over lines, with some *emphasis* & "quotes".

- the first item of **list {number}**
- the second one, with a [link](https://example.org/{number}?a=b&c=d)
"""


def page(paragraphs: int = PARAGRAPHS) -> str:
    """Return the text of a page."""
    return "\n".join(PARAGRAPH.format(number=number) for number in range(paragraphs))


def render(text: str) -> str:
    """Return a page as HTML, of a small part of Markdown."""
    # (Not in a generator expression: the stdlib's class would miss the global in it, and send the
    # code of this function without its module.)
    return "\n".join(map(_block, filter(str.strip, text.split("\n\n"))))


def _block(block: str) -> str:
    """Return a heading, a list or a paragraph."""
    if block.startswith("#"):
        marks, _, words = block.partition(" ")
        return f"<h{len(marks)}>{_inline(words)}</h{len(marks)}>"
    if block.startswith("- "):
        items = (f"<li>{_inline(line[2:])}</li>" for line in block.splitlines())
        return f"<ul>{''.join(items)}</ul>"
    return f"<p>{_inline(' '.join(block.split()))}</p>"


def _inline(words: str) -> str:
    """Return words with their marks as tags."""
    escaped = "".join(_ESCAPES.get(character, character) for character in words)
    marked = _MARKS.sub(lambda match: _tagged(_TAGS[match[1]], match[2]), escaped)
    return _LINK.sub(r'<a href="\2">\1</a>', marked)


def _tagged(tag: str, words: str) -> str:
    return f"<{tag}>{words}</{tag}>"
