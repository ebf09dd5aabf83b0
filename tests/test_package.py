"""The package itself: its import, the cost of that, and its names."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

import interpexec
from documents import ROOT, in_a_checkout

pytestmark = pytest.mark.fast


def run(code: str) -> "subprocess.CompletedProcess[str]":
    """Run code in a fresh Python."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_python_that_is_too_old_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, with what is needed and what is there."""
    old = SimpleNamespace(version_info=(3, 12, 7), executable="/usr/bin/python3.12")
    monkeypatch.setitem(sys.modules, "sys", old)
    source = Path(interpexec.__file__).read_text()
    with pytest.raises(ImportError) as caught:
        exec(compile(source, "__init__.py", "exec"), {"__name__": "interpexec"})
    message = str(caught.value)
    assert "3.13 or later" in message
    assert "3.12.7 (/usr/bin/python3.12)" in message
    assert "\n" not in message


def test_a_python_without_subinterpreters_is_told_so() -> None:
    """A build that leaves them out gets one clear error, not a missing module."""
    ran = run("import sys; sys.modules['_interpreters'] = None\nimport interpexec.executor")
    assert ran.returncode == 1
    assert "ImportError: interpexec needs a CPython built with subinterpreters" in ran.stderr


NEWER = "import sys; sys.version_info = (3, 16, 0, 'alpha', 1)\n"


def test_a_python_that_is_too_new_is_told_so() -> None:
    """Private modules change: one line, with what is known, what is there, and two ways out."""
    ran = run(NEWER + "from interpexec import InterpreterPoolExecutor")
    assert ran.returncode == 1
    line = ran.stderr.splitlines()[-1]
    assert f"made for CPython 3.13 to 3.15, and this is 3.16 ({sys.executable})" in line
    assert "install a newer interpexec" in line


def test_a_python_that_is_too_new_can_be_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an environment variable, which the error names."""
    monkeypatch.setenv("INTERPEXEC_UNKNOWN_PYTHON", "1")
    ran = run(
        NEWER + "import interpexec; print(interpexec.InterpreterPoolExecutor(1)._max_workers)"
    )
    assert (ran.stdout, ran.stderr) == ("1\n", "")


def test_the_command_line_tells_it_in_one_line() -> None:
    """Without a traceback, and the exit code is that of wrong usage."""
    ran = run(
        NEWER + "import interpexec.cli; sys.exit(interpexec.cli.main(['map', 'x', ':::', '1']))"
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("interpexec: this interpexec is made for CPython 3.13 to")
    assert ran.stderr.count("\n") == 1


def test_a_free_threaded_build_is_told_of_once() -> None:
    """The logger hears what the user has of interpreters there, at the first worker."""
    code = """
import sys
sys.version = "3.14.0 free-threading build (main)"
from interpexec import InterpreterPoolExecutor
for _ in range(2):
    with InterpreterPoolExecutor(2) as pool:
        pool.warm()
        assert pool.submit(pow, 2, 5).result() == 32
"""
    ran = run(code)
    assert ran.returncode == 0
    assert ran.stderr.count("\n") == 1
    assert "not tested on free-threaded builds" in ran.stderr


def test_importing_the_package_imports_nothing_else() -> None:
    """Every name is imported at its first use."""
    code = (
        "import sys; before = set(sys.modules); import interpexec; print(set(sys.modules) - before)"
    )
    assert run(code).stdout.strip() == "{'interpexec'}"


def test_submodules_need_no_import_of_their_own() -> None:
    """`import interpexec` is enough for `interpexec.sync.Queue`, and imports none of them."""
    code = """
import interpexec
import sys
assert not [name for name in sys.modules if name.startswith("interpexec.")]
assert "sync" in dir(interpexec)
print(interpexec.sync.Queue, interpexec.aio.map.__name__, interpexec.errors.TokenError)
from interpexec import buffers, channels, executor, sharing
"""
    ran = run(code)
    assert ran.stderr == ""
    assert "Queue" in ran.stdout


def test_type_checkers_see_the_same_names() -> None:
    """`__init__.pyi` has each public name and submodule, from the same module, and no other."""
    tree = ast.parse(Path(interpexec.__file__).with_suffix(".pyi").read_text())
    found = {
        alias.name: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == alias.asname
    }
    submodules = dict.fromkeys(interpexec._SUBMODULES, "interpexec")
    assert found == {**interpexec._MODULES, **submodules}
    (names,) = (ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign))
    assert names == sorted(interpexec.__all__)


def test_every_public_name_is_there() -> None:
    """The names in `__all__` are there, in `dir()` too; another one is an AttributeError."""
    for name in interpexec.__all__:
        assert getattr(interpexec, name).__name__ == name
        assert name in dir(interpexec)
    with pytest.raises(AttributeError, match="no attribute 'spam'"):
        _ = interpexec.spam  # type: ignore[attr-defined]


@in_a_checkout
def test_the_version_stands_in_one_place() -> None:
    """The build reads it there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"] == {"path": "interpexec/__init__.py"}
    text = (ROOT / "interpexec" / "__init__.py").read_text()
    assert text.count(interpexec.__version__) == 1


def test_the_package_is_typed() -> None:
    """Type checkers look for this file."""
    assert (Path(interpexec.__file__).parent / "py.typed").is_file()
