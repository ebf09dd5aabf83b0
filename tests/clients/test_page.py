"""The programs of docs/clients.md end well, and print what one would think."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from documents import ROOT, document

PAGE = document("docs/clients.md")
_PROGRAM = r"^## ([^\n]+)$(?:(?!^## ).)*?^```python\n(.*?)^```$"
PROGRAMS = dict(re.findall(_PROGRAM, PAGE, re.MULTILINE | re.DOTALL))
EXPECTED = {
    "dask, on one machine": "261\n",
    "dask, on several machines": "1229\n",
    "tqdm": "250000\n",
}


@pytest.mark.parametrize("title", PROGRAMS)
def test_the_program_works(title: str, tmp_path: Path) -> None:
    """As a script, in a folder of its own."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAMS[title])
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == EXPECTED[title]


def test_every_program_is_found() -> None:
    """As many programs as blocks of Python."""
    assert len(PROGRAMS) == PAGE.count("```python")
