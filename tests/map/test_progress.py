"""`progress=`: how far a map is, told to a callable, or shown on a terminal or in a notebook."""

import io
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

import tasks
from gates import TIME_LIMIT, gate
from interpexec import InterpreterPoolExecutor
from interpexec._map import progress_line
from interpexec._map.progress import Progress
from programs import PATHS, ROOT, write
from stops import finish, start

pytestmark = pytest.mark.fast

type Numbers = tuple[int, int, int | None]

MAPS = ["map", "imap_unordered", "outcomes"]


class Terminal(io.StringIO):
    """A standard error output that a person sees."""

    def isatty(self) -> bool:
        super().isatty()  # an error, if it is closed
        return True

    def lines(self) -> list[str]:
        """Return what was written, line by line, in the order of time."""
        return [line.strip() for line in self.getvalue().replace("\n", "\r").split("\r") if line]


@pytest.fixture(params=MAPS)
def method(request: pytest.FixtureRequest) -> str:
    """Stand for each of the maps."""
    name: str = request.param
    return name


@pytest.fixture
def told() -> list[Numbers]:
    """Return what a callable was given."""
    return []


@pytest.fixture
def tell(told: list[Numbers]) -> Callable[..., None]:
    """Return a callable that remembers the numbers."""
    return lambda *numbers: told.append(numbers)


@pytest.mark.parametrize("options", [{}, {"chunksize": 7}, {"buffersize": 9}])
def test_a_callable_is_told_the_numbers(
    pool: InterpreterPoolExecutor,
    method: str,
    options: dict[str, Any],
    told: list[Numbers],
    tell: Callable[..., None],
) -> None:
    """From none to all; they only grow, and the last ones are there when all results are taken."""
    results = getattr(pool, method)(tasks.same, range(200), progress=tell, **options)
    assert len(list(results)) == 200
    assert told[0][1:] == (0, 200)
    assert told[-1] == (200, 0, 200)
    assert told == sorted(set(told))


@pytest.mark.parametrize("nth", range(8))
def test_a_call_that_ends_while_numbers_are_told_is_told_once(nth: int) -> None:
    """The call ends at the nth line of the function that tells them."""
    told: list[Numbers] = []
    progress = Progress(lambda *numbers: told.append(numbers), 2)
    ended: Future[int] = Future()
    ended.set_result(1)
    lines = iter(range(nth))

    def at_each_line(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_name != "_tell":
            return None
        if event == "line" and next(lines, None) is None and progress._done[0] == 0:
            progress.add(1, ended)
        return at_each_line

    tracing = sys.gettrace()
    sys.settrace(at_each_line)
    try:
        progress.report()
    finally:
        sys.settrace(tracing)
    assert told in ([(0, 0, 2), (1, 0, 2)], [(1, 0, 2)])


def test_failures_are_counted(
    pool: InterpreterPoolExecutor, told: list[Numbers], tell: Callable[..., None]
) -> None:
    """Items fail by themselves, with their whole call, or as they cannot be sent."""
    list(pool.outcomes(tasks.divide, [1] * 50, [0, 1] * 25, progress=tell))
    assert told[-1] == (50, 25, 50)
    list(pool.outcomes(tasks.same, [threading.Lock(), 1], chunksize=1, progress=tell))
    assert told[-1] == (2, 1, 2)


def test_the_total_is_known_when_all_is_read(
    pool: InterpreterPoolExecutor, method: str, told: list[Numbers], tell: Callable[..., None]
) -> None:
    """A generator does not say how long it is; the shortest of several iterables counts."""
    list(getattr(pool, method)(tasks.same, iter(_count(30)), buffersize=4, progress=tell))
    assert told[0][2] is None
    assert told[-1] == (30, 0, 30)
    list(getattr(pool, method)(pow, [1, 2, 3], range(9), progress=tell))
    assert told[-1] == (3, 0, 3)
    list(getattr(pool, method)(tasks.same, [], progress=tell))
    assert told[-1] == (0, 0, 0)


def _count(number: int) -> Iterator[int]:
    yield from range(number)


def test_numbers_come_while_nobody_takes_results(
    pool: InterpreterPoolExecutor, told: list[Numbers]
) -> None:
    """The first item is slow: the others are told of all the same."""
    seen = threading.Event()

    def tell(done: int, failed: int, total: int | None) -> None:
        told.append((done, failed, total))
        if done == 3:
            seen.set()

    with gate() as door:
        slow = [door.handle] * 4, [True, False, False, False], range(4)
        results = pool.map(tasks.pass_gate_if, *slow, chunksize=1, progress=tell)
        assert seen.wait(TIME_LIMIT)
        door.open()
        assert list(results) == [0, 1, 2, 3]
    assert told[-1] == (4, 0, 4)


def test_one_thread_tells_at_a_time(pool: InterpreterPoolExecutor, told: list[Numbers]) -> None:
    """Numbers that come while the callable runs are told together."""
    entered, goes_on = threading.Event(), threading.Event()

    def tell(*numbers: Any) -> None:
        told.append(numbers)
        if numbers[0] == 1:
            entered.set()
            assert goes_on.wait(TIME_LIMIT)

    with gate() as door:
        results = pool.map(tasks.pass_gate, [door.handle] * 20, chunksize=1, progress=tell)
        door.let_in(1)
        assert entered.wait(TIME_LIMIT)
        door.open()
        first = [next(results) for _ in range(20)]
        goes_on.set()
        assert list(results) == []
    assert len(first) == 20
    assert told[-1] == (20, 0, 20)
    assert len(told) < 10


def test_numbers_that_come_at_the_end_of_the_telling_are_told() -> None:
    """The race that would lose the last ones, in steps.

    1. a thread tells, and has seen the newest numbers
    2. another one adds some, and finds that the first one is telling
    3. the first one looks once more
    """
    told: list[Numbers] = []
    progress = Progress(lambda *numbers: told.append(numbers), 2)
    late = threading.Event()

    class Lock:
        """Adds numbers, by another thread, before it is free."""

        def __init__(self) -> None:
            self._real = threading.Lock()

        def acquire(self, blocking: bool = True) -> bool:
            return self._real.acquire(blocking)

        def release(self) -> None:
            if not late.is_set():
                late.set()
                finish(start(_add_and_report, progress))
            self._real.release()

    progress._telling = Lock()  # type: ignore[assignment]
    progress.report()
    assert told == [(0, 0, 2), (1, 1, 2)]


def _add_and_report(progress: Progress) -> None:
    progress.add_failed(1)
    progress.report()


def test_an_exception_of_the_callable_ends_the_telling(
    pool: InterpreterPoolExecutor, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The map goes on, and it is logged once."""

    def fail(*_: Any) -> None:
        raise LookupError("mine")

    assert len(list(getattr(pool, method)(tasks.same, range(30), progress=fail))) == 30
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("interpexec", logging.ERROR)
    assert "mine" in caplog.text


def test_calls_of_another_submit_are_told_of(
    told: list[Numbers], tell: Callable[..., None], method: str
) -> None:
    """Where a program overrides it."""

    class Pool(InterpreterPoolExecutor):
        def submit(self, *args: Any, **kwargs: Any) -> Any:
            return super().submit(*args, **kwargs)

    with Pool(1) as pool:
        assert len(list(getattr(pool, method)(tasks.same, range(10), progress=tell))) == 10
    assert told[-1] == (10, 0, 10)


@pytest.mark.parametrize("wrong", [1, "yes", [print]])
def test_something_else_is_refused(pool: InterpreterPoolExecutor, wrong: Any) -> None:
    """By name; no item is read."""
    with pytest.raises(TypeError, match="progress must be"):
        pool.map(tasks.same, [1], progress=wrong)


@pytest.mark.parametrize("wanted", [False, None, True])
def test_nobody_looks(
    pool: InterpreterPoolExecutor, capsys: pytest.CaptureFixture[str], wanted: Any
) -> None:
    """Standard error is no terminal: nothing is written."""
    assert list(pool.map(tasks.same, [1, 2], progress=wanted)) == [1, 2]
    assert capsys.readouterr() == ("", "")


def test_a_line_is_written_on_a_terminal(
    pool: InterpreterPoolExecutor, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same one again and again; at the end with the time that it took."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress_line, "_INTERVAL", 0)
    assert len(list(getattr(pool, method)(tasks.same, range(1200), progress=True))) == 1200
    lines = terminal.lines()
    assert lines[-1].startswith("1,200/1,200 done, ")
    assert lines[-1].endswith(", 0:00")
    assert any(line.endswith(" left") for line in lines[:-1])
    assert terminal.getvalue().endswith("\n")
    assert terminal.getvalue().count("\n") == 1


def test_the_line_ends_where_the_map_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception ends a map; the next text stands on a line of its own."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(ZeroDivisionError), InterpreterPoolExecutor(1) as pool:
        list(pool.map(tasks.divide, [1] * 9, [0] * 9, progress=True))
    assert terminal.getvalue().endswith("\n")
    assert " failed, " in terminal.lines()[-1]


@pytest.mark.parametrize(
    ("numbers", "seconds", "text"),
    [
        ((0, 0, None), 0, "0 done"),
        ((5, 0, None), 2, "5 done, 2/s"),
        ((5, 2, 10), 10, "5/10 done, 2 failed, 2.0 s each, 0:10 left"),
        ((1000, 0, 8_000_000), 1, "1,000/8,000,000 done, 1,000/s, 2:13:19 left"),
    ],
)
def test_the_line_tells(
    monkeypatch: pytest.MonkeyPatch, numbers: Numbers, seconds: float, text: str
) -> None:
    """Counts, rate, and the time that is left."""
    now = [100.0]
    monkeypatch.setattr(progress_line, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress_line, "_INTERVAL", 0)
    terminal = Terminal()
    line = progress_line.Line(terminal)
    now[0] += seconds
    line.show(*numbers)
    assert terminal.lines() == [text]
    line.show(1, 0, None)
    assert (
        terminal.getvalue().rstrip(" ").endswith("1 done" if seconds == 0 else terminal.lines()[-1])
    )


def test_a_terminal_that_is_gone_is_let_go() -> None:
    """No error comes of it."""
    terminal = Terminal()
    line = progress_line.Line(terminal)
    terminal.close()
    for step in (lambda: line.show(1, 0, 2), line.end):
        step()
    assert progress_line.display(terminal, 2) is None
    assert progress_line.display(None, 2) is None


def test_a_bar_is_shown_in_a_notebook(
    pool: InterpreterPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bar is tqdm's, if that is installed."""
    bars: list[Any] = []

    class Bar:
        def __init__(self, total: int | None, unit: str) -> None:
            self.total, self.unit, self.n = total, unit, 0
            self.ended = False
            bars.append(self)

        def update(self, more: int) -> None:
            self.n += more

        def reset(self, total: int) -> None:
            self.total, self.n = total, 0

        def set_postfix(self, *, refresh: bool, **values: object) -> None:
            assert not refresh
            self.values = values

        def close(self) -> None:
            self.ended = True

    class ZMQInteractiveShell:
        pass

    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=ZMQInteractiveShell))
    monkeypatch.setitem(sys.modules, "tqdm", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "tqdm.notebook", SimpleNamespace(tqdm=Bar))
    list(pool.outcomes(tasks.divide, [1] * 9, _zeros(9), progress=True))
    (bar,) = bars
    assert (bar.n, bar.total, bar.values, bar.ended) == (9, 9, {"failed": 9}, True)
    monkeypatch.setitem(sys.modules, "tqdm.notebook", None)
    assert list(pool.map(tasks.same, [1], progress=True)) == [1]


def _zeros(count: int) -> Iterator[int]:
    yield from [0] * count


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo terminals here")
def test_a_program_shows_it_on_a_real_terminal(tmp_path: Any) -> None:
    """A person sees one line."""
    import subprocess

    program = write(
        tmp_path / "program.py",
        """
        with InterpreterPoolExecutor(2) as pool:
            print(sum(pool.map(abs, range(1000), progress=True)))
        """,
    )
    ours, theirs = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, program],
            stdout=subprocess.PIPE,
            stderr=theirs,
            timeout=TIME_LIMIT * 5,
            check=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([*PATHS, str(ROOT)])},
        )
        shown = os.read(ours, 1 << 16).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.stdout == b"499500\n"
    assert "1,000/1,000 done, " in shown
