"""Running a pickled call in a worker: its value or its failure, pickled in turn."""

from _pickle import dumps

from interpexec._core import current_call, main_module
from interpexec._core.cpython import PLAIN, own_builtins
from interpexec.errors import WorkerLostError

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from typing import Any

    from interpexec._core.cancellation import Interruptible
    from interpexec._core.message_queue import MessageQueue
    from interpexec._sharing.package import Packed

faults: list[type[BaseException]] = []
"""Errors that cannot be, unless a call has damaged this interpreter."""

type Outcome = tuple[Packed | None, Packed | None]
"""The pickled value, or None and the packed failure; both None when it was stopped."""

_STOPPED: Outcome = None, None


def attempt(
    payload: "Packed",
    thread: "Interruptible",
    load: "Callable[[Packed], Any]" = main_module.loads,
    dump: "Callable[[object], Packed] | None" = None,
) -> Outcome:
    """Run a call. Any exception is its failure: SystemExit and KeyboardInterrupt too.

    An exception of a stopped call is thrown away. The thread keeps the call and its value
    until it has answered: to free them may take longer than to send the answer. (But not
    those with out-of-band data: memory and descriptors are released first.)
    """
    try:
        call = load(payload)
    except BaseException as error:  # the user's classes run here
        if thread.hit:
            return _STOPPED
        thread.unloaded = thread.armed, payload
        return None, _pack_unpickling(error, payload)
    fn, args, kwargs = call
    try:
        value = fn(*args, **kwargs)
    except BaseException as error:  # see the docstring
        if thread.is_unloaded:
            thread.unloaded, thread.is_unloaded = (thread.armed, payload), False
        return _STOPPED if thread.hit else (None, _pack(error, kwargs))
    try:
        if type(value) in PLAIN:
            packed: Packed = dumps(value, 5)
        elif dump is not None:
            packed = dump(value)
        else:
            from interpexec._sharing import pickling  # many calls return plain values only

            packed = pickling.dumps_value(value)
    except BaseException as error:  # the user's classes run here
        return _STOPPED if thread.hit else (None, _pack(error))
    if type(payload) is type(packed) is bytes:
        thread.left = call, value
    return packed, None


def perform(payload: "Packed", thread: "Interruptible") -> Outcome:
    """Run a call whose value nobody wants: the pool's initializer."""
    try:
        fn, args, kwargs = main_module.loads(payload)
        fn(*args, **kwargs)
    except BaseException as error:  # the user's code
        return _STOPPED if thread.hit else (None, _pack(error))
    return b"", None


def _pack(error: BaseException, keywords: "Container[str]" = ()) -> "Packed":
    """Pack an exception of the user's code. keywords: those that the call was given."""
    try:
        from interpexec._sharing import raised  # most workers never fail

        packed = raised.pack(error, keywords)
    except BaseException as fault:  # a call has damaged what imports need, or our own code
        faults.append(type(fault))
        return pack_barely(error)
    _forget_frames(error)
    return packed


def _pack_unpickling(error: BaseException, payload: "Packed") -> "Packed":
    """Pack an exception of the unpickling of a call.

    A failed import, or a program that could not be run again, is sent as it is.
    Anything else becomes a NotShareableError, as in the stdlib's class.
    """
    try:
        from interpexec._sharing import raised  # most workers never fail

        packed = raised.pack_unpickling(error, payload)
    except BaseException as fault:  # a call has damaged what imports need, or our own code
        faults.append(type(fault))
        return pack_barely(error)
    _forget_frames(error)
    return packed


def pack_barely(error: BaseException) -> bytes:
    """Pack an exception by nothing that a call can have damaged; never raises.

    As a WorkerLostError where it cannot be pickled so.
    """
    try:
        name = type(error).__name__
        body = dumps(error, 5)
        return dumps((body, None, name, name, "", "", describe(error)), 5)
    except BaseException:  # of the user's class, or a hook that a call has left
        return LOST


def pack_loss(error: BaseException, name: str) -> bytes:
    """Pack the error of a call that was being run when its worker failed; never raises."""
    try:
        return _loss(f"worker {name} failed around this call: {describe(error)}")
    except BaseException:  # of a hook that a call has left
        return LOST


def tell_refused(replies: "MessageQueue", error: ImportError) -> None:
    """Tell the pool of an extension module that could not be loaded, the first time."""
    from interpexec._core import refused_imports  # most calls import nothing that refuses
    from interpexec._worker.wire import REFUSED, seal  # it is there

    found = refused_imports.note(error)
    if found is not None:
        current_call.shielded(replies.send)(seal(dumps(found, 5), 0, REFUSED))


def describe(error: BaseException) -> str:
    """Say what has happened to a worker, and where; never raises.

    Without `traceback`, which may be damaged, too.
    """
    lines = ["an exception"]
    try:
        lines[0] = type(error).__name__
        lines[0] += f": {error}"
    except BaseException:  # noqa: S110  # of the user's class
        pass
    try:
        trace = BaseException.__dict__["__traceback__"].__get__(error)
        while trace is not None:
            code = trace.tb_frame.f_code
            lines.append(f"  {code.co_filename}:{trace.tb_lineno} in {code.co_qualname}")
            trace = trace.tb_next
    except BaseException:  # noqa: S110  # a hook that a call has left
        pass
    return "\n".join(lines)


def _loss(message: str) -> bytes:
    kind = WorkerLostError.__name__
    body = dumps(WorkerLostError(message), 5)
    return dumps((body, None, kind, kind, WorkerLostError.__module__, message, message), 5)


LOST = _loss("the worker was lost that ran this call")
"""A failure that can be sent when nothing can be pickled any more."""


def _forget_frames(error: BaseException | None) -> None:
    """Drop the frames in which an exception was raised.

    They often hold the exception itself, and so each other, until the next collection.
    """
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        BaseException.with_traceback(error, None)
        error = error.__cause__ or error.__context__
