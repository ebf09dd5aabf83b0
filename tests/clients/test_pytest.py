"""pytest and its plugins, around tests that use a pool: each run as a process of its own."""

from pathlib import Path

from programs import run, write

COMMAND = "-m", "pytest", "-q", "-p", "no:cacheprovider"
QUIET = {"PYTHONWARNINGS": "default"}


def report(folder: Path, text: str, *options: str, status: int = 0) -> str:
    """Run a module of tests, and return what pytest prints."""
    path = write(folder / "test_inner.py", text)
    done = run(*COMMAND, *options, path, cwd=folder, environment=QUIET)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_the_fixtures_see_what_workers_do(tmp_path: Path) -> None:
    """Output, log records and warnings of calls, where the pool hands them over."""
    text = """
    import logging, os, warnings
    import pytest

    def speak():
        print("hello")

    def log():
        logging.getLogger("spam").warning("burnt")

    def warn():
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    def setting():
        return os.environ.get("SPAM")

    def test_capsys(capsys):
        with InterpreterPoolExecutor(1, redirect_stdout=True) as pool:
            pool.submit(speak).result()
        assert capsys.readouterr().out == "hello\\n"

    def test_caplog(caplog):
        with InterpreterPoolExecutor(1, forward_logging=True) as pool:
            pool.submit(log).result()
        assert [record.getMessage() for record in caplog.records] == ["burnt"]

    def test_warns(recwarn):
        with pytest.warns(DeprecationWarning, match="old") as found:
            with InterpreterPoolExecutor(1, forward_logging=True) as pool:
                pool.submit(warn).result()
                pool.submit(warn).result()
        assert [each.filename for each in found] == [__file__] * 2
        assert not recwarn

    def test_warns_of_a_worker_that_was_there():
        always = {"initializer": warnings.simplefilter, "initargs": ("always",)}
        with InterpreterPoolExecutor(1, forward_logging=True, **always) as pool:
            pool.submit(abs, 1).result()
            for _ in range(2):
                with pytest.warns(DeprecationWarning, match="old"):
                    pool.submit(warn).result()

    @pytest.mark.filterwarnings("error")
    def test_warnings_are_errors():
        with InterpreterPoolExecutor(1, forward_logging=True) as pool:
            with pytest.raises(DeprecationWarning, match="old"):
                pool.submit(warn).result()

    def test_setenv_before_the_pool(monkeypatch):
        monkeypatch.setenv("SPAM", "eggs")
        with InterpreterPoolExecutor(1) as pool:
            assert pool.submit(setting).result() == "eggs"

    def test_an_error_has_its_type():
        with InterpreterPoolExecutor(1) as pool, pytest.raises(ValueError, match="spam"):
            pool.submit(int, "spam").result()
    """
    assert "7 passed" in report(tmp_path, text)


def test_xdist_runs_tests_with_pools_side_by_side(tmp_path: Path) -> None:
    """Its processes are forked by nobody: pools work in each."""
    text = """
    import pytest

    @pytest.mark.parametrize("number", range(8))
    def test_square(number):
        with InterpreterPoolExecutor(2) as pool:
            assert list(pool.map(pow, range(9), [2] * 9)) == [n * n for n in range(9)]
    """
    assert "8 passed" in report(tmp_path, text, "-n", "2")


def test_a_timeout_by_signal_fails_its_test_alone(tmp_path: Path) -> None:
    """pytest-timeout raises in the main thread, which waits for a call; the pool ends."""
    text = """
    import pytest

    def spin():
        while True:
            pass

    @pytest.mark.timeout(1, method="signal")
    def test_endless():
        with InterpreterPoolExecutor(1, on_error="cancel") as pool:
            try:
                pool.submit(spin).result()
            finally:
                pool.terminate_workers()

    def test_the_next_one():
        with InterpreterPoolExecutor(1) as pool:
            assert pool.submit(pow, 2, 5).result() == 32
    """
    out = report(tmp_path, text, status=1)
    assert "1 failed, 1 passed" in out
    assert "Timeout" in out
