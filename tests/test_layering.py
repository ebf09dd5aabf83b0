"""The house has an order: imports go down only, and private modules stay in one room."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import interpexec

PACKAGE = Path(interpexec.__file__).parent

# From the ground up: a module imports only what stands before it.
ORDER = [
    "_descriptors",
    "_runtime",
    "_sigint",
    "_threads",
    "errors",
    "_words",
    "_deadline",
    "_bell",
    "_patience",
    "_line",
    "_slots",
    "_capi",
    "_interrupts",
    "_tasks",
    "_handles",
    "_reducers",
    "_packing",
    "_main",
    "_culprit",
    "_functions",
    "_messages",
    "buffers",
    "_kinds",
    "_exceptions",
    "_frozen",
    "_pins",
    "sharing",
    "_monitor",
    "_shared",
    "_locks",
    "_conditions",
    "_barriers",
    "_ring",
    "_mailbox",
    "channels",
    "_work_queue",
    "sync",
    "_failures",
    "_chunks",
    "_calls",
    "_callbacks",
    "_health",
    "_worker",
    # From here on home only: a worker never imports it.
    "_pool_errors",
    "_wakeup",
    "_ending",
    "_future",
    "_clock",
    "_loans",
    "_crossing",
    "_ledger",
    "_process",
    "_signals",
    "_home",
    "_crew",
    "_stopper",
    "_relay",
    "_rest",
    "_direct",
    "_engine",
    "_sizing",
    "_items",
    "_batches",
    "_mapping",
    "_submitting",
    "_checks",
    "_report",
    "executor",
    "aio",
]

# What closes a circle, late or for the type checker only, and why it may.
EXCEPTIONS = {
    ("_reducers", "_kinds"),  # when one of them is met: they use what `_packing` has
    ("_reducers", "_exceptions"),  # as above
    ("errors", "_pool_errors"),  # at first use: two classes that workers never need
    ("_failures", "_pool_errors"),  # in `revive`, which runs at home
    ("_process", "_engine"),  # for its type
    ("_home", "_engine"),  # for its type: it is handed the engine
    ("_crew", "_engine"),  # as above
    ("_direct", "_engine"),  # as above
    ("_rest", "_engine"),  # as above
    ("_ledger", "_home"),  # for its type
    ("_batches", "executor"),  # for its type
}

FILES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Yield the full name of every module that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            if node.module in {"interpexec", "interpexec.cli"}:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("name", ORDER)
def test_imports_go_down_only(name: str) -> None:
    """Each module imports only modules below it, but for the listed exceptions."""
    below = {f"interpexec.{each}" for each in ORDER[: ORDER.index(name)]}
    allowed = below | {f"interpexec.{to}" for of, to in EXCEPTIONS if of == name}
    ours = {each for each in imported(PACKAGE / f"{name}.py") if each.startswith("interpexec")}
    assert ours <= allowed


def test_every_module_has_its_place() -> None:
    """A new file must be put into the order."""
    names = {path.stem for path in PACKAGE.glob("*.py")}
    assert names == {*ORDER, "__init__", "__main__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_runtime_layer_touches_private_modules(path: Path) -> None:
    """`_runtime` is the only importer of CPython's private interpreter modules."""
    if path.stem != "_runtime":
        assert not {each for each in imported(path) if each.startswith("_interp")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_runtime_layer_asks_for_the_version(path: Path) -> None:
    """Version differences live and end in `_runtime` (and `__init__` refuses old Pythons)."""
    if path.name not in {"_runtime.py", "__init__.py"} or path.parent != PACKAGE:
        assert "version_info" not in path.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_in_the_package_sleeps(path: Path) -> None:
    """No polling: there is no `sleep` anywhere."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls}
    assert "sleep" not in names


def test_a_worker_imports_little() -> None:
    """What every worker pays for: none of the home side, none of the dear modules."""
    from interpexec import InterpreterPoolExecutor

    with InterpreterPoolExecutor(1) as pool:
        modules = set(pool.submit(eval, "list(__import__('sys').modules)").result())
    home = {f"interpexec.{name}" for name in ORDER[ORDER.index("_pool_errors") :]}
    dear = {"pickle", "traceback", "typing", "dataclasses", "concurrent.futures", "asyncio", "re"}
    # What these take is more than all of ours.
    dear |= {"threading", "functools", "collections", "types", "array", "weakref", "warnings"}
    # For what few calls do.
    late = {f"interpexec.{name}" for name in ("_packing", "_handles", "_reducers", "_failures")}
    assert not modules & (home | dear | late)
