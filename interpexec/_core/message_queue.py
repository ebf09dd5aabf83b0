"""Lines between interpreters: a raw first-in-first-out of objects, and kernel wake-ups.

A `MessageQueue` has any number of senders and a fixed number of receivers, each of
which sits on a *seat* of its own: a byte of shared memory that says whether
it sleeps, and a `Wakeup` that wakes it.

    sender                                receiver on seat 3
    ------                                ------------------
    fifo.send(item)                       item = fifo.recv()        empty?
    seat = state.find(ASLEEP)             state[3] = ASLEEP
    state[seat] = AWAKE                   item = fifo.recv()        still empty?
    bells[seat].ring()                    bells[3].wait()           then again

Nobody is woken who does not sleep, so a busy line costs no system call at
all: with small messages the wake-ups are the price, not the copying.

Why no wake-up is lost. The sender writes the line, then reads the state; the
receiver writes the state, then reads the line. Each access to the line is
made under its mutex. If the receiver's second look came before the sender's
`send`, then its ASLEEP was written before that mutex was handed over, and the
sender sees it. If it came after, the receiver sees the item. The other way
round, a bell may ring for an item that somebody else has taken already: a
receiver that finds nothing sleeps again.

Nor is anybody woken for the next item while a receiver looks for it, instead of sleeping
(`_look`): it says so in one more byte. It finds what is sent; and when it stops looking,
it takes that back first, and then sees to it that nothing is left to nobody.
"""

from _functools import partial
from _operator import setitem
from os import write

from interpexec._core.cpython import Fifo, own_builtins
from interpexec._core.sigint import keep_whole
from interpexec._core.waiting import WAKE, Spinner, Wakeup
from interpexec.errors import ChannelClosedError

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

keep_whole()

# The values in the shared bytes. The first one is the line's, the seats follow. The last
# but one says whether something was sent since somebody has looked; the last one, whether
# somebody does so now, instead of sleeping.
_AWAKE, _ASLEEP, _CLOSED, _LOOKING, _SENT = range(5)
_NEWS, _LOOKER = -2, -1

# How often a receiver looks at an empty line before it sleeps (0.07 µs a look), if it does
# not say, or somebody else looks already: two lookers and a sender are one too many for
# two cores. None: it sleeps between any two small messages, and each costs a wake-up of
# tens of µs. Eight to 256 made no difference.
_LOOKS = 20

type Token = tuple[int, memoryview, memoryview]
"""The number of the raw line, the bytes above, and the descriptors of the bells by seat."""

_INT = 4  # bytes of a descriptor; a bell has two. They are one more than they are: 0 is none.


class MessageQueue:
    """A line of objects from any sender to whichever receiver is free.

    Send and receive from any thread of any interpreter, but let one thread at
    a time use a seat. What may be sent: see `Fifo`. The maker keeps the line
    alive; others reach it by its token and `release()` it before their
    interpreter ends.
    """

    def __init__(self, seats: int = 1, *, token: Token | None = None) -> None:
        """Make a new line with so many seats, or reach the one `token` names."""
        self._spinner = Spinner(_LOOKS)
        self._state: bytearray | memoryview
        if token is None:
            self._fifo = Fifo()
            self._state = bytearray(1 + seats + 2)
            self._descriptors: bytearray | memoryview = bytearray(2 * _INT * seats)
        else:
            line, self._state, self._descriptors = token
            self._fifo = Fifo(line)
        self._wakeups: dict[int, Wakeup] = {}  # of those that were used
        self._take: Callable[[], object] = self._fifo.recv

    @property
    def token(self) -> Token:
        """What reaches this line from another interpreter. It is shareable.

        It holds a view of the line's memory; the receiver's copy pins it.
        """
        return self._fifo.id, memoryview(self._state), memoryview(self._descriptors)

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is to come. What came before may still be there."""
        return self._state[0] == _CLOSED

    def open_seat(self, seat: int = 0) -> None:
        """Let somebody receive on a seat. By the maker.

        A seat costs descriptors only from then on.
        """
        if seat not in self._wakeups:
            wakeup = self._wakeups[seat] = Wakeup()
            for index, fd in enumerate(wakeup.token, 2 * seat):
                self._descriptors[index * _INT : (index + 1) * _INT] = (fd + 1).to_bytes(_INT)

    def _wakeup(self, seat: int) -> Wakeup | None:
        """Return the bell of a seat; None if nobody has ever sat there."""
        wakeup = self._wakeups.get(seat)
        if wakeup is None:
            start = 2 * seat * _INT
            fds = bytes(self._descriptors[start : start + 2 * _INT])
            if any(fds):
                reader, writer = fds[:_INT], fds[_INT:]
                token = int.from_bytes(reader) - 1, int.from_bytes(writer) - 1
                wakeup = self._wakeups[seat] = Wakeup(token)
        return wakeup

    def send(self, item: object) -> None:
        """Append `item` and wake a receiver that sleeps. Never blocks.

        Raises `NotShareableError` when the item cannot be sent. A closed
        line still takes items; whether anybody takes them is the owner's
        business.
        """
        self._fifo.send(item)
        self._state[_NEWS] = _SENT
        self._wake_one()

    def recv(self, seat: int = 0, timeout: float | None = None) -> object:
        """Take the first item; wait for it at most `timeout` seconds (None: forever).

        Raises `ChannelClosedError` when the line is closed and nothing is
        left in it, `TimeoutError` when the time is over. Blocks without the GIL.
        """
        from interpexec._core.waiting import Deadline  # not what workers do

        if (item := self._fifo.recv()) is None:
            item = self._spinner.spin(self._glance)
        if item is not None:
            return item
        deadline = Deadline(timeout)
        while (item := self._sleep(seat, deadline.remaining())) is None:
            if self.is_closed:
                return self._last_item(ChannelClosedError("the channel is closed"))
            if deadline.remaining() == 0:
                return self._last_item(TimeoutError("nothing was received in time"))
        return item

    def take_nothing_when(self, is_leaving: "Callable[[], object]") -> None:
        """Let `recv_or_wake` take no item any more from when this is true on."""
        recv = self._fifo.recv
        self._take = lambda: None if is_leaving() else recv()

    def recv_or_wake(
        self, seat: int = 0, timeout: float | None = None, spinner: "Spinner | None" = None
    ) -> object:
        """Take the first item, or sleep once: then None, and there may be an item now.

        Wakes for an item, for `ring()` and `close()`, and when the time is over.
        Who gets None must look once more, or `pass_on`: a sender may have chosen this
        bell, and nobody else was woken for its item.

        patience: how often to look before that, if nobody else does on this line.
        """
        if (item := self._take()) is not None:
            return item
        if spinner is None or self._state[_LOOKER] == _LOOKING:
            item = self._spinner.spin(self._glance)
        else:
            item = self._look(spinner)
        return self._sleep(seat, timeout) if item is None else item

    def wake(self, seat: int = 0) -> None:
        """Wake the receiver on a seat, now or when it next sleeps; see `recv_or_wake`."""
        if (wakeup := self._wakeup(seat)) is not None:
            wakeup.wake()

    def pass_on(self) -> None:
        """Wake another receiver: this one was woken, and takes nothing."""
        self._wake_one()

    def leave_seat(self, seat: int) -> None:
        """Have no sender wake the receiver on a seat, until it sleeps there again."""
        self._state[1 + seat] = _AWAKE
        self._state[_LOOKER] = _AWAKE

    def recv_nowait(self) -> object:
        """Take the first item, or return None when there is none."""
        return self._fifo.recv()

    def close(self) -> None:
        """Wake every receiver. Those that find nothing left get ChannelClosedError."""
        self._state[0] = _CLOSED
        is_maker = isinstance(self._descriptors, bytearray)
        seats = list(self._wakeups) if is_maker else range(len(self._descriptors) // (2 * _INT))
        for seat in seats:
            self.wake(seat)

    def closing_steps(self, seat: int = 0) -> "list[Callable[[], object]]":
        """Return what closes the line by C code alone, for one receiver. By who reached it."""
        wakeup = self._wakeup(seat)
        assert wakeup is not None  # it was opened
        close = partial(setitem, self._state, 0, _CLOSED)
        return [close, partial(write, wakeup.token[1], WAKE)]

    def release(self) -> None:
        """Let go of the line's memory: the last act of one who reached it."""
        if isinstance(self._state, memoryview) and isinstance(self._descriptors, memoryview):
            self._state.release()
            self._descriptors.release()

    def destroy(self) -> None:
        """Give everything back. Only the maker may, when nobody uses it any more."""
        self._fifo.destroy()
        for wakeup in self._wakeups.values():
            wakeup.close()

    def _sleep(self, seat: int, timeout: float | None) -> object:
        """Take an item; if there is none, sleep once before that. None: there may be one now."""
        try:
            self._state[1 + seat] = _ASLEEP
            item = self._take()
            # A closing rings all bells, but a bell may have been heard already.
            if item is None and self._state[0] != _CLOSED:
                wakeup = self._wakeup(seat)
                assert wakeup is not None  # it was opened
                wakeup.wait(timeout)
                item = self._take()
        except BaseException:
            # A sender may have chosen this seat an instant ago, for an item
            # that is now left to nobody: pass the wake-up on.
            self._state[1 + seat] = _AWAKE
            self._wake_one()
            raise
        self._state[1 + seat] = _AWAKE
        if item is not None and self._fifo.count():
            # Another sender may have chosen this seat, too, for another item than this one.
            self._wake_one()
        return item

    def _look(self, spinner: Spinner) -> object:
        """Look for an item, for so long that the next sender need not wake anybody.

        The item that is taken may be another one than his: then another receiver is woken
        for that. He had sent it before he relied on this one.
        """
        state, is_relied_on = self._state, True
        try:
            state[_LOOKER] = _LOOKING
            item = spinner.spin(self._glance)
            is_relied_on = item is not None  # else it looks again before it sleeps
        finally:
            state[_LOOKER] = _AWAKE
            if is_relied_on and self._fifo.count():
                self._wake_one()
        return item

    def _glance(self) -> object:
        """Take an item, if one was sent since the last look.

        The byte that says so costs half of a look into the line, and nobody needs the
        mutex for it that all lines of the process share.
        """
        state = self._state
        if state[_NEWS] != _SENT:
            return None
        state[_NEWS] = _AWAKE
        return self._take()

    def _last_item(self, error: Exception) -> object:
        """Look once more before giving up.

        What was sent before the closing comes before it; and a sender that chose
        this seat's bell has sent its item by now.
        """
        if (item := self._fifo.recv()) is None:
            raise error
        return item

    def _wake_one(self) -> None:
        """Wake one receiver that sleeps, if there is one."""
        state = self._state
        seats = state if isinstance(state, bytearray) else state.tobytes()
        if seats[_LOOKER] == _LOOKING:
            state[_LOOKER] = _AWAKE  # for one item only
            return
        # Twice at once, two senders may ring one bell. Who is woken looks whether there
        # are more items than the one that it takes.
        seat = seats.find(_ASLEEP)
        if seat > 0 and (wakeup := self._wakeup(seat - 1)) is not None:
            state[seat] = _AWAKE
            wakeup.wake()
