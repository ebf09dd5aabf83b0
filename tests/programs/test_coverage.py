"""Programs that `coverage` runs: their definitions are sent as ever, and measured in workers if
these are told to.
"""

import json
import os
from pathlib import Path

import pytest

from every_definition import EXPECTED, PROGRAM
from programs import IMPORT, run

pytest.importorskip("coverage")

ASKED = """
held = []
def begin():
    import coverage
    held.append(coverage.Coverage(data_suffix=True, branch=True))
    held[0].start()
def end():
    held[0].stop()
    held[0].save()
def count(n):
    if n > 1:
        return n
    return 0
if __name__ == "__main__":
    with InterpreterPoolExecutor(2, initializer=begin, finalizer=end) as pool:
        print(sum(pool.map(count, range(5))))
"""

SLOW = [pytest.param(core, marks=pytest.mark.slow) for core in ("ctrace", "pytrace")]


def measured(folder: Path) -> set[int]:
    """Return the lines of the program that were measured."""
    done = run("-m", "coverage", "json", "-o", folder / "json", cwd=folder)
    assert done.returncode == 0, done.stdout
    files = json.loads((folder / "json").read_text())["files"]
    return set(files["program.py"]["executed_lines"])


@pytest.mark.parametrize("core", ["sysmon", *SLOW])
def test_a_program_that_is_measured(tmp_path: Path, core: str) -> None:
    """Each kind of definition is sent, and answers as it does here: by each core of coverage."""
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {"COVERAGE_CORE": core, "PYTHONWARNINGS": "default"}
    arguments = "-m", "coverage", "run", "--include=program.py", "--branch", "program.py"
    done = run(*arguments, cwd=tmp_path, environment=environment)
    assert (done.returncode, done.stdout) == (0, EXPECTED), done.stderr
    assert len(measured(tmp_path)) > 100


def test_workers_are_not_measured_unasked(tmp_path: Path) -> None:
    """Lines that only a worker runs seem not to be run."""
    text = "def there():\n    return 1\nwith InterpreterPoolExecutor(1) as pool:\n"
    (tmp_path / "program.py").write_text(IMPORT + text + "    print(pool.submit(there).result())\n")
    done = run("-m", "coverage", "run", "--include=program.py", "program.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert measured(tmp_path) == {1, 2, 4, 5}


def test_workers_measure_themselves(tmp_path: Path) -> None:
    """An initializer starts it, a finalizer saves it: a file for each worker."""
    program = IMPORT + ASKED
    (tmp_path / "program.py").write_text(program)
    environment = {"COVERAGE_CORE": "pytrace", "PYTHONWARNINGS": "default"}
    done = run("program.py", cwd=tmp_path, environment=environment)
    assert (done.returncode, done.stdout) == (0, "9\n"), done.stderr
    assert len([name for name in os.listdir(tmp_path) if name.startswith(".coverage")]) == 2
    assert run("-m", "coverage", "combine", cwd=tmp_path).returncode == 0
    first = 1 + program[: program.index("    if n > 1")].count("\n")
    assert measured(tmp_path) >= {first, first + 1, first + 2}
