"""Definitions by value: changes to them are seen, what a worker does to them lives on."""

import dis
import gc
import importlib.util
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tasks
from gates import TIME_LIMIT
from interpexec import InterpreterPoolExecutor, create_channel, sync
from interpexec._sharing import pickling
from interpexec._sharing.definitions import definition_of
from interpexec._sharing.names_read import names_of

pytestmark = pytest.mark.fast

type Pool = InterpreterPoolExecutor

FACTOR = 3


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """One worker for the whole module, warm, so that no test seems to leave it behind."""
    with InterpreterPoolExecutor(1) as pool:
        pool.submit(int).result(TIME_LIMIT)
        yield pool


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a `__main__` of the test's own, as a notebook has."""
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    return main


def run(program: ModuleType, text: str) -> None:
    """Run a cell."""
    exec(compile(text, "<cell>", "exec"), vars(program))  # of a test


def result(pool: Pool, fn: Callable[..., object], *args: object) -> object:
    """Return the result of a call."""
    return pool.submit(fn, *args).result(TIME_LIMIT)


# -- changes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "change", "expected"),
    [
        ("X = 1", "X = 2", 2),
        ("X = None", "X = 2", 2),
        ("X = None", "del X\ntry: X\nexcept NameError: X = 3", 3),
        ("X = [1]", "X.append(2)", [1, 2]),
        ("X = [[1]]", "X[0].append(2)", [[1, 2]]),
        ("X = {'a': [1]}", "X['a'].append(2)", {"a": [1, 2]}),
        ("X = {'a': 1}", "X['b'] = X.pop('a')", {"b": 1}),
        ("X = {1}", "X.add(2)", {1, 2}),
        ("X = bytearray(b'a')", "X[0] = 98", bytearray(b"b")),
        ("X = ([1],)", "X[0].append(2)", ([1, 2],)),
        ("import array; X = array.array('i', [1])", "X[0] = 2", [2]),
        ("class X: pass\nX = X()\nX.y = 1", "X.y = 2", 2),
        ("class X: y = 1", "X.y = 2", 2),
        ("class X: y = [1]", "X.y.append(2)", [1, 2]),
        ("class X: pass\nX.y = 1", "del X.y\nX.y = 3", 3),
        ("def X(y=1): return y", "X.__defaults__ = (2,)", 2),
        ("def X(*, y=1): return y", "X.__kwdefaults__['y'] = 2", 2),
        ("def X(): return 1", "def X(): return 2", 2),
        ("def X(): return 1", "X.__code__ = (lambda: 2).__code__", 2),
        ("def X(): return X.y\nX.y = 1", "X.y = 2", 2),
        ("Y = 1\ndef X(): return Y", "Y = 2", 2),
    ],
)
def test_a_change_is_seen_by_the_next_call(
    pool: Pool, program: ModuleType, before: str, change: str, expected: object
) -> None:
    """Rebinding, and changes in place, of whatever the function refers to."""
    show = "\ndef show(): return getattr(X() if callable(X) and not isinstance(X, type) else X"
    run(program, before + show + ", 'y', X() if callable(X) and not isinstance(X, type) else X)")
    first = result(pool, program.show)
    number = definition_of(program.show).number
    result(pool, program.show)
    assert definition_of(program.show).number == number
    run(program, change)
    second = result(pool, program.show)
    assert second != first
    assert (list(second) if "array.array" in before else second) == expected  # type: ignore[call-overload]


@pytest.mark.parametrize("change", ["__defaults__ = (2,)", "__code__ = (lambda y: 2).__code__"])
def test_a_change_of_the_function_itself_is_seen(
    pool: Pool, program: ModuleType, change: str
) -> None:
    """Of one that has a name, and of one that has none."""
    run(program, "def f(y=1): return y\nfs = [lambda y=1: y]")
    for function in (program.f, program.fs[0]):
        assert result(pool, function) == 1
        program.g = function
        run(program, f"g.{change}")
        assert result(pool, function) == 2


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


def test_a_workers_state_lives_on(pool: Pool, program: ModuleType) -> None:
    """Until the global is changed here: then the worker gets what is here."""
    run(
        program, "N = 0\ndef count():\n    global N\n    N += 1\n    return N\ndef look(): return N"
    )
    assert [result(pool, program.count) for _ in range(3)] == [1, 2, 3]
    assert result(pool, program.look) == 3
    run(program, "def again(): return N, look()")
    assert result(pool, program.again) == (3, 3)
    program.N = 10
    assert (result(pool, program.look), result(pool, program.count)) == (10, 11)
    assert program.N == 10


def test_an_initializer_sets_globals_for_later_calls(program: ModuleType) -> None:
    """Whether the program has such a global, or not."""
    run(
        program,
        "ready = None\n"
        "def begin(n):\n    global ready, other\n    ready, other = n, n + 1\n"
        "def look(): return ready, other",
    )
    with InterpreterPoolExecutor(1, initializer=program.begin, initargs=(4,)) as pool:
        assert result(pool, program.look) == (4, 5)
        assert program.ready is None
        program.ready = 6
        assert result(pool, program.look) == (6, 5)


def test_a_deleted_global_is_deleted_in_the_worker(pool: Pool, program: ModuleType) -> None:
    """The call raises NameError, as it would here; a new one is seen."""
    run(program, "X = 1\ndef look(): return X")
    assert result(pool, program.look) == 1
    del program.X
    with pytest.raises(NameError):
        result(pool, program.look)
    program.X = 2
    assert result(pool, program.look) == 2


def test_a_redefined_class_and_its_old_instances(pool: Pool, program: ModuleType) -> None:
    """An instance is of the class that it was made of, there and back."""
    run(program, "class C: version = 1\nold = C()\ndef of(c): return c.version, C.version")
    assert result(pool, program.of, program.old) == (1, 1)
    run(program, "class C: version = 2")
    assert result(pool, program.of, program.old) == (1, 2)
    assert result(pool, program.of, program.C()) == (2, 2)
    back = result(pool, tasks.same, program.old)
    assert type(back) is type(program.old)


# -- what is not done again -------------------------------------------------------------


def test_an_unchanged_definition_is_not_pickled_again(pool: Pool) -> None:
    """A large variable is looked at, and the same bytes are sent."""
    table = {number: str(number) for number in range(50_000)}

    def look(number: int) -> str:
        return table[number]

    assert result(pool, look, 7) == "7"
    stream = definition_of(look).stream
    assert result(pool, look, 8) == "8"
    assert definition_of(look).stream is stream
    table[7] = "seven"
    assert result(pool, look, 7) == "seven"


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


def test_what_comes_back_is_what_was_sent(pool: Pool) -> None:
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


def test_thousands_of_globals(pool: Pool, program: ModuleType) -> None:
    """A function that refers to 5,000 others, in a row."""
    lines = "".join(f"def f{n}(): return {n}\n" for n in range(5000))
    calls = "".join(f"    total += f{n}()\n" for n in range(5000))
    run(program, f"{lines}def wide():\n    total = 0\n{calls}    return total\n")
    assert result(pool, program.wide) == sum(range(5000))


def test_a_long_chain_of_functions(pool: Pool, program: ModuleType) -> None:
    """Each of which needs the next one: no recursion is needed to send them."""
    lines = "".join(f"def f{n}(): return f{n + 1}\n" for n in range(3000))
    run(program, lines + "def f3000(): return 7\ndef last():\n    f = f0\n")
    run(program, "def last():\n    f = f0\n    while f != 7: f = f()\n    return f\n")
    assert result(pool, program.last) == 7


def test_threads_that_send_the_same_function(pool: Pool) -> None:
    """While others change its variable: each call gets one of the values."""
    box = [0]

    def look() -> int:
        return box[0]

    found: list[object] = []

    def submit() -> None:
        for _ in range(20):
            box[0] += 1
            found.append(result(pool, look))

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert set(found) <= set(range(1, 81))
    assert result(pool, look) == box[0]


# -- finding names ------------------------------------------------------------------------


def _names_by_dis(code: CodeType) -> set[str]:
    instructions = [*dis.get_instructions(code)]
    stored: set[str] = set()
    found: set[str] = set()
    for each in instructions:
        if each.opname == "STORE_NAME":
            stored.add(each.argval)
        elif each.opname in {"LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL"} or (
            each.opname in {"LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"} and each.argval not in stored
        ):
            found.add(each.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names_by_dis(constant)
    return found


@pytest.mark.parametrize("name", ["argparse", "ast", "dataclasses", "enum", "inspect", "typing"])
def test_names_are_those_that_dis_finds(name: str) -> None:
    """In modules of the standard library, with hundreds of names and long jumps."""
    path = importlib.util.find_spec(name)
    assert path is not None
    assert path.origin is not None
    code = compile(Path(path.origin).read_text(), path.origin, "exec")
    assert names_of(code)[0] == _names_by_dis(code)


@given(count=st.integers(0, 700), wanted=st.integers(0, 700))
def test_names_beyond_the_256th(count: int, wanted: int) -> None:
    """Arguments of more than one byte."""
    others = "; ".join(f"x.a{n}" for n in range(count)) or "0"
    code = compile(f"def f(x):\n    {others}\n    return g{wanted}", "<test>", "exec")
    inner = next(each for each in code.co_consts if isinstance(each, CodeType))
    assert names_of(inner)[0] == {f"g{wanted}"}


# -- the fast path ----------------------------------------------------------------------------


@pytest.mark.parametrize("args", [(), (1,), ("a", "a"), (1.5, None, True), (10**30, "ä" * 300)])
def test_a_call_that_is_put_together_is_a_pickle(
    program: ModuleType, args: tuple[object, ...]
) -> None:
    """The bytes of a definition, and the arguments as pickle writes them."""
    run(program, "def same(*args): return args")
    pickled = pickling.dumps_call(program.same, args, {})
    assert isinstance(pickled, bytes)
    found, arguments, keywords = pickling_loads(pickled)
    assert found is program.same
    assert (arguments, keywords) == (args, {})


def pickling_loads(pickled: bytes) -> tuple[FunctionType, tuple[object, ...], dict[str, object]]:
    """Unpickle a call here, where its definition is known."""
    import pickle

    return pickle.loads(pickled)  # type: ignore[no-any-return]  # our own
