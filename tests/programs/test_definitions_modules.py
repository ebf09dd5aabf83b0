"""Modules that only the program can import: they are reached through its globals and lambdas."""

import subprocess
import sys
from pathlib import Path

import pytest

from programs import IMPORT, output, write

MODULE = """
import json
from dataclasses import dataclass

BASE = [40]
COUNT = 0

class Box:
    def __init__(self, n): self.n = n

@dataclass
class Point:
    x: int

class Refusal(Exception): pass

def add(n): return BASE[0] + n
def box(n): return Box(add(n))
def refuse(n): raise Refusal(n)
def place(): return json.loads(json.dumps(__file__))
def bump():
    global COUNT
    COUNT += 1
    return COUNT
"""

LOAD = """
import importlib.util, sys

def load(name, path, *, known):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a dataclass asks for it
    spec.loader.exec_module(module)
    if not known:
        del sys.modules[name]
    return module
"""

USES = """
PLUGINS = {"a": module}
def of_table(name, n): return PLUGINS[name].add(n)
def of_default(n, plugin=module): return plugin.add(n)
def make():
    inner = module
    return lambda n: inner.box(n)

with InterpreterPoolExecutor(1) as pool:
    def call(fn, *args): return pool.submit(fn, *args).result(60)
    assert call(lambda: module.add(2)) == 42
    assert type(call(lambda: module.box(2))) is module.Box
    assert call(of_table, "a", 2) == call(of_default, 2) == 42
    assert type(call(make(), 1)) is module.Box
    assert [call(lambda: module.bump()), call(module.bump)] == [1, 2]
    assert call(lambda: module.bump()) == 3
    assert call(getattr, module, "BASE") == [40]
    assert call(lambda plugin: plugin.add(2), module) == 42
    assert call(lambda: module) is module
    assert call(lambda: module.Point(3)) == module.Point(3)
    assert call(lambda: module.place()) == module.__file__
    assert type(pool.submit(lambda: module.refuse(3)).exception(60)) is module.Refusal
    assert [*pool.map(lambda n: module.add(n), range(3))] == [40, 41, 42]
    assert call(lambda: hasattr(module, "absent")) is False
    module.BASE[0] = 50
    assert call(lambda: module.add(2)) == 52
    module.added = lambda: 7
    assert call(lambda: module.added()) == 7
    print("done")
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return the path of a module where nobody looks for one."""
    path = tmp_path / "elsewhere/by_hand.py"
    path.parent.mkdir()
    path.write_text(MODULE)
    return path


@pytest.mark.parametrize("known", [True, False])
def test_a_module_that_was_loaded_by_its_path(
    tmp_path: Path, elsewhere: Path, *, known: bool
) -> None:
    """Whether `sys.modules` has it or not: it comes with what the code mentions of it."""
    load = f"module = load('by_hand', {str(elsewhere)!r}, known={known})\n"
    (tmp_path / "program.py").write_text(IMPORT + LOAD + load + USES)
    assert output(tmp_path / "program.py") == "done\n"


def test_a_package_that_was_loaded_by_its_path(tmp_path: Path) -> None:
    """Its modules are reached through each other."""
    package = tmp_path / "elsewhere/package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from . import inner\nBASE = 40\n")
    (package / "inner.py").write_text(
        "import package\nfrom . import deep\ndef add(n): return package.BASE + deep.one(n)\n"
    )
    (package / "deep.py").write_text("def one(n): return n + 1\n")
    program = """
        import sys

        sys.path.insert(0, sys.argv[1])
        import package
        del sys.path[0]

        with InterpreterPoolExecutor(1) as pool:
            print(pool.submit(lambda: package.inner.add(1)).result())
            print(pool.submit(lambda: package.inner.deep.one(1)).result())
            print(pool.submit(package.inner.add, 1).result())
    """
    path = write(tmp_path / "program.py", program)
    assert output(path, tmp_path / "elsewhere") == "42\n2\n42\n"


HOOK = """
import importlib.abc, importlib.util, sys

class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name == "by_hand":
            return importlib.util.spec_from_loader(name, self, origin="a database")
    def exec_module(self, module):
        module.__file__ = "nowhere"
        exec(TEXT, vars(module))
"""


@pytest.mark.parametrize("where", ["program", "module"])
def test_a_module_of_an_import_hook(tmp_path: Path, where: str) -> None:
    """Of a hook that the program has added; its class is the program's, or a module's."""
    install = "sys.meta_path.append(Finder())\nimport by_hand as module\n"
    text = f"TEXT = {MODULE!r}\n" + HOOK
    if where == "module":
        (tmp_path / "hook.py").write_text(text)
        text = "import sys\nfrom hook import Finder\n"
    (tmp_path / "program.py").write_text(IMPORT + text + install + USES)
    assert output(tmp_path / "program.py") == "done\n"


def test_a_path_that_is_added_later(tmp_path: Path, elsewhere: Path) -> None:
    """Workers that have started already learn of it, also for imports in functions."""
    program = """
        import sys

        def late(n):
            import by_hand
            return by_hand.add(n)

        with InterpreterPoolExecutor(1) as pool:
            print(type(pool.submit(late, 2).exception()).__name__, pool.submit(abs, -1).result())
            sys.path.append(sys.argv[1])
            import by_hand
            print(pool.submit(late, 2).result(), pool.submit(by_hand.add, 2).result())
            print(pool.submit(lambda: by_hand.add(2)).result())
            print(type(pool.submit(lambda: by_hand.box(2)).result()) is by_hand.Box)
            print(list(pool.map(by_hand.add, range(2))), pool.submit(abs, -1).result())
            sys.path.insert(0, sys.argv[2])
            import first
            print(pool.submit(first.get).result(), pool.submit(abs, -1).result())
            del sys.path[0], sys.path[-1]
            print(pool.submit(first.get).result(), pool.submit(by_hand.add, 2).result())
        with InterpreterPoolExecutor(1) as pool:
            print(pool.submit(first.get).result(), pool.submit(by_hand.add, 2).result())
    """
    (tmp_path / "front").mkdir()
    (tmp_path / "front/first.py").write_text("def get(): return 'first'\n")
    path = write(tmp_path / "program.py", program)
    lines = (
        "ModuleNotFoundError 1",
        "42 42",
        "42",
        "True",
        "[40, 41] 1",
        "first 1",
        *["first 42"] * 2,
    )
    assert output(path, elsewhere.parent, tmp_path / "front") == "\n".join(lines) + "\n"


def test_a_module_that_is_loaded_again(tmp_path: Path) -> None:
    """By `importlib.reload`: workers, which have imported it, use what is there now."""
    (tmp_path / "helper.py").write_text("def get(): return TEXT\nTEXT = 'first'\n")
    program = """
        import importlib, os, pathlib
        import helper
        from helper import get

        def inner(): return helper.get(), get()

        with InterpreterPoolExecutor(1) as pool:
            def show():
                print(*pool.submit(inner).result(), end=" ")
                print(pool.submit(helper.get).result(), pool.submit(lambda: helper.TEXT).result())
            show()
            path = pathlib.Path(helper.__file__)
            path.write_text("def get(): return TEXT * 2\\nTEXT = 'second'\\n")
            os.utime(path, (2e9, 2e9))
            show()
            importlib.reload(helper)
            show()
    """
    lines = ["first first first first"] * 2
    # The old function reads the new globals, as it does here.
    lines.append("secondsecond second secondsecond second")
    assert output(write(tmp_path / "program.py", program)).splitlines() == lines


@pytest.mark.parametrize("when", ["before", "between", "after"])
def test_a_change_of_the_current_directory(tmp_path: Path, elsewhere: Path, when: str) -> None:
    """`sys.path[0] == ''`: before the pool, before its second worker, before its first call."""
    lines = {
        "before": "os.chdir('..')\nwith InterpreterPoolExecutor(1) as pool:\n",
        "after": "with InterpreterPoolExecutor(1) as pool:\n    pool.submit(abs, -1).result()\n"
        "    os.chdir('..')\n",
        "between": "with InterpreterPoolExecutor(1) as pool:\n"
        "    print(pool.submit(by_hand.add, 1).result())\n    os.chdir('..')\n"
        "with InterpreterPoolExecutor(1) as pool:\n",
    }
    calls = "    print(pool.submit(lambda: by_hand.add(2)).result())\n"
    calls += "    print(pool.submit(by_hand.add, 3).result())\n"
    program = IMPORT + "import os\nimport by_hand\n" + lines[when] + calls
    first = "41\n" if when == "between" else ""
    assert output("-c", program, cwd=elsewhere.parent) == first + "42\n43\n"


def test_a_module_that_was_made_by_code(tmp_path: Path) -> None:
    """No file, no spec, and a name that another module has."""
    program = f"""
        import types

        module = types.ModuleType("json")
        module.__file__ = "nowhere"
        exec({MODULE!r}, vars(module))
    """
    (tmp_path / "program.py").write_text("")
    path = write(tmp_path / "program.py", program)
    path.write_text(
        path.read_text() + USES.replace("    assert call(lambda: module.Point", "    #")
    )
    assert output(path) == "done\n"


def test_a_module_that_has_more_than_can_be_sent(tmp_path: Path) -> None:
    """Globals that the code does not mention are left out; an error names its global."""
    program = f"""
        import threading, types

        module = types.ModuleType("by_hand")
        exec({MODULE.replace("@dataclass", "")!r}, vars(module))
        module.__file__, module.LOCK = "nowhere", threading.Lock()

        with InterpreterPoolExecutor(1) as pool:
            print(pool.submit(lambda: module.add(2)).result())
            print(pool.submit(lambda: module.LOCK.locked()).exception())
    """
    first, second = output(write(tmp_path / "program.py", program)).splitlines()
    assert first == "42"
    assert "module 'by_hand'" in second
    assert "the global 'LOCK'" in second
    assert "sync.Lock" in second


@pytest.mark.parametrize("known", [True, False])
def test_a_module_that_cannot_be_sent_is_loaded_again(
    tmp_path: Path, elsewhere: Path, *, known: bool
) -> None:
    """From its file, in the worker: it has a lock."""
    more = "import threading\nLOCK = threading.Lock()\ndef locked(n):\n"
    more += "    with LOCK: return Box(add(n))\n"
    elsewhere.write_text(MODULE + more)
    program = IMPORT + LOAD + f"module = load('by_hand', {str(elsewhere)!r}, known={known})\n"
    program += """
with InterpreterPoolExecutor(1) as pool:
    print(pool.submit(lambda: module.locked(2).n).result())
    print(pool.submit(lambda: module.LOCK.locked()).result())
    print(pool.submit(lambda: (module.LOCK, module.bump(), module.bump())[1:]).result())
"""
    if known:
        program += "    print(type(pool.submit(module.locked, 2).result()) is module.Box)\n"
    (tmp_path / "program.py").write_text(program)
    expected = "42\nFalse\n(1, 2)\n" + "True\n" * known
    assert output(tmp_path / "program.py") == expected


def test_a_package_that_cannot_be_sent_is_loaded_again(tmp_path: Path) -> None:
    """Its modules, too, which import each other."""
    package = tmp_path / "elsewhere/package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("import threading\nLOCK = threading.Lock()\n")
    (package / "inner.py").write_text(
        "from . import LOCK, deep\ndef add(n):\n    with LOCK: return deep.one(n)\n"
    )
    (package / "deep.py").write_text("def one(n): return n + 1\n")
    program = """
        import sys

        sys.path.insert(0, sys.argv[1])
        from package import inner
        del sys.path[0]

        with InterpreterPoolExecutor(1) as pool:
            print(pool.submit(lambda: inner.add(1)).result(), pool.submit(inner.add, 2).result())
    """
    assert output(write(tmp_path / "program.py", program), tmp_path / "elsewhere") == "2 3\n"


def test_the_globals_of_the_program_as_a_module(tmp_path: Path) -> None:
    """`import __main__`."""
    program = """
        import __main__

        X = 3
        def get(): return __main__.X

        with InterpreterPoolExecutor(1) as pool:
            print(pool.submit(get).result())
    """
    assert output(write(tmp_path / "program.py", program)) == "3\n"


def test_a_module_of_a_class_of_its_own(tmp_path: Path) -> None:
    """As lazy modules have one."""
    (tmp_path / "lazy.py").write_text(
        "import sys, types\nclass Lazy(types.ModuleType):\n    twice = property(lambda self: 2)\n"
        "sys.modules[__name__].__class__ = Lazy\n"
    )
    program = """
        import lazy

        with InterpreterPoolExecutor(1) as pool:
            print(pool.submit(lambda: lazy.twice).result())
    """
    assert output(write(tmp_path / "program.py", program)) == "2\n"


@pytest.mark.slow
def test_pytest_loads_helpers_by_their_paths(tmp_path: Path) -> None:
    """Its importlib mode: a module beside the tests, that a test reaches by a global."""
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "helper.py").write_text(MODULE)
    (folder / "test_it.py").write_text(
        IMPORT + "from tests import helper\ndef test_it():\n"
        "    with InterpreterPoolExecutor(1) as pool:\n"
        "        assert pool.submit(lambda: helper.add(2)).result() == 42\n"
        "        assert pool.submit(helper.add, 2).result() == 42\n"
    )
    arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    done = subprocess.run(  # of a test
        [sys.executable, *arguments, "tests"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout
