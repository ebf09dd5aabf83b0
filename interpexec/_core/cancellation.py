"""Stopping one call in the middle, and no other one. In the worker.

Two threads of a worker's interpreter meet here: the one that runs calls, and the
helper, which has an order from the pool to stop the call `id`.

    the running thread                  the helper
    ------------------                  ----------
    armed = id                          with the lock:
    is id in unmet? then skip it            coming = True
    run the call                            unmet += [id]
    armed = 0                               is armed == id? then throw TaskCancelled
    is coming? then wait for the lock       coming = False

Why no other call is hit. All this happens under one GIL, so in some order.
1. The helper reads `armed` before it is set back. Then `coming` was set even earlier: the
   running thread sees it, waits for the end of the throwing, and takes back an exception
   that was thrown and not yet raised.
2. The helper reads `armed` after that. Then it throws nothing.

Why no order is lost. Each side first writes, then reads.
1. The helper comes too early, and does not see `armed`: then the running thread sees the
   id in `unmet`.
2. The order comes too late: it stays in `unmet` and meets nothing, as ids are not used twice.

The exception is raised at any bytecode: in the call, or in the few lines around
it. So these stand in a `try` too, and `disarm()` is called again after a stray one.

Why it is not lost in the call. CPython drops an exception that is raised in a
`__del__` or a weakref's callback, and says so to `sys.unraisablehook`. On 3.15 it may
also be raised inside C code, which then sets another one over it: if it has no
traceback when it dies, no Python code has seen it. (A loop around `try: int("x")` is
such a case: it looks for exceptions nowhere but in the `repr` for its ValueError's
message.) In both cases it is raised once more, by a trace function, at the next line
of the code that was interrupted.
"""

from _collections import deque
from _thread import RLock
from os import write
from sys import _getframe, settrace

from interpexec._core.cpython import own_builtins
from interpexec._core.waiting import WAKE
from interpexec.errors import TaskCancelled

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Protocol

    from interpexec._core.capi import Thread

    class Held(Protocol):
        """A lock that a thread can hold."""

        def give_back(self) -> None:
            """Release it, if the calling thread still has it."""

    class Items(Protocol):
        """The items of a call that it has not begun. See `_map.hand_back`."""

        def cut_off(self, *, keep_first: bool = False) -> int:
            """Take the items away, once; return how many."""

        def take_early(self) -> bytes | None:
            """Take the outcomes that are there, pickled; None if that cannot be."""


# How many orders are remembered for calls that are not running. One can be early by
# some bytecodes only, for a call that was just taken.
_MOST_UNMET = 64


def this_thread() -> "Thread | None":
    """Return the calling thread, to be thrown at; None where CPython's C API is out of reach.

    On 3.15.2 `_ctypes` refused a class for no reason once in some 25,000 interpreters. If it
    does so twice, calls cannot be stopped here; that is no reason to lose a pool.
    """
    for _ in range(2):
        try:
            from interpexec._core import capi
        except ImportError:  # built without libffi
            return None
        except AttributeError:
            continue
        return capi.Thread()
    return None


class Interruptible:
    """A thread that runs calls which can be stopped.

    `arm`, `disarm` and the shield are for that thread, `interrupt` for the helper.
    """

    def __init__(self, thread: "Thread | None") -> None:
        """Make it for a thread. While there is none, nothing can be thrown."""
        self.thread = thread
        self._lock = RLock()
        self._unmet: deque[int] = deque(maxlen=_MOST_UNMET)
        self._coming = False
        self._shields = 0
        self._is_due = False  # the exception waits for the end of a shield
        self.armed: int = 0
        self.deadline: tuple[int, float] = 0, 0.0
        """The id of the last call with a time limit, and when its time is over (`monotonic`)."""
        self.hit: int = 0
        """The call that was stopped. After that the thread is to run no other one."""
        self.wakeup = 0
        """The descriptor that the thread sleeps on in a critical section, or 0."""
        self.sections: int = 0
        """How many of the shields are critical sections of this package: see `begin_section`."""
        self.left: object = None  # objects of a call, to be freed when it is answered
        self.unloaded: tuple[int, object] | None = None
        """The id of the last call that could not be unpickled, and its pickle."""
        self.is_unloaded = False  # the function of a chunk could not: found when the call ran
        self.held: list[Held] = []
        """The locks that the call holds, to be released if it is stopped."""
        self._items: Items | None = None
        self._asks: deque[int] = deque()
        self.answer: Callable[[int, int, bytes | None], None] = _nothing
        """Tells the pool how many items were cut off. Takes the id of the ask, the number, and the
        pickled outcomes of the items before them, if any were taken."""

    def arm(self, call_id: int) -> bool:
        """Begin a call; return False when it was stopped before that: skip it."""
        self._shields = self.sections = 0
        if self.held:
            self.held.clear()
        self._items = None
        self.armed = call_id
        return not (self._unmet and call_id in self._unmet)

    def disarm(self) -> bool:
        """End a call; return whether it was stopped. From here on it cannot be.

        May itself be hit by TaskCancelled. Then call it again.
        """
        self.armed = 0
        self._await_thrower()
        if not self.hit:
            return False
        if self.thread is not None:
            self.thread.clear()
        self._is_due = False
        return True

    def interrupt(self, call_id: int) -> bool:
        """Stop a call if it runs, now or later; return whether it was thrown at."""
        with self._lock:
            self._coming = True
            try:
                self._unmet.append(call_id)
                if self.armed != call_id or self.hit:
                    return False  # once is enough: its `finally` blocks may be running
                self.hit = call_id
                if self._items is not None:
                    self._items.cut_off()
                if self._shields:
                    self._is_due = True
                    return False
                is_thrown = self._throw()
                if self.wakeup:
                    write(self.wakeup, WAKE)
                return is_thrown
            finally:
                self._coming = False

    def raise_again(self, frame: "FrameType | None") -> None:
        """Raise the dropped exception once more, at the next line of `frame`.

        Or of a frame around it, if it ends before. By the thread itself.
        """

        def trace(_frame: "FrameType", event: str, _argument: object) -> None:
            if event != "call":  # not in the frames that begin now: they may be a `__del__`
                settrace(None)
                self._raise_here()

        settrace(trace)
        while frame is not None:
            frame.f_trace = trace
            frame = frame.f_back

    def _raise_here(self) -> None:
        """Raise TaskCancelled if the call was stopped, and is not shielded."""
        if self._shields:
            self._is_due = True
        elif self.armed and self.armed == self.hit:
            raise TaskCancelled

    def _throw(self) -> bool:
        """Throw at the thread; return whether there is one. With the lock, `_coming`."""
        if self.thread is None:
            return False

        class Thrown(TaskCancelled):
            # No `__init__`: it is made where no other exception may be raised.
            def __del__(thrown) -> None:  # noqa: N805  # `self` is the thread
                if thrown.__traceback__ is None:
                    self.raise_again(_getframe().f_back)

        Thrown.__name__ = Thrown.__qualname__ = TaskCancelled.__qualname__
        Thrown.__module__ = TaskCancelled.__module__
        self.thread.throw(Thrown)
        return True

    def begin_items(self, items: "Items") -> None:
        """Let items be cut off that the call has not begun. By its thread, before the first."""
        self._items = items
        while self._asks:  # they came before this: one item is enough then
            if (ask := _pop(self._asks)) is not None:
                self.answer(ask, items.cut_off(keep_first=True), None)

    def ask_for_items(self, call_id: int, ask: int, *, takes_outcomes: bool = False) -> None:
        """Cut off the items that a call has not begun, and answer how many. By the helper.

        Each ask is answered once: here, when the items begin, or when the call has ended.
        takes_outcomes: the outcomes that are there are taken, too.
        """
        self._asks.append(ask)
        items = self._items  # first: if they are the next call's, the ask was answered already
        if self.armed != call_id:
            self.answer_asks()
        elif items is not None and (mine := _pop(self._asks)) is not None:
            early = items.take_early() if takes_outcomes else None
            self.answer(mine, items.cut_off(), early)

    def answer_asks(self) -> None:
        """Answer each ask with 0: the call is over, or had no items."""
        while self._asks:  # after each call: nearly always there is none
            if (ask := _pop(self._asks)) is not None:
                self.answer(ask, 0, None)

    def raise_shield(self) -> None:
        """Let nothing be thrown from here on, until `lower_shield`."""
        self._shields += 1
        try:
            # A helper that is throwing just now did not see the shield: the exception is raised
            # outside of it. One that was thrown before is raised at the latest when this is
            # called.
            self._await_thrower()
        except BaseException:
            self._shields -= 1
            raise

    def lower_shield(self) -> None:
        """End a shield, and raise TaskCancelled if that was due."""
        self._shields -= 1
        if self._coming:
            self._await_thrower()
        if self._is_due and not self._shields:
            self._is_due = False
            raise TaskCancelled

    def begin_section(self) -> None:
        """Begin a critical section of this package, which sleeps outside of it.

        Nothing is thrown in it. Does what `raise_shield` does, without another call: locks
        do this.
        """
        self._shields += 1
        self.sections += 1
        try:
            self._await_thrower()
        except BaseException:
            self.sections -= 1
            self._shields -= 1
            raise

    def end_section(self) -> None:
        """End a critical section, and raise TaskCancelled if that was due."""
        self.sections -= 1
        self._shields -= 1
        if self._coming:
            self._await_thrower()
        if self._is_due and not self._shields:
            self._is_due = False
            raise TaskCancelled

    def leave_sections(self) -> None:
        """Leave all critical sections, to sleep: TaskCancelled is raised if due, now or later."""
        self._shields -= self.sections - 1
        self.sections = 0
        self.lower_shield()

    def return_to_sections(self, sections: int) -> None:
        """Be in so many critical sections again, unless that was done already."""
        if not self.sections:
            self._shields += sections
            self.sections = sections
        # An exception that was thrown until now is raised at the latest when this is called.
        self._await_thrower()

    def give_back_held(self) -> None:
        """Release the locks that the call holds. By its thread, when it was stopped."""
        while self.held:
            self.held.pop().give_back()

    def _await_thrower(self) -> None:
        """Wait for the helper if it is throwing at this moment."""
        if not self._coming:
            return
        try:
            with self._lock:
                pass
        finally:
            # On 3.14, the exception is raised between the locking and the block.
            if self._lock._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001  # there is no public way
                self._lock.release()


def _pop(ids: "deque[int]") -> int | None:
    """Take the first one, if there is one."""
    try:
        first: int = ids.popleft()
    except IndexError:
        return None
    return first


def _nothing(_ask: int, _count: int, _early: bytes | None) -> None:
    """Tell nobody."""
