"""How programs end: with work left, in the middle of it, after hundreds of pools."""

from pathlib import Path

import pytest

from programs import output, run, write
from repetitions import POOLS


@pytest.mark.parametrize(
    "end",
    [
        "",
        "pool.shutdown(wait=False)",
        "del pool",
        "sys.exit(0)",
        "threading.Thread(target=pool.shutdown).start()",
    ],
)
@pytest.mark.slow
def test_a_program_that_ends_with_work_left_still_does_it(tmp_path: Path, end: str) -> None:
    """Submitted calls are run, and their callbacks are called, before the program is gone."""
    program = f"""
        import os, sys, threading, time

        def report(future):
            os.write(1, f"result {{future.result()}} ".encode())

        if __name__ == "__main__":
            pool = InterpreterPoolExecutor(2)
            pool.submit(time.sleep, 0.2)
            for n in range(5):
                pool.submit(abs, -n).add_done_callback(report)
            pool.submit(os.write, 1, b"written ")
            {end}
    """
    words = output(write(tmp_path / "program.py", program)).split()
    assert sorted(words) == sorted(["written", *["result"] * 5, *"01234"])


def test_a_program_that_fails_ends_with_its_own_error(tmp_path: Path) -> None:
    """An exception of the main program waits for the running calls and is then the last word."""
    program = """
        import time
        if __name__ == "__main__":
            pool = InterpreterPoolExecutor(2)
            pool.submit(time.sleep, 0.1)
            pool.submit(print, "printed")
            raise LookupError("my own")
    """
    done = run(write(tmp_path / "program.py", program))
    assert (done.returncode, done.stdout) == (1, "printed\n")
    assert done.stderr.rstrip().endswith("LookupError: my own")


def test_nothing_is_taken_after_the_interpreter_began_to_end(tmp_path: Path) -> None:
    """`submit` raises RuntimeError in `atexit`, from an old pool, a new one, and `map`."""
    program = """
        import atexit

        def late():
            for make in (lambda: old), (lambda: InterpreterPoolExecutor(1)):
                for call in "submit", "map":
                    try:
                        getattr(make(), call)(abs, [1])
                    except RuntimeError as error:
                        print(error)

        if __name__ == "__main__":
            old = InterpreterPoolExecutor(1)
            old.submit(int).result()
            atexit.register(late)
    """
    lines = output(write(tmp_path / "program.py", program)).splitlines()
    assert len(lines) == 4
    assert all("shutdown" in line for line in lines)


def test_a_thread_that_submits_while_the_program_ends(tmp_path: Path) -> None:
    """A thread that submits on and on is told by RuntimeError; all it got is computed."""
    program = """
        import threading

        def go_on(pool):
            futures = []
            try:
                while True:
                    futures.append(pool.submit(abs, -1))
                    futures[-1].result()
            except RuntimeError:
                print(all(future.result() == 1 for future in futures))

        if __name__ == "__main__":
            pool = InterpreterPoolExecutor(2)
            pool.submit(int).result()
            threading.Thread(target=go_on, args=(pool,)).start()
    """
    assert output(write(tmp_path / "program.py", program)) == "True\n"


def test_the_last_output_of_a_worker_is_written(tmp_path: Path) -> None:
    """Output of a worker's `atexit` functions, and of threads that a call left, is written."""
    program = """
        import atexit, threading, time

        def leave():
            atexit.register(print, "from atexit")
            def last():
                time.sleep(0.1)
                print("from a thread")
            threading.Thread(target=last).start()
            print("from the task")

        if __name__ == "__main__":
            with InterpreterPoolExecutor(1) as pool:
                pool.submit(leave).result()
    """
    lines = output(write(tmp_path / "program.py", program)).splitlines()
    assert sorted(lines) == ["from a thread", "from atexit", "from the task"]


def test_no_descriptor_is_needed_for_workers_that_never_start(tmp_path: Path) -> None:
    """A pool of 500 workers at most runs one call after another with few descriptors left."""
    program = """
        import resource
        if __name__ == "__main__":
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            with InterpreterPoolExecutor(500) as pool:
                print([pool.submit(abs, -n).result() for n in range(3)])
    """
    assert output(write(tmp_path / "program.py", program)) == "[0, 1, 2]\n"


@pytest.mark.slow
def test_pools_inside_pools_inside_pools(tmp_path: Path) -> None:
    """Each task makes a pool of its own, three levels deep; some are left to their workers."""
    program = """
        def nest(depth):
            if not depth:
                return 1
            pool = InterpreterPoolExecutor(2)
            total = sum(pool.map(nest, [depth - 1] * 2))
            if depth % 2:
                pool.shutdown()
            return total

        if __name__ == "__main__":
            for _ in range(3):
                print(nest(3))
    """
    assert output(write(tmp_path / "program.py", program)) == "8\n8\n8\n"


@pytest.mark.slow
def test_many_pools_come_and_go(tmp_path: Path) -> None:
    """Workers that import much of the standard library leave no descriptor, no thread, no crash."""
    program = f"""
        import os, sys, threading, _interpreters

        def use_much(n):
            import asyncio, ctypes, datetime, decimal, sqlite3, ssl, zoneinfo
            with sqlite3.connect(":memory:") as base:
                base.execute("select datetime('now')").fetchone()
            base.close()
            moment = datetime.datetime(2026, 1, 2, tzinfo=zoneinfo.ZoneInfo("UTC"))
            ssl.create_default_context()
            asyncio.run(asyncio.sleep(0))
            return moment, decimal.Decimal(n) / 3, ctypes.sizeof(ctypes.c_long)

        def census():
            interpreters = len(_interpreters.list_all())
            return len(os.listdir("/proc/self/fd")), threading.active_count(), interpreters

        if __name__ == "__main__":
            with InterpreterPoolExecutor(1) as pool:
                assert pool.submit(use_much, 1).result() == use_much(1)
            before = census()
            for _ in range({POOLS}):
                with InterpreterPoolExecutor(4) as pool:
                    results = list(pool.map(use_much, range(8)))
                    assert results == [use_much(n) for n in range(8)], results
                assert census() == before, (census(), before)
            print("well")
    """
    assert output(write(tmp_path / "program.py", program)) == "well\n"


@pytest.mark.slow
def test_pools_that_are_dropped_at_once(tmp_path: Path) -> None:
    """Pools nobody waits for end by themselves, also those that are busy when the program ends."""
    program = """
        import threading

        if __name__ == "__main__":
            futures = []
            for n in range(10):
                futures += [InterpreterPoolExecutor(2).submit(pow, n, m) for m in range(3)]
            print(sum(future.result() for future in futures))
            for n in range(10):
                InterpreterPoolExecutor(2).map(abs, range(50))
    """
    assert output(write(tmp_path / "program.py", program)) == "340\n"
