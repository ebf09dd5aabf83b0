"""Asynchronous iterables for tests of maps, and a check that no task is left behind them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gates import TIME_LIMIT, Gate
from interpexec import aio

type Start = Callable[..., AsyncIterator[Any]]

EACH = pytest.mark.parametrize("start", [aio.map, aio.imap_unordered], ids=["map", "unordered"])


async def numbers(*values: int) -> AsyncIterator[int]:
    """Yield numbers; let the loop go on before some of them."""
    for value in values:
        if value % 3:
            await asyncio.sleep(0)
        yield value


async def knocked(door: Gate, knocks: int = 1) -> None:
    """Wait for tasks to knock, without blocking the loop."""
    await asyncio.wait_for(asyncio.to_thread(door.await_knocks, knocks), TIME_LIMIT)


async def no_tasks_left() -> None:
    """Fail unless the calling task is the only one, soon."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    done, pending = await asyncio.wait(others, timeout=TIME_LIMIT) if others else (set(), set())
    assert not pending, done
