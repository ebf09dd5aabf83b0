"""Fixtures of the tests of stopping: limits that only a hang reaches."""

import pytest

from interpexec import executor
from interpexec._pool import cancelling, collector, losses, stopping
from stops import TIME_LIMIT


@pytest.fixture
def no_termination_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `terminate_workers` wait longer than these tests do: a hang fails, a slow machine not."""
    monkeypatch.setattr(executor, "TERMINATION_LIMIT", 2 * TIME_LIMIT)


@pytest.fixture
def long_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a worker have all its time to end: on a busy machine it may be more than the grace."""
    for module in (cancelling, collector, losses, stopping):
        monkeypatch.setattr(module, "GRACE", TIME_LIMIT)
