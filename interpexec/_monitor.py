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
of a step. In the main thread, Ctrl-C raises KeyboardInterrupt after any call of a
function; so the mutex is taken by one call which also notes that, and it is put back
by one call in a `finally` block; no Python function is entered in between. A step
that is interrupted half way leaves what it has written: so it writes in an order in
which each state is a good one.
"""

import os
from _thread import get_ident

from interpexec import _packing
from interpexec._bell import Bell
from interpexec._deadline import Deadline
from interpexec._handles import Handle
from interpexec._runtime import NotShareableError
from interpexec._tasks import running as _running
from interpexec.buffers import SharedBuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = 16
"""How many words are the user's. Behind them lie the lines of waiting threads."""

MOST_WAITING = 1000
"""In one line. Each of them is a thread."""

_LINE = MOST_WAITING + 1  # words: where it begins << _HALF | how long it is, and the bells
_HALF = 32  # bits
_MASK = (1 << _HALF) - 1

_TOKEN = (1).to_bytes(8, "little")
_SIZES = (len(_TOKEN),)

# The threads of this interpreter that are inside, and the destructors that wait until
# they are not.
_inside: "dict[int, tuple[Callable[[], None], ...]]" = {}

# Looked up once: each of them is used at every step.
_read, _write = os.read, os.write


def block_size(lines: int) -> int:
    """Return how many bytes a monitor with so many lines takes."""
    return 8 * (WORDS + lines * _LINE)


class Monitor:
    """Shared words, and lines of threads that wait for them to change.

    It can travel. From any thread of its interpreter.
    """

    __slots__ = ("_block", "_mutex", "_reader", "_writer", "words")

    def __init__(self, lines: int = 1) -> None:
        """Make one. lines: of waiting threads."""
        block = SharedBuffer(block_size(lines))
        bell = Bell()
        bell.ring()  # the token
        self._hold(block, *map(Handle, dict.fromkeys(bell.token)))

    def _hold(self, block: SharedBuffer, *mutex: Handle) -> None:
        self._block = block
        self._mutex = mutex
        self._reader = (mutex[0].fileno(),)
        self._writer = mutex[-1].fileno()
        self.words = block.cast("Q")

    @classmethod
    def adopt(cls, block: int, size: int, *mutex: int) -> "Monitor":
        """Own the descriptors of a monitor that is there."""
        monitor = cls.__new__(cls)
        monitor._hold(  # noqa: SLF001  # one of us
            SharedBuffer.adopt(block, size), *map(Handle, mutex)
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
        return [self._block.fileno(), *(handle.fileno() for handle in self._mutex)]

    @property
    def closed(self) -> bool:
        """Whether this holder has let go of it."""
        return self._mutex[0].closed

    def close(self) -> None:
        """Let go of it. By nobody who is inside, or waits."""
        self.words.release()
        self._block.close()
        for handle in self._mutex:
            handle.close()

    def __reduce__(self) -> "tuple[object, ...]":
        return _arrived, (_packing.packing().hand_over(*self.descriptors()), self.size)

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
        ident = get_ident()
        thread = _running.get(ident)
        if thread is not None:
            thread.raise_shield()
        taken: list[bytes] = []
        try:
            try:
                # One call both reads and notes that: an exception comes before it, or after.
                taken.extend(map(_read, self._reader, _SIZES))
                _inside[ident] = ()
                result = step(*args)
            finally:
                if taken:
                    _write(self._writer, _TOKEN)
                if postponed := _inside.pop(ident, None):
                    _catch_up(postponed)
                if thread is not None:
                    thread.lower_shield()
        except BaseException:
            if result and undo is not None:
                self.run(undo)
            raise
        return result

    def swap(self, index: int, old: int, new: int, line: int, undo: "Callable[[], object]") -> bool:
        """Change a word, if it is `old` and nobody waits in a line; say whether that was so.

        What `run` does, in the fewest steps: for what must be fast. undo: as of `run`.
        """
        result = False
        ident = get_ident()
        thread = _running.get(ident)
        if thread is not None:
            thread.raise_shield()
        taken: list[bytes] = []
        try:
            try:
                taken.extend(map(_read, self._reader, _SIZES))
                words, place = self.words, self.words[WORDS + line * _LINE]
                if words[index] == old and not place & _MASK:
                    words[index] = new
                    result = True
            finally:
                if taken:
                    _write(self._writer, _TOKEN)
                if thread is not None:
                    thread.lower_shield()
        except BaseException:
            if result:
                self.run(undo)
            raise
        return result

    def wait(
        self,
        line: int,
        deadline: Deadline,
        pass_on: "Callable[[], object]",
        before: "Callable[[], object] | None" = None,
    ) -> bool:
        """In a step: leave, sleep until woken, and come back; say whether one was woken.

        pass_on: called when one was woken, and an exception comes instead.
        before: called outside, before one sleeps.
        """
        woken = False
        bell = Bell()
        try:
            self._join(line, bell.token[1])
            try:
                try:
                    self._leave()
                    if before is not None:
                        before()
                    woken = bell.wait(deadline.remaining())
                finally:
                    self._come_back()
                    # In this order: a bell is rung before it is taken out of the line.
                    woken = not self._quit(line, bell.token[1]) or woken
            except BaseException:
                if woken:
                    pass_on()
                raise
        finally:
            bell.close()
        return woken

    def wake(self, line: int) -> bool:
        """In a step: wake the first one in a line; return whether somebody was there."""
        words, start = self.words, WORDS + line * _LINE
        head, length = words[start] >> _HALF, words[start] & _MASK
        if not length:
            return False
        _write(words[start + 1 + head], _TOKEN)
        words[start] = (head + 1) % MOST_WAITING << _HALF | length - 1
        return True

    def waiting(self, line: int) -> int:
        """Return how many wait in a line."""
        return self.words[WORDS + line * _LINE] & _MASK

    def _join(self, line: int, bell: int) -> None:
        """Put a bell at the end of a line."""
        words, start = self.words, WORDS + line * _LINE
        head, length = words[start] >> _HALF, words[start] & _MASK
        if length == MOST_WAITING:
            message = f"more than {MOST_WAITING} threads wait here"
            raise RuntimeError(message)
        words[start + 1 + (head + length) % MOST_WAITING] = bell
        words[start] = head << _HALF | length + 1

    def _quit(self, line: int, bell: int) -> bool:
        """Take a bell out of a line; return whether it was there."""
        words, start = self.words, WORDS + line * _LINE
        head, length = words[start] >> _HALF, words[start] & _MASK
        places = [start + 1 + (head + index) % MOST_WAITING for index in range(length)]
        bells = [words[place] for place in places]
        if bell not in bells:
            return False
        last = bells.index(bell)
        for index in range(last, 0, -1):  # those before it move up
            words[places[index]] = bells[index - 1]
        words[start] = (head + 1) % MOST_WAITING << _HALF | length - 1
        return True

    def _leave(self) -> None:
        """Put the mutex back, in the middle of a step."""
        ident = get_ident()
        _write(self._writer, _TOKEN)
        if postponed := _inside.pop(ident, None):
            _catch_up(postponed)
        if (thread := _running.get(ident)) is not None:
            thread.lower_shield()

    def _come_back(self) -> None:
        """Take the mutex, whatever comes meanwhile; raise that afterwards."""
        ident = get_ident()
        thread = _running.get(ident)
        interruption: BaseException | None = None
        taken: list[bytes] = []
        is_shielded = thread is None
        while not (taken and is_shielded):
            try:
                if not is_shielded:
                    thread.raise_shield()  # type: ignore[union-attr]  # there is one
                    is_shielded = True
                if not taken:
                    taken.extend(map(_read, self._reader, _SIZES))
            except OSError:
                raise  # it was closed: a fault of ours
            except BaseException as error:  # Ctrl-C, or the call was stopped
                interruption = error
        _inside[ident] = ()
        if interruption is not None:
            raise interruption


def _catch_up(postponed: "tuple[Callable[[], None], ...]") -> None:
    """Do what had to wait until the calling thread was outside."""
    for destructor in postponed:
        destructor()


def outside(destructor: "Callable[[], None]") -> None:
    """Call a destructor that enters a monitor: now, or when the calling thread has left.

    Garbage may be collected while it is inside, perhaps of that very monitor.
    """
    ident = get_ident()
    postponed = _inside.get(ident)
    if postponed is None:
        destructor()
    else:
        _inside[ident] = *postponed, destructor


def _arrived(index: int, size: int) -> Monitor:
    block, *mutex = _packing.take(index)
    return Monitor.adopt(block, size, *mutex)
