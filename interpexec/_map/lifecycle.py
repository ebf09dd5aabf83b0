"""The stages of a map, and the table of its moves.

    beginning --> reading --> exhausted --> closed --> released     (or to a later one at once)

    BEGINNING   `begin` reads what may be in flight
    READING     the thread that iterates reads one item for each that it yields
    EXHAUSTED   nothing more is read: the iterables have ended, or raised
    CLOSED      the pool ends: nothing more is submitted, and the backlog fails
    RELEASED    nobody wants the rest

The moves of a job in each stage:

                       BEGINNING   READING      EXHAUSTED    CLOSED       RELEASED
    begin, refill      read        read         nothing      nothing      nothing
    items just read    wait        wait         -            dropped      dropped
    part of a chunk    waits       waits (1)    is sent      -            -
    rest of a chunk    is sent     is sent      is sent      fails        is cancelled
    reply to a chunk   taken       taken        taken        taken        ignored
    idle workers       asked for   asked for    asked for    asked for    ignored
    close              ends it     ends it      ends it (2)  nothing      nothing
    cancel, release    cancels     cancels      cancels      cancels      nothing is left

    (1) as long as a chunk is out: its reply may be what lets further items be read
    (2) it marks the end only if items wait: all others are out

Purpose: a destructor releases a map in the middle of anything, without the job's lock.
Guarantees: RELEASED is final, and no other move undoes it; a call that was being submitted
meanwhile is cancelled, and the pool does not wait for the map.
Assumptions: all other moves are made under the job's lock.

The race of a release with a move, in steps.
1. A thread, under the lock, finds that the map may go on to READING.
2. A destructor, in this thread or another one, releases it.
3. The first thread stores READING, and looks then for a release, which is noted in a word of
   its own: the stage is RELEASED again, before the lock is released or anything is submitted.
The race with a submission: see `Job._send`.
"""

BEGINNING, READING, EXHAUSTED = "beginning", "reading", "exhausted"
CLOSED, RELEASED = "closed", "released"

MOVES: dict[str, frozenset[str]] = {
    BEGINNING: frozenset({READING, EXHAUSTED, CLOSED, RELEASED}),
    READING: frozenset({EXHAUSTED, CLOSED, RELEASED}),
    EXHAUSTED: frozenset({CLOSED, RELEASED}),
    CLOSED: frozenset({RELEASED}),
    RELEASED: frozenset(),
}
"""From each stage, the stages that may follow."""

READS = frozenset({BEGINNING, READING})
"""Where the iterables may still give items."""

SUBMITS = frozenset({BEGINNING, READING, EXHAUSTED})
"""Where items become calls."""


class Lifecycle:
    """The stage of one map."""

    def __init__(self) -> None:
        """Begin."""
        self.stage = BEGINNING
        self._is_released = False

    def move(self, stage: str) -> bool:
        """Go to another stage, if it may follow; return whether that was so.

        Under the job's lock, but for RELEASED.
        """
        if stage not in MOVES[self.stage]:
            return False
        if stage is RELEASED:
            self._is_released = True
        self.stage = stage
        if self._is_released:  # just now, perhaps
            self.stage = RELEASED
        return True
