"""The values of context variables, sent with a call, and set where it runs.

    ContextVariables(variables).bind(fn)  ->  Bound, which the worker enters (`bound`)

A worker finds its own variables for those of the caller (`context_variables`). Each call has a
context of its own, a copy of the worker's: the next one does not see the values that it sets.

This is imported where a pool has such variables, and nowhere else.
"""

from _contextvars import ContextVar, copy_context

from interpexec._core.cpython import own_builtins
from interpexec._core.error_text import shown
from interpexec._sharing import pickling
from interpexec._sharing.bound import Bound
from interpexec._sharing.context_variables import place_of, recipe_of

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


class Reference:
    """A context variable, as it is sent: the worker's own is unpickled."""

    def __init__(self, variable: "ContextVar[Any]", where: str) -> None:
        """where: what the variable is called in an error.

        Raises ValueError for one that functions of a worker would not find.
        """
        self.variable = variable
        if place_of(variable) is None:
            raise ValueError(
                f"{where} must be a global of a module, by which workers find it, and"
                f" {shown(variable)} is none: assign it to one"
            )

    def __reduce__(self) -> "tuple[Any, ...]":
        """Be the variable itself, for the receiver."""
        return recipe_of(self.variable)


class ContextVariables:
    """The variables whose values go with the calls of a pool."""

    def __init__(self, variables: "Iterable[ContextVar[Any]]") -> None:
        """Find each. Raises TypeError or ValueError, naming the one that is wrong."""
        wrong = "contextvars must be a list of contextvars.ContextVar, got"
        try:
            several = list(variables)
        except Exception:  # the user's __iter__
            raise TypeError(f"{wrong} {shown(variables)}") from None
        for each in several:
            if not isinstance(each, ContextVar):
                raise TypeError(f"{wrong} {shown(each)} in it")
        self._references = [
            Reference(each, f"contextvars[{index}]") for index, each in enumerate(several)
        ]

    def bind(self, fn: "Callable[..., object]") -> "Bound":
        """Return a function with the values that the variables have in the calling context.

        Raises NotShareableError, naming the variable, when a value cannot be sent.
        """
        context = copy_context()
        variables = (each for each in self._references if each.variable in context)
        values = [(each, context[each.variable]) for each in variables]
        try:
            packed = pickling.CALLS.pack(values)
            # Out-of-band data can be taken once, and a call may be pickled in several ways.
            return Bound(fn, packed if isinstance(packed, bytes) else values)
        except Exception:
            for each, value in values:
                where = f"the value of the context variable {each.variable.name!r}"
                pickling.CALLS.pack_or_explain(value, where)
            raise
