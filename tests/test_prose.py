"""The house's prose: the rules of style that a program can see.

They hold for docstrings, comments, error messages and names in `interpexec/` and `tests/`, and
for the documents. (This file is free: it has to name what it forbids.) To see the places in some
files or folders, with their lines:

    python tests/test_prose.py interpexec/_pool docs/limits.md

Code in backquotes, indented or fenced code and "a few quoted words" are free. A question may
begin with "What". A rule that is wrong about a place is mended here, with a line in `FREE` below.
"""

import ast
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parent.parent

# The words of a private language, and what a stranger would call it.
WORDS = {
    r"bells?": "wake-up, or what rings it: eventfd, descriptor",
    r"crews?": "workers",
    r"ledgers?": "call table",
    r"crossings?": "link; or the sending, or the receiving",
    r"(?:the|its|their|off|all|no) books": "the call table",
    r"home(?:'s)?(?! director)": "main interpreter, or caller's side",
    r"travel(?:s|led|ling|ed|ing)?": "is sent, can be sent",
    r"culprits?": "the part that cannot be sent",
    r"engines?": "scheduler",
    r"callback\s+(?:channel|line)s?": "control channel",
    r"(?:request|reply)\s+channels?": "request queue, reply queue",
    r"pending\s+line": "backlog",
    r"far\s+side": "worker, worker's side",
    r"(?:lies?|lay|lying)\s+beside": "out-of-band data",
    r"one\s+of\s+us": "a class of this package",
    r"as\s+above": "say it again, or name what it is like",
    r"to\s+be\s+had": "there is none; none can be made",
}

# Subjects that are no noun. Capital letters: at the start of a sentence.
SUBJECTS = {
    r"\b(?:Who|Whoever|What|Whatever|Which)\b(?!'s)": "begin with a noun, not a free relative",
    r"(?:\A|[;:])\s*(?:who|whoever)\b": "begin with a noun, not a free relative",
    r";\s+(?:and\s+|but\s+)?(?:what|whatever)\b": "begin with a noun, not a free relative",
    r",\s+(?:but|so)\s+(?:who|whoever|what|whatever)\b": "a free relative as a subject",
    r"\b(?:to|of|from|by|than)\s+who\s": "a free relative as an object: name it",
    r"\bwhoever\b": "name it: the receiver, the thread that releases it",
}

# The first line of a docstring stands alone in the summary of a module.
FIRST_LINES = {
    r"(?:It|This|They|These|That|Those|Also|And|But|So|Then|Same|Ditto)\b": "needs its context",
    r"As `?[\w.]+`?[.:]": "say what it is, not only what it is like",
}

NAMES = re.compile(
    r"(?i)(?:\b|_)(bells?|crew|ledger|crossing|culprit|home|engine|relay|mailbox|books|travels?)"
    r"(?:\b|_)"
)

# A test is named after its subject, too.
TEST_NAMES = re.compile(r"\Atest_(?:who|what|which)(?:ever)?_|\Atest_\w*_who(?:ever)?_")

# Parts of a text that may stand though a rule is against them, each with its reason.
FREE: tuple[str, ...] = ()


class Finding(NamedTuple):
    """A place that breaks a rule."""

    line: int
    text: str
    advice: str


class Piece(NamedTuple):
    """A text in a file: a docstring, a run of comment lines, a message, a document."""

    line: int
    text: str
    kind: str


def comments(source: Path) -> Iterator[Piece]:
    """Yield the comments of a file; lines that follow each other are one piece."""
    piece, last = Piece(0, "", "comment"), (0, 0)
    with source.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                # A linter's directive is no prose; what follows it is.
                text = re.sub(r"#\s*(?:noqa|type|pragma|fmt|ruff)\b[^#]*", "", token.string)
                (row, column), text = token.start, text.replace("#", " ")
                if (row - 1, column) == last:
                    piece = piece._replace(text=f"{piece.text}\n{text}")
                else:
                    yield piece
                    piece = Piece(row, text, "comment")
                last = row, column
    yield piece


def strings(source: Path) -> Iterator[Piece]:
    """Yield the docstrings of a file (those of attributes, too), and the messages in it."""
    tree = ast.parse(source.read_bytes())
    documents = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) in documents:
                yield Piece(node.lineno, node.value, "docstring")
            elif " " in node.value.strip():
                yield Piece(node.lineno, node.value, "message")


def names(source: Path) -> Iterator[Finding]:
    """Yield the names in a file that are words of the private language, or free relatives."""
    with source.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.NAME and NAMES.search(token.string):
                yield Finding(token.start[0], token.string, "a name of the private language")
            if token.type == tokenize.NAME and TEST_NAMES.search(token.string):
                yield Finding(token.start[0], token.string, "begin with a noun")


def blank(pattern: str, text: str) -> str:
    """Return a text with what matches as empty lines, so that lines keep their numbers."""
    return re.sub(
        pattern, lambda found: "_" + "\n" * found[0].count("\n"), text, flags=re.MULTILINE
    )


def prose(piece: Piece) -> str:
    """Return a piece's text without the code in it, and without what is quoted or free."""
    text = piece.text
    if piece.kind == "document":
        text = blank(r"^ *```[\s\S]*?^ *```|^ {4,}(?![-*\d]).*|^#.*|\]\([^)]*\)|<[^>\n]*>", text)
    for free in FREE:
        text = blank(r"\s+".join(map(re.escape, free.split())), text)
    return blank(r"`[^`]*`|(?<!\w)\"[^\"\n]{1,60}\"", text)


def is_question(text: str, start: int) -> bool:
    """Say whether the sentence that begins at a place ends with a question mark."""
    end = re.compile(r"[.?!](?=[\s)*\"]|\Z)").search(text, start)
    return bool(end) and end[0] == "?"


def broken(piece: Piece) -> Iterator[Finding]:
    """Yield the places in a piece that break a rule."""
    text = prose(piece)
    rules = {rf"(?i)(?<![\w~/.-]){word}(?![\w/])": advice for word, advice in WORDS.items()}
    if piece.kind != "message":
        rules |= SUBJECTS
    for pattern, advice in rules.items():
        for found in re.finditer(pattern, text):
            if pattern not in SUBJECTS or not is_question(text, found.start()):
                line = piece.line + text.count("\n", 0, found.start() + len(found[0]) - 1)
                yield Finding(line, " ".join(found[0].split()), advice)
    if piece.kind == "docstring":
        for pattern, advice in FIRST_LINES.items():
            if found := re.match(pattern, piece.text):
                yield Finding(piece.line, f"{found[0]} ...", f"a first line: {advice}")


def findings(source: Path) -> list[Finding]:
    """Return every place in a file that breaks a rule, by line."""
    if source.suffix == ".md":
        return sorted({*broken(Piece(1, source.read_text(), "document"))})
    found = {*names(source)}
    for piece in (*comments(source), *strings(source)):
        found.update(broken(piece))
    return sorted(found)


def report(source: Path) -> str:
    """Return a line for each place in a file that breaks a rule."""
    return "".join(
        f"{name_of(source)}:{line}: {text!r}: {advice}\n" for line, text, advice in findings(source)
    )


def files(paths: Iterable[Path]) -> list[Path]:
    """Return the files of Python and Markdown at some places."""
    found: set[Path] = set()
    for path in paths:
        found.update([path] if path.is_file() else [*path.rglob("*.py"), *path.rglob("*.md")])
    return sorted(found)


def everything() -> list[Path]:
    """Return every file that the rules hold for."""
    folders = [ROOT / name for name in ("interpexec", "docs", "tests")]
    found = files([*ROOT.glob("*.md"), *(folder for folder in folders if folder.exists())])
    return [source for source in found if source != Path(__file__)]


def name_of(source: Path) -> str:
    """Return a file's name in the reports and the tests' ids."""
    return source.resolve().relative_to(ROOT.resolve()).as_posix()


@pytest.mark.parametrize("source", everything(), ids=name_of)
def test_prose(source: Path) -> None:
    """A file follows the rules of prose."""
    assert not findings(source), "\n" + report(source)


@pytest.mark.parametrize(
    "text",
    [
        "Ring its bell.",
        "Who waits is woken.",
        "Sent. What is left waits.",
        "Sent.\nWhoever\nwaits is woken.",
        "The message is large; what is large waits.",
        "It waits at home.",
        "Objects that cannot\ntravel.",
        "It is given back to whoever wants it.",
    ],
)
def test_a_rule_is_broken(text: str) -> None:
    """The rules see what they are about, across the ends of lines as well."""
    assert [*broken(Piece(1, text, "docstring"))]


@pytest.mark.parametrize(
    "text",
    [
        "Its home directory is `/root`.",
        "What is it for? Nothing.",
        "Called `home` until then.",
        'Called "one of us", as they say.',
        "The thread that waits, who knows why, is woken.",
        "Say what is wrong and who did it.",
    ],
)
def test_no_rule_is_broken(text: str) -> None:
    """Quotations, questions and plain words are left alone."""
    assert not [*broken(Piece(1, text, "docstring"))]


def main(arguments: list[str]) -> int:
    """Print the places in some files, or in all; return 1 if there are any."""
    sources = files(map(Path, arguments)) if arguments else everything()
    found = "".join(map(report, sources))
    sys.stdout.write(found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
