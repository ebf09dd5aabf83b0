"""Ctrl-C in the main interpreter: the wait is interrupted, and no call is lost by it."""

import signal
import threading
from pathlib import Path

import pytest

import stoppable
from gates import Gate
from interpexec._core import message_queue, waiting
from interpexec._pool.call_table import CallTable
from interpexec._pool.cancelling import Canceller
from interpexec._pool.future import CallFuture
from interpexec._pool.link import Link
from interpexec._pool.workers import Workers
from programs import output, run, write
from stops import TIME_LIMIT, Pipe, await_sleep, pool_of

pytestmark = pytest.mark.fast


def test_ctrl_c_while_waiting_for_a_result(tmp_path: Path) -> None:
    """`result()` raises KeyboardInterrupt; the call goes on, and its result can be asked for.

    Also where the signal comes just before the main thread sleeps, when it wakes nobody.
    """
    program = """
        import os, select, signal

        def interrupt(gate):
            os.read(gate, 1)
            os.kill(os.getpid(), signal.SIGINT)
            os.read(gate, 1)
            return "result"

        if __name__ == "__main__":
            gate, key = os.pipe()
            with InterpreterPoolExecutor(1) as pool:
                # Nothing is imported any more from here on.
                pool.submit(select.select, [], [], [], 0).exception(30)
                for wait in lambda: call.result(), lambda: call.exception(30):
                    call = pool.submit(interrupt, gate)
                    try:
                        os.write(key, b"!")
                        wait()
                    except KeyboardInterrupt:
                        print("interrupted", call.done())
                    os.write(key, b"!")
                    print(call.result())
                print(pool.submit(abs, -1).result())
    """
    out = output(write(tmp_path / "program.py", program))
    assert out == "interrupted False\nresult\n" * 2 + "1\n"


def test_ctrl_c_while_a_result_arrives(tmp_path: Path) -> None:
    """KeyboardInterrupt is the caller's, and no failure of the call whose result arrives."""
    program = """
        import os, signal, threading, time

        class Large:
            def __setstate__(self, state):
                if threading.main_thread().name == "MainThread" and not os.environ.get("QUIET"):
                    os.environ["QUIET"] = "1"
                    os.kill(os.getpid(), signal.SIGINT)
                    time.sleep(0.1)  # the signal is handled in here, if this is the main thread
                self.__dict__.update(state)

        def make(gate):
            os.read(gate, 1)
            large = Large()
            large.size = 5
            return large

        if __name__ == "__main__":
            gate, key = os.pipe()
            with InterpreterPoolExecutor(1) as pool:
                call = pool.submit(make, gate)
                try:
                    os.write(key, b"!")
                    print(call.result())
                except KeyboardInterrupt:
                    print("interrupted")
                print(call.result().size, pool.submit(abs, -1).result())
    """
    assert output(write(tmp_path / "program.py", program)) == "interrupted\n5 1\n"


def test_ctrl_c_ends_a_program(tmp_path: Path) -> None:
    """The program ends with KeyboardInterrupt, by the signal, and says no more than that."""
    program = """
        import os, signal

        def interrupt(gate, told):
            os.read(gate, 1)
            os.kill(os.getpid(), signal.SIGINT)
            os.write(told, b"!")  # it may have come just before there was anything to interrupt

        if __name__ == "__main__":
            gate, key = os.pipe()
            hearer, told = os.pipe()
            with InterpreterPoolExecutor(2) as pool:
                list(pool.map(abs, range(5)))
                pool.submit(interrupt, gate, told)
                os.write(key, b"!")
                os.read(hearer, 1)
    """
    done = run(write(tmp_path / "program.py", program))
    assert done.returncode == -signal.SIGINT
    assert done.stdout == ""
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")


def test_ctrl_c_ends_a_program_by_the_signal_though_a_worker_starts_after_it(
    tmp_path: Path,
) -> None:
    """Python forgets that it was interrupted when code begins in any interpreter."""
    program = """
        import threading

        def start_one():
            from interpexec._core.cpython import Interpreter
            interpreter = Interpreter()
            interpreter.run("pass")
            interpreter.destroy()

        threading._register_atexit(start_one)
        pool = InterpreterPoolExecutor(1)
        pool.submit(abs, 1).result()
        raise KeyboardInterrupt
    """
    done = run(write(tmp_path / "program.py", program))
    assert done.returncode == -signal.SIGINT
    assert done.stderr.count("Traceback") == 1


class Once:
    """Sends SIGINT before or after a function of the package, once."""

    def __init__(self, owner: type, name: str, when: str, patch: pytest.MonkeyPatch) -> None:
        function = getattr(owner, name)
        is_due = [True]

        def interrupt(at: str) -> None:
            if at == when and is_due:
                is_due.clear()
                signal.raise_signal(signal.SIGINT)

        def call(*args: object, **kwargs: object) -> object:
            interrupt("before")
            result = function(*args, **kwargs)
            interrupt("after")
            return result

        patch.setattr(owner, name, call)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (message_queue.MessageQueue, "send"),
        (message_queue.MessageQueue, "_wake_one"),
        (waiting.Wakeup, "wake"),
        (CallTable, "send"),
        (Link, "send"),
        (CallFuture, "_mark_sent"),
    ],
)
def test_ctrl_c_while_a_call_is_sent(
    owner: type, name: str, when: str, told: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KeyboardInterrupt is raised when `submit` returns; the call is done once, like others."""
    with pool_of(1) as pool:
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
        await_sleep(pool)
        Once(owner, name, when, monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            pool.submit(stoppable.note, told.writer)
        assert pool.submit(stoppable.same, 2).result(TIME_LIMIT) == 2
    assert told.rest() == b"!"


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Canceller, "stop_all_cancelled"),
        (CallFuture, "_become"),
        (Link, "recall"),
        (Workers, "stop_call"),
    ],
)
def test_ctrl_c_while_a_call_is_cancelled(
    owner: type, name: str, door: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KeyboardInterrupt is raised when `cancel` returns: the call is cancelled, and stopped."""
    with pool_of(1) as pool:
        call = pool.submit(stoppable.knock_and_pass, door.handle, "first")
        door.await_knocks(1)
        Once(owner, name, "before", monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            call.cancel()
        assert call.cancelled()
        door.open()
        assert pool.submit(stoppable.same, 2).result(TIME_LIMIT) == 2


def test_ctrl_c_when_the_first_worker_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool knows the worker, which does what was submitted."""
    with pool_of(1) as pool:
        Once(threading.Thread, "start", "after", monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            pool.submit(stoppable.same, 1)
        assert pool.submit(stoppable.same, 2).result(TIME_LIMIT) == 2
