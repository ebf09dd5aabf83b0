"""Definitions of doctests, test modules and the interactive prompt are sent, too."""

import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from every_definition import PROGRAM, statements
from programs import PATHS, ROOT, TIME_LIMIT, output, run

DOCTEST = '''
def helper(n):
    """Add one.

    >>> from interpexec import InterpreterPoolExecutor
    >>> pool = InterpreterPoolExecutor(1)
    >>> factor = 4
    >>> def f(n):
    ...     return n * factor + helper(n)
    >>> pool.submit(f, 2).result()
    11
    >>> class A: pass
    >>> type(pool.submit(A).result()) is A
    True
    >>> pool.shutdown()
    """
    return n + 1

def other(n):
    """Another globals of the same name.

    >>> from interpexec import InterpreterPoolExecutor
    >>> pool = InterpreterPoolExecutor(1)
    >>> factor = 5
    >>> pool.submit(lambda: factor).result()
    5
    >>> pool.shutdown()
    """
'''


def test_a_doctest(tmp_path: Path) -> None:
    """The globals of an example are a copy of the module's."""
    (tmp_path / "module.py").write_text(DOCTEST)
    assert output("-m", "doctest", tmp_path / "module.py") == ""


TEST_MODULE = """
from interpexec import InterpreterPoolExecutor

LOG = [1]

class Box:
    def __init__(self, n): self.n = n

def double(n):
    assert n
    return n * 2 + len(LOG)

def box(n): return Box(double(n))

def test_it():
    with InterpreterPoolExecutor(1) as pool:
        assert pool.submit(double, 2).result() == 5
        made = pool.submit(box, 2).result()
        assert type(made) is Box
        assert pool.submit(lambda box: box.n, made).result() == 5
"""


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
@pytest.mark.slow
def test_a_test_module(tmp_path: Path, mode: str) -> None:
    """Definitions of a test module are sent, also where pytest has loaded it by its path."""
    path = tmp_path / "test_module.py"
    path.write_text(TEST_MODULE)
    arguments = "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--import-mode={mode}", path
    done = run(*arguments, cwd=tmp_path.parent)
    assert done.returncode == 0, done.stdout


needs_terminals = pytest.mark.skipif(
    sys.platform == "win32", reason="there are no pseudo-terminals"
)


@contextmanager
def prompt() -> Iterator[int]:
    """Run the interactive prompt, the new one, in a terminal; yield our end of that."""
    import pty

    terminal, theirs = pty.openpty()
    paths = os.pathsep.join([*PATHS, str(ROOT)])
    with subprocess.Popen(
        [sys.executable, "-q"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=os.environ | {"TERM": "xterm", "PYTHON_COLORS": "0", "PYTHONPATH": paths},
    ) as process:
        os.close(theirs)
        try:
            yield terminal
        finally:
            process.kill()
            os.close(terminal)


@needs_terminals
def test_the_interactive_prompt() -> None:
    """Statements are typed, one after another."""
    lines = [
        "from interpexec import InterpreterPoolExecutor",
        "pool, factor = InterpreterPoolExecutor(1), 3",
        "def scaled(n): return n * factor\n",
        "print('first', 1000 + pool.submit(scaled, 14).result())",
        "class A: pass\n",
        "print('second', 1000 + (type(pool.submit(A).result()) is A))",
        "cause = pool.submit(lambda: 1 / 0).exception().__cause__",
        "print('marked', 1000 + str(cause).count('~~^~~'))",
        "import inspect",
        "theirs = pool.submit(inspect.getsource, scaled).result()",
        "print('source', 1000 + (theirs == inspect.getsource(scaled)))",
        "factor = 4",
        "print('third', 1000 + pool.submit(scaled, 14).result())",
        "pool.shutdown()",
        "exit()",
    ]
    said = b""
    with prompt() as terminal:
        for line in lines:
            os.write(terminal, line.encode() + b"\n")
            said += _read(terminal, 0.5)
        while part := _read(terminal, TIME_LIMIT):
            said += part
    text = said.decode(errors="replace")
    for answer in ("first 1042", "second 1001", "marked 1001", "source 1001", "third 1056"):
        assert answer in text


@needs_terminals
def test_every_definition_at_the_interactive_prompt() -> None:
    """The statements of a program are pasted."""
    pasted = "\n\n".join([*statements(PROGRAM), "print('the', 'end')"]).encode()
    with prompt() as terminal:
        said = _until(b">>> ", terminal)
        os.write(terminal, b"\x1b[200~")
        for start in range(0, len(pasted), 512):
            os.write(terminal, pasted[start : start + 512])
            said += _read(terminal, 0)  # it is not to wait for us while we wait for it
        os.write(terminal, b"\x1b[201~")
        said += _until(b"'end')", terminal)
        os.write(terminal, b"\n\n")  # the second one ends the statement
        said += _until(b"\nthe end", terminal)
    text = said.decode(errors="replace")
    assert "expected" not in text.rpartition("pool.shutdown()")[2]
    assert len(re.findall(r"ok\r?\n", text)) == PROGRAM.count("\ncheck(")


def _until(mark: bytes, terminal: int) -> bytes:
    """Return what a terminal shows until there is a mark."""
    said = b""
    while mark not in said:
        part = _read(terminal, TIME_LIMIT)
        assert part, said.decode(errors="replace")
        said += part
    return said


def _read(terminal: int, limit: float) -> bytes:
    """Return what a terminal shows next; nothing at its end."""
    if not select.select([terminal], [], [], limit)[0]:
        return b""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the program has ended
        return b""
