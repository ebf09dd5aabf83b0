"""What travels without anybody's doing: descriptors by duplication, memory as a view or a copy."""

import array
import ctypes
import io
import mmap
import os
import socket
import struct
from collections.abc import Callable
from multiprocessing.connection import Pipe as ConnectionPipe
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sharing_tasks as there
from gates import TIME_LIMIT, Gate
from interpexec import InterpreterPoolExecutor, NotShareableError, create_channel
from interpexec.sharing import Handle, from_token, to_token
from stops import pool_of

type Pool = InterpreterPoolExecutor

LARGE = 1 << 16


def refused(pool: Pool, value: object) -> str:
    """Return what the error says of something that cannot travel."""
    error = pool.submit(there.same, [value]).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert str(error).startswith("args[0][0]")
    return str(error)


# -- sockets -------------------------------------------------------------------


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
def test_what_a_socket_is_arrives(pool: Pool, timeout: float | None, kind: int) -> None:
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
    """It is duplicated once in each call."""
    with socket.socket() as sock:
        first, second = pool.submit(there.same, (sock, sock)).result(TIME_LIMIT)
        assert first is second
        first.close()


# -- files ---------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file with numbered lines."""
    made = tmp_path / "file"
    made.write_bytes(b"".join(b"line %04d\n" % number for number in range(2000)))
    return made


@pytest.mark.parametrize("mode", ["rb", "r", "r+b", "r+"])
@pytest.mark.parametrize("buffering", [-1, 0, 64])
def test_reading_goes_on_where_it_was(pool: Pool, path: Path, mode: str, buffering: int) -> None:
    """What was read ahead is not lost: the next byte there is the next one here, and back."""
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
def test_what_a_file_is_arrives(pool: Pool, path: Path, mode: str, buffering: int) -> None:
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
    """What was written here and not flushed comes before what is written there."""
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
    """And how errors are treated; the position counts in bytes, not in characters."""
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
    """What has no position: read-only, write-only."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", 0) as source, os.fdopen(writer, "w") as target:
        target.write("from home, ")
        assert pool.submit(there.write_to_pipe, target, "from there").result(TIME_LIMIT) == 10
        assert pool.submit(there.read_from, source, 100).result(TIME_LIMIT) == (
            b"from home, from there"
        )


def test_files_that_cannot_travel(pool: Pool, path: Path) -> None:
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


# -- connections and handles ---------------------------------------------------


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
def test_what_is_no_descriptor(wrong: Any, error: type[Exception]) -> None:
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


# -- views ---------------------------------------------------------------------


def _views() -> "dict[str, Callable[[], memoryview]]":
    numbers = array.array("d", range(12))
    return {
        "bytes": lambda: memoryview(b"hello"),
        "bytearray": lambda: memoryview(bytearray(b"hello")),
        "slice": lambda: memoryview(bytearray(b"hello"))[1:4],
        "readonly": lambda: memoryview(bytearray(b"hello")).toreadonly(),
        "doubles": lambda: memoryview(numbers),
        "matrix": lambda: memoryview(bytes(24)).cast("h", (3, 4)),
        "cube": lambda: memoryview(numbers).cast("B").cast("d", (2, 3, 2)),
        "chars": lambda: memoryview(b"abc").cast("c"),
        "bools": lambda: memoryview(b"\x00\x01").cast("?"),
        "longs": lambda: memoryview(bytearray(16)).cast("@q"),
        "scalar": lambda: memoryview(bytearray(8)).cast("q", ()),
        "ctypes": lambda: memoryview((ctypes.c_int * 3)(1, 2, 3)),
        "ctypes matrix": lambda: memoryview(((ctypes.c_short * 2) * 3)()),
        "ctypes scalar": lambda: memoryview(ctypes.c_double(1.5)),
        "large": lambda: memoryview(bytearray(200_000)).cast("i", (50, 1000)),
        "large readonly": lambda: memoryview(bytes(200_000)),
    }


@pytest.mark.parametrize("name", _views())
def test_views_keep_what_they_are(pool: Pool, name: str) -> None:
    """Type, format, shape, whether they can be written: as arguments, results, and in tokens."""
    view = _views()[name]()
    kind, code, *rest = there.about(view)
    formats = {code, code.lstrip("<@=")}  # ctypes says "<i" where it means a native one
    there_, code_there, *rest_there = pool.submit(there.about, view).result(TIME_LIMIT)
    assert (there_, code_there, rest_there) == (kind, code, rest)
    for back in (
        pool.submit(there.same, [view]).result(TIME_LIMIT)[0],
        from_token(to_token(view)),
        *pool.map(there.same, [view, view], chunksize=2),
    ):
        kind_back, code_back, *rest_back = there.about(back)
        assert (kind_back, rest_back) == (kind, rest)
        assert code_back in formats
        back.release()


def test_a_view_in_an_argument_is_the_memory(pool: Pool) -> None:
    """At any depth: what is written there is here, at no cost that grows with its size."""
    data = bytearray(10_000_000)
    for index, wrap in enumerate(
        (lambda view: view, lambda view: [view][0], lambda view: memoryview(view)[:])
    ):
        pool.submit(there.write, wrap(memoryview(data)), b"%d there" % index, 5_000_000).result(
            TIME_LIMIT
        )
        assert data[5_000_000:5_000_007] == b"%d there" % index
    box = there.Box(foo={"deep": [memoryview(data)[10:20]]})
    pool.submit(there.write_in_box, box, b"boxed").result(TIME_LIMIT)
    assert data[10:15] == b"boxed"


def test_a_read_only_view_cannot_be_written_there(pool: Pool) -> None:
    """Whether it is of bytes or was made read-only."""
    data = bytearray(5)
    for view in memoryview(b"bytes"), memoryview(data).toreadonly():
        assert pool.submit(there.try_to_write, view).result(TIME_LIMIT) == "TypeError"
    assert pool.submit(there.try_to_write, memoryview(data)).result(TIME_LIMIT) == "written"
    assert data[0] == 1


def test_a_view_in_a_result_is_a_copy() -> None:
    """Never the worker's memory: it is there when the worker is gone."""
    with pool_of(1) as pool:
        views = [
            pool.submit(there.view_of, make, data, *cast).result(TIME_LIMIT)
            for make, data, *cast in (
                (bytearray, b"small"),
                (bytearray, bytes(LARGE)),
                (bytes, b"large" * LARGE),
                (bytearray, bytes(80_000), "d", (100, 100)),
                (there.mapping_of, b"mapped"),
                (there.mapping_of, b"m" * LARGE),
            )
        ]
        whole = pool.submit(there.mapping_of, b"itself").result(TIME_LIMIT)
    assert views[0].tobytes() == b"small"
    assert [view.readonly for view in views[:4]] == [False, False, True, False]
    assert views[2][-5:].tobytes() == b"large"
    assert (views[3].format, views[3].shape) == ("d", (100, 100))
    assert (views[4].tobytes(), views[5][-1], bytes(whole)) == (b"mapped", ord("m"), b"itself")
    views[1][0] = 5
    assert views[1][0] == 5
    for view in [*views, whole]:
        view.release()


def test_large_views_in_results_hold_no_descriptors(pool: Pool) -> None:
    """However many are kept: memory that is mapped needs none."""
    before = len(os.listdir("/proc/self/fd"))
    views = [
        pool.submit(there.view_of, bytearray, bytes(LARGE)).result(TIME_LIMIT) for _ in range(20)
    ]
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    del views


def test_a_lent_view_goes_on_to_others(pool: Pool) -> None:
    """Into a channel and home as a copy; to a pool inside the worker as the memory itself."""
    data = bytearray(b"original data")
    receiver, sender = create_channel()
    with receiver, sender:
        pool.submit(there.send_on, sender, memoryview(data)).result(TIME_LIMIT)
        view = receiver.recv(TIME_LIMIT)
        view[:8] = b"changed!"
        assert data == b"original data"
    inner = pool.submit(there.use_inner_pool, memoryview(data), there.write, b"INNER")
    assert inner.result(TIME_LIMIT) == 13
    assert data == b"INNERnal data"
    back = pool.submit(there.same, memoryview(data)).result(TIME_LIMIT)
    back[:5] = b"?????"
    assert data == b"INNERnal data"
    data.append(1)  # nobody holds it any more


def test_a_view_that_a_worker_keeps_stays_valid(door: Gate) -> None:
    """Until the worker ends; the memory cannot be resized meanwhile."""
    data = bytearray(b"kept by a worker")
    with pool_of(1) as pool:
        pool.submit(there.keep, memoryview(data)).result(TIME_LIMIT)
        data[:4] = b"KEPT"
        assert pool.submit(there.read_kept).result(TIME_LIMIT) == b"KEPT by a worker"
        with pytest.raises(BufferError):
            data.append(1)
    data.append(1)


@pytest.mark.parametrize(
    "view",
    [
        memoryview(b"abcdef")[::2],
        memoryview(b"abcdef")[::-1],
        memoryview(bytes(12)).cast("B", (3, 4))[::2],
    ],
    ids=["gaps", "reversed", "rows"],
)
def test_views_with_gaps(pool: Pool, view: memoryview) -> None:
    """Refused: "not contiguous", and what to do."""
    message = refused(pool, view)
    assert "args[0][0]: the memoryview is not contiguous" in message
    assert "tobytes" in message
    with pytest.raises(NotShareableError, match="not contiguous"):
        to_token(view)


def test_released_views(pool: Pool) -> None:
    """Refused, with the path."""
    view = memoryview(b"abc")
    view.release()
    assert refused(pool, view) == "args[0][0]: the memoryview was released"


def test_a_result_that_is_a_released_view(pool: Pool) -> None:
    """As an argument."""
    error = pool.submit(there.released_view).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert str(error).startswith("the result")
    assert "released" in str(error)


@pytest.mark.parametrize("code", ["B", "d", "i", "q", "f", "b"])
@pytest.mark.parametrize("readonly", [False, True])
def test_empty_views(pool: Pool, code: str, readonly: bool) -> None:
    """Zero length is a length: there, back, and in a token."""
    view = memoryview(b"" if readonly else bytearray()).cast(code)
    assert pool.submit(there.about, view).result(TIME_LIMIT) == there.about(view)
    for back in pool.submit(there.same, view).result(TIME_LIMIT), from_token(to_token(view)):
        assert there.about(back) == there.about(view)


@pytest.mark.parametrize("code", ["c", "?", "n", "P"])
def test_empty_views_of_other_formats(pool: Pool, code: str) -> None:
    """They arrive; back they come, or an error says why not."""
    view = memoryview(bytearray()).cast(code)
    assert pool.submit(there.about, view).result(TIME_LIMIT) == there.about(view)
    future = pool.submit(there.same, view)
    error = future.exception(TIME_LIMIT)
    if error is None:
        assert there.about(future.result()) == there.about(view)
    else:
        assert "empty memoryview" in str(error)


class _Pair(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double)]


class _BigEndian(ctypes.BigEndianStructure):
    _fields_ = [("x", ctypes.c_int32)]


@pytest.mark.parametrize("make", [_Pair * 2, lambda: _Pair(1, 2), _BigEndian])
def test_structures(pool: Pool, make: Callable[[], Any]) -> None:
    """A format that `memoryview.cast` does not know can be lent, but not copied."""
    value = make()
    view = memoryview(value)
    assert pool.submit(there.about_bytes, view).result(TIME_LIMIT) == (
        view.format,
        view.shape,
        bytes(view.tobytes()),
    )
    error = pool.submit(there.same, view).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert view.format in str(error)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    code=st.sampled_from("bBhHiIlLqQfd?cnN"),
    shape=st.lists(st.integers(1, 4), max_size=4),
    start=st.integers(0, 3),
    readonly=st.booleans(),
)
def test_any_native_view(
    pool: Pool, code: str, shape: list[int], start: int, readonly: bool
) -> None:
    """Lent and copied: all that one can ask of it is as it was."""
    size = struct.calcsize(code)
    for length in shape:
        size *= length
    data = bytes(index % 2 for index in range(size + start))
    view = memoryview(data if readonly else bytearray(data))[start:].cast(code, shape)
    for got in pool.map(there.about, [view, view], chunksize=2):
        assert got == there.about(view)
    back = pool.submit(there.same, {"v": view}).result(TIME_LIMIT)["v"]
    assert there.about(back) == there.about(view)


# -- maps, arrays, bytes -------------------------------------------------------


def test_mmaps(pool: Pool, path: Path) -> None:
    """An argument shows the memory itself; what cannot be written here cannot there."""
    with mmap.mmap(-1, 100_000) as memory:
        assert pool.submit(there.write, [memory][0], b"there", 99_990).result(TIME_LIMIT) == 100_000
        assert memory[99_990:99_995] == b"there"
        assert pool.submit(there.type_name, memory).result(TIME_LIMIT) == "memoryview"
        back = pool.submit(there.same, [memory]).result(TIME_LIMIT)[0]
        back[0] = 1
        assert memory[0] == 0
        back.release()
    assert refused(pool, memory) == "args[0][0]: the mmap was closed"
    with (
        path.open("r+b") as file,
        mmap.mmap(file.fileno(), 0) as shared,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as fixed,
    ):
        assert pool.submit(there.read, fixed, 5, 9).result(TIME_LIMIT) == b"0000"
        assert pool.submit(there.try_to_write, fixed).result(TIME_LIMIT) == "TypeError"
        pool.submit(there.write, shared, b"LINE").result(TIME_LIMIT)
        assert path.read_bytes()[:4] == b"LINE"


@pytest.mark.parametrize("size", [0, 1, LARGE - 1, LARGE, LARGE + 1, 3_000_000])
def test_bytearrays(pool: Pool, size: int) -> None:
    """Copies, of their own type, which can be resized; whole objects share one."""
    data = bytearray(b"x" * size)
    for wrapped in data, {"k": [data]}:
        first = pool.submit(there.same, [wrapped, wrapped]).result(TIME_LIMIT)
        assert first == [wrapped, wrapped]
        assert first[0] is first[1]
    back = pool.submit(there.same, data).result(TIME_LIMIT)
    assert type(back) is bytearray
    back.append(1)
    data.append(2)
    assert pool.submit(there.append_there, data).result(TIME_LIMIT) == size + 2


@pytest.mark.parametrize("code", ["b", "B", "h", "i", "q", "Q", "f", "d", "w", "l"])
@pytest.mark.parametrize("length", [0, 3, 70_000])
def test_arrays(pool: Pool, code: str, length: int) -> None:
    """Copies, of the same typecode."""
    values: Any = "ab€" * (length // 3) if code == "w" else [n % 100 for n in range(length)]
    numbers = array.array(code, values)
    for back in (
        pool.submit(there.same, numbers).result(TIME_LIMIT),
        pool.submit(there.same, {"a": (numbers,)}).result(TIME_LIMIT)["a"][0],
    ):
        assert type(back) is array.array
        assert (back.typecode, back) == (code, numbers)
        back.extend(back)
    numbers.append("x" if code == "w" else 1)


SIZES = [LARGE - 1, LARGE, LARGE + 1, 1_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_large_bytes_at_any_depth(pool: Pool, size: int) -> None:
    """Equal, of the right type, each in its place, whatever stands beside it."""
    datas = [bytes([65 + n]) * (size + n) for n in range(12)]
    value = {
        "first": datas[0],
        "list": [datas[1], "text" * LARGE, datas[2], 5],
        "box": there.Box(datas[3], {"deep": (datas[4], bytearray(datas[5]))}),
        "same": [datas[0], datas[0]],
        "empty": b"",
        b"k" * size: datas[6],
        "set": {datas[7], datas[8]},
        "rest": datas[9:],
    }
    for back in (
        pool.submit(there.same, value).result(TIME_LIMIT),
        from_token(to_token(value)),
        *pool.map(there.same, [value, value], chunksize=2),
    ):
        assert back == value
        assert type(back["first"]) is bytes
        assert type(back["box"].more["deep"][1]) is bytearray
        assert back["same"][0] is back["same"][1] is back["first"]


def test_large_subclasses_and_look_alikes(pool: Pool) -> None:
    """Of `bytes`, and text and bytes that look like pickle's opcodes."""
    size = 100_000
    tricky = b"B" + size.to_bytes(4, "little")
    values = [
        there.Blob(b"x" * size),
        tricky * (size // 5),
        "B\xa0\x86\x01\x00" * (size // 5),
        b"\x8e" + size.to_bytes(8, "little") + bytes(size),
        bytes(size),
        tricky + bytes(size),
        (tricky, bytes(size), "x" * size, tricky),
    ]
    back = pool.submit(there.same, values).result(TIME_LIMIT)
    assert back == values
    assert [type(each) for each in back] == [type(each) for each in values]


@pytest.mark.parametrize("where", ["argument", "channel", "token"])
def test_what_is_changed_after_it_was_sent(pool: Pool, where: str, door: Gate) -> None:
    """Arguments are taken as they are when they are sent, however large, but for views."""
    data = bytearray(b"old" * 50_000)
    small = bytearray(b"old")
    numbers = array.array("q", [1] * 50_000)
    value = {"large": data, "small": small, "numbers": numbers, "list": [1]}
    expected = {
        "large": bytearray(data),
        "small": bytearray(small),
        "numbers": array.array("q", numbers),
        "list": [1],
    }
    receiver, sender = create_channel()
    with receiver, sender:
        if where == "argument":
            blocked = pool.submit(there.pass_door, door.handle)
            door.await_knocks(1)
            future = pool.submit(there.same, value)
        elif where == "channel":
            sender.send(value)
        else:
            token = to_token(value)
        data[:] = b"new"
        small.append(1)
        numbers[0] = 5
        numbers.append(1)
        value["list"].append(2)  # type: ignore[attr-defined]
        if where == "argument":
            door.let_in()
            blocked.result(TIME_LIMIT)
            got = future.result(TIME_LIMIT)
        else:
            got = receiver.recv(TIME_LIMIT) if where == "channel" else from_token(token)
    assert got == expected


def test_kinds_together(pool: Pool, path: Path) -> None:
    """Everything in one argument, and all of it back."""
    ours, theirs = socket.socketpair()
    receiver, sender = create_channel()
    with ours, theirs, path.open("rb") as file, Handle(file) as handle, receiver, sender:
        value = [ours, (file, {"h": handle}), memoryview(b"view"), b"x" * LARGE, sender, theirs]
        back = pool.submit(there.same, value).result(TIME_LIMIT)
        back[0].sendall(b"around")
        assert back[-1].recv(10) == b"around"
        assert back[1][0].read(4) == b"line"
        assert os.read(back[1][1]["h"].fileno(), 0) == b""
        assert (back[2].tobytes(), back[3]) == (b"view", b"x" * LARGE)
        back[4].send(1)
        assert receiver.recv(TIME_LIMIT) == 1
        for each in back[0], back[-1], back[1][0], back[1][1]["h"]:
            each.close()
        back[4].release()
        assert sender
