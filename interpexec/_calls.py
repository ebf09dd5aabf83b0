"""Running a pickled call, on the far side: its value or its failure, pickled in turn."""

from interpexec import _main, _messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from interpexec._interrupts import Interruptible
    from interpexec._packing import Packed

type Outcome = tuple[Packed | None, Packed | None]
"""The pickled value, or None and the packed failure; both None when it was stopped."""

_STOPPED: Outcome = None, None


def attempt(
    payload: "Packed",
    thread: "Interruptible",
    load: "Callable[[Packed], Any]" = _main.loads,
) -> Outcome:
    """Run a call. Whatever it raises is its failure: SystemExit and KeyboardInterrupt too.

    But what a stopped call raises is of no interest to anybody. What it has got and given
    is the thread's until it has answered: to free it may take longer than to send it. (But
    not where memory or descriptors lie beside a pickle: these are let go of first.)
    """
    try:
        call = load(payload)
    except BaseException as error:  # the user's classes run here
        return _STOPPED if thread.hit else (None, _pack_unpickling(error))
    fn, args, kwargs = call
    try:
        value = fn(*args, **kwargs)
    except BaseException as error:  # see above
        return _STOPPED if thread.hit else (None, _pack(error))
    try:
        packed = _messages.dumps_value(value)
    except BaseException as error:  # the user's classes run here
        return _STOPPED if thread.hit else (None, _pack(error))
    if type(payload) is type(packed) is bytes:
        thread.left = call, value
    return packed, None


def perform(payload: "Packed", thread: "Interruptible") -> Outcome:
    """Run a call whose value nobody wants: the pool's initializer."""
    try:
        fn, args, kwargs = _main.loads(payload)
        fn(*args, **kwargs)
    except BaseException as error:  # the user's code
        return _STOPPED if thread.hit else (None, _pack(error))
    return b"", None


def _pack(error: BaseException) -> "Packed":
    """Pack an exception of the user's code, without the frame that caught it."""
    from interpexec import _failures  # most workers never fail

    packed = _failures.pack(error, skip=1)
    _forget_frames(error)
    return packed


def _pack_unpickling(error: BaseException) -> "Packed":
    """Pack what happened while a call was unpickled.

    A failed import, or a program that could not be run again, is the user's
    news and goes home as it is. Anything else becomes a NotShareableError, as
    in the stdlib's class.
    """
    from interpexec import _failures  # as above

    packed = _failures.pack_unpickling(error, skip=1)
    _forget_frames(error)
    return packed


def _forget_frames(error: BaseException | None) -> None:
    """Let go of what the frames held in which an exception was raised.

    They often hold the exception itself, and so each other, until the next collection.
    """
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        BaseException.with_traceback(error, None)
        error = error.__cause__ or error.__context__
