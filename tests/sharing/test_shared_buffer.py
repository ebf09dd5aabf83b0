"""SharedBuffer: memory that interpreters share, and that ends with its last holder."""

import _interpreters
import ctypes
import gc
import os
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shareable
import sharing_tasks as there
import token_tasks
from gates import TIME_LIMIT, gate
from interpexec import InterpreterPoolExecutor, NotShareableError, SharedBuffer, create_channel
from interpexec import buffers as module
from programs import output, write
from stops import Pipe, finish, pool_of, start

type Pool = InterpreterPoolExecutor

GIB = 1 << 30

_PATIENCE = 5.0  # seconds, for what is let go by a thread of a pool


def mappings() -> int:
    """Return how many mappings of blocks this process has."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        return sum(_is_ours(line) for line in file)


def descriptors() -> int:
    """Return how many descriptors of blocks are open."""
    count = 0
    for entry in os.listdir("/proc/self/fd"):
        try:
            count += _is_ours(os.readlink(f"/proc/self/fd/{entry}"))
        except OSError:
            continue  # the one that listed the directory
    return count


def _is_ours(text: str) -> bool:
    return "memfd:interpexec" in text or "/dev/shm/ixp" in text


def blocks() -> tuple[int, int]:
    """Return how many descriptors and mappings of blocks there are."""
    gc.collect()
    return descriptors(), mappings()


def await_blocks(before: tuple[int, int]) -> None:
    """Return when there are no more than before; fail if that does not come."""
    end = monotonic() + _PATIENCE
    while (now := blocks())[0] > before[0] or now[1] > before[1]:
        assert monotonic() < end, f"{before} were, {now} are"
        threading.Event().wait(0.01)


@pytest.fixture(autouse=True)
def _no_block_is_left() -> Iterator[None]:
    """Fail a test that leaves memory behind."""
    before = blocks()
    yield
    await_blocks(before)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Make two warm workers for the module."""
    with gate() as door, InterpreterPoolExecutor(2) as made:
        futures = [made.submit(there.pass_door, door.handle) for _ in range(2)]
        door.await_knocks(2)
        door.open()
        for future in futures:
            future.result(TIME_LIMIT)
        yield made


@pytest.fixture(params=["memfd", "shm", "file"])
def _platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take away what the platform has, here."""
    memfd, shm = request.param == "memfd", request.param != "file"
    monkeypatch.setattr(module, "HAS_MEMFD", memfd and module.HAS_MEMFD)
    monkeypatch.setattr(module, "HAS_SHM", shm)
    return str(request.param)


# -- alone ---------------------------------------------------------------------


@pytest.mark.usefixtures("_platform")
@pytest.mark.parametrize("size", [1, 2, 4095, 4096, 4097, 1_000_003])
def test_a_new_block_is_all_zero(size: int) -> None:
    """Of the very size, and writable."""
    with SharedBuffer(size) as block:
        assert (block.size, len(block), block.readonly, block.closed) == (size, size, False, False)
        assert block[:] == bytes(size)
        assert memoryview(block).nbytes == size
        block[size - 1 :] = b"x"
        assert block[-1:] == b"x"
        assert str(size) in repr(block)


@settings(max_examples=100, deadline=None)
@given(
    size=st.integers(1, 300),
    steps=st.lists(
        st.tuples(st.integers(-310, 310), st.integers(-310, 310), st.binary(max_size=9))
    ),
)
def test_slices_are_those_of_a_bytearray(size: int, steps: list[tuple[int, int, bytes]]) -> None:
    """Reading and writing in place; a wrong length is refused."""
    model = bytearray(size)
    with SharedBuffer(size) as block:
        for start_, stop, text in steps:
            if len(model[start_:stop]) == len(text):
                block[start_:stop] = text
                model[start_:stop] = text
            else:
                with pytest.raises((ValueError, IndexError)):
                    block[start_:stop] = text
            assert block[start_:stop] == bytes(model[start_:stop])
            assert block[::3] == bytes(model[::3])
        assert block[:] == bytes(model)


@pytest.mark.parametrize(
    ("size", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (-(10**30), ValueError),
        (1.5, TypeError),
        ("1", TypeError),
        (None, TypeError),
        (True, TypeError),
        (b"x", TypeError),
        (sys.maxsize + 1, (ValueError, OSError)),
        (1 << 64, (ValueError, OSError)),
        (10**30, (ValueError, OSError)),
    ],
)
def test_bad_sizes(size: Any, error: type[Exception]) -> None:
    """TypeError, ValueError, or OSError for more than there can be; and no descriptor is left."""
    with pytest.raises(error, match="size" if error is TypeError else None):
        SharedBuffer(size)


def test_what_there_is_no_room_for() -> None:
    """OSError or ValueError, at the latest when it is used; it can be closed all the same."""
    with pytest.raises((OSError, ValueError)), SharedBuffer(1 << 62) as block:
        block[:1] = b"x"


@pytest.mark.parametrize("key", [0, -1, "a", None, (1, 2)])
def test_only_slices(key: Any) -> None:
    """TypeError for an index."""
    with SharedBuffer(10) as block:
        with pytest.raises(TypeError, match="slices"):
            block[key]
        with pytest.raises(TypeError, match="slices"):
            block[key] = b"x"


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("q", -5),
        ("d", 1.5),
        ("B", 255),
        ("?", True),
        ("f", 0.5),
        ("N", 7),
        ("H", 65535),
        ("c", b"x"),
    ],
)
def test_typed_views(code: str, value: object) -> None:
    """`cast` gives the formats and the shapes of `memoryview.cast`, over the same memory."""
    with SharedBuffer(48) as block:
        size = struct.calcsize(code)
        with block.cast(code) as view:
            assert (view.format, view.shape, view.nbytes) == (code, (48 // size,), 48)
            view[1] = value
            assert block[size : 2 * size] == struct.pack(code, value)
        with block.cast(code, (2, 24 // size)) as matrix:
            assert matrix.shape == (2, 24 // size)
            assert matrix[0, 1] == value


def test_casts_that_do_not_fit() -> None:
    """TypeError, as from `memoryview`; the block can be closed."""
    with SharedBuffer(10) as block:
        with pytest.raises(TypeError):
            block.cast("q")
        with pytest.raises((ValueError, TypeError)):
            block.cast("zz")
        with pytest.raises(TypeError):
            block.cast("B", (3, 3))


def test_it_is_taken_for_any_buffer() -> None:
    """By whatever writes into a bytearray."""
    reader, writer = os.pipe()
    with SharedBuffer(8) as block, os.fdopen(reader, "rb", 0) as file:
        os.write(writer, b"12345678")
        os.close(writer)
        assert file.readinto(block) == 8
        assert bytes(block) == b"12345678"
        struct.pack_into("<i", block, 4, 1)
        assert block[4:] == b"\x01\x00\x00\x00"
        cell = ctypes.c_uint32.from_buffer(block)
        cell.value = 0
        del cell
        assert block[:4] == bytes(4)


@pytest.mark.parametrize(
    "data",
    [
        b"bytes",
        bytearray(b"array"),
        memoryview(b"view")[1:3],
        memoryview(struct.pack("4d", 1, 2, 3, 4)).cast("d", (2, 2)),
        (ctypes.c_int * 3)(1, 2, 3),
    ],
    ids=["bytes", "bytearray", "view", "matrix", "ctypes"],
)
def test_copies(data: Any) -> None:
    """`copy_of` holds the bytes; the original does not change with it."""
    expected = memoryview(data).tobytes()
    with SharedBuffer.copy_of(data) as block:
        assert block[:] == expected
        block[:1] = b"\xff"
    assert memoryview(data).tobytes() == expected


@pytest.mark.parametrize(
    "wrong", [b"", memoryview(b"abcdef")[::2], memoryview(b"abcdef")[::-1], "text", 5]
)
def test_what_cannot_be_copied(wrong: Any) -> None:
    """Nothing empty, nothing with gaps, nothing without the buffer protocol."""
    with pytest.raises((TypeError, ValueError)):
        SharedBuffer.copy_of(wrong)


def test_read_only_holders() -> None:
    """Read-only holders see what others write, and cannot write in any way; nor can their heirs."""
    with SharedBuffer(8) as block, block.toreadonly() as reader, reader.toreadonly() as heir:
        block[:2] = b"hi"
        for each in reader, heir:
            assert each.readonly
            assert "readonly" in repr(each)
            assert each[:2] == b"hi"
            with pytest.raises(TypeError, match="read-only"):
                each[:2] = b"no"
            with memoryview(each) as view, pytest.raises(TypeError):
                view[0] = 1
            with each.cast("q") as cells, pytest.raises(TypeError):
                cells[0] = 1
            with pytest.raises((TypeError, BufferError)):
                ctypes.c_int.from_buffer(each)
        assert block[:2] == b"hi"


def test_closing() -> None:
    """Once is enough, more does no harm; views must be released first; others stay."""
    block = SharedBuffer(8)
    other = block.toreadonly()
    view = memoryview(block)
    with pytest.raises(BufferError):
        block.close()
    view[:1] = b"x"
    assert not block.closed
    view.release()
    for _ in range(3):
        block.close()
    assert block.closed
    assert "closed" in repr(block)
    for use in (
        block.fileno,
        block.toreadonly,
        lambda: block[:],
        lambda: memoryview(block),
        lambda: block.cast("q"),
        lambda: block.__setitem__(slice(0, 1), b"x"),
    ):
        with pytest.raises(ValueError, match="closed"):
            use()
    assert other[:1] == b"x"
    other.close()


def test_a_view_keeps_the_memory() -> None:
    """The block may be forgotten: the view shows it as long as it lives."""
    view = SharedBuffer.copy_of(b"hello").cast("B")
    gc.collect()
    assert view.tobytes() == b"hello"
    view.release()


def test_closing_while_others_use_it() -> None:
    """Closing closes or gives BufferError, never a crash; a closed block is not mapped again."""
    outcomes = set()
    for _ in range(50):
        block, is_over = SharedBuffer(4096), threading.Event()
        threads = [start(_use_until_closed, block, is_over, outcomes) for _ in range(2)]
        try:
            while not block.closed:
                try:
                    block.close()
                except BufferError:
                    pass
            with pytest.raises(ValueError, match="closed"):
                block[:1]
        finally:
            is_over.set()
            for thread in threads:
                finish(thread)
    assert outcomes <= {"ValueError", "closed"}


def _use_until_closed(block: SharedBuffer, is_over: threading.Event, outcomes: set[str]) -> None:
    try:
        while not is_over.is_set():
            block[:4096] = bytes(4096)
            block.cast("q")[5] = 1
        outcomes.add("closed")
    except BaseException as error:
        outcomes.add(type(error).__name__)


# -- shared --------------------------------------------------------------------


@pytest.mark.usefixtures("_platform")
def test_both_sides_write_in_place(pool: Pool) -> None:
    """An argument at any depth: what is written there is seen here, and the other way."""
    with SharedBuffer(100) as block:
        for number, wrapped in enumerate((block, [block], {"k": (block,)}, shareable.Box(block))):
            pool.submit(there.keep, wrapped).result(TIME_LIMIT)
            text = b"%d there" % number
            assert pool.submit(there.write, block, text).result(TIME_LIMIT) == 100
            assert block[: len(text)] == text
            block[50:54] = b"main"
            assert pool.submit(there.read, block, 50, 54).result(TIME_LIMIT) == b"main"
        for future in pool.broadcast(there.forget_all):
            future.result(TIME_LIMIT)


def test_two_workers_at_once(pool: Pool) -> None:
    """Each of them writes its half."""
    with SharedBuffer(1 << 20) as block:
        half = 1 << 19
        futures = [
            pool.submit(there.write, block, bytes([65 + index]) * half, index * half)
            for index in range(2)
        ]
        for future in futures:
            assert future.result(TIME_LIMIT) == 1 << 20
        assert block[:] == b"A" * half + b"B" * half


@pytest.mark.parametrize("path", ["memfd", "shm", "file"])
def test_made_in_a_worker(path: str) -> None:
    """A result: it outlives the worker that made it, whatever it is made of."""
    with pool_of(1) as pool:
        pool.submit(there.set_platform, memfd=path == "memfd", shm=path != "file").result(
            TIME_LIMIT
        )
        block = pool.submit(there.buffer_of, 1000, b"made there").result(TIME_LIMIT)
        assert type(block) is SharedBuffer
        block[990:] = b"0123456789"
        assert pool.submit(there.read, block, 990).result(TIME_LIMIT) == b"0123456789"
    assert (block[:10], block[990:], len(block)) == (b"made there", b"0123456789", 1000)
    block.close()


def test_made_in_one_worker_used_in_another(pool: Pool) -> None:
    """Through the main interpreter, which need not look into it; nested in chunks, too."""
    made = list(pool.map(there.buffer_of, [10, 20, 30, 40], [b"a", b"b", b"c", b"d"], chunksize=2))
    assert [len(block) for block in made] == [10, 20, 30, 40]
    read = pool.map(there.read, made, [0] * 4, [1] * 4, chunksize=4)
    assert list(read) == [b"a", b"b", b"c", b"d"]


def test_typed_cells(pool: Pool) -> None:
    """Casts on both sides."""
    with SharedBuffer(80) as block:
        assert pool.submit(there.set_cell, block, "d", 9, 2.5).result(TIME_LIMIT) == 0.0
        assert pool.submit(there.set_cell, block, "q", 0, -7).result(TIME_LIMIT) == 0
        with block.cast("d") as floats, block.cast("q") as integers:
            assert (floats[9], integers[0]) == (2.5, -7)


def test_read_only_stays_read_only(pool: Pool) -> None:
    """On the other side, on the way back, and as a view."""
    with SharedBuffer(8) as block, block.toreadonly() as reader:
        assert pool.submit(there.try_to_write, block).result(TIME_LIMIT) == "written"
        assert pool.submit(there.try_to_write, reader).result(TIME_LIMIT) == "TypeError"
        assert pool.submit(there.try_to_write, memoryview(reader)).result(TIME_LIMIT) == "TypeError"
        back = pool.submit(there.same, [reader]).result(TIME_LIMIT)[0]
        assert back.readonly
        assert back[:1] == b"\x01"
        back.close()


def test_through_channels_without_a_pool(pool: Pool) -> None:
    """Between threads, and on to a worker."""
    receiver, sender = create_channel()
    with receiver, sender, SharedBuffer(10) as block:
        sender.send({"block": block})
        with receiver.recv(TIME_LIMIT)["block"] as other:
            other[:5] = b"hello"
            assert block[:5] == b"hello"
        sender.send(block)
        assert pool.submit(token_tasks.receive, receiver).result(TIME_LIMIT) == "SharedBuffer"
        pool.submit(token_tasks.make_and_send, sender, 7).result(TIME_LIMIT)
        with receiver.recv(TIME_LIMIT) as other:
            assert len(other) == 7
        sender.send([block, block.toreadonly()])  # never received


def test_a_plain_subinterpreter(pool: Pool) -> None:
    """One that no pool made: it imports the package and takes what a token names."""
    from interpexec.sharing import to_token

    del pool  # it has made sure that the main interpreter loaded what must come first
    with SharedBuffer(10) as block:
        interpreter = _interpreters.create(reqrefs=False)
        try:
            program = f"""if True:
                import sys; sys.path[:] = {sys.path!r}
                from interpexec.sharing import from_token
                block = from_token({to_token(block)!r})
                block[:4] = b"mine"
            """
            assert _interpreters.exec(interpreter, program) is None
        finally:
            _interpreters.destroy(interpreter)
        assert block[:4] == b"mine"


def test_a_closed_block_cannot_be_sent(pool: Pool) -> None:
    """NotShareableError that says so."""
    block = SharedBuffer(10)
    block.close()
    error = pool.submit(there.same, [block]).exception(TIME_LIMIT)
    assert type(error) is NotShareableError
    assert str(error) == "args[0][0]: the SharedBuffer was closed"


def test_what_is_sent_may_be_closed_at_once(pool: Pool) -> None:
    """The message holds it."""
    futures = []
    for number in range(30):
        with SharedBuffer.copy_of(b"%02d" % number) as block:
            futures.append(pool.submit(there.read, block))
    assert [future.result(TIME_LIMIT) for future in futures] == [b"%02d" % n for n in range(30)]


def test_a_gibibyte_costs_nothing(pool: Pool) -> None:
    """Pages are taken when they are touched: sent back and forth, also inside a list."""
    with SharedBuffer(GIB) as block:
        block[GIB - 1 :] = b"\x05"
        block[:1] = b"\x01"
        view = memoryview(block)
        for _ in range(20):
            assert pool.submit(there.ends_of, [block]).result(TIME_LIMIT) == (1, 5)
            assert pool.submit(there.ends_of, [view]).result(TIME_LIMIT) == (1, 5)
        view.release()
        resident = os.fstat(block.fileno()).st_blocks * 512
        assert resident < 10 << 20


# -- ends ----------------------------------------------------------------------


def test_a_worker_that_is_recycled_lets_go() -> None:
    """Blocks that it has kept are freed with it; the main interpreter's stay."""
    before = blocks()
    with SharedBuffer(5000) as block:
        with pool_of(1, max_tasks_per_child=2) as pool:
            for _ in range(3):
                pool.submit(there.keep, [block, memoryview(block), block.cast("B")]).result(
                    TIME_LIMIT
                )
                pool.submit(there.keep, there.buffer_of(4096)).result(TIME_LIMIT)
        gc.collect()
        assert block[:1] == b"\x00"
        assert descriptors() == before[0] + 1
    assert blocks() == before


@pytest.mark.parametrize("how", ["terminate", "cancel", "shutdown"])
def test_a_worker_that_ends_lets_go(how: str, begun: Pipe) -> None:
    """In the middle of a call that holds it, too."""
    before = blocks()
    block = SharedBuffer(5000)
    pool = InterpreterPoolExecutor(2)
    pool.submit(there.keep, [block, block]).result(TIME_LIMIT)
    pool.submit(there.keep_own_buffer, 6000).result(TIME_LIMIT)
    if how != "shutdown":
        running = pool.submit(there.spin, begun.writer, block, [memoryview(block)])
        begun.hear()
        if how == "cancel":
            running.cancel()
    if how == "terminate":
        pool.terminate_workers()
    pool.shutdown()
    gc.collect()
    assert mappings() <= before[1] + 1
    assert descriptors() == before[0] + 1
    block[:2] = b"ok"
    block.close()
    assert blocks() == before


def test_a_result_outlives_a_recycled_worker() -> None:
    """Nobody else holds it any more."""
    with pool_of(1, max_tasks_per_child=1) as pool:
        made = [pool.submit(there.buffer_of, 4096, b"%d" % n).result(TIME_LIMIT) for n in range(4)]
    assert [block[:1] for block in made] == [b"0", b"1", b"2", b"3"]
    made.clear()


def test_what_is_dropped_is_freed() -> None:
    """Results that nobody wants, and blocks whose calls were never run."""
    with pool_of(2, cancel_running=False) as pool:
        before = blocks()
        for _ in range(20):
            pool.submit(there.buffer_of, 4096)
        with SharedBuffer(4096) as block:
            futures = [pool.submit(there.nothing, block, [block]) for _ in range(50)]
            for future in futures:
                future.cancel()
            del futures, future
        for _ in range(10):
            pool.submit(there.nothing).result(TIME_LIMIT)
        await_blocks(before)  # what was cancelled may be let go a moment later


def test_holders_of_one_block_each_let_go(pool: Pool) -> None:
    """Many of them cost nothing when they are gone."""
    before = blocks()
    with SharedBuffer(4096) as block:
        held: list[SharedBuffer] = [
            pool.submit(there.same, block).result(TIME_LIMIT) for _ in range(50)
        ]
        held[0][:1] = b"s"
        assert all(each[:1] == b"s" for each in held)
        held.clear()
    await_blocks(before)


def test_one_that_outlives_the_modules_of_a_process_that_ends(tmp_path: Path) -> None:
    """Python empties them, in some order, and then says what destructors raise."""
    program = """
        from interpexec import SharedBuffer
        from interpexec._core import handles
        buffer = SharedBuffer(10)
        names = list(vars(handles))
        for name in sorted(names, key=lambda name: not name.startswith("_")):
            setattr(handles, name, None)
        del buffer
        print("deleted")
    """
    assert output(write(tmp_path / "program.py", program)) == "deleted\n"
