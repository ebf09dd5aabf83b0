"""Memory that this interpreter has lent to others, and how much more may be lent.

The receiver of a message, or of a view of memory, releases it by a pending call, which waits
in the lender's interpreter until some thread runs Python there. CPython keeps 300 pending
calls, in the order of the releases, and drops the ones beyond that: their memory then stays
pinned for ever. All pools of the interpreter share the 300, so they are counted here.

    lend           settle                       (CPython makes the call)
    ----->  open  ------->  late, mostly for   ------------------------>  back
                            an instant only

With each message goes a *lease*: a view of a few bytes that the worker releases last, and
before it answers. (A stopped call, and an initializer, are not answered.) The end of a lease is
noted by C code alone. So a thread that makes the pending calls does not hand over the GIL in
the middle of them, and a thread that reads an answer finds the loan back, unless memory was
lent whose owner runs Python to take it back.
"""

import threading
from collections import deque
from functools import partial
from weakref import ref

from interpexec._core.sigint import keep_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from interpexec._sharing.package import Package

keep_whole()

# The pending calls that CPython keeps, less some of workers that come and go.
_ROOM = 300 - 10

MOST_AHEAD = 128
"""How many messages a pool has out at most beyond one for each worker. 128 tiny calls
bridge the 5 ms for which another thread may hold this interpreter's GIL."""

FOR_CALLS, FOR_BROADCASTS, FOR_INITIALIZERS = 160, _ROOM, 1 << 30
"""How much may be lent and not be answered yet, when something is lent to one of these.
So calls leave room for messages. The initializer of a worker cannot wait."""

MOST_FOR_ALL = 160
"""How many views may be lent to all workers of a pool at once."""

_BESIDES = 2  # the lease, and the message itself

_OPEN = -1


class Loan(ref[memoryview]):
    """The memory lent with one message. It is back when its lease does not exist any more."""

    __slots__ = ("is_answered", "number", "settled", "watch", "weight")

    is_answered: bool  # some time: then it is looked for
    number: int
    settled: int  # how many loans had been made when it was settled; _OPEN: it was not
    watch: "ref[memoryview] | None"
    weight: int


class Loans:
    """All loans of this interpreter. From any thread."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Have lent nothing; also in a forked child, where the borrowers do not exist."""
        # Re-entrant for signal handlers that lend, too.
        self._lock = threading.RLock()
        self._pools: set[object] = set()
        self._lent: dict[int, Loan] = {}  # the loans that are not back, by number
        self._made = 0
        self._back: deque[ref[memoryview]] = (
            deque()
        )  # the leases that are, and are in `_lent` still
        self._total = 0  # the weight of all in `_lent`
        self._open = 0  # ... and of those that are not settled
        self._waiting: set[Callable[[], None]] = set()

    def __len__(self) -> int:
        """Return how many loans are not back yet."""
        with self._lock:
            self._collect()
            return len(self._lent)

    # -- messages -----------------------------------------------------------------

    def pool_opens(self, pool: object) -> None:
        """Count one more pool, whose messages need room. Never blocks."""
        self._pools.add(pool)

    def pool_closes(self, pool: object) -> None:
        """Count it out. Never blocks."""
        self._pools.discard(pool)

    def most_ahead(self, workers: int) -> int:
        """Return how many messages a pool may have out beyond one for each worker."""
        pools = len(self._pools)
        if pools < 2 and not self._total:  # noqa: PLR2004  # the pool itself
            return MOST_AHEAD
        room = (_ROOM - self._total) // (pools or 1) - workers
        return max(min(room, MOST_AHEAD), 0)

    # -- out-of-band data ----------------------------------------------------

    def lend(
        self,
        package: "Package",
        most: int,
        out: int = 0,
        tell: "Callable[[], None] | None" = None,
    ) -> Loan | None:
        """Lend the out-of-band data of a pickle, with the next message that it is made into.

        most: FOR_CALLS or the like. out: messages that are out. tell: called once when there is
        more room, if there is none now. It never blocks, and may be called in the middle of
        anything. Returns None when there is no room.
        """
        weight = package.weight + _BESIDES
        with self._lock:
            self._collect()
            is_full = self._open + weight > most or self._total + weight + out > max(most, _ROOM)
            if is_full and self._lent:
                if tell is not None:
                    self._wait(tell)
                return None
            package.lease = memoryview(b"lease")
            loan = Loan(package.lease, self._back.append)
            loan.weight, loan.settled, loan.watch = weight, _OPEN, None
            loan.is_answered = most != FOR_INITIALIZERS
            loan.number = self._made = self._made + 1
            self._lent[loan.number] = loan
            self._total += weight
            self._open += weight
            return loan

    def settle(self, loan: Loan) -> None:
        """Note that the message was answered."""
        with self._lock:
            if loan.settled == _OPEN and loan.number in self._lent:
                loan.settled = self._made
                self._open -= loan.weight
            self._collect()
        self._tell()

    def forget(self, loan: Loan) -> None:
        """Do not wait for a loan any more: its worker may release it at any time, or never."""
        with self._lock:
            self._strike_off(loan)
            self._collect()
        self._tell()

    def _wait(self, tell: "Callable[[], None]") -> None:
        """Have `tell` called, once. Under the lock, so that nothing is settled meanwhile."""
        self._waiting.add(tell)
        for loan in list(self._lent.values()):
            lease = loan()
            if lease is None:
                self._back.append(loan)  # or another thread is about to do this
            elif loan.watch is None and not (loan.is_answered and loan.settled == _OPEN):
                # It is late, and no answer is to come after which to look for it.
                loan.watch = ref(lease, partial(self._is_back_late, loan.number))
            del lease
        if self._back:
            self._tell()

    def wait_no_more(self, tell: "Callable[[], None]") -> None:
        """Do not call `tell` any more."""
        self._waiting.discard(tell)

    def _is_back_late(self, number: int, _: object) -> None:
        # Called before older callbacks of the lease: `_back` does not have it yet.
        if (loan := self._lent.get(number)) is not None:
            self._back.append(loan)
        self._tell()

    def _tell(self) -> None:
        """Call all that wait. In the middle of anything: without the lock."""
        for tell in list(self._waiting):  # not those that are refused again meanwhile
            self._waiting.discard(tell)
            tell()

    def _collect(self) -> None:
        """Strike off the loans that are back, and those lost before them. Under the lock."""
        while self._back:
            loan: Loan = self._back.popleft()  # type: ignore[assignment]  # they are ours
            if not self._strike_off(loan):
                continue
            # Pending calls are made in order. A loan that was released before this one was
            # lent, and is not back, never comes: the room was full.
            for each in list(self._lent.values()):
                if _OPEN < each.settled < loan.number:
                    self._strike_off(each)

    def _strike_off(self, loan: Loan) -> bool:
        if self._lent.pop(loan.number, None) is None:
            return False
        self._total -= loan.weight
        if loan.settled == _OPEN:
            self._open -= loan.weight
        return True


LOANS = Loans()
"""The loans of this interpreter."""
