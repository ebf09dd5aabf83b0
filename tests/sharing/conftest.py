"""Fixtures of the tests of sharing: a warm worker, a file, a stock of what can leak."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import sharing_tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor
from stock import Stock


@pytest.fixture(scope="module")
def pool() -> Iterator[InterpreterPoolExecutor]:
    """Make one worker that has imported its tasks, and see that it is there at the end."""
    with InterpreterPoolExecutor(1) as made:
        made.submit(sharing_tasks.nothing).result(TIME_LIMIT)
        yield made
        assert made.submit(abs, -1).result(TIME_LIMIT) == 1
        assert len(made._threads) == 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file with numbered lines."""
    made = tmp_path / "file"
    made.write_bytes(b"".join(b"line %04d\n" % number for number in range(2000)))
    return made


@pytest.fixture
def stock() -> Iterator[Stock]:
    """Make one of each thing that can leak; nothing of it may be held by anybody at the end."""
    made = Stock()
    yield made
    made.check()
    made.close()
