"""`trace()`: a timeline in a file, in the trace-event format."""

import json
import operator
import os
import subprocess
import sys
import time
import warnings
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import losing
import tasks
from gates import TIME_LIMIT, Gate, gate
from interpexec import InterpreterPoolExecutor, WorkerLostError
from interpexec._worker import trace_ring

type Event = dict[str, Any]

_KEYS = {
    "M": {"ph", "name", "pid", "tid", "args"},
    "X": {"ph", "cat", "name", "pid", "tid", "ts", "dur", "args"},
    "C": {"ph", "name", "pid", "tid", "ts", "args"},
    "i": {"ph", "s", "cat", "name", "pid", "tid", "ts", "args"},
}


def endless() -> None:
    """Never return."""
    while True:
        pass


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where a trace is written."""
    return tmp_path / "run.json"


def events(file: Path) -> list[Event]:
    """Read a trace, and check each event against the format."""
    found: list[Event] = json.loads(file.read_text())
    rows = {each["tid"] for each in found if each["name"] == "thread_name"}
    for event in found:
        assert event.keys() == _KEYS[event["ph"]]
        assert event["pid"] == os.getpid()
        assert event["tid"] in rows
        assert event.get("ts", 0) >= 0
        assert event.get("dur", 0) >= 0
        assert all(type(each) is int for each in event["args"].values()) or event["ph"] != "C"
    return found


def of(found: list[Event], kind: str, name: str = "") -> list[Event]:
    """Return the slices of a kind."""
    slices = (each for each in found if each.get("cat") == kind and each["ph"] == "X")
    return [each for each in slices if not name or each["name"].startswith(name)]


def calls_of(found: list[Event], name: str) -> int:
    """Return how many calls of a function are told, those that share a line included."""
    return sum(each["args"].get("calls", 1) for each in of(found, "call", name))


def _overlap(found: list[Event]) -> bool:
    """Say whether slices of a row overlap otherwise than one in the other."""
    rows: dict[int, list[tuple[float, float]]] = {}
    for each in found:
        if each["ph"] == "X":
            end = each["ts"] + each["dur"]
            rows.setdefault(each["tid"], []).append((each["ts"], -end))
    for row in rows.values():
        open_ends: list[float] = []
        for begin, negative in sorted(row):
            while open_ends and open_ends[-1] <= begin + 0.01:
                open_ends.pop()
            if open_ends and -negative > open_ends[-1] + 0.01:
                return True
            open_ends.append(-negative)
    return False


def test_each_call_is_told(file: Path) -> None:
    """Its function, its end, and the times in it, on the row of its worker."""
    with InterpreterPoolExecutor(2) as pool:
        pool.submit(tasks.same, 0).result(TIME_LIMIT)
        with pool.trace(file) as trace:
            assert pool.submit(sorted, [3, 2, 1]).result(TIME_LIMIT) == [1, 2, 3]
            assert pool.submit(tasks.divide, 1, 0).exception(TIME_LIMIT) is not None
            named = pool.with_options(name='the "big" one', timeout=TIME_LIMIT)
            assert named.submit(tasks.same, [5]).result(TIME_LIMIT) == [5]
        assert trace.lost == 0
        pool.submit(len, "").result(TIME_LIMIT)
    found = events(file)
    (one,) = of(found, "call", "sorted")
    told = one["args"]
    assert told["ended"] == "value"
    parts = [told[f"{part}_ns"] for part in ("unpacked", "ran", "result")]
    assert sum(parts) == pytest.approx(1000 * one["dur"], abs=2)
    assert all(each > 0 for each in [*parts, told["waited_ns"], told["packed_ns"]])
    (failed,) = of(found, "call", "divide")
    assert (failed["args"]["ended"], failed["args"]["error"]) == ("error", "ZeroDivisionError")
    assert len(of(found, "call", 'the "big" one')) == 1
    assert not of(found, "call", "len")
    assert len(of(found, "call")) == 3
    assert not _overlap(found)


def test_short_calls_that_follow_each_other_share_lines(file: Path) -> None:
    """None is missing, also of those that have no line yet when the trace ends."""
    with InterpreterPoolExecutor(2) as pool, pool.trace(file):
        futures = [pool.submit(operator.pos, n) for n in range(2000)]
        futures += [pool.submit(tasks.same, n) for n in range(10)]
        for each in futures:
            each.result(TIME_LIMIT)
    found = events(file)
    assert calls_of(found, "pos") == 2000
    assert calls_of(found, "same") == 10
    assert len(of(found, "call")) < 1000
    assert not _overlap(found)


def test_the_items_of_maps_are_told(file: Path) -> None:
    """Long ones by their numbers in the map, with the failed one; short ones only in their call."""
    with InterpreterPoolExecutor(2) as pool, pool.trace(file):
        list(pool.outcomes(_wait_or_fail, range(20), chunksize=4))
        assert len(list(pool.map(operator.pos, range(30_000)))) == 30_000
    found = events(file)
    items = of(found, "item", "_wait_or_fail")
    assert sorted(each["args"]["first"] for each in items) == list(range(20))
    assert [each["args"]["first"] for each in items if each["args"]["ended"] == "error"] == [7]
    assert sum(each["args"]["items"] for each in of(found, "call", "_wait_or_fail")) == 20
    assert len(of(found, "item", "pos")) < 100
    assert sum(each["args"].get("items", 1) for each in of(found, "call", "pos")) >= 30_000
    assert not _overlap(found)


def _wait_or_fail(number: int) -> int:
    end = time.monotonic() + 0.001
    while time.monotonic() < end:
        pass
    return 1 // (number - 7)


def _await_end_of_first(pool: InterpreterPoolExecutor) -> None:
    """Return when the interpreter of a worker that was replaced is gone."""
    end = time.monotonic() + TIME_LIMIT
    while len(pool.workers()) > 1:
        assert time.monotonic() < end


def test_workers_that_come_and_go_are_told(file: Path) -> None:
    """Each has its row, in the order of their indices; and why a call was stopped."""
    with InterpreterPoolExecutor(1, initializer=tasks.same, initargs=(0,)) as pool, gate() as door:
        with pool.trace(file):
            late = pool.with_options(timeout=0.5).submit(endless)
            assert isinstance(late.exception(TIME_LIMIT), TimeoutError)
            held = pool.submit(tasks.pass_gate, door.handle)
            door.await_knocks(1)
            _await_end_of_first(pool)
        door.open()
        held.result(TIME_LIMIT)
    found = events(file)
    rows = [each["args"]["name"] for each in found if each["name"] == "thread_name"]
    assert [each.partition(":")[0] for each in rows] == ["pool", "worker 0", "worker 0"]
    assert len(of(found, "worker", "starts")) == 2
    assert len(of(found, "call", "initializer")) == 2
    notes = Counter(each["name"] for each in found if each["ph"] == "i")
    assert notes["endless is out of time"] == 1
    assert notes["takes no further call"] == 1
    assert notes["ends"] == 1
    (stopped,) = of(found, "call", "endless")
    assert stopped["args"]["ended"] == "stopped"
    (running,) = of(found, "call", "pass_gate")
    assert running["args"]["ended"] == "running"


def test_waiting_calls_are_counted(
    pass_by: tuple[InterpreterPoolExecutor, Gate], file: Path
) -> None:
    """The calls and the items that no worker has, and the calls that run."""
    pool, door = pass_by
    with pool.trace(file):
        futures = [pool.submit(tasks.pass_gate, door.handle) for _ in range(5)]
        results = pool.map(tasks.same, range(100), chunksize=1)
        door.await_knocks(2)
    door.open()
    assert [*results] == list(range(100))
    for each in futures:
        each.result(TIME_LIMIT)
    counters = [each for each in events(file) if each["ph"] == "C"]
    assert {each["name"] for each in counters} <= {"calls", "items of maps"}
    assert counters


def test_a_trace_may_begin_and_end_while_calls_run(
    pass_by: tuple[InterpreterPoolExecutor, Gate], file: Path
) -> None:
    """Calls that began before it are not told, but where they run at its end; results are right."""
    pool, door = pass_by
    before = [pool.submit(tasks.pass_gate, door.handle, n) for n in range(3)]
    door.await_knocks(2)
    with pool.trace(file):
        during = pool.map(tasks.same, range(50))
        door.let_in(2)
        door.await_knocks(1)
    door.open()
    assert [each.result(TIME_LIMIT) for each in before] == [0, 1, 2]
    assert [*during] == list(range(50))
    assert events(file)


def test_the_pool_may_end_in_the_trace(file: Path) -> None:
    """A call that has ended before `terminate_workers` is told."""
    pool = InterpreterPoolExecutor(2)
    with pool.trace(file):
        pool.submit(sorted, [2, 1]).result(TIME_LIMIT)
        pool.submit(endless)
        pool.terminate_workers()
    assert len(of(events(file), "call", "sorted")) == 1


def test_no_call_of_a_worker_that_ends_is_missing(file: Path) -> None:
    """Short ones included, which had no line when it retired."""
    with InterpreterPoolExecutor(2, max_tasks_per_child=5) as pool, pool.trace(file):
        for each in [pool.submit(sorted, [2, 1]) for _ in range(50)]:
            each.result(TIME_LIMIT)
    found = events(file)
    assert calls_of(found, "sorted") == 50
    assert len(of(found, "worker", "starts")) >= 10


def test_a_lost_worker_is_told_of(file: Path) -> None:
    """With the call that it ran, and why."""
    with InterpreterPoolExecutor(1) as pool, pool.trace(file):
        assert pool.submit(sorted, [1]).result(TIME_LIMIT) == [1]
        lost = pool.submit(losing.lose_worker).exception(TIME_LIMIT)
        assert isinstance(lost, WorkerLostError)
        assert pool.submit(sorted, [2]).result(TIME_LIMIT) == [2]
        _await_end_of_first(pool)
    found = events(file)
    assert calls_of(found, "sorted") == 2
    assert of(found, "call", "lose_worker")
    assert [each["name"] for each in found if each["name"] == "is lost"] == ["is lost"]


def test_a_pool_in_a_worker_may_be_traced(file: Path, pool: InterpreterPoolExecutor) -> None:
    """The trace is in a file of its own."""
    assert pool.submit(_trace_inside, str(file)).result(TIME_LIMIT) == 3
    assert calls_of(events(file), "sum") == 1


def _trace_inside(path: str) -> int:
    with InterpreterPoolExecutor(1) as inner, inner.trace(path):
        return inner.submit(sum, [1, 2]).result(TIME_LIMIT)


@pytest.mark.slow
def test_a_forked_child_writes_nothing(file: Path, pool: InterpreterPoolExecutor) -> None:
    """The file is its parent's, whose pool goes on."""
    with pool.trace(file):
        pool.submit(sorted, [1]).result(TIME_LIMIT)
        with warnings.catch_warnings(action="ignore"):  # a fork with threads
            child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        pool.submit(sorted, [2]).result(TIME_LIMIT)
    assert calls_of(events(file), "sorted") == 2


def test_nothing_is_left_of_a_trace(file: Path, single: InterpreterPoolExecutor) -> None:
    """The methods are those of before, and so is the class of the worker."""
    state, scheduler = single._scheduler.state, single._scheduler
    parts: list[object] = [scheduler, state, state.table, state.workers, scheduler._canceller]
    before = [dict(vars(each)) for each in parts]
    for _ in range(3):
        with single.trace(file):
            list(single.map(tasks.same, range(3)))
        events(file)
    for former, part in zip(before, parts, strict=True):
        assert {*vars(part)} == {*former}
    single.broadcast(tasks.same, 1)[0].result(TIME_LIMIT)  # the order before it is followed
    assert not single.submit(_is_recording).result(TIME_LIMIT)


def _is_recording() -> bool:
    """Say whether the worker records."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.endswith("recorder.py"):
            return True
        frame = frame.f_back  # type: ignore[assignment]  # the loop's condition
    return False


def test_wrong_uses_are_refused(file: Path, pool: InterpreterPoolExecutor) -> None:
    """By errors that say what is wrong; the pool goes on untraced."""
    with pytest.raises(TypeError, match=r"path must be a str or an os\.PathLike, got 5"):
        pool.trace(5)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError), pool.trace(file / "nowhere"):
        pass
    with pool.trace(file), pytest.raises(RuntimeError, match="is traced already"):
        pool.trace(file).__enter__()
    with pool.trace(file):
        assert pool.submit(tasks.same, 1).result(TIME_LIMIT) == 1


def test_a_trace_that_cannot_begin_leaves_the_pool_as_it_was(
    file: Path, pool: InterpreterPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no memory for it: the next one begins."""
    pool.warm()
    with monkeypatch.context() as patch:
        patch.setattr(trace_ring, "total", partial(int, "no memory"))
        with pytest.raises(ValueError, match="no memory"), pool.trace(file):
            pass
    with pool.trace(file):
        assert pool.submit(sorted, [1]).result(TIME_LIMIT) == [1]
    assert calls_of(events(file), "sorted") == 1


def test_a_full_disk_is_an_error_at_the_end(pool: InterpreterPoolExecutor) -> None:
    """Calls do not mind."""
    with pytest.raises(OSError, match="No space left"), pool.trace("/dev/full"):
        assert pool.submit(tasks.same, 1).result(TIME_LIMIT) == 1
    assert pool.submit(tasks.same, 2).result(TIME_LIMIT) == 2


_KILLED = """
import os, re, signal, sys, time
from interpexec import InterpreterPoolExecutor

with InterpreterPoolExecutor(2) as pool, pool.trace(sys.argv[1]):
    list(pool.map(sorted, [[2, 1]] * 50, chunksize=1))
    held = pool.submit(time.sleep, 60)
    while True:
        told = re.findall('"sorted(?: .([0-9]+) calls.)?"', open(sys.argv[1]).read())
        if sum(int(each or 1) for each in told) == 50:
            break
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_program_leaves_a_readable_file(file: Path) -> None:
    """As the format allows, without the bracket at the end."""
    command = [sys.executable, "-c", _KILLED, str(file)]
    assert subprocess.run(command, timeout=60, check=False).returncode < 0
    text = file.read_text().rstrip()
    assert text.endswith(",")
    found = json.loads(text[:-1] + "]")
    assert calls_of(found, "sorted") == 50


def test_lines_for_which_there_is_no_room_are_counted(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the file; the lines that are there are whole."""
    monkeypatch.setattr(trace_ring, "SIZE", 1000)
    with InterpreterPoolExecutor(1) as pool, pool.trace(file) as trace:
        results = pool.map(partial(sorted), [[2, 1]] * 50, chunksize=1)
        assert [*results] == [[1, 2]] * 50
    told = calls_of(events(file), "partial(sorted)")
    assert 0 < told < 50
    assert trace.lost == 50 - told


def test_a_fault_of_the_recorder_costs_no_call(single: InterpreterPoolExecutor, file: Path) -> None:
    """A trace that ends while a call is recorded takes its memory away."""
    with single.trace(file):
        assert single.submit(_break_recorder).result(TIME_LIMIT) is None
        assert single.submit(tasks.same, 1).result(TIME_LIMIT) == 1
        assert [*single.map(_wait_or_fail, range(3), chunksize=3)] == [-1, -1, -1]


def _break_recorder() -> None:
    """Release the memory of the worker's recorder, as its helper does in the middle of a call."""
    frame = sys._getframe()
    while (found := frame.f_locals.get("recorder")) is None:
        assert frame.f_back is not None
        frame = frame.f_back
    for each in (found._ring, found._stamps, found._memory):
        each.release()
