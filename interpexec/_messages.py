"""What travels between home and its workers, and its wire form.

    home   -> worker   Call   the pickled (fn, args, kwargs), and the call's id
    worker -> home     Done   the pickled value, or a failure (see `_failures`),
                              the call's id and what the payload is
                       Notice the number of a worker, and what is about it

What home says to a worker while that is busy goes another way: see `_callbacks`.

A message is one `bytes` object: the payload, then eight bytes of tail. Pickle
ignores what follows its end, so nothing is cut off before loading. A large
payload is not copied to put a tail behind it: the two travel as a tuple.
"""

import _pickle
import io

from interpexec import _main, _tasks
from interpexec._runtime import NotShareableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# From here on two objects in a tuple are cheaper than one more copy (about
# 1 µs against 64 KiB at some GB/s).
_LARGE = 1 << 16

# What a payload is: the lowest bits of the tail, below the call's id.
# The last three are notices: the worker's initializer has run; the worker soon has run
# as many calls as it may, so that a successor is wanted; it takes no further call.
VALUE, FAILURE, NOT_READY, READY, RETIRING, LEAVING = range(6)
AFTER_MAIN = 8  # the worker has run the program: names in it may say so
_KIND_BITS = 4
_KINDS = (1 << _KIND_BITS) - 1

type Message = bytes | tuple[bytes, int]


def seal(payload: bytes, call_id: int, kind: int = 0) -> Message:
    """Put the tail behind a payload."""
    tail = call_id << _KIND_BITS | kind
    if len(payload) < _LARGE:
        return payload + tail.to_bytes(8, "little")
    return payload, tail


def notice(worker: int, kind: int) -> Message:
    """Make a notice. It answers no call, so its id is 0.

    It gives the number of the worker, not of its seat: when it is read, another one
    may sit there.
    """
    return seal(worker.to_bytes(8, "little"), 0, kind)


def worker_of(payload: bytes) -> int:
    """Return the number of the worker that a notice is about."""
    return int.from_bytes(payload[:8], "little")


def unseal(message: Message) -> tuple[bytes, int, int]:
    """Return the payload (its tail may still be behind it), the call's id, the kind."""
    if isinstance(message, tuple):
        payload, tail = message
    else:
        payload, tail = message, int.from_bytes(message[-8:], "little")
    return payload, tail >> _KIND_BITS, tail & _KINDS


def dumps_call(
    fn: "Callable[..., object]",
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> bytes:
    """Pickle a call at home.

    Raises NotShareableError, naming the argument, when a part of it cannot travel.
    """
    call = fn, args, kwargs
    if _main.can_run_again():
        try:
            return _pickle.dumps(call, 5)
        except Exception:  # noqa: S110  # the user's classes run; tried again with care
            pass
    from interpexec import _functions

    try:
        return _functions.dumps(call)
    except Exception as error:
        raise _unshareable(call, error) from error


def _unshareable(
    call: tuple[object, tuple[object, ...], dict[str, object]], error: Exception
) -> Exception:
    """Return the error that names the part of `call` that cannot travel."""
    from interpexec import _functions
    from interpexec._words import shown, told

    fn, args, kwargs = call
    parts = {"the function": fn}
    parts |= {f"args[{index}]": value for index, value in enumerate(args)}
    parts |= {f"kwargs[{name!r}]": value for name, value in kwargs.items()}
    for where, part in parts.items():
        try:
            _functions.dumps(part)
        except NotShareableError as reason:
            return NotShareableError(f"{where}: {reason}")
        except Exception as reason:  # the user's classes run here
            return NotShareableError(
                f"{where} cannot travel to another interpreter: {shown(part)}: {told(reason)}"
            )
    return NotShareableError(f"the call cannot travel to another interpreter: {told(error)}")


def dumps_value(value: object) -> bytes:
    """Pickle a result in a worker. Raises NotShareableError, naming it, if it cannot be."""
    try:
        return _pickle.dumps(value, 5)
    except BaseException as error:  # the user's classes run; tried again with care
        _tasks.end_if_stopped(error)
    from interpexec import _functions
    from interpexec._words import shown, told

    try:
        return _functions.dumps(value)
    except BaseException as error:
        _tasks.end_if_stopped(error)
        raise NotShareableError(
            f"the result cannot travel to another interpreter: {shown(value)}: {told(error)}"
        ) from error


def loads_value(payload: bytes, *, after_main: bool) -> object:
    """Unpickle a result at home. Raises NotShareableError if it cannot be."""
    try:
        return loads(payload, after_main=after_main)
    except BaseException as error:  # the user's classes run here
        if isinstance(error, KeyboardInterrupt) and not error.args:
            raise  # Ctrl-C: this may be the main thread
        from interpexec._words import told

        raise NotShareableError(f"the result could not be unpickled: {told(error)}") from error


def loads(payload: bytes, *, after_main: bool = False) -> object:
    """Unpickle at home what a worker sent.

    In a worker that has run the program, what the program defines belongs to
    `__mp_main__`; here it belongs to `__main__`.
    """
    if after_main:
        return _MainUnpickler(io.BytesIO(payload)).load()
    return _pickle.loads(payload)  # our own bytes


class _MainUnpickler(_pickle.Unpickler):
    """Finds the program's definitions in the real `__main__`."""

    def find_class(self, module_name: str, global_name: str, /) -> object:
        if module_name == _main.RUN_NAME:
            module_name = "__main__"
        return super().find_class(module_name, global_name)
