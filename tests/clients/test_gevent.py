"""gevent and eventlet: a pool has real threads, whatever they have patched."""

from pathlib import Path

import pytest

import programs

PATCHES = {
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "eventlet": """
import warnings
warnings.simplefilter("ignore")  # it is deprecated, and says so
import eventlet; eventlet.monkey_patch()
""",
}

WAITS = {
    "gevent": """
import gevent
from gevent.pool import Pool
sleep, spawn = gevent.sleep, gevent.spawn
execute = gevent.get_hub().threadpool.apply
mapped = Pool(3).map
""",
    "eventlet": """
from eventlet import GreenPool, sleep, spawn, tpool
execute = tpool.execute
def mapped(function, items):
    return list(GreenPool(3).imap(function, items))
""",
}

USES = """
import concurrent.futures, os, threading, time

def add(number, other=1):
    return number + other

def endless():
    while True:
        pass

def pass_gate(fd):
    return os.read(fd, 1)

with InterpreterPoolExecutor(2) as pool:
    print(pool.submit(add, 1).result(), list(pool.map(add, range(5))))
    futures = [pool.submit(add, number) for number in range(3)]
    print(len(concurrent.futures.wait(futures).done))
    print(sorted(each.result() for each in concurrent.futures.as_completed(futures)))
    try:
        pool.with_options(timeout=0.1).submit(endless).result()
    except TimeoutError as error:
        print(error)
    running = pool.submit(endless)
    print(running.cancel(), running.cancelled())
    told = concurrent.futures.wait(pool.broadcast(add, 5)).done
    print({each.result() for each in told if not each.cancelled()})  # a worker may be leaving
    ways = os.pipe()
    waiting = pool.submit(pass_gate, ways[0])
    seen = []
    def open_gate():
        seen.append("a greenlet ran meanwhile")
        os.write(ways[1], b"x")
    spawn(open_gate)
    print(execute(waiting.result), seen)
    print(mapped(lambda number: execute(pool.submit(add, number).result), range(5)))
with InterpreterPoolExecutor(1, initializer=add, initargs=(1,)) as other:
    print(other.submit(add, 8).result())
left = InterpreterPoolExecutor(1)
print(left.submit(add, 9).result())
"""

TOLD = """\
2 [1, 2, 3, 4, 5]
3
[1, 2, 3]
endless was stopped: it ran for more than 0.1 s
True True
{6}
b'x' ['a greenlet ran meanwhile']
[1, 2, 3, 4, 5]
9
10
"""

IMPORT = "from interpexec import InterpreterPoolExecutor"


@pytest.mark.parametrize("library", PATCHES)
@pytest.mark.parametrize("first", ["", "import interpexec"], ids=["patch first", "import first"])
def test_a_pool_works_after_the_patch(tmp_path: Path, library: str, first: str) -> None:
    """All moves of a pool do; and greenlets run while one waits in a thread for it."""
    program = tmp_path / "program.py"
    program.write_text("\n".join([first, PATCHES[library], IMPORT, WAITS[library], USES]))
    done = programs.run(program)
    assert (done.returncode, done.stdout) == (0, TOLD), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("library", PATCHES)
def test_a_patch_after_the_import_is_an_error(tmp_path: Path, library: str) -> None:
    """An error, in place of a hang."""
    program = tmp_path / "program.py"
    program.write_text("\n".join([IMPORT, PATCHES[library], "InterpreterPoolExecutor(1)"]))
    done = programs.run(program)
    assert done.returncode == 1
    assert "before anything is imported from interpexec" in done.stderr
