"""The package itself: its import, the cost of that, and its names."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import interpexec

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


def test_the_version_is_the_same_everywhere() -> None:
    """In the package, and in what builds it."""
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert re.findall(r'^version = "(.+)"$', text, re.MULTILINE) == [interpexec.__version__]


def test_the_package_is_typed() -> None:
    """Type checkers look for this file."""
    assert (Path(interpexec.__file__).parent / "py.typed").is_file()
