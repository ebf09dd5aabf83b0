"""`interpexec map` as a process between pipes: what goes in now, and what has come out."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from command_line import ENVIRONMENT, LIMIT, STRICT


@contextmanager
def running(
    *arguments: str, stdin: int = subprocess.PIPE, fds: tuple[int, ...] = ()
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `interpexec map`; kill it if the test does not bring it to its end."""
    # A run in the background of a shell ignores Ctrl-C, and children inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, *STRICT, "-m", "interpexec", "map", *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # `select` does not see what lies in a buffer here
        pass_fds=fds,
        env=ENVIRONMENT,
        # Its own: in the group of a parent that runs by itself, Ctrl-Z has no effect.
        process_group=0,
    )
    signal.signal(signal.SIGINT, before)
    try:
        with process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise
    finally:
        process.kill()


@contextmanager
def gates(number: int) -> Iterator[list[tuple[int, int]]]:
    """Make pipes: one side waits in a read until the other one writes."""
    pipes = [os.pipe() for _ in range(number)]
    try:
        yield pipes
    finally:
        for pipe in pipes:
            for fd in pipe:
                os.close(fd)


def stdout_of(process: "subprocess.Popen[bytes]") -> IO[bytes]:
    """Return the pipe that the results come from."""
    assert process.stdout is not None
    return process.stdout


def line_of(process: "subprocess.Popen[bytes]") -> bytes:
    """Return the next line of stdout; fail if it does not come."""
    stream = stdout_of(process)
    ready, _, _ = select.select([stream], [], [], LIMIT)
    assert ready, "no result came"
    return stream.readline()


def write_to(process: "subprocess.Popen[bytes]", data: bytes) -> None:
    """Send input now."""
    assert process.stdin is not None
    process.stdin.write(data)


def finish(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    """Wait for the end of the run; return its exit code and stderr."""
    _, err = process.communicate(timeout=LIMIT)
    return process.returncode, err.decode()
