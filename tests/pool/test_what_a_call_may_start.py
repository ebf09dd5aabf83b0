"""Threads, processes, event loops and signals in a call: rows of `docs/what-a-worker-sees.md`."""

from collections.abc import Callable
from pathlib import Path

import pytest

import programs
import seen
from gates import TIME_LIMIT, Gate
from interpexec import InterpreterPoolExecutor


@pytest.mark.parametrize(
    ("fn", "words", "advice"),
    [
        (seen.start_daemon, "daemon threads are disabled in this", "daemon=False"),
        (seen.fork, "fork not supported for isolated subinterpreters", "subprocess"),
        (seen.become, "exec not supported for isolated subinterpreters", "subprocess.run"),
        (
            seen.run_process_with_function,
            "preexec_fn not supported within subinterpreters",
            "start_new_session",
        ),
        (
            seen.handle_signal_in_loop,
            "only works in main thread of the main interpreter",
            "handle signals in the program",
        ),
    ],
)
def test_a_call_may_not(
    pool: InterpreterPoolExecutor, fn: Callable[[], object], words: str, advice: str
) -> None:
    """CPython refuses it in a subinterpreter; a note says what to do. The worker goes on."""
    error = pool.submit(fn).exception(TIME_LIMIT)
    assert type(error) is RuntimeError
    assert words in str(error)
    (note,) = error.__notes__
    assert note.startswith("interpexec: ")
    assert advice in note
    assert pool.submit(int).result(TIME_LIMIT) == 0


def test_a_call_may_not_handle_signals(pool: InterpreterPoolExecutor) -> None:
    """Signals are the main interpreter's."""
    error = pool.submit(seen.handle_signal).exception(TIME_LIMIT)
    assert type(error) is ValueError
    assert "main thread of the main interpreter" in str(error)
    (note,) = error.__notes__
    assert "Future.cancel()" in note


def test_a_call_may_run_an_event_loop(pool: InterpreterPoolExecutor) -> None:
    """With threads and processes in it."""
    assert pool.submit(seen.run_asyncio).result(TIME_LIMIT) == ["hi\n", 0, 0]


def test_a_call_may_run_processes(pool: InterpreterPoolExecutor) -> None:
    """By `subprocess`."""
    assert pool.submit(seen.run_process).result(TIME_LIMIT) == "hi\n"


@pytest.mark.slow
def test_multiprocessing_runs_single_processes(tmp_path: Path) -> None:
    """Where they are started anew; its pools need threads that no worker may have."""
    file = programs.write(
        tmp_path / "program.py",
        """
        import seen

        def told(future):
            return future.exception() or future.result()

        if __name__ == "__main__":
            with InterpreterPoolExecutor(1) as pool:
                for method in "spawn", "forkserver", "fork":
                    print(told(pool.submit(seen.multiprocess, method)))
                print(told(pool.submit(seen.multiprocess_pool, "spawn")))
        """,
    )
    first, second, third, last = programs.output(file).splitlines()
    assert [first, second] == ["0", "0"]
    assert third == "fork not supported for isolated subinterpreters"
    assert last.startswith("daemon threads are disabled in this")


def test_a_pool_of_processes_breaks(tmp_path: Path) -> None:
    """Its processes do not find what they were started with."""
    file = programs.write(
        tmp_path / "program.py",
        """
        import seen

        if __name__ == "__main__":
            with InterpreterPoolExecutor(1) as pool:
                error = pool.submit(seen.process_pool).exception()
                print(type(error).__name__, *error.__notes__)
        """,
    )
    told = programs.run(file).stdout
    assert told.startswith(
        "BrokenProcessPool interpexec: a worker cannot have a pool of processes."
    )


def test_a_call_may_use_executors(pool: InterpreterPoolExecutor) -> None:
    """Of threads, and of interpreters."""
    assert pool.submit(seen.executors).result(TIME_LIMIT) == [0, 7]


def test_a_call_is_not_in_the_main_thread(pool: InterpreterPoolExecutor) -> None:
    """Code that asks for it takes another way, as in any thread of a pool."""
    is_main, name, is_daemon = pool.submit(seen.thread).result(TIME_LIMIT)
    assert not is_main
    assert isinstance(name, str)
    assert name.startswith("InterpreterPoolExecutor-")
    assert not is_daemon


def test_functions_of_atexit_run_when_the_worker_ends(tmp_path: Path) -> None:
    """The program goes on when one of them is replaced."""
    files = [tmp_path / "first", tmp_path / "last"]
    with InterpreterPoolExecutor(1, max_tasks_per_child=1) as pool:
        pool.submit(seen.at_exit, str(files[0])).result(TIME_LIMIT)
        pool.submit(seen.at_exit, str(files[1])).result(TIME_LIMIT)
    assert [file.exists() for file in files] == [True, True]


def test_a_thread_that_a_call_has_left_is_waited_for(tmp_path: Path, door: Gate) -> None:
    """By the end of its worker, and so by that of the pool."""
    file = tmp_path / "file"
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(seen.leave_thread, door.handle[1], str(file)).result(TIME_LIMIT)
        pool.shutdown(wait=False)
        assert not file.exists()
        door.let_in()
    assert file.exists()
