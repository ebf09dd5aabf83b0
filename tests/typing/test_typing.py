"""Type checkers agree with the annotations, and find mistakes in programs that use them."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

pytestmark = [
    pytest.mark.slow,  # the script that checks types runs them
    pytest.mark.skipif(not (ROOT / "interpexec").exists(), reason="no checkout"),
]


def check(name: str, *arguments: str) -> str:
    """Run a type checker; return its output if it has found anything, or has failed."""
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    run = subprocess.run(
        [sys.executable, "-m", name, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},  # pyright looks there, and not for a checkout
    )
    return run.stdout + run.stderr if run.returncode else ""


def test_mypy_finds_the_mistakes_and_no_others(tmp_path: Path) -> None:
    """`uses.py` is right, but for the lines that say that they are wrong."""
    assert check("mypy", "--cache-dir", str(tmp_path), "tests/typing/uses.py") == ""


def test_pyright_finds_the_mistakes_and_no_others() -> None:
    """As mypy; and editors that use pyright show the same."""
    assert check("pyright", "tests/typing/uses.py") == ""


def test_every_public_type_is_known() -> None:
    """No name that users see has a type that a type checker would have to guess."""
    assert check("pyright", "--verifytypes", "interpexec", "--ignoreexternal") == ""
