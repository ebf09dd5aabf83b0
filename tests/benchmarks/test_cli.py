"""The benchmark's command line: saved runs are read, checked, and made into reports."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from benchmarks import check, cli, record, rounds
from benchmarks.chart import chart
from benchmarks.check import Reference
from benchmarks.contenders import FLOOR, OURS, STDLIB
from benchmarks.sample import Sample
from benchmarks.table import table
from measured import a_record

pytestmark = pytest.mark.fast


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of a run; nothing can be measured."""
    monkeypatch.setattr(rounds, "take", None)
    path = tmp_path / "run.json"
    path.write_text(record.dump(a_record()), encoding="utf-8")
    return path


def reference_file(folder: Path, ratios: Mapping[str, float]) -> str:
    """Write a reference; return its name."""
    path = folder / "reference.json"
    path.write_text(check.dump(Reference("here", STDLIB, ratios)), encoding="utf-8")
    return str(path)


def test_everything_can_be_made_of_a_saved_run(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report, the table, the chart and a reference, without measuring."""
    files = {name: tmp_path / f"new.{name}" for name in ("json", "table", "chart")}
    given = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    reference = tmp_path / "reference"
    assert cli.main(["--from", str(saved), *given, "--write-reference", str(reference)]) == 0
    assert files["json"].read_text() == saved.read_text()
    assert files["table"].read_text() == table(a_record())
    assert files["chart"].read_text() == chart(a_record())
    assert check.load(reference.read_text()).ratios == {"round_trip": 0.5, "throughput": 6.0}
    assert capsys.readouterr().out.startswith("CPython 3.14.0, Linux x86_64, 2 CPUs\n")


def test_a_saved_run_can_be_checked(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1 and a line on stderr for what has fallen."""
    good = reference_file(tmp_path, {"round_trip": 0.4, "throughput": 7})
    assert cli.main(["--from", str(saved), "--check", good]) == 0
    bad = reference_file(tmp_path, {"round_trip": 0.4, "throughput": 60})
    assert cli.main(["--from", str(saved), "--check", bad]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["FALLEN: throughput ÷ stdlib: expected 60, found 6: 10.0 times as bad"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ratios": {"spam": 1}}'])
@pytest.mark.parametrize("option", ["--from", "--check"])
def test_a_file_that_is_none_is_refused(option: str, text: str, tmp_path: Path) -> None:
    """As a wrong option is, with its name."""
    path = tmp_path / "spam"
    path.write_text(text)
    with pytest.raises(SystemExit) as caught:
        cli.main([option, str(path)])
    assert caught.value.code == 2


def test_there_must_be_someone_to_compare_with(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Python without the stdlib class passes no check against it."""
    data = json.loads(saved.read_text())
    data["absent"] = {STDLIB: "ImportError: too old"}
    saved.write_text(json.dumps(data))
    reference = reference_file(tmp_path, {"round_trip": 0.5})
    assert cli.main(["--from", str(saved), "--check", reference]) == 1
    assert capsys.readouterr().err == "nothing to compare with: stdlib is not here\n"


@pytest.mark.parametrize(
    ("broken", "expected", "status"),
    [
        ([["throughput", STDLIB]], {"round_trip": 0.4, "throughput": 60}, 0),
        ([["throughput", STDLIB]], {"round_trip": 0.04, "throughput": 60}, 1),
        ([["throughput", STDLIB]], {"throughput": 6}, 1),
        ([["throughput", "threads"]], {"round_trip": 0.4, "throughput": 6}, 0),
        ([["throughput", OURS]], {"round_trip": 0.4, "throughput": 6}, 1),
    ],
    ids=["theirs", "theirs, and a fall", "theirs, and no other", "another's", "ours"],
)
def test_a_check_is_about_ours(
    broken: list[list[str]],
    expected: dict[str, float],
    status: int,
    saved: Path,
    tmp_path: Path,
) -> None:
    """A contender that breaks is no failure of ours; without a check it makes the run fail."""
    data = json.loads(saved.read_text())
    data["failed"] = [[*pair, "it crashed"] for pair in broken]
    saved.write_text(json.dumps(data))
    assert cli.main(["--from", str(saved), "--check", reference_file(tmp_path, expected)]) == status
    assert cli.main(["--from", str(saved)]) == 1


@pytest.fixture
def checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Iterable[float], float], tuple[int, str]]:
    """Return what checks a machine whose numbers are known; it gives status and stderr.

    Ours come from a list, the stdlib's are 1, and the floor is the number of cores.
    """

    def check_it(ours: Iterable[float], cores: float) -> tuple[int, str]:
        values = iter(ours)

        def fake(sample: Sample, _scale: float) -> float:
            return {STDLIB: 1.0, FLOOR: cores}.get(sample.contender) or next(values)

        monkeypatch.setattr(rounds, "take", fake)
        monkeypatch.setattr(cli, "absentees", lambda _names: {})
        reference = reference_file(tmp_path, {"throughput": 6})
        return cli.main(["--quick", "--check", reference]), capsys.readouterr().err

    return check_it


@pytest.mark.parametrize(
    ("ours", "cores", "status", "says"),
    [
        ([5, 5, 5], 2.0, 0, "round 3 of 3"),
        ([1, 1, 5, *[5] * 6], 2.0, 0, "once more: throughput"),
        ([1] * 9, 2.0, 1, "FALLEN: throughput"),
        ([1] * 9, 1.1, 0, "UNDECIDED: two bare processes are 1.10 times"),
    ],
)
def test_a_check_measures_twice(
    ours: list[float],
    cores: float,
    status: int,
    says: str,
    checked: Callable[[Iterable[float], float], tuple[int, str]],
) -> None:
    """A fall counts if it is measured twice, on a machine that nobody else is using."""
    found, told = checked(ours, cores)
    assert found == status
    assert says in told
