"""The known faults of CPython that concern interpreters, and which of them this Python has.

The versions are those on which each was seen or reported; `docs/limits.md` tells more.
"""

import sys
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    type Version = tuple[int, int, int]


class Fault(NamedTuple):
    """A fault of CPython."""

    issue: str
    """Its number at github.com/python/cpython, or nothing."""
    what: str
    """The fault itself, in a line."""
    help: str
    """The way round it: of this package, or for the program."""
    before: "Version | None" = None
    """The first version without it; None: there is none yet."""

    def concerns(self, version: "Version") -> bool:
        """Say whether a version has the fault."""
        return self.before is None or version < self.before


FAULTS = (
    Fault(
        "",
        "memory is corrupted when interpreters that imported datetime come and go",
        "pools import it first",
        (3, 14, 0),
    ),
    Fault(
        "gh-140067",
        "memory of ended interpreters is not given back: 1.6 to 6.5 MB each",
        "keep a pool",
        (3, 14, 0),
    ),
    Fault("gh-140301", "an interpreter that ends leaks its settings", "keep a pool", (3, 14, 1)),
    Fault(
        "gh-128640",
        "a thread that is left in an interpreter crashes at its end",
        "workers join theirs",
        (3, 14, 1),
    ),
    Fault(
        "",
        "an interpreter that ends while tracemalloc is on crashes",
        "pools refuse to start then",
        (3, 15, 0),
    ),
    Fault(
        "gh-126016",
        "the end of the program, or Ctrl-C, crashes beside a busy interpreter",
        "pools stop their workers before",
        (3, 15, 0),
    ),
    Fault(
        "",
        "a call that waits in the system (time.sleep, a socket) is not interrupted",
        "the pool goes on without it",
        (3, 15, 0),
    ),
    Fault("gh-127041", "an interpreter may start while it ends", "pools use one thread for both"),
    Fault(
        "gh-139759",
        "a fork beside an interpreter kills the child",
        "pools stop their workers before; better use spawn",
    ),
    Fault(
        "gh-93425",
        "a memoryview of another interpreter's memory dangles when that ends",
        "this package keeps that memory",
    ),
    Fault(
        "gh-151892",
        "a result that cannot be unpickled is lost in the standard library's pool",
        "this one unpickles them itself",
    ),
    Fault(
        "",
        "messages leak, beyond 300 whose sender runs no bytecode",
        "pools keep below that",
    ),
)


def own_faults() -> list[Fault]:
    """Return the faults that this Python has."""
    number = sys.hexversion
    return faults_of((number >> 24, number >> 16 & 0xFF, number >> 8 & 0xFF))


def faults_of(version: "Version") -> list[Fault]:
    """Return the faults that a version has."""
    return [fault for fault in FAULTS if fault.concerns(version)]
