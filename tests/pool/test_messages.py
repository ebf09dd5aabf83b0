"""The errors say what to do: of options, closed things, broken pools, modules, timeouts."""

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from queue import ShutDown
from types import ModuleType

import pytest

import interpexec
import tasks
from gates import TIME_LIMIT, Gate
from interpexec import (
    BrokenInterpreterPool,
    ChannelClosedError,
    InterpreterPoolExecutor,
    NotShareableError,
    SharedBuffer,
    create_channel,
    sync,
)
from interpexec._sharing import notes, raised

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def pool() -> Iterator[InterpreterPoolExecutor]:
    """One worker for the whole module, warm, so that no test seems to leave it behind."""
    with InterpreterPoolExecutor(1, "Kitchen") as pool:
        assert pool.submit(int, "x").exception(TIME_LIMIT) is not None
        yield pool


def _notes(error: BaseException | None) -> str:
    assert error is not None
    return "\n".join(getattr(error, "__notes__", []))


# -- options that the function refuses ---------------------------------------------------


def _wrapper(*args: object, **keys: object) -> object:
    return tasks.same(*args, **keys)  # type: ignore[arg-type]  # it passes everything on


@pytest.mark.parametrize("fn", [tasks.same, int, _wrapper])
def test_a_timeout_that_the_function_refuses_is_explained(
    pool: InterpreterPoolExecutor, fn: Callable[..., object]
) -> None:
    """The error is the function's own; a note says how a call gets a limit."""
    error = pool.submit(fn, 1, timeout=5).exception(TIME_LIMIT)
    assert type(error) is TypeError
    assert "pool.with_options(timeout=...).submit(...)" in _notes(error)


def test_an_option_of_map_is_explained(pool: InterpreterPoolExecutor) -> None:
    """`chunksize` is no option of a single call."""
    error = pool.submit(tasks.same, 1, chunksize=5).exception(TIME_LIMIT)
    assert "pool.map(..., chunksize=...)" in _notes(error)


def test_other_type_errors_have_no_note(pool: InterpreterPoolExecutor) -> None:
    """Neither without such a keyword, nor where that is not the reason."""
    assert not _notes(pool.submit(tasks.same, 1, other=5).exception(TIME_LIMIT))
    assert not _notes(pool.submit(tasks.same).exception(TIME_LIMIT))
    assert not _notes(pool.submit(max, 1, "a").exception(TIME_LIMIT))


def test_every_option_is_known() -> None:
    """A new option of `with_options` is explained, too."""
    options = set(signature(InterpreterPoolExecutor.with_options).parameters) - {"self"}
    assert options <= notes._OPTIONS.keys()


# -- modules --------------------------------------------------------------------------------


def test_a_module_that_is_found_here_only_is_explained(
    pool: InterpreterPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that the program itself has made: a worker has no such module."""
    monkeypatch.setitem(sys.modules, "handmade", ModuleType("handmade"))
    error = pool.submit(__import__, "handmade").exception(TIME_LIMIT)
    assert type(error) is ModuleNotFoundError
    assert "'handmade' is found here. A worker has the program's `sys.path`" in _notes(error)


def test_a_file_that_is_found_here_only_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path was extended while the call was in the worker."""
    (tmp_path / "found_here_only.py").touch()
    with pytest.raises(ModuleNotFoundError) as caught:
        __import__("found_here_only")
    packed = raised.pack(caught.value)
    monkeypatch.syspath_prepend(tmp_path)
    assert "'found_here_only' is found here" in _notes(raised.revive(packed))


@pytest.mark.parametrize("name", ["no_such_module", "json.no_such_module", "no_such.module"])
def test_a_module_that_is_nowhere_has_no_note(pool: InterpreterPoolExecutor, name: str) -> None:
    """`sys.path` is not the reason."""
    error = pool.submit(__import__, name).exception(TIME_LIMIT)
    assert type(error) is ModuleNotFoundError
    assert not _notes(error)


# -- timeouts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeout", "kind"), [("5", TypeError), ([], TypeError), (float("nan"), ValueError)]
)
def test_a_wrong_timeout_is_named(
    pool: InterpreterPoolExecutor, door: Gate, timeout: float, kind: type[Exception]
) -> None:
    """By `result()` and `exception()`; the call goes on."""
    future = pool.submit(tasks.pass_gate, door.handle)
    for wait in future.result, future.exception:
        with pytest.raises(kind, match=r"^timeout must be a number of seconds or None, got "):
            wait(timeout)
    door.open()
    future.result(TIME_LIMIT)


def test_a_result_that_is_late_names_the_call(pool: InterpreterPoolExecutor, door: Gate) -> None:
    """The call, and the time; and a cancelled one says so."""
    future = pool.submit(tasks.pass_gate, door.handle)
    with pytest.raises(
        TimeoutError, match=r"^pass_gate has not ended within 0\.01 s, and goes on$"
    ):
        future.result(0.01)
    waiting = pool.submit(tasks.same, 1)
    waiting.cancel()
    with pytest.raises(BaseException, match=r"^same was cancelled$"):  # CancelledError
        waiting.result()
    door.open()
    future.result(TIME_LIMIT)


# -- broken pools ------------------------------------------------------------------------------


@pytest.fixture
def _quiet() -> Iterator[None]:
    """Keep the log of the broken pools from the tests' output."""
    logger = logging.getLogger("concurrent.futures")
    logger.disabled = True
    yield
    logger.disabled = False


@pytest.mark.usefixtures("_quiet")
def test_a_broken_pool_names_the_initializer_and_its_error() -> None:
    """By the futures, by `submit` and by `warm`."""
    with InterpreterPoolExecutor(1, "Cellar", tasks.divide, (1, 0)) as broken:
        error = broken.submit(int).exception(TIME_LIMIT)
        told = [str(error)]
        for use in broken.warm, lambda: broken.submit(int):
            with pytest.raises(BrokenInterpreterPool) as caught:
                use()
            told.append(str(caught.value))
    expected = (
        "the pool Cellar is not usable anymore: the initializer, divide, raised"
        " ZeroDivisionError: division by zero"
    )
    assert set(told) == {expected}
    assert type(error.__cause__) is ZeroDivisionError  # type: ignore[union-attr]


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"initializer": tasks.same, "initargs": (threading.Lock(),)},
            "initargs[0] cannot be sent to another interpreter: <",
        ),
        (
            {"finalizer": tasks.same, "finalargs": ([threading.Lock()],)},
            "finalargs[0][0] cannot be sent to another interpreter: <",
        ),
        ({"initializer": threading.Lock().acquire}, "initializer.__self__ cannot be sent"),
    ],
)
def test_a_broken_pool_names_what_cannot_be_sent(options: dict[str, object], text: str) -> None:
    """By the names of the pool's own arguments."""
    with InterpreterPoolExecutor(1, **options) as broken:  # type: ignore[arg-type]
        error = broken.submit(int).exception(TIME_LIMIT)
    assert type(error) is BrokenInterpreterPool
    assert f"no worker could be made ready: NotShareableError: {text}" in str(error)
    assert type(error.__cause__) is NotShareableError


# -- things that are closed ------------------------------------------------------------------


def test_a_pool_that_was_shut_down_is_named() -> None:
    """By all that submit something."""
    pool = InterpreterPoolExecutor(1, "Attic")
    pool.shutdown()
    uses: list[Callable[[], object]] = [
        lambda: pool.submit(int),
        lambda: pool.map(int, [1]),
        lambda: pool.broadcast(int),
        pool.warm,
    ]
    for use in uses:
        with pytest.raises(RuntimeError, match=r"after shutdown: Attic was shut down$"):
            use()


def test_an_end_of_a_channel_is_named() -> None:
    """Closed or released, and by which operation it is met."""
    receiver, sender = create_channel()
    sender.close()
    with pytest.raises(
        ChannelClosedError, match=r"^the channel is closed: nothing more can be sent$"
    ):
        sender.send(1)
    with pytest.raises(
        ChannelClosedError, match=r"^the channel is closed, and nothing is left in it$"
    ):
        receiver.recv()
    for end in receiver, sender:
        end.release()
    with pytest.raises(ValueError, match=r"^this end of the channel was released$"):
        receiver.recv()


def test_a_queue_and_a_buffer_are_named() -> None:
    """`queue.ShutDown` has no text of its own."""
    queue = sync.Queue[int](3)
    queue.shutdown()
    for use in (lambda: queue.put(1)), queue.get:
        with pytest.raises(ShutDown, match=r"^<interpexec\.sync\.Queue at .* was shut down$"):
            use()
    buffer = SharedBuffer(1)
    buffer.close()
    with pytest.raises(ValueError, match=r"^the SharedBuffer was closed$"):
        memoryview(buffer)


# -- tracebacks ------------------------------------------------------------------------------


def _printed(error: BaseException | None) -> str:
    assert error is not None
    return "".join(traceback.format_exception(error))


def _ways(pool: InterpreterPoolExecutor) -> dict[str, Callable[[], object]]:
    return {
        "submit": lambda: pool.submit(tasks.divide, 1, 0).result(TIME_LIMIT),
        "map": lambda: list(pool.map(tasks.divide, [1], [0])),
        "imap_unordered": lambda: list(pool.imap_unordered(tasks.divide, [1], [0])),
        "chunks": lambda: list(pool.map(tasks.divide, [1, 2], [1, 0], chunksize=2)),
        "broadcast": lambda: pool.broadcast(tasks.divide, 1, 0)[0].result(TIME_LIMIT),
    }


@pytest.mark.parametrize("how", ["submit", "map", "imap_unordered", "chunks", "broadcast"])
def test_the_workers_traceback_begins_with_the_function(
    pool: InterpreterPoolExecutor, how: str
) -> None:
    """No line of this package is in it, whatever has called the function."""
    with pytest.raises(ZeroDivisionError) as caught:
        _ways(pool)[how]()
    there = str(caught.value.__cause__)
    lines = [line for line in there.splitlines() if line.startswith("  File ")]
    assert len(lines) == 1
    assert "in divide" in lines[0]
    assert there.startswith("ZeroDivisionError: division by zero\n\nUncaught in the interpreter:")
    assert _printed(caught.value).count("division by zero") == 2  # at the head, and at the end


FRAMES = {"submit": 1, "broadcast": 1, "map": 1, "chunks": 1, "imap_unordered": 3}


@pytest.mark.parametrize("how", FRAMES)
def test_few_frames_stand_before_the_reason(pool: InterpreterPoolExecutor, how: str) -> None:
    """Behind the line that asks for the result: one of this package, where that can be."""
    with pytest.raises(ZeroDivisionError) as caught:
        _ways(pool)[how]()
    package = str(Path(interpexec.__file__).parent)
    ours = [each for each in caught.traceback if str(each.path).startswith(package)]
    assert len(ours) == FRAMES[how]


def test_a_refusal_is_told_once(pool: InterpreterPoolExecutor) -> None:
    """An argument, an item, a result: no cause says the same in pickle's words."""
    lock = threading.Lock()
    errors = [
        pool.submit(tasks.same, lock).exception(TIME_LIMIT),
        pool.submit(threading.Lock).exception(TIME_LIMIT),
        pool.submit(lambda: lock).exception(TIME_LIMIT),
    ]
    with pytest.raises(NotShareableError) as caught:
        list(pool.map(tasks.same, [lock]))
    for error in [*errors, caught.value]:
        text = _printed(error)
        assert text.count("cannot be sent") == 1
        assert text.count("sync.Lock") == 1
        assert "cannot pickle" not in text


def test_a_note_is_told_once(pool: InterpreterPoolExecutor) -> None:
    """The exception brings its notes, and its traceback in the worker leaves them out."""
    error = ValueError("x")
    error.add_note("this is worth to know")
    error.add_note("and so is\nthis")
    text = _printed(pool.submit(tasks.fail, error).exception(TIME_LIMIT))
    assert text.count("worth to know") == text.count("and so is\nthis") == 1


def test_an_import_that_fails_shows_only_the_users_lines(
    pool: InterpreterPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a call is unpickled: not those of importlib."""
    (tmp_path / "fails_in_workers.py").write_text(
        "import interpexec._core.main_module as m\nif m.is_worker(): 1 / 0\ndef f(): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import fails_in_workers  # type: ignore[import-not-found]  # it has just been written

    with InterpreterPoolExecutor(1) as other:
        error = other.submit(fails_in_workers.f).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    there = str(error.__cause__)
    assert "fails_in_workers.py" in there
    assert "importlib" not in there
    assert "main_module.py" not in there
