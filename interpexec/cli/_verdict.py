"""The answer of `interpexec bench`: a table, and which way to choose."""

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from interpexec.cli._rounds import Result

ALIKE = 1.1
"""The ratio of two times that tells nothing: that much lies between readings of the same."""

TINY = 5e-6
"""Seconds: sending an item costs about a tenth of that, in a chunk of many."""

_CLASSES = {
    "threads": "ThreadPoolExecutor",
    "processes": "ProcessPoolExecutor",
    "stdlib interpreters": "concurrent.futures.InterpreterPoolExecutor",
    "interpexec": "interpexec.InterpreterPoolExecutor",
}

_HEAD = f"{'':20}{'start':>10}{'run':>10}{'speed-up':>10}{'with start':>12}{'memory':>10}"


class Verdict(NamedTuple):
    """The way to choose, and why."""

    name: str
    choice: str
    """A sentence."""
    reason: str
    """Another one."""


def judge(results: "list[Result]", items: int, jobs: int) -> Verdict:
    """Choose among the ways that can run every item that the loop can. items: of the sample."""
    loop, *others = results
    able = [each for each in others if each.error is None and each.failed <= loop.failed]
    best = min([loop, *able], key=lambda each: each.run)
    alike = [each for each in [loop, *able] if each.run <= ALIKE * best.run]
    if alike[0] is loop:
        return Verdict("loop", _loop(able), _why_loop(loop, items, jobs))
    if alike[0].name == "threads":
        return Verdict("threads", _chosen(alike[0], loop, able), _WHY_THREADS)
    chosen = min(alike, key=_price)
    return Verdict(chosen.name, _chosen(chosen, loop, able), _why(chosen, loop, items))


def _price(result: "Result") -> float:
    """Return what a way costs beside its run, in seconds: 100 MB count as one."""
    return result.start + (result.middle("memory") or 0) / 1e8


def _loop(able: "list[Result]") -> str:
    said = "Keep the loop: nothing else is faster"
    return f"{said}." if able else f"{said}, for nothing else runs these items."


def _why_loop(loop: "Result", items: int, jobs: int) -> str:
    each = loop.run / items
    if jobs == 1:
        return "With one worker, nothing runs beside anything else."
    if each < TINY:
        return f"An item takes {seconds(each)}, and it costs as much to send it to a worker."
    return (
        f"An item takes {seconds(each)}; what is sent to workers and back costs as much as they"
        " save, or all of them wait for one thing, or other programs have the CPUs."
    )


_WHY_THREADS = (
    "The function waits, or computes without the GIL: threads do that side by side, copy nothing,"
    " and take the least memory."
)


def _chosen(chosen: "Result", loop: "Result", able: "list[Result]") -> str:
    others = [
        f"{each.name} {loop.run / each.run:.2g}" for each in able if each is not chosen and each.run
    ]
    beside = f" ({', '.join(others)})" if others else ""
    speed = loop.run / chosen.run
    return f"Choose {_CLASSES[chosen.name]}: {speed:.2g} times as fast as a loop{beside}."


def _why(chosen: "Result", loop: "Result", items: int) -> str:
    saved = (loop.run - chosen.run) / items
    memory = chosen.middle("memory")
    cost = seconds(chosen.start) + ("" if memory is None else f" and {memory / 1e6:.0f} MB")
    return (
        "The function computes in Python, where threads take turns; these workers cost"
        f" {cost}, which pays from some {chosen.start / saved:,.0f} items on."
    )


BUSY = 0.1
"""The share of the loop's time that it may wait for a CPU."""


def warning(loop: "Result") -> str:
    """Return a sentence if other programs had the CPUs, or an empty text."""
    if loop.idle <= BUSY:
        return ""
    return (
        f"The machine is busy: even the loop waited {loop.idle:.0%} of its time for a CPU. Measure"
        " again when it is not."
    )


# -- the table ----------------------------------------------------------------------------


def table(results: "list[Result]") -> "Iterator[str]":
    """Yield the lines."""
    yield _HEAD
    loop = results[0]
    for each in results:
        if each.error is not None:
            yield f"{each.name:20}cannot run them: {each.error}"
            continue
        start = seconds(each.start) if each is not loop else "-"
        memory = each.middle("memory")
        shown = "-" if memory is None else f"{memory / 1e6:.1f} MB"
        steady, all_ = speeds(each, loop)
        line = f"{each.name:20}{start:>10}{seconds(each.run):>10}{steady:>10.2f}{all_:>12.2f}"
        yield f"{line}{shown:>10}"
        if each.failed:
            yield f"{'':20}{each.failed:,} items failed: {each.failure}"


def speeds(result: "Result", loop: "Result") -> tuple[float, float]:
    """Return how many times as fast as the loop it is, without its start and with it."""
    steady, all_ = result.run, result.start + result.run
    return loop.run / steady if steady else 0.0, loop.run / all_ if all_ else 0.0


def seconds(value: float) -> str:
    """Return a time in its unit, with three digits."""
    for unit, size in ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"
