"""Memory: what two ready workers take.

Measured: growth of the process's resident memory from before the constructor until two
workers have answered; the first pool of a fresh process, since memory that an earlier pool
has freed would hide the growth. Unit: MB (10⁶ bytes). Contenders whose workers live in
other processes are left out. Floor: two interpreters that have imported ``pickle`` and
nothing else (CPython 3.14 and later).
"""

from contextlib import ExitStack

from benchmarks import rss
from benchmarks.adapters import Factory
from benchmarks.bare import bare_interpreters, interpreters_module
from benchmarks.cases.case import Case
from benchmarks.contenders import FLOOR
from benchmarks.meeting import WORKERS, Meeting
from benchmarks.target import Target


def measure(factory: Factory, scale: float) -> float:
    """Return the memory that two ready workers take in MB."""
    with Meeting() as meeting, ExitStack() as stack:
        return rss.growth(lambda: meeting.hold(stack.enter_context(factory(WORKERS))))


def floor(scale: float) -> float:
    """Return the memory that two bare interpreters take in MB."""
    module = interpreters_module()
    with ExitStack() as stack:
        return rss.growth(lambda: stack.enter_context(bare_interpreters(module)))


CASE = Case(
    name="memory",
    title="memory of two ready workers",
    unit="MB",
    measure=measure,
    floor=floor,
    in_process_only=True,
    targets=(Target(0.5), Target(1.3, reference=FLOOR)),
)
