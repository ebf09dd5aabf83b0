"""Message queues between interpreters: a first-in-first-out of objects, with wake-ups.

A `MessageQueue` has any number of senders and a fixed number of receivers. Each receiver has a
*seat*: a byte of shared memory that says whether it sleeps, and a `Wakeup` that wakes it.

    sender                                receiver on seat 3
    ------                                ------------------
    fifo.send(item)                       item = fifo.recv()        empty?
    seat = state.find(ASLEEP)             state[3] = ASLEEP
    state[seat] = AWAKE                   item = fifo.recv()        still empty?
    wakeups[seat].wake()                  wakeups[3].wait()         then again

A receiver that does not sleep is not woken, so a busy queue costs no system call at
all: with small messages the wake-ups are the price, not the copying.

Why no wake-up is lost. The sender writes the queue, then reads the state; the
receiver writes the state, then reads the queue. Each access to the queue is
made under its mutex.
1. If the receiver's second `recv` came before the sender's `send`, its ASLEEP was written
   before that mutex was handed over: the sender sees it, and wakes the receiver.
2. If it came after, the receiver takes the item.
A receiver may also be woken for an item that another one has taken already: it finds
nothing, and sleeps again.

A receiver that spins (`_spin`) says so in one more byte: then no sender wakes another one for
the next item.
1. The spinning receiver finds the item that was sent.
2. When it stops spinning, it first takes that byte back, and then makes sure that no item is
   left that nobody was woken for.
"""

from _functools import partial
from _operator import setitem
from os import write

from interpexec._core.cpython import Fifo, own_builtins
from interpexec._core.sigint import keep_whole
from interpexec._core.waiting import WAKE, Spinner, Wakeup

own_builtins(globals())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

keep_whole()

# The values in the shared bytes. The first byte is the queue's, those of the seats follow. The
# last but one says whether an item was sent since the last poll; the last one, whether a
# receiver spins now.
_AWAKE, _ASLEEP, _CLOSED, _SPINNING, _SENT = range(5)
_NEWS, _SPINNER = -2, -1

# How often a receiver polls an empty queue before it sleeps (0.07 µs a poll), if it brings no
# spinner, or another receiver spins already: two spinning receivers and a sender are one thread
# too many for two cores. None: it sleeps between any two small messages, and each costs a
# wake-up of tens of µs. Eight to 256 made no difference.
_POLLS = 20

type Token = tuple[int, memoryview, memoryview]
"""The number of the `Fifo`, the bytes above, and the descriptors of the wake-ups by seat."""

# Bytes of a descriptor; a seat has two descriptors. The numbers are one more than the
# descriptors: 0 is none.
_INT = 4


class MessageQueue:
    """A queue of objects from any sender to whichever receiver is free.

    Send and receive from any thread of any interpreter, but let one thread at
    a time use a seat. For the objects that may be sent see `Fifo`. The maker keeps the queue
    alive; others reach it by its token and `release()` it before their
    interpreter ends.
    """

    def __init__(
        self, seats: int = 1, *, token: Token | None = None, fifo: Fifo | None = None
    ) -> None:
        """Make a new queue with so many seats, or reach the one `token` names.

        fifo: the one of a new queue, if it was made before.
        """
        self._spinner = Spinner(_POLLS)
        self._state: bytearray | memoryview
        if token is None:
            self._fifo = Fifo() if fifo is None else fifo
            self._state = bytearray(1 + seats + 2)
            self._descriptors: bytearray | memoryview = bytearray(2 * _INT * seats)
        else:
            fifo_id, self._state, self._descriptors = token
            self._fifo = Fifo(fifo_id)
        self._wakeups: dict[int, Wakeup] = {}  # of the seats that were used
        self._take: Callable[[], object] = self._fifo.recv

    @property
    def token(self) -> Token:
        """A shareable token, by which another interpreter reaches this queue.

        It holds a view of the queue's memory; the receiver's copy pins it.
        """
        return self._fifo.id, memoryview(self._state), memoryview(self._descriptors)

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is to come. Items that came before may still be there."""
        return self._state[0] == _CLOSED

    def open_seat(self, seat: int = 0) -> None:
        """Let a receiver use a seat. By the maker.

        A seat costs descriptors only from then on.
        """
        if seat not in self._wakeups:
            wakeup = self._wakeups[seat] = Wakeup()
            for index, fd in enumerate(wakeup.token, 2 * seat):
                self._descriptors[index * _INT : (index + 1) * _INT] = (fd + 1).to_bytes(_INT)

    def _wakeup(self, seat: int) -> Wakeup | None:
        """Return the wake-up of a seat; None if the seat was never opened."""
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
        queue still takes items; whether anybody takes them is the owner's
        business.
        """
        self._fifo.send(item)
        self._state[_NEWS] = _SENT
        self._wake_one()

    def take_nothing_when(self, is_leaving: "Callable[[], object]") -> None:
        """Have `recv_or_wake` take no item once this function returns something true."""
        recv = self._fifo.recv
        self._take = lambda: None if is_leaving() else recv()

    def recv_or_wake(
        self, seat: int = 0, timeout: float | None = None, spinner: "Spinner | None" = None
    ) -> object:
        """Take the first item, or sleep once: then None, and there may be an item now.

        Wakes for an item, for `wake()` and `close()`, and when the time is over.
        A caller that gets None must try once more, or `pass_on`: a sender may have woken
        this seat for its item, and no other one.

        spinner: how long to spin before that, if no other receiver of the queue spins.
        """
        if (item := self._take()) is not None:
            return item
        if spinner is None or self._state[_SPINNER] == _SPINNING:
            item = self._spinner.spin(self._poll)
        else:
            item = self._spin(spinner)
        return self._sleep(seat, timeout) if item is None else item

    def wake(self, seat: int = 0) -> None:
        """Wake the receiver on a seat, now or when it next sleeps; see `recv_or_wake`."""
        if (wakeup := self._wakeup(seat)) is not None:
            wakeup.wake()

    def is_waited_for(self) -> bool:
        """Say whether a receiver has nothing to do."""
        seats = bytes(self._state)
        return seats[_SPINNER] == _SPINNING or seats.find(_ASLEEP) > 0

    def pass_on(self) -> None:
        """Wake another receiver: this one was woken, and takes nothing."""
        self._wake_one()

    def leave_seat(self, seat: int) -> None:
        """Have no sender wake the receiver on a seat, until it sleeps there again."""
        self._state[1 + seat] = _AWAKE
        self._state[_SPINNER] = _AWAKE

    def recv_nowait(self) -> object:
        """Take the first item, or return None when there is none."""
        return self._fifo.recv()

    def close(self) -> None:
        """Wake every receiver: nothing more is to come. They may take the items that are left."""
        self._state[0] = _CLOSED
        is_maker = isinstance(self._descriptors, bytearray)
        seats = list(self._wakeups) if is_maker else range(len(self._descriptors) // (2 * _INT))
        for seat in seats:
            self.wake(seat)

    def closing_steps(self, seat: int = 0) -> "list[Callable[[], object]]":
        """Return C functions that close the queue for one receiver. Not for its maker."""
        wakeup = self._wakeup(seat)
        assert wakeup is not None  # it was opened
        close = partial(setitem, self._state, 0, _CLOSED)
        return [close, partial(write, wakeup.token[1], WAKE)]

    def release(self) -> None:
        """Let go of the queue's memory: the last act of an interpreter that reached it."""
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
            # Closing wakes all seats, but this one may have taken that wake-up already.
            if item is None and self._state[0] != _CLOSED:
                wakeup = self._wakeup(seat)
                assert wakeup is not None  # it was opened
                wakeup.wait(timeout)
                item = self._take()
        except BaseException:
            # A sender may have woken this seat an instant ago, for an item
            # that nobody takes now: pass the wake-up on.
            self._state[1 + seat] = _AWAKE
            self._wake_one()
            raise
        self._state[1 + seat] = _AWAKE
        if item is not None and self._fifo.count():
            # Another sender may have woken this seat, too, for another item than this one.
            self._wake_one()
        return item

    def _spin(self, spinner: Spinner) -> object:
        """Take an item, spinning for so long that the next sender need not wake a receiver.

        The item that is taken may not be that sender's: then another receiver is woken
        for that. It was sent before its sender relied on this receiver.
        """
        state, is_relied_on = self._state, True
        try:
            state[_SPINNER] = _SPINNING
            item = spinner.spin(self._poll)
            is_relied_on = item is not None  # else it looks again before it sleeps
        finally:
            state[_SPINNER] = _AWAKE
            if is_relied_on and self._fifo.count():
                self._wake_one()
        return item

    def _poll(self) -> object:
        """Take an item, if one was sent since the last poll.

        To read that byte costs half of a look into the `Fifo`, and needs no mutex, which
        all channels of the process share.
        """
        state = self._state
        if state[_NEWS] != _SENT:
            return None
        state[_NEWS] = _AWAKE
        return self._take()

    def _wake_one(self) -> None:
        """Wake one receiver that sleeps, if there is one."""
        state = self._state
        seats = state if isinstance(state, bytearray) else state.tobytes()
        if seats[_SPINNER] == _SPINNING:
            state[_SPINNER] = _AWAKE  # for one item only
            return
        # Two senders at the same time may wake one seat. A woken receiver looks whether there
        # are more items than the one that it takes.
        seat = seats.find(_ASLEEP)
        if seat > 0 and (wakeup := self._wakeup(seat - 1)) is not None:
            state[seat] = _AWAKE
            wakeup.wake()
