"""The calls of a pool that have not ended: the backlog, and those that were sent.

    backlog  --send-->  out  --settle-->  (answered)
       ^                 |
       +-----recall------+---drop------>  (stopped, lost, or out of time)

A call is recalled as long as no worker has begun it. Only a bounded number of calls is out,
because a sent call is copied, and harder to cancel. How many is measured: see `_measure`.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from contextlib import suppress

from interpexec._core.cpython import NotShareableError
from interpexec._core.sigint import keep_whole
from interpexec._pool.bundles import LEAST_AHEAD as BUNDLED_FROM
from interpexec._pool.bundles import Bundles
from interpexec._pool.clock import Clock
from interpexec._pool.future import AnyFuture
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
    from interpexec._pool.workers import Workers
    from interpexec._worker.wire import Message

    class Source(Protocol):
        """A map that was accepted, and whose calls come bit by bit."""

        def close(self, error: BaseException | None) -> None:
            """Bring no further call. The items that are left fail, or (None) are cancelled."""

        def workers_are_idle(self) -> None:
            """Learn that workers have nothing to do."""

        def look(self) -> None:
            """See whether a call takes long."""

        def renew_lock(self) -> None:
            """Make a new lock, in a forked child."""


keep_whole()


type Entry = tuple[AnyFuture | None, Packed, int]
"""An answer that is to be settled: a future (None: the call was dropped, or this is a notice), a
payload, its kind."""
type Entries = deque[Entry | Callable[[], object]] | list[Entry]

# How many calls may be out, beyond one for each worker. One keeps the workers
# busy as long as calls are longer than the collector takes. For shorter ones it
# grows, twofold each time that the workers ran dry, up to what `lending` allows.
LEAST_AHEAD = 1

_NOBODY = None, None


def _rank(future: AnyFuture) -> int:
    return -future._priority


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
    """The calls of a pool that are not settled. Used under the pool's lock only."""

    def __init__(
        self, nudge: "Callable[[], None]" = lambda: None, *, is_bundled: bool = True
    ) -> None:
        """Make an empty table.

        nudge: has the collector send calls, soon. is_bundled: whether one message may bring
        several calls.
        """
        self.backlog: deque[AnyFuture] = deque()
        self.is_ranked = False  # there may be priorities
        self.out: dict[int, AnyFuture] = {}  # by call id
        # Over the control channels, by call id: the call, and the worker.
        self.asked: dict[int, tuple[AnyFuture, WorkerThread]] = {}
        self.released: deque[AnyFuture] = deque()  # to be destroyed without the lock
        self.is_cancelled = False  # the backlog was, and what comes back to it is
        self.unwanted: list[AnyFuture] = []  # to be cancelled because of that
        self.sources: set[Source] = set()  # what will bring further calls
        self._ahead = LEAST_AHEAD
        self.bundles = Bundles(are_allowed=is_bundled)
        self._nudge = nudge
        self._loans: dict[int, Loan] = {}  # by call id
        # The ids of calls that a worker may have taken, which was lost: see `suspect`.
        self._suspects: set[int] = set()

    def __len__(self) -> int:
        """Return how many calls are not settled."""
        return len(self.backlog) + len(self.out)

    def is_clear(self) -> bool:
        """Say whether there is no call, and no source will bring one."""
        return not (self.backlog or self.out or self.sources)

    def enqueue(self, future: AnyFuture) -> None:
        """Put a call into the backlog: behind those whose priority is the same, or higher."""
        backlog = self.backlog
        self.is_ranked |= future._priority != 0
        if not backlog or backlog[-1]._priority >= future._priority:
            backlog.append(future)
        else:
            backlog.insert(bisect_right(backlog, -future._priority, key=_rank), future)

    def _put_back(self, future: AnyFuture) -> None:
        """Put a call back that was sent: before those whose priority is the same, or lower."""
        backlog = self.backlog
        if not backlog or backlog[0]._priority <= future._priority:
            backlog.appendleft(future)
        else:
            backlog.insert(bisect_left(backlog, -future._priority, key=_rank), future)

    def send(self, link: Link, workers: int, clock: Clock) -> bool:
        """Send calls of the backlog to the workers while there is room.

        Return whether the clock is due earlier than it was.
        """
        is_sooner = False
        most = workers + min(self._ahead, LOANS.most_ahead(workers))
        bundles = self.bundles
        is_bundled = self._ahead >= BUNDLED_FROM and bundles.begin(self._ahead, workers)
        while self.backlog and len(self.out) < most:
            future = self.backlog[0]
            if not isinstance(future._payload, bytes) and not self._lend(future):
                break
            self.backlog.popleft()
            payload = future._payload
            if not future._mark_sent():
                # Kept until the lock is free: its destructor may run the user's code.
                self.released.append(future)
                self._forget_loan(future)
                continue
            assert payload is not None
            self.out[future._call_id] = future
            future._payload = None
            if (limit := future._limit) is not None:
                is_sooner |= clock.expect(limit)
            try:
                if is_bundled and bundles.take(link, payload, future._call_id, limit):
                    continue
                link.send(payload, future._call_id, 0 if limit is None else wire.LIMITED)
            except BaseException:  # no memory is left
                self._put_back_bundle()
                if self.out.pop(future._call_id, None) is not None:
                    self._forget_loan(future)
                raise
        if is_bundled:
            try:
                is_sooner |= bundles.end(link, clock)
            except BaseException:  # no memory is left
                self._put_back_bundle()
                raise
        return is_sooner

    def _put_back_bundle(self) -> None:
        """Put the calls back that could not be sent."""
        for payload, call_id, _ in reversed(self.bundles.left()):
            if (future := self._recalled(payload, call_id)) is not None:
                self._put_back(future)

    def _lend(self, future: AnyFuture) -> bool:
        """Lend the out-of-band data of a call; False when there is no room for it yet."""
        payload = future._payload
        if payload is None or not payload.weight:  # type: ignore[union-attr]  # a Package
            return True
        LOANS.wait_no_more(self._nudge)
        loan = LOANS.lend(payload, FOR_CALLS, len(self.out), self._nudge)  # type: ignore[arg-type]  # a Package
        if loan is None:
            return False
        self._loans[future._call_id] = loan
        return True

    def lend_to_all(self, payloads: list[Packed]) -> list[Loan | None]:
        """Lend the out-of-band data of a broadcast, or raise NotShareableError."""
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
        self.asked[future._call_id] = future, worker
        if loan is not None:
            self._loans[future._call_id] = loan

    def drop_asked(self, future: AnyFuture) -> "WorkerThread | None":
        """Take what a worker was asked off the table; return the worker, None if there is none."""
        _, worker = self.asked.pop(future._call_id, _NOBODY)
        if worker is not None:
            self._forget_loan(future)
        return worker

    def _forget_loan(self, future: AnyFuture) -> None:
        """Forget what was lent with a call that is not answered."""
        if self._loans and (loan := self._loans.pop(future._call_id, None)) is not None:
            LOANS.forget(loan)

    def settle(self, replies: "list[Message]", entries: "Entries") -> None:
        """Take the answered calls off the table, and put what is to be settled into `entries`.

        Where memory runs out in the middle, each call is in one of the two.
        """
        LOANS.wait_no_more(self._nudge)  # calls are sent after this anyway
        answers = list(map(wire.unseal, replies))
        if self.bundles.were_sent:
            answers = wire.unbundle(answers)
        self._measure(len(answers))
        for payload, call_id, kind in answers:
            if kind == wire.RETURNED:
                self._take_returned(payload, call_id)
                continue
            future = self.out.get(call_id)
            if future is None:
                future, _ = self.asked.get(call_id, _NOBODY)
            entries.append((future, payload, kind))
            if self.out.pop(call_id, None) is None:
                self.asked.pop(call_id, None)
            if self._loans and (loan := self._loans.pop(call_id, None)) is not None:
                LOANS.settle(loan)

    def _take_returned(self, payload: Packed, call_id: int) -> None:
        """Put a call that a worker has not begun at the head of the backlog.

        Because that is damaged, or leaves, or runs a long one.
        """
        self._suspects.discard(call_id)
        if call_id in self.bundles.ids:  # not as short as they were
            self._ahead = LEAST_AHEAD
        if (future := self._recalled(payload, call_id)) is None:
            return
        if self.is_cancelled:
            self.unwanted.append(future)
        else:
            self._put_back(future)

    def _measure(self, answered: int) -> None:
        """Adapt how many calls the workers have ahead.

        No clock is needed: when all calls that were out have been answered before the
        collector looked, the workers ran dry; when few have, they had more than enough.
        When there is no backlog, it starts anew.
        """
        if answered >= len(self.out):
            self._ahead = min(2 * self._ahead, MOST_AHEAD) if self.backlog else LEAST_AHEAD
        elif 0 < 4 * answered <= self._ahead:
            self._ahead = max(self._ahead // 2, LEAST_AHEAD)

    def recall(self, link: Link) -> None:
        """Recall the calls that no worker has begun, to the head of the backlog."""
        recalled = [self._recalled(payload, call_id) for payload, call_id in link.recall()]
        for future in reversed(recalled):
            if future is not None:
                self._put_back(future)

    def _recalled(self, payload: Packed, call_id: int) -> AnyFuture | None:
        """Move a call that was out back to PENDING; None if it was stopped or cancelled."""
        future = self.out.pop(call_id, None)
        if future is None:
            return None
        self.bundles.ids.discard(call_id)
        self._forget_loan(future)
        wire.end_lease(payload)  # there will be another one
        # In this order: a thread that cancels it from now on releases the payload.
        future._payload = payload
        if future._mark_recalled():
            return future
        future._payload = None
        return None

    def recall_one(self, link: Link, future: AnyFuture) -> bool:
        """Recall all calls because of one; say whether no worker has begun that one.

        Fewer calls are sent ahead for a while.
        """
        if future._call_id not in self.out:
            return False
        self.recall(link)
        self._ahead = LEAST_AHEAD
        return future._call_id not in self.out

    def withdraw(self, link: Link, future: AnyFuture) -> bool:
        """Recall a call and take it off the table; False if a worker has begun it."""
        if not self.recall_one(link, future):
            return False
        with suppress(ValueError):  # it was cancelled just now
            self.backlog.remove(future)
        future._payload = None
        return True

    def take_backlog(self) -> list[AnyFuture]:
        """Take the backlog off the table."""
        futures = list(self.backlog)
        self.backlog.clear()
        return futures

    def drop_asked_of(self, worker: "WorkerThread") -> list[AnyFuture]:
        """Take what a worker was asked, and never answers, off the table."""
        ids = [call_id for call_id, (_, whom) in self.asked.items() if whom is worker]
        futures = [self.asked.pop(call_id)[0] for call_id in ids]
        for future in futures:
            self._forget_loan(future)
        return futures

    def suspect(self, link: Link) -> bool:
        """Suspect the calls that no worker has begun of being lost; return if there are any.

        A worker may have been lost just when it had taken one. Calls on their way from the
        request queue to another worker are suspected, too, for as long as that takes.
        """
        if not link.is_closing:
            self.recall(link)
        self._suspects.update(self.out)
        return bool(self._suspects)

    def drop_suspects(self, running: "Container[int]") -> list[AnyFuture]:
        """Take the suspected calls off the table that no worker runs; return them."""
        suspects, self._suspects = self._suspects, set()
        lost = (self.drop(call_id) for call_id in suspects if call_id not in running)
        return [future for future in lost if future is not None]

    def drop(self, call_id: int) -> AnyFuture | None:
        """Take a call off the table that is out; None if it is not. Its answer is thrown away."""
        future = self.out.pop(call_id, None)
        if future is not None:
            self._forget_loan(future)
        return future

    def close(self) -> list[AnyFuture]:
        """Take all calls that are out off the table, as the last worker is gone; return them."""
        LOANS.wait_no_more(self._nudge)
        calls = list(self.out.values())
        for loan in self._loans.values():
            LOANS.forget(loan)
        self._loans.clear()
        self.out.clear()
        self.asked.clear()
        return calls

    def look_at_bundles(self, link: Link, workers: "Workers", clock: Clock) -> None:
        """Have calls handed back that wait for a long one in their bundle: the clock was due.

        Where all workers are busy with long ones, fewer are sent ahead for a while.
        """
        if self.bundles.look(link, self.out, workers, clock):
            self.recall(link)
            self._ahead = LEAST_AHEAD

    def leave_one_for_each(self, link: Link, workers: int, clock: Clock) -> None:
        """Recall the calls that are out beyond one for each worker."""
        self.recall(link)
        self.is_cancelled = True
        self._ahead = 0  # for good: no call comes after this
        self.send(link, workers, clock)
