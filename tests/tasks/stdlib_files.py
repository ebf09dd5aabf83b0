"""Calls for every file of the standard library, of `test_real_input.py`, here and in workers."""

import ast
import hashlib
import sysconfig
import warnings
from pathlib import Path


def files() -> list[str]:
    """Return the path of every `.py` file of the running Python's standard library, sorted."""
    root = Path(sysconfig.get_path("stdlib"))
    return sorted(str(path) for path in root.rglob("*.py") if "site-packages" not in path.parts)


def digest(path: str) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def count_nodes(path: str) -> int:
    """Return the number of AST nodes of a file; raise what parsing it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(Path(path).read_bytes(), path)
    return sum(1 for _ in ast.walk(tree))
