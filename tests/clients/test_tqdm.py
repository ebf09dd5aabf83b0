"""tqdm: a bar moves with the results, however they are asked for."""

import concurrent.futures
import io
from collections.abc import Iterator
from concurrent.futures import as_completed
from functools import partial

import pytest
from tqdm import tqdm
from tqdm.contrib.concurrent import interpreter_map

import gates
import tasks
from interpexec import InterpreterPoolExecutor


@pytest.fixture(scope="module", autouse=True)
def _tqdm_is_ready() -> Iterator[None]:
    """Have tqdm make its lock, whose tracker keeps a pipe, and no thread that outlives a test."""
    tqdm.get_lock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tqdm, "monitor_interval", 0)
        yield


class Bar(tqdm):
    """A bar that is drawn at each step, into memory, and counts its steps."""

    def __init__(self, *args: object, **options: object) -> None:
        settings = {"file": io.StringIO(), "mininterval": 0, "miniters": 1}
        super().__init__(*args, **{**options, **settings})


def test_a_bar_around_a_map_moves_while_the_map_runs() -> None:
    """One step a result, while later calls are still running."""
    with gates.gated(partial(InterpreterPoolExecutor, 1)) as (pool, gate):
        bar = Bar(pool.map(partial(tasks.pass_gate, gate.handle), range(4)), total=4)
        results = iter(bar)
        gate.let_in(1)
        assert next(results) == 0
        gate.let_in(1)
        assert next(results) == 1
        assert bar.n == 1  # tqdm counts a step when the next result is asked for
        gate.open()
        assert list(results) == [2, 3]
    assert bar.n == 4
    assert "4/4" in bar.fp.getvalue()


def test_a_bar_around_futures_moves_as_they_end(pool: InterpreterPoolExecutor) -> None:
    """`as_completed` takes our futures."""
    futures = [pool.submit(pow, n, 2) for n in range(10)]
    bar = Bar(as_completed(futures), total=len(futures))
    assert sorted(future.result() for future in bar) == [n * n for n in range(10)]
    assert bar.n == 10


def test_a_callback_moves_a_bar(pool: InterpreterPoolExecutor) -> None:
    """From the threads that settle futures."""
    with Bar(total=50) as bar:
        futures = [pool.submit(pow, n, 2) for n in range(50)]
        for future in futures:
            future.add_done_callback(lambda _: bar.update())
        pool.shutdown()
    assert bar.n == 50


def test_the_progress_of_a_map_moves_a_bar(pool: InterpreterPoolExecutor) -> None:
    """`progress` of a map calls with what is done, and of how many."""
    with Bar(total=1000) as bar:
        results = pool.map(abs, range(1000), progress=lambda done, *_: bar.update(done - bar.n))
        assert list(results) == list(range(1000))
    assert bar.n == 1000


def test_tqdms_map_over_interpreters_runs_on_our_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """`interpreter_map` is tqdm's for 3.14's class; it works where ours has that one's name."""
    monkeypatch.setattr(concurrent.futures, "InterpreterPoolExecutor", InterpreterPoolExecutor)
    drawn = io.StringIO()
    options = {"tqdm_class": tqdm, "max_workers": 2, "file": drawn}
    assert interpreter_map(pow, range(100), [2] * 100, **options) == [n * n for n in range(100)]
    assert "100/100" in drawn.getvalue()


def test_a_bar_inside_a_call(pool: InterpreterPoolExecutor) -> None:
    """A worker draws one of its own; tqdm's monitor, a daemon thread, has to be off there."""
    assert pool.submit(_count_with_bar, 20).result(gates.TIME_LIMIT) == (20, "20/20")


def _count_with_bar(count: int) -> tuple[int, str]:
    tqdm.monitor_interval = 0
    out = io.StringIO()
    steps = sum(1 for _ in tqdm(range(count), file=out, mininterval=0))
    return steps, out.getvalue().split("| ")[-1].split(" ")[0]
