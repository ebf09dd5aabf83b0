"""The slots of a pool's workers: memory that a worker writes, and the pool reads."""

from array import array

from interpexec._worker.wire import BESIDE, CALL, DONE, HELD, LEAVE, SINCE, WORDS


class Slots:
    """The slots of all seats."""

    def __init__(self, seats: int) -> None:
        """Make them, all zero."""
        self._words = array("Q", bytes(8 * WORDS * seats))
        self._clear = array("Q", bytes(8 * WORDS))

    def clear(self, seat: int) -> None:
        """Make the slot of a seat fit for its next worker."""
        start = WORDS * seat
        self._words[start : start + WORDS] = self._clear

    def view(self, seat: int) -> memoryview:
        """Return the slot of a seat, for its worker, which lets it go at its end."""
        start = WORDS * seat
        return memoryview(self._words)[start : start + WORDS]

    def call(self, seat: int) -> int:
        """Return the id of the call that the worker on `seat` runs, or 0."""
        return self._words[WORDS * seat + CALL]

    def done(self, seat: int) -> int:
        """Return how many calls the worker on `seat` has run."""
        return self._words[WORDS * seat + DONE]

    def running(self, seat: int) -> tuple[int, float]:
        """Return the id of the running call, or 0, and since when (`time.monotonic()`).

        The worker writes the time first, so the pair belongs together if the id is
        still the same after the time was read.
        """
        words, start = self._words, WORDS * seat
        while True:
            call_id, since = words[start + CALL], words[start + SINCE]
            if words[start + CALL] == call_id:
                return call_id, since / 1e9

    def beside(self, seat: int) -> int:
        """Return the id of what was broadcast and runs in the worker on `seat`, or 0."""
        return self._words[WORDS * seat + BESIDE]

    def may_hold(self, seat: int) -> bool:
        """Say whether the worker on `seat` may hold calls of a bundle, or their answers."""
        return bool(self._words[WORDS * seat + HELD])

    def order_to_leave(self, seat: int) -> None:
        """Have the worker on `seat` take no further call."""
        self._words[WORDS * seat + LEAVE] = 1
