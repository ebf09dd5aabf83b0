"""Definitions by value: what is kept, what comes back, what they refer to; and much of it."""

import gc
import importlib.util
import pickle
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import tasks
from cells import Pool, result, run
from gates import TIME_LIMIT
from interpexec import NotShareableError, create_channel, sync
from interpexec._sharing import pickling

pytestmark = pytest.mark.fast

FACTOR = 3


def test_a_function_that_was_sent_goes_with_its_last_reference(program: ModuleType) -> None:
    """Nothing is left for the collector: its variables may be large."""
    run(program, "def make(big):\n    return lambda: big")
    gc.disable()
    try:
        function = program.make([1])
        pickling.dumps_call(function, (), {})
        pickling.dumps_call(function, (), {})
        reference = weakref.ref(function)
        del function
        assert reference() is None
    finally:
        gc.enable()


def test_a_function_that_was_sent_is_not_kept_alive(pool: Pool) -> None:
    """Nor are its variables: a loop that sends a new lambda each time leaves nothing."""
    functions = []
    for number in range(20):
        function = lambda n, number=number: n + number + FACTOR  # noqa: E731  # that is the case
        assert result(pool, function, 1) == 1 + number + FACTOR
        functions.append(weakref.ref(function))
    del function
    gc.collect()
    assert [reference() for reference in functions] == [None] * 20


def test_definitions_come_back_as_themselves(pool: Pool) -> None:
    """A function, a class, and an instance: the very objects of this side."""

    def function() -> None: ...

    class Local:
        pass

    assert result(pool, tasks.same, function) is function
    assert result(pool, tasks.same, Local) is Local
    assert type(result(pool, Local)) is Local


def test_an_instance_of_a_class_that_is_gone_here_comes_with_it(pool: Pool) -> None:
    """Nobody here had kept the class."""

    def submit() -> object:
        class Local:
            mark = 7

        return pool.submit(lambda: Local())  # noqa: PLW0108  # the class is in its cell

    future = submit()
    gc.collect()
    assert future.result(TIME_LIMIT).mark == 7  # type: ignore[attr-defined]


def test_functions_that_share_a_variable_share_it_in_the_worker(pool: Pool) -> None:
    """If they are sent together."""

    def make() -> tuple[Callable[[], int], Callable[[], int]]:
        count = 0

        def add() -> int:
            nonlocal count
            count += 1
            return count

        return add, lambda: count

    add, look = make()
    assert result(pool, lambda: (add(), add(), look())) == (1, 2, 2)
    assert look() == 0


# -- modules ----------------------------------------------------------------------------


def test_a_module_that_cannot_be_imported_stops_what_uses_it(
    pool: Pool, program: ModuleType
) -> None:
    """Nothing else; the error is the import's own."""
    run(
        program,
        "import faulthandler\nfrom faulthandler import enable\n"
        "def use(n):\n    if n == 1: return faulthandler.is_enabled()\n"
        "    if n == 2: return enable()\n    return n",
    )
    assert result(pool, program.use, 3) == 3
    for number in (1, 2):
        with pytest.raises(ImportError, match="faulthandler"):
            result(pool, program.use, number)


def test_modules_of_a_package_are_imported_as_they_are_used(
    pool: Pool, program: ModuleType
) -> None:
    """`import xml.etree.ElementTree` binds `xml`, and the code says which module it means."""
    run(
        program,
        "import xml.etree.ElementTree\ndef tag(): return xml.etree.ElementTree.XML('<a/>').tag",
    )
    assert result(pool, program.tag) == "a"


def test_a_module_that_was_loaded_by_hand(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its functions are sent by value, since no worker can import it."""
    path = tmp_path / "by_hand.py"
    path.write_text(
        "BASE = [40]\nclass Box:\n    def __init__(self, n): self.n = n\n"
        "def add(n): return BASE[0] + n\ndef box(n): return Box(add(n))\n"
    )
    spec = importlib.util.spec_from_file_location("by_hand", path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "by_hand", module)
    assert spec.loader is not None
    spec.loader.exec_module(module)
    assert result(pool, module.add, 2) == 42
    assert type(result(pool, module.box, 2)) is module.Box
    assert result(pool, getattr, module.Box(5), "n") == 5


def test_an_inner_function_of_a_module_uses_its_state(pool: Pool) -> None:
    """A closure of an importable module has the module's own globals in the worker."""
    count = result(pool, tasks.count_call)
    assert result(pool, tasks.counting()) == count + 1  # type: ignore[operator]
    assert result(pool, tasks.count_call) == count + 2  # type: ignore[operator]


# -- what is shared ---------------------------------------------------------------------


def test_shared_objects_among_the_variables(pool: Pool) -> None:
    """Locks, queues and channels are shared, and not copied; each call has its own handle."""
    lock, queue = sync.Lock(), sync.Queue()
    receiver, sender = create_channel()

    def use(n: int) -> bool:
        queue.put(n)
        sender.send(n)
        return lock.locked()

    for number in range(3):
        with lock:
            assert result(pool, use, number) is True
        assert queue.get(timeout=TIME_LIMIT) == number
        assert receiver.recv(timeout=TIME_LIMIT) == number


def test_a_channel_takes_definitions(pool: Pool) -> None:
    """From here to a worker and back."""
    receiver, sender = create_channel()
    offset = 5

    class Local:
        value = offset

    sender.send((Local(), lambda n: n + offset))

    def receive_and_send() -> tuple[int, int]:
        instance, function = receiver.recv(timeout=TIME_LIMIT)
        sender.send((instance, function))
        return instance.value, function(1)

    assert result(pool, receive_and_send) == (5, 6)
    instance, function = receiver.recv(timeout=TIME_LIMIT)
    assert type(instance) is Local
    assert function(2) == 7


def test_a_task_that_has_a_pool_of_its_own(pool: Pool, program: ModuleType) -> None:
    """Definitions that it got are sent on, and come back as the caller's own."""
    run(
        program,
        "from interpexec import InterpreterPoolExecutor\nFACTOR = 3\n"
        "class C:\n    def __init__(self, n): self.n = n * FACTOR\n"
        "def outer(n):\n"
        "    with InterpreterPoolExecutor(1) as pool:\n"
        "        made = pool.submit(C, n).result()\n"
        "        return type(made) is C, made, pool.submit(lambda: FACTOR).result()\n",
    )
    is_same, made, factor = result(pool, program.outer, 2)  # type: ignore[misc]
    assert (is_same, type(made), made.n, factor) == (True, program.C, 6, 3)


# -- much -------------------------------------------------------------------------------


@pytest.mark.slow
def test_thousands_of_globals(pool: Pool, program: ModuleType) -> None:
    """A function that refers to 5,000 others, in a row."""
    lines = "".join(f"def f{n}(): return {n}\n" for n in range(5000))
    calls = "".join(f"    total += f{n}()\n" for n in range(5000))
    run(program, f"{lines}def wide():\n    total = 0\n{calls}    return total\n")
    assert result(pool, program.wide) == sum(range(5000))


@pytest.mark.slow
def test_a_long_chain_of_functions(pool: Pool, program: ModuleType) -> None:
    """Each of which needs the next one: no recursion is needed to send them."""
    lines = "".join(f"def f{n}(): return f{n + 1}\n" for n in range(3000))
    run(program, lines + "def f3000(): return 7\ndef last():\n    f = f0\n")
    run(program, "def last():\n    f = f0\n    while f != 7: f = f()\n    return f\n")
    assert result(pool, program.last) == 7


# -- the fast path ----------------------------------------------------------------------------


@pytest.mark.parametrize("args", [(), (1,), ("a", "a"), (1.5, None, True), (10**30, "ä" * 300)])
def test_a_call_that_is_put_together_is_a_pickle(
    program: ModuleType, args: tuple[object, ...]
) -> None:
    """The bytes of a definition, and the arguments as pickle writes them."""
    run(program, "def same(*args): return args")
    pickled = pickling.dumps_call(program.same, args, {})
    assert isinstance(pickled, bytes)
    found, arguments, keywords = pickle.loads(pickled)  # here, where its definition is known
    assert found is program.same
    assert (arguments, keywords) == (args, {})


@pytest.mark.slow
def test_functions_that_are_nested_too_deeply(pool: Pool) -> None:
    """An error says so at once, without a look for the one at fault; the worker goes on."""

    def around(inner: Callable[..., object]) -> Callable[..., object]:
        return lambda: inner

    function: Callable[..., object] = around(int)
    for _ in range(50_000):
        function = around(function)
    for _ in range(2):
        with pytest.raises(NotShareableError, match="nested too deeply"):
            result(pool, function)
    assert result(pool, lambda: 1) == 1
