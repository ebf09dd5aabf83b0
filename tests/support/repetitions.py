"""How often tests do again what is decided by chance. More finds more; the environment says it."""

import os


def _number(name: str, default: int) -> int:
    return int(os.environ.get(f"INTERPEXEC_{name}", default))


SEED = _number("SEED", 1)

ROUNDS = _number("RACES", 1000)
"""How often a race is run that needs no new interpreter each time."""

FEW = max(ROUNDS // 25, 1)
"""How often one is run that does (CPython 3.13 leaks 2 MB for each)."""

CANCELS = _number("CANCELS", 150)
"""How many running calls are cancelled at random moments."""

RECYCLED = _number("RECYCLED", 1000)
"""How many workers come and go in the test of the memory."""

POOLS = _number("POOLS", 8)
"""How many pools come and go in one program."""

CHAOS = _number("ROUNDS", 10)
"""How many pools each seed of the chaos makes."""
