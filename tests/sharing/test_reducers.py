"""The table of reducers: which types it keeps."""

import pytest

import tasks
from interpexec import InterpreterPoolExecutor
from interpexec._sharing import reducers

pytestmark = pytest.mark.fast


def test_a_type_that_is_always_there_is_looked_up_once() -> None:
    """The type of `abs`, which no name leads to, is kept as well."""
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(abs, -1).result()
        assert dict.__contains__(reducers.table(), type(abs))


def test_a_type_that_may_come_and_go_is_not_kept() -> None:
    """A class that was made for one call dies with it."""

    class Local:
        pass

    with InterpreterPoolExecutor(1) as pool:
        pool.submit(tasks.same, Local()).result()
    assert not dict.__contains__(reducers.table(), Local)
