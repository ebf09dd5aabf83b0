"""At a Tab, an editor offers the names of the package, and the methods that users may call.

Jedi stands for all of them: IPython, Jupyter, Vim and Emacs ask it. Type checkers, and the
editors that ask these, read more of Python's types than it does.
"""

from pathlib import Path

import pytest

import interpexec

jedi = pytest.importorskip("jedi")

POOL = "from interpexec import *\nwith InterpreterPoolExecutor() as pool:\n    "
FUTURE = {"add_done_callback", "cancel", "cancelled", "done", "exception", "result", "running"}
FOR_EXECUTORS = {"set_exception", "set_result", "set_running_or_notify_cancel"}


def offered(code: str) -> set[str]:
    """Return the names without an underscore that are offered at the end of some code."""
    project = jedi.Project(Path(interpexec.__file__).parent.parent)
    environment = jedi.InterpreterEnvironment()  # this process: no other one is left behind
    script = jedi.Script(code, project=project, environment=environment)
    lines = code.splitlines()
    found = script.complete(len(lines), len(lines[-1]))
    return {each.name for each in found if not each.name.startswith("_")}


def test_the_package_offers_its_names() -> None:
    """Each public name and submodule; and the folder of the command line, for it is one."""
    expected = {*interpexec.__all__, *interpexec._SUBMODULES, "cli"}
    assert offered("from interpexec import ") == expected
    assert offered("import interpexec\ninterpexec.") == expected


@pytest.mark.parametrize("name", interpexec._SUBMODULES)
def test_a_submodule_offers_its_names(name: str) -> None:
    """A submodule offers all its public names, also those that it imports late."""
    module = getattr(interpexec, name)
    assert offered(f"import interpexec\ninterpexec.{name}.") >= set(module.__all__)


def test_a_future_offers_what_a_user_may_call() -> None:
    """The methods of `concurrent.futures`, and nothing of the pool's own."""
    assert offered(f"{POOL}pool.submit(pow, 2, 10).") == FUTURE | FOR_EXECUTORS


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("pool.", {"broadcast", "imap_unordered", "map", "submit", "warm", "with_options"}),
        ("pool.with_options(timeout=5).", {"submit", "terminate_workers"}),
        ("pool.group().", {"cancel", "submit"}),
        ("pool.workers()[0].", {"calls", "function", "seconds", "state"}),
        ("create_channel()[0].", {"capacity", "close", "recv", "recv_nowait"}),
        ("current_task().", {"cancelled", "shield"}),
        ("SharedBuffer(16).", {"cast", "close", "copy_of", "readonly", "size"}),
        ("import interpexec; interpexec.sync.Queue[int]().", {"get", "put", "task_done"}),
        ("pool.map(abs, [1], ch", {"chunksize="}),
    ],
)
def test_an_object_offers_its_methods(code: str, names: set[str]) -> None:
    """The type of what a call returns is known, too."""
    assert offered(POOL + code) >= names
