"""`interpexec map --help`: it fits the screen, its examples work, and the manual has it."""

from pathlib import Path

import pytest

from command_line import run_script
from documents import document
from interpexec.cli import main
from interpexec.cli._map_options import EXAMPLES, make_parser

MANUAL = document("docs/command-line.md")


@pytest.mark.fast
@pytest.mark.parametrize("is_short", [True, False])
def test_the_help_fits_the_screen(is_short: bool) -> None:
    """The short one in height, too; and every example is there."""
    text = make_parser(is_short=is_short).format_help()
    assert max(map(len, text.splitlines())) <= 80
    assert all(example in text for example in EXAMPLES)
    if is_short:
        assert len(text.splitlines()) <= 41


@pytest.mark.fast
@pytest.mark.parametrize(("option", "lines"), [("--help", 41), ("-h", 41), ("--help-all", 100)])
def test_help_is_short_or_long(option: str, lines: int, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help-all` has all options, and `--help` those that most runs need."""
    assert main(["map", option]) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= lines
    assert "--help-all" in text
    assert ("--chunksize" in text) == (lines > 41)


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
