"""Forks of programs: what the hooks of a fork (`process_hooks`) do, in the parent and the child."""

import os
import signal
import textwrap
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

import stoppable
from interpexec._pool import fork_rest, process_hooks
from leftovers import interpreters
from programs import run, write
from stops import TIME_LIMIT, pool_of
from tiers import few

if TYPE_CHECKING:
    from collections.abc import Callable


# -- the hooks -------------------------------------------------------------


def test_a_pool_that_is_first_used_during_a_fork() -> None:
    """By another thread: its workers are made after the fork."""
    with pool_of(1) as pool, pool_of(1) as idle:
        idle.submit(stoppable.same, 0).result(TIME_LIMIT)
        process_hooks._before_fork()
        try:
            future = pool.submit(stoppable.same, 1)
            pool.warm(wait=False)
            assert not interpreters() - {0}
        finally:
            process_hooks._after_fork_in_parent()
        assert future.result(TIME_LIMIT) == 1
        assert idle.submit(stoppable.same, 2).result(TIME_LIMIT) == 2


def test_a_signal_handler_that_forks_while_another_fork_waits() -> None:
    """The pools go on after the outer fork, not before."""
    with pool_of(1) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        process_hooks._before_fork()
        process_hooks._before_fork()
        process_hooks._after_fork_in_parent()
        future = pool.submit(stoppable.same, 2)
        assert not interpreters() - {0}
        process_hooks._after_fork_in_parent()
        assert future.result(TIME_LIMIT) == 2


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("where", few(["wait", "begin", "end"]))
def test_ctrl_c_during_a_fork(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """KeyboardInterrupt is raised after the fork, in the parent alone, and the pool is whole."""
    step: Callable[..., object] = getattr(fork_rest.Rest, where)

    def interrupted(*arguments: object) -> object:
        if os.getpid() == parent:
            signal.raise_signal(signal.SIGINT)
        return step(*arguments)

    def fork() -> None:
        if os.fork() == 0:  # pragma: no cover  # another process
            os._exit(pool.submit(sum, [40, 2]).result(TIME_LIMIT))
        end = monotonic() + TIME_LIMIT
        while monotonic() < end:
            pass  # a signal that comes before a system call does not end it

    parent = os.getpid()
    with pool_of(1) as pool:
        pool.submit(stoppable.same, 1).result(TIME_LIMIT)
        with monkeypatch.context() as patch:
            patch.setattr(fork_rest.Rest, where, interrupted)
            with pytest.raises(KeyboardInterrupt):
                fork()
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 42
        assert pool.submit(stoppable.same, 2).result(TIME_LIMIT) == 2


@pytest.mark.parametrize("when", ["before", "after_in_parent"])
def test_ctrl_c_in_a_hook_of_another_library(when: str, tmp_path: Path) -> None:
    """KeyboardInterrupt would be printed in a hook, and lost, and `logging` would keep its lock."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(f"""
        import os, signal, sys, time

        def hook():
            signal.raise_signal(signal.SIGINT)
            ended.append(True)

        ended = []
        os.register_at_fork({when}=hook)  # before the package does so

        from interpexec import InterpreterPoolExecutor

        if __name__ == "__main__":
            with InterpreterPoolExecutor(1) as pool:
                pool.submit(abs, -1).result()
                try:
                    if os.fork() == 0:
                        os._exit(pool.submit(sum, [40, 2]).result(20))
                    time.sleep(20)
                except KeyboardInterrupt:
                    print(ended, os.waitstatus_to_exitcode(os.wait()[1]))
                print(pool.submit(sum, [1, 2]).result(20))
        """)
    )
    done = run("-W", "ignore::DeprecationWarning", program)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "[True] 42\n3\n")


# -- programs --------------------------------------------------------------


_BEGIN = """
    import logging, multiprocessing, os, subprocess, sys, threading, time, warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # CPython's, on threads and forks
    logging.basicConfig(format="%(message).20s", stream=sys.stdout)

    LOOP = "[0 for _ in iter(int, 1)]"

    def endless(writer):
        os.write(writer, b"!")
        while True:
            pass

    def wait_for(child):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    reader, writer = os.pipe()
"""


IDLE = {
    "submit": "pool.submit(abs, -1).result()",
    "map": "list(pool.map(abs, range(300)))",
    "unordered": "list(pool.imap_unordered(abs, range(300)))",
    "broadcast": "[each.result() for each in pool.broadcast(abs, -1)]",
    "cancelled": "f = pool.submit(endless, writer); os.read(reader, 1); assert f.cancel()",
    "late": "assert pool.with_options(timeout=0.05).submit(eval, LOOP).exception()",
    "starting": "pool.warm(wait=False)",
}


@pytest.mark.parametrize("what", few(IDLE.values(), 2), ids=IDLE)
def test_a_fork_right_after(what: str, tmp_path: Path) -> None:
    """No child is lost: each uses the pool, and so does the parent."""
    program = (
        _BEGIN
        + f"""
    if __name__ == "__main__":
        with InterpreterPoolExecutor(2) as pool:
            for _ in range(5):
                {what}
                child = os.fork()
                if child == 0:
                    os._exit(pool.submit(sum, [40, 2]).result(20))
                print(wait_for(child), pool.submit(sum, [1, 2]).result(20))
    """
    )
    done = run(write(tmp_path / "program.py", program))
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "42 3\n" * 5)


FORKS = {
    "fork": "child = os.fork()\n{0}if child == 0: os._exit(0)\n{0}wait_for(child)",
    "preexec_fn": "subprocess.run(['true'], preexec_fn=int)",
    "multiprocessing": "p = fork.Process(target=int)\n{0}p.start()\n{0}p.join()",
}


@pytest.mark.parametrize("how", few(FORKS.values()), ids=FORKS)
def test_a_fork_while_a_call_runs(how: str, tmp_path: Path) -> None:
    """CPython kills the child, of which a warning tells; the parent's pool lives on."""
    how = how.format(" " * 16)
    program = (
        _BEGIN
        + f"""
    fork = multiprocessing.get_context("fork")

    if __name__ == "__main__":
        with InterpreterPoolExecutor(2) as pool:
            future = pool.submit(endless, writer)
            os.read(reader, 1)
            behind = [pool.submit(abs, -number) for number in range(20)]
            try:
                {how}
            except (OSError, subprocess.SubprocessError):
                pass  # so `subprocess` tells of a child that died
            print([each.result(20) for each in behind] == list(range(20)))
            print(future.cancel(), pool.submit(sum, [1, 2]).result(20))
    """
    )
    done = run(write(tmp_path / "program.py", program), environment={"PYTHONFAULTHANDLER": ""})
    assert done.returncode == 0, done.stderr
    assert done.stdout == "fork() while worker \nTrue\nTrue 3\n"


@pytest.mark.slow
def test_forks_while_a_thread_submits(tmp_path: Path) -> None:
    """Its calls are the parent's: in a child the pool says so. No child is lost, none hangs."""
    program = (
        _BEGIN
        + """
    def submit():
        while not over:
            results.append(sum(pool.map(abs, range(10))) + pool.submit(abs, -1).result(20))

    if __name__ == "__main__":
        over, results, codes = [], [], set()
        with InterpreterPoolExecutor(2) as pool:
            thread = threading.Thread(target=submit)
            thread.start()
            for _ in range(20):
                while len(results) < 3:
                    time.sleep(0.001)
                results.clear()
                child = os.fork()
                if child == 0:
                    try:
                        code = pool.submit(sum, [40, 2]).result(20)
                    except RuntimeError as error:
                        assert "are its parent's" in str(error), error
                        with InterpreterPoolExecutor(1) as other:
                            code = other.submit(sum, [40, 2]).result(20)
                    os._exit(code)
                codes.add(wait_for(child))
            over.append(True)
            thread.join()
        print(codes, set(results) <= {46})
    """
    )
    done = run(write(tmp_path / "program.py", program))
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "{42} True\n")


def test_futures_of_the_parent_fail_in_the_child(tmp_path: Path) -> None:
    """Calls, maps and broadcasts that were not begun: the child is told, and nothing hangs."""
    program = (
        _BEGIN
        + """
    def told(wait):
        try:
            wait()
        except RuntimeError as error:
            return "are its parent's" in str(error)

    if __name__ == "__main__":
        with InterpreterPoolExecutor(1) as pool:
            first = pool.submit(time.sleep, 0.05)
            future = pool.submit(sum, [40, 2])
            called = []
            future.add_done_callback(called.append)
            ordered, unordered = pool.map(abs, range(50)), pool.imap_unordered(abs, range(50))
            child = os.fork()
            if child == 0:
                waits = future.result, lambda: list(ordered), lambda: list(unordered)
                print([told(wait) for wait in waits], told(lambda: pool.submit(int)), called)
                pool.shutdown()
                sys.stdout.flush()
                os._exit(0)
            print(wait_for(child))
            print(future.result(20), sum(ordered), sum(unordered))
        print(len(called))
    """
    )
    done = run(write(tmp_path / "program.py", program))
    expected = "[True, True, True] True []\n0\n42 1225 1225\n1\n"
    assert (done.returncode, done.stderr, done.stdout) == (0, "", expected)


def test_an_idle_pool_is_no_thread_for_cpython(tmp_path: Path) -> None:
    """Its threads have ended when the process forks, so that no warning tells of them."""
    program = (
        _BEGIN
        + """
    if __name__ == "__main__":
        with InterpreterPoolExecutor(2) as pool:
            pool.submit(abs, -1).result()
            hooks = sys.modules["interpexec._pool.process_hooks"]
            hooks._before_fork()
            print(threading.enumerate() == [threading.main_thread()])
            hooks._after_fork_in_parent()
    """
    )
    done = run(write(tmp_path / "program.py", program))
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "True\n")
