"""Parts of `unittest` and `asyncio` that 3.14's tests use and CPython 3.13 lacks."""

import asyncio.events
import unittest


def _assert_starts_with(
    self: unittest.TestCase, text: str, prefix: str, msg: str | None = None
) -> None:
    """Fail unless `text` starts with `prefix`."""
    if not text.startswith(prefix):
        self.fail(self._formatMessage(msg, f"{text!r} does not start with {prefix!r}"))


def install() -> None:
    """Add what is missing, in the interpreter that runs the tests."""
    _add(unittest.TestCase, "assertStartsWith", _assert_starts_with)
    _add(asyncio.events, "_set_event_loop_policy", asyncio.events.set_event_loop_policy)


def _add(owner: object, name: str, value: object) -> None:
    if not hasattr(owner, name):
        setattr(owner, name, value)
