"""The states of a call, and which one may follow which.

The states are those of `concurrent.futures`. They mean here:

    PENDING     the call waits in the pool's backlog
    RUNNING     it was sent: a worker runs it, or it stands in the request queue, next to run
    FINISHED    it has its result or its exception
    CANCELLED   it was cancelled, and all threads that wait for it were told
                (CANCELLED_AND_NOTIFIED in the standard library)

                 send                     settle
    PENDING ---------------> RUNNING ---------------> FINISHED
       |  ^                   |  |                       ^
       |  +----- recall ------+  | cancel                |
       |                         v                       |
       +---------- cancel ---> CANCELLED                 |
       +---------- fail ---------------------------------+

`recall` takes a call back that no worker has begun, because it, or another one, is
cancelled. `fail` finishes a call that never runs: it could not be sent, or the pool broke. A
call that is cancelled, or out of time, while a worker runs it is stopped there, and the
worker's answer is thrown away.
"""

from concurrent.futures import _base

PENDING, RUNNING, FINISHED = _base.PENDING, _base.RUNNING, _base.FINISHED
CANCELLED = _base.CANCELLED_AND_NOTIFIED

TRANSITIONS: dict[str, frozenset[str]] = {
    PENDING: frozenset({RUNNING, CANCELLED, FINISHED}),
    RUNNING: frozenset({FINISHED, CANCELLED, PENDING}),
    CANCELLED: frozenset(),
    FINISHED: frozenset(),
}
"""From each state, the states that may follow. `CallFuture` moves by this table alone."""

ENDS = frozenset(state for state, following in TRANSITIONS.items() if not following)
"""The states that no other one follows."""
