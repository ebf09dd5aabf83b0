"""`interpexec map`: limits, retries, halting, signals, the terminal."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import LIMIT, Run, run_script
from gates import Handle, gate
from running import finish, gates, line_of, running, write_to


@pytest.mark.slow
def test_an_item_may_take_so_long_only() -> None:
    """A late item is stopped, and fails; the others have their results."""
    run = Run(
        "map", "--timeout", "0.3", "[0 for _ in iter(int, 1)] if x == 'b' else x", ":::", *"abc"
    )
    assert (run.out, run.status) == (["a", "c"], 1)
    assert "interpexec: item 2 ('b'): TimeoutError: " in run.err


@pytest.mark.slow
def test_the_size_of_calls_may_be_given() -> None:
    """Or left to the pool by name."""
    for size in "1", "7", "auto":
        given = "".join(f"{n}\n" for n in range(100))
        assert Run("map", "--chunksize", size, "x", given=given).bytes == given.encode()


def test_workers_may_be_replaced() -> None:
    """After so many items each: a global begins anew."""
    what = "sys.modules.setdefault('seen', []).append(x) or len(sys.modules['seen'])"
    options = "-j1", "--max-tasks-per-child", "2"
    assert Run("map", *options, what, ":::", *"abcd").out == ["1", "2", "1", "2"]


@pytest.mark.parametrize("jobs", ["0", "100%", "1%", "50%"])
def test_jobs_may_be_a_share(jobs: str) -> None:
    """Of the usable CPUs, at least one worker; 0 stands for all."""
    assert Run("map", "-j", jobs, "x", ":::", "a").out == ["a"]


# -- halting -----------------------------------------------------------------------


def _at_gate(handle: Handle) -> str:
    """Return an expression that knocks at a gate, waits there, and is 1."""
    return f"os.write({handle[0]}, b'!') + len(os.read({handle[1]}, 1))"


@pytest.mark.parametrize("halt", ["soon", "soon,fail=1"])
def test_halt_soon_lets_running_items_finish(halt: str) -> None:
    """No further item is begun, and all results that come are written."""
    with gate() as door, gates(1) as [(begun, mark)]:
        what = f"{_at_gate(door.handle)} if x == 'slow' else int(x) and os.write({mark}, b'!')"
        options = "-j2", "-u", "--chunksize=1", "--halt", halt
        with running(*options, what, fds=(*door.handle, mark)) as process:
            write_to(process, b"slow\n")
            door.await_knocks(1)
            write_to(process, b"bad\n")
            assert process.stderr is not None
            assert b"item 2 ('bad')" in process.stderr.readline()
            write_to(process, b"3\n" * 20)
            door.open()
            out, err = process.communicate(timeout=LIMIT)
        os.set_blocking(begun, False)
        with pytest.raises(BlockingIOError):
            os.read(begun, 1)
    assert out == b"1\n"
    assert err == b"interpexec: 1 of 2 items failed\n"
    assert process.returncode == 1


def test_halt_soon_ends_the_call_with_the_item_that_fails() -> None:
    """The items behind it in its call do not begin; the other call, which runs, has its result."""
    with gate() as door, gates(1) as [(begun, mark)]:
        fails = "1 // 0 if x == 'bad' else"
        what = f"{_at_gate(door.handle)} if x == 'slow' else {fails} os.write({mark}, x.encode())"
        options = "-j2", "-u", "--chunksize=3", "--halt", "soon,fail=1"
        with running(*options, what, fds=(*door.handle, mark)) as process:
            write_to(process, b"slow\n")
            door.await_knocks(1)
            write_to(process, b"2\nbad\n4\n")
            assert process.stderr is not None
            assert b"('bad')" in process.stderr.readline()
            door.open()
            out, err = process.communicate(timeout=LIMIT)
        assert os.read(begun, 9) == b"2"
    assert sorted(out.splitlines()) == [b"1", b"1"]
    assert err == b"interpexec: 1 of 3 items failed\n"


@pytest.mark.parametrize(
    ("halt", "failed"),
    [("never", 5), ("now", 1), ("now,fail=3", 3), ("soon,fail=5", 5), ("now,fail=50%", 2)],
)
def test_halt_counts_failures(halt: str, failed: int) -> None:
    """Results that stand before the last of them in the order of the items are written."""
    run = Run("map", "-j1", "--halt", halt, "1 // int(x)", ":::", *"1010100000"[:8])
    assert run.err.count("ZeroDivisionError") >= failed
    if halt.startswith("now"):
        assert run.err.count("ZeroDivisionError") == failed
    assert run.status == 1


# -- signals -----------------------------------------------------------------------


@pytest.fixture
def _no_signal_is_ignored() -> Iterator[None]:
    """Let no process inherit that a signal is ignored, as under `nohup`."""
    names = signal.SIGTERM, signal.SIGHUP
    before = [signal.signal(each, signal.SIG_DFL) for each in names]
    yield
    for each, handler in zip(names, before, strict=True):
        signal.signal(each, handler)


@pytest.mark.usefixtures("_no_signal_is_ignored")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_end_the_run(name: str) -> None:
    """Finished results are written, the running item is stopped, the exit code tells the signal."""
    number = getattr(signal, name)
    with gates(1) as [ready]:
        what = f"x if x == 'a' else os.write({ready[1]}, b'!') and [0 for _ in iter(int, 1)]"
        with running("-j2", what, ":::", "a", "b", "c", fds=ready) as process:
            assert os.read(ready[0], 1) == b"!"
            assert line_of(process) == b"a\n"
            process.send_signal(number)
            assert finish(process) == (128 + number, "")


def test_results_before_a_signal_are_written() -> None:
    """Results are out while the item behind them, in the same call perhaps, runs for ever."""
    with gates(1) as [ready]:
        what = f"x if x != 'z' else os.write({ready[1]}, b'!') and [0 for _ in iter(int, 1)]"
        with running("-j1", what, ":::", "a", "b", "z", fds=ready) as process:
            assert os.read(ready[0], 1) == b"!"
            assert [line_of(process), line_of(process)] == [b"a\n", b"b\n"]
            process.send_signal(signal.SIGINT)
            assert finish(process) == (130, "")


def test_a_second_signal_ends_the_run_at_once() -> None:
    """Though stdout blocks, and the item cannot be stopped."""
    with gates(2) as [gate_, ready]:
        what = f"os.write({ready[1]}, b'!') and os.read({gate_[0]}, 1)"
        with running("-j1", what, ":::", "a", fds=(*ready, gate_[0])) as process:
            assert os.read(ready[0], 1) == b"!"
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
            assert process.wait(LIMIT) == 130


@pytest.mark.parametrize("name", ["SIGQUIT", "SIGUSR1"])
def test_a_signal_shows_what_runs(name: str) -> None:
    """The stacks are on stderr, and the run goes on."""
    with gates(1) as [ready], gate() as door:
        setup = "import os\ndef wait():\n    while not stopped():\n        pass\n"
        setup += f"def stopped():\n    os.write({ready[1]}, b'!')\n"
        setup += f"    return os.read({door.handle[1]}, 1) == b''"
        options = "-j1", "--setup", setup
        with running(*options, "wait() or x", fds=(*ready, door.handle[1])) as process:
            write_to(process, b"a\n")
            assert os.read(ready[0], 1) == b"!"
            process.send_signal(getattr(signal, name))
            assert process.stderr is not None
            seen = b""
            while b"stopped" not in seen:
                seen += process.stderr.readline()
            assert b"in wait" in seen
            door.open()
            assert line_of(process) == b"a\n"
            process.communicate(timeout=LIMIT)
            assert process.returncode == 0


def test_signals_that_were_ignored_stay_ignored() -> None:
    """As under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running("x") as process:
            write_to(process, b"a\n")
            assert line_of(process) == b"a\n"
            process.send_signal(signal.SIGHUP)
            write_to(process, b"b\n")
            assert line_of(process) == b"b\n"
            assert finish(process) == (0, "")
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_stopped_run_goes_on() -> None:
    """Ctrl-Z, and `fg`."""
    with running("x") as process:
        write_to(process, b"a\n")
        assert line_of(process) == b"a\n"
        process.send_signal(signal.SIGTSTP)
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
        process.send_signal(signal.SIGCONT)
        write_to(process, b"b\n")
        assert line_of(process) == b"b\n"
        assert finish(process) == (0, "")


# -- streams that are closed -----------------------------------------------------------


@pytest.mark.parametrize(
    ("closed", "status", "out"), [("<&-", 2, b""), ("2>&-", 1, b"1\n"), ("<&- 2>&-", 2, b"")]
)
def test_streams_may_be_closed(closed: str, status: int, out: bytes, tmp_path: Path) -> None:
    """Without stdin nothing can be read; without stderr, failures are told by the exit code."""
    script = f'printf "1\\na\\n" | (exec {closed}; exec "$0" -m interpexec map "int(x)")'
    done = run_script(script, tmp_path)
    assert (done.returncode, done.stdout) == (status, out)


def test_a_failed_item_may_be_run_again(tmp_path: Path) -> None:
    """Up to so many times more; then it has failed, once."""
    (tmp_path / "mine.py").write_text(
        "def tries(x):\n"
        "    with open(f'{x}.log', 'a+') as log:\n"
        "        log.write('!')\n"
        "        log.seek(0)\n"
        "        count = len(log.read())\n"
        "    if count < 3 or x == 'bad':\n"
        "        raise OSError(count)\n"
        "    return count\n"
    )
    run = Run("map", "--retries", "2", "mine:tries", ":::", "good", "bad", cwd=tmp_path)
    assert (run.out, run.status) == (["3"], 1)
    assert "item 2 ('bad'): OSError: 3" in run.err
    assert run.err.count("\n") == 2
