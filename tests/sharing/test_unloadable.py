"""Arguments whose module no worker can import: the error names them."""

from pathlib import Path
from types import SimpleNamespace

import pytest

import only_main
import programs
import tasks
from interpexec import InterpreterPoolExecutor
from stops import TIME_LIMIT

pytestmark = pytest.mark.fast

WORDS = "cannot be imported in a worker: pass what the function needs of it, as plain objects"


def notes_of(error: BaseException | None) -> list[str]:
    """Return the notes of the package."""
    assert type(error) is ImportError
    assert "does not support loading in subinterpreters" in str(error)
    return [each for each in error.__notes__ if each.startswith("interpexec: ")]


@pytest.mark.parametrize(
    ("args", "kwargs", "path", "name"),
    [
        ((only_main.Number(),), {}, "args[0]", "Number"),
        ((1, [{"k": only_main.number()}]), {}, "args[1][0]['k']", "number"),
        ((1,), {"key": (0, only_main.Number)}, "kwargs['key'][1]", "Number"),
        ((SimpleNamespace(x=only_main.Number()),), {}, "args[0].x", "Number"),
        ((b"x" * 100_000, memoryview(b"x"), only_main.number()), {}, "args[2]", "number"),
    ],
)
def test_the_argument_is_named(
    pool: InterpreterPoolExecutor,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    path: str,
    name: str,
) -> None:
    """By the way to it, and by what it needs; and the worker goes on."""
    error = pool.submit(tasks.same, *args, **kwargs).exception(TIME_LIMIT)
    assert notes_of(error) == [f"interpexec: {path} needs only_main.{name}, which {WORDS}"]
    assert pool.submit(int).result(TIME_LIMIT) == 0


def test_the_function_needs_no_name(pool: InterpreterPoolExecutor) -> None:
    """Its module is in the error itself; the note says where it can be run."""
    (note,) = notes_of(pool.submit(only_main.number).exception(TIME_LIMIT))
    assert "only_main._core" in note
    assert "ThreadPoolExecutor" in note


def test_an_item_of_a_map_is_named(pool: InterpreterPoolExecutor) -> None:
    """Each item is unpickled by itself."""
    first, second = pool.outcomes(tasks.same, [[1], only_main.number()])
    assert first.value == [1]
    (note,) = notes_of(second.error)
    assert note.startswith("interpexec: args[0] needs only_main.number")


def test_a_module_that_is_missing_there(tmp_path: Path) -> None:
    """One that the program has made is not in workers."""
    program = """
        import sys, types

        made = types.ModuleType("made")
        exec("class A: pass", vars(made))
        sys.modules["made"] = made
        made.__spec__ = types.SimpleNamespace(origin="built-in")  # it seems to be Python's own

        if __name__ == "__main__":
            with InterpreterPoolExecutor(1) as pool:
                error = pool.submit(print, made.A()).exception()
                print(type(error).__name__, error.__notes__)
    """
    told = programs.output(programs.write(tmp_path / "program.py", program))
    assert told.startswith("ModuleNotFoundError ")
    assert "args[0] needs made.A, which cannot be imported in a worker" in told
