"""Calls that ask for the source of what came by value get it: `inspect`, `linecache`."""

import zipfile
from pathlib import Path

import pytest

from every_definition import statements
from programs import IMPORT, output, run

PROGRAM = (
    IMPORT
    + """
import inspect
pool = InterpreterPoolExecutor(1)
def plain(n):
    # with a comment
    return [n for _ in range(2)]
class Thing:
    number = 3
    def method(self): return self.number
    class Inner:
        pass
def outer():
    def inner(a,
              b): return lambda: a
    return inner
def decorate(fn):
    @__import__("functools").wraps(fn)
    def wrapper(): return fn()
    return wrapper
@decorate
def decorated(): return 1
def of(thing):
    import inspect
    try: return inspect.getsource(thing), inspect.getsourcelines(thing)[1]
    except OSError as error: return "OSError"
def of_made(): return of(outer()), of(outer()(1, 2))
def of_line():
    import linecache
    return linecache.getline(plain.__code__.co_filename, plain.__code__.co_firstlineno + 1)
def of_error():
    import traceback
    try: plain(1 / 0)
    except ZeroDivisionError: return traceback.format_exc()
def of_nested_pool():
    from interpexec import InterpreterPoolExecutor
    with InterpreterPoolExecutor(1) as pool: return pool.submit(of, plain).result()
def check(fn, *args):
    ours, theirs = fn(*args), pool.submit(fn, *args).result()
    print("same" if ours == theirs else f"{ours} is not {theirs}", "with" * ("with a" in str(ours)))
check(of, plain)
check(of, Thing)
check(of, Thing.method)
check(of, Thing().method)
check(of, Thing.Inner)
check(of, outer())
check(of, outer()(1, 2))
check(of, decorated)
check(of_made)
check(of_line)
check(of_error)
check(of_nested_pool)
pool.shutdown()
"""
)


def answers(text: str) -> str:
    """Return how many were the same, and how many had the comment; none is unlike the caller's."""
    lines = [line for line in text.splitlines() if line.startswith("same")]
    assert " is not " not in text, text
    assert len(lines) == PROGRAM.count("\ncheck("), text
    return f"{text.count('with')} with the comment"


def test_a_script(tmp_path: Path) -> None:
    """Functions, and classes: `inspect` finds them by the file of the program."""
    (tmp_path / "program.py").write_text(PROGRAM)
    assert answers(output(tmp_path / "program.py")) == "3 with the comment"


@pytest.mark.slow
def test_a_module(tmp_path: Path) -> None:
    """`python -m package.program`."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package/program.py").write_text(PROGRAM)
    said = output("-m", "package.program", cwd=tmp_path)
    assert answers(said) == "3 with the comment"


@pytest.mark.slow
def test_a_command() -> None:
    """`python -c`: a line by its file alone is known to 3.13.0 only."""
    assert answers(output("-c", PROGRAM)) in {"2 with the comment", "3 with the comment"}


@pytest.mark.slow
def test_standard_input() -> None:
    """`python -`: Python itself does not know the source."""
    assert answers(output("-", stdin=PROGRAM)) == "0 with the comment"


@pytest.mark.slow
def test_the_old_prompt() -> None:
    """Each statement is a source of its own."""
    typed = "\n\n".join(statements(PROGRAM)) + "\n\n"
    done = run("-i", "-q", stdin=typed, environment={"PYTHON_BASIC_REPL": "1"})
    found = answers(done.stdout.replace(">>> ", "").replace("... ", ""))
    assert found in {"2 with the comment", "3 with the comment"}


@pytest.mark.slow
def test_source_that_is_registered(tmp_path: Path) -> None:
    """With `linecache`, as notebooks and generators of code do: under any name."""
    (tmp_path / "cell").write_text(PROGRAM)
    for name in ("/tmp/ipykernel_1/2.py", "<generated>"):
        (tmp_path / "program.py").write_text(
            "import linecache\nfrom pathlib import Path\n"
            f"source, name = Path(__file__).with_name('cell').read_text(), {name!r}\n"
            "linecache.cache[name] = len(source), None, source.splitlines(True), name\n"
            "exec(compile(source, name, 'exec'))\n"
        )
        assert answers(output(tmp_path / "program.py")) == "3 with the comment"


@pytest.mark.slow
def test_an_archive(tmp_path: Path) -> None:
    """`python program.pyz`: the source is what its importer reads."""
    with zipfile.ZipFile(tmp_path / "program.pyz", "w") as archive:
        archive.writestr("__main__.py", PROGRAM)
    assert answers(output(tmp_path / "program.pyz")) == "3 with the comment"


@pytest.mark.slow
def test_a_cell_with_the_name_of_an_earlier_one(tmp_path: Path) -> None:
    """The source is that of the function that was sent last, as on the caller's side."""
    program = """
import inspect, linecache
def cell(source):
    lines = source.splitlines(True)
    linecache.cache["<cell>"] = len(source), None, lines, "<cell>"
    exec(compile(source, "<cell>", "exec"), globals())
def of(thing):
    import inspect
    return inspect.getsource(thing)
with InterpreterPoolExecutor(1) as pool:
    for number in range(3):
        cell(f"def f(): return {number}\\n")
        print(pool.submit(of, f).result() == inspect.getsource(f))
"""
    (tmp_path / "program.py").write_text(IMPORT + program)
    assert output(tmp_path / "program.py") == "True\n" * 3


@pytest.mark.slow
def test_a_doctest(tmp_path: Path) -> None:
    """`doctest` answers for `linecache` while it runs."""
    (tmp_path / "module.py").write_text(
        '"""\n>>> import inspect\n>>> from interpexec import InterpreterPoolExecutor\n'
        ">>> def f(n): return n  # as written\n"
        ">>> with InterpreterPoolExecutor(1) as pool:\n"
        "...     pool.submit(inspect.getsource, f).result() == inspect.getsource(f)\n"
        'True\n"""\n'
    )
    assert output("-m", "doctest", tmp_path / "module.py") == ""


def test_a_call_that_does_not_ask() -> None:
    """Imports nothing for it: not `linecache`, and none of what would give it the source."""
    program = """
import sys
def made(): return sorted(sys.modules)
with InterpreterPoolExecutor(1) as pool:
    modules = pool.submit(lambda: made()).result()
print("interpexec._sharing.rebuilding" in modules)
names = "linecache", "interpexec._core.known_source", "interpexec._sharing.source_texts"
print([each for each in modules if each in names])
"""
    assert output("-c", IMPORT + program) == "True\n[]\n"
