"""Definitions of notebooks, in a real kernel, and of IPython's prompt.

The tests need `ipykernel`, which `.ci/run` installs for one version.
"""

import json
from pathlib import Path

import pytest

from every_definition import PROGRAM, statements
from programs import IMPORT, run

pytest.importorskip("ipykernel")
pytest.importorskip("jupyter_client")

KERNEL = """
import json, sys
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

manager = KernelManager()
manager._kernel_spec = KernelSpec(
    argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
)
manager.start_kernel()
client = manager.client()
client.start_channels()

def show(message):
    content = message["content"]
    print(content.get("text", ""), *content.get("traceback", ()), end="")

try:
    client.wait_for_ready(timeout=100)
    for cell in json.load(open(sys.argv[1])):
        client.execute_interactive(cell, output_hook=show, timeout=100)
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
"""


def answers(folder: Path, *cells: str) -> str:
    """Run cells in a kernel, one after another; return what they have shown."""
    (folder / "cells").write_text(json.dumps(cells))
    environment = {"IPYTHONDIR": str(folder), "PYTHONWARNINGS": "default"}
    done = run("-c", KERNEL, folder / "cells", environment=environment, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_real_notebook(tmp_path: Path) -> None:
    """Every statement of a program is a cell; then a program that `%run` runs."""
    (tmp_path / "other.py").write_text(
        IMPORT + "FACTOR = 5\ndef other(n): return n * FACTOR\npool = InterpreterPoolExecutor(1)\n"
    )
    cells = [*statements(PROGRAM), f"%run {tmp_path / 'other.py'}"]
    cells += ["print('run', pool.submit(other, 2).result())"]
    cells += ["cause = pool.submit(lambda: 1 / 0).exception().__cause__"]
    cells += ["print('marked', str(cause).count('~~^~~'))"]
    cells += ["import inspect\nbut_double = lambda n: n * 2  # as written"]
    cells += ["print('source', pool.submit(inspect.getsource, but_double).result())"]
    cells += ["%%time\nprint('time', pool.submit(other, 3).result())", "pool.shutdown()"]
    text = answers(tmp_path, *cells)
    assert "expected" not in text
    assert "Traceback" not in text
    assert text.count("ok\n") == PROGRAM.count("\ncheck(")
    assert "run 10" in text
    assert "source but_double = lambda n: n * 2  # as written" in text
    assert "time 15" in text
    assert "marked 1" in text


def test_cells_that_are_run_again(tmp_path: Path) -> None:
    """The next call has the new definitions, and old instances their old class."""
    (tmp_path / "other.py").write_text("def other(n): return n * FACTOR\nFACTOR = 5\n")
    text = answers(
        tmp_path,
        IMPORT + "pool, factor = InterpreterPoolExecutor(1), 2",
        "def f(n): return n * factor\nclass A: version = 1\nold = A()",
        "print(1, pool.submit(f, 4).result(), pool.submit(lambda a: a.version, old).result())",
        "def f(n): return -n * factor\nclass A: version = 2",
        "print(2, pool.submit(f, 4).result(), pool.submit(lambda a: a.version, old).result())",
        "factor, newest = 3, lambda: A().version",
        "print(3, pool.submit(f, 4).result(), pool.submit(newest).result())",
        "%run other.py\nprint(4, pool.submit(other, 2).result())",
        "%%writefile other.py\ndef other(n): return n + FACTOR\nFACTOR = 7",
        "%run other.py\nprint(5, pool.submit(other, 2).result())",
        "%run -i other.py\nprint(6, pool.submit(lambda: other(factor)).result())",
        "%timeit -n 1 -r 1 pool.submit(f, 4).result()",
        "print(7, [*pool.map(lambda n: f(n) + factor, range(2))], _ih[-1][:5])\npool.shutdown()",
    )
    expected = "1 8 1", "2 -8 1", "3 -12 2", "4 10", "5 9", "6 10", "7 [3, 0] print"
    assert [line for line in text.splitlines() if line[:1].isdigit() and line[1] == " "] == [
        *expected[:6],
        *[line for line in text.splitlines() if " per loop" in line and line[1] == " "],
        expected[6],
    ]


def test_a_module_that_autoreload_has_reloaded(tmp_path: Path) -> None:
    """Workers use what is there now, however the module is reached."""
    (tmp_path / "helper.py").write_text("def get(): return 'first'\nclass C: kind = 'first'\n")
    call = "print({}, pool.submit(helper.get).result(), pool.submit(lambda: helper.get()).result(),"
    call += " pool.submit(get).result(), pool.submit(lambda: helper.C().kind).result())"
    text = answers(
        tmp_path,
        "%load_ext autoreload\n%autoreload 2",
        IMPORT + "import helper\nfrom helper import get\npool = InterpreterPoolExecutor(1)",
        call.format(1),
        "import os, pathlib\npath = pathlib.Path('helper.py')\n"
        "path.write_text(path.read_text().replace('first', 'second'))\nos.utime(path, (2e9, 2e9))",
        call.format(2),
        "pool.shutdown()",
    )
    assert "1 first first first first" in text
    assert "2 second second second second" in text


def test_the_prompt_of_ipython(tmp_path: Path) -> None:
    """Each statement of a program is typed there."""
    typed = "\n\n".join(statements(PROGRAM)) + "\n\nexit()\n"
    environment = {"IPYTHONDIR": str(tmp_path), "PYTHONWARNINGS": "default"}
    arguments = ["-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"]
    done = run(*arguments, stdin=typed, environment=environment)
    assert "expected" not in done.stdout
    assert "Traceback" not in done.stdout
    assert done.stdout.count("ok\n") == PROGRAM.count("\ncheck(")
