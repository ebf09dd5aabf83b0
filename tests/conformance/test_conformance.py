"""CPython's own tests of interpreter pools, run unmodified on ours: one test each.

See README.md. With INTERPEXEC_TESTS_314 set, a Python 3.13 runs 3.14's as well.
"""

import os
import sys
from pathlib import Path

import pytest
from interpexec_conformance import environment, plan, report
from interpexec_conformance.environment import Environment, Limits, NoTestsError

# Below pytest's faulthandler_timeout, so that the report of a hang is ours.
LIMITS = Limits(test=60.0, module=110.0)

STDLIB_314 = os.environ.get("INTERPEXEC_TESTS_314")

TARGETS = tuple(
    plan.targets(
        has_pool_module=environment.has_pool_module(),
        newer=not environment.has_pool_module(),
    )
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Make one environment for all modules."""
    directory = tmp_path_factory.mktemp("conformance")
    stdlib_314 = Path(STDLIB_314) if STDLIB_314 else None
    try:
        return environment.create(directory, stdlib_314=stdlib_314)
    except NoTestsError as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_conformance(target: str, place: Environment, tmp_path: Path) -> None:
    """Our class passes what CPython asks of its own."""
    if target not in place.targets:
        pytest.skip(plan.NEWER_NOT_GIVEN)
    told = tmp_path / "output.txt"
    with told.open("w", encoding="utf-8") as output:
        run = place.run(target, verbosity=2, limits=LIMITS, output=output)
    summary = report.summary([run], newer_missing=False)
    # Captured, and shown by pytest when the test fails.
    sys.stdout.write(f"{told.read_text(encoding='utf-8', errors='replace')}\n{summary}")
    assert run.outcomes, "no test ran"
    assert run.good, f"see the failures in the output of {target}"
