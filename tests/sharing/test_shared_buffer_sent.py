"""Shared buffers that are sent: as arguments and results, through channels, to any interpreter."""

import _interpreters
import os
import sys
from collections.abc import Iterator

import pytest

import shareable
import sharing_tasks as there
import token_tasks
from gates import TIME_LIMIT, gate
from interpexec import InterpreterPoolExecutor, NotShareableError, SharedBuffer, create_channel
from stops import pool_of

type Pool = InterpreterPoolExecutor

pytestmark = pytest.mark.usefixtures("no_block_is_left")

GIB = 1 << 30


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


@pytest.mark.usefixtures("memory_kind")
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


def test_a_block_may_be_closed_once_it_was_sent(pool: Pool) -> None:
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
