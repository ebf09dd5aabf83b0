"""Stopping one call in the middle, and no other one. On the far side.

Two threads of a worker's interpreter meet here: the one that runs calls, and the
helper that has an order to stop the call `id`, from home.

    the running thread                  the helper
    ------------------                  ----------
    armed = id                          with the lock:
    is id in unmet? then skip it            coming = True
    run the call                            unmet += [id]
    armed = 0                               is armed == id? then throw TaskCancelled
    is coming? then wait for the lock       coming = False

Why no other call is hit. All this happens under one GIL, so in some order. If the
helper read `armed` before it was set back, `coming` was set even earlier: the
running thread sees it, waits for the end of the throwing, and takes back what was
thrown and not yet raised. If the helper read it after that, it throws nothing.

Why no order is lost. Each side first writes, then reads. If the helper came too
early and did not see `armed`, then the running thread sees the id in `unmet`.
An order that comes too late stays there and meets nothing: ids are not used twice.

What was thrown is raised at any bytecode: in the call, or in the few steps around
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
        """What a thread can hold."""

        def give_back(self) -> None:
            """Give it back, if the calling thread still has it."""


END = object()
"""Stands behind the items that a call has to do."""

# How many orders are remembered for calls that are not running. One can be early by
# some bytecodes only, for a call that was just taken.
_MOST_UNMET = 64


def this_thread() -> "Thread | None":
    """Return the calling thread, to be thrown at; None where CPython's C API is out of reach.

    On 3.15.2 `_ctypes` refused a class for no reason once in some 25,000 interpreters. What
    runs here cannot be stopped then, if it does so twice; that is no reason to lose a pool.
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
        self.armed = 0
        self.hit = 0
        """The call that was stopped. After that the thread is to run no other one."""
        self.wakeup = 0
        """What the thread sleeps on in a step of this package: a descriptor to be rung, or 0."""
        self.sections = 0
        """How many of the shields are this package's own: see `begin_section`."""
        self.left: object = None  # what a call has left, to be freed when it is answered
        self.unloaded: tuple[int, object] | None = None
        """The id of the last call that could not be unpickled, and its pickle."""
        self.is_unloaded = False  # ... as has been found when it was run: a chunk of items
        self.held: list[Held] = []
        """What the call has locked, to be given back if it is stopped."""
        self._uncut: list[deque[object]] | None = None  # see `begin_items`
        self._asks: deque[int] = deque()
        self.answer: Callable[[int, int], None] = _nothing
        """Tells home how many items were cut off, for the id of who asked."""

    def arm(self, call_id: int) -> bool:
        """Begin a call; return False when it was stopped before that: skip it."""
        self._shields = self.sections = 0
        if self.held:
            self.held.clear()
        self._uncut = None
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
                if self._uncut is not None:
                    cut_off(self._uncut)
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
        """Raise what was dropped once more, at the next line of `frame`. By the thread itself.

        Or of a frame around it, if it ends before.
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

    def begin_items(self, uncut: "list[deque[object]]") -> None:
        """Let what a call has not begun be cut off. By its thread, before the first item.

        uncut: what `cut_off` takes.
        """
        self._uncut = uncut
        while self._asks:  # they came before this: one item is enough then
            if (ask := _pop(self._asks)) is not None:
                self.answer(ask, cut_off(uncut, keep_first=True))

    def ask_for_items(self, call_id: int, ask: int) -> None:
        """Cut off what a call has not begun, and answer how many items that is. By the helper.

        Each ask is answered once: here, when the items begin, or when the call has ended.
        """
        self._asks.append(ask)
        uncut = self._uncut  # first: if it is the next call's, the ask was answered already
        if self.armed != call_id:
            self.answer_asks()
        elif uncut is not None and (mine := _pop(self._asks)) is not None:
            self.answer(mine, cut_off(uncut))

    def answer_asks(self) -> None:
        """Answer that nothing was cut off: the call is over, or had no items."""
        while self._asks:  # after each call: nearly always there is none
            if (ask := _pop(self._asks)) is not None:
                self.answer(ask, 0)

    def raise_shield(self) -> None:
        """Let nothing be thrown from here on, until `lower_shield`."""
        self._shields += 1
        try:
            # Who is throwing just now did not see the shield: it is hit outside of it.
            # What was thrown before that is raised at the latest when this is called.
            self._await_thrower()
        except BaseException:
            self._shields -= 1
            raise

    def lower_shield(self) -> None:
        """End it, and raise TaskCancelled if that was due."""
        self._shields -= 1
        if self._coming:
            self._await_thrower()
        if self._is_due and not self._shields:
            self._is_due = False
            raise TaskCancelled

    def begin_section(self) -> None:
        """Let nothing be thrown in a step of this package, which sleeps outside of it.

        What `raise_shield` does, without another call: locks do this.
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
        """End it, and raise TaskCancelled if that was due. As `lower_shield`."""
        self.sections -= 1
        self._shields -= 1
        if self._coming:
            self._await_thrower()
        if self._is_due and not self._shields:
            self._is_due = False
            raise TaskCancelled

    def leave_sections(self) -> None:
        """Interrupt all steps, to sleep: raise TaskCancelled if that was due, now or later."""
        self._shields -= self.sections - 1
        self.sections = 0
        self.lower_shield()

    def return_to_sections(self, sections: int) -> None:
        """Go on with so many steps, unless that was done already."""
        if not self.sections:
            self._shields += sections
            self.sections = sections
        # What was thrown until now is raised at the latest when this is called.
        self._await_thrower()

    def give_back_held(self) -> None:
        """Give back what the call has locked. By its thread, when it was stopped."""
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
            # On 3.14, what was thrown is raised between the locking and the block.
            if self._lock._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001  # there is no public way
                self._lock.release()


def cut_off(uncut: "list[deque[object]]", *, keep_first: bool = False) -> int:
    """Take the items away that a call has not begun; return how many.

    uncut: the items, which the running thread takes from the left, and END behind them.
        In a list, from which whoever cuts them off takes them: it happens once.
    keep_first: leave one. By the running thread only, before it has taken any.

    One call of C code brings END to the front, so it is before an item, or after it, that
    the running thread finds it there. It takes no further one then.
    """
    try:
        items = uncut.pop()
    except IndexError:
        return 0
    items.rotate(1)
    if keep_first and len(items) > 1:
        items[0], items[1] = items[1], END
        return len(items) - 2
    left = items.copy()
    return len(left) - 1 if left and left[0] is END else len(left)


def _pop(ids: "deque[int]") -> int | None:
    """Take the first one, if there is one."""
    try:
        first: int = ids.popleft()
    except IndexError:
        return None
    return first


def _nothing(_ask: int, _count: int) -> None:
    """Tell nobody."""
