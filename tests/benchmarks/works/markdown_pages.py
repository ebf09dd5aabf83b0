"""Pages of Markdown are rendered as HTML: texts are sent and come back."""

import sysconfig
from pathlib import Path

import markdown

PAGES = 80


def rendered(text: str) -> str:
    """Return a page as HTML."""
    return markdown.markdown(text, extensions=["fenced_code", "tables"])


def pages(scale: float, _number: int) -> list[str]:
    """Return a page for each module: prose of its words, a list, a table, and its first lines."""
    library = Path(sysconfig.get_path("stdlib"))
    paths = sorted(library.glob("*.py"))[: round(PAGES * scale)]
    return [page(path.name, path.read_text(encoding="utf-8", errors="replace")) for path in paths]


def page(name: str, text: str) -> str:
    """Return the page of a module."""
    words = [word for word in text.split() if word.isalpha()][:900]
    sentences = [" ".join(words[start : start + 9]) for start in range(0, len(words), 9)]
    return "\n".join(
        [
            f"# {name}\n",
            *(f"*{sentence}* is **{number}**.\n" for number, sentence in enumerate(sentences[::2])),
            *(f"- [{sentence}](#{number})" for number, sentence in enumerate(sentences[1::2])),
            "\n| word | length |\n|---|---|",
            *(f"| `{word}` | {len(word)} |" for word in words[:30]),
            f"\n```python\n{text[:2000]}\n```",
        ]
    )
