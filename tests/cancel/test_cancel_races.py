"""Races of cancelling with all else that ends a call, run a thousand times."""

import random
import sys
import threading
from concurrent.futures import CancelledError, Future, as_completed, wait
from functools import partial
from queue import SimpleQueue

import pytest

import stoppable
import tasks
from gates import Gate
from interpexec import InterpreterPoolExecutor
from interpexec._core.cancellation import this_thread
from interpexec._pool import cancelling
from interpexec._pool.losses import Losses
from repetitions import FEW, ROUNDS
from stops import TIME_LIMIT, Pipe, finish, pool_of, shut_down, start

# -- a thousand times, with a pool -----------------------------------------


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
    """The future says the same as `cancel()` returned; no other call is hit."""
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
    """The future is cancelled or has a TimeoutError, and every waiter learns of it."""
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
    """Forced: a cancel meets a call that is about to fail because the initializer did."""
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    """Loading ctypes is tried again; then calls cannot be stopped, but they run."""
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
