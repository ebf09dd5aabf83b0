"""`interpexec map` in a terminal: progress, keys that send signals, a new size."""

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from command_line import ENVIRONMENT, LIMIT, Run
from gates import gate

CLEAR = b"\r\x1b[K"


class Terminal:
    """A run whose streams are a pseudo-terminal, but for those that are given."""

    def __init__(self, *arguments: str, fds: tuple[int, ...] = (), **streams: int) -> None:
        self.master, slave = os.openpty()
        self.resize(80)
        self.seen = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "interpexec", "map", *arguments],
            **{"stdin": slave, "stdout": slave, "stderr": slave, **streams},  # type: ignore[call-overload]
            pass_fds=fds,
            env=ENVIRONMENT,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509  # it is the child's only thread
        )
        os.close(slave)

    def resize(self, columns: int) -> None:
        """Give it another width."""
        size = struct.pack("HHHH", 24, columns, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def type(self, text: bytes) -> None:
        """Press some keys."""
        os.write(self.master, text)

    def read_until(self, text: bytes) -> bytes:
        """Return the output until some text has come."""
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], LIMIT)
            assert ready, self.seen
            self.seen += os.read(self.master, 10_000)
        before, _, self.seen = self.seen.partition(text)
        return before + text


def _take_terminal() -> None:
    """Have the terminal of stderr, so that its keys send signals."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    fcntl.ioctl(2, termios.TIOCSCTTY, 0)


@contextmanager
def terminal(*arguments: str, **options: int) -> Iterator[Terminal]:
    """Run in a terminal; kill it at the end."""
    run = Terminal(*arguments, **options)  # type: ignore[arg-type]  # `fds` is a tuple
    try:
        yield run
    finally:
        run.process.kill()
        run.process.wait()
        os.close(run.master)


WAIT = "int(x) if x != 'w' else [os.write({0}, b'!'), os.read({1}, 1)]"


def test_progress_is_told_in_a_terminal() -> None:
    """Done, failed, rate, workers; it is taken away before other output, and fits the width."""
    with gate() as door:
        what = WAIT.format(*door.handle)
        with terminal("-j2", what, ":::", "1", "a", "w", fds=door.handle) as run:
            door.await_knocks(1)
            run.read_until(b"2 done, 1 failed, ")
            run.read_until(b"1 of 2 workers busy (longest ")
            run.read_until(b" left")
            run.resize(19)
            run.read_until(CLEAR + b"2 done, 1 failed, " + CLEAR[:1])
            door.open()
            run.read_until(CLEAR + b"[1, b'']\r\n")
            run.read_until(b"interpexec: 1 of 3 items failed\r\n")
            assert run.process.wait(LIMIT) == 1


@pytest.mark.parametrize("key", [b"\x03", b"\x1c"])
def test_keys_send_signals(key: bytes) -> None:
    r"""Ctrl-C ends the run; Ctrl-\ shows the stacks, and the run goes on."""
    with gate() as door:
        knocker, entrance = door.handle
        setup = f"import os\ndef wait():\n    os.write({knocker}, b'!')\n    os.read({entrance}, 1)"
        options = "--no-progress", "--setup", setup, "wait() or x", ":::", "a"
        with terminal(*options, fds=door.handle) as run:
            door.await_knocks(1)
            run.type(key)
            if key == b"\x1c":
                run.read_until(b"in wait")
                door.open()
                run.read_until(b"a\r\n")
                assert run.process.wait(LIMIT) == 0
            else:
                assert run.process.wait(LIMIT) == 130


def test_progress_may_be_asked_for_or_refused() -> None:
    """Without a terminal there is none by default."""
    what = "[0 for _ in range(20_000_000)] and x"
    for options, expected in ((), False), (("--progress",), True), (("--no-progress",), False):
        run = Run("map", *options, what, ":::", "a")
        assert ("busy" in run.err) == expected
        assert (run.out, run.status) == (["a"], 0)
