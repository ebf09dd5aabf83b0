"""A cancelled call that is in a system call, and the end of a program that has one."""

import os
import signal
import threading
from pathlib import Path

import pytest

import stoppable
from gates import Gate
from interpexec import InterpreterPoolExecutor
from programs import PATHS, output, run, write
from stops import TIME_LIMIT, WAKES, Pipe, finish, pool_of, rest, shut_down, start

# -- system calls ----------------------------------------------------------


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


@pytest.mark.slow
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


# -- the end of the program ------------------------------------------------


@pytest.mark.slow
def test_a_program_ends_with_a_blocked_cancelled_call(tmp_path: Path) -> None:
    """The program waits for the call, and then ends quietly."""
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
    """The common pattern: a program is interrupted while waiting, cancels the call, and leaves."""
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


@pytest.mark.slow
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
