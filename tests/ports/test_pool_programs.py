"""Programs with `interpexec.pool.Pool`: their ends, Ctrl-C, forks."""

import os
import signal
from pathlib import Path

import pytest

from programs import output, run, write

POOL = "from interpexec.pool import Pool\n"


def test_a_program_may_forget_its_pool(tmp_path: Path) -> None:
    """All calls are computed, with their callbacks; an endless iterable ends with the program."""
    program = write(
        tmp_path / "program.py",
        """
        import warnings
        from itertools import count
        from interpexec.pool import Pool
        warnings.simplefilter("ignore", ResourceWarning)
        pool = Pool(2)
        results = pool.imap(abs, count())
        print(next(results))
        pool.map_async(abs, range(100), callback=lambda values: print(sum(values)))
        """,
    )
    assert output(program) == "0\n4950\n"


def test_a_program_may_leave_a_thread_that_is_blocked_by_an_iterable(tmp_path: Path) -> None:
    """The end of the program does not wait for it."""
    program = write(
        tmp_path / "program.py",
        """
        import os
        from interpexec.pool import Pool
        reader, writer = os.pipe()
        pool = Pool(1)
        results = pool.imap(str.strip, os.fdopen(reader, closefd=False))
        os.write(writer, b"spam\\n" * 2)
        print(next(results))
        pool.terminate()
        """,
    )
    assert output(program) == "spam\n"


@pytest.mark.parametrize("wait", ["pool.map(spin, [1, 2])", "list(pool.imap(spin, [1, 2, 3]))"])
def test_ctrl_c_ends_a_program(tmp_path: Path, wait: str) -> None:
    """One is enough."""
    program = write(
        tmp_path / "program.py",
        f"""
        import os, sys
        from interpexec.pool import Pool

        def spin(_):
            os.write(int(sys.argv[1]), b"!")
            while True:
                pass

        with Pool(1) as pool:
            {wait}
        """,
    )
    reader, writer = os.pipe()
    try:
        done = run(program, writer, pass_fds=[writer], signals=[(reader, signal.SIGINT)])
    finally:
        os.close(reader)
        os.close(writer)
    assert done.returncode == -signal.SIGINT
    assert done.stderr.count("KeyboardInterrupt") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_pool_can_be_made_in_a_child(tmp_path: Path) -> None:
    """Beside an idle one of the parent's, which works there, too."""
    program = write(
        tmp_path / "program.py",
        """
        import os
        from interpexec.pool import Pool

        def work(pool):
            done = pool.map_async(abs, [-1, -2], callback=lambda values: None)
            return done.get(20) == list(pool.imap(abs, [-1, -2])) == [1, 2]

        with Pool(1) as pool:
            assert work(pool)
            if not (child := os.fork()):
                with Pool(1) as own:
                    os._exit(0 if work(own) and work(pool) else 1)
            _, status = os.waitpid(child, 0)
            print(status, work(pool))
        pool.join()
        """,
    )
    assert output("-W", "ignore::DeprecationWarning", program) == "0 True\n"
