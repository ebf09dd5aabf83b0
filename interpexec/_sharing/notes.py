"""The notes on what a call raised, for the user: what to do about it. In the worker.

A note stands where CPython's text tells what is impossible, and not what is to be done; and where
the error is far from its reason.
"""

from _thread import get_ident

from interpexec._core import main_module, refused_imports
from interpexec._core.cpython import own_builtins
from interpexec._core.error_text import shown_links

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from interpexec._sharing.package import Packed

_ELSEWHERE = "Run this function in a ThreadPoolExecutor or a ProcessPoolExecutor instead"
_REFUSAL_HINT = "an extension module refuses to be loaded in a subinterpreter. " + _ELSEWHERE

_OPTIONS = {
    **dict.fromkeys(
        ("timeout", "contextvars", "retries", "retry_on", "name", "priority"),
        "pool.with_options({}=...).submit(...)",
    ),
    **dict.fromkeys(("chunksize", "buffersize"), "pool.map(..., {}=...)"),
}
"""Options of calls, and how they are given: `submit` passes all keywords on."""

_ABSENCES = AttributeError, NameError, TypeError
_RUN_HINT = (
    "for this call the worker has run the program again, with another `__name__` than"
    ' "__main__", because {}'
)

_PROCESSES = (
    "A process can be started here by subprocess, os.posix_spawn, or the Process of"
    ' multiprocessing.get_context("spawn"); a pool of processes, in the main interpreter'
)
_IMPOSSIBLE = {
    "fork not supported for": f"a worker cannot be forked. {_PROCESSES}",
    "exec not supported for": "this would replace the whole program. Use subprocess.run(...)",
    "preexec_fn not supported": "in a worker, use other arguments of subprocess.Popen: cwd, env,"
    " process_group, start_new_session, user, group, umask",
    "daemon threads are disabled": "in a worker, start threads with daemon=False, and end them in"
    f" the call. (A pool of processes needs daemon threads.) {_PROCESSES}",
    "signal only works in main thread": "handle signals in the program, and tell the calls:"
    " Future.cancel(), interpexec.sync.Event",
    "set_wakeup_fd only works in main thread": "handle signals in the program",
}
"""The words of CPython for things that are refused in workers, and what to do instead."""

_BROKEN_POOL = "concurrent.futures.process", "BrokenProcessPool"


def add(error: BaseException, keywords: "Container[str]", payload: "Packed | None") -> None:
    """Add the notes that an error of a call needs.

    keywords, payload: as of `raised.pack`. Raises what the user's class raises.
    """
    if payload is not None and _add_argument(error, payload):
        return
    if keywords and type(error) is TypeError:
        _add_option(error, keywords)
    if isinstance(error, _ABSENCES):
        add_run(error)
    if (name := _refused_extension(error)) is not None:
        _add(error, f"{name}: {_REFUSAL_HINT}")
    elif (advice := _advice_for(error)) is not None:
        _add(error, advice)
    else:
        add_refused(error, error)


def _add(error: BaseException, text: str) -> None:
    """Add a note, if it is not there: an error may be raised again, by another call."""
    note = f"interpexec: {text}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def _add_option(error: TypeError, keywords: "Container[str]") -> None:
    """Say how an option is given, where the function has refused one as its argument."""
    for name, how in _OPTIONS.items():
        if name in keywords and repr(name) in str(error):
            _add(
                error,
                f"keywords are arguments of the function. If {name!r} is meant as an option of the"
                f" call: {how.format(name)}",
            )


def add_run(error: BaseException) -> None:
    """Say that the program was run again for the call, if so: it may lack what that has made."""
    reason = main_module.reasons.get(get_ident())
    if reason is not None:
        _add(error, _RUN_HINT.format(reason))


def _refused_extension(error: BaseException) -> str | None:
    """Return the extension module that would not load here, if that is the cause."""
    for link in shown_links(error):
        if isinstance(link, ImportError) and refused_imports.REFUSAL in (text := str(link)):
            return refused_imports.name_in(text)
    return None


def add_refused(error: BaseException, reason: BaseException) -> None:
    """Say which extension module could not be loaded, where that is why something is missing.

    reason: the error that was raised.
    """
    for link in shown_links(reason):
        found = refused_imports.told_by(link)
        if found is not None:
            name, importer, package = found
            by = f" when {importer} imported it" if importer else ""
            _add(
                error,
                f"{name} was refused in this worker{by}: it does not support subinterpreters. So"
                f" parts of {package} may be missing. {_ELSEWHERE}",
            )
            return


def _advice_for(error: BaseException) -> str | None:
    """Return what to do instead of something that is refused in a worker."""
    for link in shown_links(error):
        cls = type(link)
        if (cls.__module__, cls.__qualname__) == _BROKEN_POOL:
            return f"a worker cannot have a pool of processes. {_PROCESSES}"
        if cls in {RuntimeError, ValueError}:
            for text, advice in _IMPOSSIBLE.items():
                if str(link).startswith(text):
                    return advice
    return None


def _add_argument(error: BaseException, payload: "Packed") -> bool:
    """Say which argument of a call could not be unpickled, if an import has failed for one."""
    if not isinstance(error, ImportError):
        return False
    from interpexec._sharing import unloadable  # most errors have another reason

    found = unloadable.find(payload)
    if found is not None:
        path, name = found
        _add(error, f"{path} needs {name}, which cannot be imported in a worker: {_way_out(name)}")
    return found is not None


def _way_out(name: str) -> str:
    if name.partition(".")[0] == "numpy":
        return "pass .item() of a scalar, .tolist() or a memoryview of an array"
    return "pass what the function needs of it, as plain objects"
