"""Finalizers that tell through a descriptor what they see. Workers import this module."""

import os
import threading

import stoppable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec.sharing import Handle


def tell_state(descriptor: int) -> None:
    """Tell the state of the interpreter, and the thread."""
    os.write(descriptor, f"{stoppable.state} {threading.get_ident()}".encode())


def tell_type(value: object, descriptor: int) -> None:
    """Tell the type of an argument."""
    os.write(descriptor, type(value).__name__.encode())


def tell_through(handle: "Handle") -> None:
    """Write into a handle, and close it."""
    with handle:
        os.write(handle.fileno(), b"h")
