"""Why a definition cannot be sent: which variable of which function. Imported when one cannot."""

from _functools import partial

from interpexec._core.cpython import NotShareableError
from interpexec._sharing import pickler
from interpexec._sharing.records import ATTRIBUTE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType
    from typing import Any

    from interpexec._sharing.pickler import Dump


class UnsendableError(NotShareableError):
    """A variable that a definition needs cannot be sent."""

    def __init__(
        self,
        user: str,
        what: str,
        value: object,
        error: Exception,
        code: "CodeType | None" = None,
    ) -> None:
        """user: the function. what: its variable, in quotes. error: why that cannot be sent.

        code: the function's.
        """
        self._code = code
        self._parts: tuple[str, str, object, Exception] | None = None
        if isinstance(error, UnsendableError):  # it names the variable that is the reason
            super().__init__(*error.args)
            return
        super().__init__(f"{user} cannot be sent to another interpreter, because {what} cannot")
        self._parts = user, what, value, error

    def explained(self, dump: "Dump") -> "UnsendableError":
        """Return the error, which names the part of the variable that cannot be sent, and why.

        dump: pickles a part.
        """
        if self._parts is None:
            return self
        from interpexec._sharing import diagnose  # the error itself is rare

        (user, what, value, error), self._parts = self._parts, None
        attempt = partial(pickler.pack, dump=dump, is_alone=True)
        try:
            attempt(value)
        except UnsendableError as inner:  # it is a function
            self.args = inner.args
            return self
        except Exception:  # noqa: S110  # `error`, once more
            pass
        path, why = diagnose.part_of(value, error, attempt)
        if self._code is not None:
            why += _place(self._code, what.split("'")[1])
        what = f"{what[:-1]}{path}'"
        self.args = (f"{user} cannot be sent to another interpreter, because {what} cannot: {why}",)
        return self

    def __reduce__(self) -> "tuple[object, ...]":
        """Be the ordinary error, elsewhere."""
        return _plain, self.args


def _place(code: "CodeType", name: str) -> str:
    """Say in which line code uses a variable; its first line, where it only has it."""
    line = next(_lines(code, name), code.co_firstlineno)
    file = code.co_filename.replace("\\", "/").rpartition("/")[2]
    return f" (line {line} of {file})"


def _lines(code: "CodeType", name: str) -> "Iterator[int]":
    """Yield the lines of code, and of functions in it, that use a variable."""
    import dis  # the error itself is rare

    for each in dis.get_instructions(code):
        if each.argval == name and each.positions is not None and each.positions.lineno:
            yield each.positions.lineno
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from _lines(constant, name)


def _plain(*args: object) -> Exception:
    return NotShareableError(*args)


def explain(obj: "Any", error: Exception, dump: "Dump") -> Exception:
    """Return the error that names the part of a definition that cannot be sent.

    error: the one that was raised. dump: pickles a part.
    """
    if isinstance(error, UnsendableError):
        return error.explained(dump)
    if not isinstance(obj, type | type(explain)):
        return error  # a module: its globals name themselves
    kind = "class" if isinstance(obj, type) else "function"
    user = f"{kind} {obj.__qualname__!r}"
    parts = _parts_of_class(obj) if isinstance(obj, type) else _parts(obj)
    for what, value in parts:
        if value is obj:
            continue
        try:
            pickler.pack(value, dump, is_alone=True)
        except Exception as reason:  # the user's classes run here
            code = getattr(obj, "__code__", None)
            return UnsendableError(user, what, value, reason, code).explained(dump)
    return error


def _parts_of_class(cls: type) -> "Iterator[tuple[str, object]]":
    for base in cls.__bases__:
        yield f"its base {base.__qualname__!r}", base
    for name, value in vars(cls).items():
        if not name.startswith("__") or callable(value):
            yield f"its attribute {name!r}", value


def _parts(obj: "Any") -> "Iterator[tuple[str, object]]":
    for name, cell in zip(obj.__code__.co_freevars, obj.__closure__ or (), strict=True):
        try:
            yield f"its variable {name!r}", cell.cell_contents
        except ValueError:
            continue  # it is empty
    for index, value in enumerate(obj.__defaults__ or ()):
        names = obj.__code__.co_varnames[: obj.__code__.co_argcount]
        yield f"the default of {names[index - len(obj.__defaults__)]!r}", value
    for name, value in (obj.__kwdefaults__ or {}).items():
        yield f"the default of {name!r}", value
    for name, value in obj.__dict__.items():
        if name != ATTRIBUTE:
            yield f"its attribute {name!r}", value
