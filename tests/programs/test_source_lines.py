"""A worker's traceback has the source lines of code that is in no file, as the caller's has."""

from pathlib import Path

import pytest

from every_definition import statements
from programs import IMPORT, output, run

PROGRAM = (
    IMPORT
    + """
import traceback
pool = InterpreterPoolExecutor(1)
def deep(n): return [1, 2][n] + (1 / 0)
def outer(n):
    return deep(n) + deep(
        n)
class Thing:
    def run(self):
        raise ValueError(
            "in two lines")
def chained():
    try: outer(0)
    except ZeroDivisionError as error: raise KeyError(3) from error
def caught(fn):
    try: fn()
    except Exception as error: return error
def group(): raise ExceptionGroup("some", [ValueError(1), caught(chained)])
def make():
    def inner(): return outer(1)
    return inner
def here(fn):
    error = caught(fn)
    lines = traceback.format_exception(type(error), error, error.__traceback__.tb_next)
    return "".join(lines).rstrip()
def there(fn): return pool.submit(fn).exception(60).__cause__.excinfo.errdisplay
def check(fn):
    ours, theirs = here(fn), there(fn)
    found = theirs.count("~~~") + theirs.count("two lines")
    print("same" if ours.startswith(theirs) else f"{ours}\\n\\nis not\\n\\n{theirs}", found)
check(lambda: outer(0))
check(Thing().run)
check(chained)
check(group)
check(make())
pool.shutdown()
"""
)


def marks(text: str) -> list[int]:
    """Return how many marks, or texts, each traceback had; none is unlike the caller's."""
    lines = [line for line in text.splitlines() if "same " in line]
    assert "is not" not in text, text
    assert len(lines) == 5, text
    return [int(line.rpartition("same ")[2]) for line in lines]


def test_a_command() -> None:
    """`python -c`."""
    assert all(marks(output("-c", PROGRAM)))


def test_standard_input() -> None:
    """`python -`: Python itself does not know these lines."""
    marks(output("-", stdin=PROGRAM))


def test_a_script(tmp_path: Path) -> None:
    """Lines of a file are read in the worker, as before."""
    (tmp_path / "program.py").write_text(PROGRAM)
    assert all(marks(output(tmp_path / "program.py")))


def test_the_old_prompt() -> None:
    """Each statement is a source of its own."""
    typed = "\n\n".join(statements(PROGRAM)) + "\n\n"
    done = run("-i", "-q", stdin=typed, environment={"PYTHON_BASIC_REPL": "1"})
    assert all(marks(done.stdout.replace(">>> ", "").replace("... ", "")))


def test_source_that_is_registered(tmp_path: Path) -> None:
    """With `linecache`, as notebooks and generators of code do."""
    program = """
import linecache
from pathlib import Path
source, name = Path(__file__).with_name("cell").read_text(), "/tmp/ipykernel_1/2.py"
linecache.cache[name] = len(source), None, source.splitlines(True), name
exec(compile(source, name, "exec"))
"""
    (tmp_path / "cell").write_text(PROGRAM)
    (tmp_path / "program.py").write_text(program)
    assert all(marks(output(tmp_path / "program.py")))


@pytest.mark.slow
def test_a_doctest(tmp_path: Path) -> None:
    """Its examples have sources, too."""
    (tmp_path / "module.py").write_text(
        '"""\n>>> from interpexec import InterpreterPoolExecutor\n'
        ">>> with InterpreterPoolExecutor(1) as pool:\n"
        "...     error = pool.submit(lambda: 1 / 0).exception()\n"
        ">>> print(str(error.__cause__).count('~~^~~'))\n1\n"
        '"""\n'
    )
    assert output("-m", "doctest", tmp_path / "module.py") == ""
