"""Two warm workers for the maps of a file: no map leaves anything behind in them. Progress."""

from collections.abc import Callable, Iterator

import pytest

from interpexec import InterpreterPoolExecutor


@pytest.fixture(scope="module")
def pool() -> Iterator[InterpreterPoolExecutor]:
    """Make a pool, and see at the end that both workers are there."""
    with InterpreterPoolExecutor(2) as made:
        made.warm()
        yield made
        made.warm()
        assert len(made._threads) == 2


@pytest.fixture
def told() -> list[tuple[int, int, int | None]]:
    """Return the numbers of a progress that a callable was given."""
    return []


@pytest.fixture
def tell(told: list[tuple[int, int, int | None]]) -> Callable[..., None]:
    """Return a callable that remembers the numbers."""
    return lambda *numbers: told.append(numbers)
