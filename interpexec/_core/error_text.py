"""Objects in error messages, named and cut short; errors that are kept."""

from interpexec._core.cpython import own_builtins
from interpexec.errors import TaskCancelled

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType


def shown(obj: object) -> str:
    """Return the object's repr, cut short; its type alone when the repr raises."""
    name, text = type(obj).__qualname__, short_repr(obj)
    return text if name in text or isinstance(obj, _PLAIN) else f"{text} of type {name}"


_PLAIN = (type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)


def short_repr(obj: object) -> str:
    """Return the object's repr, cut short; a word for its type when the repr raises."""
    try:
        import reprlib  # a worker can say without it how a call failed

        short = reprlib.Repr()
        short.maxstring = short.maxother = short.maxlong = 80
        return short.repr(obj)
    except TaskCancelled:
        raise  # this call is stopped
    except BaseException:  # the user's __repr__; or a call has emptied `sys.path`
        return f"<{type(obj).__qualname__} object>"


def told(error: BaseException, *, with_class: bool = True) -> str:
    """Return the exception's class and message, whatever its `__str__` does."""
    name = type(error).__name__
    try:
        text = str.__str__(str(error))  # exactly a str, and no subclass
    except TaskCancelled:
        raise  # this call is stopped
    except BaseException:  # the user's __str__
        text = "<exception str() failed>"
    if not with_class:
        return text
    return f"{name}: {text}" if text else name


def raiser(error: BaseException) -> str:
    """Say which code of the user's has raised an error, where it was; "" if it was none."""
    found, trace = "", error.__traceback__
    while trace is not None:
        if not _is_ours(trace):
            code = trace.tb_frame.f_code
            file = code.co_filename.replace("\\", "/").rpartition("/")[2]
            found = f" (raised by {code.co_qualname}, line {trace.tb_lineno} of {file})"
        trace = trace.tb_next
    return found


def without_frames[E: BaseException](error: E) -> E:
    """Return an error that is to be kept, which holds on to no frame, and so to no pool.

    A frame holds those of its callers, and all their variables: for example a future that has
    such an error, and so itself. Where code of the user's was running, a note tells it.
    """
    for link in all_links(error):
        trace = link.__traceback__
        while trace is not None and _is_ours(trace):
            trace = trace.tb_next
        BaseException.with_traceback(link, None)
        if trace is not None:
            _note(link, trace)
    return error


def all_links(error: BaseException, *, with_members: bool = False) -> "Iterator[BaseException]":
    """Yield an exception, and all that it was raised because of or after, each once.

    with_members: also those that it consists of, where it is a group.
    """
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        link = todo.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        todo += link.__cause__, link.__context__  # both: the second one may not be shown
        if with_members and isinstance(link, BaseExceptionGroup):
            todo += link.exceptions


def shown_links(error: BaseException) -> "Iterator[BaseException]":
    """Yield an exception, and those that Python shows before it, each once."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def of_users(error: BaseException) -> BaseException | None:
    """Return the link of a chain of errors that code of the user's has raised, or None.

    It has more to tell than its text, which is in the message of the error that it leads to:
    to be the cause of that one.
    """
    for link in shown_links(error):
        trace = link.__traceback__
        while trace is not None:
            if not _is_ours(trace):
                return link
            trace = trace.tb_next
    return None


def _is_ours(trace: "TracebackType") -> bool:
    package = __name__.partition(".")[0]
    return str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0] == package


def _note(error: BaseException, trace: "TracebackType") -> None:
    """Let an error say where it was raised."""
    try:
        import traceback  # dear, and rare

        error.add_note("".join(traceback.format_tb(trace)).rstrip())
    except Exception:  # noqa: S110  # its class does not want that; it is lost
        pass
