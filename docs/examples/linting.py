"""Lint a tree of code with pyflakes: each file has an outcome, also one that cannot be parsed."""

import ast
import sysconfig
import warnings
from pathlib import Path

from comparing import compare
from pyflakes.checker import Checker

PATHS = [str(path) for path in sorted(Path(sysconfig.get_path("stdlib")).glob("[a-p]*.py"))]
PATHS.append("no/such/file.py")


def lint(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(Path(path).read_bytes(), path)
    return sorted(str(message) for message in Checker(tree, path).messages)


def serially():
    for path in PATHS:
        try:
            yield path, lint(path)
        except OSError as error:
            yield path, type(error)


def at_once(pool):
    for outcome in pool.outcomes(lint, PATHS):
        yield outcome.item, type(outcome.error) if outcome.error else outcome.value


compare(f"{len(PATHS)} files linted", lambda: list(serially()), lambda pool: list(at_once(pool)))
