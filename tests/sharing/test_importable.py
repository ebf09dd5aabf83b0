"""Modules that a worker can import are left to an import, and not sent by value."""

import sys
from pathlib import Path

import pytest

from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor
from interpexec._sharing.importable import is_importable

LOCKED = "import threading\nLOCK = threading.Lock()\ndef held(): return LOCK.locked()\n"


@pytest.fixture
def namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a module in a package without an `__init__.py`, two such folders deep."""
    (tmp_path / "without_init" / "inner").mkdir(parents=True)
    (tmp_path / "without_init" / "inner" / "locked.py").write_text(LOCKED)
    monkeypatch.syspath_prepend(tmp_path)
    name = "without_init.inner.locked"
    for part in ("without_init", "without_init.inner", name):
        monkeypatch.delitem(sys.modules, part, raising=False)
    return name


def test_a_namespace_package_is_imported(namespace: str) -> None:
    """By the workers: its lock could not be sent."""
    __import__(namespace)
    module = sys.modules[namespace]
    assert [is_importable(name) for name in ("without_init", "without_init.inner", namespace)] == [
        True,
        True,
        True,
    ]
    with InterpreterPoolExecutor(1) as pool:
        assert pool.submit(module.held).result(TIME_LIMIT) is False
        assert pool.submit(lambda: [module.held()]).result(TIME_LIMIT) == [False]


def test_a_namespace_package_that_the_program_has_extended(
    namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker would not find what is in the folder that was added."""
    __import__(namespace)
    package = sys.modules["without_init"]
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    assert not is_importable("without_init")
