"""Errors arrive whole, and the worker that had them goes on."""

import sys
import traceback
from collections.abc import Callable

import pytest

import mishaps
import tasks
from gates import TIME_LIMIT
from interpexec import ExecutionFailed, InterpreterPoolExecutor, NotShareableError

FIELDS = (
    *("code", "value", "name", "path", "errno", "strerror", "filename", "filename2"),
    *("encoding", "object", "start", "end", "reason"),
    *("msg", "lineno", "offset", "text", "end_lineno", "end_offset"),
)
"""The fields that exceptions of the language keep beside their arguments."""


@pytest.fixture
def pool(single: InterpreterPoolExecutor) -> InterpreterPoolExecutor:
    """Return a pool whose one worker survives the test."""
    return single


def _caught(
    pool: InterpreterPoolExecutor, fn: Callable[..., object], *args: object, **kwargs: object
) -> BaseException:
    """Return the exception of a call. It is what `result()` raises, too."""
    future = pool.submit(fn, *args, **kwargs)
    error = future.exception(TIME_LIMIT)
    assert error is not None
    with pytest.raises(BaseException) as caught:  # noqa: PT011  # compared in the next line
        future.result(0)
    assert caught.value is error
    return error


def _raised(
    pool: InterpreterPoolExecutor,
    make: Callable[..., BaseException],
    *args: object,
    **kwargs: object,
) -> BaseException:
    """Let the worker raise what `make` makes there; return what arrives."""
    return _caught(pool, mishaps.make_and_raise, make, *args, **kwargs)


# -- type, arguments, attributes, notes --------------------------------------------


@pytest.mark.parametrize(
    ("make", "args", "kwargs"),
    [
        (ValueError, ("spam", 1, None), {}),
        (KeyError, ("key",), {}),
        (Exception, (), {}),
        (mishaps.Coded, (5,), {"reason": "why"}),
        (mishaps.Silent, (1, 2), {}),
        (mishaps.Slotted, (5,), {}),
        (mishaps.Frozen, (5,), {}),
        (mishaps.Reduced, (5,), {}),
        (mishaps.Counting, (), {"count": 5}),
        (mishaps.HttpError, (404, "http://x/"), {}),
        (OSError, (2, "No such file", "name", None, "other"), {}),
        (OSError, ("only text",), {}),
        (UnicodeDecodeError, ("utf-8", b"\xff", 0, 1, "invalid start byte"), {}),
        (UnicodeEncodeError, ("ascii", "ä", 0, 1, "ordinal not in range"), {}),
        (ImportError, ("no",), {"name": "module", "path": "/path"}),
        (SyntaxError, ("bad", ("file", 1, 2, "text", 1, 3)), {}),
        (mishaps.Falsey, ("falsey",), {}),
        (mishaps.Empty, ("empty",), {}),
        (mishaps.Worded, ("x",), {}),
        (SystemExit, (3,), {}),
        (SystemExit, ("text",), {}),
        (KeyboardInterrupt, ("stop",), {}),
        (GeneratorExit, (), {}),
        (StopIteration, ("value",), {}),
        (StopAsyncIteration, (1,), {}),
        (BaseException, ("base",), {}),
        (NotShareableError, ("ours",), {}),
    ],
)
def test_an_exception_is_what_it_was(
    pool: InterpreterPoolExecutor,
    make: Callable[..., BaseException],
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> None:
    """Its very type, its arguments, text and attributes: as if it had been raised here."""
    twin = make(*args, **kwargs)
    error = _raised(pool, make, *args, **kwargs)
    assert type(error) is type(twin)
    assert error.args == twin.args
    assert str(error) == str(twin)
    assert vars(error) == vars(twin)
    for name in FIELDS:
        assert getattr(error, name, "none") == getattr(twin, name, "none"), name
    assert type(error.__cause__) is ExecutionFailed


@pytest.mark.parametrize(
    ("fn", "kind", "words"),
    [
        (mishaps.missing_file, FileNotFoundError, "/no/such/file"),
        (mishaps.bad_utf8, UnicodeDecodeError, "invalid start byte"),
        (mishaps.missing_attribute, AttributeError, "no_such_name"),
        (mishaps.recurse, RecursionError, "recursion depth"),
        (mishaps.import_missing, ModuleNotFoundError, "no_such_module_anywhere"),
        (mishaps.raise_odd_syntax_error, SyntaxError, "odd"),
        (lambda: 1 / 0, ZeroDivisionError, "division by zero"),
        (lambda: sum.no_such, AttributeError, "no_such"),
        (exec, TypeError, "exec"),
    ],
)
def test_exceptions_of_the_interpreter_itself_arrive(
    pool: InterpreterPoolExecutor, fn: Callable[[], object], kind: type[Exception], words: str
) -> None:
    """Errors of the runtime, with what they hold on to, arrive as themselves."""
    error = _caught(pool, fn)
    assert type(error) is kind
    assert words in str(error)


@pytest.mark.parametrize(
    ("fn", "args"),
    [
        (compile, ("1 +", "some file", "exec")),
        (compile, (b"\xf6", "some file", "exec")),
        (eval, ("no_such_name", {})),
        (mishaps.missing_attribute, ()),
        (mishaps.missing_file, ()),
        (mishaps.bad_utf8, ()),
        (mishaps.import_missing, ()),
        (next, (iter(()),)),
        (exec, ("raise SystemExit(5)",)),
    ],
)
def test_fields_beside_the_arguments_arrive(
    pool: InterpreterPoolExecutor, fn: Callable[..., object], args: tuple[object, ...]
) -> None:
    """File, line and offset of a SyntaxError, the name of a NameError, and the like."""
    with pytest.raises(BaseException) as raised:  # noqa: PT011  # the twin of what arrives
        fn(*args)
    twin, error = raised.value, _caught(pool, fn, *args)
    assert type(error) is type(twin)
    assert (error.args, str(error)) == (twin.args, str(twin))
    for name in FIELDS:
        assert getattr(error, name, None) == getattr(twin, name, None), name


def test_notes_and_attributes_arrive(pool: InterpreterPoolExecutor) -> None:
    """`add_note` in the worker is seen here; so are attributes that were added."""
    error = _caught(pool, mishaps.raise_chained)
    assert error.__notes__ == ["a note", "another"]
    given = ValueError("x")
    given.detail = {"a": [1]}  # type: ignore[attr-defined]
    assert _caught(pool, tasks.fail, given).detail == {"a": [1]}  # type: ignore[attr-defined]


def test_groups_arrive_with_their_members(pool: InterpreterPoolExecutor) -> None:
    """Each member keeps its type and attributes; `except*` works; subclasses are kept."""
    error = _caught(pool, mishaps.raise_group)
    assert isinstance(error, ExceptionGroup)
    assert error.message == "out"
    assert error.exceptions[1].code == 5  # type: ignore[union-attr]
    assert type(error.exceptions[2].exceptions[0]) is FileNotFoundError  # type: ignore[union-attr]
    several = _raised(pool, mishaps.Several, [ValueError(1)], 7)
    assert type(several) is mishaps.Several
    assert several.code == 7  # type: ignore[attr-defined]
    rest = several.split(KeyError)[1]
    assert type(rest) is mishaps.Several
    base = _caught(
        pool, tasks.fail, BaseExceptionGroup("base", [KeyboardInterrupt(), ValueError()])
    )
    assert type(base.exceptions[0]) is KeyboardInterrupt  # type: ignore[attr-defined]


def test_a_task_may_empty_the_path() -> None:
    """Nothing of ours is imported from `sys.path` when a task fails."""
    with InterpreterPoolExecutor(1) as pool:
        error = _caught(pool, tasks.empty_path_and_divide, 1, 0)
    assert type(error) is ZeroDivisionError


# -- the cause: what happened over there ---------------------------------------------


def test_the_cause_tells_what_was_raised_in_the_worker(pool: InterpreterPoolExecutor) -> None:
    """`ExecutionFailed` with `excinfo`; where CPython has that class, it is that one."""
    cause = _raised(pool, mishaps.Coded, 5, reason="why").__cause__
    assert type(cause) is ExecutionFailed
    assert cause.excinfo.type.__name__ == "Coded"
    assert cause.excinfo.type.__module__ == "mishaps"
    assert cause.excinfo.msg == "code 5: why"
    if sys.version_info >= (3, 14):
        from concurrent import interpreters

        assert ExecutionFailed is interpreters.ExecutionFailed


def test_the_workers_traceback_is_text_in_the_cause(pool: InterpreterPoolExecutor) -> None:
    """Printing the exception here shows the lines that failed there, and their causes."""
    error = _caught(pool, mishaps.raise_chained)
    text = "".join(traceback.format_exception(error))
    for words in (
        "in raise_chained",
        "raise second from first",
        "LookupError: the first",
        "a note",
    ):
        assert words in text
    worker_side = str(error.__cause__)
    assert "_worker/main.py" not in worker_side
    assert "mishaps.py" in worker_side


def test_a_falsey_exception_is_raised_too(pool: InterpreterPoolExecutor) -> None:
    """`result()` and `map` raise it, whatever it counts as."""
    for kind in (mishaps.Falsey, mishaps.Empty):
        with pytest.raises(kind):
            pool.submit(mishaps.make_and_raise, kind).result(TIME_LIMIT)
        with pytest.raises(kind):
            list(pool.map(mishaps.make_and_raise, [kind]))
        with pytest.raises(kind):
            list(pool.map(mishaps.make_and_raise, [kind, kind], chunksize=2))


# -- exceptions that cannot be sent ------------------------------------------------------


@pytest.mark.parametrize(
    ("fn", "args", "name"),
    [
        (mishaps.make_and_raise, (mishaps.with_lock,), "locked"),
        (mishaps.make_and_raise, (mishaps.UnpicklableClass,), "UnpicklableClass"),
        (mishaps.make_and_raise, (mishaps.Impostor,), "Impostor"),
        (mishaps.make_and_raise, (mishaps.QuittingPickle,), "QuittingPickle"),
    ],
)
@pytest.mark.parametrize("chunksize", [0, 1, 2])
def test_an_exception_that_cannot_be_sent_is_named(
    pool: InterpreterPoolExecutor,
    fn: Callable[..., object],
    args: tuple[object, ...],
    name: str,
    chunksize: int,
) -> None:
    """NotShareableError names it, and its cause tells of it; chunks are no different."""
    if chunksize:
        with pytest.raises(BaseException) as caught:  # noqa: PT011  # looked at below
            list(pool.map(tasks.apply, [fn] * 3, *([arg] * 3 for arg in args), chunksize=chunksize))
        error = caught.value
    else:
        error = _caught(pool, fn, *args)
    assert type(error) is NotShareableError
    assert name in str(error)
    assert type(error.__cause__) is ExecutionFailed


@pytest.mark.parametrize("kind", [mishaps.Unprintable, mishaps.Quitting])
def test_an_exception_without_a_text_arrives(
    pool: InterpreterPoolExecutor, kind: type[Exception]
) -> None:
    """One whose `__str__` fails, in whatever way, is still itself."""
    error = _raised(pool, kind, 1)
    assert type(error) is kind
    assert error.args == (1,)
    assert error.__cause__.excinfo.type.__name__ == kind.__name__  # type: ignore[union-attr]


# -- extensions that refuse subinterpreters ------------------------------------------------


def test_a_refusing_extension_is_told_with_a_hint(pool: InterpreterPoolExecutor) -> None:
    """The real ImportError, with the module's name, and a note that says what to do."""
    error = _caught(pool, mishaps.import_refusing_extension)
    assert type(error) is ImportError
    assert "_tracemalloc" in str(error)
    notes = " ".join(error.__notes__)
    assert "_tracemalloc" in notes
    assert "ProcessPoolExecutor" in notes


def test_a_task_whose_module_needs_a_refusing_extension_is_told(
    pool: InterpreterPoolExecutor,
) -> None:
    """The import happens while the call is unpickled: the error is the same."""
    import tracemalloc

    error = _caught(pool, tracemalloc.is_tracing)
    assert type(error) is ImportError or "_tracemalloc" in str(error)
    assert "_tracemalloc" in str(error)
    error = _caught(pool, tracemalloc.Filter, True, "x")
    assert type(error) is ImportError
    assert "_tracemalloc" in " ".join(error.__notes__)
