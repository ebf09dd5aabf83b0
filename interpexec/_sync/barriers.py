"""Barriers that work across interpreters."""

from interpexec._core import current_call
from interpexec._core.sigint import keep_whole
from interpexec._core.waiting import Deadline, Wakeup
from interpexec._sync.base import FOREVER, check, check_count, sent, shown, until
from interpexec._sync.conditions import Condition
from interpexec._sync.locks import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

keep_whole()

_PARTIES, _COUNT, _STATE = 0, 1, 2  # the first words

# The states of a barrier.
_FILLING, _DRAINING, _BROKEN, _RESETTING = range(4)


class Barrier:
    """A meeting point for a number of threads, of any interpreter: all wait for the last one.

    As `threading.Barrier`.
    """

    __module__ = "interpexec.sync"

    __slots__ = ("__weakref__", "_action", "_condition", "_timeout", "_words")

    def __init__(
        self,
        parties: int,
        action: "Callable[[], object] | None" = None,
        timeout: float | None = None,
    ) -> None:
        """Make one for `parties` threads, an int >= 1.

        action: called by one of them when all are there; it is sent with the barrier.
        timeout: of `wait`, in seconds, where none is given there. Raises TypeError or
        ValueError.
        """
        check_count(parties, "parties", 1)
        check(action, "action", "callable", action is None or callable(action))
        self._use(Condition(Lock()), action, timeout)
        self._words[_PARTIES] = parties

    def _use(
        self,
        condition: Condition,
        action: "Callable[[], object] | None",
        timeout: float | None,
    ) -> None:
        self._condition = condition
        self._action = action
        self._timeout = timeout
        self._words = condition._monitor.words  # noqa: SLF001  # the condition itself uses none of them

    def __reduce__(self) -> "tuple[object, ...]":
        """Be sent as the same barrier. Raises NotShareableError outside of a call or a channel."""
        return sent(Barrier, self._condition, self._action, self._timeout)

    @property
    def parties(self) -> int:
        """How many threads it takes."""
        return self._words[_PARTIES]

    @property
    def n_waiting(self) -> int:
        """How many threads wait there now."""
        return self._words[_COUNT] if self._words[_STATE] == _FILLING else 0

    @property
    def broken(self) -> bool:
        """Whether it is of no use until `reset`."""
        return self._words[_STATE] == _BROKEN

    def __repr__(self) -> str:
        return shown(self, "broken" if self.broken else f"waiters={self.n_waiting}/{self.parties}")

    @current_call.shielded
    def wait(self, timeout: float | None = None) -> int:
        """Wait until all threads are there; return a number, another one for each of them.

        timeout: in seconds. Raises BrokenBarrierError when another thread came too late, or
        was stopped, or when the barrier was broken or reset meanwhile.
        """
        deadline = until(self._timeout if timeout is None else timeout)
        # Before it is counted in: where none can be made, no other thread suffers.
        wakeup = Wakeup()
        try:
            return self._wait(wakeup, deadline)
        finally:
            wakeup.close()

    def _wait(self, wakeup: Wakeup, deadline: Deadline) -> int:
        words = self._words
        with self._condition:
            # The threads of the last round leave first.
            while words[_STATE] in {_DRAINING, _RESETTING}:
                self._condition.wait_by(wakeup, FOREVER)
            self._refuse_if_broken()
            index = words[_COUNT]
            words[_COUNT] += 1
            try:
                if index + 1 == words[_PARTIES]:
                    self._open()
                else:
                    self._await_others(wakeup, deadline)
            except BaseException:
                self._break()  # the others would wait for ever
                raise
            finally:
                self._go(words)
            return index

    def _open(self) -> None:
        """Let all threads go: this is the last one."""
        if self._action is not None:
            current_call.outside_of_sections(self._action)
        self._words[_STATE] = _DRAINING
        self._condition.notify_all()

    def _await_others(self, wakeup: Wakeup, deadline: Deadline) -> None:
        """Wait for the last one. Raises BrokenBarrierError."""
        words = self._words
        while words[_STATE] == _FILLING:
            if deadline.remaining() == 0:
                self._break()
                break
            self._condition.wait_by(wakeup, deadline)
        if words[_STATE] == _RESETTING:
            raise _broken()
        self._refuse_if_broken()

    def _go(self, words: memoryview) -> None:
        """Leave: the last thread makes the barrier ready for the next round."""
        words[_COUNT] -= 1
        if not words[_COUNT] and words[_STATE] in {_DRAINING, _RESETTING}:
            words[_STATE] = _FILLING
            self._condition.notify_all()

    def reset(self) -> None:
        """Make it as new. Threads that wait there get BrokenBarrierError."""
        words = self._words
        with self._condition:
            if not words[_COUNT]:
                words[_STATE] = _FILLING
            elif words[_STATE] in {
                _FILLING,
                _BROKEN,
            }:  # threads that are draining have come through
                words[_STATE] = _RESETTING
            self._condition.notify_all()

    def abort(self) -> None:
        """Break it: threads that wait there, or come later, get BrokenBarrierError."""
        with self._condition:
            self._words[_STATE] = _BROKEN
            self._condition.notify_all()

    def _break(self) -> None:
        if self._words[_STATE] == _FILLING:
            self._words[_STATE] = _BROKEN
            self._condition.notify_all()

    def _refuse_if_broken(self) -> None:
        if self._words[_STATE] == _BROKEN:
            raise _broken()


def _broken() -> Exception:
    from threading import BrokenBarrierError  # dear, and rare

    return BrokenBarrierError()
