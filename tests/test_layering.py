"""The house has an order: imports go down only, and private modules stay in one room."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import interpexec

pytestmark = pytest.mark.fast

PACKAGE = Path(interpexec.__file__).parent

# From the ground up: a module imports only what stands before it.
ORDER = [
    "_core.unpatched",
    "_core.support",
    "_core.descriptors",
    "_core.cpython",
    "_core.signals",
    "_core.thread",
    "_core.sigint",
    "_core.memory_tracing",
    "_core.late_errors",
    "errors",
    "_core.error_text",
    "_core.waiting",
    "_core.message_queue",
    "_core.capi",
    "_core.addresses",
    "_core.cancellation",
    "_core.current_call",
    "_core.current_worker",
    "_core.refused_imports",
    "_core.handles",
    "_core.destructors",
    "_core.known_source",
    "_core.main_module",
    "_sharing.entries",
    "_sharing.packing",
    "_sharing.package",
    "_sharing.unpickling",
    "_sharing.pickle_opcodes",
    "_sharing.hints",
    "_sharing.diagnose",
    "buffers",
    "_sharing.stdlib_types",
    "_sharing.exceptions",
    "_sharing.importable",
    "_sharing.sentinels",
    "_sharing.reducers",
    "_sharing.import_path",
    "_sharing.pickler",
    "_sharing.unavailable",
    "_sharing.identities",
    "_sharing.source_texts",
    "_sharing.rebuilding",
    "_sharing.new_classes",
    "_sharing.new_objects",
    "_sharing.new_typing",
    "_sharing.names_read",
    "_sharing.annotations",
    "_sharing.imports_inside",
    "_sharing.loading",
    "_sharing.bindings",
    "_sharing.changes",
    "_sharing.records",
    "_sharing.classes",
    "_sharing.typing_parts",
    "_sharing.context_variables",
    "_sharing.by_value",
    "_sharing.functions",
    "_sharing.unsendable",
    "_sharing.stream",
    "_sharing.after_run",
    "_sharing.tries",
    "_sharing.definitions",
    "_sharing.bound",
    "_sharing.function_names",
    "_sharing.asyncio_calls",
    "_sharing.pickling",
    "_sharing.context_values",
    "_sharing.flatten",
    "_sharing.tokens",
    "sharing",
    "_sharing.source_lines",
    "_sharing.unloadable",
    "_sharing.notes",
    "_sharing.raised",
    "_sync.wait_queue",
    "_sync.monitor",
    "_sync.base",
    "_sync.locks",
    "_sync.conditions",
    "_sync.barriers",
    "_sync.ring",
    "_sync.message",
    "_sync.shared_queue",
    "_sync.queue_end",
    "channels",
    "_sync.queue",
    "sync",
    "_worker.wire",
    "_worker.run_call",
    "_worker.bundle",
    "_worker.threads",
    "_worker.stamps",
    "_worker.trace_ring",
    "_worker.trace_lines",
    "_worker.recorder",
    "_worker.control",
    "_worker.outbox",
    "_worker.output",
    "_worker.shown_warnings",
    "_worker.log_levels",
    "_worker.log_records",
    "_worker.forwarding",
    "_worker.health",
    "_worker.retirement",
    "_worker.inherited",
    "_worker.main",
    "_map.outcomes",
    "_map.hand_back",
    "_map.run_chunk",
    "_map.plain_chunk",
    # From here on the caller's side only: a worker never imports it.
    "_pool.parking",
    "_pool.process_end",
    "_pool.call_states",
    "_pool.done_callbacks",
    "_pool.stdlib_waiting",
    "_pool.tally",
    "_pool.owner",
    "_pool.future",
    "_pool.call_ends",
    "_pool.clock",
    "_pool.lending",
    "_pool.slots",
    "_pool.forwarded",
    "_pool.settings",
    "_pool.options",
    "_pool.link",
    "_pool.control_channel",
    "_pool.process_hooks",
    "_pool.wake_signal",
    "_pool.worker_thread",
    "_pool.workers",
    "_pool.bundles",
    "_pool.call_table",
    "_pool.leader",
    "_pool.state",
    "_pool.refusals",
    "_pool.stopping",
    "_pool.dispatch",
    "_pool.losses",
    "_pool.cancelling",
    "_pool.direct_wait",
    "_pool.collector",
    "_pool.retries",
    "_pool.control_calls",
    "_pool.fork_rest",
    "_pool.scheduler",
    "_pool.ending",
    "_pool.group",
    "_pool.bounded",
    "_pool.call_pickler",
    "_pool.arguments",
    "_pool.option_checks",
    "_map.chunk_size",
    "_map.items",
    "_map.backlog",
    "_map.outcome",
    "_map.provenance",
    "_map.chunk_list",
    "_map.divider",
    "_map.lifecycle",
    "_map.progress_line",
    "_map.progress",
    "_map.halting",
    "_map.request",
    "_map.call_maker",
    "_map.inlet",
    "_map.reader",
    "_map.asks",
    "_map.job",
    "_map.opening",
    "_map.results",
    "_map.iterators",
    "_map.via_submit",
    "_map.feed_job",
    "_map.window",
    "_map.feed",
    "_map.methods",
    "_pool.introspection",
    "_pool.stats",
    "_pool.trace_file",
    "_pool.trace",
    "_pool.monitored",
    "_aio.ending",
    "executor",
    "_default_pool",
    "_aio.feeder",
    "_aio.request",
    "_aio.group",
    "_aio.opening",
    "_aio.iterators",
    "aio",
    "_ports.failures",
    "_ports.callbacks",
    "_ports.results",
    "_ports.imap",
    "_ports.feeders",
    "pool",
    "_ports.joblib_worker",
    "_ports.joblib_backend",
    "joblib",
    "_ports.dask_worker",
    "_ports.dask_executor",
    "dask",
]

# The packages that each one may import, beside itself and `errors`.
RANKS = {
    "_core": set(),
    "_sharing": {"_core", "buffers"},
    "_sync": {"_core", "_sharing", "buffers"},
    "_worker": {"_core", "_sharing"},
    "_pool": {"_core", "_sharing", "_worker"},
    "_map": {"_core", "_sharing", "_worker", "_pool"},
    "_ports": {"_core", "_sharing", "_pool", "executor"},
    "_aio": {"_core", "_sharing", "_worker", "_pool", "_map", "executor"},
}

FILES = sorted(PACKAGE.rglob("*.py"))

CLI = sorted((PACKAGE / "cli").glob("*.py"))

TESTS = Path(__file__).parent

MOST_LINES = 400
"""A file that is longer has more than one subject."""


@cache
def imported(path: Path) -> frozenset[str]:
    """Return the full name of every module that a file imports, anywhere in it."""
    return frozenset(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            if node.module.removeprefix("interpexec").removeprefix(".") in {"", "cli", *RANKS}:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


def ours(name: str) -> set[str]:
    """Return which modules of the package a module imports, without the package's name."""
    path = PACKAGE.joinpath(*name.split(".")).with_suffix(".py")
    all_ = (each.removeprefix("interpexec.") for each in imported(path) if "interpexec" in each)
    return set(all_)


@pytest.mark.parametrize("name", ORDER)
def test_imports_go_down_only(name: str) -> None:
    """Each module imports only modules below it, late imports and those of types included."""
    assert ours(name) <= set(ORDER[: ORDER.index(name)])


@pytest.mark.parametrize("name", [name for name in ORDER if "." in name])
def test_packages_keep_their_rank(name: str) -> None:
    """A module of a package imports only packages that stand below that."""
    package = name.partition(".")[0]
    ranks = {each.partition(".")[0] for each in ours(name)}
    assert ranks <= RANKS[package] | {package, "errors"}


def test_every_module_has_its_place() -> None:
    """A new file must be put into the order."""
    paths = (path.relative_to(PACKAGE).with_suffix("") for path in FILES)
    names = {".".join(path.parts) for path in paths if path.parts[0] != "cli"}
    heads = {f"{package}.__init__" for package in RANKS}
    assert names == {*ORDER, *heads, "__init__", "__main__"}


@pytest.mark.parametrize("package", RANKS)
def test_a_package_begins_with_a_chapter_head(package: str) -> None:
    """Its `__init__` is a docstring and nothing else, and names every file."""
    path = PACKAGE / package / "__init__.py"
    tree = ast.parse(path.read_text())
    head = ast.get_docstring(tree) or ""
    assert len(tree.body) == 1
    missing = {each.stem for each in path.parent.glob("*.py")} - set(head.split()) - {"__init__"}
    assert not missing


def test_no_file_is_long() -> None:
    """No module and no file of tests has more than 400 lines: a noun for each."""
    files = [*FILES, *TESTS.rglob("*.py")]
    lengths = {path: len(path.read_text().splitlines()) for path in files}
    assert not {str(path): lines for path, lines in lengths.items() if lines > MOST_LINES}


@pytest.mark.parametrize("path", CLI, ids=lambda path: path.stem)
def test_the_command_line_uses_public_names_only(path: Path) -> None:
    """The command line proves that a program can do all that with public names."""
    names = {each for each in imported(path) if each.startswith("interpexec.")}
    others = {each for each in names if not each.startswith("interpexec.cli.")}
    assert not {each for each in others if any(part[0] == "_" for part in each.split("."))} - {
        "interpexec.__version__"
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_runtime_layer_touches_private_modules(path: Path) -> None:
    """`cpython` is the only importer of CPython's private interpreter modules."""
    if path.stem != "cpython":
        assert not {each for each in imported(path) if each.startswith("_interp")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_runtime_layer_asks_for_the_version(path: Path) -> None:
    """Version differences live and end in `cpython` (and `__init__` refuses old Pythons)."""
    if path not in {PACKAGE / "_core" / "cpython.py", PACKAGE / "__init__.py"}:
        assert "version_info" not in path.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_in_the_package_sleeps(path: Path) -> None:
    """No polling: there is no `sleep` anywhere."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls}
    assert "sleep" not in names


def test_a_worker_imports_little() -> None:
    """A worker has imported no module of the caller's side, and none that is dear."""
    from interpexec import InterpreterPoolExecutor

    with InterpreterPoolExecutor(1) as pool:
        modules = set(pool.submit(eval, "list(__import__('sys').modules)").result())
    caller = {f"interpexec.{name}" for name in ORDER[ORDER.index("_pool.parking") :]}
    dear = {"pickle", "traceback", "typing", "dataclasses", "concurrent.futures", "asyncio", "re"}
    # Each of these takes more time than all of ours.
    dear |= {"threading", "functools", "collections", "types", "array", "weakref", "warnings"}
    # For what few calls do.
    late = {"_sharing", "_sharing.package", "_core.handles", "_worker.retirement", "_worker.outbox"}
    late = {f"interpexec.{name}" for name in late}
    assert not modules & (caller | dear | late)
