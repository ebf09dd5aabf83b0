"""Pickling a call, a result, and what travels by itself: the ladder of ways.

The quick way comes first: pickle alone, for plain data. What fails there is tried with
the protocol of `interpexec.sharing`, and then with functions by value (`functions`). The
error of the last one names the part that cannot be sent (`diagnose`).
"""

from _pickle import dumps

from interpexec._core import current_call, main_module
from interpexec._core.cpython import PLAIN, NotShareableError, own_builtins

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._sharing.package import Packed

_FUNCTION = type(lambda: None)


def dumps_call(
    fn: "Callable[..., object]",
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> "Packed":
    """Pickle a call at home.

    Raises NotShareableError, naming the argument, when a part of it cannot travel.
    """
    call = fn, args, kwargs
    is_plain = type(fn) is _FUNCTION and not kwargs and PLAIN.issuperset(map(type, args))
    if is_plain and (fn.__module__ != "__main__" or main_module.can_run_again()):
        try:
            return dumps(call, 5)
        except Exception:  # noqa: S110  # it has no name, or another one's
            pass
    from interpexec._sharing import functions

    try:
        return functions.pack_soon(call, lends=True)
    except Exception as error:
        raise _unshareable(call, error) from error


def _unshareable(
    call: tuple[object, tuple[object, ...], dict[str, object]], error: Exception
) -> Exception:
    """Return the error that names the part of `call` that cannot travel."""
    from interpexec._core.error_text import told
    from interpexec._sharing import diagnose, functions

    def attempt(part: object) -> None:
        functions.pack_soon(part, lends=True)

    fn, args, kwargs = call
    parts = {"the function": fn}
    parts |= {f"args[{index}]": value for index, value in enumerate(args)}
    parts |= {f"kwargs[{name!r}]": value for name, value in kwargs.items()}
    for where, part in parts.items():
        try:
            attempt(part)
        except Exception as reason:  # the user's classes run here
            return diagnose.explain(part, where, reason, attempt)
    if isinstance(error, NotShareableError):
        return error
    return NotShareableError(f"the call cannot travel to another interpreter: {told(error)}")


def dumps_value(value: object) -> "Packed":
    """Pickle a result in a worker. Raises NotShareableError, naming it, if it cannot be."""
    try:
        if type(value) in PLAIN:
            return dumps(value, 5)
        from interpexec._sharing import pickler  # many workers return plain values only

        return pickler.pack(value)
    except BaseException as error:  # the user's classes run; tried again with care
        current_call.end_if_stopped(error)
    from interpexec._sharing import functions

    try:
        return functions.pack(value)
    except BaseException as error:
        current_call.end_if_stopped(error)
        from interpexec._sharing import diagnose

        raise diagnose.explain(value, "the result", error, functions.pack) from error
