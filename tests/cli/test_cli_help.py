"""`interpexec map --help`: it fits the screen, its examples work, and the manual has it."""

from pathlib import Path

import pytest

from command_line import run_script
from documents import document
from interpexec.cli._options import EXAMPLES, make_parser

MANUAL = document("docs/command-line.md")


@pytest.mark.fast
def test_the_help_fits_the_screen() -> None:
    """In width; and every example is there."""
    text = make_parser().format_help()
    assert max(map(len, text.splitlines())) <= 88
    assert all(example in text for example in EXAMPLES)


@pytest.mark.fast
def test_the_manual_has_the_help() -> None:
    """Word for word."""
    assert make_parser().format_help() in MANUAL


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_work(example: str, tmp_path: Path) -> None:
    """As they stand, in a folder with the files that they name."""
    (tmp_path / "mymodule.py").write_text("def check(name):\n    return name.title()\n")
    (tmp_path / "names.txt").write_text("ada\ngrace\n")
    (tmp_path / "records.jsonl").write_text('{"name": "ada"}\n{"name": "grace"}\n')
    (tmp_path / "out").touch()
    script = f'interpexec() {{ "$0" -m interpexec "$@"; }}\n{example}\ncat out'
    done = run_script(script, tmp_path)
    assert done.returncode == 0
    assert done.stdout.strip()
    assert done.stderr == b""
