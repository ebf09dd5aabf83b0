"""Exceptions of a map name the item that they come from."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

import mishaps
import tasks
from gates import Gate
from interpexec import InterpreterPoolExecutor, aio
from iterators import METHODS


class OwnSubmit(InterpreterPoolExecutor):
    """A subclass whose maps go through its own `submit`."""

    def submit(self, fn: Callable[..., object], /, *args: object, **kwargs: object) -> Any:
        """Do as the base class."""
        return super().submit(fn, *args, **kwargs)


@pytest.fixture(params=[InterpreterPoolExecutor, OwnSubmit])
def pool(request: pytest.FixtureRequest) -> Iterator[InterpreterPoolExecutor]:
    """Make a pool of two workers, whose maps go one way or the other."""
    with request.param(2) as made:
        yield made


def notes(pool: InterpreterPoolExecutor, method: str, *args: Any, **options: Any) -> list[str]:
    """Return the notes of the first exception of a map."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  # its notes tell which one it is
        if method.startswith("aio."):
            asyncio.run(_advance(getattr(aio, method[4:])(pool, *args, **options)))
        else:
            list(getattr(pool, method)(*args, **options))
    return getattr(caught.value, "__notes__", [])


async def _advance(results: Any) -> None:
    async for _ in results:
        pass


ALL = [*METHODS, "aio.map", "aio.imap_unordered"]


@pytest.mark.parametrize("chunksize", [None, 1])
@pytest.mark.parametrize("method", ALL)
def test_an_exception_names_its_item(
    pool: InterpreterPoolExecutor, method: str, chunksize: int | None
) -> None:
    """By its number and its arguments, plain ones and others."""
    found = notes(pool, method, tasks.divide, [6, 6, 6], [1, 0, 2], chunksize=chunksize)
    assert found == ["item 1 of the map: divide(6, 0)"]
    items = [{"a": 1}, {"b": 2}]
    found = notes(pool, method, get_a, items, chunksize=chunksize)
    assert found == ["item 1 of the map: get_a({'b': 2})"]


def get_a(mapping: dict[str, int]) -> int:
    """Look something up."""
    return mapping["a"]


@pytest.mark.parametrize("method", METHODS)
def test_long_arguments_are_cut_short(pool: InterpreterPoolExecutor, method: str) -> None:
    """Their number, too."""
    (found,) = notes(pool, method, tasks.fail, ["x" * 10_000], chunksize=1)
    assert len(found) < 200
    assert found.startswith("item 0 of the map: fail('xxx")
    (found,) = notes(pool, method, get_a, *([number] for number in range(7)), chunksize=1)
    assert found == "item 0 of the map: get_a(0, 1, 2, 3, ...)"


@pytest.mark.parametrize("method", METHODS)
def test_an_argument_that_cannot_be_shown_is_named(method: str) -> None:
    """By its type; the exception of its `__repr__` is not raised."""
    with InterpreterPoolExecutor(1) as pool:
        found = notes(pool, method, abs, [mishaps.ExplodesInRepr()])
    assert found[0].startswith("item 0 of the map: abs(<ExplodesInRepr ")


@pytest.mark.parametrize("method", METHODS)
def test_a_limit_that_is_over_names_the_item(
    pass_by: tuple[InterpreterPoolExecutor, Gate], method: str
) -> None:
    """The limit of a call in a note, the limit of the map in its message."""
    pool, door = pass_by
    limited = pool.with_options(timeout=0.05)
    (found,) = notes(limited, method, tasks.pass_gate, [door.handle])
    assert found.startswith("item 0 of the map: pass_gate(")
    with pytest.raises(TimeoutError, match=r"timed out waiting for .*of the map"):
        next(getattr(pool, method)(tasks.pass_gate, [door.handle], timeout=0.05))


@pytest.mark.parametrize("method", METHODS)
def test_an_exception_that_takes_no_note_comes_without(method: str) -> None:
    """The exception is raised as it is."""
    with InterpreterPoolExecutor(1) as pool:
        call = partial(mishaps.make_and_raise, mishaps.Frozen)
        assert notes(pool, method, call, [3]) == []


def test_an_exception_of_the_iterable_is_no_items(pool: InterpreterPoolExecutor) -> None:
    """No note, and it comes behind all items where order does not matter, too."""

    def items() -> Iterator[int]:
        yield from range(50)
        raise LookupError("no more")

    found: list[int] = []
    with pytest.raises(LookupError, match="no more") as caught:
        found.extend(pool.imap_unordered(tasks.same, items()))
    assert not hasattr(caught.value, "__notes__")
    if type(pool) is InterpreterPoolExecutor:  # else the iterable is read by `submit`'s caller
        assert sorted(found) == [*range(50)]
