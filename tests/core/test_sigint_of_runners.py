"""Ctrl-C in asyncio's runner: its handler decides what to do, and the marks when it is raised."""

import asyncio
import gc
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from interpexec import InterpreterPoolExecutor, aio
from interpexec._core import sigint
from interpexec._core.sigint import noted, protected, unbroken, watch
from stops import TIME_LIMIT, finish, start

pytestmark = pytest.mark.fast


def interrupt() -> None:
    """Do as if Ctrl-C was pressed here."""
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    """Have Python's own handler first, as a program has that begins with `asyncio.run`."""
    watch()
    signal.signal(signal.SIGINT, sigint._python_handler)
    signal.default_int_handler = sigint._python_handler  # type: ignore[assignment]  # as it was
    yield
    watch()
    assert signal.getsignal(signal.SIGINT) is sigint._handler
    assert sigint._running() is None
    assert not noted


async def be_cancelled(steps: list[str]) -> None:
    """Wait for the end."""
    watch()
    interrupt()
    steps.append("went on")
    try:
        await asyncio.sleep(TIME_LIMIT)
    except asyncio.CancelledError:
        steps.append("cancelled")
        raise


@pytest.mark.parametrize("debug", [False, True])
def test_the_first_one_cancels_the_main_task_in_each_run(debug: bool) -> None:
    """The handler is there between the runs, as it was before; nobody keeps a runner."""
    for _ in range(3):
        steps: list[str] = []
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(be_cancelled(steps), debug=debug)
        assert steps == ["went on", "cancelled"]
        assert signal.getsignal(signal.SIGINT) is sigint._handler
        assert signal.default_int_handler is sigint._handler
        gc.collect()
        assert sigint._runner() is None
        with pytest.raises(KeyboardInterrupt):
            interrupt()


def test_one_runner_may_run_several_times() -> None:
    """A runner has another handler in each run."""
    steps: list[str] = []
    with asyncio.Runner() as runner:
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                runner.run(be_cancelled(steps))
    assert steps == ["went on", "cancelled"] * 2


def run_in_loop(function: Callable[[], object]) -> None:
    """Call a function in a coroutine, after a first interrupt."""

    async def main() -> None:
        watch()
        interrupt()
        function()
        await asyncio.sleep(TIME_LIMIT)

    asyncio.run(main())


def test_the_second_one_is_raised_where_the_protected_function_ends() -> None:
    """The runner itself would raise it in the middle."""
    steps = []

    @protected
    def function() -> None:
        interrupt()
        steps.append("done")

    with pytest.raises(KeyboardInterrupt):
        run_in_loop(function)
    assert steps == ["done"]


def test_both_may_come_in_the_same_protected_function() -> None:
    """The first one is handed on at once: it cancels the task, and raises nothing."""
    steps = []

    @protected
    def function() -> None:
        interrupt()
        assert asyncio.current_task().cancelling() == 1  # type: ignore[union-attr]  # there is one
        steps.append("cancelled")
        interrupt()
        steps.append("done")

    async def main() -> None:
        watch()
        function()
        steps.append("never")

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert steps == ["cancelled", "done"]


def test_the_second_one_in_a_destructor_comes_behind_it(capfd: pytest.CaptureFixture[str]) -> None:
    """Python would print and drop it."""
    steps = []

    class Mortal:
        @unbroken
        def __del__(self) -> None:
            interrupt()
            steps.append("done")

    def drop() -> None:
        Mortal()
        assert not threading.Event().wait(TIME_LIMIT), "it never came"

    with pytest.raises(KeyboardInterrupt):
        run_in_loop(drop)
    assert steps == ["done"]
    assert capfd.readouterr().err == ""


def test_the_second_one_in_the_users_code_is_raised_at_once() -> None:
    """As asyncio does it."""
    steps = []

    def function() -> None:
        interrupt()
        steps.append("never")

    with pytest.raises(KeyboardInterrupt):
        run_in_loop(function)
    assert not steps


def test_a_pool_that_is_made_or_used_in_a_loop_is_protected() -> None:
    """Its constructor looks, and each `submit`: here one more, as another library was there."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        runner = signal.getsignal(signal.SIGINT)
        async with InterpreterPoolExecutor(1) as pool:
            assert signal.getsignal(signal.SIGINT) is sigint._handler
            signal.signal(signal.SIGINT, runner)
            assert await loop.run_in_executor(pool, pow, 2, 3) == 8
            assert signal.getsignal(signal.SIGINT) is sigint._handler
            assert sigint._running() is runner

    asyncio.run(main())


def test_maps_and_the_end_of_a_pool_look_as_well() -> None:
    """A pool that was made before the loop, and of which only these are used in it."""

    async def use(pool: InterpreterPoolExecutor) -> None:
        runner = signal.getsignal(signal.SIGINT)
        assert [each async for each in aio.map(pool, abs, range(3))] == [0, 1, 2]
        assert signal.getsignal(signal.SIGINT) is sigint._handler
        signal.signal(signal.SIGINT, runner)
        assert list(pool.map(abs, range(3))) == [0, 1, 2]
        assert signal.getsignal(signal.SIGINT) is sigint._handler
        signal.signal(signal.SIGINT, runner)
        await aio.shutdown(pool)
        assert signal.getsignal(signal.SIGINT) is sigint._handler

    asyncio.run(use(InterpreterPoolExecutor(1)))


def test_a_handler_of_the_programs_own_is_left_alone() -> None:
    """One that replaces asyncio's in a loop, for example by `add_signal_handler`."""
    called = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, called.append, 1)
        own = signal.getsignal(signal.SIGINT)
        watch()
        assert signal.getsignal(signal.SIGINT) is own
        interrupt()
        await asyncio.sleep(0.01)
        loop.remove_signal_handler(signal.SIGINT)

    asyncio.run(main())
    assert called == [1]
    signal.signal(signal.SIGINT, sigint._python_handler)


def test_a_runner_in_another_thread_has_no_handler() -> None:
    """Nor does the look of that thread change the main thread's."""

    async def main() -> None:
        watch()

    finish(start(asyncio.run, main()))
    assert signal.getsignal(signal.SIGINT) is sigint._python_handler
