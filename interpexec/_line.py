"""Lines between interpreters: a raw first-in-first-out of objects, and kernel wake-ups.

A `Line` has any number of senders and a fixed number of receivers, each of
which sits on a *seat* of its own: a byte of shared memory that says whether
it sleeps, and a `Bell` that wakes it.

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
"""

from interpexec._bell import Bell
from interpexec._patience import Patience
from interpexec._runtime import Fifo
from interpexec.errors import ChannelClosedError

# The values in the shared bytes. Byte 0 is the line's, the seats follow.
_AWAKE, _ASLEEP, _CLOSED = 0, 1, 2

# How often a receiver looks at an empty line before it sleeps (0.2 µs a look), if it does
# not say. None: it sleeps between any two small messages, and each costs a wake-up of
# tens of µs. A hundred: the lookers contend for the mutex that all lines of the
# process share. Twenty was best by measurement: 42 k -> 55-75 k no-ops a second.
_LOOKS = 20

type Token = tuple[int, memoryview, tuple[tuple[int, tuple[int, int]], ...]]


class Line:
    """A line of objects from any sender to whichever receiver is free.

    Send and receive from any thread of any interpreter, but let one thread at
    a time use a seat. What may be sent: see `Fifo`. The maker keeps the line
    alive; others reach it by its token and `release()` it before their
    interpreter ends.
    """

    def __init__(self, seats: int = 1, *, token: Token | None = None) -> None:
        """Make a new line with so many seats, or reach the one `token` names."""
        self._patience = Patience(_LOOKS)
        self._state: bytearray | memoryview
        if token is None:
            self._fifo = Fifo()
            self._state = bytearray(1 + seats)
            self._bells: dict[int, Bell] = {}
        else:
            line, self._state, bells = token
            self._fifo = Fifo(line)
            self._bells = {seat: Bell(bell) for seat, bell in bells}

    @property
    def token(self) -> Token:
        """What reaches this line from another interpreter. It is shareable.

        It holds a view of the line's memory; the receiver's copy pins it.
        """
        bells = tuple((seat, bell.token) for seat, bell in list(self._bells.items()))
        return self._fifo.id, memoryview(self._state), bells

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is to come. What came before may still be there."""
        return self._state[0] == _CLOSED

    def open_seat(self, seat: int = 0) -> None:
        """Let somebody receive on a seat. By the maker, before the token is taken.

        A seat costs descriptors only from then on. Who reached the line before
        does not know it, and never wakes its receiver: open the seats first, or
        let only the maker send.
        """
        if seat not in self._bells:
            self._bells[seat] = Bell()

    def send(self, item: object) -> None:
        """Append `item` and wake a receiver that sleeps. Never blocks.

        Raises `NotShareableError` when the item cannot be sent. A closed
        line still takes items; whether anybody takes them is the owner's
        business.
        """
        self._fifo.send(item)
        self._wake_one()

    def recv(self, seat: int = 0, timeout: float | None = None) -> object:
        """Take the first item; wait for it at most `timeout` seconds (None: forever).

        Raises `ChannelClosedError` when the line is closed and nothing is
        left in it, `TimeoutError` when the time is over. Blocks without the GIL.
        """
        from interpexec._deadline import Deadline  # not what workers do

        if (item := self._patience.look(self._fifo.recv)) is not None:
            return item
        deadline = Deadline(timeout)
        while (item := self._sleep(seat, deadline.remaining())) is None:
            if self.is_closed:
                return self._last_item(ChannelClosedError("the channel is closed"))
            if deadline.remaining() == 0:
                return self._last_item(TimeoutError("nothing was received in time"))
        return item

    def recv_or_ring(
        self, seat: int = 0, timeout: float | None = None, patience: "Patience | None" = None
    ) -> object:
        """Take the first item, or sleep once: then None, and there may be an item now.

        Wakes for an item, for `ring()` and `close()`, and when the time is over.
        Who gets None must look once more, if only to leave: a sender may have
        chosen this bell, and nobody else was woken for its item.

        patience: how often to look before that.
        """
        if (item := (patience or self._patience).look(self._fifo.recv)) is not None:
            return item
        return self._sleep(seat, timeout)

    def ring(self, seat: int = 0) -> None:
        """Wake the receiver on a seat, now or when it next sleeps; see `recv_or_ring`."""
        self._bells[seat].ring()

    def pass_on(self) -> None:
        """Wake another receiver: this one was woken, and takes nothing."""
        self._wake_one()

    def leave_seat(self, seat: int) -> None:
        """Have no sender wake the receiver on a seat, until it sleeps there again."""
        self._state[1 + seat] = _AWAKE

    def recv_nowait(self) -> object:
        """Take the first item, or return None when there is none."""
        return self._fifo.recv()

    def close(self) -> None:
        """Wake every receiver. Those that find nothing left get ChannelClosedError."""
        self._state[0] = _CLOSED
        for bell in list(self._bells.values()):
            bell.ring()

    def release(self) -> None:
        """Let go of the line's memory: the last act of one who reached it."""
        if isinstance(self._state, memoryview):
            self._state.release()

    def destroy(self) -> None:
        """Give everything back. Only the maker may, when nobody uses it any more."""
        self._fifo.destroy()
        for bell in self._bells.values():
            bell.close()

    def _sleep(self, seat: int, timeout: float | None) -> object:
        """Take an item, or sleep once and return None: there may be one now."""
        try:
            self._state[1 + seat] = _ASLEEP
            item = self._fifo.recv()
            # A closing rings all bells, but a bell may have been heard already.
            if item is None and self._state[0] != _CLOSED:
                self._bells[seat].wait(timeout)
        except BaseException:
            # A sender may have chosen this seat an instant ago, for an item
            # that is now left to nobody: pass the wake-up on.
            self._state[1 + seat] = _AWAKE
            self._wake_one()
            raise
        self._state[1 + seat] = _AWAKE
        return item

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
        # Twice at once, two senders may ring one bell: the second ring is heard
        # as a wake-up for nothing. Neither has missed a sleeper, because the
        # woken one looks at the line before it sleeps again.
        seat = seats.find(_ASLEEP)
        if seat > 0 and (bell := self._bells.get(seat - 1)) is not None:
            try:
                state[seat] = _AWAKE
            finally:  # also when Ctrl-C comes in between: nobody else would ring
                bell.ring()
