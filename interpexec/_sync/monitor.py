r"""A few words of memory that one thread at a time may change, in whichever interpreter.

    monitor.run(step)           the mutex: a token in the kernel, taken and put back
                                  |
        step:  words[0] += 1      | as if no other thread was there
               wake(line)         | ... rings the bell of the first one who waits
               wait(line)         | puts its own bell into the line, leaves, sleeps,
                                  | and comes back

The words lie in a `SharedBuffer`, the bells in the kernel; so no interpreter owns any of
it. After C. A. R. Hoare's monitors, as Lampson and Redell built them ("Experience with
Processes and Monitors in Mesa", 1980): who is woken is not alone by then, and must
look again, or is given by the waker what it waits for.

What may come in between. In a worker, the call may be stopped: a shield keeps that out
of a step, but where it sleeps. In the main thread, Ctrl-C is kept out in the same way
(`sigint`), but where it sleeps. A handler of the program's own may raise in between. So the
mutex is taken, and put back, by one call each, which also notes it (`taken`); and a step writes in
an order in which each state is a good one.
"""

import os
from _collections import deque
from _thread import get_ident
from array import array

from interpexec._core import current_call
from interpexec._core.cpython import NotShareableError
from interpexec._core.current_call import running as _running
from interpexec._core.handles import Descriptor, Handle, catch_up, expect_end, expect_end_no_more
from interpexec._core.handles import inside as _inside
from interpexec._core.handles import postponed as _postponed
from interpexec._core.sigint import keep_whole
from interpexec._core.waiting import RING, Deadline, Wakeup
from interpexec._sharing import package
from interpexec.buffers import SharedBuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from interpexec._core.cancellation import Held

keep_whole()

WORDS = 16
"""How many words are the user's. Behind them lie the lines of waiting threads."""

MOST_WAITING = 1000
"""In one line. Each of them is a thread."""

_LINE = MOST_WAITING + 1  # words: where it begins << _HALF | how long it is, and the bells
_HALF = 32  # bits
_MASK = (1 << _HALF) - 1

_SIZES = (len(RING),)

# Looked up once: each of them is used at every step.
_read, _write = os.read, os.write


_PARENTS = "this was made by the process from which this one was forked"


class _Forked:
    """Stands where the mutex was, in a forked child."""

    def __iter__(self) -> "Iterator[int]":
        raise RuntimeError(_PARENTS)


_FORKED = _Forked()


def block_size(lines: int) -> int:
    """Return how many bytes a monitor with so many lines takes."""
    return 8 * (WORDS + lines * _LINE)


class Monitor:
    """Shared words, and lines of threads that wait for them to change.

    It can travel. From any thread of its interpreter.
    """

    __slots__ = ("__weakref__", "_block", "_mutex", "_reader", "_writer", "words")

    @current_call.step
    def __init__(self, lines: int = 1, *, grows: bool = False) -> None:
        """Make one. lines: of waiting threads.

        grows: something is to be put behind it, and it must be closed.
        """
        size = block_size(lines)
        block = SharedBuffer.growable(size) if grows else SharedBuffer(size)
        try:
            wakeup = Wakeup()
        except BaseException:
            block.close()
            raise
        owner = Descriptor if grows else Handle
        self._hold(block, *map(owner, dict.fromkeys(wakeup.token)))
        wakeup.ring()  # the token

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
        expect_end(self)

    @classmethod
    def adopt(
        cls, block: int, size: int, *mutex: int, owner: type[Descriptor] = Handle
    ) -> "Monitor":
        """Own the descriptors of a monitor that is there."""
        monitor = cls.__new__(cls)
        monitor._hold(  # noqa: SLF001  # one of us
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
        """Be of no use: the words are the parent's, and those who wait are not here."""
        self._reader = _FORKED

    def refuse_if_forked(self) -> None:
        """Raise RuntimeError in a forked child."""
        iter(self._reader)

    def close(self) -> None:
        """Let go of it. By nobody who is inside, or waits."""
        expect_end_no_more(self)
        self._reader, self._writer = (-1,), -1  # their numbers may be somebody else's soon
        self.words.release()
        self._block.close()
        for handle in self._mutex:
            handle.close()

    release = close  # at the end of the interpreter

    def __reduce__(self) -> "tuple[object, ...]":
        return _arrived, (package.packing().hand_over(*self.descriptors()), self.size)

    def run[T](
        self,
        step: "Callable[..., T]",
        *args: object,
        undo: "Callable[[], object] | None" = None,
    ) -> T:
        """Call `step(*args)` alone; wait for whoever is inside, which takes some µs.

        undo: a step that takes back what a true result means, when an exception keeps
        that from the caller.
        """
        result: T | None = None
        taken: list[bytes] = []
        ident = get_ident()
        outer = _inside.get(ident)  # this may be a signal's handler
        thread = _running.get(ident)
        if thread is not None:
            thread.begin_step()
        try:
            try:
                _inside[ident] = taken, outer
                taken.extend(map(_read, self._reader, _SIZES))
                result = step(*args)
            finally:
                if taken:
                    _write(self._writer, RING)
                if outer is None:
                    _inside.pop(ident, None)
                    if _postponed:
                        catch_up(ident)
                else:
                    _inside[ident] = outer
                if thread is not None:
                    thread.end_step()
        except BaseException:
            if result and undo is not None:
                self.run(undo)
            raise
        return result

    def swap(self, index: int, new: int, line: int, held: "Held") -> bool:
        """Set a word that is 0, or set one back to 0, if nobody waits in a line.

        Say whether that was so. What `run` does, in the fewest steps: for what must be
        fast. held: what a call has locked then, or not any more.
        """
        result = False
        taken: list[bytes] = []
        thread = _running.get(get_ident())
        if thread is not None:
            thread.begin_step()
        try:
            taken.extend(map(_read, self._reader, _SIZES))
            words = self.words
            if (new == 0) != (words[index] == 0) and not words[WORDS + line * _LINE] & _MASK:
                words[index] = new
                result = True
        finally:
            if taken:
                _write(self._writer, RING)
            if thread is not None:
                if result and new:
                    thread.held.append(held)
                elif result and held in thread.held:
                    thread.held.remove(held)
                thread.end_step()
        return result

    def wait(
        self,
        line: int,
        deadline: Deadline,
        pass_on: "Callable[[], object]",
        before: "Callable[[], object] | None" = None,
        wakeup: Wakeup | None = None,
    ) -> bool:
        """In a step: leave, sleep until woken, and come back; say whether one was woken.

        pass_on: called when one was woken, and an exception comes instead.
        before: called outside, before one sleeps.
        bell: to sleep on; None: a new one. What `before` gives away may be had again by
            the same one, when there is no other to be had. Raises OSError before it is called.
        """
        if deadline.remaining() is not None:
            import select  # noqa: F401  # for the bell, which would find too late that it cannot be
        sleeper = _Sleeper(self, line, wakeup)
        try:
            self._join(line, sleeper.writer)
            sleeper.has_joined = True
            sleeper.suspend(deadline, before)
            while sleeper.has_slept_for_nothing(deadline):
                sleeper.suspend(deadline, None)
        except BaseException as error:  # Ctrl-C, or too many wait already
            sleeper.interruption = error
        sleeper.quit()
        if sleeper.interruption is not None:
            if sleeper.woken:
                pass_on()
            raise sleeper.interruption
        return sleeper.woken

    def wake(self, line: int) -> bool:
        """In a step: wake the first one in a line; return whether somebody was there."""
        words, start = self.words, WORDS + line * _LINE
        head, length = words[start] >> _HALF, words[start] & _MASK
        if not length:
            return False
        _write(words[start + 1 + head], RING)
        words[start] = (head + 1) % MOST_WAITING << _HALF | length - 1
        return True

    def waiting(self, line: int) -> int:
        """Return how many wait in a line."""
        return self.words[WORDS + line * _LINE] & _MASK

    def _join(self, line: int, wakeup: int) -> None:
        """Put a bell at the end of a line."""
        words, start = self.words, WORDS + line * _LINE
        head, length = words[start] >> _HALF, words[start] & _MASK
        if length == MOST_WAITING:
            message = f"more than {MOST_WAITING} threads wait here"
            raise RuntimeError(message)
        words[start + 1 + (head + length) % MOST_WAITING] = wakeup
        words[start] = head << _HALF | length + 1

    def _wakeups(self, line: int) -> list[int]:
        """Return the bells in a line."""
        words, start = self.words, WORDS + line * _LINE
        head, length = words[start] >> _HALF, words[start] & _MASK
        return [words[start + 1 + (head + index) % MOST_WAITING] for index in range(length)]

    def _quit(self, line: int, wakeup: int) -> None:
        """Take a bell out of a line, if it is there."""
        wakeups = self._wakeups(line)
        if wakeup not in wakeups:
            return
        wakeups.remove(wakeup)
        others, start = array("Q", wakeups), WORDS + line * _LINE
        end = start + 1 + len(others)
        # With nothing in between: see the top.
        self.words[start + 1 : end] = others
        self.words[start] = len(others)


class _Sleeper:
    """A thread that waits in a line of a monitor. What interrupts it is kept until it is out."""

    __slots__ = (
        "_ident",
        "_is_wakeup_ours",
        "_line",
        "_monitor",
        "_outer",
        "_steps",
        "_taken",
        "_thread",
        "_wakeup",
        "has_joined",
        "interruption",
        "woken",
        "writer",
    )

    def __init__(self, monitor: Monitor, line: int, wakeup: Wakeup | None) -> None:
        self._monitor = monitor
        self._line = line
        self._is_wakeup_ours = wakeup is None
        self._wakeup = wakeup = wakeup or Wakeup()
        self._ident = get_ident()
        self._thread = thread = _running.get(self._ident)
        self._steps = 0 if thread is None else thread.steps
        self._taken, self._outer = _inside[self._ident]
        self.writer = wakeup.token[1]
        self.interruption: BaseException | None = None
        self.has_joined = self.woken = False

    def suspend(self, deadline: Deadline, before: "Callable[[], object] | None") -> None:
        """Leave, sleep, and come back."""
        try:
            self._leave(deadline, before)
        except BaseException as error:  # Ctrl-C, or the call was stopped
            self.interruption = error
        try:
            self._come_back()
        except BaseException as error:  # as above; it is not done yet
            self.interruption = error
            self._come_back()

    def _leave(self, deadline: Deadline, before: "Callable[[], object] | None") -> None:
        thread = self._thread
        # One call that both writes and notes that, as when the mutex is taken.
        mutex = (self._monitor._writer,)  # noqa: SLF001  # one of us
        deque(map(_write, mutex, iter(self._taken.pop, None)), 0)
        if self._outer is None:
            _inside.pop(self._ident, None)
            if _postponed:
                catch_up(self._ident)  # perhaps that is what it waits for
        if before is not None:
            before()
        if thread is not None:
            thread.wakeup = self.writer  # who stops the call rings it, too
            thread.leave_steps()
        self._wakeup.wait(deadline.remaining())

    def _come_back(self) -> None:
        """Take the mutex, if that was not done yet. When this raises, call it again."""
        thread = self._thread
        if thread is not None:
            thread.wakeup = 0
            thread.return_to_steps(self._steps)
        _inside[self._ident] = self._taken, self._outer
        if not self._taken:
            reader = self._monitor._reader  # noqa: SLF001  # one of us
            self._taken.extend(map(_read, reader, _SIZES))

    def has_slept_for_nothing(self, deadline: Deadline) -> bool:
        """Say whether it was rung for nothing, and may go on to sleep."""
        return not (self.interruption or self.is_woken() or deadline.remaining() == 0)

    def is_woken(self) -> bool:
        """Say whether somebody has taken this one out of the line."""
        wakeups = self._monitor._wakeups(self._line)  # noqa: SLF001  # as above
        self.woken = self.has_joined and self.writer not in wakeups
        return self.woken

    def quit(self) -> None:
        """Be in the line no more, and give the bell back."""
        if self.has_joined and not self.is_woken():
            self._monitor._quit(self._line, self.writer)  # noqa: SLF001  # as above
        self.has_joined = False
        if self.writer >= 0:
            self.writer = -1
            if self._is_wakeup_ours:
                self._wakeup.close()


@current_call.step
def _arrived(index: int, size: int) -> Monitor:
    block, *mutex = package.take(index)
    return Monitor.adopt(block, size, *mutex)
