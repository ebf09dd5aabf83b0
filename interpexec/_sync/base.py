"""The common parts of `interpexec.sync`: a monitor that can be sent, and checks of arguments."""

from _thread import get_ident

from interpexec._core import current_call
from interpexec._core.sigint import keep_whole
from interpexec._core.waiting import Deadline
from interpexec._sharing import packing
from interpexec._sync.monitor import Monitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol, TypeVar
    from typing import Generic as Generic  # noqa: PLC0414  # re-exported

    from interpexec._core.cancellation import Held

    # The objects that are sent: any, where nobody says it.
    T = TypeVar("T", default=Any)
    Sent_contra = TypeVar("Sent_contra", default=Any, contravariant=True)
    Received_co = TypeVar("Received_co", default=Any, covariant=True)

    class Made(Protocol):
        """A class whose objects are made of parts: by `_use`, in the place of `__init__`."""

        def _use(self, *parts: Any) -> None: ...


else:
    T = Sent_contra = Received_co = object

    class Generic:
        """Stands for that of `typing`, which takes a worker 8 ms to import."""

        __slots__ = ()

        __class_getitem__ = classmethod(type(list[int]))


keep_whole()

FOREVER = Deadline(None)
WAITERS = 0  # the wait queue of a monitor that has only one

_LONGEST = 2**63 // 10**9  # seconds: as long as `threading` takes, some 292 years
_MOST = 2**62  # the largest count that one word holds, with room to add


class Shared:
    """An object made of one monitor, which can be sent."""

    __slots__ = ("__weakref__", "_monitor")

    def __init__(self) -> None:
        self._use(Monitor())

    def _use(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def __reduce__(self) -> "tuple[object, ...]":
        """Be sent as the same object. Raises NotShareableError outside of a call or a channel."""
        return sent(type(self), self._monitor)


def sent(cls: "type[Made]", *parts: object) -> "tuple[object, ...]":
    """Return how pickle reduces an object made of `parts`, which are sent as well.

    Raises NotShareableError outside of a call or a channel.
    """
    packing.current()
    return _received, (cls, *parts)


def _received[M: "Made"](cls: type[M], *parts: object) -> M:
    made = cls.__new__(cls)
    made._use(*parts)  # noqa: SLF001  # a constructor
    return made


def note(held: "Held") -> None:
    """Note what the call of the calling thread has locked."""
    if (thread := current_call.running.get(get_ident())) is not None:
        thread.held.append(held)


def forget(held: "Held") -> None:
    """Forget what a call had locked, and has released."""
    if (thread := current_call.running.get(get_ident())) is not None and held in thread.held:
        thread.held.remove(held)


def shown(obj: object, state: str) -> str:
    """Return the repr of a public object."""
    return f"<interpexec.sync.{type(obj).__name__} at {id(obj):#x}: {state}>"


def check(value: object, name: str, expected: str, is_it: bool) -> None:
    """Raise TypeError for an argument that is not what was expected."""
    if not is_it:
        message = f"{name} must be {expected}, not {type(value).__name__}"
        raise TypeError(message)


def check_count(value: int, name: str, least: int) -> None:
    """Raise TypeError or ValueError for an argument that is no count, or out of range."""
    check(value, name, "an int", isinstance(value, int) and not isinstance(value, bool))
    if not least <= value <= _MOST:
        message = f"{name} must be from {least} to {_MOST}, not {value}"
        raise ValueError(message)


def deadline_of(blocking: bool, timeout: float | None) -> Deadline | None:
    """Return when a wait ends; None when the caller is not to wait."""
    return until(timeout) if blocking else None


def lock_deadline(blocking: bool, timeout: float) -> Deadline | None:
    """Return when a wait ends, from the arguments of `Lock.acquire`; None: no wait."""
    if not blocking:
        if timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        return None
    if timeout == -1:
        return FOREVER
    check(timeout, "timeout", "a number of seconds", isinstance(timeout, (int, float)))
    if timeout < 0:
        raise ValueError("timeout value must be a non-negative number")
    if timeout > _LONGEST:
        raise OverflowError("timeout value is too large")
    return until(timeout)


def until(timeout: float | None) -> Deadline:
    """Return when a wait ends. Raises TypeError or ValueError for what is no timeout."""
    is_number = timeout is None or isinstance(timeout, (int, float))
    check(timeout, "timeout", "a number of seconds or None", is_number)
    if timeout is not None and timeout != timeout:  # noqa: PLR0124  # NaN
        raise ValueError("timeout must be a number of seconds or None, not NaN")
    return Deadline(timeout)


def wake(monitor: Monitor, most: int) -> int:
    """Wake so many of the waiters, or all that are there; return how many were missing."""
    while most > 0 and monitor.wake(WAITERS):
        most -= 1
    return most


def nothing() -> None:
    """Pass nothing on: all waiters were woken."""
