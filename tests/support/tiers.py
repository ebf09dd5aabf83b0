"""The tiers of parametrized tests: their first values by default, all of them in `slow`."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import pytest


def few(values: Iterable[Any], most: int = 1) -> list[Any]:
    """Return the values for `pytest.mark.parametrize`; those after the first `most` are slow."""
    first, rest = (listed := list(values))[:most], listed[most:]
    return list(chain(first, (pytest.param(value, marks=pytest.mark.slow) for value in rest)))
