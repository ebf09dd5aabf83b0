"""The benchmark of real work: its works, its table, its judgement; never how fast anything is."""

import json
from pathlib import Path

import pytest

from benchmarks.contenders import CONTENDERS, OURS, THREADS
from benchmarks.works import cli, contest, reading
from benchmarks.works.catalogue import WORKS

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("name", WORKS)
def test_a_work_has_items_and_a_function_for_each(name: str) -> None:
    """Both passes have as many, of texts or numbers, and results that can be compared."""
    if why := cli.missing([name]):
        pytest.skip(str(why))
    function, items_of = WORKS[name].load()
    first, second = (items_of(0.2, number) for number in range(len(reading.PASSES)))
    assert len(first) == len(second) > 1
    assert {type(item) for item in first} <= {str, int}
    assert repr(function(first[0])) == repr(function(first[0]))


def test_a_loop_and_a_pool_have_the_same_results() -> None:
    """Of all items, in both passes."""
    loop = reading.measure("10us", reading.SERIAL, 0.002)
    pool = reading.measure("10us", THREADS, 0.002)
    assert loop["digest"] == pool["digest"]
    assert loop["items"] == pool["items"] == 80


@pytest.mark.parametrize("items", [1, 7, 8, 9, 40_000])
def test_no_worker_has_more_than_its_share_of_chunks(items: int) -> None:
    """Eight for two workers, at most, as `multiprocessing.Pool` makes them."""
    size = reading.chunksize(items)
    assert 1 <= -(-items // size) <= 4 * reading.WORKERS


def test_contenders_are_known() -> None:
    """By the name that the other benchmark has for them; and all of them map."""
    assert all(CONTENDERS[name].maps for name in cli.CONTENDERS)


ANSWERS = {
    reading.SERIAL: {"start": 4.0, "warm": 2.0, "items": 1234, "digest": "right"},
    OURS: {"start": 2.0, "warm": 1.0, "items": 1234, "digest": "right"},
    THREADS: {"start": 4.0, "warm": 0.5, "items": 1234, "digest": "right"},
}


def test_the_table_names_the_best_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """For each pass."""
    monkeypatch.setattr(contest, "ask", lambda _module, _work, name, _scale: ANSWERS[name])
    held = contest.Contest(["1ms"], [OURS, THREADS], 1)
    held.hold(0)
    rows = [line for line in held.tables() if "`1ms`" in line]
    assert rows == [
        "| items of 1 ms (`1ms`) | 1,234 | 4.00 | 2.00 | 1.00 | 2.00 (thread) |",
        "| items of 1 ms (`1ms`) | 1,234 | 2.00 | 2.00 | 4.00 | 0.50 (thread) |",
    ]


def test_wrong_results_are_no_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a contender fails, and is not in the table."""
    answers = ANSWERS | {THREADS: ANSWERS[THREADS] | {"digest": "wrong"}}
    monkeypatch.setattr(contest, "ask", lambda _module, _work, name, _scale: answers[name])
    held = contest.Contest(["1ms"], [OURS, THREADS], 1)
    held.hold(0)
    assert list(held.rounds.failed) == [("1ms", THREADS)]
    assert next(line for line in held.tables() if "`1ms`" in line).endswith("| 2.00 | - | - |")


@pytest.mark.slow
def test_the_command_measures_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table, and every reading: two passes and the number of items for each contender."""
    monkeypatch.setattr(cli, "CONTENDERS", (OURS, THREADS))
    written = tmp_path / "run.json"
    assert cli.main(["--quick", "--work", "10ms", "--json", str(written)]) == 0
    assert capsys.readouterr().out.count("`10ms`") == 2
    assert len(json.loads(written.read_text())["readings"]) == 3 * 3
