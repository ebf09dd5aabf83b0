"""`interpexec map` in a terminal: progress, keys that send signals, a new size."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from command_line import LIMIT, Run
from gates import gate
from terminals import Terminal, terminal

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


def test_progress_may_be_asked_for_or_refused() -> None:
    """Without a terminal there is none by default."""
    what = "[0 for _ in range(20_000_000)] and x"
    for options, expected in ((), False), (("--progress",), True), (("--no-progress",), False):
        run = Run("map", *options, what, ":::", "a")
        assert ("busy" in run.err) == expected
        assert (run.out, run.status) == (["a"], 0)
