"""Two warm workers for the maps of a file: no map leaves anything behind in them."""

from collections.abc import Iterator

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
