"""Definitions of programs that are archives, or frozen into an executable."""

import zipfile
from pathlib import Path

from every_definition import EXPECTED, PROGRAM
from programs import IMPORT, output

HELPER = "BASE = 40\nclass Box:\n    def __init__(self, n): self.n = n\n"
HELPER += "def add(n): return BASE + n\ndef box(n): return Box(add(n))\n"

USES_HELPER = (
    IMPORT
    + """
import helper, package.inner
from package import inner
def both(n): return helper.add(n), package.inner.add(n), inner.add(n)
with InterpreterPoolExecutor(1) as pool:
    print(pool.submit(both, 2).result())
    print(pool.submit(helper.add, 2).result(), pool.submit(lambda: inner.add(3)).result())
    print(type(pool.submit(helper.box, 2).result()) is helper.Box)
    print(type(pool.submit(lambda: helper.box(2)).result()) is helper.Box)
    cause = str(pool.submit(lambda: 1 / 0).exception().__cause__)
    print(cause.count("~~^~~"), "__main__.py" in cause)
"""
)
ANSWERS = "(42, 42, 42)\n42 43\nTrue\nTrue\n1 True\n"


def archive(path: Path, main: str, *, compressed: bool = True) -> Path:
    """Make an archive of a program, a module beside it, and a package."""
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as file:
        file.writestr("__main__.py", main)
        file.writestr("helper.py", HELPER)
        file.writestr("package/__init__.py", "")
        file.writestr("package/inner.py", "from helper import add\n")
    return path


def test_an_archive(tmp_path: Path) -> None:
    """`python archive.pyz`: every kind of definition of its `__main__`."""
    assert output(archive(tmp_path / "program.pyz", PROGRAM)) == EXPECTED


def test_modules_in_an_archive(tmp_path: Path) -> None:
    """Workers import them from it; the traceback has the lines of the program."""
    assert output(archive(tmp_path / "program.pyz", USES_HELPER)) == ANSWERS


def test_zipapp(tmp_path: Path) -> None:
    """`python -m zipapp`, with a function of a module as its beginning, and a first line."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "helper.py").write_text(HELPER)
    (folder / "start.py").write_text(
        IMPORT + "import helper\ndef main():\n    with InterpreterPoolExecutor(1) as pool:\n"
        "        print(pool.submit(lambda: helper.add(2)).result())\n"
        "        print(pool.submit(helper.add, 3).result())\n"
    )
    options = "-p", "/usr/bin/env python3", "-m", "start:main", "-o", tmp_path / "app.pyz"
    assert output("-m", "zipapp", folder, *options) == ""
    assert output(tmp_path / "app.pyz") == "42\n43\n"


def test_a_folder_that_is_a_program(tmp_path: Path) -> None:
    """`python folder`, which has a `__main__.py`."""
    (tmp_path / "folder/package").mkdir(parents=True)
    (tmp_path / "folder/__main__.py").write_text(USES_HELPER)
    (tmp_path / "folder/helper.py").write_text(HELPER)
    (tmp_path / "folder/package/__init__.py").write_text("")
    (tmp_path / "folder/package/inner.py").write_text("from helper import add\n")
    assert output(tmp_path / "folder") == ANSWERS


def test_an_archive_on_the_path(tmp_path: Path) -> None:
    """Added before the pool, or while it runs."""
    archive(tmp_path / "library.zip", "")
    program = IMPORT + f"import sys\npath = {str(tmp_path / 'library.zip')!r}\n"
    program += "with InterpreterPoolExecutor(1) as pool:\n    pool.submit(int).result()\n"
    program += "    sys.path.append(path)\n    import helper\n"
    program += "    print(pool.submit(helper.add, 2).result())\n"
    program += "    print(pool.submit(lambda: helper.box(2).n).result())\n"
    assert output("-c", program) == "42\n42\n"


FROZEN = """
import importlib.machinery, sys, types
main = types.ModuleType("__main__")
main.__loader__ = importlib.machinery.FrozenImporter
main.__spec__ = importlib.machinery.ModuleSpec("__main__", main.__loader__, origin="frozen")
sys.frozen = True
sys.modules["__main__"] = main
exec(compile(PROGRAM, "<frozen __main__>", "exec"), vars(main))
"""


def test_a_frozen_program(tmp_path: Path) -> None:
    """As tools make them: its `__main__` has no file, and a loader that has no source."""
    (tmp_path / "program.py").write_text(f"PROGRAM = {PROGRAM!r}\n" + FROZEN)
    assert output(tmp_path / "program.py") == EXPECTED
