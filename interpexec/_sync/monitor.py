r"""Words of shared memory that one thread at a time may change, in whichever interpreter.

    monitor.run(step)             takes the mutex, a token in the kernel, and gives it back
                                  after the step
        step:  words[0] += 1      as if there was no other thread
               wake(queue)        wakes the first thread that waits in a queue
               wait(queue)        joins the queue, gives the mutex back, sleeps until woken,
                                  and takes the mutex again

The words lie in a `SharedBuffer`, the token and the wake-ups in the kernel; so no interpreter
owns any of it. After C. A. R. Hoare's monitors, as Lampson and Redell built them ("Experience
with Processes and Monitors in Mesa", 1980): a woken thread is not alone by then, and must look
again, or is given by its waker what it waits for.

Purpose: locks and queues for threads of all interpreters, which have no lock in common.

Guarantees:
- One thread at a time is in a step, of all threads of the process.
- The mutex is put back, whatever ends a step. A call that is stopped in a step ends after it,
  or where the step sleeps.
- With `undo`, a true result is not lost: an exception that keeps it from the caller undoes it.

Assumptions:
- A step takes some microseconds, or waits in a queue; it calls no code of the user's.
- In a worker, the shield of a step keeps TaskCancelled out of it, but where it sleeps. In the
  main thread, `sigint` does so with Ctrl-C. A signal handler of the program's own may raise
  between any two bytecodes; so a step writes in an order in which each state is a good one.
- A thread does not enter the monitor in which it is: it would wait for itself. Destructors of
  this package wait until the thread is outside (`destructors.outside`). A signal handler of the
  program's own does not use the lock whose step it has interrupted, unless that sleeps.

The race for the mutex, in steps.
1. A thread raises its shield, and notes that it is inside, before it is.
2. It reads the token. The kernel gives the token to one reader, and the others sleep. One call
   of C code both reads it and notes that (`taken`): an exception comes before both, or after.
3. It does its step.
4. If the token is noted, it writes it back. One of the readers wakes.
5. It notes that it is outside, runs the destructors that had to wait, and lowers the shield:
   a call that was stopped meanwhile ends here. If the step has taken something for it, another
   step (`undo`) gives that back first.

How a thread sleeps in a step, and is woken: see `wait_queue`.
"""

import os
from _collections import deque
from _thread import get_ident

from interpexec._core import current_call
from interpexec._core.cpython import NotShareableError
from interpexec._core.current_call import running as _running
from interpexec._core.destructors import call_postponed
from interpexec._core.destructors import inside as _inside
from interpexec._core.destructors import postponed as _postponed
from interpexec._core.handles import Descriptor, Handle, forget, release_at_end
from interpexec._core.sigint import keep_whole
from interpexec._core.waiting import WAKE, Deadline, Wakeup
from interpexec._sharing import package, packing
from interpexec._sync.wait_queue import LENGTH, SIZE, WORDS, Sleeper, WaitQueues
from interpexec.buffers import SharedBuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from interpexec._core.cancellation import Held

keep_whole()

_SIZES = (len(WAKE),)

# Looked up once: each of them is used at every step.
_read, _write = os.read, os.write


_PARENTS = "this was made by the process from which this one was forked"


class _Forked:
    """Stands where the mutex was, in a forked child."""

    def __iter__(self) -> "Iterator[int]":
        raise RuntimeError(_PARENTS)


_FORKED = _Forked()


def block_size(queues: int) -> int:
    """Return how many bytes a monitor with so many wait queues takes."""
    return 8 * (WORDS + queues * SIZE)


class Monitor:
    """Shared words, and queues of threads that wait for them to change.

    Can be sent. From any thread of its interpreter.
    """

    __slots__ = (
        "__weakref__",
        "_block",
        "_mutex",
        "_queues",
        "_reader",
        "_writer",
        "waiting",
        "wake",
        "words",
    )

    @current_call.shielded
    def __init__(self, queues: int = 1, *, grows: bool = False) -> None:
        """Make one with so many wait queues.

        grows: something is to be put behind it, and it must be closed.
        """
        size = block_size(queues)
        block = SharedBuffer.growable(size) if grows else SharedBuffer(size)
        try:
            wakeup = Wakeup()
        except BaseException:
            block.close()
            raise
        owner = Descriptor if grows else Handle
        self._hold(block, *map(owner, dict.fromkeys(wakeup.token)))
        wakeup.wake()  # the token

    def _hold(self, block: SharedBuffer, *mutex: Descriptor) -> None:
        self._block = block
        self._mutex = mutex
        self._reader: Iterable[int] = (mutex[0].fileno(),)
        self._writer = mutex[-1].fileno()
        try:
            self.words = block.cast("Q")
        except BaseException:  # there is no memory
            block.close()
            for each in mutex:
                each.close()
            raise
        self._queues = queues = WaitQueues(self.words)
        # In a step.
        self.wake = queues.wake
        self.waiting = queues.waiting
        release_at_end(self)

    @classmethod
    def adopt(
        cls, block: int, size: int, *mutex: int, owner: type[Descriptor] = Handle
    ) -> "Monitor":
        """Own the descriptors of a monitor that is there."""
        monitor = cls.__new__(cls)
        monitor._hold(  # noqa: SLF001  # its own class
            SharedBuffer.adopt(block, size, owner=owner), *map(owner, mutex)
        )
        return monitor

    @property
    def size(self) -> int:
        """The bytes of its block."""
        return self._block.size

    def fileno(self) -> int:
        """Return the descriptor of its block."""
        return self._block.fileno()

    def descriptors(self) -> list[int]:
        """Return what `adopt` takes, but for the size."""
        if self.closed:
            raise NotShareableError("it was closed")
        if self._reader is _FORKED:
            raise NotShareableError(_PARENTS)
        return [self._block.fileno(), *(handle.fileno() for handle in self._mutex)]

    @property
    def closed(self) -> bool:
        """Whether this holder has let go of it."""
        return self._mutex[0].closed

    def after_fork(self) -> None:
        """Be of no use: the words are the parent's, and the threads that wait are not here."""
        self._reader = _FORKED

    def refuse_if_forked(self) -> None:
        """Raise RuntimeError in a forked child."""
        iter(self._reader)

    def close(self) -> None:
        """Let go of it. By a thread that is not inside, while no thread of this holder waits."""
        forget(self)
        self._reader, self._writer = (-1,), -1  # their numbers may be another one's soon
        self.words.release()
        self._block.close()
        for handle in self._mutex:
            handle.close()

    release = close  # at the end of the interpreter

    def __reduce__(self) -> "tuple[object, ...]":
        return _arrived, (packing.current().hand_over(*self.descriptors()), self.size)

    def run[T](
        self,
        step: "Callable[..., T]",
        *args: object,
        undo: "Callable[[], object] | None" = None,
    ) -> T:
        """Call `step(*args)` alone; wait for the thread that is inside, which takes some µs.

        undo: a step that takes back what a true result means, when an exception keeps
            that from the caller.
        """
        result: T | None = None
        taken: list[bytes] = []
        ident = get_ident()
        outer = _inside.get(ident)  # this may be a signal's handler
        thread = _running.get(ident)
        if thread is not None:
            thread.begin_section()
        try:
            try:
                _inside[ident] = taken, outer
                taken.extend(map(_read, self._reader, _SIZES))
                result = step(*args)
            finally:
                if taken:
                    _write(self._writer, WAKE)
                if outer is None:
                    _inside.pop(ident, None)
                    if _postponed:
                        call_postponed(ident)
                else:
                    _inside[ident] = outer
                if thread is not None:
                    thread.end_section()
        except BaseException:
            if result and undo is not None:
                self.run(undo)
            raise
        return result

    def swap(self, index: int, new: int, queue: int, held: "Held") -> bool:
        """Set a word that is 0, or set one back to 0, if no thread waits in a queue.

        Return whether that was so. A step as by `run`, in the fewest moves: for locks, which
        must be fast. (That it is inside is not noted: destructors enter no lock's monitor.)
        held: what a call has locked then, or not any more.
        """
        result = False
        taken: list[bytes] = []
        thread = _running.get(get_ident())
        if thread is not None:
            thread.begin_section()
        try:
            taken.extend(map(_read, self._reader, _SIZES))
            words = self.words
            if (new == 0) != (words[index] == 0) and not words[WORDS + queue * SIZE] & LENGTH:
                words[index] = new
                result = True
        finally:
            if taken:
                _write(self._writer, WAKE)
            if thread is not None:
                if result and new:
                    thread.held.append(held)
                elif result and held in thread.held:
                    thread.held.remove(held)
                thread.end_section()
        return result

    def wait(
        self,
        queue: int,
        deadline: Deadline,
        pass_on: "Callable[[], object]",
        before: "Callable[[], object] | None" = None,
        wakeup: Wakeup | None = None,
    ) -> bool:
        """In a step: leave, sleep until woken, and come back; return whether one was woken.

        pass_on: called when one was woken, and an exception comes instead.
        before: called outside, before one sleeps.
        wakeup: to sleep on; None: a new one. A caller that must not fail after `before` gives
            its own. Raises OSError, when none can be made, before `before` is called.
        """
        if deadline.remaining() is not None:
            import select  # noqa: F401  # for the wake-up, which would find too late that it cannot be imported
        sleeper = Sleeper(self, self._queues, queue, wakeup)
        sleeper.wait(deadline, before)
        if sleeper.interruption is not None:
            if sleeper.woken:
                pass_on()
            raise sleeper.interruption
        return sleeper.woken

    # For a sleeper.

    def take_token(self, taken: list[bytes]) -> None:
        """Take the mutex, and note that."""
        taken.extend(map(_read, self._reader, _SIZES))

    def put_token_back(self, taken: list[bytes]) -> None:
        """Give the mutex back, if that is noted."""
        deque(map(_write, (self._writer,), iter(taken.pop, None)), 0)


@current_call.shielded
def _arrived(index: int, size: int) -> Monitor:
    block, *mutex = package.take(index)
    return Monitor.adopt(block, size, *mutex)
