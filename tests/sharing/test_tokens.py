"""Tokens: an object waits under one until somebody takes it, once."""

import gc
import os
import resource
import socket
import subprocess
import sys
import threading
import warnings

import pytest

import shareable
import sharing_tasks as there
import token_tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, NotShareableError, SharedBuffer, TokenError
from interpexec.sharing import Handle, abandon, from_token, to_token
from programs import ROOT
from refused import descriptors
from stops import Pipe, pool_of, see_off, shut_down

type Pool = InterpreterPoolExecutor


# -- what they are for -----------------------------------------------------


VALUES = [
    None,
    0,
    b"",
    b"x" * 4000,
    b"x" * 4095,
    b"x" * 4096,
    b"x" * 5_000_000,
    "text",
    [1, {"a": (2,)}],
    bytearray(b"x" * 100_000),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_an_object_waits_and_is_taken_once(value: object) -> None:
    """An object of any size waits for its token; the second taker gets TokenError."""
    before = descriptors()
    token = to_token(value)
    assert type(token) is bytes
    back = from_token(token)
    assert back == value
    assert type(back) is type(value)
    for _ in range(2):
        with pytest.raises(TokenError, match="taken or abandoned"):
            from_token(token)
    assert abandon(token) is False
    assert descriptors() == before


def test_objects_with_descriptors() -> None:
    """Descriptors are open as long as their token waits, and no longer, whatever the maker does."""
    before = descriptors()
    ours, theirs = socket.socketpair()
    with ours:
        token = to_token({"sock": [theirs]})
        theirs.close()
        with from_token(token)["sock"][0] as back:
            back.sendall(b"hello")
            assert ours.recv(10) == b"hello"
        assert ours.recv(10) == b""
        assert descriptors() == before + 1
    token = to_token([Handle(0), SharedBuffer(100), Handle(0)])
    assert descriptors() > before
    assert abandon(token) is True
    assert abandon(token) is False
    assert descriptors() == before


def test_a_token_says_whose_it_is_and_what_it_names() -> None:
    """The process, and at its end the object's type; equal objects have tokens of their own."""
    first, second = to_token([1]), to_token([1])
    assert first != second
    for token in first, second:
        assert token.endswith(b"list")
        assert str(os.getpid()).encode() in token
        assert from_token(token) == [1]


def test_tokens_as_other_kinds_of_bytes() -> None:
    """A bytearray or a memoryview of one is as good."""
    assert from_token(bytearray(to_token(1))) == 1  # type: ignore[arg-type]
    assert from_token(memoryview(to_token(2))) == 2  # type: ignore[arg-type]
    assert abandon(bytearray(to_token(3))) is True  # type: ignore[arg-type]


def test_from_one_interpreter_to_another(pool: Pool) -> None:
    """Both ways; the bytes are sent as any bytes are."""
    assert pool.submit(token_tasks.take_token, to_token(["main"])).result(TIME_LIMIT) == ["main"]
    token = pool.submit(token_tasks.make_token, ["there"]).result(TIME_LIMIT)
    assert from_token(token) == ["there"]
    assert pool.submit(token_tasks.try_token, token).result(TIME_LIMIT) == "TokenError"
    block = SharedBuffer(10)
    view = pool.submit(token_tasks.take_token, to_token(block)).result(TIME_LIMIT)
    view[:2] = b"hi"
    assert block[:2] == b"hi"


def test_memory_is_copied() -> None:
    """A view waits as its bytes were."""
    data = bytearray(b"before")
    token = to_token(memoryview(data))
    data[:] = b"after!"
    data.append(1)
    view = from_token(token)
    assert (bytes(view), view.readonly) == (b"before", False)


def test_an_object_that_cannot_be_sent_is_named() -> None:
    """NotShareableError with the path; nothing is left."""
    before = descriptors()
    with socket.socket() as sock, pytest.raises(NotShareableError, match=r"the object\['a'\]\[1\]"):
        to_token({"a": [sock, threading.Lock()]})
    with pytest.raises(NotShareableError):
        to_token([Handle(0), shareable.ExplodesHere()])
    assert descriptors() == before


def test_many_descriptors_under_one_token() -> None:
    """Some hundred beside something large; or NotShareableError, and nothing is left."""
    before = descriptors()
    many = [Handle(0) for _ in range(200)]
    assert len(from_token(to_token([*many, "x" * 10_000]))) == 201
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - before
    many += [Handle(0) for _ in range(min(600, (room - 300) // 2))]
    try:
        assert abandon(to_token(many))
    except NotShareableError as error:
        assert "too many descriptors" in str(error)  # noqa: PT017  # one of two right answers
        del error
    del many
    gc.collect()
    assert descriptors() == before


def test_an_error_in_unshare_goes_on(pool: Pool) -> None:
    """To the caller; the token is used up, and its out-of-band data is given back."""
    before = descriptors()
    token = to_token([Handle(0), shareable.RaisesThere(), Handle(0)])
    with pytest.raises(LookupError, match="no way in"):
        from_token(token)
    with pytest.raises(TokenError):
        from_token(token)
    assert descriptors() == before
    assert pool.submit(token_tasks.try_token, to_token(shareable.RaisesThere())).result(
        TIME_LIMIT
    ) == ("LookupError")


# -- how long they last ----------------------------------------------------


@pytest.mark.slow
def test_tokens_of_a_worker_that_was_recycled() -> None:
    """Tokens that nobody took are given back when their maker's interpreter ends."""
    with pool_of(1, max_tasks_per_child=1) as pool:
        before = None
        for _ in range(3):
            tokens = pool.submit(token_tasks.make_tokens, 5).result(TIME_LIMIT)
            later = pool.submit(there.nothing)
            assert later.result(TIME_LIMIT) is None
            see_off(pool)
            for token in tokens:
                with pytest.raises(TokenError, match="its maker is gone"):
                    from_token(token)
                assert abandon(token) is False
            before = before or tokens
        assert before != tokens


def test_tokens_of_a_worker_that_was_terminated(begun: Pipe) -> None:
    """As when it is recycled."""
    pool = InterpreterPoolExecutor(1)
    tokens = pool.submit(token_tasks.make_tokens, 3).result(TIME_LIMIT)
    assert from_token(tokens.pop()).fileno() >= 0
    pool.submit(there.spin, begun.writer)
    begun.hear()
    pool.terminate_workers()
    shut_down(pool)  # it waits for the end of the interpreter
    for token in tokens:
        with pytest.raises(TokenError):
            from_token(token)


def test_tokens_of_the_main_interpreter_outlive_workers() -> None:
    """Its maker is the main interpreter: it waits as long as it must."""
    token = to_token("still here")
    with pool_of(1, max_tasks_per_child=1) as pool:
        for _ in range(2):
            pool.submit(there.nothing).result(TIME_LIMIT)
    assert from_token(token) == "still here"


@pytest.mark.slow
def test_a_worker_remembers_no_token_for_ever(pool: Pool) -> None:
    """Tokens that were taken elsewhere are forgotten, sooner or later."""
    for _ in range(20):
        for token in pool.submit(token_tasks.make_tokens, 200).result(TIME_LIMIT):
            assert abandon(token)
    assert pool.submit(token_tasks.tokens_held).result(TIME_LIMIT) < 2000


_CHILD = """
import sys
from interpexec.errors import TokenError
from interpexec.sharing import from_token, abandon
for use in (from_token, abandon):
    try:
        use(bytes.fromhex(sys.argv[1]))
    except TokenError as error:
        print(error)
"""


def test_tokens_of_another_process() -> None:
    """TokenError that says so; there, and here if they come from there."""
    token = to_token("mine")
    made = subprocess.run(
        [sys.executable, "-c", _CHILD, token.hex()],
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        cwd=ROOT,
        check=True,
    )
    assert made.stdout.count("another process") == 2
    program = "from interpexec.sharing import to_token; print(to_token('x').hex())"
    made = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        cwd=ROOT,
        check=True,
    )
    with pytest.raises(TokenError, match="another process"):
        from_token(bytes.fromhex(made.stdout))
    assert from_token(token) == "mine"


@pytest.mark.slow
def test_tokens_in_a_forked_child(told: Pipe) -> None:
    """Tokens are another process's there; the child takes nothing from the parent."""
    token = to_token("mine")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there are threads
        child = os.fork()
    if not child:
        try:
            from_token(token)
        except TokenError:
            os.write(told.writer, b"T")
        finally:
            os._exit(0)
    assert told.hear() == b"T"
    os.waitpid(child, 0)
    assert from_token(token) == "mine"
