"""`terminate_workers()`: cancel everything, stop everything, and soon."""

import os
import threading
from concurrent.futures import CancelledError, Future, wait
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import stoppable
from interpexec import InterpreterPoolExecutor
from leftovers import interpreters
from programs import PATHS, output, write
from stops import TIME_LIMIT, Pipe, finish, shut_down, start, terminate

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("no_termination_limit")


def is_down(pool: InterpreterPoolExecutor) -> bool:
    """Say whether a pool takes no more calls."""
    try:
        pool.submit(stoppable.same, 1)
    except RuntimeError as error:
        return "after shutdown" in str(error)
    return False


@pytest.mark.usefixtures("long_grace")
@pytest.mark.parametrize("cancel_running", [True, False])
def test_everything_is_cancelled_and_stopped(cancel_running: bool, begun: Pipe, told: Pipe) -> None:
    """Running, ready and pending calls are cancelled; the workers are gone when it returns."""
    before = interpreters()
    pool = InterpreterPoolExecutor(2, cancel_running=cancel_running)
    futures: list[Future[None]] = [
        pool.submit(stoppable.spin_and_tell, begun.writer, told.writer) for _ in range(2)
    ]
    begun.hear(2)
    pool._scheduler.state.table._ahead = 5
    futures.extend(pool.submit(stoppable.note, begun.writer) for _ in range(20))
    terminate(pool)
    assert all(future.cancelled() for future in futures)
    assert wait(futures, 0).not_done == set()
    assert interpreters() == before
    assert told.rest() == b"TaskCancelled" * 2
    assert begun.rest() == b""
    assert is_down(pool)


def test_finished_calls_keep_their_results(begun: Pipe) -> None:
    """Results and exceptions that are there are not lost."""
    pool = InterpreterPoolExecutor(2)
    done = pool.submit(stoppable.same, 5)
    failed = pool.submit(stoppable.fail_with, 5)
    wait([done, failed])
    running = pool.submit(stoppable.spin, begun.writer)
    terminate(pool)
    assert done.result(0) == 5
    assert isinstance(failed.exception(0), LookupError)
    assert running.cancelled()


def test_a_pool_that_has_started_nothing() -> None:
    """Before the first submit."""
    pool = InterpreterPoolExecutor(2)
    terminate(pool)
    assert is_down(pool)
    terminate(pool)


def test_an_idle_pool() -> None:
    """Nothing to cancel."""
    pool = InterpreterPoolExecutor(2)
    assert list(pool.map(stoppable.same, range(5))) == list(range(5))
    terminate(pool)
    assert is_down(pool)


def test_after_shutdown(begun: Pipe) -> None:
    """After `shutdown(wait=False)` it stops what still runs, and what is in the request queue."""
    pool = InterpreterPoolExecutor(1)
    futures = [pool.submit(stoppable.spin, begun.writer) for _ in range(5)]
    begun.hear()
    pool.shutdown(wait=False)
    terminate(pool)
    assert all(future.cancelled() for future in futures)
    terminate(pool)


def test_after_the_end(begun: Pipe) -> None:
    """After `shutdown()` there is nothing to do."""
    pool = InterpreterPoolExecutor(1)
    future = pool.submit(stoppable.same, 1)
    pool.shutdown()
    terminate(pool)
    assert future.result(0) == 1


def test_while_another_thread_is_in_shutdown(begun: Pipe) -> None:
    """A thread that waits for the pool's end is released."""
    pool = InterpreterPoolExecutor(1)
    future = pool.submit(stoppable.spin, begun.writer)
    begun.hear()
    waiting = start(pool.shutdown)
    while not pool._scheduler.state.is_closing:
        waiting.join(0)
    terminate(pool)
    finish(waiting)
    assert future.cancelled()


def test_by_several_threads(begun: Pipe) -> None:
    """All return."""
    pool = InterpreterPoolExecutor(2)
    futures = [pool.submit(stoppable.spin, begun.writer) for _ in range(10)]
    begun.hear(2)
    threads = [start(pool.terminate_workers) for _ in range(5)]
    for thread in threads:
        finish(thread)
    assert all(future.cancelled() for future in futures)


def test_by_a_view(begun: Pipe) -> None:
    """A view terminates the whole pool."""
    pool = InterpreterPoolExecutor(1)
    future = pool.submit(stoppable.spin, begun.writer)
    begun.hear()
    terminate(pool.with_options(timeout=100))
    assert future.cancelled()
    assert is_down(pool)


def test_from_a_callback(begun: Pipe) -> None:
    """In a thread of the pool; it does not wait for itself."""
    pool = InterpreterPoolExecutor(2)
    running = pool.submit(stoppable.spin, begun.writer)
    begun.hear()
    ended = threading.Event()

    def end(_: object) -> None:
        pool.terminate_workers()
        ended.set()

    pool.submit(stoppable.same, 1).add_done_callback(end)
    assert ended.wait(TIME_LIMIT)
    assert running.cancelled()
    shut_down(pool)


def test_from_a_callback_that_it_calls_itself(begun: Pipe) -> None:
    """A callback of a call that is being terminated does it again."""
    pool = InterpreterPoolExecutor(2)
    futures = [pool.submit(stoppable.spin, begun.writer) for _ in range(4)]
    begun.hear(2)
    for future in futures:
        future.add_done_callback(lambda _: pool.terminate_workers())
    terminate(pool)
    assert all(future.cancelled() for future in futures)
    shut_down(pool)


@pytest.mark.parametrize("way", ["result", "wait", "shutdown"])
def test_a_callback_waits_for_another_call(way: str, begun: Pipe) -> None:
    """Callbacks may block, and wait for others: all are stopped before one is called."""
    pool = InterpreterPoolExecutor(2)
    futures = [pool.submit(stoppable.spin, begun.writer) for _ in range(3)]
    begun.hear(2)
    ways: dict[str, Callable[[Future[None]], object]] = {
        "result": lambda other: other.exception(2 * TIME_LIMIT) if not other.cancelled() else None,
        "wait": lambda other: wait([other], 2 * TIME_LIMIT),
        "shutdown": lambda _: pool.shutdown() if threading.current_thread() is helper else None,
    }

    def call_back(future: Future[None]) -> None:
        for other in futures:
            if other is not future:
                ways[way](other)

    for future in futures:
        future.add_done_callback(call_back)
    helper = threading.Thread(target=pool.terminate_workers, daemon=True)
    helper.start()
    helper.join(TIME_LIMIT)
    is_stuck = helper.is_alive()
    for future in futures:  # so that nothing is left where it fails
        future.cancel()
    finish(helper)
    assert not is_stuck
    shut_down(pool)


def test_a_callback_that_raises_harms_no_other(begun: Pipe) -> None:
    """The callback's error is logged, as `concurrent.futures` does."""
    pool = InterpreterPoolExecutor(2)
    futures = [pool.submit(stoppable.spin, begun.writer) for _ in range(4)]
    begun.hear(2)
    for future in futures:
        future.add_done_callback(lambda future: future.no_such_method())
    terminate(pool)
    assert all(future.cancelled() for future in futures)


def test_a_map_that_is_under_way(begun: Pipe, told: Pipe) -> None:
    """The iterator raises CancelledError, or gives results that were there before."""
    pool = InterpreterPoolExecutor(2)
    spin_or = partial(stoppable.spin_or, knocker=begun.writer, farewell=told.writer)
    results = pool.map(spin_or, [1] + [0] * 1000)
    assert next(results) == 1
    terminate(pool)
    with pytest.raises(CancelledError):
        list(results)


@pytest.mark.slow
def test_submitting_meanwhile() -> None:
    """Other threads that submit get RuntimeError, or futures that end."""
    for _ in range(10):
        pool = InterpreterPoolExecutor(2)
        futures: list[Future[int]] = []

        def submit(pool: InterpreterPoolExecutor = pool, futures=futures) -> None:  # type: ignore[no-untyped-def]
            try:
                while True:
                    futures.append(pool.submit(stoppable.same, 1))
            except RuntimeError:
                pass

        threads = [start(submit) for _ in range(2)]
        while len(futures) < 20:
            threads[0].join(0)
        terminate(pool)
        for thread in threads:
            finish(thread)
        assert wait(futures, TIME_LIMIT).not_done == set()
        assert all(future.cancelled() or future.result(0) == 1 for future in futures)
        shut_down(pool)


def test_a_program_ends_by_it(tmp_path: Path) -> None:
    """Calls that run, block and wait: the program ends when the blocked one returns."""
    program = f"""
        import os, sys, threading
        sys.path[:0] = {PATHS!r}
        import stoppable, stops

        if __name__ == "__main__":
            begun, door = stops.Pipe(), stops.Pipe()
            pool = InterpreterPoolExecutor(2)
            pool.submit(stoppable.spin, begun.writer)
            pool.submit(stoppable.block_in_lock, (begun.writer, door.reader))
            pool.submit(stoppable.spin, begun.writer)
            begun.hear(2)
            pool.terminate_workers()
            print("down")
            threading.Timer(0.3, os.write, (door.writer, b"!")).start()
    """
    assert output(write(tmp_path / "program.py", program)) == "down\n"


def test_ctrl_c_and_then_terminate(tmp_path: Path) -> None:
    """The common pattern of a tool: leave at once, whatever runs."""
    program = f"""
        import os, signal, sys, threading
        sys.path[:0] = {PATHS!r}
        import stoppable, stops

        if __name__ == "__main__":
            begun = stops.Pipe()
            pool = InterpreterPoolExecutor(2)
            futures = [pool.submit(stoppable.spin, begun.writer) for _ in range(9)]
            begun.hear(2)
            interrupt = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
            try:  # it may come at once, where the machine is busy
                interrupt.start()
                futures[0].result()
            except KeyboardInterrupt:
                pool.terminate_workers()
                print(all(future.cancelled() for future in futures))
    """
    out = output(write(tmp_path / "program.py", program))
    assert out == "True\n"


def test_nothing_is_said(begun: Pipe, caplog: pytest.LogCaptureFixture, capfd) -> None:  # type: ignore[no-untyped-def]
    """Nor printed by anybody."""
    pool = InterpreterPoolExecutor(2)
    for _ in range(4):
        pool.submit(stoppable.spin, begun.writer)
    begun.hear(2)
    pool.broadcast(stoppable.spin, begun.writer)
    terminate(pool)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")
    os.write(begun.writer, b"")
