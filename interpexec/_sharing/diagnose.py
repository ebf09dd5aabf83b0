"""Finds the part of an object that cannot be sent. Imported when one cannot."""

import copyreg
from _functools import partial  # `functools` is dear, and may be out of a worker's reach
from types import BuiltinMethodType, MethodType

from interpexec._core.cpython import NotShareableError
from interpexec._core.error_text import shown, told
from interpexec._sharing.hints import OTHERWISE, OWN_WAYS, way_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FOREIGN = "\0"  # before a reason that is not a NotShareableError's
_FUNCTION, _NAMED = "the function", ("function ", "class ")  # it says itself what it is
RESULT = "the result"  # where the error of one begins
_METHODS = MethodType, BuiltinMethodType
_RECORD = "_abc_interpexec_record"  # see `records`
_DEEPEST = 50
_MOST_PARTS = 10_000  # of one object


def explain(
    obj: object, where: str, error: BaseException, attempt: "Callable[[object], object]"
) -> NotShareableError:
    """Return the error that names the part of an object that cannot be sent.

    where: what the object is called. error: why it cannot be sent. attempt: packs an
    object; it raises if that cannot be sent.
    """
    path, part, reason = _find(obj, where, _said(error), attempt)
    if path == _FUNCTION and reason.startswith(_NAMED):
        return NotShareableError(reason)
    if path.startswith(f"{_FUNCTION}."):
        path = path.removeprefix("the ")  # `function.__self__` is code
    verb = "return" if where == RESULT else "pass"
    if way_out(part, verb) is None and not reason.startswith(_FOREIGN):
        return NotShareableError(f"{path}: {reason}")
    return NotShareableError(
        f"{path} cannot be sent to another interpreter: {shown(part)}: {_why(part, reason, verb)}"
    )


def part_of(
    obj: object, error: BaseException, attempt: "Callable[[object], object]"
) -> tuple[str, str]:
    """Return the path to the part of a variable that cannot be sent, and that part, and why.

    error, attempt: as of `explain`.
    """
    path, part, reason = _find(obj, "", _said(error), attempt)
    return path, f"{shown(part)}: {_why(part, reason, 'use')}"


def _why(part: object, reason: str, verb: str) -> str:
    """Return why a part cannot be sent: the way out alone, where its type is the reason."""
    if (hint := way_out(part, verb)) is not None:
        return hint
    if not reason.startswith(_FOREIGN):
        return reason
    return f"{reason.removeprefix(_FOREIGN)} ({OTHERWISE})"


def _said(error: BaseException) -> str:
    """Return the text of an error, whose traceback keeps the object alive."""
    if isinstance(error, NotShareableError):
        return str(error)
    return _FOREIGN + told(error)


def _find(
    obj: object, path: str, reason: str, attempt: "Callable[[object], object]"
) -> tuple[str, object, str]:
    """Go down to the smallest part that fails: return where it is, itself, and why."""
    seen = {id(obj)}
    for _ in range(_DEEPEST):
        if way_out(obj, "") is not None:
            break  # what it is made of is of no interest
        for name, part in parts_of(obj):
            if id(part) in seen:
                continue
            try:
                attempt(part)
            except Exception as error:  # the user's classes run here
                obj, path, reason = part, path + name, _said(error)
                seen.add(id(part))
                break
        else:
            break
    return path, obj, reason


def parts_of(obj: object) -> "Iterator[tuple[str, object]]":
    """Yield the parts of an object, and how each is written in Python."""
    try:
        for count, part in enumerate(_all_parts(obj)):
            if count == _MOST_PARTS:
                return
            yield part
    except Exception:  # noqa: S110  # the user's containers and properties
        pass


def _all_parts(obj: object) -> "Iterator[tuple[str, object]]":
    if isinstance(obj, dict):
        for key, value in obj.items():
            yield f"[{shown(key)}]", value
            yield f" (its key {shown(key)})", key
    elif isinstance(obj, (list, tuple)):
        yield from ((f"[{index}]", value) for index, value in enumerate(obj))
    elif isinstance(obj, (set, frozenset)):
        yield from ((f" (its element {shown(value)})", value) for value in obj)
    if not isinstance(obj, type) and not _has_own_way(type(obj)):
        yield from _attributes(obj)


def _has_own_way(cls: type) -> bool:
    """Say whether a class defines how it is sent, so that its attributes mean nothing."""
    if issubclass(cls, (BaseException, partial, *_METHODS)):
        return False
    return any(OWN_WAYS & vars(base).keys() for base in cls.__mro__[:-1])


def _attributes(obj: object) -> "Iterator[tuple[str, object]]":
    cls = type(obj)
    names = [*copyreg._slotnames(cls), *getattr(obj, "__dict__", ())]  # type: ignore[attr-defined]  # noqa: SLF001  # as pickle does
    if isinstance(obj, BaseException):
        names.append("args")
    elif isinstance(obj, partial):
        names += ["func", "args", "keywords"]
    elif isinstance(obj, _METHODS):
        names.append("__self__")
    for name in names:
        if name != _RECORD and hasattr(obj, name):
            yield f".{name}", getattr(obj, name)
