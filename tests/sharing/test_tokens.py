"""Tokens: an object waits under one until somebody takes it, once. Nothing else opens it."""

import gc
import os
import resource
import select
import socket
import subprocess
import sys
import threading
import types
import warnings
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sharing_tasks as there
from gates import TIME_LIMIT, Gate
from interpexec import InterpreterPoolExecutor, NotShareableError, SharedBuffer, TokenError
from interpexec.sharing import Handle, abandon, from_token, to_token
from programs import ROOT
from stops import Pipe, finish, pool_of, see_off, shut_down, start

type Pool = InterpreterPoolExecutor


def descriptors() -> int:
    """Return how many descriptors are open."""
    return len(os.listdir("/proc/self/fd"))


# -- what they are for ---------------------------------------------------------

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
    """Whatever its size; the second one who comes gets TokenError."""
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
    """They are open as long as they wait, and no longer, whatever their maker does."""
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
    """Both ways; the bytes travel as any bytes do."""
    assert pool.submit(there.take_token, to_token(["home"])).result(TIME_LIMIT) == ["home"]
    token = pool.submit(there.make_token, ["there"]).result(TIME_LIMIT)
    assert from_token(token) == ["there"]
    assert pool.submit(there.try_token, token).result(TIME_LIMIT) == "TokenError"
    block = SharedBuffer(10)
    view = pool.submit(there.take_token, to_token(block)).result(TIME_LIMIT)
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


def test_what_cannot_travel_is_named() -> None:
    """NotShareableError with the path; nothing is left."""
    before = descriptors()
    with socket.socket() as sock, pytest.raises(NotShareableError, match=r"the object\['a'\]\[1\]"):
        to_token({"a": [sock, threading.Lock()]})
    with pytest.raises(NotShareableError):
        to_token([Handle(0), there.ExplodesHere()])
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


def test_what_unshare_raises_goes_on(pool: Pool) -> None:
    """To the caller; the token is used up, and what lay beside is given back."""
    before = descriptors()
    token = to_token([Handle(0), there.RaisesThere(), Handle(0)])
    with pytest.raises(LookupError, match="no way in"):
        from_token(token)
    with pytest.raises(TokenError):
        from_token(token)
    assert descriptors() == before
    assert pool.submit(there.try_token, to_token(there.RaisesThere())).result(TIME_LIMIT) == (
        "LookupError"
    )


# -- how long they last --------------------------------------------------------


def test_tokens_of_a_worker_that_was_recycled() -> None:
    """What it made and nobody took is given back when its interpreter ends."""
    with pool_of(1, max_tasks_per_child=1) as pool:
        before = None
        for _ in range(3):
            tokens = pool.submit(there.make_tokens, 5).result(TIME_LIMIT)
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
    tokens = pool.submit(there.make_tokens, 3).result(TIME_LIMIT)
    assert from_token(tokens.pop()).fileno() >= 0
    pool.submit(there.spin, begun.writer)
    begun.hear()
    pool.terminate_workers()
    shut_down(pool)  # it waits for the end of the interpreter
    for token in tokens:
        with pytest.raises(TokenError):
            from_token(token)


def test_tokens_of_home_outlive_workers() -> None:
    """Who made it is the main interpreter: it waits as long as it must."""
    token = to_token("still here")
    with pool_of(1, max_tasks_per_child=1) as pool:
        for _ in range(2):
            pool.submit(there.nothing).result(TIME_LIMIT)
    assert from_token(token) == "still here"


def test_a_worker_remembers_no_token_for_ever(pool: Pool) -> None:
    """What was taken elsewhere is forgotten, sooner or later."""
    for _ in range(20):
        for token in pool.submit(there.make_tokens, 200).result(TIME_LIMIT):
            assert abandon(token)
    assert pool.submit(there.tokens_held).result(TIME_LIMIT) < 2000


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


def test_tokens_in_a_forked_child(told: Pipe) -> None:
    """They are another process's there; what the child does takes nothing from the parent."""
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


# -- what is no token ----------------------------------------------------------


@pytest.mark.parametrize("wrong", ["token", None, 5, [b"x"], object(), 1.5])
def test_what_is_not_bytes(wrong: Any) -> None:
    """TypeError."""
    for use in (from_token, abandon):
        with pytest.raises(TypeError, match="a token is bytes"):
            use(wrong)


MALFORMED = [
    b"",
    b" ",
    b"interpexec-token",
    b"interpexec-token ",
    b"interpexec-token 1 2 3 x",
    b"interpexec-token a b c d x",
    b"interpexec-token -1 -2 -3 -4 x",
    b"interpexec-token 1 2 3 " + b"9" * 5000 + b" x",
    b"interpexec-token  1  2  3  4 x",
    b"x" * 100_000,
    b"\x00" * 64,
    b"\x80\x05.",
    b"\xff\xfe interpexec",
]


@pytest.mark.parametrize("wrong", MALFORMED, ids=lambda wrong: repr(wrong[:20]))
def test_malformed_tokens(wrong: bytes) -> None:
    """TokenError, a ValueError."""
    for use in (from_token, abandon):
        with pytest.raises(TokenError):
            use(wrong)
    assert issubclass(TokenError, ValueError)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200) | st.binary(max_size=60).map(lambda rest: b"interpexec-token" + rest)
)
def test_any_bytes_are_no_token(wrong: bytes) -> None:
    """TokenError, whatever they are."""
    with pytest.raises(TokenError):
        from_token(wrong)
    with pytest.raises(TokenError):
        abandon(wrong)


NUMBERS = (
    st.integers(0, 40) | st.integers(0, 1 << 70) | st.sampled_from([1 << 31, 1 << 63, 1 << 64])
)
FIELD = NUMBERS.map(lambda number: b"%d" % number) | st.binary(max_size=5)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    fields=st.dictionaries(st.integers(0, 7), FIELD, min_size=1, max_size=4),
    tail=st.binary(max_size=4),
)
def test_changed_tokens(fields: dict[int, bytes], tail: bytes) -> None:
    """A real one with other fields opens nothing."""
    token = to_token("mine")
    real = token.split(b" ")
    forged = b" ".join(fields.get(index, field) for index, field in enumerate(real)) + tail
    if forged == token:
        assert abandon(token)
    else:
        _check_that_only_one_opens(token, forged, "mine")


KINDS: list[Any] = [
    "mine",
    b"x" * 4000,
    b"x" * 50_000,
    [bytearray(70_000)],
    types.SimpleNamespace(long=[0] * 3000),
    type("Ä" * 200, (), {"__reduce__": lambda _: (str, ())})(),
    type("Odd", (), {"__qualname__": "\ud800 ", "__reduce__": lambda _: (str, ())})(),
]


@st.composite
def changes(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Return a change of one byte, a cut at any place, or something more."""
    where, some = draw(st.integers(0, 200)), draw(st.binary(min_size=1, max_size=9))
    flip = draw(st.integers(1, 255))
    return draw(
        st.sampled_from(
            [
                lambda token: token[: where % len(token)],
                lambda token: token[1 + where % len(token) :],
                lambda token: token[: -1 - where % 3],
                lambda token: token + some,
                lambda token: some + token,
                lambda token: token[: where % len(token)] + some + token[where % len(token) :],
                lambda token: token[: where % len(token)] + token[1 + where % len(token) :],
                lambda token: bytes(
                    byte ^ flip if index == where % len(token) else byte
                    for index, byte in enumerate(token)
                ),
            ]
        )
    )


@settings(max_examples=300)
@given(obj=st.sampled_from(KINDS), change=changes())
def test_every_byte_of_a_token_counts(obj: object, change: Callable[[bytes], bytes]) -> None:
    """What is cut, longer, or changed anywhere opens nothing, and the token does still."""
    token = to_token(obj)
    _check_that_only_one_opens(token, change(token), from_token(to_token(obj)))


def test_the_ends_of_tokens_count() -> None:
    """Each part that a token begins with, and each byte behind it."""
    token = to_token("mine")
    for wrong in [token[:end] for end in range(len(token))]:
        _check_that_only_one_opens(token, wrong)
    for byte in range(256):
        _check_that_only_one_opens(token, token + bytes([byte]))
    _check_that_only_one_opens(token, token.replace(b" ", b" 0"), "mine")


def _check_that_only_one_opens(token: bytes, wrong: bytes, obj: object = None) -> None:
    """Use the wrong one; then the right one, if there is something under it."""
    with pytest.raises(TokenError):
        from_token(wrong)
    try:
        assert abandon(wrong) is False
    except TokenError:
        pass
    if obj is not None:
        assert from_token(token) == obj


def _forged(fd: int, token: bytes | None = None) -> list[bytes]:
    """Return tokens that name a descriptor, made by who knows all about tokens but their object."""
    about = os.fstat(fd)
    numbers = os.getpid(), fd, about.st_dev, about.st_ino
    plain = b" ".join([b"interpexec-token", *(b"%d" % number for number in numbers), b"str"])
    forged = [plain, plain.replace(b" str", b" 0 str"), plain.replace(b" str", b" " * 3)]
    if token is not None:
        # A real one, but for what can be found out about the descriptor.
        real = token.split(b" ")
        forged.append(b" ".join([*plain.split(b" ")[:5], *real[5:]]))
    return forged


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("text", [b"", b"hello", b"\x00cos\nsystem\n.", b"\x01" * 100])
def test_forged_tokens_of_pipes_in_use(blocking: bool, text: bytes) -> None:
    """TokenError at once. Nothing is read from the pipe, nor is it closed."""
    model = to_token("model")
    reader, writer = os.pipe()
    os.set_blocking(reader, blocking)
    os.write(writer, text)
    outcomes: list[object] = []

    def use() -> None:
        for end in reader, writer:
            for forged in _forged(end, model):
                for function in (from_token, abandon):
                    try:
                        outcomes.append(function(forged))
                    except Exception as error:
                        outcomes.append(type(error))

    user = start(use)
    user.join(TIME_LIMIT)
    is_blocked = user.is_alive()
    if is_blocked:
        os.close(writer)  # so that the thread ends
        finish(user)
    assert not is_blocked
    assert set(outcomes) <= {TokenError, False}
    os.set_blocking(reader, False)
    assert (os.read(reader, 1000) if text else b"") == text
    os.close(reader)
    os.close(writer)
    assert from_token(model) == "model"


def test_forged_tokens_of_other_descriptors(tmp_path: Path) -> None:
    """Of files, sockets, directories, memory: TokenError, and these stay as they are."""
    path = tmp_path / "file"
    path.write_bytes(b"\x00some text")
    ours, theirs = socket.socketpair()
    theirs.sendall(b"data")
    block = SharedBuffer(10)
    directory = os.open(tmp_path, os.O_RDONLY)
    with ours, theirs, path.open("rb") as file:
        for fd in file.fileno(), ours.fileno(), block.fileno(), directory, 0, 1, 2:
            for forged in _forged(fd):
                with pytest.raises(TokenError):
                    from_token(forged)
        assert ours.recv(10) == b"data"
        assert file.read() == b"\x00some text"
    os.close(directory)


@pytest.mark.parametrize("text", [b"", b"hello", b"\x01" * 7])
def test_forged_tokens_of_sockets_in_use(text: bytes) -> None:
    """TokenError at once. Nothing is received, nor is the socket closed."""
    model = to_token("model")
    ours, theirs = socket.socketpair()
    outcomes: list[object] = []
    with ours, theirs:
        theirs.sendall(text)

        def use() -> None:
            for forged in [*_forged(ours.fileno(), model), *_forged(theirs.fileno(), model)]:
                for function in (from_token, abandon):
                    try:
                        outcomes.append(function(forged))
                    except Exception as error:
                        outcomes.append(type(error))

        user = start(use)
        user.join(TIME_LIMIT)
        is_blocked = user.is_alive()
        if is_blocked:
            ours.shutdown(socket.SHUT_RDWR)
            finish(user)
        assert not is_blocked
        assert set(outcomes) <= {TokenError, False}
        theirs.sendall(b".")
        assert ours.recv(100) == text + b"."
    assert from_token(model) == "model"


def test_stale_tokens_whose_descriptor_is_somebody_elses(tmp_path: Path) -> None:
    """The number was used again, for a pipe even: TokenError, and that is untouched."""
    tokens = [to_token(number) for number in range(20)]
    assert [from_token(token) for token in tokens] == list(range(20))
    pipes = [os.pipe() for _ in range(15)]
    for _, writer in pipes:
        os.write(writer, b"\x00mine")
    for token in tokens:
        with pytest.raises(TokenError):
            from_token(token)
        assert abandon(token) is False
    for reader, writer in pipes:
        assert select.select([reader], [], [], 0)[0]
        assert os.read(reader, 10) == b"\x00mine"
        os.close(reader)
        os.close(writer)


# -- races ---------------------------------------------------------------------


def test_one_of_many_threads_wins() -> None:
    """Each token opens for exactly one of those who come at once."""
    before = descriptors()
    count = 300
    tokens = [to_token(number) for number in range(count)]
    won: list[list[int]] = [[] for _ in range(4)]
    starting = threading.Barrier(4)

    def take(index: int) -> None:
        starting.wait(TIME_LIMIT)
        for token in tokens if index % 2 else reversed(tokens):
            try:
                won[index].append(from_token(token))
            except TokenError:
                pass

    for thread in [start(take, index) for index in range(4)]:
        finish(thread)
    assert sorted(chain.from_iterable(won)) == list(range(count))
    assert descriptors() == before


def test_one_of_several_interpreters_wins(door: Gate) -> None:
    """Workers and home at once: each object is taken once, and no descriptor is lost."""
    before = descriptors()
    count = 200
    with pool_of(3) as pool:
        tokens = [to_token([number]) for number in range(count)]
        futures = [pool.submit(there.race_for, door.handle, tokens) for _ in range(3)]
        door.await_knocks(3)
        door.let_in(3)
        won = [index for index in reversed(range(count)) if abandon(tokens[index])]
        for future in futures:
            won += future.result(TIME_LIMIT)
    assert sorted(won) == list(range(count))
    assert descriptors() == before


def test_makers_and_takers_at_once() -> None:
    """Numbers of descriptors are used again all the time: nobody gets what is another's."""
    before = descriptors()
    wrong: list[object] = []

    def churn(name: int) -> None:
        last = b""
        for number in range(150):
            token = to_token((name, number))
            if last:
                try:
                    wrong.append(from_token(last))
                except TokenError:
                    pass
            if from_token(token) != (name, number):
                wrong.append(number)
            last = token

    for thread in [start(churn, name) for name in range(6)]:
        finish(thread)
    assert not wrong
    assert descriptors() == before


def test_released_views_as_tokens() -> None:
    """An error, and no crash."""
    view = memoryview(b"interpexec-token")
    view.release()
    with pytest.raises((TypeError, ValueError)):
        from_token(view)  # type: ignore[arg-type]
