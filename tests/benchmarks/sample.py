"""One sample: one case, one contender, one fresh process that answers with the number."""

import asyncio
import sys
from collections.abc import Awaitable
from dataclasses import dataclass

from benchmarks.cases import CASES
from benchmarks.cases.case import Case
from benchmarks.contenders import CONTENDERS, FLOOR
from benchmarks.fresh import ask, reply
from benchmarks.missing import MissingError


@dataclass(frozen=True, slots=True)
class Sample:
    """The origin of a number. The turn counts within a case: contenders are paired by it."""

    turn: int
    case: str
    contender: str


def take(sample: Sample, scale: float) -> float:
    """Return the number that a fresh process measures; raise as ``ask`` does."""
    answer = ask("benchmarks.sample", sample.case, sample.contender, str(scale))
    return float(answer["value"])


def measure(case_name: str, contender: str, scale: float) -> float:
    """Measure, in this process."""
    case = CASES[case_name]
    if contender == FLOOR:
        return floor(case, scale)
    load = CONTENDERS[contender].load
    if CONTENDERS[contender].awaits:
        assert case.awaited is not None, "not admitted"
        return asyncio.run(awaited(case.awaited(load(), scale)))
    return case.measure(load(), scale)


def floor(case: Case, scale: float) -> float:
    """Measure what the machine asks for."""
    if case.floor is None:
        message = "this case has no floor"
        raise MissingError(message)
    return case.floor(scale)


async def awaited(measured: Awaitable[float]) -> float:
    """Return what comes of something that need not be a coroutine."""
    return await measured


def main(case_name: str, contender: str, scale: str) -> None:
    """Measure, in this process, and print the number or what is missing."""
    reply(lambda: {"value": measure(case_name, contender, float(scale))})


if __name__ == "__main__":
    main(*sys.argv[1:])
