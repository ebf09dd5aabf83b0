"""A module as NumPy is: an extension that no worker can load."""

from interpexec._core.cpython import is_main

if not is_main():
    raise ImportError("module only_main._core does not support loading in subinterpreters")


class Number:
    """An argument of calls."""


def number() -> Number:
    """Make an object that is pickled by the name of a function."""
    return Made()


class Made(Number):
    """Pickled by a function, as numbers of NumPy are."""

    def __reduce__(self) -> tuple[object, ...]:
        return number, ()
