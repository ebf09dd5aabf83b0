"""The benchmark's own parts: what it makes of readings, never how fast anything is."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks import check, cli, record, rounds, tasks
from benchmarks.cases import CASES, QUICK, idle, map_noops
from benchmarks.chart import MARKS, chart
from benchmarks.check import Fall, Reference
from benchmarks.contenders import ANYIO, CONTENDERS, FLOOR, JOBLIB, LOKY, OURS, STDLIB, THREADS
from benchmarks.gate import Gate
from benchmarks.outcome import outcomes
from benchmarks.record import Record
from benchmarks.report import number
from benchmarks.rounds import Rounds, one_round
from benchmarks.sample import Sample, take
from benchmarks.summary import Readings, ratio
from benchmarks.table import table
from benchmarks.work import Work, speed_up

pytestmark = pytest.mark.fast

SETTING: dict[str, str | int | None] = {
    "implementation": "CPython",
    "python": "3.14.0",
    "system": "Linux",
    "architecture": "x86_64",
    "usable_cpus": 2,
}
FIGURES = {
    # A time: half of the stdlib's. A rate: six times as many. One that nobody else can do.
    "round_trip": {OURS: [50.0, 60.0, 55.0], STDLIB: [110.0, 120.0, 100.0], FLOOR: [10.0]},
    "throughput": {OURS: [60e3, 60e3, 61e3], STDLIB: [10e3, 10e3, 9e3], THREADS: [80e3]},
    "view": {OURS: [0.2]},
}


def readings(figures: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[Sample, float]:
    """Return readings, by case, contender and turn."""
    return {
        Sample(turn, case, name): value
        for case, contenders in figures.items()
        for name, values in contenders.items()
        for turn, value in enumerate(values)
    }


def a_record() -> Record:
    """Return the record of a small run."""
    took = Rounds(readings(FIGURES), {("view", FLOOR): "none"}, {})
    cases = [CASES[name] for name in FIGURES]
    return Record(SETTING, False, cases, [OURS, STDLIB, THREADS, FLOOR], {LOKY: "no"}, took)


# -- ratios -------------------------------------------------------------------------


def test_a_ratio_is_of_the_medians_of_common_turns() -> None:
    """A turn that only one of the two has been measured in says nothing."""
    found = ratio({0: 10.0, 1: 30.0, 2: 20.0, 3: 999.0}, {0: 5.0, 1: 10.0, 2: 10.0, 4: 1.0})
    assert found is not None
    assert (found.median, found.count) == (2.0, 3)
    assert found.low <= 2.0 <= found.high


@pytest.mark.parametrize("reference", [{}, {7: 1.0}, {0: 0.0}])
def test_there_may_be_no_ratio(reference: dict[int, float]) -> None:
    """Nothing in common, or nothing to divide by."""
    assert ratio({0: 1.0}, reference) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0314, "0.031"), (0.5, "0.50"), (12.34, "12.3"), (98765.4, "98,765")],
)
def test_numbers_have_no_exponent(value: float, text: str) -> None:
    """Three digits that count, more or less."""
    assert number(value) == text


# -- cases and contenders -----------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_a_case_agrees_with_itself(name: str) -> None:
    """Its targets have one direction, and refer to what there is."""
    case = CASES[name]
    assert {target.at_least for target in case.targets} == {case.more_is_better}
    for target in case.targets:
        assert target.reference in {*CONTENDERS, FLOOR, None}
        assert target.case is None or target.case in CASES


def test_the_short_form_has_cases_that_both_can_do() -> None:
    """Ours and the stdlib class, that is."""
    for name in QUICK:
        assert CASES[name].admits(CONTENDERS[OURS])
        assert CASES[name].admits(CONTENDERS[STDLIB])


@pytest.mark.parametrize(
    ("contender", "cases"),
    [
        (JOBLIB, {"map_noops", "map_10us", "map_1ms", "map_uneven", "cpu_one", "cpu_map"}),
        (ANYIO, {"round_trip", "throughput"}),
    ],
)
def test_contenders_do_what_they_can(contender: str, cases: set[str]) -> None:
    """Joblib maps and does nothing else; anyio awaits, and is no pool."""
    admitted = {name for name, case in CASES.items() if case.admits(CONTENDERS[contender])}
    assert admitted == cases


def test_rounds_take_turns() -> None:
    """The first place rotates; a contender that is there for fewer rounds stays away later."""
    names = [OURS, STDLIB, LOKY]
    cases = [CASES["throughput"], CASES["workers_64"]]
    first, last = list(one_round(0, cases, names)), list(one_round(4, cases, names))
    assert [sample.contender for sample in first] == [OURS, STDLIB, LOKY] * 2
    assert [(sample.case, sample.contender) for sample in last] == [
        ("throughput", OURS),
        ("throughput", STDLIB),
    ]
    turn = [sample.contender for sample in one_round(1, cases[:1], names)]
    assert turn == [STDLIB, LOKY, OURS]


@pytest.mark.parametrize("contender", [OURS, THREADS, FLOOR])
def test_a_sample_is_a_number(contender: str) -> None:
    """From a process of its own."""
    assert take(Sample(0, "round_trip", contender), 0.02) > 0


def test_nothing_runs_while_the_gate_is_closed() -> None:
    """Each worker stands at it, so that other calls are pending until it opens."""
    with ThreadPoolExecutor(2) as pool, Gate(2) as gate:
        gate.hold(pool)
        future = pool.submit(tasks.same, 7)
        assert not future.running()
        assert not future.done()
        gate.open()
        assert future.result() == 7


@pytest.mark.parametrize("results", [[], [0, 1], [0, 2, 1], [0, 1, 2, 3]])
def test_a_map_is_looked_at(results: list[int]) -> None:
    """Results that are lost, too many or in disorder are no speed."""
    with pytest.raises(AssertionError, match="the last of 3 results"):
        map_noops.drain(results, 3)
    map_noops.drain([0, 1, 2], 3)


def test_wrong_results_are_no_speed_up() -> None:
    """The results of a pool are compared with those of the main thread."""
    work = Work(tasks.count_down, ([3, 2, 1],))
    assert speed_up(work, work.serial) > 0
    with pytest.raises(AssertionError, match="2 results"):
        speed_up(work, lambda: [0, 0])


def test_switches_are_read_from_the_status() -> None:
    """The voluntary ones."""
    status = "Name:\tx\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n"
    assert idle.voluntary(status) == 12


def test_targets_have_a_verdict() -> None:
    """Met, missed, or not measured: one for each of a case's targets."""
    run = a_record()
    found = outcomes(run.rounds.readings, run.cases)
    verdicts = {(one.case.name, one.target.against): one.verdict for one in found}
    assert verdicts == {
        ("round_trip", "÷ stdlib"): "met",
        ("round_trip", "÷ anyio"): "not measured",
        ("throughput", "÷ stdlib"): "met",
        ("throughput", "÷ thread"): "met",
        ("view", "absolute"): "met",
    }


# -- the check ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "expected", "found", "fallen"),
    [
        ("round_trip", 0.5, 0.5, False),
        ("round_trip", 0.5, 0.99, False),
        ("round_trip", 0.5, 1.01, True),
        ("round_trip", 0.5, 0.1, False),
        ("throughput", 6.0, 3.1, False),
        ("throughput", 6.0, 2.9, True),
        ("throughput", 6.0, 60.0, False),
    ],
)
def test_half_as_good_is_a_fall(case: str, expected: float, found: float, fallen: bool) -> None:
    """For times twice as much, for rates half as many; getting better is none."""
    reference = Reference("here", STDLIB, {case: expected})
    falls = check.falls(reference, readings({case: {OURS: [found * 100], STDLIB: [100]}}))
    assert [fall.case for fall in falls] == [case] * fallen


def test_what_is_not_measured_is_a_fall() -> None:
    """A check that passes because nothing ran would be none."""
    reference = Reference("here", STDLIB, {"memory": 0.5})
    (fall,) = check.falls(reference, readings(FIGURES))
    assert str(fall) == "memory ÷ stdlib: expected 0.5, not measured"


def test_a_fall_tells_how_far() -> None:
    """In the words of someone who reads a log."""
    text = "round_trip ÷ stdlib: expected 0.5, found 1.5: 3.0 times as bad"
    assert str(Fall("round_trip", STDLIB, 0.5, 1.5)) == text


def again(found: Readings, asked: list[Sequence[str]]) -> Callable[[Sequence[str]], Readings]:
    """Return what pretends to measure once more, and notes what it was asked for."""

    def measure(names: Sequence[str]) -> Readings:
        asked.append(names)
        return found

    return measure


def test_only_what_falls_twice_has_fallen() -> None:
    """The cases that seem to have fallen are measured again; the others are not."""
    reference = Reference("here", STDLIB, {"round_trip": 0.1, "throughput": 6.0, "memory": 0.5})
    better = readings({"round_trip": {OURS: [10], STDLIB: [100]}})
    asked: list[Sequence[str]] = []
    falls = check.last_falls(reference, readings(FIGURES), again(better, asked))
    assert asked == [["round_trip", "memory"]]
    assert [fall.case for fall in falls] == ["memory"]


def test_what_stands_is_not_measured_again() -> None:
    """Cases that stand are not measured again, so that a good run is a short one."""
    asked: list[Sequence[str]] = []
    reference = Reference("here", STDLIB, {"throughput": 6.0})
    assert check.last_falls(reference, readings(FIGURES), again({}, asked)) == []
    assert asked == []


def test_a_reference_is_written_and_read() -> None:
    """Three digits are enough."""
    text = check.dump(Reference("here", STDLIB, {"round_trip": 0.512345}))
    assert check.load(text) == Reference("here", STDLIB, {"round_trip": 0.512})


def test_the_committed_reference_is_of_the_short_form() -> None:
    """Every case of it, against the stdlib class."""
    path = Path(cli.__file__).with_name("reference.json")
    reference = check.load(path.read_text(encoding="utf-8"))
    assert reference.against == STDLIB
    assert set(reference.ratios) == set(QUICK)


# -- what is written ----------------------------------------------------------------


def test_a_record_is_written_and_read() -> None:
    """Nothing is lost on the way; unknown names of another version are left out."""
    text = record.dump(a_record())
    assert record.load(text) == a_record()
    data = json.loads(text)
    data["units"]["spam"] = "eggs"
    data["contenders"].append("spam")
    assert record.load(json.dumps(data)) == a_record()


def words(svg: ET.Element, kind: str) -> list[str]:
    """Return the texts of a class."""
    return [element.text or "" for element in svg.iter() if element.get("class") == kind]


def test_the_chart_shows_how_many_times_as_good() -> None:
    """To the right is better, for times as for rates; incomparable cases are left out."""
    svg = ET.fromstring(chart(a_record()))
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert words(svg, "end") == ["2.00×", "6.00×"]  # noqa: RUF001
    assert CASES["view"].title not in words(svg, "label")
    bars = [element for element in svg.iter() if element.get("class") == "bar"][1:]
    lines = [element for element in svg.iter() if element.get("class") == "one"]
    assert {bar.get("x") for bar in bars} == {lines[0].get("x1")}


def test_everybody_has_a_mark() -> None:
    """Each contender has a mark, but the two that the chart is about."""
    assert set(MARKS) == {*CONTENDERS, FLOOR} - {OURS, STDLIB}


def test_a_chart_of_nothing_is_a_chart() -> None:
    """On 3.13, say, where there is no stdlib class."""
    run = a_record()
    nothing = Record(SETTING, True, run.cases, [OURS], {}, Rounds())
    assert words(ET.fromstring(chart(nothing)), "end") == []


def test_the_tables_have_straight_columns() -> None:
    """Each row has as many cells as its heading, and nothing is without a row."""
    text = table(a_record())
    figures, targets = (block.splitlines() for block in text.split("\n\n")[1:])
    assert "**" not in text
    assert len({line.count("|") for line in figures}) == 1
    assert len({line.count("|") for line in targets}) == 1
    assert len(figures) == 2 + len(FIGURES)
    assert figures[0] == "| case | unit | interpexec | ÷ stdlib | floor | stdlib | thread |"
    assert "| µs | 55.0 (52.5 … 57.5) | 0.50 | 10.0 | 110 | - |" in text


# -- the command line ---------------------------------------------------------------


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
        monkeypatch.setattr(cli, "absentees", dict)
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
