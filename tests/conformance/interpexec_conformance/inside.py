# ruff: noqa: N802  # the signatures are those of unittest
"""Runs one test module, inside the environment: `python -m …inside MODULE`."""

import argparse
import faulthandler
import functools
import importlib
import sys
import unittest
from pathlib import Path
from typing import Any, TextIO

from test import support  # type: ignore[import-not-found]
from test.libregrtest.utils import (  # type: ignore[import-not-found]
    setup_threading_excepthook,
    setup_unraisable_hook,
)

from interpexec_conformance import adapters, backports, journal, plan, pool_cases
from interpexec_conformance.journal import Outcome


class JournalResult(unittest.TextTestResult):
    """Keeps the journal, holds the time limit, and sees what tests leave behind."""

    def __init__(self, *args: Any, file: TextIO, limit: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._file = file
        self._limit = limit

    def _write(self, test: unittest.TestCase, kind: str, reason: str = "") -> None:
        journal.write(self._file, Outcome(test.id(), kind, reason))

    def _watch(self) -> None:
        """Print all stacks and end the process if the next step takes too long."""
        # To descriptor 2: the tests replace sys.stderr.
        faulthandler.dump_traceback_later(self._limit, exit=True, file=2)

    def startTest(self, test: unittest.TestCase) -> None:
        """Note that a test starts."""
        self._watch()
        self._write(test, journal.UNFINISHED)
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:
        """Fail a test that left threads behind, or an exception nobody saw."""
        super().stopTest(test)
        if support.environment_altered:
            support.environment_altered = False
            message = "left a thread behind, or an exception that nobody saw (above)"
            self.addFailure(test, (AssertionError, AssertionError(message), None))
        self._watch()

    def addSuccess(self, test: unittest.TestCase) -> None:
        """Note a success."""
        self._write(test, journal.OK)
        super().addSuccess(test)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        """Note a failure."""
        self._write(test, journal.FAILED, repr(err[1]))
        super().addFailure(test, err)

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        """Note an error, which may be that of a module's or a class's setup."""
        self._write(test, journal.FAILED, repr(err[1]))
        super().addError(test, err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        """Note the failure of a part."""
        if err is not None:
            self._write(test, journal.FAILED, repr(err[1]))
        super().addSubTest(test, subtest, err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        """Note a skip and its reason."""
        self._write(test, journal.SKIPPED, reason)
        super().addSkip(test, reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        """Note a failure that CPython expects of its own class as well, or that we expect."""
        reason = plan.SENT_HERE.get(test.id().rpartition(".")[2], "CPython expects the failure")
        self._write(test, journal.EXPECTED_FAILURE, reason)
        super().addExpectedFailure(test, err)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        """Note a success that CPython does not expect: its class does less."""
        self._write(test, journal.FAILED, "unexpected success")
        super().addUnexpectedSuccess(test)


def _suite(module_name: str, patterns: list[str]) -> unittest.TestSuite:
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{part}*" for part in patterns] or None
    module = importlib.import_module(module_name)
    adapter = pool_cases if module_name == plan.MULTIPROCESSING else adapters
    return unittest.TestSuite(map(loader.loadTestsFromTestCase, adapter.cases(module)))


def main(argv: list[str] | None = None) -> int:
    """Run a module's tests; return 0 if all went well."""
    parser = argparse.ArgumentParser(prog="inside")
    parser.add_argument("module")
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--limit", type=float, required=True)
    parser.add_argument("--verbosity", type=int, default=1)
    parser.add_argument("-k", dest="patterns", action="append", default=[])
    options = parser.parse_args(argv)

    support.verbose = 0  # or each test prints how long it took
    setup_unraisable_hook()
    setup_threading_excepthook()
    backports.install()
    with options.journal.open("w", encoding="utf-8") as file:
        result = unittest.TextTestRunner(
            verbosity=options.verbosity,
            resultclass=functools.partial(JournalResult, file=file, limit=options.limit),
        ).run(_suite(options.module, options.patterns))
    # The watch goes on: the end of the interpreter can hang as well.
    return 0 if result.wasSuccessful() and not support.environment_altered else 1


if __name__ == "__main__":
    sys.exit(main())
