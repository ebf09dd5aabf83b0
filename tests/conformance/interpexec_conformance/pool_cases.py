"""CPython's tests of `multiprocessing.Pool`, turned into tests of `interpexec.pool.Pool`.

They are written for processes, threads and managers; ours takes the place of the pool of
processes. The tests stay what and where they are: what they name in so many words is rebound,
in the process of this one module.
"""

import importlib
import multiprocessing
import multiprocessing.pool
import textwrap
import unittest
import weakref
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from interpexec import ExecutionFailed, pool
from interpexec_conformance import plan
from interpexec_conformance.adapters import Overlay, failing

_SLEEP = 1.0
"""Seconds, in the place of minutes: a `time.sleep` in a worker cannot be stopped before CPython
3.15, and CPython's tests of pools of threads, which cannot stop it either, sleep as long."""


class _Worker:
    """A worker with the attributes of a process that the tests look at."""

    def __init__(self, thread: Any) -> None:
        self.pid = thread.native_id  # `ident` is given again at once
        self.is_alive = thread.is_alive


class TestedPool(pool.Pool):
    """Our pool, with the two private names of `multiprocessing`'s that the tests use."""

    made: ClassVar["weakref.WeakSet[TestedPool]"] = weakref.WeakSet()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made.add(self)

    @property
    def _pool(self) -> list[_Worker]:
        return [_Worker(thread) for thread in self._executor._threads]

    def _repopulate_pool(self) -> None:
        """Do nothing: workers are replaced by themselves."""


def cases(module: Any) -> Iterator[type[unittest.TestCase]]:
    """Yield the cases of the test module that our pool has to pass."""
    vars(module).update(_rebound(module))
    for name, tests in plan.pool_tests(module.__file__).items():
        case = _taken_over(name, getattr(module, name), tests, module.ProcessesMixin)
        globals()[case.__name__] = case  # where the pickles of its methods look for it
        yield case


def _taken_over(name: str, case: Any, tests: set[str], processes: type) -> type[unittest.TestCase]:
    """Subclass a case so that it tests our pool, and has no other tests."""
    bases: tuple[type, ...] = (_TestedPoolMixin, case)
    if not issubclass(case, unittest.TestCase):
        bases = (_TestedPoolMixin, case, processes, unittest.TestCase)
    others = {test for test in dir(case) if test.startswith("test")} - tests
    members: dict[str, Any] = dict.fromkeys(others)
    for test in tests & plan.POOL_EXCLUDED.keys():
        members[test] = unittest.skip(plan.POOL_EXCLUDED[test])(getattr(case, test))
    for test in tests & plan.SENT_HERE.keys():
        members[test] = failing(getattr(case, test))
    return type(_name(name), bases, {"__module__": __name__, **members})


def _name(name: str) -> str:
    return f"Interpreters{name.lstrip('_')}"


def __getattr__(name: str) -> object:
    """Make a case of that name: in a worker, which gets its methods."""
    if name.startswith("Interpreters"):
        module = importlib.import_module(plan.MULTIPROCESSING)
        return {case.__name__: case for case in cases(module)}[name]
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


if TYPE_CHECKING:
    _Case = unittest.TestCase
else:
    _Case = object  # a mixin: the case comes after it


class _TestedPoolMixin(_Case):
    """Goes before CPython's classes and puts our pool in the place of theirs."""

    Pool = TestedPool

    def tearDown(self) -> None:  # overrides
        """End the pools of a test that had to fail."""
        super().tearDown()
        if self._testMethodName in plan.SENT_HERE:
            for each in list(TestedPool.made):
                each.terminate()
                each.join()


def _rebound(module: Any) -> dict[str, ModuleType]:
    """Return what stands for the modules that the tests use, by their names there."""
    scripts = Overlay(module.script_helper, assert_python_ok=_with_our_name(module.script_helper))
    support = Overlay(
        module.support, script_helper=scripts, SHORT_TIMEOUT=_SLEEP, LONG_TIMEOUT=_SLEEP
    )
    theirs = Overlay(
        multiprocessing,
        Pool=TestedPool,
        pool=Overlay(multiprocessing.pool, RemoteTraceback=ExecutionFailed),
        # A process that is started otherwise would import the module without all this.
        Process=multiprocessing.get_context("fork").Process,
    )
    return {
        "multiprocessing": theirs,
        "script_helper": scripts,
        "support": support,
        "test": Overlay(module.test, support=support),
        "textwrap": Overlay(textwrap, dedent=lambda text: _our_name(textwrap.dedent(text))),
    }


def _our_name(text: str) -> str:
    return text.replace("multiprocessing", "interpexec.pool")


def _with_our_name(script_helper: Any) -> Any:
    """Return what runs a script that says `multiprocessing`."""

    def run(*args: str, **env: str) -> Any:
        return script_helper.assert_python_ok(*map(_our_name, args), **env)

    return run
