"""The benchmark of the command line runs, with few lines."""

import pytest

from benchmarks import command_line


@pytest.mark.slow
@pytest.mark.parametrize("row", [*command_line.ROWS, *command_line.ALONE])
def test_each_row_is_measured(row: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each contender that is installed, or one for the row."""
    assert command_line.main(["--row", row, "--rounds", "1", "--lines", "20"]) == 0
    out = capsys.readouterr().out
    assert row in out
    assert ("| interpexec map |" in out) == (row in command_line.ROWS)
    assert out.count("\n") >= 3
