"""Objects that cannot be sent: the error names the part by its path, and the reason."""

import functools
import socket
from collections.abc import Callable
from typing import Any

import pytest

import shareable
import sharing_tasks as there
from gates import TIME_LIMIT
from interpexec import (
    BrokenInterpreterPool,
    ExecutionFailed,
    InterpreterPoolExecutor,
    NotShareableError,
    create_channel,
    sharing,
)
from shareable import Box, Slots

pytestmark = pytest.mark.fast

type Pool = InterpreterPoolExecutor


@pytest.fixture
def closed() -> socket.socket:
    """Return a socket that was closed."""
    sock = socket.socket()
    sock.close()
    return sock


# -- what goes wrong, and where ------------------------------------------------

PATHS: list[tuple[Callable[[Any], tuple[Any, ...]], str]] = [
    (lambda item: (1, {"sock": Box(item)}), "args[1]['sock'].foo"),
    (lambda item: (item,), "args[0]"),
    (lambda item: (0, [1, (2, item)]), "args[1][1][1]"),
    (lambda item: ([Slots(item)],), "args[0][0].foo"),
    (lambda item: (Box(more={"a": [item]}),), "args[0].more['a'][0]"),
    (lambda item: (ValueError(1, item),), "args[0].args[1]"),
    (lambda item: (functools.partial(int, item),), "args[0].args[0]"),
    (lambda item: (functools.partial(int, base=item),), "args[0].keywords['base']"),
    (lambda item: ({5: {(1, 2): item}},), "args[0][5][(1, 2)]"),
]

MISFITS: dict[str, tuple[Callable[[], Any], str]] = {
    "raises": (shareable.Raises, "no way out"),
    "str": (functools.partial(shareable.Returns, "text"), "must give bytes, not str"),
    "None": (functools.partial(shareable.Returns, None), "must give bytes, not NoneType"),
    "bytearray": (functools.partial(shareable.Returns, bytearray(2)), "bytes, not bytearray"),
    "one way": (shareable.OneWay, "no class method __unshare__"),
    "odd way": (shareable.OddWay, "no class method __unshare__"),
    "own": (shareable.ExplodesHere, "exploded here"),
}


@pytest.mark.parametrize(("wrap", "path"), PATHS, ids=[path for _, path in PATHS])
def test_the_error_names_the_path(
    pool: Pool, wrap: Callable[[Any], tuple[Any, ...]], path: str, closed: socket.socket
) -> None:
    """Of an argument, and of the same in a keyword."""
    error = pool.submit(there.same_all, *wrap(closed)).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert str(error) == f"{path}: the socket was closed"
    named = pool.submit(there.same_all, 1, key=wrap(closed)).exception(TIME_LIMIT)
    assert str(named).startswith(f"kwargs['key'][{path[5:]}: ")


@pytest.mark.parametrize("misfit", MISFITS)
def test_faults_of_a_class_are_told(pool: Pool, misfit: str) -> None:
    """With the path, in an argument, in a result, in a channel and in a token."""
    make, text = MISFITS[misfit]
    error = pool.submit(there.same, Box([make()])).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert str(error).startswith("args[0].foo[0]")
    assert text in str(error)
    receiver, sender = create_channel()
    with receiver, sender, pytest.raises(NotShareableError) as raised:
        sender.send([make()])
    assert str(raised.value).startswith("the item[0]")
    with pytest.raises(NotShareableError) as raised:
        sharing.to_token([make()])
    assert str(raised.value).startswith("the object[0]")
    assert text in str(raised.value)


@pytest.mark.parametrize("cls", [shareable.Raises, shareable.OneWay, shareable.ExplodesHere])
def test_a_result_that_cannot_be_sent_is_named(pool: Pool, cls: type) -> None:
    """With the path in the result; the worker goes on."""
    error = pool.submit(there.sockets_then, cls).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert str(error).startswith("the result[2]")
    assert pool.submit(int).result(TIME_LIMIT) == 0


def test_maps_and_broadcasts_name_it_too(pool: Pool, closed: socket.socket) -> None:
    """An item is the item's error, in a chunk as well; a broadcast is refused at once."""
    for chunksize in (1, 2):
        iterator = pool.map(there.same, [1, [closed]], chunksize=chunksize)
        assert next(iterator) == 1
        with pytest.raises(NotShareableError, match=r"args\[0\]\[0\]: the socket was closed"):
            next(iterator)
    with pytest.raises(NotShareableError, match=r"kwargs\['value'\]\.foo: the socket"):
        pool.broadcast(there.same, value=Box(closed))  # type: ignore[call-arg]


def test_initargs_that_cannot_be_sent(
    closed: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    """The pool is broken; its error, and the log, say which one it is."""
    with InterpreterPoolExecutor(1, initializer=there.keep, initargs=([closed],)) as pool:
        error = pool.submit(int).exception(TIME_LIMIT)
    assert isinstance(error, BrokenInterpreterPool)
    assert "args[0][0]: the socket was closed" in str(error.__cause__)
    assert "the socket was closed" in caplog.text


def test_exceptions_that_cannot_be_sent_are_told(pool: Pool) -> None:
    """The error names the exception, the part that cannot be sent, and the reason."""
    error = pool.submit(there.fail_with_closed_socket).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert "carrier" in str(error)
    assert "the socket was closed" in str(error)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # half a result
def test_an_unshare_that_raises(pool: Pool) -> None:
    """In the worker: "args not shareable"; here: the result could not be unpickled."""
    error: Any = pool.submit(there.same, [shareable.RaisesThere()]).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert "args not shareable: LookupError: no way in" in str(error)
    assert type(error.__cause__) is ExecutionFailed
    error = pool.submit(there.sockets_then, shareable.RaisesThere).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert "no way in" in str(error)
    receiver, sender = create_channel()
    with receiver, sender:
        sender.send(shareable.RaisesThere())
        with pytest.raises(LookupError, match="no way in"):
            receiver.recv(TIME_LIMIT)
    with pytest.raises(LookupError, match="no way in"):
        sharing.from_token(sharing.to_token(shareable.RaisesThere()))
    values = pool.imap_unordered(there.nothing, [shareable.RaisesThere(), 1], chunksize=2)
    with pytest.raises(NotShareableError, match="no way in"):
        list(values)
    assert pool.submit(int).result(TIME_LIMIT) == 0


def test_plain_pickle_refuses_what_it_cannot_keep_alive() -> None:
    """Out-of-band data is not for `pickle.dumps` and `copy`."""
    import copy
    import pickle

    with sharing.Handle(0) as handle:
        for fails in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(NotShareableError, match="cannot be pickled"):
                fails(handle)  # type: ignore[operator]
