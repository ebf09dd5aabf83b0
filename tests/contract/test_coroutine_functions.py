"""A coroutine function is no function of a call: TypeError at once, with the way out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from unittest.mock import Mock

import pytest

import tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, aio

pytestmark = pytest.mark.fast


async def work(value: int = 0) -> int:
    """Return what is given: never called."""
    return value


async def items() -> AsyncIterator[int]:
    """Yield nothing of interest: never called."""
    yield 1


class Worker:
    """Callable in three ways that all give coroutines."""

    async def work(self) -> int:
        """Return a number: never called."""
        return 1

    async def __call__(self) -> int:
        return 1

    @staticmethod
    async def static() -> int:
        """Return a number: never called."""
        return 1


FORMS: dict[str, Callable[..., object]] = {
    "work": work,
    "items": items,
    "partial(work)": partial(partial(work, 1)),
    "Worker.work": Worker().work,
    "Worker": Worker(),
    "Worker.static": Worker.static,
}


@pytest.mark.parametrize("name", FORMS)
def test_submit_refuses_it(pool: InterpreterPoolExecutor, name: str) -> None:
    """In whatever it is wrapped; the error names it, and says how it is run."""
    with pytest.raises(TypeError) as caught:
        pool.submit(FORMS[name])
    assert str(caught.value) == (
        f"fn must be a plain function, and {name} is a coroutine function (async def):"
        f" pass a function that calls asyncio.run({name}(...))"
    )
    assert pool.workers() == []


@pytest.mark.parametrize("method", ["map", "imap_unordered", "broadcast"])
def test_the_other_methods_refuse_it(pool: InterpreterPoolExecutor, method: str) -> None:
    """Maps, before an iterable is read; and broadcasts."""
    with pytest.raises(TypeError, match="coroutine function"):
        getattr(pool, method)(work, [1])


def test_asyncio_refuses_it(pool: InterpreterPoolExecutor) -> None:
    """`run_in_executor` as well: its debug mode always did."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(TypeError, match="coroutine function"):
            await loop.run_in_executor(pool, work)
        with pytest.raises(TypeError, match="coroutine function"):
            await aio.run(pool, work)
        for mapping in aio.map, aio.imap_unordered:
            with pytest.raises(TypeError, match="coroutine function"):
                mapping(pool, work, [1])

    asyncio.run(main())


def test_an_initializer_may_not_be_one() -> None:
    """Nothing would await what it returns."""
    with pytest.raises(TypeError, match="initializer must be a plain function, and work is a cor"):
        InterpreterPoolExecutor(1, initializer=work)


def _run() -> int:
    return asyncio.run(work(5))


def test_plain_functions_are_taken(pool: InterpreterPoolExecutor) -> None:
    """Builtins, classes, methods, partials; and the way out works."""
    for fn, expected in (
        (_run, 5),
        (tasks.interpreter, ...),
        (int, 0),
        ("a".upper, "A"),
        (partial(pow, 2, 3), 8),
    ):
        result = pool.submit(fn).result(TIME_LIMIT)  # type: ignore[arg-type]
        assert expected in {result, ...}
    pool.submit(Mock()).exception(TIME_LIMIT)  # whether it can be sent is another question
