"""Definitions that are typed, at a prompt or into a notebook, are sent by value."""

import textwrap
from pathlib import Path

from programs import IMPORT, output, run, write

TYPED = """
from interpexec import InterpreterPoolExecutor
pool = InterpreterPoolExecutor(2)
def double(n):
    return 2 * n

pool.submit(double, 21).result()
list(pool.map(double, range(3), chunksize=2))
pool.submit(lambda: "lamb" + "da").result()
FACTOR = 3
def scaled(n):
    return FACTOR * n

pool.submit(scaled, 5).result()
class Thing: pass

type(pool.submit(Thing).result()) is Thing
import threading
LOCK = threading.Lock()
def locked(): return LOCK

pool.submit(locked).exception()
pool.submit(abs, -77).result()
FACTOR = 7
pool.submit(scaled, 5).result()
"""


def _check_answers(text: str) -> None:
    """Look for what each line of TYPED must give, in their order."""
    for answer in (
        "42",
        "[0, 2, 4]",
        "'lambda'",
        "15",
        "True",
        "NotShareableError",
        "'locked'",
        "'LOCK'",
        "77",
        "35",
    ):
        assert answer in text, f"{answer} is missing"
        text = text.partition(answer)[2]


def test_a_prompt() -> None:
    """Functions and classes work; an object that cannot be sent is refused by its name."""
    done = run("-i", stdin=TYPED, environment={"PYTHON_BASIC_REPL": "1"})
    assert done.returncode == 0
    _check_answers(done.stdout)


def test_a_prompt_after_a_script(tmp_path: Path) -> None:
    """`python -i program.py`: its functions work, as those do that are typed later."""
    program = write(tmp_path / "program.py", "BASE = 40\ndef add(n):\n    return BASE + n\n")
    typed = TYPED + "pool.submit(add, 15).result()\n"
    done = run("-i", program, stdin=typed, environment={"PYTHON_BASIC_REPL": "1"})
    assert done.returncode == 0
    _check_answers(done.stdout)
    assert "55" in done.stdout


def test_a_prompt_after_a_command() -> None:
    """`python -i -c ...`: likewise."""
    typed = TYPED + "pool.submit(add, 15).result()\n"
    command = "BASE = 40\ndef add(n):\n    return BASE + n\n"
    done = run("-i", "-c", command, stdin=typed, environment={"PYTHON_BASIC_REPL": "1"})
    assert done.returncode == 0
    _check_answers(done.stdout)
    assert "55" in done.stdout


def test_a_program_from_standard_input() -> None:
    """`python < program.py` and `python -`: there is no file to run again."""
    program = IMPORT + textwrap.dedent("""
        FACTOR = 3
        def double(n):
            return 2 * n
        def scaled(n):
            return FACTOR * n
        with InterpreterPoolExecutor(1) as pool:
            print(pool.submit(double, 21).result())
            print(pool.submit(scaled, 5).result())
            print(pool.submit(abs, -1).result())
    """)
    for arguments in ([], ["-"]):
        assert output(*arguments, stdin=program) == "42\n15\n1\n"


NOTEBOOK = """
    import sys, types

    main = types.ModuleType("__main__")
    cells = [
        "from interpexec import InterpreterPoolExecutor\\npool = InterpreterPoolExecutor(2)",
        "def double(n):\\n    return 2 * n",
        "print(pool.submit(double, 21).result())",
        "FACTOR = 3\\ndef scaled(n):\\n    return FACTOR * n\\nclass Thing: pass",
        "print(pool.submit(scaled, 5).result())",
        "print(type(pool.submit(Thing).result()) is Thing)",
        "print(pool.submit(isinstance, Thing(), Thing).result())",
        "FACTOR = 7",
        "print(pool.submit(scaled, 5).result())",
        "def scaled(n):\\n    return -n * FACTOR",
        "print(pool.submit(scaled, 5).result())",
        "old = Thing()\\nclass Thing: new = True",
        "print(pool.submit(getattr, Thing(), 'new').result())",
        "print(pool.submit(hasattr, old, 'new').result())",
        "print(list(pool.map(lambda n: n + 1, range(3))))",
        "pool.shutdown()",
    ]

    if __name__ == "__main__":
        sys.modules["__main__"] = main
        for number, cell in enumerate(cells):
            file = f"/tmp/ipykernel_1/{number}.py" if FILES else f"<ipython-input-{number}>"
            exec(compile(cell, file, "exec"), main.__dict__)
"""


def test_a_notebook(tmp_path: Path) -> None:
    """Cells run in a `__main__` that has no file, and whose code pretends to have one."""
    for files in (True, False):
        program = write(tmp_path / "kernel.py", f"FILES = {files}\n" + textwrap.dedent(NOTEBOOK))
        answers = "42", "15", "True", "True", "35", "-35", "True", "False", "[1, 2, 3]"
        assert tuple(output(program).splitlines()) == answers


def test_a_notebook_that_was_started_by_a_command(tmp_path: Path) -> None:
    """`python -c` that starts a kernel: the cells are not the command's."""
    program = write(tmp_path / "kernel.py", "FILES = True\n" + textwrap.dedent(NOTEBOOK))
    assert output("-c", program.read_text()).splitlines()[0] == "42"
