"""The ends of shared buffers: memory lives as long as its last holder, and no longer."""

import gc
from pathlib import Path

import pytest

import sharing_tasks as there
from blocks import await_blocks, blocks, descriptors, mappings
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, SharedBuffer
from programs import output, write
from stops import Pipe, pool_of

type Pool = InterpreterPoolExecutor

pytestmark = pytest.mark.usefixtures("no_block_is_left")


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


def test_dropped_blocks_are_freed() -> None:
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
