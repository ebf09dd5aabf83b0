"""Imports inside functions find modules that only the program can import."""

import types
from pathlib import Path

import pytest

from programs import IMPORT, output

FILES = {
    "by_path.py": "NUMBER = 5\ndef run(): return NUMBER\n",
    "locked.py": "import threading\nLOCK = threading.Lock()\ndef run():\n    with LOCK: return 6\n",
    "extra/found.py": "def run(): return 7\n",
    "pack/__init__.py": "NUMBER = 8\n",
    "pack/inner.py": "def run():\n    from . import NUMBER\n    from .deep import own\n"
    "    return NUMBER, own.run()\n",
    "pack/deep/__init__.py": "",
    "pack/deep/own.py": "from .. import NUMBER\ndef run(): return NUMBER + 1\n",
}

START = (
    IMPORT
    + """
import importlib.abc, importlib.machinery, importlib.util, pathlib, sys, types
folder = pathlib.Path(__file__).parent / "plugins"
def load(name, file, **options):
    spec = importlib.util.spec_from_file_location(name, folder / file, **options)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
class Hook(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name in ("hooked", "later"): return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec): return None
    def exec_module(self, module): exec("def run(): return __name__", vars(module))
def ask(*functions):
    for function in functions:
        try: found = pool.submit(function).result(60)
        except ImportError as error: found = type(error).__name__
        print(function.__name__, found)
"""
)


def answers(folder: Path, text: str) -> list[str]:
    """Run a program beside the modules; return its lines."""
    for name, content in FILES.items():
        path = folder / "plugins" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (folder / "program.py").write_text(START + text)
    return output(folder / "program.py").splitlines()


def test_modules_of_the_program(tmp_path: Path) -> None:
    """Loaded by path, by an importer, made by code; whole packages; one that has a lock."""
    program = """
load("by_path", "by_path.py"), load("locked", "locked.py")
load("pack", "pack/__init__.py", submodule_search_locations=[str(folder / "pack")])
import pack.inner
sys.meta_path.append(Hook())
import hooked
made = sys.modules["made"] = types.ModuleType("made")
exec("def run(): return 4", vars(made))
def path():
    import by_path
    return by_path.run()
def name():
    from by_path import run as other, NUMBER
    return other() + NUMBER
def hook():
    import hooked as plugin
    return plugin.run()
def not_imported_here():
    import later
    return later.run()
def code():
    from made import run
    return run()
def lock():
    def inner():
        import locked
        return locked.run()
    return inner()
class Thing:
    def package():
        from pack import inner
        return inner.run()
    def module():
        import pack.inner, json
        return pack.inner.run(), json.dumps(1)
    def deep():
        from pack.deep.own import run
        return run()
def absent():
    try: import no_such_module
    except ImportError: return "absent"
with InterpreterPoolExecutor(1) as pool:
    ask(path, name, hook, not_imported_here, code, lock)
    ask(Thing.package, Thing.module, Thing.deep, absent)
"""
    assert answers(tmp_path, program) == [
        *("path 5", "name 10", "hook hooked", "not_imported_here later", "code 4", "lock 6"),
        *("package (8, 9)", "module ((8, 9), '1')", "deep 9", "absent absent"),
    ]


def test_each_alone_in_a_fresh_worker(tmp_path: Path) -> None:
    """The first call that a worker runs."""
    program = """
load("pack", "pack/__init__.py", submodule_search_locations=[str(folder / "pack")])
import pack.inner
def package():
    from pack import inner
    return inner.run()
def deep():
    import pack.deep.own as own
    return own.run()
def whole():
    import pack
    return pack.NUMBER
for each in (package, deep, whole):
    with InterpreterPoolExecutor(1) as pool: ask(each)
"""
    assert answers(tmp_path, program) == ["package (8, 9)", "deep 9", "whole 8"]


def test_modules_that_come_later(tmp_path: Path) -> None:
    """A module that was not there at the first call; that is loaded again; a new path."""
    program = """
def late():
    import by_path
    return by_path.run()
def by_name():
    import found
    return found.run()
with InterpreterPoolExecutor(1) as pool:
    ask(late, by_name)
    module = load("by_path", "by_path.py")
    sys.path.append(str(folder / "extra"))
    ask(late, by_name)
    module.NUMBER = 50
    ask(late)
    (folder / "by_path.py").write_text("def run(): return 'again'")
    import importlib
    sys.path_importer_cache.clear()
    load("by_path", "by_path.py")
    ask(late)
"""
    assert answers(tmp_path, program) == [
        *("late ModuleNotFoundError", "by_name ModuleNotFoundError"),
        *("late 5", "by_name 7", "late 50", "late again"),
    ]


@pytest.mark.skipif(not hasattr(types, "LazyImportType"), reason="3.15 has brought lazy imports")
def test_lazy_imports(tmp_path: Path) -> None:
    """Globals that are not imported yet: as code that reads them finds them."""
    program = """
lazy import json
lazy from collections import OrderedDict
lazy import xml.dom.minidom
lazy import os.path as path
lazy import no_such_module
lazy import faulthandler
def whole(): return json.dumps([1])
def part(): return OrderedDict(a=1)
def package(): return xml.dom.minidom.parseString("<a/>").documentElement.tagName
def alias(): return path.join("a", "b")
def unused(really=False):
    if really: return no_such_module.run(), faulthandler.enable()
    return "unused"
def absent(): return no_such_module.run()
def refused(): return faulthandler.enable()
class Thing:
    def method(): return json.loads("[2]")
with InterpreterPoolExecutor(1) as pool:
    ask(whole, part, package, alias, unused, absent, refused, Thing.method)
"""
    assert answers(tmp_path, program) == [
        *("whole [1]", "part OrderedDict({'a': 1})", "package a", "alias a/b", "unused unused"),
        *("absent ModuleNotFoundError", "refused ImportError", "method [2]"),
    ]


def test_modules_of_the_standard_library_under_another_name() -> None:
    """Modules like `collections.abc`, also where they are not frozen into Python."""
    program = IMPORT + (
        "import collections.abc, os.path\n"
        "class Own(collections.abc.Sequence):\n"
        "    def __len__(self): return 1\n"
        "    def __getitem__(self, index): return [7][index]\n"
        "def ask(): return os.path.join('a', 'b'), isinstance(Own(), collections.abc.Reversible)\n"
        "with InterpreterPoolExecutor(1) as pool:\n"
        "    print(pool.submit(ask).result(), pool.submit(list, Own()).result())\n"
        "    print(type(pool.submit(Own).result()) is Own)\n"
    )
    assert output("-X", "frozen_modules=off", "-c", program) == "('a/b', True) [7]\nTrue\n"
