"""The ladder: the ways to pickle a call, a result or a message, the quickest one first.

    1. plain data           pickle alone, for numbers and strings; also a function that has a
                            name, or the bytes of a definition, with plain arguments
    2. by name              with out-of-band data, and a reducer for each type (`pickler`)
    3. by value             functions and classes that the receiver cannot import
                            (`definitions`)
    4. the second run       by the names that a worker has after it has run the program: for
                            calls, where a definition cannot be sent; and the rest by value
                            (`after_run`)
    5. the error            names the part that cannot be sent (`diagnose`)

A step that fails is followed by the next one; so is step 2 where its pickle names something of
`__main__` that the receiver may not have. `CALLS`, `RESULTS` and `MESSAGES` say what the
receivers of these allow.
"""

import sys
from _contextvars import Context
from _functools import partial
from _pickle import dumps

from interpexec._core import current_call, main_module
from interpexec._core.cpython import PLAIN, NotShareableError, own_builtins
from interpexec._sharing import pickler, reducers
from interpexec._sharing.importable import AUTORELOAD, is_importable, settled, unimportable

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interpexec._sharing.definitions import Definition
    from interpexec._sharing.package import Packed
    from interpexec._sharing.pickler import Dump

    type Call = tuple[Callable[..., object], tuple[object, ...], dict[str, object]]

_FUNCTION = type(lambda: None)


class Ladder:
    """Steps 2 to 5, for one kind of receiver."""

    __slots__ = ("_direction", "_expected", "_is_alone", "_lends")

    def __init__(
        self,
        direction: str,
        *,
        lends: bool = False,
        is_alone: bool = False,
        expected: type[BaseException] = Exception,
    ) -> None:
        """Make a ladder.

        direction: "there", to a worker; "back", to the maker of the call, who has what the
            program defines; "anywhere".
        expected: the errors after which the next step is tried.
        lends, is_alone: as of `pickler.Packer`.
        """
        self._direction = direction
        self._lends = lends
        self._is_alone = is_alone
        self._expected = expected

    def pack(self, obj: object) -> "Packed":
        """Pack an object. Raises what step 3 raises: that says best what is wrong."""
        try:
            packed = self._pack(obj, reducers.dump)
            if self._direction == "back" or not names_program(packed):
                return packed
        except self._expected as error:  # the user's classes run; tried again with care
            current_call.end_if_stopped(error)
        from interpexec._sharing import definitions  # most objects have names that lead somewhere

        return self._pack(obj, definitions.DUMPS[self._direction])

    def _pack(self, obj: object, dump: "Dump") -> "Packed":
        return pickler.pack(obj, dump, lends=self._lends, is_alone=self._is_alone)

    def pack_or_explain(self, obj: object, where: str) -> "Packed":
        """Pack an object. Raises NotShareableError, naming the part that cannot be sent.

        where: what the object is called.
        """
        try:
            return self.pack(obj)
        except self._expected as error:
            current_call.end_if_stopped(error)
            from interpexec._core.error_text import of_users  # something is wrong
            from interpexec._sharing import diagnose

            raise diagnose.explain(obj, where, error, self.pack) from of_users(error)


CALLS = Ladder("there", lends=True)
"""A call's maker outlives it, so its memory can be lent."""

# A worker sends whatever a call has raised.
RESULTS = Ladder("back", expected=BaseException)
"""The results of calls: a worker's memory may end with it, so it is copied."""

MESSAGES = Ladder("anywhere", is_alone=True)
"""Messages in channels and queues, and objects under tokens: they may outlive their sender."""


_PROGRAM = b"\x8c\x08__main__"  # as a pickle names a module


def names_program(packed: "Packed") -> bool:
    """Say whether a pickle has names in it that only the program can resolve, or may have."""
    payload = packed if type(packed) is bytes else packed.payload  # type: ignore[union-attr]
    # From the right it is searched four times as fast, for all that pickles have in them.
    if payload.rfind(_PROGRAM) >= 0:  # type: ignore[union-attr]  # bytes
        return True
    return bool(unimportable) and any(name in payload for name in unimportable)


def _definition_of(fn: object) -> "Definition":
    """Return the definition of a function. Replaces itself by the real one."""
    global _definition_of  # noqa: PLW0603  # few programs would need it when they begin
    from interpexec._sharing.definitions import definition_of

    _definition_of = definition_of  # type: ignore[assignment]  # see there
    return definition_of(fn)


_last_named: object = None
"""The code of the function that had a name when it was last asked for: most calls are of it."""


def _has_new_entries() -> bool:
    """Say whether workers may have started with another `sys.path`."""
    global _last_named  # noqa: PLW0603  # see there
    from interpexec._sharing import import_path  # few programs change it then

    _last_named = None
    return import_path.has_new_entries()


def _has_name(fn: "Callable[..., object]") -> bool:
    """Say whether a function is found under its name in a module that workers can import."""
    global _last_named  # noqa: PLW0603  # see there
    if (code := fn.__code__) is _last_named:
        return True
    module = fn.__module__
    if module == "__main__" or "<" in fn.__qualname__ or not is_importable(module):
        return False
    _last_named = code if AUTORELOAD not in sys.modules else None
    return True


def dumps_call(
    fn: "Callable[..., object]",
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> "Packed":
    """Pickle a call, on the caller's side.

    Raises NotShareableError, naming the argument, when a part of it cannot be sent.
    """
    call = fn, args, kwargs
    sent: object = fn
    has_path = sys.path == settled or not _has_new_entries()
    if type(fn) is _FUNCTION:
        is_plain = has_path and not kwargs and PLAIN.issuperset(map(type, args))
        try:
            if not (has_name := _has_name(fn)):
                sent = definition = _definition_of(fn)
                if is_plain and definition.head is not None:
                    return definition.call(args)
            elif is_plain:
                return dumps(call, 5)
        except Exception as error:  # it has another function's name, or cannot be sent by value
            again = None if has_name else _pack_by_names(call, error)
            if again is not None:
                return again
    elif type(fn) is partial and (plain := as_asyncio_means(call)) is not None:
        return dumps_call(*plain)
    try:
        if not has_path:
            from interpexec._sharing.import_path import After  # see `_has_new_entries`

            sent = After(sent)
        return CALLS.pack((sent, args, kwargs))
    except Exception as error:
        return _pack_otherwise(call, error)


def _pack_otherwise(call: "Call", error: Exception) -> "Packed":
    """Pickle a call that cannot be sent as it is. error: why."""
    if (plain := as_asyncio_means(call)) is not None:
        return dumps_call(*plain)
    again = _pack_by_names(call, error)
    if again is None:
        from interpexec._core.error_text import of_users  # something is wrong

        raise _explain_call(call, error) from of_users(error)
    return again


def as_asyncio_means(call: "Call") -> "Call | None":
    """Return a call as asyncio makes it in a form that can be sent; None if it is no such."""
    fn: Any = call[0]
    held = fn.func if type(fn) is partial else fn
    if type(held) not in _METHODS:
        return None
    if type(held.__self__) is not Context and held.__name__ != _GETADDRINFO:
        return None
    from interpexec._sharing import asyncio_calls  # few programs need it

    return asyncio_calls.plain_call(*call)


# In its debug mode a loop measures what takes long, by a method of its own.
_GETADDRINFO = "_getaddrinfo_debug"
_METHODS = {type(CALLS.pack), type([].append)}


def _pack_by_names(call: "Call", error: Exception) -> "Packed | None":
    """Pickle a call for a worker that runs the program, and so has what that defines.

    error: why it cannot be sent by value. Returns None where that would not help.
    """
    if not main_module.can_run_again():
        return None
    # As text: an error that this frame keeps would keep this frame, and so those of its callers.
    is_told = isinstance(error, NotShareableError)
    reason = str(error) if is_told else str(_explain_call(call, error))
    from interpexec._sharing import after_run  # few programs need it

    try:
        return after_run.pack(call, reason)
    except Exception:  # the first error is the better one
        return None


def _explain_call(call: "Call", error: Exception) -> Exception:
    """Return the error that names the part of a call that cannot be sent."""
    fn, args, kwargs = call
    parts: dict[str, object] = {"the function": fn}
    parts |= {f"args[{index}]": value for index, value in enumerate(args)}
    parts |= {f"kwargs[{name!r}]": value for name, value in kwargs.items()}
    for where, part in parts.items():
        try:
            CALLS.pack_or_explain(part, where)
        except NotShareableError as reason:
            return reason
    if isinstance(error, NotShareableError):
        return error
    from interpexec._core.error_text import told

    return NotShareableError(f"the call cannot be sent to another interpreter: {told(error)}")


def dumps_value(value: object) -> "Packed":
    """Pickle a result, in a worker. Raises NotShareableError, naming the part, if it cannot be."""
    if type(value) in PLAIN:
        return dumps(value, 5)
    return RESULTS.pack_or_explain(value, "the result")
