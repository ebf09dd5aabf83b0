"""Extension modules that workers cannot load: counted, warned of, and named by far errors."""

import logging
from collections.abc import Callable

import pytest

import refusing
import tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, NotShareableError
from stops import pool_of

NOTE = (
    "interpexec: readline was refused in this worker when refusing imported it: it does not support"
    " subinterpreters. So parts of {} may be missing. Run this function in a ThreadPoolExecutor or"
    " a ProcessPoolExecutor instead"
)


def test_a_pool_names_the_modules_and_their_importers(pool: InterpreterPoolExecutor) -> None:
    """As soon as the call has its result."""
    assert pool.refused_imports() == {}
    assert pool.submit(refusing.import_, "readline", "json").result(TIME_LIMIT) == ["readline"]
    assert pool.refused_imports() == {"readline": "refusing"}
    assert pool.submit(refusing.import_, "_curses").result(TIME_LIMIT) == ["_curses"]
    assert pool.refused_imports() == {"readline": "refusing", "_curses": "refusing"}


def test_they_are_known_when_the_pool_has_ended() -> None:
    """An ended pool still has the list; a call may import by itself."""
    with pool_of(1) as pool:
        error = pool.submit(__import__, "readline").exception(TIME_LIMIT)
    assert type(error) is ImportError
    assert pool.refused_imports() == {"readline": ""}


def test_a_module_is_warned_of_once_for_each_pool(caplog: pytest.LogCaptureFixture) -> None:
    """By whatever worker, and however often it is imported."""
    caplog.set_level(logging.WARNING, "interpexec")
    with pool_of(2) as pool:
        pool.warm()
        for _ in range(2):
            for each in pool.broadcast(refusing.import_, "readline", "readline"):
                assert each.result(TIME_LIMIT) == ["readline"] * 2
        assert pool.refused_imports() == {"readline": "refusing"}
        name = pool._thread_name_prefix
    (message,) = caplog.messages
    assert message == (
        f"readline could not be loaded in a worker of {name}: it does not support subinterpreters."
        " refusing may go on without it, slower or with parts missing"
    )


def test_the_error_of_the_import_is_that_of_cpython(pool: InterpreterPoolExecutor) -> None:
    """No frame of the package is in its traceback."""
    error = pool.submit(__import__, "readline").exception(TIME_LIMIT)
    assert str(error) == "module readline does not support loading in subinterpreters"
    assert "interpexec/_" not in error.__cause__.excinfo.errdisplay  # type: ignore[union-attr]  # ExecutionFailed


@pytest.mark.parametrize(
    ("fn", "kind", "package"),
    [
        (refusing.use_missing, AttributeError, "readline"),
        (refusing.import_missing, ImportError, "refusing"),
        (refusing.raise_in_package, NameError, "readline"),
        (refusing.call_none, TypeError, "readline"),
    ],
)
def test_an_error_far_from_the_refusal_names_it(
    pool: InterpreterPoolExecutor, fn: Callable[[], object], kind: type[Exception], package: str
) -> None:
    """Where a name is missing, of the package of the module, or of its importer."""
    error = pool.submit(fn).exception(TIME_LIMIT)
    assert type(error) is kind
    assert error.__notes__ == [NOTE.format(package)]


def test_an_argument_that_cannot_be_unpickled_for_it(pool: InterpreterPoolExecutor) -> None:
    """The error has another class then, and the same note."""
    error = pool.submit(tasks.same, refusing.Unloaded()).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert error.__notes__ == [NOTE.format("readline")]


def test_other_errors_have_no_note(pool: InterpreterPoolExecutor) -> None:
    """Errors of other packages, or where nothing is missing, are as they were."""
    assert pool.submit(refusing.import_, "readline").result(TIME_LIMIT) == ["readline"]
    for error in (
        pool.submit(getattr, "text", "nothing").exception(TIME_LIMIT),
        pool.submit(eval, "absent_name").exception(TIME_LIMIT),
        pool.submit(tasks.divide, 1, 0).exception(TIME_LIMIT),
    ):
        assert not hasattr(error, "__notes__")


def test_imports_that_work_are_not_told(pool: InterpreterPoolExecutor) -> None:
    """Extension modules that can be loaded, and modules that are missing."""
    names = "_json", "_decimal", "absent_module"
    assert pool.submit(refusing.import_, *names).result(TIME_LIMIT) == ["absent_module"]
    assert pool.refused_imports() == {}
