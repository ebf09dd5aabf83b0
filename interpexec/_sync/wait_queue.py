r"""The threads that sleep in a monitor: the first one to wait is the first one to be woken.

    one wait queue, behind the words of its monitor
    +---------------------+---------+---------+-----+
    | head << 32 | length | wake-up | wake-up | ... |   a ring of MOST_WAITING descriptors
    +---------------------+---------+---------+-----+

Purpose: in the middle of a step, a thread leaves the monitor, sleeps until a thread of any
interpreter wakes it, and comes back.

Guarantees:
- No wake-up is lost. A thread that was woken learns of it, also where its time ran out, or its
  call was stopped, at the same moment.
- Nobody writes to a descriptor that was closed, and whose number may be another one's.

Assumptions: a queue is changed by threads that have the monitor's mutex. The kernel keeps a
write until it is read. Exceptions come where `monitor` says.

The race of a sleeper with a waker, in steps.
1. The sleeper has the mutex. It puts its wake-up at the end of the queue, and then gives the
   mutex back. A waker has the mutex after that, and so finds the wake-up there.
2. The sleeper reads its wake-up. If the waker was faster, the read returns at once.
3. The waker writes to the first wake-up in the queue, and then takes it out. An exception in
   between makes this wake-up spurious: the sleeper finds itself in the queue, and sleeps
   again. The other order would leave a sleeper that nobody wakes.
4. The sleeper takes the mutex, whether a waker, the deadline or an exception ended its sleep,
   and only then looks at the queue. If its wake-up is gone, it was woken. Otherwise it takes
   it out; from then on nobody can write to it, and it may be closed.
5. If it was woken, and an exception came as well, it passes on what it was given (to the next
   thread in the queue, mostly), and raises the exception.

The race of a sleeper with the helper that stops its call (`cancellation`), in steps.
1. The sleeper, which is shielded in its step, notes the wake-up on which it is going to sleep
   (`thread.wakeup`), and then lowers the shield.
2. If the helper comes before the lowering, it finds the shield, and the lowering raises
   TaskCancelled. If it comes later, it throws TaskCancelled, and writes to the wake-up: the
   thread does not sleep on, and raises it.
3. The sleeper keeps the exception until the shield is up again, the mutex is taken, and the
   queue is left. A pool that terminates its workers stops their calls in the same way.
"""

from _thread import get_ident
from array import array
from os import write

from interpexec._core.current_call import running as _running
from interpexec._core.destructors import call_postponed
from interpexec._core.destructors import inside as _inside
from interpexec._core.destructors import postponed as _postponed
from interpexec._core.sigint import keep_whole
from interpexec._core.waiting import WAKE, Deadline, Wakeup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Mutex(Protocol):
        """The mutex of a monitor: a token. Each method is one call of C code."""

        def take_token(self, taken: list[bytes]) -> None:
            """Take the token, and note that in a list."""

        def put_token_back(self, taken: list[bytes]) -> None:
            """Put the token back, if it is noted in a list, and note that."""


keep_whole()

WORDS = 16
"""How many words of a monitor are the user's. Behind them lie the wait queues."""

MOST_WAITING = 1000
"""In one queue. Each of them is a thread."""

SIZE = MOST_WAITING + 1  # words of a queue: its state, and the wake-ups
_HALF = 32  # bits; the state: where the queue begins << _HALF | its length
LENGTH = (1 << _HALF) - 1
"""The bits of a queue's state that hold its length."""


class WaitQueues:
    """The wait queues of a monitor, by number. Use them with its mutex."""

    __slots__ = ("_words",)

    def __init__(self, words: memoryview) -> None:
        self._words = words

    def wake(self, queue: int) -> bool:
        """Wake the first thread in a queue; return whether one was there."""
        words, start = self._words, WORDS + queue * SIZE
        head, length = words[start] >> _HALF, words[start] & LENGTH
        if not length:
            return False
        write(words[start + 1 + head], WAKE)
        words[start] = (head + 1) % MOST_WAITING << _HALF | length - 1
        return True

    def waiting(self, queue: int) -> int:
        """Return how many threads wait in a queue. Also without the mutex."""
        return self._words[WORDS + queue * SIZE] & LENGTH

    def join(self, queue: int, wakeup: int) -> None:
        """Put a wake-up at the end of a queue. Raises RuntimeError when that is full."""
        words, start = self._words, WORDS + queue * SIZE
        head, length = words[start] >> _HALF, words[start] & LENGTH
        if length == MOST_WAITING:
            message = f"more than {MOST_WAITING} threads wait here"
            raise RuntimeError(message)
        words[start + 1 + (head + length) % MOST_WAITING] = wakeup
        words[start] = head << _HALF | length + 1

    def wakeups(self, queue: int) -> list[int]:
        """Return the wake-ups in a queue."""
        words, start = self._words, WORDS + queue * SIZE
        head, length = words[start] >> _HALF, words[start] & LENGTH
        return [words[start + 1 + (head + index) % MOST_WAITING] for index in range(length)]

    def quit(self, queue: int, wakeup: int) -> None:
        """Take a wake-up out of a queue, if it is there."""
        wakeups = self.wakeups(queue)
        if wakeup not in wakeups:
            return
        wakeups.remove(wakeup)
        words, start = self._words, WORDS + queue * SIZE
        others, length = array("Q", wakeups), len(wakeups)
        end = start + 1 + length
        # Both are written with no call in between, at which a signal's handler could run.
        words[start + 1 : end] = others
        words[start] = length


class Sleeper:
    """A thread that waits in a queue, in a step. Exceptions are kept until it is out again."""

    __slots__ = (
        "_has_joined",
        "_ident",
        "_is_wakeup_ours",
        "_mutex",
        "_outer",
        "_queue",
        "_queues",
        "_sections",
        "_taken",
        "_thread",
        "_wakeup",
        "_writer",
        "interruption",
        "woken",
    )

    def __init__(
        self, mutex: "Mutex", queues: WaitQueues, queue: int, wakeup: Wakeup | None
    ) -> None:
        """Make one for the calling thread. wakeup: to sleep on; None: a new one."""
        self._mutex = mutex
        self._queues = queues
        self._queue = queue
        self._is_wakeup_ours = wakeup is None
        self._wakeup = wakeup = wakeup or Wakeup()
        self._ident = get_ident()
        self._thread = thread = _running.get(self._ident)
        self._sections = 0 if thread is None else thread.sections
        self._taken, self._outer = _inside[self._ident]
        self._writer = wakeup.token[1]
        self._has_joined = False
        self.interruption: BaseException | None = None
        self.woken = False

    def wait(self, deadline: Deadline, before: "Callable[[], object] | None") -> None:
        """Join the queue, sleep until woken, interrupted or late, and leave the queue.

        before: called outside of the monitor, before the thread sleeps.
        """
        try:
            self._queues.join(self._queue, self._writer)
            self._has_joined = True
            self._suspend(deadline, before)
            while self._was_spurious(deadline):
                self._suspend(deadline, None)
        except BaseException as error:  # Ctrl-C, or too many wait already
            self.interruption = error
        self._quit()

    def _suspend(self, deadline: Deadline, before: "Callable[[], object] | None") -> None:
        """Leave the monitor, sleep, and come back."""
        try:
            self._leave(deadline, before)
        except BaseException as error:  # Ctrl-C, or the call was stopped
            self.interruption = error
        try:
            self._come_back()
        except BaseException as error:  # the same; it is not done yet
            self.interruption = error
            self._come_back()

    def _leave(self, deadline: Deadline, before: "Callable[[], object] | None") -> None:
        thread = self._thread
        self._mutex.put_token_back(self._taken)
        if self._outer is None:
            _inside.pop(self._ident, None)
            if _postponed:
                call_postponed(self._ident)  # perhaps that is what it waits for
        if before is not None:
            before()
        if thread is not None:
            thread.wakeup = self._writer  # the helper that stops the call writes to it, too
            thread.leave_sections()
        self._wakeup.wait(deadline.remaining())

    def _come_back(self) -> None:
        """Take the mutex, if that was not done yet. When this raises, call it again."""
        thread = self._thread
        if thread is not None:
            thread.wakeup = 0
            thread.return_to_sections(self._sections)
        _inside[self._ident] = self._taken, self._outer
        if not self._taken:
            self._mutex.take_token(self._taken)

    def _was_spurious(self, deadline: Deadline) -> bool:
        """Say whether nothing has ended the sleep that it was for."""
        return not (self.interruption or self._is_woken() or deadline.remaining() == 0)

    def _is_woken(self) -> bool:
        """Say whether a waker has taken the wake-up out of the queue."""
        wakeups = self._queues.wakeups(self._queue)
        self.woken = self._has_joined and self._writer not in wakeups
        return self.woken

    def _quit(self) -> None:
        """Leave the queue, and close the wake-up."""
        if self._has_joined and not self._is_woken():
            self._queues.quit(self._queue, self._writer)
        if self._is_wakeup_ours:
            self._wakeup.close()
