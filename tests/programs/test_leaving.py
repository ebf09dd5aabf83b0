"""Leaving `with`: what an exception in the block does to the calls that run."""

import asyncio
import logging
import signal
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

import stoppable
from gates import Gate
from interpexec import InterpreterPoolExecutor
from interpexec._pool import ending
from programs import run, write
from stops import TIME_LIMIT, Pipe, start
from tiers import few

BEYOND_EXCEPTION = [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError]


@pytest.mark.parametrize("kind", BEYOND_EXCEPTION)
def test_a_base_exception_stops_the_calls(
    kind: type[BaseException], begun: Pipe, told: Pipe
) -> None:
    """Running calls are interrupted, pending ones never run, and the pool ends."""
    with pytest.raises(kind), InterpreterPoolExecutor(1) as pool:
        running = pool.submit(stoppable.spin_and_tell, begun.writer, told.writer)
        pending = [pool.submit(stoppable.note, told.writer) for _ in range(200)]
        begun.hear()
        raise kind
    assert running.cancelled()
    assert all(future.cancelled() for future in pending)
    assert told.rest() == b"TaskCancelled"


def test_with_cancel_running_false_it_waits(begun: Pipe, door: Gate) -> None:
    """As the standard library's executors do."""
    with pytest.raises(KeyboardInterrupt), InterpreterPoolExecutor(1, cancel_running=False) as pool:
        call = pool.submit(stoppable.knock_and_pass, door.handle, 1)
        door.await_knocks(1)
        opening = threading.Timer(0.05, door.open)
        opening.start()
        raise KeyboardInterrupt
    opening.join()
    assert call.result(0) == 1


def test_an_exception_waits_for_the_calls(door: Gate, caplog: pytest.LogCaptureFixture) -> None:
    """Running calls come to their end, and nothing is logged where that is soon."""
    with pytest.raises(ValueError, match="mine"), InterpreterPoolExecutor(1) as pool:
        call = pool.submit(stoppable.same, 1)
        raise ValueError("mine")
    assert call.result(0) == 1
    assert not caplog.records


def test_an_exception_that_waits_for_long_is_told_of(
    door: Gate, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning names it, the number of calls, and what would stop them."""
    monkeypatch.setattr(ending, "_LONG", 0.001)
    caplog.set_level(logging.WARNING, "interpexec")

    class Opens(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            door.open()

    handler = Opens()
    logging.getLogger("interpexec").addHandler(handler)
    try:
        with pytest.raises(ValueError, match="mine"), InterpreterPoolExecutor(1) as pool:
            for _ in range(3):
                pool.submit(stoppable.knock_and_pass, door.handle)
            door.await_knocks(1)
            raise ValueError("mine")
    finally:
        logging.getLogger("interpexec").removeHandler(handler)
    (record,) = caplog.records
    for part in ("ValueError", "3 calls", "on_error='cancel'", "terminate_workers"):
        assert part in record.getMessage()


def test_an_exception_cancels_where_that_is_wanted(begun: Pipe, told: Pipe) -> None:
    """`on_error="cancel"` stops what runs, for an Exception too."""
    with (
        pytest.raises(ValueError, match="mine"),
        InterpreterPoolExecutor(1, on_error="cancel") as pool,
    ):
        call = pool.submit(stoppable.spin_and_tell, begun.writer, told.writer)
        begun.hear()
        raise ValueError("mine")
    with pytest.raises(CancelledError):
        call.result(0)
    assert told.rest() == b"TaskCancelled"


def test_on_error_is_checked() -> None:
    """The message names the argument and its values."""
    with pytest.raises(ValueError, match="on_error must be 'wait' or 'cancel', got 'stop'"):
        InterpreterPoolExecutor(1, on_error="stop")  # type: ignore[arg-type]


def test_ctrl_c_in_shutdown_stops_the_calls(begun: Pipe, told: Pipe) -> None:
    """Ctrl-C in `shutdown()` stops the calls, as leaving `with` by it does, and is raised."""
    pool = InterpreterPoolExecutor(1)
    call = pool.submit(stoppable.spin_and_tell, begun.writer, told.writer)
    begun.hear()
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        end = time.monotonic() + TIME_LIMIT
        while not (
            pool._scheduler.state.collectors and pool._scheduler.state.collectors._over._waiting
        ):
            assert time.monotonic() < end, "it does not wait"
        signal.pthread_kill(main, signal.SIGINT)

    interrupting = start(interrupt)
    with pytest.raises(KeyboardInterrupt):
        pool.shutdown()
    interrupting.join()
    assert call.cancelled()
    assert told.hear(13) == b"TaskCancelled"  # Ctrl-C waits for half a second only


ENDLESS = """
    import atexit, os, sys, time

    def spin(told):
        os.write(told, b"!")
        while True:
            pass

    def sleep(told):
        os.write(told, b"!")
        time.sleep(1000)

    def ends(told):
        os.write(told, b"!")
        return None

    if __name__ == "__main__":
        atexit.register(print, "at exit")
        kept = open(sys.argv[3], "w")
        kept.write("buffered")
        told = int(sys.argv[1])
        function = globals()[sys.argv[2]]
"""

WAYS = {
    "result, with a timeout": """
        with InterpreterPoolExecutor(2) as pool:
            pool.submit(function, told).result(500)
    """,
    "queue, with a timeout": """
        from interpexec.sync import Queue

        with InterpreterPoolExecutor(2) as pool:
            pool.submit(function, told)
            Queue().get(timeout=500)
    """,
    "channel": """
        from interpexec import create_channel

        with InterpreterPoolExecutor(2) as pool:
            pool.submit(function, told)
            receiver, sender = create_channel()
            receiver.recv()
    """,
    "result": """
        with InterpreterPoolExecutor(2) as pool:
            pool.submit(function, told).result()
    """,
    "map": """
        with InterpreterPoolExecutor(2) as pool:
            for _ in pool.map(function, [told] * 100):
                pass
    """,
    "imap": """
        with InterpreterPoolExecutor(2) as pool:
            for _ in pool.imap_unordered(function, [told] * 100):
                pass
    """,
    "leaving": """
        with InterpreterPoolExecutor(2) as pool:
            pool.submit(function, told)
    """,
    "group": """
        pool = InterpreterPoolExecutor(2)
        with pool.group() as group:
            group.submit(function, told)
    """,
    "result, in a group": """
        with InterpreterPoolExecutor(2) as pool, pool.group() as group:
            group.submit(function, told).result()
    """,
    "shutdown": """
        pool = InterpreterPoolExecutor(2)
        pool.submit(function, told)
        pool.shutdown()
    """,
    "at exit": """
        pool = InterpreterPoolExecutor(2)
        pool.submit(function, told)
    """,
    "elsewhere": """
        pool = InterpreterPoolExecutor(2)
        pool.submit(function, told)
        time.sleep(1000)
    """,
    "dropped": """
        InterpreterPoolExecutor(2).submit(function, told)
        time.sleep(1000)
    """,
    "asyncio": """
        import asyncio

        async def main():
            with InterpreterPoolExecutor(2) as pool:
                await asyncio.get_running_loop().run_in_executor(pool, function, told)

        asyncio.run(main())
    """,
}


def _program(path: Path, way: str) -> Path:
    return write(path / "program.py", ENDLESS.rstrip() + WAYS[way])


@pytest.mark.parametrize("function", few(["spin", "sleep"]))
@pytest.mark.parametrize("way", few(WAYS, 4))
def test_one_ctrl_c_ends_a_program(tmp_path: Path, begun: Pipe, way: str, function: str) -> None:
    """The program dies of the signal, in order, in every state of its workers."""
    kept = tmp_path / "kept"
    program = _program(tmp_path, way)
    done = run(
        program,
        begun.writer,
        function,
        kept,
        pass_fds=[begun.writer],
        signals=[(begun.reader, signal.SIGINT)],
        environment={"PYTHONWARNINGS": ""},  # of the file that is left open
    )
    assert done.returncode == -signal.SIGINT, done.stderr
    assert done.stdout.startswith("at exit\n")
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
    assert done.stderr.splitlines().count("KeyboardInterrupt") == 1
    assert kept.read_text() == "buffered"


def test_a_program_that_exits_beside_a_stuck_call_keeps_its_status(tmp_path: Path) -> None:
    """A program that exits does not wait for a call that was stopped and blocks in C."""
    program = """
        import atexit, os, sys, threading

        def block(told, gate):
            import threading
            os.write(told, b"!")
            threading.Lock().acquire() or None
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()

        if __name__ == "__main__":
            atexit.register(print, "at exit")
            hearer, told = os.pipe()
            with InterpreterPoolExecutor(1) as pool:
                pool.submit(block, told, 0)
                os.read(hearer, 1)
                sys.exit(3)
    """
    done = run(write(tmp_path / "program.py", program))
    assert (done.returncode, done.stdout, done.stderr) == (3, "at exit\n", "")


def test_a_stopped_call_that_blocks_is_not_waited_for_at_the_end(tmp_path: Path) -> None:
    """The program has come to its end, and has told so by its status."""
    program = """
        import os, threading

        def block(told):
            import threading
            os.write(told, b"!")
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()

        if __name__ == "__main__":
            hearer, told = os.pipe()
            pool = InterpreterPoolExecutor(1)
            call = pool.submit(block, told)
            os.read(hearer, 1)
            print(call.cancel(), pool.submit(abs, -1).result(), end=" ")
            with open(os.devnull, "w") as out:
                print("closed", file=out)
    """
    done = run(write(tmp_path / "program.py", program))
    assert (done.returncode, done.stdout, done.stderr) == (0, "True 1 ", "")


def test_the_calls_of_an_executor_that_is_alive_at_the_end_are_computed(tmp_path: Path) -> None:
    """As long as nobody has pressed Ctrl-C."""
    program = """
        import os

        def tell(told):
            os.write(told, b"!")

        if __name__ == "__main__":
            pool = InterpreterPoolExecutor(2)
            for _ in range(50):
                pool.submit(tell, 1)
    """
    done = run(write(tmp_path / "program.py", program))
    assert (done.returncode, done.stdout, done.stderr) == (0, "!" * 50, "")
