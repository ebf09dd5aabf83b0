"""The protocol: an object says what it is as bytes, wherever it stands in what is sent."""

import asyncio
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import shareable
import sharing_tasks as there
import token_tasks
from gates import TIME_LIMIT
from interpexec import (
    ExecutionFailed,
    InterpreterPoolExecutor,
    NotShareableError,
    aio,
    create_channel,
    sharing,
)
from shareable import Box, Named, Slots
from stops import pool_of

pytestmark = pytest.mark.fast

type Pool = InterpreterPoolExecutor


@pytest.fixture(scope="module")
def _registered() -> None:
    shareable.register_points()


# -- __share__ and __unshare__ -------------------------------------------------

WRAPPERS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "alone": (lambda item: item, lambda whole: whole),
    "list": (lambda item: [1, item], lambda whole: whole[1]),
    "tuple": (lambda item: (item, 2), lambda whole: whole[0]),
    "dict": (lambda item: {"key": [item]}, lambda whole: whole["key"][0]),
    "key": (lambda item: {item: 1}, lambda whole: next(iter(whole))),
    "set": (lambda item: {item}, lambda whole: next(iter(whole))),
    "dataclass": (lambda item: Box(Box(item)), lambda whole: whole.foo.foo),
    "slots": (lambda item: [Slots((item,))], lambda whole: whole[0].foo[0]),
    "partial": (lambda item: functools.partial(int, item), lambda whole: whole.args[0]),
    "exception": (lambda item: ValueError([item]), lambda whole: whole.args[0][0]),
    "deep": (
        lambda item: functools.reduce(lambda inner, _: [inner], range(60), item),
        lambda whole: functools.reduce(lambda outer, _: outer[0], range(60), whole),
    ),
}


@pytest.mark.parametrize("where", WRAPPERS)
@pytest.mark.parametrize("cls", [Named, shareable.NamedToo])
def test_it_is_used_at_any_depth(pool: Pool, where: str, cls: type[Named]) -> None:
    """As an argument, a keyword and a result; the class stays, and what inherits the way."""
    wrap, unwrap = WRAPPERS[where]
    (argument,), keywords = pool.submit(there.same_all, wrap(cls("a")), key=wrap(cls("k"))).result(
        TIME_LIMIT
    )
    for got, name in (argument, "a"), (keywords["key"], "k"):
        item = unwrap(got)
        assert type(item) is cls
        assert (item.name, item.arrived) == (name, True)


def test_it_comes_before_what_pickle_would_do(pool: Pool) -> None:
    """The protocol comes before pickle's way with a subclass of `list`; a token may be empty."""
    numbers = shareable.NamedList([1, 2])
    assert pool.submit(list, numbers).result(TIME_LIMIT) == [1, 2, 255]
    back = pool.submit(there.same, [numbers]).result(TIME_LIMIT)
    assert back == [[1, 2, 255, 255]]
    assert type(back[0]) is shareable.NamedList
    assert pool.submit(list, shareable.NamedList()).result(TIME_LIMIT) == [255]


def test_a_large_token_arrives(pool: Pool) -> None:
    """A token is bytes of any size."""
    name = "x" * 3_000_000
    assert pool.submit(there.same, [Named(name)]).result(TIME_LIMIT)[0].name == name


def test_one_object_that_is_sent_twice_stays_one(pool: Pool) -> None:
    """Within one call: the token is asked for once."""
    shareable.made.clear()
    item = Named("twin")
    first, second = pool.submit(there.same, [item, item]).result(TIME_LIMIT)
    assert first is second
    assert shareable.made == [b"twin"]


@pytest.mark.parametrize("make", ["map", "imap_unordered"])
@pytest.mark.parametrize("chunksize", [1, 3])
def test_items_of_a_map(pool: Pool, make: str, chunksize: int) -> None:
    """Alone and in chunks."""
    items = [Named(str(number)) for number in range(7)]
    mapping: Callable[..., Iterator[Any]] = getattr(pool, make)
    got = list(mapping(there.same, [Box(each) for each in items], chunksize=chunksize))
    assert sorted(each.foo.name for each in got) == [str(number) for number in range(7)]
    assert all(each.foo.arrived for each in got)


def test_broadcast(pool: Pool) -> None:
    """Each worker gets an object of its own."""
    pool.submit(there.nothing).result(TIME_LIMIT)
    (future,) = pool.broadcast(there.was_arrived, Named("b"))
    assert future.result(TIME_LIMIT) is True
    (future,) = pool.broadcast(there.same, value=[Named("b")])  # type: ignore[call-arg]
    assert future.result(TIME_LIMIT)[0].arrived


def test_initargs() -> None:
    """In each worker, also in those that come later."""
    with pool_of(
        1, initializer=there.keep, initargs=([Named("i")],), max_tasks_per_child=1
    ) as pool:
        for _ in range(3):
            (item,) = pool.submit(there.last_kept).result(TIME_LIMIT)
            assert (item.name, item.arrived) == ("i", True)


def test_asyncio(pool: Pool) -> None:
    """`aio.run`, `aio.map`, and `run_in_executor`."""

    async def use() -> list[Named]:
        loop = asyncio.get_running_loop()
        first = await aio.run(pool, there.same, value=Named("a"))
        second = await loop.run_in_executor(pool, there.same, Named("b"))
        third = [each async for each in aio.map(pool, there.same, [Named("c")] * 2, chunksize=2)]
        return [first, second, *third]

    got = asyncio.run(use())
    assert [(each.name, each.arrived) for each in got] == [(name, True) for name in "abcc"]


def test_exceptions_that_hold_one(pool: Pool) -> None:
    """In `args`, in an attribute, and in an exception in a chunk."""
    error: Any = pool.submit(there.fail_with, ValueError(Named("a")), held=[Named("h")]).exception(
        TIME_LIMIT
    )
    assert type(error) is ValueError
    assert error.args[0].arrived
    assert error.held[0].arrived
    iterator = pool.map(there.fail_with, [ValueError(Named("m"))] * 2, chunksize=2)
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # its argument is looked at
        next(iterator)
    assert raised.value.args[0].name == "m"


def test_an_exception_that_has_the_protocol(pool: Pool) -> None:
    """As a result, and when it is raised; its cause tells of the worker."""
    back = pool.submit(there.same, shareable.SharedError("r")).result(TIME_LIMIT)
    assert (str(back), back.arrived) == ("r", True)
    error: Any = pool.submit(there.fail_holding, shareable.SharedError, "e").exception(TIME_LIMIT)
    assert type(error) is shareable.SharedError
    assert (str(error), error.arrived) == ("e", True)
    assert type(error.__cause__) is ExecutionFailed


def test_through_channels_and_tokens(pool: Pool) -> None:
    """The protocol is that of whatever carries objects."""
    receiver, sender = create_channel()
    with receiver, sender:
        sender.send({"k": Named("c")})
        assert receiver.recv(TIME_LIMIT)["k"].arrived
        pool.submit(token_tasks.send_on, sender, [Named("w")]).result(TIME_LIMIT)
        assert receiver.recv(TIME_LIMIT)[0].arrived
    assert sharing.from_token(sharing.to_token([Named("t")]))[0].arrived


def test_a_class_may_use_tokens_of_other_objects(pool: Pool) -> None:
    """`__share__` puts a token into its bytes; the object that it names is received with it."""
    reader, writer = os.pipe()
    with sharing.Handle(writer) as handle:
        os.close(writer)
        owner = shareable.Owner(handle)
        back = pool.submit(there.same, {"owner": [owner]}).result(TIME_LIMIT)["owner"][0]
        os.write(back.handle.fileno(), b"through")
        back.handle.close()
        for each in pool.map(there.same, [owner, owner], chunksize=2):
            each.handle.close()
        with pytest.raises(NotShareableError):  # with everything given back
            pool.submit(there.same, owner, shareable.Raises()).result(TIME_LIMIT)
    assert os.read(reader, 100) == b"through"
    assert os.read(reader, 100) == b""  # no writer is left
    os.close(reader)


def test_the_object_of_an_inner_token_waits_no_longer_than_its_message(pool: Pool) -> None:
    """`__unshare__` does not take it: it is given back when the message was loaded."""
    reader, writer = os.pipe()
    with sharing.Handle(writer) as handle:
        os.close(writer)
        lazy = shareable.Lazy(handle)
        assert pool.submit(token_tasks.try_lazy_token, lazy).result(TIME_LIMIT) == "TokenError"
    assert os.read(reader, 1) == b""
    os.close(reader)


# -- register ------------------------------------------------------------------


@pytest.mark.usefixtures("_registered")
def test_registered_classes(pool: Pool) -> None:
    """In the main interpreter for arguments, in the workers for results."""
    assert pool.submit(there.was_arrived, shareable.Point(1, 2)).result(TIME_LIMIT)
    error = pool.submit(there.same, shareable.Point(1, 2)).exception(TIME_LIMIT)
    assert type(error) is NotShareableError  # its own way fails: it is not registered there
    pool.submit(shareable.register_points).result(TIME_LIMIT)
    back = pool.submit(there.same, Box([shareable.Point(3, -4)])).result(TIME_LIMIT).foo[0]
    assert (back.x, back.y, back.arrived) == (3, -4, True)
    for each in pool.map(there.same, [shareable.Point(5, 6)] * 4, chunksize=2):
        assert each.arrived


@pytest.mark.usefixtures("_registered")
def test_an_exception_that_was_registered(pool: Pool) -> None:
    """When it is raised, as when it is returned."""
    pool.submit(shareable.register_points).result(TIME_LIMIT)
    assert pool.submit(there.same, shareable.PointError("r")).result(TIME_LIMIT).arrived
    error: Any = pool.submit(there.fail_holding, shareable.PointError, "e").exception(TIME_LIMIT)
    assert (str(error), error.arrived) == ("e", True)


@pytest.mark.usefixtures("_registered")
def test_subclasses_are_not_registered(pool: Pool) -> None:
    """Only objects of this very class."""
    back = pool.submit(there.same, shareable.SubPoint(1, 2)).result(TIME_LIMIT)
    assert (type(back), back.arrived) == (shareable.SubPoint, False)


def test_to_register_once_more_replaces_the_former_ways(pool: Pool) -> None:
    """The last registration holds, over the class's own ways, and after an instance was sent."""

    class Local:
        def __share__(self) -> bytes:
            return b"own"

        @classmethod
        def __unshare__(cls, token: bytes) -> bytes:
            return token

    sharing.register(Local, lambda _: b"1", lambda token: token + b"a")
    assert pool.submit(there.same, [Local()]).result(TIME_LIMIT) == [b"1a"]
    sharing.register(Local, lambda _: b"2", lambda token: token + b"b")
    assert pool.submit(there.same, [Local()]).result(TIME_LIMIT) == [b"2b"]
    assert sharing.from_token(sharing.to_token(Local())) == b"2b"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((5, bytes, bytes), "cls"),
        (("Named", bytes, bytes), "cls"),
        ((Named, b"", bytes), "share"),
        ((Named, bytes, None), "unshare"),
    ],
)
def test_bad_arguments_of_register(arguments: tuple[Any, ...], name: str) -> None:
    """TypeError, naming the argument."""
    with pytest.raises(TypeError, match=rf"^{name} must be"):
        sharing.register(*arguments)
