"""Nothing but a token opens what waits under one, and only one taker gets it."""

import os
import select
import socket
import threading
import types
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import token_tasks
from gates import TIME_LIMIT, Gate
from interpexec import SharedBuffer, TokenError
from interpexec.sharing import abandon, from_token, to_token
from refused import descriptors
from stops import finish, pool_of, start

# -- what is no token ------------------------------------------------------


@pytest.mark.parametrize("wrong", ["token", None, 5, [b"x"], object(), 1.5])
def test_tokens_that_are_not_bytes(wrong: Any) -> None:
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


@pytest.mark.slow
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
    """A token that was cut, made longer or changed opens nothing, and the true one still does."""
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
    """Return tokens that name a descriptor, made with all knowledge but that of the object."""
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


# -- races -----------------------------------------------------------------


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
    """All interpreters try at once: each object is taken once, and no descriptor is lost."""
    before = descriptors()
    count = 200
    with pool_of(3) as pool:
        tokens = [to_token([number]) for number in range(count)]
        futures = [pool.submit(token_tasks.race_for, door.handle, tokens) for _ in range(3)]
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
