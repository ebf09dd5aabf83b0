"""Something named `interpexec` that the program's own import has not found stands first."""

import textwrap
from pathlib import Path

import pytest

import interpexec
from programs import IMPORT, output

FILES = [str(Path(interpexec.__file__).with_name(name)) for name in ("__init__.py", "sync.py")]

PROGRAM = """
import os, sys
from interpexec import current_worker

def seen():
    import interpexec.sync
    from interpexec import current_worker
    return interpexec.__file__, interpexec.sync.__file__, current_worker().index

def told():
    return *seen()[:2], current_worker().index

def use(pool):
    expected = *sys.argv[3:], 0
    assert pool.submit(seen).result() == expected
    assert pool.submit(told).result() == expected
    assert list(pool.map(abs, [-1, 2])) == [1, 2]

def move(when):
    if sys.argv[2] != when:
        return
    if sys.path[0] == "":
        os.chdir(sys.argv[1])
    else:
        sys.path.insert(0, sys.argv[1])

move("before")
with InterpreterPoolExecutor(1) as pool:
    pool.submit(abs, -1).result()
    move("after")
    use(pool)
with InterpreterPoolExecutor(1) as pool:
    use(pool)
print("done")
"""


@pytest.fixture(params=["package", "namespace", "module"])
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Make a folder in which another `interpexec` is found."""
    package = tmp_path / "other" / "interpexec"
    package.mkdir(parents=True)
    names = {"package": "interpexec/__init__.py", "module": "interpexec.py"}
    (tmp_path / "other" / names.get(request.param, "interpexec/sync.py")).write_text("1 / 0")
    return tmp_path / "other"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", ["program", "command"])
def test_workers_have_the_package_of_the_program(
    folder: Path, tmp_path: Path, how: str, when: str
) -> None:
    """By an entry of `sys.path`, or as the new current directory; before a worker, or after."""
    program = tmp_path / "program.py"
    program.write_text(IMPORT + textwrap.dedent(PROGRAM))
    begin = [program] if how == "program" else ["-c", program.read_text()]
    assert output(*begin, folder, when, *FILES) == "done\n"
