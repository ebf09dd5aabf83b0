# ruff: noqa: PT009  # unittest classes, of modules without types
"""CPython's cases for thread pools, turned into cases for our pool.

CPython instantiates most of its generic tests for `ThreadPoolExecutor` in every
version, and for its own interpreter pool only some of them. So every
thread pool case of a module is subclassed, with a mixin in front that says which
executor, which event and which semaphore. The tests themselves stay what and
where they are: what they name in so many words is rebound while they run.
"""

import functools
import sys
import threading
import unittest
from collections.abc import Iterator
from concurrent import futures as _futures
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest import mock

from interpexec_conformance import plan
from interpexec_conformance.gates import Event, Semaphore

futures: Any = _futures  # typeshed's 3.13 does not know the class


class Overlay(ModuleType):
    """A module with some of its names replaced."""

    def __init__(self, base: ModuleType, **replaced: object) -> None:
        super().__init__(base.__name__)
        self.__dict__.update(replaced, _base=base)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._base, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._base, name, value)


def cases(module: ModuleType) -> Iterator[type[unittest.TestCase]]:
    """Yield the cases of a test module that our pool has to pass."""
    name = module.__name__.rpartition(".")[2]
    if name in {plan.POOL_MODULE, plan.SELFCHECK.rpartition(".")[2]}:
        yield from map(_with_differences, _defined_in(module, unittest.TestCase))
        return
    util = sys.modules[f"{module.__package__}.util"]
    mixin = _pool_mixin(util)
    if name == plan.BORROWING_MODULE:
        yield _borrowed(module, mixin, util.BaseTestCase)
    for case in _defined_in(module, util.ThreadPoolMixin):
        yield _taken_over(case, mixin, plan.EXCLUDED.get(name, {}))


def _defined_in(module: ModuleType, base: type) -> Iterator[Any]:
    for value in list(vars(module).values()):
        if (
            isinstance(value, type)
            and issubclass(value, base)
            and issubclass(value, unittest.TestCase)
            and value.__module__ == module.__name__
        ):
            yield value


def _with_differences(case: type[unittest.TestCase]) -> type[unittest.TestCase]:
    """Expect the tests to fail that ask our pool to refuse what it sends."""
    is_ours = futures.InterpreterPoolExecutor.__module__.startswith("interpexec")
    names = {name for name in plan.SENT_HERE if is_ours and hasattr(case, name)}
    wrapped = {name: failing(getattr(case, name)) for name in names}
    return type(case.__name__, (case,), {"__module__": case.__module__, **wrapped})


def failing(test: Any) -> Any:
    """Return a test that must fail, beside the real one."""

    @functools.wraps(test)
    def run(self: unittest.TestCase) -> None:
        test(self)

    return unittest.expectedFailure(run)


def _taken_over(
    case: type[unittest.TestCase], mixin: type, excluded: dict[str, str]
) -> type[unittest.TestCase]:
    """Subclass a thread pool case so that it tests our pool."""
    skipped = {
        name: unittest.skip(reason)(getattr(case, name))
        for name, reason in excluded.items()
        if hasattr(case, name)
    }
    name = case.__name__.replace("ThreadPool", "InterpreterPool")
    return type(name, (mixin, case), {"__module__": case.__module__, **skipped})


def _borrowed(module: ModuleType, mixin: type, base: type) -> type[unittest.TestCase]:
    """Make a case of those process pool tests that are about our arguments too."""
    theirs = vars(module.ProcessPoolExecutorTest)
    tests = {name: theirs[name] for name in plan.BORROWED if name in theirs}
    bases = (_ProcessPoolDialect, mixin, base)
    return type("InterpreterPoolBorrowedTest", bases, {"__module__": module.__name__, **tests})


def _pool_mixin(util: ModuleType) -> type:
    """Return the mixin of this version's `util`, made to offer events."""
    name = "InterpreterPoolMixin"
    theirs = getattr(util, name, util.ExecutorMixin)
    return type(name, (_PoolMixin, theirs), {})


if TYPE_CHECKING:
    _Case = unittest.TestCase
else:
    _Case = object  # a mixin: the case comes after it


class _PoolMixin(_Case):
    """Goes before CPython's mixins and says what is ours."""

    executor_type = futures.InterpreterPoolExecutor

    def setUp(self) -> None:  # overrides
        """Rebind what the tests of thread pools name in so many words."""
        module = sys.modules[type(self).__module__]
        rebound = {
            "futures": Overlay(futures, ThreadPoolExecutor=self.executor_type),
            "threading": Overlay(threading, Semaphore=self.create_semaphore),
            "assert_python_ok": functools.partial(
                _with_our_name, getattr(module, "assert_python_ok", None)
            ),
        }
        for name in rebound.keys() & vars(module).keys():
            self.enterContext(mock.patch.object(module, name, rebound[name]))
        super().setUp()

    def create_event(self) -> Event:
        """Make an event that tasks can wait for; CPython's mixin skips here."""
        event = Event.create()
        self.addCleanup(event.close)
        return event

    def create_semaphore(self, value: int = 1) -> Semaphore:
        """Make a semaphore that tasks can acquire."""
        semaphore = Semaphore.create(value)
        self.addCleanup(semaphore.close)
        return semaphore

    def assertRegex(self, text: Any, regex: Any, msg: Any = None) -> None:  # noqa: N802  # overrides
        """Expect our name in the default names of threads."""
        super().assertRegex(text, _our_name(regex), msg)


class _ProcessPoolDialect:
    """Lets tests of the process pool make one of ours."""

    def executor_type(self, *args: Any, mp_context: object = None, **kwargs: Any) -> Any:
        """Make a pool; it needs no multiprocessing context."""
        del mp_context
        return futures.InterpreterPoolExecutor(*args, **kwargs)

    def get_context(self) -> mock.Mock:
        """Return a context of the kind that replaces its workers: "spawn"."""
        return mock.Mock(**{"get_start_method.return_value": "spawn"})


def _our_name(text: str) -> str:
    return text.replace("ThreadPoolExecutor", "InterpreterPoolExecutor")


def _with_our_name(assert_python_ok: Any, *args: str, **env: str) -> Any:
    """Run another Python with a script that says `ThreadPoolExecutor`."""
    return assert_python_ok(*map(_our_name, args), **env)
