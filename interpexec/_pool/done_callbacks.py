"""The done-callbacks of a future: which of them may block, and calling them."""

from concurrent.futures import _base
from types import FunctionType, MethodType

from interpexec._core.sigint import interruptibly, keep_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    type Callback = Callable[[Any], object]

keep_whole()

MARK = "_interpexec_never_blocks"
"""The attribute of a method that is used as a callback, and never blocks."""


def is_marked(callback: "Callback") -> bool:
    """Say whether a callback is a method of this package that never blocks."""
    return type(callback) is MethodType and hasattr(callback, MARK)


def may_any_block(callbacks: "Iterable[Callback]") -> bool:
    """Say whether one of some callbacks may block: not asyncio's, and not the marked ones."""
    return any(map(_may_block, callbacks))


def _may_block(callback: "Callback") -> bool:
    if type(callback) is FunctionType:
        return callback.__module__ != "asyncio.futures"
    return not is_marked(callback)


def call(callback: "Callback", future: "_base.Future[Any]") -> None:
    """Call a callback. The exceptions that it raises are logged by `concurrent.futures`."""
    try:
        if is_marked(callback):  # by a destructor, perhaps, where Python drops an interrupt
            callback(future)
        else:
            interruptibly(callback, future)
    except Exception:  # the user's code
        _base.LOGGER.exception("exception calling callback for %r", future)


def call_all(callbacks: "Iterable[Callback]", future: "_base.Future[Any]") -> None:
    """Call all callbacks; raise the last BaseException of theirs that is no Exception."""
    failure = None
    for callback in callbacks:
        try:
            call(callback, future)
        except BaseException as error:  # the other callbacks run all the same
            failure = error
    if failure is not None:
        raise failure
