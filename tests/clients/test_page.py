"""The programs of docs/clients.md end well, and print what stands below them."""

from pathlib import Path

import pytest

from documents import document, programs_of
from programs import run

PROGRAMS = {
    title: (program, out) for title, program, out in programs_of(document("docs/clients.md"))
}


@pytest.mark.parametrize("title", PROGRAMS)
def test_the_program_works(title: str, tmp_path: Path) -> None:
    """As a script; other packages may warn, or draw on stderr."""
    path = tmp_path / "program.py"
    program, out = PROGRAMS[title]
    path.write_text(program)
    done = run(path, environment={"PYTHONWARNINGS": "default"})
    assert (done.returncode, done.stdout) == (0, out), done.stderr
