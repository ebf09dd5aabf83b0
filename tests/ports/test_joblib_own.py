"""joblib's own tests of its backends, run on ours."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from programs import run

pytest.importorskip("joblib")

PLUGIN = "import interpexec.joblib\ninterpexec.joblib.register()\n"
"""Makes the backend known before the tests are collected, which they are for all that are known."""

NOT_RUN = "not (test_nested_loop and (loky or multiprocessing or back_compat_backend))"
"""A process that another backend starts has to make ours known itself."""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("joblib.test") is None, reason="joblib has no tests here")
def test_joblibs_own_tests_pass(tmp_path: Path) -> None:
    """Each that is made for all backends."""
    (tmp_path / "known_backend.py").write_text(PLUGIN)
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "known_backend", "--pyargs"]
    command += ["joblib.test.test_parallel", "-k", f"interpexec and {NOT_RUN}", "-W", "ignore"]
    done = run(*command, cwd=tmp_path, environment={"PYTHONWARNINGS": ""})  # `-m` looks here
    sys.stdout.write(done.stdout)
    assert done.returncode == 0
    assert " passed" in done.stdout
