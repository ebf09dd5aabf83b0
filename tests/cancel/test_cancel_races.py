"""Races of stopping calls: forced ones, and those that are run a thousand times."""

import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, as_completed, wait
from functools import partial
from queue import SimpleQueue

import pytest

import stoppable
import tasks
from gates import Gate
from interpexec import InterpreterPoolExecutor, TaskCancelled, current_task
from interpexec._core import current_call
from interpexec._core.cancellation import Interruptible, this_thread
from interpexec._pool import cancelling
from interpexec._pool.losses import Losses
from stops import TIME_LIMIT, Pipe, finish, pool_of, shut_down, start

ROUNDS = int(os.environ.get("INTERPEXEC_RACES", "1000"))
"""How often a race is run that needs no new interpreter each time."""

FEW = max(ROUNDS // 25, 1)
"""How often one is run that does (CPython 3.13 leaks 2 MB for each)."""


class FakeThread:
    """Notes what is done to it, and may do something of its own meanwhile."""

    def __init__(self, when_thrown: Callable[[], object] = int) -> None:
        self.ident = 0
        self.log: list[str] = []
        self.when_thrown = when_thrown

    def throw(self, error: type[BaseException]) -> None:
        assert issubclass(error, TaskCancelled)
        self.log.append("throw")
        self.when_thrown()

    def clear(self) -> None:
        self.log.append("clear")

    def trace(self, _function: object) -> None:
        self.log.append("trace")

    def frame(self) -> None:
        return None


def fake(when_thrown: Callable[[], object] = int) -> tuple[Interruptible, FakeThread]:
    """Make an Interruptible over a fake thread."""
    thread = FakeThread(when_thrown)
    return Interruptible(thread), thread  # type: ignore[arg-type]


# -- which call is hit: with a fake thread -------------------------------------------------


def test_the_running_call_is_hit() -> None:
    """Once, also when it is ordered again; what was thrown is cleared at its end."""
    calls, thread = fake()
    assert calls.arm(1)
    assert calls.interrupt(1)
    calls.interrupt(1)
    assert thread.log == ["throw"]
    assert calls.hit == 1
    assert calls.disarm()
    assert thread.log == ["throw", "clear"]


def test_an_order_for_an_earlier_call_hits_nobody() -> None:
    """Not before, in, or after the next call."""
    calls, thread = fake()
    assert calls.arm(1)
    assert not calls.disarm()
    assert not calls.interrupt(1)
    assert calls.arm(2)
    assert not calls.interrupt(1)
    assert not calls.disarm()
    assert thread.log == []
    assert calls.hit == 0


def test_an_early_order_skips_its_call_only() -> None:
    """The ones before and after it run."""
    calls, thread = fake()
    assert calls.arm(1)
    assert not calls.interrupt(2)
    assert not calls.disarm()
    assert not calls.arm(2)
    assert not calls.disarm()
    assert calls.arm(3)
    assert not calls.disarm()
    assert thread.log == []


def test_nobody_is_hit_between_two_calls() -> None:
    """Where `armed` is 0, whatever is ordered."""
    calls, thread = fake()
    for call_id in (1, 2):
        assert not calls.interrupt(call_id)
    assert thread.log == []
    assert calls.hit == 0


def test_the_call_ends_while_it_is_being_thrown_at() -> None:
    """`disarm()` waits for the end of the throwing, and takes back what was thrown.

    1. the helper has seen `armed`, and is about to throw
    2. the call ends: `disarm()` is called
    3. the helper throws
    """
    ended: SimpleQueue[bool] = SimpleQueue()
    threads: list[threading.Thread] = []

    def end_the_call() -> None:
        thread.log.append("ending")
        threads.append(start(lambda: ended.put(calls.disarm())))
        while calls.armed:
            threads[0].join(0)
        threads[0].join(0.1)
        assert threads[0].is_alive(), "it did not wait for the thrower"
        thread.log.append("thrown")

    calls, thread = fake(end_the_call)
    assert calls.arm(1)
    assert calls.interrupt(1)
    assert ended.get(timeout=TIME_LIMIT)
    finish(threads[0])
    assert thread.log == ["throw", "ending", "thrown", "clear"]


def test_a_shield_goes_up_while_the_call_is_being_thrown_at() -> None:
    """Who raises it waits for the thrower, so that he is hit outside of it."""
    threads: list[threading.Thread] = []
    up = threading.Event()

    def raise_shield() -> None:
        calls.raise_shield()
        up.set()

    def be_shielded() -> None:
        threads.append(start(raise_shield))
        assert not up.wait(0.1)

    calls, _ = fake(be_shielded)
    assert calls.arm(1)
    assert calls.interrupt(1)
    assert up.wait(TIME_LIMIT)
    finish(threads[0])


def test_nothing_is_thrown_under_a_shield() -> None:
    """It is raised at the end of the outermost one, once."""
    calls, thread = fake()
    assert calls.arm(1)
    calls.raise_shield()
    calls.raise_shield()
    assert not calls.interrupt(1)
    assert calls.hit == 1
    calls.lower_shield()
    with pytest.raises(TaskCancelled):
        calls.lower_shield()
    calls.raise_shield()
    calls.lower_shield()
    assert "throw" not in thread.log
    assert calls.disarm()


def test_a_shield_that_stays_up_does_not_protect_the_next_call() -> None:
    """It was of a call that is over."""
    calls, thread = fake()
    assert calls.arm(1)
    calls.raise_shield()
    assert not calls.disarm()
    assert calls.arm(2)
    calls.interrupt(2)
    assert thread.log == ["throw"]


def test_without_the_c_api_calls_are_still_marked() -> None:
    """Where there is no way to throw, `cancelled()` says it."""
    calls = Interruptible(None)
    assert calls.arm(1)
    calls.interrupt(1)
    assert calls.hit == 1
    assert calls.disarm()


# -- which call is hit: with a real thread -------------------------------------------------


def _shield() -> current_call.Shield:
    task = current_task()
    assert task is not None
    return task.shield()


class Runner:
    """A thread that runs one short call after another, as a worker does, and is shot at."""

    def __init__(self, body: Callable[["Interruptible"], object], *, last: int) -> None:
        self.body = body
        self.last = last
        self.calls = Interruptible(None)
        self.is_ready = threading.Event()
        self.strays: list[str] = []
        self.skipped: list[int] = []
        self.hits: list[int] = []
        self.thread = start(self.run)
        assert self.is_ready.wait(TIME_LIMIT)

    def run(self) -> None:
        """Run the calls, as `Worker._run` does."""
        self.calls.thread = this_thread()
        current_call.enter(self.calls)
        self.is_ready.set()
        for call_id in range(1, 100 * self.last):
            if call_id > self.last and self.hits:
                break  # else who shoots has not had a turn yet
            try:
                self.run_one(call_id)
                sum(range(20))  # between two calls
            except TaskCancelled:
                self.strays.append(f"outside of {call_id}")
            if self.calls.hit:
                if self.calls.hit != call_id:
                    self.strays.append(f"{self.calls.hit} in {call_id}")
                self.hits.append(self.calls.hit)
                # Home would replace the interpreter: make do with a new state.
                calls = Interruptible(self.calls.thread)
                calls._unmet = self.calls._unmet
                self.calls = calls
                current_call.enter(calls)
        current_call.leave()

    def run_one(self, call_id: int) -> None:
        """Run one call."""
        calls = self.calls
        try:
            if calls.arm(call_id):
                self.body(calls)
            else:
                self.skipped.append(call_id)
            calls.disarm()
        except TaskCancelled:
            calls.disarm()


@pytest.fixture
def _hasty() -> Iterator[None]:
    """Let threads be preempted very often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_hasty")
def test_a_short_call_is_stopped_at_random_a_thousand_times() -> None:
    """No stray comes out, no other call is hit, with the real `throw`."""
    runner = Runner(lambda _: sum(range(50)), last=20 * ROUNDS)
    ordered = 0
    while runner.thread.is_alive():
        calls = runner.calls
        calls.interrupt(calls.armed or random.randrange(1, runner.last))
        ordered += 1
    finish(runner.thread)
    assert runner.strays == []
    assert ordered
    assert len(set(runner.hits)) == len(runner.hits)


@pytest.mark.usefixtures("_hasty")
def test_nothing_is_raised_under_a_shield_however_it_is_hit() -> None:
    """A thousand times: what is done inside is done whole; the end raises."""
    harmed: list[int] = []

    def body(calls: Interruptible) -> None:
        task_id, inside = calls.armed, False
        try:
            for _ in range(3):
                with _shield():
                    inside = True
                    sum(range(30))
                    inside = False
        except TaskCancelled:
            if inside:
                harmed.append(task_id)
            raise

    runner = Runner(body, last=10 * ROUNDS)
    while runner.thread.is_alive():
        calls = runner.calls
        calls.interrupt(calls.armed or -1)
    finish(runner.thread)
    assert runner.strays == []
    assert harmed == []
    assert runner.hits


# -- a thousand times, with a pool -------------------------------------------------------------


def outcome(future: Future[object]) -> str:
    """Say how a future has ended."""
    try:
        future.result(TIME_LIMIT)
    except CancelledError:
        return "cancelled"
    except TimeoutError:
        assert future.done(), "the future stays pending"
        return "timed out"
    return "done"


@pytest.mark.slow
def test_cancel_races_with_the_end_of_the_call() -> None:
    """What `cancel()` returned is what the future says; no other call is hit."""
    seen = {True: 0, False: 0}
    with pool_of(2) as pool:
        for number in range(ROUNDS):
            future = pool.submit(stoppable.count_to, number % 7 * 30)
            other = pool.submit(stoppable.same, number)
            for _ in range(number % 13 * 40):
                pass
            if number % 5 == 0:
                wait([future], 0.0001 * (number % 11))
            was_cancelled = future.cancel()
            seen[was_cancelled] += 1
            assert future.done()
            assert outcome(future) == ("cancelled" if was_cancelled else "done")
            assert future.cancelled() == was_cancelled
            assert future.cancel() == was_cancelled
            assert other.result(TIME_LIMIT) == number
    assert sum(seen.values()) == ROUNDS


def test_cancel_right_after_the_call_has_begun(begun: Pipe) -> None:
    """A call that says that it begins, and ends at once: hit or not, no other one is."""
    with pool_of(2) as pool:
        for number in range(FEW * 2):
            future = pool.submit(stoppable.note, begun.writer)
            other = pool.submit(stoppable.count_to, 500)
            begun.hear()
            was_cancelled = future.cancel()
            assert outcome(future) == ("cancelled" if was_cancelled else "done")
            assert other.result(TIME_LIMIT) == 500
            assert pool.submit(stoppable.same, number).result(TIME_LIMIT) == number
    assert begun.rest() == b""


@pytest.mark.slow
def test_finally_blocks_are_not_hit_twice(begun: Pipe, told: Pipe) -> None:
    """Again and again, on a busy machine: each block comes to its end."""
    stop = threading.Event()

    def be_busy() -> None:
        while not stop.is_set():
            sum(range(1000))

    busy = [start(be_busy) for _ in range(2)]
    try:
        with pool_of(2) as pool:
            for _ in range(FEW):
                future = pool.submit(stoppable.spin_and_clean, begun.writer, told.writer)
                begun.hear()
                assert future.cancel()
                assert told.hear(3) == b"wio"
    finally:
        stop.set()
        for thread in busy:
            finish(thread)
    assert told.rest() == b""


@pytest.mark.slow
def test_cancel_races_with_the_time_limit(begun: Pipe) -> None:
    """It is one or the other, and whoever waits learns of it."""
    with pool_of(2) as pool:
        limited = pool.with_options(timeout=0.01)
        for number in range(FEW):
            future = limited.submit(stoppable.spin, begun.writer)
            waiting = start(wait, [future])
            wait([future], 0.008 + 0.0005 * (number % 12))
            was_cancelled = future.cancel()
            assert outcome(future) == ("cancelled" if was_cancelled else "timed out")
            finish(waiting)
            assert pool.submit(stoppable.same, number).result(TIME_LIMIT) == number


@pytest.mark.parametrize("cancels", [1, 2])
def test_cancel_comes_between_the_time_limit_and_its_error(
    cancels: int, begun: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forced: the call was taken off the table, and its future is not finished yet.

    Those who wait for it, now or later, learn how it ended; callbacks run once.
    """
    fail_late = cancelling.fail_late
    answers: list[bool] = []

    def cancel_first(future: Future[object]) -> None:
        answers.extend(future.cancel() for _ in range(cancels))
        fail_late(future)  # type: ignore[arg-type]

    monkeypatch.setattr(cancelling, "fail_late", cancel_first)
    called: list[object] = []
    with pool_of(1) as pool:
        future = pool.with_options(timeout=0.05).submit(stoppable.spin, begun.writer)
        future.add_done_callback(called.append)
        waiting = start(wait, [future])
        assert wait([future], TIME_LIMIT).done == {future}
        assert list(as_completed([future], TIME_LIMIT)) == [future]
        finish(waiting)
    assert set(answers) == {future.cancelled()}
    assert called == [future]


def test_cancel_comes_while_the_pool_breaks(door: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forced: as above, for a call that is about to fail because the initializer did."""
    fail = Losses.fail
    answers: list[bool] = []

    def cancel_first(losses: Losses, future: Future[object]) -> None:
        answers.append(future.cancel())
        fail(losses, future)  # type: ignore[arg-type]

    monkeypatch.setattr(Losses, "fail", cancel_first)
    args = door.handle, LookupError(1)
    with pool_of(1, initializer=tasks.pass_gate_and_fail, initargs=args) as pool:
        futures = [pool.submit(stoppable.same, n) for n in range(5)]
        door.open()
        assert wait(futures, TIME_LIMIT).not_done == set()
    assert answers == [future.cancelled() for future in futures]


@pytest.mark.slow
def test_cancel_races_with_shutdown(begun: Pipe) -> None:
    """Every call ends, as its future says, and the pool ends."""
    for number in range(FEW):
        pool = InterpreterPoolExecutor(2)
        running = [pool.submit(stoppable.spin, begun.writer) for _ in range(2)]
        short = [pool.submit(stoppable.same, n) for n in range(10)]
        begun.hear(2)
        threads = [
            start(partial(pool.shutdown, wait=bool(number % 2), cancel_futures=number % 3 == 0)),
            start(lambda futures=running: [future.cancel() for future in futures]),
            start(lambda futures=short: [future.cancel() for future in futures[::3]]),
        ]
        for thread in threads:
            finish(thread)
        shut_down(pool)
        assert all(future.cancelled() for future in running)
        assert all(future.cancelled() for future in short[::3] if outcome(future) != "done")
        for value, future in enumerate(short):
            assert future.cancelled() or future.result(0) == value
            if value % 3 and number % 3:
                assert not future.cancelled()


@pytest.mark.slow
def test_many_futures_are_cancelled_by_several_threads() -> None:
    """All by all: each is cancelled or done, nothing is lost, callbacks run once."""
    with pool_of(3) as pool:
        for _ in range(max(FEW // 6, 1)):
            called: SimpleQueue[object] = SimpleQueue()
            futures = [pool.submit(stoppable.count_to, 3000 * (n % 5)) for n in range(60)]
            for future in futures:
                future.add_done_callback(called.put)
            keep = futures[::6]
            doomed = [future for future in futures if future not in keep]
            answers: list[dict[Future[int], bool]] = [{} for _ in range(4)]

            def cancel(into: dict[Future[int], bool], doomed: list[Future[int]] = doomed) -> None:
                mine = doomed[:]
                random.shuffle(mine)
                for future in mine:
                    into[future] = future.cancel()

            threads = [start(cancel, into) for into in answers]
            for thread in threads:
                finish(thread)
            assert wait(futures, TIME_LIMIT).not_done == set()
            for future in doomed:
                assert {into[future] for into in answers} == {future.cancelled()}
            assert [future.result(0) for future in keep] == [
                3000 * (n % 5) for n in range(0, 60, 6)
            ]
            assert {called.get(timeout=TIME_LIMIT) for _ in futures} == set(futures)
            assert called.empty()


def test_one_running_call_is_cancelled_by_many_threads(begun: Pipe) -> None:
    """All are told True; it is done once."""
    with pool_of(2) as pool:
        for _ in range(max(FEW // 2, 1)):
            answers: SimpleQueue[bool] = SimpleQueue()
            called: list[object] = []
            future = pool.submit(stoppable.spin, begun.writer)
            future.add_done_callback(called.append)
            begun.hear()
            barrier = threading.Barrier(4)

            def cancel(
                future: Future[None] = future,
                barrier: threading.Barrier = barrier,
                answers: SimpleQueue[bool] = answers,
            ) -> None:
                barrier.wait(TIME_LIMIT)
                answers.put(future.cancel())

            threads = [start(cancel) for _ in range(4)]
            for thread in threads:
                finish(thread)
            assert [answers.get(timeout=TIME_LIMIT) for _ in threads] == [True] * 4
            assert called == [future]
            assert wait([future], 0).done == {future}


def test_cancel_while_somebody_waits_directly(begun: Pipe) -> None:
    """The waiter of the only call is the one who receives replies: it wakes, each time."""
    with pool_of(1) as pool:
        for _ in range(FEW):
            ended: SimpleQueue[str] = SimpleQueue()
            future = pool.submit(stoppable.spin, begun.writer)
            thread = start(lambda f=future, e=ended: e.put(outcome(f)))
            begun.hear()
            assert future.cancel()
            assert ended.get(timeout=TIME_LIMIT) == "cancelled"
            finish(thread)


def test_an_initializer_is_not_hit_by_a_cancel(begun: Pipe, told: Pipe, door: Gate) -> None:
    """A call that is cancelled while its worker is made: the initializer ends, the worker stays."""
    with pool_of(
        1, initializer=stoppable.spin_until, initargs=(begun.writer, door.handle[1])
    ) as pool:
        future = pool.submit(stoppable.note, told.writer)
        begun.hear()
        assert future.cancel()
        other = pool.submit(stoppable.same, 5)
        door.open()
        assert other.result(TIME_LIMIT) == 5
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
    assert begun.rest() == b""
    assert told.rest() == b""


@pytest.mark.parametrize("times", [1, 2])
def test_ctypes_that_fails_for_no_reason(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again; then calls cannot be stopped, but they run."""
    left = [times]

    class Finder:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            if name == "interpexec._core.capi" and left[0]:
                left[0] -= 1
                raise AttributeError("class must define a '_type_' attribute")

    monkeypatch.delitem(sys.modules, "interpexec._core.capi")
    monkeypatch.delattr("interpexec._core.capi")
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    assert (this_thread() is None) == (times == 2)
