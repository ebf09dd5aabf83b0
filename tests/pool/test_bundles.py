"""Short calls that are sent several in one message: none waits for a long one among them."""

import os
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager

import pytest

import tasks
from gates import TIME_LIMIT, Gate, gate
from interpexec import InterpreterPoolExecutor, WorkerLostError
from interpexec._pool import bundles
from interpexec._pool.call_table import MOST_AHEAD

OTHERS = bundles.MOST - 2
"""How many short calls stand in a bundle beside two others."""


@contextmanager
def bundled() -> Iterator[tuple[InterpreterPoolExecutor, Gate, Gate]]:
    """Make a pool of two workers that sends all it has got when a call ends.

    Its workers are busy with calls that wait at the first gate. Calls that are submitted
    meanwhile are sent in bundles when one of them ends: see `release`.
    """
    with gate() as first, gate() as long, InterpreterPoolExecutor(2) as pool:
        pool.warm()
        try:
            held = [pool.submit(tasks.pass_gate, first.handle) for _ in range(2)]
            first.await_knocks(2)
            # The one that is sent ahead today; it ends as soon as a worker is free.
            held.append(pool.submit(tasks.same, 0))
            yield pool, first, long
            first.open()
            assert not wait(held, TIME_LIMIT).not_done
        finally:
            first.open()
            long.open()


def release(pool: InterpreterPoolExecutor, first: Gate) -> None:
    """Let one of the two workers go on, and all calls go out."""
    table = pool._scheduler.state.table
    table._ahead = MOST_AHEAD
    first.let_in()


def test_calls_that_wait_for_a_long_one_go_to_other_workers() -> None:
    """While it runs, and although each of the workers was busy when it began."""
    with bundled() as (pool, first, long):
        blocked = pool.submit(tasks.pass_gate, long.handle, "long")
        others = [pool.submit(tasks.same, number) for number in range(OTHERS)]
        release(pool, first)
        long.await_knocks(1)
        assert pool._scheduler.state.table.bundles.were_sent
        first.open()
        assert [each.result(TIME_LIMIT) for each in others] == list(range(OTHERS))
        assert not blocked.done()
        long.open()
        assert blocked.result(TIME_LIMIT) == "long"


def test_the_result_of_a_short_call_does_not_wait_for_a_long_one() -> None:
    """The two are in the same bundle."""
    with bundled() as (pool, first, long):
        short = pool.submit(tasks.same, "short")
        blocked = pool.submit(tasks.pass_gate, long.handle)
        last = pool.submit(tasks.same, "last")
        release(pool, first)
        assert short.result(TIME_LIMIT) == "short"
        long.await_knocks(1)
        assert not blocked.done()
        first.open()
        assert last.result(TIME_LIMIT) == "last"


def _held(
    pool: InterpreterPoolExecutor, first: Gate, long: Gate, monkeypatch: pytest.MonkeyPatch
) -> "tuple[Future[None], list[Future[int]]]":
    """Have a worker hold calls behind one that waits at the gate; the clock is never due."""
    monkeypatch.setattr(bundles, "LATE", 3600.0)
    blocked: Future[None] = pool.submit(tasks.pass_gate, long.handle)
    others = [pool.submit(tasks.same, number) for number in range(OTHERS)]
    release(pool, first)
    long.await_knocks(1)
    return blocked, others


def test_a_call_that_a_worker_holds_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others of its bundle run, when their worker comes to them."""
    with bundled() as (pool, first, long):
        with gate() as never:
            monkeypatch.setattr(bundles, "LATE", 3600.0)
            blocked = pool.submit(tasks.pass_gate, long.handle)
            before = pool.submit(tasks.same, "before")
            unwanted = pool.submit(tasks.pass_gate, never.handle)
            behind = pool.submit(tasks.same, "behind")
            release(pool, first)
            long.await_knocks(1)
            assert unwanted.cancel()
            with pytest.raises(CancelledError):
                unwanted.result(0)
            pool.dump_stacks(TIME_LIMIT)  # their answers come after the order to let go of it
            long.open()
            assert before.result(TIME_LIMIT) == "before"
            assert behind.result(TIME_LIMIT) == "behind"
            assert blocked.result(TIME_LIMIT) is None
            first.open()
            assert pool.submit(tasks.same, 1).result(TIME_LIMIT) == 1
            assert not never.has_knock()
        assert pool.stats().cancelled == 1


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("way", ["cancel", "restart", "fork"])
def test_a_worker_that_leaves_hands_back_what_it_holds(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Because its call was stopped, because of a restart, or of a fork."""
    with bundled() as (pool, first, long):
        blocked, others = _held(pool, first, long, monkeypatch)
        first.open()
        if way == "cancel":
            assert blocked.cancel()
        elif way == "restart":
            pool.restart()
            long.open()
        else:
            long.open()
            if not (child := os.fork()):
                os._exit(0)
            os.waitpid(child, 0)
        assert [each.result(TIME_LIMIT) for each in others] == list(range(OTHERS))


def test_a_lost_worker_costs_no_call_that_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call that it ran fails, and those beside it run in others."""
    with bundled() as (pool, first, long):
        monkeypatch.setattr(bundles, "LATE", 3600.0)
        before = pool.submit(tasks.same, "before")
        breaking = pool.submit(tasks.pass_gate_and_break_worker, long.handle)
        fatal = pool.submit(tasks.same, "fatal")
        others = [pool.submit(tasks.same, number) for number in range(OTHERS - 1)]
        release(pool, first)
        long.await_knocks(1)
        first.open()
        long.open()
        with pytest.raises(WorkerLostError):
            fatal.result(TIME_LIMIT)
        assert breaking.result(TIME_LIMIT) is None
        assert before.result(TIME_LIMIT) == "before"
        assert [each.result(TIME_LIMIT) for each in others] == list(range(OTHERS - 1))


def test_a_pool_that_ends_with_bundles_out() -> None:
    """Calls that were accepted are computed, or cancelled."""
    for cancels in (False, True):
        with bundled() as (pool, first, _):
            calls = [pool.submit(tasks.same, number) for number in range(500)]
            release(pool, first)
            first.open()
            pool.shutdown(wait=True, cancel_futures=cancels)
            assert all(each.done() for each in calls)
            results = [None if each.cancelled() else each.result() for each in calls]
            assert all(found in {None, number} for number, found in enumerate(results))
            assert cancels or None not in results


def test_workers_that_run_a_number_of_calls_get_no_bundles() -> None:
    """Each call is counted before the next one is taken."""
    with InterpreterPoolExecutor(1, max_tasks_per_child=50) as pool:
        table = pool._scheduler.state.table
        table._ahead = MOST_AHEAD
        calls = [pool.submit(tasks.same, number) for number in range(500)]
        assert [each.result(TIME_LIMIT) for each in calls] == list(range(500))
        assert not table.bundles.were_sent


def test_a_bundle_that_cannot_be_sent_loses_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory runs out in the middle: each call has an end, and none runs twice."""
    with bundled() as (pool, first, _):
        others = [pool.submit(tasks.same, number) for number in range(3 * bundles.MOST)]
        link = pool._scheduler.state.link
        assert link is not None
        send, broken = link.send_bundle, [True]

        def fail_once(calls: object) -> None:
            if broken:
                broken.clear()
                raise MemoryError
            send(calls)  # type: ignore[arg-type]  # what it was given

        monkeypatch.setattr(link, "send_bundle", fail_once)
        release(pool, first)
        first.open()
        ends = [each.exception(TIME_LIMIT) for each in others]
        assert not broken
        assert {type(end).__name__ for end in ends} <= {"NoneType", "BrokenInterpreterPool"}


def test_every_kind_of_end_in_bundles() -> None:
    """Values, errors, large values, values beside the pickle, and calls with a time limit."""
    with bundled() as (pool, first, _):
        limited = pool.with_options(timeout=TIME_LIMIT)
        calls: list[Future[object]] = []
        for number in range(200):
            calls += [
                pool.submit(tasks.same, number),
                pool.submit(tasks.divide, number, 0),
                pool.submit(tasks.same, "x" * 10_000),
                pool.submit(bytearray, 100_000),
                limited.submit(tasks.same, number),
            ]
        release(pool, first)
        first.open()
        for number in range(200):
            plain, failed, large, beside, late = calls[5 * number : 5 * number + 5]
            assert plain.result(TIME_LIMIT) == late.result(TIME_LIMIT) == number
            assert isinstance(failed.exception(TIME_LIMIT), ZeroDivisionError)
            assert large.result(TIME_LIMIT) == "x" * 10_000
            assert beside.result(TIME_LIMIT) == bytearray(100_000)
        stats = pool.stats()
        assert (stats.failed, stats.pending) == (200, 0)
