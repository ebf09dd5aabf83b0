"""The one command: ``python tests/benchmarks/run.py``, from a checkout, nothing installed."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent


def main() -> int:
    """Make ``benchmarks`` and ``interpexec`` importable, then hand over to the CLI."""
    # Replaces this file's own directory: our module names must not shadow anybody else's.
    sys.path[:1] = [str(TESTS), str(TESTS.parent)]
    from benchmarks.cli import main as cli_main

    return cli_main()


if __name__ == "__main__":
    sys.exit(main())
