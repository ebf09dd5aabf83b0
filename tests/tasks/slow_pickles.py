"""Objects that run for ever, wait at a gate or call back when they are pickled or unpickled.

For tests that stop a call, or fork, in the middle of that. Workers import this module, so it
imports little.
"""

from stoppable import knock_and_pass, spin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gates import Handle


class SpinsWhenPickled:
    """Runs for ever when it is pickled in a worker."""

    def __init__(self, knocker: int) -> None:
        self.knocker = knocker

    def __reduce__(self) -> tuple[object, ...]:
        spin(self.knocker)
        return int, ()


def make_spinner(knocker: int) -> SpinsWhenPickled:
    """Return a value whose pickling runs for ever."""
    return SpinsWhenPickled(knocker)


class SpinsOnArrival:
    """Runs for ever when it is unpickled in a worker."""

    def __init__(self, knocker: int) -> None:
        self.knocker = knocker

    def __reduce__(self) -> tuple[object, ...]:
        return spin, (self.knocker,)


class SpinningError(Exception):
    """Runs for ever when it is pickled as the error of a call."""

    def __init__(self, knocker: int) -> None:
        super().__init__(knocker)

    def __reduce__(self) -> tuple[object, ...]:
        spin(self.args[0])
        return ValueError, ()


def raise_spinner(knocker: int) -> None:
    """Raise an error that cannot be pickled in finite time."""
    raise SpinningError(knocker)


class Unpickled:
    """Calls `on_unpickling`, if it is set, when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return _unpickle, ()


on_unpickling: "Callable[[], object] | None" = None
"""Called in this interpreter for each `Unpickled` that arrives."""


def _unpickle() -> Unpickled:
    if on_unpickling is not None:
        on_unpickling()
    return Unpickled()


def pass_and_make(handle: "Handle") -> Unpickled:
    """Wait at a gate; return a value that calls `on_unpickling` where it arrives."""
    knock_and_pass(handle)
    return Unpickled()


class PassesGate:
    """Stands at a gate when it is unpickled, with something large."""

    def __init__(self, handle: "Handle") -> None:
        self._handle = handle

    def __reduce__(self) -> tuple[object, ...]:
        return _pass_with, (self._handle, "x" * (1 << 20))


def _pass_with(handle: "Handle", large: str) -> int:
    knock_and_pass(handle)
    return len(large)


def make_gated(handle: "Handle") -> PassesGate:
    """Return a value that stands at a gate when it is unpickled."""
    return PassesGate(handle)
