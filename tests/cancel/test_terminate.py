"""`terminate_workers()`: cancel everything, stop everything, and soon."""

import os
import threading
from concurrent.futures import CancelledError, Future, wait
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import stoppable
from gates import Gate
from interpexec import InterpreterPoolExecutor, executor
from interpexec._pool import cancelling, collector, losses, stopping
from leftovers import interpreters
from programs import PATHS, output, write
from stops import TIME_LIMIT, Pipe, finish, run, shut_down, start

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def _no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `terminate_workers` wait longer than these tests do: a hang fails, a slow machine not."""
    monkeypatch.setattr(executor, "TERMINATION_LIMIT", 2 * TIME_LIMIT)


def terminate(pool: InterpreterPoolExecutor) -> None:
    """Terminate a pool; fail if that hangs."""
    run(pool.terminate_workers)


@pytest.fixture
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a worker have all its time to end: on a busy machine it may be more than the grace."""
    for module in (cancelling, collector, losses, stopping):
        monkeypatch.setattr(module, "GRACE", TIME_LIMIT)


def is_down(pool: InterpreterPoolExecutor) -> bool:
    """Say whether a pool takes no more calls."""
    try:
        pool.submit(stoppable.same, 1)
    except RuntimeError as error:
        return "after shutdown" in str(error)
    return False


@pytest.mark.usefixtures("_patience")
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


@pytest.mark.usefixtures("_patience")
def test_an_initializer_that_runs_for_ever(begun: Pipe) -> None:
    """An initializer is interrupted as a call is."""
    before = interpreters()
    pool = InterpreterPoolExecutor(2, initializer=stoppable.spin, initargs=(begun.writer,))
    futures = [pool.submit(stoppable.same, n) for n in range(5)]
    begun.hear(2)
    terminate(pool)
    assert all(future.cancelled() for future in futures)
    assert interpreters() == before


def test_an_initializer_that_is_blocked(begun: Pipe, door: Gate) -> None:
    """A blocked initializer is not waited for; its interpreter is closed when it returns."""
    before = interpreters()
    pool = InterpreterPoolExecutor(
        1, initializer=stoppable.block_in_lock, initargs=((begun.writer, door.handle[1]),)
    )
    future = pool.submit(stoppable.same, 1)
    begun.hear()
    terminate(pool)
    assert future.cancelled()
    door.open()
    shut_down(pool)
    assert interpreters() == before


def test_the_finally_of_an_initializer_is_not_interrupted(
    begun: Pipe, told: Pipe, door: Gate
) -> None:
    """Not by a second termination either."""
    pool = InterpreterPoolExecutor(
        1,
        initializer=stoppable.clean_slowly,
        initargs=(begun.writer, told.writer, door.handle[1]),
    )
    pool.submit(stoppable.same, 1)
    begun.hear()
    terminate(pool)
    assert told.hear() == b"f"
    terminate(pool)
    door.open()
    shut_down(pool)
    assert told.rest() == b"e"


def test_a_worker_that_is_just_being_made() -> None:
    """Right after the first submit, again and again."""
    for number in range(20):
        pool = InterpreterPoolExecutor(2)
        futures = [pool.submit(stoppable.same, n) for n in range(number % 5 + 1)]
        terminate(pool)
        for value, future in enumerate(futures):
            assert future.cancelled() or future.result(0) == value


@pytest.mark.parametrize("cancel_running", [True, False])
def test_a_call_that_is_blocked(cancel_running: bool, begun: Pipe, door: Gate) -> None:
    """A blocked call is left after the grace; its interpreter is closed when it returns."""
    before = interpreters()
    pool = InterpreterPoolExecutor(2, cancel_running=cancel_running)
    blocked = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
    spinning = pool.submit(stoppable.spin, begun.writer)
    begun.hear(2)
    (name,) = [info.thread_name for info in pool.workers() if info.function == "spin"]
    (spinner,) = [thread for thread in pool._threads if thread.name == name]
    terminate(pool)
    assert blocked.cancelled()
    assert spinning.cancelled()
    finish(spinner)  # on a busy machine its end may take longer than the grace
    assert len(interpreters() - before) == 1
    terminate(pool)
    door.open()
    shut_down(pool)
    assert interpreters() == before


def test_a_call_that_was_blocked_and_cancelled_before(begun: Pipe, door: Gate) -> None:
    """A blocked call that was cancelled before is not waited for."""
    pool = InterpreterPoolExecutor(1)
    blocked = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
    begun.hear()
    assert blocked.cancel()
    assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
    terminate(pool)
    door.open()
    shut_down(pool)


def test_a_call_that_swallows_everything(begun: Pipe, told: Pipe, door: Gate) -> None:
    """A call that swallows TaskCancelled is left behind, like one that is blocked."""
    pool = InterpreterPoolExecutor(1)
    future = pool.submit(stoppable.stay_after_stop, begun.writer, told.writer, door.handle[1])
    begun.hear()
    terminate(pool)
    assert told.hear() == b"s"
    assert future.cancelled()
    door.open()
    shut_down(pool)


@pytest.mark.usefixtures("_patience")
def test_a_broadcast_that_runs_for_ever(begun: Pipe) -> None:
    """The running broadcast is interrupted; those behind it are cancelled."""
    before = interpreters()
    pool = InterpreterPoolExecutor(2)
    list(pool.map(stoppable.same, range(10)))
    futures = pool.broadcast(stoppable.spin, begun.writer)
    begun.hear(len(futures))
    futures += pool.broadcast(stoppable.same, 1)
    futures.append(pool.submit(stoppable.spin, begun.writer))
    begun.hear()
    terminate(pool)
    assert all(future.cancelled() for future in futures)
    assert interpreters() == before


def test_a_broadcast_that_is_blocked(begun: Pipe, door: Gate) -> None:
    """A blocked broadcast is not waited for."""
    pool = InterpreterPoolExecutor(1)
    assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
    (future,) = pool.broadcast(stoppable.block_in_lock, (begun.writer, door.handle[1]))
    begun.hear()
    try:
        terminate(pool)
        assert future.cancelled()
    finally:
        door.open()
        shut_down(pool)


def test_a_broadcast_before_the_worker_is_ready(begun: Pipe) -> None:
    """An initializer runs for ever, and something was broadcast meanwhile."""
    pool = InterpreterPoolExecutor(1, initializer=stoppable.spin, initargs=(begun.writer,))
    pool.submit(stoppable.same, 1)
    begun.hear()
    (future,) = pool.broadcast(stoppable.same, 1)
    terminate(pool)
    assert future.cancelled()


@pytest.mark.usefixtures("_patience")
def test_recycled_workers(begun: Pipe) -> None:
    """Successors that wait for their turn go, too."""
    before = interpreters()
    pool = InterpreterPoolExecutor(2, max_tasks_per_child=1)
    futures = [pool.submit(stoppable.spin, begun.writer) for _ in range(4)]
    begun.hear(2)
    terminate(pool)
    assert all(future.cancelled() for future in futures)
    assert interpreters() == before


def test_a_map_that_is_under_way(begun: Pipe, told: Pipe) -> None:
    """The iterator raises CancelledError, or gives results that were there before."""
    pool = InterpreterPoolExecutor(2)
    spin_or = partial(stoppable.spin_or, knocker=begun.writer, farewell=told.writer)
    results = pool.map(spin_or, [1] + [0] * 1000)
    assert next(results) == 1
    terminate(pool)
    with pytest.raises(CancelledError):
        list(results)


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
