"""The end of a run: what failed, and the table of what was not run and why."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from interpexec_conformance import journal, plan
from interpexec_conformance.environment import Run

# Of an exception's repr: the output above the report has it whole.
_SHORT = 120


def summary(runs: Iterable[Run], *, newer_missing: bool) -> str:
    """Return the report as text."""
    runs = list(runs)
    return "\n".join(
        [
            *_counts(runs),
            *_failures(runs),
            "",
            "Not run, and why:",
            *_not_run(runs, newer_missing=newer_missing),
        ]
    )


def _counts(runs: list[Run]) -> Iterator[str]:
    width = max((len(run.module) for run in runs), default=0)
    for run in runs:
        kinds = Counter(outcome.kind for outcome in run.outcomes)
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        yield f"{run.module:{width}}  {told or 'no test'}{_end(run)}"


def _end(run: Run) -> str:
    if run.good:
        return ""
    if run.returncode is None:
        return "  <- killed: it took too long"
    return f"  <- exit code {run.returncode}"


def _failures(runs: list[Run]) -> Iterator[str]:
    for run in runs:
        for outcome in run.outcomes:
            if outcome.bad:
                yield f"{outcome.kind.upper()}: {outcome.test} {outcome.reason[:_SHORT]}"


def _not_run(runs: list[Run], *, newer_missing: bool) -> Iterator[str]:
    tests = defaultdict(list)
    for run in runs:
        for outcome in run.outcomes:
            if outcome.kind in {journal.SKIPPED, journal.EXPECTED_FAILURE}:
                tests[outcome.reason].append(outcome.test)
    for reason, names in tests.items():
        yield f"- {reason}:"
        yield from (f"    {name}" for name in names)
    if newer_missing:
        yield f"- {plan.NEWER_NOT_GIVEN}:"
        yield f"    {plan.POOL_MODULE}"
    yield f"- {plan.PROCESSES_ONLY}:"
    yield f"    {plan.BORROWING_MODULE}, but for " + ", ".join(plan.BORROWED)
    not_run = plan.MODULES_NOT_RUN | plan.POOL_CLASSES_EXCLUDED
    for module, reason in not_run.items():
        yield f"- {reason}:"
        yield f"    {module}"
