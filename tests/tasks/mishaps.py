"""Exceptions, arguments and results that misbehave when they are pickled, unpickled or shown.

For tests of what an error does to its call, and to no other one. Workers import this module.
"""
# ruff: noqa: N818, TRY301, PYI034  # named after what they do, made as users make them

import os
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


# -- exceptions of users, as they write them -----------------------------------


class Coded(Exception):
    """Its `__init__` takes something else than it passes on."""

    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(f"code {code}: {reason}")
        self.code = code
        self.reason = reason


class Silent(Exception):
    """Its `__init__` passes nothing on, and needs two arguments."""

    def __init__(self, left: int, right: int) -> None:
        super().__init__()
        self.left, self.right = left, right


class Slotted(Exception):
    """Its attributes are in slots."""

    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Hidden(Exception):
    """Its slots have a private name, and one that groups have for something else."""

    __slots__ = ("__code", "message")

    def __init__(self, code: int) -> None:
        super().__init__("hidden")
        self.__code = code
        self.message = "text"


class Parent(Exception):
    """An exception that knows its children, and they know it."""

    def __init__(self, name: str, *children: Exception) -> None:
        super().__init__(f"{name} failed")
        self.name = name
        self.children = children
        for child in children:
            child.parent = self  # type: ignore[attr-defined]


class Frozen(Exception):
    """An exception that refuses to be changed, as a frozen dataclass does."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.__dict__["code"] = code

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"cannot assign to field {name!r}")


class Reduced(Exception):
    """An exception that says itself how it is pickled."""

    def __init__(self, code: int) -> None:
        super().__init__("reduced")
        self.code = code

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return Reduced, (self.code,)


class Counting(Exception):
    """Its `__new__` takes a keyword."""

    def __new__(cls, *, count: int) -> "Counting":
        error = super().__new__(cls, "counting")
        error.count = count  # type: ignore[attr-defined]
        return error

    def __init__(self, **_: int) -> None:
        pass


class HttpError(OSError):
    """An OSError with a signature of its own."""

    def __init__(self, status: int, url: str) -> None:
        super().__init__(status, f"HTTP {status}", url)
        self.status = status


class Several(ExceptionGroup[Exception]):
    """A group with an attribute, made as the documentation says."""

    def __new__(cls, errors: list[Exception], code: int) -> "Several":
        group = super().__new__(Several, "several", errors)
        group.code = code  # type: ignore[attr-defined]
        return group

    def __init__(self, *_: object) -> None:
        pass

    def derive(self, excs: "list[Exception]") -> "Several":  # type: ignore[override]
        """Make a group like this one."""
        return Several(excs, self.code)  # type: ignore[attr-defined]


class Falsey(Exception):
    """An exception that counts as false."""

    def __bool__(self) -> bool:
        return False


class Empty(Exception):
    """An exception that counts as false because it has no length."""

    def __len__(self) -> int:
        return 0


class Unprintable(Exception):
    """Asking for its text raises."""

    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__


class Quitting(Exception):
    """Asking for its text ends the program."""

    def __str__(self) -> str:
        raise SystemExit(7)


class QuittingPickle(Exception):
    """Pickling it ends the program."""

    def __reduce__(self) -> "NoReturn":
        raise KeyboardInterrupt


class Worded(Exception):
    """Its text is no plain `str`, and cannot be pickled."""

    def __str__(self) -> str:
        class Word(str):
            __slots__ = ()

        return Word("worded")


class UnpicklableClass(Exception):
    """An exception that cannot be unpickled anywhere."""

    def __reduce__(self) -> "tuple[Callable[..., object], tuple[object, ...]]":
        return _explode, ("the exception",)


class Impostor(Exception):
    """An exception that is unpickled as something that is none."""

    def __reduce__(self) -> "tuple[Callable[..., object], tuple[object, ...]]":
        return int, ("5",)


def _explode(what: str) -> "NoReturn":
    raise LookupError(f"{what} exploded")


def with_lock() -> Exception:
    """Return an exception that holds something that cannot be sent."""
    error = ValueError("locked")
    error.lock = threading.Lock()  # type: ignore[attr-defined]
    return error


def make_and_raise(make: "Callable[..., BaseException]", *args: object, **kwargs: object) -> None:
    """Raise an exception that is made here, in the worker."""
    raise make(*args, **kwargs)


def raise_local() -> None:
    """Raise an exception whose class nobody else can reach."""

    class Local(Exception):
        pass

    raise Local("gone")


def raise_chained() -> None:
    """Raise an exception from another one, with a note."""
    try:
        raise LookupError("the first")
    except LookupError as first:
        second = ValueError("the second")
        second.add_note("a note")
        second.add_note("another")
        raise second from first


def raise_family() -> "NoReturn":
    """Raise an exception that can reach itself."""
    raise Parent("parent", ValueError("child"))


def raise_group_of_family() -> "NoReturn":
    """Raise a group whose member knows it."""
    member = Coded(5, reason="why")
    group = ExceptionGroup("group", [member])
    member.group = group  # type: ignore[attr-defined]
    group.found = [member]  # type: ignore[attr-defined]
    raise group


def raise_group() -> None:
    """Raise a group of a plain exception, a user's one, and another group."""
    inner = ExceptionGroup("in", [OSError(2, "no")])
    raise ExceptionGroup("out", [ValueError(1), Coded(5, reason="why"), inner])


def raise_odd_syntax_error() -> None:
    """Raise a SyntaxError whose fields are nonsense; formatting it may fail."""
    error = SyntaxError("odd")
    error.lineno, error.offset, error.text = 1, 1, 5  # type: ignore[assignment]
    error.filename = "file"
    raise error


def missing_attribute() -> None:
    """Raise an AttributeError that holds on to a module."""
    return sys.no_such_name  # type: ignore[attr-defined,no-any-return]


def recurse(depth: int = 0) -> int:
    """Raise RecursionError."""
    return recurse(depth + 1) + 1


def bad_utf8() -> str:
    """Raise UnicodeDecodeError."""
    return b"abc\xff".decode()


def missing_file() -> None:
    """Raise FileNotFoundError."""
    os.stat("/no/such/file")  # pathlib is dear to import


def import_refusing_extension() -> None:
    """Import an extension that no subinterpreter may load; every CPython has this one."""
    import tracemalloc

    tracemalloc.start()


def import_missing() -> None:
    """Import what is not there."""
    import no_such_module_anywhere  # type: ignore[import-not-found]  # noqa: F401


# -- arguments and results ---------------------------------------------------------


class ExplodesOnArrival:
    """An object that fails when it is unpickled: everywhere, or in workers only."""

    def __init__(self, kind: str = "LookupError", *, in_workers_only: bool = False) -> None:
        self.kind, self.in_workers_only = kind, in_workers_only

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        if not self.in_workers_only or threading.current_thread().name != "MainThread":
            raise getattr(__import__("builtins"), self.kind)("exploded on arrival")


class ExplodesOnDeparture:
    """An object that cannot be pickled."""

    def __init__(self, kind: str = "LookupError") -> None:
        self.kind = kind

    def __reduce__(self) -> "NoReturn":
        raise getattr(__import__("builtins"), self.kind)("exploded on departure")


class ExplodesInRepr(ExplodesOnDeparture):
    """An object that cannot be pickled, nor shown."""

    def __repr__(self) -> str:
        raise ZeroDivisionError


def make[T](cls: "Callable[..., T]", *args: object, **kwargs: object) -> T:
    """Return an object that is made here, in the worker."""
    return cls(*args, **kwargs)


def some_results(index: int, bad: int, kind: str = "LookupError") -> object:
    """Return the index; for the item `bad`, something that cannot be pickled."""
    return ExplodesOnDeparture(kind) if index == bad else index


def some_late_explosions(index: int, bad: int, kind: str = "LookupError") -> object:
    """Return the index; for the item `bad`, something that cannot be unpickled."""
    return ExplodesOnArrival(kind) if index == bad else index


def lock(_: object = None) -> object:
    """Return something that cannot be sent."""
    return threading.Lock()


def deep(depth: int) -> list[object]:
    """Return a list that is nested too deeply for pickle."""
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


def make_local() -> object:
    """Return an instance of a class that nobody else can reach."""

    class Local:
        pass

    return Local()


class SlowToGo:
    """Where it arrives, its end takes until the gate is opened."""

    def __init__(self, reader: int) -> None:
        self.to_read = reader

    def __getstate__(self) -> int:
        return self.to_read

    def __setstate__(self, reader: int) -> None:
        self.reader = reader

    def __del__(self) -> None:
        if hasattr(self, "reader"):
            os.read(self.reader, 1)
