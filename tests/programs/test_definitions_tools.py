"""Definitions of a program that another one runs: profilers, debuggers, `runpy`, `exec`."""

from pathlib import Path

import pytest

from every_definition import EXPECTED, PROGRAM
from programs import output, run, write
from tiers import few

TOOLS = {
    "trace": ["-m", "trace", "--count", "-C", "counts"],
    "cProfile": ["-m", "cProfile"],
    "profile": ["-m", "profile"],
    "pdb": ["-m", "pdb", "-c", "continue", "-c", "quit"],
}


@pytest.mark.parametrize("tool", few(TOOLS))
def test_tools_of_the_standard_library(tmp_path: Path, tool: str) -> None:
    """The program runs in a dictionary, or in a `__main__`, that is not the tool's own."""
    (tmp_path / "program.py").write_text(PROGRAM)
    # (`trace` leaves a file open, and warns of that.)
    environment = {"PYTHONWARNINGS": "default"}
    done = run(*TOOLS[tool], "program.py", cwd=tmp_path, environment=environment)
    assert done.returncode == 0, done.stderr
    assert "expected" not in done.stdout
    assert done.stdout.count("ok\n") == EXPECTED.count("ok\n")


WAYS = {
    "a dictionary": "exec(code, {'__name__': '__main__', '__file__': path})",
    "no name": "exec(code, {})",
    "another name": "exec(code, {'__name__': 'other'})",
    "the globals of a function": "(lambda: exec(code, globals()))()",
    # As `coverage run` does.
    "another main module": "main = sys.modules['__main__'] = types.ModuleType('__main__')\n"
    "main.__file__ = path\nmain.__builtins__ = __builtins__\nexec(code, vars(main))",
    "runpy": "runpy.run_path(path)",
    "runpy, with a name": "runpy.run_path(path, run_name='other')",
}


@pytest.mark.parametrize("way", few(WAYS, 2))
def test_a_program_that_another_program_runs(tmp_path: Path, way: str) -> None:
    """In a dictionary that is not the globals of `__main__`."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    start = f"import pathlib, runpy, sys, types\npath = {str(path)!r}\n"
    start += "code = compile(pathlib.Path(path).read_text(), path, 'exec')\n"
    assert output("-c", start + WAYS[way]) == EXPECTED


def test_annotations_that_are_strings(tmp_path: Path) -> None:
    """The classes in them go along, and nothing else."""
    program = """
        import threading, typing

        class Kind: pass
        class Other: pass

        def function(x: "Kind", lock: "int" = 3) -> "list[Other] | None": ...

        class Holder:
            kind: "Kind"
            other: "dict[str, Other]"

        lock = threading.Lock()

        def hints(obj):
            return sorted(typing.get_type_hints(obj))

        with InterpreterPoolExecutor(1) as pool:
            print(pool.submit(hints, function).result())
            print(pool.submit(hints, Holder).result())
    """
    expected = "['lock', 'return', 'x']\n['kind', 'other']\n"
    path = write(tmp_path / "program.py", program)
    assert output(path) == expected
    path.write_text("from __future__ import annotations\n" + path.read_text())
    assert output(path) == expected
