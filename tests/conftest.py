"""Fixtures for all tests, among them the check that nothing is left when a test ends."""

import gc
import os
import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gates

# The first one to load it makes libffi keep a descriptor, for as long as the process lives.
import interpexec._core.capi  # noqa: F401
import tasks
from interpexec import InterpreterPoolExecutor
from interpexec._pool import process_hooks
from leftovers import descriptors, interpreters, leftovers
from stops import Pipe, pipe

# How long an example takes says how busy the machine is.
settings.register_profile("interpexec", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("interpexec")


def pytest_configure() -> None:
    """Let no signal be ignored because the tests were started by `nohup`, or beside a shell."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGHUP", "SIGQUIT", "SIGTERM"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow tests of a fast file out of the fast tier."""
    if config.option.markexpr == "fast":
        slow = [item for item in items if item.get_closest_marker("slow") is not None]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Tell of a failure on CI at once: if the process crashes later, there is no summary."""
    report = yield
    if report.failed and os.environ.get("CI"):
        reporter: Any = item.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line(f"\n{report.nodeid}, {report.when}:\n{report.longreprtext}")
    return report


@contextmanager
def _collectors_come_and_go(threads: set[threading.Thread]) -> Iterator[None]:
    """Put into `threads` those that pools start which many tests share, as they hand over."""
    states = [pool.state for pool in process_hooks._active]  # type: ignore[attr-defined]
    yield
    groups = [state.collectors for state in states if state.collectors is not None]
    threads.update(thread for group in groups for thread in group._threads)


@given(st.none())
def _first_example(_nothing: None) -> None:
    """Let Hypothesis register its generator of random numbers.

    It does so at the first example where it is derandomized, as on CI. Once the session is
    frozen, the garbage collector knows of nothing that refers to the generator, and Hypothesis
    takes it for one that is about to be dropped.
    """


@pytest.fixture(scope="module", autouse=True)
def _session_is_passed_over() -> None:
    """Keep what the session has gathered so far from the collector, which each test calls.

    Else a collection takes 70 ms, most of it among pytest's own objects.
    """
    _first_example()
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Fail a test that leaves a thread, an interpreter or a descriptor behind."""
    before = set(threading.enumerate()), interpreters(), descriptors()
    with _collectors_come_and_go(before[0]):
        yield
    if left := leftovers(before):
        # A pool that was only dropped ends by itself, in its own time.
        end = monotonic() + 30
        while (new := set(threading.enumerate()) - before[0]) and monotonic() < end:
            with suppress(RuntimeError):  # it is just about to be started
                new.pop().join(max(end - monotonic(), 0))  # it may have started others
        left = leftovers(before)
    assert not left, f"left behind: {left}"


@pytest.fixture
def begun() -> Iterator[Pipe]:
    """Return a pipe by which calls say that they have begun."""
    with pipe() as made:
        yield made


@pytest.fixture
def told() -> Iterator[Pipe]:
    """Return a pipe by which calls say how they ended."""
    with pipe() as made:
        yield made


@pytest.fixture
def door() -> Iterator[gates.Gate]:
    """Return a gate that opens at the end, so that no call stays blocked."""
    with gates.gate() as made:
        yield made


@pytest.fixture
def pool() -> Iterator[InterpreterPoolExecutor]:
    """Make a pool of two workers."""
    with InterpreterPoolExecutor(2) as made:
        yield made


@pytest.fixture
def single() -> Iterator[InterpreterPoolExecutor]:
    """Make a pool of one worker, which survives the test and runs the next call."""
    with InterpreterPoolExecutor(1) as made:
        before = made.submit(tasks.interpreter).result(gates.TIME_LIMIT)
        yield made
        assert made.submit(tasks.interpreter).result(gates.TIME_LIMIT) == before
        assert len(made._threads) == 1


@pytest.fixture
def pass_by() -> Iterator[tuple[InterpreterPoolExecutor, gates.Gate]]:
    """Make a pool of two workers, and a gate that opens before that is waited for."""
    with gates.gated(partial(InterpreterPoolExecutor, 2)) as made:
        yield made
