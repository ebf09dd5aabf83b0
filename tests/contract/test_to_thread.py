"""`asyncio.to_thread`, and what else asyncio asks of a default executor."""

import asyncio
import decimal
import logging
import pickle
import socket
import threading
from collections.abc import Awaitable, Callable
from contextvars import Context, ContextVar, copy_context
from functools import partial

import pytest

import context_tasks
import tasks
from context_tasks import request, user
from interpexec import InterpreterPoolExecutor, NotShareableError, TaskCancelled, aio
from stops import TIME_LIMIT, pool_of

own: ContextVar[object] = ContextVar("own", default="none")


def with_default_executor[T](
    main: Callable[[], Awaitable[T]], *, debug: bool = False, **options: object
) -> T:
    """Run a coroutine function in a loop whose default executor is a pool of one worker."""

    async def run() -> T:
        pool = InterpreterPoolExecutor(1, **options)  # type: ignore[arg-type]  # options of it
        asyncio.get_running_loop().set_default_executor(pool)
        return await main()

    with asyncio.Runner(debug=debug) as runner:
        return runner.run(run())


def test_functions_closures_and_methods_are_run_in_a_worker() -> None:
    """With their arguments, as `submit` takes them."""

    async def main() -> list[object]:
        text = "closure"
        return [
            await asyncio.to_thread(tasks.interpreter) != tasks.interpreter(),
            await asyncio.to_thread(lambda: text),
            await asyncio.to_thread(int, "ff", base=16),
            await asyncio.to_thread(text.upper),
            await asyncio.to_thread(partial(pow, 2), 10),
        ]

    assert with_default_executor(main) == [True, "closure", 255, "CLOSURE", 1024]


def test_errors_are_those_of_the_function() -> None:
    """The argument that cannot be sent has the name that the caller gave it."""

    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(tasks.divide, 1, 0)
        with pytest.raises(NotShareableError, match=r"^args\[1\] cannot be sent .*sync\.Lock"):
            await asyncio.to_thread(tasks.same, 1, threading.Lock())
        with pytest.raises(NotShareableError, match=r"^kwargs\['key'\] cannot be sent"):
            await asyncio.to_thread(tasks.same, key=threading.Lock())
        with pytest.raises(TypeError, match="main is a coroutine function"):
            await asyncio.to_thread(main)

    with_default_executor(main)


def test_the_values_of_context_variables_go_along() -> None:
    """Variables of modules, of the test, of a closure; values that the call sets stay in it."""

    async def main() -> list[object]:
        local: ContextVar[str] = ContextVar("local")
        request.set(["a"])
        own.set("b")
        local.set("c")
        return [
            await asyncio.to_thread(context_tasks.set_request, "left"),
            await asyncio.to_thread(context_tasks.get_request),
            await asyncio.to_thread(_get_own),
            await asyncio.to_thread(lambda: [local.get()]),
            request.get(),
        ]

    assert with_default_executor(main) == [["a"], ["a"], "b", ["c"], ["a"]]


def test_values_that_cannot_be_sent_stay_here() -> None:
    """Libraries keep in a context what means nothing elsewhere; the others go all the same."""

    async def main() -> list[object]:
        user.set(threading.Lock())
        request.set("sent")
        with decimal.localcontext(prec=5):
            decimal.getcontext()
            return [
                await asyncio.to_thread(context_tasks.get_user),
                await asyncio.to_thread(context_tasks.get_request),
            ]

    assert with_default_executor(main) == ["nobody", "sent"]


def test_a_variable_that_a_worker_does_not_find_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The module of such a variable may refuse to be imported in a worker."""
    variable: ContextVar[int] = ContextVar("of the caller's side alone")
    monkeypatch.setattr(context_tasks, "only_here", variable, raising=False)

    async def main() -> object:
        variable.set(5)
        request.set("sent")
        return await asyncio.to_thread(context_tasks.get_request)

    assert with_default_executor(main) == "sent"


def test_a_pool_that_carries_variables_does_it_here_too() -> None:
    """Its option comes first: a value that cannot be sent is an error then."""

    async def main() -> object:
        request.set("carried")
        value = await asyncio.to_thread(context_tasks.get_request)
        request.set(threading.Lock())
        with pytest.raises(NotShareableError, match="context variable 'request'"):
            await asyncio.to_thread(context_tasks.get_request)
        return value

    assert with_default_executor(main, contextvars=[request]) == "carried"


def in_context(value: object) -> Context:
    """Return a context in which the variable has a value."""
    context = copy_context()
    context.run(request.set, value)
    return context


@pytest.mark.parametrize("options", [{}, {"contextvars": [user]}])
def test_the_run_of_a_context_can_be_submitted(
    options: dict[str, list[ContextVar[object]]],
) -> None:
    """The documentation of `contextvars` shows it for executors."""
    with pool_of(1, **options) as pool:
        run = in_context("a").run
        assert pool.submit(run, context_tasks.get_request).result(TIME_LIMIT) == "a"
        assert pool.submit(partial(run, context_tasks.get_request)).result(TIME_LIMIT) == "a"
        assert pool.submit(run, _get_own).result(TIME_LIMIT) == "none"


def test_a_context_itself_cannot_be_sent() -> None:
    """Nor its other methods, nor `run` without a function."""
    context = copy_context()
    with pool_of(1) as pool:
        for call in (
            (tasks.same, context),
            (context.get, 5),
            (context.run,),
            (partial(context.run),),
        ):
            with pytest.raises(NotShareableError, match="pass the values of its variables"):
                pool.submit(*call).result(TIME_LIMIT)  # type: ignore[arg-type]  # it is to fail


def test_calls_have_the_name_of_the_function() -> None:
    """Not that of a method of a context."""
    with pool_of(1) as pool:
        call = pool.with_options(timeout=0.1).submit(partial(copy_context().run, _endless))
        with pytest.raises(TimeoutError, match="_endless"):
            call.result(TIME_LIMIT)


@pytest.mark.parametrize("debug", [False, True])
def test_the_loop_looks_up_names_in_a_worker(debug: bool) -> None:
    """In its debug mode it does so by a method of its own."""

    async def main() -> object:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        name = await loop.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST)
        return found[0][4], name[0]

    assert with_default_executor(main, debug=debug) == (("127.0.0.1", 80), "127.0.0.1")


def test_the_debug_mode_has_nothing_to_say(caplog: pytest.LogCaptureFixture) -> None:
    """A loop in debug mode complains of calls from other threads, for instance."""
    caplog.set_level(logging.WARNING)

    async def main() -> list[object]:
        loop = asyncio.get_running_loop()
        async with InterpreterPoolExecutor(2) as pool:
            call = loop.run_in_executor(pool, _endless)
            call.cancel()
            values = [
                await asyncio.to_thread(pow, 2, 3),
                await aio.run(pool, pow, 2, 4),
                [each async for each in aio.map(pool, abs, range(3))],
            ]
            async with aio.group(pool) as group:
                task = group.submit(pow, 2, 5)
            return [*values, task.result()]

    assert with_default_executor(main, debug=True) == [8, 16, [0, 1, 2], 32]
    slow = [each for each in caplog.records if "took" not in each.getMessage()]
    assert not slow


def test_an_exception_that_stops_a_call_can_be_pickled_in_it() -> None:
    """As a library does that hands the errors of its tasks on."""
    with pool_of(1) as pool:
        error = pool.submit(_pickled_and_back).result(TIME_LIMIT)
        assert (type(error), error.args) == (TaskCancelled, ("why",))


def _get_own() -> object:
    return own.get()


def _endless() -> None:
    while True:
        pass


def _pickled_and_back() -> TaskCancelled:
    error: TaskCancelled = pickle.loads(pickle.dumps(TaskCancelled("why")))
    return error
