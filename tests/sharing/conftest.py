"""Fixtures of the tests of sharing: a warm worker, a file, a stock of what can leak."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import sharing_tasks
from blocks import await_blocks, blocks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, buffers
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


@pytest.fixture
def no_block_is_left() -> Iterator[None]:
    """Fail a test that leaves a shared buffer's memory behind."""
    before = blocks()
    yield
    await_blocks(before)


@pytest.fixture(params=["memfd", "shm", "file"])
def memory_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make shared buffers of each kind of memory: the platform seems to lack the others."""
    memfd, shm = request.param == "memfd", request.param != "file"
    monkeypatch.setattr(buffers, "HAS_MEMFD", memfd and buffers.HAS_MEMFD)
    monkeypatch.setattr(buffers, "HAS_SHM", shm)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a `__main__` of the test's own, as a notebook has."""
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    return main
