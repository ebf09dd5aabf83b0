# ruff: noqa: T201  # a command: printing is what it does
"""Run CPython's own tests against `interpexec.InterpreterPoolExecutor`.

    python tests/conformance/run.py [--tests-314 DIR] [-v] [-k PATTERN] [MODULE …]

The tests are those of the Python that runs this. See README.md.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from interpexec_conformance import environment, plan, report
from interpexec_conformance.environment import CannotRunError, Environment, Limits

# Tests that CPython's class cannot pass: the proof that it was replaced, and tests of
# arguments that it does not have.
_OURS_ONLY = {plan.SELFCHECK.rpartition(".")[2], plan.BORROWING_MODULE}


def main(argv: list[str] | None = None) -> int:
    """Run what is asked for; return 0 if it passed, 1 if not, 2 if it cannot run."""
    options = _parser().parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="conformance-") as directory:
        try:
            place = environment.create(
                Path(directory).resolve(),
                stdlib_314=options.tests_314,
                substitute=options.pool == "interpexec",
            )
            targets = _chosen(place, options)
        except CannotRunError as error:
            print(f"cannot run: {error}", file=sys.stderr)
            return 2
        return _run(place, targets, options)


def _chosen(place: Environment, options: argparse.Namespace) -> list[str]:
    """Return the dotted names of the modules asked for; without any, of all."""
    targets = {target: target.rpartition(".")[2] for target in place.targets}
    unknown = set(options.modules) - set(targets.values())
    if unknown:
        message = f"no such module here: {', '.join(sorted(unknown))}"
        raise CannotRunError(message)
    refused = _OURS_ONLY if options.pool == "stdlib" else ()
    wanted = options.modules or targets.values()
    return [t for t, name in targets.items() if name in wanted and name not in refused]


def _run(place: Environment, targets: list[str], options: argparse.Namespace) -> int:
    """Run the modules one after the other, and report."""
    runs = []
    for target in targets:
        print(f"== {target}", file=sys.stderr)
        runs.append(
            place.run(
                target,
                patterns=tuple(options.patterns),
                verbosity=2 if options.verbose else 1,
                limits=Limits(test=options.limit),
            )
        )
    missing = not place.has_newer and not environment.has_pool_module()
    print(report.summary(runs, newer_missing=missing))
    ran_any = any(run.outcomes for run in runs)
    return 0 if ran_any and all(run.good for run in runs) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help="such as test_wait; all by default")
    parser.add_argument("-v", "--verbose", action="store_true", help="name each test")
    parser.add_argument(
        *("-k", "--patterns"),
        action="append",
        default=[],
        help="only tests whose name has this in it, as with unittest's -k",
    )
    parser.add_argument(
        "--tests-314",
        type=Path,
        metavar="DIR",
        default=os.environ.get("INTERPEXEC_TESTS_314") or None,
        help="3.14's standard library, for its test_interpreter_pool on 3.13",
    )
    parser.add_argument(
        "--pool",
        choices=("interpexec", "stdlib"),
        default="interpexec",
        help="stdlib: CPython's own class, to tell the harness's faults from ours",
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=Limits().test,
        metavar="SECONDS",
        help="for one test; then all stacks are printed and its module ends",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
