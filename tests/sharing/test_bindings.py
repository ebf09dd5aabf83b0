"""The names of globals, by what they are bound to."""

import sys
from collections import namedtuple
from types import ModuleType

import pytest

from interpexec._sharing import bindings, pickling
from interpexec._sharing.bindings import name_in

pytestmark = pytest.mark.fast


class Own:
    """A class under its own name."""


def test_a_global_is_found_by_its_own_name_and_by_another_one() -> None:
    """The first one of several names; none of those that a prompt binds for a while."""
    pair = namedtuple("P", "x y")  # type: ignore[misc]  # noqa: PYI024  # that is the case
    assert name_in({"Own": Own, "Other": Own}, Own) == "Own"
    assert name_in({"_": pair, "Pair": pair}, pair) == "Pair"
    assert name_in({"Pair": pair, "More": pair}, pair) == "Pair"
    assert name_in({"_": pair, "_12": pair}, pair) is None
    assert name_in({"x": 1}, pair) is None
    missing = object()
    assert name_in({"MISSING": missing}, missing) == "MISSING"


def test_a_name_that_is_bound_to_something_else_is_found_again() -> None:
    """The last name of a class is remembered, and looked at."""
    pair = namedtuple("P", "x y")  # type: ignore[misc]  # noqa: PYI024  # that is the case
    globals_ = {"First": pair}
    assert name_in(globals_, pair) == "First"
    globals_["Second"] = globals_.pop("First")
    assert name_in(globals_, pair) == "Second"
    globals_["Second"] = int
    assert name_in(globals_, pair) is None


def test_the_globals_are_not_looked_through_for_functions(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor for methods and inner classes: a program may have thousands."""
    exec(
        "class C:\n    class Inner: pass\n    def f(self): return lambda: 1\n"
        "fs = [lambda: C.Inner, lambda: C().f()]\n",
        vars(program),
    )

    def compress(*_: object) -> object:
        raise AssertionError

    monkeypatch.setattr(bindings, "compress", compress)
    for function in program.fs:
        pickling.dumps_call(function, (), {})
    assert sys.modules["__main__"] is program
