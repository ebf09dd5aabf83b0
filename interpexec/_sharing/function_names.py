"""The names of functions, for people to read."""

from _functools import partial

from interpexec._core.cpython import own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def function_of(value: "partial[Any]") -> object:
    """Return what a partial calls; of `asyncio.to_thread` the function that it was given."""
    from interpexec._sharing.bound import is_context_run  # few calls are partials

    is_in_context = bool(value.args) and is_context_run(value.func)
    return value.args[0] if is_in_context else value.func


def name_of(fn: object) -> str:
    """Return the qualified name of what is called, as far as it has one."""
    try:
        name = fn.__qualname__  # type: ignore[attr-defined]  # that is the question
        if type(name) is str:
            return name
    except Exception:  # noqa: S110  # none, or the user's __getattr__
        pass
    if isinstance(fn, partial):
        inner = function_of(fn)
        return f"partial({name_of(inner)})" if inner is fn.func else name_of(inner)
    return type(fn).__qualname__
