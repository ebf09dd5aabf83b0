"""Changes that programs make to their interpreter in good faith: no damage."""

import builtins
import importlib.machinery
import sys

import tasks


def replace_print() -> None:
    """Replace a function of everybody."""
    builtins.print = tasks.same  # type: ignore[assignment]


def add_finder() -> None:
    """Add a finder of modules."""
    sys.meta_path.insert(0, importlib.machinery.BuiltinImporter)  # type: ignore[arg-type]


def add_module() -> None:
    """Add a module under a name of its own."""
    sys.modules["of_mine"] = sys


def add_builtin() -> None:
    """Add names to `builtins` and `sys`, and take one back."""
    builtins.of_mine = 1  # type: ignore[attr-defined]
    sys.of_mine = 1  # type: ignore[attr-defined]
    del sys.of_mine  # type: ignore[attr-defined]
