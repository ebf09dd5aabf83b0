"""Named pipes, by which workers of every kind can say that they are there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.missing import MissingError


@contextmanager
def fifos(*names: str) -> Iterator[list[str]]:
    """Make FIFOs; give their paths; remove them.

    Named ones, since the workers of a process pool inherit no descriptors. Where there are
    no FIFOs (Windows) this raises MissingError, and the case is left out.
    """
    if not hasattr(os, "mkfifo"):
        message = "no os.mkfifo"
        raise MissingError(message)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
        paths = [str(Path(directory) / name) for name in names]
        for path in paths:
            os.mkfifo(path)
        yield paths
