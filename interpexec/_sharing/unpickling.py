"""Unpickling what another interpreter sent.

    loads_value      a result, on the caller's side
    loads            anything else there
    loads_anything   what was sent by itself (channels, tokens), in any interpreter

Calls are unpickled by `main_module.loads`, in the worker.
"""

import _io  # `io` is not in a bare interpreter
from _pickle import Unpickler
from _pickle import loads as _unpickle

from interpexec._core import main_module
from interpexec._core.cpython import NotShareableError, own_builtins
from interpexec._core.sigint import deliver, interruptible_inside, noted

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from interpexec._sharing.package import Packed


@interruptible_inside
def loads_value(payload: "Packed", *, after_main: bool) -> object:
    """Unpickle a result, on the caller's side. Raises NotShareableError if it cannot be."""
    try:
        if noted:
            deliver()
        if type(payload) is bytes and not after_main:
            return _unpickle(payload)
        return loads(payload, after_main=after_main)
    except BaseException as error:  # the user's classes run here
        if isinstance(error, KeyboardInterrupt) and not error.args:
            raise  # Ctrl-C: this may be the main thread
        from interpexec._core.error_text import raiser, told

        message = f"the result could not be unpickled: {told(error)}{raiser(error)}"
        raise NotShareableError(message) from error


def loads(payload: "Packed", *, after_main: bool = False) -> "Any":
    """Unpickle, on the caller's side, what a worker sent.

    after_main: the worker has run the program: what the program defines belongs to
        `__mp_main__` there; here it belongs to `__main__`.
    """
    unpickle = _loads_after_main if after_main else _unpickle
    if type(payload) is bytes:
        return unpickle(payload)
    return payload.load(unpickle)  # type: ignore[union-attr]


def _loads_after_main(pickled: bytes, /, *, buffers: "Iterable[Any] | None" = None) -> object:
    return _MainUnpickler(_io.BytesIO(pickled), buffers=buffers).load()


def loads_anything(payload: "Packed") -> "Any":
    """Unpickle what another interpreter sent, whichever it was, and whichever this one is."""
    if main_module.is_worker():
        return main_module.loads(payload)
    return loads(payload, after_main=True)


class _MainUnpickler(Unpickler):
    """Finds the program's definitions in the real `__main__`."""

    def find_class(self, module_name: str, global_name: str, /) -> object:
        if module_name == main_module.RUN_NAME:
            module_name = "__main__"
        return super().find_class(module_name, global_name)
