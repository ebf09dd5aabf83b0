"""The programs in docs/examples: real work, compared with its serial results."""

from pathlib import Path

import pytest

from documents import ROOT
from programs import run

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("[!c]*.py"))  # not `comparing`, their helper


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_finds_the_same(path: Path) -> None:
    """The program asserts so; the gain depends on the machine."""
    done = run(path, environment={"PYTHONWARNINGS": "default"})
    assert done.returncode == 0, done.stderr
    assert "times as fast" in done.stdout
