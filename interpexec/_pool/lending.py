"""What this interpreter has lent to others, and how much more may be on its way.

Who receives a message, or a view of memory, lets go of it by a call that waits in the
lender's interpreter until some thread runs Python there. CPython keeps 300 of those
calls, in the order of letting go, and drops what exceeds them: the memory then stays
pinned for ever. All pools of the interpreter share them, so here are their books.

    lend           settle                       (CPython makes the call)
    ----->  open  ------->  late, mostly for   ------------------------>  back
                            an instant only

With each message goes a *lease*: a view of a few bytes that the worker lets go of last,
and before it answers. (No answer comes from who is stopped, and from an initializer.) Its
end is noted by C code alone. So a thread that makes those calls does not hand over the GIL
in the middle of them, and whoever reads an answer finds the loan back, unless memory was
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

# What CPython keeps, but for some that are not counted: of workers that come and go.
_ROOM = 300 - 10

MOST_AHEAD = 128
"""How many messages a pool has out at most beyond one for each worker. 128 tiny calls
bridge the 5 ms for which another thread may hold home's GIL."""

FOR_CALLS, FOR_BROADCASTS, FOR_INITIALIZERS = 160, _ROOM, 1 << 30
"""How much may be lent and not be answered yet, when something is lent to one of these.
So calls leave room for messages. The initializer of a worker cannot wait."""

MOST_FOR_ALL = 160
"""How many views may be lent to all workers of a pool at once."""

_BESIDES = 2  # the lease, and the message itself

_OPEN = -1


class Loan(ref[memoryview]):
    """What was lent with one message. It is back when its lease is not there any more."""

    __slots__ = ("is_answered", "number", "settled", "watch", "weight")

    is_answered: bool  # some time: then it is looked for
    number: int
    settled: int  # how many loans had been made when it was settled; _OPEN: it was not
    watch: "ref[memoryview] | None"
    weight: int


class Loans:
    """The books of all loans of this interpreter. From any thread."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Have lent nothing: also in a forked child, where nobody is left who took something."""
        # Re-entrant for signal handlers that lend, too.
        self._lock = threading.RLock()
        self._lines: set[object] = set()
        self._lent: dict[int, Loan] = {}  # what is not back, by number
        self._made = 0
        self._back: deque[ref[memoryview]] = deque()  # what is, and in `_lent` still
        self._total = 0  # what all in `_lent` weigh
        self._open = 0  # ... and those of them that are not settled
        self._waiting: set[Callable[[], None]] = set()

    def __len__(self) -> int:
        """Return how many loans are not back yet."""
        with self._lock:
            self._collect()
            return len(self._lent)

    # -- messages -----------------------------------------------------------------

    def line_opens(self, line: object) -> None:
        """Count one more pool, whose messages need room. Never blocks."""
        self._lines.add(line)

    def line_closes(self, line: object) -> None:
        """Count it out. Never blocks."""
        self._lines.discard(line)

    def most_ahead(self, workers: int) -> int:
        """Return how many messages a pool may have out beyond one for each worker."""
        pools = len(self._lines)
        if pools < 2 and not self._total:  # noqa: PLR2004  # the pool itself
            return MOST_AHEAD
        room = (_ROOM - self._total) // (pools or 1) - workers
        return max(min(room, MOST_AHEAD), 0)

    # -- what lies beside them ----------------------------------------------------

    def lend(
        self,
        package: "Package",
        most: int,
        out: int = 0,
        tell: "Callable[[], None] | None" = None,
    ) -> Loan | None:
        """Lend what lies beside a pickle, with the next message that it is made into.

        most: one of the above. out: messages that are out. None when there is no room;
        then somebody is told, once, when there is more, if he wishes.

        tell: never blocks, and may be called in the middle of anything.
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
        """Note that what it was lent for was answered."""
        with self._lock:
            if loan.settled == _OPEN and loan.number in self._lent:
                loan.settled = self._made
                self._open -= loan.weight
            self._collect()
        self._tell()

    def forget(self, loan: Loan) -> None:
        """Do not wait for it any more: nobody knows when its worker lets go."""
        with self._lock:
            self._strike_off(loan)
            self._collect()
        self._tell()

    def _wait(self, tell: "Callable[[], None]") -> None:
        """Have somebody told. Under the lock, so that nothing is settled meanwhile."""
        self._waiting.add(tell)
        for loan in list(self._lent.values()):
            lease = loan()
            if lease is None:
                self._back.append(loan)  # or somebody else is about to
            elif loan.watch is None and not (loan.is_answered and loan.settled == _OPEN):
                # It is late, and no answer is to come after which to look for it.
                loan.watch = ref(lease, partial(self._is_back_late, loan.number))
            del lease
        if self._back:
            self._tell()

    def wait_no_more(self, tell: "Callable[[], None]") -> None:
        """Do not tell: he looks by himself now."""
        self._waiting.discard(tell)

    def _is_back_late(self, number: int, _: object) -> None:
        # Called before what has been there for longer: `_back` does not have it yet.
        if (loan := self._lent.get(number)) is not None:
            self._back.append(loan)
        self._tell()

    def _tell(self) -> None:
        """Tell who waits. In the middle of anything: without the lock."""
        for tell in list(self._waiting):  # not who is refused again meanwhile
            self._waiting.discard(tell)
            tell()

    def _collect(self) -> None:
        """Strike off what is back, and what was lost before that. Under the lock."""
        while self._back:
            loan: Loan = self._back.popleft()  # type: ignore[assignment]  # they are ours
            if not self._strike_off(loan):
                continue
            # Those calls are made in order. What was let go of before this was lent, and
            # is not back, never comes: somebody else has filled the room.
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
"""Those of this interpreter."""
