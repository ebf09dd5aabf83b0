"""Definitions of a program are sent by value: without a guard, however it was started."""

import sys
from pathlib import Path

import pytest

from every_definition import CHECKS, DEFINITIONS, EXPECTED, PROGRAM, START, statements
from programs import IMPORT, output, run, write


def test_a_script(tmp_path: Path) -> None:
    """A script that has no guard."""
    (tmp_path / "program.py").write_text(PROGRAM)
    assert output(tmp_path / "program.py") == EXPECTED


def test_a_command() -> None:
    """`python -c`."""
    assert output("-c", PROGRAM) == EXPECTED


@pytest.mark.slow
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
    """The input of the prompt, line by line."""
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


@pytest.mark.slow
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


def test_results_of_classes_that_have_come_inside_of_values(tmp_path: Path) -> None:
    """A class that no function names comes back as the caller's own; nothing runs twice."""
    program = """
        from dataclasses import MISSING, dataclass, fields

        class Kind:
            pass

        @dataclass
        class Record:
            number: int

        kind = Kind()
        other = lambda: 3

        def get():
            return kind

        def fail():
            raise ValueError(kind)

        def has_default():
            return fields(Record)[0].default is not MISSING

        print("begun")
        with InterpreterPoolExecutor(1) as pool:
            print(type(pool.submit(get).result()) is Kind)
            print(type(pool.submit(fail).exception().args[0]) is Kind)
            print([type(each) is Kind for each in pool.submit(lambda: [kind, kind]).result()])
            print(pool.submit(lambda: other).result()(), pool.submit(has_default).result())
    """
    expected = "begun\nTrue\nTrue\n[True, True]\n3 False\n"
    assert output(write(tmp_path / "program.py", program)) == expected


def test_a_change_is_seen_where_the_program_was_run_again(tmp_path: Path) -> None:
    """A lock cannot be sent, so the program is run again; globals of an initializer stay."""
    program = """
        import threading

        LOCK = threading.Lock()
        RATE = LEVEL = 1

        def locked():
            with LOCK:
                return RATE

        def rates():
            return RATE, LEVEL

        def begin():
            global LEVEL
            locked()
            LEVEL = 7

        if __name__ == "__main__":
            with InterpreterPoolExecutor(1, initializer=begin) as pool:
                print(pool.submit(locked).result())
                RATE = 2
                print(pool.submit(rates).result())
                RATE = 3
                print(pool.submit(rates).result())
    """
    assert output(write(tmp_path / "program.py", program)) == "1\n(2, 7)\n(3, 7)\n"


def test_a_dataclass_that_names_itself(tmp_path: Path) -> None:
    """Its fields keep the annotation, and with it the program's globals: these are not sent."""
    program = """
        import threading
        from dataclasses import dataclass

        LOCK = threading.Lock()

        @dataclass
        class Node:
            number: int
            following: "Node | None" = None

        def total(node):
            return node.number + (total(node.following) if node.following else 0)

        def longer(node):
            return Node(0, node)

        with InterpreterPoolExecutor(1) as pool:
            print(pool.submit(total, Node(3, Node(4))).result())
            print(pool.submit(longer, Node(5)).result())
    """
    expected = "7\nNode(number=0, following=Node(number=5, following=None))\n"
    assert output(write(tmp_path / "program.py", program)) == expected
    if sys.version_info >= (3, 14):
        program = program.replace('"Node | None"', "Node | None")
        assert output(write(tmp_path / "program.py", program)) == expected
