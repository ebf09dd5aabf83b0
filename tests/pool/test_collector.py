"""Memory runs out in the collector: every call ends all the same, and so does the pool."""

from typing import TYPE_CHECKING, Any

import pytest

import tasks
from gates import TIME_LIMIT, Gate
from interpexec import BrokenInterpreterPool, InterpreterPoolExecutor
from interpexec._pool.call_table import CallTable
from interpexec._pool.future import CallFuture
from interpexec._pool.link import Link
from interpexec._pool.losses import Losses
from interpexec._worker import wire
from stops import run

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.fast


class Failing:
    """A function of the package that fails so many times before it does its work."""

    def __init__(self, owner: type, name: str, times: int, patch: pytest.MonkeyPatch) -> None:
        self.left = times
        function: Callable[..., Any] = getattr(owner, name)

        def fail_or_do(*args: object, **kwargs: object) -> object:
            if self.left:
                self.left -= 1
                raise MemoryError
            return function(*args, **kwargs)

        patch.setattr(owner, name, fail_or_do)


def test_a_worker_is_buried_in_the_second_try(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The pool is broken then, and ends."""
    pool = InterpreterPoolExecutor(1)
    assert pool.submit(abs, -1).result(TIME_LIMIT) == 1
    failing = Failing(Losses, "bury", 1, monkeypatch)
    run(pool.shutdown)
    assert failing.left == 0
    assert [type(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        MemoryError
    ]


def test_the_pool_breaks_in_the_third_try(
    door: Gate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """1. the collector fails; 2. recalling the calls fails twice. The running call ends well."""
    with InterpreterPoolExecutor(1) as pool:
        running = pool.submit(tasks.pass_gate, door.handle, "done")
        door.await_knocks(1)
        waiting = [pool.submit(abs, number) for number in range(200)]
        failing = Failing(Link, "recall", 2, monkeypatch)

        def fail() -> None:
            raise MemoryError

        pool._scheduler.leave_to_collector(fail)
        errors = {type(each.exception(TIME_LIMIT)) for each in waiting}
        assert errors == {BrokenInterpreterPool}
        door.open()
        assert running.result(TIME_LIMIT) == "done"
    assert failing.left == 0
    assert caplog.records


def test_an_answer_that_cannot_be_noted_leaves_its_call_on_the_table() -> None:
    """Where the list cannot grow: the call is then given up with the others, and ends."""

    class Full(list[Any]):
        def append(self, _: object) -> None:
            raise MemoryError

    table = CallTable()
    future: CallFuture[object] = CallFuture(1, None, None)
    table.out = {1: future}
    with pytest.raises(MemoryError):
        table.settle([wire.seal(b"reply", 1)], Full())
    assert table.close() == [future]
