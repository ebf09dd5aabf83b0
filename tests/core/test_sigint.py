"""KeyboardInterrupt stays out of protected functions, and is raised where they end."""

import _signal
import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interpexec._core import sigint
from interpexec._core.sigint import interruptible, interruptibly, noted, protected, unbroken, watch
from interpexec._pool.done_callbacks import MARK
from interpexec._pool.future import CallFuture
from interpexec._pool.parking import Parker
from programs import output, write
from stops import TIME_LIMIT, finish, start

pytestmark = pytest.mark.fast


def interrupt() -> None:
    """Do as if Ctrl-C was pressed here."""
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    """Have the handler installed, and nothing noted."""
    watch()
    assert signal.getsignal(signal.SIGINT) is sigint._handler
    yield
    assert not noted


def test_it_is_raised_where_the_protected_function_ends() -> None:
    """All of the function is done by then."""
    steps = []

    @protected
    def function() -> None:
        interrupt()
        steps.append("done")

    with pytest.raises(KeyboardInterrupt):
        function()
    assert steps == ["done"]


def test_it_is_raised_where_the_outermost_protected_function_ends() -> None:
    """An inner one leaves it to that."""
    steps = []

    @protected
    def inner() -> None:
        interrupt()
        steps.append("inner")

    @protected
    def outer() -> None:
        inner()
        steps.append("outer")

    with pytest.raises(KeyboardInterrupt):
        outer()
    assert steps == ["inner", "outer"]


def test_two_that_come_together_are_raised_once() -> None:
    """As two are that come before Python looks."""

    @protected
    def function() -> None:
        interrupt()
        interrupt()

    with pytest.raises(KeyboardInterrupt):
        function()
    function_without = protected(lambda: None)
    function_without()


def test_an_exception_of_the_function_is_the_context() -> None:
    """Neither is lost."""

    @protected
    def function() -> None:
        interrupt()
        raise ValueError("mine")

    with pytest.raises(KeyboardInterrupt) as caught:
        function()
    assert isinstance(caught.value.__context__, ValueError)


def test_it_is_raised_at_once_in_what_is_interruptible() -> None:
    """The innermost mark decides."""
    steps = []

    @interruptible
    def sleep() -> None:
        interrupt()
        steps.append("never")

    @protected
    def function() -> None:
        try:
            sleep()
        finally:
            steps.append("cleaned up")

    with pytest.raises(KeyboardInterrupt):
        function()
    assert steps == ["cleaned up"]


def test_a_noted_interrupt_is_raised_before_a_sleep() -> None:
    """Nobody sleeps while an interrupt waits for him."""

    @protected
    def function() -> None:
        interrupt()
        Parker().wait()

    with pytest.raises(KeyboardInterrupt):
        function()


def test_the_result_of_an_interruptible_function_is_not_lost() -> None:
    """Once it has returned, the protected caller has its value."""
    values = []

    @protected
    def function() -> None:
        values.append(interruptibly(lambda: 1))
        interrupt()

    with pytest.raises(KeyboardInterrupt):
        function()
    assert values == [1]


def test_a_destructor_is_not_broken_and_the_interrupt_comes_afterwards(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Raised in the destructor, Python would print and drop it."""
    steps = []

    class Mortal:
        @unbroken
        def __del__(self) -> None:
            interrupt()
            steps.append("done")

    with pytest.raises(KeyboardInterrupt):
        _drop_and_wait(Mortal)
    assert steps == ["done"]
    assert capfd.readouterr().err == ""


def test_a_callback_of_a_map_is_not_broken_where_a_destructor_runs_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The destructor of a map's iterator cancels calls, whose callbacks run there."""
    steps = []

    class Part:
        def on_done(self, _: object) -> None:
            interrupt()
            steps.append("done")

        setattr(on_done, MARK, True)

    future: CallFuture[object] = CallFuture(1, None, None)
    future.add_done_callback(Part().on_done)

    class Mortal:
        @unbroken
        def __del__(self) -> None:
            assert future._cancel_pending()
            interrupt()
            steps.append("end")

    with pytest.raises(KeyboardInterrupt):
        _drop_and_wait(Mortal)
    assert steps == ["done", "end"]
    assert capfd.readouterr().err == ""


def test_beside_a_debugger_it_comes_by_another_signal() -> None:
    """Its trace function stays."""

    class Mortal:
        @unbroken
        def __del__(self) -> None:
            interrupt()

    def trace(*_: object) -> None:
        return None

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        with pytest.raises(KeyboardInterrupt):
            _drop_and_wait(Mortal)
        assert sys.gettrace() is trace
    finally:
        sys.settrace(former)


def test_a_loop_that_is_nearly_always_in_unbroken_code_is_interrupted() -> None:
    """At its next line."""
    done = []

    @unbroken
    def take() -> None:
        if len(done) == 3:
            interrupt()

    with pytest.raises(KeyboardInterrupt):
        while len(done) < 10:
            take()
            done.append(1)
    assert len(done) == 3
    assert sys.gettrace() is None


class Held:
    """A lock, as those of `interpexec.sync`: it is taken and given back whole."""

    depth = 0

    @unbroken
    def __enter__(self) -> None:
        self.depth += 1

    @unbroken
    def __exit__(self, *_: object) -> None:
        self.depth -= 1

    @unbroken
    def interrupt(self) -> None:
        """Do as if Ctrl-C was pressed in the middle of this."""
        interrupt()


def _interrupt_at_the_end(held: Held) -> None:
    with held:
        held.interrupt()


def _interrupt_before_the_end(held: Held) -> None:
    with held, held:
        assert held.depth == 2
        held.interrupt()
        pass  # noqa: PIE790  # another line


def _interrupt_and_return(held: Held) -> int:
    with held:
        for _ in range(2):
            held.interrupt()
            return held.depth
    return 0


@pytest.mark.parametrize(
    "function", [_interrupt_at_the_end, _interrupt_before_the_end, _interrupt_and_return]
)
def test_a_with_block_is_always_left_in_order(function: Callable[[Held], object]) -> None:
    """The block is left in order even where the next line is the end of it."""
    held = Held()
    with pytest.raises(KeyboardInterrupt):
        for _ in range(3):
            function(held)
    assert held.depth == 0
    assert sys.gettrace() is None


def _drop_and_wait(make: Callable[[], object]) -> None:
    make()
    assert not threading.Event().wait(TIME_LIMIT), "it never came"


def test_a_protected_function_in_a_destructor() -> None:
    """KeyboardInterrupt is raised after the destructor that it came in."""

    class Mortal:
        @unbroken
        def __del__(self) -> None:
            protected(interrupt)()

    with pytest.raises(KeyboardInterrupt):
        _drop_and_wait(Mortal)


def test_other_threads_do_not_raise_what_the_main_thread_has_noted() -> None:
    """KeyboardInterrupt is raised in the main thread only."""
    errors = []

    @protected
    def nothing() -> None:
        pass

    def other() -> None:
        try:
            nothing()
        except KeyboardInterrupt as error:
            errors.append(error)

    @protected
    def function() -> None:
        interrupt()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    with pytest.raises(KeyboardInterrupt):
        function()
    assert not errors


def test_a_handler_of_the_programs_own_is_left_alone() -> None:
    """The program's handler is called at once, in the middle of a protected function, too."""
    called = []
    former = signal.signal(signal.SIGINT, lambda *_: called.append(1))
    try:
        watch()

        @protected
        def function() -> None:
            interrupt()
            assert called

        function()
    finally:
        signal.signal(signal.SIGINT, former)


def test_it_comes_back_when_somebody_restores_pythons_own_handler() -> None:
    """An IPython kernel does that before each cell."""
    signal.signal(signal.SIGINT, sigint._python_handler)
    watch()
    assert signal.getsignal(signal.SIGINT) is sigint._handler


def test_it_is_not_installed_by_another_thread() -> None:
    """Only the main thread can."""
    signal.signal(signal.SIGINT, sigint._python_handler)
    finish(start(watch))
    assert signal.getsignal(signal.SIGINT) is sigint._python_handler


def test_asyncio_takes_it_for_pythons_own() -> None:
    """Its runner cancels the main task; it does so only in the place of Python's handler."""

    async def main() -> None:
        interrupt()
        try:
            await asyncio.sleep(TIME_LIMIT)
        except asyncio.CancelledError:
            steps.append("cancelled")
            raise

    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert steps == ["cancelled"]
    assert signal.getsignal(signal.SIGINT) is sigint._handler
    assert signal.default_int_handler is _signal.default_int_handler is sigint._handler


def test_no_handler_is_installed_by_an_import(tmp_path: Path) -> None:
    """The package's handler is installed with a pool; where SIGINT is ignored, nothing changes."""
    program = """
        import signal

        before = signal.getsignal(signal.SIGINT)
        import interpexec.executor
        print(signal.getsignal(signal.SIGINT) is before)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if __name__ == "__main__":
            with InterpreterPoolExecutor(1) as pool:
                pool.submit(abs, -1).result()
            print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
    """
    assert output(write(tmp_path / "program.py", program)) == "True\nTrue\n"
