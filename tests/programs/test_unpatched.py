"""Threads that a library has patched: a pool has real ones. `tests/clients` has the libraries."""

from pathlib import Path

import pytest

import programs

pytestmark = pytest.mark.fast

# As gevent does it, but that each use of a replacement by the package is an error.
MONKEY = """
import _thread, select, sys, threading

NAMES = {
    "_thread": ("allocate_lock", "get_ident", "start_new_thread", "RLock"),
    "threading": (
        "_allocate_lock", "get_ident", "Lock", "RLock", "_CRLock", "_start_joinable_thread"
    ),
    "select": ("select", "poll"),
}
MODULES = {"_thread": _thread, "threading": threading, "select": select}
saved = {}
is_strict = True


def patch_all():
    for module, names in NAMES.items():
        for name in names:
            original = getattr(MODULES[module], name)
            def used(*args, name=name, original=original, **kwargs):
                if is_strict and "interpexec" in sys._getframe(1).f_globals["__name__"]:
                    raise AssertionError(f"{name} was used")
                return original(*args, **kwargs)
            saved.setdefault(module, {})[name] = original
            setattr(MODULES[module], name, used)


def is_module_patched(name):
    return name in saved


def get_original(module, name):
    return saved.get(module, {}).get(name) or getattr(MODULES[module], name)
"""

USE = """
def add(x, y=1):
    return x + y


with InterpreterPoolExecutor(2) as pool:
    print(pool.submit(add, 1).result())
    print(list(pool.map(add, range(3))))
    try:
        pool.with_options(timeout=0.1).submit(endless).result()
    except TimeoutError as error:
        print(error)
    running = pool.submit(endless)
    print(running.cancel())
"""

ENDLESS = """
def endless():
    while True:
        pass
"""

# On a busy machine a call is stopped in an import, which then leaves a file to Python.
ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "error,ignore::ResourceWarning"}

DONE = "2\n[1, 2, 3]\nendless was stopped: it ran for more than 0.1 s\nTrue\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with a package that patches threads."""
    (tmp_path / "gevent").mkdir()
    (tmp_path / "gevent" / "__init__.py").write_text("")
    (tmp_path / "gevent" / "monkey.py").write_text(MONKEY)
    return tmp_path


@pytest.mark.parametrize("first", ["", "import interpexec"])
def test_a_pool_has_the_threads_from_before_the_patch(folder: Path, first: str) -> None:
    """All of its modules do, those that are imported late included; the program keeps the patch."""
    program = f"""{first}
from gevent import monkey
monkey.patch_all()
from interpexec import InterpreterPoolExecutor
{ENDLESS}
{USE}
import threading
print(type(threading.Lock).__name__)
"""
    (folder / "program.py").write_text(program)
    told = programs.output(folder / "program.py", environment=ENVIRONMENT)
    assert told == f"{DONE}function\n"


def test_a_patch_that_comes_too_late_is_an_error(folder: Path) -> None:
    """A pool would hang: its threads would be none."""
    program = """
from interpexec import InterpreterPoolExecutor
from gevent import monkey
monkey.is_strict = False
monkey.patch_all()
try:
    InterpreterPoolExecutor(1)
except RuntimeError as error:
    print(error)
"""
    (folder / "program.py").write_text(program)
    told = programs.output(folder / "program.py")
    assert "before anything is imported from interpexec" in told


def test_nothing_of_it_is_loaded_without_a_patch(folder: Path) -> None:
    """Importing such a library is no patch yet."""
    program = """
from gevent import monkey
from interpexec import InterpreterPoolExecutor
import sys, threading
from interpexec._pool import state
print(state.threading is threading, [each for each in sys.meta_path if "interpexec" in str(each)])
with InterpreterPoolExecutor(1) as pool:
    print(pool.submit(pow, 2, 3).result())
"""
    (folder / "program.py").write_text(program)
    assert programs.output(folder / "program.py") == "True []\n8\n"
