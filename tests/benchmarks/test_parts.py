"""The benchmark's own parts: ratios, cases, contenders, rounds. Never how fast anything is."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks import tasks
from benchmarks.cases import CASES, QUICK, idle, map_noops
from benchmarks.contenders import ANYIO, CONTENDERS, FLOOR, JOBLIB, LOKY, OURS, STDLIB, THREADS
from benchmarks.gate import Gate
from benchmarks.outcome import outcomes
from benchmarks.report import number
from benchmarks.rounds import one_round
from benchmarks.sample import Sample, take
from benchmarks.summary import ratio
from benchmarks.work import Work, speed_up
from measured import a_record

pytestmark = pytest.mark.fast


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


MAPS = {"map_noops", "map_10us", "busy_map_noops", "busy_map_10us"}


@pytest.mark.parametrize(
    ("contender", "cases"),
    [
        (JOBLIB, MAPS | {"map_1ms", "map_uneven", "cpu_one", "cpu_map"}),
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
