"""`interpexec map` in a terminal: progress, keys that send signals, a new size."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest

from command_line import ENVIRONMENT, LIMIT, Run
from gates import gate
from terminals import Terminal, terminal
from tiers import few

CLEAR = b"\r\x1b[K"


@contextmanager
def mapping(*arguments: str, **options: Any) -> Iterator[Terminal]:
    """Run `interpexec map` in a terminal."""
    with terminal(sys.executable, "-m", "interpexec", "map", *arguments, **options) as run:
        yield run


WAIT = "int(x) if x != 'w' else [os.write({0}, b'!'), os.read({1}, 1)]"


def test_progress_is_told_in_a_terminal() -> None:
    """Done, failed, rate, workers; it is taken away before other output, and fits the width."""
    with gate() as door:
        what = WAIT.format(*door.handle)
        with mapping("-j2", what, ":::", "1", "a", "w", fds=door.handle) as run:
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
        with mapping(*options, fds=door.handle) as run:
            door.await_knocks(1)
            run.type(key)
            if key == b"\x1c":
                run.read_until(b"in wait")
                door.open()
                run.read_until(b"a\r\n")
                assert run.process.wait(LIMIT) == 0
            else:
                assert run.process.wait(LIMIT) == 130


@pytest.mark.slow
def test_progress_may_be_asked_for_or_refused() -> None:
    """Without a terminal there is none by default."""
    what = "[time.sleep(0.6)] and x"  # longer than it takes until there is some
    for options, expected in ((), False), (("--progress",), True), (("--no-progress",), False):
        run = Run("map", *options, what, ":::", "a")
        assert ("busy" in run.err) == expected
        assert (run.out, run.status) == (["a"], 0)


def _patience() -> float:
    """Return how many seconds a second lasts here: more, where even the start of Python is slow."""
    begun = monotonic()
    subprocess.run([sys.executable, "-I", "-c", ""], check=True)
    return 1.0 + 20 * (monotonic() - begun)


@pytest.mark.parametrize("busy", few(["[0 for _ in iter(int, 1)]", "os.read({1}, 1)"]))
@pytest.mark.parametrize("how", ["key", "SIGTERM", "SIGHUP"])
def test_a_run_is_gone_within_a_second(how: str, busy: str) -> None:
    """By Ctrl-C or a signal, though its items compute, or wait in C; finished results are there."""
    with gate() as door:
        what = f"x if x == 'a' else os.write({{0}}, b'!') and {busy}".format(*door.handle)
        with mapping("-j2", "-u", what, ":::", *"abc", fds=door.handle) as run:
            door.await_knocks(2 if "iter" not in busy else 1)
            run.read_until(b"a\r\n")
            limit, begun = _patience(), monotonic()
            if how == "key":
                run.type(b"\x03")
            else:
                run.process.send_signal(getattr(signal, how))
            status = run.process.wait(LIMIT)
            assert monotonic() - begun < limit
            number = signal.SIGINT if how == "key" else getattr(signal, how)
            assert status == 128 + number


def test_a_terminal_that_goes_ends_the_run() -> None:
    """As when its window is closed: SIGHUP."""
    with gate() as door:
        what = f"os.write({door.handle[0]}, b'!') and os.read({door.handle[1]}, 1)"
        with mapping("--no-progress", what, ":::", "a", fds=door.handle) as run:
            door.await_knocks(1)
            os.close(run.master)
            run.master = os.dup(2)  # it is closed at the end
            assert run.process.wait(LIMIT) == 128 + signal.SIGHUP


def test_ctrl_z_stops_a_run_and_fg_lets_it_go_on() -> None:
    """In a shell with job control; the progress is drawn again, and no result is lost."""
    environment = ENVIRONMENT | {"PS1": "ready> "}
    command = "/bin/bash", "--norc", "--noprofile", "-i"
    with gate() as door, terminal(*command, fds=door.handle, environment=environment) as shell:
        shell.read_until(b"ready> ")
        what = WAIT.format(*door.handle)
        shell.type(f'{sys.executable} -m interpexec map -j2 "{what}" ::: 1 w\n'.encode())
        door.await_knocks(1)
        shell.read_until(b"1 done, ")
        shell.type(b"\x1a")
        shell.read_until(b"Stopped")
        shell.read_until(b"ready> ")
        shell.type(b"fg\n")
        shell.read_until(b"1 done, ")
        door.open()
        shell.read_until(b"[1, b'']\r\n")
        shell.read_until(b"ready> ")
        shell.type(b"echo sta''tus $?\n")
        shell.read_until(b"status 0\r\n")
