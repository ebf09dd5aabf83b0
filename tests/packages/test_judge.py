"""The words of docs/packages.md: how the results of a package are judged."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from documents import document

pytestmark = pytest.mark.fast

HERE = Path(__file__).parent


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the command, which is no module of the tests."""
    monkeypatch.setattr(sys, "path", [str(HERE), *sys.path])
    spec = importlib.util.spec_from_file_location("packages_run", HERE / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delitem(sys.modules, "uses")
    return module


@pytest.mark.parametrize(
    ("main", "worker", "refused", "word"),
    [
        (None, None, [], "—"),
        (1.0, 2.0, [], "runs"),
        (1.0, 1.2, ["a._b"], "fine without"),
        (1.0, 5.04, ["a._b"], "5.0 times slower"),
        (1.0, None, ["a._b"], "refuses"),
        (1.0, None, [], "fails"),
    ],
)
def test_a_package_is_judged(
    command: ModuleType, main: float | None, worker: float | None, refused: list[str], word: str
) -> None:
    """By the CPU time of a use here and there, and by the modules that were refused."""
    told = {"version": "1", "main": main, "worker": worker, "refused": refused, "error": ""}
    assert command.judge(told).word == word


def test_a_process_that_tells_nothing_is_no_result(command: ModuleType) -> None:
    """A process may crash before its first line."""
    assert command.judge(None).word == "—"


def test_the_page_has_all_packages(command: ModuleType) -> None:
    """Each package of the list has its row."""
    rows = [line for line in document("docs/packages.md").splitlines() if line.count("|") == 6]
    names = [row.split("|")[1].split()[0] for row in rows[2:]]
    assert names == [each.name for each in command.PACKAGES]
