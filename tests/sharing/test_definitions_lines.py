"""Errors of definitions that cannot be sent, or rebuilt, name the line that is the reason."""

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor

pytestmark = pytest.mark.fast

type Pool = InterpreterPoolExecutor


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """One worker for the whole module, warm, so that no test seems to leave it behind."""
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(int).result(TIME_LIMIT)
        yield pool


PROGRAM = """
import threading
LOCK = threading.Lock()
CONFIG = {"a": [LOCK]}
def simple():
    x = 3
    return LOCK
def nested():
    def inner():
        return CONFIG
    return inner()
def default(
    x=LOCK,
): return 3
def make():
    lock = LOCK
    def use():
        with lock: pass
    return use
def caller(): return simple()
class Broken:
    def __setstate__(self, state):
        raise ValueError("no state")
broken = Broken()
broken.x = 1
def look(): return broken.x
def give():
    found = Broken()
    found.x = 1
    return found
"""


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the program, as a `__main__` that no worker can run."""
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec(compile(PROGRAM, "/some/where/cell.py", "exec"), vars(main))  # of a test
    return main


@pytest.mark.parametrize(
    ("name", "line", "variable"),
    [
        ("simple", 7, "global 'LOCK'"),
        ("caller", 7, "global 'LOCK'"),
        ("nested", 10, "global 'CONFIG['a'][0]'"),
        ("default", 12, "default of 'x'"),
        ("make", 18, "variable 'lock'"),
    ],
)
def test_the_line_that_uses_a_variable(
    pool: Pool, program: ModuleType, name: str, line: int, variable: str
) -> None:
    """At the end of the message, behind the way out."""
    function = getattr(program, name)
    error = pool.submit(function() if name == "make" else function).exception(TIME_LIMIT)
    text = str(error)
    assert variable in text
    assert text.endswith(f"use interpexec.sync.Lock (line {line} of cell.py)")


def test_the_line_that_failed_to_rebuild_an_object(pool: Pool, program: ModuleType) -> None:
    """In the worker, of a global or an argument; here, of a result."""
    where = "ValueError: no state (raised by Broken.__setstate__, line 23 of cell.py)"
    assert str(pool.submit(program.look).exception(TIME_LIMIT)).endswith(where)
    assert str(pool.submit(abs, program.broken).exception(TIME_LIMIT)).endswith(where)
    assert str(pool.submit(program.give).exception(TIME_LIMIT)).endswith(where)
