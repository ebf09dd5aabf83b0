"""The one command: ``python tests/benchmarks/run.py``, from a checkout, nothing installed."""

import importlib
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent


def main(command: str = "benchmarks.cli") -> int:
    """Make ``benchmarks`` and ``interpexec`` importable, then hand over to a command."""
    # Replaces this file's own directory: our module names must not shadow anybody else's.
    sys.path[:1] = [str(TESTS), str(TESTS.parent)]
    status: int = importlib.import_module(command).main()
    return status


if __name__ == "__main__":
    sys.exit(main())
