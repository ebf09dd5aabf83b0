"""A program that is run again in its workers is found, however it was started."""

import textwrap
import zipfile
from pathlib import Path

import pytest

from programs import IMPORT, output, write

# Its functions use a lock, which cannot be sent: so it is run again in the worker.
GUARDED = """
    import sys
    import threading

    LOCK = threading.Lock()

    BASE = 40
    loads = []

    class Number:
        def __init__(self, value):
            self.value = value

    def add(n):
        with LOCK:
            return BASE + n

    def wrap(n):
        with LOCK:
            return Number(n)

    def where():
        with LOCK:
            return __name__

    def remember(n):
        with LOCK:
            loads.append(n)
            return list(loads)

    if __name__ == "__main__":
        with InterpreterPoolExecutor(1) as pool:
            print(pool.submit(add, 2).result())
            print(list(pool.map(lambda n: n + 1, [1, 2])))
            number = pool.submit(wrap, 3).result()
            print(type(number) is Number, number.value)
            print(pool.submit(wrap, number).result().value.value)
            print(pool.submit(remember, 1).result(), pool.submit(remember, 2).result(), loads)
            print(pool.submit(where).result() != "__main__", where())
            print(all(m.__name__ != "__mp_main__" for m in list(sys.modules.values())))
"""
GUARDED_OUTPUT = """\
42
[2, 3]
True 3
3
[1] [1, 2] []
True __main__
True
"""


def test_a_script_with_a_guard(tmp_path: Path) -> None:
    """Its functions, classes, module state work in workers; our `__main__` stays as it is."""
    assert output(write(tmp_path / "program.py", GUARDED)) == GUARDED_OUTPUT


def test_a_script_of_a_relative_path_that_changes_its_folder(tmp_path: Path) -> None:
    """The program is found again although the current folder is another one."""
    begin = "    if __name__ == '__main__':\n        import os\n        os.chdir('/')\n"
    write(tmp_path / "program.py", begin + GUARDED)
    assert output("program.py", cwd=tmp_path) == GUARDED_OUTPUT


def test_a_script_without_a_known_ending(tmp_path: Path) -> None:
    """A program need not be called `.py`; its encoding is the one it declares."""
    path = write(tmp_path / "program", GUARDED + "    SIGN = 'ä'\n")
    path.write_bytes(b"# -*- coding: latin-1 -*-\n" + path.read_text("utf-8").encode("latin-1"))
    assert output(path) == GUARDED_OUTPUT


@pytest.mark.parametrize(
    "options",
    [["-c"], ["-Wdefault", "-X", "utf8", "-c"], ["-W", "default", "-uc"], ["-B", "-bb", "-c"]],
)
def test_a_command(options: list[str]) -> None:
    """`python -c` works as a script does, whatever options stand before it."""
    assert output(*options, IMPORT + textwrap.dedent(GUARDED)) == GUARDED_OUTPUT


def test_a_command_that_is_glued_to_its_option() -> None:
    """`python -c"..."` in one word."""
    assert output("-c" + IMPORT + textwrap.dedent(GUARDED)) == GUARDED_OUTPUT


def test_a_module_of_a_package(tmp_path: Path) -> None:
    """`python -m pkg.mod`, with imports relative to its package."""
    write(tmp_path / "pkg/mod.py", GUARDED.replace("BASE = 40", "from .other import BASE"))
    (tmp_path / "pkg/other.py").write_text("BASE = 40\n")
    assert output("-m", "pkg.mod", cwd=tmp_path) == GUARDED_OUTPUT


def test_a_package(tmp_path: Path) -> None:
    """`python -m pkg` runs its `__main__`, with imports relative to the package."""
    write(tmp_path / "pkg/__main__.py", GUARDED.replace("BASE = 40", "from . import BASE"))
    (tmp_path / "pkg/__init__.py").write_text("BASE = 40\n")
    assert output("-m", "pkg", cwd=tmp_path) == GUARDED_OUTPUT


def test_a_folder(tmp_path: Path) -> None:
    """`python folder` runs its `__main__.py`, which imports what is beside it."""
    write(tmp_path / "folder/__main__.py", GUARDED.replace("BASE = 40", "from other import BASE"))
    (tmp_path / "folder/other.py").write_text("BASE = 40\n")
    assert output(tmp_path / "folder") == GUARDED_OUTPUT


def test_an_archive(tmp_path: Path) -> None:
    """`python archive.zip` runs the `__main__.py` in it, which imports what is beside it."""
    main = write(tmp_path / "m.py", GUARDED.replace("BASE = 40", "from other import BASE"))
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.write(main, "__main__.py")
        archive.writestr("other.py", "BASE = 40\n")
    assert output(tmp_path / "archive.zip") == GUARDED_OUTPUT


def test_a_compiled_script(tmp_path: Path) -> None:
    """`python program.pyc` works as its source does."""
    import py_compile

    source = write(tmp_path / "program.py", GUARDED)
    compiled = py_compile.compile(str(source), str(tmp_path / "compiled.pyc"), doraise=True)
    source.unlink()
    assert output(compiled) == GUARDED_OUTPUT


def test_exceptions_of_the_program_arrive_as_its_own(tmp_path: Path) -> None:
    """A class of `__main__` that is raised in a worker is caught by its name here."""
    program = """
        class Refusal(Exception):
            def __init__(self, code, reason):
                super().__init__(f"{code}: {reason}")
                self.code, self.reason = code, reason

        def refuse(n):
            if n % 2:
                raise Refusal(n, "odd")
            return n

        if __name__ == "__main__":
            with InterpreterPoolExecutor(1) as pool:
                for size in 1, 3:
                    results = pool.map(refuse, range(3), chunksize=size)
                    print(next(results))
                    try:
                        next(results)
                    except Refusal as error:
                        print(error, error.code, error.reason, error.args)
    """
    expected = "0\n1: odd 1 odd ('1: odd',)\n"
    assert output(write(tmp_path / "program.py", program)) == 2 * expected


def test_the_initializer_of_a_program_prepares_its_module(tmp_path: Path) -> None:
    """An initializer in `__main__` sets globals that the calls in that worker read."""
    program = """
        settings = {}

        def prepare(name, value):
            settings[name] = value

        def get(name):
            return settings.get(name)

        if __name__ == "__main__":
            with InterpreterPoolExecutor(2, initializer=prepare, initargs=("a", 7)) as pool:
                print(set(pool.map(get, "a" * 20)), settings)
    """
    assert output(write(tmp_path / "program.py", program)) == "{7} {}\n"


def test_kinds_of_callables_in_a_program(tmp_path: Path) -> None:
    """Methods, static methods, dataclasses, enums, partials, nested functions of `__main__`."""
    program = """
        from dataclasses import dataclass
        from enum import Enum
        from functools import partial, lru_cache, wraps

        class Colour(Enum):
            RED = 1

        @dataclass(frozen=True)
        class Point:
            x: int
            colour: Colour = Colour.RED

            def shift(self, by):
                return Point(self.x + by)

            @staticmethod
            def zero():
                return Point(0)

            @classmethod
            def at(cls, x):
                return cls(x)

        @lru_cache
        def cached(n):
            return Point(n)

        def loud(function):
            @wraps(function)
            def inner(*args):
                return function(*args), "!"
            return inner

        @loud
        def decorated(n):
            return n

        def call(function, *args):
            return function(*args)

        if __name__ == "__main__":
            with InterpreterPoolExecutor(2) as pool:
                for fn, *args in [
                    (Point(1).shift, 2), (Point.zero,), (Point.at, 5), (Point, 6), (cached, 7),
                    (partial(call, Point(1).shift), 1), (call, Colour, 1), (Colour, 1),
                ]:
                    result = pool.submit(fn, *args).result()
                    print(result == fn(*args), type(result) is type(fn(*args)))
                print(pool.submit(decorated, 1).result())
                print(pool.submit(call, lambda n: n + 1, 1).result())
                print(pool.submit(getattr, Point, "zero").result() is Point.zero)
    """
    out = output(write(tmp_path / "program.py", program))
    assert out == "True True\n" * 8 + "(1, '!')\n2\nTrue\n"
