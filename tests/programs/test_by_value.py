"""Definitions of a program are sent by value: without a guard, however it was started."""

from pathlib import Path

from every_definition import CHECKS, DEFINITIONS, EXPECTED, PROGRAM, START, statements
from programs import IMPORT, output, run


def test_a_script(tmp_path: Path) -> None:
    """A script that has no guard."""
    (tmp_path / "program.py").write_text(PROGRAM)
    assert output(tmp_path / "program.py") == EXPECTED


def test_a_command() -> None:
    """`python -c`."""
    assert output("-c", PROGRAM) == EXPECTED


def test_standard_input() -> None:
    """`python < program.py`, and `python -`."""
    assert output(stdin=PROGRAM) == EXPECTED
    assert output("-", stdin=PROGRAM) == EXPECTED


def test_a_module(tmp_path: Path) -> None:
    """`python -m package.module`, which imports relative to its package."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").write_text("")
    (tmp_path / "package/other.py").write_text("BASE = 40\n")
    relative = "from .other import BASE\n"
    relative += "def late():\n    from . import other\n    return other.BASE + BASE\n"
    check = "print(pool.submit(late).result())\n"
    (tmp_path / "package/program.py").write_text(
        IMPORT + relative + DEFINITIONS + START + check + CHECKS
    )
    assert output("-m", "package.program", cwd=tmp_path) == "80\n" + EXPECTED


def test_a_prompt() -> None:
    """What is typed, line by line."""
    done = run(
        "-i",
        "-q",
        stdin="\n\n".join(statements(PROGRAM)) + "\n\n",
        environment={"PYTHON_BASIC_REPL": "1"},
    )
    said = done.stdout.replace(">>> ", "").replace("... ", "")
    assert "expected" not in said
    assert said.count("ok\n") == EXPECTED.count("ok\n")


def test_a_program_that_runpy_runs(tmp_path: Path) -> None:
    """A program that another one runs as its `__main__`."""
    (tmp_path / "program.py").write_text(PROGRAM)
    start = f"import runpy\nrunpy.run_path({str(tmp_path / 'program.py')!r}, run_name='__main__')\n"
    assert output("-c", start) == EXPECTED


def test_the_script_of_cpythons_own_test() -> None:
    """`test_concurrent_initialization_subinterpreter`, which CPython runs without a guard."""
    script = """if True:
        from interpexec import InterpreterPoolExecutor

        def func():
            import _datetime
            print('a', end='')

        with InterpreterPoolExecutor() as executor:
            for _ in range(8):
                executor.submit(func)
        """
    assert output("-c", script) == "a" * 8
    assert output("-c", "import _datetime\n" + script) == "a" * 8
