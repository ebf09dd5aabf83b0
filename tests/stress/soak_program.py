"""A program under mixed load: `soak_program.py CASE SEED SECONDS EVERY`, run by `soak`.

It tells a line every so often, with what was counted and what the process holds, and a last one
with what is wrong: an empty list when nothing is.
"""

import faulthandler
import json
import os
import resource
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random

import actors
from activities import make_pool
from left import census, left_since
from use import Trouble

WORKERS = 4


class Soak:
    """The pool, the actors, each in a thread of its own, and the record of what they did."""

    def __init__(self, case: str, seed: int) -> None:
        self.pool = make_pool("interpexec")(WORKERS)
        chosen = [case] if case in actors.ACTORS else list(actors.ACTORS)
        # Each thread counts for itself: adding up is no single step.
        self.actors = [
            actors.ACTORS[name](self.pool, Random(f"{name} {seed}"), Counter()) for name in chosen
        ]
        self.over = threading.Event()
        self.trouble: list[str] = []
        self.threads = [threading.Thread(target=self._play, args=(actor,)) for actor in self.actors]

    def begin(self) -> None:
        """Let all actors play."""
        for thread in self.threads:
            thread.start()

    def _play(self, actor: actors.Actor) -> None:
        """Let one actor play until the end, or until anything is wrong."""
        while not self.over.is_set():
            try:
                actor.round()
            except BaseException as error:
                self._blame(actor, error)
            actor.last_round = time.monotonic()
            actor.counts["rounds"] += 1

    def _blame(self, actor: actors.Actor, error: BaseException) -> None:
        """Note the first thing that is wrong, and end."""
        if not self.trouble:
            kind = error.args[0] if isinstance(error, Trouble) else "wrong error"
            text = "".join(traceback.format_exception(error)[-12:])
            self.trouble = [kind, f"{type(actor).__name__}\n{text}"]
        self.over.set()

    def look(self) -> dict[str, float]:
        """Return what was counted so far; blame an actor that makes no rounds."""
        total: Counter[str] = Counter()
        for actor in self.actors:
            total.update(dict(actor.counts))
            silence = time.monotonic() - actor.last_round
            if silence > 2 * actors.LIMIT and not self.over.is_set():
                faulthandler.dump_traceback()
                self._blame(actor, Trouble("hang", f"no round for {silence:.0f} s"))
        return dict(total)

    def finish(self) -> None:
        """End it. A thread that does not end is blamed."""
        self.over.set()
        for thread, actor in zip(self.threads, self.actors, strict=True):
            if thread.ident is not None:
                thread.join(2 * actors.LIMIT)
            if thread.is_alive():
                faulthandler.dump_traceback()
                self._blame(actor, Trouble("hang", "it does not end"))
                return
            actor.close()
        self.pool.shutdown()
        del self.pool
        for actor in self.actors:
            del actor.pool


def holdings() -> dict[str, float]:
    """Return what the process holds."""
    found = census()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "MB": round(pages * resource.getpagesize() / 1e6),
        "descriptors": sum(count for name, count in found.items() if name.startswith("descr")),
        "threads": found["threads"],
        "interpreters": found["interpreters"],
    }


def main() -> None:
    """Soak; tell how it goes."""
    case, seed, seconds, every, *numbers = sys.argv[1:]
    told, heard = map(int, numbers)
    for number in (told, heard):
        os.set_inheritable(number, False)

    def tell(**facts: object) -> None:
        os.write(told, json.dumps(facts).encode() + b"\n")

    _rehearse()
    before = census()
    soak = Soak(case, int(seed))
    soak.begin()
    start = time.monotonic()
    while (left := float(seconds) - (time.monotonic() - start)) > 0 and not soak.over.is_set():
        soak.over.wait(min(float(every), left))
        tell(seconds=round(time.monotonic() - start), counts=soak.look(), **holdings())
    soak.finish()
    counts = soak.look()
    trouble = soak.trouble
    del soak
    left_over = left_since(before, 30.0)
    if left_over and not trouble:
        trouble = ["left", left_over]
    tell(counts=counts, trouble=trouble)
    if trouble:
        sys.stderr.flush()
        os._exit(1)  # what hangs would hold up the end


def _rehearse() -> None:
    """Do everything once, so that what is imported and opened once is there."""
    soak = Soak("everything", 0)
    for actor in soak.actors:
        actor.round()
    soak.finish()


if __name__ == "__main__":
    main()
