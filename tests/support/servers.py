"""Servers as processes: on a socket that listens before they start, until a signal ends them.

A request that comes before the server accepts waits in the kernel, so that nobody has to try again.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from programs import PATHS, ROOT

TIME_LIMIT = 60.0


class Server:
    """A running server: `get` asks it, `end` ends it."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self._process, self._port = process, port
        self.log = b""

    def get(self, path: str) -> Any:
        """Return the JSON of an answer."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=60) as answer:
            return json.load(answer)

    def has_written(self, text: str, seconds: float) -> bool:
        """Tell whether the server writes something within a time; False too if it ends."""
        end = monotonic() + seconds
        assert self._process.stdout is not None
        while text.encode() not in self.log:
            ready, _, _ = select.select([self._process.stdout], [], [], max(end - monotonic(), 0))
            data = os.read(self._process.stdout.fileno(), 65536) if ready else b""
            if not data:
                return False
            self.log += data
        return True

    def await_log(self, text: str) -> None:
        """Return when the server has written something; fail if it ends, or takes too long."""
        if not self.has_written(text, TIME_LIMIT):
            pytest.fail(f"the server does not write {text!r}:\n{self.log.decode()}")

    def end(self, number: signal.Signals, *, may_tell: bytes | None = None) -> int:
        """Send a signal; return the exit status, when no process of the server is left.

        may_tell: of an exception that the server logs, and shall.
        """
        self._process.send_signal(number)
        rest, _ = self._process.communicate(timeout=TIME_LIMIT)
        self.log += rest
        _await_end_of_group(self._process.pid)
        if may_tell is None:
            assert b"Traceback" not in self.log, self.log.decode()
        else:
            assert may_tell in self.log
        return self._process.returncode


def _await_end_of_group(group: int) -> None:
    """Return when all processes of a group have ended: some do a moment after their parent."""
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat") as file:
                state, _, of = file.read().rpartition(")")[2].split()[:3]
            if int(of) == group and state != "Z":
                descriptor = os.pidfd_open(int(entry))
            else:
                continue
        except (OSError, ValueError):  # it has ended since, or is no process
            continue
        ended = select.select([descriptor], [], [], TIME_LIMIT)[0]
        os.close(descriptor)
        assert ended, f"process {entry} is left"


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Server]:
    """Start `python arguments` in a folder. `{fd}` in them is the descriptor to listen at."""
    listener = socket.create_server(("127.0.0.1", 0))
    number = listener.fileno()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(folder), *PATHS, str(ROOT)]),
        "PYTHONWARNINGS": "default",
        "PYTHONFAULTHANDLER": "1",
    }
    with listener:
        process = subprocess.Popen(
            [sys.executable, *(each.format(fd=number) for each in arguments)],
            cwd=folder,
            env=environment,
            pass_fds=[number],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        server = Server(process, listener.getsockname()[1])
    try:
        yield server
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended in order
        else:
            sys.stdout.write(server.log.decode())
        process.communicate()
