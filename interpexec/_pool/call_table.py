"""The books of a pool: which calls wait at home, and which are out with the workers.

    pending  --feed-->  out  --take_off-->  settled
       ^                 |
       +-----recall------+   as long as no worker has begun them

Only a bounded number is out, because what is out is copied, and hard to cancel.
How many is not configured and not guessed at: see `_measure`.
"""

from collections import deque
from contextlib import suppress

from interpexec._core.cpython import NotShareableError
from interpexec._core.sigint import keep_whole
from interpexec._pool.clock import Clock
from interpexec._pool.future import CallFuture
from interpexec._pool.lending import (
    FOR_BROADCASTS,
    FOR_CALLS,
    LOANS,
    MOST_AHEAD,
    MOST_FOR_ALL,
    Loan,
)
from interpexec._pool.link import Link
from interpexec._sharing.package import Packed
from interpexec._worker import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from typing import Protocol

    from interpexec._pool.worker_thread import WorkerThread
    from interpexec._worker.wire import Message

    class Source(Protocol):
        """What was accepted, and comes as calls bit by bit: a map."""

        def close(self, error: BaseException | None) -> None:
            """Bring no further call; what would have, fails, or (None) is cancelled."""

        def workers_are_idle(self) -> None:
            """Learn that workers have nothing to do."""

        def renew_lock(self) -> None:
            """Make a new lock, in a forked child."""


keep_whole()


type AnyFuture = CallFuture[object]
type Entry = tuple[AnyFuture | None, Packed, int]
"""What is to be settled: a future (None: it was given up, or this is a notice), a
payload, its kind."""

# How many calls may be out, beyond one for each worker. One keeps the workers
# busy as long as calls are longer than home takes to answer. For shorter ones it
# grows, twofold each time that the workers ran dry, up to what `lending` allows.
LEAST_AHEAD = 1

_NOBODY = None, None


def check_weight(payload: Packed, workers: int) -> None:
    """Raise NotShareableError when more is lent to all workers than can be given back."""
    weight = 0 if isinstance(payload, bytes) else payload.weight
    if weight * workers > MOST_FOR_ALL:
        message = (
            f"{weight} views of memory for each of {workers} workers are more than"
            f" {MOST_FOR_ALL}: put what they show into a SharedBuffer"
        )
        raise NotShareableError(message)


class CallTable:
    """The calls of a pool that are not settled. Used under the engine's lock only."""

    def __init__(self, nudge: "Callable[[], None]" = lambda: None) -> None:
        """Open empty books. nudge: has somebody feed, soon."""
        self.pending: deque[AnyFuture] = deque()
        self.out: dict[int, AnyFuture] = {}  # by call id
        # Over the callback channels, by call id: what, and of whom.
        self.asked: dict[int, tuple[AnyFuture, WorkerThread]] = {}
        self.cancelled: deque[AnyFuture] = deque()  # to be let go without the lock
        self.sources: set[Source] = set()  # what will bring further calls
        self._ahead = LEAST_AHEAD
        self._nudge = nudge
        self._loans: dict[int, Loan] = {}  # by call id
        # The ids of calls that a worker may have taken, which was lost: see `suspect`.
        self._suspects: set[int] = set()

    def __len__(self) -> int:
        """Return how many calls are not settled."""
        return len(self.pending) + len(self.out)

    def is_clear(self) -> bool:
        """Say whether nothing is to be done, nor will be by what was accepted."""
        return not (self.pending or self.out or self.sources)

    def feed(self, link: Link, workers: int, clock: Clock) -> bool:
        """Send pending calls to the workers while there is room.

        Return whether somebody must look at the clock earlier than was known.
        """
        is_sooner = False
        most = workers + min(self._ahead, LOANS.most_ahead(workers))
        while self.pending and len(self.out) < most:
            future = self.pending[0]
            if not isinstance(future.payload, bytes) and not self._lend(future):
                break
            self.pending.popleft()
            payload = future.payload
            if not future.begin():
                # Kept until the lock is free: its end may run the user's code.
                self.cancelled.append(future)
                self._forget_loan(future)
                continue
            assert payload is not None
            self.out[future.call_id] = future
            future.payload = None
            if future.limit is not None:
                is_sooner |= clock.expect(future.limit)
            try:
                link.send(payload, future.call_id)
            except BaseException:  # there is no memory
                del self.out[future.call_id]
                self._forget_loan(future)
                raise
        return is_sooner

    def _lend(self, future: AnyFuture) -> bool:
        """Lend what lies beside the pickle of a call; False when there is no room for it yet."""
        payload = future.payload
        if payload is None or not payload.weight:  # type: ignore[union-attr]  # a Package
            return True
        LOANS.wait_no_more(self._nudge)
        loan = LOANS.lend(payload, FOR_CALLS, len(self.out), self._nudge)  # type: ignore[arg-type]  # as above
        if loan is None:
            return False
        self._loans[future.call_id] = loan
        return True

    def lend_to_all(self, payloads: list[Packed]) -> list[Loan | None]:
        """Lend what lies beside the pickles of a broadcast, or raise NotShareableError."""
        loans: list[Loan | None] = []
        for payload in payloads:
            if isinstance(payload, bytes) or not payload.weight:
                loans.append(None)
                continue
            loan = LOANS.lend(payload, FOR_BROADCASTS, len(self.out))
            if loan is None:
                for each in loans:
                    if each is not None:
                        LOANS.forget(each)
                raise NotShareableError(
                    "so many views of memory are lent to calls that there is no room for these:"
                    " put what they show into a SharedBuffer, or wait for some of the calls"
                )
            loans.append(loan)
        return loans

    def ask(self, future: AnyFuture, worker: "WorkerThread", loan: Loan | None) -> None:
        """Note what a worker was asked."""
        self.asked[future.call_id] = future, worker
        if loan is not None:
            self._loans[future.call_id] = loan

    def unask(self, future: AnyFuture) -> "WorkerThread | None":
        """Note that no answer is waited for; return whom it was asked of, None if nobody."""
        _, worker = self.asked.pop(future.call_id, _NOBODY)
        if worker is not None:
            self._forget_loan(future)
        return worker

    def _forget_loan(self, future: AnyFuture) -> None:
        """Forget what was lent with a call that nobody answers."""
        if self._loans and (loan := self._loans.pop(future.call_id, None)) is not None:
            LOANS.forget(loan)

    def take_off(self, replies: "list[Message]") -> list[Entry]:
        """Strike off the calls that have been answered; return what is to be settled."""
        LOANS.wait_no_more(self._nudge)  # there will be a feeding
        self._measure(len(replies))
        entries: list[Entry] = []
        for payload, call_id, kind in map(wire.unseal, replies):
            if kind == wire.RETURNED:
                self._take_returned(payload, call_id)
                continue
            future = self.out.pop(call_id, None)
            if future is None:
                future, _ = self.asked.pop(call_id, _NOBODY)
            entries.append((future, payload, kind))
            if self._loans and (loan := self._loans.pop(call_id, None)) is not None:
                LOANS.settle(loan)
        return entries

    def _take_returned(self, payload: Packed, call_id: int) -> None:
        """Let a call wait anew, before all others, which a damaged worker could not begin."""
        self._suspects.discard(call_id)
        if (future := self._bring_home(payload, call_id)) is not None:
            self.pending.appendleft(future)

    def _measure(self, answered: int) -> None:
        """Adapt how far the workers are kept ahead.

        No clock is needed: when all that was out has come back before home
        looked, the workers ran dry; when little has, they had more than enough.
        When there is nothing left to do, it starts anew.
        """
        if answered >= len(self.out):
            self._ahead = min(2 * self._ahead, MOST_AHEAD) if self.pending else LEAST_AHEAD
        elif 0 < 4 * answered <= self._ahead:
            self._ahead = max(self._ahead // 2, LEAST_AHEAD)

    def recall(self, link: Link) -> None:
        """Take the calls back that no worker has begun, before all that is pending."""
        recalled = [self._bring_home(payload, call_id) for payload, call_id in link.recall()]
        self.pending.extendleft(future for future in reversed(recalled) if future is not None)

    def _bring_home(self, payload: Packed, call_id: int) -> AnyFuture | None:
        """Return a call that was out to PENDING; None if nobody wants it any more."""
        future = self.out.pop(call_id, None)
        if future is None:
            return None  # it was stopped
        self._forget_loan(future)
        wire.end_lease(payload)  # there will be another one
        # In this order: who cancels it from now on lets go of the payload.
        future.payload = payload
        if future.become_pending():
            return future
        future.payload = None
        return None

    def take_back(self, link: Link, future: AnyFuture) -> bool:
        """Take a call out of the request channel; say whether no worker has begun it.

        Fewer calls are sent ahead for a while.
        """
        if future.call_id not in self.out:
            return False
        self.recall(link)
        self._ahead = LEAST_AHEAD
        return future.call_id not in self.out

    def withdraw(self, link: Link, future: AnyFuture) -> bool:
        """Take a call out of the books that no worker has begun; say whether that is so."""
        if not self.take_back(link, future):
            return False
        with suppress(ValueError):  # it was cancelled just now
            self.pending.remove(future)
        future.payload = None
        return True

    def take_pending(self) -> list[AnyFuture]:
        """Take what is pending out of the books."""
        futures = list(self.pending)
        self.pending.clear()
        return futures

    def give_up(self, future: AnyFuture) -> bool:
        """Take a call out of the books that is out; say whether it was.

        What its worker may answer is thrown away.
        """
        if self.out.pop(future.call_id, None) is None:
            return False
        self._forget_loan(future)
        return True

    def strike_off_asked(self, worker: "WorkerThread") -> list[AnyFuture]:
        """Take what a worker was asked, and never answers, off the books."""
        ids = [call_id for call_id, (_, whom) in self.asked.items() if whom is worker]
        futures = [self.asked.pop(call_id)[0] for call_id in ids]
        for future in futures:
            self._forget_loan(future)
        return futures

    def suspect(self, link: Link) -> bool:
        """Suspect the calls that no worker has begun of being lost; return if there are any.

        A worker may have been lost just when it had taken one. Those that are on their way
        between a line and a worker are suspected, too: for as long as that takes.
        """
        if not link.is_closing:
            self.recall(link)
        self._suspects.update(self.out)
        return bool(self._suspects)

    def strike_off_suspects(self, running: "Container[int]") -> list[AnyFuture]:
        """Take the suspected calls off the books that no worker runs; return them."""
        suspects, self._suspects = self._suspects, set()
        lost = (self.strike_off(call_id) for call_id in suspects if call_id not in running)
        return [future for future in lost if future is not None]

    def strike_off(self, call_id: int) -> AnyFuture | None:
        """Take a call off the books that is out, and that nobody answers."""
        future = self.out.pop(call_id, None)
        if future is not None:
            self._forget_loan(future)
        return future

    def close(self) -> list[AnyFuture]:
        """Take all off the books that is out, as the last worker is gone; return the calls."""
        LOANS.wait_no_more(self._nudge)
        calls = list(self.out.values())
        for loan in self._loans.values():
            LOANS.forget(loan)
        self._loans.clear()
        self.out.clear()
        self.asked.clear()
        return calls

    def leave_one_for_each(self, link: Link, workers: int, clock: Clock) -> None:
        """Take back what is out beyond one call for each worker."""
        self.recall(link)
        self._ahead = 0  # for good: no call comes after this
        self.feed(link, workers, clock)
