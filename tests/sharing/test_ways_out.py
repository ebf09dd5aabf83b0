"""The error for an object that cannot be sent names it, and the way out."""

import asyncio
import multiprocessing.resource_tracker
import re
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

import tasks
import unsendable_tasks as there
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, NotShareableError, create_channel
from interpexec.sharing import to_token

pytestmark = pytest.mark.fast

ALL = there.KINDS | there.PROCESSES


@pytest.fixture(scope="module")
def pool() -> Iterator[InterpreterPoolExecutor]:
    """One worker for the whole module, warm, so that no test seems to leave it behind."""
    multiprocessing.resource_tracker.ensure_running()  # it outlives the tests
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(there.make, "Lock").exception(TIME_LIMIT)
        yield pool


def _holder(value: object) -> there.Thing:
    thing = there.Thing()
    thing.pool = value
    return thing


IN_CONTAINERS: dict[str, Callable[[object], object]] = {
    "[0]": lambda it: [it],
    "['deep']": lambda it: {"deep": it},
    ".pool": _holder,
}


def _refusal(pool: InterpreterPoolExecutor, *call: object) -> str:
    error = pool.submit(*call).exception(TIME_LIMIT)  # type: ignore[arg-type]
    assert type(error) is NotShareableError
    return re.sub(r" \(line \d+ of \w+.py\)$", "", str(error))


@pytest.mark.parametrize("kind", ALL)
def test_an_argument_is_named_with_the_way_out(pool: InterpreterPoolExecutor, kind: str) -> None:
    """By its place, what it is, and what to pass; by nothing of what it is made of."""
    make, advice = ALL[kind]
    value = make()
    text = _refusal(pool, tasks.same, value)
    assert text.startswith("args[0] cannot be sent to another interpreter: ")
    assert text.endswith(f": {advice.format(verb='pass')}")
    text = _refusal(pool, tasks.arguments, *[1], value)
    assert text.startswith("args[1] ")


@pytest.mark.parametrize("path", IN_CONTAINERS)
@pytest.mark.parametrize("kind", ["pool", "Queue", "generator", "keys", "Event"])
def test_a_part_of_an_argument_is_named(
    pool: InterpreterPoolExecutor, kind: str, path: str
) -> None:
    """By the way to it, and as if it were the argument itself."""
    make, advice = ALL[kind]
    text = _refusal(pool, tasks.same, IN_CONTAINERS[path](make()))
    assert text.startswith(f"args[0]{path} cannot be sent")
    assert text.endswith(advice.format(verb="pass"))


@pytest.mark.parametrize("kind", there.KINDS)
def test_a_result_is_named_with_the_way_out(pool: InterpreterPoolExecutor, kind: str) -> None:
    """The error for a result says what to return."""
    text = _refusal(pool, there.make, kind)
    assert text.startswith("the result cannot be sent to another interpreter: ")
    assert text.endswith(f": {there.KINDS[kind][1].format(verb='return')}")


@pytest.mark.parametrize("kind", ALL)
def test_a_variable_is_named_with_the_way_out(pool: InterpreterPoolExecutor, kind: str) -> None:
    """Of a function that is sent by value: which function, which variable, what to use."""
    make, advice = ALL[kind]
    value = make()

    def uses() -> object:
        return value

    text = _refusal(pool, uses)
    assert "uses' cannot be sent to another interpreter, because its variable 'value' c" in text
    assert text.endswith(f": {advice.format(verb='use')}")


@pytest.mark.parametrize("path", IN_CONTAINERS)
def test_a_part_of_a_variable_is_named(pool: InterpreterPoolExecutor, path: str) -> None:
    """The way to it begins with the variable; a default of a parameter is no different."""
    held = IN_CONTAINERS[path](pool)

    def uses() -> object:
        return held

    def takes(given: object = held) -> object:
        return given

    for fn, what in (uses, f"its variable 'held{path}'"), (takes, f"the default of 'given{path}'"):
        text = _refusal(pool, fn)
        assert f"{fn.__name__}' cannot be sent to another interpreter, because {what} " in text
        assert text.endswith(there.KINDS["pool"][1])


def test_the_variable_of_an_inner_function_is_named(pool: InterpreterPoolExecutor) -> None:
    """The error is about the function that has the variable, however many call each other."""
    held = {"deep": pool}

    def inner() -> object:
        return held

    def outer() -> object:
        return inner()

    text = _refusal(pool, outer)
    assert "inner' cannot be sent" in text
    assert "'held['deep']'" in text


def test_the_pool_of_a_method_is_named(pool: InterpreterPoolExecutor) -> None:
    """`self` has it: the most frequent one of all."""
    text = _refusal(pool, _holder(pool).work)
    assert text.startswith("function.__self__.pool cannot be sent to another interpreter: <Interp")
    assert text.endswith(there.KINDS["pool"][1])


def test_an_event_loop_is_named(pool: InterpreterPoolExecutor) -> None:
    """An open one: it has descriptors, which must be closed."""
    with closing(asyncio.new_event_loop()) as loop:
        text = _refusal(pool, tasks.same, loop)
    assert text.endswith("call asyncio.run() in the function")


def test_an_object_for_a_channel_is_named() -> None:
    """Messages and tokens are no different."""
    receiver, sender = create_channel()
    with (
        receiver,
        sender,
        pytest.raises(NotShareableError, match=r"^the item\[0\] .*: pass list\(\.\.\.\) of it$"),
    ):
        sender.send([{}.keys()])
    with pytest.raises(NotShareableError, match=r"^the object .*: use interpexec\.sync\.Queue$"):
        to_token(there.OwnQueue())


def test_a_class_that_says_how_it_is_sent_is_told_why_not(pool: InterpreterPoolExecutor) -> None:
    """Its own reason is the reason."""
    text = _refusal(pool, tasks.same, there.Sent())
    assert "ValueError: this is why" in text
    assert "sync.Queue" not in text


def test_of_anything_else_the_reason_is_told(pool: InterpreterPoolExecutor) -> None:
    """The error tells the reason, and the general way out."""
    text = _refusal(pool, tasks.same, there.FailsToReduce())
    assert "LookupError: there is no row for it" in text
    assert text.endswith("(make it in the function, or in an initializer)")
