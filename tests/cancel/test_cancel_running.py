"""Cancelling a call that runs: its future at once, its code soon, its worker for good."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, as_completed, wait
from pathlib import Path
from queue import SimpleQueue

import pytest

import stoppable
from gates import Gate, gate
from interpexec import InterpreterPoolExecutor, TaskCancelled
from programs import PATHS, output, run, write
from stops import TIME_LIMIT, Pipe, finish, interpreters, pool_of, rest, shut_down, start

pytestmark = pytest.mark.fast

WAKES = sys.version_info >= (3, 15)
"""Whether a signal gets a call out of a system call."""

BLOCKS = [
    pytest.param(stoppable.block_in_lock, id="lock"),
    pytest.param(
        stoppable.block_in_read,
        id="read",
        marks=pytest.mark.skipif(WAKES, reason="CPython 3.15 wakes os.read"),
    ),
]


# -- the future ----------------------------------------------------------------


def test_the_future_is_cancelled_at_once(begun: Pipe) -> None:
    """`cancel()` returns True, and the future is cancelled when it returns."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin, begun.writer)
        begun.hear()
        assert future.running()
        assert future.cancel()
        assert (future.cancelled(), future.done(), future.running()) == (True, True, False)
        with pytest.raises(CancelledError):
            future.result(0)
        with pytest.raises(CancelledError):
            future.exception(0)


def test_the_future_does_not_wait_for_the_call(begun: Pipe, told: Pipe, door: Gate) -> None:
    """A call whose `finally` takes its time is cancelled all the same."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.clean_slowly, begun.writer, told.writer, door.handle[1])
        begun.hear()
        assert future.cancel()
        with pytest.raises(CancelledError):
            future.result(0)
        assert told.hear() == b"f"
        door.open()
        assert told.hear() == b"e"


@pytest.mark.parametrize("ask", ["result", "exception"])
def test_who_waits_for_the_call_wakes(ask: str, begun: Pipe, door: Gate) -> None:
    """`result()` and `exception()` in other threads raise CancelledError at once."""
    ended: SimpleQueue[str] = SimpleQueue()

    def wait_for_it() -> None:
        try:
            getattr(future, ask)(TIME_LIMIT)
        except CancelledError:
            ended.put("cancelled")

    with pool_of(1) as pool:
        future = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
        threads = [start(wait_for_it) for _ in range(3)]
        begun.hear()
        assert future.cancel()
        assert [ended.get(timeout=TIME_LIMIT) for _ in threads] == ["cancelled"] * 3
        for thread in threads:
            finish(thread)
        door.open()


def test_wait_and_as_completed_learn_of_it(begun: Pipe) -> None:
    """Those who wait for many are told, those that come later too."""
    ended: SimpleQueue[object] = SimpleQueue()
    with pool_of(2) as pool:
        futures = [pool.submit(stoppable.spin, begun.writer) for _ in range(2)]
        begun.hear(2)
        threads = [
            start(lambda: ended.put(wait(futures, TIME_LIMIT).done)),
            start(lambda: ended.put(set(as_completed(futures, TIME_LIMIT)))),
        ]
        assert all(future.cancel() for future in futures)
        assert [ended.get(timeout=TIME_LIMIT) for _ in threads] == [set(futures)] * 2
        for thread in threads:
            finish(thread)
        assert wait(futures, 0).done == set(futures)
        assert set(as_completed(futures, 0)) == set(futures)


def test_callbacks_run_once(begun: Pipe) -> None:
    """Those that were there run in `cancel()`, those that come later at once."""
    called: list[object] = []
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin, begun.writer)
        future.add_done_callback(called.append)
        begun.hear()
        assert future.cancel()
        assert called == [future]
        future.add_done_callback(called.append)
        assert future.cancel()
    assert called == [future] * 2


def test_a_callback_of_a_cancelled_call_may_use_the_pool(begun: Pipe) -> None:
    """It submits another call and waits for it, in the thread that cancels."""
    results: list[object] = []
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin, begun.writer)
        future.add_done_callback(
            lambda _: results.append(pool.submit(stoppable.same, 5).result(TIME_LIMIT))
        )
        begun.hear()
        assert future.cancel()
        assert results == [5]


def test_cancelling_twice_is_true_again(begun: Pipe) -> None:
    """And nothing else happens."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin, begun.writer)
        begun.hear()
        assert future.cancel()
        assert future.cancel()
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        assert future.cancel()


def test_cancelling_a_finished_call_is_false() -> None:
    """Its result, or its exception, stays."""
    with pool_of(1) as pool:
        good, bad = pool.submit(stoppable.same, 1), pool.submit(stoppable.fail_with, 2)
        assert wait([good, bad], TIME_LIMIT).not_done == set()
        assert not good.cancel()
        assert not bad.cancel()
        assert good.result(0) == 1
        assert isinstance(bad.exception(0), LookupError)


def test_cancelling_after_shutdown(begun: Pipe) -> None:
    """A call that still runs then is stopped as well; one that has ended is not."""
    pool = InterpreterPoolExecutor(2)
    ended = pool.submit(stoppable.same, 1)
    assert ended.result(TIME_LIMIT) == 1
    future = pool.submit(stoppable.spin, begun.writer)
    begun.hear()
    pool.shutdown(wait=False)
    assert future.cancel()
    assert future.cancel()
    shut_down(pool)
    assert future.cancel()
    assert not ended.cancel()


def test_cancel_running_can_be_turned_off(begun: Pipe, door: Gate) -> None:
    """`cancel_running=False`: False for what runs, as in the stdlib; True for what waits."""
    with pool_of(1, cancel_running=False) as pool:
        running = pool.submit(stoppable.spin_until, begun.writer, door.handle[1], "end")
        waiting = [pool.submit(stoppable.same, n) for n in range(5)]
        begun.hear()
        assert not running.cancel()
        assert running.running()
        assert waiting[0].cancel()
        assert waiting[4].cancel()
        door.open()
        assert running.result(TIME_LIMIT) == "end"
        assert [each.result(TIME_LIMIT) for each in waiting[1:4]] == [1, 2, 3]


# -- the call --------------------------------------------------------------------


def test_the_call_is_interrupted_by_task_cancelled(begun: Pipe, told: Pipe) -> None:
    """That is a BaseException."""
    assert issubclass(TaskCancelled, BaseException)
    assert not issubclass(TaskCancelled, Exception)
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin_and_tell, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear(13) == b"TaskCancelled"


def test_finally_and_with_blocks_run(begun: Pipe, told: Pipe) -> None:
    """In their order, each once."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin_and_clean, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear(3) == b"wio"
    assert told.rest() == b""


def test_a_finally_block_is_not_interrupted_again(begun: Pipe, told: Pipe, door: Gate) -> None:
    """Cancelling again while it runs does nothing to it."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.clean_slowly, begun.writer, told.writer, door.handle[1])
        begun.hear()
        assert future.cancel()
        assert told.hear() == b"f"
        assert future.cancel()
        pool.shutdown(wait=False)
        assert future.cancel()
        door.open()
        assert told.hear() == b"e"


def test_except_exception_does_not_keep_it(begun: Pipe) -> None:
    """A call that swallows every Exception is stopped."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin_among_exceptions, begun.writer)
        begun.hear()
        assert future.cancel()


def test_what_cpython_loses_is_thrown_again(begun: Pipe) -> None:
    """C code that sets another exception over TaskCancelled saves no call from its end."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin_among_messages, begun.writer)
        begun.hear()
        assert future.cancel()


def test_what_a_stopped_call_returns_is_thrown_away(begun: Pipe, told: Pipe) -> None:
    """A call that swallows TaskCancelled is cancelled all the same, and so is its worker."""
    with pool_of(1) as pool:
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        future = pool.submit(stoppable.swallow, begun.writer, told.writer)
        begun.hear()
        assert future.cancel()
        assert told.hear() == b"s"
        assert pool.submit(stoppable.interpreter).result(TIME_LIMIT) != where
        assert future.cancelled()


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        pytest.param(stoppable.make_spinner, stoppable.same, id="result"),
        pytest.param(stoppable.raise_spinner, stoppable.same, id="exception"),
        pytest.param(stoppable.same, stoppable.SpinsOnArrival, id="argument"),
    ],
)
def test_what_runs_for_ever_while_it_is_pickled_is_stopped(
    function: Callable[..., object], argument: Callable[[int], object], begun: Pipe
) -> None:
    """The user's code also runs before and after the function: there too."""
    with pool_of(1) as pool:
        future = pool.submit(function, argument(begun.writer))
        begun.hear()
        assert future.cancel()
        assert pool.submit(stoppable.same, 5).result(TIME_LIMIT) == 5


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        pytest.param(stoppable.make_spinner, stoppable.same, id="result"),
        pytest.param(stoppable.raise_spinner, stoppable.same, id="exception"),
        pytest.param(stoppable.same, stoppable.SpinsOnArrival, id="argument"),
    ],
)
def test_what_runs_for_ever_in_a_chunk_is_stopped(
    function: Callable[..., object], argument: Callable[[int], object], begun: Pipe
) -> None:
    """As above, for one item of several in one call of a map."""
    with pool_of(1) as pool:
        items = [argument(begun.writer)] * 3
        results = pool.with_options(timeout=0.2).map(function, items, chunksize=3)
        with pytest.raises(TimeoutError):
            next(results)
        assert pool.submit(stoppable.same, 5).result(TIME_LIMIT) == 5


# -- the calls that have not begun -------------------------------------------------


def test_cancelled_calls_that_have_not_begun_are_skipped(begun: Pipe, door: Gate) -> None:
    """Wherever they stand: at home, or ready in the request channel."""
    with pool_of(1) as pool:
        first = pool.submit(stoppable.spin_until, begun.writer, door.handle[1])
        begun.hear()
        pool._scheduler.state.table._ahead = 4
        futures = [pool.submit(stoppable.note, begun.writer, bytes([n])) for n in range(8)]
        for number in (0, 2, 5, 7):
            assert futures[number].cancel()
        door.open()
        assert first.result(TIME_LIMIT) is None
    assert begun.rest() == bytes([1, 3, 4, 6])
    assert [future.cancelled() for future in futures] == [n in {0, 2, 5, 7} for n in range(8)]


@pytest.mark.parametrize("width", [1, 3])
def test_cancelled_calls_in_the_channel_are_skipped_after_shutdown(
    width: int, begun: Pipe, told: Pipe, door: Gate
) -> None:
    """They are taken back: the workers are told to end when nothing stands there any more."""
    pool = InterpreterPoolExecutor(width)
    running = [
        pool.submit(stoppable.spin_until, begun.writer, door.handle[1]) for _ in range(width)
    ]
    begun.hear(width)
    pool._scheduler.state.table._ahead = 40
    futures = [pool.submit(stoppable.note, told.writer, bytes([n])) for n in range(40)]
    pool.shutdown(wait=False)
    assert all(future.running() for future in futures)
    assert all(future.cancel() for future in futures[::2])
    assert all(future.cancelled() for future in futures[::2])
    door.open()
    shut_down(pool)
    assert sorted(told.rest()) == list(range(1, 40, 2))
    assert all(future.result(0) is None for future in [*running, *futures[1::2]])


def test_what_stands_in_the_channel_is_done_when_the_running_call_is_cancelled(
    begun: Pipe, told: Pipe
) -> None:
    """After shutdown too: another worker takes the place of the interrupted one."""
    pool = InterpreterPoolExecutor(1)
    running = pool.submit(stoppable.spin, begun.writer)
    begun.hear()
    pool._scheduler.state.table._ahead = 5
    futures = [pool.submit(stoppable.note, told.writer, bytes([n])) for n in range(5)]
    pool.shutdown(wait=False)
    assert running.cancel()
    shut_down(pool)
    assert told.rest() == bytes(range(5))
    assert all(future.result(0) is None for future in futures)


# -- the worker --------------------------------------------------------------------


def test_the_worker_is_replaced_by_a_fresh_one(begun: Pipe, told: Pipe) -> None:
    """Another interpreter, modules as new, the initializer runs again."""
    with pool_of(1, initializer=stoppable.note, initargs=(told.writer,)) as pool:
        assert pool.submit(stoppable.add_state, 1).result(TIME_LIMIT) == [1]
        assert pool.submit(stoppable.add_state, 2).result(TIME_LIMIT) == [1, 2]
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        future = pool.submit(stoppable.spin_in_state, begun.writer)
        begun.hear()
        assert future.cancel()
        assert pool.submit(stoppable.add_state, 3).result(TIME_LIMIT) == [3]
        assert pool.submit(stoppable.interpreter).result(TIME_LIMIT) != where
        assert told.hear(2) == b"!!"
    assert told.rest() == b""


def test_other_workers_stay(begun: Pipe, door: Gate) -> None:
    """Only the interrupted one is replaced; what runs beside it goes on."""
    with pool_of(2) as pool:
        other = pool.submit(stoppable.spin_until, begun.writer, door.handle[1], "undisturbed")
        begun.hear()
        future = pool.submit(stoppable.spin, begun.writer)
        begun.hear()
        assert future.cancel()
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        assert not other.done()
        door.open()
        assert other.result(TIME_LIMIT) == "undisturbed"


@pytest.mark.parametrize("block", BLOCKS)
def test_a_blocked_worker_is_replaced_too(
    block: Callable[..., str], begun: Pipe, told: Pipe, door: Gate
) -> None:
    """The pool keeps its width; the interpreter is closed when the call returns."""
    with pool_of(1) as pool:
        where = pool.submit(stoppable.interpreter).result(TIME_LIMIT)
        future = pool.submit(block, (begun.writer, door.handle[1]), told.writer)
        begun.hear()
        assert future.cancel()
        assert pool.submit(stoppable.interpreter).result(TIME_LIMIT) != where
        assert not told.has_word()
        assert where in interpreters()
        (owner,) = pool._scheduler.state.workers.leaving.values()
        door.let_in()
        assert told.hear() == b"e"
        owner.join(TIME_LIMIT)
        assert where not in interpreters()
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1


def test_a_wide_pool_keeps_its_width(begun: Pipe, door: Gate) -> None:
    """As many calls as before run at the same time while as many are blocked."""
    with pool_of(3) as pool:
        for _ in range(2):
            blocked = [
                pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
                for _ in range(3)
            ]
            begun.hear(3)
            assert all(future.cancel() for future in blocked)
        with gate() as other:
            futures = [pool.submit(stoppable.knock_and_pass, other.handle, n) for n in range(6)]
            other.await_knocks(3)  # at the same time
            assert not other.has_knock()
            other.open()
            assert [future.result(TIME_LIMIT) for future in futures] == list(range(6))
        door.open()


@pytest.mark.parametrize("block", BLOCKS)
def test_shutdown_waits_for_a_blocked_call(
    block: Callable[..., str], begun: Pipe, door: Gate
) -> None:
    """`shutdown(wait=True)` returns when its interpreter is gone, and not before."""
    before = interpreters()
    pool = InterpreterPoolExecutor(1)
    future = pool.submit(block, (begun.writer, door.handle[1]))
    begun.hear()
    assert future.cancel()
    assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
    closing = start(pool.shutdown)
    closing.join(0.3)
    assert closing.is_alive()
    door.open()
    finish(closing)
    assert interpreters() == before


def test_shutdown_right_after_cancel_waits_for_the_blocked_call(begun: Pipe, door: Gate) -> None:
    """Within the grace, too."""
    before = interpreters()
    pool = InterpreterPoolExecutor(1)
    future = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
    begun.hear()
    assert future.cancel()
    closing = start(pool.shutdown)
    closing.join(0.3)
    assert closing.is_alive()
    door.open()
    finish(closing)
    assert interpreters() == before


def test_what_waits_behind_a_blocked_call_is_done_after_shutdown(begun: Pipe, door: Gate) -> None:
    """Calls that were submitted before lose nothing by it."""
    pool = InterpreterPoolExecutor(1)
    future = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
    others = [pool.submit(stoppable.same, n) for n in range(20)]
    begun.hear()
    pool.shutdown(wait=False)
    assert future.cancel()
    assert [other.result(TIME_LIMIT) for other in others] == list(range(20))
    door.open()
    shut_down(pool)


def test_a_call_that_stays_after_its_stop_is_replaced(begun: Pipe, told: Pipe, door: Gate) -> None:
    """As one that is blocked: for it swallowed TaskCancelled, and goes on."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.stay_after_stop, begun.writer, told.writer, door.handle[1])
        begun.hear()
        assert future.cancel()
        assert told.hear() == b"s"
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        door.open()


def test_a_dropped_pool_with_a_cancelled_call_ends(begun: Pipe) -> None:
    """Nobody needs to shut it down (the fixture looks)."""
    pool = InterpreterPoolExecutor(1)
    future = pool.submit(stoppable.spin, begun.writer)
    begun.hear()
    del pool
    assert future.cancel()


def test_a_pool_in_a_worker_stops_its_calls(begun: Pipe) -> None:
    """A pool that a call makes in its worker can do the same."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.cancel_inside, begun.writer, begun.reader)
        assert future.result(TIME_LIMIT) == (True, 5)


# -- asyncio ------------------------------------------------------------------------


def test_asyncio_timeout_stops_the_work(begun: Pipe, told: Pipe) -> None:
    """`asyncio.timeout()` around `run_in_executor`: the call's `finally` runs."""

    async def main(pool: InterpreterPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as limit:
                call = loop.run_in_executor(
                    pool, stoppable.spin_and_tell, begun.writer, told.writer
                )
                await loop.run_in_executor(None, begun.hear)
                limit.reschedule(loop.time() + 0.2)
                await call
        assert await loop.run_in_executor(None, told.hear, 13) == b"TaskCancelled"
        assert await loop.run_in_executor(pool, stoppable.same, 5) == 5

    with pool_of(1) as pool:
        asyncio.run(main(pool))


def test_cancelling_an_asyncio_task_stops_the_work(begun: Pipe, told: Pipe) -> None:
    """`task.cancel()` reaches the call that the task awaits, and no other one."""

    async def main(pool: InterpreterPoolExecutor, door: Gate) -> None:
        loop = asyncio.get_running_loop()

        async def work() -> None:
            await loop.run_in_executor(pool, stoppable.spin_and_clean, begun.writer, told.writer)

        other = loop.run_in_executor(
            pool, stoppable.spin_until, begun.writer, door.handle[1], "other"
        )
        task = asyncio.create_task(work())
        await loop.run_in_executor(None, begun.hear, 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await loop.run_in_executor(None, told.hear, 3) == b"wio"
        door.open()
        assert await other == "other"

    with pool_of(2) as pool, gate() as door:
        asyncio.run(main(pool, door))


def test_a_failing_task_group_stops_the_work_beside_it(begun: Pipe, told: Pipe) -> None:
    """Structured concurrency: one call fails, the other one is stopped."""

    async def main(pool: InterpreterPoolExecutor) -> None:
        loop = asyncio.get_running_loop()

        async def call(function: Callable[..., object], *args: object) -> None:
            await loop.run_in_executor(pool, function, *args)

        async def fail_later() -> None:
            await loop.run_in_executor(None, begun.hear)
            await call(stoppable.fail_with, 3)

        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                group.create_task(call(stoppable.spin_and_tell, begun.writer, told.writer))
                group.create_task(fail_later())
        assert isinstance(caught.value.exceptions[0], LookupError)

    with pool_of(2) as pool:
        asyncio.run(main(pool))
    assert told.hear(13) == b"TaskCancelled"


# -- system calls --------------------------------------------------------------------


@pytest.mark.skipif(not WAKES, reason="only CPython 3.15 looks for exceptions there")
@pytest.mark.parametrize("how", ["sleep", "read", "select", "recv"])
def test_a_system_call_is_woken(how: str, begun: Pipe, told: Pipe, door: Gate) -> None:
    """On CPython 3.15 a call that is blocked in the kernel is stopped, too."""
    with pool_of(1) as pool:
        future = pool.submit(
            stoppable.block_and_tell, how, begun.writer, door.handle[1], told.writer
        )
        begun.hear()
        assert future.cancel()
        assert told.hear(13) == b"TaskCancelled"


_HANDLERS = """
    import os, signal, sys, threading
    sys.path[:0] = {paths!r}
    import stoppable, stops

    def handler(number, frame):
        print("user's handler")

    if __name__ == "__main__":
        before = {before}
        if before is not None:
            signal.signal(signal.SIGURG, before)
        with stops.pipe() as begun, stops.pipe() as told, stops.pipe() as door:
            pool = InterpreterPoolExecutor(1)
            after = signal.getsignal(signal.SIGURG)
            print(after == (before or signal.SIG_DFL))
            future = pool.submit(
                stoppable.block_and_tell, "read", begun.writer, door.reader, told.writer)
            begun.hear()
            print(future.cancel())
            print(pool.submit(abs, -1).result(30))  # the worker was replaced
            print(told.has_word({wait}))
            os.write(door.writer, b"!")
            print(told.hear(13))
            pool.shutdown()
            print(signal.getsignal(signal.SIGURG) == after)
"""


def _handlers(path: Path, before: str, wait: float = 0.3) -> list[str]:
    program = write(path / "program.py", _HANDLERS.format(paths=PATHS, before=before, wait=wait))
    return output(program).splitlines()


@pytest.mark.skipif(not WAKES, reason="no signal is used before CPython 3.15")
@pytest.mark.parametrize("before", ["handler", "signal.SIG_IGN"])
def test_the_users_handler_stays_and_nothing_is_sent(before: str, tmp_path: Path) -> None:
    """Where SIGURG is the program's own, it is left alone, and the call stays blocked."""
    assert _handlers(tmp_path, before) == [
        *("True", "True", "1", "False", "b'TaskCancelled'", "True")
    ]


@pytest.mark.skipif(not WAKES, reason="no signal is used before CPython 3.15")
def test_a_handler_is_installed_where_there_was_none(tmp_path: Path) -> None:
    """A pool sets one that does nothing, and the blocked call is woken."""
    assert _handlers(tmp_path, "None", TIME_LIMIT) == [
        *("False", "True", "1", "True", "b'TaskCancelled'", "True")
    ]


@pytest.mark.skipif(WAKES, reason="on CPython 3.15 there is a handler")
def test_no_signal_is_touched_before_3_15(tmp_path: Path) -> None:
    """There it would be of no use."""
    assert _handlers(tmp_path, "None") == [
        *("True", "True", "1", "False", "b'TaskCancelled'", "True")
    ]


@pytest.mark.skipif(not WAKES, reason="no signal is used before CPython 3.15")
def test_a_handler_that_the_program_sets_later_gets_nothing(tmp_path: Path) -> None:
    """From then on nothing is sent; the blocked call is replaced as on older versions."""
    program = f"""
        import os, signal, sys
        sys.path[:0] = {PATHS!r}
        import stoppable, stops

        def handler(number, frame):
            print("user's handler")

        if __name__ == "__main__":
            with stops.pipe() as begun, stops.pipe() as told, stops.pipe() as door:
                with InterpreterPoolExecutor(1) as pool:
                    signal.signal(signal.SIGURG, handler)
                    future = pool.submit(
                        stoppable.block_and_tell, "read", begun.writer, door.reader, told.writer)
                    begun.hear()
                    print(future.cancel(), pool.submit(abs, -1).result(30))
                    with InterpreterPoolExecutor(1):
                        print(signal.getsignal(signal.SIGURG) is handler)
                    os.write(door.writer, b"!")
    """
    assert output(write(tmp_path / "program.py", program)) == "True 1\nTrue\n"


@pytest.mark.skipif(not WAKES, reason="no signal is used before CPython 3.15")
def test_a_pool_of_another_thread_installs_nothing(begun: Pipe) -> None:
    """Only the main thread can; calls run and are stopped all the same."""
    before = signal.getsignal(signal.SIGURG)
    signal.signal(signal.SIGURG, signal.SIG_DFL)
    made: list[InterpreterPoolExecutor] = []
    try:
        finish(start(lambda: made.append(InterpreterPoolExecutor(1))))
        assert signal.getsignal(signal.SIGURG) == signal.SIG_DFL
        (pool,) = made
        future = pool.submit(stoppable.spin, begun.writer)
        begun.hear()
        assert future.cancel()
        shut_down(pool)
    finally:
        signal.signal(signal.SIGURG, before)


# -- the end of the program ------------------------------------------------------------


def test_a_program_ends_with_a_blocked_cancelled_call(tmp_path: Path) -> None:
    """It waits for the call, and then ends quietly."""
    program = f"""
        import os, sys, threading
        sys.path[:0] = {PATHS!r}
        import stoppable, stops

        if __name__ == "__main__":
            begun, door = stops.Pipe(), stops.Pipe()
            pool = InterpreterPoolExecutor(1)
            future = pool.submit(stoppable.block_in_lock, (begun.writer, door.reader))
            begun.hear()
            print(future.cancel(), pool.submit(abs, -1).result(30))
            threading.Timer(0.5, os.write, (door.writer, b"!")).start()
    """
    assert output(write(tmp_path / "program.py", program)) == "True 1\n"


def test_a_program_ends_right_after_cancelling(tmp_path: Path) -> None:
    """Nothing is waited for in vain, nothing is said."""
    program = f"""
        import sys
        sys.path[:0] = {PATHS!r}
        import stoppable, stops

        if __name__ == "__main__":
            begun = stops.Pipe()
            pool = InterpreterPoolExecutor(3)
            futures = [pool.submit(stoppable.spin, begun.writer) for _ in range(3)]
            begun.hear(3)
            print([future.cancel() for future in futures])
    """
    assert output(write(tmp_path / "program.py", program)) == "[True, True, True]\n"


def test_ctrl_c_and_then_cancel(tmp_path: Path) -> None:
    """The common pattern: who is interrupted while waiting cancels the call, and leaves."""
    program = f"""
        import os, signal, sys
        sys.path[:0] = {PATHS!r}
        import stoppable, stops

        if __name__ == "__main__":
            with stops.pipe() as begun, stops.pipe() as told:
                with InterpreterPoolExecutor(1) as pool:
                    future = pool.submit(stoppable.spin_and_tell, begun.writer, told.writer)
                    begun.hear()
                    try:  # from here on: it may come before there is anything to wait for
                        pool.broadcast(os.kill, os.getpid(), signal.SIGINT)
                        future.result(30)
                    except KeyboardInterrupt:
                        print("interrupted", future.cancel(), told.hear(13))
    """
    done = run(write(tmp_path / "program.py", program))
    assert (done.returncode, done.stdout) == (0, "interrupted True b'TaskCancelled'\n"), done.stderr


def test_fork_with_a_blocked_cancelled_call_warns(begun: Pipe, door: Gate) -> None:
    """A pool in which a stopped call still runs does not step aside for a fork, and says so."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.block_in_lock, (begun.writer, door.handle[1]))
        begun.hear()
        assert future.cancel()
        assert not rest(pool)
        pool._scheduler.rest.end()
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        door.open()


def test_threads_of_the_caller_are_not_needed(begun: Pipe) -> None:
    """`cancel()` starts no thread: the pool has a collector and one thread for each worker."""
    with pool_of(1) as pool:
        future = pool.submit(stoppable.spin, begun.writer)
        begun.hear()
        before = set(threading.enumerate())
        assert future.cancel()
        new = set(threading.enumerate()) - before
        assert {thread.name.rpartition("_")[0] for thread in new} <= {pool._thread_name_prefix}
        os.write(begun.writer, b"")
