"""Output of workers, at the caller's `sys.stdout` and `sys.stderr`: `redirect_stdout=True`."""

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from operator import attrgetter, methodcaller

import pytest

import logging_tasks
import tasks
from gates import Gate
from interpexec import InterpreterPoolExecutor
from stops import TIME_LIMIT, Pipe, pool_of


@contextmanager
def redirecting(*args: object, **options: object) -> Iterator[InterpreterPoolExecutor]:
    """Make a pool that forwards output."""
    with pool_of(*args, redirect_stdout=True, **options) as pool:
        yield pool


class Told(io.StringIO):
    """A stream that tells when something is written."""

    def __init__(self) -> None:
        super().__init__()
        self.news = threading.Semaphore(0)

    def write(self, text: str, /) -> int:
        count = super().write(text)
        self.news.release()
        return count


def test_the_output_of_a_call_comes_before_its_result() -> None:
    """To whatever the streams are at that moment."""
    with redirecting(1) as pool:
        for number in range(20):
            with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
                pool.submit(print, "line", number).result(TIME_LIMIT)
                pool.submit(logging_tasks.write, f"error {number}\n", "stderr").result(TIME_LIMIT)
            assert out.getvalue() == f"line {number}\n"
            assert err.getvalue() == f"error {number}\n"


def test_pytest_captures_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Pytest replaces `sys.stdout`, too."""
    with redirecting(2) as pool:
        list(pool.map(print, range(10)))
    assert sorted(capsys.readouterr().out.split()) == sorted(map(str, range(10)))


def test_lines_come_while_the_call_runs(begun: Pipe, door: Gate) -> None:
    """The beginning of one comes when its end does, or the call's."""
    with redirect_stdout(Told()) as out, redirecting(1) as pool:
        handle = begun.writer, door.handle[1]
        call = pool.submit(logging_tasks.write_and_wait, "line\n", handle)
        begun.hear()
        assert out.news.acquire(timeout=TIME_LIMIT)
        assert out.getvalue() == "line\n"
        door.let_in()
        call.result(TIME_LIMIT)
        call = pool.submit(logging_tasks.write_and_wait, "begin", handle)
        begun.hear()
        assert out.getvalue() == "line\n"
        door.let_in()
        call.result(TIME_LIMIT)
        assert out.getvalue() == "line\nbegin"


@pytest.mark.parametrize("text", ["é€𝄞\n", "a\nb\nc", "", "tab\tand\r\nreturn\n", "x" * 100_000])
def test_text_comes_as_it_was_written(text: str) -> None:
    """In any language, with any ends of lines."""
    with redirect_stdout(io.StringIO(newline="")) as out, redirecting(1) as pool:
        pool.submit(logging_tasks.write, text).result(TIME_LIMIT)
    assert out.getvalue() == text


def test_bytes_come_as_text() -> None:
    """Bytes that are no text come as Python has them in names of files."""
    with redirect_stdout(io.StringIO()) as out, redirecting(1) as pool:
        for data in (b"plain\n", "€".encode()[:1], "€".encode()[1:], b"\xff\n"):
            pool.submit(logging_tasks.write_bytes, data).result(TIME_LIMIT)
    assert out.getvalue() == "plain\n€\udcff\n"


def test_the_stream_of_a_worker_tells_of_itself() -> None:
    """UTF-8, no descriptor, and a terminal where the caller's stream is one."""
    with redirect_stdout(io.StringIO()) as out:
        out.isatty = lambda: True  # type: ignore[method-assign]  # as a terminal
        with redirecting(1) as pool:
            ask = pool.submit(logging_tasks.of_stdout, methodcaller("isatty"))
            assert ask.result(TIME_LIMIT) is True
            ask = pool.submit(logging_tasks.of_stdout, attrgetter("encoding"))
            assert ask.result(TIME_LIMIT) == "utf-8"
            ask = pool.submit(logging_tasks.of_stdout, methodcaller("fileno"))
            assert isinstance(ask.exception(TIME_LIMIT), io.UnsupportedOperation)


def test_log_records_and_lines_keep_their_order(caplog: pytest.LogCaptureFixture) -> None:
    """Both come over the same road."""
    with redirect_stdout(Told()) as out, redirecting(1, forward_logging=True) as pool:
        pool.submit(print, "before").result(TIME_LIMIT)
        pool.submit(logging_tasks.log, "record").result(TIME_LIMIT)
        assert out.getvalue() == "before\n"
        assert "record" in caplog.messages


def test_a_stream_that_fails_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """By the logger of the package; calls go on."""
    closed = io.StringIO()
    closed.close()
    with redirecting(1) as pool, redirect_stdout(closed):
        pool.submit(print, "lost").result(TIME_LIMIT)
        assert pool.submit(tasks.same, 1).result(TIME_LIMIT) == 1
    assert "closed file" in caplog.text
    assert {record.name for record in caplog.records} == {"interpexec"}


def test_a_program_without_a_stream_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with `pythonw`: nobody sees what is printed."""
    with redirecting(1) as pool:
        monkeypatch.setattr(sys, "stdout", None)
        pool.submit(print, "unseen").result(TIME_LIMIT)
        monkeypatch.undo()


def test_a_call_may_close_or_replace_its_stream() -> None:
    """A call that does so loses its own output."""
    with redirect_stdout(io.StringIO()) as out, redirecting(1) as pool:
        assert pool.submit(logging_tasks.replace_stdout).result(TIME_LIMIT) == "mine"
        assert pool.submit(tasks.same, 1).result(TIME_LIMIT) == 1
    with redirect_stdout(out), redirecting(1) as pool:
        pool.submit(logging_tasks.close_stdout).result(TIME_LIMIT)
        error = pool.submit(print, "x").exception(TIME_LIMIT)
    # Where the worker has seen that meanwhile, another one has taken its place.
    assert (type(error), out.getvalue()) in {(ValueError, ""), (type(None), "x\n")}


def test_the_last_words_of_an_interpreter_go_to_its_own_stream(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The finalizer is still heard here; `atexit` handlers run when the worker is gone."""
    with redirect_stdout(io.StringIO()) as out:
        options = {"finalizer": print, "finalargs": ("final",)}
        with redirecting(1, **options) as pool:
            pool.submit(logging_tasks.print_at_exit, "last").result(TIME_LIMIT)
    assert out.getvalue() == "final\n"
    assert capfd.readouterr().out == "last\n"
