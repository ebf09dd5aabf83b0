"""Calls that fail in odd ways: at the interpreter's limits, or with exceptions that explode."""
# ruff: noqa: D103  # the name of each function says what it does

import sys

from damage.exploding import Damage, Exploding, explode


def recursion_limit_tiny() -> None:
    for limit in range(1, 200):
        try:
            sys.setrecursionlimit(limit)
        except RecursionError:
            continue
        return


def recursion_limit_huge() -> None:
    sys.setrecursionlimit(5000)


def recursion_deep() -> None:
    recursion_deep()


def switch_interval_huge() -> None:
    sys.setswitchinterval(1e6)


def int_digits_few() -> None:
    sys.set_int_max_str_digits(640)


def memory_out() -> None:
    bytearray(2**62)


def context_nested() -> object:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


# -- exceptions and results ----------------------------------------------------------


class UnsaidError(Exception):
    """Nothing of it can be asked."""

    __str__ = __repr__ = __reduce__ = __reduce_ex__ = explode  # type: ignore[assignment]


class DisguisedError(Exception):
    """An exception that says that it is something else."""

    @property
    def __class__(self) -> type:  # type: ignore[override]
        raise Damage("class")

    @property
    def __traceback__(self) -> object:  # type: ignore[override]
        raise Damage("traceback")

    __cause__ = __context__ = __traceback__  # type: ignore[assignment]


class Leaving(SystemExit):
    """A subclass of what ends a program."""


def raise_unsaid() -> None:
    raise UnsaidError


def raise_disguised() -> None:
    raise DisguisedError


def raise_leaving() -> None:
    raise Leaving(7)


def raise_interrupt() -> None:
    raise KeyboardInterrupt


def raise_generator_exit() -> None:
    raise GeneratorExit


def raise_stop() -> None:
    raise StopIteration


def raise_stop_async() -> None:
    raise StopAsyncIteration


def raise_cancelled_by_itself() -> None:
    from interpexec import TaskCancelled

    raise TaskCancelled


def return_what_explodes() -> object:
    return Exploding()


def return_what_damages() -> object:
    return Damaging()


class Damaging:
    """Damages its interpreter when it is pickled, and fails where it arrives."""

    def __reduce__(self) -> "tuple[object, ...]":
        sys.modules.clear()
        sys.path.clear()
        return explode, ()
