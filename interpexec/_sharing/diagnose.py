"""Which part of an object cannot travel. Imported when something is wrong."""

import copyreg
from _functools import partial  # `functools` is dear, and may be out of a worker's reach

from interpexec._core.cpython import NotShareableError
from interpexec._core.error_text import shown, told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OTHERWISE = "\0"  # before what is not our own way of saying it
_DEEPEST = 50
_MOST_PARTS = 10_000  # of one object


def explain(
    obj: object, where: str, error: BaseException, attempt: "Callable[[object], object]"
) -> NotShareableError:
    """Return the error that names the part of an object that cannot travel.

    where: what the object is called. error: why it cannot travel. attempt: packs an
    object; it raises for what cannot travel.
    """
    path, part, reason = _find(obj, where, _said(error), attempt)
    if not reason.startswith(_OTHERWISE):
        return NotShareableError(f"{path}: {reason}")
    reason = reason.removeprefix(_OTHERWISE)
    return NotShareableError(
        f"{path} cannot travel to another interpreter: {shown(part)}: {reason}"
    )


def _said(error: BaseException) -> str:
    """Return what an error says. Not itself: its traceback keeps alive what it is about."""
    if isinstance(error, NotShareableError):
        return str(error)
    return _OTHERWISE + told(error)


def _find(
    obj: object, path: str, reason: str, attempt: "Callable[[object], object]"
) -> tuple[str, object, str]:
    """Go down to the smallest part that fails: return where it is, itself, and why."""
    seen = {id(obj)}
    for _ in range(_DEEPEST):
        for name, part in _parts(obj):
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


def _parts(obj: object) -> "Iterator[tuple[str, object]]":
    """Yield what an object consists of, and how one says that in Python."""
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
    if not isinstance(obj, type) and not _says_itself(type(obj)):
        yield from _attributes(obj)


def _says_itself(cls: type) -> bool:
    """Say whether a class has its own way to travel, so that its attributes mean nothing."""
    if issubclass(cls, (BaseException, partial)):
        return False
    names = {"__reduce__", "__reduce_ex__", "__getstate__", "__share__"}
    return any(names & vars(base).keys() for base in cls.__mro__[:-1])


def _attributes(obj: object) -> "Iterator[tuple[str, object]]":
    cls = type(obj)
    names = [*copyreg._slotnames(cls), *getattr(obj, "__dict__", ())]  # type: ignore[attr-defined]  # noqa: SLF001  # as pickle does
    if isinstance(obj, BaseException):
        names.append("args")
    elif isinstance(obj, partial):
        names += ["func", "args", "keywords"]
    for name in names:
        if hasattr(obj, name):
            yield f".{name}", getattr(obj, name)
