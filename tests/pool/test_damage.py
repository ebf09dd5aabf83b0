"""A worker that a call has damaged costs that call alone. A pool survives whatever a call does.

`damage.ways` has the ways. Closing descriptors that are not the call's, `os._exit` and
a crash in C are the fate of the process: see `docs/limits.md`.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import wait

import pytest

import programs
import tasks
from damage import good_faith, streams
from damage.exceptions import Leaving
from damage.exploding import Damage, Unloadable
from damage.ways import WAYS
from gates import TIME_LIMIT, Gate
from interpexec import InterpreterPoolExecutor, NotShareableError, WorkerLostError

# The error of a call that has damaged its own worker, beyond what it raises itself.
ENDS = Damage, WorkerLostError, NotShareableError, TypeError, NameError, RecursionError

# The exceptions that they raise.
RAISED = {
    "memory_out": MemoryError,
    "raise_generator_exit": GeneratorExit,
    "raise_interrupt": KeyboardInterrupt,
    "raise_leaving": Leaving,
    "raise_stop": StopIteration,
    "raise_stop_async": StopAsyncIteration,
    "raise_cancelled_by_itself": BaseException,
    "recursion_deep": RecursionError,
}

# Calls that have themselves printed something; or nothing of Python can run any more, also
# what would have kept quiet.
LOUD = {
    "monitoring_exploding_everywhere",
    "unraisable_hook_exploding",
    "weakref_callback_exploding",
}

# An exception from a thread that a call has left may come in any call.
THROWING = {
    "throw_at_itself_later": Damage,
    "throw_exit_at_itself_later": SystemExit,
}

# The lines by which Python tells of a file that an exception thrown into an import has left open,
# where warnings are errors.
OF_OPEN_FILES = (
    "Exception ignored while finalizing file ",
    "Exception ignored in: <_io.",
    "Traceback ",
    "  ",
    "ResourceWarning: unclosed file ",
)

# An interpreter in which no instruction can be run cannot be ended on 3.13: it stays.
STAYING = {"monitoring_exploding_everywhere"} if sys.version_info < (3, 14, 1) else set()


def check_all(pool: InterpreterPoolExecutor) -> None:
    """Check that calls of all kinds do what they always do."""
    for number in range(12):
        assert pool.submit(tasks.same, number).result(TIME_LIMIT) == number
    assert list(pool.map(abs, range(-40, 0))) == list(range(40, 0, -1))
    for _ in range(4):
        with pytest.raises(ZeroDivisionError):
            pool.submit(tasks.divide, 1, 0).result(TIME_LIMIT)
    assert pool.submit(tasks.same, {"a": (1, [2])}).result(TIME_LIMIT) == {"a": (1, [2])}
    futures = [pool.submit(tasks.same, number) for number in range(100)]
    assert [future.result(TIME_LIMIT) for future in futures] == list(range(100))


@pytest.fixture
def quiet(capfd: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Iterator[None]:
    """Check that nothing was printed, at the descriptors' level."""
    yield
    err = capfd.readouterr().err
    name = request.node.callspec.params["name"]
    expected = OF_OPEN_FILES if name in THROWING else ()
    lines = [] if name in LOUD else err.splitlines()
    assert not [line for line in lines if not line.startswith(expected)]


@pytest.mark.slow
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("name", sorted(WAYS.keys() - STAYING - THROWING.keys()))
@pytest.mark.parametrize("forwards", [False, True])
def test_a_damaged_worker_costs_that_call_alone(name: str, forwards: bool) -> None:
    """The call ends; all others, before and after, come to what they always come to."""
    if forwards and name == "monitoring_exploding_everywhere":
        return  # such a worker's interpreter stays
    with InterpreterPoolExecutor(2, forward_logging=forwards, redirect_stdout=forwards) as pool:
        assert pool.submit(abs, -1).result(TIME_LIMIT) == 1
        future = pool.submit(WAYS[name])
        assert not wait([future], TIME_LIMIT).not_done
        error = future.exception()
        assert error is None or isinstance(error, RAISED.get(name, ENDS))
        check_all(pool)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("name", THROWING)
def test_an_exception_that_is_thrown_later_costs_the_call_that_it_meets(name: str) -> None:
    """Or the worker, if it comes between two calls; all others are right, and each one ends."""
    with InterpreterPoolExecutor(2) as pool:
        futures = [pool.submit(WAYS[name])]
        for number in range(200):
            futures.append(pool.submit(tasks.same, number))
            wait(futures[-1:], TIME_LIMIT)
        assert not wait(futures, TIME_LIMIT).not_done
    errors = [future.exception() for future in futures]
    # Where a call was being unpickled, that is what failed.
    possible = {type(None), THROWING[name], WorkerLostError, NotShareableError}
    assert {type(error) for error in errors} <= possible
    right = [
        future.result() for future, error in zip(futures[1:], errors[1:], strict=True) if not error
    ]
    assert set(right) <= set(range(200))
    assert len(right) > 150


@pytest.mark.parametrize("name", ["modules_cleared", "builtins_emptied", "worker_emptied"])
def test_calls_that_run_beside_a_damaged_worker_go_on(name: str, door: Gate) -> None:
    """A worker that is lost has nothing to do with the others."""
    with InterpreterPoolExecutor(2) as pool:
        beside = pool.submit(tasks.pass_gate, door.handle, "right")
        door.await_knocks(1)
        wait([pool.submit(WAYS[name])], TIME_LIMIT)
        check_all(pool)
        door.open()
        assert beside.result(TIME_LIMIT) == "right"


@pytest.mark.parametrize("name", ["path_emptied", "import_exploding", "audit_exploding"])
def test_calls_that_wait_behind_it_are_begun_by_another_worker(name: str, door: Gate) -> None:
    """Calls that the damaged worker takes and cannot unpickle count as not begun, too."""
    with InterpreterPoolExecutor(1) as pool:
        first = pool.submit(tasks.pass_gate, door.handle)
        door.await_knocks(1)
        damaging = pool.submit(WAYS[name])
        others = [pool.submit(tasks.same, number) for number in range(20)]
        door.open()
        assert [future.result(TIME_LIMIT) for future in others] == list(range(20))
        assert not wait([first, damaging], TIME_LIMIT).not_done


def test_a_call_that_no_worker_can_unpickle_fails(door: Gate) -> None:
    """A call is not handed on for ever, even where each worker was damaged before."""
    with InterpreterPoolExecutor(1) as pool:
        first = pool.submit(tasks.pass_gate, door.handle)
        damaging = [pool.submit(WAYS["path_hooks_emptied"]) for _ in range(5)]
        bad = [pool.submit(tasks.same, Unloadable()) for _ in range(5)]
        door.open()
        assert not wait([first, *damaging, *bad], TIME_LIMIT).not_done
        assert {type(future.exception()) for future in bad} == {NotShareableError}
        check_all(pool)


def test_changes_of_an_initializer_are_no_damage() -> None:
    """A worker that begins without standard output, say, keeps its calls' state."""
    with InterpreterPoolExecutor(1, initializer=streams.stdout_none) as pool:
        first = pool.submit(tasks.interpreter).result(TIME_LIMIT)
        with pytest.raises(ZeroDivisionError):
            pool.submit(tasks.divide, 1, 0).result(TIME_LIMIT)
        assert pool.submit(tasks.interpreter).result(TIME_LIMIT) == first


@pytest.mark.parametrize("way", ["replace_print", "add_finder", "add_module", "add_builtin"])
def test_changes_in_good_faith_are_no_damage(way: str) -> None:
    """The worker goes on, with its state."""
    with InterpreterPoolExecutor(1) as pool:
        first = pool.submit(tasks.interpreter).result(TIME_LIMIT)
        pool.submit(getattr(good_faith, way)).result(TIME_LIMIT)
        with pytest.raises(ZeroDivisionError):
            pool.submit(tasks.divide, 1, 0).result(TIME_LIMIT)
        assert pool.submit(tasks.interpreter).result(TIME_LIMIT) == first


@pytest.mark.slow
def test_a_program_survives_all_of_it() -> None:
    """One pool, one way after the other: the program ends with status 0."""
    done = programs.run("-c", PROGRAM, *WAYS, cwd=programs.TESTS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == list(WAYS)


PROGRAM = """
import sys
import tasks
from concurrent.futures import wait
from damage.ways import WAYS
from interpexec import InterpreterPoolExecutor

with InterpreterPoolExecutor(2) as pool:
    for name in sys.argv[1:]:
        assert not wait([pool.submit(WAYS[name])], 60).not_done
        assert [pool.submit(tasks.same, n).result(60) for n in range(5)] == list(range(5)), name
        print(name)
"""
