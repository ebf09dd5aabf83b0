"""Processes that keep every core busy, as those of others do on a server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SPIN = "print(flush=True)\nwhile True: pass"


@contextmanager
def every_core_busy() -> Iterator[None]:
    """Have as many processes spin, inside the block, as this process may use cores."""
    command = [sys.executable, "-I", "-S", "-c", _SPIN]
    cores = range(os.process_cpu_count() or 1)
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in cores]
    try:
        for each in running:
            assert each.stdout is not None
            each.stdout.readline()
        yield
    finally:
        for each in running:
            each.kill()
            each.communicate()
