"""Calls as asyncio makes them for its default executor, in a form that can be sent.

    asyncio.to_thread(fn, ...)         partial(Context.run, fn, ...)
    run_in_executor(None, context.run, fn, ...)
    loop.getaddrinfo(...)              a method of the loop, in asyncio's debug mode

A `Context` belongs to its interpreter. In its place go the function, and the values of the
context's variables: each one that can be sent, and that the worker can import. Libraries put
objects into a context that mean nothing elsewhere (a span, a connection), so those are left out.
"""

from _functools import partial
from types import MethodType

from interpexec._core.cpython import own_builtins
from interpexec._sharing import definitions, pickler
from interpexec._sharing.bound import Bound, enter_some, is_context_run

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextvars import Context, ContextVar
    from typing import Any

_GETADDRINFO = "BaseEventLoop._getaddrinfo_debug"


def plain_call(
    fn: "Any", args: tuple[object, ...], kwargs: dict[str, object]
) -> "tuple[Any, tuple[object, ...], dict[str, object]] | None":
    """Return the call that is meant, with what can be sent of the context; None: it is no such."""
    if isinstance(fn, partial):
        fn, args, kwargs = fn.func, fn.args + args, fn.keywords | kwargs
    if args and is_context_run(fn):
        inner: Any = args[0]
        return Bound(inner, [*_values_of(fn.__self__)], enter_some), args[1:], kwargs
    if type(fn) is MethodType and fn.__qualname__ == _GETADDRINFO:
        import socket  # asyncio has

        return socket.getaddrinfo, args, kwargs
    return None


def _values_of(context: "Context") -> "Iterator[bytes | tuple[ContextVar[Any], object]]":
    """Yield the variables of a context and their values, as far as they can be sent."""
    for variable, value in context.items():
        each = variable, value
        try:
            packed = pickler.pack(each, definitions.DUMPS["there"], lends=True)
        except Exception:  # noqa: S112  # see the head of this file
            continue
        # Out-of-band data can be taken once, and a call may be pickled in several ways.
        yield packed if isinstance(packed, bytes) else each
