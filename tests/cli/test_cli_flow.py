"""The loop of `interpexec map`, with threads for workers; and when Ctrl-C stops it."""

import signal
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from io import StringIO

import pytest

from interpexec.cli import _evaluate, _order
from interpexec.cli._evaluate import Failure, Reply, Settings, prepare
from interpexec.cli._flow import DEPTH, Flow
from interpexec.cli._interrupts import Interrupts
from interpexec.cli._items import Source, from_arguments
from interpexec.cli._order import AsTheyArrive, InItemOrder
from interpexec.cli._parse import parse_task
from interpexec.cli._report import Output, Report

pytestmark = pytest.mark.fast


class CountingPool(ThreadPoolExecutor):
    """Knows how many calls are in flight."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.in_flight = 0
        self.calls = 0

    def submit(self, fn, /, *args, **kwargs):
        """Count the call until its future is done, and not an instant longer."""
        self.calls += 1
        self.in_flight += 1
        assert self.in_flight <= DEPTH * self._max_workers
        counted: Future[object] = Future()

        def count_down(future: "Future[object]") -> None:
            self.in_flight -= 1
            counted.set_result(future.result())

        super().submit(fn, *args, **kwargs).add_done_callback(count_down)
        return counted


class CountingOutput(StringIO):
    """Counts how often it is flushed."""

    flushes = 0

    def flush(self) -> None:
        """Count."""
        self.flushes += 1


def flow_over(
    source: Source,
    output: StringIO,
    order: "InItemOrder | AsTheyArrive | None" = None,
    pool: ThreadPoolExecutor | None = None,
    *,
    fail_fast: bool = False,
) -> Report:
    """Run a Flow in threads and return its Report."""
    prepare(Settings(parse_task("x"), "utf-8", fail_fast=False, traceback=False))
    report = Report(Output(output))
    with pool or CountingPool(2) as executor:
        flow = Flow(
            executor, source, report, order or InItemOrder(), workers=2, fail_fast=fail_fast
        )
        error = flow.run()
        assert flow.is_complete() or fail_fast
    if error is not None:
        raise error
    return report


def test_a_worker_gives_back_what_it_has_no_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice of no time lets every chunk come back after one item; nothing is lost."""
    monkeypatch.setattr(_evaluate, "SLICE", -1)
    # Earlier items are started though the order has no room for later ones.
    monkeypatch.setattr(_order, "MOST_REPLIES", 1)
    monkeypatch.setattr("interpexec.cli._pace.Pace.next_size", lambda _, n: min(n, 10))
    items = [str(number) for number in range(500)]
    for order in InItemOrder(), AsTheyArrive():
        output = StringIO()
        flow_over(from_arguments(items), output, order)
        assert sorted(output.getvalue().split()) == sorted(items)
        if isinstance(order, InItemOrder):
            assert output.getvalue().split() == items


def test_a_worker_hands_in_large_results_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """The values that one reply holds are bounded by size, too."""
    monkeypatch.setattr(_evaluate, "FULL", 10)
    settings = Settings(parse_task("x * 6"), "utf-8", fail_fast=False, traceback=False)
    assert _evaluate.Evaluator(settings).run(["a", "b", "c"]).done == 2


def test_results_that_are_ready_share_a_flush() -> None:
    """Ten thousand results need far fewer flushes, and the last is flushed."""
    output = CountingOutput()
    items = [str(number) for number in range(10_000)]
    pool = CountingPool(2)
    report = flow_over(from_arguments(items), output, pool=pool)
    assert output.getvalue().split() == items
    assert report.items == 10_000
    assert 0 < output.flushes <= pool.calls + 3


def test_a_slow_first_item_bounds_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more is started than may be held back, until the first item is done."""
    monkeypatch.setattr(_order, "MOST_REPLIES", 5)
    first: Future[Reply] = Future()

    class Pool(ThreadPoolExecutor):
        """Keeps the first chunk, and answers all others at once."""

        calls = 0

        def submit(self, _, /, *args):
            """Answer."""
            self.calls += 1
            if self.calls == 1:
                return first
            future: Future[Reply] = Future()
            items = args[0]
            future.set_result(Reply(len(items), b"x\n" * len(items), [], 1e-3 * len(items)))
            return future

    class HaltingOutput(StringIO):
        """Is flushed before the loop waits: when it can do nothing more."""

        def flush(self) -> None:
            """Let the first item end at the first halt."""
            if pool.calls and not first.done():
                halts.append(pool.calls)
                first.set_result(Reply(1, b"first\n", [], 1e-3))

    halts: list[int] = []
    pool, output = Pool(1), HaltingOutput()
    report = flow_over(from_arguments(["y"] * 1000), output, pool=pool)
    assert output.getvalue() == "first\n" + "x\n" * 999
    assert report.items == 1000
    assert halts[0] <= 5 + 2 * DEPTH
    assert pool.calls > 2 * halts[0]


def test_fail_fast_starts_nothing_behind_a_failure() -> None:
    """No item starts after a failure, even one that waits to be told behind an earlier item."""
    first: Future[Reply] = Future()

    class Pool(ThreadPoolExecutor):
        """Keeps the first chunk, fails the second, and does all others."""

        calls = 0

        def submit(self, _, /, *args):
            """Answer."""
            self.calls += 1
            if self.calls == 1:
                return first
            future: Future[Reply] = Future()
            failures = [Failure(0, "y", "Error")] if self.calls == 2 else []
            future.set_result(Reply(len(args[0]), b"x\n" * len(args[0]), failures))
            return future

    class HaltingOutput(StringIO):
        """Is flushed before the loop waits: when it can do nothing more."""

        def flush(self) -> None:
            """Let the first item end at the first halt."""
            if pool.calls and not first.done():
                first.set_result(Reply(1, b"first\n", []))

    pool = Pool(1)
    source = from_arguments(["y"] * 1000)
    report = flow_over(source, HaltingOutput(), pool=pool, fail_fast=True)
    assert pool.calls == 2 * DEPTH
    assert (report.items, report.failed) == (2, 1)


def test_a_call_that_fails_as_a_whole_fails_its_items() -> None:
    """Each item of the chunk gets the error; the others go on."""

    class Pool(ThreadPoolExecutor):
        """Loses the first chunk."""

        calls = 0

        def submit(self, fn, /, *args, **kwargs):
            """Fail once."""
            self.calls += 1
            future = super().submit(fn, *args, **kwargs)
            if self.calls > 1:
                return future
            failed: Future[object] = Future()
            failed.set_exception(BrokenExecutor("lost"))
            return failed

    output = StringIO()
    report = flow_over(from_arguments(["a", "b"]), output, pool=Pool(2))
    assert (output.getvalue(), report.items, report.failed) == ("b\n", 2, 1)


def test_a_reading_error_is_returned_after_the_last_result() -> None:
    """Items that were read before have their results."""

    def blocks() -> Generator[list[str]]:
        yield ["a", "b"]
        raise OSError(5, "Input/output error")

    output = StringIO()
    with pytest.raises(OSError, match="Input/output error"):
        flow_over(Source(blocks(), may_block=False), output)
    assert output.getvalue() == "a\nb\n"


# -- Ctrl-C --------------------------------------------------------------------------------


@pytest.fixture
def _ctrl_c_is_as_usual() -> Iterator[None]:
    """Install Python's own handler of SIGINT for a test."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_is_as_usual")
def test_ctrl_c_is_held_back_until_it_is_allowed() -> None:
    """KeyboardInterrupt comes out at the next place where it may; then all is as before."""
    interrupts = Interrupts(lambda: None)
    with interrupts:
        with interrupts.allowed():
            pass
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), interrupts.allowed():
            pytest.fail("not reached")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("_ctrl_c_is_as_usual")
def test_ctrl_c_comes_at_once_where_it_is_allowed() -> None:
    """In the middle of the block."""
    interrupts = Interrupts(lambda: None)
    with interrupts, pytest.raises(KeyboardInterrupt), interrupts.allowed():
        signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("_ctrl_c_is_as_usual")
def test_ctrl_c_is_left_alone_in_another_thread() -> None:
    """Only the main thread may handle signals."""

    def work() -> None:
        with Interrupts(lambda: None):
            handlers.append(signal.getsignal(signal.SIGINT))

    handlers: list[object] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]


@pytest.mark.usefixtures("_ctrl_c_is_as_usual")
def test_ctrl_c_ends_the_loop_while_it_waits_for_items() -> None:
    """KeyboardInterrupt ends the loop, and the pool is left whole."""
    reading = threading.Semaphore(0)

    def blocks() -> Generator[list[str]]:
        yield ["a"]
        signal.raise_signal(signal.SIGINT)  # its handler runs in the main thread
        reading.acquire(timeout=30)

    with pytest.raises(KeyboardInterrupt):
        flow_over(Source(blocks(), may_block=True), StringIO())
    reading.release()
