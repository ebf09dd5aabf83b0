"""Context variables that go with calls: `contextvars=[...]`."""

import asyncio
import threading
from contextvars import Context, ContextVar, copy_context
from pathlib import Path

import pytest

import context_tasks
import tasks
from context_tasks import request, user
from interpexec import InterpreterPoolExecutor, NotShareableError, SharedBuffer, aio
from interpexec._sharing import pickling
from programs import output, write
from stops import TIME_LIMIT, pool_of

own: ContextVar[object] = ContextVar("own", default=0)


class Holder:
    """Has a context variable that no worker would find."""

    variable: ContextVar[int] = ContextVar("variable")


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (5, TypeError, "contextvars must be a list of contextvars.ContextVar, got 5"),
        ([request, 5], TypeError, "contextvars must be .*, got 5 in it"),
        (["request"], TypeError, "'request' in it"),
        ([request, Holder.variable], ValueError, r"contextvars\[1\] must be a global of a module"),
    ],
)
def test_a_wrong_argument_is_named(value: object, error: type[Exception], words: str) -> None:
    """By the pool, and by `with_options`."""
    with pytest.raises(error, match=words):
        InterpreterPoolExecutor(1, contextvars=value)  # type: ignore[arg-type]  # it is wrong
    with pool_of(1) as pool, pytest.raises(error, match=words):
        pool.with_options(contextvars=value)  # type: ignore[arg-type]  # it is wrong


def in_context(value: object) -> Context:
    """Return a context in which the variable has a value."""
    context = copy_context()
    context.run(request.set, value)
    return context


def test_a_call_sees_the_value_of_the_context_that_submitted_it() -> None:
    """Without the option, it sees that of its worker."""
    with pool_of(1, contextvars=[request]) as pool:
        for value in ("a", {"b": 1}, None):
            future = in_context(value).run(pool.submit, context_tasks.get_request)
            assert future.result(TIME_LIMIT) == value
        assert pool.submit(context_tasks.get_request).result(TIME_LIMIT) == "none"
        plain = pool.with_options(contextvars=[])
        assert in_context("a").run(plain.submit, context_tasks.get_request).result() == "none"


def test_it_can_be_an_option_of_some_calls() -> None:
    """`with_options` has it, and other options keep it."""
    with pool_of(1) as pool:
        some = pool.with_options(contextvars=[request]).with_options(timeout=TIME_LIMIT)
        assert in_context("a").run(some.submit, context_tasks.get_request).result() == "a"
        assert in_context("a").run(pool.submit, context_tasks.get_request).result() == "none"


def test_a_call_leaves_nothing_to_the_next_one() -> None:
    """Each has a context of its own."""
    with pool_of(1, contextvars=[request]) as pool:
        for _ in range(3):
            assert pool.submit(context_tasks.set_request, "left").result(TIME_LIMIT) == "none"
        assert request.get() == "none"


def test_the_context_of_the_worker_is_below() -> None:
    """A value that the initializer has set is seen where the caller has none."""
    options = {"initializer": context_tasks.set_user, "initargs": ("somebody",)}
    with pool_of(1, contextvars=[request, user], **options) as pool:
        assert pool.submit(context_tasks.get_user).result(TIME_LIMIT) == "somebody"
        context = copy_context()
        context.run(user.set, "me")
        assert context.run(pool.submit, context_tasks.get_user).result(TIME_LIMIT) == "me"
        assert pool.submit(context_tasks.get_user).result(TIME_LIMIT) == "somebody"


@pytest.mark.parametrize("chunksize", [None, 1, 7])
@pytest.mark.parametrize("items", [range(20), [[n] for n in range(20)]], ids=["plain", "objects"])
def test_a_map_sees_the_values_of_when_it_was_made(items: list[object], chunksize: int) -> None:
    """All items do, and none sees what another one has set."""
    with pool_of(2, contextvars=[request]) as pool:
        results = in_context("a").run(
            pool.map, context_tasks.get_request_for, items, chunksize=chunksize
        )
        assert list(results) == ["a"] * 20
        leaks = in_context("a").run(
            pool.imap_unordered, context_tasks.set_request, items, chunksize=chunksize
        )
        assert list(leaks) == ["a"] * 20


def test_outcomes_and_feeds_see_them_as_maps_do() -> None:
    """The values are those of when they were made."""
    with pool_of(1, contextvars=[request]) as pool:
        outcomes = in_context("a").run(pool.outcomes, context_tasks.get_request_for, range(3))
        assert [outcome.value for outcome in outcomes] == ["a"] * 3
        with in_context("b").run(pool.feed, context_tasks.get_request_for) as feed:
            feed.put(1)
            feed.put(2)
            feed.close()
            assert [outcome.value for outcome in feed] == ["b"] * 2


@pytest.mark.parametrize("items", [range(3), [[n] for n in range(3)]], ids=["plain", "objects"])
def test_no_frame_of_the_package_is_in_the_traceback(items: list[object]) -> None:
    """The first one is the function's, as without the option."""
    with pool_of(1, contextvars=[request]) as pool:
        one = in_context("a").run(pool.submit, context_tasks.fail_for, 0).exception(TIME_LIMIT)
        (other,) = [each for each in [_first_error(pool, items)] if each is not None]
    for error in (one, other):
        assert error is not None
        text = error.__cause__.excinfo.errdisplay  # type: ignore[union-attr]  # ExecutionFailed
        assert "interpexec/_" not in text
        assert "in fail_for" in text
    assert one.args == ("a", 0)  # type: ignore[union-attr]  # it is no None


def _first_error(pool: InterpreterPoolExecutor, items: list[object]) -> BaseException | None:
    try:
        list(pool.map(context_tasks.fail_for, items, chunksize=3))
    except ValueError as error:
        return error
    return None


def test_a_value_that_cannot_be_sent_is_named() -> None:
    """By the name of its variable; a wrong argument keeps its own name."""
    with pool_of(1, contextvars=[request]) as pool:
        context = in_context({"lock": threading.Lock()})
        future = context.run(pool.submit, context_tasks.get_request)
        words = "the value of the context variable 'request'"
        with pytest.raises(NotShareableError, match=words):
            future.result(TIME_LIMIT)
        with pytest.raises(NotShareableError, match=words):
            context.run(pool.map, context_tasks.get_request_for, [1])
        wrong = in_context("a").run(pool.submit, tasks.same, threading.Lock())
        with pytest.raises(NotShareableError, match=r"args\[0\]"):
            wrong.result(TIME_LIMIT)
        lock = threading.Lock()
        with pytest.raises(NotShareableError, match="'lock'"):
            in_context("a").run(pool.submit, lambda: lock).result(TIME_LIMIT)


def test_values_with_memory_and_descriptors() -> None:
    """Values are sent as arguments are; by maps, too."""
    buffer = SharedBuffer(8)
    with buffer, pool_of(1, contextvars=[request]) as pool:
        for value in (buffer, bytes(1 << 17), [memoryview(b"view")]):
            context = in_context(value)
            kind = context.run(pool.submit, _type_of_request).result(TIME_LIMIT)
            assert kind == type(value).__name__
            kinds = context.run(pool.map, _type_of_request, range(5), chunksize=2)
            assert list(kinds) == [kind] * 5


def _type_of_request(_item: object = None) -> str:
    return type(request.get()).__name__


def test_broadcasts_see_them() -> None:
    """As calls do."""
    with pool_of(2, contextvars=[request]) as pool:
        pool.warm()
        futures = in_context("a").run(pool.broadcast, context_tasks.get_request)
        assert [each.result(TIME_LIMIT) for each in futures] == ["a", "a"]


def test_asyncio_tasks_have_a_context_each() -> None:
    """`run_in_executor`, `aio.run` and `aio.map` take the values of the task that calls them."""

    async def one(pool: InterpreterPoolExecutor, value: object) -> list[object]:
        request.set(value)
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        found = [await loop.run_in_executor(pool, context_tasks.get_request)]
        found.append(await aio.run(pool, context_tasks.get_request))
        found.extend([each async for each in aio.map(pool, context_tasks.get_request_for, [1, 2])])
        return found

    async def main(pool: InterpreterPoolExecutor) -> list[list[object]]:
        return await asyncio.gather(*(one(pool, value) for value in "abc"))

    with pool_of(2, contextvars=[request]) as pool:
        assert asyncio.run(main(pool)) == [[value] * 4 for value in "abc"]


def test_an_overridden_submit_is_used() -> None:
    """Its calls carry the values of the context in which the map submits them."""

    class Noting(InterpreterPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]  # as its base
            return super().submit(fn, *args, **kwargs)

    with Noting(1, contextvars=[request]) as pool:
        results = in_context("a").run(pool.map, context_tasks.get_request_for, range(3))
        assert list(results) == ["a"] * 3


def test_a_variable_of_a_module_that_no_worker_can_import() -> None:
    """The variable is found by a key, as the functions are that use it."""
    context = copy_context()
    context.run(own.set, "mine")
    with pool_of(1, contextvars=[own]) as pool:
        for _ in range(2):
            assert context.run(pool.submit, _own).result(TIME_LIMIT) == "mine"
            assert pool.submit(_own).result(TIME_LIMIT) == 0


def _own() -> object:
    return own.get()


def test_a_function_that_is_sent_by_value_uses_the_variable_of_its_module() -> None:
    """The workers' own, as functions of the module do; also as an argument of a call."""
    with pool_of(1, contextvars=[request]) as pool:
        future = in_context("a").run(pool.submit, lambda: (request.get(), request.name))
        assert future.result(TIME_LIMIT) == ("a", "request")
        assert in_context("a").run(pool.submit, _value_of, request).result(TIME_LIMIT) == "a"


def _value_of(variable: ContextVar[object]) -> object:
    return variable.get()


PROGRAM = """
from contextvars import ContextVar
from interpexec import InterpreterPoolExecutor
{extra}
variable = ContextVar("variable", default=[1])
other = ContextVar("other", default="?")

def get(*_):
    {use}
    return variable.get(), other.get()

if __name__ == "__main__":
    with InterpreterPoolExecutor(1, contextvars=[variable, other]) as pool:
        print(pool.submit(get).result())
        variable.set("set")
        print(pool.submit(get).result(), list(pool.map(get, [1])))
        other.set("too")
        print(pool.submit(get).result())
"""


@pytest.mark.parametrize(
    ("extra", "use"),
    [("", "pass"), ("import threading; lock = threading.Lock()", "lock.locked()")],
    ids=["by value", "second run"],
)
def test_variables_of_the_program(extra: str, use: str, tmp_path: Path) -> None:
    """Functions of the program use them, also where workers run the program again."""
    program = write(tmp_path / "program.py", PROGRAM.format(extra=extra, use=use))
    assert output(program).splitlines() == [
        "([1], '?')",
        "('set', '?') [('set', '?')]",
        "('set', 'too')",
    ]


def test_a_pool_without_the_option_sends_the_same_bytes() -> None:
    """The very same function pickles: the option costs nothing where it is not used."""
    with pool_of(1) as pool:
        assert pool._dumps_call is pickling.dumps_call
        assert pool.with_options(timeout=1)._dumps_call is pickling.dumps_call
