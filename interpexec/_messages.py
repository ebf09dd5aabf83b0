"""What travels between home and its workers, and its wire form.

    home   -> worker   Call   the pickled (fn, args, kwargs), and the call's id
    worker -> home     Done   the pickled value, or a failure (see `_failures`),
                              the call's id and what the payload is
                       Notice the number of a worker, and what is about it

What home says to a worker while that is busy goes another way: see `_callbacks`.

A message is one `bytes` object: the payload, then eight bytes of tail. Pickle
ignores what follows its end, so nothing is cut off before loading. A large
payload is not copied to put a tail behind it: the two travel as a tuple. So does
what lies beside the pickle (`_packing.Package`), if something does.
"""

import _io  # `io` is not in a bare interpreter
from _pickle import Unpickler, dumps
from _pickle import loads as _unpickle

from interpexec import _main, _tasks
from interpexec._runtime import NotShareableError, own_builtins
from interpexec._sigint import deliver, interruptible_inside, noted

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from interpexec._line import Line
    from interpexec._packing import Packed

# From here on two objects in a tuple are cheaper than one more copy (about
# 1 µs against 64 KiB at some GB/s).
_LARGE = 1 << 16

# What a payload is: the lowest bits of the tail, below the call's id.
# Then come notices: the worker's initializer has run; the worker soon has run as many calls
# as it may, so that a successor is wanted; it takes no further call. The last one is a call
# itself, which was not begun, because its worker is damaged.
VALUE, FAILURE, NOT_READY, READY, RETIRING, LEAVING, RETURNED = range(7)
AFTER_MAIN = 8  # the worker has run the program: names in it may say so
_KIND_BITS = 4
_KINDS = (1 << _KIND_BITS) - 1

# What pickle alone is for, and nothing lies beside.
_PLAIN = frozenset({int, float, complex, bool, type(None), str})
_FUNCTION = type(lambda: None)

type Message = bytes | tuple[Any, ...]


def seal(payload: "Packed", call_id: int, kind: int = 0) -> Message:
    """Put the tail behind a payload. What lies beside it is still the payload's."""
    tail = call_id << _KIND_BITS | kind
    if type(payload) is not bytes:
        return payload.as_message(tail)  # type: ignore[union-attr]
    if len(payload) < _LARGE:
        return payload + tail.to_bytes(8, "little")
    return payload, tail


def send(line: "Line", payload: "Packed", call_id: int, kind: int = 0) -> None:
    """Send a payload. What lies beside it belongs to whoever receives it, from now on."""
    if type(payload) is bytes:
        line.send(seal(payload, call_id, kind))
        return
    message = seal(payload, call_id, kind)
    entries = payload.give_away()  # type: ignore[union-attr]
    try:
        line.send(message)
    except Exception:  # there is no memory
        payload.entries = entries  # type: ignore[union-attr]
        raise


def end_lease(payload: "Packed") -> None:
    """Say that nothing is held any more of what was lent beside a pickle (see `_loans`)."""
    if type(payload) is not bytes:
        payload.end_lease()  # type: ignore[union-attr]


def notice(worker: int, kind: int) -> Message:
    """Make a notice. It answers no call, so its id is 0.

    It gives the number of the worker, not of its seat: when it is read, another one
    may sit there.
    """
    return seal(worker.to_bytes(8, "little"), 0, kind)


def worker_of(payload: "Packed") -> int:
    """Return the number of the worker that a notice is about."""
    return int.from_bytes(payload[:8], "little")  # type: ignore[index]  # bytes


def unseal(message: Message) -> "tuple[Packed, int, int]":
    """Return the payload (its tail may still be behind it), the call's id, the kind."""
    payload: Packed
    if isinstance(message, tuple):
        payload, tail, *beside = message
        if beside:
            from interpexec._packing import Package  # what is sent is mostly a pickle alone

            payload = Package.from_message(message)
    else:
        payload, tail = message, int.from_bytes(message[-8:], "little")
    return payload, tail >> _KIND_BITS, tail & _KINDS


def dumps_call(
    fn: "Callable[..., object]",
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> "Packed":
    """Pickle a call at home.

    Raises NotShareableError, naming the argument, when a part of it cannot travel.
    """
    call = fn, args, kwargs
    is_plain = type(fn) is _FUNCTION and not kwargs and _PLAIN.issuperset(map(type, args))
    if is_plain and (fn.__module__ != "__main__" or _main.can_run_again()):
        try:
            return dumps(call, 5)
        except Exception:  # noqa: S110  # it has no name, or another one's
            pass
    from interpexec import _functions

    try:
        return _functions.pack_soon(call, lends=True)
    except Exception as error:
        raise _unshareable(call, error) from error


def _unshareable(
    call: tuple[object, tuple[object, ...], dict[str, object]], error: Exception
) -> Exception:
    """Return the error that names the part of `call` that cannot travel."""
    from interpexec import _culprit, _functions
    from interpexec._words import told

    def attempt(part: object) -> None:
        _functions.pack_soon(part, lends=True)

    fn, args, kwargs = call
    parts = {"the function": fn}
    parts |= {f"args[{index}]": value for index, value in enumerate(args)}
    parts |= {f"kwargs[{name!r}]": value for name, value in kwargs.items()}
    for where, part in parts.items():
        try:
            attempt(part)
        except Exception as reason:  # the user's classes run here
            return _culprit.explain(part, where, reason, attempt)
    if isinstance(error, NotShareableError):
        return error
    return NotShareableError(f"the call cannot travel to another interpreter: {told(error)}")


def dumps_value(value: object) -> "Packed":
    """Pickle a result in a worker. Raises NotShareableError, naming it, if it cannot be."""
    try:
        if type(value) in _PLAIN:
            return dumps(value, 5)
        from interpexec import _packing  # many workers return plain values only

        return _packing.pack(value)
    except BaseException as error:  # the user's classes run; tried again with care
        _tasks.end_if_stopped(error)
    from interpexec import _functions

    try:
        return _functions.pack(value)
    except BaseException as error:
        _tasks.end_if_stopped(error)
        from interpexec import _culprit

        raise _culprit.explain(value, "the result", error, _functions.pack) from error


@interruptible_inside
def loads_value(payload: "Packed", *, after_main: bool) -> object:
    """Unpickle a result at home. Raises NotShareableError if it cannot be."""
    try:
        if noted:
            deliver()
        if type(payload) is bytes and not after_main:
            return _unpickle(payload)
        return loads(payload, after_main=after_main)
    except BaseException as error:  # the user's classes run here
        if isinstance(error, KeyboardInterrupt) and not error.args:
            raise  # Ctrl-C: this may be the main thread
        from interpexec._words import told

        raise NotShareableError(f"the result could not be unpickled: {told(error)}") from error


def loads(payload: "Packed", *, after_main: bool = False) -> object:
    """Unpickle at home what a worker sent.

    In a worker that has run the program, what the program defines belongs to
    `__mp_main__`; here it belongs to `__main__`.
    """
    unpickle = _loads_after_main if after_main else _unpickle
    if type(payload) is bytes:
        return unpickle(payload)
    return payload.load(unpickle)  # type: ignore[union-attr]


def _loads_after_main(pickled: bytes, /, *, buffers: "Iterable[Any] | None" = None) -> object:
    return _MainUnpickler(_io.BytesIO(pickled), buffers=buffers).load()


def loads_anything(payload: "Packed") -> "Any":
    """Unpickle what came from nobody knows where: from home, or from a worker."""
    if _main.is_worker():
        return _main.loads(payload)
    return loads(payload, after_main=True)


class _MainUnpickler(Unpickler):
    """Finds the program's definitions in the real `__main__`."""

    def find_class(self, module_name: str, global_name: str, /) -> object:
        if module_name == _main.RUN_NAME:
            module_name = "__main__"
        return super().find_class(module_name, global_name)
