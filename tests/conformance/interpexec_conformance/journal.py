"""The outcome of each test, written down as it happens.

One JSON object per line, so that a run which crashes or hangs has told all that
went before, and which test it was in.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

OK = "ok"
SKIPPED = "skipped"
EXPECTED_FAILURE = "expected failure"
FAILED = "failed"
UNFINISHED = "unfinished"

# Of several entries for one test (its start, its subtests, what it left behind)
# the last in this order counts: a start alone means that it never ended.
_GRAVITY = (UNFINISHED, OK, SKIPPED, EXPECTED_FAILURE, FAILED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one test."""

    test: str
    kind: str
    reason: str = ""

    @property
    def bad(self) -> bool:
        """Whether the run must fail for it."""
        return self.kind in {FAILED, UNFINISHED}


def write(file: TextIO, outcome: Outcome) -> None:
    """Append an outcome at once."""
    entry = {"test": outcome.test, "kind": outcome.kind, "reason": outcome.reason}
    print(json.dumps(entry), file=file, flush=True)


def read(path: Path) -> list[Outcome]:
    """Return one outcome per test, in the order in which they started."""
    worst: dict[str, Outcome] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        new = Outcome(**json.loads(line))
        old = worst.setdefault(new.test, new)
        if _GRAVITY.index(new.kind) > _GRAVITY.index(old.kind):
            worst[new.test] = new
    return list(worst.values())
