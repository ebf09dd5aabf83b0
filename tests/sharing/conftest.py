"""One warm worker for all tests of a file: it survives whatever is sent to it."""

from collections.abc import Iterator

import pytest

import sharing_tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor


@pytest.fixture(scope="module")
def pool() -> Iterator[InterpreterPoolExecutor]:
    """Make one worker that has imported its tasks, and see that it is there at the end."""
    with InterpreterPoolExecutor(1) as made:
        made.submit(sharing_tasks.nothing).result(TIME_LIMIT)
        yield made
        assert made.submit(abs, -1).result(TIME_LIMIT) == 1
        assert len(made._threads) == 1
