"""Ways to damage an interpreter: its standard streams."""
# ruff: noqa: D103  # the name of each function says what it does

import sys

from damage.exploding import Exploding


def stdout_none() -> None:
    sys.stdout = None  # type: ignore[assignment]


def stdout_deleted() -> None:
    del sys.stdout


def stderr_deleted() -> None:
    del sys.stderr


def all_streams_deleted() -> None:
    del sys.stdout, sys.stderr, sys.stdin
    del sys.__stdout__, sys.__stderr__, sys.__stdin__  # type: ignore[misc]


def streams_closed() -> None:
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if stream is not None:
            stream.detach()


def stdout_of_exit() -> None:
    class Leaving:
        """Leaves when it is written to."""

        def flush(self) -> None:
            raise SystemExit(5)

        write = flush

    sys.stdout = sys.stderr = Leaving()  # type: ignore[assignment]


def stdout_exploding() -> None:
    sys.stdout = Exploding()  # type: ignore[assignment]


def stdout_interrupting() -> None:
    class Interrupting:
        """Raises what no handler of Exception takes."""

        def flush(self) -> None:
            raise KeyboardInterrupt

    sys.stdout = Interrupting()  # type: ignore[assignment]
