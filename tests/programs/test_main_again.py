"""Workers run the program again where something cannot be sent: once, guarded, or refused."""

import textwrap
from pathlib import Path

import pytest

from programs import IMPORT, error_of, output, run, write


def test_the_program_is_run_once_in_each_worker(tmp_path: Path) -> None:
    """Not once a call; and not at all in workers that need nothing of it."""
    program = """
        import os, threading
        LOG = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(LOG, b"!")
        LOCK = threading.Lock()

        def plain(n):
            return n

        def nothing(n):
            with LOCK:
                return n

        if __name__ == "__main__":
            with InterpreterPoolExecutor(1) as pool:
                print(list(pool.map(abs, range(3))), os.stat("log").st_size)
                print(list(pool.map(plain, range(3))), os.stat("log").st_size)
                print(list(pool.map(nothing, range(50))), os.stat("log").st_size)
    """
    out = output(write(tmp_path / "program.py", program), cwd=tmp_path)
    assert out == f"{list(range(3))} 1\n{list(range(3))} 1\n{list(range(50))} 2\n"


@pytest.mark.parametrize(
    "start",
    [
        "pool = InterpreterPoolExecutor(2)\nprint(pool.submit(double, 1).result())\n",
        "with InterpreterPoolExecutor(2) as pool:\n    print(list(pool.map(double, range(9))))\n",
    ],
)
def test_a_script_without_a_guard_is_told_so(tmp_path: Path, start: str) -> None:
    """The error names the variable and the function, the line, and the guard."""
    program = "import threading\nLOCK = threading.Lock()\n"
    program += "def double(n):\n    with LOCK:\n        return 2 * n\n"
    done = run(write(tmp_path / "program.py", program + start))
    assert done.returncode == 1
    assert done.stdout == ""
    last = error_of(done.stderr)
    line = start.count("\n") + 6
    for word in ("'double'", "'LOCK'", f"line {line}", 'if __name__ == "__main__":', "sync.Lock"):
        assert word in last


def test_a_script_without_a_guard_runs_what_needs_nothing_of_it() -> None:
    """Importable functions and lambdas do not need the guard."""
    program = (
        IMPORT + "with InterpreterPoolExecutor(2) as pool:\n    print(list(pool.map(abs, [-1])))\n"
    )
    assert (
        output("-c", program + "    print(list(pool.map(lambda n: n * 2, [1])))\n") == "[1]\n[2]\n"
    )


@pytest.mark.parametrize("last_words", ["raise LookupError('not here')", "sys.exit(3)", "1 +"])
def test_a_program_that_cannot_be_run_again_fails_its_calls_only(
    tmp_path: Path, last_words: str
) -> None:
    """Each call that needs it gets the reason; others work; the pool lives."""
    program = f"""
import os, sys, threading
from pathlib import Path

LOCK = threading.Lock()

def double(n):
    with LOCK:
        return 2 * n

if __name__ == "__main__":
    with InterpreterPoolExecutor(1) as pool:
        if "+" in {last_words!r}:
            Path(__file__).write_text("1 +")
        for _ in range(2):
            error = pool.submit(double, 1).exception()
            print(isinstance(error, Exception), error.__cause__ is not None)
            text = str(error) + str(error.__cause__)
            print(any(word in text for word in ("not here", "SystemExit", "SyntaxError")))
        print(pool.submit(abs, -1).result(), len(pool._threads))
else:
    {last_words if "+" not in last_words else "pass"}
"""
    out = output(write(tmp_path / "program.py", program))
    assert out == "True True\nTrue\nTrue True\nTrue\n1 1\n"


def test_a_name_behind_the_guard_is_refused_with_a_hint(tmp_path: Path) -> None:
    """A function that exists only where the program was really started is named."""
    program = """
        import threading
        if __name__ == "__main__":
            LOCK = threading.Lock()
            def hidden(n):
                with LOCK:
                    return n
            class Hidden:
                lock = LOCK
            with InterpreterPoolExecutor(1) as pool:
                for call in (hidden, 1), (abs, Hidden()):
                    print(repr(pool.submit(*call).exception()))
                print(pool.submit(abs, -1).result())
    """
    first, second, third = output(write(tmp_path / "program.py", program)).splitlines()
    assert "hidden" in first
    assert "__main__" in first
    assert "Hidden" in second
    assert third == "1"


def test_a_module_that_uses_a_pool_when_it_is_imported_is_told_so(tmp_path: Path) -> None:
    """Its workers would import it, and start workers, which import it: the first one refuses."""
    (tmp_path / "work.py").write_text(
        IMPORT
        + textwrap.dedent("""
        def double(n):
            return 2 * n

        pool = InterpreterPoolExecutor(1)
        results = list(pool.map(double, range(3)))
    """)
    )
    program = """
        import resource
        # Should workers start workers without end: 4 GB of addresses end it soon.
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        import work
    """
    done = run(write(tmp_path / "program.py", program))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "submitted a call" in done.stderr
    assert "work.py" in done.stderr
