"""The examples of the documents are true: every Python block runs."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import interpexec
from documents import ROOT, document, in_a_checkout, programs_of
from tiers import few

PACKAGE = Path(interpexec.__file__).parent
document("docs/index.md")  # with it, all others are there
PAGES = {
    path.name: path.read_text()
    for path in sorted((ROOT / "docs").glob("*.md"))
    if path.name != "clients.md"  # of other packages: `tests/clients` runs those programs
}


def programs() -> Iterator[tuple[str, str, str | None]]:
    """Yield the heading above each program, the program, and the output shown below it."""
    for text in PAGES.values():
        yield from programs_of(text)


PROGRAMS = {title: program for title, program, _ in programs()}

PRIMES = [n for n in range(2, 100) if all(n % d for d in range(2, n))]

EXPECTED = {
    "Map a function over many items, small or large": "2250000\n",
    "Map over more than fits into memory": f"{sum(n * n for n in range(32))}\n",
    "See how far a map is": "3 of 3, 1 failed\n",
    "See where the time goes, as a timeline": "sorted value\n",
    "From concurrent.futures": "[0, 1, 8, 27, 64]\n",
    "From multiprocessing.Pool": (
        "[0, 1, 4, 9, 16]\ncalled back: 1024\n1024\n[0, 1, 4, 9, 16, 25]\n"
    ),
    "From joblib": (
        "[0, 1, 4, 9, 16]\n[0, 1, 4, 9, 16]\ninvalid literal for int() with base 10: 'spam'\n"
        "[0, 1, 4]\n"
    ),
    "Use it from asyncio": "[[1], {}]\n",
    "Map over items that arrive bit by bit": "SPAM\nEGGS\n",
    "Prepare each worker once": "[True, False]\n",
    "Stop a call that takes too long": (
        "endless was stopped: it ran for more than 0.2 s\nTrue 1024\n"
    ),
    "Have several calls succeed or fail together": (
        "88484 172608\ninvalid literal for int() with base 10: 'spam' True\n"
    ),
    "Have several calls succeed or fail together, in asyncio": (
        "[1, 2, 4, 8]\ninvalid literal for int() with base 10: 'spam' True\n"
    ),
    "Stop at a place of your own choosing": "True\n",
    "Have types checked": "11\n[1, 2]\n",
    "Change something in every worker, while calls run": "False\nTrue\n",
    "Use it from trio": "1024\nTrue 1024\n",
    "Use it from anyio": "1024\nTrue 1024\n" * 2,
    "Map over what arrives, in asyncio": "5\n4\n5\n",
    "Map in an asyncio server": "7\n8\n9\nstopped\n",
    "Serve connections with all workers": "READY\nSTEADY\nGO\n!\n",
    "Scan a large corpus in place": "256\n",
    "Show progress": "4000\n",
    "Let workers produce and consume": f"{sum(range(1000))}\n",
    "Send results while a call runs": f"{PRIMES}\n",
    "Share a class of your own": f"{64 * 24}\n",
    "Share without a pool": "b'hello'\n",
    "Know which worker runs a call": "[0, 1]\nTrue\n",
    "See the log records of workers": "INFO cook_0: at 1\ndone\n",
    "Have `print` go where the caller's goes": "['hello eggs', 'hello spam']\n",
    "Send context variables with each call": "['first: spam', 'second: spam']\n",
    "Prepare each worker, and clear up after it": "[0, 1] 300\n",
}

INPUT = {"Map over items that arrive bit by bit": "spam\neggs\n"}
"""The standard input of programs that read it."""


EXPECTED |= {title: output for title, _, output in programs() if output is not None}


def packages(program: str) -> set[str]:
    """Return the packages that a program imports, of those that do not come with Python."""
    nodes = [*ast.walk(ast.parse(program))]
    names = {alias.name for each in nodes if isinstance(each, ast.Import) for alias in each.names}
    names |= {each.module or "" for each in nodes if isinstance(each, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names} - {"interpexec", *sys.stdlib_module_names}


INTERRUPTED = "-W", "ignore::ResourceWarning"
"""Of programs that get Ctrl-C: an import that it stops leaves a file to Python."""


@pytest.mark.parametrize("title", few(PROGRAMS, 8))
def test_the_recipe_works(title: str, tmp_path: Path) -> None:
    """Each recipe is a program that ends well and prints what it should."""
    for module in packages(PROGRAMS[title]):
        pytest.importorskip(module)
    program = tmp_path / "program.py"
    program.write_text(PROGRAMS[title])
    warnings = ["-W", "error", *(INTERRUPTED if "SIGINT" in PROGRAMS[title] else ())]
    command = [sys.executable, *warnings, str(program)]
    given = INPUT.get(title, "")
    run = subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == EXPECTED.get(title, run.stdout) != ""


README = document("README.md")
PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
WHOLE_PROGRAMS = [program for program in PYTHON if "import InterpreterPoolExecutor" in program]


OUTPUTS = [
    r"\d+\n",
    r"b'(\\x07){5}' True\nendless was stopped: it ran for more than 0.5 s\n",
]


@pytest.mark.parametrize(
    ("program", "output"), list(zip(WHOLE_PROGRAMS, OUTPUTS, strict=True)), ids=["map", "stopping"]
)
def test_the_programs_of_the_readme_work(program: str, output: str, tmp_path: Path) -> None:
    """The README's programs run in the project's folder, and print what one would think."""
    file = tmp_path / "program.py"
    file.write_text(program)
    command = [sys.executable, str(file)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert (run.returncode, run.stderr) == (0, "")
    assert re.fullmatch(output, run.stdout)


def test_every_recipe_is_found() -> None:
    """As many programs as code blocks, and no expectation without its recipe."""
    assert len(PROGRAMS) == "".join(PAGES.values()).count("```python")
    assert EXPECTED.keys() <= PROGRAMS.keys()


def test_the_quick_start_has_its_two_commands() -> None:
    """The README's Quick start begins with exactly two console blocks; CI runs them."""
    section = README.split("## Quick start")[1].split("\n## ")[0]
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks] == ["console", "console"]
    assert all(line.startswith("$ ") for _, text in blocks for line in text.splitlines())


DOCUMENTS = [*(ROOT / "docs").glob("*.md"), *ROOT.glob("[A-Z]*.md")]


def whole_text(page: Path) -> str:
    """Return a page's text, or that of the file that it is made of."""
    if page.suffix != ".md":
        return ""
    text = page.read_text()
    included = re.match(r"```\{include\} (.+)\n", text)
    return (page.parent / included[1]).read_text() if included else text


@in_a_checkout
@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_the_links_of_a_document_lead_somewhere(page: Path) -> None:
    """Links to files of the project, and to headings in them."""
    for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text()):
        file = page.parent / target if target else page
        assert file.exists(), target
        headings = re.findall(r"^#+ (.+)$", whole_text(file), re.MULTILINE) if heading else []
        slugs = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
        assert not heading or heading in slugs, f"{target}#{heading}"


_FILE = re.compile(r"(?<![\w/])(?:interpexec/|(?=tests/|docs/|_[a-z]+/))[\w/]+\.(?:py|md)\b")


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_files_that_a_document_names_are_there(page: Path) -> None:
    """A page names modules and tests by paths, with `interpexec/` in front or without.

    A module that moves takes its mentions along.
    """
    named = {match[0] for match in _FILE.finditer(page.read_text())}
    roots = ROOT, PACKAGE.parent, PACKAGE
    assert not {name for name in named if not any((root / name).exists() for root in roots)}


MESSAGES = re.findall(r"^### `(.+)`$", PAGES["troubleshooting.md"], re.MULTILINE)


@cache
def texts() -> list[str]:
    """Return every text in the code, as a program sees it."""
    nodes = (
        node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))
    )
    values = (node.value for node in nodes if isinstance(node, ast.Constant))
    return [" ".join(value.split()) for value in values if isinstance(value, str)]


@pytest.mark.parametrize("message", MESSAGES)
def test_the_messages_of_the_troubleshooting_are_in_the_code(message: str) -> None:
    """Piece by piece: names stand between them."""
    for piece in message.split("…"):
        assert any(piece.strip(" `") in text for text in texts()), piece


SELF_EXPLAINING = re.compile(
    r"must be|has no attribute|is closed|was (closed|released)|cannot be used|no token"  # says all
    r"|un-acquired lock|unlocked lock|too many times|timeout|positive int|non-negative"
    r"|current thread|unexpected state|bytes, not"
    # Of these the next step hears, and no user.
    r"|^the command ends$|^these are enough$|is a class of the program$"
)
"""Messages that need no heading: they say all, or are those of the standard library."""


def message_of(node: ast.expr, function: ast.AST) -> str:
    """Return the message that an expression makes, with … for its variable parts, or ""."""
    match node:
        case ast.Constant(value=str(text)):
            return re.sub(r"%[a-z]", "…", text)
        case ast.JoinedStr(values=values):
            return "".join(message_of(value, function) or "…" for value in values)
        case ast.Name(id=name):
            bound = (
                each.value
                for each in ast.walk(function)
                if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == name
            )
            return next(filter(None, (message_of(each, function) for each in bound)), "")
    return ""


def messages_of(tree: ast.AST) -> Iterator[str]:
    """Yield the messages of errors, notes and records that a module makes itself."""
    functions = (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))
    for function in functions:
        for node in ast.walk(function):
            match node:
                case ast.Raise(exc=ast.Call(args=[first, *_])):
                    yield message_of(first, function)
                case ast.Call(func=ast.Attribute(attr=way), args=[first, *_]) if way in TELLING:
                    yield message_of(first, function)


TELLING = {"info", "warning", "error", "exception", "critical", "add_note"}


def patterns() -> Iterator[str]:
    """Yield an expression for each message that the troubleshooting names, also in its text."""
    text = re.sub(r"^###.*$", "", PAGES["troubleshooting.md"], flags=re.MULTILINE)
    named = (each for each in re.findall(r"`([^`]+)`", text) if " " in each or "\n" in each)
    for each in (*MESSAGES, *named):
        pieces = " ".join(each.replace("`", "").split()).split("…")
        yield ".*".join(map(re.escape, map(str.strip, pieces)))


NAMED = re.compile("|".join(filter(re.compile(r"[a-z]{3}").search, patterns())))


def is_named(message: str) -> bool:
    """Say whether the troubleshooting has the parts of a message, in their order."""
    plain = " ".join(message.replace("`", "").split())
    return NAMED.search(plain) is not None


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_the_messages_of_the_code_are_in_the_troubleshooting(path: Path) -> None:
    """Each is named there, or says all."""
    messages = filter(None, messages_of(ast.parse(path.read_text())))
    told = [each for each in messages if re.search(r"[a-z]{3} [a-z]", each)]
    assert [each for each in told if not SELF_EXPLAINING.search(each) and not is_named(each)] == []
