"""Functions that run in a context of their own, with the values of context variables.

    caller's side   Bound(fn, values)             is pickled in the function's place
    worker          enter(fn, values)             ->  InContext, which is called
                    enter_some(fn, values)        the same, for what a worker may not have

This is imported where calls carry variables, and nowhere else.
"""

import _pickle
from _contextvars import Context, copy_context
from _functools import partial
from itertools import repeat

from interpexec._core.cpython import own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextvars import ContextVar
    from typing import Any

    type Value = tuple[ContextVar[Any], object]


_METHOD = type(copy_context().run)


class Bound:
    """A function with the values of context variables."""

    def __init__(
        self,
        fn: "Callable[..., object]",
        values: object,
        enter: "Callable[..., InContext] | None" = None,
    ) -> None:
        """values: what `enter` takes. It is the function of this module if it is None."""
        self._enter = enter_all if enter is None else enter
        self._parts = fn, values

    def __reduce__(self) -> "tuple[object, ...]":
        """Be the function in a context of its own, for the worker."""
        return self._enter, self._parts


def is_context_run(fn: object) -> bool:
    """Say whether it is the method `run` of a context."""
    if type(fn) is not _METHOD:
        return False
    method: Any = fn
    return type(method.__self__) is Context and method.__name__ == "run"


# -- in the worker ------------------------------------------------------------------


def enter_all(fn: "Callable[..., object]", values: "bytes | Iterable[Value]") -> "InContext":
    """Return a function that runs in a copy of this context, with these values.

    Of variables that have no value there, this context's own stays.
    """
    found: Iterable[Value] = _pickle.loads(values) if isinstance(values, bytes) else values
    context = copy_context()
    for variable, value in found:
        context.run(variable.set, value)
    return InContext(context.run, fn)


def enter_some(fn: "Callable[..., object]", values: "Iterable[bytes | Value]") -> "InContext":
    """Do as `enter_all`; leave out what cannot be made here: its module refuses to be imported."""
    context = copy_context()
    for each in values:
        try:
            variable, value = _pickle.loads(each) if isinstance(each, bytes) else each
        except Exception:  # noqa: S112  # see the docstring
            continue
        context.run(variable.set, value)
    return InContext(context.run, fn)


class InContext(partial):  # type: ignore[misc]  # its types say nothing of it
    """A function in a context of its own: C code calls it, without a frame of Python."""

    def interpexec_parts(self) -> "tuple[Callable[..., object], Callable[..., Iterator[object]]]":
        """Return the function, and a `map` whose calls each have a copy of the context."""
        run: Any = self.func
        context: Context = run.__self__  # see `enter_all`
        (fn,) = self.args
        return fn, partial(_map_in, iter(context.copy, None))


def _map_in(
    contexts: "Iterator[Context]", fn: "Callable[..., object]", *columns: "Iterable[object]"
) -> "Iterator[object]":
    return map(Context.run, contexts, repeat(fn), *columns)
