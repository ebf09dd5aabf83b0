"""The last acts of workers as a program ends, or forks: finalizers, log records, output."""

import signal
from pathlib import Path

import pytest

import stoppable
from programs import output, run, write
from stops import TIME_LIMIT, Pipe, pool_of, rest

FINALIZERS = """
    import os, sys

    def spin():
        os.write(knocker, b"!")
        while True:
            pass

    def final(is_slow):
        os.write(1, b"final\\n")
        while is_slow:
            pass

    knocker = int(sys.argv[1])
    pool = InterpreterPoolExecutor(2, finalizer=final, finalargs=(sys.argv[2] == "slow",))
    pool.warm()
    with pool:
        pool.submit(spin).result()
"""


@pytest.mark.parametrize("kind", ["quick", "slow"])
def test_ctrl_c_lets_finalizers_run(kind: str, tmp_path: Path, begun: Pipe) -> None:
    """Each worker's begins; one that takes long is stopped, and holds up nothing."""
    program = write(tmp_path / "program.py", FINALIZERS)
    signals = [(begun.reader, signal.SIGINT)]
    done = run(program, begun.writer, kind, pass_fds=[begun.writer], signals=signals)
    assert done.returncode == -signal.SIGINT
    assert done.stdout == "final\n" * 2
    assert "KeyboardInterrupt" in done.stderr


def test_a_program_that_ends_hears_the_last_of_its_workers(tmp_path: Path) -> None:
    """Records, lines and finalizers come before the end, though nobody has shut the pool down."""
    program = """
        import logging, sys

        logging.basicConfig(stream=sys.stdout, format="%(message)s")

        def work():
            logging.warning("record")
            print("line")

        def final():
            logging.warning("final record")
            print("final line")

        pool = InterpreterPoolExecutor(
            1, finalizer=final, forward_logging=True, redirect_stdout=True
        )
        pool.submit(work)
    """
    lines = output(write(tmp_path / "program.py", program)).splitlines()
    assert lines == ["record", "line", "final record", "final line"]


def test_a_pool_that_steps_aside_for_a_fork_runs_finalizers(told: Pipe) -> None:
    """Workers are made anew after that, and run the initializer."""
    with pool_of(
        1,
        initializer=stoppable.note,
        initargs=(told.writer, b"i"),
        finalizer=stoppable.note,
        finalargs=(told.writer, b"f"),
    ) as pool:
        for _ in range(2):
            assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
            assert rest(pool)
            pool._scheduler.rest.end()
        assert told.rest() == b"ifif"
        assert pool.submit(stoppable.same, 1).result(TIME_LIMIT) == 1
    assert told.rest() == b"if"
