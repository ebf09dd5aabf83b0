# ruff: noqa: PT009  # these run under unittest, beside CPython's tests
"""Checks that the harness tests what it says it tests.

Without these a slip in the substitution would run CPython's tests against
CPython's class, and pass.
"""

import importlib
import unittest
from concurrent import futures as _futures
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from test.support.script_helper import (  # type: ignore[import-not-found]
    assert_python_ok,
)

import interpexec
from interpexec_conformance import plan
from interpexec_conformance.gates import Event

futures: Any = _futures  # typeshed's 3.13 does not know the class

OUR_MODULE = interpexec.InterpreterPoolExecutor.__module__


def module_seen_here() -> str:
    """Return the module whose class this interpreter gets from concurrent.futures."""
    return str(futures.InterpreterPoolExecutor.__module__)


class SubstitutionTest(unittest.TestCase):
    """`concurrent.futures.InterpreterPoolExecutor` is ours, wherever it is asked."""

    def test_here(self) -> None:
        """The interpreter that runs the tests gets our class and our error."""
        self.assertIs(futures.InterpreterPoolExecutor, interpexec.InterpreterPoolExecutor)
        interpreter = importlib.import_module("concurrent.futures.interpreter")
        self.assertIs(interpreter.BrokenInterpreterPool, interpexec.BrokenInterpreterPool)

    def test_in_an_isolated_process(self) -> None:
        """A process that a test starts gets our class, whatever the environment says."""
        code = f"import {__name__} as selfcheck; print(selfcheck.module_seen_here())"
        _, out, _ = assert_python_ok("-c", code)
        self.assertEqual(out.decode().strip(), OUR_MODULE)

    def test_in_a_worker(self) -> None:
        """A worker interpreter gets our class."""
        with futures.InterpreterPoolExecutor(1) as pool:
            self.assertEqual(pool.submit(module_seen_here).result(), OUR_MODULE)


class GateTest(unittest.TestCase):
    """The events that the tests get do cross interpreters."""

    def test_event_holds_a_task_until_it_is_set(self) -> None:
        """A task that waits in a worker goes on when the event is set here."""
        event = Event.create()
        self.addCleanup(event.close)
        with futures.InterpreterPoolExecutor(2) as pool:
            waiting = [pool.submit(event.wait) for _ in range(2)]
            self.assertFalse(any(future.done() for future in waiting))
            event.set()
            self.assertTrue(all(future.result() for future in waiting))


class CompletenessTest(unittest.TestCase):
    """No module of CPython's test package is passed over in silence."""

    def test_every_module_is_run_or_explained(self) -> None:
        """A module that a later CPython adds has to be put into the plan."""
        for package in (plan.INSTALLED, plan.NEWER):
            spec = find_spec(package)
            if spec is not None and spec.origin is not None:
                with self.subTest(package):
                    self.assertEqual(plan.unaccounted(Path(spec.origin).parent), set())
