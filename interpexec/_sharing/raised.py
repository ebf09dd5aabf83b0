"""How an exception that a call raised is sent: whole, and with its traceback.

    worker             pack(error)     -> bytes
    main interpreter   revive(bytes)   -> the exception, its cause an ExecutionFailed

`exceptions` tells how it is pickled. With it are sent its class, text and traceback as text,
for the case that it cannot be pickled, or cannot be made by the receiver.
"""

import sys

# The same as in `importlib.machinery`, which is dear to import.
from _frozen_importlib_external import PathFinder
from _pickle import dumps

from interpexec._core import main_module
from interpexec._core.cpython import NotShareableError, own_builtins
from interpexec._core.error_text import raiser, told
from interpexec._sharing import notes, pickler, pickling
from interpexec._sharing.unpickling import loads

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from traceback import TracebackException
    from types import SimpleNamespace

    from interpexec._sharing.package import Packed
    from interpexec._sharing.source_lines import Places


def pack(
    error: BaseException, keywords: "Container[str]" = (), payload: "Packed | None" = None
) -> "Packed":
    """Pickle any exception. In the worker; never raises.

    keywords: those of the call. payload: the call itself, if it could not be unpickled.
    """
    try:
        notes.add(error, keywords, payload)
        return _record(error, _describe(error), _places_of(error))
    except BaseException as reason:  # the user's class runs here, or memory is short
        cls, why = type(error).__name__, type(reason).__name__
        return dumps((None, f"{why} while it was packed", cls, cls, "", "", ""), 5)


def pack_unpickling(error: BaseException, payload: "Packed") -> "Packed":
    """Pickle an exception from the unpickling of a call. In the worker.

    payload: the call.

    An error that tells the user something is sent as it is: a module that cannot be
    imported, a program that cannot be run again. Any other one becomes the
    NotShareableError that the stdlib's class gives.
    """
    if isinstance(error, (ImportError, main_module.NotRunnableError)):
        return pack(error, payload=payload)
    name, qualname, module, message, text = _describe(error)
    places = _places_of(error)
    if isinstance(error, AttributeError):
        message = main_module.explain_absence(message)
    refused = NotShareableError(f"args not shareable: {name}: {message}{raiser(error)}")
    notes.add_run(refused)
    notes.add_refused(refused, error)
    lines = "" if text == _NO_LINE else f"\n\n{text}"
    text = f"The call could not be unpickled in the worker.{lines}"
    return _record(refused, (name, qualname, module, message, text), places)


def _record(
    error: BaseException, description: tuple[str, str, str, str, str], places: "Places"
) -> "Packed":
    """Pickle the exception, or why it cannot be, with its description."""
    try:
        body = pickling.RESULTS.pack(error)
    except BaseException as reason:  # any class may fail in any way here
        return dumps((None, told(reason), *description, places), 5)
    return pickler.pack((body, None, *description, places))


def _describe(error: BaseException) -> tuple[str, str, str, str, str]:
    """Return name, qualified name, module, message and traceback of an exception."""
    cls, message = type(error), told(error, with_class=False)
    return cls.__name__, cls.__qualname__, cls.__module__, message, _traceback_text(error)


def _traceback_text(error: BaseException) -> str:
    """Return the traceback as Python prints it, or as much of it as can be made.

    From the user's code on, and without the exception at the end, which the receiver has. Empty,
    where the error is one of this package's, which says all.
    """
    try:
        import traceback  # 7-17 ms, and most workers never fail
    except ImportError:  # the task has emptied sys.path
        return told(error)
    trace = error.__traceback__
    while trace is not None and _is_inside(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    if trace is None and type(error) is NotShareableError and error.__cause__ is None:
        return ""
    try:
        whole = traceback.TracebackException(type(error), error, trace)
        _cut(whole.__cause__ or whole.__context__)
        end = "".join(whole.format_exception_only())
        return "".join(whole.format()).removesuffix(end).rstrip() or _NO_LINE
    except Exception:  # it reads attributes of the exception, which may be anything
        return "".join([*traceback.format_tb(trace), told(error)])


_NO_LINE = "(raised by the call itself, in no line of Python)"


def _cut(link: "TracebackException | None") -> None:
    """Leave out the frames of this package at the top of the tracebacks of a chain."""
    while link is not None:
        count = 0
        while count < len(link.stack) and _is_inside(link.stack[count].filename):
            count += 1
        del link.stack[:count]
        link = link.__cause__ or link.__context__


def _is_inside(filename: str) -> bool:
    """Say whether code is this package's, or importlib's: between the user and the reason."""
    return filename.startswith((_PACKAGE, "<frozen importlib."))


_PACKAGE = _is_inside.__code__.co_filename.rpartition("_sharing")[0]


def _places_of(error: BaseException) -> "Places":
    """Return where the traceback has no source lines, for the caller's side to add them."""
    try:
        from interpexec._sharing import source_lines  # most workers never fail

        return source_lines.places_of(error)
    except Exception:  # the call has damaged what it needs, or the user's classes run
        return {}


def revive(payload: "Packed", *, after_main: bool = False) -> BaseException:
    """Make the exception that `pack` was given. On the caller's side; never raises.

    Its cause is an `ExecutionFailed` with the worker's traceback. When it cannot
    be made here, or could not be sent, a NotShareableError says so and names it.
    """
    from interpexec._core.late_errors import ExecutionFailed  # on the caller's side only

    body, refusal, *description = loads(payload)
    excinfo = _excinfo(*description)
    error: object = None
    if body is not None:
        try:
            error = loads(body, after_main=after_main)
        except BaseException as reason:  # the user's classes run here
            refusal = told(reason)
        else:
            refusal = f"it was rebuilt as {type(error).__qualname__}"
    if not isinstance(error, BaseException):
        error = NotShareableError(
            f"the exception {excinfo.formatted!r} cannot be sent between interpreters: {refusal}"
        )
    elif isinstance(error, ModuleNotFoundError):
        _note_path(error)
    if excinfo.errdisplay:
        # Past a `__setattr__` of its class, which may forbid it.
        BaseException.__setattr__(error, "__cause__", ExecutionFailed(excinfo))
    return error


def _note_path(error: ModuleNotFoundError) -> None:
    """Say why a module was not found, where it can be found here."""
    try:
        name = error.name or ""
        if name in sys.modules or _can_be_found(name):
            error.add_note(_PATH_HINT.format(name))
    except Exception:  # noqa: S110  # an importer of the program, or the user's class
        pass


def _can_be_found(name: str) -> bool:
    parent, _, _ = name.rpartition(".")
    path = sys.modules[parent].__path__ if parent else None
    return PathFinder.find_spec(name, path) is not None


_PATH_HINT = (
    "interpexec: {0!r} is found here. A worker has the program's `sys.path`, and no importers or"
    " modules that the program itself has added: write `import {0}` at the top of the program,"
    " or in a function of it, so that it is sent; or make it known in an initializer"
)


def _excinfo(  # noqa: PLR0913, PLR0917  # the parts of a description
    name: str,
    qualname: str,
    module: str,
    message: str,
    text: str,
    places: "Places | None" = None,
) -> "SimpleNamespace":
    """Return an object with the attributes of CPython's `ExecutionFailed.excinfo`."""
    from types import SimpleNamespace  # on the caller's side only

    if places:
        from interpexec._sharing import source_lines  # most tracebacks have their lines

        text = source_lines.with_lines(text, places)
    return SimpleNamespace(
        type=SimpleNamespace(__name__=name, __qualname__=qualname, __module__=module),
        msg=message,
        formatted=f"{name}: {message}" if message else name,
        errdisplay=text,
    )
