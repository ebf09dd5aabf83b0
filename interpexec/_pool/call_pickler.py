"""Pickling calls with something beside them, which is set in the worker before they run."""

from interpexec._core.cpython import NotShareableError
from interpexec._sharing import pickling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from interpexec._sharing.package import Packed

    class Binder(Protocol):
        """Puts something beside a function."""

        def bind(self, fn: "Any") -> "Any":
            """Return an object that is unpickled as the function, with that beside it."""


class CallPickler:
    """Pickles the calls of a pool that carries something beside them."""

    def __init__(self, *binders: "Binder") -> None:
        """binders: they put something beside the function, one after the other."""
        self._binders = binders

    def bind(self, fn: "Any") -> "Any":
        """Return the function with all that is beside it. NotShareableError where it cannot be."""
        for each in self._binders:
            fn = each.bind(fn)
        return fn

    def dumps_call(
        self, fn: "Callable[..., object]", args: tuple[object, ...], kwargs: dict[str, object]
    ) -> "Packed":
        """Pickle a call, as `pickling.dumps_call`."""
        plain = pickling.as_asyncio_means((fn, args, kwargs))
        if plain is not None:
            fn, args, kwargs = plain
        bound = self.bind(fn)
        try:
            return pickling.dumps_call(bound, args, kwargs)
        except NotShareableError:
            pickling.dumps_call(fn, args, kwargs)  # this error says it better
            raise
