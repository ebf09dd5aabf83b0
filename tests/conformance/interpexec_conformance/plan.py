"""The tests that are run, and the one table of those that are not, with the reason of each.

A reason says why a test cannot say anything about an executor over isolated
interpreters. "Ours behaves differently" is never one, but for `SENT_HERE`.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

INSTALLED = "test.test_concurrent_futures"
"""The package of the Python that runs."""

NEWER = "test_concurrent_futures"
"""3.14's package, lent to a Python 3.13 under this name."""

SELFCHECK = "interpexec_conformance.selfcheck"

POOL_MODULE = "test_interpreter_pool"
"""The module that is about our class; since CPython 3.14."""

BORROWING_MODULE = "test_process_pool"
"""The module of which only the tests in `BORROWED` are run."""

MODULES = (
    "test_thread_pool",
    "test_wait",
    "test_as_completed",
    "test_init",
    "test_shutdown",
    BORROWING_MODULE,
)
"""The modules whose thread pool cases are run on our class (see `adapters`)."""

BORROWED = (
    "test_map_chunksize",
    "test_max_tasks_early_shutdown",
    "test_max_tasks_per_child_pending_tasks_gh115634",
)
"""Tests of `ProcessPoolExecutorTest` that are about arguments which we have too."""

MODULES_NOT_RUN = {
    "test_deadlock": "crashes worker processes on purpose, and asks for "
    "BrokenProcessPool; an interpreter that crashes takes the process along",
    "test_future": "makes Future objects by hand; no executor takes part",
}

_CLOSURE = "the task is a closure over {}, which no other interpreter can see"

EXCLUDED = {
    "test_thread_pool": {
        "test_map_submits_without_iteration": _CLOSURE.format("a list"),
        "test_executor_map_current_future_cancel": _CLOSURE.format("a list"),
        "test_hang_global_shutdown_lock": _CLOSURE.format("itself and the executor"),
        "test_process_fork_from_a_threadpool": "the task forks, which CPython "
        "forbids in an isolated interpreter",
    },
    "test_wait": {
        "test_pending_calls_race": _CLOSURE.format("a threading.Event"),
    },
}

_SENT = "asks that {} be refused; here it is sent (and the test is run, and must fail)"

SENT_HERE = {
    "test_init_closure": _SENT.format("a closure"),
    "test_submit_closure": _SENT.format("a closure"),
    "test_init_instance_method": _SENT.format("an instance of a local class"),
    "test_submit_instance_method": _SENT.format("an instance of a local class"),
    "test_submit_local_instance": _SENT.format("an instance of a local class"),
    "test_unpickleable_result": _SENT.format("a lambda, as a result,"),
}
"""Tests that ask for a limit of CPython's classes. They are run, and must fail."""

MULTIPROCESSING = "test._test_multiprocessing"
"""The module with the tests of `multiprocessing.Pool` (see `pool_cases`)."""

POOL_EXCLUDED = {
    "test_pool_initializer": "gives the workers a proxy, with which only processes of "
    "multiprocessing can reach the manager's process",
    "test_release_unused_processes": "gives the pool a context whose processes fail to start",
}
"""Tests of `multiprocessing.Pool` that are not run on ours."""

POOL_CLASSES_EXCLUDED = {
    "TestSyncManagerTypes": "asks a manager's process for the pool",
}

PROCESSES_ONLY = "about worker processes: their start methods, signals, managers and crashes"
"""Why nothing but `BORROWED` is taken from `ProcessPoolExecutorTest`."""

NEWER_NOT_GIVEN = (
    "this Python has no test_interpreter_pool; give 3.14's standard library "
    "with --tests-314 or INTERPEXEC_TESTS_314"
)


def targets(*, has_pool_module: bool, newer: bool) -> Iterator[str]:
    """Yield the dotted names of the modules to run, in order."""
    yield SELFCHECK
    modules = (POOL_MODULE, *MODULES)
    yield from (f"{INSTALLED}.{name}" for name in modules if has_pool_module or name != POOL_MODULE)
    yield MULTIPROCESSING
    if newer:
        # 3.14's own ProcessPoolExecutor is what that module cannot do without.
        yield from (f"{NEWER}.{name}" for name in modules if name != BORROWING_MODULE)


def unaccounted(package: Path) -> set[str]:
    """Return the modules of a test package that are neither run nor explained."""
    known = {POOL_MODULE, *MODULES, *MODULES_NOT_RUN}
    return {path.stem for path in package.glob("test_*.py")} - known


def pool_tests(path: str) -> dict[str, set[str]]:
    """Return the tests of a module that mention a pool, by their classes."""
    source = Path(path).read_text(encoding="utf-8")
    found = defaultdict(set)
    for case in ast.parse(source).body:
        for test in case.body if isinstance(case, ast.ClassDef) else ():
            is_test = isinstance(test, ast.FunctionDef) and test.name.startswith("test")
            if is_test and "pool" in (ast.get_source_segment(source, test) or "").lower():
                found[case.name].add(test.name)
    return {name: tests for name, tests in found.items() if name not in POOL_CLASSES_EXCLUDED}
