"""`interpexec map` between two pipes: promptness, bounds, Ctrl-C, readers that go."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from command_line import LIMIT
from running import finish, gates, line_of, running, stdout_of, write_to


@contextmanager
def endless(write: Callable[[bytes], object]) -> Iterator[None]:
    """Write lines from a thread until nobody reads them any more."""

    def work() -> None:
        try:
            while True:
                write(b"y\n" * 10_000)
        except (BrokenPipeError, ValueError):
            pass

    writer = threading.Thread(target=work)
    writer.start()
    yield
    writer.join(LIMIT)
    assert not writer.is_alive(), "the input is still being read"


# -- slow input ------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-j2", "-u"])
def test_a_line_that_comes_now_has_its_result_now(option: str) -> None:
    """Each line is written only after the result of the one before has been read."""
    with running(option, "x * 2") as process:
        for number in range(20):
            write_to(process, f"{number}\n".encode())
            assert line_of(process) == f"{number}{number}\n".encode()
        assert finish(process) == (0, "")


def test_a_line_that_comes_in_pieces_is_one_item() -> None:
    """An item is complete when its newline comes, or the end."""
    with running("x * 2") as process:
        write_to(process, b"first\nsec")
        assert line_of(process) == b"firstfirst\n"
        write_to(process, b"on")
        write_to(process, b"d\nth")
        assert line_of(process) == b"secondsecond\n"
        write_to(process, b"ird")
        out, _ = process.communicate(timeout=LIMIT)
        assert out == b"thirdthird\n"


def test_results_do_not_wait_for_slow_successors() -> None:
    """While a later item of the same input still runs, the earlier results are there."""
    with (
        gates(1) as [gate],
        running("-j1", f"x == 'slow' and os.read({gate[0]}, 1), x", fds=(gate[0],)) as process,
    ):
        write_to(process, b"a\nb\nc\nslow\nd\n")
        assert [line_of(process)[9:10] for _ in range(3)] == [b"a", b"b", b"c"]
        os.write(gate[1], b"!")
        assert finish(process) == (0, "")


def test_output_of_a_task_comes_at_once() -> None:
    """While the input is still open, too."""
    with running("print('printed')") as process:
        write_to(process, b"a\n")
        assert process.stderr is not None
        assert process.stderr.readline() == b"[a] printed\n"
        assert finish(process) == (0, "")


def test_failures_are_told_when_they_happen() -> None:
    """A failure is on stderr while the input is still open."""
    with running("int(x)") as process:
        write_to(process, b"a\n")
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"interpexec: item 1 ('a'): ValueError")
        assert finish(process) == (1, "interpexec: 1 of 1 items failed\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_items_can_be_typed() -> None:
    """A terminal is read line by line, until Ctrl-D."""
    master, slave = os.openpty()
    with running("x * 2", stdin=slave) as process:
        os.close(slave)
        for word in b"one", b"two":
            os.write(master, word + b"\n")
            assert line_of(process) == word * 2 + b"\n"
        os.write(master, b"\x04")
        assert finish(process) == (0, "")
    os.close(master)


def test_input_that_does_not_block_is_waited_for() -> None:
    """Somebody else may have made the pipe non-blocking."""
    with gates(1) as [(source, sink)]:
        os.set_blocking(source, False)
        with running("x * 2", stdin=source) as process:
            os.write(sink, b"a\n")
            assert line_of(process) == b"aa\n"
            os.write(sink, b"b\n")
            assert line_of(process) == b"bb\n"
            process.send_signal(signal.SIGINT)
            assert finish(process) == (130, "")


# -- a reader that goes -----------------------------------------------------------


def test_a_broken_pipe_on_endless_input_is_quiet() -> None:
    """As in `yes | interpexec map x | head`: exit code 141, nothing on stderr."""
    with running("x") as process:
        assert process.stdin is not None
        with endless(process.stdin.write):
            assert line_of(process) == b"y\n"
            stdout_of(process).close()
            assert process.wait(LIMIT) == 141
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_a_broken_pipe_ends_workers_that_are_blocked() -> None:
    """The run ends though a worker waits in C for what never comes."""
    with gates(2) as [gate, ready]:
        what = (
            f"x == 'a' or x == 'b' and os.read({gate[0]}, 1)"
            f" or os.write({ready[1]}, b'!') and os.read({gate[0]}, 1)"
        )
        with running("-j2", what, ":::", "a", "b", "c", fds=(gate[0], ready[1])) as process:
            assert line_of(process) == b"True\n"
            assert os.read(ready[0], 1) == b"!"
            stdout_of(process).close()
            os.write(gate[1], b"!")  # one of both goes on
            os.write(gate[1], b"!")
            assert process.wait(LIMIT) == 141
            assert process.stderr is not None
            assert process.stderr.read() == b""


# -- Ctrl-C -------------------------------------------------------------------------


@pytest.mark.parametrize("busy", ["[0 for _ in iter(int, 1)]", "os.read({gate}, 1)"])
def test_ctrl_c_ends_the_run_quietly(busy: str) -> None:
    """Exit code 130 and no traceback, whether workers compute or are blocked in C."""
    with gates(2) as [gate, ready]:
        what = f"os.write({ready[1]}, b'!') and {busy.format(gate=gate[0])}"
        with running("-j2", what, ":::", "a", "b", "c", fds=(gate[0], ready[1])) as process:
            assert os.read(ready[0], 1) == b"!"
            process.send_signal(signal.SIGINT)
            assert finish(process) == (130, "")


def test_ctrl_c_while_input_is_awaited() -> None:
    """Results that were there before are out."""
    with running("x") as process:
        write_to(process, b"a\n")
        assert line_of(process) == b"a\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_ctrl_c_while_nobody_reads_the_results() -> None:
    """The run ends though it is just writing into a pipe that is full."""
    with running("x") as process:
        assert process.stdin is not None
        with endless(process.stdin.write):
            assert line_of(process) == b"y\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(LIMIT) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""
