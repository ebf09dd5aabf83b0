"""Objects that are sent by duplicating a descriptor: sockets, files, connections, handles."""

import io
import os
import socket
from multiprocessing.connection import Pipe as ConnectionPipe
from pathlib import Path
from typing import Any

import pytest

import sharing_tasks as there
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, NotShareableError
from interpexec.sharing import Handle
from refused import refused

pytestmark = pytest.mark.fast

# -- sockets ---------------------------------------------------------------

type Pool = InterpreterPoolExecutor


def test_a_socket_is_used_by_both_sides(pool: Pool) -> None:
    """The worker talks over it; it is open here until it is closed here."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"answer")
        assert (
            pool.submit(there.talk, sock=theirs, text=b"question").result(TIME_LIMIT) == b"answer"
        )
        assert ours.recv(100) == b"question"
        theirs.sendall(b"still open")
        assert ours.recv(100) == b"still open"
        theirs.close()
        assert ours.recv(100) == b""  # the worker has let go of its own


@pytest.mark.parametrize("timeout", [None, 5.0, 0.25, 0.0])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_the_kind_of_a_socket_arrives(pool: Pool, timeout: float | None, kind: int) -> None:
    """Family, type, protocol and timeout; there and back again."""
    for family in (socket.AF_INET, socket.AF_UNIX):
        with socket.socket(family, kind) as sock:
            sock.settimeout(timeout)
            expected = "socket", family, kind, sock.proto, timeout
            assert pool.submit(there.about_socket, sock).result(TIME_LIMIT) == expected
            with pool.submit(there.same, {"s": [sock]}).result(TIME_LIMIT)["s"][0] as back:
                assert there.about_socket(back) == expected
                assert back.fileno() != sock.fileno()
                assert not back.get_inheritable()
            assert sock.gettimeout() == timeout


def test_timeouts_work_there(pool: Pool) -> None:
    """A blocked receive ends in time; one that does not wait fails at once."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(0.05)
        assert pool.submit(there.time_out, theirs).result(TIME_LIMIT) == "TimeoutError"
        theirs.setblocking(False)
        assert pool.submit(there.time_out, theirs).result(TIME_LIMIT) == "BlockingIOError"


def test_a_listening_socket(pool: Pool) -> None:
    """Its connections are accepted in the worker."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = [pool.submit(there.serve_one, listener) for _ in range(3)]
        for number in range(3):
            with socket.create_connection(listener.getsockname(), TIME_LIMIT) as client:
                client.sendall(b"hello %d" % number)
                assert client.recv(100) == b"HELLO %d" % number
        assert [each.result(TIME_LIMIT)[-1:] for each in serving] == [b"0", b"1", b"2"]


def test_sockets_made_there(pool: Pool) -> None:
    """A result is open here, though the worker has let go of it."""
    made = pool.submit(there.sockets, 3).result(TIME_LIMIT)
    assert [sock.fileno() >= 0 for sock in made] == [True] * 3
    for sock in made:
        sock.close()


def test_a_closed_socket(pool: Pool) -> None:
    """Is refused with the path; a detached one, too."""
    sock = socket.socket()
    os.close(sock.detach())
    assert refused(pool, sock) == "args[0][0]: the socket was closed"


def test_a_socket_whose_descriptor_is_gone(pool: Pool) -> None:
    """Somebody closed it behind its back: an error, and no descriptor of another."""
    sock = socket.socket()
    os.close(sock.fileno())
    message = refused(pool, sock)
    sock.detach()
    assert "descriptor" in message


def test_one_socket_twice_is_one_there(pool: Pool) -> None:
    """A socket is duplicated once in each call."""
    with socket.socket() as sock:
        first, second = pool.submit(there.same, (sock, sock)).result(TIME_LIMIT)
        assert first is second
        first.close()


# -- files -----------------------------------------------------------------


@pytest.mark.parametrize("mode", ["rb", "r", "r+b", "r+"])
@pytest.mark.parametrize("buffering", [-1, 0, 64])
def test_reading_goes_on_where_it_was(pool: Pool, path: Path, mode: str, buffering: int) -> None:
    """Bytes that were read ahead are not lost: the next byte is the same here and there."""
    if buffering == 0 and "b" not in mode:
        pytest.skip("text is always buffered")
    with path.open(mode, buffering) as file:
        assert len(file.read(10)) == 10
        expected: Any = b"line 0001\n" if "b" in mode else "line 0001\n"
        assert pool.submit(there.read_from, [file][0], 10).result(TIME_LIMIT) == expected
        file.seek(20)
        assert pool.submit(there.read_from, file=file).result(TIME_LIMIT)[:9] == (
            expected.__class__(expected)[:5] + (b"0002" if "b" in mode else "0002")
        )
        assert file.read() in {b"", ""}  # they share the position


@pytest.mark.parametrize("mode", ["rb", "wb", "ab", "r+b", "w+b", "a+b", "r", "w", "a", "r+", "w+"])
@pytest.mark.parametrize("buffering", [-1, 0])
def test_the_kind_of_a_file_arrives(pool: Pool, path: Path, mode: str, buffering: int) -> None:
    """Its class, name, mode, and what it can do; nothing is truncated."""
    if buffering == 0 and "b" not in mode:
        pytest.skip("text is always buffered")
    with path.open(mode, buffering) as file:
        size = path.stat().st_size
        expected = there.about_file(file)
        assert pool.submit(there.about_file, file).result(TIME_LIMIT) == expected
        with pool.submit(there.same, [file]).result(TIME_LIMIT)[0] as back:
            assert there.about_file(back) == expected
            assert back.fileno() != file.fileno()
        assert path.stat().st_size == size
        assert not file.closed


@pytest.mark.parametrize("mode", ["wb", "ab", "w", "a", "r+b", "xb", "x+"])
def test_writing_there(pool: Pool, tmp_path: Path, mode: str) -> None:
    """Text that was written here and not flushed comes before text that is written there."""
    path = tmp_path / "new"
    if "x" not in mode:
        path.write_bytes(b"")
    here, later, after = ("a", "b", "c") if "b" not in mode else (b"a", b"b", b"c")
    with path.open(mode) as file:
        file.write(here)  # type: ignore[call-overload]
        assert pool.submit(there.write_to, file, later).result(TIME_LIMIT) == 2
        if "a" in mode or "b" in mode:
            file.seek(0, io.SEEK_END)
            file.write(after)  # type: ignore[call-overload]
    assert path.read_bytes() == (b"abc" if "a" in mode or "b" in mode else b"ab")


def test_text_files_keep_their_encoding(pool: Pool, path: Path) -> None:
    """Encoding and error handler stay; the position counts in bytes, not in characters."""
    path.write_bytes("äöü€\nzweite Zeile ß\n".encode("latin-1", "replace") + b"\xff")
    with path.open(encoding="latin-1") as file:
        assert file.read(2) == "äö"
        assert pool.submit(there.read_from, file, 3).result(TIME_LIMIT) == "ü?\n"
    with path.open(encoding="ascii", errors="replace") as file:
        assert file.read(2) == "\ufffd\ufffd"
        assert pool.submit(there.read_from, file).result(TIME_LIMIT).startswith("\ufffd?\nzweite")
    path.write_bytes("日本語\nテキスト\n".encode())
    with path.open(encoding="utf-8") as file:
        assert file.read(1) == "日"
        assert pool.submit(there.read_from, file).result(TIME_LIMIT) == "本語\nテキスト\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
def test_encodings_with_a_mark_at_the_beginning(pool: Pool, path: Path, encoding: str) -> None:
    """In the middle of a file, there is none: it is read on, or refused, but not misread."""
    path.write_text("first\nsecond\n", encoding=encoding)
    with path.open(encoding=encoding) as file:
        assert pool.submit(there.read_from, file, 6).result(TIME_LIMIT) == "first\n"
    with path.open(encoding=encoding) as file:
        assert file.readline() == "first\n"
        future = pool.submit(there.read_from, file)
        error = future.exception(TIME_LIMIT)
        assert type(error) is NotShareableError or future.result(0) == "second\n"


def test_universal_newlines(pool: Pool, path: Path) -> None:
    """Ends of lines arrive as ever, also where a file is cut in the middle of one."""
    path.write_bytes(b"one\r\ntwo\r\nthree")
    for count in range(10):
        with path.open() as file:
            begun = file.read(count)
            rest = pool.submit(there.read_from, file).result(TIME_LIMIT)
            assert begun + rest == "one\ntwo\nthree"


def test_a_text_file_that_is_iterated(pool: Pool, path: Path) -> None:
    """CPython cannot tell its position then: it is refused, and can still be read here."""
    with path.open() as file:
        assert next(file) == "line 0000\n"
        assert "position" in refused(pool, file)
        assert next(file) == "line 0001\n"


def test_pipes_as_files(pool: Pool) -> None:
    """Files without a position can be sent: read-only, write-only."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", 0) as source, os.fdopen(writer, "w") as target:
        target.write("from main, ")
        assert pool.submit(there.write_to_pipe, target, "from there").result(TIME_LIMIT) == 10
        assert pool.submit(there.read_from, source, 100).result(TIME_LIMIT) == (
            b"from main, from there"
        )


def test_files_that_cannot_be_sent(pool: Pool, path: Path) -> None:
    """Closed ones, and those that are none of the system's."""
    for mode in ("rb", "r", "wb"):
        for buffering in (-1, 0):
            if mode == "r" and not buffering:
                continue
            file = path.open(mode, buffering)
            file.close()
            assert refused(pool, file) == "args[0][0]: the file was closed"
    odd = io.BufferedReader(io.BytesIO(b"data"))  # type: ignore[type-var]
    assert "BytesIO" in refused(pool, odd)


def test_files_made_there(pool: Pool, path: Path) -> None:
    """A result goes on where the worker was."""
    for mode in ("rb", "r"):
        file = pool.submit(there.open_and_read, str(path), 10, mode).result(TIME_LIMIT)
        with file:
            assert file.read(9) in {b"line 0001", "line 0001"}


def test_files_in_memory_are_copied(pool: Pool) -> None:
    """As pickle does it, with their position."""
    for file in io.BytesIO(b"abcdef"), io.StringIO("abcdef"):
        file.read(2)
        assert pool.submit(there.read_from, file).result(TIME_LIMIT) in {b"cdef", "cdef"}
        assert file.read(1) in {b"c", "c"}


# -- connections and handles -----------------------------------------------


@pytest.mark.parametrize("duplex", [True, False])
def test_pipe_connections(pool: Pool, duplex: bool) -> None:
    """`multiprocessing.Pipe()`: objects go through it both ways, and its direction is kept."""
    reader, writer = ConnectionPipe(duplex)
    with reader, writer:
        if duplex:
            reader.send({"a": 1})
            got = pool.submit(there.send_and_receive, writer, [2]).result(TIME_LIMIT)
            assert (got, reader.recv()) == ({"a": 1}, [2])
        back_reader, back_writer = pool.submit(there.same, [reader, writer]).result(TIME_LIMIT)
        with back_reader, back_writer:
            assert (back_reader.readable, back_reader.writable) == (True, duplex)
            assert (back_writer.readable, back_writer.writable) == (duplex, True)
            back_writer.send_bytes(b"x" * 1000)
            assert reader.recv_bytes() == b"x" * 1000
    assert refused(pool, reader) == "args[0][0]: the connection was closed"


def test_handles(pool: Pool) -> None:
    """Raw descriptors: each side has its own number, and closes its own."""
    reader, writer = os.pipe()
    with Handle(writer) as handle:
        os.close(writer)
        number = pool.submit(there.write_handle, handle, b"there").result(TIME_LIMIT)
        assert number != handle.fileno()
        back = pool.submit(there.same, (handle,)).result(TIME_LIMIT)[0]
        assert type(back) is Handle
        os.write(back.fileno(), b" and back")
        os.close(back.detach())
        assert back.closed
    assert os.read(reader, 100) == b"there and back"
    assert os.read(reader, 100) == b""
    os.close(reader)
    assert refused(pool, handle) == "args[0][0]: the Handle was closed"
    assert "closed" in repr(handle)


def test_handles_made_there(pool: Pool) -> None:
    """A pipe that a worker made."""
    reader, writer = pool.submit(there.new_pipe).result(TIME_LIMIT)
    with reader, writer:
        os.write(writer.fileno(), b"x")
        assert os.read(reader.fileno(), 10) == b"x"
        writer.close()
        writer.close()
        assert os.read(reader.fileno(), 10) == b""
        with pytest.raises(ValueError, match="closed"):
            writer.fileno()


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (-1, ValueError),
        ("x", TypeError),
        (None, TypeError),
        (1.0, TypeError),
        (True, TypeError),
        (10**6, OSError),
        (1 << 40, (ValueError, OSError)),
        (10**30, (ValueError, OSError)),
    ],
)
def test_handles_of_no_descriptor_are_refused(wrong: Any, error: type[Exception]) -> None:
    """The error that says so, and nothing else, also not on stderr."""
    with pytest.raises(error):
        Handle(wrong)


def test_handles_of_closed_files(path: Path) -> None:
    """ValueError or OSError."""
    file = path.open()
    file.close()
    sock = socket.socket()
    sock.close()
    for closed in file, sock:
        with pytest.raises((ValueError, OSError)):
            Handle(closed)
