"""The benchmark of scale: its scales and its tables; never how fast anything is."""

import json
from pathlib import Path

import pytest

from benchmarks.contenders import CONTENDERS, OURS, THREADS
from benchmarks.missing import MissingError
from benchmarks.scales import cli, growth, lengths, many_pending, many_workers, room
from benchmarks.scales.catalogue import SCALES

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("name", SCALES)
def test_a_scale_agrees_with_itself(name: str) -> None:
    """Its contenders are known and submit; a quick run has less rows, and a later round, too."""
    scale = SCALES[name]
    assert all(CONTENDERS[who].submits and CONTENDERS[who].maps for who in scale.contenders)
    assert set(scale.contenders.values()) <= scale.rows.keys()
    every = scale.lines(quick=False)
    assert {row for row, _ in every} == scale.rows.keys()
    assert set(scale.lines(quick=True)) <= set(every)
    assert set(scale.lines(quick=False, number=1)) <= set(every)


def test_many_workers_are_in_one_round() -> None:
    """A thousand, that is, and the stdlib class has no thousand."""
    first, second = (many_workers.SCALE.lines(quick=False, number=number) for number in (0, 1))
    assert [row for row, _ in first] == [10, 10, 100, 100, 1000]
    assert [row for row, _ in second] == [10, 10, 100, 100]


def test_the_figures_are_those_of_the_columns() -> None:
    """Threads have all but the stop of a running call."""
    figures = many_workers.measure(THREADS, 3, 0.01)
    assert figures.keys() == many_workers.SCALE.columns.keys() - {"cancel"}
    assert many_pending.measure(THREADS, 10, 1).keys() == many_pending.SCALE.columns.keys()
    assert lengths.measure(THREADS, 0, 0.001).keys() == lengths.SCALE.columns.keys()


def test_room_is_looked_for_before_workers_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory lacks, the row is left out."""
    monkeypatch.setattr(room, "available", lambda: 100)
    room.make_room(2)
    with pytest.raises(MissingError, match="1,000 workers may need 8,000 MB; 100 are there"):
        room.make_room(1000)


def test_a_missing_row_is_a_line_without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its reason beside the tables."""

    def ask(_module: str, _name: str, who: str, *_: str) -> dict[str, float]:
        if who == OURS:
            raise MissingError("no room")
        return {"submit": 2.0, "memory": 2000.0, "finish": 1.0, "cancel": 0.5}

    monkeypatch.setattr(growth, "ask", ask)
    held = growth.Growth(["pending"], {}, quick=True)
    held.hold(0)
    rows = [line for line in held.tables() if "| 1,000 calls" in line]
    assert rows == [
        "| 1,000 calls | interpexec | - | - | - | - |",
        "| 1,000 calls | thread | 2.00 | 2,000 | 1.00 | 0.50 |",
    ]
    assert held.rounds.missing["pending 1000", OURS] == "no room"


@pytest.mark.slow
def test_the_command_measures_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table, and every figure."""
    monkeypatch.setattr(growth, "QUICK_SCALE", 0.02)
    written = tmp_path / "run.json"
    assert cli.main(["--quick", "--scale", "lengths", "--json", str(written)]) == 0
    assert "| 10 ms | interpexec |" in capsys.readouterr().out
    names = json.loads(written.read_text())["contenders"]
    assert len(json.loads(written.read_text())["readings"]) == 5 * 4 * len(names)
