"""What all of `interpexec.sync` is made of: a monitor that can travel, checks of arguments."""

from _thread import get_ident

from interpexec._core import current_call
from interpexec._core.sigint import keep_whole
from interpexec._core.waiting import Deadline
from interpexec._sharing import package
from interpexec._sync.monitor import Monitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from interpexec._core.cancellation import Held

keep_whole()

FOREVER = Deadline(None)
WAITERS = 0  # the wait queue of a monitor that has only one

_LONGEST = 2**63 // 10**9  # seconds: as long as `threading` takes, some 292 years
_MOST = 2**62  # of what is counted in one word


class Shared:
    """What all of them are: a monitor that can travel."""

    __slots__ = ("__weakref__", "_monitor")

    def __init__(self) -> None:
        self._monitor = Monitor()

    def __reduce__(self) -> "tuple[object, ...]":
        """Travel as what it is. Raises NotShareableError outside of a call or a channel."""
        package.packing()
        return _arrived, (type(self), self._monitor)


def _arrived(cls: type[Shared], monitor: Monitor) -> Shared:
    shared = cls.__new__(cls)
    shared._monitor = monitor  # noqa: SLF001  # one of us
    return shared


def note(held: "Held") -> None:
    """Note what the call that the calling thread runs has locked."""
    if (thread := current_call.running.get(get_ident())) is not None:
        thread.held.append(held)


def forget(held: "Held") -> None:
    """Forget it: it was released."""
    if (thread := current_call.running.get(get_ident())) is not None and held in thread.held:
        thread.held.remove(held)


def shown(obj: object, state: str) -> str:
    return f"<interpexec.sync.{type(obj).__name__} at {id(obj):#x}: {state}>"


def check(value: object, name: str, what: str, is_it: bool) -> None:
    if not is_it:
        message = f"{name} must be {what}, not {type(value).__name__}"
        raise TypeError(message)


def check_count(value: int, name: str, least: int) -> None:
    """Raise TypeError or ValueError for what cannot be counted."""
    check(value, name, "an int", isinstance(value, int) and not isinstance(value, bool))
    if not least <= value <= _MOST:
        message = f"{name} must be from {least} to {_MOST}, not {value}"
        raise ValueError(message)


def deadline_of(blocking: bool, timeout: float | None) -> Deadline | None:
    """Return when a wait ends; None when there is to be none."""
    return until(timeout) if blocking else None


def lock_deadline(blocking: bool, timeout: float) -> Deadline | None:
    """Do as `deadline_of`, with the arguments of `Lock.acquire`."""
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
    """Return when a wait ends. Raises TypeError or ValueError for a timeout that is none."""
    is_number = timeout is None or isinstance(timeout, (int, float))
    check(timeout, "timeout", "a number of seconds or None", is_number)
    if timeout is not None and timeout != timeout:  # noqa: PLR0124  # NaN
        raise ValueError("timeout must be a number of seconds or None, not NaN")
    return Deadline(timeout)


def wake_all(monitor: Monitor) -> None:
    while monitor.wake(WAITERS):
        pass


def nothing() -> None:
    """Have nothing to pass on: all were woken."""
