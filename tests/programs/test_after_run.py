"""Calls to workers that have run the program again: what is named, and what is sent by value."""

import textwrap
from pathlib import Path

import pytest

from programs import output, write

MIXED = """
    import threading

    LOCK = threading.Lock()
    NUMBER = 3

    class Locked:
        lock = threading.Lock()

        class Inner:
            lock = LOCK

        def __init__(self, number=0):
            self.number = number

        def get(self, lock=LOCK):
            with lock:
                return self.number

    class Derived(Locked):
        pass

    class Held:
        def __init__(self):
            self.lock = threading.Lock()

    HELD = Held()

    def with_default(number, lock=LOCK):
        with lock:
            return number

    def make():
        return Locked(8)

    if __name__ == "__main__":
        NUMBER = 4

        def helper(number):
            return number * 10

        class Hidden(Locked):
            pass

        def local():
            class Local(Locked):
                pass
            return Local

        Local = local()
        with InterpreterPoolExecutor(1) as pool:
            for call in [
                (lambda cls: cls.__name__, Locked),
                (lambda cls: cls(NUMBER).get(), Derived),
                (lambda: helper(Locked(3).number) + NUMBER,),
                (lambda: Locked.Inner.lock.locked(),),
                (lambda cls: cls.lock.locked(), Locked.Inner),
                (lambda one: one.get(), Locked(5)),
                (lambda: [cls(2).get() for cls in (Local, Hidden)],),
                (lambda: HELD.lock.locked(),),
                (lambda: (with_default(6), make().get()),),
                (lambda one: (Locked(7), one is not None, lambda: NUMBER), Locked),
            ]:
                result = pool.submit(*call).result()
                if type(result) is tuple and type(result[0]) is Locked:
                    result = result[0].get(), result[1], result[2]()
                print(result)
            NUMBER = 5
            print(list(pool.map(lambda n: Locked(n).get() + NUMBER, range(3))))
    else:
        print("again")
"""


def test_a_function_without_a_name_beside_a_variable_that_cannot_be_sent(tmp_path: Path) -> None:
    """A lambda is sent by value, and the class with a lock is the one that the worker has run."""
    expected = """
        again
        Locked
        4
        34
        False
        False
        5
        [2, 2]
        False
        (6, 8)
        (7, True, 4)
        [5, 6, 7]
    """
    assert output(write(tmp_path / "program.py", MIXED)) == textwrap.dedent(expected)[1:]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("lambda: plain(Plain(2))", "12 1"),
        ("lambda one: (one.number, plain(one)), Plain(2)", "(2, 12) 1"),
        ("lambda cls: cls(LOCKED).number, Plain", "0 2"),
    ],
)
def test_the_program_is_run_again_as_the_last_resort(
    tmp_path: Path, call: str, expected: str
) -> None:
    """A program has a lock; only the calls that need it run the program."""
    program = f"""
        import os, threading
        LOG = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(LOG, b"!")
        LOCKED = threading.Lock()
        BASE = 10

        class Plain:
            def __init__(self, number):
                self.number = number if isinstance(number, int) else 0

        class Locked:
            lock = LOCKED

        def plain(one):
            return one.number + BASE

        if __name__ == "__main__":
            with InterpreterPoolExecutor(1) as pool:
                print(pool.submit({call}).result(), os.stat("log").st_size)
    """
    assert output(write(tmp_path / "program.py", program), cwd=tmp_path) == f"{expected}\n"


def test_a_name_that_arrived_before_the_program_was_run_is_the_programs_own(
    tmp_path: Path,
) -> None:
    """The first call brings a class by value; after the run there is one class of that name."""
    program = """
        import threading

        class First:
            pass

        class Locked:
            lock = threading.Lock()

        def is_first(one):
            return isinstance(one, First)

        if __name__ == "__main__":
            with InterpreterPoolExecutor(1) as pool:
                print(pool.submit(is_first, First()).result())
                print(pool.submit(lambda _: is_first(First()), Locked).result())
                print(pool.submit(lambda one, _: is_first(one), First(), Locked).result())
                print(type(pool.submit(lambda _: First(), Locked).result()) is First)
                print(type(pool.submit(lambda _: Locked(), Locked).result()) is Locked)
    """
    assert output(write(tmp_path / "program.py", program)) == "True\n" * 5


def test_a_class_that_is_bound_to_another_name_is_the_callers_own(tmp_path: Path) -> None:
    """Instances that come back are of the class of this side, also where the program has run."""
    program = """
        import threading
        from collections import namedtuple
        import parts

        Point = namedtuple("P", "x y")
        class _Impl: pass
        Public = _Impl
        del _Impl
        class Plain: pass
        square = lambda n: n * n
        LOCK = threading.Lock()

        def same(one):
            return one

        def locked():
            with LOCK:
                return Point(1, 2), Public(), Plain(), lambda: Public

        def kinds(ones):
            return [type(one) for one in ones] == [Point, Public]

        if __name__ == "__main__":
            def check(pool):
                point, public = pool.submit(same, [Point(1, 2), Public()]).result()
                print(type(point) is Point, type(public) is Public)
                print(type(pool.submit(parts.make).result()) is parts.Point)
                print(pool.submit(lambda one: type(one) is parts.Point, parts.Point(1)).result())
                print(pool.submit(lambda: parts.Point).result() is parts.Point)
                print(pool.submit(kinds, [Point(1, 2), Public()]).result())
                print(pool.submit(lambda: square).result() is square)

            with InterpreterPoolExecutor(1) as pool:
                check(pool)
                point, public, plain, function = pool.submit(locked).result()
                print(type(point) is Point, type(public) is Public, type(plain) is Plain)
                print(function() is Public)
                check(pool)
    """
    text = "from collections import namedtuple\nPoint = namedtuple('P', 'x')\n"
    (tmp_path / "parts.py").write_text(text + "def make(): return Point(1)\n")
    said = output(write(tmp_path / "program.py", program))
    assert set(said.split()) == {"True"}


def test_a_call_that_misses_what_the_guard_keeps_out_says_why(tmp_path: Path) -> None:
    """A pool that a function finds in a global: the worker's second run has not made it."""
    program = """
        pool = None

        def ask():
            return pool.submit(int)

        def fail():
            raise ValueError("of its own")

        if __name__ == "__main__":
            with InterpreterPoolExecutor(1) as pool:
                for call in pool.submit(ask), pool.submit(lambda: ask()), pool.submit(fail):
                    error = call.exception()
                    print(type(error).__name__, *getattr(error, "__notes__", ["no note"]))
    """
    named, nameless, other = output(write(tmp_path / "program.py", program)).splitlines()
    for line in named, nameless:
        assert line.startswith("AttributeError interpexec: for this call the worker has run the")
        assert "function 'ask' cannot be sent" in line
        assert "a pool is of use only to its maker" in line
    assert other == "ValueError no note"


def test_globals_of_the_real_start_are_up_to_date_after_the_run(tmp_path: Path) -> None:
    """Definitions behind the guard have come by value, and the run does not define them."""
    program = """
        import threading

        LOCK = threading.Lock()

        def locked():
            with LOCK:
                return True

        if __name__ == "__main__":
            LEVEL, STATE, BOX = 1, 0, [1]

            class Behind:
                number = 1

            def count():
                global STATE
                STATE += 1
                return STATE, LEVEL, BOX

            def number():
                return Behind.number, isinstance(Behind(), Behind)

            with InterpreterPoolExecutor(1) as pool:
                print(pool.submit(count).result(), pool.submit(number).result())
                print(pool.submit(locked).result())
                print(pool.submit(count).result(), pool.submit(number).result())
                LEVEL, Behind.number = 2, 2
                BOX.append(2)
                print(pool.submit(count).result(), pool.submit(number).result())

                def number():
                    return "new"

                print(pool.submit(number).result(), pool.submit(locked).result())

                def number():
                    with LOCK:
                        return "not to be had"

                print("behind the guard" if pool.submit(number).exception() else "stale")
    """
    expected = """
        (1, 1, [1]) (1, True)
        True
        (2, 1, [1]) (1, True)
        (3, 2, [1, 2]) (2, True)
        new True
        behind the guard
    """
    said = output(write(tmp_path / "program.py", program))
    assert said == textwrap.dedent(expected)[1:]
